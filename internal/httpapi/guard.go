package httpapi

import (
	"net/http"

	"auwai/internal/access"
	"auwai/internal/fault"
)

// guarded refuses what a browser should not send; see the package comment.
func (s *server) guarded(next http.Handler) http.Handler {
	var origins http.CrossOriginProtection
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if callerOf(r).token { // it is not trusted for where it comes from, and no page of another knows it
			next.ServeHTTP(w, r)
			return
		}
		if s.Listen != "" && access.FromBrowser(r) && !access.KnownHost(r.Host, s.Listen) {
			s.problem(w, r, http.StatusMisdirectedRequest, "forbidden", "Host",
				"the request names the host "+fault.Short(r.Host)+"; use an address, such as "+s.Listen+", or send a token")
			return
		}
		if err := origins.Check(r); err != nil {
			s.problem(w, r, http.StatusForbidden, "forbidden", "Origin", "a web page of another origin may not do this")
			return
		}
		next.ServeHTTP(w, r)
	})
}
