package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// producerTimeout is what the EventBus extension waits for an answer before it takes an event as
// delivered; whoever answers later has lost it.
const producerTimeout = 5 * time.Second

// Admin speaks auwai's HTTP interface as any outside program would. Safe for concurrent use.
type Admin struct {
	base   string
	client *http.Client
}

// NewAdmin returns a client of the service at the base URL. Every request opens a connection of its
// own, as MediaWiki's do.
func NewAdmin(base string) *Admin {
	transport := &http.Transport{DisableKeepAlives: true}
	return &Admin{base: base, client: &http.Client{Transport: transport}}
}

// URL returns the base URL.
func (a *Admin) URL() string { return a.base }

// Address returns host and port.
func (a *Admin) Address() string { return strings.TrimPrefix(a.base, "http://") }

// Queue is one row of GET /v1/queues.
type Queue struct {
	Queue   string `json:"queue"`
	Wiki    string `json:"wiki"`
	Ready   int    `json:"ready"`
	Delayed int    `json:"delayed"`
	Blocked int    `json:"blocked"`
	Running int    `json:"running"`
	Dead    int    `json:"dead"`
	Held    string `json:"held"` // the reason in words
}

// Job is one row of GET /v1/jobs.
type Job struct {
	ClientID    string    `json:"client_id"`
	ID          string    `json:"id"`
	Queue       string    `json:"queue"`
	Wiki        string    `json:"wiki"`
	State       string    `json:"state"`
	Attempts    int       `json:"attempts"`
	CreatedAt   time.Time `json:"created_at"`
	RunAt       time.Time `json:"run_at"`
	RequestID   string    `json:"request_id"`
	LastError   string    `json:"last_error"`
	DuplicateOf string    `json:"duplicate_of"`
}

// Pushed is one place of the answer of POST /v1/jobs.
type Pushed struct {
	ID          string          `json:"id"`
	DuplicateOf string          `json:"duplicate_of"`
	Error       json.RawMessage `json:"error"`
}

// Answer is a status and a body.
type Answer struct {
	Status int
	Body   []byte
}

// Ready reports whether /readyz says 200.
func (a *Admin) Ready(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	answer, err := a.do(ctx, http.MethodGet, "/readyz", nil)
	return err == nil && answer.Status == http.StatusOK
}

// PostEvents sends the body to POST /v1/events, with the time-out of the EventBus extension. An
// error is a failure of transport: the producer would believe that the events were delivered.
func (a *Admin) PostEvents(ctx context.Context, body []byte) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, producerTimeout)
	defer cancel()
	return a.do(ctx, http.MethodPost, "/v1/events", body)
}

// PostJobs sends jobs to POST /v1/jobs.
func (a *Admin) PostJobs(ctx context.Context, body []byte) (Answer, []Pushed, error) {
	ctx, cancel := context.WithTimeout(ctx, producerTimeout)
	defer cancel()
	answer, err := a.do(ctx, http.MethodPost, "/v1/jobs", body)
	if err != nil || answer.Status != http.StatusCreated && answer.Status != http.StatusMultiStatus {
		return answer, nil, err
	}
	var pushed []Pushed
	if err := json.Unmarshal(answer.Body, &pushed); err != nil {
		return answer, nil, fmt.Errorf("answer of POST /v1/jobs: %w: %s", err, firstWords(string(answer.Body)))
	}
	return answer, pushed, nil
}

// Queues returns all rows of GET /v1/queues.
func (a *Admin) Queues(ctx context.Context) ([]Queue, error) {
	return list[Queue](ctx, a, "/v1/queues", "queues", url.Values{})
}

// Jobs returns all rows of GET /v1/jobs that match the filter.
func (a *Admin) Jobs(ctx context.Context, filter url.Values) ([]Job, error) {
	return list[Job](ctx, a, "/v1/jobs", "jobs", filter)
}

// Job returns one job.
func (a *Admin) Job(ctx context.Context, id string) (Job, error) {
	var job Job
	err := a.get(ctx, "/v1/jobs/"+url.PathEscape(id), &job)
	return job, err
}

// Metrics returns the text of /metrics.
func (a *Admin) Metrics(ctx context.Context) (string, error) {
	answer, err := a.do(ctx, http.MethodGet, "/metrics", nil)
	if err == nil && answer.Status != http.StatusOK {
		err = fmt.Errorf("/metrics: status %d", answer.Status)
	}
	return string(answer.Body), err
}

// list follows the cursor of a paged list to its end.
func list[T any](ctx context.Context, a *Admin, path, field string, filter url.Values) ([]T, error) {
	var all []T
	values := url.Values{}
	maps.Copy(values, filter)
	values.Set("limit", "1000")
	for {
		var page map[string]json.RawMessage
		if err := a.get(ctx, path+"?"+values.Encode(), &page); err != nil {
			return nil, err
		}
		var rows []T
		if err := json.Unmarshal(page[field], &rows); err != nil {
			return nil, fmt.Errorf("%s: field %q: %w", path, field, err)
		}
		all = append(all, rows...)
		var cursor string
		if raw, ok := page["cursor"]; ok {
			if err := json.Unmarshal(raw, &cursor); err != nil {
				return nil, fmt.Errorf("%s: cursor: %w", path, err)
			}
		}
		if cursor == "" {
			return all, nil
		}
		values.Set("cursor", cursor)
	}
}

func (a *Admin) get(ctx context.Context, path string, into any) error {
	answer, err := a.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	if answer.Status != http.StatusOK {
		return fmt.Errorf("GET %s: status %d: %s", path, answer.Status, firstWords(string(answer.Body)))
	}
	if err := json.Unmarshal(answer.Body, into); err != nil {
		return fmt.Errorf("GET %s: %w: %s", path, err, firstWords(string(answer.Body)))
	}
	return nil
}

// maxAnswerBytes bounds what is read of one answer.
const maxAnswerBytes = 64 << 20

func (a *Admin) do(ctx context.Context, method, path string, body []byte) (Answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, a.base+path, bytes.NewReader(body))
	if err != nil {
		return Answer{}, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := a.client.Do(request)
	if err != nil {
		return Answer{}, err // it names method and URL
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	if err != nil {
		return Answer{}, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return Answer{Status: response.StatusCode, Body: text}, nil
}

// AwaitIdle waits until no job is ready, delayed, blocked or running; report, if not nil, is called
// with the rows of every look.
func (a *Admin) AwaitIdle(ctx context.Context, limit time.Duration, report func([]Queue)) error {
	return UntilIn(ctx, limit, "all queues to be empty", func(ctx context.Context) (bool, string, error) {
		rows, err := a.Queues(ctx)
		if err != nil {
			return false, err.Error(), nil //nolint:nilerr // the service may be restarting: look again
		}
		if report != nil {
			report(rows)
		}
		var waiting []string
		for _, row := range rows {
			if row.Ready+row.Delayed+row.Blocked+row.Running > 0 {
				waiting = append(waiting, fmt.Sprintf("%s of %s: %d ready, %d delayed, %d running %s",
					row.Queue, row.Wiki, row.Ready, row.Delayed, row.Running, row.Held))
			}
		}
		return len(waiting) == 0, strings.Join(waiting, "; "), nil
	})
}
