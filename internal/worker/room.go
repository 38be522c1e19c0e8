package worker

import (
	"context"
	"sync"

	"auwai/api"
	"auwai/internal/jobqueue"
)

// room counts what is free.
type room struct {
	limited bool
	changed chan struct{} // something became free; one place, since what counts is that it did

	mu    sync.Mutex
	slots int            // guarded by mu
	free  jobqueue.Needs // guarded by mu
}

func newRoom(slots int, capacity *jobqueue.Needs) *room {
	r := &room{slots: slots, changed: make(chan struct{}, 1)}
	if capacity != nil {
		r.limited, r.free = true, *capacity
	}
	return r
}

// await waits for a free slot and returns what is free; nil when no capacity is stated. ok is false when
// ctx ended.
func (r *room) await(ctx context.Context) (slots int, free *jobqueue.Needs, ok bool) {
	for {
		if ctx.Err() != nil {
			return 0, nil, false
		}
		if slots, free = r.now(); slots > 0 {
			return slots, free, true
		}
		select {
		case <-r.changed:
		case <-ctx.Done():
		}
	}
}

func (r *room) now() (slots int, free *jobqueue.Needs) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.limited {
		// It can be over: what a job needs is the service's configuration, which may have changed.
		free = &jobqueue.Needs{Cores: max(r.free.Cores, 0), Memory: max(r.free.Memory, 0)}
	}
	return r.slots, free
}

func (r *room) take(jobs []api.ClaimedJob) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range jobs {
		r.add(&jobs[i], -1)
	}
}

func (r *room) give(job *api.ClaimedJob) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.add(job, 1)
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// add is take and give with the lock.
func (r *room) add(job *api.ClaimedJob, sign int) {
	r.slots += sign
	if n := job.Needs; n != nil {
		r.free.Cores += float64(sign) * n.Cores
		r.free.Memory += int64(sign) * n.Memory
	}
}
