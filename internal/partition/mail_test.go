package partition_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"auwai/internal/ident"
	"auwai/internal/kv"
	"auwai/internal/partition"
)

const session ident.Session = 77

// sendTo has a partition send a message with each text.
func sendTo(to partition.ID, texts ...string) *do {
	return &do{apply: func(tx *partition.Tx) error {
		for _, text := range texts {
			if err := tx.Send(to, 'k', []byte(text)); err != nil {
				return err
			}
		}
		return nil
	}}
}

// note writes the texts that arrive, in their order, behind each other.
func note(text string, fail error) *do {
	return &do{apply: func(tx *partition.Tx) error {
		key := keptKey(tx.Partition(), 0)
		tx.Set(key, append(append([]byte(nil), tx.Get(key)...), text...))
		tx.Effect(text)
		return fail
	}}
}

// mail reads a lane of a partition from the store.
func (r *rig) mail(to partition.ID, s partition.Sender) (out []partition.Message) {
	r.t.Helper()
	cursor := r.view.LaneCursor(to, s)
	for _, e := range r.store.Scan(partition.MailRange(to, s, cursor))[0].Entries {
		if got, ok := partition.MailSender(e.Key); !ok || got != s {
			r.t.Fatalf("the sender of key %x is %q, %t, want %q", e.Key, got, ok, s)
		}
		m, ok := partition.ReadMessage(e)
		if !ok {
			r.t.Fatalf("message at key %x cannot be read", e.Key)
		}
		out = append(out, m)
	}
	return out
}

// deliver hands a message to its receiver.
func (r *rig) deliver(m *partition.Machine, name string, c *partition.MailCommand) {
	r.t.Helper()
	call := &partition.Call{Wiki: "\x00" + string(c.Sender), Command: c, Done: r.done(name)}
	if err := m.Submit(r.clock, call, true); err != nil {
		r.t.Fatal(err)
	}
}

func effectsOf[E any](r *rig) (out []E) {
	for _, e := range r.effects {
		if x, ok := e.(E); ok {
			out = append(out, x)
		}
	}
	return out
}

func TestMailIsInOneCommitWithWhatSentIt(t *testing.T) {
	r := newRig(t)
	m := r.open(3, 1)
	r.call(m, "a", "aawiki", sendTo(5, "one", "two"))
	r.call(m, "b", "aawiki", sendTo(6, "other"))
	r.apply()
	r.read() // how far the receiver has come
	r.apply()
	r.seal()
	if n := r.store.Len(); n != 0 {
		t.Fatalf("%d keys are stored before the commit", n)
	}
	r.land()
	if got := effectsOf[partition.Mailed](r); len(got) != 3 || got[0] != (partition.Mailed{To: 5, Sender: partition.PartitionSender(3)}) {
		t.Fatalf("effects %v, want three of mail", got)
	}
	sender := partition.PartitionSender(3)
	msgs := r.mail(5, sender)
	if len(msgs) != 2 || msgs[0].Seq != 1 || msgs[1].Seq != 2 || string(msgs[1].Body) != "two" || msgs[1].Kind != 'k' {
		t.Fatalf("mail for 5 is %+v", msgs)
	}
	for p, want := range map[partition.ID]int{5: 1, 6: 1, 7: 0} {
		entries := r.store.Scan(partition.LanesRange(p))[0].Entries
		if len(entries) != want {
			t.Errorf("partition %d has %d lanes, want %d", p, len(entries), want)
		}
		for _, e := range entries {
			if s, ok := partition.LaneSender(e.Key); !ok || s != sender {
				t.Errorf("the lane of partition %d is from %v, %t", p, s, ok)
			}
		}
	}
}

func TestNumbersOfALaneHaveNoGapsOverOwners(t *testing.T) {
	r := newRig(t)
	m := r.open(3, 1)
	for i := range 3 {
		r.call(m, "a", "aawiki", sendTo(5, fmt.Sprint(i)))
		r.call(m, "bad", "aawiki", &do{apply: func(tx *partition.Tx) error {
			return errors.Join(tx.Send(5, 'k', []byte("bad")), errAsked)
		}})
		r.settle()
		r.boot()
		m = r.open(3, uint64(i+2))
	}
	r.open(5, 1)
	for i, msg := range r.mail(5, partition.PartitionSender(3)) {
		if msg.Seq != uint64(i+1) || string(msg.Body) != fmt.Sprint(i) {
			t.Fatalf("message %d has number %d and text %q", i, msg.Seq, msg.Body)
		}
	}
}

