package kvtest

import (
	"fmt"

	"auwai/internal/kv"
)

func getCases() []testCase {
	return []testCase{
		{name: "Get tells a missing key from an empty value", run: getMissingAndEmpty},
		{name: "Get answers in the order asked, repeats included", run: getInOrder},
		{name: "Get of no key answers nothing", run: getNothing},
		{name: "Get of thousands of keys answers each", run: getMany},
		{name: "Get of a key that no engine takes finds nothing", run: getImpossible},
		{name: "a caller may change what Get and Scan returned", run: resultsBelongToCaller},
	}
}

func getMissingAndEmpty(e *env) {
	e.commit(func(b *kv.Batch) {
		b.Set([]byte("empty"), []byte{})
		b.Set([]byte("nil"), nil)
		b.Set([]byte("full"), []byte("x"))
	})
	values, err := e.kv.Get(e.ctx, kv.Key("empty"), kv.Key("nil"), kv.Key("full"), kv.Key("missing"))
	if err != nil {
		e.Fatalf("Get: %v", err)
	}
	for i, name := range []string{"empty", "nil"} {
		if values[i] == nil || len(values[i]) != 0 {
			e.Errorf("Get(%s) = %#v, want an empty slice that is not nil", name, values[i])
		}
	}
	if string(values[2]) != "x" {
		e.Errorf("Get(full) = %q, want x", values[2])
	}
	if values[3] != nil {
		e.Errorf("Get(missing) = %#v, want nil", values[3])
	}
	for _, entry := range e.page(kv.Range{}).Entries {
		if entry.Value == nil {
			e.Errorf("Scan gave a nil value for %q", entry.Key)
		}
	}
}

func getInOrder(e *env) {
	e.set("a", "1", "b", "2", "c", "3")
	e.wantValues("c", "3", "a", "1", "x", missing, "b", "2", "a", "1", "a", "1", "x", missing)
}

func getNothing(e *env) {
	values, err := e.kv.Get(e.ctx)
	if err != nil || len(values) != 0 {
		e.Errorf("Get() = %v, %v, want nothing", values, err)
	}
	pages, err := e.kv.Scan(e.ctx)
	if err != nil || len(pages) != 0 {
		e.Errorf("Scan() = %v, %v, want nothing", pages, err)
	}
}

func getMany(e *env) {
	const n = 3_000
	e.fill("k", n)
	var pairs []string
	for i := range n {
		// A stride that is coprime to n, so that keys are asked in no order.
		j := i * 1_009 % n
		pairs = append(pairs, string(numbered("k", j)), fmt.Sprintf("value %d", j),
			string(numbered("none", j)), missing)
	}
	e.wantValues(pairs...)
}

func getImpossible(e *env) {
	e.set("a", "1")
	e.wantValues("", missing, string(make([]byte, kv.MaxKey+1)), missing, "a", "1")
}

func resultsBelongToCaller(e *env) {
	e.set("a", "one", "b", "two")
	values, err := e.kv.Get(e.ctx, kv.Key("a"))
	if err != nil {
		e.Fatalf("Get: %v", err)
	}
	clear(values[0])
	for _, entry := range e.page(kv.Range{}).Entries {
		clear(entry.Key)
		clear(entry.Value)
	}
	e.wantAll("a", "one", "b", "two")
}
