package web

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"

	"auwai/internal/farm"
	"auwai/internal/fault"
)

// controlForm is what can be changed at run time for a scope, as a part of a page.
type controlForm struct {
	Scope   farm.Scope
	Text    string // of the scope
	Control farm.Control
	Paused  bool
	Lines   []settingLine
	Changed bool // something is set
	May     bool // the visitor may change it
	Now     time.Time
}

// settingLine is one setting of a scope.
type settingLine struct {
	Name       string
	Value      string // what is set at run time; "": nothing
	Configured string // what the configuration says; "": nothing
	Hint       string
}

type controlsPage struct {
	Maintenance *controlForm
	All         *controlForm
	Entries     []farm.Control
	Now         time.Time
}

func (w *Web) getControls(v *visit) error {
	p := &controlsPage{Now: v.now}
	var err error
	if p.Entries, err = v.controls(); err != nil {
		return err
	}
	p.Maintenance = v.formOf(farm.Scope{Kind: farm.ScopeMaintenance}, p.Entries)
	p.All = v.formOf(farm.Scope{Kind: farm.ScopeAll}, p.Entries)
	return v.render(http.StatusOK, "controls", "Controls", "controls", p)
}

func (v *visit) controlForm(scope farm.Scope) (*controlForm, error) {
	all, err := v.controls()
	if err != nil {
		return nil, err
	}
	return v.formOf(scope, all), nil
}

func (v *visit) formOf(scope farm.Scope, controls []farm.Control) *controlForm {
	f := &controlForm{Scope: scope, Text: scope.String(), May: v.admin(scope.Wiki), Now: v.now}
	for i := range controls {
		if controls[i].Scope == scope {
			f.Control = controls[i]
		}
	}
	f.Paused, f.Changed = f.Control.PausedAt(v.now), len(f.Control.Set) > 0
	configured := v.cfg.Settings(scope)
	for _, s := range farm.Settings() {
		if _, err := farm.SettingOf(s.Name, scope); err != nil {
			continue
		}
		line := settingLine{Name: s.Name, Hint: s.Text(s.Min) + " to " + s.Text(s.Max)}
		if value, ok := f.Control.Set[s.Name]; ok {
			line.Value = s.Text(value)
		}
		if value, ok := configured[s.Name]; ok {
			line.Configured = s.Text(value)
		}
		f.Lines = append(f.Lines, line)
	}
	return f
}

// postControls changes a scope: do is pause, resume, set or clear.
func (w *Web) postControls(v *visit) error {
	scope, err := farm.ParseScope(strings.TrimSpace(v.form.Get("scope")))
	if err != nil {
		return err
	}
	if !v.admin(scope.Wiki) {
		return fault.Newf(fault.Forbidden, "%s is more than the token %q reaches", scope, v.grant.Token())
	}
	change, word, err := v.changeOf(scope)
	if err != nil {
		return err
	}
	change.By = cmp.Or(v.grant.Token(), "dashboard")
	if _, err := w.cfg.Control.SetControl(v.r.Context(), scope, change); err != nil {
		return err
	}
	w.forgetSurveys()
	v.see(v.backOr("/controls"), said(word, 1))
	return nil
}

// backOr returns the page that the form came from, or another one.
func (v *visit) backOr(other string) string {
	if path := v.form.Get("back"); path != "" {
		return v.back(path)
	}
	return other
}

func (v *visit) changeOf(scope farm.Scope) (change farm.Change, word string, err error) {
	paused := v.form.Get("do") == "pause"
	maintenance := scope.Kind == farm.ScopeMaintenance
	switch v.form.Get("do") {
	case "pause":
		reason := strings.TrimSpace(v.form.Get("reason"))
		change = farm.Change{Paused: &paused, Reason: &reason}
		if change.Until, err = untilOf(v.form.Get("for"), v.now); err != nil {
			return change, "", err
		}
		if maintenance {
			return change, "maintenance", nil
		}
		return change, "paused", nil
	case "resume":
		change = farm.Change{Paused: &paused}
		if maintenance {
			return change, "ended", nil
		}
		return change, "resumed", nil
	case "set":
		change.Set, err = v.settingsOf(scope)
		return change, "set", err
	case "clear":
		return farm.Clear(scope), "cleared", nil
	}
	return change, "", fault.Field("do", "is %q; pause, resume, set or clear is expected", fault.Short(v.form.Get("do")))
}

// untilOf reads for how long; nothing means for ever.
func untilOf(text string, now time.Time) (*time.Time, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, nil //nolint:nilnil // nothing is said about it
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return nil, fault.Field("for", "is %q; a duration such as 30m or 2h is expected, or nothing for no end", fault.Short(text))
	}
	t := now.Add(d)
	return &t, nil
}

// settingsOf reads the settings of a form. An empty one is what the configuration says.
func (v *visit) settingsOf(scope farm.Scope) (map[string]*float64, error) {
	set := map[string]*float64{}
	for name, values := range v.form {
		name, ok := strings.CutPrefix(name, "set.")
		if !ok {
			continue
		}
		s, err := farm.SettingOf(name, scope)
		if err != nil {
			return nil, err
		}
		text := strings.TrimSpace(values[0])
		if text == "" {
			set[name] = nil
			continue
		}
		value, err := readSetting(&s, text)
		if err != nil {
			return nil, err
		}
		set[name] = &value
	}
	return set, nil
}

func readSetting(s *farm.Setting, text string) (float64, error) {
	if s.Duration {
		d, err := time.ParseDuration(text)
		if err != nil {
			return 0, fault.Field("set."+s.Name, "is %q; a duration such as 30s or 5m is expected", fault.Short(text))
		}
		return d.Seconds(), nil
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fault.Field("set."+s.Name, "is %q; a number is expected", fault.Short(text))
	}
	return value, nil
}
