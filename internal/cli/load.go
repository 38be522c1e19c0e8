package cli

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"auwai/client"
)

// What the events of the benchmark are.
const (
	benchStream = "auwai.bench"
	benchWiki   = "auwaibench"
)

// load is what bench intake sends.
type load struct {
	Events, Batch, Producers int
}

// loadResult is what bench intake found.
type loadResult struct {
	Producers int   `json:"producers"`
	Batch     int   `json:"batch"`
	Singles   phase `json:"singles"`
	Arrays    phase `json:"arrays"`
}

// phase is one part of the measurement.
type phase struct {
	Events    int           `json:"events"`
	Requests  int           `json:"requests"`
	PerSecond float64       `json:"events_per_s"`
	P50       time.Duration `json:"p50_ns"`
	P99       time.Duration `json:"p99_ns"`
	Max       time.Duration `json:"max_ns"`
}

func (l load) run(ctx context.Context, to client.Config) (loadResult, error) {
	r := loadResult{Producers: l.Producers, Batch: l.Batch}
	to.Conns = l.Producers
	service, err := client.New(to)
	if err != nil {
		return r, err
	}
	defer service.Close()
	if _, err := l.phase(ctx, service, min(l.Events, l.Producers), 1); err != nil { // opens the connections
		return r, err
	}
	if r.Singles, err = l.phase(ctx, service, l.Events, 1); err != nil {
		return r, err
	}
	r.Arrays, err = l.phase(ctx, service, l.Events, l.Batch)
	return r, err
}

// phase sends events in arrays of batch, from all producers at once.
func (l load) phase(ctx context.Context, service *client.Client, events, batch int) (phase, error) {
	requests := (events + batch - 1) / batch
	took := make([]time.Duration, requests)
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for range min(l.Producers, requests) {
		g.Go(func() error {
			var body []byte
			for {
				n := int(next.Add(1)) - 1
				if n >= requests {
					return nil
				}
				body = benchEvents(body[:0], min(batch, events-n*batch))
				start := time.Now()
				faults, err := service.PostEvents(ctx, body, false)
				took[n] = time.Since(start)
				switch {
				case err != nil:
					return err
				case len(faults.Invalid)+len(faults.Error) > 0:
					return fmt.Errorf("the service did not take an event: %+v", faults)
				}
			}
		})
	}
	if err := g.Wait(); err != nil {
		return phase{}, err
	}
	elapsed := time.Since(began)
	slices.Sort(took)
	at := func(share float64) time.Duration { return took[min(int(share*float64(requests)), requests-1)] }
	return phase{
		Events: events, Requests: requests, PerSecond: float64(events) / elapsed.Seconds(),
		P50: at(.5), P99: at(.99), Max: took[requests-1],
	}, nil
}

// filler brings an event to some 450 bytes, as those of MediaWiki's jobs are.
const filler = 180

// benchEvents appends an array of n events, each with an id of its own.
func benchEvents(b []byte, n int) []byte {
	for i := range n {
		b = append(b, separator(i))
		b = fmt.Appendf(b, `{"$schema":"/auwai/bench/1.0.0","meta":{"stream":%q,"id":%q,"dt":%q,"domain":"bench.invalid"},"database":%q,"filler":"`,
			benchStream, uuid.NewString(), time.Now().UTC().Format(time.RFC3339), benchWiki)
		b = append(b, bytes.Repeat([]byte{'x'}, filler)...)
		b = append(b, `"}`...)
	}
	return append(b, ']')
}
