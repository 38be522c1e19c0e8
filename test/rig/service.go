package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Bounds of the service's own promises.
const (
	readyWithin = 30 * time.Second // from the start of the process to /readyz
	stopWithin  = 45 * time.Second // the default drain is 30 s
)

// Build builds the auwai binary of this checkout into a folder and returns its path.
func Build(ctx context.Context, dir string) (string, error) {
	root, err := ModuleRoot()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "auwai")
	command := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/auwai")
	command.Dir = root
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build auwai: %w\n%s", err, lastLines(string(out), 20))
	}
	return binary, nil
}

// ModuleRoot returns the folder of this checkout: the nearest one above the working directory that
// has a go.mod.
func ModuleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the checkout: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("find the checkout: no go.mod above the working directory")
		}
		dir = parent
	}
}

// Service is the auwai process, over its restarts. The embedded Admin speaks to it. Start, Stop and
// Kill are for one goroutine at a time.
type Service struct {
	*Admin
	binary     string
	configFile string
	logFile    string
	pidFile    string
	sockets    []string // that a holder opens
	held       bool
	process    *Process // the service, or the holder of its socket
}

// NewService writes the configuration into dir; nothing is started. An empty Listen becomes a free
// port of the loopback address.
func NewService(binary, dir string, config ServiceConfig) (*Service, error) {
	if config.Listen == "" {
		port, err := FreePort()
		if err != nil {
			return nil, err
		}
		config.Listen = "127.0.0.1:" + strconv.Itoa(port)
	}
	service := &Service{
		Admin:      NewAdmin("http://" + config.Listen),
		binary:     binary,
		configFile: filepath.Join(dir, "auwai.yaml"),
		logFile:    filepath.Join(dir, "logs", "auwai.log"),
		pidFile:    filepath.Join(dir, "auwai.pid"),
		sockets:    []string{config.Listen},
	}
	if config.CDN != nil && config.CDN.PurgeListen != "" {
		service.sockets = append(service.sockets, config.CDN.PurgeListen)
	}
	if err := config.write(service.configFile); err != nil {
		return nil, err
	}
	return service, nil
}

// LogFile returns the file with the service's output.
func (s *Service) LogFile() string { return s.logFile }

// Complaints returns what the service logged as errors: in none of the situations that the tests
// make does anybody have to act.
func (s *Service) Complaints() ([]string, error) {
	text, err := os.ReadFile(s.logFile)
	if err != nil {
		return nil, fmt.Errorf("log of the service: %w", err)
	}
	var complaints []string
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "level=ERROR") || strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") {
			complaints = append(complaints, strings.TrimSpace(line))
		}
	}
	return complaints, nil
}

// ConfigFile returns the file with the service's configuration.
func (s *Service) ConfigFile() string { return s.configFile }

func (s *Service) arguments() []string { return []string{"serve", "--config", s.configFile} }

// Start starts the service, which opens its own socket, and waits until it is ready.
func (s *Service) Start(ctx context.Context) error {
	if listening(ctx, s.Address()) {
		return &StartError{Name: "auwai", Log: s.logFile, cause: portTaken(s.Address())}
	}
	process, err := Start(Command{Name: "auwai", Path: s.binary, Args: s.arguments(), Log: s.logFile})
	if err != nil {
		return err
	}
	s.process, s.held = process, false
	return process.awaitReady(ctx, readyWithin, s.Ready)
}

// holderLoop runs the service again and again beneath the process that owns the socket, as systemd
// does: it hands the inherited socket to each one by the LISTEN_ variables, which name the process
// they are meant for. $1 is where the current process id is written.
const holderLoop = `pidfile=$1; shift
while :; do
	sh -c 'pidfile=$1; shift; echo $$ >"$pidfile.new"; mv "$pidfile.new" "$pidfile"; LISTEN_PID=$$ exec "$@"' sh "$pidfile" "$@" ||
		sleep 0.1
done`

// StartHeld starts the service beneath systemd-socket-activate, which opens the sockets and keeps them
// while the service is restarted, and waits until it is ready.
func (s *Service) StartHeld(ctx context.Context) error {
	if listening(ctx, s.Address()) {
		return &StartError{Name: "systemd-socket-activate", Log: s.logFile, cause: portTaken(s.Address())}
	}
	var args []string
	for _, address := range s.sockets {
		args = append(args, "-l", address)
	}
	args = append(args, "/bin/sh", "-c", holderLoop, "sh", s.pidFile, s.binary)
	args = append(args, s.arguments()...)
	process, err := Start(Command{
		Name: "systemd-socket-activate", Path: "systemd-socket-activate", Args: args, Log: s.logFile, Forks: true,
	})
	if err != nil {
		return err
	}
	s.process, s.held = process, true
	return process.awaitReady(ctx, readyWithin, s.Ready)
}

// Pid returns the id of the service's present process.
func (s *Service) Pid() (int, error) {
	if !s.held {
		return s.process.Pid(), nil
	}
	text, err := os.ReadFile(s.pidFile)
	if err != nil {
		return 0, fmt.Errorf("pid of the service: %w", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("pid of the service: %w", err)
	}
	return pid, nil
}

// RestartHeld asks a held service to end (SIGTERM) and waits until its successor is ready.
func (s *Service) RestartHeld(ctx context.Context) error {
	old, err := s.Pid()
	if err != nil {
		return err
	}
	if err := syscall.Kill(old, syscall.SIGTERM); err != nil {
		return fmt.Errorf("restart the service: %w", err)
	}
	err = UntilIn(ctx, stopWithin, "the service's successor", func(context.Context) (bool, string, error) {
		pid, err := s.Pid()
		return pid != old, fmt.Sprintf("process %d", pid), err
	})
	if err != nil {
		return err
	}
	return s.AwaitReady(ctx)
}

// AwaitReady waits until the running service is ready.
func (s *Service) AwaitReady(ctx context.Context) error {
	return s.process.awaitReady(ctx, readyWithin, s.Ready)
}

// Stop asks the service to end in an orderly way and reports how it ended: nil is exit status 0.
func (s *Service) Stop() error {
	if s.process == nil {
		return nil
	}
	if s.held {
		s.process.Kill()
		return nil
	}
	if err := s.process.Stop(stopWithin); err != nil {
		return fmt.Errorf("stop auwai (log: %s): %w", s.logFile, err)
	}
	return nil
}

// Kill ends the service at once, as SIGKILL or a lost machine would.
func (s *Service) Kill() {
	if s.process != nil {
		s.process.Kill()
	}
}

// Running reports whether the process lives.
func (s *Service) Running() bool { return s.process != nil && s.process.Running() }

// Ended is closed when the present process has ended.
func (s *Service) Ended() <-chan struct{} { return s.process.Done() }
