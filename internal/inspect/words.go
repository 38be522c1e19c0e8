package inspect

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"auwai/api"
	"auwai/internal/dispatch"
	"auwai/internal/jobqueue"
)

// reasonOf puts a reason of dispatch into words. Pauses and the configuration have words of their own.
func reasonOf(r *dispatch.Reason, now time.Time) api.Reason {
	out := api.Reason{Name: r.Name, Text: r.Text}
	if r.Wait > 0 {
		out.Until = moment(now.Add(r.Wait))
	}
	switch r.Cause {
	case dispatch.CauseGate:
		out.Cause, out.At, out.Most = api.CauseGate, &r.Jobs, &r.Most
		out.Text = gateWords(r)
	case dispatch.CauseLimit:
		if r.Rate > 0 {
			out.Cause, out.Rate = api.CauseRate, &r.Rate
			out.Text = fmt.Sprintf("%s has used up its rate of %s a second; the next start is in %s",
				limitName(r.Name), strconv.FormatFloat(r.Rate, 'g', 6, 64), span(r.Wait))
			break
		}
		out.Cause, out.At, out.Most = api.CauseLimit, &r.Jobs, &r.Most
		out.Text = fmt.Sprintf("%s is at its limit: %d of %d attempts run", limitName(r.Name), r.Jobs, r.Most)
	case dispatch.CauseCircuit:
		out.Cause, out.Since = api.CauseCircuit, moment(now.Add(-r.For))
		what := "the target takes no work"
		if r.Name != "" {
			what = "the database section " + r.Name + " takes no work"
		}
		next := "is asked again now"
		if !r.Probing && r.Wait > 0 {
			next = "is asked again with one job in " + span(r.Wait)
		}
		out.Text = fmt.Sprintf("%s for %s: %s; it %s", what, span(r.For), r.Text, next)
	case dispatch.CauseWorker:
		workerReason(&out, r)
	default:
		out.Cause = api.CauseConfig
	}
	return out
}

func workerReason(out *api.Reason, r *dispatch.Reason) {
	switch {
	case r.Name == dispatch.NameStopping:
		out.Cause = api.CauseStopping
	case r.Name == dispatch.NameNode:
		out.Cause = api.CauseNode
	case r.Text == "":
		out.Cause, out.At, out.Most = api.CauseSlots, &r.Jobs, &r.Most
		out.Text = fmt.Sprintf("all slots of the node are taken: %d of %d attempts run", r.Jobs, r.Most)
	default:
		out.Cause = api.CauseWorker
	}
}

func gateWords(r *dispatch.Reason) string {
	where := "of its wiki"
	if r.AnyWiki {
		where = "of all wikis together"
	}
	queue := fmt.Sprintf("queue %s %s has %s pending", r.Name, where, count(int(r.Jobs), "job", "jobs"))
	switch r.Gate {
	case dispatch.StartIf:
		return fmt.Sprintf("the gate start_if is closed: %s, and it starts while there are fewer than %d", queue, r.Most)
	case dispatch.HoldIf:
		return fmt.Sprintf("the gate hold_if is closed: %s, and it is held while there are more than %d", queue, r.Most)
	default:
		return fmt.Sprintf("it would fill a queue that is full: %s, and max_pending is %d", queue, r.Most)
	}
}

// limitName says in words what a limit is of; see package limit.
func limitName(name string) string {
	kind, rest, ok := strings.Cut(name, ":")
	if !ok {
		return "the limit " + name
	}
	switch kind {
	case "pair":
		if at := strings.LastIndexByte(rest, '@'); at >= 0 {
			return "queue " + rest[:at] + " of wiki " + rest[at+1:]
		}
	case "queue", "wiki", "tag":
		return kind + " " + rest
	}
	return "the limit " + name
}

// runs explains a job that runs.
func (e *explainer) runs(j *jobqueue.Job, a attempt) {
	e.out.Run = &api.Run{
		StartedAt: moment(a.start), Deadline: moment(a.deadline), Attempt: j.Tries + 1, Worker: WorkerName(a.holder),
		Percent: a.progress.Percent, Message: a.progress.Message, ResultURL: a.progress.ResultURL, Stopping: a.cancelled,
	}
}

