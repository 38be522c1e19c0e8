package testenv

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// startLimit bounds the start of one server, a Galera state transfer included.
const startLimit = 90 * time.Second

// stopLimit bounds an orderly stop; a server that takes longer is killed.
const stopLimit = 20 * time.Second

// keptLines is how much of a server's log is kept for error messages.
const keptLines = 60

// process is one running server program. Its methods are safe for concurrent use.
type process struct {
	name string
	cmd  *exec.Cmd
	log  *logTail
	done chan struct{} // closed when the program has ended and its log is read
}

// command describes a program to start.
type command struct {
	name  string
	path  string
	args  []string
	env   []string
	cred  *syscall.Credential
	ready []string // the log lines, by a part of each, after all of which the server is ready
}

// start starts the program and returns when it is ready, has ended, or ctx ends.
func start(ctx context.Context, c command) (*process, error) {
	p, err := spawn(ctx, c)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	select {
	case <-p.log.ready:
		return p, nil
	case <-p.done:
		return nil, fmt.Errorf("%s ended at its start: %w", c.name, p.failure())
	case <-ctx.Done():
		p.kill()
		return nil, fmt.Errorf("%s is not ready: %w: %w", c.name, ctx.Err(), p.failure())
	}
}

// run runs a program to its end.
func run(ctx context.Context, c command) error {
	p, err := spawn(ctx, c)
	if err != nil {
		return err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		p.kill()
		return fmt.Errorf("%s: %w", c.name, ctx.Err())
	}
	if !p.cmd.ProcessState.Success() {
		return fmt.Errorf("%s failed: %w", c.name, p.failure())
	}
	return nil
}

// spawn starts the program. It outlives ctx: its end is the caller's business.
func spawn(ctx context.Context, c command) (*process, error) {
	reader, writer := io.Pipe()
	cmd := exec.CommandContext(context.WithoutCancel(ctx), c.path, c.args...)
	cmd.Env = append(cmd.Environ(), c.env...)
	cmd.Stdout, cmd.Stderr = writer, writer
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:    true,
		Pdeathsig:  syscall.SIGKILL,
		Credential: c.cred,
	}
	// A killed server's children may hold the log open; nobody waits for them longer than this.
	cmd.WaitDelay = 2 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	p := &process{name: c.name, cmd: cmd, log: newLogTail(c.ready), done: make(chan struct{})}
	logRead := make(chan struct{})
	go func() {
		defer close(logRead)
		p.log.read(reader)
	}()
	go func() {
		defer close(p.done)
		waitErr := cmd.Wait()
		p.log.add(fmt.Sprintf("[%s ended: %v]", c.name, waitErr))
		_ = writer.Close() // a pipe's Close never fails
		<-logRead
	}()
	return p, nil
}

// failure returns the tail of the log as an error.
func (p *process) failure() error { return errors.New(p.log.String()) }

// kill sends SIGKILL to the process group and waits for the end.
func (p *process) kill() {
	p.signalGroup(syscall.SIGKILL)
	<-p.done
}

// stop asks the server to end, and kills it when it does not.
func (p *process) stop(signal syscall.Signal) {
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.log.add(fmt.Sprintf("[signal %v: %v]", signal, err))
	}
	timer := time.NewTimer(stopLimit)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.kill()
	}
}

func (p *process) signalGroup(signal syscall.Signal) {
	// ESRCH means that the group has ended, which is what is wanted.
	if err := syscall.Kill(-p.cmd.Process.Pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		p.log.add(fmt.Sprintf("[signal %v to the group: %v]", signal, err))
	}
}

// logTail keeps the last lines of a log and watches for the ones that mean "ready".
type logTail struct {
	ready chan struct{} // closed after every awaited line was seen

	mu      sync.Mutex
	lines   []string // Guarded by mu.
	awaited []string // Guarded by mu: the parts not seen yet.
}

func newLogTail(awaited []string) *logTail {
	return &logTail{ready: make(chan struct{}), awaited: append([]string(nil), awaited...)}
}

func (t *logTail) read(r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		t.add(lines.Text())
	}
	// The rest of an overlong line is drained, so that the server is never blocked by its log.
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.add("[log: " + err.Error() + "]")
	}
}

func (t *logTail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, line)
	if len(t.lines) > keptLines {
		t.lines = t.lines[1:]
	}
	if len(t.awaited) == 0 {
		return
	}
	rest := t.awaited[:0]
	for _, part := range t.awaited {
		if !strings.Contains(line, part) {
			rest = append(rest, part)
		}
	}
	t.awaited = rest
	if len(rest) == 0 {
		close(t.ready)
	}
}

// String returns the kept lines.
func (t *logTail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}
