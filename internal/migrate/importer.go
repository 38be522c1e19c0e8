package migrate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"auwai/api"
	"auwai/client"
	"auwai/internal/backoff"
	"auwai/internal/fault"
)

// Pusher takes jobs: *client.Client.
type Pusher interface {
	PushJobs(ctx context.Context, jobs []api.NewJob) ([]api.PushedJob, error)
}

// What becomes of abandoned jobs.
const (
	AbandonedDead  = "dead"  // they are dead in the service too: kept, shown, and requeued by hand
	AbandonedReady = "ready" // they get all attempts again
	AbandonedSkip  = "skip"  // they stay where they are
)

// ImportOptions say what Import does. Pusher and Ledger are required, but for a dry run.
type ImportOptions struct {
	Pusher Pusher // nil: a dry run
	Ledger *Ledger
	// SkipClaimed leaves out what a runner has, or had when it died; otherwise it becomes ready.
	SkipClaimed bool
	// Abandoned is one of the constants; "": AbandonedDead.
	Abandoned string
	// Progress is called now and then, from the goroutine of Import; nil: not.
	Progress func(r *Report, share float64)
	// Waiting is called before a repeat, with the reason and the pause; nil: not.
	Waiting func(reason error, d time.Duration)
	// Now tells the time for Progress; nil: time.Now.
	Now func() time.Time
	// Wait waits before a repeat; nil: by a timer.
	Wait func(ctx context.Context, d time.Duration) error
}

const (
	batchJobs  = 500     // the service takes 1,000
	batchBytes = 4 << 20 // the service takes 10 MiB

	progressEvery = 2 * time.Second
	// patience is how many times in a row the service may say "not now", or not answer: some six
	// minutes. Who runs the import again goes on where it ended.
	patience = 16
)

// importer is one import on its way.
type importer struct {
	ImportOptions
	report  Report
	tallies tallies
	batch   []Item
	bytes   int
	shown   time.Time
	delay   backoff.Policy
}

// Import pushes all jobs of a source. What cannot be read, or is refused for good, is in the report and
// does not keep the others. After an error, a second call with the same ledger goes on.
func Import(ctx context.Context, source Source, o ImportOptions) (*Report, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Wait == nil {
		o.Wait = wait
	}
	switch o.Abandoned {
	case "":
		o.Abandoned = AbandonedDead
	case AbandonedDead, AbandonedReady, AbandonedSkip:
	default:
		return nil, fault.Field("abandoned", "%q is no choice; choose dead, ready or skip", o.Abandoned)
	}
	i := &importer{ImportOptions: o, shown: o.Now(), delay: backoff.Policy{First: time.Second, Factor: 2, Max: 30 * time.Second}}
	i.report = Report{DryRun: o.Pusher == nil, Queues: []Tally{}, Bad: []Problem{}}
	i.tallies = tallies{&i.report, map[[2]string]int{}}
	err := i.run(ctx, source)
	i.report.sort()
	return &i.report, err
}

func (i *importer) run(ctx context.Context, source Source) error {
	for item, err := range source.Items(ctx) {
		if bad, ok := errors.AsType[*BadError](err); ok {
			i.report.bad(bad.Where, bad.Reason)
			continue
		}
		if err != nil {
			return err // what was read last is not pushed: the source is not what it seemed
		}
		if err := i.take(ctx, item); err != nil {
			return err
		}
		if now := i.Now(); i.Progress != nil && now.Sub(i.shown) >= progressEvery {
			i.shown = now
			i.Progress(&i.report, source.Share())
		}
	}
	return i.flush(ctx)
}

// take counts one job, and pushes when enough came together.
func (i *importer) take(ctx context.Context, item Item) error {
	i.tallies.add(&item)
	switch {
	case i.Ledger != nil && i.Ledger.Has(item.Job.ClientID):
		i.report.Already++
		return nil
	case item.State == Claimed && i.SkipClaimed, item.State == Abandoned && i.Abandoned == AbandonedSkip:
		i.report.Skipped++
		return nil
	case i.Pusher == nil:
		return nil
	}
	if item.State == Abandoned && i.Abandoned == AbandonedDead {
		item.Job.Dead = deadWords(&item)
	}
	size := len(item.Job.Payload) + len(item.Job.Key) + itemBytes
	if len(i.batch) == batchJobs || len(i.batch) > 0 && i.bytes+size > batchBytes {
		if err := i.flush(ctx); err != nil {
			return err
		}
	}
	i.batch = append(i.batch, item)
	i.bytes += size
	return nil
}

