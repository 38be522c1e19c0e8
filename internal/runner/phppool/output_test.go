package phppool

import (
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// written is an output into which the pieces were written.
func written(t testing.TB, pieces ...string) *output {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	o := newOutput(r)
	for _, piece := range pieces {
		if _, err := w.WriteString(piece); err != nil {
			t.Fatal(err)
		}
		o.begun() // reads it
	}
	return o
}

func TestWhatIsWrittenBelongsToTheJobOfTheLastMark(t *testing.T) {
	o := written(t, "before\x1e0\nfirst\x1e", "1", "2\nsec", "ond\x1ex\x1e\n\x1e34", "567890\n")
	want := map[int]string{noJob: "before", 0: "first", 12: "second\x1ex\x1e\n\x1e34567890\n", 3: ""}
	for job, text := range want {
		if got := o.take(job); got != text {
			t.Errorf("job %d wrote %q, want %q", job, got, text)
		}
	}
	if o.begun() != 12 {
		t.Errorf("begun: %d", o.begun())
	}
	if o.begin(); o.begun() != noJob {
		t.Error("a new request has begun a job")
	}
}

func TestTheEndOfALongOutputIsKept(t *testing.T) {
	o := written(t, "\x1e0\n", strings.Repeat("x", 60_000), "the\xff end")
	text := o.take(0)
	if len(text) > MaxOutput+2 || !strings.HasSuffix(text, "xthe\uFFFD end") {
		t.Errorf("%d bytes, ending in %q", len(text), text[len(text)-20:])
	}
	if quoted := quoteEnd(text); len(quoted) > maxQuoted+40 || !strings.HasSuffix(quoted, "end") || quoteEnd(" \n") != "" {
		t.Errorf("quoted: %q", quoted)
	}
}

// FuzzOutput: however the bytes are cut into pieces, the same jobs have written the same.
func FuzzOutput(f *testing.F) {
	f.Add("a\x1e1\nb\x1e2\n", 3)
	f.Add("\x1e12345678\n\x1e\n", 1)
	f.Fuzz(func(t *testing.T, text string, at int) {
		if len(text) > 4096 {
			return
		}
		at = max(0, min(at, len(text)))
		whole, cut := written(t, text), written(t, text[:at], text[at:])
		if whole.begun() != cut.begun() {
			t.Fatalf("begun %d and %d", whole.begun(), cut.begun())
		}
		got := map[int]string{}
		for _, job := range whole.written() {
			got[job] = whole.take(job)
			if !utf8.ValidString(got[job]) {
				t.Fatalf("%q", got[job])
			}
		}
		want := map[int]string{}
		for _, job := range cut.written() {
			want[job] = cut.take(job)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}
