package pebblekv

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"auwai/internal/fault"
)

// ErrFailed is the answer to every call after a write to the store has failed. Whether a commit of
// that moment is in the store is known after the next Open.
var ErrFailed = fault.New(fault.Unavailable, "pebblekv: the store has failed and must be opened again")

// failure holds the first failure of a store. It is safe for concurrent use.
type failure struct {
	first atomic.Pointer[error]
	log   *slog.Logger
	hook  func(error) // may be nil
}

// report records the first failure and tells the hook; later ones are consequences.
func (f *failure) report(err error) {
	if !f.first.CompareAndSwap(nil, &err) {
		return
	}
	f.log.Error("store failed", "err", err)
	if f.hook != nil {
		f.hook(err)
	}
}

// cause returns the first failure, or nil.
func (f *failure) cause() error {
	if p := f.first.Load(); p != nil {
		return *p
	}
	return nil
}

// err returns ErrFailed with its cause, or nil.
func (f *failure) err() error {
	if cause := f.cause(); cause != nil {
		return fmt.Errorf("%w: %w", ErrFailed, cause)
	}
	return nil
}

// pebbleLog is Pebble's logger. What Pebble calls fatal is a failure of the store, not the end of
// the process: see the package comment for why it is safe to return from Fatalf.
type pebbleLog struct {
	log     *slog.Logger
	failure *failure
}

func (l pebbleLog) Infof(format string, args ...any) {
	l.log.Debug("pebble says", "text", fmt.Sprintf(format, args...))
}

func (l pebbleLog) Errorf(format string, args ...any) {
	l.log.Warn("pebble reports an error", "text", fmt.Sprintf(format, args...))
}

func (l pebbleLog) Fatalf(format string, args ...any) {
	l.failure.report(fault.Newf(fault.Internal, format, args...))
}

// retryPause slows Pebble's background work after a failure: it repeats at once what cannot
// succeed any more.
const retryPause = 100 * time.Millisecond

// listener returns what the engine wants to know of Pebble's background work. closing ends pauses.
func (f *failure) listener(closing <-chan struct{}) *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) {
			f.log.Warn("background work of the store", "err", err)
			if f.cause() == nil {
				return
			}
			pause := time.NewTimer(retryPause)
			defer pause.Stop()
			select {
			case <-closing:
			case <-pause.C:
			}
		},
		WriteStallBegin: func(info pebble.WriteStallBeginInfo) {
			f.log.Warn("store stalls writes", "reason", info.Reason)
		},
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			f.log.Error("store file is damaged", "path", info.Path, "err", info.Details)
		},
	}
}
