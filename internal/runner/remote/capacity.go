package remote

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"auwai/internal/dispatch"
	"auwai/internal/jobqueue"
)

// worker is what is known of one by its name.
type worker struct {
	total jobqueue.Needs // what it has when it is empty
	seen  time.Time
	// kept is the starving job for which it gets nothing else. A pointer into Hub.starving.
	kept *starved
}

// hunger is a kind of job that may starve.
type hunger struct {
	pair  jobqueue.Pair
	needs jobqueue.Needs
}

// starved is a job that found workers and no room.
type starved struct {
	hunger

	since, asked time.Time
	worker       string // that is kept for it; "" none yet
}

// fits reports whether a request has room for a job.
func (r *request) fits(n jobqueue.Needs) bool {
	return r.Capacity == nil || n.Cores <= r.free.Cores && n.Memory <= r.free.Memory
}

// take and put account for a job of a request.
func (r *request) take(n jobqueue.Needs) {
	r.free.Cores -= n.Cores
	r.free.Memory -= n.Memory
}

func (r *request) put(n jobqueue.Needs) {
	r.free.Cores += n.Cores
	r.free.Memory += n.Memory
}

// seen notes a worker by its request: what it has in all is what is free and what its jobs take.
func (h *Hub) seen(now time.Time, r *request) {
	if r.Worker == "" || r.Capacity == nil {
		return
	}
	w := h.workers[r.Worker]
	if w == nil {
		h.dropLost(now)
		w = &worker{}
		h.workers[r.Worker] = w
	}
	w.seen, w.total = now, r.free
	for _, l := range h.leases {
		if l.worker == r.Worker && !l.decided {
			w.total.Cores += l.needs.Cores
			w.total.Memory += l.needs.Memory
		}
	}
}

// dropLost forgets workers that have gone.
func (h *Hub) dropLost(now time.Time) {
	for name, w := range h.workers {
		if h.lost(now, name, w) {
			if w.kept != nil {
				w.kept.worker = "" // another one is chosen
			}
			delete(h.workers, name)
		}
	}
}

func (h *Hub) lost(now time.Time, name string, w *worker) bool {
	if now.Sub(w.seen) < workerLost {
		return false
	}
	for _, l := range h.leases {
		if l.worker == name {
			return false
		}
	}
	return !slices.ContainsFunc(h.requests, func(r *request) bool { return r.Worker == name })
}

// freed gives the room of a lease that has ended to the requests of its worker.
func (h *Hub) freed(l *lease) {
	if l.worker == "" {
		return
	}
	for _, r := range h.requests {
		if r.Worker == l.worker && r.Capacity != nil && r != l.request {
			r.put(l.needs)
		}
	}
}

// starve notes that a job found no room, and keeps a worker for it when that lasts. It returns why it
// waits, in words.
func (h *Hub) starve(now time.Time, d dispatch.Demand) string {
	key := hunger{d.Pair, d.Needs}
	e := h.starving[key]
	if e == nil {
		if len(h.starving) >= maxStarving {
			return waitsForRoom(d.Needs, "")
		}
		e = &starved{hunger: key, since: now}
		h.starving[key] = e
	}
	e.asked = now
	if w := h.workers[e.worker]; e.worker != "" && (w == nil || h.lost(now, e.worker, w)) {
		e.worker = ""
		if w != nil {
			w.kept = nil
		}
	}
	if e.worker == "" && now.Sub(e.since) >= starveAfter {
		h.keep(now, e, d)
	}
	return waitsForRoom(d.Needs, e.worker)
}

// keep chooses the worker that is kept for a job: of those that wait and are large enough, the one with
// the most room now.
func (h *Hub) keep(now time.Time, e *starved, d dispatch.Demand) {
	var best *request
	for _, r := range h.requests {
		w := h.workers[r.Worker]
		if w == nil || r.Capacity == nil || !r.takes(d) || h.keptFor(now, r.Worker, d) ||
			d.Needs.Cores > w.total.Cores || d.Needs.Memory > w.total.Memory {
			continue
		}
		if best == nil || r.free.Cores > best.free.Cores ||
			r.free.Cores == best.free.Cores && r.free.Memory > best.free.Memory {
			best = r
		}
	}
	if best != nil {
		e.worker = best.Worker
		h.workers[best.Worker].kept = e
		h.log.Info("worker is kept for a large job", "worker", best.Worker, "queue", d.Pair.Queue, "wiki", d.Pair.Wiki)
	}
}

// keptFor reports whether a worker is kept for another job than this.
func (h *Hub) keptFor(now time.Time, name string, d dispatch.Demand) bool {
	w := h.workers[name]
	if name == "" || w == nil || w.kept == nil || w.kept.hunger == (hunger{d.Pair, d.Needs}) {
		return false
	}
	if h.stale(now, w.kept) {
		delete(h.starving, w.kept.hunger)
		w.kept = nil
		return false
	}
	return true
}

// stale reports whether a starving job is not there any more: dispatch has not asked for it, although it
// looks at every job whenever somebody waits.
func (h *Hub) stale(now time.Time, e *starved) bool {
	return now.Sub(e.asked) > starveLost && len(h.requests) > 0 && now.Sub(h.requests[0].since) > starveLost
}

// fed forgets that a job starved.
func (h *Hub) fed(key hunger) {
	e := h.starving[key]
	if e == nil {
		return
	}
	delete(h.starving, key)
	if w := h.workers[e.worker]; w != nil && w.kept == e {
		w.kept = nil
	}
}

// waitsForRoom says why a job waits although workers do.
func waitsForRoom(n jobqueue.Needs, worker string) string {
	var what []string
	if n.Cores > 0 {
		what = append(what, fmt.Sprintf("%g cores", n.Cores))
	}
	if n.Memory > 0 {
		what = append(what, fmt.Sprintf("%.4g GiB", float64(n.Memory)/(1<<30)))
	}
	text := "no worker that waits has " + strings.Join(what, " and ") + " free"
	if len(what) == 0 {
		text = "the workers that wait are kept for larger jobs"
	}
	if worker != "" {
		text += "; worker " + worker + " is kept for it"
	}
	return text
}
