package phppool

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"auwai/internal/jobqueue"
	"auwai/internal/runner"
	"auwai/internal/runner/batchwire"
)

// attempt carries out one Work. It is used by one goroutine.
type attempt struct {
	pool    *Pool
	work    runner.Work
	report  func(i int, res runner.Result)
	settled []bool // by index in work.Jobs: has a result
	held    bool   // a result holds the wiki
}

func (a *attempt) run(ctx context.Context) {
	wiki, ok := a.pool.cfg.Wikis(a.work.Wiki)
	if !ok || wiki.Path == "" {
		held := runner.Hold(fmt.Sprintf("the wiki %q has no path in the configuration: set the folder of its MediaWiki", a.work.Wiki))
		for i := range a.work.Jobs {
			a.settle(i, held)
		}
		return
	}
	parts := batchwire.Parts(a.work.Jobs, a.pool.cfg.MaxBatch, maxBody, func(i int, why string) { a.settle(i, runner.Permanent(why)) })
	if len(parts) == 0 {
		return
	}
	if !a.serve(ctx, wiki, parts) {
		return
	}
	for i := range parts { // one of them spoils the request: that is found when each comes alone
		if ctx.Err() != nil || a.held {
			return
		}
		a.serve(ctx, wiki, parts[i:i+1])
	}
}

// ending is how a request ended.
type ending struct {
	complete bool           // with its last line
	last     batchwire.Line // complete
	results  int            // jobs that have a line
	begun    int            // not complete: the place of the job that was running, or noJob
	why      string         // not complete: how the worker ended, as a sentence
}

// serve sends a request until a worker takes it, and settles its jobs. alone says that its jobs have to
// be sent one by one, since one of them spoils the request before any is run.
func (a *attempt) serve(ctx context.Context, wiki Wiki, parts []batchwire.Part) (alone bool) {
	for tries := 0; ; tries++ {
		s, fresh, err := a.pool.acquire(ctx, a.work.Wiki, wiki)
		switch {
		case errors.Is(err, errNoPlace):
			return false
		case err != nil:
			a.all(parts, runner.Hold(err.Error()))
			return false
		}
		end := a.request(ctx, s.worker, parts)
		a.pool.release(s)
		changed := end.last.Stopped == batchwire.StoppedChanged && tries < maxChanges
		switch {
		case ctx.Err() != nil && !end.complete:
			a.cut(ctx, parts, end)
			return false
		case end.unread() && (changed || !fresh && end.last.Stopped != batchwire.StoppedRequest):
			continue // it died or left in its sleep
		case end.unread() && len(parts) > 1 && (!end.complete || end.last.Stopped == batchwire.StoppedRequest):
			return true
		}
		a.judge(parts, end)
		return false
	}
}

// unread reports whether no job was begun, for a reason that another process may not have.
func (e *ending) unread() bool {
	if !e.complete {
		return e.begun == noJob
	}
	held := []string{"", batchwire.StoppedReadOnly, batchwire.StoppedLag, batchwire.StoppedDatabase}
	return e.results == 0 && !slices.Contains(held, e.last.Stopped)
}

// request sends a request to a worker and settles the jobs that get a line.
func (a *attempt) request(ctx context.Context, w *worker, parts []batchwire.Part) ending {
	body, err := batchwire.Encode(a.work, parts, batchwire.MaxTime(a.pool.cfg.BatchTime, a.work.Timeout))
	if err != nil {
		return ending{complete: true, last: batchwire.Line{Stopped: batchwire.StoppedRequest, Reason: err.Error()}}
	}
	stop := context.AfterFunc(ctx, w.kill)
	defer stop()
	w.out.begin()
	w.jobs += len(parts)
	if _, err := w.in.Write(append(body, '\n')); err != nil {
		w.kill() // its input is closed: it ends, or is of no use any more
	}
	return a.answers(w, parts)
}

