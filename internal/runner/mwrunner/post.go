package mwrunner

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"auwai/internal/runner"
)

// newTransport returns the connections of a Client. They speak HTTP/1.1: PHP does, and the bounds
// below are by connection.
func newTransport(cfg Config) *http.Transport {
	conns := cmp.Or(cfg.MaxConns, DefaultMaxConns)
	dialer := &net.Dialer{Timeout: cmp.Or(cfg.DialTimeout, DefaultDialTimeout)}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    dialer.Timeout,
		MaxConnsPerHost:        conns,
		MaxIdleConnsPerHost:    conns,
		MaxIdleConns:           maxIdle,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true, // a compressed answer arrives in one piece, not line by line
	}
}

// call is one request to a wiki.
type call struct {
	address   string
	form      bool // the body is a form, not JSON
	body      []byte
	fence     uint64
	requestID string
	signature string
}

// unanswered says why a request brought no answer.
type unanswered struct {
	connected bool // there was a connection, so the wiki may have got the request
	err       error
}

// post sends a request. Either the answer is not nil, and its body is the caller's to close, or the
// reason is not nil.
func (c *Client) post(ctx context.Context, wiki Wiki, q call) (*http.Response, *unanswered) {
	// A connection that was idle may turn out to be closed before anything was written; the request
	// then gets a new one, for which GetConn is called again.
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { connected.Store(false) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, q.address, bytes.NewReader(q.body))
	if err != nil {
		return nil, &unanswered{err: err}
	}
	if wiki.Host != "" {
		req.Host = wiki.Host
	}
	req.Header.Set("Content-Type", "application/json")
	if q.form {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("User-Agent", c.userAgent)
	req.Header.Set("X-Auwai-Fence", strconv.FormatUint(q.fence, 10))
	if runner.HeaderText(q.requestID) {
		req.Header.Set("X-Request-Id", q.requestID)
	}
	if q.signature != "" {
		req.Header.Set(signatureHeader, q.signature)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if outer, ok := errors.AsType[*url.Error](err); ok {
			err = outer.Err // the outer text repeats method and address
		}
		return nil, &unanswered{connected: connected.Load(), err: err}
	}
	return resp, nil
}

// entryPoint returns the address of one of MediaWiki's entry points, such as /rest.php, with a path
// below it.
func entryPoint(wiki Wiki, path string) string {
	script := strings.Trim(wiki.ScriptPath, "/")
	if script != "" {
		script = "/" + script
	}
	return atRoot(wiki, script+path)
}

// atRoot returns the address of a path of the wiki's server.
func atRoot(wiki Wiki, path string) string {
	return strings.TrimRight(wiki.URL, "/") + path
}

// verdict says what a request without an answer means for its jobs; a cancelled ctx is not asked.
func (u *unanswered) verdict(ctx context.Context, w runner.Work) verdict {
	switch {
	case !u.connected:
		return verdict{reach: reachAll, result: holdDB(whyNoConnection(u.err))}
	case ctx.Err() != nil:
		return verdict{reach: reachSuspect, result: timedOut(late(w))}
	}
	return verdict{reach: reachSuspect, result: broke(
		"the connection closed without an answer, as it does when the PHP worker is killed: " + plain(u.err.Error()))}
}

// whyNoConnection puts the reason into an operator's words.
func whyNoConnection(err error) string {
	if name, ok := errors.AsType[*net.DNSError](err); ok {
		return "the name " + name.Name + " of the wiki's server does not resolve: " + plain(name.Err)
	}
	where := "the wiki's server"
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Addr != nil {
		where += " at " + op.Addr.String()
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return where + " refuses connections"
	case errors.Is(err, context.DeadlineExceeded):
		return "no connection to " + where + " in time"
	}
	return "no connection to " + where + ": " + plain(err.Error())
}

// late is the text of a job whose answer did not come in time.
func late(w runner.Work) string {
	within := "in time"
	if w.Timeout > 0 {
		within = "within " + w.Timeout.String()
	}
	return "no answer " + within + "; the wiki may still be running the job, and the next attempt may then run beside it"
}
