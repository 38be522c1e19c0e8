package jobqueue

import "time"

// Rules are what the active configuration says of a queue's jobs when they arrive. A Push carries
// them, so that applying it depends on nothing outside; the jobs of a queue share one value, which is
// not changed. The zero value is: merge into a waiting twin, and nothing else.
type Rules struct {
	Dedup Dedup
	// Window is how long a job that is done counts as a twin, for DedupWindow.
	Window time.Duration
	// Debounce is how long nothing new may come before a job is released, for DedupDebounce.
	Debounce time.Duration
	// RootTTL is how long a root is remembered after it moved; 0: RootAge.
	RootTTL time.Duration
	// ExpireAfter is how long after its arrival a job that has not begun is worth beginning; 0: for ever.
	ExpireAfter time.Duration
	// Budget is the number of jobs of the queue that one generation of a root may make; those over it
	// are dead on arrival. 0: no bound.
	Budget int
	// LoopLimit is how often a job's own chain of causes may hold the job itself; one that comes again
	// is dead on arrival. 0: no bound. MaxChain is the most that is seen.
	LoopLimit int
	// Exclusive has a job's claim stored before its attempt starts, and kept over crashes until its
	// deadline: no two attempts overlap.
	Exclusive bool
	// AtMostOnce has no attempt repeated that may have begun: a failure or a crash is final.
	AtMostOnce bool
}

// Dedup says what becomes of a job that finds a waiting job with its key in its queue. Jobs that run
// are nobody's twins.
type Dedup uint8

// The modes of de-duplication.
const (
	// DedupKeep merges it into the waiting job, which keeps its id and place, and takes the newest
	// bytes, the earliest release and the highest priority.
	DedupKeep Dedup = iota
	// DedupReplace ends the waiting job as a duplicate of it; it waits by itself.
	DedupReplace
	// DedupDebounce merges it, and moves the release to Rules.Debounce from now, though not more than
	// ten times that beyond the first release.
	DedupDebounce
	// DedupWindow is DedupKeep, but a job that was done less than Rules.Window ago counts too.
	DedupWindow
	// DedupNone has keys ignored.
	DedupNone
	dedups
)

// String returns the mode's name as configuration and API use it.
func (d Dedup) String() string {
	names := [...]string{"keep", "replace", "debounce", "window", "none"}
	if int(d) < len(names) {
		return names[d]
	}
	return "unknown"
}

// Needs is what a job needs of a worker that carries it out; the zero value is "nothing in
// particular".
type Needs struct {
	Cores  float64
	Memory int64 // bytes
}

// Progress is what a running job says of itself.
type Progress struct {
	Percent   float64 // 0 to 100
	Message   string  // cut to MaxMessage bytes
	ResultURL string  // cut to MaxURL bytes
}

// IsZero reports whether nothing was said.
func (p Progress) IsZero() bool { return p == Progress{} }

// Expired reports whether the job is not worth beginning any more at a moment.
func (j *Job) Expired(now time.Time) bool { return !j.ExpireAt.IsZero() && !now.Before(j.ExpireAt) }

// FirstStored reports whether the job's claim has to be stored before its attempt starts.
func (j *Job) FirstStored() bool { return j.Exclusive || j.AtMostOnce || j.SerialKey != "" }

// expiry returns when a job that arrives now is not worth beginning any more; zero for never.
func (r *Rules) expiry(at, now time.Time) time.Time {
	if r == nil || r.ExpireAfter <= 0 {
		return at
	}
	if end := now.Add(r.ExpireAfter); at.IsZero() || end.Before(at) {
		return end
	}
	return at
}

// rootTTL returns how long a root is remembered.
func (r *Rules) rootTTL() time.Duration {
	if r == nil || r.RootTTL <= 0 {
		return RootAge
	}
	return r.RootTTL
}

// dedup returns the mode, and the time that goes with it.
func (r *Rules) dedup() (Dedup, time.Duration) {
	switch {
	case r == nil:
		return DedupKeep, 0
	case r.Dedup == DedupWindow && r.Window > 0:
		return DedupWindow, r.Window
	case r.Dedup == DedupDebounce && r.Debounce > 0:
		return DedupDebounce, r.Debounce
	case r.Dedup == DedupReplace, r.Dedup == DedupNone:
		return r.Dedup, 0
	default:
		return DedupKeep, 0
	}
}