// itemBytes is about what a job has beside its payload and key.
const itemBytes = 512

// deadWords says why a job is dead.
func deadWords(item *Item) string {
	if item.Error != "" {
		return item.Error
	}
	return "it had failed too often in the queue that it was imported from"
}

// flush pushes the batch, and again what was not taken for now.
func (i *importer) flush(ctx context.Context) error {
	batch := i.batch
	i.batch, i.bytes = nil, 0
	for failures := 0; len(batch) > 0; {
		left, final, err := i.push(ctx, batch)
		switch {
		case err == nil && len(left) == 0:
			return nil
		case err == nil && (final || len(left) < len(batch)):
			batch, failures = left, 0 // what stood in the way is gone
			continue
		case err != nil && !i.again(err):
			return err
		}
		failures++
		if err == nil {
			err = fault.New(fault.Unavailable, "the service does not take the jobs for now")
		}
		if failures > patience {
			return fmt.Errorf("after %d tries: %w", failures, err)
		}
		pause := i.delay.Delay(failures, 0)
		if i.Waiting != nil {
			i.Waiting(err, pause)
		}
		if err := i.Wait(ctx, pause); err != nil {
			return err
		}
		batch = left
	}
	return nil
}

// push sends a batch once. left is what was not taken and may be sent again; final says that some were
// refused for good, which had kept others of their wiki from being taken.
func (i *importer) push(ctx context.Context, batch []Item) (left []Item, final bool, err error) {
	jobs := make([]api.NewJob, len(batch))
	for n := range batch {
		jobs[n] = batch[n].Job
	}
	places, err := i.Pusher.PushJobs(ctx, jobs)
	if fault.KindOf(err) == fault.TooLarge && len(batch) > 1 {
		return i.halves(ctx, batch)
	}
	if err != nil && (fault.KindOf(err) == fault.TooLarge || fault.KindOf(err) == fault.Invalid) && len(batch) == 1 {
		i.report.bad(batch[0].Where, err.Error())
		return nil, true, nil
	}
	if err != nil {
		return batch, false, fmt.Errorf("push %d jobs: %w", len(batch), err)
	}
	if len(places) != len(batch) {
		return batch, false, fmt.Errorf("push %d jobs: the service answered for %d", len(batch), len(places))
	}
	var noted []Noted
	for n, p := range places {
		item := &batch[n]
		switch {
		case p.ID != "":
			noted = append(noted, Noted{item.Job.ClientID, p.ID})
			i.count(item, &p)
		case p.Retry != nil && !*p.Retry:
			final = true
			i.report.bad(item.Where, p.Error)
		default:
			left = append(left, *item)
		}
	}
	if len(noted) == 0 {
		return left, final, nil
	}
	return left, final, i.Ledger.Note(noted)
}

// halves pushes a batch that is too large in two parts.
func (i *importer) halves(ctx context.Context, batch []Item) (left []Item, final bool, err error) {
	half := len(batch) / 2
	left, final, err = i.push(ctx, batch[:half])
	if err != nil {
		return append(left, batch[half:]...), final, err
	}
	more, finalToo, err := i.push(ctx, batch[half:])
	return append(left, more...), final || finalToo, err
}

func (i *importer) count(item *Item, p *api.PushedJob) {
	i.report.Pushed++
	switch {
	case p.DuplicateOf != "":
		i.report.Merged++
	case item.Job.Dead != "":
		i.report.Dead++
	}
}

// again reports whether a repeat may help: the service cannot now, or does not answer any more. One
// that has never answered is not there.
func (i *importer) again(err error) bool {
	if e, ok := errors.AsType[*client.Error](err); ok {
		return e.Status == http.StatusTooManyRequests || e.Status >= http.StatusInternalServerError
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	_, transport := errors.AsType[*url.Error](err)
	return transport && i.report.Pushed > 0
}

// wait waits by a timer.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return fmt.Errorf("wait for the service: %w", context.Cause(ctx))
	case <-t.C:
		return nil
	}
}
