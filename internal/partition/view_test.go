package partition

import (
	"fmt"
	"testing"

	"auwai/internal/kv"
)

const familyTest FamilyID = 0x70

func testKey(p ID, i int) kv.Key { return fmt.Appendf(WikiKey(p, "aawiki", familyTest), "%05d", i) }

func newView(t *testing.T) *View {
	t.Helper()
	r, err := NewRegistry(Family{ID: familyTest, Name: "test", PerWiki: true}, Family{ID: familyTest + 1, Name: "kept", Resident: true})
	if err != nil {
		t.Fatal(err)
	}
	return NewView(r)
}

// commit seals what is being built and makes it durable.
func commit(v *View) {
	var b kv.Batch
	v.Seal(&b)
	v.Durable()
}

func (v *View) testSet(key kv.Key, value string) {
	v.building.put(kv.Op{Kind: kv.KindSet, Key: key, Value: []byte(value)})
}

func wantValue(t *testing.T, v *View, key kv.Key, want string) {
	t.Helper()
	got, ok := v.lookup(key)
	switch {
	case want == "miss" && ok:
		t.Errorf("lookup(%x) = %q, want a miss", key, got)
	case want == "absent" && (!ok || got != nil):
		t.Errorf("lookup(%x) = %q, %t, want that it is absent", key, got, ok)
	case want != "miss" && want != "absent" && (!ok || string(got) != want):
		t.Errorf("lookup(%x) = %q, %t, want %q", key, got, ok, want)
	}
}

func TestACommitThatOvertakesAReadIsBelieved(t *testing.T) {
	writes := map[string]func(v *View, key kv.Key){
		"set":    func(v *View, key kv.Key) { v.testSet(key, "new") },
		"absent": func(v *View, key kv.Key) { v.building.put(kv.Op{Kind: kv.KindDelete, Key: key}) },
		"range": func(v *View, key kv.Key) {
			v.building.deleteRange(testKey(1, 0), testKey(1, 9))
		},
	}
	for name, write := range writes {
		v := newView(t)
		key, other := testKey(1, 3), testKey(1, 33)
		v.want(key)
		v.want(other)
		keys := v.Wanted()
		write(v, key)
		commit(v)
		v.Learn(keys, [][]byte{[]byte("old"), []byte("kept")})
		want := map[string]string{"set": "new", "absent": "absent", "range": "absent"}[name]
		wantValue(t, v, key, want)
		wantValue(t, v, other, "kept")
	}
}

func TestACommitThatIsStillInFlightHidesAnOlderAnswer(t *testing.T) {
	v := newView(t)
	key := testKey(1, 3)
	v.want(key)
	keys := v.Wanted()
	v.testSet(key, "new")
	var b kv.Batch
	v.Seal(&b)
	v.Learn(keys, [][]byte{[]byte("old")})
	wantValue(t, v, key, "new")
	v.Durable()
	wantValue(t, v, key, "new")
}

func TestOneReadIsUnderWayAtMostAndAsksForEachKeyOnce(t *testing.T) {
	v := newView(t)
	v.want(testKey(1, 1))
	v.want(testKey(1, 1))
	v.want(testKey(1, 2))
	first := v.Wanted()
	if len(first) != 2 {
		t.Fatalf("%d keys are read, want 2", len(first))
	}
	v.want(testKey(1, 2)) // is being read
	v.want(testKey(1, 3))
	if keys := v.Wanted(); keys != nil {
		t.Fatalf("a second read of %d keys begins beside the first", len(keys))
	}
	v.Learn(first, [][]byte{nil, []byte("two")})
	if keys := v.Wanted(); len(keys) != 1 {
		t.Fatalf("%d keys are read next, want 1", len(keys))
	}
	wantValue(t, v, testKey(1, 1), "absent")
	wantValue(t, v, testKey(1, 2), "two")
}

func TestKnownValuesFollowCommitsInBothGenerations(t *testing.T) {
	v := newView(t)
	key, gone, ranged := testKey(1, 1), testKey(1, 2), testKey(1, 3)
	learn(v, key, gone, ranged)
	turnOver(v)
	wantValue(t, v, key, "read") // in the older generation
	v.testSet(key, "written")
	v.building.put(kv.Op{Kind: kv.KindDelete, Key: gone})
	v.building.deleteRange(ranged, testKey(1, 4))
	commit(v)
	wantValue(t, v, key, "written")
	wantValue(t, v, gone, "absent")
	wantValue(t, v, ranged, "absent")
	turnOver(v)
	wantValue(t, v, key, "miss") // read from the engine again
}

