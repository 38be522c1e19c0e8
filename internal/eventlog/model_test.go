package eventlog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/eventlog"
	"auwai/internal/eventlog/eventlogtest"
	"auwai/internal/ident"
	"auwai/internal/kv"
	"auwai/internal/partition"
)

const part = partition.ID(3)

func mem(h *eventlogtest.Harness) *eventlog.Mem {
	return h.Mem(partition.SlotEvents).(*eventlog.Mem)
}

// fold folds all that is due and returns how many blocks were made.
func fold(t testing.TB, h *eventlogtest.Harness, tag eventlog.Tagger) (n int) {
	t.Helper()
	for {
		due := mem(h).Foldable(h.Clock)
		if len(due) == 0 {
			return n
		}
		for _, f := range due {
			c, err := f.Build(scan(t, h, f.Range), tag)
			if err != nil {
				t.Fatal(err)
			}
			if c == nil {
				mem(h).Unplan(f.Stream)
				continue
			}
			if err := h.Do("", c); err != nil {
				t.Fatal(err)
			}
			n++
		}
	}
}

func expire(t testing.TB, h *eventlogtest.Harness, policy eventlog.Policy) (n int) {
	t.Helper()
	for {
		due := mem(h).Expirable(h.Clock, func(string) eventlog.Policy { return policy })
		if len(due) == 0 {
			return n
		}
		for _, x := range due {
			c, err := x.Build(scan(t, h, x.Range))
			if err != nil || c == nil {
				t.Fatalf("command %v, error %v", c, err)
			}
			if err := h.Do("", c); err != nil {
				t.Fatal(err)
			}
			n += len(c.Blocks)
		}
	}
}

func scan(t testing.TB, h *eventlogtest.Harness, r kv.Range) []kv.Entry {
	t.Helper()
	pages, err := h.Store.Scan(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return pages[0].Entries
}

func readAll(t testing.TB, src eventlog.Source, stream string, from uint64, b eventlog.Bound) (out []string) {
	t.Helper()
	r := eventlog.Reader{Source: src, Partition: part, Stream: stream}
	for {
		records, next, err := r.Forward(t.Context(), from, b)
		if err != nil {
			t.Fatal(err)
		}
		if len(records) == 0 {
			return out
		}
		for _, rec := range records {
			out = append(out, text(rec))
		}
		if next <= from {
			t.Fatalf("no progress at %d", from)
		}
		from = next
	}
}

func readBack(t testing.TB, src eventlog.Source, stream string, b eventlog.Bound) (out []string) {
	t.Helper()
	r := eventlog.Reader{Source: src, Partition: part, Stream: stream}
	for before := uint64(0); ; {
		records, next, err := r.Backward(t.Context(), before, b)
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range records {
			out = append(out, text(rec))
		}
		if next == 0 {
			slices.Reverse(out)
			return out
		}
		before = next
	}
}

func text(r eventlog.Record) string {
	return fmt.Sprintf("%d %s %d %.20s", r.Pos, r.At.Format(time.RFC3339Nano), len(r.Data), r.Data)
}

func TestStreamsAreReadAsTheyWereWrittenWhateverIsFolded(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { checkModel(t, rand.New(rand.NewPCG(seed, 1))) }) //nolint:gosec // a run is repeated by its seed
	}
}

