package partition_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"auwai/internal/fault"
	"auwai/internal/kv"
	"auwai/internal/partition"
)

func TestCommandsOfOneWikiKeepTheirOrderAndOthersOvertake(t *testing.T) {
	r := newRig(t)
	m := r.open(3, 1)
	r.call(m, "a1", "aawiki", add("aawiki", "1"))
	r.call(m, "a2", "aawiki", write(1, "a2"))
	r.call(m, "b1", "abwiki", write(2, "b1"))
	r.apply()
	if n := len(r.view.Wanted()); n != 1 {
		t.Fatalf("%d keys are read, want the one that was missed", n)
	}
	r.call(m, "a3", "aawiki", write(1, "a3"))
	r.call(m, "b2", "abwiki", write(2, "b2"))
	r.apply()
	r.seal()
	r.land()
	r.wantAnswers("b1", "b2")
	r.wantStored(keptKey(3, 1), "absent")
	r.view.Learn([]kv.Key{wikiKey(3, "aawiki", 0)}, [][]byte{nil})
	m.Wake()
	r.settle()
	r.wantAnswers("b1", "b2", "a1", "a2", "a3")
	r.wantEffects("b1", "b2", "1", "a2", "a3")
	r.wantStored(keptKey(3, 1), "a3")
}

func TestWhatAHintNamesIsReadBeforeTheFirstTry(t *testing.T) {
	r := newRig(t)
	m := r.open(3, 1)
	c := add("aawiki", "x")
	c.reads = []kv.Key{wikiKey(3, "aawiki", 0)}
	r.call(m, "a", "aawiki", c)
	r.settle()
	r.wantAnswers("a")
	if c.tries != 1 {
		t.Errorf("a command with a hint was tried %d times, want once", c.tries)
	}
	again := add("aawiki", "y")
	r.call(m, "b", "aawiki", again)
	r.settle()
	if again.tries != 1 {
		t.Errorf("a command whose keys are known was tried %d times, want once", again.tries)
	}
	r.wantStored(wikiKey(3, "aawiki", 0), "xy")
}

// deep misses one key after the other.
func deep(depth int) *do {
	return &do{apply: func(tx *partition.Tx) error {
		for i := range depth {
			tx.Get(wikiKey(tx.Partition(), "aawiki", i))
			if tx.Missed() {
				return nil
			}
		}
		tx.Set(keptKey(tx.Partition(), 1), []byte("done"))
		return nil
	}}
}

func TestACommandMayMissSomeTimes(t *testing.T) {
	r := newRig(t)
	m := r.open(3, 1)
	r.call(m, "a", "aawiki", deep(partition.MaxRounds))
	r.settle()
	r.wantErr("a", nil)
	r.wantStored(keptKey(3, 1), "done")
}

func TestACommandIsAppliedThoughOthersChangeWhatItLooksAt(t *testing.T) {
	r := newRig(t)
	m := r.open(3, 1)
	r.call(m, "a", "aawiki", &do{apply: func(tx *partition.Tx) error {
		tx.Get(wikiKey(3, "aawiki", len(tx.Get(keptKey(3, 1)))))
		return nil
	}})
	for n := range 3 * partition.MaxRounds {
		r.apply()
		r.call(m, "b", "abwiki", write(1, strings.Repeat("x", n+1)))
		r.apply()
		r.read()
	}
	r.settle()
	r.wantErr("a", nil)
	r.wantErr("b", nil)
	r.wantStored(keptKey(3, 1), strings.Repeat("x", 3*partition.MaxRounds))
}

func TestACommandThatMissesForEverIsAnswered(t *testing.T) {
	r := newRig(t)
	m := r.open(3, 1)
	c := deep(partition.MaxRounds + 1)
	r.call(m, "a", "aawiki", c)
	r.call(m, "b", "aawiki", write(2, "behind"))
	r.settle()
	r.wantAnswers("a", "b")
	if err := r.errs["a"]; fault.KindOf(err) != fault.Internal {
		t.Errorf("a was answered %v, want a defect", err)
	}
	if c.tries != partition.MaxRounds+1 {
		t.Errorf("a was tried %d times, want %d", c.tries, partition.MaxRounds+1)
	}
	r.wantStored(keptKey(3, 1), "absent")
	r.wantStored(keptKey(3, 2), "behind")
}

