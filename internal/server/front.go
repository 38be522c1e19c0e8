package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// front is an HTTP server that ends without cutting a request off. http.Server.Shutdown alone drops
// what arrives on a connection that was accepted before it, and a client such as EventBus does not send
// again. So at the end
//
//  1. every answer asks the client to open another connection for its next request;
//  2. the socket is left: from then on new connections wait in it for the next process;
//  3. what was accepted is answered;
//  4. the connections that have nothing to say are closed.
type front struct {
	server  *http.Server
	leaving atomic.Bool
	served  chan error // capacity 1: what Serve returned

	mu       sync.Mutex
	listener net.Listener      // guarded by mu; nil: not served yet
	busy     map[net.Conn]bool // guarded by mu; that have a request, or, true, may have their first
	changed  chan struct{}     // capacity 1
}

const (
	// lingerFor is how long connections are asked to go elsewhere before the socket is left, so that
	// clients that are at work have gone by themselves.
	lingerFor = 250 * time.Millisecond
	// firstWithin is how long a connection may take to its first request when the socket is left.
	// Clients that connect ahead of their requests would delay the end otherwise.
	firstWithin = time.Second
	// requestsWithin bounds the time in which open requests are finished.
	requestsWithin = 10 * time.Second
)

// newFront takes the server over: its Handler is wrapped, its ConnState set.
func newFront(server *http.Server) *front {
	f := &front{
		server: server, served: make(chan error, 1), busy: map[net.Conn]bool{}, changed: make(chan struct{}, 1),
	}
	handler := server.Handler
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.leaving.Load() {
			w.Header().Set("Connection", "close")
		}
		handler.ServeHTTP(w, r)
	})
	server.ConnState = f.state
	return f
}

func (f *front) state(c net.Conn, s http.ConnState) {
	f.mu.Lock()
	switch s {
	case http.StateNew:
		f.busy[c] = true
	case http.StateActive:
		f.busy[c] = false
	case http.StateIdle, http.StateHijacked, http.StateClosed:
		delete(f.busy, c)
	}
	f.mu.Unlock()
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

// serve answers requests until the listener is closed. What it ended with is in served.
func (f *front) serve(l net.Listener) {
	f.mu.Lock()
	f.listener = l
	f.mu.Unlock()
	f.served <- f.server.Serve(l)
}

// leave has answers ask for another connection. Requests are answered as before.
func (f *front) leave() { f.leaving.Store(true) }

// close ends the server in order, or at once when ctx has ended. asked says how long ago leave was
// called. It returns an error when requests were cut off.
func (f *front) close(ctx context.Context, asked time.Duration) error {
	defer func() { _ = f.server.Close() }() // what is left has nothing to say, or had its time
	f.mu.Lock()
	listener := f.listener
	f.mu.Unlock()
	if listener == nil {
		return nil
	}
	wait(ctx, nil, lingerFor-asked)
	if err := listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("leave the socket: %w", err)
	}
	<-f.served                           //nolint:errcheck // what was accepted is known now; a fault was seen by wait
	f.server.SetKeepAlivesEnabled(false) // answers that were begun before leave close their connection too
	for left := time.Now(); ; {
		now := time.Since(left)
		n := f.pending(now >= firstWithin)
		switch {
		case n == 0:
			return nil
		case ctx.Err() != nil || now >= requestsWithin:
			return fmt.Errorf("%d requests were cut off", n)
		case now < firstWithin:
			wait(ctx, f.changed, firstWithin-now)
		default:
			wait(ctx, f.changed, requestsWithin-now)
		}
	}
}

// pending returns how many connections have a request. Those that may have their first one count too,
// but when it is late.
func (f *front) pending(late bool) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, first := range f.busy {
		if !first || !late {
			n++
		}
	}
	return n
}

// wait returns after d, or earlier when there is something on the channel or ctx ends.
func wait(ctx context.Context, changed <-chan struct{}, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	case <-ctx.Done():
	}
}
