package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"auwai/api"
	"auwai/internal/access"
	"auwai/internal/fault"
	"auwai/internal/inspect"
	"auwai/internal/intake"
)

// Intake takes events and jobs; *intake.Intake implements it.
type Intake interface {
	Admit(size int64) (*intake.Ticket, error)
	Events(ctx context.Context, t *intake.Ticket, body []byte, src intake.Source, hasty bool) intake.EventsResult
	Jobs(ctx context.Context, t *intake.Ticket, body []byte, src intake.Source) intake.JobsResult
}

// Queue answers about queues and jobs; *inspect.Inspector implements it.
type Queue interface {
	Queues(ctx context.Context, f inspect.QueueFilter) (api.QueuePage, error)
	Jobs(ctx context.Context, f inspect.JobFilter) (api.JobPage, error)
	Job(ctx context.Context, id string) (api.JobDetail, error)
	Retry(ctx context.Context, id string) (api.JobAction, error)
	Cancel(ctx context.Context, id string) (api.JobAction, error)
	Purge(ctx context.Context, queue, wiki string) (api.PurgeAnswer, error)
}

// Hooks are called where something is worth counting. They do not block. Each may be nil.
type Hooks struct {
	OnRequest func(route, method string, status int, took time.Duration)
}

// Config of New.
type Config struct {
	Intake Intake // required
	Queue  Queue  // required
	// Insight and Bulk are required too.
	Insight Insight
	Bulk    Bulk
	// Claims hands jobs to workers. Required.
	Claims Claims
	// Control changes what the service does at run time. Required.
	Control Control
	// Ready says whether this node can commit with its configuration active, and if not, why. Required.
	Ready func() (ok bool, reason string)
	// Metrics answers /metrics. Required.
	Metrics http.Handler
	// Access says who may do what, as the active configuration has it. nil: everybody may do everything.
	Access func() *access.Policy
	// Pages answers requests for pages; nil: there are none.
	Pages Pages
	// Listen is the address listened on; requests that name another host than it, or a loopback one,
	// are refused. "": every Host is taken.
	Listen  string
	Version string
	Logger  *slog.Logger  // nil: discard
	NewID   func() string // nil: random UUIDs
	Hooks   Hooks
}

type server struct {
	Config

	log *slog.Logger
}

// New returns the handler of all routes. It is safe for concurrent use.
func New(cfg Config) http.Handler {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.NewID == nil {
		cfg.NewID = uuid.NewString
	}
	s := &server{Config: cfg, log: cfg.Logger.With("part", "http")}
	mux := http.NewServeMux()
	paths := map[string]methods{}
	for _, r := range s.routes() {
		if paths[r.path] == nil {
			paths[r.path] = methods{}
		}
		paths[r.path][r.method] = r
	}
	for path, m := range paths {
		s.route(mux, path, m)
	}
	mux.HandleFunc("/", s.unknown)
	return s.identified(s.observed(s.paged(s.guarded(mux))))
}

// methods are the routes of a path by method.
type methods map[string]route

func (s *server) route(mux *http.ServeMux, path string, m methods) {
	allowed := make([]string, 0, len(m)+1)
	for method := range m {
		allowed = append(allowed, method)
		if method == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
	}
	slices.Sort(allowed)
	allow := strings.Join(allowed, ", ")
	mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		nameRoute(w, path)
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet // the server leaves the body out
		}
		route, ok := m[method]
		if !ok {
			w.Header().Set("Allow", allow)
			s.problem(w, r, http.StatusMethodNotAllowed, "invalid", "", r.Method+" is not a method of "+path+"; use "+allow)
			return
		}
		err := route.admits(callerOf(r))
		if err == nil {
			err = route.handle(w, r)
		}
		if err != nil {
			s.fail(w, r, err)
		}
	})
}

func (s *server) unknown(w http.ResponseWriter, r *http.Request) {
	nameRoute(w, "unknown")
	s.problem(w, r, http.StatusNotFound, "not_found", "", "there is nothing at "+fault.Short(r.URL.Path)+"; the interface is under /v1")
}
