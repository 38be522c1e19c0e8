package cdnin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"auwai/internal/backoff"
	"auwai/internal/fault"
	"auwai/internal/intake"
)

// Bounds, each with its reason.
const (
	// maxWaiting and maxWaitingBytes are some seconds of the greatest load, and little memory.
	maxWaiting      = 10_000
	maxWaitingBytes = 16 << 20
	// purgeBytes is about what a purge costs beside its strings.
	purgeBytes = 512
	// maxGroup and maxGroupBytes are one command of the intake when all URLs are of one wiki.
	maxGroup      = 1_000
	maxGroupBytes = 1 << 20
	// deliverTime bounds one group at the intake, which itself gives an outcome up after 4 s.
	deliverTime = 10 * time.Second
	// flushTime is what groups that nobody waits for have at the end.
	flushTime = 2 * time.Second
	// firstPause and longestPause are between two tries of a group that nobody waits for.
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// errNoRoom answers a purge for which there is no memory now.
var errNoRoom = fault.New(fault.Unavailable, "too many purges wait to be taken; try again in a moment")

// errEnded answers a purge that was not taken before the end.
var errEnded = fault.New(fault.Unavailable, "the service is stopping")

// purge is one URL on its way. It is not changed after it was made, but for what is said.
type purge struct {
	url, host, requestID, client string

	id    string
	at    time.Time
	count int           // how many asked; guarded by gather.mu until the purge is in a group
	ended chan struct{} // closed when err is set
	err   error         // read after ended
}

// gather collects purges and brings them to the intake, one group at a time.
type gather struct {
	cfg    *Config
	wire   string
	keep   bool // a group that the intake cannot take now is tried again
	log    *slog.Logger
	wake   chan struct{} // capacity 1
	random func() float64

	mu    sync.Mutex
	byURL map[string]*purge // guarded by mu
	order []*purge          // guarded by mu
	bytes int               // guarded by mu
}

func newGather(cfg *Config, wire string, keep bool) *gather {
	return &gather{
		cfg: cfg, wire: wire, keep: keep, log: cfg.log(), wake: make(chan struct{}, 1), random: rand.Float64,
		byURL: map[string]*purge{},
	}
}

// add takes a purge into the next group, and returns the one that is waited for. It does not block.
func (g *gather) add(p *purge) (*purge, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if twin := g.byURL[p.url]; twin != nil {
		twin.count++
		return twin, nil
	}
	size := p.size()
	if len(g.order) >= maxWaiting || g.bytes+size > maxWaitingBytes {
		return nil, errNoRoom
	}
	p.id, p.at, p.count, p.ended = g.cfg.NewID(), g.cfg.Now(), 1, make(chan struct{})
	g.byURL[p.url] = p
	g.order = append(g.order, p)
	g.bytes += size
	select {
	case g.wake <- struct{}{}:
	default:
	}
	return p, nil
}

func (p *purge) size() int { return purgeBytes + len(p.url) + len(p.host) + len(p.requestID) }

// take removes the next group from what waits.
func (g *gather) take() []*purge {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, size := 0, 0
	for n < len(g.order) && n < maxGroup && (n == 0 || size+g.order[n].size() <= maxGroupBytes) {
		size += g.order[n].size()
		n++
	}
	group := g.order[:n:n]
	if g.order = g.order[n:]; len(g.order) == 0 {
		g.order = nil // its array had room for all that ever waited
	}
	for _, p := range group {
		delete(g.byURL, p.url)
	}
	g.bytes -= size
	return group
}

// run brings groups to the intake until ctx ends, and then what waits still, for at most flushTime.
func (g *gather) run(ctx context.Context) {
	for ctx.Err() == nil {
		group := g.take()
		if len(group) == 0 {
			select {
			case <-g.wake:
			case <-ctx.Done():
			}
			continue
		}
		g.insist(ctx, group)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
	defer cancel()
	for group := g.take(); len(group) > 0; group = g.take() {
		g.settle(g.deliver(last, group), Dropped, errEnded)
	}
}

// insist delivers a group, and, where the gather keeps what cannot be taken now, tries again until it
// is or ctx ends.
func (g *gather) insist(ctx context.Context, group []*purge) {
	pauses := backoff.Policy{First: firstPause, Factor: 2, Max: longestPause, Jitter: 0.2}
	for n := 1; ; n++ {
		work, cancel := context.WithTimeout(context.WithoutCancel(ctx), deliverTime)
		group = g.deliver(work, group)
		cancel()
		if len(group) == 0 {
			return
		}
		if !g.keep {
			g.settle(group, Failed, nil)
			return
		}
		timer := time.NewTimer(pauses.Delay(n, g.random()))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			g.settle(group, Dropped, errEnded)
			return
		}
	}
}

// deliver brings a group to the intake, ends the purges whose fate is sealed, and returns those that
// may be tried again, with their errors.
func (g *gather) deliver(ctx context.Context, group []*purge) []*purge {
	result, err := g.ask(ctx, group)
	if err != nil {
		for _, p := range group {
			p.err = err
		}
		return g.again(group)
	}
	for _, p := range group {
		p.err = nil
	}
	for _, list := range [...][]intake.Fault{result.Invalid, result.Errors} {
		for i := range list {
			group[list[i].Context.Index].err = list[i].Err
		}
	}
	return g.again(group)
}

// again ends the purges that were taken or never will be, and returns the others.
func (g *gather) again(group []*purge) (left []*purge) {
	taken, invalid, failed := 0, 0, 0
	for _, p := range group {
		switch {
		case p.err == nil:
			taken += p.count
		case final(p.err):
			invalid += p.count
		case repeatable(p.err):
			left = append(left, p)
			continue
		default:
			failed += p.count
		}
		close(p.ended)
	}
	g.cfg.count(Accepted, taken)
	g.cfg.count(Invalid, invalid)
	g.cfg.count(Failed, failed)
	return left
}

// settle ends purges that are not tried again; err stands in for what they have, unless nil.
func (g *gather) settle(group []*purge, outcome string, err error) {
	n := 0
	for _, p := range group {
		n += p.count
		if err != nil {
			p.err = err
		}
		close(p.ended)
	}
	if n > 0 {
		g.log.Warn("purges were not taken", "wire", g.wire, "count", n, "outcome", outcome, "err", group[0].err)
	}
	g.cfg.count(outcome, n)
}

// ask hands a group to the intake. The error is of the group as a whole.
func (g *gather) ask(ctx context.Context, group []*purge) (intake.EventsResult, error) {
	text, err := body(group, g.wire)
	if err != nil {
		return intake.EventsResult{}, fmt.Errorf("write purges as events: %w", err)
	}
	ticket, err := g.cfg.Intake.Admit(int64(len(text)))
	if err != nil {
		return intake.EventsResult{}, err
	}
	result := g.cfg.Intake.Events(ctx, ticket, text, intake.Source{Client: client(group)}, false)
	return result, result.Err
}

// client is who sent a group, "" when there were several.
func client(group []*purge) string {
	for _, p := range group {
		if p.client != group[0].client {
			return ""
		}
	}
	return group[0].client
}

// repeatable reports whether trying again can help. A group that was late has taken its time only.
func repeatable(err error) bool {
	k := fault.KindOf(err)
	return k == fault.Unavailable || k == fault.Unknown || errors.Is(err, context.DeadlineExceeded)
}

func final(err error) bool {
	k := fault.KindOf(err)
	return k == fault.Invalid || k == fault.TooLarge
}
