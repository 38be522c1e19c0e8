package partition_test

import (
	"fmt"
	"slices"
	"testing"

	"auwai/internal/partition"
)

// crowd has two wikis in one group, so that wikis are held to their share from then on.
func (r *rig) crowd(m *partition.Machine) {
	r.t.Helper()
	r.call(m, "one", "aawiki", write(1, "one"))
	r.call(m, "two", "abwiki", write(2, "two"))
	r.settle()
	r.answers = nil
}

func TestAWikiWithItsShareIsPutOffForOthers(t *testing.T) {
	r := newRig(t)
	m := r.open(3, 1)
	r.crowd(m)
	r.call(m, "large", "aawiki", fill(10, 1_000, 1))
	r.call(m, "next", "aawiki", write(1, "next"))
	r.call(m, "small", "abwiki", write(2, "small"))
	r.apply()
	if m.HasFresh() || m.Idle() {
		t.Fatalf("HasFresh() = %t, Idle() = %t with a call put off, want neither", m.HasFresh(), m.Idle())
	}
	r.seal()
	m.Resume()
	r.call(m, "small again", "abwiki", write(2, "small again"))
	r.apply() // the commit in flight has the large one, so the wiki waits on
	r.land()
	r.seal()
	m.Resume()
	r.apply() // and goes on while a commit without it is under way
	if m.HasFresh() || !r.view.Pending() {
		t.Fatal("the call that was put off is not applied while another group is in flight")
	}
	r.land()
	r.settle()
	r.wantAnswers("large", "small", "small again", "next")
}

func TestCallsThatWerePutOffKeepTheirOrder(t *testing.T) {
	r := newRig(t)
	m := r.open(3, 1)
	r.crowd(m)
	r.call(m, "large", "aawiki", fill(10, 1_000, 1))
	var want []string
	for i := range 6 {
		name := fmt.Sprint(i)
		want = append(want, name)
		c := write(1, name)
		if i%2 == 0 {
			c = add("aawiki", name) // waits for a read
		}
		r.call(m, name, "aawiki", c)
		r.apply()
		if i == 2 {
			r.seal()
			m.Resume()
		}
		r.apply()
	}
	r.land()
	for range 8 {
		m.Resume()
		r.settle()
	}
	r.wantAnswers(append([]string{"large"}, want...)...)
	if got := r.stored(wikiKey(3, "aawiki", 0)); got != "024" {
		t.Errorf("stored is %q, want the letters in their order", got)
	}
}

func TestAWikiThatIsAloneHasWholeGroups(t *testing.T) {
	r := newRig(t)
	m := r.open(3, 1)
	r.call(m, "before", "aawiki", write(1, "before"))
	r.settle()
	r.crowd(m)
	for i := range 70 { // then the others have been silent for long
		r.call(m, fmt.Sprint(i), "aawiki", write(1, "again"))
		r.settle()
	}
	r.call(m, "large", "aawiki", fill(10, 1_000, 1))
	r.call(m, "next", "aawiki", write(1, "next"))
	r.apply()
	r.seal()
	r.land()
	if !slices.Contains(r.answers, "next") {
		t.Error("a wiki that is alone was put off")
	}
}

func TestTheNodesOwnCallsAreNotPutOff(t *testing.T) {
	r := newRig(t)
	m := r.open(3, 1)
	r.crowd(m)
	r.call(m, "large", "aawiki", fill(10, 1_000, 1))
	if err := m.Submit(r.clock, &partition.Call{Wiki: "aawiki", Command: write(1, "own"), Done: r.done("own")}, true); err != nil {
		t.Fatal(err)
	}
	r.apply()
	r.seal()
	r.land()
	r.wantAnswers("large", "own")
}

func TestCallsThatWerePutOffAreAnsweredAtTheClosing(t *testing.T) {
	r := newRig(t)
	m := r.open(3, 1)
	r.crowd(m)
	r.call(m, "large", "aawiki", fill(10, 1_000, 1))
	r.call(m, "next", "aawiki", write(1, "next"))
	r.apply()
	if n := len(m.Close()); n != 2 {
		t.Errorf("Close() returned %d calls, want both", n)
	}
}
