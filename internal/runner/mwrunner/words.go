package mwrunner

import (
	"auwai/internal/jobqueue"
	"auwai/internal/runner"
)

// The words of package runner, short, since every table of this package is made of them.

func hold(why string) runner.Result      { return runner.Hold(why) }
func holdDB(why string) runner.Result    { return runner.HoldDB(why) }
func failed(why string) runner.Result    { return runner.Failed(why) }
func permanent(why string) runner.Result { return runner.Permanent(why) }

func timedOut(why string) runner.Result { return runner.Classed(failed(why), runner.ClassTimeout) }
func broke(why string) runner.Result    { return runner.Classed(failed(why), runner.ClassConnection) }
func died(why string) runner.Result     { return runner.Classed(failed(why), runner.ClassCrash) }

func quote(body []byte) string            { return runner.Quote(body) }
func plain(text string) string            { return runner.Plain(text) }
func cut(text string) string              { return runner.Cut(text, jobqueue.MaxError) }
func cutAt(text string, limit int) string { return runner.Cut(text, limit) }
func with(words string) string            { return runner.With(words) }
