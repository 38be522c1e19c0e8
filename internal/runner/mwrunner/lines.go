package mwrunner

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// line is one line of a batch's answer: of a job, or, with Done, the last one.
type line struct {
	ID        string   `json:"id"`
	OK        bool     `json:"ok"`
	Error     *string  `json:"error"`
	Caught    []string `json:"caught"` // classes of what was thrown
	Retry     *bool    `json:"retry"`  // absent: true
	Permanent bool     `json:"permanent"`
	ReadOnly  bool     `json:"readonly"`

	Done    bool   `json:"done"`
	Spool   int    `json:"spool"`   // items left in the wiki's spool
	Stopped string `json:"stopped"` // why jobs were left: "", time, memory, readonly, lag, database, client
}

// why returns the line's reason in words, "" for none.
func (l *line) why() string {
	if l.Error != nil && *l.Error != "" {
		return plain(*l.Error)
	}
	return plain(strings.Join(l.Caught, ", "))
}

// parseLine reads a line. PHP's warnings may stand between the lines where they are displayed;
// ok is false for what is no line of ours.
func parseLine(text []byte) (l line, ok bool) {
	if len(text) == 0 || text[0] != '{' || json.Unmarshal(text, &l) != nil {
		return line{}, false
	}
	return l, l.Done || l.ID != ""
}

// read reads the answer of a request and reports each result when its line is there. cancel ends
// the request.
func (b *batch) read(ctx context.Context, resp *http.Response, parts []part, cancel context.CancelFunc) ending {
	index := make(map[string]int, len(parts))
	for _, p := range parts {
		index[b.work.Jobs[p.index].ID] = p.index
	}
	source := &io.LimitedReader{R: resp.Body, N: maxAnswer + int64(len(parts))*maxLine}
	scan := bufio.NewScanner(source)
	scan.Buffer(make([]byte, 0, 4<<10), maxLine)
	var stray []byte // what stands between the lines
	results := 0
	for scan.Scan() {
		text := bytes.TrimSpace(scan.Bytes())
		l, ok := parseLine(text)
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
			b.settle(i, l.result())
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

// complete judges an answer whose last line is there. Jobs that the wiki left for want of time or
// memory go back to their place, but a request that brought nothing at all has to count, else it
// would be repeated for ever.
func (b *batch) complete(last line, parts []part, results int) ending {
	end := ending{complete: true, spool: max(last.Spool, 0)}
	holds := map[string]string{
		"readonly": "the wiki became read-only",
		"lag":      "the replicas of the wiki's database lag behind",
		"database": "the wiki has lost the connection to its database",
	}
	switch {
	case holds[last.Stopped] != "":
		end.verdict = verdict{reach: reachAll, result: hold(holds[last.Stopped])}
	case last.Stopped == "":
		end.verdict = verdict{reach: reachSuspect, result: failed("the wiki ended the request without saying what became of this job")}
	case len(parts) > 0 && results == 0:
		end.verdict = verdict{reach: reachSuspect, result: failed(
			"the wiki ran no job of the request for want of " + quote([]byte(last.Stopped)))}
	}
	return end
}

// broken judges an answer that ended without its last line.
func (b *batch) broken(ctx context.Context, err error, tooLong bool, results int, stray string) ending {
	suspect := func(why string) ending {
		return ending{verdict: verdict{reach: reachSuspect, result: failed(why)}}
	}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ending{}
	case ctx.Err() != nil:
		return suspect(late(b.work))
	case tooLong || errors.Is(err, bufio.ErrTooLong):
		return suspect("the wiki's answer is longer than any result of a job" + with(stray))
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
	return suspect(why)
}
