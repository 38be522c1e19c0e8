package intake_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/ident"
	"auwai/internal/intake"
	"auwai/internal/jobqueue"
)

// ruled returns an intake whose queue "q" has rules.
func ruled(n *fakeNode, rules intake.QueueRules) *intake.Intake {
	s := settings()
	s.Queues = map[string]*intake.QueueRules{"q": &rules, intake.PurgeQueue: {}}
	s.Default = &intake.QueueRules{Rules: &jobqueue.Rules{Dedup: jobqueue.DedupNone}}
	return intake.New(intake.Config{Node: n, Settings: func() *intake.Settings { return s }}, nil)
}

func TestAJobSaysHowItWaits(t *testing.T) {
	n := newNode(t)
	in := newIntake(n)
	first := jobs(t, in, `[{"client_id":"a","queue":"q","wiki":"aawiki","payload":1}]`)
	parent := &jobqueue.Job{ID: ident.Suffix{1}, Pair: jobqueue.Pair{Wiki: "aawiki", Queue: "q"}, Key: "k"}
	body := fmt.Sprintf(`[
		{"client_id":"b","queue":"q","wiki":"aawiki","payload":2,"serial":"page 7","needs":{"cores":1.5,"memory":1073741824},
		 "expire_at":"2030-01-02T03:04:05Z","cause":%q,"waits_for":[%q]},
		{"queue":"q","wiki":"aawiki","payload":3,"waits_for":["client_id:b"]}]`, parent.Child(ident.ID{Wiki: parent.Wiki, Suffix: parent.ID}.String()).String(), first.Places[0].ID)
	r := jobs(t, in, body)
	if r.Status != 201 {
		t.Fatalf("%+v", r)
	}
	list := n.jobs("aawiki")
	j, last := list[1], list[2]
	if diff := cmp.Diff(parent.Child(ident.ID{Wiki: parent.Wiki, Suffix: parent.ID}.String()), j.Cause); diff != "" {
		t.Errorf("cause (-sent +kept):\n%s", diff)
	}
	if j.SerialKey != "page 7" || j.Needs != (jobqueue.Needs{Cores: 1.5, Memory: 1 << 30}) ||
		!j.ExpireAt.Equal(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)) {
		t.Errorf("the job is %+v", j)
	}
	if j.State != jobqueue.Blocked || last.State != jobqueue.Blocked || last.WaitsFor[0] != j.ID || j.WaitsFor[0] != list[0].ID {
		t.Errorf("the jobs are %s and %s, and wait for %v and %v", j.State, last.State, j.WaitsFor, last.WaitsFor)
	}
}

func TestWhatAJobSaysOfHowItWaitsIsChecked(t *testing.T) {
	other := ident.ID{Wiki: "bbwiki", Suffix: ident.Suffix{1}}.String()
	for more, want := range map[string]string{
		`"serial":5`:                                   "[0].serial: is the number 5",
		`"needs":{"cores":-1}`:                         "[0].needs.cores: is -1; a number from 0",
		`"needs":{"disk":1}`:                           "[0].needs.disk: is no field",
		`"expire_at":"soon"`:                           "[0].expire_at: ",
		`"cause":"me"`:                                 "[0].cause: \"me\" is no cause",
		`"waits_for":"x"`:                              "[0].waits_for: is no array",
		`"waits_for":["x"]`:                            "[0].waits_for[0]: \"x\" is no id of a job",
		`"waits_for":["client_id:c"]`:                  "[0].waits_for[0]: \"client_id:c\" names no job of the wiki before this one",
		`"waits_for":["` + other + `"]`:                "is of wiki \"bbwiki\"; a job waits for jobs of its own wiki",
		`"waits_for":[` + "1" + `]`:                    "[0].waits_for[0]: is the number 1",
		`"needs":{"memory":"lots"}`:                    "[0].needs.memory: is \"lots\"; a number from 0",
		`"needs":{"memory":1e300}`:                     "[0].needs.memory: is 1e300; a number from 0",
		`"serial":"` + strings.Repeat("x", 9000) + `"`: "[0].serial: ",
	} {
		r := jobs(t, newIntake(newNode(t)), `[{"queue":"q","wiki":"aawiki","payload":1,`+more+`}]`)
		if r.Status != 400 || !strings.Contains(r.Places[0].Error, want) {
			t.Errorf("%.60s: %d %+v, want %q", more, r.Status, r.Places, want)
		}
	}
}

