package partition_test

import (
	"fmt"
	"testing"

	"auwai/internal/kv"
	"auwai/internal/partition"
)

// hinted is a command whose hint names one key of the wiki.
func hinted(p partition.ID, wiki string, n int) *do {
	return &do{reads: []kv.Key{wikiKey(p, wiki, n)}, apply: func(tx *partition.Tx) error {
		tx.Get(wikiKey(p, wiki, n))
		tx.Set(wikiKey(p, wiki, n), []byte("x"))
		return nil
	}}
}

func TestACommandWhoseReadIsAnsweredIsNotOvertakenByOneThatStillWaits(t *testing.T) {
	r := newRig(t)
	m := r.open(1, 1)
	r.call(m, "first", "aawiki", hinted(1, "aawiki", 1))
	r.apply()
	keys := r.view.Wanted()
	r.call(m, "second", "aawiki", hinted(1, "aawiki", 2))
	r.call(m, "third", "aawiki", write(1, "x"))
	r.apply()
	r.view.Learn(keys, r.store.Get(keys...))
	m.Wake()
	r.settle()
	r.wantAnswers("first", "second", "third")
}

func TestAReadThatIsAnotherCommandsIsNoRoundOfThisOne(t *testing.T) {
	r := newRig(t)
	m := r.open(1, 1)
	// It misses one key more each time; a command may miss four times.
	slow := &do{apply: func(tx *partition.Tx) error {
		for i := range 4 {
			if tx.Get(wikiKey(1, "aawiki", i)); tx.Missed() {
				return nil
			}
		}
		tx.Set(wikiKey(1, "aawiki", 0), []byte("x"))
		return nil
	}}
	r.call(m, "others", "abwiki", hinted(1, "abwiki", 0))
	r.apply()
	keys := r.view.Wanted()
	r.call(m, "slow", "aawiki", slow)
	for i := range 10 {
		// There is a read under way whenever the slow command misses.
		r.call(m, fmt.Sprint(i), "abwiki", hinted(1, "abwiki", i+1))
		r.apply()
		r.view.Learn(keys, r.store.Get(keys...))
		m.Wake()
		keys = r.view.Wanted()
		r.apply()
	}
	r.view.Learn(keys, r.store.Get(keys...))
	m.Wake()
	r.settle()
	r.wantErr("slow", nil)
	if slow.tries != 5 {
		t.Errorf("tried %d times, want 5: each miss, and the last time", slow.tries)
	}
}

func TestNoMoreIsReadAheadThanIsRemembered(t *testing.T) {
	r := newRig(t)
	m := r.open(1, 1)
	wide := func(n int) *do {
		c := &do{apply: func(tx *partition.Tx) error { tx.Set(wikiKey(1, "aawiki", n), []byte("x")); return nil }}
		for i := range 5_000 {
			c.reads = append(c.reads, wikiKey(1, fmt.Sprint("wiki", n), i))
		}
		return c
	}
	for n := range 8 {
		r.call(m, fmt.Sprint(n), fmt.Sprint("wiki", n), wide(n))
	}
	r.apply()
	keys := r.view.Wanted()
	if len(keys) != 10_000 {
		t.Errorf("%d keys are read at first, want those of two commands", len(keys))
	}
	r.view.Learn(keys, r.store.Get(keys...))
	m.Wake()
	r.settle()
	r.wantAnswers("0", "1", "2", "3", "4", "5", "6", "7")
}
