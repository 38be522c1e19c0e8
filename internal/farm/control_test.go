package farm_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"auwai/internal/eventlog/eventlogtest"
	"auwai/internal/farm"
	"auwai/internal/fault"
	"auwai/internal/partition"
)

func scope(t *testing.T, text string) farm.Scope {
	t.Helper()
	s, err := farm.ParseScope(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestScopesAreReadAsTheyAreWritten(t *testing.T) {
	for text, want := range map[string]farm.Scope{
		"all":                 {},
		"maintenance":         {Kind: farm.ScopeMaintenance},
		"queue:refreshLinks":  {Kind: farm.ScopeQueue, Queue: "refreshLinks"},
		"wiki:aawiki":         {Kind: farm.ScopeWiki, Wiki: "aawiki"},
		"pair:a@b:c@aawiki":   {Kind: farm.ScopePair, Queue: "a@b:c", Wiki: "aawiki"},
		"tag:db=s1":           {Kind: farm.ScopeTag, Tag: "db=s1"},
		"tag:host=[::1]:8080": {Kind: farm.ScopeTag, Tag: "host=[::1]:8080"},
	} {
		got := scope(t, text)
		if got != want || got.String() != text {
			t.Errorf("%q is %+v, written %q, want %+v", text, got, got, want)
		}
	}
	for _, text := range []string{"", "All", "all:", "queue:", "queue", "wiki:a\nb", "pair:a", "pair:@w", "pair:q@", "tag:db", "tag:=x", "tag:db=", "node:x", "wiki:" + strings.Repeat("x", 500), "pair:" + strings.Repeat("q", 250) + "@" + strings.Repeat("w", 250)} {
		if _, err := farm.ParseScope(text); fault.FieldOf(err) != "scope" {
			t.Errorf("ParseScope(%.20q) = %v, want an error of the field scope", text, err)
		}
	}
}

func control(t *testing.T, h *eventlogtest.Harness, text string, c farm.Change) (farm.Control, error) {
	t.Helper()
	cmd := &farm.SetControl{Scope: scope(t, text), Change: c}
	err := h.Do(partition.Farm, cmd)
	return cmd.Result, err
}

func controls(t *testing.T, h *eventlogtest.Harness) map[string]farm.Control {
	t.Helper()
	list, err := farm.Controls(t.Context(), h.Store)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]farm.Control{}
	for _, c := range list {
		out[c.Scope.String()] = c
	}
	return out
}

func TestAControlIsMergedAndOutlivesTheNode(t *testing.T) {
	h := open(t)
	until := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []farm.Change{
		{Set: map[string]*float64{"concurrency": new(8.0), "rate": new(0.5), "weight": new(3.0)}, By: "ann"},
		{Paused: new(true), Reason: new("the database moves"), Until: &until, By: "bob"},
		{Set: map[string]*float64{"rate": nil, "concurrency": new(4.0)}, By: "cy"},
	} {
		if _, err := control(t, h, "queue:refreshLinks", c); err != nil {
			t.Fatal(err)
		}
	}
	h.Reopen(farm.Partition)
	want := map[string]farm.Control{"queue:refreshLinks": {
		Scope: farm.Scope{Kind: farm.ScopeQueue, Queue: "refreshLinks"}, Paused: true, Reason: "the database moves", Until: until, By: "cy",
		Set: map[string]float64{"concurrency": 4, "weight": 3},
	}}
	got := controls(t, h)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(farm.Control{}, "Since")); diff != "" {
		t.Error(diff)
	}
	c := got["queue:refreshLinks"]
	if !c.PausedAt(until.Add(-time.Second)) || c.PausedAt(until) {
		t.Error("the pause does not end at its moment")
	}
}

func TestAControlThatSaysNothingIsRemoved(t *testing.T) {
	h := open(t)
	for range 2 {
		if _, err := control(t, h, "wiki:aawiki", farm.Change{Paused: new(true), Reason: new("x")}); err != nil {
			t.Fatal(err)
		}
		got, err := control(t, h, "wiki:aawiki", farm.Change{Paused: new(false)})
		if err != nil || got.Reason != "" {
			t.Fatalf("resumed: %+v, %v", got, err)
		}
		if left := controls(t, h); len(left) != 0 {
			t.Fatalf("left: %v", left)
		}
	}
	if n := len(h.Dump()); n != 2 { // the version, and the partition's own record
		t.Errorf("%d keys are left: %v", n, h.Dump())
	}
}

