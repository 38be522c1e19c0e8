package dispatch

import (
	"cmp"
	"slices"

	"auwai/internal/ident"
	"auwai/internal/jobqueue"
)

// entry is a ready job in a window. job is nil while only its place is known.
type entry struct {
	seq     uint64
	id      ident.Suffix
	created int64 // milliseconds
	job     *jobqueue.Job
}

func (e *entry) size() int {
	if e.job == nil {
		return entryBytes
	}
	return entryBytes + jobBytes + len(e.job.Payload)
}

// window is the known part of a band's ready jobs, in their order.
type window struct {
	list     []entry
	head     int    // list[:head] has been taken
	last     uint64 // the greatest place that is, or was, in the window
	complete bool   // no ready job is behind last
	loading  bool
	page     int // entries of the next read
	arrived  []entry
}

func (w *window) waiting() []entry { return w.list[w.head:] }

// find returns the index in list of a place, or where it would stand.
func (w *window) find(seq uint64) (int, bool) {
	i, ok := slices.BinarySearchFunc(w.waiting(), seq, func(e entry, seq uint64) int { return cmp.Compare(e.seq, seq) })
	return w.head + i, ok
}

// insert puts an entry at its place. An entry that is there is replaced.
func (w *window) insert(e entry) (grown int) {
	w.last = max(w.last, e.seq)
	if n := len(w.list); n == w.head || w.list[n-1].seq < e.seq {
		w.list = append(w.list, e)
		return e.size()
	}
	i, found := w.find(e.seq)
	if found {
		grown = e.size() - w.list[i].size()
		w.list[i] = e
		return grown
	}
	if i == w.head && w.head > 0 {
		w.head--
		w.list[w.head] = e
		return e.size()
	}
	w.list = slices.Insert(w.list, i, e)
	return e.size()
}

// remove takes a place out and returns the size that became free.
func (w *window) remove(seq uint64) (freed int) {
	i, found := w.find(seq)
	if !found {
		return 0
	}
	freed = w.list[i].size()
	if i == w.head {
		w.pop()
		return freed
	}
	w.list = slices.Delete(w.list, i, i+1)
	return freed
}

// pop takes the head out.
func (w *window) pop() {
	w.list[w.head] = entry{}
	w.head++
	n := len(w.list) - w.head
	switch {
	case cap(w.list) > lowWater && 4*n <= cap(w.list):
		// A thousand windows that keep what their largest page took would hold more than all their jobs.
		w.list, w.head = append(make([]entry, 0, 2*n), w.list[w.head:]...), 0
	case n == 0:
		w.list, w.head = w.list[:0], 0
	case w.head > 1024 && w.head > n:
		copy(w.list, w.list[w.head:])
		clear(w.list[n:])
		w.list, w.head = w.list[:n], 0
	}
}

// low reports whether the window should be read on. full says that the memory for windows is used up:
// then only what would stand still is read.
func (w *window) low(full bool) bool {
	n := len(w.list) - w.head
	return !w.complete && !w.loading && n < lowWater && (n == 0 || !full)
}

// unloaded reports whether jobs near the head have to be fetched. Entries without their job stand
// behind those with it, but for the few that come back to an old place.
func (w *window) unloaded(full bool) bool {
	list := w.waiting()
	if w.loading || len(list) == 0 {
		return false
	}
	return list[0].job == nil || !full && list[min(len(list), lowWater/2)-1].job == nil
}

// oldest returns when the job at the head was created, in milliseconds.
func (w *window) oldest() (int64, bool) {
	if w.head == len(w.list) {
		return 0, false
	}
	return w.list[w.head].created, true
}
