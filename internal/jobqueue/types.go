package jobqueue

import (
	"time"

	"auwai/internal/ident"
)

// State is where a job stands; see the diagram in the package comment.
type State uint8

// The states. Accepted is a job that is still in a lane: it has no record yet. A record holds Ready,
// Delayed or Dead; that a job runs is told by its claim.
const (
	Accepted State = iota
	Delayed
	Ready
	Blocked
	Running
	Done
	Dead
	Cancelled
	Superseded
	Expired
	Duplicate
)

// Band is a job's priority: all work of a band goes before that of the next one, within the bounds
// that dispatch sets against starvation.
type Band uint8

// The bands.
const (
	Interactive Band = iota
	Normal
	Bulk
	Bands = 3
)

// Pair is a queue of a wiki, the unit of counts, order and holds.
type Pair struct {
	Queue string
	Wiki  string
}

// Root names the change that a job follows from: MediaWiki's root job. The zero value is "none".
type Root struct {
	Signature string
	Timestamp string // 14 digits, UTC, as MediaWiki writes them; compared as text
	IsRoot    bool   // the job stands for all that follows (rootJobIsSelf)
}

// Job is a job that waits, runs or is dead. A record in the store, with its payload.
//
// The fields from SerialKey on are empty for most jobs and cost nothing in their records then.
type Job struct {
	ID ident.Suffix
	Pair
	State     State
	Band      Band
	FromEvent bool // the payload is an event, byte for byte

	NoRetry    bool // a failure is final
	AtMostOnce bool // see Rules
	Exclusive  bool // see Rules
	Chained    bool // it has its place in the chain of its SerialKey; its first, unless Blocked
	Waited     bool // others wait for it, or did

	Seq    uint64 // place: in the ready order, fresh each time; among the dead; 0 when Delayed
	Enq    uint64 // place in the order of arrival, of the newest event that the job stands for
	Key    string // de-duplication key, "" for none
	Root   Root
	Domain string // meta.domain of the event, "" for jobs of the API

	Created time.Time // receive stamp
	RunAt   time.Time // not before; zero for at once
	Due     time.Time // when Delayed: the later of RunAt and the end of a back-off
	Died    time.Time // when Dead: receive stamp of the death

	Tries     int       // attempts that count against the limit
	Crashes   int       // attempts that ended with the service itself
	Attempts  []Attempt // the last MaxAttempts, oldest first
	LastError string

	RequestID string
	ClientID  string

	Payload []byte  // nil when Blob is set
	Blob    BlobRef // a payload that was stored ahead

	SerialKey string         // of the jobs of a queue with one, one goes at a time; "" for none
	WaitsFor  []ident.Suffix // jobs of the wiki that it waits for, or waited for; the first MaxShown
	ExpireAt  time.Time      // not begun after; zero for never
	Cause     *Cause         // nil for none
	Needs     Needs
	Message   string // the last that an attempt said of itself
	ResultURL string
	Twins     *TwinRule // nil: DedupKeep
}

// TwinRule is what its rules said of a job's twins when it arrived. It is not changed.
type TwinRule struct {
	Mode  Dedup         // not DedupKeep
	For   time.Duration // the window, or the pause of a debounce
	First time.Time     // of a debounce: the release as it was before anything was merged; else zero
}

// mode returns the mode of de-duplication of a job.
func (t *TwinRule) mode() Dedup {
	if t == nil {
		return DedupKeep
	}
	return t.Mode
}

// BlobRef names a payload in blocks, stored in earlier commits by StoreBlob.
type BlobRef struct {
	ID   ident.Suffix
	Size int // 0: none
}

// Attempt is one execution, as the record keeps it.
type Attempt struct {
	Start, End time.Time
	Outcome    Outcome
	Error      string // of an attempt that is done: the failure that was ignored
}

// Outcome is how an attempt ended.
type Outcome uint8

