package intake

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"auwai/internal/event"
	"auwai/internal/eventlog"
	"auwai/internal/farm"
	"auwai/internal/fault"
	"auwai/internal/jobqueue"
	"auwai/internal/partition"
	"auwai/internal/schema"
)

// entry is one event of a request on its way.
type entry struct {
	item  event.Item
	index int // in the body
	wiki  string
	job   *jobqueue.New // nil: makes no job
	late  *jobqueue.New // the same purge again, after the rebound; nil: none
	log   *logged       // nil: is not kept in the log
	err   error         // why it was not taken
	bad   bool          // err is the event's own fault
}

// jobs is how many jobs the entry makes.
func (x *entry) jobs() int {
	n := 0
	if x.job != nil {
		n++
	}
	if x.late != nil {
		n++
	}
	return n
}

// size is about what the entry costs in a command.
func (x *entry) size() int {
	n := 256
	for _, j := range [...]*jobqueue.New{x.job, x.late} {
		if j != nil {
			n += len(j.Payload) + len(j.Key) + len(j.RequestID) + len(j.Domain) + 512
		}
	}
	if x.log != nil && x.log.ref.Size == 0 {
		n += len(x.item.Raw) + len(x.log.envelope.RequestID) + len(x.log.envelope.Client)
	}
	return n
}

// Events takes the body of POST /v1/events: an array of events, or one event. It returns when all
// that was taken is durable; with hasty, when the body is cut and checked. It takes over the ticket,
// and the body is not changed by anybody any more.
func (in *Intake) Events(ctx context.Context, t *Ticket, body []byte, src Source, hasty bool) EventsResult {
	items, err := event.Parse(body, MaxEvents)
	if err == nil && len(items) == 0 {
		err = fault.New(fault.Invalid, "the array is empty; send at least one event")
	}
	if err != nil {
		t.Release()
		return EventsResult{Status: statusOf(err), Err: err}
	}
	entries := make([]*entry, len(items))
	for i := range items {
		entries[i] = &entry{item: items[i], err: items[i].Err, bad: items[i].Err != nil}
	}
	if hasty && in.background(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), hastyTime)
		defer cancel()
		defer t.Release()
		in.take(ctx, entries, src)
		if r := in.answer(entries); len(r.Invalid)+len(r.Errors) > 0 {
			in.log.Warn("events of a hasty request were not taken", "request_id", src.RequestID,
				"invalid", len(r.Invalid), "failed", len(r.Errors), "err", firstError(entries))
		}
	}) {
		return EventsResult{Status: statusHasty, Total: len(entries)}
	}
	defer t.Release()
	in.take(ctx, entries, src)
	return in.answer(entries)
}

func firstError(entries []*entry) error {
	for _, x := range entries {
		if x.err != nil {
			return x.err
		}
	}
	return nil
}

// take carries the entries that are without error to their partitions.
func (in *Intake) take(ctx context.Context, entries []*entry, src Source) {
	s := in.settings()
	now := in.node.Now()
	var pairs []farm.Pair
	for i, x := range entries {
		if x.err != nil {
			continue
		}
		x.index = i
		if x.err = checkSchema(ctx, s, now, x.item.Event, src); x.err != nil {
			// A schema that cannot be used is not the event's fault.
			x.bad = !repeatable(x.err) && fault.KindOf(x.err) != fault.Conflict
			continue
		}
		if x.err = in.plan(s, now, x, src); x.err != nil {
			x.bad = true
			continue
		}
		pair := farm.Pair{Wiki: x.wiki, Domain: x.item.Event.Domain}
		if !src.Caller.AllWikis() {
			pair.Domain = "" // one wiki may not say that another's domain is its own
		}
		pairs = append(pairs, pair)
	}
	refused := in.learn(ctx, s, pairs)
	parts := map[string][]*entry{}
	var order []string
	for _, x := range entries {
		if x.err == nil {
			x.err = refused[x.wiki]
			x.bad = x.err != nil && !repeatable(x.err)
		}
		if x.err != nil {
			continue
		}
		if _, ok := parts[x.wiki]; !ok {
			order = append(order, x.wiki)
		}
		parts[x.wiki] = append(parts[x.wiki], x)
	}
	var g errgroup.Group
	g.SetLimit(maxParts)
	for _, wiki := range order {
		g.Go(func() error {
			in.part(ctx, wiki, parts[wiki])
			return nil
		})
	}
	_ = g.Wait() // errors stand at the entries
}