// answers reads the answer of a request.
func (a *attempt) answers(w *worker, parts []batchwire.Part) (end ending) {
	places := make(map[string]int, len(parts))
	for n, p := range parts {
		places[a.work.Jobs[p.Index].ID] = n
	}
	for {
		text, err := w.readLine()
		if err != nil {
			w.kill() // a line without end; else it is dead
			<-w.gone
			end.begun, end.why = w.out.begun(), w.ended()+quoteEnd(a.logOutput(w, parts, w.out.begun()))
			return end
		}
		line, ok := batchwire.ParseLine(text)
		n, ours := places[line.ID]
		switch {
		case !ok:
			a.pool.log.Warn("a worker's answer makes no sense", "wiki", a.work.Wiki, "line", runner.Quote(text))
		case line.Done:
			end.complete, end.last, w.leaving = true, line, line.Leaving
			a.logWritten(w, parts)
			return end
		case !ours:
			a.pool.log.Warn("a worker reported a job that it was not sent", "wiki", a.work.Wiki, "job_id", runner.Cut(line.ID, maxQuoted))
		default:
			end.results++
			a.line(w, parts, n, &line)
		}
	}
}

// line settles the job at a place of the request.
func (a *attempt) line(w *worker, parts []batchwire.Part, n int, line *batchwire.Line) {
	res := line.Result()
	w.failures++
	if line.OK {
		w.failures = 0
	} else if res.Outcome == jobqueue.OutcomeFailed {
		wrote := quoteEnd(a.logOutput(w, parts, n))
		res.Error = runner.Cut(res.Error, jobqueue.MaxError-len(wrote)) + wrote
	}
	a.settle(parts[n].Index, res)
}

// judge settles the jobs that have no line, when the request was not cut short by ctx.
func (a *attempt) judge(parts []batchwire.Part, end ending) {
	if !end.complete {
		a.first(parts, end.begun, crash("PHP died while running this job: "+end.why))
		return
	}
	switch reach, res := end.last.Rest(end.results); reach {
	case batchwire.All:
		a.all(parts, res)
	case batchwire.First:
		a.first(parts, noJob, res)
	case batchwire.None:
	}
}

// cut settles the job that was running when ctx ended.
func (a *attempt) cut(ctx context.Context, parts []batchwire.Part, end ending) {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) || end.begun == noJob {
		return
	}
	within := "in time"
	if a.work.Timeout > 0 {
		within = "within " + a.work.Timeout.String()
	}
	res := runner.Failed("the job did not end " + within + " and was killed: " + end.why)
	res.Class = runner.ClassTimeout
	a.first(parts, end.begun, res)
}

func crash(why string) runner.Result {
	res := runner.Failed(why)
	res.Class = runner.ClassCrash
	return res
}

// settle reports the result of a job that has none yet.
func (a *attempt) settle(index int, res runner.Result) {
	if !a.settled[index] {
		a.settled[index] = true
		a.held = a.held || res.Hold != ""
		a.report(index, res)
	}
}

// all settles the jobs without a result.
func (a *attempt) all(parts []batchwire.Part, res runner.Result) {
	for _, p := range parts {
		a.settle(p.Index, res)
	}
}

// first settles the job at the place, or, with noJob, the first without a result.
func (a *attempt) first(parts []batchwire.Part, place int, res runner.Result) {
	if place == noJob || place >= len(parts) || a.settled[parts[place].Index] {
		place = slices.IndexFunc(parts, func(p batchwire.Part) bool { return !a.settled[p.Index] })
	}
	if place >= 0 {
		a.settle(parts[place].Index, res)
	}
}

// logOutput writes what a failed job wrote to the log and returns it.
func (a *attempt) logOutput(w *worker, parts []batchwire.Part, place int) string {
	text := w.out.take(place)
	if text != "" && place >= 0 && place < len(parts) {
		a.pool.log.Info("job failed in a worker", "wiki", a.work.Wiki, "queue", a.work.Queue, "job_id", a.work.Jobs[parts[place].Index].ID, "output", text)
	}
	return text
}

// logWritten writes what the other jobs of a request wrote.
func (a *attempt) logWritten(w *worker, parts []batchwire.Part) {
	for _, place := range w.out.written() {
		if text := w.out.take(place); place >= 0 && place < len(parts) {
			a.pool.log.Debug("job wrote", "wiki", a.work.Wiki, "queue", a.work.Queue, "job_id", a.work.Jobs[parts[place].Index].ID, "output", text)
		}
	}
}