func learn(v *View, keys ...kv.Key) {
	values := make([][]byte, len(keys))
	for i, key := range keys {
		v.want(key)
		values[i] = []byte("read")
	}
	v.Learn(v.Wanted(), values)
}

// turnOver fills a generation of known values.
func turnOver(v *View) {
	for i := range maxKnown {
		v.want(testKey(2, i))
	}
	v.Learn(v.Wanted(), make([][]byte, maxKnown))
	v.testSet(testKey(3, 0), "x")
	commit(v)
}

func TestKnownValuesAreBoundedByTheirBytesToo(t *testing.T) {
	v := newView(t)
	large := make([]byte, 1<<20)
	for i := range 40 {
		v.want(testKey(1, i))
		v.Learn(v.Wanted(), [][]byte{large})
		v.testSet(testKey(3, 0), "x")
		commit(v)
	}
	if n := len(v.known) + len(v.older); n > 2*(maxKnownBytes>>20)+2 {
		t.Fatalf("%d values of a MiB are known, want at most two generations of %d MiB", n, maxKnownBytes>>20)
	}
}

func TestResidentFamiliesFollowCommits(t *testing.T) {
	v := newView(t)
	res := func(p ID, i int) kv.Key { return fmt.Appendf(Key(p, familyTest+1), "%02d", i) }
	wantValue(t, v, res(1, 1), "miss")
	v.OpenResident(1)
	v.LearnResident(1, kv.Entry{Key: res(1, 1), Value: []byte("one")})
	wantValue(t, v, res(1, 1), "one")
	wantValue(t, v, res(1, 2), "absent")
	wantValue(t, v, res(2, 1), "miss")
	v.testSet(res(1, 2), "two")
	v.testSet(res(1, 3), "three")
	if got := len(v.Resident(1, Key(1, familyTest+1))); got != 1 {
		t.Errorf("%d entries are durable before the commit, want 1", got)
	}
	commit(v)
	v.building.put(kv.Op{Kind: kv.KindDelete, Key: res(1, 1)})
	v.building.deleteRange(res(1, 3), res(1, 9))
	v.testSet(res(1, 5), "five")
	commit(v)
	entries := v.Resident(1, Key(1, familyTest+1))
	if len(entries) != 2 || string(entries[0].Value) != "two" || string(entries[1].Value) != "five" {
		t.Errorf("resident entries are %v, want two and five", entries)
	}
	v.Forget(1)
	wantValue(t, v, res(1, 2), "miss")
}

func TestNothingIsKnownOfAPartitionThatWasForgotten(t *testing.T) {
	v := newView(t)
	mine, other, reading := testKey(1, 1), testKey(4, 1), testKey(1, 2)
	learn(v, mine, other)
	turnOver(v)
	learn(v, testKey(1, 5))
	v.want(reading)
	keys := v.Wanted()
	v.Forget(1)
	v.Learn(keys, [][]byte{[]byte("of before")})
	wantValue(t, v, mine, "miss")
	wantValue(t, v, testKey(1, 5), "miss")
	wantValue(t, v, reading, "miss")
	wantValue(t, v, other, "read")
}

func TestAfterADropNothingIsKnown(t *testing.T) {
	v := newView(t)
	learn(v, testKey(1, 1))
	v.testSet(testKey(1, 2), "in flight")
	var b kv.Batch
	v.Seal(&b)
	v.testSet(testKey(1, 3), "built")
	v.Drop()
	for i := range 4 {
		wantValue(t, v, testKey(1, i), "miss")
	}
	if v.Pending() || v.InFlight() {
		t.Fatal("a group survived the drop")
	}
}

func TestAGroupIsBuiltWhileAnotherIsInFlight(t *testing.T) {
	v := newView(t)
	learn(v, testKey(1, 1), testKey(1, 2))
	v.testSet(testKey(1, 1), "first")
	v.testSet(testKey(1, 2), "first")
	var b kv.Batch
	v.Seal(&b)
	if b.Len() != 2 || v.Pending() || !v.InFlight() {
		t.Fatalf("sealed were %d writes", b.Len())
	}
	v.testSet(testKey(1, 2), "second")
	wantValue(t, v, testKey(1, 1), "first")
	wantValue(t, v, testKey(1, 2), "second")
	v.Durable()
	wantValue(t, v, testKey(1, 2), "second")
	b.Reset()
	v.Seal(&b)
	v.Durable()
	wantValue(t, v, testKey(1, 1), "first")
	wantValue(t, v, testKey(1, 2), "second")
}
