package dispatch_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"auwai/internal/dispatch"
	"auwai/internal/eventlog"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/kv"
	"auwai/internal/kv/memkv"
	"auwai/internal/limit"
	"auwai/internal/node"
	"auwai/internal/partition"
	"auwai/internal/runner"
)

// rig is a node without a node: the real machines of partitions over one view and a store in memory,
// dispatch as the tenant, a clock that the test moves, and attempts that the test ends. Everything
// happens in the test's goroutine.
type rig struct {
	t        testing.TB
	clock    partition.Now
	store    *memkv.Server
	registry *partition.Registry
	view     *partition.View
	parts    map[partition.ID]*partition.Machine
	order    []partition.ID // of parts
	m        *dispatch.Machine
	cfg      dispatch.Config
	policy   *policy
	minter   *ident.Minter
	batch    kv.Batch

	scans    []scan
	answers  []node.Answer
	settled  map[partition.ID]int
	commands []partition.Command // that dispatch has submitted

	// driver, where set, starts attempts in goroutines of its own.
	driver *dispatch.Driver
	// refuse, where set, answers a command of dispatch with an error instead of taking it.
	refuse func(partition.Command) error
	// readFails, where set, fails the reads of dispatch.
	readFails func() error
	// slow has commits stay on their way: visible to readers, acknowledged by land only.
	slow bool
	// holdReads has reads stay on their way until it is false: what they show is of their asking.
	holdReads bool
	// took, where set, has attempts end by themselves with done after the time it returns.
	took func(s *dispatch.Start) time.Duration
	// outcome, where set, is how jobs end by themselves; nil: done.
	outcome func(s *dispatch.Start, i int) runner.Result

	reads     int  // that were asked for
	uncounted bool // benchmarks measure dispatch, not the rig
	running   map[uint64]*attempt
	started   []dispatch.Start
	cancelled []uint64
	counts    map[string]int // running attempts, by limit
	peaks     map[string]int
	next      map[jobqueue.Pair]int
	done      map[ident.Suffix]bool
}

type scan struct {
	token  uint64
	ranges []kv.Range
	keys   []kv.Key
	pages  []kv.Page // read already
}

type attempt struct {
	dispatch.Start
	ends time.Duration // -1: the test ends it
	from time.Duration
}

// policy is a configuration of maps. What a test changes in it counts after r.changed, but for node.
type policy struct {
	node      int
	queue     settings            // of queues that are not named
	queues    map[string]settings // by name
	wikis     map[string]int
	limits    map[string]limit.Limit // by name, over those of queues and wikis
	tags      map[string][]string    // names of tags, by wiki
	batch     int
	held      map[string]string // by wiki
	paused    map[string]string // by queue
	strangers bool              // jobs with a domain are none of their wiki's
}

// settings are those of a queue, with its limits.
type settings struct {
	Concurrency, PerWiki int
	Timeout              time.Duration
	Retry                jobqueue.Policy
	More                 dispatch.QueuePolicy
}

func (p *policy) settings(queue string) settings {
	q, ok := p.queues[queue]
	if !ok {
		q = p.queue
	}
	return q
}

func (p *policy) Concurrency() int { return p.node }
func (p *policy) Queue(pair jobqueue.Pair) dispatch.QueuePolicy {
	s := p.settings(pair.Queue)
	q := s.More
	q.Timeout, q.Retry, q.Batch = s.Timeout, s.Retry, p.batch
	return q
}

func (p *policy) Limits(pair jobqueue.Pair) []string {
	own := []string{limit.Wiki(pair.Wiki), limit.Queue(pair.Queue), limit.Pair(pair.Queue, pair.Wiki)}
	return append(own, p.tags[pair.Wiki]...)
}

func (p *policy) Limit(name string) limit.Limit {
	if l, ok := p.limits[name]; ok {
		return l
	}
	kind, rest, _ := strings.Cut(name, ":")
	switch kind {
	case "wiki":
		return limit.Limit{Concurrency: p.wikis[rest]}
	case "queue":
		return limit.Limit{Concurrency: p.settings(rest).Concurrency}
	case "pair":
		queue, _, _ := strings.Cut(rest, "@")
		return limit.Limit{Concurrency: p.settings(queue).PerWiki}
	}
	return limit.Limit{}
}

func (p *policy) Held(pair jobqueue.Pair) string   { return p.held[pair.Wiki] }
func (p *policy) Paused(pair jobqueue.Pair) string { return p.paused[pair.Queue] }
func (p *policy) Mismatch(_ jobqueue.Pair, domain string) string {
	if p.strangers && domain != "" {
		return "the domain " + domain + " is not the wiki's"
	}
	return ""
}

