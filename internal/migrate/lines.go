package migrate

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"auwai/api"
)

// The formats of lines. A number rises when a reader of the old one would misread the new one.
const (
	FormatTable = "mediawiki-job/1" // of the extension's exportJobs.php: a row of the job table
	FormatAuwai = "auwai-job/1"     // of auwai export jobs
)

// maxLine bounds a line: the service takes jobs of 10 MiB, and JSON in JSON grows.
const maxLine = 64 << 20

// tableLine is a line of exportJobs.php.
type tableLine struct {
	Wiki      string   `json:"wiki"`
	ID        mwText   `json:"job_id"`
	Kind      mwText   `json:"job_cmd"`
	Namespace mwNumber `json:"job_namespace"`
	Title     mwText   `json:"job_title"`
	Stamp     mwText   `json:"job_timestamp"`
	Params    mwText   `json:"job_params"`
	Attempts  mwNumber `json:"job_attempts"`
	Token     mwText   `json:"job_token"`
	Removes   *bool    `json:"removes_duplicates"` // null: the wiki could not make the job
	Ignored   []string `json:"ignored_params"`
}

// mwText is a string, a number, null, or bytes as the extension marks them.
type mwText string

// UnmarshalJSON reads it.
func (t *mwText) UnmarshalJSON(raw []byte) error {
	*t = ""
	switch {
	case string(raw) == "null":
		return nil
	case raw[0] == '{':
		var marked map[string]string
		if err := json.Unmarshal(raw, &marked); err != nil {
			return fmt.Errorf("%.60s is no text: %w", raw, err)
		}
		b, err := base64.StdEncoding.DecodeString(marked["auwai:base64"])
		if err != nil || len(marked) != 1 || len(b) == 0 {
			return fmt.Errorf("%.60s is no text", raw)
		}
		*t = mwText(b)
		return nil
	case raw[0] == '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return fmt.Errorf("%.60s is no text: %w", raw, err)
		}
		*t = mwText(s)
		return nil
	default:
		var n json.Number
		if err := json.Unmarshal(raw, &n); err != nil {
			return fmt.Errorf("%.60s is no text: %w", raw, err)
		}
		*t = mwText(n)
		return nil
	}
}

// mwNumber is an integer, or a string of its digits: databases differ.
type mwNumber int64

// UnmarshalJSON reads it.
func (n *mwNumber) UnmarshalJSON(raw []byte) error {
	var v int64
	if err := json.Unmarshal(bytes.Trim(raw, `"`), &v); err != nil {
		return fmt.Errorf("%.40s is no number", raw)
	}
	*n = mwNumber(v)
	return nil
}

// exportLine is a line of auwai export jobs.
type exportLine struct {
	Format    string     `json:"format"`
	ID        string     `json:"id"`
	Wiki      string     `json:"wiki"`
	Queue     string     `json:"queue"`
	State     string     `json:"state"`
	Priority  string     `json:"priority,omitempty"`
	Attempts  int        `json:"attempts,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
	RunAt     *time.Time `json:"run_at,omitempty"`
	Key       string     `json:"key,omitempty"`
	RequestID string     `json:"request_id,omitempty"`
	Root      *api.Root  `json:"root,omitempty"`
	LastError string     `json:"last_error,omitempty"`
	FromEvent bool       `json:"from_event,omitempty"`
	Domain    string     `json:"domain,omitempty"`
	// The payload is in one of two forms.
	Payload       string `json:"payload,omitempty"`        // its text, byte for byte
	PayloadBase64 []byte `json:"payload_base64,omitempty"` // when it is no UTF-8
}

// lines is a source of JSON lines. Each says which format it has.
type lines struct {
	in      *bufio.Reader
	options TableOptions
	share   func() float64
}

func (l *lines) Share() float64 { return l.share() }

func (l *lines) Items(ctx context.Context) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		scanner := bufio.NewScanner(l.in)
		scanner.Buffer(make([]byte, 0, bufferBytes), maxLine)
		for n := 1; scanner.Scan(); n++ {
			text := bytes.TrimSpace(scanner.Bytes())
			if len(text) == 0 {
				continue
			}
			item, err := l.item(text, line(n))
			switch {
			case err == nil && l.options.Wiki != "" && item.Job.Wiki != l.options.Wiki:
				continue // of another wiki
			case err == nil:
				err = ctx.Err()
			}
			if !yield(item, err) {
				return
			}
		}
		if err := scanner.Err(); errors.Is(err, bufio.ErrTooLong) {
			yield(Item{}, fmt.Errorf("a line has more than %d bytes", maxLine))
		} else if err != nil {
			yield(Item{}, fmt.Errorf("read the lines: %w", err))
		}
	}
}

func (l *lines) item(text []byte, where string) (Item, error) {
	var head struct {
		Format string `json:"format"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return Item{}, &BadError{where, "no JSON object: " + err.Error()}
	}
	switch head.Format {
	case FormatTable:
		return l.tableItem(text, where)
	case FormatAuwai:
		return exportItem(text, where)
	default:
		return Item{}, &BadError{where, fmt.Sprintf("the field format is %.60q; %s or %s is expected", head.Format, FormatTable, FormatAuwai)}
	}
}

