package intake_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/fault"
	"auwai/internal/intake"
	"auwai/internal/jobqueue"
	"auwai/internal/partition"
)

func TestJobsAreKeptAsTheyWereGiven(t *testing.T) {
	n := newNode(t)
	in := newIntake(n)
	payload := `{"type" : "x", "params":{"a":1.0,"b":"\u2028"}}`
	body := `[{"client_id":"c1","queue":"q","wiki":"aawiki","key":"k","run_at":"2030-01-02T03:04:05Z","priority":"interactive",
		"root":{"signature":"s","timestamp":"20260102030405","is_root":true},"request_id":"r","payload":` + payload + `},
		{"queue":"refreshLinks","wiki":"bbwiki","root":{"signature":"s","timestamp":"2026-01-02T03:04:05+01:00"},"payload":[1, 2],"key":null}]`
	r := jobs(t, in, body)
	if r.Status != 201 || len(r.Places) != 2 {
		t.Fatalf("%+v", r)
	}
	got := n.jobs("aawiki")[0]
	if string(got.Payload) != payload || got.FromEvent {
		t.Errorf("payload %q", got.Payload)
	}
	if id := "aawiki." + got.ID.String(); r.Places[0].ID != id {
		t.Errorf("answered %q, kept as %q", r.Places[0].ID, id)
	}
	type facts struct {
		Queue, Key, Client, Request string
		Band                        jobqueue.Band
		Root                        jobqueue.Root
		RunAt                       string
	}
	of := func(j *jobqueue.Job) facts {
		at := ""
		if !j.RunAt.IsZero() {
			at = j.RunAt.Format(time.RFC3339)
		}
		return facts{j.Queue, j.Key, j.ClientID, j.RequestID, j.Band, j.Root, at}
	}
	want := facts{"q", "k", "c1", "r", jobqueue.Interactive, jobqueue.Root{Signature: "s", Timestamp: "20260102030405", IsRoot: true}, "2030-01-02T03:04:05Z"}
	if diff := cmp.Diff(want, of(got)); diff != "" {
		t.Error(diff)
	}
	second := facts{"refreshLinks", "", "", "req", jobqueue.Bulk, jobqueue.Root{Signature: "s", Timestamp: "20260102020405"}, ""}
	if diff := cmp.Diff(second, of(n.jobs("bbwiki")[0])); diff != "" {
		t.Error(diff)
	}
}

func TestAJobOfAnotherQueueIsDeadOrAnEventWhereThatIsSaid(t *testing.T) {
	n := newNode(t)
	in := newIntake(n)
	r := jobs(t, in, `[{"queue":"q","wiki":"aawiki","dead":"it failed\nthrice","key":"k","from_event":true,"domain":"aa.example","payload":{"a" : 1}}]`)
	if r.Status != 201 {
		t.Fatalf("%+v", r)
	}
	got := n.jobs("aawiki")[0]
	if got.State != jobqueue.Dead || got.LastError != "it failed\nthrice" || !got.FromEvent || got.Domain != "aa.example" || string(got.Payload) != `{"a" : 1}` {
		t.Errorf("kept as %+v", got)
	}
	for body, words := range map[string]string{
		`[{"queue":"q","wiki":"aawiki","payload":1,"dead":true}]`:      "[0].dead: is true",
		`[{"queue":"q","wiki":"aawiki","payload":1,"from_event":"x"}]`: `[0].from_event: is "x"; true or false`,
	} {
		if r := jobs(t, in, body); r.Status != 400 || !strings.Contains(r.Places[0].Error, words) {
			t.Errorf("%s: %+v", body, r)
		}
	}
}

func TestARepeatedClientIDAnswersTheFirstJobAndATwinIsNamed(t *testing.T) {
	n := newNode(t)
	in := newIntake(n)
	first := jobs(t, in, `[{"client_id":"c","queue":"q","wiki":"aawiki","payload":1},{"queue":"q","wiki":"aawiki","key":"k","payload":2}]`)
	again := jobs(t, in, `[{"client_id":"c","queue":"q","wiki":"aawiki","payload":1},{"queue":"q","wiki":"aawiki","key":"k","payload":3},{"client_id":"c","queue":"q","wiki":"bbwiki","payload":1}]`)
	if first.Status != 201 || again.Status != 201 {
		t.Fatalf("%+v, %+v", first, again)
	}
	if again.Places[0].ID != first.Places[0].ID {
		t.Errorf("a repeat answers %+v", again.Places[0])
	}
	if again.Places[1].DuplicateOf != first.Places[1].ID || again.Places[1].ID == first.Places[1].ID {
		t.Errorf("a twin answers %+v", again.Places[1])
	}
	if len(n.jobs("bbwiki")) != 1 {
		t.Error("a client id is of one wiki only")
	}
}

