package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/api"
)

func TestATableIsAlignedAndLeavesEmptyColumnsOut(t *testing.T) {
	var b strings.Builder
	table(&b, []column{{"WIKI", false}, {"READY", true}, {"BLOCKED", true}, {"HELD", false}}, [][]string{
		{"aawiki", "5", "", "read-only"}, {"Zürich", "1234567", "", ""},
	})
	want := "WIKI      READY  HELD\n" +
		"aawiki        5  read-only\n" +
		"Zürich  1234567\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestAgesAreWrittenAsPeopleSayThem(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 59 * time.Second: "59s", time.Minute: "1m", 90 * time.Minute: "1h", 47 * time.Hour: "47h",
		72 * time.Hour: "3d", -time.Minute: "in 1m",
	} {
		if got := age(d); got != want {
			t.Errorf("age(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestAWrongOptionOfTheBenchmarkIsToldByItsFlag(t *testing.T) {
	var out, errs strings.Builder
	for want, args := range map[string][]string{
		"--jobs is 100000001, must be 1 to 100000000": {"--jobs", "100000001"},
		"--batch is 0; at least 1 is expected":        {"--batch", "0", "--wikis", "0"},
		"--sync is \"lazy\"; durable or relaxed":      {"--sync", "lazy"},
	} {
		errs.Reset()
		code := Run(t.Context(), append([]string{"bench", "queue"}, args...), strings.NewReader(""), &out, &errs, Service())
		if code != exitUsage || !strings.Contains(errs.String(), "auwai bench queue: "+want) {
			t.Errorf("%v: code %d: %s", args, code, errs.String())
		}
	}
}

func TestACellIsOneLine(t *testing.T) {
	for text, want := range map[string]string{"a\n b\t c": "a b c", strings.Repeat("ü", 12): strings.Repeat("ü", 9) + "…"} {
		if got := oneLine(text, 10); got != want {
			t.Errorf("oneLine(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestTheNoteOfAJobIsWhatIsMostWorthKnowing(t *testing.T) {
	for want, j := range map[string]api.Job{
		"merged into a.1":                          {DuplicateOf: "a.1", LastError: "no"},
		"superseded by its root of 20260102000000": {Superseded: "20260102000000"},
		"held: read-only":                          {Held: "read-only", LastError: "no"},
		"no":                                       {LastError: "no"},
	} {
		if got := note(&j); got != want {
			t.Errorf("note(%+v) = %q, want %q", j, got, want)
		}
	}
}

func TestEventsAreCutIntoRequestsWithoutTouchingTheirBytes(t *testing.T) {
	read := func(in string) (bodies []string, err error) {
		err = readEvents(strings.NewReader(in), func(body []byte, n int) error {
			bodies = append(bodies, fmt.Sprintf("%d %s", n, body))
			return nil
		})
		return bodies, err
	}
	got, err := read(" [ {\"a\" : 1} ,{\"b\":\"\\u00e9\"}]\n{\"c\":1e2}\n[]")
	if diff := cmp.Diff([]string{`3 [{"a" : 1},{"b":"\u00e9"},{"c":1e2}]`}, got); diff != "" || err != nil {
		t.Errorf("bodies (-want +got), %v:\n%s", err, diff)
	}
	if got, err = read(strings.Repeat("{}\n", 2_500)); err != nil || len(got) != 3 || !strings.HasPrefix(got[2], "500 ") {
		t.Errorf("2,500 events are %d requests, %v", len(got), err)
	}
	long := `{"x":"` + strings.Repeat("y", 3<<20) + `"}`
	if got, err = read(long + long); err != nil || len(got) != 2 {
		t.Errorf("two long events are %d requests, %v", len(got), err)
	}
	if got, err = read(`{}{"a":`); err == nil || len(got) != 1 {
		t.Errorf("a broken second event: %d requests, %v", len(got), err)
	}
	if _, err = read(" "); err == nil {
		t.Error("no events are no error")
	}
}

func FuzzEventsReadAreEventsSent(f *testing.F) {
	f.Add(`[{"a":1}] {"b":2}`)
	f.Add("[]")
	f.Add(`"x" 1 null [[1]]`)
	f.Fuzz(func(t *testing.T, in string) {
		events := 0
		err := readEvents(strings.NewReader(in), func(body []byte, n int) error {
			events += n
			again := 0
			if err := readEvents(strings.NewReader(string(body)), func(_ []byte, n int) error { again += n; return nil }); err != nil || again != n {
				t.Errorf("a request of %d events has %d: %v: %s", n, again, err, body)
			}
			return nil
		})
		if err == nil && events == 0 {
			t.Errorf("nothing was read of %q, and no error", in)
		}
	})
}
