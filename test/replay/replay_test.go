package replay_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/test/rig"
)

// recordedSecret is $wgSecretKey of both recorded wikis.
const recordedSecret = "7ad57de0ebdfa804a2476cf61a0905cd512a397c6c3b28fedfc9c429b1c32266"

// A wiki that says it is read-only is asked again after 5 s, with one job; a replay has to fit in
// between, so that no job runs while twins arrive. On a machine that is too busy it is repeated.
const replays = 5

// posted is one recorded request.
type posted struct {
	Path string `json:"path"`
	Body string `json:"body"`
}

func TestRecordedJobsReachTheirWikiByteForByteOnceItIsWritable(t *testing.T) {
	binary, err := rig.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	requests := recording(t)
	for range replays {
		if replay(t, binary, requests) {
			return
		}
		t.Log("the wiki was probed during the replay: again")
	}
	t.Fatalf("each of %d replays took longer than the time between two probes", replays)
}

// replay plays the recording once. It reports false if a probe disturbed it.
func replay(t *testing.T, binary string, requests []posted) bool {
	t.Helper()
	endpoint, err := rig.NewEndpoint(map[string]string{"aawiki.localhost": recordedSecret, "bbwiki.localhost": recordedSecret})
	if err != nil {
		t.Fatal(err)
	}
	defer endpoint.Close()
	endpoint.SetReadOnly(true)
	service := startService(t, binary, endpoint)
	defer service.Kill()

	primes := holdBoth(t, service)
	before := len(endpoint.Deliveries())
	var events []json.RawMessage
	for n, request := range requests {
		answer, err := service.PostEvents(t.Context(), []byte(request.Body))
		if err != nil || answer.Status != http.StatusCreated {
			t.Fatalf("recorded request %d: %v, status %d: %s", n+1, err, answer.Status, answer.Body)
		}
		var batch []json.RawMessage
		if err := json.Unmarshal([]byte(request.Body), &batch); err != nil {
			t.Fatal(err)
		}
		events = append(events, batch...)
	}
	if len(endpoint.Deliveries()) != before {
		return false
	}
	want, err := expect(events, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d events in %d requests: %d jobs due, %d for later, %d superseded, %d duplicates",
		len(events), len(requests), len(want.due), len(want.delayed), want.superseded, want.duplicates)

	endpoint.SetReadOnly(false)
	awaitDrained(t, service, len(want.delayed))
	compareDeliveries(t, endpoint, want, primes)
	compareStates(t, service, want, len(primes))
	if err := service.Stop(); err != nil {
		t.Error(err)
	}
	rig.AssertContent(t, service)
	return true
}