// checkSchema says what is wrong with an event under the schemas that it and its stream name.
func checkSchema(ctx context.Context, s *Settings, now time.Time, e *event.Event, src Source) error {
	if s.Schemas == nil {
		return nil
	}
	return s.Schemas.Check(ctx, schema.Event{
		Raw: e.Raw, Stream: e.Stream, Schema: e.Schema, Received: now, RequestID: src.RequestID,
	})
}

// plan applies the built-in rules to one event.
func (in *Intake) plan(s *Settings, now time.Time, x *entry, src Source) error {
	e := x.item.Event
	var err error
	if x.wiki, err = in.wikiOf(s, e); err != nil {
		return err
	}
	if err = src.checkCaller(fmt.Sprintf("[%d]", x.index), x.wiki); err != nil {
		return err
	}
	sum := sha256.Sum256(e.Raw)
	hash := [8]byte(sum[:8])
	if e.IsJob() {
		if x.job, err = in.jobOf(s, x, e); err != nil {
			return err
		}
	} else if e.Stream == event.PurgeStream && s.Purge {
		if err = checkPurge(e); err != nil {
			return err
		}
		if err = in.checkURL(s, src, fmt.Sprintf("[%d].meta.uri", x.index), e.URI); err != nil {
			return err
		}
		x.job = &jobqueue.New{Pair: jobqueue.Pair{Queue: PurgeQueue, Wiki: x.wiki}, Band: jobqueue.Interactive, Key: e.URI}
	}
	if n := x.job; n != nil {
		s.rules(n.Queue).arrive(n, e.Params)
		n.ID, n.Domain, n.FromEvent = in.node.Mint(), e.Domain, true
		n.RequestID = e.RequestID
		if n.RequestID == "" {
			n.RequestID = bounded(src.RequestID)
		}
		// A copy: the job stays in memory, and must not keep the whole body there.
		n.Payload = append([]byte(nil), e.Raw...)
		if e.ID != "" {
			n.Source = jobqueue.Source{Name: "e:" + e.ID, Hash: hash}
		}
		if n.Queue == PurgeQueue && s.Rebound > 0 && !x.large() {
			x.late = in.rebound(n, now.Add(s.Rebound), e.ID, hash)
		}
	}
	if e.IsJob() || s.NotKept[e.Stream] {
		return nil
	}
	if err = in.streams.take("meta.stream", e.Stream); err != nil {
		return err
	}
	x.log = &logged{
		stream: e.Stream, id: e.ID, hash: hash, raw: e.Raw,
		envelope: event.Envelope{Wiki: x.wiki, RequestID: bounded(src.RequestID), Client: bounded(src.Client), Flags: timeFlags(e, now)},
	}
	return nil
}

// rebound returns the job that purges a URL again: a cache may have fetched the page anew from a
// replica that was behind. It has no key: merged with an earlier one it would come too early.
func (in *Intake) rebound(n *jobqueue.New, at time.Time, eventID string, hash [8]byte) *jobqueue.New {
	late := *n
	late.ID, late.Key, late.RunAt, late.Source = in.node.Mint(), "", at, jobqueue.Source{}
	if eventID != "" {
		late.Source = jobqueue.Source{Name: "r:" + eventID, Hash: hash}
	}
	return &late
}

// bounded cuts what a request says of itself to a size that a record may have.
func bounded(s string) string { return s[:min(len(s), event.MaxText/4)] }

func timeFlags(e *event.Event, now time.Time) event.Flags {
	switch {
	case e.DTWrong:
		return event.WrongTime
	case !e.DT.IsZero() && (e.DT.After(now.Add(farTime)) || e.DT.Before(now.Add(-farTime))):
		return event.FarTime
	default:
		return 0
	}
}

func (in *Intake) jobOf(s *Settings, x *entry, e *event.Event) (*jobqueue.New, error) {
	if err := in.checkQueue("type", e.Type); err != nil {
		return nil, err
	}
	key, err := e.JobKey()
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "params")
	}
	return &jobqueue.New{
		Pair: jobqueue.Pair{Queue: e.Type, Wiki: x.wiki}, Band: s.band(e.Type), Key: key, RunAt: e.Delay,
		Root: jobqueue.Root{Signature: e.Root.Signature, Timestamp: e.Root.Timestamp, IsRoot: e.Root.IsRoot},
	}, nil
}

func (s *Settings) band(queue string) jobqueue.Band {
	if b, ok := s.Bands[queue]; ok {
		return b
	}
	return jobqueue.Normal
}

