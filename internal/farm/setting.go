package farm

import (
	"math"
	"slices"
	"strings"
	"time"

	"auwai/internal/fault"
)

// Setting is one value that can be changed at run time, over what the configuration file says.
type Setting struct {
	Name     string
	Min, Max float64
	Whole    bool // no fraction
	Duration bool // the value is in seconds
	scopes   []ScopeKind
}

// Settings returns all settings, in the order in which they are shown.
func Settings() []Setting {
	const most, day = 100_000, 24 * 3600
	limited := []ScopeKind{ScopeQueue, ScopeWiki, ScopePair, ScopeTag}
	queue, ordered := []ScopeKind{ScopeQueue}, []ScopeKind{ScopeQueue, ScopePair}
	return []Setting{
		{Name: "concurrency", Min: 1, Max: most, Whole: true, scopes: append([]ScopeKind{ScopeAll}, limited...)},
		{Name: "per_wiki", Min: 1, Max: most, Whole: true, scopes: queue},
		{Name: "rate", Max: 1e6, scopes: limited},
		{Name: "burst", Max: 1e6, scopes: limited},
		{Name: "per_wiki_rate", Max: 1e6, scopes: queue},
		{Name: "per_wiki_burst", Max: 1e6, scopes: queue},
		{Name: "weight", Min: 1, Max: 100, Whole: true, scopes: ordered},
		{Name: "rank", Min: -100, Max: 100, Whole: true, scopes: ordered},
		{Name: "attempts", Min: 1, Max: 1_000, Whole: true, scopes: queue},
		{Name: "timeout", Min: 1, Max: day, Duration: true, scopes: queue},
		{Name: "retry_delay", Max: 7 * day, Duration: true, scopes: queue},
		{Name: "max_pending", Max: 1e9, Whole: true, scopes: queue},
	}
}

// SettingOf returns a setting by name, for a scope. Its error names the field.
func SettingOf(name string, scope Scope) (Setting, error) {
	all := Settings()
	i := slices.IndexFunc(all, func(s Setting) bool { return s.Name == name })
	if i < 0 {
		names := make([]string, len(all))
		for i := range all {
			names[i] = all[i].Name
		}
		return Setting{}, fault.Field("set."+fault.Short(name), "is no setting; these are: %s", strings.Join(names, ", "))
	}
	if !slices.Contains(all[i].scopes, scope.Kind) {
		return Setting{}, fault.Field("set."+name, "cannot be set for %s", scope)
	}
	return all[i], nil
}

// Check refuses a value that is out of bounds.
func (s *Setting) Check(value float64) error {
	switch {
	case math.IsNaN(value) || value < s.Min || value > s.Max:
		return fault.Field("set."+s.Name, "is %s; %s to %s is expected", s.Text(value), s.Text(s.Min), s.Text(s.Max))
	case s.Whole && value != math.Trunc(value):
		return fault.Field("set."+s.Name, "is %s; a whole number is expected", s.Text(value))
	}
	return nil
}

// Text returns a value as people write it: a number, or a duration.
func (s *Setting) Text(value float64) string {
	if s.Duration {
		return Seconds(value).String()
	}
	return number(value)
}

// Seconds returns a duration of a number of seconds.
func Seconds(value float64) time.Duration { return time.Duration(value * float64(time.Second)) }
