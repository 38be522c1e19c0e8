package phppool_test

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/jobqueue"
	"auwai/internal/runner"
	"auwai/internal/runner/phppool"
)

const (
	done      = jobqueue.OutcomeDone
	failed    = jobqueue.OutcomeFailed
	permanent = jobqueue.OutcomePermanent
	uncounted = jobqueue.OutcomeUncounted
)

// start runs a pool of fake workers until the test ends. Every wiki is known.
func start(t *testing.T, cfg phppool.Config) *phppool.Pool {
	t.Helper()
	dir := t.TempDir()
	if cfg.Wikis == nil {
		cfg.Wikis = func(name string) (phppool.Wiki, bool) {
			return phppool.Wiki{Path: dir, Args: []string{"--wiki=" + name}}, true
		}
	}
	if cfg.PHP == "" {
		cfg.PHP = os.Args[0]
		cfg.Env = append(os.Environ(), fakeEnv+"=1")
	}
	if cfg.Cgroup == "" {
		cfg.Cgroup = phppool.CgroupOff
	}
	p := phppool.New(cfg)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return p
}

type params map[string]string

// work makes a job of each params, named J0, J1 and so on.
func work(wiki string, jobs ...params) runner.Work {
	w := runner.Work{Wiki: wiki, Queue: "fake", Fence: 7, Timeout: time.Minute}
	for i, p := range jobs {
		payload, _ := json.Marshal(map[string]any{"type": "fake", "params": p})
		w.Jobs = append(w.Jobs, runner.Item{ID: "J" + strconv.Itoa(i), Attempt: 1, Payload: payload})
	}
	return w
}

// run carries the work out and returns the results by index.
func run(t *testing.T, p *phppool.Pool, w runner.Work) map[int]runner.Result {
	t.Helper()
	return runContext(t.Context(), t, p, w)
}

func runContext(ctx context.Context, t *testing.T, p *phppool.Pool, w runner.Work) map[int]runner.Result {
	t.Helper()
	got := map[int]runner.Result{}
	err := p.Runner().Run(ctx, w, func(i int, res runner.Result) {
		if _, twice := got[i]; twice {
			t.Errorf("job %d has two results", i)
		}
		got[i] = res
	})
	if err != nil {
		t.Error(err)
	}
	return got
}

// pid asks a wiki's worker for its process id.
func pid(t *testing.T, p *phppool.Pool, wiki string) string {
	t.Helper()
	res := run(t, p, work(wiki, params{"do": "pid"}))[0]
	if res.Outcome != done {
		t.Fatalf("pid: %+v", res)
	}
	return res.Error
}

func wantResult(t *testing.T, got runner.Result, outcome jobqueue.Outcome, class, words string) {
	t.Helper()
	if got.Outcome != outcome || got.Class != class || !strings.Contains(got.Error, words) {
		t.Errorf("result is %+v, want outcome %v, class %q and the words %q", got, outcome, class, words)
	}
}

// fifo makes a fifo and returns its path and a reader that sees the end when nobody holds it any more.
func fifo(t *testing.T) (path string, open func() *bufio.Reader) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, func() *bufio.Reader {
		f, err := os.Open(path)
		if err != nil {
			t.Error(err)
			return bufio.NewReader(strings.NewReader(""))
		}
		t.Cleanup(func() { _ = f.Close() })
		return bufio.NewReader(f)
	}
}

func TestAWorkOfManyJobsHasAResultForEach(t *testing.T) {
	p := start(t, phppool.Config{})
	got := run(t, p, work("aawiki", params{}, params{"do": "fail", "print": "why it would not"}, params{"do": "args"}))
	if len(got) != 3 {
		t.Fatalf("results: %+v", got)
	}
	wantResult(t, got[0], done, "", "")
	wantResult(t, got[1], failed, "exception:RuntimeException", "it would not; it wrote: why it would not")
	wantResult(t, got[2], done, "", "extensions/Auwai/maintenance/worker.php --memory-limit=536870912 --wiki=aawiki in "+"/")
}

func TestAWorkerServesOneWorkAfterTheOther(t *testing.T) {
	p := start(t, phppool.Config{})
	first := pid(t, p, "aawiki")
	for range 3 {
		if again := pid(t, p, "aawiki"); again != first {
			t.Errorf("process %s, then %s", first, again)
		}
	}
	if other := pid(t, p, "bbwiki"); other == first {
		t.Error("two wikis have one process")
	}
	if got := p.Stats(); got.Started != 2 || got.Idle != 2 || got.Busy != 0 {
		t.Errorf("stats: %+v", got)
	}
}

