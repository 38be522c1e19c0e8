package server_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestACommandCarriesOutTheJobsOfItsQueueForAnyWiki(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	r := start(t, dir, "queues:\n  thumbs: {runner: command, command: [/bin/sh, -c, 'cat > \"$0.new\" && mv \"$0.new\" \"$0\"', '"+out+"']}\n")
	if status, text := r.do(t, http.MethodPost, "/v1/jobs", `[{"queue":"thumbs","wiki":"anywiki","payload":{"file":"A"}}]`); status != http.StatusCreated {
		t.Fatalf("POST /v1/jobs = %d %s, want 201", status, text)
	}
	waitFor(t, func() bool {
		_, text := r.do(t, http.MethodGet, "/v1/jobs?state=done&queue=thumbs", "")
		return strings.Contains(text, `"state":"done"`)
	})
	got, err := os.ReadFile(out)
	if err != nil || !strings.Contains(string(got), `"wiki":"anywiki","attempt":1,`) || !strings.Contains(string(got), `"payload":{"file":"A"}`) {
		t.Errorf("the command got %q, %v", got, err)
	}
}

// claimed is a job that a worker of the test has.
type claimed struct {
	ID       string          `json:"id"`
	Claim    string          `json:"claim"`
	Queue    string          `json:"queue"`
	Attempt  int             `json:"attempt"`
	Deadline time.Time       `json:"deadline"`
	Payload  json.RawMessage `json:"payload"`
}

func (r *running) claim(t *testing.T, queue, body string) []claimed {
	t.Helper()
	status, text := r.do(t, http.MethodPost, "/v1/queues/"+queue+"/claim", body)
	var answer struct {
		Jobs []claimed `json:"jobs"`
	}
	if err := json.Unmarshal([]byte(text), &answer); status != http.StatusOK || err != nil {
		t.Errorf("claim = %d %s, %v", status, text, err) // it may be another goroutine than the test's
	}
	return answer.Jobs
}

func (r *running) push(t *testing.T, jobs string) {
	t.Helper()
	if status, text := r.do(t, http.MethodPost, "/v1/jobs", jobs); status != http.StatusCreated {
		t.Fatalf("POST /v1/jobs = %d %s, want 201", status, text)
	}
}

// say says something of a claimed job and returns the answer.
func (r *running) say(t *testing.T, j claimed, verb string) (status int, text string) {
	t.Helper()
	return r.do(t, http.MethodPost, "/v1/jobs/"+j.ID+"/"+verb, `{"claim":"`+j.Claim+`","`+map[string]string{
		"heartbeat": `progress":40,"message":"half"}`, "finish": `message":"made","result_url":"https://x.example/"}`,
		"fail": `error":"no"}`, "release": `reason":"why"}`,
	}[verb])
}

const remoteQueue = "queues:\n  encode: {runner: remote, retry_delay: 0s}\n"

func TestAWorkerClaimsAJobAndFinishesIt(t *testing.T) {
	r := start(t, t.TempDir(), remoteQueue)
	if jobs := r.claim(t, "encode", `{}`); len(jobs) != 0 {
		t.Fatalf("claimed %+v of nothing", jobs)
	}
	waiting := make(chan []claimed, 1)
	go func() { waiting <- r.claim(t, "encode", `{"limit":5,"wait":"30s","worker":"w1"}`) }()
	r.push(t, `[{"queue":"encode","wiki":"anywiki","payload":{"a": 1}}]`)
	jobs := <-waiting
	if len(jobs) != 1 || jobs[0].Attempt != 1 || string(jobs[0].Payload) != `{"a":1}` || time.Until(jobs[0].Deadline) < 6*time.Minute {
		t.Fatalf("claimed %+v", jobs)
	}
	if status, text := r.say(t, jobs[0], "heartbeat"); status != http.StatusOK || !strings.Contains(text, `"cancelled":false`) {
		t.Errorf("heartbeat = %d %s", status, text)
	}
	_, text := r.do(t, http.MethodGet, "/v1/jobs/"+jobs[0].ID, "")
	if !strings.Contains(text, `"state":"running"`) {
		t.Errorf("the job is %s", text)
	}
	for range 2 { // said again, it is answered as the first time
		if status, text := r.say(t, jobs[0], "finish"); status != http.StatusOK || !strings.Contains(text, `"state":"done"`) {
			t.Errorf("finish = %d %s", status, text)
		}
	}
	_, text = r.do(t, http.MethodGet, "/v1/jobs/"+jobs[0].ID, "")
	if !strings.Contains(text, `"state":"done"`) {
		t.Errorf("the job is %s", text)
	}
}

func TestAJobThatAWorkerFailsOrReleasesComesAgain(t *testing.T) {
	r := start(t, t.TempDir(), remoteQueue)
	r.push(t, `[{"queue":"encode","wiki":"anywiki","payload":{}}]`)
	first := r.claim(t, "encode", `{"wait":"10s"}`)
	if status, text := r.say(t, first[0], "release"); status != http.StatusOK || !strings.Contains(text, `"state":"ready"`) {
		t.Errorf("release = %d %s", status, text)
	}
	second := r.claim(t, "encode", `{"wait":"10s"}`)
	if second[0].ID != first[0].ID || second[0].Attempt != 1 || second[0].Claim == first[0].Claim {
		t.Errorf("claimed %+v after %+v", second, first)
	}
	if status, text := r.say(t, first[0], "finish"); status != http.StatusConflict || !strings.Contains(text, "the job runs, in other hands") {
		t.Errorf("the former holder's finish = %d %s", status, text)
	}
	if status, text := r.say(t, second[0], "fail"); status != http.StatusOK {
		t.Errorf("fail = %d %s", status, text)
	}
	third := r.claim(t, "encode", `{"wait":"10s"}`)
	if third[0].ID != first[0].ID || third[0].Attempt != 2 {
		t.Errorf("claimed %+v", third)
	}
	if status, text := r.do(t, http.MethodPost, "/v1/jobs/"+third[0].ID+"/fail", `{"claim":"`+third[0].Claim+`","error":"never","permanent":true}`); status != http.StatusOK || !strings.Contains(text, `"state":"dead"`) {
		t.Errorf("fail = %d %s", status, text)
	}
}

