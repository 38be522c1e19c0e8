package mwrunner

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"auwai/internal/runner"
	"auwai/internal/runner/batchwire"
)

// read reads the answer of a request and reports each result when its line is there. cancel ends
// the request.
func (b *batch) read(ctx context.Context, resp *http.Response, parts []batchwire.Part, cancel context.CancelFunc) ending {
	index := make(map[string]int, len(parts))
	for _, p := range parts {
		index[b.work.Jobs[p.Index].ID] = p.Index
	}
	source := &io.LimitedReader{R: resp.Body, N: maxAnswer + int64(len(parts))*maxLine}
	scan := bufio.NewScanner(source)
	scan.Buffer(make([]byte, 0, 4<<10), maxLine)
	var stray []byte // what stands between the lines
	results := 0
	for scan.Scan() {
		text := bytes.TrimSpace(scan.Bytes())
		l, ok := batchwire.ParseLine(text)
		if ok && l.Done {
			b.linger(source, cancel)
			return b.complete(l, parts, results)
		}
		i, ours := index[l.ID]
		switch {
		case !ok && len(stray) <= maxQuote:
			stray = append(append(stray, text...), '\n')
		case ok && !ours:
			b.client.log.Warn("a wiki reported a job that it was not sent", "wiki", b.work.Wiki, "job_id", cutAt(l.ID, maxQuote))
		case ok:
			results++
			b.settle(i, l.Result())
		}
	}
	return b.broken(ctx, scan.Err(), source.N <= 0, results, quote(stray))
}

// linger reads on to the end of an answer that is complete, so that the connection can be used
// again, but not for long.
func (b *batch) linger(source io.Reader, cancel context.CancelFunc) {
	timer := time.AfterFunc(lingerTime, cancel)
	defer timer.Stop()
	if _, err := io.Copy(io.Discard, source); err != nil {
		b.client.log.Debug("a complete answer did not end", "wiki", b.work.Wiki, "err", err)
	}
}

// complete judges an answer whose last line is there.
func (b *batch) complete(last batchwire.Line, parts []batchwire.Part, results int) ending {
	end := ending{complete: true, spool: max(last.Spool, 0)}
	if len(parts) == 0 {
		return end // a request that only drains the spool
	}
	reaches := map[batchwire.Reach]reach{batchwire.None: reachNone, batchwire.All: reachAll, batchwire.First: reachSuspect}
	at, result := last.Rest(results)
	end.verdict = verdict{reach: reaches[at], result: result}
	return end
}

// broken judges an answer that ended without its last line.
func (b *batch) broken(ctx context.Context, err error, tooLong bool, results int, stray string) ending {
	suspect := func(r runner.Result) ending {
		return ending{verdict: verdict{reach: reachSuspect, result: r}}
	}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ending{}
	case ctx.Err() != nil:
		return suspect(timedOut(late(b.work)))
	case tooLong || errors.Is(err, bufio.ErrTooLong):
		return suspect(failed("the wiki's answer is longer than any result of a job" + with(stray)))
	}
	why := "PHP died while running this job"
	switch {
	case results == 0 && stray != "":
		why = "PHP died while running this job, or this is not the wiki's run endpoint; it answered: " + stray
	case stray != "":
		why += "; it wrote: " + stray
	}
	if err != nil {
		why += "; the connection broke: " + plain(err.Error())
	}
	return suspect(died(why))
}