func TestAMessageIsAppliedOnceInItsOrder(t *testing.T) {
	r := newRig(t)
	from, to := r.open(3, 1), r.open(5, 1)
	r.call(from, "a", "aawiki", sendTo(5, "1", "2", "3", "4"))
	r.settle()
	r.effects = nil
	sender := partition.PartitionSender(3)
	msgs := r.mail(5, sender)
	for _, i := range []int{0, 1, 1, 0, 2} { // some are read and delivered twice
		msg := msgs[i]
		r.deliver(to, fmt.Sprint(i), &partition.MailCommand{Message: msg, Inner: note(string(msg.Body), nil)})
	}
	r.settle()
	r.wantStored(keptKey(5, 0), "123")
	if got := r.view.LaneCursor(5, sender); got != 3 {
		t.Errorf("LaneCursor() = %d, want 3", got)
	}
	e := r.store.Scan(partition.CursorRange(5, sender))[0].Entries
	if len(e) != 1 || partition.CursorOf(e[0]) != 3 {
		t.Errorf("the stored cursor is %v, want 3", e)
	}
	if left := r.mail(5, sender); len(left) != 1 || left[0].Seq != 4 {
		t.Errorf("left is %+v, want the last message", left)
	}
	if got := effectsOf[partition.LaneMoved](r); len(got) != 3 || got[2] != (partition.LaneMoved{Sender: sender, Seq: 3}) {
		t.Errorf("effects %v, want one for each message that was applied", got)
	}
	r.boot()
	to = r.open(5, 2)
	for _, msg := range msgs { // the new owner reads from the cursor; older reads harm nothing
		r.deliver(to, "again", &partition.MailCommand{Message: msg, Inner: note(string(msg.Body), nil)})
	}
	r.settle()
	r.wantStored(keptKey(5, 0), "1234")
}

func TestAMessageThatIsNotTheNextOneIsAFailedInvariant(t *testing.T) {
	r := newRig(t)
	to := r.open(5, 1)
	msg := partition.Message{Sender: partition.SessionSender(session), Seq: 2, Kind: 'k', Body: []byte("x")}
	r.deliver(to, "gap", &partition.MailCommand{Message: msg, Inner: note("x", nil)})
	r.apply()
	if to.Poisoned() == nil {
		t.Fatal("a gap in a lane did not poison the partition")
	}
}

func TestAMessageThatCannotBeAppliedDoesNotStopItsLane(t *testing.T) {
	tooMany := fill(100, kv.MaxBatchOps, 1)
	for name, inner := range map[string]*do{
		"refused":   note("bad", errAsked),
		"too large": tooMany,
		"misses":    deep(partition.MaxRounds + 2),
	} {
		r := newRig(t)
		from, to := r.open(3, 1), r.open(5, 1)
		r.call(from, "a", "aawiki", sendTo(5, "bad", "good"))
		r.settle()
		sender := partition.PartitionSender(3)
		msgs := r.mail(5, sender)
		r.effects = nil
		r.deliver(to, "bad", &partition.MailCommand{Message: msgs[0], Inner: inner})
		r.deliver(to, "good", &partition.MailCommand{Message: msgs[1], Inner: note("good", nil)})
		r.settle()
		if err := to.Poisoned(); err != nil {
			t.Fatalf("%s: poisoned: %v", name, err)
		}
		r.wantStored(keptKey(5, 0), "good")
		refused := effectsOf[partition.MailRefused](r)
		if len(refused) != 1 || refused[0].Seq != 1 || refused[0].Err == nil {
			t.Errorf("%s: refusals are %+v, want one of the first message", name, refused)
		}
		if left := r.mail(5, sender); len(left) != 0 {
			t.Errorf("%s: %d messages are left", name, len(left))
		}
		if got := effectsOf[partition.LaneMoved](r); len(got) != 2 {
			t.Errorf("%s: %d messages were applied, want 2", name, len(got))
		}
	}
}