var errAsked = errors.New("asked for")

func TestACommandThatFailsLeavesNoTrace(t *testing.T) {
	r := newRig(t)
	m := r.open(3, 1)
	after := 0
	r.call(m, "good", "aawiki", write(1, "good"))
	r.call(m, "bad", "aawiki", &do{apply: func(tx *partition.Tx) error {
		tx.Set(keptKey(3, 1), []byte("bad"))
		tx.Set(keptKey(3, 2), []byte("bad"))
		tx.DeleteRange(keptKey(3, 0), keptKey(3, 9))
		tx.Effect("bad")
		tx.After(func() { after++ })
		return errors.Join(tx.Send(5, 'k', []byte("bad")), errAsked)
	}})
	r.call(m, "next", "aawiki", &do{apply: func(tx *partition.Tx) error {
		if got := string(tx.Get(keptKey(3, 1))); got != "good" {
			t.Errorf("the next command reads %q, want what stood before the one that failed", got)
		}
		tx.After(func() { after += 10 })
		tx.Effect("next")
		return nil
	}})
	r.settle()
	r.wantErr("good", nil)
	r.wantErr("bad", errAsked)
	r.wantErr("next", nil)
	r.wantEffects("good", "next")
	r.wantStored(keptKey(3, 1), "good")
	r.wantStored(keptKey(3, 2), "absent")
	if after != 10 {
		t.Errorf("functions of After ran for %d, want the good command's alone", after)
	}
	if n := len(r.store.Scan(partition.LanesRange(5))[0].Entries); n != 0 {
		t.Error("a command that failed has sent mail")
	}
}

func TestEffectsOfATryThatMissedAreNotReleased(t *testing.T) {
	r := newRig(t)
	m := r.open(3, 1)
	after := 0
	r.call(m, "a", "aawiki", &do{apply: func(tx *partition.Tx) error {
		tx.Effect("try")
		tx.After(func() { after++ })
		tx.Set(keptKey(3, 7), []byte("x"))
		tx.Get(wikiKey(3, "aawiki", 1))
		tx.Get(wikiKey(3, "aawiki", 2)) // misses of one try are read together
		return nil
	}})
	r.apply()
	if n := len(r.view.Wanted()); n != 2 {
		t.Fatalf("%d keys are read in the first round, want 2", n)
	}
	r.view.Learn([]kv.Key{wikiKey(3, "aawiki", 1), wikiKey(3, "aawiki", 2)}, make([][]byte, 2))
	m.Wake()
	r.settle()
	r.wantEffects("try")
	if after != 1 {
		t.Errorf("After ran %d times, want once", after)
	}
}

// fill writes n values of a size.
func fill(first, n, size int) *do {
	return &do{apply: func(tx *partition.Tx) error {
		for i := range n {
			tx.Set(keptKey(tx.Partition(), first+i), make([]byte, size))
		}
		return nil
	}}
}

func TestACommandForWhichTheGroupHasNoRoomWaitsForTheNext(t *testing.T) {
	for name, c := range map[string]*do{"operations": fill(10_000, 8_000, 1), "bytes": fill(10_000, 60, 60_000)} {
		r := newRig(t)
		m := r.open(3, 1)
		r.call(m, "small", "aawiki", fill(1, 3_000, 500))
		r.call(m, "large", "aawiki", c)
		r.call(m, "behind", "aawiki", write(1, "last"))
		r.apply()
		r.seal()
		if c.tries != 1 {
			t.Fatalf("%s: the large command was tried %d times", name, c.tries)
		}
		r.land()
		r.wantAnswers("small")
		r.settle()
		r.wantAnswers("small", "large", "behind")
		r.wantErr("large", nil)
		r.wantStored(keptKey(3, 1), "last")
	}
}

