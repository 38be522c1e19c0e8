package mwrunner

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"

	"auwai/internal/runner"
)

// DefaultRPCPath is where Wikimedia's farm, and others that took its configuration over, have the
// runner script.
const DefaultRPCPath = "/rpc/RunSingleJob.php"

// rpcEvent returns what the runner script gets of a job, or why that is not possible. An event goes
// as it was received. Of a job that was pushed to the service an event is made, which is possible
// since the script looks at no signature: it takes the wiki from "database", the job from "type" and
// "params", and a request's id from "meta".
func rpcEvent(wiki string, job runner.Item) (body []byte, why string) {
	if job.FromEvent {
		return job.Payload, ""
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(job.Payload, &fields); err != nil {
		return nil, "the payload is not a JSON object, so it is no job of MediaWiki: push it as {\"type\", \"params\"}"
	}
	for _, name := range []string{"type", "params"} {
		if fields[name] == nil {
			return nil, "the payload has no member " + name + ", so it is no job of MediaWiki: push it as {\"type\", \"params\"}"
		}
	}
	head, err := json.Marshal(struct {
		Meta struct {
			ID        string `json:"id"`
			RequestID string `json:"request_id"`
		} `json:"meta"`
		Database string `json:"database"`
	}{Meta: struct {
		ID        string `json:"id"`
		RequestID string `json:"request_id"`
	}{job.ID, cmp.Or(job.RequestID, job.ID)}, Database: wiki})
	if err != nil {
		return nil, "the event could not be written: " + err.Error()
	}
	return slices.Concat(bytes.TrimSuffix(head, []byte("}")),
		[]byte(`,"type":`), fields["type"], []byte(`,"params":`), fields["params"], []byte(`}`)), ""
}

// rpcDone reads the answer 200 of the runner script. It says nothing after a success. It shows PHP's
// errors, and PHP that shows a fatal error answers 200: so whatever is said is a failure. A page of a
// server that is no wiki's is none either.
func rpcDone(body []byte) runner.Result {
	if len(bytes.TrimSpace(body)) == 0 {
		return runner.Done("")
	}
	return died("the runner script answered 200 and then a text, which it does when PHP died; a success is empty: " +
		quote([]byte(pageText(body))))
}