func TestACrashFailsTheJobThatRanAndNoOther(t *testing.T) {
	p := start(t, phppool.Config{})
	got := run(t, p, work("aawiki", params{}, params{"do": "crash", "print": "last words"}, params{}))
	if len(got) != 2 {
		t.Fatalf("results: %+v", got)
	}
	wantResult(t, got[0], done, "", "")
	wantResult(t, got[1], failed, runner.ClassCrash, "PHP died while running this job: it ended with signal: killed")
	wantResult(t, got[1], failed, runner.ClassCrash, "last words")
	wantResult(t, run(t, p, work("aawiki", params{"do": "exit"}))[0], failed, runner.ClassCrash, "exit status 0")
	wantResult(t, run(t, p, work("aawiki", params{}))[0], done, "", "")
}

func TestATimeOutKillsTheJobWithAllThatItStarted(t *testing.T) {
	p := start(t, phppool.Config{})
	path, open := fifo(t)
	child := make(chan string, 1)
	ended := make(chan error, 1)
	w := work("aawiki", params{}, params{"do": "child and hang", "fifo": path}, params{})
	w.Timeout = 0
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(time.Hour))
	defer cancel()
	// The time is over when the child is there, however long that takes.
	ctx = deadlineWhen{ctx, make(chan struct{})}
	go func() {
		r := open()
		line, err := r.ReadString('\n')
		child <- line
		if err == nil {
			close(ctx.(deadlineWhen).over)
			_, err = r.ReadString('\n')
		}
		ended <- err
	}()
	got := runContext(ctx, t, p, w)
	if line := <-child; line == "" {
		t.Error("the child did not start")
	}
	if err := <-ended; err == nil {
		t.Error("the child lives")
	}
	if len(got) != 2 {
		t.Fatalf("results: %+v", got)
	}
	wantResult(t, got[0], done, "", "")
	wantResult(t, got[1], failed, runner.ClassTimeout, "did not end in time and was killed")
}

// deadlineWhen is a context whose deadline passes when over is closed.
type deadlineWhen struct {
	context.Context //nolint:containedctx // it is one
	over            chan struct{}
}

func (d deadlineWhen) Done() <-chan struct{} { return d.over }

