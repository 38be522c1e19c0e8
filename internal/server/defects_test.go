package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The tests of this file are named after defects of MediaWiki's own job queues, and show that this service
// does not have them.

const remoteQueues = "queues:\n  default: {runner: remote, retry_delay: 0s}\n"

func TestDefectAFailedJobDoesNotWaitForTheEndOfItsClaim(t *testing.T) {
	r := start(t, t.TempDir(), remoteQueues)
	r.push(t, `[{"queue":"q","wiki":"aawiki","payload":1}]`)
	first := r.claim(t, "q", `{"wait":"30s","timeout":"1h"}`)
	if len(first) != 1 {
		t.Fatalf("claimed %+v", first)
	}
	if status, text := r.say(t, first[0], "fail"); status != http.StatusOK {
		t.Fatalf("fail = %d %s", status, text)
	}
	again := r.claim(t, "q", `{"wait":"30s"}`)
	if len(again) != 1 || again[0].ID != first[0].ID || again[0].Attempt != 2 {
		t.Errorf("claimed %+v after a failure, want the job's second attempt; its claim had an hour left", again)
	}
}

// Types that are left out of MediaWiki's default order, and types that nobody has configured.
func TestDefectEveryTypeIsServed(t *testing.T) {
	r := start(t, t.TempDir(), remoteQueues)
	types := []string{"AssembleUploadChunks", "PublishStashedFile", "UploadFromUrl", "cirrusSearchLinksUpdate", "ofAnExtensionThatIsNew"}
	for i, name := range types {
		r.push(t, fmt.Sprintf(`[{"queue":%q,"wiki":"aawiki","payload":%d}]`, name, i))
	}
	served := map[string]bool{}
	for range types {
		for _, j := range r.claim(t, "*", `{"wait":"30s"}`) {
			served[j.Queue] = true
			r.say(t, j, "finish")
		}
	}
	for _, name := range types {
		if !served[name] {
			t.Errorf("type %s was not served", name)
		}
	}
}

func TestDefectATypeThatNobodyKnowsIsDeadAndSaysWhy(t *testing.T) {
	w := newWiki(t)
	w.answer = func(string) (int, string) {
		return http.StatusInternalServerError, `{"message":"Invalid job type 'demoJob'","exception":{"id":"x","type":"InvalidArgumentException","message":"Invalid job command 'demoJob'"}}`
	}
	r := start(t, t.TempDir(), oneWiki(w)+"queues:\n  default: {attempts: 1}\n")
	r.do(t, http.MethodPost, "/v1/events", "["+event("1", "aawiki.localhost")+"]")
	waitFor(t, func() bool { return r.queue(t).Dead == 1 })
	_, text := r.do(t, http.MethodGet, "/v1/jobs?state=dead&wiki=aawiki", "")
	if !strings.Contains(text, "demoJob") || !strings.Contains(text, "Invalid job") {
		t.Errorf("the dead job does not say why: %s", text)
	}
}

func TestDefectSizesDoNotCountWhatRuns(t *testing.T) {
	r := start(t, t.TempDir(), remoteQueues)
	r.push(t, `[{"queue":"one","wiki":"aawiki","payload":1},{"queue":"two","wiki":"aawiki","payload":2},{"queue":"two","wiki":"aawiki","payload":3}]`)
	for _, queue := range []string{"one", "two"} {
		if got := r.claim(t, queue, `{"wait":"30s"}`); len(got) != 1 {
			t.Fatalf("claimed %+v of %s", got, queue)
		}
	}
	_, text := r.do(t, http.MethodGet, "/v1/queues?wiki=aawiki", "")
	for _, want := range []string{`"queue":"one","wiki":"aawiki","ready":0,"delayed":0,"blocked":0,"running":1`, `"queue":"two","wiki":"aawiki","ready":1,"delayed":0,"blocked":0,"running":1`} {
		if !strings.Contains(text, want) {
			t.Errorf("counts %s\nwant %s", text, want)
		}
	}
}

func TestDefectAnImmediateJobIsNotDroppedForADelayedTwin(t *testing.T) {
	r := start(t, t.TempDir(), remoteQueues)
	later := time.Now().Add(48 * time.Hour).UTC().Format(time.RFC3339)
	r.push(t, `[{"queue":"q","wiki":"aawiki","key":"k","payload":"delayed","run_at":"`+later+`"}]`)
	if got := r.claim(t, "q", `{}`); len(got) != 0 {
		t.Fatalf("claimed %+v two days early", got)
	}
	r.push(t, `[{"queue":"q","wiki":"aawiki","key":"k","payload":"now"}]`)
	got := r.claim(t, "q", `{"wait":"30s"}`)
	if len(got) != 1 || string(got[0].Payload) != `"now"` {
		t.Errorf("claimed %+v, want the job at once, with the newest bytes", got)
	}
	if q := r.queue(t); q.Delayed+q.Ready != 0 || q.Running != 1 {
		t.Errorf("counts %+v, want one job in all", q)
	}
}

func TestDefectJobsCanBeDelayed(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir, remoteQueues)
	moment := time.Now().Add(1500 * time.Millisecond).UTC()
	r.push(t, `[{"queue":"q","wiki":"aawiki","payload":1,"run_at":"`+moment.Format(time.RFC3339Nano)+`"}]`)
	r.stop()
	r = start(t, dir, remoteQueues)
	got := r.claim(t, "q", `{"wait":"30s"}`)
	if now := time.Now(); len(got) != 1 || now.Before(moment.Truncate(time.Millisecond)) {
		t.Errorf("claimed %+v %s before its moment", got, moment.Sub(now))
	}
}
