package jobqueuetest

import (
	"time"

	"auwai/internal/eventlog"
	"auwai/internal/jobqueue"
	"auwai/internal/kv"
	"auwai/internal/partition"
)

// History returns what is kept of finished jobs, oldest first.
func (r *Rig) History() []jobqueue.History {
	r.tb.Helper()
	reader := eventlog.Reader{Source: r.Store.Open(), Partition: r.id, Stream: jobqueue.HistoryStream}
	var out []jobqueue.History
	for from := uint64(0); ; {
		records, next, err := reader.Forward(r.tb.Context(), from, eventlog.Bound{})
		if err != nil {
			r.tb.Fatal(err)
		}
		if len(records) == 0 {
			return out
		}
		for _, rec := range records {
			h, err := jobqueue.DecodeHistory(rec.Data)
			if err != nil {
				r.tb.Fatal(err)
			}
			out = append(out, h)
		}
		from = next
	}
}

// ExpireHistory folds the history and removes what is older than age.
func (r *Rig) ExpireHistory(age time.Duration) {
	r.tb.Helper()
	log, ok := r.machine.Mem(partition.SlotEvents).(*eventlog.Mem)
	if !ok {
		r.tb.Fatal("the partition has no event log")
	}
	log.Foldable(r.Clock) // its first look starts the clock of the tails
	r.Advance(time.Minute)
	for {
		plans := log.Foldable(r.Clock)
		for _, f := range plans {
			c, err := f.Build(r.page(f.Range), nil)
			r.plan(c, c != nil, err)
		}
		if len(plans) == 0 {
			break
		}
	}
	r.Advance(age)
	policy := func(string) eventlog.Policy { return eventlog.Policy{Age: age} }
	for {
		plans := log.Expirable(r.Clock, policy)
		for _, x := range plans {
			c, err := x.Build(r.page(x.Range))
			r.plan(c, c != nil, err)
		}
		if len(plans) == 0 {
			return
		}
	}
}

func (r *Rig) page(rng kv.Range) []kv.Entry { return r.Store.Scan(rng)[0].Entries }

func (r *Rig) plan(c partition.Command, ok bool, err error) {
	r.tb.Helper()
	if err != nil || !ok {
		r.tb.Fatalf("nothing to fold or expire: %v", err)
	}
	r.Must(c)
}
