package cli

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"auwai/client"
	"auwai/internal/config"
	"auwai/internal/fault"
)

// The exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// usageError says that the command line is wrong.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usage(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// errSilent ends with exit code 1 after the command has said why.
var errSilent = errors.New("the command has said why")

// report shows an error and returns the exit code.
func (a *app) report(c *cobra.Command, err error) int {
	if errors.Is(err, errSilent) {
		return exitFailed
	}
	if u, ok := errors.AsType[*usageError](err); ok {
		fmt.Fprintf(a.stderr, "%s: %s\nSee: %s --help\n", c.CommandPath(), u.text, c.CommandPath())
		return exitUsage
	}
	if f, ok := errors.AsType[*config.FaultsError](err); ok {
		showFaults(a.stderr, f)
		return exitFailed
	}
	fmt.Fprintf(a.stderr, "%s: %s\n", c.CommandPath(), a.words(err))
	if remedy := a.remedy(err); remedy != "" {
		fmt.Fprintf(a.stderr, "%s\n", remedy)
	}
	return exitFailed
}

func showFaults(w io.Writer, f *config.FaultsError) {
	fmt.Fprintln(w, f.Error())
	switch n := len(f.Faults); n {
	case 1:
		fmt.Fprintln(w, "\n1 fault")
	default:
		fmt.Fprintf(w, "\n%d faults\n", n)
	}
}

// badValue is how the reader of flags says that a value is wrong.
const badValue = `^invalid argument "(.*)" for "(?:-\w, )?--([\w-]+)" flag: `

// flagError puts a flag that cannot be read into words.
func flagError(c *cobra.Command, err error) error {
	m := regexp.MustCompile(badValue).FindStringSubmatch(err.Error())
	if m == nil {
		return usage("%s", err)
	}
	expected := "another value"
	switch flag := c.Flags().Lookup(m[2]); {
	case flag == nil:
	case flag.Value.Type() == "duration":
		expected = "a duration such as 500ms, 11s or 1h30m"
	case flag.Value.Type() == "int":
		expected = "a whole number"
	case flag.Value.Type() == "bool":
		expected = "true or false"
	}
	return usage("--%s is %q; %s is expected", m[2], oneLine(m[1], 80), expected)
}

// flagFault makes a wrong option, which what does the work has found, an error of the flag of its name.
func flagFault(c *cobra.Command, err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind == fault.Invalid && c.Flags().Lookup(f.Field) != nil {
		return usage("--%s %s", f.Field, f.Text)
	}
	return err
}

// words is the text of an error; a connection that failed is told without its inner parts.
func (a *app) words(err error) string {
	request, ok := errors.AsType[*url.Error](err)
	if !ok {
		return err.Error()
	}
	cause, ok := errors.AsType[syscall.Errno](request)
	if !ok {
		return err.Error()
	}
	return strings.Replace(err.Error(), request.Error(), "no connection to "+a.server+": "+cause.Error(), 1)
}

// remedy says what to do about an error, "" when the error says it.
func (a *app) remedy(err error) string {
	if e, ok := errors.AsType[*client.Error](err); ok && e.Status == http.StatusUnauthorized {
		return "Give the service's token by --token-file or AUWAI_TOKEN; whoever runs the service makes one: auwai tokens new"
	}
	if _, ok := errors.AsType[*url.Error](err); !ok {
		return ""
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return "Is the service running there? Name it by --server or AUWAI_SERVER, or start it: auwai serve"
	}
	return ""
}
