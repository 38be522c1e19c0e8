package cmdrunner

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"syscall"
	"time"
)

// process is one run of a command.
type process struct {
	argv      []string
	env       []string
	input     []byte
	out       *output
	killAfter time.Duration
}

// run starts the command and returns when nothing of its group lives: nil when the leader ended with
// status 0. When ctx ends, the group is ended.
func (p *process) run(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	// The end of ctx is looked after here: the whole group has to be told, in two steps.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), p.argv[0], p.argv[1:]...)
	cmd.Env, cmd.Stdin, cmd.WaitDelay = p.env, bytes.NewReader(p.input), outputGrace
	cmd.Stdout, cmd.Stderr = p.out.stdout(), p.out.stderr()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	exited, reap, err := start(cmd)
	if err != nil {
		return err
	}
	group := -cmd.Process.Pid
	select {
	case <-exited:
	case <-ctx.Done():
		// An error says that there is nobody left to be told.
		_ = syscall.Kill(group, syscall.SIGTERM)
		timer := time.NewTimer(p.killAfter)
		select {
		case <-exited:
		case <-timer.C:
			_ = syscall.Kill(group, syscall.SIGKILL)
			<-exited
		}
		timer.Stop()
	}
	_ = syscall.Kill(group, syscall.SIGKILL)
	err = reap()
	p.out.endLine()
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil // the leader ended with 0; what left the group still holds the output
	}
	return err
}
