package stock

import "time"

const (
	// settle is the delay from a hint to the start of its wake-up. MediaWiki sends the packet when the
	// change is saved and writes the jobs at the end of the request, after the answer.
	settle = time.Second
	// recheck is when after the last hint a look is made, for jobs that came later than settle, and for
	// hints that came while a wake-up waited already.
	recheck = 4 * time.Second
	// trust is how long a wake-up that was pushed is believed to wait.
	trust = 10 * time.Minute
	// pushAgain is the wait after a push that failed.
	pushAgain = 5 * time.Second

	// lookAtOnce bounds the looks under way. Most take some 30 ms, so 5,000 wikis are looked at in 5 s;
	// the bound is high since a wiki that does not answer takes lookTime.
	lookAtOnce = 32
	lookTime   = 30 * time.Second
	// pushAtOnce bounds the pushes under way; they are committed together.
	pushAtOnce = 16
	pushTime   = 30 * time.Second

	// maxTime is how long a request starts further jobs: what PHP allows a request as it is delivered.
	// The wiki's share of the node is dealt out anew after it.
	maxTime = 30 * time.Second
)
