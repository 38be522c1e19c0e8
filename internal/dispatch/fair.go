package dispatch

import (
	"cmp"
	"container/heap"
)

// wikiHeap orders the wikis that may have something to start by their virtual time.
type wikiHeap struct{ list []*wiki }

func (h *wikiHeap) Len() int { return len(h.list) }

func (h *wikiHeap) Less(i, j int) bool {
	a, b := h.list[i], h.list[j]
	return cmp.Or(cmp.Compare(a.vtime, b.vtime), cmp.Compare(a.name, b.name)) < 0
}

func (h *wikiHeap) Swap(i, j int) {
	h.list[i], h.list[j] = h.list[j], h.list[i]
	h.list[i].index, h.list[j].index = i, j
}

// Push implements heap.Interface.
func (h *wikiHeap) Push(x any) {
	w, ok := x.(*wiki)
	if !ok {
		return
	}
	w.index = len(h.list)
	h.list = append(h.list, w)
}

// Pop implements heap.Interface.
func (h *wikiHeap) Pop() any {
	n := len(h.list) - 1
	w := h.list[n]
	h.list[n] = nil
	h.list = h.list[:n]
	w.index = -1
	return w
}

func (h *wikiHeap) drop(w *wiki) {
	if w.index >= 0 {
		heap.Remove(h, w.index)
	}
}

// activate says that a pair may have something to start. A wiki that had nothing to do starts at
// the present virtual time: it is not owed for the time in which it asked for nothing.
func (m *Machine) activate(pr *pair) {
	if pr.policy.Remote {
		m.offer(pr)
		return
	}
	if m.isPulled(pr.Wiki) {
		m.offer(pr)
	}
	w := pr.wiki
	if w.index < 0 {
		w.vtime = max(w.vtime, m.vnow)
		heap.Push(&m.order, w)
	}
}

func (m *Machine) activateAll() {
	for _, p := range m.parts {
		if p == nil {
			continue
		}
		for _, pr := range p.pairs {
			m.activate(pr)
		}
	}
}

// charge adds time to a wiki's account.
func (m *Machine) charge(w *wiki, ns float64) {
	w.vtime += ns
	if w.index >= 0 {
		heap.Fix(&m.order, w.index)
	}
}
