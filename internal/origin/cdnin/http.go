package cdnin

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"

	"auwai/internal/fault"
)

// methodPurge is what caches call it; it is in no standard.
const methodPurge = "PURGE"

// retryAfter is what a client that is refused for now is told to wait, in seconds.
const retryAfter = "1"

// maxRequestID bounds what a client calls its request, in bytes.
const maxRequestID = 255

// HTTP answers PURGE requests. It implements http.Handler. Safe for concurrent use.
type HTTP struct {
	cfg    Config
	gather *gather
}

// NewHTTP returns an HTTP whose purges are taken while Run runs.
func NewHTTP(cfg Config) *HTTP {
	h := &HTTP{cfg: cfg}
	h.gather = newGather(&h.cfg, "http", false)
	return h
}

// Run takes purges until ctx ends, and returns nil. End the requests before it.
func (h *HTTP) Run(ctx context.Context) error {
	h.gather.run(ctx)
	return nil
}

// ServeHTTP answers one request when its purge is durable, or with what is wrong.
func (h *HTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	remote, err := net.ResolveTCPAddr("tcp", r.RemoteAddr) // an address, so nothing is looked up
	if err != nil || !h.cfg.allows(remote) {
		h.cfg.count(Refused, 1)
		say(w, http.StatusForbidden, "purges are not taken from "+r.RemoteAddr+"; add its network to cdn.allow_from")
		return
	}
	if r.Method != methodPurge {
		w.Header().Set("Allow", methodPurge)
		say(w, http.StatusMethodNotAllowed, fault.Short(r.Method)+" is not understood here; this address takes PURGE only")
		return
	}
	p := &purge{url: urlOf(r), client: remote.IP.String(), requestID: requestID(r)}
	if p.host, err = hostOf(p.url); err != nil {
		h.cfg.count(Invalid, 1)
		say(w, http.StatusBadRequest, err.Error())
		return
	}
	if p, err = h.gather.add(p); err != nil {
		h.cfg.count(Dropped, 1)
		later(w, err)
		return
	}
	select {
	case <-p.ended:
	case <-r.Context().Done():
		return // nobody is there to be told
	}
	switch {
	case p.err == nil:
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(http.StatusOK)
	case final(p.err):
		say(w, http.StatusBadRequest, p.err.Error())
	default:
		later(w, p.err)
	}
}

// urlOf returns what is to be purged: the request's target in absolute form, as MediaWiki sends it to
// a proxy, else the path on the host that the request names. Its bytes are the client's.
func urlOf(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		return "http://" + r.Host + r.RequestURI
	}
	return r.RequestURI
}

// requestID returns the request's own id when it can be kept as it is.
func requestID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	for i := range len(id) {
		if id[i] < 0x21 || id[i] > 0x7e {
			return ""
		}
	}
	if len(id) > maxRequestID {
		return ""
	}
	return id
}

// later answers a purge that was not taken now. What went wrong inside is in the intake's log.
func later(w http.ResponseWriter, err error) {
	text := "not taken; try again"
	if fault.KindOf(err) == fault.Unavailable {
		text = err.Error()
	}
	w.Header().Set("Retry-After", retryAfter)
	say(w, http.StatusServiceUnavailable, text)
}

// say answers with a sentence.
func say(w http.ResponseWriter, status int, text string) {
	text += "\n"
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // a client that is gone is told nothing
}
