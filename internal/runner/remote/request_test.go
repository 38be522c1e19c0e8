package remote_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"auwai/internal/dispatch"
	"auwai/internal/fault"
	"auwai/internal/jobqueue"
	"auwai/internal/runner/remote"
)

func TestAWorkerThatWaitsGetsTheJobThatBecomesReady(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		a := r.ask(remote.Request{Queues: []string{"encode"}, Limit: 10, Wait: time.Minute, Worker: "w1"})
		pass(20 * time.Second)
		if a.answered() {
			t.Fatal("it was answered without a job")
		}
		job := r.start(demand("encode", "aawiki"))
		got := r.one(a)
		if got.Item.ID != job || got.Wiki != "aawiki" || got.Queue != "encode" || got.Fence != 7 || got.Token == "" {
			t.Errorf("job = %+v", got)
		}
		if left := time.Until(got.Deadline); left != timeout {
			t.Errorf("the deadline is in %s, want %s", left, timeout)
		}
		if held, ok := r.Holding(job); !ok || held.Worker != "w1" || held.Deadline != got.Deadline {
			t.Errorf("Holding = %+v, %v", held, ok)
		}
	})
}

func TestARequestIsAnsweredEmptyWhenItsTimeIsUp(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		start := time.Now()
		a := r.ask(remote.Request{Wait: 30 * time.Second})
		if list := a.list(); list != "" || a.err != nil || a.at.Sub(start) != 30*time.Second {
			t.Errorf("answered %q, %v after %s", list, a.err, a.at.Sub(start))
		}
		if ok, why := r.Ready(time.Now(), demand("encode", "aawiki")); ok || why != "no worker waits for jobs of queue encode" {
			t.Errorf("Ready = %v, %q", ok, why)
		}
	})
}

func TestARequestThatDoesNotWaitIsAnsweredWhenAllThatIsReadyWasOffered(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		newest, _ := r.Waits()
		a := r.ask(remote.Request{})
		r.Looked(newest)
		if a.answered() {
			t.Fatal("it was answered before anybody looked")
		}
		newest, waiting := r.Waits()
		if !waiting {
			t.Fatal("nobody waits")
		}
		r.Looked(newest)
		if !a.answered() || a.list() != "" {
			t.Error("it waits although everything was offered")
		}
		start := time.Now()
		b := r.ask(remote.Request{})
		if <-b.done; b.at.Sub(start) != time.Second {
			t.Errorf("without a look it was answered after %s, want 1s", b.at.Sub(start))
		}
	})
}

func TestARequestGetsAllThatIsOnItsWayInOneAnswer(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		a := r.ask(remote.Request{Limit: 3, Wait: time.Minute})
		var grants []grant
		for range 3 {
			g, ok := r.reserve(demand("encode", "aawiki"))
			if !ok {
				t.Fatal("not reserved")
			}
			grants = append(grants, g)
		}
		if _, ok := r.reserve(demand("encode", "aawiki")); ok {
			t.Error("a fourth job was reserved, the limit is 3")
		}
		newest, _ := r.Waits()
		r.Looked(newest)
		r.run(t.Context(), grants[0].work)
		r.run(t.Context(), grants[1].work)
		if a.answered() {
			t.Error("it was answered while a job was on its way")
		}
		r.Return(grants[2].work.Holder)
		if want := grants[0].id + " " + grants[1].id; a.list() != want {
			t.Errorf("answered %q, want %q", a.list(), want)
		}
	})
}

func TestAnAnswerEndsAtALimitOfBytes(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		a := r.ask(remote.Request{Limit: 3, Wait: time.Minute})
		first, _ := r.reserve(demand("encode", "aawiki"))
		second, _ := r.reserve(demand("encode", "aawiki"))
		first.work.Jobs[0].Payload = make([]byte, 8<<20)
		r.run(t.Context(), first.work)
		if _, ok := r.reserve(demand("encode", "aawiki")); ok {
			t.Error("more was reserved for a full answer")
		}
		r.run(t.Context(), second.work)
		if n := len(strings.Fields(a.list())); n != 2 {
			t.Errorf("%d jobs, want the two that were promised", n)
		}
	})
}

func TestJobsAreSharedEvenlyAmongWorkersThatWait(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		a := r.ask(remote.Request{Limit: 100, Wait: time.Minute, Worker: "a"})
		b := r.ask(remote.Request{Limit: 100, Wait: time.Minute, Worker: "b"})
		c := r.ask(remote.Request{Limit: 1, Wait: time.Minute, Worker: "c"})
		var grants []grant
		for range 8 {
			g, ok := r.reserve(demand("encode", "aawiki"))
			if !ok {
				t.Fatal("not reserved")
			}
			grants = append(grants, g)
		}
		for _, g := range grants {
			r.run(t.Context(), g.work)
		}
		if len(a.list()) == 0 || len(a.jobs) != 4 || len(b.jobs) != 3 || len(c.jobs) != 1 {
			t.Errorf("%d, %d and %d jobs, want 4, 3 and 1", len(a.jobs), len(b.jobs), len(c.jobs))
		}
	})
}

