package kvtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"auwai/internal/kv"
)

// History is a list of operations that is the same for the same seed. Most operations hit few keys,
// so that they meet each other.
type History struct {
	Seed  uint64
	steps []historyStep
}

type stepKind uint8

const (
	stepCommit stepKind = iota
	stepGet
	stepScan
	stepSnapshot // opens a snapshot in place of the one before
	stepSnapshotScan
	stepSnapshotGet
)

type historyStep struct {
	kind   stepKind
	batch  *kv.Batch
	keys   []kv.Key
	ranges []kv.Range
}

// Trace is what an engine answered to each step of a history, and the store at its end.
type Trace []string

// NewHistory returns n operations made from seed.
func NewHistory(seed uint64, n int) History {
	h := History{Seed: seed}
	rng := rand.New(rand.NewPCG(seed, 0xa0a1)) //nolint:gosec // repeatable, not secret
	for range n {
		h.steps = append(h.steps, newStep(rng))
	}
	return h
}

func newStep(rng *rand.Rand) historyStep {
	switch p := rng.IntN(100); {
	case p < 55:
		return historyStep{kind: stepCommit, batch: newBatch(rng)}
	case p < 70:
		return historyStep{kind: stepGet, keys: newKeys(rng)}
	case p < 88:
		return historyStep{kind: stepScan, ranges: newRanges(rng)}
	case p < 91:
		return historyStep{kind: stepSnapshot}
	case p < 96:
		return historyStep{kind: stepSnapshotScan, ranges: newRanges(rng)}
	default:
		return historyStep{kind: stepSnapshotGet, keys: newKeys(rng)}
	}
}

// newKey makes short keys of few, mostly unpleasant bytes.
func newKey(rng *rand.Rand) kv.Key {
	const alphabet = "\x00\x01 'aAb\xc3\xff"
	key := make(kv.Key, 1+rng.IntN(3))
	for i := range key {
		key[i] = alphabet[rng.IntN(len(alphabet))]
	}
	return key
}

func newValue(rng *rand.Rand) []byte {
	switch rng.IntN(6) {
	case 0:
		return []byte{}
	case 1:
		return []byte(strings.Repeat("long ", 1+rng.IntN(200)))
	default:
		return fmt.Append(nil, rng.IntN(3))
	}
}

func newBatch(rng *rand.Rand) *kv.Batch {
	var b kv.Batch
	for range 1 + rng.IntN(8) {
		key := newKey(rng)
		switch p := rng.IntN(100); {
		case p < 60:
			b.Set(key, newValue(rng))
		case p < 85:
			b.Delete(key)
		default:
			b.DeleteRange(key, append(newKey(rng), newKey(rng)...)) // upside down: ErrInvalid
		}
	}
	if rng.IntN(3) == 0 {
		key := newKey(rng)
		var value []byte
		if rng.IntN(3) == 0 {
			value = newValue(rng)
		}
		b.Require(key, value)
		if rng.IntN(20) > 0 { // else ErrInvalid, unless the key is written above
			b.Set(key, newValue(rng))
		}
	}
	return &b
}

func newKeys(rng *rand.Rand) []kv.Key {
	keys := make([]kv.Key, rng.IntN(6))
	for i := range keys {
		keys[i] = newKey(rng)
	}
	return keys
}

func newRanges(rng *rand.Rand) []kv.Range {
	ranges := make([]kv.Range, 1+rng.IntN(3))
	for i := range ranges {
		r := kv.Range{Reverse: rng.IntN(2) == 0, KeysOnly: rng.IntN(4) == 0}
		if rng.IntN(4) > 0 {
			r.From = newKey(rng)
		}
		if rng.IntN(4) > 0 {
			r.To = newKey(rng)
		}
		if rng.IntN(2) == 0 {
			r.Limit = 1 + rng.IntN(10)
		}
		if rng.IntN(4) == 0 {
			r.MaxBytes = 1 + rng.IntN(500)
		}
		ranges[i] = r
	}
	return ranges
}

