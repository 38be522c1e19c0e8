package sim

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"time"

	"auwai/internal/ident"
	"auwai/internal/kv/memkv"
	"auwai/internal/partition"
)

// world is everything that is simulated. It is used by one goroutine.
type world struct {
	seed   uint64
	rng    *rand.Rand
	now    time.Duration // real time since the start
	events eventHeap
	order  uint64 // of events at one moment
	trace  trace
	report Report

	server   *memkv.Server
	registry *partition.Registry
	domains  []partition.Domain
	nodes    []*simNode
	watch    watch
	policy   *policy
	faults   faults
	clients  clients
	ledger   ledgerModel
	workers  workers

	calm    bool // there is no nemesis
	loaded  bool // clients and nemesis are at work
	over    bool
	checked int // step of the last check of the whole store
}

// faults says how bad this run is; probabilities are of one commit or read.
type faults struct {
	lost, never, late, hang, failed float64
	read                            float64
	slow                            time.Duration // greatest common delay of a message
	every                           time.Duration // mean time between the nemesis' deeds; 0: none
}

type event struct {
	at    time.Duration
	order uint64
	f     func()
}

type eventHeap []event

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].order < h[j].order
}
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *eventHeap) Push(x any) { *h = append(*h, x.(event)) } //nolint:errcheck,forcetypeassert // only events are pushed

// Pop implements heap.Interface.
func (h *eventHeap) Pop() any {
	old := *h
	n := len(old) - 1
	e := old[n]
	old[n] = event{}
	*h = old[:n]
	return e
}

// after has f happen after a while of real time.
func (w *world) after(d time.Duration, f func()) {
	w.order++
	heap.Push(&w.events, event{w.now + max(d, 0), w.order, f})
}

// maxSteps is a bound that no run reaches unless something spins.
const maxSteps = 3_000_000

func (w *world) run() {
	w.start()
	for !w.over {
		w.require(len(w.events) > 0, "something is always to come", "the heap of events is empty")
		e, _ := heap.Pop(&w.events).(event)
		w.now = e.at
		w.report.Steps++
		w.require(w.report.Steps < maxSteps, "a run ends", "more than %d steps", maxSteps)
		e.f()
		if w.report.Steps-w.checked >= checkEvery {
			w.checked = w.report.Steps
			w.checkStore()
		}
	}
}

func (w *world) finish() Report {
	w.report.Seed, w.report.Hash, w.report.Virtual, w.report.Nodes = w.seed, w.trace.hash, w.now, len(w.nodes)
	return w.report
}

// chance is true with probability p.
func (w *world) chance(p float64) bool { return p > 0 && w.rng.Float64() < p }

// between draws a duration.
func (w *world) between(from, to time.Duration) time.Duration {
	if to <= from {
		return from
	}
	return from + time.Duration(w.rng.Int64N(int64(to-from)))
}

// delay draws the time of a message's way: mostly short, now and then long.
func (w *world) delay() time.Duration {
	switch r := w.rng.IntN(100); {
	case r < 80:
		return w.between(50*time.Microsecond, 2*time.Millisecond)
	case r < 98:
		return w.between(time.Millisecond, 20*time.Millisecond)
	default:
		return w.between(time.Millisecond, w.faults.slow)
	}
}

func (w *world) session() ident.Session {
	return ident.Session(w.rng.Uint64N(uint64(ident.MaxSession)) + 1)
}

// trace keeps the last events, and a hash of all.
type trace struct {
	hash uint64
	ring [ringSize]entry
	n    uint64
	log  func(string)
}

const ringSize = 256

type entry struct {
	at   time.Duration
	node int8
	what string // a constant
	a, b uint64
	text string
}

func (e *entry) String() string {
	who := "      "
	if e.node >= 0 {
		who = fmt.Sprintf("node %d", e.node)
	}
	s := fmt.Sprintf("%12.6f %s %s", e.at.Seconds(), who, e.what)
	if e.a != 0 || e.b != 0 {
		s += fmt.Sprintf(" %d %d", e.a, e.b)
	}
	if e.text != "" {
		s += " " + e.text
	}
	return s
}

// note records an event. what is a constant; text goes into the hash too.
func (w *world) note(node int, what string, a, b uint64, text string) {
	t := &w.trace
	e := &t.ring[t.n%ringSize]
	*e = entry{w.now, int8(node), what, a, b, text} //nolint:gosec // few nodes
	t.n++
	h := t.hash
	for _, v := range [...]uint64{uint64(w.now), uint64(int64(node)), a, b, uint64(len(what))<<32 | uint64(len(text))} { //nolint:gosec // mixed into a hash
		h = (h ^ v) * 0x9E3779B97F4A7C15
		h ^= h >> 29
	}
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 0x100000001b3
	}
	t.hash = h
	if t.log != nil {
		t.log(e.String())
	}
}

// detail tells more to a reader of the log; it is no part of the trace.
func (w *world) detail(format string, args ...any) {
	if w.trace.log != nil {
		w.trace.log(fmt.Sprintf("%12.6f        ", w.now.Seconds()) + fmt.Sprintf(format, args...))
	}
}

func (t *trace) lines() []string {
	var out []string
	from := uint64(0)
	if t.n > ringSize {
		from = t.n - ringSize
	}
	for i := from; i < t.n; i++ {
		out = append(out, t.ring[i%ringSize].String())
	}
	return out
}