func TestRequestsTakeWhatTheyAskFor(t *testing.T) {
	local := func(queue, wiki string) dispatch.Demand {
		d := demand(queue, wiki)
		d.Remote = false
		return d
	}
	onlyB := func(wiki string) bool { return wiki == "bbwiki" }
	for name, c := range map[string]struct {
		q    remote.Request
		d    dispatch.Demand
		want bool
	}{
		"any queue for workers":         {remote.Request{}, demand("encode", "aawiki"), true},
		"its queue":                     {remote.Request{Queues: []string{"encode"}}, demand("encode", "aawiki"), true},
		"another queue":                 {remote.Request{Queues: []string{"other"}}, demand("encode", "aawiki"), false},
		"its wiki":                      {remote.Request{Wiki: "aawiki"}, demand("encode", "aawiki"), true},
		"another wiki":                  {remote.Request{Wiki: "bbwiki"}, demand("encode", "aawiki"), false},
		"a wiki it may not have":        {remote.Request{Allowed: onlyB}, demand("encode", "aawiki"), false},
		"a wiki it may have":            {remote.Request{Allowed: onlyB}, demand("encode", "bbwiki"), true},
		"a local queue without a wiki":  {remote.Request{}, local("refreshLinks", "aawiki"), false},
		"a local queue by name":         {remote.Request{Queues: []string{"refreshLinks"}}, local("refreshLinks", "aawiki"), false},
		"a local queue of its wiki":     {remote.Request{Wiki: "aawiki"}, local("refreshLinks", "aawiki"), true},
		"a local queue of another wiki": {remote.Request{Wiki: "bbwiki"}, local("refreshLinks", "aawiki"), false},
		"a pull by queue":               {remote.Request{Wiki: "aawiki", Queues: []string{"refreshLinks"}}, local("refreshLinks", "aawiki"), true},
		"the service's own queue":       {remote.Request{Wiki: "aawiki"}, local("auwai.purge", "aawiki"), false},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T, r *rig) {
				c.q.Wait = time.Minute
				r.ask(c.q)
				if got, why := r.Ready(time.Now(), c.d); got != c.want {
					t.Errorf("Ready = %v, %q", got, why)
				}
				if _, got := r.reserve(c.d); got != c.want {
					t.Errorf("Reserve = %v", got)
				}
			})
		})
	}
}

func TestWhoPullsIsKnown(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		r.ask(remote.Request{Wiki: "aawiki", Wait: time.Second})
		r.ask(remote.Request{Wiki: "aawiki", Queues: []string{"x"}, Wait: time.Second})
		r.ask(remote.Request{Wait: time.Second})
		if got := fmt.Sprint(r.Pulls()); got != "[aawiki]" {
			t.Errorf("Pulls = %s", got)
		}
	})
}

func TestWhatWasMeantForARequesterThatHasGoneReturnsToItsPlace(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		a := r.ask(remote.Request{Limit: 3, Wait: time.Minute})
		offered, _ := r.reserve(demand("encode", "aawiki"))
		onItsWay, _ := r.reserve(demand("encode", "aawiki"))
		r.run(t.Context(), offered.work)
		a.cancel()
		if <-a.done; fault.KindOf(a.err) != fault.Unavailable || len(a.jobs) != 0 {
			t.Errorf("Claim = %d jobs, %v", len(a.jobs), a.err)
		}
		r.run(t.Context(), onItsWay.work)
		for _, g := range []grant{offered, onItsWay} {
			wantOutcome(t, r.result(g.id), jobqueue.OutcomeUncounted, "")
		}
	})
}

func TestAGrantThatIsLongOnItsWayIsNotWaitedFor(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		start := time.Now()
		a := r.ask(remote.Request{Wait: 10 * time.Second})
		g, _ := r.reserve(demand("encode", "aawiki"))
		if <-a.done; a.at.Sub(start) != 15*time.Second || len(a.jobs) != 0 || a.err != nil {
			t.Errorf("answered %d jobs, %v after %s", len(a.jobs), a.err, a.at.Sub(start))
		}
		r.run(t.Context(), g.work)
		wantOutcome(t, r.result(g.id), jobqueue.OutcomeUncounted, "")
	})
}

func TestRequestsAreChecked(t *testing.T) {
	for field, q := range map[string]remote.Request{
		"limit":           {Limit: 101},
		"queues":          {Queues: make([]string, 101)},
		"wait":            {Wait: 61 * time.Second},
		"timeout":         {Timeout: time.Millisecond},
		"worker":          {Worker: "a\nb"},
		"capacity.cores":  {Capacity: &jobqueue.Needs{Cores: -1}},
		"capacity.memory": {Capacity: &jobqueue.Needs{Memory: -1}},
	} {
		_, err := remote.New(remote.Config{}).Claim(t.Context(), q)
		if fault.KindOf(err) != fault.Invalid || fault.FieldOf(err) != field {
			t.Errorf("Claim(%+v) = %v, want a fault of %s", q, err, field)
		}
	}
}

func TestAServiceThatStopsAnswersWhoeverWaitsAndKeepsLeases(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		held := r.ask(remote.Request{Wait: time.Minute})
		job := r.start(demand("encode", "aawiki"))
		token := r.one(held).Token
		empty := r.ask(remote.Request{Queues: []string{"y"}, Wait: time.Minute})
		promised := r.ask(remote.Request{Queues: []string{"x"}, Wait: time.Minute})
		g, _ := r.reserve(demand("x", "aawiki"))
		r.Drain()
		if !empty.answered() || empty.list() != "" {
			t.Error("a request still waits")
		}
		r.run(t.Context(), g.work)
		if promised.list() != g.id {
			t.Errorf("answered %q, want the job that was promised", promised.list())
		}
		if _, err := r.Claim(t.Context(), remote.Request{}); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("Claim = %v", err)
		}
		if _, err := r.Heartbeat(t.Context(), job, token, remote.Beat{}); err != nil {
			t.Errorf("Heartbeat = %v", err)
		}
		r.Close()
		r.runs.Wait()
		if res := r.result(job); res.Outcome != 0 {
			t.Errorf("the lease ended as %s", res.Outcome)
		}
		r.Hub = remote.New(remote.Config{}) // what the rig closes
	})
}
