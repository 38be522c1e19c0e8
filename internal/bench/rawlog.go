package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// The raw log's load, the same whatever is measured beside it.
const (
	rawProducers  = 64
	rawRecord     = 450
	rawAcks       = 100_000
	rawAcksWarmUp = 5_000
)

// rawLog returns the durable acknowledgements a second of a plain file with group commit: the
// ceiling of anything that acknowledges single records.
func rawLog(dir string) (acksPerSecond float64, err error) {
	f, err := os.Create(filepath.Join(dir, "rawlog"))
	if err != nil {
		return 0, fmt.Errorf("raw log: %w", err)
	}
	defer func() { _ = f.Close(); _ = os.Remove(f.Name()) }()
	if _, err := rawRun(f, rawAcksWarmUp); err != nil {
		return 0, err
	}
	took, err := rawRun(f, rawAcks)
	if err != nil {
		return 0, err
	}
	return float64(rawAcks) / took.Seconds(), nil
}

type rawAppender struct {
	mu      sync.Mutex
	buf     []byte
	waiters []chan error
	wake    chan struct{}
}

func rawRun(f *os.File, acks int) (time.Duration, error) {
	a := &rawAppender{wake: make(chan struct{}, 1)}
	done := make(chan struct{})
	var writer, producers sync.WaitGroup
	writer.Go(func() { a.write(f, done) })
	errs := make(chan error, rawProducers)
	start := time.Now()
	for range rawProducers {
		producers.Go(func() { errs <- a.produce(acks / rawProducers) })
	}
	producers.Wait()
	took := time.Since(start)
	close(done)
	writer.Wait()
	for range rawProducers {
		if err := <-errs; err != nil {
			return 0, fmt.Errorf("raw log: %w", err)
		}
	}
	return took, nil
}

func (a *rawAppender) produce(n int) error {
	record := make([]byte, rawRecord)
	ack := make(chan error, 1)
	for range n {
		a.mu.Lock()
		a.buf = append(a.buf, record...)
		a.waiters = append(a.waiters, ack)
		a.mu.Unlock()
		select {
		case a.wake <- struct{}{}:
		default:
		}
		if err := <-ack; err != nil {
			return err
		}
	}
	return nil
}

func (a *rawAppender) write(f *os.File, done <-chan struct{}) {
	var buf []byte
	var waiters []chan error
	for {
		select {
		case <-done:
			return
		case <-a.wake:
		}
		a.mu.Lock()
		buf, a.buf = a.buf, buf[:0]
		waiters, a.waiters = a.waiters, waiters[:0]
		a.mu.Unlock()
		if len(waiters) == 0 {
			continue
		}
		_, err := f.Write(buf)
		if err == nil {
			err = unix.Fdatasync(int(f.Fd()))
		}
		for _, w := range waiters {
			w <- err
		}
	}
}
