package intake

import (
	"sync"

	"auwai/internal/fault"
)

// ErrFull answers a request for which there is no memory now.
var ErrFull = fault.New(fault.Unavailable, "intake: too many requests are being taken; try again in a moment")

// Ticket is the right to hold a body in memory. Release gives it back; it may be called again.
type Ticket struct {
	release func()
}

// Admit gives a ticket for a body of size bytes, before it is read. It never waits: a client that is
// told at once to come back costs less than one that is kept.
func (in *Intake) Admit(size int64) (*Ticket, error) {
	size = max(size, 4<<10)
	if !in.memory.TryAcquire(size) {
		return nil, ErrFull
	}
	return &Ticket{release: sync.OnceFunc(func() { in.memory.Release(size) })}, nil
}

// Release gives the ticket back.
func (t *Ticket) Release() {
	if t != nil {
		t.release()
	}
}
