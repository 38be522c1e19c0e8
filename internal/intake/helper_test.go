package intake_test

import (
	"bytes"
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"auwai/internal/event"
	"auwai/internal/eventlog"
	"auwai/internal/eventlog/eventlogtest"
	"auwai/internal/farm"
	"auwai/internal/ident"
	"auwai/internal/intake"
	"auwai/internal/jobqueue"
	"auwai/internal/kv"
	"auwai/internal/partition"
)

// fakeNode applies commands to real partitions over stores in memory.
type fakeNode struct {
	tb testing.TB

	mu     sync.Mutex
	parts  map[partition.ID]*eventlogtest.Harness // guarded by mu
	minter *ident.Minter                          // guarded by mu
	sent   int                                    // guarded by mu: commands
	// fail, where set, answers a command instead of the partition.
	fail func(wiki string, c partition.Command) error
	// silent partitions answer nothing; lanes is what was mailed to them. Guarded by mu.
	silent map[partition.ID]bool
	lanes  map[partition.ID][]partition.Letter
	// gate, where set, is received from before each command.
	gate chan struct{}
	now  time.Time
}

func newNode(tb testing.TB) *fakeNode {
	tb.Helper()
	return &fakeNode{
		tb: tb, parts: map[partition.ID]*eventlogtest.Harness{}, minter: ident.NewMinter(9),
		now: time.Date(2026, 11, 21, 23, 0, 0, 0, time.UTC),
	}
}

func (n *fakeNode) Submit(_ context.Context, p partition.ID, wiki string, c partition.Command) error {
	if n.gate != nil {
		<-n.gate
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sent++
	if n.silent[p] {
		return intake.ErrSilent
	}
	if n.fail != nil {
		if err := n.fail(wiki, c); err != nil {
			return err
		}
	}
	return n.part(p).Do(wiki, c)
}

func (n *fakeNode) Mail(_ context.Context, p partition.ID, letters []partition.Letter) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.lanes == nil {
		n.lanes = map[partition.ID][]partition.Letter{}
	}
	n.lanes[p] = append(n.lanes[p], letters...)
	return nil
}

// deliver has the owner of a partition back: it applies what was mailed.
func (n *fakeNode) deliver(p partition.ID) {
	n.tb.Helper()
	n.silent[p] = false
	for i, l := range n.lanes[p] {
		c, ok, err := intake.Domain{}.Decode(l.Kind, l.Body)
		if !ok || err != nil {
			n.tb.Fatalf("message of kind %#x: %t, %v", l.Kind, ok, err)
		}
		m := partition.Message{Sender: partition.SessionSender(9), Seq: uint64(i + 1), Kind: l.Kind, Body: l.Body}
		if err := n.part(p).Do("", &partition.MailCommand{Message: m, Inner: c}); err != nil {
			n.tb.Fatal(err)
		}
	}
	for _, e := range n.part(p).Effects {
		if refused, is := e.(partition.MailRefused); is {
			n.tb.Fatalf("a message was refused: %v", refused.Err)
		}
	}
}

// part returns a partition. n.mu is held, or nothing else runs.
func (n *fakeNode) part(p partition.ID) *eventlogtest.Harness {
	h, ok := n.parts[p]
	if !ok {
		h = eventlogtest.NewWith(n.tb, p, farm.Families(), eventlog.Domain{}, jobqueue.Domain{}, intake.Domain{})
		h.Clock.Wall = n.now
		n.parts[p] = h
	}
	return h
}

func (n *fakeNode) Mint() ident.Suffix {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.minter.Next(n.now)
}

func (n *fakeNode) Now() time.Time { return n.now }

// jobs returns the jobs that a wiki has.
func (n *fakeNode) jobs(wiki string) []*jobqueue.Job {
	n.tb.Helper()
	p := partition.Of(wiki)
	r := kv.Prefix(partition.WikiKey(p, wiki, jobqueue.FamJob))
	r.Limit = 1 << 30
	pages, err := n.part(p).Store.Scan(n.tb.Context(), r)
	if err != nil {
		n.tb.Fatal(err)
	}
	var out []*jobqueue.Job
	for _, e := range pages[0].Entries {
		j, err := jobqueue.DecodeJobEntry(wiki, e)
		if err != nil {
			n.tb.Fatal(err)
		}
		if j.Blob.Size > 0 {
			blocks, err := n.part(p).Store.Get(n.tb.Context(), jobqueue.BlobKeys(p, wiki, j.Blob)...)
			if err != nil {
				n.tb.Fatal(err)
			}
			j.Payload = bytes.Join(blocks, nil)
		}
		out = append(out, j)
	}
	return out
}

type logEntry struct {
	event.Envelope
	raw string
}

// log returns what is kept of a stream in the partition of a wiki.
func (n *fakeNode) log(wiki, stream string) (out []logEntry) {
	n.tb.Helper()
	p := partition.Of(wiki)
	r := eventlog.Reader{Source: n.part(p).Store, Partition: p, Stream: stream}
	for from := uint64(0); ; {
		records, next, err := r.Forward(n.tb.Context(), from, eventlog.Bound{})
		if err != nil {
			n.tb.Fatal(err)
		}
		if len(records) == 0 {
			return out
		}
		for _, rec := range records {
			e, raw, err := event.Open(rec.Data)
			if err != nil {
				n.tb.Fatal(err)
			}
			if e.Wiki == wiki {
				out = append(out, logEntry{e, string(raw)})
			}
		}
		from = next
	}
}

func settings() *intake.Settings {
	return &intake.Settings{
		Wikis:   map[string]struct{}{"aawiki": {}, "bbwiki": {}},
		Domains: map[string]string{"aawiki.localhost": "aawiki", "bbwiki.localhost": "bbwiki"},
		Purge:   true,
		Bands:   map[string]jobqueue.Band{"refreshLinks": jobqueue.Bulk},
	}
}

func newIntake(n *fakeNode) *intake.Intake {
	return intake.New(intake.Config{Node: n, Settings: settings}, nil)
}

func ticket(tb testing.TB, in *intake.Intake) *intake.Ticket {
	tb.Helper()
	t, err := in.Admit(1)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

func events(tb testing.TB, in *intake.Intake, body string) intake.EventsResult {
	tb.Helper()
	return in.Events(tb.Context(), ticket(tb, in), []byte(body), intake.Source{Client: "127.0.0.1", RequestID: "req"}, false)
}

func jobs(tb testing.TB, in *intake.Intake, body string) intake.JobsResult {
	tb.Helper()
	return in.Jobs(tb.Context(), ticket(tb, in), []byte(body), intake.Source{Client: "127.0.0.1", RequestID: "req"})
}

// recorded returns the bodies that real wikis sent, one a line.
func recorded(tb testing.TB) [][]byte {
	tb.Helper()
	data, err := os.ReadFile("../event/testdata/recorded.jsonl")
	if err != nil {
		tb.Fatal(err)
	}
	return bytes.Split(bytes.TrimSpace(data), []byte("\n"))
}
