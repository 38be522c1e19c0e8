package bench

import (
	"os"
	"strings"
	"testing"
)

func TestWhatAKindLacksIsSaidByFlag(t *testing.T) {
	o := MediaWikiOptions{Path: "/srv/mediawiki", URL: "http://127.0.0.1"}
	for kind, want := range map[string]string{
		KindWorker: "", KindAuwai: "needs [--secret-file]", KindEventBus: "needs [--key-file]",
		KindRunJobs: "needs [--plain-args]", KindRunJobsPage: "needs [--key-file --plain-args --plain-url]",
	} {
		if got := o.missing(kind); got != want {
			t.Errorf("%s: %q, want %q", kind, got, want)
		}
	}
}

func TestFiguresAreTheMediansOfTheRounds(t *testing.T) {
	m := &mediaWiki{o: MediaWikiOptions{Path: "/srv/mediawiki", URL: "http://127.0.0.1", Secret: []byte("s")}}
	got := m.figures([]string{KindWorker, KindAuwai, KindRunJobs}, map[[2]string][]sample{
		{KindWorker, "trivial"}: {{10, 1, 0.5}, {10, 5, 0.1}, {10, 2, 0.2}},
		{KindAuwai, "trivial"}:  {{10, 1, 0.5}, {10, 2, 0.1}},
	})
	if len(got) != 6 {
		t.Fatalf("%+v", got)
	}
	worker, auwai, runJobs := got[0], got[1], got[2]
	if worker.JobsPerSecond != 5 || worker.CPUPerJob == nil || *worker.CPUPerJob != 20 || worker.Jobs != 10 {
		t.Errorf("worker: %+v", worker)
	}
	if auwai.JobsPerSecond != 7.5 || auwai.CPUPerJob != nil {
		t.Errorf("auwai, whose web server is not named: %+v", auwai)
	}
	if runJobs.Skipped == "" || runJobs.Jobs != 0 {
		t.Errorf("runjobs: %+v", runJobs)
	}
}

func TestFaultsOfOptionsAreNamed(t *testing.T) {
	good := MediaWikiOptions{Wiki: "aawiki", Pages: []string{"A"}, Jobs: 1, Parses: 1, Single: 1, AtOnce: 1, Rounds: 1}
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	for words, change := range map[string]func(*MediaWikiOptions){
		"rounds": func(o *MediaWikiOptions) { o.Rounds = 0 }, "wiki": func(o *MediaWikiOptions) { o.Wiki = "" },
		"pages": func(o *MediaWikiOptions) { o.Pages = nil }, "kinds": func(o *MediaWikiOptions) { o.Kinds = []string{"curl"} },
	} {
		o := good
		change(&o)
		if err := o.check(); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", words, err)
		}
	}
}

func TestTimesOfAProcessAreReadWhateverItsName(t *testing.T) {
	pid, parent, ticks, ok := parseStat("42 (a) b (c)) S 7 42 42 0 -1 4194560 1 2 3 4 100 20 3 1 20 0 1 0 9 9 9\n")
	if !ok || pid != 42 || parent != 7 || ticks != 124 {
		t.Errorf("%d, %d, %g, %t", pid, parent, ticks, ok)
	}
	for _, text := range []string{"", "42", "42 (a", "x (a) S 7 42 42 0 -1 4194560 1 2 3 4 100 20 3 1", "42 (a) S 7"} {
		if _, _, _, ok := parseStat(text); ok {
			t.Errorf("%q is read", text)
		}
	}
	if treeCPU(os.Getpid()) < 0 || treeCPU(-1) != 0 {
		t.Error("the time of no process is not 0")
	}
}

func TestAnEventIsSignedAsEventBusSignsIt(t *testing.T) {
	m := &mediaWiki{o: MediaWikiOptions{Wiki: "aawiki", Host: "aawiki.localhost", Key: []byte("key")}}
	payload, event, err := m.payload(KindEventBus, benchJob{"null", map[string]any{"bench": "0-1"}})
	if err != nil || !event {
		t.Fatal(err)
	}
	text := string(payload)
	if !strings.Contains(text, `"database":"aawiki","type":"null","params":{"bench":"0-1"},"mediawiki_signature":"`) {
		t.Error(text)
	}
}
