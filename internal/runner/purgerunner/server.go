package purgerunner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"auwai/internal/runner"
)

// server is one cache. Safe for concurrent use.
type server struct {
	address   string
	transport *http.Transport
	userAgent string
	timeout   time.Duration
	slots     chan struct{} // one for each connection
}

// trouble is what went wrong on a cache; the zero value is nothing.
type trouble struct {
	why         string // in words
	class       string // in one word, as runner.Result.Class
	unreachable bool   // there was no connection
}

// purge asks the cache to forget a URL.
func (s *server) purge(ctx context.Context, t target, requestID string) trouble {
	// The wait for a connection is not the cache's fault, so its time-out begins after it.
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return trouble{why: "not asked in time", class: runner.ClassTimeout}
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	resp, err := s.transport.RoundTrip(s.request(ctx, t, requestID))
	if err != nil {
		return whyNoAnswer(err, s.timeout)
	}
	defer resp.Body.Close()
	// Only for the connection's sake: the status has come.
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxDrain))
	switch {
	case resp.StatusCode >= 200 && resp.StatusCode < 300, resp.StatusCode == http.StatusNotFound:
		return trouble{}
	case resp.StatusCode == http.StatusMethodNotAllowed, resp.StatusCode == http.StatusForbidden:
		return trouble{why: fmt.Sprintf("does not allow PURGE from here (%s): add the service's address to its access list",
			quote(resp.Status)), class: strconv.Itoa(resp.StatusCode)}
	}
	return trouble{why: "answered " + quote(resp.Status), class: strconv.Itoa(resp.StatusCode)}
}

// request returns the request in absolute form.
func (s *server) request(ctx context.Context, t target, requestID string) *http.Request {
	req := (&http.Request{
		Method: "PURGE",
		// Opaque goes into the request line as it is, after the scheme; Host is only dialled.
		URL:    &url.URL{Scheme: "http", Host: s.address, Opaque: "//" + t.authority + t.path},
		Host:   t.authority,
		Header: http.Header{"User-Agent": {s.userAgent}, "Accept": {"*/*"}},
		// A purge can be sent twice, so an idle connection that turns out to be closed is no
		// failure. An empty value is not sent; package net/http understands it so.
		Body: http.NoBody,
	}).WithContext(ctx)
	req.Header["Idempotency-Key"] = nil
	req.TransferEncoding = []string{"identity"} // makes net/http write Content-Length: 0, as MediaWiki does
	if runner.HeaderText(requestID) {
		req.Header.Set("X-Request-Id", requestID)
	}
	return req
}

// whyNoAnswer puts the reason into an operator's words.
func whyNoAnswer(err error, timeout time.Duration) trouble {
	away := func(why string) trouble { return trouble{why, runner.ClassConnection, true} }
	if name, ok := errors.AsType[*net.DNSError](err); ok {
		return away("the name " + name.Name + " does not resolve")
	}
	op, ok := errors.AsType[*net.OpError](err)
	dial := ok && op.Op == "dial"
	late := errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return away("refuses connections")
	case late && dial:
		return away("no connection in time")
	case late:
		return trouble{why: "no answer within " + timeout.String(), class: runner.ClassTimeout}
	case dial:
		return away("no connection: " + op.Err.Error())
	}
	return trouble{why: "no answer: " + strings.TrimPrefix(err.Error(), "net/http: "), class: runner.ClassConnection}
}
