package sim

import (
	"fmt"
	"time"

	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/partition"
)

// hang gives a job rules, a chain, an end, or others to wait for.
func (w *world) hang(j *jobqueue.New) {
	switch w.rng.IntN(16) {
	case 0:
		j.Rules = &jobqueue.Rules{Dedup: jobqueue.DedupReplace}
	case 1:
		j.Rules = &jobqueue.Rules{Dedup: jobqueue.DedupDebounce, Debounce: w.between(time.Millisecond, 2*time.Second)}
	case 2:
		j.Rules = &jobqueue.Rules{Dedup: jobqueue.DedupWindow, Window: w.between(time.Second, time.Minute)}
	case 3:
		j.Rules = &jobqueue.Rules{Dedup: jobqueue.DedupNone, AtMostOnce: w.chance(0.5), Budget: w.rng.IntN(20)}
	}
	if w.chance(0.15) {
		j.SerialKey = fmt.Sprintf("serial %d", w.rng.IntN(3))
	}
	if w.chance(0.05) {
		j.ExpireAt = w.wall().Add(w.between(time.Second, time.Minute))
	}
	if list := w.clients.pushes; w.chance(0.1) && len(list) > 0 {
		for range 1 + w.rng.IntN(3) {
			if x := list[max(0, len(list)-1-w.rng.IntN(40))]; x.new.Wiki == j.Wiki {
				j.WaitsFor = append(j.WaitsFor, x.new.ID)
			}
		}
	}
}

// endMany purges a queue of a wiki, or cancels a root.
func (w *world) endMany() {
	x, n := w.somebodys()
	if x == nil {
		return
	}
	var c partition.Command = &jobqueue.Purge{Pair: x.new.Pair}
	what := "purge"
	if x.new.Root.Signature != "" && w.chance(0.5) {
		c, what = &jobqueue.CancelRoot{Pair: x.new.Pair, Signature: x.new.Root.Signature}, "cancel root"
	}
	_, done := w.call(n, what, func(error, bool) {})
	n.input(func(now partition.Now) {
		n.m.Submit(now, partition.Of(x.new.Wiki), &partition.Call{Wiki: x.new.Wiki, Command: c, Done: done})
	})
}

// windowed reports whether a job counts as a twin of one that is done.
func (c *clients) windowed(id ident.Suffix) bool {
	x := c.byID[id]
	return x != nil && x.new.Rules != nil && x.new.Rules.Dedup == jobqueue.DedupWindow
}
