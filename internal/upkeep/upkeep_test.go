package upkeep_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/eventlog"
	"auwai/internal/jobqueue"
	"auwai/internal/node"
	"auwai/internal/partition"
	"auwai/internal/upkeep"
)

const stream = "mediawiki.page_change.v1"

// appendSome appends n records, each in a commit of its own.
func (r *rig) appendSome(p partition.ID, n int) {
	r.t.Helper()
	for i := range n {
		r.do(p, "aawiki", &appendTo{stream, fmt.Sprintf("record %d", i)})
	}
}

func (r *rig) wantRecords(p partition.ID, n int) {
	r.t.Helper()
	got := r.records(p, stream)
	for i, text := range got {
		if want := fmt.Sprintf("record %d", i+n-len(got)); text != want {
			r.t.Fatalf("record %d of %d is %q, want %q", i, len(got), text, want)
		}
	}
	if len(got) != n {
		r.t.Fatalf("%d records, want %d", len(got), n)
	}
}

func (r *rig) wantFamilies(p partition.ID, want map[string]int) {
	r.t.Helper()
	if diff := cmp.Diff(want, r.families(p)); diff != "" {
		r.t.Errorf("keys of partition %d (-want +got):\n%s", p, diff)
	}
}

func TestTailsAreFoldedAfterTenSeconds(t *testing.T) {
	r := newRig(t, upkeep.Config{}, 3)
	r.appendSome(3, 7)
	r.advance(9*time.Second, time.Second)
	r.wantFamilies(3, map[string]int{"meta": 1, "log-next": 1, "log-head": 1, "log-tail": 7})
	r.advance(3*time.Second, time.Second)
	r.wantFamilies(3, map[string]int{"meta": 1, "log-next": 1, "log-head": 1, "log-block": 1})
	r.wantRecords(3, 7)
	if len(r.errs) > 0 {
		t.Errorf("errors: %v", r.errs)
	}
}

func TestTailsOfAnEarlierOwnerAreFoldedAtOnce(t *testing.T) {
	r := newRig(t, upkeep.Config{}, 3)
	r.appendSome(3, 3)
	r.close(3)
	r.open(3)
	r.advance(time.Second, time.Second)
	if got := r.families(3); got["log-tail"] != 0 || got["log-block"] != 1 {
		t.Fatalf("keys are %v, want one block", got)
	}
	r.wantRecords(3, 3)
}

func TestAStreamExpiresByAge(t *testing.T) {
	r := newRig(t, upkeep.Config{Retention: func(string) eventlog.Policy { return eventlog.Policy{Age: time.Hour} }}, 3)
	r.appendSome(3, 4)
	r.advance(15*time.Second, time.Second)
	r.advance(58*time.Minute, time.Minute)
	r.wantRecords(3, 4)
	r.advance(3*time.Minute, time.Minute)
	if got := r.records(3, stream); len(got) != 0 {
		t.Fatalf("%d records are left after their time", len(got))
	}
	r.wantFamilies(3, map[string]int{"meta": 1, "log-next": 1})
}

func TestAStreamExpiresBySizeTheOldestFirst(t *testing.T) {
	r := newRig(t, upkeep.Config{Retention: func(string) eventlog.Policy { return eventlog.Policy{Age: 1000 * time.Hour, Bytes: 1 << 10} }}, 3)
	n := 0
	for range 60 {
		for range 5 {
			// Hard to compress, so that a block has some bytes.
			text := fmt.Sprintf("record %d ", n) + strings.Repeat(fmt.Sprint(n*7919), 4)
			r.do(3, "aawiki", &appendTo{stream, text})
			n++
		}
		r.advance(12*time.Second, time.Second)
	}
	r.advance(time.Minute, time.Second)
	got := r.records(3, stream)
	if len(got) == 0 || len(got) > 150 {
		t.Fatalf("%d records of %d are left, want the few of a KiB", len(got), n)
	}
	for i, text := range got {
		if want := fmt.Sprintf("record %d ", n-len(got)+i); !strings.HasPrefix(text, want) {
			t.Fatalf("left is %q, want the newest", text)
		}
	}
}

func TestEventsAreKeptForAWeekAndHistoryForADay(t *testing.T) {
	if got := upkeep.DefaultRetention("any"); got != (eventlog.Policy{Age: 7 * 24 * time.Hour}) {
		t.Errorf("events are kept by %+v", got)
	}
	if got := upkeep.DefaultRetention(jobqueue.HistoryStream); got != (eventlog.Policy{Age: 24 * time.Hour, Bytes: 16 << 20}) {
		t.Errorf("history is kept by %+v", got)
	}
}

