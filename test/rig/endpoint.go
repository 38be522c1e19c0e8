package rig

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"sync"
	"time"
)

// endpointPath is where the EventBus extension runs jobs, beneath the script path.
const endpointPath = ScriptPath + "/rest.php/eventbus/v0/internal/job/execute"

// maxEventBytes bounds one event.
const maxEventBytes = 16 << 20

// Delivery is one request that the endpoint got.
type Delivery struct {
	Host   string
	Body   []byte
	Event  JobEvent
	Status int // what was answered; 0 while it is not
}

// Endpoint answers like the job endpoint of the EventBus extension, for several wikis told apart by
// the Host header, and records what it was sent. A job "runs" in the function given to OnJob. Safe
// for concurrent use.
type Endpoint struct {
	server  *http.Server
	address string
	secrets map[string]string // by host
	stopped chan struct{}

	mu         sync.Mutex
	readOnly   bool
	onJob      func(context.Context, Delivery) (status int, body string)
	deliveries []Delivery
	changed    chan struct{} // closed and replaced at every delivery
}

// NewEndpoint starts an endpoint on loopback for wikis of these hosts, each with its secret key.
func NewEndpoint(secrets map[string]string) (*Endpoint, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	endpoint := &Endpoint{
		address: listener.Addr().String(),
		secrets: secrets,
		stopped: make(chan struct{}),
		changed: make(chan struct{}),
	}
	endpoint.server = &http.Server{Handler: endpoint, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(endpoint.stopped)
		_ = endpoint.server.Serve(listener) // ends with ErrServerClosed
	}()
	return endpoint, nil
}

// URL is where a wiki's requests go.
func (e *Endpoint) URL() string { return "http://" + e.address }

// Close ends the endpoint; requests in progress are cut off.
func (e *Endpoint) Close() {
	_ = e.server.Close() // the listener's own error changes nothing
	<-e.stopped
}

// SetReadOnly makes the wikis answer 423 to everything, or run jobs again.
func (e *Endpoint) SetReadOnly(readOnly bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.readOnly = readOnly
}

// OnJob sets what a job does; nil: it succeeds at once.
func (e *Endpoint) OnJob(run func(context.Context, Delivery) (status int, body string)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.onJob = run
}

// Deliveries returns what came so far, in order of arrival, with the answers.
func (e *Endpoint) Deliveries() []Delivery {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]Delivery(nil), e.deliveries...)
}

// Await waits until check is content with the deliveries; it is called again at each change.
func (e *Endpoint) Await(ctx context.Context, check func([]Delivery) bool) error {
	for {
		e.mu.Lock()
		changed, all := e.changed, append([]Delivery(nil), e.deliveries...)
		e.mu.Unlock()
		if check(all) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// ServeHTTP answers one request, with the checks in the order of the extension.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxEventBytes))
	if err != nil {
		return // the client has gone
	}
	delivery := Delivery{Host: r.Host, Body: body}
	status, answer, runs := e.judge(r, &delivery)
	e.mu.Lock()
	index := len(e.deliveries)
	e.deliveries = append(e.deliveries, delivery)
	run := e.onJob
	e.mu.Unlock()
	if runs && run != nil {
		status, answer = run(r.Context(), delivery)
	}
	e.mu.Lock()
	e.deliveries[index].Status = status
	close(e.changed)
	e.changed = make(chan struct{})
	e.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, answer) // a client that has gone does not matter here
}

// judge decides without running anything; runs says that the job may run.
func (e *Endpoint) judge(r *http.Request, delivery *Delivery) (status int, answer string, runs bool) {
	e.mu.Lock()
	readOnly := e.readOnly
	e.mu.Unlock()
	parseErr := json.Unmarshal(delivery.Body, &delivery.Event) // also for the record of refused ones
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	secret, known := e.secrets[r.Host]
	switch {
	case r.URL.Path != endpointPath || !known:
		return http.StatusNotFound, problem(http.StatusNotFound, "The requested relative path did not match any known handler"), false
	case r.Method != http.MethodPost:
		return http.StatusMethodNotAllowed, problem(http.StatusMethodNotAllowed, "Method not allowed"), false
	case readOnly:
		return http.StatusLocked, problem(http.StatusLocked, "Wiki is in read-only mode."), false
	case mediaType != "application/json":
		return http.StatusUnsupportedMediaType, problem(http.StatusUnsupportedMediaType, "Unsupported Content-Type"), false
	case parseErr != nil || delivery.Event.Database == "" || delivery.Event.Type == "" || delivery.Event.Params == nil:
		return http.StatusBadRequest, problem(http.StatusBadRequest, "Invalid event received"), false
	}
	switch err := VerifyJob(delivery.Body, secret); {
	case errors.Is(err, errUnsigned):
		return http.StatusForbidden, problem(http.StatusForbidden, "Missing mediawiki signature"), false
	case err != nil:
		return http.StatusForbidden, problem(http.StatusForbidden, "Invalid mediawiki signature"), false
	}
	return http.StatusOK, `{"status":true,"error":null,"caught":[],"timeMs":1}`, true
}

// JobDone is the answer to a job that succeeded.
func JobDone() (status int, body string) {
	return http.StatusOK, `{"status":true,"error":null,"caught":[],"timeMs":1}`
}

func problem(status int, message string) string {
	text, err := json.Marshal(map[string]any{
		"message": message, "httpCode": status, "httpReason": http.StatusText(status),
	})
	if err != nil {
		panic(err) // a map of strings and numbers
	}
	return string(text)
}
