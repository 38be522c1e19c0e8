package migrate

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"auwai/internal/fault"
)

// Ledger is the file in which an import notes which jobs the service has taken, so that a second run
// doubles none, however much later. It is text: a line for each job, with its client id and the id
// that the service gave it. Not safe for concurrent use. It holds 16 bytes a job in memory, and as much
// again for the map.
type Ledger struct {
	path   string
	server string
	known  map[[16]byte]struct{}
	file   *os.File // nil until something is noted
}

const (
	ledgerHead   = "auwai import ledger 1, server "
	ledgerIDSize = 32 // hexadecimal digits of a client id
)

// OpenLedger reads a ledger; one that does not exist is empty, and is made when something is noted. A
// ledger is of one service: with another's, jobs would be taken for imported that are not there.
func OpenLedger(path, server string) (*Ledger, error) {
	l := &Ledger{path: path, server: server, known: map[[16]byte]struct{}{}}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	in := bufio.NewReader(f)
	head, err := in.ReadString('\n')
	of, ok := strings.CutPrefix(strings.TrimSuffix(head, "\n"), ledgerHead)
	switch {
	case err != nil && head == "":
		return l, nil // it was made, and nothing was written
	case !ok || err != nil:
		return nil, fault.Field("ledger", "%s is no ledger of an import; name another file", path)
	case of != server:
		return nil, fault.Field("ledger", "%s is of an import into %s, not into %s; name another file, or that server", path, of, server)
	}
	return l, l.read(in)
}

func (l *Ledger) read(in *bufio.Reader) error {
	for {
		text, err := in.ReadString('\n')
		if err != nil {
			// A line without its end was cut by a crash: the service knows that job, or does not.
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("read the ledger %s: %w", l.path, err)
		}
		if id, ok := parseClientID(text); ok {
			l.known[id] = struct{}{}
		}
	}
}

func parseClientID(text string) (id [16]byte, ok bool) {
	if len(text) < ledgerIDSize {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(text[:ledgerIDSize]))
	return id, err == nil
}

// Has reports whether a job was imported.
func (l *Ledger) Has(clientID string) bool {
	id, ok := parseClientID(clientID)
	if !ok {
		return false
	}
	_, known := l.known[id]
	return known
}

// Len returns the number of jobs in it.
func (l *Ledger) Len() int { return len(l.known) }

// Noted is one job for the ledger.
type Noted struct{ ClientID, JobID string }

// Note writes jobs down. It returns when they are on disk.
func (l *Ledger) Note(jobs []Noted) error {
	if err := l.open(); err != nil {
		return err
	}
	var b strings.Builder
	for _, j := range jobs {
		fmt.Fprintf(&b, "%s %s\n", j.ClientID, j.JobID)
		if id, ok := parseClientID(j.ClientID); ok {
			l.known[id] = struct{}{}
		}
	}
	if _, err := l.file.WriteString(b.String()); err != nil {
		return fmt.Errorf("write the ledger: %w", err)
	}
	if err := l.file.Sync(); err != nil {
		return fmt.Errorf("write the ledger: %w", err)
	}
	return nil
}

// open opens the file for writing, with its head where it is new, and after a line that was cut.
func (l *Ledger) open() error {
	if l.file != nil {
		return nil
	}
	f, err := os.OpenFile(l.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the ledger: %w", err)
	}
	l.file = f
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("open the ledger: %w", err)
	}
	start := ""
	if info.Size() == 0 {
		start = ledgerHead + l.server + "\n"
	} else {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, info.Size()-1); err != nil {
			return fmt.Errorf("read the ledger: %w", err)
		}
		if last[0] != '\n' {
			start = "\n"
		}
	}
	if _, err := f.WriteString(start); err != nil {
		return fmt.Errorf("write the ledger: %w", err)
	}
	return nil
}

// Close closes the file.
func (l *Ledger) Close() error {
	if l.file == nil {
		return nil
	}
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("close the ledger: %w", err)
	}
	return nil
}
