package node

import (
	"time"

	"golang.org/x/sys/unix"
)

// mono reads a clock that counts the time in which the machine was suspended. Go's own monotonic
// clock does not: a node would trust itself for hours after a laptop or a virtual machine slept.
func mono() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic("node: CLOCK_BOOTTIME: " + err.Error()) // part of Linux since 2.6.39
	}
	return time.Duration(ts.Nano())
}
