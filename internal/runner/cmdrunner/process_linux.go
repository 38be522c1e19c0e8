package cmdrunner

import (
	"errors"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// start starts the leader. exited is closed when it has ended; it stays a zombie until reap, so that
// its number, which is the group's, is nobody else's meanwhile. reap is to be called by the goroutine
// that called start.
//
// The kernel kills the leader when the thread that started it ends (prctl(2), PR_SET_PDEATHSIG), so
// the goroutine keeps its thread until reap.
func start(cmd *exec.Cmd) (exited <-chan struct{}, reap func() error, err error) {
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	runtime.LockOSThread()
	if err := cmd.Start(); err != nil {
		runtime.UnlockOSThread()
		return nil, nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
			if !errors.Is(err, unix.EINTR) {
				return
			}
		}
	}()
	return done, func() error {
		defer runtime.UnlockOSThread()
		return cmd.Wait()
	}, nil
}
