package jobqueue_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/ident"
	"auwai/internal/jobqueue"
)

func TestACauseComesBackAsItWentOut(t *testing.T) {
	j := &jobqueue.Job{ID: ident.Suffix{1}, Pair: jobqueue.Pair{Wiki: "a;b.wiki", Queue: "refreshLinks"}, Key: "k"}
	for depth := 1; depth <= jobqueue.MaxChain+2; depth++ {
		c := j.Child(ident.ID{Wiki: j.Wiki, Suffix: j.ID}.String())
		if c.Depth != depth || len(c.Chain) != min(depth, jobqueue.MaxChain) {
			t.Fatalf("the cause at depth %d is %+v", depth, c)
		}
		got, err := jobqueue.ParseCause("cause", c.String())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c, got); diff != "" {
			t.Fatalf("cause (-sent +read):\n%s", diff)
		}
		j = &jobqueue.Job{ID: ident.Suffix{byte(depth)}, Pair: j.Pair, Key: "k", Cause: c}
	}
}

func TestATextThatIsNoCauseIsRefusedByItsField(t *testing.T) {
	id := ident.ID{Wiki: "aawiki", Suffix: ident.Suffix{1}}.String()
	for _, text := range []string{
		"x", "v2;" + id + ";1;", "v1;" + id + ";1", "v1;nobody;1;", "v1;" + id + ";0;", "v1;" + id + ";01;", "v1;" + id + ";1;12",
		"v1;" + id + ";1;" + strings.Repeat("0", 16*(jobqueue.MaxChain+1)), "v1;" + id + ";1;ABCDEF0123456789",
	} {
		if _, err := jobqueue.ParseCause("cause", text); err == nil || !strings.HasPrefix(err.Error(), "cause: ") {
			t.Errorf("ParseCause(%q) says %v", text, err)
		}
	}
}

// FuzzParseCause: what is read is written as it came.
func FuzzParseCause(f *testing.F) {
	f.Add(cause("aawiki").String())
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := jobqueue.ParseCause("cause", text); err == nil && c.String() != text {
			t.Errorf("%q was read and written as %q", text, c.String())
		}
	})
}
