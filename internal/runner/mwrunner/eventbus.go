package mwrunner

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"auwai/internal/jobqueue"
	"auwai/internal/runner"
)

// eventPath is the endpoint of the EventBus extension (its class Rest\RunSingleJobHandler).
const eventPath = "/rest.php/eventbus/v0/internal/job/execute"

// runEvent sends the first job of the work, an event, to the wiki. ok is false when ctx was
// cancelled and nothing is known.
func (c *Client) runEvent(ctx context.Context, wiki Wiki, w runner.Work) (res runner.Result, ok bool) {
	job := w.Jobs[0]
	q := call{address: entryPoint(wiki, eventPath), body: job.Payload, fence: w.Fence, requestID: job.RequestID}
	done := eventDone
	if wiki.Kind == EventBusRPC {
		body, why := rpcEvent(w.Wiki, job)
		if why != "" {
			return permanent(why), true
		}
		q.address, q.body, done = atRoot(wiki, cmp.Or(wiki.RPCPath, DefaultRPCPath)), body, rpcDone
	}
	resp, none := c.post(ctx, wiki, q)
	if none != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			return runner.Result{}, false
		}
		return none.verdict(ctx, w).result, true
	}
	defer resp.Body.Close()
	body, err := readAnswer(resp)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return runner.Result{}, false
	case err != nil && ctx.Err() != nil:
		return timedOut(late(w)), true
	case err != nil && resp.StatusCode == http.StatusOK:
		return broke("the answer broke off: " + plain(err.Error())), true
	case resp.StatusCode == http.StatusOK && !isReadOnly(resp.Header):
		return done(body), true
	}
	a := answer{kind: wiki.Kind, status: resp.StatusCode, header: resp.Header, body: body, now: c.now}
	if wiki.Kind == EventBus && resp.StatusCode == http.StatusForbidden && len(wiki.Secret) > 0 {
		a.secretKnown, a.secretFits = true, eventSigned(wiki.Secret, job.Payload)
	}
	return a.verdict().result, true
}

// eventDone reads the answer 200. Only a JSON object with "status": true is a success: a job that
// calls exit() and a PHP that dies late answer 200 too.
func eventDone(body []byte) runner.Result {
	if len(body) == 0 {
		return died("the wiki answered 200 with an empty body: the job called exit(), or PHP died while running it")
	}
	if len(body) > maxAnswer {
		return failed("the wiki answered 200 with a body longer than any result of a job")
	}
	var reply map[string]json.RawMessage // a struct would match keys whatever their case
	if json.Unmarshal(body, &reply) != nil || reply["status"] == nil {
		return failed("the wiki answered 200 with something else than the result of a job: " + quote(body))
	}
	text := textOf(orNull(reply["error"]))
	if string(reply["status"]) != "true" {
		return failed(cmp.Or(text, "the wiki answered that the job did not succeed, and not why"))
	}
	// With "status": true an error is there when the job failed and its class forbids retries.
	return runner.Result{Outcome: jobqueue.OutcomeDone, Error: cut(text)}
}

// textOf returns a JSON string's text, nothing for null, and other values as they stand.
func textOf(raw json.RawMessage) string {
	var text *string
	if err := json.Unmarshal(raw, &text); err != nil {
		return plain(string(raw))
	}
	if text == nil {
		return ""
	}
	return *text
}
