package mwrunner

import (
	"context"
	"errors"
	"net/http"

	"auwai/internal/runner"
	"auwai/internal/runner/batchwire"
)

// batchPath is the run endpoint of the extension (its class Rest\RunHandler).
const batchPath = "/rest.php/auwai/v1/run"

// batch carries out one Work on a wiki of kind Auwai. It is used by one goroutine.
type batch struct {
	client  *Client
	wiki    Wiki
	work    runner.Work
	report  func(i int, r runner.Result)
	settled []bool // by index in work.Jobs: has a result
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
func (b *batch) apply(v verdict, parts []batchwire.Part) {
	if v.reach == reachNone {
		return
	}
	for _, p := range parts {
		if b.settled[p.Index] {
			continue
		}
		b.settle(p.Index, v.result)
		if v.reach == reachSuspect {
			return
		}
	}
}

// parts returns the jobs of the next request: as many as fit, at least one. Those whose payload
// cannot be sent get their result here.
func (b *batch) parts() []batchwire.Part {
	return batchwire.Parts(b.work.Jobs, b.client.maxBatch, maxBatchBody, func(index int, why string) {
		b.settle(index, permanent(why))
	})
}

// send sends one request and reports the results in its answer as they arrive.
func (b *batch) send(ctx context.Context, parts []batchwire.Part) ending {
	if len(b.wiki.Secret) == 0 {
		return ending{verdict: verdict{reach: reachAll, result: hold("no secret is configured for the wiki: set secret_file")}}
	}
	body, err := batchwire.Encode(b.work, parts, batchwire.MaxTime(b.client.batchTime, b.work.Timeout))
	if err != nil {
		return ending{verdict: verdict{reach: reachAll, result: failed("the request could not be written: " + err.Error())}}
	}
	q := call{
		address: entryPoint(b.wiki, batchPath), body: body, fence: b.work.Fence,
		signature: sign(b.wiki.Secret, b.client.now(), body),
	}
	if len(parts) == 1 {
		q.requestID = b.work.Jobs[parts[0].Index].RequestID
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
		return ending{verdict: verdict{reach: reachSuspect, result: timedOut(late(b.work))}}
	}
	a := answer{kind: Auwai, status: resp.StatusCode, header: resp.Header, body: text, now: b.client.now}
	return ending{verdict: a.verdict()}
}
