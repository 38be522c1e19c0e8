package intake_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/intake"
	"auwai/internal/schema"
)

// newCheckedIntake returns an intake that checks events against the schemas of a folder.
func newCheckedIntake(t testing.TB, n *fakeNode, dir string, streams map[string]schema.Stream) *intake.Intake {
	t.Helper()
	set, err := schema.Open(dir, streams)
	if err != nil {
		t.Fatal(err)
	}
	s := settings()
	s.Schemas = set
	return intake.New(intake.Config{Node: n, Settings: func() *intake.Settings { return s }}, nil)
}

func TestRecordedTrafficIsValidUnderSchemasOfItsShape(t *testing.T) {
	n := newNode(t)
	in := newCheckedIntake(t, n, "testdata/schemas", nil)
	for _, body := range recorded(t) {
		if r := events(t, in, string(body)); r.Status != 201 {
			t.Fatalf("%d: %s", r.Status, r.Invalid[0].Context.Message)
		}
	}
}

func TestAnEventThatIsNotValidIsToldWithItsPlaceAndDoesNotSpoilOthers(t *testing.T) {
	n := newNode(t)
	in := newCheckedIntake(t, n, "testdata/schemas", nil)
	const (
		good = `{"$schema":"/mediawiki/job/1.0.0","meta":{"stream":"mediawiki.job.null"},"database":"aawiki","type":"null","params":{}}`
		bad  = `{"$schema":"/mediawiki/job/1.0.0","meta":{"stream":"mediawiki.job.null"},"database":"aawiki","type":"null","params":[]}`
		free = `{"$schema":"/unknown/1.0.0","meta":{"stream":"s"},"database":"aawiki","anything":[]}`
	)
	r := events(t, in, "["+good+","+bad+","+free+"]")
	if r.Status != 207 || r.Accepted != 2 || len(r.Invalid) != 1 || len(r.Errors) != 0 {
		t.Fatalf("%+v", r)
	}
	text, err := json.Marshal(r.Body())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"invalid":[{"status":"invalid","event":` + bad + `,"context":{` +
		`"message":"the event is not valid under the schema /mediawiki/job/1.0.0: data.params should be object","index":1,` +
		`"name":"ValidationError","errors":[{"keyword":"type","dataPath":".params","schemaPath":"#/properties/params/type",` +
		`"params":{"type":"object"},"message":"should be object"}],"errorsText":"data.params should be object"}}],"error":[]}`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Error(diff)
	}
	if jobs := n.jobs("aawiki"); len(jobs) != 1 || string(jobs[0].Payload) != good {
		t.Errorf("jobs %v", jobs)
	}
	if got := n.log("aawiki", "s"); len(got) != 1 || got[0].raw != free {
		t.Errorf("kept %v", got)
	}
	if r := events(t, in, bad); r.Status != 400 || r.Invalid[0].Context.Index != 0 {
		t.Errorf("alone: %+v", r)
	}
}

func TestAStreamMayRequireASchema(t *testing.T) {
	n := newNode(t)
	in := newCheckedIntake(t, n, "testdata/schemas", map[string]schema.Stream{
		"strict": {Required: true}, "purges": {Schema: "resource_change/1.0.0"},
	})
	for _, x := range [...]struct {
		event  string
		status int
		words  string
	}{
		{`{"meta":{"stream":"strict"},"database":"aawiki"}`, 400, "$schema: is missing"},
		{`{"$schema":"/unknown/1.0.0","meta":{"stream":"strict"},"database":"aawiki"}`, 400, "no schema that is known here"},
		{`{"$schema":"/resource_change/1.0.0","meta":{"stream":"strict","uri":"/x"},"database":"aawiki"}`, 201, ""},
		{`{"$schema":"/unknown/1.0.0","meta":{"stream":"purges"},"database":"aawiki"}`, 400, "data.meta should have required property 'uri'"},
		{`{"$schema":"/unknown/1.0.0","meta":{"stream":"purges","uri":"/x"},"database":"aawiki"}`, 201, ""},
	} {
		r := events(t, in, x.event)
		if r.Status != x.status || x.words != "" && !strings.Contains(r.Invalid[0].Context.Message, x.words) {
			t.Errorf("%s: %+v", x.event, r)
		}
	}
}

func TestASchemaThatCannotBeUsedIsTheOperatorsFault(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "broken.json"), []byte(`{"type": 7}`), 0o600); err != nil {
		t.Fatal(err)
	}
	n := newNode(t)
	in := newCheckedIntake(t, n, dir, nil)
	r := events(t, in, `[{"$schema":"/broken","meta":{"stream":"s"},"database":"aawiki"},{"meta":{"stream":"s"},"database":"aawiki"}]`)
	if r.Status != 207 || len(r.Errors) != 1 || !strings.Contains(r.Errors[0].Context.Message, "the schema /broken cannot be used") {
		t.Errorf("%+v", r)
	}
}

func BenchmarkEventsUnderASchema(b *testing.B) {
	const event = `{"$schema":"/mediawiki/job/1.0.0","meta":{"uri":"https://placeholder.invalid/wiki/Special:Badtitle",` +
		`"request_id":"efa10bd3721d1700d04f54a6","id":"3d161773-1205-47d8-a2c3-b9743582808e","dt":"2026-11-21T22:49:41Z",` +
		`"domain":"aawiki.localhost","stream":"mediawiki.job.null"},"database":"aawiki","type":"null","params":{"lives":1,"usleep":0}}`
	set, err := schema.Open("testdata/schemas", nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := set.Check(b.Context(), schema.Event{Raw: []byte(event), Schema: "/mediawiki/job/1.0.0"}); err != nil {
			b.Fatal(err)
		}
	}
}