func (d deadlineWhen) Err() error {
	select {
	case <-d.over:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

func TestACancelledWorkKeepsTheResultsItHas(t *testing.T) {
	p := start(t, phppool.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got := map[int]runner.Result{}
	err := p.Runner().Run(ctx, work("aawiki", params{}, params{"do": "hang"}, params{}), func(i int, res runner.Result) {
		got[i] = res
		cancel()
	})
	if err != nil || len(got) != 1 || got[0].Outcome != done {
		t.Errorf("results %+v, err %v", got, err)
	}
	wantResult(t, run(t, p, work("aawiki", params{}))[0], done, "", "")
}

func TestTheTimeOutOfTheWorkCounts(t *testing.T) {
	p := start(t, phppool.Config{})
	pid(t, p, "aawiki") // so that its start is not in the time
	w := work("aawiki", params{"do": "hang"})
	w.Timeout = 50 * time.Millisecond
	wantResult(t, run(t, p, w)[0], failed, runner.ClassTimeout, "within 50ms")
}

func TestAWorkerThatEndsInItsSleepIsReplaced(t *testing.T) {
	p := start(t, phppool.Config{})
	first := pid(t, p, "aawiki")
	wantResult(t, run(t, p, work("aawiki", params{"die in sleep": "1"}))[0], done, "", "")
	if second := pid(t, p, "aawiki"); second == first {
		t.Error("the process that ended has answered")
	}
}

func TestAWorkerThatLeavesBeforeTheFirstJobPassesTheWorkOn(t *testing.T) {
	p := start(t, phppool.Config{})
	for _, why := range []string{"changed", "memory"} {
		old := pid(t, p, "aawiki")
		got := run(t, p, work("aawiki", params{"refuse": why, "pid": old, "leaving": "1", "do": "pid"}, params{}))
		wantResult(t, got[0], done, "", "")
		wantResult(t, got[1], done, "", "")
		if got[0].Error == old {
			t.Errorf("%s: the process that left has run it", why)
		}
	}
}

func TestANewWorkerThatRunsNothingCounts(t *testing.T) {
	p := start(t, phppool.Config{})
	got := run(t, p, work("aawiki", params{"refuse": "memory", "leaving": "1"}, params{}))
	wantResult(t, got[0], failed, "", "ran no job of the request for want of memory")
	got = run(t, p, work("aawiki", params{"refuse": "changed", "leaving": "1", "reason": "x.php has changed"}))
	wantResult(t, got[0], failed, "", "changed: x.php has changed")
}

func TestAWikiThatTakesNoWorkIsHeld(t *testing.T) {
	p := start(t, phppool.Config{})
	for why, words := range map[string]string{"readonly": "read-only: being moved", "lag": "lag behind: being moved", "database": "lost the connection"} {
		got := run(t, p, work("aawiki", params{"refuse": why, "reason": "being moved"}, params{}))
		for i := range 2 {
			wantResult(t, got[i], uncounted, "", words)
			if got[i].Hold == "" {
				t.Errorf("%s: job %d holds nothing", why, i)
			}
		}
	}
}

func TestAJobThatSpoilsItsRequestIsFound(t *testing.T) {
	p := start(t, phppool.Config{})
	got := run(t, p, work("aawiki", params{}, params{"do": "poison"}, params{}))
	wantResult(t, got[0], done, "", "")
	wantResult(t, got[1], failed, runner.ClassCrash, "cannot read this")
	wantResult(t, got[2], done, "", "")
	if len(run(t, p, work("aawiki", params{"refuse": "request", "reason": "too deep"}))) != 1 {
		t.Error("a request that is not understood has no result")
	}
	wantResult(t, run(t, p, work("aawiki", params{"refuse": "request", "reason": "too deep"}))[0], permanent, "", "too deep")
}

func TestAWorkerThatDoesNotStartHoldsItsWikiWithItsWords(t *testing.T) {
	dir := t.TempDir()
	wikis := map[string]phppool.Wiki{
		"brokenwiki": {Path: dir, Args: []string{"--fail=LocalSettings.php has a syntax error"}},
		"wrongwiki":  {Path: dir, Args: []string{"--wiki=aawiki"}},
		"nowiki":     {Path: filepath.Join(dir, "absent")},
		"pathless":   {},
	}
	p := start(t, phppool.Config{Wikis: func(name string) (phppool.Wiki, bool) { w, ok := wikis[name]; return w, ok }})
	for wiki, words := range map[string]string{
		"brokenwiki": "the worker does not start: it ended with exit status 3; it wrote: LocalSettings.php has a syntax error",
		"wrongwiki":  `the worker has loaded the wiki "aawiki"; correct worker_args, such as --wiki=wrongwiki`,
		"nowiki":     "the worker cannot be started",
		"pathless":   "has no path",
		"unknown":    "has no path",
	} {
		res := run(t, p, work(wiki, params{}))[0]
		wantResult(t, res, uncounted, "", words)
		if res.Hold == "" {
			t.Errorf("%s is not held", wiki)
		}
	}
	if got := p.Stats(); got.Busy != 0 || got.Idle != 0 {
		t.Errorf("places are lost: %+v", got)
	}
}

func TestFewWorkersServeManyWikis(t *testing.T) {
	p := start(t, phppool.Config{Processes: 2, Patience: time.Nanosecond})
	var all sync.WaitGroup
	for n := range 10 {
		wiki := "wiki" + strconv.Itoa(n)
		for range 2 {
			all.Go(func() {
				got := runContext(t.Context(), t, p, work(wiki, params{}, params{}))
				if len(got) != 2 || got[0].Outcome != done {
					t.Errorf("%s: %+v", wiki, got)
				}
			})
		}
	}
	all.Wait()
	if got := p.Stats(); got.Busy+got.Idle > 2 || got.Waiting != 0 {
		t.Errorf("stats: %+v", got)
	}
}

func TestAWorkerIsReplacedAfterItsJobs(t *testing.T) {
	p := start(t, phppool.Config{MaxJobs: 2})
	first := pid(t, p, "aawiki")
	if second := pid(t, p, "aawiki"); second != first {
		t.Error("it was replaced too early")
	}
	if third := pid(t, p, "aawiki"); third == first {
		t.Error("it ran a third job")
	}
}

func TestAWorkerThatFailsJobAfterJobIsReplaced(t *testing.T) {
	p := start(t, phppool.Config{})
	first := pid(t, p, "aawiki")
	jobs := make([]params, 20)
	for i := range jobs {
		jobs[i] = params{"do": "fail"}
	}
	run(t, p, work("aawiki", jobs...))
	if again := pid(t, p, "aawiki"); again == first {
		t.Error("it goes on after 20 failures")
	}
}

func TestAWorkerOfOldSettingsIsReplaced(t *testing.T) {
	dir := t.TempDir()
	var mu sync.Mutex
	wiki := phppool.Wiki{Path: dir, Args: []string{"--wiki=aawiki"}}
	p := start(t, phppool.Config{Wikis: func(string) (phppool.Wiki, bool) { mu.Lock(); defer mu.Unlock(); return wiki, true }})
	first := pid(t, p, "aawiki")
	mu.Lock()
	wiki.Args = append(wiki.Args, "--more")
	mu.Unlock()
	res := run(t, p, work("aawiki", params{"do": "args"}))[0]
	wantResult(t, res, done, "", "--more")
	if again := pid(t, p, "aawiki"); again == first {
		t.Error("the old process lives")
	}
}

func TestWhatAWorkerLeavesBehindDoesNotHideItsEnd(t *testing.T) {
	p := start(t, phppool.Config{})
	path, open := fifo(t)
	left := make(chan int, 1)
	go func() {
		line, _ := open().ReadString('\n')
		n, _ := strconv.Atoi(strings.TrimSpace(line))
		left <- n
	}()
	got := run(t, p, work("aawiki", params{"do": "stray and exit", "fifo": path}))
	stray := <-left
	if stray == 0 || syscall.Kill(stray, syscall.SIGKILL) != nil {
		t.Errorf("the stray process %d is not there: the test shows nothing", stray)
	}
	wantResult(t, got[0], failed, runner.ClassCrash, "exit status 1")
}

func TestAnIdleWorkerEnds(t *testing.T) {
	p := start(t, phppool.Config{Idle: time.Millisecond})
	path, open := fifo(t)
	ended := make(chan error, 1)
	go func() {
		_, err := open().ReadByte()
		ended <- err
	}()
	wantResult(t, run(t, p, work("aawiki", params{"do": "hold fifo", "fifo": path}))[0], done, "", "")
	if err := <-ended; err == nil {
		t.Error("it wrote instead of ending")
	}
}

func TestTheEndOfThePoolIsTheEndOfItsWorkers(t *testing.T) {
	dir := t.TempDir()
	p := phppool.New(phppool.Config{
		PHP: os.Args[0], Env: append(os.Environ(), fakeEnv+"=1"), Cgroup: phppool.CgroupOff,
		Wikis: func(name string) (phppool.Wiki, bool) {
			return phppool.Wiki{Path: dir, Args: []string{"--wiki=" + name}}, true
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	idle, _ := strconv.Atoi(pid(t, p, "aawiki"))
	busy := make(chan map[int]runner.Result, 1)
	first := make(chan struct{})
	go func() {
		got := map[int]runner.Result{}
		_ = p.Runner().Run(context.WithoutCancel(ctx), work("bbwiki", params{}, params{"do": "hang"}), func(i int, res runner.Result) {
			if got[i] = res; i == 0 {
				close(first)
			}
		})
		busy <- got
	}()
	<-first
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if syscall.Kill(idle, 0) == nil {
		t.Error("an idle worker lives on")
	}
	if got := <-busy; got[1].Class != runner.ClassCrash {
		t.Errorf("the job that ran: %+v", got)
	}
	if got := runContext(t.Context(), t, p, work("aawiki", params{})); len(got) != 0 {
		t.Errorf("a pool that has ended runs a job: %+v", got)
	}
}

func TestPayloadsReachAWorkerByteForByte(t *testing.T) {
	p := start(t, phppool.Config{})
	big := strings.Repeat("x", 1<<20)
	got := run(t, p, work("aawiki", params{"do": "fail", "print": big + "the end"}))
	wantResult(t, got[0], failed, "exception:RuntimeException", "xthe end")
	if len(got[0].Error) > jobqueue.MaxError {
		t.Errorf("the error has %d bytes", len(got[0].Error))
	}
	if diff := cmp.Diff(50, p.Runner().Batch("fake")); diff != "" {
		t.Error(diff)
	}
}
