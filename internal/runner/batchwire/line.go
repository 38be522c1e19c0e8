package batchwire

import (
	"encoding/json"
	"strings"

	"auwai/internal/runner"
)

// Why the wiki left jobs over. The words are those of the extension's class JobBatch, and of its
// Worker for the last two.
const (
	StoppedTime     = "time"
	StoppedMemory   = "memory"
	StoppedReadOnly = "readonly"
	StoppedDatabase = "database"
	StoppedLag      = "lag"
	StoppedChanged  = "changed" // a file of the settings changed; a new process reads it
	StoppedRequest  = "request" // the request made no sense to the worker
)

// Line is one line of an answer: of a job, or, with Done, the last one.
type Line struct {
	ID        string   `json:"id"`
	OK        bool     `json:"ok"`
	Error     *string  `json:"error"`
	Caught    []string `json:"caught"` // classes of what was thrown
	Retry     *bool    `json:"retry"`  // absent: true
	Permanent bool     `json:"permanent"`
	ReadOnly  bool     `json:"readonly"`

	Done    bool   `json:"done"`
	Spool   int    `json:"spool"`   // items left in the wiki's spool
	Stopped string `json:"stopped"` // why jobs were left over, "" when none was
	Reason  string `json:"reason"`  // the same in words, where the wiki has some
	Leaving bool   `json:"leaving"` // a worker process that ends after this line
}

// ParseLine reads a line. PHP's warnings may stand between the lines where they are displayed; ok is
// false for what is no line of an answer.
func ParseLine(text []byte) (l Line, ok bool) {
	if len(text) == 0 || text[0] != '{' || json.Unmarshal(text, &l) != nil {
		return Line{}, false
	}
	return l, l.Done || l.ID != ""
}

// Why returns the line's reason in words, "" for none.
func (l *Line) Why() string {
	if l.Error != nil && *l.Error != "" {
		return runner.Plain(*l.Error)
	}
	return runner.Plain(strings.Join(l.Caught, ", "))
}

// Result returns what a line says of its job.
func (l *Line) Result() runner.Result {
	why := l.Why()
	switch {
	case l.OK:
		return runner.Done(why)
	case l.ReadOnly:
		return runner.HoldDB("the wiki is read-only" + runner.With(why))
	case l.Permanent:
		if why == "" {
			why = "the wiki cannot make a job of this"
		}
		return runner.Permanent(why + ". It would end the same way again: correct the cause on the wiki, then retry")
	case l.Retry != nil && !*l.Retry:
		return runner.Done("not retried, since the job's class forbids it" + runner.With(why))
	case why == "":
		why = "the job did not succeed and gave no reason: it returned false"
	}
	res := runner.Failed(why)
	if len(l.Caught) > 0 {
		res.Class = runner.ClassException + runner.Plain(l.Caught[0])
	}
	return res
}

// Reach says which of the jobs without a line a verdict speaks of.
type Reach uint8

// The reaches.
const (
	None  Reach = iota // they have no result
	All                // all of them
	First              // the one that was next
)

// Rest judges the jobs that have no line when this last line came. results is how many have one. Jobs
// that the wiki left for want of time or memory go back to their place, but a request that brought
// nothing at all has to count, else it would be repeated for ever.
func (l *Line) Rest(results int) (Reach, runner.Result) {
	said := runner.With(runner.Plain(l.Reason))
	switch l.Stopped {
	case StoppedReadOnly:
		return All, runner.HoldDB("the wiki became read-only" + said)
	case StoppedLag:
		return All, runner.HoldDB("the replicas of the wiki's database lag behind" + said)
	case StoppedDatabase:
		return All, runner.HoldDB("the wiki has lost the connection to its database" + said)
	case StoppedRequest:
		return First, runner.Permanent("the wiki cannot read this job" + said + ". Push it anew")
	case "":
		return First, runner.Failed("the wiki ended the request without saying what became of this job")
	}
	if results == 0 {
		return First, runner.Failed("the wiki ran no job of the request for want of " + runner.Quote([]byte(l.Stopped)) + said)
	}
	return None, runner.Result{}
}