func startService(t *testing.T, binary string, endpoint *rig.Endpoint) *rig.Service {
	t.Helper()
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte(recordedSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	config := rig.ServiceConfig{Data: "data", Wikis: map[string]rig.WikiConfig{}}
	for _, wiki := range []string{"aawiki", "bbwiki"} {
		config.Wikis[wiki] = rig.WikiConfig{
			URL: endpoint.URL(), Host: wiki + ".localhost", Runner: rig.RunnerEventBus, SecretFile: secret,
		}
	}
	service, err := rig.NewService(binary, dir, config)
	if err != nil {
		t.Fatal(err)
	}
	if err := service.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return service
}

// holdBoth sends each wiki one job, which is answered 423, and waits until both are held.
func holdBoth(t *testing.T, service *rig.Service) (primes []string) {
	t.Helper()
	for _, wiki := range []string{"aawiki", "bbwiki"} {
		prime := rig.SignedJob(wiki, wiki+".localhost", recordedSecret, "prime", `{"n":0}`)
		answer, err := service.PostEvents(t.Context(), rig.Batch(prime))
		if err != nil || answer.Status != http.StatusCreated {
			t.Fatalf("first job of %s: %v, status %d: %s", wiki, err, answer.Status, answer.Body)
		}
		primes = append(primes, string(prime))
	}
	err := rig.UntilIn(t.Context(), 20*time.Second, "both wikis to be held", func(ctx context.Context) (bool, string, error) {
		rows, err := service.Queues(ctx)
		held := map[string]bool{}
		for _, row := range rows {
			if row.Held != "" && row.Running == 0 {
				held[row.Wiki] = true
			}
		}
		return len(held) == 2, fmt.Sprint(rows), err
	})
	if err != nil {
		t.Fatal(err)
	}
	return primes
}

// awaitDrained waits until nothing waits but the jobs for later.
func awaitDrained(t *testing.T, service *rig.Service, later int) {
	t.Helper()
	err := rig.UntilIn(t.Context(), 3*time.Minute, "the due jobs to run", func(ctx context.Context) (bool, string, error) {
		rows, err := service.Queues(ctx)
		ready, delayed, running := 0, 0, 0
		for _, row := range rows {
			ready, delayed, running = ready+row.Ready, delayed+row.Delayed, running+row.Running
		}
		seen := fmt.Sprintf("%d ready, %d delayed, %d running", ready, delayed, running)
		return ready+running == 0 && delayed == later, seen, err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// compareDeliveries checks that exactly the due jobs ran, once each, byte for byte, on their host.
func compareDeliveries(t *testing.T, endpoint *rig.Endpoint, want *expectation, primes []string) {
	t.Helper()
	var got, due []string
	for _, delivery := range endpoint.Deliveries() {
		switch delivery.Status {
		case http.StatusLocked: // while it was read-only
		case http.StatusOK:
			if !slices.Contains(primes, string(delivery.Body)) {
				got = append(got, delivery.Host+" "+string(delivery.Body))
			}
		default:
			t.Errorf("%s answered %d to %s", delivery.Host, delivery.Status, delivery.Body)
		}
	}
	for _, job := range want.due {
		due = append(due, job.host+" "+job.raw)
	}
	slices.Sort(got)
	slices.Sort(due)
	if diff := cmp.Diff(due, got); diff != "" {
		t.Errorf("jobs that ran, -want +got:\n%s", diff)
	}
}

// compareStates checks that the service accounts for every job.
func compareStates(t *testing.T, service *rig.Service, want *expectation, primes int) {
	t.Helper()
	got := map[string]int{}
	for _, state := range []string{"done", "superseded", "duplicate", "delayed", "dead"} {
		jobs, err := service.Jobs(t.Context(), url.Values{"state": {state}})
		if err != nil {
			t.Fatal(err)
		}
		got[state] = len(jobs)
	}
	wanted := map[string]int{
		"done": len(want.due) + primes, "superseded": want.superseded, "duplicate": want.duplicates,
		"delayed": len(want.delayed), "dead": 0,
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("states of all jobs, -want +got:\n%s", diff)
	}
}

func recording(t *testing.T) []posted {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", "eventbus.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }() // it is only read
	var all []posted
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		var request posted
		if err := json.Unmarshal(lines.Bytes(), &request); err != nil {
			t.Fatal(err)
		}
		if request.Path == "/v1/events" {
			all = append(all, request)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestRecordedSignaturesVerify(t *testing.T) {
	jobs := 0
	for _, request := range recording(t) {
		var batch []json.RawMessage
		if err := json.Unmarshal([]byte(request.Body), &batch); err != nil {
			t.Fatal(err)
		}
		for _, raw := range batch {
			if !strings.Contains(string(raw), `"stream":"mediawiki.job.`) {
				continue
			}
			jobs++
			if err := rig.VerifyJob(raw, recordedSecret); err != nil {
				t.Errorf("%v: %s", err, raw)
			}
		}
	}
	if jobs != 460 {
		t.Errorf("%d recorded jobs, want 460", jobs)
	}
}

func TestExpectationCountsEveryRecordedJob(t *testing.T) {
	var events []json.RawMessage
	for _, request := range recording(t) {
		var batch []json.RawMessage
		if err := json.Unmarshal([]byte(request.Body), &batch); err != nil {
			t.Fatal(err)
		}
		events = append(events, batch...)
	}
	want, err := expect(events, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	sum := len(want.due) + len(want.delayed) + want.superseded + want.duplicates
	t.Logf("%d due, %d later, %d superseded, %d duplicates", len(want.due), len(want.delayed), want.superseded, want.duplicates)
	if sum != 460 {
		t.Errorf("the rules account for %d jobs, want 460", sum)
	}
}
