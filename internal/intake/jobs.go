package intake

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"auwai/internal/event"
	"auwai/internal/farm"
	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/partition"
)

// job is one job of a request on its way.
type job struct {
	new   jobqueue.New
	err   error
	place Place
}

func (j *job) refuse(err error) {
	j.err, j.place = err, refusal(err, final(err))
}

// Jobs takes the body of POST /v1/jobs: an array of jobs, all or none of each wiki. It returns when
// all that was taken is durable. It takes over the ticket, and the body is not changed by anybody any
// more.
func (in *Intake) Jobs(ctx context.Context, t *Ticket, body []byte, src Source) JobsResult {
	defer t.Release()
	jobs, err := in.readJobs(body, src)
	if err != nil {
		return JobsResult{Status: statusOf(err), Err: err}
	}
	parts := map[string][]*job{}
	var order []string
	var pairs []farm.Pair
	for _, j := range jobs {
		wiki := j.new.Wiki
		if wiki == "" {
			continue
		}
		if _, ok := parts[wiki]; !ok {
			order = append(order, wiki)
			pairs = append(pairs, farm.Pair{Wiki: wiki})
		}
		parts[wiki] = append(parts[wiki], j)
	}
	pairs = slices.DeleteFunc(pairs, func(p farm.Pair) bool { return spoiled(parts[p.Wiki]) })
	refused := in.learn(ctx, in.settings(), pairs)
	var g errgroup.Group
	g.SetLimit(maxParts)
	for _, wiki := range order {
		part := parts[wiki]
		if err := refused[wiki]; err != nil {
			refuseAll(part, err)
		}
		if spoiled(part) {
			continue
		}
		g.Go(func() error {
			in.push(ctx, wiki, part)
			return nil
		})
	}
	_ = g.Wait() // errors stand at the jobs
	return in.settle(jobs)
}

func (in *Intake) readJobs(body []byte, src Source) ([]*job, error) {
	if len(body) > MaxJobsBody {
		return nil, fault.Newf(fault.TooLarge, "the body has %d bytes; at most %d are taken: send the jobs in parts", len(body), MaxJobsBody)
	}
	elements, array, err := event.Split(body, MaxJobs)
	switch {
	case err != nil:
		return nil, err
	case !array:
		return nil, fault.New(fault.Invalid, "the body is no array; send an array of jobs")
	case len(elements) == 0:
		return nil, fault.New(fault.Invalid, "the array is empty; send at least one job")
	}
	s := in.settings()
	jobs := make([]*job, len(elements))
	for i, e := range elements {
		j := &job{}
		jobs[i] = j
		if e.Err != nil {
			j.refuse(fault.Field(fmt.Sprintf("[%d]", i), "%s", e.Err.Error()))
			continue
		}
		var err error
		if j.new, err = in.readJob(s, i, e.Raw, src, jobs[:i]); err != nil {
			j.refuse(err)
		}
	}
	return jobs, nil
}

// spoiled has the whole part of a wiki refused when one of its jobs is. The others may be sent again.
func spoiled(part []*job) bool {
	at := slices.IndexFunc(part, func(j *job) bool { return j.err != nil })
	if at < 0 {
		return false
	}
	cause := part[at].err
	for _, j := range part {
		if j.err == nil {
			j.err = cause
			j.place = Place{Error: "not taken: another job of the wiki was refused, and a wiki's jobs are taken all or none: " + words(cause)}
		}
	}
	return true
}

func refuseAll(part []*job, err error) {
	for _, j := range part {
		if j.err == nil {
			j.refuse(err)
		}
	}
}

// push carries the jobs of one wiki to its partition, in one command.
func (in *Intake) push(ctx context.Context, wiki string, part []*job) {
	p := partition.Of(wiki)
	c := newPush(make([]jobqueue.New, len(part))...)
	for i, j := range part {
		c.push.Jobs[i] = j.new
	}
	mailed := false
	ahead, err := in.room(ctx, p, wiki, c.push.Jobs)
	if err == nil {
		mailed, err = in.deliver(ctx, p, wiki, c, ahead...)
	}
	if err != nil {
		refuseAll(part, err)
		return
	}
	for i, j := range part {
		id, twin, repeated := idOf(c, i, mailed)
		j.place.ID = ident.ID{Wiki: wiki, Suffix: id}.String()
		if mailed {
			j.place.State = stateAccepted
		}
		if !twin.IsZero() {
			j.place.DuplicateOf = ident.ID{Wiki: wiki, Suffix: twin}.String()
		}
		if repeated {
			in.repeated()
		}
	}
}

// room makes the jobs of a part fit into one command: payloads that are too large go ahead, and, when
// their sum is, the largest of them. Where the owner is silent, it returns what has still to go ahead.
func (in *Intake) room(ctx context.Context, p partition.ID, wiki string, jobs []jobqueue.New) (left []mailable, err error) {
	base, sum := 0, 0
	order := make([]int, len(jobs))
	for i := range jobs {
		n := &jobs[i]
		order[i] = i
		base += len(n.SerialKey) + ident.SuffixLen*2*len(n.WaitsFor) + len(n.Key) + len(n.RequestID) + len(n.ClientID) + len(n.Root.Signature) + 3*(len(n.Wiki)+len(n.Queue)) + 256
		sum += len(n.Payload)
	}
	if base > maxCommandBytes {
		return nil, fault.Newf(fault.TooLarge, "the keys and ids of the jobs of %s have %d bytes, at most %d are taken together: send the jobs in parts",
			wiki, base, maxCommandBytes)
	}
	slices.SortStableFunc(order, func(a, b int) int { return len(jobs[b].Payload) - len(jobs[a].Payload) })
	var commands []mailable
	var sizes []int
	for _, i := range order {
		n := &jobs[i]
		if len(n.Payload) <= maxInline && sum <= maxCommandBytes {
			break
		}
		sum -= len(n.Payload)
		commands, sizes = in.blobs(commands, sizes, n)
	}
	return in.store(ctx, p, wiki, commands, func(i int) int { return sizes[i] })
}
