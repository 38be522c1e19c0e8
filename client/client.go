package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"auwai/api"
	"auwai/internal/fault"
)

// maxAnswer bounds what is read of one answer: a page of jobs, or one job with its payload.
const maxAnswer = 64 << 20

// Client speaks to one service.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// Config of New.
type Config struct {
	// Server is the base URL of the service: http://127.0.0.1:8192. Required.
	Server string
	// Token is sent with each request; "": none.
	Token string
	// Conns is the number of connections that are kept open; 0: 2.
	Conns int
}

// New returns a client. It does no I/O. No proxy of the environment is used: the service is near.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.Server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fault.Field("server", "%q is no base URL; write it as http://127.0.0.1:8192", cfg.Server)
	}
	conns := max(cfg.Conns, 2)
	transport := &http.Transport{
		MaxIdleConns: conns, MaxIdleConnsPerHost: conns, IdleConnTimeout: 30 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
	return &Client{base: strings.TrimRight(u.String(), "/"), token: cfg.Token, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Close closes the connections that are not in use.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Error is an answer that is no success.
type Error struct {
	Status  int
	Problem api.Problem // its Detail is the body's beginning when the answer was no problem
}

// Error returns the service's words.
func (e *Error) Error() string {
	if e.Problem.Detail != "" {
		return e.Problem.Detail
	}
	return fmt.Sprintf("the service answered %d %s", e.Status, http.StatusText(e.Status))
}

// Unwrap gives the error its kind.
func (e *Error) Unwrap() error {
	kind := fault.Internal
	for _, k := range []fault.Kind{
		fault.Invalid, fault.NotFound, fault.Conflict, fault.TooLarge, fault.Unavailable, fault.Unknown, fault.Forbidden,
	} {
		if k.String() == e.Problem.Kind {
			kind = k
		}
	}
	return fault.New(kind, e.Problem.Kind)
}

// reply is an answer with its body.
type reply struct {
	status int
	kind   string // media type, with parameters
	body   []byte
}

func (c *Client) send(ctx context.Context, method, path string, query url.Values, body []byte) (reply, error) {
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	request, err := http.NewRequestWithContext(ctx, method, target, reader)
	if err != nil {
		return reply{}, fault.Wrap(fault.Invalid, err, "make a request")
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		// Not Authorization, which a user and password in the base URL take.
		request.Header.Set("X-Auwai-Token", c.token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return reply{}, err // it names method and URL
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return reply{}, fmt.Errorf("read the answer of %s: %w", target, err)
	}
	if len(text) > maxAnswer {
		return reply{}, fault.Newf(fault.TooLarge, "the answer of %s has more than %d bytes", target, maxAnswer)
	}
	return reply{response.StatusCode, response.Header.Get("Content-Type"), text}, nil
}

// failure makes an error of an answer.
func (r reply) failure() error {
	e := &Error{Status: r.status}
	if strings.HasPrefix(r.kind, api.ProblemType) && json.Unmarshal(r.body, &e.Problem) == nil {
		return e
	}
	const beginning = 300
	text := strings.TrimSpace(string(r.body[:min(len(r.body), beginning)]))
	e.Problem = api.Problem{Status: r.status, Kind: fault.Internal.String()}
	if r.status == http.StatusServiceUnavailable {
		e.Problem.Kind = fault.Unavailable.String()
	}
	e.Problem.Detail = fmt.Sprintf("the service answered %d %s", r.status, http.StatusText(r.status))
	if text != "" {
		e.Problem.Detail += ": " + text
	}
	return e
}

// call sends a request without a body and reads the answer.
func (c *Client) call(ctx context.Context, method, path string, query url.Values, into any) error {
	r, err := c.send(ctx, method, path, query, nil)
	if err != nil {
		return err
	}
	if r.status != http.StatusOK {
		return r.failure()
	}
	return r.read(path, into)
}

func (r reply) read(path string, into any) error {
	if err := json.Unmarshal(r.body, into); err != nil {
		return fmt.Errorf("the answer of %s is no JSON; is this an Auwai service? %w", path, err)
	}
	return nil
}

// put sets a value of a query when there is one.
func put(q url.Values, name, value string) {
	if value != "" {
		q.Set(name, value)
	}
}
