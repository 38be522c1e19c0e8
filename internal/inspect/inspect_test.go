package inspect_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/api"
	"auwai/internal/fault"
	"auwai/internal/inspect"
	"auwai/internal/jobqueue"
	"auwai/internal/kv/memkv"
	"auwai/internal/node"
	"auwai/internal/partition"
)

func TestQueuesAreCountedWithWhatRunsInMemory(t *testing.T) {
	r := newRig(t, "hang")
	r.push(jobqueue.New{Pair: jobqueue.Pair{Queue: "hang"}})
	<-r.run.started
	r.push(jobqueue.New{})
	r.push(jobqueue.New{})
	r.push(jobqueue.New{RunAt: time.Now().Add(time.Hour)})
	page, err := r.Queues(t.Context(), inspect.QueueFilter{Wiki: "aawiki"})
	if err != nil {
		t.Fatal(err)
	}
	want := []api.Queue{
		{Queue: "hang", Wiki: "aawiki", Running: 1},
		{Queue: "wait", Wiki: "aawiki", Ready: 2, Delayed: 1, Held: "the test holds it"},
	}
	if diff := cmp.Diff(want, page.Queues); diff != "" {
		t.Errorf("queues (-want +got):\n%s", diff)
	}
	if page.Cursor != "" || page.Stale {
		t.Errorf("cursor %q, stale %v", page.Cursor, page.Stale)
	}
}

