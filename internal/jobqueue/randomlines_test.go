package jobqueue_test

import (
	"fmt"
	"time"

	"auwai/internal/ident"
	"auwai/internal/jobqueue"
)

// hang gives a job rules, a chain, an end, and others to wait for.
func (w *walk) hang(n *jobqueue.New) {
	switch w.rng.IntN(12) {
	case 0:
		n.Rules = &jobqueue.Rules{Dedup: jobqueue.DedupReplace, AtMostOnce: w.rng.IntN(2) == 0}
	case 1:
		n.Rules = &jobqueue.Rules{Dedup: jobqueue.DedupDebounce, Debounce: 30 * time.Second}
	case 2:
		n.Rules = &jobqueue.Rules{Dedup: jobqueue.DedupWindow, Window: 2 * time.Minute}
	case 3:
		n.Rules = &jobqueue.Rules{Dedup: jobqueue.DedupNone}
	}
	if w.rng.IntN(4) == 0 {
		n.SerialKey = fmt.Sprint("s", w.rng.IntN(2))
	}
	if w.rng.IntN(10) == 0 {
		n.ExpireAt = w.rig.Clock.Wall.Add(time.Duration(w.rng.IntN(4)) * time.Minute)
	}
	for ids := w.ids(); w.rng.IntN(5) == 0 && len(ids) > 0; {
		n.WaitsFor = append(n.WaitsFor, ids[w.rng.IntN(len(ids))])
	}
}

func (w *walk) drop() {
	w.commit()
	c := &jobqueue.Drop{}
	var ids []ident.Suffix
	for _, p := range w.pairs() {
		for _, e := range w.rig.Ready(p) {
			c.Jobs = append(c.Jobs, jobqueue.Place{Pair: p, ID: e.ID, Seq: e.Seq})
			ids = append(ids, e.ID)
		}
	}
	w.say("drop")
	w.apply(c)
	w.m.drop(ids)
	w.m.settle()
}

// purge purges a pair, or sweeps what was purged.
func (w *walk) purge() {
	p := w.pairs()[w.rng.IntN(2)]
	if w.rng.IntN(2) == 0 {
		w.say("purge %v", p)
		w.apply(&jobqueue.Purge{Pair: p})
		w.m.purge(p)
		return
	}
	w.commit()
	w.say("sweep %v", p)
	for _, r := range jobqueue.PurgeRanges(w.rig.Partition(), p, w.rig.Mem().PurgedBefore(p)) {
		ids, err := jobqueue.PurgeIDs(p, w.rig.Scan(r))
		if err != nil {
			w.fail("%v", err)
		}
		w.apply(&jobqueue.PurgePage{Pair: p, IDs: ids})
		w.m.sweep(ids)
		w.m.settle()
	}
}

func (w *walk) cancelRoot() {
	p, signature := w.pairs()[w.rng.IntN(2)], fmt.Sprint("s", w.rng.IntN(2))
	err := w.rig.Apply(&jobqueue.CancelRoot{Pair: p, Signature: signature})
	w.say("cancel root %s of %v: %v", signature, p, err)
	if known := w.m.cancelRoot(p, signature); known != (err == nil) {
		w.fail("the model knows the root: %t; %v", known, err)
	}
}

// cursors says where the first job waits, as a dispatcher knows it.
func (w *walk) cursors() []jobqueue.Cursor {
	var out []jobqueue.Cursor
	for band := range jobqueue.Band(jobqueue.Bands) {
		for _, e := range w.rig.Ready(links()) {
			if e.Band == band && w.rig.Mem().Running(e.ID) == nil {
				out = append(out, jobqueue.Cursor{Pair: links(), Band: band, Seq: e.Seq})
				break
			}
		}
	}
	return out
}
