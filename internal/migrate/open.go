package migrate

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"io"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"auwai/internal/fault"
)

// counted counts what was read of a file, for the progress.
type counted struct {
	in   io.Reader
	read atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.read.Add(int64(n))
	return n, err //nolint:wrapcheck // a reader's error is its contract
}

// zstdMemory bounds the window of a compressed dump: zstd -19 --long=27 needs 128 MiB.
const zstdMemory = 256 << 20

// OpenText returns the source that a text is: a dump, JSON lines of the extension's exportJobs.php, or
// of auwai export; plain, or compressed by gzip, zstd or bzip2. size is that of in, in bytes; 0: not
// known. What in is not is said in the error, with what to do about it.
func OpenText(in io.Reader, size int64, o TableOptions) (Source, error) {
	c := &counted{in: in}
	share := func() float64 {
		if size <= 0 {
			return -1
		}
		return min(float64(c.read.Load())/float64(size), 1)
	}
	text := bufio.NewReaderSize(c, bufferBytes)
	plain, err := decompress(text)
	if err != nil {
		return nil, err
	}
	if plain != nil {
		text = bufio.NewReaderSize(plain, bufferBytes)
	}
	head, err := text.Peek(headBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fault.Wrap(fault.Invalid, err, "read the beginning")
	}
	if err := wrongKind(head); err != nil {
		return nil, err
	}
	if bytes.HasPrefix(bytes.TrimLeft(head, " \t\r\n"), []byte("{")) {
		return &lines{in: text, options: o, share: share}, nil
	}
	if o.Wiki == "" {
		return nil, fault.Field("wiki", "is missing; a dump does not say which wiki it is of, name its database")
	}
	return &dump{in: text, options: o, share: share}, nil
}

const (
	bufferBytes = 256 << 10
	headBytes   = 512
)

// decompress returns a reader of what in has compressed, nil when it is plain.
func decompress(in *bufio.Reader) (io.Reader, error) {
	head, err := in.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fault.Wrap(fault.Invalid, err, "read the beginning")
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		r, err := gzip.NewReader(in)
		return r, fault.Wrap(fault.Invalid, err, "read as gzip")
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		r, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdMemory))
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "read as zstd")
		}
		return r.IOReadCloser(), nil
	case bytes.HasPrefix(head, []byte("BZh")):
		return bzip2.NewReader(in), nil
	case bytes.HasPrefix(head, []byte{0xfd, '7', 'z', 'X', 'Z'}):
		return nil, fault.New(fault.Invalid, "it is compressed by xz, which is not read; send it through xz -dc FILE | auwai import jobs -")
	default:
		return nil, nil //nolint:nilnil // plain text needs no reader
	}
}

// wrongKind refuses what is neither a dump nor JSON lines.
func wrongKind(head []byte) error {
	switch {
	case len(bytes.TrimSpace(head)) == 0:
		return fault.New(fault.Invalid, "it is empty; a dump or JSON lines are expected")
	case bytes.HasPrefix(head, []byte("SQLite format 3\x00")):
		return fault.New(fault.Invalid, "it is a database file of SQLite; send its text: sqlite3 FILE '.dump job' | auwai import jobs -")
	case bytes.HasPrefix(head, []byte("PGDMP")):
		return fault.New(fault.Invalid, "it is a dump of pg_dump in its own form; send its text: pg_restore -f - -t job FILE | auwai import jobs -")
	case bytes.IndexByte(head, 0) >= 0:
		return fault.New(fault.Invalid, "it is no text; a dump in SQL or JSON lines are expected, plain or compressed by gzip, zstd or bzip2")
	default:
		return nil
	}
}