func checkModel(t *testing.T, rnd *rand.Rand) {
	h := eventlogtest.New(t, part, eventlog.Domain{})
	model := map[string][]string{}
	streams := []string{"alpha", "beta", "beta.more"}
	for step := range 120 {
		h.Advance(time.Duration(rnd.IntN(4000)) * time.Millisecond)
		switch rnd.IntN(12) {
		case 0:
			fold(t, h, nil)
		case 1:
			h.Reopen(part)
		case 2:
			if err := h.Do("w", failing(streams)); err == nil {
				t.Fatal("the failing command succeeded")
			}
		default:
			appendSome(t, h, rnd, streams, model)
		}
		if step%10 != 0 {
			continue
		}
		stream := streams[rnd.IntN(len(streams))]
		b := eventlog.Bound{Records: 1 + rnd.IntN(40), Bytes: 1 + rnd.IntN(1<<20)}
		if diff := cmp.Diff(model[stream], readAll(t, h.Store, stream, 0, b)); diff != "" {
			t.Fatalf("step %d, forwards: %s", step, diff)
		}
		if diff := cmp.Diff(model[stream], readBack(t, h.Store, stream, b)); diff != "" {
			t.Fatalf("step %d, backwards: %s", step, diff)
		}
	}
	fold(t, h, nil) // starts the waiting of what is new
	h.Advance(time.Hour)
	fold(t, h, nil)
	h.Advance(time.Hour)
	expire(t, h, eventlog.Policy{Age: time.Minute})
	if got := h.Dump(); len(got) != 2 {
		t.Fatalf("left after retention:\n%s", strings.Join(got, "\n"))
	}
	appendSome(t, h, rnd, streams, model)
}

func failing(streams []string) partition.Command {
	return eventlogtest.Func(func(tx *partition.Tx) error {
		for _, s := range streams {
			eventlog.Append(tx, s, tx.Now(), bytes.Repeat([]byte("x"), 200<<10))
		}
		return errors.New("refused")
	})
}

func appendSome(t *testing.T, h *eventlogtest.Harness, rnd *rand.Rand, streams []string, model map[string][]string) {
	t.Helper()
	var commands []partition.Command
	type put struct {
		stream string
		rec    eventlog.Record
	}
	var puts []*put
	for range 1 + rnd.IntN(4) {
		p := &put{stream: streams[rnd.IntN(len(streams))]}
		size := rnd.IntN(300)
		if rnd.IntN(10) == 0 {
			size = rnd.IntN(150 << 10)
		}
		p.rec.Data = bytes.Repeat([]byte{byte('a' + rnd.IntN(26))}, size) //nolint:gosec // a letter
		puts = append(puts, p)
		commands = append(commands, eventlogtest.Func(func(tx *partition.Tx) error {
			p.rec.At = tx.Now()
			p.rec.Pos = eventlog.Append(tx, p.stream, tx.Now(), p.rec.Data)
			return nil
		}))
		if rnd.IntN(5) == 0 {
			commands = append(commands, failing(streams))
		}
	}
	_ = h.Do("w", commands...) // the failing ones fail
	for _, p := range puts {
		model[p.stream] = append(model[p.stream], text(p.rec))
	}
}

// racing folds and expires between any two reads.
type racing struct {
	t    *testing.T
	h    *eventlogtest.Harness
	turn int
}

func (r *racing) step() {
	r.turn++
	r.h.Advance(11 * time.Second)
	fold(r.t, r.h, nil)
	if err := r.h.Do("w", appendOne("s", fmt.Appendf(nil, "new %d", r.turn), nil)); err != nil {
		r.t.Fatal(err)
	}
	r.h.Advance(time.Second)
}

func (r *racing) Get(ctx context.Context, keys ...kv.Key) ([][]byte, error) {
	r.step()
	return r.h.Store.Get(ctx, keys...)
}

func (r *racing) Scan(ctx context.Context, ranges ...kv.Range) ([]kv.Page, error) {
	r.step()
	return r.h.Store.Scan(ctx, ranges...)
}

func TestAReaderMissesNothingWhenTailsAreFoldedBetweenItsReads(t *testing.T) {
	h := eventlogtest.New(t, part, eventlog.Domain{})
	for n := range 50 {
		if err := h.Do("w", appendOne("s", fmt.Appendf(nil, "old %d", n), nil)); err != nil {
			t.Fatal(err)
		}
	}
	r := eventlog.Reader{Source: &racing{t: t, h: h}, Partition: part, Stream: "s"}
	var last uint64
	for range 40 {
		records, next, err := r.Forward(t.Context(), last+1, eventlog.Bound{Records: 7})
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range records {
			if rec.Pos != last+1 {
				t.Fatalf("position %d follows %d", rec.Pos, last)
			}
			last = rec.Pos
		}
		if next != last+1 {
			t.Fatalf("next %d after %d", next, last)
		}
	}
	if last < 50 {
		t.Fatalf("read up to %d only", last)
	}
	for before := uint64(0); ; {
		records, next, err := r.Backward(t.Context(), before, eventlog.Bound{Records: 9})
		if err != nil {
			t.Fatal(err)
		}
		for n, rec := range records {
			if n > 0 && rec.Pos != records[n-1].Pos-1 || n == 0 && before != 0 && rec.Pos != before-1 {
				t.Fatalf("position %d in a page before %d", rec.Pos, before)
			}
		}
		if next == 0 {
			if last := records[len(records)-1].Pos; last != 1 {
				t.Fatalf("backwards ended at %d", last)
			}
			return
		}
		before = next
	}
}