func TestACommandThatIsTooLargeForAnyGroupIsRefused(t *testing.T) {
	for name, c := range map[string]*do{"operations": fill(1, kv.MaxBatchOps, 1), "bytes": fill(1, 80, 60_000)} {
		r := newRig(t)
		m := r.open(3, 1)
		r.call(m, "before", "aawiki", write(1, "before"))
		r.call(m, "large", "aawiki", c)
		r.call(m, "behind", "aawiki", write(2, "behind"))
		r.settle()
		r.wantAnswers("before", "large", "behind")
		if !errors.Is(r.errs["large"], kv.ErrTooLarge) {
			t.Errorf("%s: the large command was answered %v, want ErrTooLarge", name, r.errs["large"])
		}
		r.wantErr("behind", nil)
		if n := len(r.store.Scan(kv.Prefix(partition.Key(3, familyKept)))[0].Entries); n != 2 {
			t.Errorf("%s: %d keys are stored, want those of the other commands", name, n)
		}
	}
}

func TestACommandThatWritesWhatNoStoreTakesIsRefusedAlone(t *testing.T) {
	for name, c := range map[string]*do{
		"value": fill(1, 1, kv.MaxValue+1),
		"key": {apply: func(tx *partition.Tx) error {
			tx.Set(append(keptKey(3, 1), make([]byte, kv.MaxKey)...), nil)
			return nil
		}},
		"delete": {apply: func(tx *partition.Tx) error {
			tx.Delete(append(keptKey(3, 1), make([]byte, kv.MaxKey)...))
			return nil
		}},
		"mail": {apply: func(tx *partition.Tx) error {
			return tx.Send(5, 'k', make([]byte, kv.MaxValue))
		}},
	} {
		r := newRig(t)
		m := r.open(3, 1)
		r.call(m, "before", "aawiki", write(1, "before"))
		r.call(m, "bad", "aawiki", c)
		r.call(m, "behind", "aawiki", write(2, "behind"))
		r.settle() // the store takes what is committed
		r.wantErr("before", nil)
		r.wantErr("behind", nil)
		if !errors.Is(r.errs["bad"], kv.ErrTooLarge) {
			t.Errorf("%s: the command was answered %v, want ErrTooLarge", name, r.errs["bad"])
		}
	}
}

func TestAnAppendThatOutgrowsAValueGoesIntoTheNextGroup(t *testing.T) {
	r := newRig(t)
	m := r.open(3, 1)
	grow := &do{apply: func(tx *partition.Tx) error {
		tx.Append(wikiKey(3, "aawiki", int(tx.Group())), make([]byte, 600<<10)) //nolint:gosec // small
		return nil
	}}
	for i := range 3 {
		r.call(m, fmt.Sprint(i), "aawiki", grow)
	}
	r.settle()
	r.wantAnswers("0", "1", "2")
	for i := range 3 {
		r.wantErr(fmt.Sprint(i), nil)
	}
}

func TestARangeThatHoldsNothingIsNoWrite(t *testing.T) {
	r := newRig(t)
	m := r.open(3, 1)
	r.call(m, "a", "aawiki", &do{apply: func(tx *partition.Tx) error {
		tx.DeleteRange(keptKey(3, 5), keptKey(3, 5))
		tx.DeleteRange(keptKey(3, 5), keptKey(3, 4))
		return nil
	}})
	r.settle()
	r.wantErr("a", nil)
}

func TestAFullGroupTakesNoFurtherCommand(t *testing.T) {
	r := newRig(t)
	m, other := r.open(3, 1), r.open(4, 1)
	r.call(m, "fills", "aawiki", fill(1, partition.MaxGroupOps, 1))
	r.call(m, "next", "abwiki", write(1, "next"))
	r.call(other, "other", "acwiki", write(1, "other"))
	r.apply()
	if !r.view.Full() || !m.HasFresh() || !other.HasFresh() {
		t.Fatal("a full group took another command")
	}
	r.settle()
	r.wantAnswers("fills", "next", "other")
}

