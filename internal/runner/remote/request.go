package remote

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"auwai/internal/dispatch"
	"auwai/internal/fault"
	"auwai/internal/jobqueue"
	"auwai/internal/runner"
)

// Request asks for jobs.
type Request struct {
	// Queues are their names, up to MaxQueues; none for any: of all queues that are for workers, or, with
	// Wiki, of all of the wiki's but those whose names begin with "auwai.", which are the service's own.
	Queues []string
	// Wiki makes the request a pull; "" for any wiki, of queues that are for workers.
	Wiki string
	// Allowed says which wikis the caller may have jobs of; nil: all.
	Allowed func(wiki string) bool
	Limit   int           // jobs, 1 to MaxLimit; 0: 1
	Wait    time.Duration // until there is one, up to MaxWait; 0: only what is ready
	// Capacity is what the worker has free now; nil: it takes jobs of any size.
	Capacity *jobqueue.Needs
	Worker   string        // its name, up to MaxWorker bytes; what carries out many requests has one
	Timeout  time.Duration // between heartbeats, MinPeriod to MaxPeriod; 0: as the queue says
}

// Job is a job in the hands of whoever asked for it.
type Job struct {
	Wiki, Queue string
	Item        runner.Item
	Fence       uint64
	Token       string
	Deadline    time.Time
}

// request is one that waits. Its fields are guarded by the hub's mutex.
type request struct {
	Request

	number  uint64
	since   time.Time
	hurried bool // it does not wait
	granted int  // on their way
	offered []*lease
	bytes   int
	free    jobqueue.Needs // of Capacity, what is left
	refuse  bool           // it takes nothing more
	done    chan struct{}  // closed when it is answered
	over    bool           // done is closed
}

// Check reports what is wrong with a request.
func (q *Request) Check() error {
	switch {
	case q.Limit < 0 || q.Limit > MaxLimit:
		return fault.Field("limit", "is %d; a number from 1 to %d is expected", q.Limit, MaxLimit)
	case len(q.Queues) > MaxQueues:
		return fault.Field("queues", "has %d names; at most %d are allowed", len(q.Queues), MaxQueues)
	case q.Wait < 0 || q.Wait > MaxWait:
		return fault.Field("wait", "is %s; a duration from 0s to %s is expected", q.Wait, MaxWait)
	case q.Timeout != 0 && (q.Timeout < MinPeriod || q.Timeout > MaxPeriod):
		return fault.Field("timeout", "is %s; a duration from %s to %s is expected", q.Timeout, MinPeriod, MaxPeriod)
	case q.Capacity != nil && q.Capacity.Cores < 0:
		return fault.Field("capacity.cores", "is %g; it cannot be negative", q.Capacity.Cores)
	case q.Capacity != nil && q.Capacity.Memory < 0:
		return fault.Field("capacity.memory", "is %d; it cannot be negative", q.Capacity.Memory)
	case len(q.Worker) > MaxWorker:
		return fault.Field("worker", "has %d bytes; at most %d are allowed", len(q.Worker), MaxWorker)
	case !utf8.ValidString(q.Worker) || strings.ContainsFunc(q.Worker, unicode.IsControl):
		return fault.Field("worker", "has control characters; remove them")
	}
	return nil
}

// Claim waits for jobs and returns them, none when there was none in time. When ctx ends before it
// returns, what was granted returns to its place. Errors: Invalid, Unavailable.
func (h *Hub) Claim(ctx context.Context, q Request) ([]Job, error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	q.Limit = max(q.Limit, 1)
	now := time.Now()
	r := &request{Request: q, since: now, hurried: q.Wait == 0, done: make(chan struct{})}
	if q.Capacity != nil {
		r.free = *q.Capacity
	}
	if err := h.enter(now, r); err != nil {
		return nil, err
	}
	timer := time.NewTimer(cmp.Or(q.Wait, lookWithin))
	defer timer.Stop()
	select {
	case <-r.done:
	case <-ctx.Done():
	case <-timer.C:
		h.refuse(r)
		timer.Reset(grantWithin)
		select {
		case <-r.done:
		case <-ctx.Done():
		case <-timer.C:
		}
	}
	return h.leave(ctx, r)
}

func (h *Hub) enter(now time.Time, r *request) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.draining:
		return fault.New(fault.Unavailable, "the service is stopping; ask again when it is back")
	case len(h.requests) >= maxRequests:
		return fault.Newf(fault.Unavailable, "%d requests wait for jobs already", maxRequests)
	}
	h.asked++
	r.number = h.asked
	h.requests = append(h.requests, r)
	h.seen(now, r)
	h.wake()
	return nil
}

// refuse has a request take nothing more, since its time is up.
func (h *Hub) refuse(r *request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r.refuse = true
	r.settle()
	h.compact()
}

// leave ends a request. Its jobs are the caller's, unless it has gone.
func (h *Hub) leave(ctx context.Context, r *request) ([]Job, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r.end()
	h.compact()
	if err := ctx.Err(); err != nil {
		for _, l := range r.offered {
			l.giveUp()
		}
		return nil, fault.Wrap(fault.Unavailable, err, "wait for jobs")
	}
	jobs := make([]Job, 0, len(r.offered))
	for _, l := range r.offered {
		if l.decided {
			continue // its partition has gone meanwhile
		}
		jobs = append(jobs, Job{
			Wiki: l.work.Wiki, Queue: l.work.Queue, Item: l.work.Jobs[0], Fence: l.work.Fence,
			Token: l.token, Deadline: l.deadline,
		})
	}
	return jobs, nil
}

// compact drops the requests that were answered.
func (h *Hub) compact() {
	h.requests = slices.DeleteFunc(h.requests, func(r *request) bool { return r.over })
}

// takes reports whether the request wants a job of the pair, whatever room it has.
func (r *request) takes(d dispatch.Demand) bool {
	switch {
	case r.refuse || r.over || r.got() >= r.Limit || r.bytes >= maxAnswer:
		return false
	case !d.Remote && (r.Wiki == "" || strings.HasPrefix(d.Pair.Queue, ownQueues)):
		return false
	case len(r.Queues) > 0 && !slices.Contains(r.Queues, d.Pair.Queue), r.Wiki != "" && r.Wiki != d.Pair.Wiki:
		return false
	}
	return r.Allowed == nil || r.Allowed(d.Pair.Wiki)
}

// ownQueues is how the names of the service's own queues begin.
const ownQueues = "auwai."

func (r *request) got() int { return r.granted + len(r.offered) }

// ungrant takes back what a grant took.
func (r *request) ungrant(n jobqueue.Needs) {
	r.granted--
	r.put(n)
	r.settle()
}

// settle answers the request when nothing is on its way to it and it has jobs or takes no more.
func (r *request) settle() {
	if r.granted == 0 && (r.refuse || len(r.offered) > 0) {
		r.end()
	}
}

func (r *request) end() {
	if !r.over {
		r.over = true
		close(r.done)
	}
}
