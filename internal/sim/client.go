package sim

import (
	"fmt"
	"time"

	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/intake"
	"auwai/internal/jobqueue"
	"auwai/internal/partition"
)

// clients are those that push, cancel and retry, with all they know.
type clients struct {
	pushes  []*pushed // in their order
	byID    map[ident.Suffix]*pushed
	sources map[string][]*pushed
	calls   []*clientCall
	named   int // client ids given so far
	again   int // pushes that will be repeated
}

func newClients() clients {
	return clients{byID: map[ident.Suffix]*pushed{}, sources: map[string][]*pushed{}}
}

// pushed is one job that a client has tried to push under one id.
type pushed struct {
	new       jobqueue.New
	asked     time.Duration
	call      *clientCall
	mailed    bool
	result    jobqueue.Pushed // when acknowledged and not mailed
	cancelled bool            // a Cancel was acknowledged, of a job that waited
	unknown   bool            // a Cancel of it answered that there is no such job
}

func (p *pushed) source() string {
	if p.new.Source.Name == "" {
		return ""
	}
	return p.new.Wiki + "\x00" + p.new.Source.Name
}

// clientCall is one request to one node.
type clientCall struct {
	n        *simNode
	life     int
	what     string
	at       time.Duration
	answered bool
	err      error
	waits    bool // the client still waits, and will push again
}

// Outcomes of a call, as a client may take them.
func (c *clientCall) acked() bool { return c.answered && c.err == nil }

// refused says that nothing was done and nothing will be.
func (c *clientCall) refused() bool {
	return c.answered && c.err != nil && fault.KindOf(c.err) != fault.Unknown
}

// call makes a call to a node. done is called with the first answer.
func (w *world) call(n *simNode, what string, done func(err error, waited bool)) (*clientCall, func(error)) {
	c := &clientCall{n: n, life: n.life, what: what, at: w.now}
	w.clients.calls = append(w.clients.calls, c)
	return c, func(err error) {
		w.require(!c.answered, "a call has one answer", "%s to node %d at %s", what, n.index, c.at)
		c.answered, c.err = true, err
		waited := c.waits
		c.waits = false
		if err != nil && fault.KindOf(err) == fault.Internal && !isAskedFor(err) {
			w.fail("no caller sees an internal error", "%s to node %d: %v", what, n.index, err)
		}
		text := ""
		if err != nil {
			text = err.Error()
		}
		w.note(n.index, "answers "+what, 0, 0, text)
		done(err, waited)
	}
}

// work is the clients' life: one deed after the other.
func (w *world) work(every time.Duration) {
	if !w.loaded {
		return
	}
	w.after(time.Duration(w.rng.ExpFloat64()*float64(every)), func() { w.work(every) })
	n := w.nodes[w.rng.IntN(len(w.nodes))]
	if !n.up {
		return
	}
	switch r := w.rng.IntN(100); {
	case r < 60:
		w.push(w.drawJobs(), 4)
	case r < 69:
		w.cancelJob()
	case r < 70:
		w.endMany()
	case r < 78:
		w.retryJob()
	default:
		w.ledgerDeed(n)
	}
}

// drawJobs makes a request: jobs of one wiki.
func (w *world) drawJobs() []jobqueue.New {
	names := wikiNames()
	wiki := names[w.rng.IntN(len(names))]
	count := 1
	switch r := w.rng.IntN(20); {
	case r == 0:
		count = 40
	case r < 6:
		count = 2 + w.rng.IntN(6)
	}
	jobs := make([]jobqueue.New, count)
	for i := range jobs {
		jobs[i] = w.drawJob(wiki)
	}
	return jobs
}

func (w *world) drawJob(wiki string) jobqueue.New {
	queues := queueNames()
	j := jobqueue.New{
		Pair: jobqueue.Pair{Wiki: wiki, Queue: queues[w.rng.IntN(len(queues))]},
		Band: jobqueue.Band(w.rng.IntN(jobqueue.Bands)), //nolint:gosec // a band
	}
	if w.chance(0.4) {
		j.Key = fmt.Sprintf("key %d", w.rng.IntN(6))
	}
	if w.chance(0.35) {
		j.Root = jobqueue.Root{
			Signature: fmt.Sprintf("root %d", w.rng.IntN(3)),
			Timestamp: fmt.Sprintf("2026010203%04d", w.rng.IntN(3)+int(w.now/(8*time.Second))),
			IsRoot:    w.chance(0.3),
		}
	}
	if w.chance(0.2) {
		j.RunAt = w.wall().Add(w.between(-time.Second, 15*time.Second))
	}
	if w.chance(0.3) {
		w.clients.named++
		j.ClientID = fmt.Sprintf("client %d", w.clients.named)
		if w.chance(0.1) {
			j.ClientID = fmt.Sprintf("client %d", w.rng.IntN(w.clients.named)+1)
		}
		j.Source.Name = "c:" + j.ClientID
	}
	if w.chance(0.02) {
		j.Domain = strange
	}
	if w.chance(0.3) {
		j.RequestID = fmt.Sprintf("request %d", w.rng.IntN(20))
	}
	w.hang(&j)
	j.Payload = fmt.Appendf(nil, "payload %d", w.rng.Uint64()%1000)
	return j
}

