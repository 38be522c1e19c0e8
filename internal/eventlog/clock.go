package eventlog

import (
	"time"

	"auwai/internal/partition"
)

// believeAfter is how long the wall clock must differ from the steady one to be believed.
const believeAfter = time.Hour

// steadyClock is the wall clock without its jumps, for retention: a clock that is set to another
// century by mistake must not expire everything that is kept, nor stop expiry. A difference of more
// than a minute is believed when it has lasted an hour, which is a clock that was put right.
type steadyClock struct {
	offset time.Duration // between the wall clock, since 1970, and the monotonic one
	since  time.Duration // when the difference was first seen, on the monotonic clock
	off    bool
}

func newSteadyClock(now partition.Now) steadyClock {
	return steadyClock{offset: wallOffset(now)}
}

func wallOffset(now partition.Now) time.Duration {
	return time.Duration(now.Wall.UnixNano()) - now.Mono
}

func (c *steadyClock) now(now partition.Now) time.Time {
	diff := (wallOffset(now) - c.offset).Abs()
	switch {
	case diff <= time.Minute:
		c.offset, c.off = wallOffset(now), false
	case !c.off:
		c.off, c.since = true, now.Mono
	case now.Mono-c.since >= believeAfter:
		c.offset, c.off = wallOffset(now), false
	}
	return time.Unix(0, int64(c.offset+now.Mono)).UTC()
}
