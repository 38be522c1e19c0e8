package cmdrunner

import (
	"bytes"
	"strings"
	"sync"
)

// output keeps the end of what a command writes, and reads its reports. Its writers are used by one
// goroutine each; text and last are read after the process has ended.
type output struct {
	onReport func(Report)

	mu   sync.Mutex
	tail []byte // Guarded by mu.
	line []byte // of stdout, not complete yet. Used by the goroutine of stdout only.
	long bool   // the line has become longer than maxLine: it is no report
	last Report // of stdout
}

// stdout returns the writer of stdout, stderr that of stderr.
func (o *output) stdout() *stdout { return &stdout{o} }
func (o *output) stderr() *stderr { return &stderr{o} }

type (
	stdout struct{ *output }
	stderr struct{ *output }
)

// Write implements io.Writer.
func (o *stderr) Write(p []byte) (int, error) {
	o.keep(p)
	return len(p), nil
}

// Write implements io.Writer.
func (o *stdout) Write(p []byte) (int, error) {
	o.keep(p)
	for rest := p; len(rest) > 0; {
		before, after, complete := bytes.Cut(rest, []byte("\n"))
		if o.long = o.long || len(o.line)+len(before) > maxLine; !o.long {
			o.line = append(o.line, before...)
		}
		if complete {
			o.endLine()
		}
		rest = after
	}
	return len(p), nil
}

// endLine takes the line as a report when it is one. The end of the stream ends a line too.
func (o *output) endLine() {
	if r, ok := readReport(o.line); ok && !o.long {
		o.last = r
		o.onReport(r)
	}
	o.line, o.long = o.line[:0], false
}

// keep adds to the tail. It is cut when it has twice its size, so that a byte is moved once at most.
func (o *output) keep(p []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(p) > MaxOutput {
		p = p[len(p)-MaxOutput:]
	}
	if len(o.tail)+len(p) > 2*MaxOutput {
		o.tail = append(o.tail[:0], o.tail[len(o.tail)-MaxOutput:]...)
	}
	o.tail = append(o.tail, p...)
}

// text returns the kept output as text.
func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.ToValidUTF8(string(o.tail[max(0, len(o.tail)-MaxOutput):]), "\uFFFD")
}
