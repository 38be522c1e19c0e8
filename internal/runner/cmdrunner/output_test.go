package cmdrunner

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// reports returns what an output reports when a text is written in pieces of n bytes.
func reports(text []byte, n int) (all []Report, kept string) {
	o := &output{onReport: func(r Report) { all = append(all, r) }}
	w := o.stdout()
	for len(text) > 0 {
		piece := text[:min(n, len(text))]
		_, _ = w.Write(piece)
		text = text[len(piece):]
	}
	o.endLine()
	return all, o.text()
}

func TestALineThatIsTooLongIsNoReport(t *testing.T) {
	long := `{"message":"` + strings.Repeat("x", maxLine) + `"}`
	got, _ := reports([]byte(long+"\n"+`{"message":"y"}`), 1000)
	if len(got) != 1 || got[0].Message != "y" {
		t.Errorf("reports = %+v", got)
	}
}

// However a text is cut into writes, the same reports come and the same end is kept; and what is
// reported is within its bounds.
func FuzzOutputDoesNotDependOnHowItIsWritten(f *testing.F) {
	f.Add([]byte("{\"progress\":1}\n{}\ntext\n{\"message\":\"a\"}"), 3)
	f.Add([]byte("\n\n{\"progress\":-4,\"retry_after\":1e300}\r\n{\"progress\":null"), 1)
	f.Add([]byte("{\"error\":\"\xff\"}\n"), 7)
	f.Fuzz(func(t *testing.T, text []byte, n int) {
		whole, end := reports(text, max(len(text), 1))
		pieces, same := reports(text, 1+int(uint(n)%64))
		if diff := cmp.Diff(whole, pieces); diff != "" {
			t.Error(diff)
		}
		if end != same {
			t.Errorf("kept %q and %q", end, same)
		}
		for _, r := range whole {
			if p := r.Progress; p != nil && (*p < 0 || *p > 100) {
				t.Errorf("progress %v", *p)
			}
			if d := r.retryAfter(); d < 0 || d.Seconds() > maxRetryAfter || len(r.Message) > maxMessage || len(r.ResultURL) > maxURL {
				t.Errorf("%+v is out of its bounds", r)
			}
			if _, err := json.Marshal(r); err != nil {
				t.Error(err)
			}
		}
	})
}