// pushed pushes n jobs with sources and request ids, and cancels them.
func (r *rig) pushed(p partition.ID, n int) {
	r.t.Helper()
	for i := range n {
		job := jobqueue.New{
			ID: r.minter.Next(r.clock.Wall), Pair: jobqueue.Pair{Wiki: "aawiki", Queue: "links"}, Payload: []byte("{}"),
			Source: jobqueue.Source{Name: fmt.Sprintf("c:%d", i)}, RequestID: fmt.Sprintf("request %d", i),
			Root: jobqueue.Root{Signature: fmt.Sprintf("s%d", i%10), Timestamp: "20260101000000"},
		}
		r.do(p, "aawiki", &jobqueue.Push{Jobs: []jobqueue.New{job}})
		r.do(p, "aawiki", &jobqueue.Cancel{Wiki: "aawiki", ID: job.ID})
	}
}

// once is a command that remembers event ids.
type once struct{ n int }

func (c *once) Apply(tx *partition.Tx) error {
	for i := range c.n {
		eventlog.Once(tx, "aawiki", fmt.Sprintf("event %d", i), [8]byte{1})
	}
	return nil
}

func TestAfterAllRetentionThePartitionIsAtItsBaseline(t *testing.T) {
	r := newRig(t, upkeep.Config{}, 3)
	r.appendSome(3, 3)
	r.pushed(3, 30)
	r.do(3, "aawiki", &once{100})
	before := r.families(3)
	for _, f := range []string{"source", "request", "root", "root-expiry", "event-id", "event-id-due", "log-tail"} {
		if before[f] == 0 {
			t.Fatalf("there is no key of family %s to expire: %v", f, before)
		}
	}
	r.advance(40*24*time.Hour, 20*time.Minute)
	r.wantFamilies(3, map[string]int{"meta": 1, "log-next": 1})
	if len(r.errs) > 0 {
		t.Errorf("errors: %v", r.errs)
	}
}

func TestASweepGoesOnUntilNothingIsLeftAndThenRests(t *testing.T) {
	r := newRig(t, upkeep.Config{}, 3)
	r.advance(2*time.Minute, time.Second) // the first sweep is over
	r.pushed(3, 1300)                     // more than two pages of sources
	r.clock.Wall = r.clock.Wall.Add(40 * time.Hour)
	r.clock.Mono += 40 * time.Hour
	r.advance(20*time.Second, time.Second)
	if got := r.families(3); got["source"]+got["request"] != 0 {
		t.Fatalf("left are %v", got)
	}
	asked := r.asked
	r.commands = nil
	r.advance(9*time.Minute, time.Second)
	for _, c := range r.commands {
		if strings.HasPrefix(c, "jobqueue.") || c == "eventlog.SweepSeen" {
			t.Fatalf("a %s was sent although nothing had expired", c)
		}
	}
	if n := r.asked - asked; n > 10 {
		t.Errorf("%d scans in 9 minutes without anything to do", n)
	}
}

func TestAScanThatFailsIsPlannedAgain(t *testing.T) {
	r := newRig(t, upkeep.Config{}, 3)
	r.appendSome(3, 3)
	n := 0
	r.readFails = func() error {
		if n++; n <= 3 {
			return errAsked
		}
		return nil
	}
	r.advance(20*time.Second, time.Second)
	if got := r.families(3); got["log-tail"] != 0 || got["log-block"] != 1 {
		t.Fatalf("keys are %v, want one block", got)
	}
	if len(r.errs) != 3 {
		t.Errorf("%d errors were told, want 3", len(r.errs))
	}
	r.wantRecords(3, 3)
}

func TestACommandThatFailsIsPlannedAgain(t *testing.T) {
	r := newRig(t, upkeep.Config{Retention: func(string) eventlog.Policy { return eventlog.Policy{Age: time.Hour} }}, 3)
	r.appendSome(3, 3)
	r.pushed(3, 3)
	failed := map[string]int{}
	r.refuse = func(c partition.Command) error {
		kind := fmt.Sprintf("%T", c)
		if failed[kind]++; failed[kind] <= 2 {
			return errAsked
		}
		return nil
	}
	r.advance(20*time.Second, time.Second)
	if got := r.families(3); got["log-tail"] != 0 {
		t.Fatalf("tails were not folded after two failures: %v", got)
	}
	r.wantRecords(3, 3)
	r.advance(48*time.Hour, 5*time.Minute)
	if got := r.families(3); got["log-block"]+got["source"]+got["request"] != 0 {
		t.Fatalf("left are %v", got)
	}
	for _, kind := range []string{"*eventlog.Fold", "*eventlog.Expire", "*jobqueue.Sweep"} {
		if failed[kind] < 3 {
			t.Errorf("%s was sent %d times, want until it succeeds", kind, failed[kind])
		}
	}
}