// Replay runs the history against an empty engine, one operation after the other. Expected refusals
// are part of the trace; any other error ends it.
func Replay(ctx context.Context, engine kv.Engine, h History) (trace Trace, err error) {
	var snap kv.Snapshot
	defer func() {
		if snap != nil {
			err = errors.Join(err, snap.Close())
		}
	}()
	for i := range h.steps {
		s := &h.steps[i]
		if s.kind == stepSnapshot {
			if snap != nil {
				if err := snap.Close(); err != nil {
					return trace, fmt.Errorf("step %d: close the snapshot: %w", i, err)
				}
			}
			if snap, err = engine.Snapshot(ctx); err != nil {
				return trace, fmt.Errorf("step %d: snapshot: %w", i, err)
			}
			continue
		}
		answer, err := s.run(ctx, engine, snap)
		if err != nil {
			return trace, fmt.Errorf("seed %d, step %d: %w", h.Seed, i, err)
		}
		trace = append(trace, fmt.Sprintf("step %d: %s", i, answer))
	}
	pages, err := engine.Scan(ctx, kv.Range{Limit: kv.MaxBatchOps})
	if err != nil {
		return trace, fmt.Errorf("seed %d, end: %w", h.Seed, err)
	}
	return append(trace, "end: "+showPages(pages)), nil
}

func (s *historyStep) run(ctx context.Context, engine kv.Engine, snap kv.Snapshot) (string, error) {
	reader := interface {
		Get(context.Context, ...kv.Key) ([][]byte, error)
		Scan(context.Context, ...kv.Range) ([]kv.Page, error)
	}(engine)
	if snap != nil && (s.kind == stepSnapshotGet || s.kind == stepSnapshotScan) {
		reader = snap
	}
	switch s.kind {
	case stepCommit:
		return showCommit(s.batch, engine.Commit(ctx, s.batch))
	case stepGet, stepSnapshotGet:
		values, err := reader.Get(ctx, s.keys...)
		var out strings.Builder
		for i, v := range values {
			fmt.Fprintf(&out, " %q=%#v", s.keys[i], v)
		}
		return "get" + out.String(), err
	case stepScan, stepSnapshotScan:
		pages, err := reader.Scan(ctx, s.ranges...)
		return "scan " + showPages(pages), err
	case stepSnapshot: // done by Replay
	}
	return "", nil
}

// showCommit turns the expected outcomes into words and leaves other errors errors.
func showCommit(b *kv.Batch, err error) (string, error) {
	what := fmt.Sprintf("commit of %q requiring %q", b.Ops(), b.Requires())
	switch {
	case err == nil:
		return what + ": applied", nil
	case errors.Is(err, kv.ErrConflict):
		return what + ": conflict", nil
	case errors.Is(err, kv.ErrInvalid):
		return what + ": invalid", nil
	default:
		return what, err
	}
}

func showPages(pages []kv.Page) string {
	var out strings.Builder
	for _, p := range pages {
		for _, entry := range p.Entries {
			value := fmt.Sprintf("%q", entry.Value)
			if entry.Value == nil {
				value = missing
			}
			fmt.Fprintf(&out, "%q=%s ", entry.Key, value)
		}
		fmt.Fprintf(&out, "more=%v; ", p.More)
	}
	return out.String()
}

// FirstDifference says in words where two traces part, or returns "" when they are equal.
func FirstDifference(a, b Trace) string {
	for i := range max(len(a), len(b)) {
		switch {
		case i >= len(a) || i >= len(b):
			return fmt.Sprintf("one trace has %d answers, the other %d", len(a), len(b))
		case a[i] != b[i]:
			return fmt.Sprintf("first:  %s\nsecond: %s", a[i], b[i])
		}
	}
	return ""
}

func historyCases() []testCase {
	var cases []testCase
	for seed := range uint64(5) {
		cases = append(cases, testCase{
			name: fmt.Sprintf("random history %d gives what the model gives", seed),
			run:  func(e *env) { compareWithModel(e, NewHistory(seed, 400)) },
		})
	}
	return cases
}

func compareWithModel(e *env, h History) {
	want, err := Replay(e.ctx, &Model{}, h)
	if err != nil {
		e.Fatalf("the model: %v", err)
	}
	got, err := Replay(e.ctx, e.kv, h)
	if err != nil {
		e.Fatalf("the engine: %v", err)
	}
	if diff := FirstDifference(want, got); diff != "" {
		e.Errorf("seed %d: the model (first) and the engine (second) differ:\n%s", h.Seed, diff)
	}
}
