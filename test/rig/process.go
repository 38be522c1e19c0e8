package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// Command describes a child process.
type Command struct {
	Name string   // for messages and for the log's file name
	Path string   // the program
	Args []string // without the program's name
	Env  []string // added to this process's environment
	Dir  string   // its working directory; empty: this process's
	Log  string   // file that gets its output, appended

	// Forks says that the program starts workers which would outlive it. It then runs beneath a
	// shell that kills the whole group when this process is gone.
	Forks bool
}

// lifeline runs a program and, when its own input ends because the owner died, kills the group.
// When the program ends by itself, so does the shell.
const lifeline = `("$@"; kill -TERM $$) & read -r never; kill -KILL 0`

// Process is a running child in a process group of its own. All methods may be called
// concurrently.
type Process struct {
	command Command
	pid     int
	done    chan struct{} // closed when the child has ended
	err     error         // how it ended; read after done
}

// StartError says that a process did not come up, with the tail of its log.
type StartError struct {
	Name, Log, Tail string
	cause           error
}

// Error names the process, the cause, the log file and its last lines.
func (e *StartError) Error() string {
	text := fmt.Sprintf("start %s: %v (log: %s)", e.Name, e.cause, e.Log)
	if e.Tail != "" {
		text += "\n" + e.Tail
	}
	return text
}

// Unwrap returns the cause.
func (e *StartError) Unwrap() error { return e.cause }

// Start starts the child. It dies with this process, even if this process is killed: its parent
// is an operating system thread that lives as long as the child, because the kernel's
// parent-death signal follows the thread and not the process.
func Start(command Command) (*Process, error) {
	if err := os.MkdirAll(filepath.Dir(command.Log), 0o755); err != nil {
		return nil, fmt.Errorf("start %s: %w", command.Name, err)
	}
	log, err := os.OpenFile(command.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", command.Name, err)
	}
	child, err := command.build(log)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", command.Name, err), log.Close())
	}
	process := &Process{command: command, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := child.Start()
		_ = log.Close() // the child has its own copy
		if err == nil {
			process.pid = child.Process.Pid
		}
		started <- err
		if err == nil {
			process.err = child.Wait()
		}
		close(process.done)
	}()
	if err := <-started; err != nil {
		return nil, &StartError{Name: command.Name, Log: command.Log, cause: err}
	}
	return process, nil
}

// build makes the child, not yet started.
func (c Command) build(log *os.File) (*exec.Cmd, error) {
	path, args, deathSignal := c.Path, c.Args, syscall.SIGKILL
	if c.Forks {
		path, args = "/bin/sh", append([]string{"-c", lifeline, "sh", c.Path}, c.Args...)
		deathSignal = 0
	}
	// Its life is the Process's, not a request's.
	child := exec.CommandContext(context.Background(), path, args...)
	child.Env = append(os.Environ(), c.Env...)
	child.Dir = c.Dir
	child.Stdout, child.Stderr = log, log
	child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: deathSignal}
	if c.Forks {
		// Nobody writes into it: its end, which the kernel brings about, is the message.
		if _, err := child.StdinPipe(); err != nil {
			return nil, err
		}
	}
	return child, nil
}

// Pid returns the child's process id.
func (p *Process) Pid() int { return p.pid }

// Done is closed when the child has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Running reports whether the child has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Err returns how the child ended: nil for exit status 0. Call it after Done.
func (p *Process) Err() error { return p.err }

// Signal sends a signal to the child alone. A child that has ended is not an error.
func (p *Process) Signal(signal syscall.Signal) error {
	if !p.Running() {
		return nil
	}
	if err := syscall.Kill(p.pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal %s: %w", p.command.Name, err)
	}
	return nil
}

// Wait waits for the child's end and returns how it ended.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return fmt.Errorf("wait for the end of %s: %w", p.command.Name, context.Cause(ctx))
	}
}

// Kill ends the child and its whole process group at once and waits for the child.
func (p *Process) Kill() {
	_ = syscall.Kill(-p.pid, syscall.SIGKILL) // ESRCH: the group is gone already
	<-p.done
}

// Stop asks the child to end (SIGTERM), waits at most grace, then kills the group. It returns how
// the child ended.
func (p *Process) Stop(grace time.Duration) error {
	err := p.Signal(syscall.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
		err = errors.Join(err, p.err)
	case <-timer.C:
		err = errors.Join(err, fmt.Errorf("%s did not end within %s", p.command.Name, grace))
	}
	p.Kill() // what it left in its group goes with it
	return err
}

// awaitReady waits until check says true; a child that ends before is a StartError.
func (p *Process) awaitReady(ctx context.Context, limit time.Duration, check func(context.Context) bool) error {
	err := UntilIn(ctx, limit, p.command.Name+" to be ready", func(ctx context.Context) (bool, string, error) {
		if !p.Running() {
			return false, "", fmt.Errorf("it ended: %w", cmpErr(p.err, errors.New("exit status 0")))
		}
		return check(ctx), "not answering", nil
	})
	if err == nil {
		return nil
	}
	tail := "(no log)"
	if text, readErr := os.ReadFile(p.command.Log); readErr == nil {
		tail = lastLines(string(text), 12)
	}
	p.Kill()
	return &StartError{Name: p.command.Name, Log: p.command.Log, Tail: tail, cause: err}
}

func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}