func TestTheRulesOfAQueueGoWithItsJobs(t *testing.T) {
	n := newNode(t)
	in := ruled(n, intake.QueueRules{Rules: &jobqueue.Rules{Dedup: jobqueue.DedupReplace, AtMostOnce: true}, Needs: jobqueue.Needs{Cores: 2}})
	jobs(t, in, `[{"queue":"q","wiki":"aawiki","key":"k","payload":1},{"queue":"q","wiki":"aawiki","key":"k","payload":2,"needs":{"cores":1}}]`)
	list := n.jobs("aawiki")
	if len(list) != 1 || string(list[0].Payload) != "2" || !list[0].AtMostOnce || list[0].Needs.Cores != 1 {
		t.Errorf("the jobs are %+v", list)
	}
	jobs(t, in, `[{"queue":"other","wiki":"bbwiki","key":"k","payload":1},{"queue":"other","wiki":"bbwiki","key":"k","payload":2}]`)
	if list := n.jobs("bbwiki"); len(list) != 2 {
		t.Errorf("by the default there are %d jobs", len(list))
	}
}

func TestASerialKeyIsTakenFromTheJob(t *testing.T) {
	const leaf = `{"type":"q","params":{"pages":{"31":[0,"Page 12"]},"namespace":10,"title":"Box"}}`
	for name, c := range map[string]struct{ by, item, want string }{
		"key":                 {"key", `"key":"k","payload":1`, "k"},
		"root":                {"root", `"root":{"signature":"s","timestamp":"20260102030405"},"payload":1`, "s"},
		"page":                {"page", `"payload":{"type":"q","params":{"namespace":4,"title":"A \u00e9"}}`, "4:A é"},
		"leaf":                {"page", `"payload":` + leaf, "0:Page 12"},
		"several pages":       {"page", `"payload":{"params":{"pages":{"1":[0,"A"],"2":[0,"B"]},"namespace":10,"title":"Box"}}`, "10:Box"},
		"no page":             {"page", `"payload":{"params":{}}`, ""},
		"param":               {"params.userId", `"payload":{"params":{"userId":7}}`, "7"},
		"text":                {"params.user", `"payload":{"params":{"user":"Jo","user ":1}}`, "Jo"},
		"null":                {"params.user", `"payload":{"params":{"user":null}}`, ""},
		"no params":           {"params.user", `"payload":[1]`, ""},
		"what the job itself": {"key", `"key":"k","serial":"own","payload":1`, "own"},
		"nothing":             {"", `"key":"k","payload":1`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			r := jobs(t, ruled(n, intake.QueueRules{SerializeBy: c.by}), `[{"queue":"q","wiki":"aawiki",`+c.item+`}]`)
			if r.Status != 201 {
				t.Fatalf("%+v", r)
			}
			if got := n.jobs("aawiki")[0].SerialKey; got != c.want {
				t.Errorf("the serial key is %q, want %q", got, c.want)
			}
		})
	}
}

func TestAnEventsJobHasASerialKeyToo(t *testing.T) {
	n := newNode(t)
	in := ruled(n, intake.QueueRules{SerializeBy: "page", MaxPending: 1})
	event := func(id string) string {
		return `{"meta":{"stream":"mediawiki.job.q","id":"` + id + `","domain":"aawiki.localhost"},"database":"aawiki","type":"q","params":{"namespace":0,"title":"A"}}`
	}
	if r := events(t, in, "["+event("1")+","+event("2")+"]"); r.Status != 201 {
		t.Fatalf("%+v", r)
	}
	list := n.jobs("aawiki")
	if len(list) != 2 || list[0].SerialKey != "0:A" || list[1].State != jobqueue.Blocked {
		t.Errorf("the jobs are %+v", list)
	}
}

func TestAFullQueueRefusesJobsAndTakesEvents(t *testing.T) {
	n := newNode(t)
	in := ruled(n, intake.QueueRules{MaxPending: 1})
	const one = `{"queue":"q","wiki":"aawiki","payload":1}`
	if r := jobs(t, in, `[`+one+`]`); r.Status != 201 {
		t.Fatalf("%+v", r)
	}
	r := jobs(t, in, `[`+one+`]`)
	if r.Status != 429 || r.RetryAfter < time.Second || !strings.Contains(r.Places[0].Error, "max_pending") || r.Places[0].Retry != nil {
		t.Errorf("a full queue answers %+v", r)
	}
	r = jobs(t, in, `[`+one+`,{"queue":"q","wiki":"bbwiki","payload":1}]`)
	if r.Status != 207 || r.Places[0].Error == "" || r.Places[1].ID == "" {
		t.Errorf("with a job of another wiki it answers %+v", r)
	}
	e := events(t, in, `{"meta":{"stream":"mediawiki.job.q","domain":"aawiki.localhost"},"database":"aawiki","type":"q","params":{}}`)
	if e.Status != 201 || len(n.jobs("aawiki")) != 2 {
		t.Errorf("an event is answered %+v", e)
	}
}
