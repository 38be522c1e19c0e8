package api_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"auwai/api"
)

func fixture(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile("fixtures/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func strict(t *testing.T, name string, text []byte, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Errorf("%s: %v: %s", name, err, text)
	}
}

func TestTheExtensionsJobsAreThoseOfTheAPI(t *testing.T) {
	var f struct {
		Cases []struct {
			Name    string
			Request struct{ Body string }
		}
	}
	fixture(t, "extension-jobs.json", &f)
	read := 0
	for _, c := range f.Cases {
		if c.Request.Body == "" {
			continue // a case of answers alone
		}
		var jobs []api.NewJob
		strict(t, c.Name, []byte(c.Request.Body), &jobs)
		for _, j := range jobs {
			if j.Queue == "" || j.Wiki == "" || j.ClientID == "" || !json.Valid(j.Payload) {
				t.Errorf("%s: a job is %+v", c.Name, j)
			}
			read++
		}
	}
	if read == 0 {
		t.Error("the fixture has no jobs")
	}
}

func TestTheExtensionReadsTheCountsOfTheAPI(t *testing.T) {
	var f struct {
		Response struct{ Body json.RawMessage }
	}
	fixture(t, "extension-queues.json", &f)
	var page api.QueuePage
	strict(t, "extension-queues.json", f.Response.Body, &page)
	again, err := json.Marshal(page)
	if err != nil {
		t.Fatal(err)
	}
	var want, got any
	fixture(t, "extension-queues.json", &struct{ Response struct{ Body *any } }{struct{ Body *any }{&want}})
	if err := json.Unmarshal(again, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the counts lose something on the way (-fixture +type):\n%s", diff)
	}
}

func TestEveryStateHasItsName(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range api.States() {
		seen[s] = true
	}
	if len(seen) != 11 || len(api.States()) != 11 {
		t.Errorf("the states are %v", api.States())
	}
}
