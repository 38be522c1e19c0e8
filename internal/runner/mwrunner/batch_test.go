package mwrunner_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"auwai/internal/fault"
	"auwai/internal/jobqueue"
	"auwai/internal/runner"
	"auwai/internal/runner/mwrunner"

	"github.com/google/go-cmp/cmp"
)

func TestABatchIsWrittenExactly(t *testing.T) {
	var body string
	var header http.Header
	var path, host string
	wiki := serve(t, mwrunner.Auwai, func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		body, header, path, host = string(raw), r.Header, r.RequestURI, r.Host
		write(w, okLine("demowiki.J1"), okLine("demowiki.J2"), lastLine)
	})
	cfg := farm(wiki)
	cfg.Now = func() time.Time { return time.Unix(1_700_000_000, 0) }
	work := batchWork("demowiki.J1")
	work.Jobs[0].Payload = []byte(" {\"type\" : \"demoJob\",\t\"params\":{\"x\":\"\\u00e9/<&>\",\"n\":1.0}}\n")
	work.Jobs[0].Cause = runner.Text("v1;demowiki.J1;1;00")
	work.Jobs = append(work.Jobs, runner.Item{ID: "demowiki.J2", Attempt: 1, Payload: []byte(event), FromEvent: true})
	got := run(t, newClient(t, cfg), mwrunner.Auwai, t.Context(), work)
	if diff := cmp.Diff(map[string]runner.Result{"demowiki.J1": {Outcome: done}, "demowiki.J2": {Outcome: done}}, got); diff != "" {
		t.Error(diff)
	}
	want := `{"fence":7,"jobs":[{"id":"demowiki.J1","attempt":2,"payload": {"type" : "demoJob",` + "\t" +
		`"params":{"x":"\u00e9/<&>","n":1.0}}` + "\n" + `,"request_id":"r-demowiki.J1","cause":"v1;demowiki.J1;1;00"},` +
		`{"id":"demowiki.J2","attempt":1,"payload":{"type":"demoJob","params":{"title":"Zürich/东京","tab":"a\tb<&>","sep":"x\u2028y",` +
		`"ratio":1.5,"flag":true,"none":null,"list":[1,"2"],"empty":[]}},"request_id":""}],"max_time_s":30}`
	if diff := cmp.Diff(want, body); diff != "" {
		t.Error(diff)
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("1700000000." + body))
	type facts struct{ Path, Host, Type, Signature, Fence, Agent string }
	if diff := cmp.Diff(
		facts{"/w/rest.php/auwai/v1/run", "wiki.example.org", "application/json", "t=1700000000,v1=" + hex.EncodeToString(mac.Sum(nil)), "7", "Auwai/1.2.3"},
		facts{path, host, header.Get("Content-Type"), header.Get("X-Auwai-Signature"), header.Get("X-Auwai-Fence"), header.Get("User-Agent")},
	); diff != "" {
		t.Error(diff)
	}
}

func TestALineDecidesTheOutcomeOfItsJob(t *testing.T) {
	cases := []struct {
		name, line string
		outcome    jobqueue.Outcome
		words      string
	}{
		{"success", `"ok":true,"error":null,"retry":true`, done, ""},
		{"success, and something was caught", `"ok":true,"error":"RuntimeException: x","caught":["RuntimeException"]`, done, "RuntimeException: x"},
		{"failed", `"ok":false,"error":"RuntimeException: x","retry":true`, retry, "RuntimeException: x"},
		{"failed, retry not named", `"ok":false,"error":"x"`, retry, "x"},
		{"failed without a reason", `"ok":false,"error":null,"caught":[],"retry":true`, retry, "gave no reason"},
		{"failed, only the class is known", `"ok":false,"error":null,"caught":["A\\B"],"retry":true`, retry, `A\B`},
		{"retries forbidden", `"ok":false,"error":"x","retry":false`, done, "the job's class forbids it: x"},
		{"permanent", `"ok":false,"error":"Invalid job command 'a'","retry":true,"permanent":true`, dead, "Invalid job command 'a'"},
		{"permanent, retries forbidden", `"ok":false,"error":"x","retry":false,"permanent":true`, dead, "x"},
		{"read-only", `"ok":false,"error":"x","retry":false,"readonly":true`, uncounted, "read-only: x"},
		{"an endless text", `"ok":false,"error":"` + strings.Repeat("ä", 5000) + `"`, retry, "ä"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			wiki := serve(t, mwrunner.Auwai, func(w http.ResponseWriter, _ *http.Request) {
				write(w, `{"id":"J1",`+c.line+`}`, lastLine)
			})
			wantOutcome(t, run(t, newClient(t, farm(wiki)), mwrunner.Auwai, t.Context(), batchWork("J1"))["J1"], c.outcome, c.words)
		})
	}
}

