package phppool

import (
	"errors"
	"os"
	"strings"
	"sync"
	"syscall"
	"unicode/utf8"

	"auwai/internal/runner"
)

const (
	markByte = 0x1e // begins a mark; ends with a line feed, digits between
	maxMark  = 8    // bytes of a mark
	noJob    = -1   // what was written before the first mark of a request
)

// output keeps the ends of what a worker writes, by the jobs that wrote it. Safe for concurrent use.
type output struct {
	pipe *pipe
	done chan struct{} // closed when all is read

	mu   sync.Mutex
	job  int            // Guarded by mu. That writes now.
	mark []byte         // Guarded by mu. The beginning of one; empty: none
	text map[int][]byte // Guarded by mu. By job, at most twice MaxOutput each
	buf  [8 << 10]byte  // Guarded by mu.
}

func newOutput(f *os.File) *output {
	return &output{pipe: newPipe(f), done: make(chan struct{}), job: noJob, text: map[int][]byte{}}
}

// pump reads until the worker has ended.
func (o *output) pump() {
	defer close(o.done)
	defer o.pipe.close()
	for {
		over := false
		// In one step under the lock, so that take finds what was written before it.
		err := o.pipe.raw.Read(func(fd uintptr) bool {
			o.mu.Lock()
			defer o.mu.Unlock()
			n, err := readRaw(fd, o.buf[:])
			if errors.Is(err, syscall.EAGAIN) {
				return false
			}
			over = n <= 0
			o.add(o.buf[:max(n, 0)])
			return true
		})
		if err != nil { // the worker has ended
			o.mu.Lock()
			o.drain()
			o.mu.Unlock()
			return
		}
		if over {
			return
		}
	}
}

// end has pump read what is left and return.
func (o *output) end() { o.pipe.end() }

// drain reads what is there. mu is held.
func (o *output) drain() {
	for {
		n, err := o.pipe.now(o.buf[:])
		if err != nil {
			return
		}
		o.add(o.buf[:n])
	}
}

// begin forgets the last request.
func (o *output) begin() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drain()
	o.job = noJob
	clear(o.text)
}

// begun returns the last job that had begun, noJob for none.
func (o *output) begun() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drain()
	return o.job
}

// take returns and forgets the end of what a job wrote, valid UTF-8.
func (o *output) take(job int) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drain()
	text := o.text[job]
	delete(o.text, job)
	return strings.ToValidUTF8(string(text[max(0, len(text)-MaxOutput):]), "\uFFFD")
}

// written returns the jobs that wrote anything.
func (o *output) written() []int {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drain()
	jobs := make([]int, 0, len(o.text))
	for job := range o.text {
		jobs = append(jobs, job)
	}
	return jobs
}

// add sorts what was read to the jobs. mu is held.
func (o *output) add(b []byte) {
	for len(b) > 0 {
		if len(o.mark) > 0 {
			b = b[o.more(b[0]):]
			continue
		}
		n := len(b)
		for i, c := range b {
			if c == markByte {
				n = i
				break
			}
		}
		o.keep(b[:n])
		if b = b[n:]; len(b) > 0 {
			o.mark = append(o.mark, markByte)
			b = b[1:]
		}
	}
}

// more adds a byte to a mark that has begun and returns how many of it belonged to it. What turns out
// to be none is text.
func (o *output) more(c byte) int {
	switch {
	case c >= '0' && c <= '9' && len(o.mark) < maxMark:
		o.mark = append(o.mark, c)
		return 1
	case c == '\n' && len(o.mark) > 1:
		o.job = 0
		for _, digit := range o.mark[1:] {
			o.job = 10*o.job + int(digit-'0')
		}
		o.mark = o.mark[:0]
		return 1
	}
	o.keep(o.mark)
	o.mark = o.mark[:0]
	return 0
}

func (o *output) keep(b []byte) {
	if len(b) == 0 {
		return
	}
	text := append(o.text[o.job], b...)
	if len(text) > 2*MaxOutput {
		text = append(text[:0], text[len(text)-MaxOutput:]...)
	}
	o.text[o.job] = text
}

// quoteEnd returns the end of an output as the end of a sentence, nothing for none.
func quoteEnd(text string) string {
	text = runner.Plain(text)
	if text == "" {
		return ""
	}
	if len(text) > maxQuoted {
		at := len(text) - maxQuoted
		for !utf8.RuneStart(text[at]) {
			at++
		}
		text = "…" + text[at:]
	}
	return "; it wrote: " + text
}