// push sends a request to some node, and again while it may not have been taken.
func (w *world) push(template []jobqueue.New, tries int) {
	n := w.nodes[w.rng.IntN(len(w.nodes))]
	if !n.up {
		w.retryPush(template, tries)
		return
	}
	jobs := make([]jobqueue.New, len(template))
	copy(jobs, template)
	p := partition.Of(jobs[0].Wiki)
	var list []*pushed
	for i := range jobs {
		jobs[i].ID = n.mint()
		list = append(list, &pushed{new: jobs[i], asked: w.now})
	}
	command := &jobqueue.Push{Jobs: jobs}
	mailed := !n.opens(p) && w.chance(0.8) || w.chance(0.05)
	call, done := w.call(n, "push", func(err error, waited bool) {
		if err == nil && !mailed {
			for i, r := range command.Results {
				list[i].result = r
			}
		}
		if err != nil && waited {
			w.retryPush(template, tries)
		}
	})
	w.report.Pushed += len(jobs)
	for _, x := range list {
		x.call, x.mailed = call, mailed
		w.remember(x)
	}
	w.note(n.index, "push", uint64(len(jobs)), uint64(p), "")
	if mailed {
		w.report.Mailed += len(jobs)
		letters := w.letters(n, jobs)
		n.input(func(now partition.Now) { n.m.MailAll(now, p, letters, done) })
	} else {
		n.input(func(now partition.Now) {
			n.m.Submit(now, p, &partition.Call{Wiki: jobs[0].Wiki, Command: command, Done: done})
		})
	}
	call.waits = true
	w.after(w.between(5*time.Second, 7*time.Second), func() {
		if call.waits {
			call.waits = false
			w.retryPush(template, tries)
		}
	})
}

// letters are the messages that push jobs: the queue's own, or intake's, whole or in blocks.
func (w *world) letters(n *simNode, jobs []jobqueue.New) []partition.Letter {
	if w.chance(0.3) {
		return []partition.Letter{{Kind: jobqueue.MailPush, Body: jobqueue.EncodePush(jobs)}}
	}
	most := 1 << 20
	if w.chance(0.5) {
		most = 1
	}
	letters, err := intake.Letters(jobs[0].Wiki, jobs, n.mint, most)
	w.require(err == nil, "a push can be mailed", "%v", err)
	return letters
}

func (w *world) remember(x *pushed) {
	c := &w.clients
	c.pushes = append(c.pushes, x)
	w.require(c.byID[x.new.ID] == nil, "ids are minted once", "job %s", x.new.ID)
	c.byID[x.new.ID] = x
	if s := x.source(); s != "" {
		c.sources[s] = append(c.sources[s], x)
	}
}

func (w *world) retryPush(template []jobqueue.New, tries int) {
	if tries <= 1 || w.chance(0.1) {
		return
	}
	w.clients.again++
	w.after(w.between(50*time.Millisecond, 4*time.Second), func() {
		w.clients.again--
		w.push(template, tries-1)
	})
}

// somebodys picks a job that was pushed, and the node that has its partition open.
func (w *world) somebodys() (*pushed, *simNode) {
	c := &w.clients
	if len(c.pushes) == 0 {
		return nil, nil
	}
	from := max(0, len(c.pushes)-50)
	if w.chance(0.3) {
		from = 0
	}
	x := c.pushes[from+w.rng.IntN(len(c.pushes)-from)]
	for _, n := range w.nodes {
		if n.opens(partition.Of(x.new.Wiki)) {
			return x, n
		}
	}
	return nil, nil
}

func (w *world) cancelJob() {
	x, n := w.somebodys()
	if x == nil {
		return
	}
	knew := x.call.acked() && !x.mailed && !x.result.Repeated
	c := &jobqueue.Cancel{Wiki: x.new.Wiki, ID: x.new.ID, Running: w.chance(0.5)}
	_, done := w.call(n, "cancel", func(err error, _ bool) {
		x.cancelled = x.cancelled || err == nil && !c.Stopping
		x.unknown = x.unknown || knew && err != nil && fault.KindOf(err) == fault.NotFound
	})
	n.input(func(now partition.Now) {
		n.m.Submit(now, partition.Of(x.new.Wiki), &partition.Call{
			Wiki: x.new.Wiki, Command: c, Done: done,
		})
	})
}

func (w *world) retryJob() {
	x, n := w.somebodys()
	if x == nil {
		return
	}
	p := partition.Of(x.new.Wiki)
	id := x.new.ID
	if dead := w.server.Scan(jobqueue.DeadRange(p, x.new.Pair, 0))[0].Entries; len(dead) > 0 {
		if d, _, err := jobqueue.DecodeDead(dead[w.rng.IntN(len(dead))]); err == nil {
			id = d
		}
	}
	// Asked for, it may begin again.
	_, done := w.call(n, "retry", func(error, bool) { delete(w.workers.once, id) })
	delete(w.workers.once, id)
	n.input(func(now partition.Now) {
		n.m.Submit(now, p, &partition.Call{Wiki: x.new.Wiki, Command: &jobqueue.Retry{Wiki: x.new.Wiki, ID: id}, Done: done})
	})
}