func TestAResultIsReportedWhenItsLineArrives(t *testing.T) {
	reported := make(chan int)
	wiki := serve(t, mwrunner.Auwai, func(w http.ResponseWriter, _ *http.Request) {
		for i, id := range []string{"J1", "J2", "J3"} {
			write(w, okLine(id))
			if got := <-reported; got != i {
				t.Errorf("job %d was reported, want %d", got, i)
			}
		}
		write(w, lastLine)
	})
	c := newClient(t, farm(wiki))
	err := c.Runner(mwrunner.Auwai).Run(t.Context(), batchWork("J1", "J2", "J3"), func(i int, _ runner.Result) { reported <- i })
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsLeftOfABatchDependsOnItsEnd(t *testing.T) {
	last := func(why string) string { return `{"done":true,"spool":0,"stopped":"` + why + `"}` }
	type left struct {
		j2 jobqueue.Outcome // 0: no result
		j3 jobqueue.Outcome
	}
	cases := []struct {
		name  string
		end   func(w http.ResponseWriter)
		want  left
		words string // in J2's result
	}{
		{"PHP died quietly", func(http.ResponseWriter) {}, left{retry, 0}, "PHP died while running this job"},
		{"PHP died with its last words", func(w http.ResponseWriter) { write(w, "<br />\n<b>Fatal error</b>: Allowed memory") }, left{retry, 0}, "Fatal error"},
		{"PHP died in the middle of a line", func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"id":"J2","ok":tr`) }, left{retry, 0}, "PHP died"},
		{"the worker was killed", func(w http.ResponseWriter) { write(w); panic(http.ErrAbortHandler) }, left{retry, 0}, "connection broke"},
		{"a line without end", func(w http.ResponseWriter) { write(w, strings.Repeat("x", 1<<20)) }, left{retry, 0}, "longer than any result"},
		{"stopped for time", func(w http.ResponseWriter) { write(w, last("time")) }, left{}, ""},
		{"stopped for memory", func(w http.ResponseWriter) { write(w, last("memory")) }, left{}, ""},
		{"became read-only", func(w http.ResponseWriter) { write(w, last("readonly")) }, left{uncounted, uncounted}, "became read-only"},
		{"replicas lag", func(w http.ResponseWriter) { write(w, last("lag")) }, left{uncounted, uncounted}, "lag behind"},
		{"the database went away", func(w http.ResponseWriter) { write(w, last("database")) }, left{uncounted, uncounted}, "database"},
		{"a job was forgotten", func(w http.ResponseWriter) { write(w, last("")) }, left{retry, 0}, "without saying what became"},
		{"the job after it is reported", func(w http.ResponseWriter) { write(w, okLine("J3"), last("")) }, left{retry, done}, "without saying what became"},
		{"foreign and repeated lines", func(w http.ResponseWriter) {
			write(w, okLine("J9"), `{"id":"J1","ok":false}`, "", `{"x":1}`, `[1]`, okLine("J2"), okLine("J3"), lastLine)
		}, left{done, done}, ""},
		{"no line break at the end", func(w http.ResponseWriter) { _, _ = io.WriteString(w, okLine("J2")+"\r\n"+okLine("J3")+"\n"+lastLine) }, left{done, done}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			wiki := serve(t, mwrunner.Auwai, func(w http.ResponseWriter, _ *http.Request) {
				write(w, okLine("J1"))
				c.end(w)
			})
			got := run(t, newClient(t, farm(wiki)), mwrunner.Auwai, t.Context(), batchWork("J1", "J2", "J3"))
			wantOutcome(t, got["J1"], done, "")
			if have := (left{got["J2"].Outcome, got["J3"].Outcome}); have != c.want {
				t.Errorf("outcomes of J2 and J3 = %v, want %v", have, c.want)
			}
			if c.want.j2 != 0 {
				wantOutcome(t, got["J2"], c.want.j2, c.words)
			}
		})
	}
}

func TestARequestThatRunsNoJobCounts(t *testing.T) {
	for _, why := range []string{"", "time", "memory", "tired"} {
		wiki := serve(t, mwrunner.Auwai, func(w http.ResponseWriter, _ *http.Request) {
			write(w, `{"done":true,"spool":4,"stopped":"`+why+`"}`)
		})
		got := run(t, newClient(t, farm(wiki)), mwrunner.Auwai, t.Context(), batchWork("J1", "J2"))
		wantOutcome(t, got["J1"], retry, why)
		if len(got) != 1 {
			t.Errorf("stopped %q: results = %v, want one", why, got)
		}
	}
}

func TestTheAnswerDecidesTheOutcomeOfABatch(t *testing.T) {
	cases := []struct {
		name    string
		status  int
		header  string
		body    string
		outcome jobqueue.Outcome
		all     bool // else the first job only
		words   string
	}{
		{"read-only", 423, "", `{"message":"The wiki is read-only"}`, uncounted, true, "read-only"},
		{"read-only by header", 200, "X-Readonly: true", "", uncounted, true, "read-only"},
		{"bad signature", 403, "", `{"message":"The signature is 4000 seconds old"}`, uncounted, true, "4000 seconds old. Compare secret_file"},
		{"extension not loaded", 404, "", `{"message":"did not match any known handler"}`, dead, true, "Auwai is not loaded"},
		{"redirect", 302, "Location: /x", "", dead, true, "/x"},
		{"switched off", 501, "", "", dead, true, "wgAuwaiSecret"},
		{"too many", 429, "Retry-After: 3", "", retry, true, "429"},
		{"unavailable", 503, "", "", retry, true, "503"},
		{"bad gateway", 502, "", "", retry, false, "502"},
		{"gateway time-out", 504, "", "", retry, false, "504"},
		{"out of memory", 500, "", "", retry, false, "PHP died"},
		{"read-only exception", 500, "", `{"message":"Wikimedia\\Rdbms\\DBReadOnlyError"}`, uncounted, true, "read-only"},
		{"no such endpoint but 200", 200, "", "<html>Welcome</html>", retry, false, "<html>Welcome</html>"},
		{"empty", 200, "", "", retry, false, "PHP died"},
		{"accepted", 202, "", "", retry, false, "202"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			wiki := serve(t, mwrunner.Auwai, func(w http.ResponseWriter, _ *http.Request) {
				if name, value, ok := strings.Cut(c.header, ": "); ok {
					w.Header().Set(name, value)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			got := run(t, newClient(t, farm(wiki)), mwrunner.Auwai, t.Context(), batchWork("J1", "J2"))
			wantOutcome(t, got["J1"], c.outcome, c.words)
			if want := got["J1"]; c.all && got["J2"] != want || !c.all && len(got) != 1 {
				t.Errorf("results = %+v, all alike: %v", got, c.all)
			}
		})
	}
}

func TestAJobThatSpoilsItsBatchIsFound(t *testing.T) {
	for _, status := range []int{400, 413} {
		calls := 0
		wiki := serve(t, mwrunner.Auwai, func(w http.ResponseWriter, r *http.Request) {
			calls++
			q, body := readRequest(t, r)
			if strings.Contains(string(body), "spoilt") {
				w.WriteHeader(status)
				write(w, `{"message":"cannot be decoded"}`)
				return
			}
			for _, job := range q.Jobs {
				write(w, okLine(job.ID))
			}
			write(w, lastLine)
		})
		work := batchWork("J1", "J2", "J3")
		work.Jobs[1].Payload = []byte(`{"type":"demoJob","params":{"x":"spoilt"}}`)
		got := run(t, newClient(t, farm(wiki)), mwrunner.Auwai, t.Context(), work)
		wantOutcome(t, got["J1"], done, "")
		wantOutcome(t, got["J2"], dead, "cannot be decoded")
		wantOutcome(t, got["J3"], done, "")
		if calls != 4 {
			t.Errorf("%d requests, want the batch and one a job", calls)
		}
	}
}

func TestTheSearchForTheCulpritEndsWhenTheWikiIsHeld(t *testing.T) {
	calls := 0
	wiki := serve(t, mwrunner.Auwai, func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.WriteHeader(map[bool]int{true: 400, false: 423}[calls == 1])
	})
	got := run(t, newClient(t, farm(wiki)), mwrunner.Auwai, t.Context(), batchWork("J1", "J2", "J3"))
	wantOutcome(t, got["J1"], uncounted, "read-only")
	if calls != 2 || len(got) != 1 {
		t.Errorf("%d requests and results %v, want two and one", calls, got)
	}
}

func TestAPayloadThatCannotBeSentIsDeadAndSpoilsNothing(t *testing.T) {
	wiki := serve(t, mwrunner.Auwai, func(w http.ResponseWriter, r *http.Request) {
		q, _ := readRequest(t, r)
		for _, job := range q.Jobs {
			write(w, okLine(job.ID))
		}
		write(w, lastLine)
	})
	work := batchWork("J1", "J2", "J3", "J4", "J5")
	work.Jobs[0].Payload = []byte(`{"type":`)
	work.Jobs[1].Payload, work.Jobs[1].FromEvent = []byte(`[]`), true
	work.Jobs[2].Payload, work.Jobs[2].FromEvent = []byte(`{"type":"a","Params":{}}`), true
	work.Jobs[3].Payload = nil
	got := run(t, newClient(t, farm(wiki)), mwrunner.Auwai, t.Context(), work)
	wantOutcome(t, got["J1"], dead, "not JSON")
	wantOutcome(t, got["J2"], dead, "not a JSON object")
	wantOutcome(t, got["J3"], dead, "no member params")
	wantOutcome(t, got["J4"], dead, "not JSON")
	wantOutcome(t, got["J5"], done, "")
}

func TestABatchIsBoundedByNumberAndBytes(t *testing.T) {
	var sizes []int
	wiki := serve(t, mwrunner.Auwai, func(w http.ResponseWriter, r *http.Request) {
		q, _ := readRequest(t, r)
		sizes = append(sizes, len(q.Jobs))
		for _, job := range q.Jobs {
			write(w, okLine(job.ID))
		}
		write(w, lastLine)
	})
	cfg := farm(wiki)
	cfg.MaxBatch = 3
	c := newClient(t, cfg)
	if n := c.Runner(mwrunner.Auwai).Batch("demoJob"); n != 3 {
		t.Errorf("Batch = %d, want 3", n)
	}
	large := []byte(`{"type":"demoJob","params":["` + strings.Repeat("x", 3<<20) + `"]}`)
	run(t, c, mwrunner.Auwai, t.Context(), batchWork("J1", "J2", "J3", "J4"))
	work := batchWork("J1", "J2", "J3")
	work.Jobs[1].Payload, work.Jobs[2].Payload = large, large
	run(t, c, mwrunner.Auwai, t.Context(), work)
	work = batchWork("J1", "J2")
	work.Jobs[0].Payload = []byte(`{"type":"demoJob","params":["` + strings.Repeat("x", 9<<20) + `"]}`)
	run(t, c, mwrunner.Auwai, t.Context(), work)
	if diff := cmp.Diff([]int{3, 2, 1}, sizes); diff != "" {
		t.Error(diff)
	}
}

func TestTheWikiGetsHalfOfTheTimeOutToStartJobs(t *testing.T) {
	for timeout, want := range map[time.Duration]int{0: 30, 7 * time.Minute: 30, 10 * time.Second: 5, time.Second: 1} {
		wiki := serve(t, mwrunner.Auwai, func(w http.ResponseWriter, r *http.Request) {
			if q, _ := readRequest(t, r); q.MaxTimeS != want {
				t.Errorf("time-out %v: max_time_s = %d, want %d", timeout, q.MaxTimeS, want)
			}
			write(w, okLine("J1"), lastLine)
		})
		work := batchWork("J1")
		work.Timeout = timeout
		wantOutcome(t, run(t, newClient(t, farm(wiki)), mwrunner.Auwai, t.Context(), work)["J1"], done, "")
	}
}

func TestABatchThatTakesTooLongFailsTheJobThatRuns(t *testing.T) {
	release := make(chan struct{})
	wiki := serve(t, mwrunner.Auwai, func(w http.ResponseWriter, _ *http.Request) {
		write(w, okLine("J1"))
		<-release
	})
	work := batchWork("J1", "J2", "J3")
	work.Timeout = 50 * time.Millisecond
	got := run(t, newClient(t, farm(wiki)), mwrunner.Auwai, t.Context(), work)
	close(release)
	wantOutcome(t, got["J1"], done, "")
	wantOutcome(t, got["J2"], retry, "no answer within 50ms")
	if len(got) != 2 {
		t.Errorf("results = %v, want none for J3", got)
	}
}

func TestAnAnswerIsWholeWithItsLastLine(t *testing.T) {
	release := make(chan struct{})
	wiki := serve(t, mwrunner.Auwai, func(w http.ResponseWriter, _ *http.Request) {
		write(w, okLine("J1"), `{"done":true,"spool":0,"stopped":"time"}`)
		<-release // deferred updates
	})
	work := batchWork("J1", "J2")
	work.Timeout = 300 * time.Millisecond
	got := run(t, newClient(t, farm(wiki)), mwrunner.Auwai, t.Context(), work)
	close(release)
	if diff := cmp.Diff(map[string]runner.Result{"J1": {Outcome: done}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestACancelledBatchKeepsTheResultsItHas(t *testing.T) {
	release := make(chan struct{})
	wiki := serve(t, mwrunner.Auwai, func(w http.ResponseWriter, _ *http.Request) {
		write(w, okLine("J1"))
		<-release
	})
	ctx, cancel := context.WithCancel(t.Context())
	var got []int
	err := newClient(t, farm(wiki)).Runner(mwrunner.Auwai).Run(ctx, batchWork("J1", "J2"), func(i int, _ runner.Result) {
		got = append(got, i)
		cancel()
	})
	close(release)
	if diff := cmp.Diff([]int{0}, got); diff != "" || err != nil {
		t.Errorf("err = %v, %s", err, diff)
	}
}

func TestConnectionsOfBatchesAreUsedAgain(t *testing.T) {
	peers := map[string]bool{}
	wiki := serve(t, mwrunner.Auwai, func(w http.ResponseWriter, r *http.Request) {
		peers[r.RemoteAddr] = true
		readRequest(t, r)
		write(w, okLine("J1"))
		write(w, lastLine)
	})
	c := newClient(t, farm(wiki))
	for range 20 {
		wantOutcome(t, run(t, c, mwrunner.Auwai, t.Context(), batchWork("J1"))["J1"], done, "")
	}
	if len(peers) != 1 {
		t.Errorf("%d connections for 20 batches in a row, want 1", len(peers))
	}
}

func TestAWikiWithoutASecretIsHeld(t *testing.T) {
	wiki := serve(t, mwrunner.Auwai, func(http.ResponseWriter, *http.Request) { t.Error("a request without signature was sent") })
	wiki.Secret = nil
	wantOutcome(t, run(t, newClient(t, farm(wiki)), mwrunner.Auwai, t.Context(), batchWork("J1"))["J1"], uncounted, "secret_file")
}

func TestAPingReturnsWhatIsLeftInTheSpool(t *testing.T) {
	wiki := serve(t, mwrunner.Auwai, func(w http.ResponseWriter, r *http.Request) {
		if q, _ := readRequest(t, r); q.Jobs == nil || len(q.Jobs) != 0 {
			t.Errorf("jobs = %v, want an empty list", q.Jobs)
		}
		write(w, `{"done":true,"spool":17,"stopped":"time"}`)
	})
	spool, err := newClient(t, farm(wiki)).Ping(t.Context(), "demowiki")
	if spool != 17 || err != nil {
		t.Errorf("Ping = %d, %v, want 17", spool, err)
	}
}

func TestAPingThatFailsSaysWhatKindOfFailureItIs(t *testing.T) {
	var status atomic.Int64
	wiki := serve(t, mwrunner.Auwai, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) })
	c := newClient(t, farm(wiki))
	for code, want := range map[int]fault.Kind{
		200: fault.Unavailable, 403: fault.Forbidden, 404: fault.Invalid, 423: fault.Unavailable, 500: fault.Unavailable,
	} {
		status.Store(int64(code))
		if _, err := c.Ping(t.Context(), "demowiki"); fault.KindOf(err) != want || err == nil {
			t.Errorf("Ping with %d = %v, want kind %v", code, err, want)
		}
	}
	if _, err := c.Ping(t.Context(), "zzwiki"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("Ping of an unknown wiki = %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Ping(ended, "demowiki"); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("Ping that was cancelled = %v", err)
	}
	wiki.Kind = mwrunner.EventBus
	if _, err := newClient(t, farm(wiki)).Ping(t.Context(), "demowiki"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("Ping of a wiki without run endpoint = %v", err)
	}
}

func BenchmarkEvent(b *testing.B) {
	wiki := serve(b, mwrunner.EventBus, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"status":true,"error":null,"caught":[],"timeMs":1}`)
	})
	r := newClient(b, farm(wiki)).Runner(mwrunner.EventBus)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := r.Run(b.Context(), eventWork(), func(int, runner.Result) {}); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkBatchOf50(b *testing.B) {
	var ids, lines []string
	for i := range 50 {
		ids = append(ids, fmt.Sprintf("J%d", i))
		lines = append(lines, okLine(ids[i]))
	}
	wiki := serve(b, mwrunner.Auwai, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for _, l := range lines {
			write(w, l)
		}
		write(w, lastLine)
	})
	r := newClient(b, farm(wiki)).Runner(mwrunner.Auwai)
	work := batchWork(ids...)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		if err := r.Run(b.Context(), work, func(int, runner.Result) { n++ }); err != nil || n != len(ids) {
			b.Fatalf("%d results, %v", n, err)
		}
	}
	b.ReportMetric(float64(b.N*len(ids))/b.Elapsed().Seconds(), "jobs/s")
}