// delayed explains a job that waits for a moment.
func (e *explainer) delayed(j *jobqueue.Job) {
	r := api.Reason{Cause: api.CauseDelayed, Until: moment(j.Due)}
	in := span(j.Due.Sub(e.now()))
	last := jobqueue.Outcome(0)
	if n := len(j.Attempts); n > 0 {
		last = j.Attempts[n-1].Outcome
	}
	switch {
	case last != 0 && j.Due.After(j.RunAt) && last == jobqueue.OutcomeUncounted:
		r.Cause = api.CauseAside
		r.Text = fmt.Sprintf("it was put aside without an attempt being counted, and is looked at again in %s: %s", in, j.LastError)
	case last != 0 && j.Due.After(j.RunAt):
		r.Cause = api.CauseBackoff
		r.Text = fmt.Sprintf("%s failed, the next one is due in %s; the last said: %s", count(j.Tries, "attempt", "attempts"), in, cmp.Or(j.LastError, "nothing"))
	default:
		r.Text = "it is not to run before " + j.Due.UTC().Format(time.RFC3339) + ", which is in " + in
	}
	e.add(r)
}

func (e *explainer) dead(j *jobqueue.Job) {
	e.add(api.Reason{
		Cause: api.CauseEnded, Since: moment(j.Died),
		Text: fmt.Sprintf("it is not tried any more after %s, and is kept until it is retried or dropped; the last said: %s",
			count(j.Tries, "attempt", "attempts"), cmp.Or(j.LastError, "nothing")),
	})
}

// past explains a job that has ended.
func (e *explainer) past(row *api.Job, h *jobqueue.History) {
	r := api.Reason{Cause: api.CauseEnded, Since: row.FinishedAt}
	switch h.State {
	case jobqueue.Duplicate:
		r.Cause, r.Text, r.Jobs = api.CauseDuplicate, "a job with the same key was waiting, and it was merged into "+row.DuplicateOf, []string{row.DuplicateOf}
	case jobqueue.Superseded:
		r.Cause, r.Name = api.CauseSuperseded, h.Root.Signature
		r.Text = "a newer change of the same root has replaced it, the one of " + cmp.Or(row.Superseded, "a later moment")
	case jobqueue.Done:
		r.Text = "it was done with attempt " + strconv.Itoa(max(h.Tries, 1))
		if text := failure(h); text != "" {
			r.Text += ", which noted: " + text
		}
		if h.Message != "" {
			r.Text += "; it said: " + h.Message
		}
	default:
		r.Text = "it ended as " + h.State.String()
		if h.LastError != "" {
			r.Text += ": " + h.LastError
		}
	}
	e.add(r)
}

// summarize makes the one sentence.
func (e *explainer) summarize() {
	o := e.out
	switch {
	case o.State == api.StateRunning:
		o.Summary = runWords(o.Run, e.now())
	case o.State == api.StateDead, o.State == api.StateDone:
		o.Summary = "The job is " + o.State + ": " + o.Reasons[0].Text + "."
	case len(o.Reasons) > 0:
		o.Summary = "The job is " + o.State + ": " + o.Reasons[0].Text + "."
	default:
		o.Summary = "The job is " + o.State + "."
	}
}

func runWords(r *api.Run, now time.Time) string {
	where := "on this node"
	if r.Worker != "" {
		where = "by the worker " + r.Worker
	}
	text := fmt.Sprintf("The job runs %s: attempt %d", where, r.Attempt)
	if r.StartedAt != nil {
		text += " for " + span(now.Sub(*r.StartedAt))
	}
	if r.Percent > 0 {
		text += fmt.Sprintf(", %.0f%% done", r.Percent)
	}
	if r.Message != "" {
		text += ", and says: " + r.Message
	}
	if r.Stopping {
		text += "; it was cancelled and is being stopped"
	}
	return text + "."
}

func turnWords(p *api.Position, stale *bool) string {
	if *stale {
		return "why it does not start is not known, since its node does not answer"
	}
	text := "nothing holds it, it is only a matter of turns: "
	switch {
	case p.AtLeast:
		text += fmt.Sprintf("at least %d jobs of its queue go before it", p.Ahead)
	case p.Ahead == 0:
		text += "it is the next of its queue"
	default:
		text += count(p.Ahead, "job", "jobs") + " of its queue before it"
	}
	if p.Wikis > 0 {
		text += ", and " + count(p.Wikis, "wiki", "wikis") + " before its own"
	}
	return text
}

// WorkerName is what is shown of the holder of a claim: the name that the worker gave. The rest, a
// hash of the lease's token, says nothing to people.
func WorkerName(holder string) string {
	if at := strings.LastIndexByte(holder, '#'); at >= 0 {
		return holder[:at]
	}
	return holder
}

// names lists a few ids.
func names(ids []string) string {
	const most = 5
	if len(ids) <= most {
		return strings.Join(ids, ", ")
	}
	return strings.Join(ids[:most], ", ") + fmt.Sprintf(" and %d more", len(ids)-most)
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// span writes a time for people: whole seconds from a second on.
func span(d time.Duration) string {
	if d = max(d, 0); d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
