package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"auwai/internal/access"
	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/inspect"
)

// caller is who sent a request.
type caller struct {
	grant *access.Grant // nil with err
	err   error         // the token is not known
	token bool          // it sent one that counts
}

type callerKey struct{}

// callerOf returns who sent a request. Outside New's handler, which tests only can be, it is nobody.
func callerOf(r *http.Request) caller {
	c, ok := r.Context().Value(callerKey{}).(caller)
	if !ok {
		return caller{err: access.ErrUnknown}
	}
	return c
}

// grantOf returns what the sender of a request may do. Handlers have an admitted one.
func grantOf(r *http.Request) *access.Grant { return callerOf(r).grant }

// identified takes the token out of a request, so that nothing behind it can log it, and finds out
// who the caller is. It is the first of all handlers.
func (s *server) identified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, token := takeToken(r)
		c := caller{grant: access.Everything()}
		if s.Access != nil {
			addr, local := access.AddressOf(r.RemoteAddr)
			c.grant, c.err = s.Access().Of(token, addr, local)
			c.token = c.grant.Token() != ""
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, c)))
	})
}

// takeToken returns the request without its token, and the token: of the path (/t/TOKEN/v1/…, for
// clients that can send no header), of X-Auwai-Token, or of Authorization: Bearer, in this order. Other
// forms of Authorization are for a proxy in front.
func takeToken(r *http.Request) (*http.Request, string) {
	token, rest, inPath := cutPath(r.URL.EscapedPath())
	if !inPath && r.Header.Get("X-Auwai-Token") == "" && r.Header.Get("Authorization") == "" {
		return r, ""
	}
	out := r.Clone(r.Context())
	if inPath {
		path, err := url.PathUnescape(rest)
		if err != nil { // not possible: the whole was unescaped before
			path = rest
		}
		out.URL.Path, out.URL.RawPath = path, rest
		out.RequestURI = out.URL.RequestURI()
	}
	if t := strings.TrimSpace(r.Header.Get("X-Auwai-Token")); token == "" {
		token = t
	}
	if scheme, t, _ := strings.Cut(r.Header.Get("Authorization"), " "); token == "" && strings.EqualFold(scheme, "Bearer") {
		token = strings.TrimSpace(t)
	}
	out.Header.Del("X-Auwai-Token")
	out.Header.Del("Authorization")
	return out, token
}

// cutPath cuts /t/TOKEN off a path. Empty segments around the token count for nothing: a client whose
// base URL ends with a slash has them, and the token must not stay in the path.
func cutPath(path string) (token, rest string, ok bool) {
	first, rest := segment(path)
	if name, err := url.PathUnescape(first); err != nil || name != "t" {
		return "", path, false
	}
	token, rest = segment(rest)
	if t, err := url.PathUnescape(token); err == nil {
		token = t
	}
	return token, "/" + strings.TrimLeft(rest, "/"), true
}

// segment returns the first segment of a path that is not empty, and what is behind it.
func segment(path string) (first, rest string) {
	path = strings.TrimLeft(path, "/")
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}

// admits reports why a caller may not use a route, nil when it may.
func (rt *route) admits(c caller) error {
	switch {
	case rt.role == access.Anyone:
		return nil
	case c.err != nil:
		return c.err
	case !c.grant.May(rt.role) && !c.token:
		return access.ErrUnknown
	case !c.grant.May(rt.role):
		return fault.Newf(fault.Forbidden, "the token %q has not the role %s, which %s %s needs",
			c.grant.Token(), rt.role, rt.method, rt.path)
	case rt.scope == whole && !c.grant.AllWikis():
		return fault.Newf(fault.Forbidden, "%s %s is about all wikis, and the token %q is of some; use a token of all wikis",
			rt.method, rt.path, c.grant.Token())
	}
	return nil
}

// reachOf returns what bounds a list for the caller: nil when it reaches every wiki.
func reachOf(r *http.Request) *access.Grant {
	if g := grantOf(r); !g.AllWikis() {
		return g
	}
	return nil
}

// reachJob refuses the id of a job whose wiki the caller does not reach, as if there were none.
func reachJob(r *http.Request, id string) error {
	job, ok := ident.Parse(id)
	if ok && !grantOf(r).Reaches(job.Wiki) {
		return inspect.NoJob(id)
	}
	return nil // one that is no id is refused as such
}

// challenge asks for a token, as an answer with the status 401 has to (RFC 9110, section 11.6.1).
func challenge(w http.ResponseWriter) { w.Header().Set("WWW-Authenticate", `Bearer realm="auwai"`) }
