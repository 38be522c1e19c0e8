package intake_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/event"
	"auwai/internal/fault"
	"auwai/internal/intake"
	"auwai/internal/jobqueue"
	"auwai/internal/partition"
)

func TestRecordedTrafficIsKeptByteForByteAndOnce(t *testing.T) {
	n := newNode(t)
	in := newIntake(n)
	wantLog := map[[2]string][]string{}
	raws := map[string]bool{}
	for _, body := range recorded(t) {
		items, err := event.Parse(body, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range items {
			raws[string(it.Raw)] = true
			if !it.Event.IsJob() {
				k := [2]string{it.Event.Wiki, it.Event.Stream}
				if k[0] == "" {
					k[0] = strings.TrimSuffix(it.Event.Domain, ".localhost")
				}
				wantLog[k] = append(wantLog[k], string(it.Raw))
			}
		}
		for range 2 { // the second is a repeat: answered alike, and nothing new
			if r := events(t, in, string(body)); r.Status != 201 || r.Accepted != len(items) || r.Body() != nil {
				t.Fatalf("%+v for %.200s", r, body)
			}
		}
	}
	for k, want := range wantLog {
		var got []string
		for _, e := range n.log(k[0], k[1]) {
			got = append(got, e.raw)
			if e.Client != "127.0.0.1" || e.RequestID != "req" {
				t.Errorf("envelope %+v", e.Envelope)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v: %s", k, diff)
		}
	}
	queues := map[string]int{}
	for _, wiki := range []string{"aawiki", "bbwiki"} {
		for _, j := range n.jobs(wiki) {
			queues[j.Queue]++
			if !j.FromEvent || !raws[string(j.Payload)] {
				t.Errorf("payload %.200s", j.Payload)
			}
			if j.Queue == "refreshLinks" && j.Band != jobqueue.Bulk || j.Queue == intake.PurgeQueue && j.Band != jobqueue.Interactive {
				t.Errorf("queue %s has the priority %s", j.Queue, j.Band)
			}
			if j.Domain != j.Wiki+".localhost" {
				t.Errorf("domain %q of wiki %s", j.Domain, j.Wiki)
			}
		}
	}
	for _, q := range []string{"refreshLinks", "htmlCacheUpdate", "cdnPurge", "enotifNotify", intake.PurgeQueue} {
		if queues[q] == 0 {
			t.Errorf("no job in queue %s: %v", q, queues)
		}
	}
}

func TestABadEventNeverSpoilsAGoodOne(t *testing.T) {
	const good = `{"meta":{"stream":"s"},"database":"aawiki"}`
	long := strings.Repeat("x", 256)
	for _, x := range [...]struct{ name, bad, field string }{
		{"malformed", `{"meta":`, "malformed JSON"},
		{"no object", `7`, "an event is a JSON object"},
		{"no stream", `{"meta":{},"database":"aawiki"}`, "meta.stream"},
		{"too deep", `{"meta":{"stream":"s"},"a":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, "nesting"},
		{"bad UTF-8", "{\"meta\":{\"stream\":\"s\"},\"a\":\"\xff\"}", "UTF-8"},
		{"no wiki", `{"meta":{"stream":"s"}}`, "meta.domain: is missing"},
		{"Auwai's own name", `{"meta":{"stream":"s"},"database":"*farm"}`, `database: "*farm" begins with *`},
		{"wiki too long", `{"meta":{"stream":"s"},"database":"` + long + `"}`, "database"},
		{"wiki with a control character", `{"meta":{"stream":"s"},"database":"a\nb"}`, "control character U+000A"},
		{"domain too long", `{"meta":{"stream":"s","domain":"` + long + `"}}`, "meta.domain"},
		{"queue too long", `{"meta":{"stream":"mediawiki.job.x"},"database":"aawiki","type":"` + long + `"}`, "type"},
		{"Auwai's own queue", `{"meta":{"stream":"mediawiki.job.x"},"database":"aawiki","type":"auwai.purge"}`, "type"},
		{"a purge of nothing", `{"meta":{"stream":"resource-purge"},"database":"aawiki"}`, "meta.uri"},
	} {
		t.Run(x.name, func(t *testing.T) {
			n := newNode(t)
			in := newIntake(n)
			bad := x.bad
			if bad == `{"meta":` {
				bad = `{"meta":}`
			}
			r := events(t, in, "["+good+","+bad+"]")
			if r.Status != 207 || r.Accepted != 1 || len(r.Invalid) != 1 || len(r.Errors) != 0 {
				t.Fatalf("%+v", r)
			}
			if f := r.Invalid[0]; f.Status != "invalid" || !strings.Contains(f.Context.Message, x.field) {
				t.Errorf("fault %+v, want %q", f, x.field)
			}
			if _, err := json.Marshal(r.Body()); err != nil {
				t.Error(err)
			}
			if got := n.log("aawiki", "s"); len(got) != 1 || got[0].raw != good {
				t.Errorf("kept %v", got)
			}
			r = events(t, in, "["+bad+"]")
			body, err := json.Marshal(r.Body())
			if err != nil || r.Status != 400 || strings.Contains(string(body), `"error":[`) {
				t.Errorf("alone: %d %s %v", r.Status, body, err)
			}
		})
	}
}

func TestABodyThatIsNoneIsRefusedWhole(t *testing.T) {
	in := newIntake(newNode(t))
	for _, body := range []string{"", "[]", " [ ] ", `[{"meta":{"stream":"s"}}] x`, `[{"meta":{"stream":"s"}}`} {
		if r := events(t, in, body); r.Status != 400 || r.Err == nil || r.Body() != nil {
			t.Errorf("%q: %+v", body, r)
		}
	}
	if r := events(t, in, "["+strings.Repeat("1,", intake.MaxEvents)+"1]"); r.Status != 413 {
		t.Errorf("too many: %+v", r)
	}
}

func TestOddEventsAreTakenAndFlagged(t *testing.T) {
	n := newNode(t)
	flags := 0
	in := intake.New(intake.Config{Node: n, Settings: settings, Hooks: intake.Hooks{
		OnFlag: func(string, string, string, string) { flags++ },
	}}, nil)
	body := func(id, dt, more string) string {
		return fmt.Sprintf(`{"meta":{"stream":"s","id":%q,"dt":%q},"database":"aawiki","a":%q}`, id, dt, more)
	}
	now := n.now.Format(time.RFC3339)
	for _, b := range []string{
		body("1", now, "x"), body("1", now, "y"), body("2", "2031-01-01T00:00:00Z", ""), body("3", "once", ""), body("1", now, "y"),
	} {
		if r := events(t, in, b); r.Status != 201 {
			t.Fatalf("%s: %+v", b, r)
		}
	}
	var got []event.Flags
	for _, e := range n.log("aawiki", "s") {
		got = append(got, e.Flags)
	}
	want := []event.Flags{0, event.ChangedID, event.FarTime, event.WrongTime}
	if diff := cmp.Diff(want, got); diff != "" || flags != 3 {
		t.Errorf("%d flags; %s", flags, diff)
	}
	job := func(more string) string {
		return `{"meta":{"stream":"mediawiki.job.a","id":"j"},"database":"aawiki","type":"a","params":{"x":"` + more + `"}}`
	}
	for _, b := range []string{job("1"), job("2"), job("1")} {
		if r := events(t, in, b); r.Status != 201 {
			t.Fatalf("%s: %+v", b, r)
		}
	}
	if got := n.jobs("aawiki"); len(got) != 2 || flags != 4 {
		t.Errorf("%d jobs, %d flags", len(got), flags)
	}
}

func TestTheWikiIsNamedConfiguredLearnedOrTheDomain(t *testing.T) {
	n := newNode(t)
	in := newIntake(n)
	for _, x := range [...]struct{ fields, domain, wiki string }{
		{`"database":"aawiki"`, "", "aawiki"},
		{`"wiki_id":"bbwiki"`, "x.org", "bbwiki"},
		{`"a":1`, "aawiki.localhost", "aawiki"},
		{`"a":1`, "new.org", "new.org"},
		{`"database":"cc"`, "cc.org", "cc"},
		{`"a":1`, "cc.org", "cc"},
		{`"database":"dd"`, "cc.org", "dd"},
		{`"a":1`, "cc.org", "cc"},
		{`"database":"ee"`, "bbwiki.localhost", "ee"},
		{`"a":1`, "bbwiki.localhost", "bbwiki"},
	} {
		raw := fmt.Sprintf(`{"meta":{"stream":"s","domain":%q},%s}`, x.domain, x.fields)
		before := len(n.log(x.wiki, "s"))
		if r := events(t, in, raw); r.Status != 201 {
			t.Fatalf("%s: %+v", raw, r)
		}
		if got := len(n.log(x.wiki, "s")); got != before+1 {
			t.Errorf("%s is not of %s", raw, x.wiki)
		}
	}
}

func TestTheUnknownWikiBeyondTheTenThousandthIsRefusedByName(t *testing.T) {
	n := newNode(t)
	in := newIntake(n)
	var b strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&b, `,{"meta":{"stream":"s"},"database":"w%d"}`, i)
	}
	n.fail = func(wiki string, _ partition.Command) error { // the events themselves do not matter here
		if wiki == partition.Farm {
			return nil
		}
		return fault.New(fault.Unavailable, "away")
	}
	if r := events(t, in, "["+b.String()[1:]+"]"); r.Status != 503 || len(r.Errors) != 10_000 {
		t.Fatalf("status %d, %d errors", r.Status, len(r.Errors))
	}
	n.fail = nil
	r := events(t, in, `[{"meta":{"stream":"s"},"database":"one-too-many"},{"meta":{"stream":"s"},"database":"aawiki"},{"meta":{"stream":"s"},"database":"w7"}]`)
	if r.Status != 207 || len(r.Invalid) != 1 || !strings.Contains(r.Invalid[0].Context.Message, "10000 wikis") {
		t.Fatalf("%+v", r)
	}
	j := jobs(t, in, `[{"queue":"q","wiki":"one-too-many","payload":1},{"queue":"q","wiki":"w8","payload":1}]`)
	if j.Status != 207 || j.Places[0].Retry == nil || *j.Places[0].Retry || j.Places[1].ID == "" {
		t.Fatalf("%+v", j)
	}
}

func TestFailuresAnswerByWhatRepeatingWouldHelp(t *testing.T) {
	a := `{"meta":{"stream":"s"},"database":"aawiki"}`
	b := `{"meta":{"stream":"s"},"database":"bbwiki"}`
	bad := `{}`
	failing := func(kind fault.Kind, wikis ...string) func(string, partition.Command) error {
		return func(wiki string, _ partition.Command) error {
			if slices.Contains(wikis, wiki) {
				return fault.New(kind, "it does not work")
			}
			return nil
		}
	}
	for _, x := range [...]struct {
		name   string
		body   string
		fail   func(string, partition.Command) error
		status int
		retry  bool
	}{
		{"one part is away", "[" + a + "," + b + "]", failing(fault.Unavailable, "aawiki"), 207, false},
		{"all are away", "[" + a + "," + b + "]", failing(fault.Unavailable, "aawiki", "bbwiki"), 503, true},
		{"unknown", a, failing(fault.Unknown, "aawiki"), 503, true},
		{"one invalid, the rest away", "[" + a + "," + bad + "]", failing(fault.Unavailable, "aawiki"), 503, true},
		{"a defect", a, failing(fault.Internal, "aawiki"), 500, false},
		{"a defect and one kept", "[" + a + "," + b + "]", failing(fault.Internal, "aawiki"), 207, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			n := newNode(t)
			n.fail = x.fail
			r := events(t, newIntake(n), x.body)
			if r.Status != x.status || (r.RetryAfter > 0) != x.retry || r.Accepted+len(r.Invalid)+len(r.Errors) != r.Total {
				t.Errorf("%+v", r)
			}
			for _, f := range r.Errors {
				if f.Status != "error" || f.Context.Message == "" {
					t.Errorf("fault %+v", f)
				}
			}
		})
	}
}

func TestALargeEventIsStoredAheadWholeInLogAndQueue(t *testing.T) {
	n := newNode(t)
	in := newIntake(n)
	text := strings.Repeat("0123456789", 700<<10/10)
	logged := `{"meta":{"stream":"s","id":"1"},"database":"aawiki","text":"` + text + `"}`
	job := `{"meta":{"stream":"mediawiki.job.a","id":"2"},"database":"aawiki","type":"a","params":{"text":"` + text + `"}}`
	huge := `{"meta":{"stream":"t","id":"3"},"database":"aawiki","text":"` + strings.Repeat("x", 9<<20) + `"}`
	for _, body := range []string{"[" + logged + "," + job + "]", huge, "[" + logged + "," + job + "]"} {
		if r := events(t, in, body); r.Status != 201 {
			t.Fatalf("%+v", r)
		}
	}
	if got := n.log("aawiki", "s"); len(got) != 1 || got[0].raw != logged {
		t.Errorf("%d records", len(got))
	}
	if got := n.log("aawiki", "t"); len(got) != 1 || got[0].raw != huge {
		t.Errorf("%d huge records", len(got))
	}
	if got := n.jobs("aawiki"); len(got) != 1 || string(got[0].Payload) != job {
		t.Errorf("%d jobs", len(got))
	}
	n.fail = func(string, partition.Command) error { return fault.New(fault.Unavailable, "away") }
	r := events(t, in, strings.Replace(logged, `"1"`, `"4"`, 1))
	if body, err := json.Marshal(r.Body()); err != nil || len(body) > 1000 || !strings.Contains(string(body), `"id":"4"`) {
		t.Errorf("the answer has %d bytes: %.300s", len(body), body)
	}
}

func TestManyEventsOfAWikiKeepTheirOrder(t *testing.T) {
	n := newNode(t)
	var b strings.Builder
	for i := range 2_500 {
		fmt.Fprintf(&b, `,{"meta":{"stream":"s"},"database":"aawiki","n":%d}`, i)
	}
	if r := events(t, newIntake(n), "["+b.String()[1:]+"]"); r.Status != 201 {
		t.Fatalf("%+v", r)
	}
	if n.sent != 3 {
		t.Errorf("%d commands", n.sent)
	}
	for i, e := range n.log("aawiki", "s") {
		if want := fmt.Sprintf(`"n":%d}`, i); !strings.HasSuffix(e.raw, want) {
			t.Fatalf("place %d has %s", i, e.raw)
		}
	}
}

func TestHastyEventsAreTakenAfterTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.gate = make(chan struct{})
		in := newIntake(n)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- in.Run(ctx) }()
		requestCtx, requestDone := context.WithCancel(t.Context())
		body := `{"meta":{"stream":"s"},"database":"aawiki"}`
		r := in.Events(requestCtx, ticket(t, in), []byte(body), intake.Source{}, true)
		if r.Status != 202 || r.Body() != nil {
			t.Fatalf("%+v", r)
		}
		requestDone()
		cancel()
		synctest.Wait()
		select {
		case <-ended:
			t.Fatal("Run ended before the events were taken")
		default:
		}
		n.gate <- struct{}{}
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if got := n.log("aawiki", "s"); len(got) != 1 {
			t.Errorf("%d records", len(got))
		}
		n.gate = nil
		if r := in.Events(t.Context(), ticket(t, in), []byte(body), intake.Source{}, true); r.Status != 201 {
			t.Errorf("after Run: %+v", r)
		}
	})
}

func TestBodiesAreRefusedBeforeMemoryIsFull(t *testing.T) {
	n := newNode(t)
	in := intake.New(intake.Config{Node: n, Settings: settings, InFlight: 100 << 10}, nil)
	first, err := in.Admit(90 << 10)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.Admit(20 << 10); fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("a second: %v", err)
	}
	first.Release()
	first.Release()
	for range 3 { // every request gives its ticket back
		tk, err := in.Admit(90 << 10)
		if err != nil {
			t.Fatal(err)
		}
		in.Events(t.Context(), tk, []byte("[]"), intake.Source{}, false)
		if tk, err = in.Admit(90 << 10); err != nil {
			t.Fatal(err)
		}
		in.Jobs(t.Context(), tk, []byte("[]"), intake.Source{})
	}
}

func TestInventedStreamsAndQueuesAreBounded(t *testing.T) {
	n := newNode(t)
	in := newIntake(n)
	n.fail = func(string, partition.Command) error { return fault.New(fault.Unavailable, "away") }
	var b strings.Builder
	for i := range 10_001 {
		fmt.Fprintf(&b, `,{"meta":{"stream":"s%d"},"database":"aawiki"},{"meta":{"stream":"mediawiki.job.x"},"database":"aawiki","type":"q%d"}`, i, i)
	}
	r := events(t, in, "["+b.String()[1:]+"]")
	if len(r.Invalid) != 2 || !strings.Contains(r.Invalid[0].Context.Message, "meta.stream: ") || !strings.Contains(r.Invalid[1].Context.Message, "type: ") {
		t.Fatalf("%d invalid, %d failed", len(r.Invalid), len(r.Errors))
	}
	n.fail = nil
	if r := events(t, in, `{"meta":{"stream":"s7"},"database":"aawiki"}`); r.Status != 201 {
		t.Errorf("a known stream: %+v", r)
	}
}

func TestPurgesMakeNoJobWithoutCaches(t *testing.T) {
	n := newNode(t)
	s := settings()
	s.Purge = false
	s.NotKept = map[string]bool{"quiet": true}
	in := intake.New(intake.Config{Node: n, Settings: func() *intake.Settings { return s }}, nil)
	r := events(t, in, `[{"meta":{"stream":"resource-purge","uri":"http://a/"},"database":"aawiki"},{"meta":{"stream":"quiet"},"database":"aawiki"}]`)
	if r.Status != 201 || len(n.jobs("aawiki")) != 0 || len(n.log("aawiki", "resource-purge")) != 1 || len(n.log("aawiki", "quiet")) != 0 {
		t.Errorf("%+v", r)
	}
}

func FuzzAGoodEventBesideGarbageIsKept(f *testing.F) {
	for _, s := range []string{`{`, `"`, `]`, `{"meta":{"stream":"s","uri":"x"}}`, `[[[`, `1`, ``, `,`, "\xff", `{"meta":{"stream":"mediawiki.job.x"},"type":"x","sha1":"s","params":{"pages":1}}`} {
		f.Add([]byte(s))
	}
	const good = `{"meta":{"stream":"good"},"database":"aawiki"}`
	f.Fuzz(func(t *testing.T, garbage []byte) {
		n := newNode(t)
		in := newIntake(n)
		body := "[" + good + "," + string(garbage) + "]"
		r := events(t, in, body)
		if parts, _, err := event.Split([]byte(body), intake.MaxEvents); err == nil {
			kept := 0
			for _, p := range parts {
				if string(p.Raw) == good {
					kept++
				}
			}
			if got := len(n.log("aawiki", "good")); got < kept || kept == 0 {
				t.Fatalf("%d of %d good events kept: %+v", got, kept, r)
			}
		} else if r.Err == nil {
			t.Fatalf("a body that cannot be cut: %+v", r)
		}
		if _, err := json.Marshal(r.Body()); err != nil {
			t.Fatal(err)
		}
		events(t, in, string(garbage))
	})
}

func BenchmarkEvents(b *testing.B) {
	n := newNode(b)
	in := newIntake(n)
	for _, w := range []string{"aawiki", "bbwiki"} {
		n.part(partition.Of(w)).Discard = true
	}
	var raws []string
	for _, body := range recorded(b) {
		items, err := event.Parse(body, 1000)
		if err != nil {
			b.Fatal(err)
		}
		for _, it := range items {
			raws = append(raws, string(it.Raw))
		}
	}
	body := []byte("[" + strings.Join(raws, ",") + "]")
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		t, err := in.Admit(int64(len(body)))
		if err != nil {
			b.Fatal(err)
		}
		if r := in.Events(b.Context(), t, body, intake.Source{}, false); r.Status != 201 {
			b.Fatalf("%+v", r)
		}
	}
	b.ReportMetric(float64(len(raws)*b.N)/b.Elapsed().Seconds(), "events/s")
}