func (in *Intake) checkQueue(field, queue string) error {
	if err := event.CheckShown(field, queue); err != nil {
		return err
	}
	if strings.HasPrefix(queue, ownPrefix) {
		return fault.Field(field, "%q begins with %s, as only Auwai's own queues do; choose another name", fault.Short(queue), ownPrefix)
	}
	return in.queues.take(field, queue)
}

func checkPurge(e *event.Event) error {
	if e.URI == "" {
		return fault.Field("meta.uri", "is missing; name the URL to be purged")
	}
	return event.CheckText("meta.uri", e.URI)
}

// part carries the events of one wiki to its partition, in their order. After a failure the rest is
// not tried: order would be lost.
func (in *Intake) part(ctx context.Context, wiki string, entries []*entry) {
	p := partition.Of(wiki)
	for len(entries) > 0 {
		ahead, err := in.ahead(ctx, p, wiki, entries[0])
		if err != nil {
			fail(entries, err)
			return
		}
		n, jobs, size := 1, entries[0].jobs(), entries[0].size()
		for n < len(entries) && n < maxCommand && jobs+entries[n].jobs() <= maxCommand && !entries[n].large() &&
			size+entries[n].size() <= maxCommandBytes {
			jobs += entries[n].jobs()
			size += entries[n].size()
			n++
		}
		if err := in.submit(ctx, p, wiki, entries[:n], ahead); err != nil {
			fail(entries, err)
			return
		}
		entries = entries[n:]
	}
}

func fail(entries []*entry, err error) {
	for _, x := range entries {
		x.err = err
		x.bad = fault.KindOf(err) == fault.Invalid
	}
}

func (x *entry) large() bool { return len(x.item.Raw) > maxInline }

// ahead stores the bytes of a large event before its command. Where the owner is silent, it returns what has
// still to go ahead.
func (in *Intake) ahead(ctx context.Context, p partition.ID, wiki string, x *entry) (left []mailable, err error) {
	if !x.large() {
		return nil, nil
	}
	var commands []mailable
	var sizes []int
	if x.job != nil {
		commands, sizes = in.blobs(commands, sizes, x.job)
	}
	if x.log != nil {
		commands, sizes = in.pieces(commands, sizes, x.log)
	}
	return in.store(ctx, p, wiki, commands, func(i int) int { return sizes[i] })
}

func (in *Intake) submit(ctx context.Context, p partition.ID, wiki string, entries []*entry, ahead []mailable) error {
	c := &accept{}
	for _, x := range entries {
		if x.log != nil {
			c.events = append(c.events, x.log)
		}
		if x.job != nil {
			c.push.Jobs = append(c.push.Jobs, *x.job)
		}
		if x.late != nil {
			c.push.Jobs = append(c.push.Jobs, *x.late)
		}
	}
	if len(c.events)+len(c.push.Jobs) == 0 {
		return nil
	}
	mailed, err := in.deliver(ctx, p, wiki, c, ahead...)
	if err != nil || mailed {
		return err // of a mailed one it is not known yet what was odd
	}
	for i, l := range c.events {
		in.report(l, c.verdicts[i])
	}
	for i := range c.push.Results {
		if r := &c.push.Results[i]; r.Flagged && c.push.Jobs[i].Queue != PurgeQueue {
			in.flag(wiki, event.JobStreamPrefix+c.push.Jobs[i].Queue, c.push.Jobs[i].Source.Name, "an event id came again with other bytes")
		} else if r.Repeated && c.push.Jobs[i].Queue != PurgeQueue {
			in.repeated()
		}
	}
	return nil
}

func (in *Intake) report(l *logged, v eventlog.Verdict) {
	switch {
	case v == eventlog.Repeated:
		in.repeated()
	case v == eventlog.Changed:
		in.flag(l.envelope.Wiki, l.stream, l.id, "an event id came again with other bytes")
	case l.envelope.Flags&event.FarTime != 0:
		in.flag(l.envelope.Wiki, l.stream, l.id, "an event's time is more than a day off")
	case l.envelope.Flags&event.WrongTime != 0:
		in.flag(l.envelope.Wiki, l.stream, l.id, "an event's time is no time")
	}
}

func (in *Intake) repeated() {
	if in.hooks.OnRepeat != nil {
		in.hooks.OnRepeat()
	}
}

func (in *Intake) flag(wiki, stream, id, what string) {
	in.log.Warn("an odd event was taken", "wiki", wiki, "stream", stream, "event_id", id, "what", what)
	if in.hooks.OnFlag != nil {
		in.hooks.OnFlag(wiki, stream, id, what)
	}
}
