package server

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"auwai/internal/config"
	"auwai/internal/fault"
	"auwai/internal/runner/mwrunner"
)

// pingWithin bounds a look at a wiki without a run endpoint.
const pingWithin = 10 * time.Second

// Ping asks a wiki of a configuration for a sign of life, and returns how many items wait in its spool. A
// wiki without the extension's run endpoint is only looked at: any answer will do. Errors: as
// mwrunner.Client.Ping.
func Ping(ctx context.Context, cfg *config.Config, name, version string) (spool int, err error) {
	w := cfg.Wikis[name]
	if w == nil {
		return 0, fault.Newf(fault.NotFound, "the wiki %q is not configured", name)
	}
	client := mwrunner.New(mwrunner.Config{
		Wikis: func(name string) (mwrunner.Wiki, bool) { return wikiOf(cfg, name) }, Version: version,
	})
	defer client.Close()
	if w.Runner == string(mwrunner.Auwai) || w.Runner == config.RunnerWorker && w.URL != "" {
		return client.Ping(ctx, name)
	}
	if w.URL == "" {
		return 0, nil // it is run by processes of this host
	}
	return 0, look(ctx, w)
}

// look sends a HEAD request to a wiki's api.php.
func look(ctx context.Context, w *config.Wiki) error {
	ctx, cancel := context.WithTimeout(ctx, pingWithin)
	defer cancel()
	target, err := url.JoinPath(w.URL, w.ScriptPath, "api.php")
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "the wiki's url")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, target, nil)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "the wiki's url")
	}
	request.Host = w.Host
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "look at "+w.Name)
	}
	_ = response.Body.Close() // a HEAD has no body
	if response.StatusCode >= http.StatusInternalServerError || response.StatusCode == http.StatusNotFound {
		return fault.New(fault.Unavailable, fmt.Sprintf("%s answered %s", target, response.Status))
	}
	return nil
}