// The outcomes of an attempt.
const (
	OutcomeDone      Outcome = iota + 1
	OutcomeFailed            // counts; retried after a delay while attempts are left
	OutcomePermanent         // dead at once
	OutcomeUncounted         // the wiki was not able: held, returns to ready, not counted
	OutcomeCrash             // found claimed after an unclean stop; counts
	OutcomeOrderly           // cut short by an orderly stop; not counted
	OutcomeCancelled         // cut short since the job was cancelled
)

// New is a job to be pushed. ID is minted by the session that accepted it; it is never used for
// another job, and without a Source it is pushed once.
type New struct {
	ID ident.Suffix
	Pair
	Band      Band
	Key       string
	Root      Root
	RunAt     time.Time
	RequestID string
	ClientID  string
	Domain    string
	FromEvent bool
	Source    Source
	Payload   []byte
	Blob      BlobRef

	SerialKey string
	WaitsFor  []ident.Suffix // of the same wiki; an id that has no record has ended
	ExpireAt  time.Time
	Cause     *Cause
	Needs     Needs
	NoRetry   bool
	Dead      string // why the job is dead from the start: another queue had given it up; "": it is not
	Rules     *Rules // nil: the zero value
	// MaxPending refuses the Push when more jobs than this would wait in the pair; 0: no bound. It
	// does not travel by mail: what was acknowledged cannot be refused.
	MaxPending int
}

// Source identifies a job across repeats: of an event, by its id and a hash of its bytes; of an API
// job, by its client id. The zero value means that only the job's own ID identifies it.
type Source struct {
	Name string  // "e:" + event id, or "c:" + client id; shortened in the key
	Hash [8]byte // of the event's bytes; zero for client ids
}

// Pushed answers one New.
type Pushed struct {
	ID          ident.Suffix
	DuplicateOf ident.Suffix // the waiting twin it was merged into; zero: none
	Repeated    bool         // the same source came before; ID is the first job's, State is not known
	Flagged     bool         // the same event id came before with other bytes
	State       State
}

// Policy is what the active configuration says of a queue; commands carry it, so that applying them
// depends on nothing outside.
type Policy struct {
	Attempts    int           // attempts that may fail; below 1 is taken as 1
	RetryDelay  time.Duration // after the first failure
	RetryFactor float64
	RetryJitter float64 // greatest share of itself by which a delay is lengthened, 0 to 1
}

// Counts of a pair. Sweeping are those that a purge has ended and whose records are still there. Ready, Delayed, Running, Dead are exact. As stored, Ready includes the jobs that
// are claimed in memory only; Mem.Counts tells them apart.
type Counts struct {
	Ready, Delayed, Blocked, Running, Dead, Sweeping int64
}

// Pending is how many jobs wait to be begun.
func (c Counts) Pending() int64 { return c.Ready + c.Delayed + c.Blocked }

// IsZero reports whether nothing is counted.
func (c Counts) IsZero() bool { return c == Counts{} }

// waits reports whether a job in the state waits to be begun.
func (s State) waits() bool { return s == Ready || s == Delayed || s == Blocked }

// String returns the state's name as the API shows it.
func (s State) String() string {
	names := [...]string{"accepted", "delayed", "ready", "blocked", "running", "done", "dead", "cancelled", "superseded", "expired", "duplicate"}
	if int(s) < len(names) {
		return names[s]
	}
	return "unknown"
}

// String returns the band's name as configuration and API use it.
func (b Band) String() string {
	names := [...]string{"interactive", "normal", "bulk"}
	if int(b) < len(names) {
		return names[b]
	}
	return "unknown"
}

// String returns the outcome's name as the API shows it.
func (o Outcome) String() string {
	names := [...]string{"", "done", "failed", "permanent", "uncounted", "crash", "orderly", "cancelled"}
	if o > 0 && int(o) < len(names) {
		return names[o]
	}
	return "unknown"
}
