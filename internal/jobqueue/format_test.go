package jobqueue_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/jobqueue/jobqueuetest"
	"auwai/internal/kv"
)

var rewrite = flag.Bool("rewrite", false, "write the files of testdata anew")

// fixtures drives a queue through all kinds of values, and returns them in hexadecimal.
func fixtures(t *testing.T) []string {
	t.Helper()
	r := newRig(t)
	full := jobqueue.New{
		Key: "k", Root: root("01", true), RunAt: r.Clock.Wall.Add(time.Hour), RequestID: "req", ClientID: "c", Domain: "d",
		FromEvent: true, Band: jobqueue.Bulk, Source: jobqueue.Source{Name: "e:1", Hash: [8]byte{1, 2}}, Payload: []byte("{\"a\":1}"),
	}
	push(t, r, full)
	push(t, r, jobqueue.New{})
	finish(t, r, claim(t, r), jobqueue.OutcomePermanent)
	blob := jobqueue.BlobRef{ID: r.Mint(), Size: 3}
	storeBlob(r, blob)
	push(t, r, jobqueue.New{Blob: blob})
	finish(t, r, claim(t, r), jobqueue.OutcomeFailed)
	r.Advance(time.Minute)
	r.Promote()
	c := claim(t, r)
	c.Attempts, c.Deadline = 3, r.Clock.Wall.Add(time.Minute)
	r.Must(&jobqueue.StoreClaims{Claims: []*jobqueue.Claim{c}, Orderly: true})
	push(t, r, jobqueue.New{RequestID: "old", Key: "x"})
	push(t, r, jobqueue.New{RequestID: "new", Key: "x"})
	body := jobqueue.EncodePush([]jobqueue.New{full})
	return append(linesOf(r), "mail 00 "+hex.EncodeToString(body))
}

// fixtures2 is fixtures for what has come later: keys, and flags of values that were there.
func fixtures2(t *testing.T) []string {
	t.Helper()
	r := newRig(t)
	everyLine(t, r)
	full := jobqueue.New{
		Pair: links(), SerialKey: "page", ExpireAt: r.Clock.Wall.Add(time.Hour), Cause: cause("aawiki"), Needs: jobqueue.Needs{Cores: 2, Memory: 1 << 30},
		NoRetry: true, Root: root("01", true), Key: "debounced", MaxPending: 100,
		Rules: &jobqueue.Rules{Dedup: jobqueue.DedupDebounce, Debounce: time.Minute, RootTTL: time.Hour, Budget: 10, LoopLimit: 16, Exclusive: true, AtMostOnce: true},
	}
	push(t, r, full)
	c := claim(t, r)
	c.Exclusive, c.AtMostOnce, c.Holder, c.Deadline = true, true, "worker 1", r.Clock.Wall.Add(time.Minute)
	c.Progress = jobqueue.Progress{Percent: 50, Message: "half", ResultURL: "https://a.example/"}
	r.Must(&jobqueue.StoreClaims{Claims: []*jobqueue.Claim{c}})
	r.Must(&jobqueue.Cancel{Wiki: "aawiki", ID: c.Job.ID, Running: true})
	r.Must(&jobqueue.CancelRoot{Pair: links(), Signature: full.Root.Signature})
	other := jobqueue.Pair{Wiki: "aawiki", Queue: "other"}
	push(t, r, jobqueue.New{Pair: other})
	r.Must(&jobqueue.Purge{Pair: other})
	body := jobqueue.EncodePush([]jobqueue.New{full})
	return append(linesOf(r), "mail 00 "+hex.EncodeToString(body))
}

// everyLine has jobs that wait for others and in chains, and one that is done and counts.
func everyLine(t *testing.T, r *jobqueuetest.Rig) {
	t.Helper()
	push(t, r, jobqueue.New{Key: "w", Band: jobqueue.Interactive, Rules: &jobqueue.Rules{Dedup: jobqueue.DedupWindow, Window: time.Hour}})
	for c := r.Claim(links()); c != nil; c = r.Claim(links()) {
		finish(t, r, c, jobqueue.OutcomeDone)
	}
	first := push(t, r, jobqueue.New{SerialKey: "s"})
	push(t, r, jobqueue.New{SerialKey: "s", WaitsFor: []ident.Suffix{first.ID}})
	push(t, r, jobqueue.New{SerialKey: "s"})
}

func linesOf(r *jobqueuetest.Rig) []string {
	var lines []string
	words := r.Words()
	for i, e := range r.Scan(kv.Range{}) {
		if w := words[i]; !strings.HasPrefix(w.Family, "log-") && w.Family != "meta" && !strings.HasPrefix(w.Family, "lane") {
			lines = append(lines, w.Family+" "+hex.EncodeToString(e.Key)+" "+hex.EncodeToString(e.Value))
		}
	}
	return lines
}