func newRig(t testing.TB, p *policy) *rig {
	t.Helper()
	if p.queue.Timeout == 0 {
		p.queue.Timeout = time.Minute
	}
	if p.queue.Retry.Attempts == 0 {
		p.queue.Retry = jobqueue.Policy{Attempts: 3, RetryDelay: time.Minute, RetryFactor: 6}
	}
	registry, err := partition.NewRegistry(slices.Concat(eventlog.Families(), jobqueue.Families())...)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{
		t: t, store: memkv.NewServer(), registry: registry, policy: p, minter: ident.NewMinter(7),
		clock: partition.Now{Wall: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Mono: time.Hour},
		next:  map[jobqueue.Pair]int{}, done: map[ident.Suffix]bool{}, peaks: map[string]int{},
	}
	r.cfg = dispatch.Config{Policy: p, Random: func() float64 { return 0 }}
	r.boot()
	return r
}

// boot starts a node over the store that knows nothing.
func (r *rig) boot() {
	r.view = partition.NewView(r.registry)
	r.parts, r.order = map[partition.ID]*partition.Machine{}, nil
	r.m = dispatch.New(r.cfg)
	r.scans, r.answers, r.settled, r.commands = nil, nil, map[partition.ID]int{}, nil
	r.running, r.counts = map[uint64]*attempt{}, map[string]int{}
	r.started, r.cancelled = nil, nil
	r.m.Event(r.clock, node.Event{Kind: node.SessionStarted})
}

func (r *rig) domains() []partition.Domain {
	return []partition.Domain{eventlog.Domain{}, jobqueue.Domain{}}
}

// open opens the partitions of the wikis.
func (r *rig) open(unclean bool, wikis ...string) {
	r.t.Helper()
	for _, w := range wikis {
		if p := partition.Of(w); r.parts[p] == nil {
			r.openPartition(p, unclean)
		}
	}
	r.settle()
}

func (r *rig) openPartition(p partition.ID, unclean bool) {
	r.t.Helper()
	pm := partition.NewMachine(p, r.view)
	pm.Begin(1)
	for _, rng := range r.registry.ResidentRanges(p) {
		for _, e := range r.store.Scan(rng)[0].Entries {
			r.view.LearnResident(p, e)
		}
	}
	pm.Loaded(r.clock)
	r.parts[p] = pm
	r.order = append(r.order, p)
	slices.Sort(r.order)
	for _, d := range r.domains() {
		mem, first := d.Open(partition.Opening{
			Partition: p, Epoch: 1, Now: r.clock,
			Resident: func(prefix kv.Key) []kv.Entry { return r.view.Resident(p, prefix) },
		})
		pm.SetMem(d.Slot(), mem)
		for _, c := range first {
			r.submit(p, "", c, func(err error) {
				if err != nil {
					r.t.Errorf("first command %T: %v", c, err)
				}
			})
		}
	}
	r.settle()
	pm.SetOpen()
	r.m.Event(r.clock, node.Event{Kind: node.Opened, Partition: p, Machine: pm, Unclean: unclean})
}

// closing has the partition of a wiki give its work up.
func (r *rig) closing(wiki string) {
	r.t.Helper()
	p := partition.Of(wiki)
	r.parts[p].SetClosing()
	r.m.Event(r.clock, node.Event{Kind: node.Closing, Partition: p, Machine: r.parts[p]})
}

// close takes the partition of a wiki away.
func (r *rig) close(wiki string) {
	r.t.Helper()
	p := partition.Of(wiki)
	calls := r.parts[p].Close()
	r.m.Event(r.clock, node.Event{Kind: node.Closed, Partition: p})
	for _, c := range calls {
		r.answer(c.Done, node.ErrNotOwner)
	}
	delete(r.parts, p)
	r.order = slices.DeleteFunc(r.order, func(o partition.ID) bool { return o == p })
}

func (r *rig) answer(done func(error), err error) {
	if done != nil {
		r.answers = append(r.answers, node.Answer{Done: done, Err: err})
	}
}

func (r *rig) submit(p partition.ID, wiki string, c partition.Command, done func(error)) {
	pm := r.parts[p]
	if pm == nil {
		r.answer(done, node.ErrNotOwner)
		return
	}
	if err := pm.Submit(r.clock, &partition.Call{Wiki: wiki, Command: c, Done: done}, true); err != nil {
		r.answer(done, err)
	}
}

// host is what dispatch sees of the rig.
type host struct{ *rig }

func (h host) SubmitOwn(_ partition.Now, p partition.ID, c *partition.Call) {
	h.rig.commands = append(h.rig.commands, c.Command)
	if h.refuse != nil {
		if err := h.refuse(c.Command); err != nil {
			h.answer(c.Done, err)
			return
		}
	}
	h.submit(p, "", c.Command, c.Done)
}

func (h host) Scan(token uint64, ranges []kv.Range) {
	h.rig.scans = append(h.rig.scans, scan{token: token, ranges: slices.Clone(ranges)})
}

func (h host) ScanThen(token uint64, ranges []kv.Range, _ func([]kv.Page)) { h.Scan(token, ranges) }

func (h host) Fetch(token uint64, keys []kv.Key) {
	h.rig.scans = append(h.rig.scans, scan{token: token, keys: slices.Clone(keys)})
}

func (h host) Settled(p partition.ID) { h.settled[p]++ }