func TestAFailedInvariantPoisonsThePartition(t *testing.T) {
	for name, fail := range map[string]func(){
		"invariant": func() { partition.Invariant(false, "asked for %d", 1) },
		"panic":     func() { panic("asked for") },
		"bounds":    func() { _ = make([]int, 0)[len(t.Name()):][0] },
	} {
		r := newRig(t)
		m := r.open(3, 1)
		r.call(m, "before", "aawiki", write(1, "before"))
		r.call(m, "poison", "aawiki", &do{apply: func(tx *partition.Tx) error {
			tx.Set(keptKey(3, 1), []byte("poison"))
			tx.Effect("poison")
			fail()
			return nil
		}})
		r.call(m, "behind", "aawiki", write(1, "behind"))
		r.apply()
		if m.Poisoned() == nil {
			t.Fatalf("%s: the partition is not poisoned", name)
		}
		err := m.Submit(r.clock, &partition.Call{Command: write(1, "late")}, true)
		if !errors.Is(err, partition.ErrPoisoned) {
			t.Errorf("%s: Submit() = %v, want ErrPoisoned", name, err)
		}
		r.apply()
		r.seal()
		r.land() // what was applied before goes on
		r.wantStored(keptKey(3, 1), "before")
		r.wantEffects("before")
		if fault.KindOf(r.errs["poison"]) != fault.Internal {
			t.Errorf("%s: the poison was answered %v", name, r.errs["poison"])
		}
		if _, answered := r.errs["behind"]; answered {
			t.Errorf("%s: a command was applied in a poisoned partition", name)
		}
		if left := m.Close(); len(left) != 1 {
			t.Errorf("%s: Close() gives %d calls back, want the one that was not applied", name, len(left))
		}
		m = r.open(3, 1)
		r.call(m, "again", "aawiki", write(2, "again"))
		r.settle()
		r.wantErr("again", nil)
	}
}

func TestAPanicDuringAMissIsNoPoison(t *testing.T) {
	r := newRig(t)
	m := r.open(3, 1)
	r.call(m, "first", "aawiki", &do{apply: func(tx *partition.Tx) error {
		tx.Set(wikiKey(3, "aawiki", 0), []byte{2})
		return nil
	}})
	r.settle()
	r.boot()
	m = r.open(3, 2)
	r.call(m, "a", "aawiki", &do{apply: func(tx *partition.Tx) error {
		n := int(tx.Get(wikiKey(3, "aawiki", 0))[0]) // the value is taken for granted
		tx.Set(keptKey(3, 1), make([]byte, n))
		return nil
	}})
	r.settle()
	r.wantErr("a", nil)
	if m.Poisoned() != nil {
		t.Fatalf("poisoned: %v", m.Poisoned())
	}
}

func TestCallsAreTakenAsTheStateAllows(t *testing.T) {
	r := newRig(t)
	m := partition.NewMachine(3, r.view)
	r.parts[3] = m
	submit := func(own bool) error {
		return m.Submit(r.clock, &partition.Call{Command: write(1, "x")}, own)
	}
	want := func(state string, others, own error) {
		t.Helper()
		if err := submit(false); !errors.Is(err, others) {
			t.Errorf("%s: Submit() = %v, want %v", state, err, others)
		}
		if err := submit(true); !errors.Is(err, own) {
			t.Errorf("%s: Submit() of the node itself = %v, want %v", state, err, own)
		}
	}
	want("closed", partition.ErrNotOpen, partition.ErrNotOpen)
	m.Begin(1)
	m.Loaded(r.clock)
	want("opening", partition.ErrNotOpen, nil)
	m.SetOpen()
	want("open", nil, nil)
	m.SetClosing()
	want("closing", partition.ErrNotOpen, nil)
	if got := len(m.Close()); got != 4 {
		t.Errorf("Close() gives %d calls back, want 4", got)
	}
	want("closed again", partition.ErrNotOpen, partition.ErrNotOpen)
	if !m.Idle() {
		t.Error("a closed partition is not idle")
	}
}

func TestTooManyWaitingCommandsAreRefused(t *testing.T) {
	r := newRig(t)
	m := r.open(3, 1)
	for i := range partition.MaxPending {
		r.call(m, fmt.Sprint(i), "aawiki", write(1, "x"))
	}
	c := &partition.Call{Command: write(1, "x")}
	if err := m.Submit(r.clock, c, false); !errors.Is(err, partition.ErrBusy) {
		t.Fatalf("Submit() = %v, want ErrBusy", err)
	}
	if err := m.Submit(r.clock, c, true); err != nil {
		t.Fatalf("Submit() of the node itself = %v, want nil", err)
	}
}

// stamps has a partition give a sequence number, a group number and a stamp.
type stamps struct {
	seq, group uint64
	now        time.Time
	wall       time.Time
}

