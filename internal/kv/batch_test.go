package kv_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/kv"
	"auwai/internal/kv/kvtest"
)

func build(fill func(b *kv.Batch)) *kv.Batch {
	var b kv.Batch
	fill(&b)
	return &b
}

func TestCheckHoldsABatchToTheContract(t *testing.T) {
	longKey, key := make([]byte, kv.MaxKey+1), []byte("k")
	for _, c := range []struct {
		name string
		fill func(b *kv.Batch)
		want error
	}{
		{"an empty batch", func(*kv.Batch) {}, nil},
		{"a set, a delete and a range", func(b *kv.Batch) { b.Set(key, nil); b.Delete(key); b.DeleteRange(key, []byte("l")) }, nil},
		{"the longest key", func(b *kv.Batch) { b.Set(longKey[1:], nil) }, nil},
		{"a key too long", func(b *kv.Batch) { b.Set(longKey, nil) }, kv.ErrTooLarge},
		{"a key too long to delete", func(b *kv.Batch) { b.Delete(longKey) }, kv.ErrTooLarge},
		{"a range end too long", func(b *kv.Batch) { b.DeleteRange(key, append([]byte("l"), longKey...)) }, kv.ErrTooLarge},
		{"an empty key", func(b *kv.Batch) { b.Set(nil, nil) }, kv.ErrInvalid},
		{"an empty range", func(b *kv.Batch) { b.DeleteRange(key, key) }, kv.ErrInvalid},
		{"an endless range", func(b *kv.Batch) { b.DeleteRange(key, nil) }, kv.ErrInvalid},
		{"the longest value", func(b *kv.Batch) { b.Set(key, make([]byte, kv.MaxValue)) }, nil},
		{"a value too long", func(b *kv.Batch) { b.Set(key, make([]byte, kv.MaxValue+1)) }, kv.ErrTooLarge},
		{"a required key that is set", func(b *kv.Batch) { b.Require(key, nil); b.Set(key, nil) }, nil},
		{"a required key that is deleted", func(b *kv.Batch) { b.Delete(key); b.Require(key, []byte("v")) }, nil},
		{"a required key that is not written", func(b *kv.Batch) { b.Set([]byte("x"), nil); b.Require(key, nil) }, kv.ErrInvalid},
		{"a required key in a range only", func(b *kv.Batch) { b.DeleteRange(key, []byte("l")); b.Require(key, nil) }, kv.ErrInvalid},
		{"a key required twice", func(b *kv.Batch) { b.Set(key, nil); b.Require(key, nil); b.Require(key, nil) }, kv.ErrInvalid},
		{"a required value too long", func(b *kv.Batch) { b.Set(key, nil); b.Require(key, make([]byte, kv.MaxValue+1)) }, kv.ErrTooLarge},
	} {
		err := build(c.fill).Check()
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("Check of %s = %v, want %v", c.name, err, c.want)
		}
	}
}

func TestCheckCountsOperationsAndBytes(t *testing.T) {
	var b kv.Batch
	for i := range kv.MaxBatchOps {
		b.Delete(fmt.Append(nil, i))
	}
	if err := b.Check(); err != nil || b.Len() != kv.MaxBatchOps {
		t.Errorf("Check of %d operations = %v", b.Len(), err)
	}
	b.Delete([]byte("x"))
	if err := b.Check(); !errors.Is(err, kv.ErrTooLarge) {
		t.Errorf("Check of %d operations = %v, want ErrTooLarge", b.Len(), err)
	}
	b.Reset()
	for range 4 {
		b.Set([]byte("k"), make([]byte, kv.MaxBatchBytes/4-1))
	}
	if err := b.Check(); err != nil || b.Bytes() != kv.MaxBatchBytes {
		t.Errorf("Check of %d bytes = %v", b.Bytes(), err)
	}
	b.Delete([]byte("x"))
	if err := b.Check(); !errors.Is(err, kv.ErrTooLarge) {
		t.Errorf("Check of %d bytes = %v, want ErrTooLarge", b.Bytes(), err)
	}
}

func TestResetEmptiesABatch(t *testing.T) {
	b := build(func(b *kv.Batch) { b.Set([]byte("k"), []byte("v")); b.Require([]byte("k"), nil) })
	b.Reset()
	if b.Len() != 0 || b.Bytes() != 0 || len(b.Ops()) != 0 || len(b.Requires()) != 0 {
		t.Errorf("after Reset: %d operations, %d bytes, %d requires", b.Len(), b.Bytes(), len(b.Requires()))
	}
}

