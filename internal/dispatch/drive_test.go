package dispatch_test

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"auwai/internal/fault"
	"auwai/internal/jobqueue"
	"auwai/internal/partition"
	"auwai/internal/runner"
)

// settle works until nothing is left to do now.
func (r *rig) settle() {
	r.t.Helper()
	for range 100_000 {
		if !r.turn() {
			return
		}
	}
	r.t.Fatal("the node does not come to rest")
}

// end ends an attempt, with the same result for all of its jobs.
func (r *rig) end(id uint64, res runner.Result) {
	r.t.Helper()
	a := r.running[id]
	if a == nil {
		r.t.Fatalf("attempt %d does not run", id)
	}
	for i := range a.Jobs {
		r.result(id, i, res)
	}
	r.ended(id, nil)
	r.settle()
}

func (r *rig) result(id uint64, i int, res runner.Result) {
	if res.Outcome == jobqueue.OutcomeDone {
		r.done[r.running[id].Jobs[i].ID] = true
	}
	r.m.Result(r.clock, id, i, res)
}

func (r *rig) ended(id uint64, err error) {
	r.count(&r.running[id].Start, -1)
	delete(r.running, id)
	r.m.Ended(r.clock, id, err)
}

func done() runner.Result { return runner.Result{Outcome: jobqueue.OutcomeDone} }

// ids returns the attempts that run, in the order of their start.
func (r *rig) ids() []uint64 {
	var ids []uint64
	for id := range r.running {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// endAll ends all that runs now.
func (r *rig) endAll() {
	r.t.Helper()
	for _, id := range r.ids() {
		for i := range r.running[id].Jobs {
			r.result(id, i, done())
		}
		r.ended(id, nil)
	}
	r.settle()
}

// drainAll ends attempts until nothing runs.
func (r *rig) drainAll() {
	r.t.Helper()
	for len(r.running) > 0 {
		r.endAll()
	}
}

const tick = 250 * time.Millisecond

// advance moves both clocks on, from event to event.
func (r *rig) advance(d time.Duration) {
	r.t.Helper()
	until := r.clock.Mono + d
	for r.clock.Mono < until {
		next := min(until, r.clock.Mono+tick)
		for _, a := range r.running {
			if a.ends >= 0 {
				next = min(next, max(a.ends, r.clock.Mono))
			}
		}
		r.clock.Wall = r.clock.Wall.Add(next - r.clock.Mono)
		r.clock.Mono = next
		r.endDue()
		r.settle()
	}
}

func (r *rig) endDue() {
	for _, id := range r.ids() {
		a := r.running[id]
		if a.ends < 0 || a.ends > r.clock.Mono {
			continue
		}
		for i := range a.Jobs {
			res := done()
			if r.outcome != nil {
				res = r.outcome(&a.Start, i)
			}
			r.result(id, i, res)
		}
		r.ended(id, nil)
	}
}

// push pushes n jobs of a pair; their payloads count up.
func (r *rig) push(pair jobqueue.Pair, n int, change ...func(*jobqueue.New)) {
	r.t.Helper()
	r.pushOpen(pair, n, change...)
	r.settle()
}

func (r *rig) pushOpen(pair jobqueue.Pair, n int, change ...func(*jobqueue.New)) {
	r.t.Helper()
	for n > 0 {
		page := min(n, 500)
		n -= page
		c := &jobqueue.Push{}
		for range page {
			job := jobqueue.New{ID: r.minter.Next(r.clock.Wall), Pair: pair, Band: jobqueue.Normal, Payload: []byte(strconv.Itoa(r.next[pair]))}
			r.next[pair]++
			for _, f := range change {
				f(&job)
			}
			c.Jobs = append(c.Jobs, job)
		}
		r.command(pair.Wiki, c)
	}
}

// command submits a command of a caller, which has to succeed.
func (r *rig) command(wiki string, c partition.Command) {
	r.submit(partition.Of(wiki), wiki, c, func(err error) {
		if err != nil {
			r.t.Errorf("%T: %v", c, err)
		}
	})
}

func (r *rig) mem(wiki string) *jobqueue.Mem {
	m, _ := r.parts[partition.Of(wiki)].Mem(partition.SlotJobs).(*jobqueue.Mem)
	return m
}

// info reads what the store holds of a pair.
func (r *rig) info(p jobqueue.Pair) jobqueue.PairInfo {
	r.t.Helper()
	for _, e := range r.store.Scan(jobqueue.PairRange(partition.Of(p.Wiki)))[0].Entries {
		i, err := jobqueue.DecodePair(e)
		if err != nil {
			r.t.Fatal(err)
		}
		if i.Pair == p {
			return i
		}
	}
	return jobqueue.PairInfo{Pair: p}
}

// pairOf returns the counts of a pair; claims in memory run.
func (r *rig) pairOf(p jobqueue.Pair) jobqueue.Counts {
	r.t.Helper()
	return r.mem(p.Wiki).Counts(p, r.info(p).Counts)
}

// payloads returns the payloads of all jobs of a pair that were started, in their order.
func (r *rig) payloads(p jobqueue.Pair) []string {
	var out []string
	for i := range r.started {
		s := &r.started[i]
		if s.Work.Queue != p.Queue || s.Work.Wiki != p.Wiki {
			continue
		}
		for _, item := range s.Work.Jobs {
			out = append(out, string(item.Payload))
		}
	}
	return out
}

// wantEmpty fails the test unless no job of the pairs is left, and memory is given back.
func (r *rig) wantEmpty(pairs ...jobqueue.Pair) {
	r.t.Helper()
	for _, p := range pairs {
		if c := r.pairOf(p); !c.IsZero() {
			r.t.Errorf("pair %v has %+v, want nothing left", p, c)
		}
	}
	counted, found := r.m.Loaded()
	if counted != found {
		r.t.Errorf("windows hold %d bytes and %d are counted", found, counted)
	}
}

// wantInOrder fails the test unless the pair's jobs of 0 to n-1 were started once each, in order.
func (r *rig) wantInOrder(p jobqueue.Pair, n int) {
	r.t.Helper()
	got := r.payloads(p)
	for i, s := range got {
		if s != strconv.Itoa(i) {
			r.t.Fatalf("start %d of %v is of job %s", i, p, s)
		}
	}
	if len(got) != n {
		r.t.Fatalf("%d jobs of %v were started, want %d", len(got), p, n)
	}
}

// sent returns the commands of a type that dispatch has submitted.
func sent[C partition.Command](r *rig) []C {
	var out []C
	for _, c := range r.commands {
		if x, ok := c.(C); ok {
			out = append(out, x)
		}
	}
	return out
}

var errRefused = fault.New(fault.Unavailable, "asked for")

func pairOf(queue, wiki string) jobqueue.Pair { return jobqueue.Pair{Queue: queue, Wiki: wiki} }

func name(prefix string, i int) string { return fmt.Sprintf("%s%03dwiki", prefix, i) }
