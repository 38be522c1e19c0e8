package mwrunner

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"auwai/internal/jobqueue"
	"auwai/internal/runner"
)

// batchPath is the run endpoint of the extension (its class Rest\RunHandler).
const batchPath = "/auwai/v1/run"

// batch carries out one Work on a wiki of kind Auwai. It is used by one goroutine.
type batch struct {
	client  *Client
	wiki    Wiki
	work    runner.Work
	report  func(i int, r runner.Result)
	settled []bool // by index in work.Jobs: has a result
}

// part is a job as it goes into a request.
type part struct {
	index   int // in work.Jobs
	payload []byte
}

// ending is how a request ended, and what the answer's last line said.
type ending struct {
	verdict
	complete bool // the last line was there
	spool    int
}

func (b *batch) run(ctx context.Context) {
	parts := b.parts()
	if len(parts) == 0 {
		return
	}
	end := b.send(ctx, parts)
	if end.reach != reachCulprit || len(parts) == 1 {
		b.apply(end.verdict, parts)
		return
	}
	for i := range parts {
		alone := parts[i : i+1]
		end = b.send(ctx, alone)
		b.apply(end.verdict, alone)
		if ctx.Err() != nil || end.result.Hold != "" {
			return
		}
	}
}

// settle reports the result of a job that has none yet.
func (b *batch) settle(index int, res runner.Result) {
	if !b.settled[index] {
		b.settled[index] = true
		b.report(index, res)
	}
}

// apply gives the jobs of a request without a result the one of the verdict.
func (b *batch) apply(v verdict, parts []part) {
	if v.reach == reachNone {
		return
	}
	for _, p := range parts {
		if b.settled[p.index] {
			continue
		}
		b.settle(p.index, v.result)
		if v.reach == reachSuspect {
			return
		}
	}
}

// parts returns the jobs of the next request: as many as fit, at least one. Those whose payload
// cannot be sent get their result here.
func (b *batch) parts() []part {
	var parts []part
	size := 0
	for i, job := range b.work.Jobs {
		payload, why := payloadOf(job)
		if why != "" {
			b.settle(i, permanent(why))
			continue
		}
		size += len(payload)
		if len(parts) == b.client.maxBatch || len(parts) > 0 && size > maxBatchBody {
			break
		}
		parts = append(parts, part{index: i, payload: payload})
	}
	return parts
}

// payloadOf returns what the extension gets of a job, {"type", "params"} as they were received, or
// why that is not possible. Keys are matched exactly, and of two alike the last counts, as in PHP.
func payloadOf(job runner.Item) (payload []byte, why string) {
	if !job.FromEvent {
		if !json.Valid(job.Payload) {
			return nil, "the payload is not JSON, so it cannot be sent: push the job anew"
		}
		return job.Payload, ""
	}
	var event map[string]json.RawMessage
	if err := json.Unmarshal(job.Payload, &event); err != nil {
		return nil, "the event is not a JSON object, so it cannot be sent: " + err.Error()
	}
	for _, name := range []string{"type", "params"} {
		if event[name] == nil {
			return nil, "the event has no member " + name + ", so it is no job of MediaWiki"
		}
	}
	return slices.Concat([]byte(`{"type":`), event["type"], []byte(`,"params":`), event["params"], []byte(`}`)), ""
}

// encode writes the request's body. By hand, since encoding/json would compact the payloads.
func (b *batch) encode(parts []part) ([]byte, error) {
	size := 64
	for _, p := range parts {
		size += len(p.payload) + 128
	}
	body := append(make([]byte, 0, size), `{"fence":`...)
	body = strconv.AppendUint(body, b.work.Fence, 10)
	body = append(body, `,"jobs":[`...)
	for n, p := range parts {
		job := &b.work.Jobs[p.index]
		id, err := json.Marshal(job.ID)
		if err != nil {
			return nil, err
		}
		requestID, err := json.Marshal(job.RequestID)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			body = append(body, ',')
		}
		body = append(append(body, `{"id":`...), id...)
		body = strconv.AppendInt(append(body, `,"attempt":`...), int64(job.Attempt), 10)
		body = append(append(body, `,"payload":`...), p.payload...)
		body = append(append(body, `,"request_id":`...), requestID...)
		body = append(body, '}')
	}
	body = append(body, `],"max_time_s":`...)
	body = strconv.AppendInt(body, int64(b.maxTime()/time.Second), 10)
	return append(body, '}'), nil
}

// maxTime is how long the wiki starts further jobs: half of the time-out at most, so that the last
// one has time to end.
func (b *batch) maxTime() time.Duration {
	t := b.client.batchTime
	if b.work.Timeout > 0 {
		t = min(t, b.work.Timeout/2)
	}
	return max(t, time.Second)
}

// send sends one request and reports the results in its answer as they arrive.
func (b *batch) send(ctx context.Context, parts []part) ending {
	if len(b.wiki.Secret) == 0 {
		return ending{verdict: verdict{reach: reachAll, result: hold("no secret is configured for the wiki: set secret_file")}}
	}
	body, err := b.encode(parts)
	if err != nil {
		return ending{verdict: verdict{reach: reachAll, result: failed("the request could not be written: " + err.Error())}}
	}
	q := call{
		path: batchPath, body: body, fence: b.work.Fence,
		signature: sign(b.wiki.Secret, b.client.now(), body),
	}
	if len(parts) == 1 {
		q.requestID = b.work.Jobs[parts[0].index].RequestID
	}
	outer := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	resp, none := b.client.post(ctx, b.wiki, q)
	if none != nil {
		if errors.Is(outer.Err(), context.Canceled) {
			return ending{}
		}
		return ending{verdict: none.verdict(outer, b.work)}
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK && !isReadOnly(resp.Header) {
		return b.read(outer, resp, parts, cancel)
	}
	text, err := readAnswer(resp)
	switch {
	case errors.Is(outer.Err(), context.Canceled):
		return ending{}
	case err != nil && outer.Err() != nil:
		return ending{verdict: verdict{reach: reachSuspect, result: failed(late(b.work))}}
	}
	a := answer{kind: Auwai, status: resp.StatusCode, header: resp.Header, body: text, now: b.client.now}
	return ending{verdict: a.verdict()}
}

// result returns what a line says of its job.
func (l *line) result() runner.Result {
	why := l.why()
	switch {
	case l.OK:
		return runner.Result{Outcome: jobqueue.OutcomeDone, Error: cut(why)}
	case l.ReadOnly:
		return hold("the wiki is read-only" + with(why))
	case l.Permanent:
		return permanent(or(why, "the wiki cannot make a job of this") +
			". It would end the same way again: correct the cause on the wiki, then retry")
	case l.Retry != nil && !*l.Retry:
		return runner.Result{Outcome: jobqueue.OutcomeDone, Error: cut("not retried, since the job's class forbids it" + with(why))}
	}
	return failed(or(why, "the job did not succeed and gave no reason: it returned false"))
}