func TestBadJobsAreRefusedByIndexAndField(t *testing.T) {
	long := strings.Repeat("x", 256)
	for _, x := range [...]struct{ name, job, want string }{
		{"no object", `1`, "[1]: is the number 1"},
		{"malformed", `{"queue":}`, "[1]: malformed JSON"},
		{"no queue", `{"wiki":"bbwiki","payload":1}`, "[1].queue: is empty"},
		{"no wiki", `{"queue":"q","payload":1}`, "[1].wiki: is empty"},
		{"no payload", `{"queue":"q","wiki":"bbwiki"}`, "[1].payload: is missing"},
		{"an unknown field", `{"queue":"q","wiki":"bbwiki","payload":1,"wkii":2}`, "[1].wkii: is no field"},
		{"queue too long", `{"queue":"` + long + `","wiki":"bbwiki","payload":1}`, "[1].queue: \"xxx"},
		{"queue with a control character", `{"queue":"a\u0007","wiki":"bbwiki","payload":1}`, "[1].queue: \"a\\a\" has the control character U+0007"},
		{"queue of another type", `{"queue":{},"wiki":"bbwiki","payload":1}`, "[1].queue: is an object"},
		{"Auwai's own queue", `{"queue":"auwai.purge","wiki":"bbwiki","payload":1}`, "[1].queue: "},
		{"wiki too long", `{"queue":"q","wiki":"` + long + `","payload":1}`, "[1].wiki: "},
		{"Auwai's own wiki", `{"queue":"q","wiki":"*farm","payload":1}`, "[1].wiki: "},
		{"client id too long", `{"client_id":"` + long + `","queue":"q","wiki":"bbwiki","payload":1}`, "[1].client_id: "},
		{"client id a number", `{"client_id":1,"queue":"q","wiki":"bbwiki","payload":1}`, "[1].client_id: is the number 1"},
		{"key too long", `{"key":"` + strings.Repeat("k", 9000) + `","queue":"q","wiki":"bbwiki","payload":1}`, "[1].key: "},
		{"run_at no time", `{"run_at":"tomorrow","queue":"q","wiki":"bbwiki","payload":1}`, "[1].run_at: \"tomorrow\" is not a time"},
		{"priority unknown", `{"priority":"urgent","queue":"q","wiki":"bbwiki","payload":1}`, "[1].priority: "},
		{"root no object", `{"root":"s","queue":"q","wiki":"bbwiki","payload":1}`, "[1].root: is the string"},
		{"root without signature", `{"root":{"timestamp":"20260102030405"},"queue":"q","wiki":"bbwiki","payload":1}`, "[1].root.signature: is empty"},
		{"root without time", `{"root":{"signature":"s"},"queue":"q","wiki":"bbwiki","payload":1}`, "[1].root.timestamp: "},
		{"root with an odd flag", `{"root":{"signature":"s","timestamp":"20260102030405","is_root":"yes"},"queue":"q","wiki":"bbwiki","payload":1}`, "[1].root.is_root: "},
		{"too deep", `{"queue":"q","wiki":"bbwiki","payload":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, "[1]: malformed JSON: nesting"},
		{"invalid UTF-8", "{\"queue\":\"q\",\"wiki\":\"bbwiki\",\"payload\":\"\xff\"}", "[1]: malformed JSON: invalid UTF-8"},
	} {
		t.Run(x.name, func(t *testing.T) {
			n := newNode(t)
			r := jobs(t, newIntake(n), `[{"queue":"q","wiki":"aawiki","payload":0},`+x.job+`]`)
			if r.Status != 207 || r.Places[0].ID == "" {
				t.Fatalf("%+v", r)
			}
			p := r.Places[1]
			if !strings.Contains(p.Error, x.want) || p.Retry == nil || *p.Retry {
				t.Errorf("place %+v, want %q", p, x.want)
			}
			alone := jobs(t, newIntake(n), `[`+x.job+`]`)
			if alone.Status != 400 || len(alone.Places) != 1 || alone.Places[0].Error == "" {
				t.Errorf("alone: %+v", alone)
			}
		})
	}
}

func TestAWikisJobsAreTakenAllOrNone(t *testing.T) {
	n := newNode(t)
	in := newIntake(n)
	r := jobs(t, in, `[{"queue":"q","wiki":"aawiki","payload":1},{"queue":"","wiki":"aawiki","payload":1},{"queue":"q","wiki":"bbwiki","payload":1},{"queue":"q","wiki":"aawiki","payload":1}]`)
	if r.Status != 207 || r.Places[2].ID == "" || len(n.jobs("aawiki")) != 0 {
		t.Fatalf("%+v", r)
	}
	if r.Places[0].Error == "" || r.Places[0].Retry != nil || r.Places[3].Error == "" || r.Places[1].Retry == nil {
		t.Errorf("%+v", r.Places)
	}
	n.fail = func(wiki string, _ partition.Command) error {
		if wiki == "aawiki" {
			return fault.New(fault.Unavailable, "away")
		}
		return nil
	}
	r = jobs(t, in, `[{"queue":"q","wiki":"aawiki","payload":1},{"queue":"q","wiki":"bbwiki","payload":1}]`)
	if r.Status != 207 || r.Places[0].Error == "" || r.Places[0].Retry != nil || r.Places[1].ID == "" {
		t.Errorf("%+v", r)
	}
	r = jobs(t, in, `[{"queue":"q","wiki":"aawiki","payload":1}]`)
	if r.Status != 503 || r.RetryAfter == 0 {
		t.Errorf("%+v", r)
	}
}

func TestABodyOfJobsHasItsBounds(t *testing.T) {
	in := newIntake(newNode(t))
	one := `{"queue":"q","wiki":"aawiki","payload":1}`
	for _, x := range [...]struct {
		body   string
		status int
	}{
		{"", 400},
		{"[]", 400},
		{one, 400},
		{"[" + one, 400},
		{"[" + one + "] x", 400},
		{"null", 400},
		{"[" + strings.Repeat(one+",", 999) + one + "]", 201},
		{"[" + strings.Repeat(one+",", 1000) + one + "]", 413},
		{`[{"queue":"q","wiki":"aawiki","payload":"` + strings.Repeat("x", intake.MaxJobsBody) + `"}]`, 413},
	} {
		if r := jobs(t, in, x.body); r.Status != x.status || (x.status != 201) != (r.Err != nil) {
			t.Errorf("%.60q: %d, %v", x.body, r.Status, r.Err)
		}
	}
}

func TestLargePayloadsAndLargePushesAreStoredAheadAndStayWhole(t *testing.T) {
	n := newNode(t)
	in := newIntake(n)
	var parts []string
	want := map[string]bool{}
	for i := range 900 {
		p := fmt.Sprintf(`{"n":%d,"text":"%s"}`, i, strings.Repeat(string(rune('a'+i%26)), 9_000))
		want[p] = true
		parts = append(parts, `{"queue":"q","wiki":"aawiki","payload":`+p+`}`)
	}
	big := `"` + strings.Repeat("z", 1_300_000) + `"`
	want[big] = true
	parts = append(parts, `{"queue":"q","wiki":"aawiki","payload":`+big+`}`)
	if r := jobs(t, in, "["+strings.Join(parts, ",")+"]"); r.Status != 201 {
		t.Fatalf("status %d, %v, %+v", r.Status, r.Err, r.Places[0])
	}
	got := n.jobs("aawiki")
	for _, j := range got {
		if !want[string(j.Payload)] {
			t.Fatalf("payload %.80q", j.Payload)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d jobs", len(got))
	}
}

func TestKeysTooLargeForOneCommandAreRefused(t *testing.T) {
	n := newNode(t)
	var parts []string
	for i := range 400 {
		parts = append(parts, fmt.Sprintf(`{"queue":"q","wiki":"aawiki","key":"%d%s","payload":1}`, i, strings.Repeat("k", 8_000)))
	}
	r := jobs(t, newIntake(n), "["+strings.Join(parts, ",")+"]")
	if r.Status != 400 || !strings.Contains(r.Places[0].Error, "send the jobs in parts") {
		t.Errorf("status %d, %+v", r.Status, r.Places[0])
	}
}

// The extension's own requests, which its tests replay too.
func TestTheExtensionsRequestsAreTaken(t *testing.T) {
	data, err := os.ReadFile("../../api/fixtures/extension-jobs.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct {
			Name    string `json:"name"`
			Request struct {
				Body string `json:"body"`
			} `json:"request"`
			// Places of the answer: id true is any, duplicate_of is the index of the twin.
			Response struct {
				Status int `json:"status"`
				Places []struct {
					DuplicateOf *int `json:"duplicate_of"`
				} `json:"places"`
			} `json:"response"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(data, &file); err != nil || len(file.Cases) == 0 {
		t.Fatal(err)
	}
	for _, c := range file.Cases {
		t.Run(c.Name, func(t *testing.T) {
			r := jobs(t, newIntake(newNode(t)), c.Request.Body)
			if r.Status != c.Response.Status || len(r.Places) != len(c.Response.Places) {
				t.Fatalf("%+v", r)
			}
			for i, want := range c.Response.Places {
				got := r.Places[i]
				if got.ID == "" || (want.DuplicateOf != nil) != (got.DuplicateOf != "") {
					t.Errorf("place %d: %+v", i, got)
				}
				if want.DuplicateOf != nil && got.DuplicateOf != r.Places[*want.DuplicateOf].ID {
					t.Errorf("place %d: %+v", i, got)
				}
			}
		})
	}
}

func FuzzJobsNeverPanicAndAnswerEachPlace(f *testing.F) {
	for _, s := range []string{
		`[{"queue":"q","wiki":"aawiki","payload":1}]`, `[{"queue":"q"},1,"x",[`, `[{"root":{"signature":"s","timestamp":"2026"}}]`, `{`, `[{"payload":}]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		n := newNode(t)
		r := jobs(t, newIntake(n), string(body))
		kept := 0
		for _, p := range r.Places {
			if (p.ID == "") == (p.Error == "") {
				t.Fatalf("place %+v", p)
			}
			if p.ID != "" {
				kept++
			}
		}
		if (r.Err == nil) != (len(r.Places) > 0) || (r.Status == 201) != (kept > 0 && kept == len(r.Places)) {
			t.Fatalf("%+v", r)
		}
		if _, err := json.Marshal(r.Places); err != nil {
			t.Fatal(err)
		}
	})
}
