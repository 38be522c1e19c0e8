package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"auwai/internal/access"
	"auwai/internal/fault"
)

// visit is one request on its way.
type visit struct {
	*Web

	w        http.ResponseWriter
	r        *http.Request
	now      time.Time
	grant    *access.Grant
	byHeader bool   // the token came in a header, as a program or a proxy sends it
	session  string // the token of the session; "" for none
	stale    bool   // the cookie has a token that is not known any more
	nonce    string // of this browser, for marks
	form     url.Values
	err      error
}

// Names of cookies. Browsers give the cookies of a host to all its ports, so they say whose they are.
const (
	sessionCookie = "auwai_session"
	nonceCookie   = "auwai_nonce"
)

// maxForm bounds the body of a form: the ids of a page of jobs, and words.
const maxForm = 256 << 10

// enter finds out who the visitor is, and refuses what it may not do.
func (v *visit) enter(p *page) error {
	v.identify()
	if !v.byHeader && v.session == "" && v.cfg.Listen != "" && v.anyRole() &&
		access.FromBrowser(v.r) && !access.KnownHost(v.r.Host, v.cfg.Listen) {
		return &statusError{http.StatusMisdirectedRequest, fault.Newf(fault.Forbidden,
			"the address names the host %s; open the dashboard by an address, such as %s, or have it ask for a token", fault.Short(v.r.Host), v.cfg.Listen)}
	}
	if err := v.origins.Check(v.r); err != nil {
		return fault.Newf(fault.Forbidden, "this form was sent by a page of another site; nothing was done")
	}
	if p.method == http.MethodPost {
		if err := v.readForm(); err != nil {
			return err
		}
	}
	if p.role == access.Anyone || v.grant.May(p.role) {
		return nil
	}
	if v.grant.Token() == "" {
		return access.ErrUnknown
	}
	return fault.Newf(fault.Forbidden, "the token %q has not the role %s; sign in with one that has it", v.grant.Token(), p.role)
}

// identify takes the session's token before what the address may do: who signs in wants to be that.
func (v *visit) identify() {
	if c, err := v.r.Cookie(sessionCookie); err == nil && c.Value != "" && v.cfg.Access != nil && !v.byHeader {
		addr, local := access.AddressOf(v.r.RemoteAddr)
		if g, err := v.cfg.Access().Of(c.Value, addr, local); err != nil {
			v.stale = true
		} else if g.Token() != "" {
			v.grant, v.session = g, c.Value
		}
	}
	if c, err := v.r.Cookie(nonceCookie); err == nil && len(c.Value) <= maxNonce {
		v.nonce = c.Value
	}
}

// anyRole reports whether the visitor may do something that others may not.
func (v *visit) anyRole() bool {
	return slices.ContainsFunc([]access.Role{access.Admin, access.Read, access.Run, access.Produce}, v.grant.May)
}

// admin reports whether the visitor may change what is of a wiki; "" is all wikis.
func (v *visit) admin(wiki string) bool {
	if !v.grant.May(access.Admin) {
		return false
	}
	return v.grant.AllWikis() || wiki != "" && v.grant.Reaches(wiki)
}

// reach is who asks, for lists: nil when it reaches every wiki.
func (v *visit) reach() *access.Grant {
	if v.grant.AllWikis() {
		return nil
	}
	return v.grant
}

// readForm reads the body of a form, and refuses one that is not of our pages.
func (v *visit) readForm() error {
	kind, _, _ := strings.Cut(v.r.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded") {
		return fault.Newf(fault.Invalid, "the body is no form; programs use the interface under /v1")
	}
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
	if err := v.r.ParseForm(); err != nil {
		return fault.Wrap(fault.Invalid, err, "read the form")
	}
	v.form = v.r.PostForm //nolint:forbidigo // a field of the request; the rule means http.PostForm
	if !v.marked(v.form.Get("mark")) {
		return fault.Newf(fault.Forbidden, "this form is too old, or not of this browser; nothing was done. Go back, load the page again, and send it once more")
	}
	return nil
}

func (w *Web) getSignIn(v *visit) error { return v.signIn(http.StatusOK, "") }

// postSignIn puts a token that is known into a cookie. It is the token itself: there is nothing to
// keep here, it outlives a restart, and it ends when the token is taken out of the configuration.
func (w *Web) postSignIn(v *visit) error {
	token := strings.TrimSpace(v.form.Get("token"))
	if v.cfg.Access == nil {
		v.see("/", nil)
		return nil
	}
	addr, local := access.AddressOf(v.r.RemoteAddr)
	g, err := v.cfg.Access().Of(token, addr, local)
	switch {
	case err != nil || g.Token() == "":
		return v.signIn(http.StatusUnauthorized, "This token is not known here.")
	case !g.May(access.Read):
		return v.signIn(http.StatusForbidden, "The token "+g.Token()+" has not the role read, which pages need.")
	}
	v.setCookie(sessionCookie, token, 0)
	v.see(v.back(v.form.Get("back")), nil)
	return nil
}

func (w *Web) postSignOut(v *visit) error {
	v.setCookie(sessionCookie, "", -1)
	v.see("/sign-in", nil)
	return nil
}

func (v *visit) signIn(status int, wrong string) error {
	if v.stale && wrong == "" {
		wrong = "The token of this session is not known any more."
	}
	back := v.r.URL.Query().Get("back")
	if v.r.Method == http.MethodPost {
		back = v.form.Get("back")
	} else if v.r.URL.Path != "/sign-in" {
		back = v.r.URL.RequestURI()
	}
	return v.render(status, "signin", "Sign in", "", map[string]any{"Wrong": wrong, "Back": v.back(back)})
}

// setCookie sets a cookie for as long as the browser runs, or removes it with a negative age.
func (v *visit) setCookie(name, value string, maxAge int) {
	http.SetCookie(v.w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: v.r.TLS != nil || strings.EqualFold(v.r.Header.Get("X-Forwarded-Proto"), "https"),
	})
}

// back returns the path of a page of ours that a form came from, "/" when it is none: a link into the
// dashboard must not lead out of it.
func (v *visit) back(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || strings.HasPrefix(path, "//") {
		return "/"
	}
	for _, p := range v.pages {
		if p.method == http.MethodGet && p.role == access.Read && u.Path == p.path && p.path != "/live" {
			return (&url.URL{Path: u.Path, RawQuery: u.RawQuery}).String()
		}
	}
	return "/"
}