func (l *lines) tableItem(text []byte, where string) (Item, error) {
	var t tableLine
	if err := json.Unmarshal(text, &t); err != nil {
		return Item{}, &BadError{where, err.Error()}
	}
	if t.Wiki == "" {
		return Item{}, &BadError{where, "the field wiki is empty; the name of a wiki is expected"}
	}
	r := row{
		wiki: t.Wiki, id: string(t.ID), kind: string(t.Kind), namespace: int64(t.Namespace), title: string(t.Title),
		stamp: string(t.Stamp), params: []byte(t.Params), attempts: int64(t.Attempts), token: string(t.Token),
	}
	if t.Removes != nil {
		r.twins = &twins{none: !*t.Removes, ignore: t.Ignored}
	}
	return r.item(&l.options, where)
}

// exportItem reads back what auwai export wrote.
func exportItem(text []byte, where string) (Item, error) {
	var e exportLine
	if err := json.Unmarshal(text, &e); err != nil {
		return Item{}, &BadError{where, err.Error()}
	}
	if e.ID == "" || e.Wiki == "" || e.Queue == "" {
		return Item{}, &BadError{where, "one of the fields id, wiki and queue is empty"}
	}
	where += ", job " + e.ID
	payload := e.PayloadBase64
	if e.Payload != "" {
		payload = []byte(e.Payload)
	}
	if !json.Valid(payload) {
		return Item{}, &BadError{where, "the payload is no JSON; the service takes no other"}
	}
	item := Item{Where: where, Error: e.LastError, Job: api.NewJob{
		ClientID: clientID(fromAuwai, e.Wiki, e.ID, normal(e.CreatedAt.Format(time.RFC3339)), payload),
		Queue:    e.Queue, Wiki: e.Wiki, Key: e.Key, RunAt: e.RunAt, Priority: e.Priority, Root: e.Root,
		RequestID: e.RequestID, FromEvent: e.FromEvent, Domain: e.Domain, Payload: payload,
	}}
	switch e.State {
	case api.StateReady, api.StateBlocked, api.StateAccepted:
		item.State = Waiting
	case api.StateDelayed:
		item.State = Delayed
	case api.StateRunning:
		item.State = Claimed
	case api.StateDead:
		item.State = Abandoned
	default:
		return Item{}, &BadError{where, fmt.Sprintf("the state is %.40q; a job that has ended is not imported", e.State)}
	}
	return item, nil
}

// writeLine writes one line.
func writeLine(w io.Writer, e *exportLine) error {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(e); err != nil {
		return fmt.Errorf("write job %s: %w", e.ID, err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write job %s: %w", e.ID, err)
	}
	return nil
}