func TestAMessageThatCannotBeDecodedIsRefusedAtOnce(t *testing.T) {
	r := newRig(t)
	to := r.open(5, 1)
	msg := partition.Message{Sender: partition.SessionSender(session), Seq: 1, Kind: 'k', Body: []byte("x")}
	r.deliver(to, "a", &partition.MailCommand{Message: msg, Refused: errAsked})
	r.settle()
	r.wantErr("a", nil)
	if got := effectsOf[partition.MailRefused](r); len(got) != 1 || !errors.Is(got[0].Err, errAsked) {
		t.Fatalf("refusals are %+v", got)
	}
}

func TestASessionsLaneOpensWithItsFirstMessageAndIsClosedWhenDrained(t *testing.T) {
	r := newRig(t)
	to := r.open(5, 1)
	sender := partition.SessionSender(session)
	for seq, text := range []string{"one", "two"} {
		r.view.MailWrites(5, sender, uint64(seq+1), 'k', []byte(text))
	}
	r.settle()
	if n := len(r.store.Scan(partition.LanesRange(5))[0].Entries); n != 1 {
		t.Fatalf("%d lanes, want 1", n)
	}
	for _, msg := range r.mail(5, sender) {
		r.deliver(to, string(msg.Body), &partition.MailCommand{Message: msg, Inner: note(string(msg.Body), nil)})
	}
	r.settle()
	r.wantStored(keptKey(5, 0), "onetwo")
	r.call(to, "close", "", &partition.CloseLane{Sender: sender})
	r.settle()
	r.wantErr("close", nil)
	for _, rng := range []kv.Range{partition.LanesRange(5), partition.CursorRange(5, sender), partition.MailRange(5, sender, 0)} {
		if n := len(r.store.Scan(rng)[0].Entries); n != 0 {
			t.Errorf("%d keys of a closed lane are left", n)
		}
	}
	r.call(to, "not", "", &partition.CloseLane{Sender: partition.PartitionSender(3)})
	r.settle()
	if r.errs["not"] == nil {
		t.Error("the lane of a partition was closed")
	}
}

func TestSendersAreToldApart(t *testing.T) {
	p, s := partition.PartitionSender(3), partition.SessionSender(session)
	if _, ok := p.Session(); ok {
		t.Error("a partition is taken for a session")
	}
	if got, ok := s.Session(); !ok || got != session {
		t.Errorf("Session() = %d, %t, want %d", got, ok, session)
	}
	for sender, want := range map[partition.Sender]string{p: "partition 3", s: "session 000000004d", "?": "3f"} {
		if got := sender.String(); got != want {
			t.Errorf("String() = %q, want %q", got, want)
		}
	}
}

func TestALaneWhoseReceiverIsFarBehindTakesNoMore(t *testing.T) {
	for name, c := range map[string]struct {
		size, each, most int
	}{
		"messages": {1, 100, partition.MaxLaneMessages},
		"bytes":    {512 << 10, 1, partition.MaxLaneBytes/(512<<10+48) + 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			from := r.open(3, 1)
			send := func(n int) error {
				r.call(from, "send", "aawiki", sendTo(5, slices.Repeat([]string{strings.Repeat("x", c.size)}, n)...))
				r.settle()
				return r.errs["send"]
			}
			sent := 0
			for sent <= c.most && send(c.each) == nil {
				sent += c.each
			}
			if err := r.errs["send"]; sent != c.most || !errors.Is(err, partition.ErrLaneFull) {
				t.Fatalf("%d messages were taken, want %d; then %v", sent, c.most, err)
			}
			to := r.open(5, 1)
			first := r.mail(5, partition.PartitionSender(3))[0]
			r.deliver(to, "applied", &partition.MailCommand{Message: first, Inner: note("", nil)})
			r.settle()
			if err := send(1); err != nil {
				t.Errorf("after the receiver went on: %v", err)
			}
		})
	}
}
