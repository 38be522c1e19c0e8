package dispatch

import (
	"strings"

	"auwai/internal/jobqueue"
	"auwai/internal/runner"
)

// judge applies a queue's retry_on and ignore to a failure. A class that is ignored counts as done, one
// that is not retried is dead at once. A failure that the runner calls permanent is retried only where
// the configuration names its very class.
func (q *QueuePolicy) judge(r runner.Result) runner.Result {
	if r.Outcome != jobqueue.OutcomeFailed && r.Outcome != jobqueue.OutcomePermanent {
		return r
	}
	class := r.Class
	if class == "" {
		class = runner.ClassError
	}
	permanent := r.Outcome == jobqueue.OutcomePermanent
	switch {
	case matches(q.Ignore, class):
		r.Outcome = jobqueue.OutcomeDone
		r.Error = "ignored, as the queue's configuration says (" + class + "): " + r.Error
	case permanent && class != runner.ClassError && matches(specific(q.RetryOn), class):
		r.Outcome = jobqueue.OutcomeFailed
	case !permanent && q.RetryOn != nil && !matches(q.RetryOn, class):
		r.Outcome = jobqueue.OutcomePermanent
		r.Error += "; not retried, since " + class + " is not in the queue's retry_on"
	}
	return r
}

// matches reports whether a class of failure is in a list. The word error stands for whatever the target
// itself reported: all but a time-out, a connection that broke, and a crash. An exception may be named
// without its namespace, and is a status 500 too, as which EventBus answers it.
func matches(list []string, class string) bool {
	exception, threw := strings.CutPrefix(class, runner.ClassException)
	if threw && matches(list, "500") {
		return true
	}
	for _, word := range list {
		named, isException := strings.CutPrefix(word, runner.ClassException)
		switch {
		case word == class, threw && isException && strings.HasSuffix(exception, `\`+named):
			return true
		case word == runner.ClassError:
			if class != runner.ClassTimeout && class != runner.ClassConnection && class != runner.ClassCrash {
				return true
			}
		case len(word) == 3 && len(class) == 3 && strings.HasSuffix(word, "xx") && word[0] == class[0]:
			return true
		}
	}
	return false
}

// specific returns the words that name a class and not any failure.
func specific(list []string) []string {
	var out []string
	for _, word := range list {
		if word != runner.ClassError {
			out = append(out, word)
		}
	}
	return out
}
