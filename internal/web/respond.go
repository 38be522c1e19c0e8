package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"auwai/api"
	"auwai/internal/access"
	"auwai/internal/fault"
)

// contentPolicy lets a page load files of ours, talk to us, and nothing else.
const contentPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// headers are on every answer. Referrers stay within the site: with none at all, forms would name no
// origin.
func (v *visit) headers() {
	h := v.w.Header()
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept, Cookie")
}

// asset is a file that pages load.
type asset struct {
	kind string // media type
	body []byte
}

func readAssets() map[string]asset {
	kinds := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
	out := map[string]asset{}
	err := fs.WalkDir(files, "assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := files.ReadFile(name)
		out[path.Base(name)] = asset{kinds[path.Ext(name)], body}
		return err
	})
	if err != nil {
		panic(fmt.Sprintf("web: read what is embedded: %v", err))
	}
	return out
}

func (w *Web) getAsset(v *visit) error {
	a, ok := w.assets[v.r.PathValue("file")]
	if !ok {
		a, ok = w.assets[path.Base(v.r.URL.Path)]
	}
	if !ok {
		return errNoPage(v.r.URL.Path)
	}
	v.w.Header().Set("Content-Type", a.kind)
	v.w.Header().Set("Cache-Control", "no-cache")
	_, _ = v.w.Write(a.body) // a client that is gone is told nothing
	return nil
}

func parseTemplates() map[string]*template.Template {
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		panic(fmt.Sprintf("web: list templates: %v", err))
	}
	base := template.Must(template.New("").Funcs(functions()).ParseFS(files, "templates/layout.html", "templates/parts.html"))
	out := map[string]*template.Template{}
	for _, name := range names {
		short := strings.TrimSuffix(path.Base(name), ".html")
		if short == "layout" || short == "parts" {
			continue
		}
		out[short] = template.Must(template.Must(base.Clone()).ParseFS(files, name))
	}
	return out
}

// frame is what every page has around its own data.
type frame struct {
	Title   string
	Section string // of the navigation
	Version string
	Mark    string
	Path    string // of the page, with its query
	Notice  string // what was done, in words
	Token   string // the name of the visitor's token
	Session bool
	Admin   bool
	Visitor *visit
	Data    any
}

func (v *visit) render(status int, name, title, section string, data any) error {
	f := frame{
		Title: title, Section: section, Version: v.cfg.Version, Mark: v.mark(), Path: v.r.URL.RequestURI(), Notice: v.notice(),
		Token: v.grant.Token(), Session: v.session != "", Admin: v.grant.May(access.Admin), Visitor: v, Data: data,
	}
	if v.r.Method != http.MethodGet {
		f.Path = "/"
	}
	var b bytes.Buffer
	if err := v.templates[name].ExecuteTemplate(&b, "layout", &f); err != nil {
		return fmt.Errorf("make the page %s: %w", name, err)
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	v.w.WriteHeader(status)
	_, _ = v.w.Write(b.Bytes()) // a client that is gone is told nothing
	return nil
}

// see leads the browser to a page after a change. said is words of notices.
func (v *visit) see(to string, said url.Values) {
	u, err := url.Parse(to)
	if err != nil {
		u = &url.URL{Path: "/"}
	}
	q := u.Query()
	q.Del("said")
	q.Del("n")
	maps.Copy(q, said)
	u.RawQuery = q.Encode()
	v.w.Header().Set("Location", u.String())
	v.w.WriteHeader(http.StatusSeeOther)
}

// said is what was done, for see: n jobs, where that is not one.
func said(word string, n int) url.Values {
	return url.Values{"said": {word}, "n": {strconv.Itoa(n)}}
}

// notice returns the sentence of what was done before. Only our own sentences are shown: a link can
// carry any text.
func (v *visit) notice() string {
	q := v.r.URL.Query()
	n, err := strconv.Atoi(q.Get("n"))
	if err != nil {
		n = 1
	}
	switch q.Get("said") {
	case "retried":
		return jobsWord(n) + " will run again."
	case "dropped":
		return jobsWord(n) + " dropped."
	case "cancelled":
		return "The job is cancelled."
	case "duplicate":
		return "An equal job waits already; this one was merged into it."
	case "paused":
		return "Paused. What runs goes on, nothing more starts."
	case "resumed":
		return "Resumed."
	case "set":
		return "The settings hold from now on. What runs is not touched."
	case "cleared":
		return "What the configuration says holds again."
	case "maintenance":
		return "Maintenance is on: work is taken and none is run."
	case "ended":
		return "Maintenance is over."
	case "more":
		return jobsWord(n) + " done, and more are left. Send the form again to go on."
	}
	return ""
}

// statusError is an error whose status does not follow from its kind.
type statusError struct {
	status int
	err    error
}

// Error implements error.
func (e *statusError) Error() string { return e.err.Error() }

// Unwrap returns the error itself.
func (e *statusError) Unwrap() error { return e.err }

func errNoPage(path string) error {
	return fault.Newf(fault.NotFound, "there is no page at %s", fault.Short(path))
}

func statusOf(err error) int {
	if own, ok := errors.AsType[*statusError](err); ok {
		return own.status
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return http.StatusServiceUnavailable
	}
	return api.StatusOf(fault.KindOf(err))
}

// fail answers an error with a page.
func (v *visit) fail(err error) {
	if v.r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		return // the visitor has gone
	}
	if errors.Is(err, access.ErrUnknown) && v.r.URL.Path != "/live" {
		err = v.signIn(http.StatusUnauthorized, "")
		if err == nil {
			return
		}
	}
	status, words := statusOf(err), err.Error()
	if status == http.StatusInternalServerError {
		v.log.Error("page failed", "err", err, "method", v.r.Method, "path", access.Redact(v.r.URL.Path))
		words = "something went wrong here; the service's log has it"
	}
	if status == http.StatusServiceUnavailable {
		v.w.Header().Set("Retry-After", "5")
	}
	data := map[string]any{"Words": sentence(words), "Status": status}
	if err := v.render(status, "error", http.StatusText(status), "", data); err != nil {
		http.Error(v.w, words, status)
	}
}

// takesHTML reports whether a client says that it takes HTML: browsers do, curl and libraries do not.
func takesHTML(r *http.Request) bool {
	for _, accept := range r.Header.Values("Accept") {
		if strings.Contains(strings.ToLower(accept), "text/html") {
			return true
		}
	}
	return false
}