func TestQueuesArePagedOverAllPartitions(t *testing.T) {
	r := newRig(t)
	const wikis = 20
	for n := range wikis {
		for _, queue := range []string{"a", "b", "c"} {
			r.push(jobqueue.New{Pair: jobqueue.Pair{Wiki: wikiName(n), Queue: queue}})
		}
	}
	for _, limit := range []int{1, 3, 7, 60, 61} {
		seen := map[jobqueue.Pair]int{}
		f := inspect.QueueFilter{Limit: limit}
		for {
			page, err := r.Queues(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, q := range page.Queues {
				seen[jobqueue.Pair{Wiki: q.Wiki, Queue: q.Queue}]++
			}
			if f.Cursor = page.Cursor; f.Cursor == "" {
				break
			}
		}
		for pair, n := range seen {
			if n != 1 {
				t.Errorf("limit %d: %v came %d times", limit, pair, n)
			}
		}
		if len(seen) != 3*wikis {
			t.Errorf("limit %d: %d queues, want %d", limit, len(seen), 3*wikis)
		}
	}
}

// everything pushes a job of each kind and returns their ids by state.
func everything(t *testing.T, r *rig) map[string][]string {
	t.Helper()
	got := map[string][]string{}
	add := func(state, id string) { got[state] = append(got[state], id) }
	for _, wiki := range []string{"aawiki", "bbwiki"} {
		at := func(queue string) jobqueue.Pair { return jobqueue.Pair{Wiki: wiki, Queue: queue} }
		hangs := r.push(jobqueue.New{Pair: at("hang"), RequestID: "one"})
		add(api.StateRunning, hangs)
		<-r.run.started
		kept := r.push(jobqueue.New{Pair: at("wait"), Key: "k", RequestID: "one"})
		add(api.StateReady, kept)
		add(api.StateDuplicate, r.push(jobqueue.New{Pair: at("wait"), Key: "k", RequestID: "one"}))
		for _, band := range []jobqueue.Band{jobqueue.Bulk, jobqueue.Interactive, jobqueue.Normal} {
			add(api.StateReady, r.push(jobqueue.New{Pair: at("wait"), Band: band, RequestID: "two"}))
		}
		add(api.StateDelayed, r.push(jobqueue.New{Pair: at("wait"), RunAt: time.Now().Add(time.Hour), RequestID: "one"}))
		dead := r.push(jobqueue.New{Pair: at("fail"), RequestID: "one", ClientID: "c1"})
		add(api.StateDead, dead)
		done := r.push(jobqueue.New{Pair: at("quick"), RequestID: "one", ClientID: "c2"})
		add(api.StateDone, done)
		gone := r.push(jobqueue.New{Pair: at("wait"), RequestID: "two"})
		add(api.StateCancelled, gone)
		if _, err := r.Cancel(t.Context(), gone); err != nil {
			t.Fatal(err)
		}
		r.await(dead, api.StateDead)
		r.await(done, api.StateDone)
	}
	return got
}

func newFull(t *testing.T) (*rig, map[string][]string) {
	t.Helper()
	r := newRig(t, "hang", "fail", "quick")
	return r, everything(t, r)
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

func TestJobsOfEachStateAreListedPageByPage(t *testing.T) {
	r, want := newFull(t)
	for _, state := range api.States() {
		for _, limit := range []int{1, 2, 3, 100} {
			got := ids(r.list(inspect.JobFilter{State: state, Limit: limit}))
			if diff := cmp.Diff(sorted(want[state]), sorted(got)); diff != "" {
				t.Errorf("state %s, limit %d (-want +got):\n%s", state, limit, diff)
			}
		}
	}
}

func TestBlockedJobsAreListedPageByPageInTheirOrder(t *testing.T) {
	r := newRig(t)
	var want []string
	for _, wiki := range []string{"aawiki", "bbwiki"} {
		at := jobqueue.Pair{Wiki: wiki, Queue: "wait"}
		r.push(jobqueue.New{Pair: at, SerialKey: "page 1"})
		for range 3 {
			want = append(want, r.push(jobqueue.New{Pair: at, SerialKey: "page 1"}))
		}
	}
	for _, limit := range []int{1, 2, 100} {
		got := ids(r.list(inspect.JobFilter{State: api.StateBlocked, Limit: limit}))
		if diff := cmp.Diff(sorted(want), sorted(got)); diff != "" {
			t.Errorf("limit %d (-want +got):\n%s", limit, diff)
		}
		if got := ids(r.list(inspect.JobFilter{State: api.StateBlocked, Wiki: "aawiki", Limit: limit})); !slices.Equal(got, want[:3]) {
			t.Errorf("of one wiki, limit %d: %v, want %v", limit, got, want[:3])
		}
	}
	if all := r.list(inspect.JobFilter{}); len(all) != 8 {
		t.Errorf("a list of all has %d jobs, want 8", len(all))
	}
}

func TestAListWithoutAStateHasTheLivingFirst(t *testing.T) {
	r, want := newFull(t)
	var all []string
	for _, list := range want {
		all = append(all, list...)
	}
	for _, limit := range []int{1, 4, 100} {
		jobs := r.list(inspect.JobFilter{Limit: limit})
		if diff := cmp.Diff(sorted(all), sorted(ids(jobs))); diff != "" {
			t.Errorf("limit %d (-want +got):\n%s", limit, diff)
		}
		finished := false
		for _, j := range jobs {
			over := j.FinishedAt != nil && j.State != api.StateDead
			if finished && !over {
				t.Errorf("limit %d: %s of state %s comes after a finished one", limit, j.ID, j.State)
			}
			finished = over
		}
	}
}

func TestReadyJobsStandInTheOrderOfTheirStart(t *testing.T) {
	r, want := newFull(t)
	jobs := r.list(inspect.JobFilter{State: api.StateReady, Wiki: "aawiki", Limit: 2})
	w := want[api.StateReady][:4] // interactive, bulk, interactive, normal
	if diff := cmp.Diff([]string{w[0], w[2], w[3], w[1]}, ids(jobs)); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	for _, j := range jobs {
		if j.Held != "the test holds it" {
			t.Errorf("job %s is held by %q", j.ID, j.Held)
		}
	}
}

func TestFiltersAreCombined(t *testing.T) {
	r, want := newFull(t)
	for name, c := range map[string]struct {
		filter inspect.JobFilter
		want   []string
	}{
		"wiki":              {inspect.JobFilter{State: api.StateDone, Wiki: "bbwiki"}, want[api.StateDone][1:]},
		"queue":             {inspect.JobFilter{Queue: "fail"}, want[api.StateDead]},
		"queue without any": {inspect.JobFilter{Queue: "none"}, []string{}},
		"client and wiki":   {inspect.JobFilter{ClientID: "c2", Wiki: "aawiki"}, want[api.StateDone][:1]},
		"client":            {inspect.JobFilter{ClientID: "c1"}, want[api.StateDead]},
		"client, wiki and another request": {
			inspect.JobFilter{ClientID: "c2", Wiki: "aawiki", RequestID: "two"}, []string{},
		},
		"request and state": {inspect.JobFilter{RequestID: "two", State: api.StateCancelled}, want[api.StateCancelled]},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(sorted(c.want), sorted(ids(r.list(c.filter)))); diff != "" {
				t.Errorf("jobs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAllJobsOfARequestAreFound(t *testing.T) {
	r, want := newFull(t)
	var one []string
	for _, state := range []string{api.StateRunning, api.StateDuplicate, api.StateDelayed, api.StateDead, api.StateDone} {
		one = append(one, want[state]...)
	}
	one = append(one, want[api.StateReady][0], want[api.StateReady][4])
	for _, limit := range []int{1, 2, 5, 100} {
		got := ids(r.list(inspect.JobFilter{RequestID: "one", Limit: limit}))
		if diff := cmp.Diff(sorted(one), sorted(got)); diff != "" {
			t.Errorf("limit %d (-want +got):\n%s", limit, diff)
		}
	}
}

func TestAJobThatTookANewerEventIsStillOfItsFirstRequest(t *testing.T) {
	r := newRig(t)
	kept := r.push(jobqueue.New{Key: "k", RequestID: "first"})
	merged := r.push(jobqueue.New{Key: "k", RequestID: "second"})
	check := func(request string, want ...string) {
		t.Helper()
		got := ids(r.list(inspect.JobFilter{RequestID: request, Limit: 1}))
		if diff := cmp.Diff(sorted(want), sorted(got)); diff != "" {
			t.Errorf("request %s (-want +got):\n%s", request, diff)
		}
	}
	check("first", kept)
	check("second", merged)
	if _, err := r.Cancel(t.Context(), kept); err != nil {
		t.Fatal(err)
	}
	check("first", kept)
	check("second", kept, merged)
}

func TestAJobIsShownWithPayloadAndAttempts(t *testing.T) {
	r := newRig(t, "fail", "hang")
	dead := r.push(jobqueue.New{
		Pair: jobqueue.Pair{Queue: "fail"}, RequestID: "one", Key: "k",
		Root: jobqueue.Root{Signature: "s", Timestamp: "20260102030405", IsRoot: true},
	})
	d := r.await(dead, api.StateDead)
	if len(d.AttemptLog) != 1 || d.AttemptLog[0].Outcome != "permanent" || d.AttemptLog[0].Error != "it cannot be done" {
		t.Errorf("attempts: %+v", d.AttemptLog)
	}
	if string(d.Payload) != `{"type":"null"}` || d.PayloadBytes != 15 || d.Key != "k" || d.Root == nil || !d.Root.IsRoot || d.FinishedAt == nil {
		t.Errorf("the job is %+v", d)
	}
	runs := r.push(jobqueue.New{Pair: jobqueue.Pair{Queue: "hang"}})
	<-r.run.started
	if d := r.await(runs, api.StateRunning); d.StartedAt == nil {
		t.Errorf("the running job is %+v", d)
	}
	close(r.run.release)
	if d := r.await(runs, api.StateDone); d.Payload != nil || d.FinishedAt == nil || d.Attempts != 1 {
		t.Errorf("the finished job is %+v", d)
	}
	text := r.push(jobqueue.New{Payload: []byte("plain")})
	if d := r.await(text, api.StateReady); d.PayloadText != "plain" || d.Payload != nil {
		t.Errorf("the job with text is %+v", d)
	}
	bytes := r.push(jobqueue.New{Payload: []byte{0xff, 1}})
	if d := r.await(bytes, api.StateReady); len(d.PayloadBase64) != 2 {
		t.Errorf("the job with bytes is %+v", d)
	}
}

func TestAPayloadThatWasStoredAheadIsPutTogether(t *testing.T) {
	r := newRig(t)
	payload := []byte(`"` + strings.Repeat("x", jobqueue.ChunkSize+100) + `"`)
	blob := jobqueue.BlobRef{ID: r.minter.Next(time.Now()), Size: len(payload)}
	for n, chunk := range [][]byte{payload[:jobqueue.ChunkSize], payload[jobqueue.ChunkSize:]} {
		if err := r.do("aawiki", &jobqueue.StoreBlob{Wiki: "aawiki", ID: blob.ID, Chunk: n, Data: chunk}); err != nil {
			t.Fatal(err)
		}
	}
	d := r.await(r.push(jobqueue.New{Blob: blob}), api.StateReady)
	if !bytes.Equal(d.Payload, payload) {
		t.Errorf("the payload has %d bytes, want %d", len(d.Payload), len(payload))
	}
}

func TestAListHasPayloadsByteForByteWhereTheyAreAskedFor(t *testing.T) {
	r := newRig(t)
	payload := `{ "a" : "<\u2028>" }`
	id := r.push(jobqueue.New{Payload: []byte(payload), FromEvent: true, Domain: "aa.example", Pair: jobqueue.Pair{Queue: "hold"}})
	binary := r.push(jobqueue.New{Payload: []byte{0xff}, Pair: jobqueue.Pair{Queue: "hold"}, ClientID: "c"})
	large := bytes.Repeat([]byte{'1'}, 300<<10)
	for range 20 { // more than one page may have
		r.push(jobqueue.New{Payload: large, Pair: jobqueue.Pair{Queue: "large"}})
	}
	want := map[string]*api.RawPayload{id: {Text: payload, FromEvent: true, Domain: "aa.example"}, binary: {Base64: []byte{0xff}}}
	for _, j := range r.list(inspect.JobFilter{Queue: "hold", Raw: true}) {
		if diff := cmp.Diff(want[j.ID], j.Raw); diff != "" {
			t.Errorf("payload of %s (-want +got):\n%s", j.ID, diff)
		}
	}
	if found := r.list(inspect.JobFilter{Wiki: "aawiki", ClientID: "c", Raw: true}); len(found) != 1 || found[0].Raw == nil {
		t.Errorf("by client id: %+v", found)
	}
	for _, j := range r.list(inspect.JobFilter{Queue: "hold"}) {
		if j.Raw != nil {
			t.Errorf("nobody asked for the payload of %s", j.ID)
		}
	}
	page, err := r.Jobs(t.Context(), inspect.JobFilter{Queue: "large", Raw: true, Limit: 1000})
	if err != nil || page.Cursor == "" || len(page.Jobs) > 16 {
		t.Errorf("a page of %d large payloads, cursor %q, %v", len(page.Jobs), page.Cursor, err)
	}
	if all := r.list(inspect.JobFilter{Queue: "large", Raw: true, Limit: 1000}); len(all) != 20 || all[19].Raw.Text != string(large) {
		t.Errorf("%d large jobs", len(all))
	}
}

func TestDeadJobsAreRetriedAndWaitingOnesCancelled(t *testing.T) {
	r := newRig(t, "fail", "hang")
	dead := r.push(jobqueue.New{Pair: jobqueue.Pair{Queue: "fail"}})
	r.await(dead, api.StateDead)
	if _, err := r.Cancel(t.Context(), dead); fault.KindOf(err) != fault.Conflict {
		t.Errorf("Cancel of a dead job = %v, want a conflict", err)
	}
	a, err := r.Retry(t.Context(), dead)
	if err != nil || a.ID != dead || a.State != api.StateReady {
		t.Errorf("Retry = %+v, %v", a, err)
	}
	r.await(dead, api.StateDead) // it failed again
	wait := r.push(jobqueue.New{})
	if a, err := r.Cancel(t.Context(), wait); err != nil || a.State != api.StateCancelled {
		t.Errorf("Cancel = %+v, %v", a, err)
	}
	r.await(wait, api.StateCancelled)
	runs := r.push(jobqueue.New{Pair: jobqueue.Pair{Queue: "hang"}})
	r.await(runs, api.StateRunning)
	if a, err := r.Cancel(t.Context(), runs); err != nil || a.State != api.StateRunning || !a.Stopping {
		t.Errorf("Cancel of a running job = %+v, %v", a, err)
	}
	r.await(runs, api.StateCancelled)
	for _, id := range []string{wait, "aawiki." + strings.Repeat("0", 26)} {
		if _, err := r.Retry(t.Context(), id); fault.KindOf(err) != fault.NotFound {
			t.Errorf("Retry of %s = %v, want not found", id, err)
		}
	}
	if _, err := r.Job(t.Context(), "aawiki."+strings.Repeat("0", 26)); fault.KindOf(err) != fault.NotFound {
		t.Errorf("Job of nobody = %v", err)
	}
	if _, err := r.Job(t.Context(), "nonsense"); fault.KindOf(err) != fault.Invalid || fault.FieldOf(err) != "id" {
		t.Errorf("Job of nonsense = %v", err)
	}
}

func TestWrongQuestionsAreRefusedWithTheField(t *testing.T) {
	r := newRig(t)
	page, err := r.Queues(t.Context(), inspect.QueueFilter{})
	if err != nil || page.Queues == nil {
		t.Fatalf("Queues = %+v, %v", page, err)
	}
	for n := range 3 {
		r.push(jobqueue.New{Pair: jobqueue.Pair{Queue: wikiName(n)}})
	}
	jobs, err := r.Jobs(t.Context(), inspect.JobFilter{Limit: 1})
	if err != nil || jobs.Cursor == "" {
		t.Fatalf("Jobs = %+v, %v", jobs, err)
	}
	for name, c := range map[string]struct {
		filter inspect.JobFilter
		field  string
	}{
		"state":             {inspect.JobFilter{State: "asleep"}, "state"},
		"limit":             {inspect.JobFilter{Limit: 1001}, "limit"},
		"negative limit":    {inspect.JobFilter{Limit: -1}, "limit"},
		"cursor":            {inspect.JobFilter{Cursor: "?"}, "cursor"},
		"cursor of nothing": {inspect.JobFilter{Cursor: "e30"}, "cursor"},
		"cursor of another": {inspect.JobFilter{Cursor: jobs.Cursor, Queue: "x"}, "cursor"},
		"long cursor":       {inspect.JobFilter{Cursor: strings.Repeat("A", 10_000)}, "cursor"},
	} {
		if _, err := r.Jobs(t.Context(), c.filter); fault.KindOf(err) != fault.Invalid || fault.FieldOf(err) != c.field {
			t.Errorf("%s: Jobs = %v, want an error of field %s", name, err, c.field)
		}
	}
}

// silent is a loop that never answers.
type silent struct{}

func (silent) Ask(ctx context.Context, _ func(partition.Now, *node.Machine)) error {
	<-ctx.Done()
	return ctx.Err()
}

func (silent) Do(context.Context, partition.ID, string, partition.Command) error {
	return errors.New("not asked")
}

func TestWithoutTheOwnerTheStoreAnswersAlone(t *testing.T) {
	server := memkv.NewServer()
	r := newRigOn(t, server, "hang", "fail", "quick")
	want := everything(t, r)
	r.stop()
	i := inspect.New(inspect.Config{Loop: silent{}, Engine: server.Open()})
	page, err := i.Queues(t.Context(), inspect.QueueFilter{Wiki: "aawiki"})
	if err != nil || !page.Stale {
		t.Fatalf("Queues = %+v, %v, want it stale", page, err)
	}
	for _, q := range page.Queues {
		if q.Queue == "wait" && (q.Ready != 4 || q.Delayed != 1) {
			t.Errorf("the row is %+v", q)
		}
	}
	i = inspect.New(inspect.Config{Loop: silentNow{}, Engine: server.Open()})
	jobs, err := i.Jobs(t.Context(), inspect.JobFilter{State: api.StateDone})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sorted(want[api.StateDone]), sorted(ids(jobs.Jobs))); diff != "" {
		t.Errorf("done (-want +got):\n%s", diff)
	}
	jobs, err = i.Jobs(t.Context(), inspect.JobFilter{State: api.StateReady, Queue: "wait"})
	if err != nil || !jobs.Stale || len(jobs.Jobs) != 8 {
		t.Errorf("ready: %d jobs, stale %v, %v", len(jobs.Jobs), jobs.Stale, err)
	}
	d, err := i.Job(t.Context(), want[api.StateDead][0])
	if err != nil || d.State != api.StateDead || !d.Stale {
		t.Errorf("Job = %+v, %v", d, err)
	}
}

func FuzzCursorsOfStrangers(f *testing.F) {
	f.Add("")
	f.Add("e30")
	f.Add("eyJ2IjoxLCJmIjowLCJzIjowLCJwIjowfQ")
	i := inspect.New(inspect.Config{Loop: silentNow{}, Engine: memkv.NewServer().Open()})
	f.Fuzz(func(t *testing.T, text string) {
		for _, state := range []string{"", api.StateDelayed, api.StateReady, api.StateDone} {
			page, err := i.Jobs(t.Context(), inspect.JobFilter{State: state, Cursor: text})
			if err == nil && len(page.Jobs) > 0 || err != nil && fault.KindOf(err) != fault.Invalid {
				t.Errorf("Jobs with cursor %q = %+v, %v", text, page, err)
			}
		}
	})
}

// silentNow is a loop that has ended.
type silentNow struct{ silent }

func (silentNow) Ask(context.Context, func(partition.Now, *node.Machine)) error {
	return node.ErrStopping
}

func TestTotalsAreSumsOverWikis(t *testing.T) {
	r, _ := newFull(t)
	totals, ok := r.Totals(t.Context())
	if !ok || !totals.Live || totals.Partitions != partition.Count {
		t.Fatalf("Totals = %+v, %v", totals, ok)
	}
	got := map[string]inspect.QueueTotals{}
	for _, q := range totals.Queues {
		q.Oldest = 0
		got[q.Queue] = q
	}
	want := map[string]inspect.QueueTotals{
		"fail": {Queue: "fail", Counts: jobqueue.Counts{Dead: 2}, Wikis: 2, Held: 0},
		"hang": {Queue: "hang", Counts: jobqueue.Counts{Running: 2}, Wikis: 2},
		"wait": {Queue: "wait", Counts: jobqueue.Counts{Ready: 8, Delayed: 2}, Wikis: 2, Held: 2},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("totals (-want +got):\n%s", diff)
	}
	if _, ok := inspect.New(inspect.Config{Loop: silentNow{}}).Totals(t.Context()); ok {
		t.Error("a silent loop has totals")
	}
}
