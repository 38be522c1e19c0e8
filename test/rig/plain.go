package rig

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Plain runs a script on the wiki as it was before it had the extension: its jobs go to its own queue,
// where nobody runs them. It returns what the script writes to standard output.
func (w *Wiki) Plain(ctx context.Context, in io.Reader, script string, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, "php", append([]string{script, "--wiki=" + w.Name}, args...)...)
	command.Env = append(os.Environ(), "MW_INSTALL_PATH="+mediaWikiRoot, "MW_CONFIG_FILE="+w.farm.settingsFile(), "RIG_PLAIN=1")
	return filter(command, in)
}

// Core runs one of MediaWiki's own maintenance scripts on the wiki, and returns what it writes.
func (w *Wiki) Core(ctx context.Context, script string, args ...string) (string, error) {
	return w.output(ctx, []string{"MW_CONFIG_FILE=" + w.farm.settingsFile()},
		filepath.Join(mediaWikiRoot, "maintenance", script+".php"), append([]string{"--wiki=" + w.Name}, args...)...)
}

// EditPlain writes a page in this way.
func (w *Wiki) EditPlain(ctx context.Context, title, text string) error {
	_, err := w.Plain(ctx, strings.NewReader(text), mediaWikiRoot+"/maintenance/edit.php", "--user="+EditorName, title)
	return err
}

// DumpJobs returns the dump of the database of the wiki's own queue.
func (w *Wiki) DumpJobs(ctx context.Context) ([]byte, error) {
	return filter(exec.CommandContext(ctx, "sqlite3", filepath.Join(w.dataDir, w.Name+"_jobqueue.sqlite"), ".dump"), nil)
}

// CLI runs a command of the service's binary against the service. It returns what the command writes
// to standard output.
func (s *Service) CLI(ctx context.Context, in io.Reader, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, s.binary, args...)
	command.Env = append(os.Environ(), "AUWAI_SERVER="+s.URL())
	command.Dir = filepath.Dir(s.configFile)
	return filter(command, in)
}

// filter runs a command; what it complains of is in the error if it fails.
func filter(command *exec.Cmd, in io.Reader) ([]byte, error) {
	var complaints bytes.Buffer
	command.Stdin, command.Stderr = in, &complaints
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	out, err := command.Output()
	if err != nil {
		return out, fmt.Errorf("%s: %w\n%s", strings.Join(command.Args, " "), err, lastLines(strings.TrimSpace(complaints.String()), 12))
	}
	return out, nil
}
