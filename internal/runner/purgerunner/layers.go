package purgerunner

import (
	"cmp"
	"context"
	"strings"
	"sync"

	"auwai/internal/jobqueue"
	"auwai/internal/runner"
)

// down remembers the servers that could not be reached during one Work, so that 200 URLs do not
// wait for the same dead server 200 times. Safe for concurrent use.
type down struct {
	mu  sync.Mutex
	why map[*server]trouble // guarded by mu
}

func newDown() *down { return &down{why: map[*server]trouble{}} }

func (d *down) get(s *server) trouble {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.why[s]
}

func (d *down) set(s *server, why trouble) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.why[s] = why
}

// through sends one URL through the layers, one after the other, whatever becomes of it on a
// server, and tells the receivers of HTCP at last. ok is false when ctx was cancelled and the purge is not whole.
func (r *Runner) through(ctx context.Context, p *purge, d *down) (res runner.Result, ok bool) {
	var wrong []string
	class := ""
	for _, layer := range r.layers {
		why := make([]trouble, len(layer))
		var servers sync.WaitGroup
		for i, s := range layer {
			if i == len(layer)-1 { // the last one needs no goroutine
				why[i] = s.purgeUnlessDown(ctx, p, d)
				break
			}
			servers.Go(func() { why[i] = s.purgeUnlessDown(ctx, p, d) })
		}
		servers.Wait()
		if isCancelled(ctx) {
			return runner.Result{}, false
		}
		for i, s := range layer {
			if why[i].why != "" {
				wrong = append(wrong, "cache "+s.address+": "+why[i].why)
				class = cmp.Or(class, why[i].class)
			}
		}
		if ctx.Err() != nil {
			wrong = append(wrong, "the time-out of the purge has passed")
			class = cmp.Or(class, runner.ClassTimeout)
			break
		}
	}
	for _, h := range r.receivers {
		if ctx.Err() != nil {
			break // said above
		}
		if why := h.send(ctx, p.target); why != "" {
			wrong = append(wrong, "HTCP "+h.address+": "+why)
			class = cmp.Or(class, runner.ClassConnection)
		}
	}
	if len(wrong) > 0 {
		return runner.Result{Outcome: jobqueue.OutcomeFailed, Error: runner.Cut(strings.Join(wrong, "; "), jobqueue.MaxError), Class: class}, true
	}
	return runner.Result{Outcome: jobqueue.OutcomeDone}, true
}

// purgeUnlessDown purges the URL on the server.
func (s *server) purgeUnlessDown(ctx context.Context, p *purge, d *down) trouble {
	if why := d.get(s); why.why != "" {
		return why
	}
	why := s.purge(ctx, p.target, p.requestID)
	if why.unreachable && ctx.Err() == nil {
		d.set(s, why)
	}
	return why
}
