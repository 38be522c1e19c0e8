package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"auwai/api"
	"auwai/internal/farm"
	"auwai/internal/fault"
)

// Control changes what the service does at run time.
type Control interface {
	Controls(ctx context.Context) ([]farm.Control, error)
	// SetControl returns the control when it is durable and this node acts by it.
	SetControl(ctx context.Context, scope farm.Scope, change farm.Change) (farm.Control, error)
}

func (s *server) getControls(w http.ResponseWriter, r *http.Request) error {
	if _, err := readQuery(r); err != nil {
		return err
	}
	controls, err := s.Control.Controls(r.Context())
	if err != nil {
		return err
	}
	list := api.ControlList{Entries: []api.Control{}}
	for i := range controls {
		c := &controls[i]
		if reachScope(r, c.Scope) != nil && c.Scope.Kind != farm.ScopeAll && c.Scope.Kind != farm.ScopeMaintenance && c.Scope.Kind != farm.ScopeQueue {
			continue // of a wiki that the caller does not reach
		}
		list.Maintenance = list.Maintenance || c.Scope.Kind == farm.ScopeMaintenance && c.PausedAt(time.Now())
		list.Entries = append(list.Entries, controlOf(c))
	}
	return s.answer(w, http.StatusOK, list)
}

func (s *server) putControl(w http.ResponseWriter, r *http.Request) error {
	scope, err := scopeOf(r)
	if err != nil {
		return err
	}
	change, err := readChange(w, r, scope)
	if err != nil {
		return err
	}
	return s.control(w, r, scope, change)
}

func (s *server) deleteControl(w http.ResponseWriter, r *http.Request) error {
	scope, err := scopeOf(r)
	if err != nil {
		return err
	}
	return s.control(w, r, scope, farm.Clear(scope))
}

func (s *server) control(w http.ResponseWriter, r *http.Request, scope farm.Scope, change farm.Change) error {
	if name := grantOf(r).Token(); name != "" {
		change.By = strings.TrimSpace(name + " " + change.By)
	}
	c, err := s.Control.SetControl(r.Context(), scope, change)
	if err != nil {
		return err
	}
	return s.answer(w, http.StatusOK, controlOf(&c))
}

// scopeOf reads the scope of the path, and refuses one that reaches further than the caller.
func scopeOf(r *http.Request) (farm.Scope, error) {
	scope, err := farm.ParseScope(r.PathValue("scope"))
	if err != nil {
		return scope, err
	}
	return scope, reachScope(r, scope)
}

func reachScope(r *http.Request, scope farm.Scope) error {
	g := grantOf(r)
	if g.AllWikis() || scope.Wiki != "" && g.Reaches(scope.Wiki) {
		return nil
	}
	return fault.Newf(fault.Forbidden, "%s is more than the token %q reaches; use a token of all wikis, or name one of its wikis as wiki:NAME or pair:QUEUE@NAME", scope, g.Token())
}

func readChange(w http.ResponseWriter, r *http.Request, scope farm.Scope) (farm.Change, error) {
	var change farm.Change
	var in api.ControlChange
	if err := readObject(w, r, &in, false, "a change of a control", "paused, reason, until or for, and set"); err != nil {
		return change, err
	}
	change = farm.Change{Paused: in.Paused, Reason: in.Reason, By: in.By}
	var err error
	if change.Until, err = untilOf(&in, time.Now()); err != nil {
		return change, err
	}
	for name, raw := range in.Set {
		setting, err := farm.SettingOf(name, scope)
		if err != nil {
			return change, err
		}
		value, err := readSetting(&setting, raw)
		if err != nil {
			return change, err
		}
		if change.Set == nil {
			change.Set = map[string]*float64{}
		}
		change.Set[name] = value
	}
	return change, nil
}

func untilOf(in *api.ControlChange, now time.Time) (*time.Time, error) {
	switch {
	case in.For != "" && in.Until != nil:
		return nil, fault.Field("for", "stands beside until; send one of them")
	case in.For != "":
		d, err := time.ParseDuration(in.For)
		if err != nil || d <= 0 {
			return nil, fault.Field("for", "is %q; a duration such as 30m or 2h is expected", fault.Short(in.For))
		}
		t := now.Add(d)
		return &t, nil
	case in.Until == nil:
		return nil, nil //nolint:nilnil // nothing is said about it
	case *in.Until == "":
		return &time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, *in.Until)
	if err != nil {
		return nil, fault.Field("until", "is %q; a moment such as 2026-01-02T03:04:05Z is expected", fault.Short(*in.Until))
	}
	return &t, nil
}

// readSetting reads a value: a number, a duration in words, or null for what the configuration says.
func readSetting(s *farm.Setting, raw json.RawMessage) (*float64, error) {
	text := string(raw)
	if text == "null" {
		return nil, nil //nolint:nilnil // back to the configuration
	}
	if quoted, err := strconv.Unquote(text); err == nil {
		text = quoted
	}
	if s.Duration {
		d, err := time.ParseDuration(text)
		if err != nil {
			return nil, fault.Field("set."+s.Name, "is %s; a duration such as 30s or 5m is expected", fault.Short(string(raw)))
		}
		v := d.Seconds()
		return &v, nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, fault.Field("set."+s.Name, "is %s; a number is expected", fault.Short(string(raw)))
	}
	return &v, nil
}

func controlOf(c *farm.Control) api.Control {
	out := api.Control{Scope: c.Scope.String(), Paused: c.Paused, Reason: c.Reason, By: c.By}
	if !c.Since.IsZero() {
		out.Since = &c.Since
	}
	if !c.Until.IsZero() {
		out.Until = &c.Until
	}
	for name, value := range c.Set {
		s, err := farm.SettingOf(name, c.Scope)
		if err != nil {
			continue // of another version
		}
		if out.Set == nil {
			out.Set = map[string]string{}
		}
		out.Set[name] = s.Text(value)
	}
	return out
}
