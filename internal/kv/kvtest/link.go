package kvtest

import (
	"context"
	"sync"

	"auwai/internal/kv"
	"auwai/internal/kv/faultkv"
)

// LinkOver returns a link with every ability over an engine of this process, made with package
// faultkv. Engines with a network between have links of their own: a proxy.
func LinkOver(engine kv.Engine) Link {
	l := &madeLink{}
	l.engine = faultkv.Wrap(engine, faultkv.Config{Decide: l.decide, Pause: l.pause})
	return Link{
		Engine:    l.engine,
		LoseReply: func() { l.arm(faultkv.LoseReply) },
		DeliverLate: func() func() error {
			l.arm(faultkv.Late)
			return func() error {
				_, err := l.engine.Deliver(context.Background())
				return err
			}
		},
		CutRequest: func() { l.arm(faultkv.Drop) },
		Freeze:     l.freeze,
	}
}

type madeLink struct {
	engine *faultkv.Engine

	mu     sync.Mutex // guards all below
	next   faultkv.Outcome
	frozen chan struct{} // closed when the next commit stands still; nil when none is to
	thawed chan struct{}
}

func (l *madeLink) arm(o faultkv.Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next = o
}

func (l *madeLink) decide(c faultkv.Call) faultkv.Outcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c != faultkv.Commit {
		return faultkv.Pass
	}
	next := l.next
	l.next = faultkv.Pass
	return next
}

func (l *madeLink) freeze() (<-chan struct{}, func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	frozen, thawed := make(chan struct{}), make(chan struct{})
	l.frozen, l.thawed = frozen, thawed
	return frozen, func() { close(thawed) }
}

func (l *madeLink) pause(_ context.Context, c faultkv.Call) error {
	if c != faultkv.Commit {
		return nil
	}
	l.mu.Lock()
	frozen, thawed := l.frozen, l.thawed
	l.frozen = nil
	l.mu.Unlock()
	if frozen != nil {
		close(frozen)
		<-thawed
	}
	return nil
}
