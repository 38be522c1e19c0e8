package web

import (
	"context"
	"embed"
	"html/template"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"auwai/api"
	"auwai/internal/access"
	"auwai/internal/farm"
	"auwai/internal/inspect"
)

//go:embed assets templates
var files embed.FS

// Queue answers about queues and jobs; *inspect.Inspector implements it.
type Queue interface {
	Queues(ctx context.Context, f inspect.QueueFilter) (api.QueuePage, error)
	Jobs(ctx context.Context, f inspect.JobFilter) (api.JobPage, error)
	Job(ctx context.Context, id string) (api.JobDetail, error)
	Totals(ctx context.Context) (inspect.Totals, bool)
	Retry(ctx context.Context, id string) (api.JobAction, error)
	Cancel(ctx context.Context, id string) (api.JobAction, error)
}

// Dead acts on many dead jobs, a page at a time; *inspect.Inspector implements it.
type Dead interface {
	RequeueDead(ctx context.Context, r *api.DeadRequest, reach *access.Grant) (api.BulkAnswer, error)
	DropDead(ctx context.Context, r *api.DeadRequest, reach *access.Grant) (api.BulkAnswer, error)
}

// Story says why a job is where it is, and what it came from; *inspect.Inspector implements it.
type Story interface {
	Explain(ctx context.Context, id string) (api.Explanation, error)
	Trace(ctx context.Context, id string, reach *access.Grant) (api.Trace, error)
}

// Control changes what the service does at run time.
type Control interface {
	Controls(ctx context.Context) ([]farm.Control, error)
	// SetControl returns the control when it is durable and this node acts by it.
	SetControl(ctx context.Context, scope farm.Scope, change farm.Change) (farm.Control, error)
}

// Wiki is a wiki of the configuration.
type Wiki struct {
	Name   string
	Runner string   // the kind of its runner
	URL    string   // without user and password
	Tags   []string // name=value, sorted
}

// Counters are what this node has done since its start.
type Counters struct {
	Started  uint64 // attempts
	Finished uint64 // jobs that ended, in any way but as dead
	Died     uint64 // jobs that are dead
}

// Config of New.
type Config struct {
	Queue   Queue   // required
	Dead    Dead    // required
	Story   Story   // required
	Control Control // required
	// Wikis lists the wikis of the active configuration, sorted by name. Required.
	Wikis func() []Wiki
	// Settings says what the configuration has for a scope, by the names of farm.Settings, without what
	// is controlled at run time. Required.
	Settings func(scope farm.Scope) map[string]float64
	// Ready says whether this node can commit with its configuration active, and if not, why. Required.
	Ready func() (ok bool, reason string)
	// Counters are read once a second at most. Required.
	Counters func() Counters
	// Access says who may do what, as the active configuration has it. nil: everybody may do everything.
	Access func() *access.Policy
	// Listen is the address listened on; see package httpapi.
	Listen  string
	Version string
	// Secret makes marks; at least 32 random bytes. Required.
	Secret []byte
	Logger *slog.Logger     // nil: discard
	Now    func() time.Time // nil: time.Now
}

// Web is the dashboard. It is safe for concurrent use.
type Web struct {
	cfg       Config
	log       *slog.Logger
	mux       *http.ServeMux
	pages     map[string]page
	templates map[string]*template.Template
	assets    map[string]asset
	origins   http.CrossOriginProtection
	renewals  chan struct{} // has a token for each renewal of a page under way

	mu      sync.Mutex
	boards  map[string]*board  // guarded by mu; by the wikis that are reached
	viewers int                // guarded by mu
	surveys map[string]*survey // guarded by mu
	wake    chan struct{}      // capacity 1: a board has its first viewer
	ended   chan struct{}      // closed when Run returns
}

// New returns the dashboard. Streams have figures while Run runs.
func New(cfg Config) *Web {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	w := &Web{
		cfg: cfg, log: cfg.Logger.With("part", "web"), mux: http.NewServeMux(), pages: map[string]page{},
		boards: map[string]*board{}, surveys: map[string]*survey{}, renewals: make(chan struct{}, maxRenewals),
		wake: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	w.templates, w.assets = parseTemplates(), readAssets()
	for _, p := range w.table() {
		name := p.method + " " + p.path
		w.pages[name] = p
		w.mux.HandleFunc(name, func(http.ResponseWriter, *http.Request) {})
	}
	return w
}

// page is what answers a path.
type page struct {
	method, path string
	role         access.Role
	serve        func(v *visit) error
}

// table has all pages, with the role that each needs.
func (w *Web) table() []page {
	const get, post = http.MethodGet, http.MethodPost
	return []page{
		{get, "/{$}", access.Read, w.getOverview},
		{get, "/queues", access.Read, w.getQueues},
		{get, "/queue", access.Read, w.getQueue},
		{get, "/wikis", access.Read, w.getWikis},
		{get, "/wiki", access.Read, w.getWiki},
		{get, "/jobs", access.Read, w.getJobs},
		{get, "/job", access.Read, w.getJob},
		{post, "/job", access.Admin, w.postJob},
		{get, "/dead", access.Read, w.getDead},
		{post, "/dead", access.Admin, w.postDead},
		{get, "/controls", access.Read, w.getControls},
		{post, "/controls", access.Admin, w.postControls},
		{get, "/live", access.Read, w.getLive},
		{get, "/sign-in", access.Anyone, w.getSignIn},
		{post, "/sign-in", access.Anyone, w.postSignIn},
		{post, "/sign-out", access.Anyone, w.postSignOut},
		{get, "/assets/{file}", access.Anyone, w.getAsset},
	}
}

// Route returns the name of the page that a request is for; false when it is for none. A program that
// asks for / is not meant: only a browser says that it takes HTML.
func (w *Web) Route(r *http.Request) (string, bool) {
	if r.URL.Path == "/" && !takesHTML(r) {
		return "", false
	}
	_, name := w.mux.Handler(r)
	p, ok := w.pages[name]
	return p.path, ok
}

// ServePage answers a request that Route knows. g is what the sender may do by its address, or by the
// token that it sent as a program does.
func (w *Web) ServePage(rw http.ResponseWriter, r *http.Request, g *access.Grant) {
	_, name := w.mux.Handler(r)
	p, ok := w.pages[name]
	v := &visit{Web: w, w: rw, r: r, now: w.cfg.Now(), grant: g, byHeader: g.Token() != ""}
	v.headers()
	if !ok {
		v.fail(errNoPage(r.URL.Path))
		return
	}
	if v.err = v.enter(&p); v.err == nil {
		v.err = p.serve(v)
	}
	if v.err != nil {
		v.fail(v.err)
	}
}

// Run reads boards while they have viewers, until ctx ends. Then it ends all streams.
func (w *Web) Run(ctx context.Context) error {
	defer close(w.ended)
	return w.readBoards(ctx)
}
