package farm_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"auwai/internal/eventlog/eventlogtest"
	"auwai/internal/farm"
	"auwai/internal/partition"
)

func open(t *testing.T) *eventlogtest.Harness {
	t.Helper()
	return eventlogtest.NewWith(t, farm.Partition, farm.Families())
}

func learn(t *testing.T, h *eventlogtest.Harness, pairs ...farm.Pair) []error {
	t.Helper()
	c := &farm.Learn{Pairs: pairs}
	if err := h.Do(partition.Farm, c); err != nil {
		t.Fatal(err)
	}
	return c.Errors
}

func wikis(t *testing.T, h *eventlogtest.Harness) []farm.Wiki {
	t.Helper()
	w, err := farm.Wikis(t.Context(), h.Store)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestLearnedWikisKeepTheDomainsThatTheyWereFirstToUse(t *testing.T) {
	h := open(t)
	learn(t, h, farm.Pair{"b", "b.org"}, farm.Pair{"a", ""}, farm.Pair{"b", "b.net"}, farm.Pair{"a", "b.org"}, farm.Pair{"a", "a.org"})
	learn(t, h, farm.Pair{"b", "b.org"})
	h.Reopen(farm.Partition)
	want := []farm.Wiki{{Name: "a", Domains: []string{"a.org"}}, {Name: "b", Domains: []string{"b.org", "b.net"}}}
	if diff := cmp.Diff(want, wikis(t, h), cmpopts.IgnoreFields(farm.Wiki{}, "Since")); diff != "" {
		t.Error(diff)
	}
}

func TestTheUnknownWikiBeyondTheTenThousandthIsRefused(t *testing.T) {
	h := open(t)
	for n := 0; n < farm.MaxWikis; n += farm.MaxPairs {
		var pairs []farm.Pair
		for i := range farm.MaxPairs {
			pairs = append(pairs, farm.Pair{Wiki: fmt.Sprintf("wiki%05d", n+i)})
		}
		for _, err := range learn(t, h, pairs...) {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	errs := learn(t, h, farm.Pair{Wiki: "wiki00000"}, farm.Pair{Wiki: "another"})
	if errs[0] != nil || !errors.Is(errs[1], farm.ErrTooManyWikis) {
		t.Fatalf("errors %v", errs)
	}
	if err := h.Do(partition.Farm, &farm.Forget{Wikis: []string{"wiki00007", "never seen"}}); err != nil {
		t.Fatal(err)
	}
	if errs := learn(t, h, farm.Pair{Wiki: "another"}); errs[0] != nil {
		t.Fatal(errs[0])
	}
	if got := len(wikis(t, h)); got != farm.MaxWikis {
		t.Fatalf("%d wikis", got)
	}
}

func TestForgettingLeavesNothing(t *testing.T) {
	h := open(t)
	learn(t, h, farm.Pair{"a", "a.org"}, farm.Pair{"b", "b.org"})
	if err := h.Do(partition.Farm, &farm.Forget{Wikis: []string{"a", "b"}}); err != nil {
		t.Fatal(err)
	}
	if got := h.Dump(); len(got) != 1 {
		t.Fatalf("left: %v", got)
	}
}
