package migrate

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/api"
)

// queued is a case of the fixture that the extension's tests replay on MediaWiki.
type queued struct {
	Name       string          `json:"name"`
	Type       string          `json:"type"`
	Options    json.RawMessage `json:"options"`
	Serialized []byte          `json:"serialized"`
	Item       string          `json:"item"`
}

func fixture(t *testing.T) []queued {
	t.Helper()
	text, err := os.ReadFile("../../api/fixtures/extension-migrate.json")
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		Cases []queued `json:"cases"`
	}
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	return f.Cases
}

// job makes the job of a case as a queue of MediaWiki has it.
func (q *queued) job(t *testing.T) mwJob {
	t.Helper()
	params, err := parameters(q.Serialized)
	if err != nil {
		t.Fatalf("%s: %v", q.Name, err)
	}
	var options struct {
		Removes bool     `json:"removeDuplicates"`
		Ignored []string `json:"removeDuplicatesIgnoreParams"`
	}
	if string(q.Options) != "[]" {
		if err := json.Unmarshal(q.Options, &options); err != nil {
			t.Fatal(err)
		}
	}
	return mwJob{
		source: fromTable, wiki: "aawiki", id: "1", kind: q.Type, params: params,
		twins: twins{none: !options.Removes, ignore: options.Ignored},
	}
}

func TestAJobOfMediaWikisQueueIsWhatTheExtensionPushes(t *testing.T) {
	for _, q := range fixture(t) {
		var want api.NewJob
		d := json.NewDecoder(bytes.NewReader([]byte(q.Item)))
		d.DisallowUnknownFields()
		if err := d.Decode(&want); err != nil {
			t.Fatal(err)
		}
		j := q.job(t)
		item, err := j.item()
		if err != nil {
			t.Errorf("%s: %v", q.Name, err)
			continue
		}
		got := item.Job
		got.ClientID = want.ClientID
		if string(got.Payload) != string(want.Payload) {
			t.Errorf("%s: payload\n%s, want\n%s", q.Name, got.Payload, want.Payload)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: job (-extension +import):\n%s", q.Name, diff)
		}
	}
}

func TestTwinsAreThoseOfMediaWikiAndLeavesAreCorrected(t *testing.T) {
	keys := map[string]string{}
	for _, q := range fixture(t) {
		j := q.job(t)
		j.twins = twinsOf(q.Type, j.params, nil) // as a dump has it: without the options
		item, err := j.item()
		if err != nil {
			t.Fatal(err)
		}
		keys[q.Name] = item.Job.Key
	}
	for _, equal := range [][]string{
		{"a job that is de-duplicated", "the same in another order", "the same with a root and a delay"},
		{"a leaf", "the same leaf of another template and user"},
		{"an ignored parameter", "an ignored parameter with another value"},
	} {
		for _, name := range equal {
			if keys[name] == "" || keys[name] != keys[equal[0]] {
				t.Errorf("%q has the key %q, %q has %q", name, keys[name], equal[0], keys[equal[0]])
			}
		}
	}
	for _, name := range []string{"a plain job", "a range", "a leaf of several pages", "a delayed purge"} {
		if keys[name] != "" {
			t.Errorf("%q takes part in de-duplication", name)
		}
	}
	seen := map[string]string{}
	for _, name := range []string{"a job that is de-duplicated", "a leaf", "a root job", "an ignored parameter", "only the file counts", "all of text"} {
		if other, ok := seen[keys[name]]; ok || keys[name] == "" {
			t.Errorf("%q has the key of %q", name, other)
		}
		seen[keys[name]] = name
	}
}

func TestOnlyTheFileOfAnUploadCounts(t *testing.T) {
	key := func(serialised string) string {
		params, err := parameters([]byte(serialised))
		if err != nil {
			t.Fatal(err)
		}
		return jobKey("AssembleUploadChunks", params, twinsOf("AssembleUploadChunks", params, nil))
	}
	a := key(`a:2:{s:7:"filekey";s:1:"k";s:7:"session";i:1;}`)
	if b := key(`a:2:{s:7:"session";i:2;s:7:"filekey";s:1:"k";}`); a != b {
		t.Errorf("another session makes another key: %s, %s", a, b)
	}
	if b := key(`a:1:{s:7:"filekey";s:1:"l";}`); a == b {
		t.Error("another file makes the same key")
	}
}

func TestTimesAreReadInMediaWikisForms(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, s := range []string{
		"20260102030405", "1767323045", "1767323045.0", "2026-01-02T03:04:05Z", "2026-01-02 03:04:05", "2026-01-02 03:04:05+00",
		"2026-01-02 05:04:05+02", "20260102T030405Z", "2026-01-02T05:04:05+02:00",
	} {
		got, ok := mwTime(s)
		if !ok || !got.Equal(at) {
			t.Errorf("mwTime(%q) = %v, %v", s, got, ok)
		}
		if n := normal(s); n != "20260102030405" {
			t.Errorf("normal(%q) = %q", s, n)
		}
	}
	for _, s := range []string{"", "infinity", "soon", "0x10", "1e9", "99999999999999", "20261302030405", "NaN"} {
		if got, ok := mwTime(s); ok {
			t.Errorf("mwTime(%q) = %v", s, got)
		}
	}
}

func TestTheTitleThatOldVersionsKeptBesideIsPutBack(t *testing.T) {
	params, err := parameters([]byte(`a:1:{s:1:"x";i:1;}`))
	if err != nil {
		t.Fatal(err)
	}
	j := mwJob{kind: "oldJob", namespace: 4, title: "Old_title", params: params, twins: twins{none: true}}
	item, err := j.item()
	if want := `{"type":"oldJob","params":{"x":1,"namespace":4,"title":"Old_title"}}`; err != nil || string(item.Job.Payload) != want {
		t.Errorf("payload %s, %v; want %s", item.Job.Payload, err, want)
	}
}

func TestADelayThatIsNoTimeIsAnErrorOfTheJob(t *testing.T) {
	params, err := parameters([]byte(`a:1:{s:19:"jobReleaseTimestamp";s:4:"soon";}`))
	if err != nil {
		t.Fatal(err)
	}
	j := mwJob{kind: "x", params: params, where: "line 7"}
	if _, err := j.item(); err == nil || err.Error() != `line 7: the parameter jobReleaseTimestamp is "soon"; a time is expected` {
		t.Errorf("got %v", err)
	}
}
