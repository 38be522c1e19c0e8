//go:build !linux

package cmdrunner

import "os/exec"

// start starts the leader. exited is closed when it has ended and its output is read; reap returns how
// it ended.
func start(cmd *exec.Cmd) (exited <-chan struct{}, reap func() error, err error) {
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	done := make(chan struct{})
	var ended error
	go func() {
		defer close(done)
		ended = cmd.Wait()
	}()
	return done, func() error { <-done; return ended }, nil
}
