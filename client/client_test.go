package client_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"auwai/api"
	"auwai/client"
	"auwai/internal/fault"
)

// serve starts a service that answers every request alike and remembers the last one.
func serve(t *testing.T, status int, kind, body string) (*client.Client, *http.Request, *string) {
	t.Helper()
	last, sent := new(http.Request), new(string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		*last, *sent = *r, string(text)
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	c, err := client.New(client.Config{Server: server.URL + "/"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, last, sent
}

func TestTheBaseURLIsChecked(t *testing.T) {
	for _, s := range []string{"", "127.0.0.1:8192", "ftp://x", "http://", "http://x?y", ":"} {
		if _, err := client.New(client.Config{Server: s}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("New(%q) = %v", s, err)
		}
	}
}

func TestATokenIsSentWithEachRequest(t *testing.T) {
	for _, token := range []string{"", "auwt_x"} {
		var got []string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got = append(got, r.Header.Get("X-Auwai-Token"))
			w.WriteHeader(http.StatusCreated)
		}))
		c, err := client.New(client.Config{Server: server.URL, Token: token})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.PostEvents(t.Context(), []byte("[1]"), false); err != nil {
			t.Error(err)
		}
		_, _ = c.Queues(t.Context(), client.QueueFilter{}) // the answer has no JSON
		if diff := cmp.Diff([]string{token, token}, got); diff != "" {
			t.Error(diff)
		}
		c.Close()
		server.Close()
	}
}

func TestFiltersAndPagesOfJobs(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RequestURI())
		page := api.JobPage{Jobs: []api.Job{{ID: "a.1"}}, Cursor: "next"}
		if r.URL.Query().Get("cursor") == "next" {
			page = api.JobPage{Jobs: []api.Job{{ID: "a.2"}}}
		}
		_ = json.NewEncoder(w).Encode(page)
	}))
	defer server.Close()
	c, err := client.New(client.Config{Server: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var got []string
	for j, err := range c.AllJobs(t.Context(), client.JobFilter{State: "dead", Queue: "q", Wiki: "w", RequestID: "r", ClientID: "c", Limit: 1}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, j.ID)
	}
	if diff := cmp.Diff([]string{"a.1", "a.2"}, got); diff != "" {
		t.Error(diff)
	}
	want := []string{
		"/v1/jobs?client_id=c&limit=1&queue=q&request_id=r&state=dead&wiki=w",
		"/v1/jobs?client_id=c&cursor=next&limit=1&queue=q&request_id=r&state=dead&wiki=w",
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Error(diff)
	}
}

func TestAProblemIsAnErrorWithItsKind(t *testing.T) {
	c, _, _ := serve(t, 409, api.ProblemType, `{"status":409,"detail":"job a.1 is running","kind":"conflict"}`)
	_, err := c.Cancel(t.Context(), "a.1")
	if fault.KindOf(err) != fault.Conflict || err.Error() != "job a.1 is running" {
		t.Errorf("Cancel = %v of kind %v", err, fault.KindOf(err))
	}
	c, _, _ = serve(t, 502, "text/html", "<h1>Bad gateway</h1>")
	_, err = c.Queues(t.Context(), client.QueueFilter{})
	if err == nil || err.Error() != "the service answered 502 Bad Gateway: <h1>Bad gateway</h1>" {
		t.Errorf("Queues = %v", err)
	}
}

func TestJobsArePushedAndActedOn(t *testing.T) {
	c, last, sent := serve(t, 207, "application/json", `[{"id":"a.1"},{"error":"no","retry":false}]`)
	places, err := c.PushJobs(t.Context(), []api.NewJob{{Queue: "q", Wiki: "a", Payload: json.RawMessage(`{"a":1}`)}, {}})
	if err != nil || len(places) != 2 || places[0].ID != "a.1" || places[1].Retry == nil || *places[1].Retry {
		t.Errorf("PushJobs = %+v, %v", places, err)
	}
	if *sent != `[{"queue":"q","wiki":"a","payload":{"a":1}},{"queue":"","wiki":"","payload":null}]` || last.URL.Path != "/v1/jobs" {
		t.Errorf("sent %s to %s", *sent, last.URL.Path)
	}
	c, last, _ = serve(t, 200, "application/json", `{"id":"a/b.1","state":"ready"}`)
	a, err := c.Retry(t.Context(), "a/b.1")
	if err != nil || a.State != "ready" || last.RequestURI != "/v1/jobs/a%2Fb.1/retry" || last.Method != "POST" {
		t.Errorf("Retry = %+v, %v at %s", a, err, last.RequestURI)
	}
}

func TestPayloadsArePushedByteForByte(t *testing.T) {
	c, _, sent := serve(t, 201, "application/json", `[{"id":"a.1"},{"id":"a.2"}]`)
	payload := `{ "a" : "<&>\u2028", "b":1.0 }`
	if _, err := c.PushJobs(t.Context(), []api.NewJob{{Queue: "q", Wiki: "a", Payload: json.RawMessage(payload)}, {Queue: "r", Wiki: "a", Payload: json.RawMessage("1")}}); err != nil {
		t.Fatal(err)
	}
	if want := `[{"queue":"q","wiki":"a","payload":` + payload + `},{"queue":"r","wiki":"a","payload":1}]`; *sent != want {
		t.Errorf("sent %s, want %s", *sent, want)
	}
	if _, err := c.PushJobs(t.Context(), []api.NewJob{{Queue: "q", Wiki: "a", Payload: json.RawMessage(`1},{`)}}); fault.FieldOf(err) != "[0].payload" {
		t.Errorf("a payload that is no JSON: %v", err)
	}
}

func TestEventsThatWereNotTakenAreListed(t *testing.T) {
	c, last, sent := serve(t, 201, "", "")
	faults, err := c.PostEvents(t.Context(), []byte(`[1]`), true)
	if err != nil || len(faults.Invalid) != 0 || last.URL.RawQuery != "hasty=true" || *sent != "[1]" {
		t.Errorf("PostEvents = %+v, %v", faults, err)
	}
	c, _, _ = serve(t, 400, "application/json", `{"invalid":[{"status":"invalid","event":1,"context":{"message":"no"}}]}`)
	if faults, err = c.PostEvents(t.Context(), []byte(`[1]`), false); err != nil || len(faults.Invalid) != 1 {
		t.Errorf("PostEvents = %+v, %v", faults, err)
	}
	c, _, _ = serve(t, 413, api.ProblemType, `{"detail":"too long","kind":"too_large"}`)
	if _, err = c.PostEvents(t.Context(), []byte(`[1]`), false); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("PostEvents = %v", err)
	}
}

func TestTheServiceSaysWhetherItIsReady(t *testing.T) {
	c, _, _ := serve(t, 503, "application/json", `{"status":"unavailable","reason":"the disk is full"}`)
	if ok, reason, err := c.Ready(t.Context()); ok || reason != "the disk is full" || err != nil {
		t.Errorf("Ready = %v, %q, %v", ok, reason, err)
	}
	c, _, _ = serve(t, 200, "application/json", `{"name":"auwai","version":"1"}`)
	if info, err := c.Info(t.Context()); err != nil || info.Version != "1" {
		t.Errorf("Info = %+v, %v", info, err)
	}
}