func TestAStaleFoldOrExpiryChangesNothing(t *testing.T) {
	h := eventlogtest.New(t, part, eventlog.Domain{})
	if err := h.Do("w", appendOne("s", []byte("1"), nil)); err != nil {
		t.Fatal(err)
	}
	h.Reopen(part) // what an earlier owner left is due at once
	due := mem(h).Foldable(h.Clock)
	if len(due) != 1 {
		t.Fatalf("due: %v", due)
	}
	c, err := due[0].Build(scan(t, h, due[0].Range), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Do("", c); err != nil {
		t.Fatal(err)
	}
	if err := h.Do("", c); !errors.Is(err, eventlog.ErrStale) {
		t.Fatalf("second fold: %v", err)
	}
	h.Advance(time.Hour)
	x := mem(h).Expirable(h.Clock, func(string) eventlog.Policy { return eventlog.Policy{Age: time.Minute} })
	gone, err := x[0].Build(scan(t, h, x[0].Range))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Do("", gone); err != nil {
		t.Fatal(err)
	}
	// The stream begins anew: its tails must not be taken for the old ones.
	if err := h.Do("w", appendOne("s", []byte("2"), nil)); err != nil {
		t.Fatal(err)
	}
	for _, old := range []partition.Command{c, gone} {
		if err := h.Do("", old); !errors.Is(err, eventlog.ErrStale) {
			t.Fatalf("%T: %v", old, err)
		}
	}
	if got := readAll(t, h.Store, "s", 0, eventlog.Bound{}); len(got) != 1 {
		t.Fatalf("read %v", got)
	}
}

func TestAnIncompletePageOfTailsIsNotFolded(t *testing.T) {
	h := eventlogtest.New(t, part, eventlog.Domain{})
	for range 3 {
		if err := h.Do("w", appendOne("s", []byte("x"), nil)); err != nil {
			t.Fatal(err)
		}
	}
	h.Reopen(part)
	f := mem(h).Foldable(h.Clock)[0]
	page := scan(t, h, f.Range)
	if _, err := f.Build([]kv.Entry{page[0], page[2]}, nil); !errors.Is(err, eventlog.ErrStale) {
		t.Fatalf("a page with a gap: %v", err)
	}
	late, err := f.Build(page[1:], nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Do("", late); !errors.Is(err, eventlog.ErrStale) {
		t.Fatalf("a page without its beginning: %v", err)
	}
}

func TestFoldingWaitsForBytesOrTime(t *testing.T) {
	h := eventlogtest.New(t, part, eventlog.Domain{})
	if err := h.Do("w", appendOne("s", make([]byte, 1000), nil)); err != nil {
		t.Fatal(err)
	}
	if n := fold(t, h, nil); n != 0 {
		t.Fatalf("%d folds at once", n)
	}
	h.Clock.Wall = h.Clock.Wall.Add(24 * time.Hour) // a jump is not time
	if n := fold(t, h, nil); n != 0 {
		t.Fatalf("%d folds after a jump of the clock", n)
	}
	h.Advance(10 * time.Second)
	if n := fold(t, h, nil); n != 1 {
		t.Fatalf("%d folds after 10 s", n)
	}
	for range 2 {
		if err := h.Do("w", appendOne("s", make([]byte, 40<<10), nil)); err != nil {
			t.Fatal(err)
		}
	}
	if n := fold(t, h, nil); n != 1 {
		t.Fatalf("%d folds after 80 KiB", n)
	}
}

func TestRetentionBySizeDropsTheOldestBlocks(t *testing.T) {
	h := eventlogtest.New(t, part, eventlog.Domain{})
	rnd := rand.NewChaCha8([32]byte{1})
	for range 100 {
		data := make([]byte, 10<<10)
		_, _ = rnd.Read(data)
		if err := h.Do("w", appendOne("s", data, nil)); err != nil {
			t.Fatal(err)
		}
		fold(t, h, nil)
	}
	h.Advance(11 * time.Second)
	fold(t, h, nil)
	expire(t, h, eventlog.Policy{Age: time.Hour, Bytes: 300 << 10})
	kept := mem(h).Kept()[0]
	if kept.Bytes > 300<<10 || kept.Bytes < 200<<10 {
		t.Fatalf("kept %v", kept)
	}
	records := readAll(t, h.Store, "s", 0, eventlog.Bound{})
	if last := records[len(records)-1]; !strings.HasPrefix(last, "100 ") {
		t.Fatalf("the newest record is %s", last)
	}
	h.Reopen(part)
	if diff := cmp.Diff(kept, mem(h).Kept()[0]); diff != "" {
		t.Fatal(diff)
	}
}

func TestAJumpOfTheClockExpiresNothing(t *testing.T) {
	h := eventlogtest.New(t, part, eventlog.Domain{})
	if err := h.Do("w", appendOne("s", []byte("x"), nil)); err != nil {
		t.Fatal(err)
	}
	fold(t, h, nil)
	h.Advance(time.Minute)
	fold(t, h, nil)
	right := h.Clock
	week := eventlog.Policy{Age: 7 * 24 * time.Hour}
	for range 30 {
		h.Advance(time.Minute)
		right.Wall, right.Mono = right.Wall.Add(time.Minute), h.Clock.Mono
		h.Clock.Wall = right.Wall.AddDate(70, 0, 0)
		if n := expire(t, h, week); n != 0 {
			t.Fatal("expired after a jump of the clock")
		}
	}
	h.Clock = right
	for range 8 * 24 {
		h.Advance(time.Hour)
		expire(t, h, week)
	}
	if kept := mem(h).Kept(); len(kept) != 0 {
		t.Fatalf("kept after its time: %v", kept)
	}
}

func TestLargeRecordsAreStoredAheadAndReadWhole(t *testing.T) {
	h := eventlogtest.New(t, part, eventlog.Domain{})
	data := bytes.Repeat([]byte("0123456789abcdef"), 3<<20/16)
	data = append(data, "tail"...)
	minter := ident.NewMinter(7)
	ref := eventlog.NewRef(minter.Next(h.Clock.Wall), len(data))
	for _, piece := range eventlog.Pieces(ref, data) {
		if err := h.Do("w", piece); err != nil {
			t.Fatal(err)
		}
	}
	appendRef := eventlogtest.Func(func(tx *partition.Tx) error {
		_, err := eventlog.AppendRef(tx, "s", tx.Now(), []byte("prefix:"), ref)
		return err
	})
	if err := h.Do("w", appendRef); err != nil {
		t.Fatal(err)
	}
	if err := h.Do("w", appendRef); !errors.Is(err, eventlog.ErrPiecesGone) {
		t.Fatalf("a second append of the same pieces: %v", err)
	}
	check := func() {
		t.Helper()
		r := eventlog.Reader{Source: h.Store, Partition: part, Stream: "s"}
		records, _, err := r.Forward(t.Context(), 0, eventlog.Bound{})
		if err != nil || len(records) != 1 || !bytes.Equal(records[0].Data, append([]byte("prefix:"), data...)) {
			t.Fatalf("%d records, error %v", len(records), err)
		}
	}
	check()
	h.Advance(time.Minute)
	fold(t, h, nil)
	h.Advance(time.Minute)
	fold(t, h, nil)
	check()
	h.Advance(time.Hour)
	expire(t, h, eventlog.Policy{Age: time.Minute})
	if got := h.Dump(); len(got) != 2 {
		t.Fatalf("left after retention:\n%s", strings.Join(got, "\n"))
	}
}

func TestPiecesWithoutAnAppendAreSwept(t *testing.T) {
	h := eventlogtest.New(t, part, eventlog.Domain{})
	data := make([]byte, 600<<10)
	ref := eventlog.NewRef(ident.NewMinter(7).Next(h.Clock.Wall), len(data))
	for _, piece := range eventlog.Pieces(ref, data) {
		if err := h.Do("w", piece); err != nil {
			t.Fatal(err)
		}
	}
	if c := eventlog.SweepablePieces(scan(t, h, eventlog.PiecesRange(part)), h.Clock.Wall); c != nil {
		t.Fatal("young pieces are due")
	}
	h.Advance(24 * time.Hour)
	c := eventlog.SweepablePieces(scan(t, h, eventlog.PiecesRange(part)), h.Clock.Wall)
	if err := h.Do("", c); err != nil {
		t.Fatal(err)
	}
	if got := h.Dump(); len(got) != 1 {
		t.Fatalf("left:\n%s", strings.Join(got, "\n"))
	}
}

func TestAnEventIDIsKnownForADay(t *testing.T) {
	h := eventlogtest.New(t, part, eventlog.Domain{})
	once := func(wiki, id string, hash byte) (v eventlog.Verdict) {
		t.Helper()
		err := h.Do(wiki, eventlogtest.Func(func(tx *partition.Tx) error {
			v = eventlog.Once(tx, wiki, id, [8]byte{hash})
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	long := strings.Repeat("w", 250)
	got := []eventlog.Verdict{
		once("a", "1", 1), once("a", "1", 1), once("a", "1", 2), once("a", "1", 2),
		once("b", "1", 1), once(long, "1", 1), once(long, "1", 1),
	}
	want := []eventlog.Verdict{
		eventlog.First, eventlog.Repeated, eventlog.Changed, eventlog.Repeated,
		eventlog.First, eventlog.First, eventlog.Repeated,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	if c := eventlog.SweepableSeen(scan(t, h, eventlog.SeenRange(part, h.Clock.Wall.Add(23*time.Hour)))); c != nil {
		t.Fatal("ids are forgotten within a day")
	}
	h.Advance(25 * time.Hour)
	c := eventlog.SweepableSeen(scan(t, h, eventlog.SeenRange(part, h.Clock.Wall)))
	if err := h.Do("", c); err != nil {
		t.Fatal(err)
	}
	if got := h.Dump(); len(got) != 1 {
		t.Fatalf("left:\n%s", strings.Join(got, "\n"))
	}
	if v := once("a", "1", 1); v != eventlog.First {
		t.Fatalf("after a day: %v", v)
	}
}

func TestARecordIsFoundByItsTag(t *testing.T) {
	tag := func(data []byte) (eventlog.Tag, bool, []eventlog.Tag) {
		var id eventlog.Tag
		copy(id[:], data)
		return id, len(data) > 0, []eventlog.Tag{{data[0]}}
	}
	h := eventlogtest.New(t, part, eventlog.Domain{})
	r := eventlog.Reader{Source: h.Store, Partition: part, Stream: "s"}
	for n := range 60 {
		if err := h.Do("w", appendOne("s", fmt.Appendf(nil, "job-%02d", n), nil)); err != nil {
			t.Fatal(err)
		}
		if n%9 == 0 {
			h.Advance(11 * time.Second)
			fold(t, h, tag)
			h.Advance(11 * time.Second)
			fold(t, h, tag)
		}
		for want := range n + 1 {
			var id eventlog.Tag
			copy(id[:], fmt.Sprintf("job-%02d", want))
			rec, ok, err := r.Find(t.Context(), id, tag)
			if err != nil || !ok || rec.Pos != uint64(want+1) {
				t.Fatalf("job %d of %d: %v %v %v", want, n, rec, ok, err)
			}
		}
	}
	if _, ok, err := r.Find(t.Context(), eventlog.Tag{1}, tag); ok || err != nil {
		t.Fatalf("found what is not there: %v", err)
	}
}
