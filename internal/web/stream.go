package web

import (
	"net/http"
	"time"

	"auwai/internal/fault"
)

const (
	// beat is how often a stream says that it lives when there is nothing new, so that proxies keep it.
	beat = 20 * time.Second
	// writeWithin is how long a viewer may take to read what it was sent.
	writeWithin = 10 * time.Second
	// streamFor is how long a stream lasts; the browser opens another, and is asked for its role again.
	streamFor = 10 * time.Minute
)

// getLive streams the figures of the visitor's board as server-sent events, until it goes.
func (w *Web) getLive(v *visit) error {
	b, leave, err := w.watch(v.reach())
	if err != nil {
		return err
	}
	defer leave()
	c := http.NewResponseController(v.w)
	// The server bounds the reading of a request, and its connection with it; this one stays.
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		return fault.Wrap(fault.Unavailable, err, "keep the stream open")
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	v.w.WriteHeader(http.StatusOK)
	send := func(text []byte) bool {
		if c.SetWriteDeadline(time.Now().Add(writeWithin)) != nil {
			return false
		}
		_, err := v.w.Write(text)
		return err == nil && c.Flush() == nil
	}
	beats, end := time.NewTicker(beat), time.NewTimer(streamFor)
	defer beats.Stop()
	defer end.Stop()
	if !send([]byte("retry: 3000\n\n")) {
		return nil
	}
	for {
		text, news := w.latest(b)
		if text != nil && !send(append(append([]byte("event: figures\ndata: "), text...), "\n\n"...)) {
			return nil
		}
		for waiting := true; waiting; {
			select {
			case <-news:
				waiting = false
			case <-beats.C:
				if !send([]byte(": still here\n\n")) {
					return nil
				}
			case <-end.C:
				return nil
			case <-v.r.Context().Done():
				return nil
			case <-w.ended:
				return nil
			}
		}
	}
}