func (r *rig) stamps(m *partition.Machine) (s stamps) {
	r.t.Helper()
	r.call(m, "stamps", "aawiki", &do{apply: func(tx *partition.Tx) error {
		s = stamps{tx.Seq(), tx.Group(), tx.Now(), tx.Wall()}
		tx.Set(keptKey(tx.Partition(), 1), []byte("x"))
		return nil
	}})
	r.settle()
	return s
}

func TestNumbersAndStampsNeverGoBackOverOwnersAndClocks(t *testing.T) {
	r := newRig(t)
	m := r.open(3, 1)
	last := r.stamps(m)
	for i, jump := range []time.Duration{
		time.Millisecond, time.Hour, -2 * time.Hour, 10 * time.Millisecond, 5 * time.Second, -time.Minute, 0, 24 * time.Hour, -time.Second,
	} {
		r.clock.Wall = r.clock.Wall.Add(jump)
		if i%2 == 1 {
			r.boot() // the owner is gone without a word
			m = r.open(3, uint64(i+2))
		}
		s := r.stamps(m)
		if s.seq <= last.seq || s.group <= last.group {
			t.Fatalf("step %d: numbers %d, %d after %d, %d", i, s.seq, s.group, last.seq, last.group)
		}
		if s.now.Before(last.now) {
			t.Fatalf("step %d: stamp %s after %s", i, s.now, last.now)
		}
		if !s.wall.Equal(r.clock.Wall) {
			t.Fatalf("step %d: Wall() = %s, want the clock as it is, %s", i, s.wall, r.clock.Wall)
		}
		if s.now.Nanosecond()%int(time.Millisecond) != 0 || s.now.Location() != time.UTC {
			t.Fatalf("step %d: stamp %s, want UTC to the millisecond", i, s.now)
		}
		last = s
	}
}

func TestManyNumbersAreReservedAhead(t *testing.T) {
	r := newRig(t)
	m := r.open(3, 1)
	seen := uint64(0)
	for range 20 {
		r.call(m, "many", "aawiki", &do{apply: func(tx *partition.Tx) error {
			for range 100_000 {
				n := tx.Seq()
				partition.Invariant(n > seen, "number %d after %d", n, seen)
				seen = n
			}
			return nil
		}})
		r.settle()
	}
	if err := m.Poisoned(); err != nil {
		t.Fatal(err)
	}
	r.boot()
	if s := r.stamps(r.open(3, 2)); s.seq <= seen {
		t.Fatalf("number %d after a crash, %d was given before", s.seq, seen)
	}
}

func TestNumbersThatWereGivenByAnUndoneCommandAreNotGivenTwice(t *testing.T) {
	r := newRig(t)
	m := r.open(3, 1)
	first := r.stamps(m)
	var failed uint64
	r.call(m, "bad", "aawiki", &do{apply: func(tx *partition.Tx) error {
		failed = tx.Seq()
		return errAsked
	}})
	r.settle()
	if s := r.stamps(m); s.seq <= failed || failed <= first.seq {
		t.Fatalf("numbers %d, %d, %d do not rise", first.seq, failed, s.seq)
	}
}

func TestOneGroupHasOneNumber(t *testing.T) {
	r := newRig(t)
	m := r.open(3, 1)
	var groups []uint64
	note := &do{apply: func(tx *partition.Tx) error {
		groups = append(groups, tx.Group())
		key := wikiKey(3, "aawiki", int(tx.Group())) //nolint:gosec // small
		if before := tx.Append(key, []byte("x")); before != (len(groups)-1)%2 {
			t.Errorf("Append() = %d for the command %d", before, len(groups))
		}
		return nil
	}}
	for range 2 {
		r.call(m, "a", "aawiki", note)
		r.call(m, "b", "abwiki", note)
		r.settle()
	}
	if groups[0] != groups[1] || groups[2] != groups[3] || groups[0] == groups[2] {
		t.Fatalf("groups are %v, want two of two commands each", groups)
	}
}

