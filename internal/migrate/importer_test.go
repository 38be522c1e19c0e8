package migrate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/api"
	"auwai/client"
	"auwai/internal/fault"
	"auwai/internal/migrate"
	"auwai/internal/server"
)

const nowhere = "http://127.0.0.1:1"

func ledger(t *testing.T, path, server string) *migrate.Ledger {
	t.Helper()
	l, err := migrate.OpenLedger(path, server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// service starts a service whose wikis are not configured: what is pushed waits.
func service(t *testing.T) *client.Client {
	t.Helper()
	base, stop, err := server.Start(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	c, err := client.New(client.Config{Server: base})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// counts sums up the queues of the service.
func counts(t *testing.T, c *client.Client) (ready, delayed, blocked, dead int64) {
	t.Helper()
	page, err := c.Queues(t.Context(), client.QueueFilter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range page.Queues {
		ready, delayed, blocked, dead = ready+q.Ready, delayed+q.Delayed, blocked+q.Blocked, dead+q.Dead
	}
	return ready, delayed, blocked, dead
}

func imported(t *testing.T, text []byte, o migrate.ImportOptions) *migrate.Report {
	t.Helper()
	report, err := migrate.Import(t.Context(), open(t, text, aawiki), o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestADryRunCountsAndTouchesNothing(t *testing.T) {
	report := imported(t, dump(t, "sqlite.sql"), migrate.ImportOptions{})
	want := []migrate.Tally{
		{Wiki: "aawiki", Queue: "cdnPurge", Delayed: 1},
		{Wiki: "aawiki", Queue: "htmlCacheUpdate", Waiting: 1},
		{Wiki: "aawiki", Queue: "null", Claimed: 1, Abandoned: 1},
		{Wiki: "aawiki", Queue: "oldJob", Waiting: 1},
		{Wiki: "aawiki", Queue: "refreshLinks", Waiting: 3},
		{Wiki: "aawiki", Queue: "userOptionsUpdate", Waiting: 2},
	}
	if diff := cmp.Diff(want, report.Queues); diff != "" {
		t.Errorf("queues (-want +got):\n%s", diff)
	}
	if report.Sum != (migrate.Tally{Waiting: 7, Delayed: 1, Claimed: 1, Abandoned: 1}) || report.BadCount != 1 || !report.DryRun || report.Pushed != 0 {
		t.Errorf("the report is %+v", report)
	}
}

func TestRunningTwiceDoublesNothingWhateverBringsTheJobs(t *testing.T) {
	c := service(t)
	path := filepath.Join(t.TempDir(), "ledger")
	first := imported(t, dump(t, "sqlite.sql"), migrate.ImportOptions{Pusher: c, Ledger: ledger(t, path, nowhere)})
	if first.Pushed != 10 || first.Merged != 1 || first.Dead != 1 || first.Already != 0 || first.BadCount != 1 {
		t.Errorf("first: %+v", first)
	}
	check := func(when string) {
		t.Helper()
		if ready, delayed, _, dead := counts(t, c); ready != 7 || delayed != 1 || dead != 1 {
			t.Errorf("%s: %d ready, %d delayed, %d dead; want 7, 1, 1", when, ready, delayed, dead)
		}
	}
	check("first")
	if again := imported(t, dump(t, "mariadb.sql"), migrate.ImportOptions{Pusher: c, Ledger: ledger(t, path, nowhere)}); again.Already != 10 || again.Pushed != 0 {
		t.Errorf("with the ledger: %+v", again)
	}
	check("with the ledger")
	// Without it the service knows the client ids.
	other := filepath.Join(t.TempDir(), "ledger")
	if again := imported(t, dump(t, "mariadb.sql"), migrate.ImportOptions{Pusher: c, Ledger: ledger(t, other, nowhere)}); again.Already != 0 || again.Pushed != 10 {
		t.Errorf("without the ledger: %+v", again)
	}
	check("without the ledger")
	jobs, err := c.Jobs(t.Context(), client.JobFilter{State: api.StateDead})
	if err != nil || len(jobs.Jobs) != 1 || !strings.Contains(jobs.Jobs[0].LastError, "failed too often") {
		t.Errorf("dead: %+v, %v", jobs, err)
	}
}

func TestClaimedAndAbandonedJobsAreTreatedAsAsked(t *testing.T) {
	for _, test := range []struct {
		o                   migrate.ImportOptions
		pushed, skipped     int
		ready, dead, merged int
	}{
		{migrate.ImportOptions{SkipClaimed: true, Abandoned: migrate.AbandonedSkip}, 8, 2, 7, 0, 1},
		{migrate.ImportOptions{Abandoned: migrate.AbandonedReady}, 10, 0, 9, 0, 1},
		{migrate.ImportOptions{SkipClaimed: true}, 9, 1, 7, 1, 1},
	} {
		dead := 0
		test.o.Pusher = pushes(func(jobs []api.NewJob) ([]api.PushedJob, error) {
			places := make([]api.PushedJob, len(jobs))
			for i := range jobs {
				places[i].ID = fmt.Sprint(i)
				if jobs[i].Dead != "" {
					dead++
				}
			}
			return places, nil
		})
		test.o.Ledger = ledger(t, filepath.Join(t.TempDir(), "l"), nowhere)
		r := imported(t, dump(t, "sqlite.sql"), test.o)
		if r.Pushed != test.pushed || r.Skipped != test.skipped || dead != test.dead || r.Dead != test.dead {
			t.Errorf("%+v: %+v, %d dead", test, r, dead)
		}
	}
	_, err := migrate.Import(t.Context(), open(t, dump(t, "sqlite.sql"), aawiki), migrate.ImportOptions{Abandoned: "perhaps"})
	if fault.FieldOf(err) != "abandoned" {
		t.Errorf("another word: %v", err)
	}
}

// lines returns n lines of exportJobs.php.
func lines(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, `{"format":"mediawiki-job/1","wiki":"aawiki","job_id":%d,"job_cmd":"x","job_namespace":-1,"job_title":"","job_timestamp":"20260102030405","job_params":"a:1:{s:1:\"n\";i:%d;}","job_attempts":0,"job_token":""}`+"\n", i, i)
	}
	return b.Bytes()
}

func TestAJobThatIsRefusedForGoodDoesNotKeepTheOthers(t *testing.T) {
	no := false
	calls := 0
	o := migrate.ImportOptions{Ledger: ledger(t, filepath.Join(t.TempDir(), "l"), nowhere), Pusher: pushes(func(jobs []api.NewJob) ([]api.PushedJob, error) {
		calls++
		places := make([]api.PushedJob, len(jobs))
		for i := range jobs {
			places[i].ID = "id"
		}
		for i := range jobs {
			if strings.Contains(string(jobs[i].Payload), `"n":3}`) { // all or none of a wiki
				for k := range places {
					places[k] = api.PushedJob{Error: "not taken: another job of the wiki was refused"}
				}
				places[i] = api.PushedJob{Error: "[3].queue: no", Retry: &no}
			}
		}
		return places, nil
	})}
	r := imported(t, lines(1200), o)
	if r.Pushed != 1199 || r.BadCount != 1 || r.Bad[0].Reason != "[3].queue: no" || !strings.HasPrefix(r.Bad[0].Where, "line 4, job_id 3") || calls != 4 {
		t.Errorf("%d calls, report %+v", calls, r)
	}
}

func TestABusyServiceIsWaitedForAndASecondRunGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l")
	var waits []time.Duration
	failures, answered := 3, false
	o := migrate.ImportOptions{
		Ledger: ledger(t, path, nowhere),
		Wait:   func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil },
		Pusher: pushes(func(jobs []api.NewJob) ([]api.PushedJob, error) {
			if failures > 0 {
				failures--
				if !answered {
					return nil, &client.Error{Status: 503, Problem: api.Problem{Kind: "unavailable"}}
				}
				return nil, &url.Error{Op: "Post", URL: nowhere, Err: errors.New("refused")}
			}
			answered = true
			if bytes.Contains(jobs[0].Payload, []byte(`"n":500}`)) {
				return nil, &client.Error{Status: 403, Problem: api.Problem{Kind: "forbidden", Detail: "no"}}
			}
			places := make([]api.PushedJob, len(jobs))
			for i := range places {
				places[i].ID = "id"
			}
			return places, nil
		}),
	}
	r, err := migrate.Import(t.Context(), open(t, lines(900), aawiki), o)
	if fault.KindOf(err) != fault.Forbidden || r.Pushed != 500 {
		t.Errorf("%+v, %v", r, err)
	}
	if diff := cmp.Diff([]time.Duration{time.Second, 2 * time.Second, 4 * time.Second}, waits); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
	c := service(t)
	r, err = migrate.Import(t.Context(), open(t, lines(900), aawiki), migrate.ImportOptions{Pusher: c, Ledger: ledger(t, path, nowhere)})
	if err != nil || r.Already != 500 || r.Pushed != 400 {
		t.Errorf("the second run: %+v, %v", r, err)
	}
	// It gives up in the end, and at once where nobody has ever answered.
	o.Pusher = pushes(func([]api.NewJob) ([]api.PushedJob, error) {
		return nil, &client.Error{Status: 429, Problem: api.Problem{Kind: "unavailable", Detail: "full"}}
	})
	o.Ledger = ledger(t, filepath.Join(t.TempDir(), "l"), nowhere)
	if _, err = migrate.Import(t.Context(), open(t, lines(1), aawiki), o); err == nil || !strings.Contains(err.Error(), "after 17 tries") {
		t.Errorf("for ever busy: %v", err)
	}
	o.Pusher = pushes(func([]api.NewJob) ([]api.PushedJob, error) {
		return nil, &url.Error{Op: "Post", URL: nowhere, Err: errors.New("refused")}
	})
	waits = nil
	if _, err = migrate.Import(t.Context(), open(t, lines(1), aawiki), o); err == nil || len(waits) > 0 {
		t.Errorf("nobody there: %v after %v", err, waits)
	}
}

func TestABatchThatIsTooLargeIsHalved(t *testing.T) {
	o := migrate.ImportOptions{Ledger: ledger(t, filepath.Join(t.TempDir(), "l"), nowhere), Pusher: pushes(func(jobs []api.NewJob) ([]api.PushedJob, error) {
		if len(jobs) > 2 || bytes.Contains(jobs[0].Payload, []byte(`"n":5}`)) {
			return nil, &client.Error{Status: 413, Problem: api.Problem{Kind: "too_large", Detail: "too large"}}
		}
		places := make([]api.PushedJob, len(jobs))
		for i := range places {
			places[i].ID = "id"
		}
		return places, nil
	})}
	if r := imported(t, lines(10), o); r.Pushed != 9 || r.BadCount != 1 || r.Bad[0].Reason != "too large" {
		t.Errorf("%+v", r)
	}
}

func TestALedgerIsOfOneServerAndSurvivesACutLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l")
	id := strings.Repeat("ab", 16)
	l := ledger(t, path, nowhere)
	if err := l.Note([]migrate.Noted{{ClientID: id, JobID: "aawiki.1"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := migrate.OpenLedger(path, "http://127.0.0.1:2"); fault.FieldOf(err) != "ledger" || !strings.Contains(err.Error(), nowhere) {
		t.Errorf("of another server: %v", err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(strings.Repeat("cd", 10)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	again := ledger(t, path, nowhere)
	next := strings.Repeat("ef", 16)
	if !again.Has(id) || again.Len() != 1 {
		t.Errorf("after a cut: %d jobs", again.Len())
	}
	if err := again.Note([]migrate.Noted{{ClientID: next, JobID: "aawiki.2"}}); err != nil {
		t.Fatal(err)
	}
	if third := ledger(t, path, nowhere); !third.Has(id) || !third.Has(next) || third.Len() != 2 {
		t.Errorf("after another run: %d jobs", third.Len())
	}
	other := filepath.Join(t.TempDir(), "dump.sql")
	if err := os.WriteFile(other, []byte("INSERT INTO job"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := migrate.OpenLedger(other, nowhere); fault.FieldOf(err) != "ledger" {
		t.Errorf("another file: %v", err)
	}
}

func TestAnExportThatIsImportedGivesTheSameJobs(t *testing.T) {
	from, to := service(t), service(t)
	later := time.Now().Add(24 * time.Hour).UTC().Truncate(time.Second)
	payload := `{ "$schema" : "x", "meta":{"domain":"aa.example"}, "params":{"a":1.0,"b":"<\u2028>"} }`
	jobs := []api.NewJob{
		{Queue: "q", Wiki: "aawiki", Key: "k", Priority: "interactive", RequestID: "r", Payload: []byte(payload), FromEvent: true, Domain: "aa.example"},
		{Queue: "q", Wiki: "bbwiki", RunAt: &later, Root: &api.Root{Signature: "s", Timestamp: "20260102030405", IsRoot: true}, Payload: []byte(`{"type":"q"}`)},
		{Queue: "q", Wiki: "bbwiki", Dead: "it failed\nthrice", Payload: []byte(`1`)},
		{Queue: "large", Wiki: "bbwiki", Payload: []byte(`"` + strings.Repeat("x", 3<<20) + `"`)},
	}
	if _, err := from.PushJobs(t.Context(), jobs); err != nil {
		t.Fatal(err)
	}
	text := exported(t, from)
	report, err := migrate.Import(t.Context(), open(t, text, migrate.TableOptions{}), migrate.ImportOptions{
		Pusher: to, Ledger: ledger(t, filepath.Join(t.TempDir(), "l"), nowhere),
	})
	if err != nil || report.Pushed != 4 || report.BadCount != 0 || report.Dead != 1 {
		t.Fatalf("%+v, %v", report, err)
	}
	again := exported(t, to)
	apart := func(text []byte) []string { // what is the new service's
		var out []string
		for line := range strings.Lines(string(text)) {
			_, line, _ = strings.Cut(line, `"wiki"`)
			before, rest, _ := strings.Cut(line, `"created_at":"`)
			_, after, _ := strings.Cut(rest, `"`)
			out = append(out, before+after)
		}
		return out
	}
	if diff := cmp.Diff(apart(text), apart(again)); diff != "" {
		t.Errorf("exports (-first +second):\n%s", diff)
	}
	if !strings.Contains(string(text), `"payload":"{ \"$schema\" : \"x\"`) {
		t.Error("the payload's spaces are lost")
	}
}

func exported(t *testing.T, c *client.Client) []byte {
	t.Helper()
	var b bytes.Buffer
	done, err := migrate.Export(t.Context(), c, &b, migrate.ExportOptions{})
	if err != nil || done.Stale || done.Gone > 0 {
		t.Fatalf("export: %+v, %v", done, err)
	}
	return b.Bytes()
}
