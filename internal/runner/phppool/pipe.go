package phppool

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// pipe is the reading end of a pipe whose writer is a process. The end of the process is the end of
// the pipe, even if something that it left behind holds the other end open.
type pipe struct {
	f    *os.File
	raw  syscall.RawConn
	over atomic.Bool
}

func newPipe(f *os.File) *pipe {
	raw, err := f.SyscallConn()
	if err != nil {
		panic("a new pipe is open: " + err.Error())
	}
	return &pipe{f: f, raw: raw}
}

// Read implements io.Reader.
func (p *pipe) Read(b []byte) (n int, err error) {
	n, err = p.f.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) && p.over.Load() {
		return p.now(b)
	}
	return n, err
}

// now reads what is there, without waiting; nothing is the end.
func (p *pipe) now(b []byte) (n int, err error) {
	if cerr := p.raw.Control(func(fd uintptr) { n, err = readRaw(fd, b) }); cerr != nil {
		return 0, cerr
	}
	if n <= 0 || err != nil {
		return 0, io.EOF
	}
	return n, nil
}

// end says that the writer is gone: what is there is read, then comes the end.
func (p *pipe) end() {
	p.over.Store(true)
	_ = p.f.SetReadDeadline(time.Unix(1, 0)) // fails only on a closed file, which nobody reads
}

func (p *pipe) close() { closeFile(p.f) }

// readRaw reads from a descriptor that does not block.
func readRaw(fd uintptr, b []byte) (n int, err error) {
	for {
		n, err = syscall.Read(int(fd), b)
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}
