package farm

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"time"

	"auwai/internal/fault"
	"auwai/internal/kv"
	"auwai/internal/partition"
	"auwai/internal/tuple"
)

// Control is what an operator changed at run time for a scope, over what the configuration says.
type Control struct {
	Scope  Scope
	Paused bool
	Reason string    // of the pause, in words
	By     string    // who changed it last, as the request said
	Since  time.Time // of the last change
	Until  time.Time // when the pause ends by itself; zero: never
	// Set are settings by name; see Settings. Durations are in seconds.
	Set map[string]float64
}

// The bounds of controls.
const (
	MaxControls = 10_000
	maxReason   = 500 // bytes of a reason, and of who it was
)

// PausedAt reports whether the pause holds at a moment.
func (c *Control) PausedAt(t time.Time) bool {
	return c.Paused && (c.Until.IsZero() || t.Before(c.Until))
}

func (c *Control) empty() bool { return !c.Paused && len(c.Set) == 0 }

// Change is what is to become different in a Control. What is nil stays as it is.
type Change struct {
	Paused *bool
	Reason *string
	Until  *time.Time          // zero: never
	Set    map[string]*float64 // nil: back to what the configuration says
	By     string
}

// SetControl changes the control of a scope. It is submitted to Partition, in the order of the wiki
// partition.Farm. A control that says nothing any more is removed.
type SetControl struct {
	Scope  Scope
	Change Change
	// Result is the control after the change.
	Result Control
}

// Controlled is the effect of SetControl: what is set at run time has another version.
type Controlled struct{ Version uint64 }

// Apply changes the control. It reads resident keys only.
func (c *SetControl) Apply(tx *partition.Tx) error {
	if err := c.check(tx); err != nil {
		return err
	}
	key := controlKey(c.Scope)
	old := tx.Get(key)
	now := Control{Scope: c.Scope}
	if old != nil {
		var err error
		now, err = decodeControl(c.Scope, old)
		partition.Invariant(err == nil, "%v", err)
	}
	now.change(&c.Change)
	now.Since, now.By = tx.Now(), c.Change.By
	c.Result = now
	state := readControlState(tx.Get(controlStateKey()))
	switch {
	case now.empty() && old == nil:
		return nil
	case now.empty():
		tx.Delete(key)
		state.count--
	default:
		if old == nil {
			if state.count >= MaxControls {
				return fault.Newf(fault.Invalid, "farm: %d scopes are controlled already; remove some, or write them into the configuration", MaxControls)
			}
			state.count++
		}
		tx.Set(key, now.encode())
	}
	state.version++
	tx.Set(controlStateKey(), state.encode())
	tx.Effect(Controlled{Version: state.version})
	return nil
}

func (c *SetControl) check(tx *partition.Tx) error {
	for name, value := range c.Change.Set {
		s, err := SettingOf(name, c.Scope)
		if err != nil {
			return err
		}
		if value == nil {
			continue
		}
		if err := s.Check(*value); err != nil {
			return err
		}
	}
	switch {
	case c.Change.Reason != nil && len(*c.Change.Reason) > maxReason:
		return fault.Field("reason", "has %d bytes; at most %d", len(*c.Change.Reason), maxReason)
	case len(c.Change.By) > maxReason:
		return fault.Field("by", "has %d bytes; at most %d", len(c.Change.By), maxReason)
	case c.Change.Until != nil && !c.Change.Until.IsZero() && !c.Change.Until.After(tx.Wall()):
		return fault.Field("until", "is %s, which has passed", c.Change.Until.UTC().Format(time.RFC3339))
	}
	return nil
}

func (c *Control) change(by *Change) {
	if by.Paused != nil {
		c.Paused = *by.Paused
		c.Reason, c.Until = "", time.Time{} // of another pause
	}
	if by.Reason != nil {
		c.Reason = *by.Reason
	}
	if by.Until != nil {
		c.Until = by.Until.UTC()
	}
	if !c.Paused {
		c.Reason, c.Until = "", time.Time{}
	}
	set := make(map[string]float64, len(c.Set)+len(by.Set))
	maps.Copy(set, c.Set)
	for name, value := range by.Set {
		if value == nil {
			delete(set, name)
			continue
		}
		set[name] = *value
	}
	c.Set = set
}

// controlValue is a control as it is stored: JSON after a format byte.
type controlValue struct {
	Paused bool               `json:"paused,omitempty"`
	Reason string             `json:"reason,omitempty"`
	By     string             `json:"by,omitempty"`
	Since  int64              `json:"since"`
	Until  int64              `json:"until,omitempty"`
	Set    map[string]float64 `json:"set,omitempty"`
}

const controlFormat = 1

func (c *Control) encode() []byte {
	v := controlValue{Paused: c.Paused, Reason: c.Reason, By: c.By, Since: c.Since.UnixMilli(), Set: c.Set}
	if !c.Until.IsZero() {
		v.Until = c.Until.UnixMilli()
	}
	b, err := json.Marshal(v)
	partition.Invariant(err == nil, "farm: control of %s: %v", c.Scope, err)
	return append([]byte{controlFormat}, b...)
}

func decodeControl(scope Scope, value []byte) (Control, error) {
	var v controlValue
	if len(value) == 0 || value[0] != controlFormat || json.Unmarshal(value[1:], &v) != nil {
		return Control{}, fault.Newf(fault.Internal, "farm: control of %s is malformed: %x", scope, value)
	}
	c := Control{Scope: scope, Paused: v.Paused, Reason: v.Reason, By: v.By, Since: time.UnixMilli(v.Since).UTC(), Set: v.Set}
	if v.Until != 0 {
		c.Until = time.UnixMilli(v.Until).UTC()
	}
	return c, nil
}

// controlState is the version of all controls and their number.
type controlState struct{ version, count uint64 }

func (s controlState) encode() []byte { return tuple.Uint64(tuple.Uint64(nil, s.version), s.count) }

func readControlState(v []byte) (s controlState) {
	s.version, v, _ = tuple.TakeUint64(v)
	s.count, _, _ = tuple.TakeUint64(v)
	return s
}

// Controls reads all controls, sorted by their scopes' text.
func Controls(ctx context.Context, s Scanner) ([]Control, error) {
	var out []Control
	prefix := partition.Key(Partition, FamControl)
	for r, more := kv.Prefix(prefix), true; more; {
		pages, err := s.Scan(ctx, r)
		if err != nil {
			return nil, fmt.Errorf("read what is controlled at run time: %w", err)
		}
		for _, e := range pages[0].Entries {
			c, err := readControl(e, len(prefix))
			if err != nil {
				return nil, err
			}
			out = append(out, c)
			r.From = append(e.Key, 0)
		}
		more = pages[0].More
	}
	return out, nil
}

func readControl(e kv.Entry, prefix int) (Control, error) {
	text, _, ok := tuple.TakeString(e.Key[prefix:])
	scope, err := ParseScope(text)
	if !ok || err != nil {
		return Control{}, fault.Newf(fault.Internal, "farm: control at key %x is malformed", e.Key)
	}
	return decodeControl(scope, e.Value)
}

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// Clear returns the change that takes back everything that is controlled for a scope.
func Clear(scope Scope) Change {
	paused := false
	c := Change{Paused: &paused, Set: map[string]*float64{}}
	for _, s := range Settings() {
		if _, err := SettingOf(s.Name, scope); err == nil {
			c.Set[s.Name] = nil
		}
	}
	return c
}