func TestPlanSortsAndTheLastWriteWins(t *testing.T) {
	plan := build(func(b *kv.Batch) {
		b.Set([]byte("c"), []byte("1"))
		b.DeleteRange([]byte("m"), []byte("n"))
		b.Delete([]byte("b"))
		b.Set([]byte("a"), []byte("2"))
		b.Set([]byte("c"), []byte("3"))
		b.Delete([]byte("a"))
		b.Set([]byte("b"), []byte("4"))
		b.DeleteRange([]byte("k"), []byte("l"))
		b.Delete([]byte("z"))
	}).Plan()
	show := func(ops []kv.Op) (all []string) {
		for _, op := range ops {
			all = append(all, fmt.Sprintf("%s %s", op.Key, op.Value))
		}
		return all
	}
	if diff := cmp.Diff([]string{"k l", "m n"}, show(plan.Ranges)); diff != "" {
		t.Errorf("ranges (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a ", "z "}, show(plan.Deletes)); diff != "" {
		t.Errorf("deletes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"b 4", "c 3"}, show(plan.Sets)); diff != "" {
		t.Errorf("sets (-want +got):\n%s", diff)
	}
}

// TestPlanDoesWhatTheBatchDoes carries random batches out both ways, on the model.
func TestPlanDoesWhatTheBatchDoes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // repeatable
	var direct, planned kvtest.Model
	for round := range 300 {
		var b kv.Batch
		for range rng.IntN(12) {
			key := []byte{"abcdef"[rng.IntN(6)]}
			switch rng.IntN(4) {
			case 0:
				b.Delete(key)
			case 1:
				b.DeleteRange(key, []byte{key[0] + "\x01\x02\x03"[rng.IntN(3)]})
			default:
				b.Set(key, fmt.Append(nil, round, rng.IntN(9)))
			}
		}
		plan := b.Plan()
		var again kv.Batch
		for _, op := range plan.Ranges {
			again.DeleteRange(op.Key, op.Value)
		}
		for _, op := range plan.Deletes {
			again.Delete(op.Key)
		}
		for _, op := range plan.Sets {
			again.Set(op.Key, op.Value)
		}
		if err := errors.Join(direct.Commit(t.Context(), &b), planned.Commit(t.Context(), &again)); err != nil {
			t.Fatal(err)
		}
		a, errA := direct.Scan(t.Context(), kv.Range{})
		c, errC := planned.Scan(t.Context(), kv.Range{})
		if diff := cmp.Diff(a, c); diff != "" || errA != nil || errC != nil {
			t.Fatalf("round %d: %q: %v %v\n%s", round, b.Ops(), errA, errC, diff)
		}
	}
}

func TestPrefixEndIsTheFirstKeyAfterThePrefix(t *testing.T) {
	for _, c := range []struct{ prefix, want string }{
		{"a", "b"}, {"a\xff", "b"}, {"a\xff\xff", "b"}, {"ab", "ac"}, {"\x00", "\x01"}, {"\xfe\xff", "\xff"},
	} {
		prefix := []byte(c.prefix)
		if got := kv.PrefixEnd(prefix); string(got) != c.want || string(prefix) != c.prefix {
			t.Errorf("PrefixEnd(%q) = %q, want %q", c.prefix, got, c.want)
		}
	}
	for _, prefix := range []string{"", "\xff", "\xff\xff"} {
		if got := kv.PrefixEnd([]byte(prefix)); got != nil {
			t.Errorf("PrefixEnd(%q) = %q, want nil", prefix, got)
		}
	}
}

// FuzzPrefixHoldsExactlyItsKeys: a key is in the range of a prefix when it begins with it.
func FuzzPrefixHoldsExactlyItsKeys(f *testing.F) {
	f.Add("a", "ab")
	f.Add("a\xff", "b")
	f.Add("\xff", "\xff\xff")
	f.Fuzz(func(t *testing.T, prefix, key string) {
		r := kv.Prefix([]byte(prefix))
		in := key >= string(r.From) && (r.To == nil || bytes.Compare([]byte(key), r.To) < 0)
		if in != strings.HasPrefix(key, prefix) {
			t.Errorf("prefix %q, key %q: in the range %v", prefix, key, in)
		}
	})
}