func TestValuesThatWereWrittenAreReadForEver(t *testing.T) {
	seen := map[string]int{}
	readFixtures(t, "values-v1.txt", fixtures(t), seen)
	readFixtures(t, "values-v2.txt", fixtures2(t), seen)
	for _, f := range jobqueue.Families() {
		if f.Name != "blob-expiry" && seen[f.Name] == 0 {
			t.Errorf("the files have no value of family %s", f.Name)
		}
	}
}

// readFixtures reads a file of values, counts their families, and holds it against what is written now.
func readFixtures(t *testing.T, file string, written []string, seen map[string]int) {
	t.Helper()
	name := filepath.Join("testdata", file)
	if *rewrite {
		if err := os.WriteFile(name, []byte(strings.Join(written, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line + " ")
		e := kv.Entry{Key: unhex(t, f[1]), Value: []byte{}}
		if len(f) > 2 {
			e.Value = unhex(t, f[2])
		}
		if err := readValue(f[0], e); err != nil {
			t.Errorf("%s: %v", f[0], err)
		}
		seen[f[0]]++
	}
	// What is written now is what the file has: the format has not changed unnoticed.
	if diff := cmp.Diff(strings.Split(strings.TrimSpace(string(text)), "\n"), written); diff != "" {
		t.Errorf("values (-file +written):\n%s", diff)
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readValue(family string, e kv.Entry) (err error) {
	switch family {
	case "job":
		_, err = jobqueue.DecodeJobEntry("aawiki", e)
	case "pair":
		_, err = jobqueue.DecodePair(e)
	case "ready":
		_, err = jobqueue.DecodeReady(e)
	case "due":
		_, err = jobqueue.DecodeDue(e)
	case "running":
		_, err = jobqueue.DecodeRunning(e)
	case "root":
		_, err = jobqueue.DecodeRoot(e.Value)
	case "source":
		_, err = jobqueue.DecodeSource(e.Value)
	case "request":
		_, err = jobqueue.DecodeRequest(e.Value)
	case "dead":
		_, _, err = jobqueue.DecodeDead(e)
	case "blocked":
		_, err = jobqueue.DecodeBlocked(e)
	case "twin":
		_, err = jobqueue.DecodeTwin(e.Value)
	case "chain":
		_, err = jobqueue.DecodeChain(e.Value)
	case "link":
		_, err = jobqueue.DecodeLink(e.Value)
	case "mail":
		_, err = jobqueue.DecodePush(e.Value)
	}
	return err
}

func TestAJobOfVersion1IsReadWhole(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "values-v1.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if f[0] != "job" {
			continue
		}
		j, err := jobqueue.DecodeJobEntry("aawiki", kv.Entry{Key: unhex(t, f[1]), Value: unhex(t, f[2])})
		if err != nil {
			t.Fatal(err)
		}
		if j.ClientID != "c" {
			continue
		}
		want := &jobqueue.Job{
			ID: j.ID, Pair: links(), State: jobqueue.Delayed, Band: jobqueue.Bulk, Enq: j.Enq, Key: "k", Root: root("01", true),
			Domain: "d", FromEvent: true, Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), RunAt: time.Date(2026, 1, 2, 4, 4, 5, 0, time.UTC),
			Due: time.Date(2026, 1, 2, 4, 4, 5, 0, time.UTC), RequestID: "req", ClientID: "c", Payload: []byte("{\"a\":1}"),
		}
		if diff := cmp.Diff(want, j); diff != "" {
			t.Errorf("job (-want +got):\n%s", diff)
		}
		return
	}
	t.Error("the file has no such job")
}

func TestAMailedPushArrivesWhole(t *testing.T) {
	want := []jobqueue.New{
		{
			ID: ident.Suffix{1}, Pair: links(), Band: jobqueue.Bulk, Key: "k", Root: root("01", true), RunAt: time.UnixMilli(1700000000123).UTC(),
			RequestID: "r", ClientID: "c", Domain: "d", FromEvent: true, Source: jobqueue.Source{Name: "s", Hash: [8]byte{9}}, Payload: []byte("p"),
		},
		{ID: ident.Suffix{2}, Pair: links(), Blob: jobqueue.BlobRef{ID: ident.Suffix{3}, Size: 7}},
		{
			ID: ident.Suffix{4}, Pair: links(), Payload: []byte("p"), SerialKey: "page 7", WaitsFor: []ident.Suffix{{5}, {6}},
			ExpireAt: time.UnixMilli(1700000000124).UTC(), Cause: cause("aawiki"), Needs: jobqueue.Needs{Cores: 1.5, Memory: 1 << 31},
			NoRetry: true, Dead: "gave up", Rules: &jobqueue.Rules{
				Dedup: jobqueue.DedupWindow, Window: time.Hour, Debounce: 5 * time.Second, RootTTL: 24 * time.Hour, ExpireAfter: time.Minute,
				Budget: 7, LoopLimit: 16, Exclusive: true, AtMostOnce: true,
			},
		},
	}
	c, ok, err := jobqueue.Domain{}.Decode(jobqueue.MailPush, jobqueue.EncodePush(want))
	push, isPush := c.(*jobqueue.Push)
	if err != nil || !ok || !isPush {
		t.Fatalf("decoded %T, %t, %v", c, ok, err)
	}
	if diff := cmp.Diff(want, push.Jobs); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}
	if _, ok, _ := (jobqueue.Domain{}).Decode(0x7f, nil); ok {
		t.Error("a message of another kind was decoded")
	}
}

