package cli

import (
	"context"
	"strings"
	"time"

	"auwai/api"
	"auwai/client"
)

func (d *doctor) version(ctx context.Context, service *client.Client) {
	info, err := service.Info(ctx)
	if err != nil {
		d.failed("version", err)
		return
	}
	if own := d.deps.Version; own != info.Version {
		d.add("version", levelNote, "restart the service after an upgrade", "the service is %s, this program %s", info.Version, own)
	}
}

// clock compares the service's clock with this host's.
func (d *doctor) clock(ctx context.Context, service *client.Client) {
	before := d.now()
	at, err := service.Clock(ctx)
	if err != nil || at.IsZero() {
		return // that it does not answer was said
	}
	// Its time has whole seconds.
	skew := max(before.Sub(at.Add(time.Second)), at.Sub(d.now()))
	if skew > skewMost {
		d.add("clock", levelProblem, "let both follow a time server (timedatectl)", "the clocks of this host and of the service differ by %s or more", skew.Round(time.Second))
		return
	}
	d.add("clock", levelFine, "", "the clocks of this host and of the service agree")
}

// stuck looks for work that nobody does.
func (d *doctor) stuck(ctx context.Context, service *client.Client) {
	old, n := map[string]int{}, 0
	for job, err := range service.AllJobs(ctx, client.JobFilter{State: api.StateDead, Limit: pageSize}) {
		if err != nil {
			d.failed("dead", err)
			break
		}
		if n++; n > lookAtMax {
			break
		}
		if job.FinishedAt != nil && d.now().Sub(*job.FinishedAt) > oldDead {
			old[job.Queue]++
		}
	}
	for queue, count := range old {
		d.add("dead", levelProblem, "auwai dead ls --queue "+queue+" shows why; then auwai dead requeue or drop",
			"%s of queue %s died more than a day ago", plural(count, "job", "jobs"), queue)
	}
	if n == 0 {
		d.add("dead", levelFine, "", "no job is dead")
	}
	d.held(ctx, service)
}

func (d *doctor) held(ctx context.Context, service *client.Client) {
	type group struct {
		queues int
		oldest time.Duration
	}
	held := map[string]*group{}
	for q, err := range service.AllQueues(ctx, client.QueueFilter{Limit: pageSize}) {
		if err != nil {
			d.failed("held", err)
			return
		}
		if oldest := time.Duration(q.OldestAge) * time.Second; q.Held != "" && oldest > longHeld {
			reason, _, _ := strings.Cut(q.Held, "; probed again")
			g := held[reason]
			if g == nil {
				g = &group{}
				held[reason] = g
			}
			g.queues++
			g.oldest = max(g.oldest, oldest)
		}
	}
	for reason, g := range held {
		d.add("held", levelProblem, "auwai queues ls shows them; auwai explain JOB says what ends it",
			"%s hold jobs for up to %s: %s", plural(g.queues, "queue of a wiki", "queues of wikis"), age(g.oldest), reason)
	}
	if len(held) == 0 {
		d.add("held", levelFine, "", "nothing is held for longer than an hour")
	}
}
