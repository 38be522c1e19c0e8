package cmdrunner

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"auwai/internal/runner"
)

// job is what a command reads from stdin.
type job struct {
	ID        string          `json:"id"`
	Queue     string          `json:"queue"`
	Wiki      string          `json:"wiki"`
	Attempt   int             `json:"attempt"`
	Fence     uint64          `json:"fence"`
	RequestID string          `json:"request_id"`
	Cause     string          `json:"cause,omitempty"`
	FromEvent bool            `json:"from_event"`
	Domain    string          `json:"domain,omitempty"`
	Payload   json.RawMessage `json:"payload,omitempty"`
	Base64    []byte          `json:"payload_base64,omitempty"`
}

// input returns the line that describes a job.
func input(w *runner.Work, item *runner.Item) []byte {
	j := job{
		ID: item.ID, Queue: w.Queue, Wiki: w.Wiki, Attempt: item.Attempt, Fence: w.Fence,
		RequestID: item.RequestID, Cause: item.CauseText(), FromEvent: item.FromEvent, Domain: item.Domain,
	}
	if json.Valid(item.Payload) {
		j.Payload = item.Payload
	} else {
		j.Base64 = item.Payload
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(j); err != nil { // text, numbers and JSON that was checked
		panic(fmt.Sprintf("cmdrunner: a job cannot be written: %v", err))
	}
	return b.Bytes()
}

// environment returns the variables that name a job.
func environment(w *runner.Work, item *runner.Item) []string {
	var env []string
	for _, v := range [][2]string{
		{"AUWAI_JOB", item.ID},
		{"AUWAI_QUEUE", w.Queue},
		{"AUWAI_WIKI", w.Wiki},
		{"AUWAI_ATTEMPT", strconv.Itoa(item.Attempt)},
		{"AUWAI_FENCE", strconv.FormatUint(w.Fence, 10)},
		{"AUWAI_REQUEST_ID", item.RequestID},
		{"AUWAI_CAUSE", item.CauseText()},
	} {
		// A NUL would end the value, and the system refuses it: it is left out as a whole.
		if v[1] != "" && !bytes.ContainsRune([]byte(v[1]), 0) {
			env = append(env, v[0]+"="+v[1])
		}
	}
	return env
}

// Report is what a command says of its job: a line of stdout that is a JSON object. Lines that are
// none are output and nothing else; keys that are not known are passed over.
type Report struct {
	Progress  *float64 `json:"progress"` // percent that is done, 0 to 100
	Message   string   `json:"message"`  // at most 1 KiB of it is kept
	ResultURL string   `json:"result_url"`
	// With an exit other than 0:
	Error     string  `json:"error"`
	Class     string  `json:"class"`       // for retry_on and ignore
	Permanent bool    `json:"permanent"`   // it is of no use to try again
	RetrySecs float64 `json:"retry_after"` // seconds before the next attempt
}

// maxRetryAfter is the longest wait that a command can ask for, in seconds: a week.
const maxRetryAfter = 7 * 24 * 3600

func (r Report) retryAfter() time.Duration {
	return time.Duration(min(max(r.RetrySecs, 0), maxRetryAfter) * float64(time.Second))
}

// readReport reads a line of stdout. ok is false when it is no report.
func readReport(line []byte) (r Report, ok bool) {
	line = bytes.TrimSpace(line)
	if len(line) == 0 || line[0] != '{' || json.Unmarshal(line, &r) != nil {
		return Report{}, false
	}
	if r.Progress != nil {
		*r.Progress = min(max(*r.Progress, 0), 100)
	}
	r.Message, r.ResultURL = runner.Cut(r.Message, maxMessage), runner.Cut(r.ResultURL, maxURL)
	r.Error, r.Class = runner.Cut(r.Error, maxMessage), runner.Cut(r.Class, maxMessage)
	return r, true
}
