package migrate

import (
	"cmp"
	"slices"
)

// Report says what an import has read and done.
type Report struct {
	DryRun bool    `json:"dry_run"`
	Queues []Tally `json:"queues"` // in the order of wiki and queue
	Sum    Tally   `json:"sum"`

	// What became of them; all zero in a dry run but for Already.
	Pushed  int `json:"pushed"`  // taken by the service
	Merged  int `json:"merged"`  // of these: into a waiting twin
	Dead    int `json:"dead"`    // of these: kept as dead
	Already int `json:"already"` // in the ledger: imported before
	Skipped int `json:"skipped"` // claimed or abandoned, as asked for

	// Bad are the jobs that cannot be read or that the service will never take, the first MostBad of them.
	Bad      []Problem `json:"bad"`
	BadCount int       `json:"bad_count"`
}

// MostBad bounds the list of what could not be imported.
const MostBad = 1_000

// Tally counts the jobs of one queue of one wiki in the source.
type Tally struct {
	Wiki      string `json:"wiki,omitempty"`
	Queue     string `json:"queue,omitempty"`
	Waiting   int    `json:"waiting"`
	Delayed   int    `json:"delayed"`
	Claimed   int    `json:"claimed"`
	Abandoned int    `json:"abandoned"`
}

// Jobs returns the number of all jobs.
func (t *Tally) Jobs() int { return t.Waiting + t.Delayed + t.Claimed + t.Abandoned }

func (t *Tally) add(s State) {
	switch s {
	case Delayed:
		t.Delayed++
	case Claimed:
		t.Claimed++
	case Abandoned:
		t.Abandoned++
	default:
		t.Waiting++
	}
}

// Problem is one job that was not imported.
type Problem struct {
	Where  string `json:"where"`
	Reason string `json:"reason"`
}

// tallies counts as jobs are read.
type tallies struct {
	report *Report
	index  map[[2]string]int
}

func (t *tallies) add(i *Item) {
	at := [2]string{i.Job.Wiki, i.Job.Queue}
	n, ok := t.index[at]
	if !ok {
		n = len(t.report.Queues)
		t.index[at] = n
		t.report.Queues = append(t.report.Queues, Tally{Wiki: i.Job.Wiki, Queue: i.Job.Queue})
	}
	t.report.Queues[n].add(i.State)
	t.report.Sum.add(i.State)
}

func (r *Report) bad(where, reason string) {
	r.BadCount++
	if len(r.Bad) < MostBad {
		r.Bad = append(r.Bad, Problem{where, reason})
	}
}

// sort brings the queues into their order.
func (r *Report) sort() {
	slices.SortFunc(r.Queues, func(a, b Tally) int {
		return cmp.Or(cmp.Compare(a.Wiki, b.Wiki), cmp.Compare(a.Queue, b.Queue))
	})
}