func TestAnswersWaitForDurability(t *testing.T) {
	r := newRig(t)
	m := r.open(3, 1)
	r.call(m, "writes", "aawiki", write(1, "x"))
	r.call(m, "reads", "aawiki", &do{apply: func(tx *partition.Tx) error {
		_ = tx.Get(keptKey(3, 1))
		return nil
	}})
	r.call(m, "fails", "aawiki", &do{apply: func(*partition.Tx) error { return errAsked }})
	r.apply()
	r.seal()
	r.call(m, "reads in flight", "aawiki", &do{apply: func(tx *partition.Tx) error {
		_ = tx.Get(keptKey(3, 1))
		tx.Effect("saw it")
		return nil
	}})
	r.call(m, "next", "aawiki", write(1, "y"))
	r.apply()
	r.wantAnswers()
	r.wantEffects()
	r.land()
	r.wantAnswers("writes", "reads", "fails", "reads in flight")
	r.wantEffects("x", "saw it")
	r.settle()
	r.wantAnswers("writes", "reads", "fails", "reads in flight", "next")
}

func TestAnswersThatWaitForNothingAreReleasedAtOnce(t *testing.T) {
	r := newRig(t)
	m := r.open(3, 1)
	r.settle()
	r.call(m, "warm", "aawiki", write(1, "x")) // reserves numbers and stamps
	r.settle()
	r.call(m, "reads", "aawiki", &do{apply: func(tx *partition.Tx) error { tx.Effect("e"); return nil }})
	r.apply()
	if r.view.Pending() {
		t.Fatal("a command without writes made a group")
	}
	r.release()
	r.wantAnswers("warm", "reads")
	r.wantEffects("x", "e")
}

func TestASealKeepsWhatWaitedForNothing(t *testing.T) {
	r := newRig(t)
	m, other := r.open(3, 1), r.open(4, 1)
	r.call(m, "warm", "aawiki", write(1, "warm"))
	r.settle()
	r.call(m, "reads", "aawiki", &do{apply: func(tx *partition.Tx) error { tx.Effect("e"); return nil }})
	m.Apply(r.clock)
	r.call(other, "writes", "abwiki", write(1, "x"))
	r.call(m, "writes too", "aawiki", write(1, "y"))
	r.apply()
	r.seal() // before anybody asked for what waited for nothing
	r.land()
	r.wantAnswers("warm", "reads", "writes too", "writes")
	r.wantEffects("warm", "e", "y", "x")
}

func TestCallsOfOthersThatTakeTooLongAreAnsweredOnce(t *testing.T) {
	r := newRig(t)
	m := r.open(3, 1)
	r.call(m, "in flight", "aawiki", write(1, "a"))
	r.apply()
	r.seal()
	r.call(m, "building", "aawiki", write(1, "b"))
	r.call(m, "waiting", "abwiki", add("abwiki", "c"))
	r.apply()
	r.call(m, "fresh", "acwiki", write(1, "d"))
	if err := m.Submit(r.clock, &partition.Call{Command: write(1, "own"), Done: r.done("own")}, true); err != nil {
		t.Fatal(err)
	}
	start := r.clock.Mono
	r.clock.Mono += time.Second
	r.call(m, "young", "acwiki", write(1, "e"))
	if got := len(m.Overdue(start)); got != 0 {
		t.Fatalf("%d calls are overdue at the moment of their submission", got)
	}
	overdue := m.Overdue(start + 1)
	if len(overdue) != 4 {
		t.Fatalf("%d calls are overdue, want the four old ones of others", len(overdue))
	}
	for _, c := range overdue {
		c.Done(errAsked)
	}
	if got := len(m.Overdue(start + 1)); got != 0 {
		t.Fatalf("%d calls are overdue once more", got)
	}
	answered := len(r.answers)
	r.land()
	r.settle()
	if got := fmt.Sprint(r.answers[answered:]); got != "[own young]" {
		t.Errorf("later answered are %s, want own and young", got)
	}
	r.wantStored(wikiKey(3, "abwiki", 0), "c") // the commands went on
}

func TestAPartitionIsIdleWhenNothingIsOnItsWay(t *testing.T) {
	r := newRig(t)
	m := r.open(3, 1)
	if !m.Idle() {
		t.Error("a fresh partition is not idle")
	}
	r.call(m, "a", "aawiki", add("aawiki", "1"))
	for _, step := range []func(){func() {}, r.apply, func() { r.read() }, r.apply, r.seal} {
		step()
		if m.Idle() {
			t.Error("a partition with a call on its way is idle")
		}
	}
	r.land()
	if !m.Idle() {
		t.Error("a partition without calls is not idle")
	}
}
