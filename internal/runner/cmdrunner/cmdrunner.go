package cmdrunner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"auwai/internal/jobqueue"
	"auwai/internal/runner"
)

// Defaults and bounds.
const (
	// DefaultKillAfter is what a command has to end in after SIGTERM.
	DefaultKillAfter = 10 * time.Second
	// MaxOutput is how much of a command's output is kept, from its end, in bytes.
	MaxOutput = 64 << 10

	exitTempFail = 75          // EX_TEMPFAIL of sysexits.h
	tempFailWait = time.Minute // before the next attempt, when the command says nothing
	maxLine      = 16 << 10    // bytes of a line that may be a report
	maxMessage   = 1 << 10
	maxURL       = 2 << 10
	outputGrace  = 2 * time.Second // for output of processes that have left the group
)

// Config is what New needs.
type Config struct {
	// Command returns the arguments of a queue's command, the program first; nil: none. Required.
	Command func(queue string) []string
	// Env is what commands have in their environment beside the names of the job. The caller leaves
	// out what is secret.
	Env []string
	// KillAfter is the time between SIGTERM and SIGKILL; 0: DefaultKillAfter.
	KillAfter time.Duration
	// OnProgress, if not nil, is called for each report of a running job that has a progress or a
	// message. It must not block.
	OnProgress func(jobID string, r Report)
	Logger     *slog.Logger // nil: discard
}

// Runner runs commands. It implements runner.Runner. Safe for concurrent use.
type Runner struct {
	cfg Config
	log *slog.Logger
}

// New returns a Runner. It does no I/O.
func New(cfg Config) *Runner {
	cfg.KillAfter = cmp.Or(cfg.KillAfter, DefaultKillAfter)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Runner{cfg: cfg, log: cfg.Logger.With("part", "cmdrunner")}
}

// Batch implements runner.Runner: a command gets one job.
func (r *Runner) Batch(string) int { return 1 }

// Run implements runner.Runner.
func (r *Runner) Run(ctx context.Context, w runner.Work, report func(i int, res runner.Result)) error {
	if w.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.Timeout)
		defer cancel()
	}
	argv := r.cfg.Command(w.Queue)
	for i := range w.Jobs {
		if len(argv) == 0 {
			report(i, runner.Result{Outcome: jobqueue.OutcomePermanent, Error: cut("queue " + w.Queue + " has no command; write one into the configuration, then retry the job")})
			continue
		}
		res, ok := r.attempt(ctx, argv, &w, &w.Jobs[i])
		if !ok {
			return nil
		}
		report(i, res)
	}
	return nil
}

// attempt runs the command for one job. ok is false when ctx was cancelled.
func (r *Runner) attempt(ctx context.Context, argv []string, w *runner.Work, job *runner.Item) (res runner.Result, ok bool) {
	out := &output{onReport: func(rep Report) {
		if r.cfg.OnProgress != nil && (rep.Progress != nil || rep.Message != "") {
			r.cfg.OnProgress(job.ID, rep)
		}
	}}
	p := &process{argv: argv, env: slices.Concat(r.cfg.Env, environment(w, job)), input: input(w, job), out: out, killAfter: r.cfg.KillAfter}
	err := p.run(ctx)
	if errors.Is(ctx.Err(), context.Canceled) {
		return runner.Result{}, false
	}
	res = judge(err, ctx.Err() != nil, out)
	if res.Outcome != jobqueue.OutcomeDone {
		r.log.Info("command did not do its job", "job_id", job.ID, "queue", w.Queue, "command", argv[0],
			"err", res.Error, "output", out.text())
	}
	return res, true
}

// judge makes a result of how the leader ended, by the table in the package comment.
func judge(err error, late bool, out *output) runner.Result {
	last := out.last
	res := runner.Result{Message: last.Message, ResultURL: last.ResultURL}
	exit, exited := errors.AsType[*exec.ExitError](err)
	switch {
	case late:
		res.Outcome, res.Class = jobqueue.OutcomeFailed, runner.ClassTimeout
		res.Error = "the command took longer than its time-out and was ended"
	case err == nil:
		res.Outcome = jobqueue.OutcomeDone
		return res
	case !exited:
		res.Outcome, res.Class = jobqueue.OutcomeFailed, runner.ClassError
		res.Error = cut(fmt.Sprintf("the command could not be run: %v", err))
		return res
	case exit.ExitCode() < 0:
		res.Outcome, res.Class, res.Error = jobqueue.OutcomeFailed, runner.ClassCrash, "the command was ended: "+exit.String()
	case exit.ExitCode() == exitTempFail:
		res.Outcome, res.RetryAfter = jobqueue.OutcomeUncounted, cmp.Or(last.retryAfter(), tempFailWait)
		res.Error = "the command cannot do it now (exit status 75)"
	case last.Permanent:
		res.Outcome, res.Error = jobqueue.OutcomePermanent, "the command says that it is of no use to try again: "+exit.String()
	default:
		res.Outcome, res.Class, res.Error = jobqueue.OutcomeFailed, cmp.Or(last.Class, runner.ClassError), exit.String()
		res.RetryAfter = last.retryAfter()
	}
	res.Error = explain(res.Error, cmp.Or(last.Error, last.Message), out)
	return res
}

// explain adds to an error what the command said, or the end of what it wrote.
func explain(why, said string, out *output) string {
	if said == "" {
		said = strings.TrimSpace(out.text())
	}
	if said == "" {
		return cut(why)
	}
	why += ": "
	if room := jobqueue.MaxError - len(why) - len("…"); len(said) > room {
		at := len(said) - room // the end says what went wrong
		for at < len(said) && !utf8.RuneStart(said[at]) {
			at++
		}
		said = "…" + said[at:]
	}
	return cut(why + said)
}

// cut bounds an error's text to what a job's record keeps.
func cut(text string) string { return runner.Cut(text, jobqueue.MaxError) }
