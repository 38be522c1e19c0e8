package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// MediaWikiPackages returns the Debian packages that a farm needs beyond Go. micro-httpd and
// php8.2-cgi start nothing: they only satisfy "a web server" and "a PHP of a web server" without
// bringing Apache.
func MediaWikiPackages() []string {
	return []string{
		"mediawiki", "micro-httpd", "php8.2-cgi", "php-cli", "php-sqlite3", "sqlite3", "php-mbstring",
		"php-xml", "php-intl", "php-curl", "php-apcu",
	}
}

// VarnishPackages returns what the cache in front of a farm needs (its C compiler comes with it).
func VarnishPackages() []string { return []string{"varnish"} }

// PHPUnitPackages returns what the tests of the MediaWiki extension need beyond MediaWiki.
func PHPUnitPackages() []string { return []string{"phpunit", "curl"} }

// ActivationPackages returns what holds a listening socket while the service restarts.
func ActivationPackages() []string { return []string{"systemd"} }

// BrowserPackages returns what looks at pages: a browser, and letters for it.
func BrowserPackages() []string { return []string{"chromium", "fonts-dejavu-core"} }

// InstallError says which packages could not be installed, what the installer last said, and what
// a person can type.
type InstallError struct {
	Packages []string
	Output   string
	cause    error
}

// Error returns the whole story in a few lines.
func (e *InstallError) Error() string {
	text := fmt.Sprintf("install Debian packages: %v\n  needed: %s\n  by hand: %s",
		e.cause, strings.Join(e.Packages, " "), installCommand(e.Packages))
	if e.Output != "" {
		text += "\n  the installer's last words:\n    " + strings.ReplaceAll(e.Output, "\n", "\n    ")
	}
	return text
}

// Unwrap returns the cause.
func (e *InstallError) Unwrap() error { return e.cause }

// Missing returns those of the packages that are not installed, in their order.
func Missing(ctx context.Context, packages []string) ([]string, error) {
	if _, err := exec.LookPath("dpkg-query"); err != nil {
		return nil, &InstallError{Packages: packages, cause: errors.New("this is not a Debian system")}
	}
	args := append([]string{"-W", "-f", "${Package} ${db:Status-Status}\n"}, packages...)
	out, err := exec.CommandContext(ctx, "dpkg-query", args...).Output()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return nil, fmt.Errorf("ask dpkg: %w", err) // exit status 1 only says that some are unknown
	}
	installed := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		name, status, _ := strings.Cut(strings.TrimSpace(line), " ")
		installed[name] = installed[name] || status == "installed"
	}
	var missing []string
	for _, name := range packages {
		if !installed[name] {
			missing = append(missing, name)
		}
	}
	return missing, nil
}

// Install installs the packages with apt-get, without recommended ones and without starting any
// daemon. The package index is fetched only when apt does not know a package or cannot download
// it. The installer's output goes to log. It needs root, and says what to type otherwise.
func Install(ctx context.Context, log io.Writer, packages []string) (err error) {
	if len(packages) == 0 {
		return nil
	}
	if os.Geteuid() != 0 {
		return &InstallError{Packages: packages, cause: errors.New("this needs root")}
	}
	restore, err := forbidDaemons()
	if err != nil {
		return &InstallError{Packages: packages, cause: err}
	}
	defer func() { err = errors.Join(err, restore()) }()
	if _, err := apt(ctx, log, installArgs(packages)...); err == nil {
		return nil
	}
	out, err := apt(ctx, log, "update")
	if err != nil {
		return &InstallError{Packages: packages, Output: lastLines(out, 8), cause: fmt.Errorf("apt-get update: %w", err)}
	}
	out, err = apt(ctx, log, installArgs(packages)...)
	if err != nil {
		return &InstallError{Packages: packages, Output: lastLines(out, 8), cause: fmt.Errorf("apt-get install: %w", err)}
	}
	return nil
}

// Ensure installs what is missing of the packages, after saying so on log.
func Ensure(ctx context.Context, log io.Writer, packages []string) error {
	missing, err := Missing(ctx, packages)
	if err != nil || len(missing) == 0 {
		return err
	}
	if _, err := fmt.Fprintf(log, "installing Debian packages: %s\n", strings.Join(missing, " ")); err != nil {
		return fmt.Errorf("announce packages: %w", err)
	}
	return Install(ctx, log, missing)
}

func installArgs(packages []string) []string {
	return append([]string{"install", "--yes", "--no-install-recommends"}, packages...)
}

func installCommand(packages []string) string {
	return "apt-get update && apt-get " + strings.Join(installArgs(packages), " ")
}

// apt runs apt-get, waiting for another installer's lock, never asking a question.
func apt(ctx context.Context, log io.Writer, args ...string) (string, error) {
	var out strings.Builder
	command := exec.CommandContext(ctx, "apt-get", append([]string{"-q", "-o", "DPkg::Lock::Timeout=180"}, args...)...)
	command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	command.Stdout = io.MultiWriter(&out, log)
	command.Stderr = command.Stdout
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 30 * time.Second // dpkg must not be killed in the middle of a package
	err := command.Run()
	return out.String(), err
}

// policyFile is asked by Debian's package scripts before they start or restart a daemon.
const policyFile = "/usr/sbin/policy-rc.d"

// forbidDaemons makes package scripts start nothing and returns how to put things back.
func forbidDaemons() (restore func() error, err error) {
	old, err := os.ReadFile(policyFile)
	switch {
	case err == nil:
		info, err := os.Stat(policyFile)
		if err != nil {
			return nil, fmt.Errorf("forbid daemons: %w", err)
		}
		restore = func() error { return writeFileMode(policyFile, old, info.Mode().Perm()) }
	case errors.Is(err, os.ErrNotExist):
		restore = func() error { return os.Remove(policyFile) }
	default:
		return nil, fmt.Errorf("forbid daemons: %w", err)
	}
	if err := writeFileMode(policyFile, []byte("#!/bin/sh\nexit 101\n"), 0o755); err != nil {
		return nil, fmt.Errorf("forbid daemons: %w", err)
	}
	return restore, nil
}

// writeFileMode replaces a file's content and mode.
func writeFileMode(name string, content []byte, mode os.FileMode) error {
	if err := os.WriteFile(name, content, mode); err != nil {
		return err
	}
	return os.Chmod(name, mode)
}

// lastLines returns the last n lines of text.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