func TestAClaimOutlivesARestartAndIsLostAtItsDeadline(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir, remoteQueue)
	r.push(t, `[{"queue":"encode","wiki":"anywiki","payload":{"n":1}},{"queue":"encode","wiki":"anywiki","payload":{"n":2}}]`)
	kept := r.claim(t, "encode", `{"wait":"10s","worker":"w1"}`)[0]
	short := r.claim(t, "encode", `{"wait":"10s","worker":"w2","timeout":"1s"}`)[0]
	r.stop()
	r = start(t, dir, remoteQueue)
	if status, text := r.say(t, kept, "heartbeat"); status != http.StatusOK {
		t.Errorf("heartbeat after the restart = %d %s", status, text)
	}
	again := r.claim(t, "encode", `{"wait":"30s"}`) // what was short has been lost
	if len(again) != 1 || again[0].ID != short.ID || again[0].Attempt != 2 {
		t.Errorf("claimed %+v, want the job whose deadline has passed", again)
	}
	if status, text := r.say(t, short, "finish"); status != http.StatusConflict {
		t.Errorf("the former holder's finish = %d %s", status, text)
	}
	if status, text := r.say(t, kept, "finish"); status != http.StatusOK {
		t.Errorf("finish after the restart = %d %s", status, text)
	}
}

func TestAWikiPullsItsOwnJobsWhateverTheirRunnerIs(t *testing.T) {
	r := start(t, t.TempDir(), "  aawiki: {url: 'http://127.0.0.1:1', runner: eventbus}\n"+
		"queues:\n  refreshLinks: {concurrency: 1}\n  encode: {runner: remote}\n")
	pause := func(on string) {
		if status, text := r.do(t, http.MethodPut, "/v1/control/queue:refreshLinks", `{"paused":`+on+`}`); status != http.StatusOK {
			t.Fatalf("control = %d %s", status, text)
		}
	}
	pause("true")
	r.push(t, `[{"queue":"refreshLinks","wiki":"aawiki","payload":{"n":1}},{"queue":"refreshLinks","wiki":"aawiki","payload":{"n":2}}]`)
	if jobs := r.claim(t, "*", `{"wiki":"aawiki"}`); len(jobs) != 0 {
		t.Errorf("claimed %+v of a paused queue", jobs)
	}
	if jobs := r.claim(t, "refreshLinks", `{}`); len(jobs) != 0 {
		t.Errorf("claimed %+v without a wiki", jobs)
	}
	pulled := make(chan []claimed, 1)
	go func() { pulled <- r.claim(t, "*", `{"wiki":"aawiki","limit":10,"wait":"30s"}`) }()
	pause("false")
	jobs := <-pulled
	if len(jobs) != 1 {
		t.Fatalf("claimed %+v, the limit is one at a time", jobs)
	}
	if status, text := r.say(t, jobs[0], "finish"); status != http.StatusOK {
		t.Errorf("finish = %d %s", status, text)
	}
}

func TestASmallJobPassesALargeOneThatNoWorkerHasRoomFor(t *testing.T) {
	r := start(t, t.TempDir(), remoteQueue)
	r.push(t, `[{"queue":"encode","wiki":"anywiki","payload":{"n":1},"needs":{"cores":8}},{"queue":"encode","wiki":"anywiki","payload":{"n":2},"needs":{"cores":1}}]`)
	small := r.claim(t, "encode", `{"wait":"30s","worker":"w1","capacity":{"cores":2}}`)
	if len(small) != 1 || string(small[0].Payload) != `{"n":2}` {
		t.Errorf("claimed %+v, want the small job", small)
	}
	large := r.claim(t, "encode", `{"wait":"30s","worker":"w2","capacity":{"cores":8}}`)
	if len(large) != 1 || string(large[0].Payload) != `{"n":1}` {
		t.Errorf("claimed %+v, want the large job", large)
	}
}

func TestACancelledJobIsToldToItsWorkerAndEndsAsCancelled(t *testing.T) {
	r := start(t, t.TempDir(), remoteQueue)
	r.push(t, `[{"queue":"encode","wiki":"anywiki","payload":{}}]`)
	job := r.claim(t, "encode", `{"wait":"30s"}`)[0]
	if status, text := r.do(t, http.MethodPost, "/v1/jobs/"+job.ID+"/cancel", ""); status != http.StatusOK {
		t.Fatalf("cancel = %d %s", status, text)
	}
	waitFor(t, func() bool {
		_, text := r.say(t, job, "heartbeat")
		return strings.Contains(text, `"cancelled":true`)
	})
	if status, text := r.say(t, job, "fail"); status != http.StatusOK || !strings.Contains(text, `"state":"cancelled"`) {
		t.Errorf("fail = %d %s", status, text)
	}
}
