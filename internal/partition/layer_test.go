package partition

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/kv"
	"auwai/internal/kv/memkv"
)

func k(i int) []byte { return fmt.Appendf(nil, "key%02d", i) }

func set(l *layer, i int, value string) {
	l.put(kv.Op{Kind: kv.KindSet, Key: k(i), Value: []byte(value)})
}

func del(l *layer, i int) { l.put(kv.Op{Kind: kv.KindDelete, Key: k(i)}) }

// look shows what a layer says of a key.
func look(l *layer, i int) string {
	v, known := l.get(k(i))
	switch {
	case !known:
		return "unknown"
	case v == nil:
		return "absent"
	default:
		return string(v)
	}
}

// sizeOf is the size of a layer as a scan finds it.
func sizeOf(l *layer) int {
	n := 0
	for _, op := range slices.Concat(l.ops, l.ranges) {
		n += len(op.Key) + len(op.Value)
	}
	return n
}

func TestTheLastWriteOfAKeyCounts(t *testing.T) {
	l := newLayer()
	set(l, 1, "a")
	set(l, 1, "bcd")
	del(l, 2)
	set(l, 3, "x")
	del(l, 3)
	set(l, 4, "")
	for i, want := range []string{"unknown", "bcd", "absent", "absent", ""} {
		if got := look(l, i); got != want {
			t.Errorf("key %d is %q, want %q", i, got, want)
		}
	}
	if len(l.ops) != 4 {
		t.Errorf("four keys took %d operations", len(l.ops))
	}
	if l.size != sizeOf(l) {
		t.Errorf("size = %d, want %d", l.size, sizeOf(l))
	}
}

func TestARangeDeleteHidesWhatWasWrittenBeforeItAndNotWhatComesAfter(t *testing.T) {
	l := newLayer()
	set(l, 1, "before")
	set(l, 5, "outside")
	l.deleteRange(k(0), k(5))
	set(l, 2, "after")
	for i, want := range map[int]string{0: "absent", 1: "absent", 2: "after", 4: "absent", 5: "outside", 6: "unknown"} {
		if got := look(l, i); got != want {
			t.Errorf("key %d is %q, want %q", i, got, want)
		}
	}
}

func TestARollbackRestoresWhatEarlierCommandsWrote(t *testing.T) {
	l := newLayer()
	set(l, 1, "one")
	del(l, 2)
	set(l, 3, "three")
	l.deleteRange(k(8), k(9))
	size, ops := l.size, len(l.ops)
	l.mark()
	set(l, 1, "another")
	set(l, 1, "and another")
	set(l, 2, "back")
	set(l, 4, "first written here")
	set(l, 4, "twice")
	del(l, 5)
	l.deleteRange(k(0), k(7))
	set(l, 3, "after the range")
	if got := l.written(); got < 6 {
		t.Errorf("written() = %d, want all operations since the mark", got)
	}
	l.rollback()
	for i, want := range map[int]string{1: "one", 2: "absent", 3: "three", 4: "unknown", 5: "unknown", 8: "absent"} {
		if got := look(l, i); got != want {
			t.Errorf("key %d is %q, want %q", i, got, want)
		}
	}
	if l.size != size || len(l.ops) != ops || len(l.ranges) != 1 {
		t.Errorf("size %d, %d operations, %d ranges; want %d, %d, 1", l.size, len(l.ops), len(l.ranges), size, ops)
	}
	set(l, 4, "again") // a key that was first written by the command that is undone
	if got := look(l, 4); got != "again" {
		t.Errorf("key 4 is %q after it is written again", got)
	}
}

func TestARollbackOfNothingIsNothing(t *testing.T) {
	l := newLayer()
	l.mark()
	l.rollback()
	l.rollback()
	if !l.empty() || l.size != 0 {
		t.Fatalf("an empty layer has size %d", l.size)
	}
}

// TestALayerIsWhatItsCommandsWroteOneAfterTheOther compares random commands, of which some are undone,
// with the same writes on a store.
func TestALayerIsWhatItsCommandsWroteOneAfterTheOther(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 3)) //nolint:gosec // repeatable
		before := memkv.NewServer()
		var b kv.Batch
		for i := range 20 {
			b.Set(k(i), []byte("old"))
		}
		apply(t, before, &b)
		model := map[string]string{}
		for i := range 20 {
			model[string(k(i))] = "old"
		}
		l := newLayer()
		for range 12 {
			l.mark()
			next := maps.Clone(model)
			for range rnd.IntN(6) {
				write(l, next, rnd)
			}
			if rnd.IntN(3) == 0 {
				l.rollback()
			} else {
				model = next
			}
			if l.size != sizeOf(l) {
				t.Fatalf("seed %d: size = %d, want %d", seed, l.size, sizeOf(l))
			}
		}
		b.Reset()
		l.fill(&b)
		apply(t, before, &b)
		got := map[string]string{}
		for _, e := range before.Scan(kv.Range{})[0].Entries {
			got[string(e.Key)] = string(e.Value)
		}
		if diff := cmp.Diff(model, got); diff != "" {
			t.Fatalf("seed %d: the store differs (-model +store):\n%s", seed, diff)
		}
		for i := range 25 {
			v, known := l.get(k(i))
			if want, ok := model[string(k(i))]; known && (ok != (v != nil) || string(v) != want) {
				t.Fatalf("seed %d: the layer says %q of key %d, want %q", seed, v, i, want)
			}
		}
	}
}

func write(l *layer, model map[string]string, rnd *rand.Rand) {
	i := rnd.IntN(25)
	switch rnd.IntN(5) {
	case 0:
		from, to := k(i), k(i+1+rnd.IntN(6))
		l.deleteRange(from, to)
		for key := range model {
			if key >= string(from) && key < string(to) {
				delete(model, key)
			}
		}
	case 1, 2:
		del(l, i)
		delete(model, string(k(i)))
	default:
		v := fmt.Sprint(rnd.IntN(1000))
		set(l, i, v)
		model[string(k(i))] = v
	}
}

func apply(t *testing.T, s *memkv.Server, b *kv.Batch) {
	t.Helper()
	if err := s.Apply(b); err != nil {
		t.Fatal(err)
	}
}
