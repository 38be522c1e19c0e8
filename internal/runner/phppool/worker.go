package phppool

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"auwai/internal/runner"
)

// worker is one PHP process. It is used by one goroutine at a time, the one that has its seat, except
// for kill and wait.
type worker struct {
	pool *Pool
	wiki string
	spec Wiki
	name string // of its cgroup

	cmd     *exec.Cmd
	leaf    *leaf    // its cgroup; nil: none
	in      *os.File // requests
	answers *pipe
	lines   *bufio.Reader // of answers
	out     *output

	started  time.Time
	jobs     int // that it was sent
	failures int // of jobs, in a row
	leaving  bool
	killed   atomic.Bool
	gone     chan struct{} // closed when the process and its group have ended
	exit     error         // of the process; set before gone is closed
}

func newWorker(p *Pool, wiki string, spec Wiki, number uint64) *worker {
	return &worker{pool: p, wiki: wiki, spec: spec, name: "worker-" + strconv.FormatUint(number, 10), gone: make(chan struct{})}
}

// start starts the process.
func (w *worker) start() (err error) {
	var files [6]*os.File // in, answers, output: the ends for reading and for writing
	for i := 0; i < len(files) && err == nil; i += 2 {
		files[i], files[i+1], err = os.Pipe()
	}
	if err == nil {
		w.leaf, err = w.pool.group.add(w.name, w.pool.cfg.MaxMemory+Headroom)
	}
	if err == nil {
		w.in, w.answers, w.out = files[1], newPipe(files[2]), newOutput(files[4])
		w.lines = bufio.NewReaderSize(w.answers, 16<<10)
		w.cmd = exec.Command(w.pool.cfg.PHP, w.spec.args(w.pool.cfg.MaxMemory)...) //nolint:noctx // the operator's program; its end is kill
		w.cmd.Dir = w.spec.Path
		w.cmd.Env = slices.Concat(w.pool.cfg.Env, []string{"MW_INSTALL_PATH=" + w.spec.Path})
		w.cmd.Stdin, w.cmd.Stdout, w.cmd.Stderr = files[0], files[5], files[5]
		w.cmd.ExtraFiles = []*os.File{files[3]} // descriptor 3
		w.cmd.SysProcAttr = attributes(w.leaf)
		w.started = time.Now()
		err = w.cmd.Start()
	}
	for _, i := range []int{0, 3, 5} {
		closeFile(files[i])
	}
	if err != nil {
		for _, i := range []int{1, 2, 4} {
			closeFile(files[i])
		}
		w.leaf.remove()
		return err
	}
	w.pool.workers.Go(w.out.pump)
	return nil
}

func closeFile(f *os.File) {
	if f != nil {
		_ = f.Close() // a pipe: nothing is lost
	}
}

// wait waits for the end of the process, ends its group, and lets readers have what is left.
func (w *worker) wait() {
	w.exit = w.cmd.Wait()
	killGroup(w.cmd.Process.Pid)
	w.leaf.kill()
	w.answers.end()
	w.out.end()
	<-w.out.done
	w.leaf.remove()
	close(w.gone)
}

// kill ends the process and all that it started, at once.
func (w *worker) kill() {
	w.killed.Store(true)
	select {
	case <-w.gone:
		return // its number may be another's by now
	default:
	}
	killGroup(w.cmd.Process.Pid)
	w.leaf.kill()
}

// end ends the process: in order when it does so by itself soon.
func (w *worker) end() {
	_ = w.in.Close()
	timer := time.NewTimer(endTime)
	defer timer.Stop()
	select {
	case <-w.gone:
		return
	case <-timer.C:
	case <-w.pool.closed:
	}
	w.kill()
	<-w.gone
}

// close closes the pipes of a process that has ended.
func (w *worker) close() {
	_ = w.in.Close()
	w.answers.close()
}

// awaitReady reads the line by which the worker says that its wiki is loaded.
func (w *worker) awaitReady(ctx context.Context) error {
	stop := context.AfterFunc(ctx, w.kill)
	line, err := w.readLine()
	if !stop() {
		return fmt.Errorf("the worker was not ready within %s%s", startTime, w.said())
	}
	if err != nil {
		<-w.gone
		return fmt.Errorf("the worker does not start: %s%s", w.ended(), w.said())
	}
	var ready struct {
		Ready bool   `json:"ready"`
		Wiki  string `json:"wiki"`
	}
	switch {
	case json.Unmarshal(line, &ready) != nil || !ready.Ready:
		return fmt.Errorf("%s is no worker script of the Auwai extension; it answered: %s", w.spec.script(), runner.Quote(line))
	case ready.Wiki != w.wiki:
		return fmt.Errorf("the worker has loaded the wiki %q; correct worker_args, such as --wiki=%s", ready.Wiki, w.wiki)
	}
	w.pool.log.Debug("worker is ready", "wiki", w.wiki, "pid", w.cmd.Process.Pid, "after", time.Since(w.started).Round(time.Millisecond))
	return nil
}

// readLine returns the next line of the answers, good until the next call.
func (w *worker) readLine() ([]byte, error) {
	line, err := w.lines.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return bytes.TrimSpace(line), err
	}
	long := bytes.Clone(line)
	for errors.Is(err, bufio.ErrBufferFull) && len(long) <= maxLine {
		line, err = w.lines.ReadSlice('\n')
		long = append(long, line...)
	}
	return bytes.TrimSpace(long), err
}

// ended says how the process ended. It has.
func (w *worker) ended() string {
	if w.exit == nil {
		return "it ended with exit status 0"
	}
	return "it ended with " + runner.Plain(w.exit.Error())
}

// said quotes the end of what it wrote, as the end of a sentence.
func (w *worker) said() string { return quoteEnd(w.out.take(noJob)) }

// usable reports whether it is alive and of these settings.
func (w *worker) usable(spec Wiki) bool {
	select {
	case <-w.gone:
		return false
	default:
		return reflect.DeepEqual(w.spec, spec)
	}
}

// lasts reports whether it should serve a further request.
func (w *worker) lasts() bool {
	select {
	case <-w.gone:
		return false
	default:
	}
	cfg := &w.pool.cfg
	return !w.leaving && !w.killed.Load() && w.jobs < cfg.MaxJobs && w.failures < maxFailures && time.Since(w.started) < cfg.MaxAge
}
