package phppool

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// errNoPlace says that no worker came in time, so nothing was tried.
var errNoPlace = errors.New("no place for a worker in time")

// acquire returns a worker of the wiki that is this caller's until release. fresh says that the worker
// was started for it. The error is errNoPlace, or says why a worker does not start.
func (p *Pool) acquire(ctx context.Context, name string, wiki Wiki) (s *seat, fresh bool, err error) {
	select {
	case <-p.running:
	case <-ctx.Done():
		return nil, false, errNoPlace
	}
	g, err := p.place(ctx, name)
	switch {
	case err != nil:
		return nil, false, err
	case ctx.Err() != nil: // both came at once
		p.refuse(g)
		return nil, false, errNoPlace
	case g.seat != nil && g.seat.worker.usable(wiki):
		return g.seat, false, nil
	case g.seat != nil:
		g.evict = g.seat // the configuration has changed, or it died in its sleep
	}
	s, err = p.start(ctx, name, wiki, g.evict)
	return s, true, err
}

// refuse gives a grant back.
func (p *Pool) refuse(g grant) {
	switch {
	case g.seat != nil:
		p.release(g.seat)
	case g.evict != nil:
		p.release(g.evict)
	default:
		p.vacate()
	}
}

// place waits for a grant.
func (p *Pool) place(ctx context.Context, name string) (grant, error) {
	p.mu.Lock()
	g, w := p.roster.ask(time.Now(), name)
	p.mu.Unlock()
	if w == nil {
		return g, nil
	}
	select {
	case g = <-w.grant:
		return g, nil
	case <-ctx.Done():
	case <-p.closed:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.roster.leave(w) {
		return grant{}, errNoPlace
	}
	return <-w.grant, nil // it came at the same moment; the caller gives it back when it cannot use it
}

// start starts a worker on a place that is the caller's, after the one that has it ended, and waits
// until it is ready. When ctx ends first the worker is for others when it is ready: a start that takes
// longer than a work may wait would else be begun for ever.
func (p *Pool) start(ctx context.Context, name string, wiki Wiki, evict *seat) (*seat, error) {
	type outcome struct {
		seat *seat
		err  error
	}
	done := make(chan outcome, 1)
	p.background(func() {
		if evict != nil {
			evict.worker.end()
			p.forget(evict.worker)
		}
		s, err := p.startNow(name, wiki)
		if err != nil {
			p.vacate()
		}
		done <- outcome{s, err}
	})
	select {
	case o := <-done:
		return o.seat, o.err
	case <-ctx.Done():
	}
	p.background(func() {
		if o := <-done; o.err == nil {
			p.release(o.seat)
		} else {
			p.log.Warn("worker does not start", "wiki", name, "err", o.err)
		}
	})
	return nil, errNoPlace
}

// startNow starts a worker and waits until it is ready.
func (p *Pool) startNow(name string, wiki Wiki) (*seat, error) {
	p.mu.Lock()
	p.count++
	w := newWorker(p, name, wiki, p.count)
	p.mu.Unlock()
	started := make(chan error, 1)
	select {
	case p.starts <- func() { started <- p.launch(w) }:
	case <-p.closed:
		return nil, errNoPlace
	}
	if err := <-started; err != nil {
		return nil, fmt.Errorf("the worker cannot be started: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	if err := w.awaitReady(ctx); err != nil {
		w.kill()
		<-w.gone
		p.forget(w)
		return nil, err
	}
	return &seat{wiki: name, worker: w}, nil
}

// background has f carried out by a goroutine that Run waits for; here and now when it ends already.
func (p *Pool) background(f func()) {
	p.mu.Lock()
	over := p.isClosed()
	if !over {
		p.workers.Go(f)
	}
	p.mu.Unlock()
	if over {
		f()
	}
}

func (p *Pool) isClosed() bool {
	select {
	case <-p.closed:
		return true
	default:
		return false
	}
}

// launch starts the process, in the thread for that.
func (p *Pool) launch(w *worker) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isClosed() {
		return errNoPlace
	}
	if err := w.start(); err != nil {
		return err
	}
	p.live[w] = struct{}{}
	p.workers.Go(w.wait)
	return nil
}

// release gives a worker back. When it cannot go on it ends, and its place is free when it has.
func (p *Pool) release(s *seat) {
	w := s.worker
	if w.lasts() && !p.isClosed() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.roster.back(time.Now(), s)
		return
	}
	p.background(func() { p.retire(w) })
}

// retire ends a worker and gives its place back.
func (p *Pool) retire(w *worker) {
	w.end()
	p.forget(w)
	p.vacate()
}

// forget closes what is left of a worker that has ended.
func (p *Pool) forget(w *worker) {
	w.close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.live, w)
}

// vacate gives a place back.
func (p *Pool) vacate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.roster.gone()
}

// endIdle ends workers that have been idle for long and returns when to do so again.
func (p *Pool) endIdle(now time.Time) time.Duration {
	p.mu.Lock()
	tired, next := p.roster.tired(now)
	p.mu.Unlock()
	for _, s := range tired {
		p.background(func() { p.retire(s.worker) })
	}
	return next
}

func (p *Pool) killAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for w := range p.live {
		w.kill()
	}
}

// script is the path of the worker script.
func (w Wiki) script() string {
	script := w.Script
	if script == "" {
		script = DefaultScript
	}
	if filepath.IsAbs(script) {
		return script
	}
	return filepath.Join(w.Path, script)
}