func TestBadControlsAreRefusedWithTheirField(t *testing.T) {
	h := open(t)
	past := time.Unix(0, 0)
	for name, c := range map[string]struct {
		scope, field string
		change       farm.Change
	}{
		"unknown setting": {"queue:q", "set.speed", farm.Change{Set: map[string]*float64{"speed": new(1.0)}}},
		"of no wiki":      {"wiki:w", "set.attempts", farm.Change{Set: map[string]*float64{"attempts": new(1.0)}}},
		"below":           {"queue:q", "set.weight", farm.Change{Set: map[string]*float64{"weight": new(0.0)}}},
		"above":           {"queue:q", "set.rank", farm.Change{Set: map[string]*float64{"rank": new(101.0)}}},
		"a fraction":      {"all", "set.concurrency", farm.Change{Set: map[string]*float64{"concurrency": new(1.5)}}},
		"a long reason":   {"all", "reason", farm.Change{Paused: new(true), Reason: new(strings.Repeat("x", 501))}},
		"in the past":     {"all", "until", farm.Change{Paused: new(true), Until: &past}},
	} {
		if _, err := control(t, h, c.scope, c.change); fault.FieldOf(err) != c.field {
			t.Errorf("%s: %v, want an error of the field %s", name, err, c.field)
		}
	}
	if left := controls(t, h); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestEachControlHasAnEffectWithARisingVersion(t *testing.T) {
	h := open(t)
	for i := range 3 {
		if _, err := control(t, h, "all", farm.Change{Set: map[string]*float64{"concurrency": new(float64(i + 1))}}); err != nil {
			t.Fatal(err)
		}
	}
	last := uint64(0)
	n := 0
	for _, e := range h.Effects {
		if c, ok := e.(farm.Controlled); ok {
			n++
			if c.Version <= last {
				t.Errorf("version %d comes after %d", c.Version, last)
			}
			last = c.Version
		}
	}
	if n != 3 {
		t.Errorf("%d effects, want 3", n)
	}
}

func publish(h *eventlogtest.Harness, seen uint64, text []byte) (farm.Published, error) {
	c := &farm.Publish{Seen: seen, Node: "n1", Text: text}
	err := h.Do(partition.Farm, c)
	return c.Result, err
}

func TestAPublishedConfigurationIsActiveAsAWhole(t *testing.T) {
	h := open(t)
	var text []byte
	for i := range uint64(25) {
		text = bytes.Repeat([]byte{byte(i)}, 600_000)
		p, err := publish(h, i, text)
		if err != nil || p.Version != i+1 {
			t.Fatalf("version %d: %+v, %v", i+1, p, err)
		}
	}
	h.Reopen(farm.Partition)
	p, got, err := farm.Active(t.Context(), h.Store)
	if err != nil || p.Version != 25 || p.Node != "n1" || !bytes.Equal(got, text) {
		t.Fatalf("active: %+v, %d bytes, %v", p, len(got), err)
	}
	if n := len(h.Dump()); n != 1+1+2*10 {
		t.Errorf("%d keys, want the last ten versions of two blocks: %v", n, h.Dump())
	}
	if again, err := publish(h, 3, text); err != nil || again.Version != 25 {
		t.Errorf("the same text again: %+v, %v", again, err)
	}
	if now, err := publish(h, 24, []byte("other")); fault.KindOf(err) != fault.Conflict || now.Version != 25 {
		t.Errorf("a text over a version that was not seen: %+v, %v", now, err)
	}
	if _, err := publish(h, 25, make([]byte, 7*512<<10)); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("a text that is too large: %v", err)
	}
	if none, text, err := farm.Active(t.Context(), open(t).Store); err != nil || none.Version != 0 || text != nil {
		t.Errorf("where none was published: %+v, %q, %v", none, text, err)
	}
}