// cause is that of a job that a job of the wiki made.
func cause(wiki string) *jobqueue.Cause {
	parent := &jobqueue.Job{ID: ident.Suffix{9}, Pair: jobqueue.Pair{Wiki: wiki, Queue: "refreshLinks"}, Key: "k"}
	return parent.Child(ident.ID{Wiki: parent.Wiki, Suffix: parent.ID}.String())
}

func TestARecordWithEveryFieldIsReadWhole(t *testing.T) {
	at := time.UnixMilli(1700000000124).UTC()
	want := &jobqueue.Job{
		ID: ident.Suffix{1}, Pair: links(), State: jobqueue.Blocked, Band: jobqueue.Normal, Seq: 9, Enq: 8, Created: at, Payload: []byte("p"),
		SerialKey: "page 7", WaitsFor: []ident.Suffix{{5}, {6}}, ExpireAt: at, Cause: cause("aawiki"), Needs: jobqueue.Needs{Cores: 1.5, Memory: 1 << 31},
		Message: "half", ResultURL: "https://a.example/", Twins: &jobqueue.TwinRule{Mode: jobqueue.DedupDebounce, For: 5 * time.Second, First: at},
		NoRetry: true, AtMostOnce: true, Exclusive: true, Chained: true, Waited: true,
	}
	got, err := jobqueue.DecodeJob(links(), want.ID, jobqueue.EncodeJob(want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

func addSeeds(f *testing.F, family string) {
	f.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "values-v1.txt"))
	if err != nil {
		f.Fatal(err)
	}
	more, err := os.ReadFile(filepath.Join("testdata", "values-v2.txt"))
	if err != nil {
		f.Fatal(err)
	}
	text = append(text, more...)
	for line := range strings.Lines(string(text)) {
		if p := strings.Fields(line); p[0] == family && len(p) > 2 {
			b, err := hex.DecodeString(p[2])
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
}

// FuzzDecodeJob: what is read as a record can be pushed on: it is written and read again as the same.
func FuzzDecodeJob(f *testing.F) {
	addSeeds(f, "job")
	f.Fuzz(func(t *testing.T, value []byte) {
		j, err := jobqueue.DecodeJob(links(), ident.Suffix{1}, value)
		if err != nil {
			return
		}
		again, err := jobqueue.DecodeJob(links(), ident.Suffix{1}, jobqueue.EncodeJob(j))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(j, again); diff != "" {
			t.Fatalf("the record changes (-first +second):\n%s", diff)
		}
	})
}

// FuzzDecodePush: what is read as a message is written as the same jobs.
func FuzzDecodePush(f *testing.F) {
	addSeeds(f, "mail")
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := jobqueue.DecodePush(body)
		if err != nil {
			return
		}
		again, err := jobqueue.DecodePush(jobqueue.EncodePush(c.Jobs))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.Jobs, again.Jobs); diff != "" {
			t.Fatalf("the jobs change (-first +second):\n%s", diff)
		}
	})
}

// FuzzDecodeOthers: other values are read or refused, whatever they are, and so are their keys.
func FuzzDecodeOthers(f *testing.F) {
	for _, family := range []string{"pair", "ready", "due", "running", "root", "source", "request", "dead", "blocked", "twin", "chain", "link"} {
		addSeeds(f, family)
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, family := range []string{"pair", "ready", "due", "running", "root", "source", "request", "dead", "blocked", "twin", "chain", "link"} {
			if readValue(family, kv.Entry{Key: value, Value: value}) == nil && len(value) > 0 && bytes.Equal(value, []byte{0}) {
				t.Errorf("%s takes %x", family, value)
			}
		}
		for _, fam := range jobqueue.Families() {
			if fam.Describe(value) == "" {
				t.Errorf("family %s has no words for %x", fam.Name, value)
			}
		}
		if h, err := jobqueue.DecodeHistory(value); err == nil && len(h.Attempts) > jobqueue.MaxAttempts {
			t.Errorf("%d attempts", len(h.Attempts))
		}
	})
}
