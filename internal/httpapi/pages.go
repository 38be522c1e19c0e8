package httpapi

import (
	"net/http"

	"auwai/internal/access"
)

// Pages is what people look at in a browser, beside the interface for programs.
type Pages interface {
	// Route returns the name of the page that a request is for; false when it is for none.
	Route(r *http.Request) (name string, ok bool)
	// ServePage answers it. g is what the sender may do by its address, or by the token that it sent; a
	// session of the page's own may say otherwise. Pages guard themselves against what a browser should
	// not send.
	ServePage(w http.ResponseWriter, r *http.Request, g *access.Grant)
}

// paged hands requests for pages on.
func (s *server) paged(next http.Handler) http.Handler {
	if s.Pages == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, ok := s.Pages.Route(r)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		nameRoute(w, name)
		c := callerOf(r)
		if c.err != nil {
			s.fail(w, r, c.err)
			return
		}
		s.Pages.ServePage(w, r, c.grant)
	})
}