func TestAFoldOfAPartitionThatIsClosedMeanwhileIsForgotten(t *testing.T) {
	for _, hold := range []string{"scan", "answer"} {
		r := newRig(t, upkeep.Config{}, 3, 4)
		r.appendSome(3, 3)
		r.appendSome(4, 3)
		r.holdReads, r.holdAnswers = hold == "scan", hold == "answer"
		r.advance(12*time.Second, time.Second)
		r.close(3)
		r.holdReads, r.holdAnswers = false, false
		r.settle()
		r.open(3)
		r.advance(20*time.Second, time.Second)
		for _, p := range []partition.ID{3, 4} {
			if got := r.families(p); got["log-tail"] != 0 || got["log-block"] != 1 {
				t.Errorf("%s: keys of partition %d are %v, want one block", hold, p, got)
			}
			r.wantRecords(p, 3)
		}
	}
}

func TestManyReadsOfClosedPartitionsDoNotKeepOthersFromBeingFolded(t *testing.T) {
	var ids []partition.ID
	for p := range partition.ID(20) {
		ids = append(ids, p)
	}
	r := newRig(t, upkeep.Config{}, ids...)
	for _, p := range ids {
		r.appendSome(p, 2)
	}
	r.holdReads = true
	r.advance(15*time.Second, time.Second)
	if n := len(r.scans); n < 8 || n > 16 {
		t.Errorf("%d streams are read at once, want about 8", n)
	}
	for _, p := range ids[:12] {
		r.close(p)
	}
	r.holdReads = false
	r.advance(20*time.Second, time.Second)
	for _, p := range ids[12:] {
		if got := r.families(p); got["log-tail"] != 0 {
			t.Errorf("partition %d was not folded: %v", p, got)
		}
	}
}

func TestANodeThatCannotCommitDoesNothingAndRests(t *testing.T) {
	r := newRig(t, upkeep.Config{}, 3)
	r.appendSome(3, 3)
	r.m.Event(r.clock, node.Event{Kind: node.Suspended})
	asked := r.asked
	for range 100 {
		r.advance(10*time.Second, 10*time.Second)
		if r.wake < r.clock.Mono+time.Second/2 {
			t.Fatalf("wakes in %s", r.wake-r.clock.Mono)
		}
	}
	if r.asked != asked {
		t.Fatalf("%d scans of a node that cannot commit", r.asked-asked)
	}
	r.m.Event(r.clock, node.Event{Kind: node.Resumed})
	r.advance(5*time.Second, time.Second)
	if got := r.families(3); got["log-block"] != 1 {
		t.Fatalf("nothing was folded after the node had resumed: %v", got)
	}
}

func TestPartitionsDoNotSweepAllAtOnce(t *testing.T) {
	var ids []partition.ID
	for p := range partition.ID(partition.Count) {
		ids = append(ids, p)
	}
	r := newRig(t, upkeep.Config{}, ids...)
	most := 0
	for range 10 * 60 {
		before := r.asked
		r.advance(time.Second, time.Second)
		most = max(most, r.asked-before)
	}
	if most > 3*7 {
		t.Fatalf("%d ranges were read in one second, want those of a few partitions", most)
	}
	if r.asked < partition.Count*7 {
		t.Fatalf("%d ranges were read in ten minutes, want all of each partition", r.asked)
	}
}

func TestAClockThatIsSetWrongExpiresNothing(t *testing.T) {
	r := newRig(t, upkeep.Config{}, 3)
	r.appendSome(3, 3)
	r.pushed(3, 3)
	r.advance(time.Minute, time.Second)
	before := r.families(3)
	for _, jump := range []time.Duration{100 * 365 * 24 * time.Hour, -200 * 365 * 24 * time.Hour, 100 * 365 * 24 * time.Hour} {
		r.clock.Wall = r.clock.Wall.Add(jump)
		r.advance(25*time.Minute, 10*time.Second)
		if diff := cmp.Diff(before, r.families(3)); diff != "" {
			t.Fatalf("after a jump of %s (-before +after):\n%s", jump, diff)
		}
	}
	r.wantRecords(3, 3)
}

func TestASweepThatFindsTheSameAgainRests(t *testing.T) {
	r := newRig(t, upkeep.Config{}, 3)
	r.pushed(3, 3)
	r.advance(32*time.Hour+25*time.Minute, 5*time.Minute) // shortly before sources expire
	r.clock.Wall = r.clock.Wall.Add(-2 * time.Hour)       // stamps stand still, retention does not
	r.commands = nil
	r.advance(55*time.Minute, time.Second)
	if n := len(r.commands); n > 20 {
		t.Fatalf("%d commands in 55 minutes that could do nothing", n)
	}
	r.advance(6*time.Hour, 10*time.Second)
	if got := r.families(3); got["source"] != 0 {
		t.Fatalf("%d sources are left", got["source"])
	}
}