// read carries a read of dispatch out.
func (r *rig) read(s *scan) {
	if s.pages != nil {
		return
	}
	if len(s.keys) == 0 {
		s.pages = r.store.Scan(s.ranges...)
		return
	}
	page := kv.Page{}
	for i, v := range r.store.Get(s.keys...) {
		page.Entries = append(page.Entries, kv.Entry{Key: s.keys[i], Value: v})
	}
	s.pages = []kv.Page{page}
}

// turn does what can be done now, once, and reports whether that was anything.
func (r *rig) turn() (busy bool) {
	for _, p := range r.order {
		r.parts[p].Apply(r.clock)
		if err := r.parts[p].Poisoned(); err != nil {
			r.t.Fatal(err)
		}
	}
	if keys := r.view.Wanted(); keys != nil {
		busy = true
		r.view.Learn(keys, r.store.Get(keys...))
		for _, p := range r.order {
			r.parts[p].Wake()
		}
	}
	if r.view.Pending() && !r.view.InFlight() {
		busy = true
		r.seal()
	}
	if r.view.InFlight() && !r.slow {
		r.view.Durable()
		r.release()
	}
	if !r.view.InFlight() && !r.view.Pending() {
		r.release()
	}
	answers := r.answers
	r.answers = nil
	for _, a := range answers {
		busy = true
		a.Done(a.Err)
	}
	busy = r.answerReads() || busy
	if r.driver != nil {
		r.driver.Step(r.clock, host{r})
	} else {
		r.m.Step(r.clock, host{r})
		busy = r.takeStarts() || busy
	}
	busy = busy || len(r.answers) > 0
	for _, p := range r.order {
		busy = busy || r.parts[p].HasFresh() && !r.view.Full()
	}
	return busy || len(r.scans) > 0 && !r.holdReads
}

func (r *rig) seal() {
	r.batch.Reset()
	r.view.Seal(&r.batch)
	for _, p := range r.order {
		r.parts[p].Sealed()
	}
	if err := r.store.Apply(&r.batch); err != nil {
		r.t.Fatal(err)
	}
}

// land acknowledges the commit that is on its way.
func (r *rig) land() {
	r.view.Durable()
	r.release()
}

func (r *rig) release() {
	for _, p := range r.order {
		calls, effects := r.parts[p].Released()
		r.m.Effects(r.clock, r.parts[p], effects)
		for _, c := range calls {
			r.answer(c.Done, c.Err())
		}
	}
}

func (r *rig) answerReads() (busy bool) {
	scans := r.scans
	r.scans = nil
	r.reads += len(scans)
	for i := range scans {
		if r.holdReads {
			r.read(&scans[i])
			r.scans = append(r.scans, scans[i])
			continue
		}
		busy = true
		if r.readFails != nil {
			if err := r.readFails(); err != nil {
				r.m.Scanned(r.clock, scans[i].token, nil, err)
				continue
			}
		}
		r.read(&scans[i])
		r.m.Scanned(r.clock, scans[i].token, scans[i].pages, nil)
	}
	return busy
}

func (r *rig) takeStarts() bool {
	starts, cancels := r.m.Starts()
	for _, c := range cancels {
		r.cancelled = append(r.cancelled, c.Attempt)
	}
	for _, s := range starts {
		a := &attempt{Start: s, ends: -1, from: r.clock.Mono}
		if r.took != nil {
			a.ends = r.clock.Mono + r.took(&s)
		}
		for _, j := range s.Jobs {
			if r.done[j.ID] {
				r.t.Fatalf("job %s of %v was started again after it was done", s.Work.Jobs[0].Payload, j.Pair)
			}
		}
		r.running[s.Attempt] = a
		r.started = append(r.started, s)
		r.count(&s, 1)
	}
	return len(starts) > 0
}

// count keeps the number of running attempts for each limit, and fails the test above one.
func (r *rig) count(s *dispatch.Start, by int) {
	if r.uncounted {
		return
	}
	w := &s.Work
	pair := pairOf(w.Queue, w.Wiki)
	of := r.policy.Limit
	list := []struct {
		name  string
		limit int
	}{
		{"node", r.policy.node},
		{"queue " + w.Queue, of(limit.Queue(w.Queue)).Concurrency},
		{"wiki " + w.Wiki, of(limit.Wiki(w.Wiki)).Concurrency},
		{"pair " + w.Queue + " " + w.Wiki, of(limit.Pair(w.Queue, w.Wiki)).Concurrency},
	}
	for _, tag := range r.policy.Limits(pair)[3:] {
		list = append(list, struct {
			name  string
			limit int
		}{tag, of(tag).Concurrency})
	}
	for _, l := range list {
		r.counts[l.name] += by
		r.peaks[l.name] = max(r.peaks[l.name], r.counts[l.name])
		if by > 0 && l.limit > 0 && r.counts[l.name] > l.limit {
			r.t.Fatalf("%s has %d attempts, at most %d", l.name, r.counts[l.name], l.limit)
		}
	}
}

// changed says that the policy has changed.
func (r *rig) changed() {
	r.t.Helper()
	r.m.Changed(r.clock)
	r.settle()
}
