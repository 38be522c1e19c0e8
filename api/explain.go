package api

import "time"

// Explanation is why a job is where it is: one sentence, and all that it says as data.
type Explanation struct {
	ID      string `json:"id"`
	Queue   string `json:"queue"`
	Wiki    string `json:"wiki"`
	State   string `json:"state"`
	Summary string `json:"summary"`
	// Reasons are all that keeps the job from starting, the first one is in the summary. Of a job that
	// has ended they say how.
	Reasons  []Reason  `json:"reasons"`
	Position *Position `json:"position,omitempty"` // of a ready job
	Run      *Run      `json:"run,omitempty"`      // of a job that runs
	Attempts int       `json:"attempts"`
	Stale    bool      `json:"stale,omitempty"`
}

// Causes of reasons.
const (
	CausePause       = "pause"
	CauseMaintenance = "maintenance"
	CauseGate        = "gate"
	CauseLimit       = "limit"
	CauseRate        = "rate"
	CauseCircuit     = "circuit"
	CauseSlots       = "slots"        // all slots of the node are taken
	CauseWorker      = "worker"       // no worker takes it
	CauseUnknownWiki = "unknown_wiki" // the wiki is not in the configuration
	CauseConfig      = "config"       // else the configuration keeps it from starting
	CauseStopping    = "stopping"     // the service is draining
	CauseNode        = "node"         // the node cannot commit
	CauseTurn        = "turn"         // it waits for its turn only
	CauseDelayed     = "delayed"      // it was pushed for a later moment
	CauseBackoff     = "backoff"      // an attempt failed
	CauseAside       = "aside"        // an attempt was not counted: the target took no work
	CauseSerial      = "serial"       // another job with its serial key goes first
	CauseWaitsFor    = "waits_for"    // it waits for jobs that have not ended
	CausePurged      = "purged"       // its queue was purged, and it is about to be swept
	CauseEnded       = "ended"
	CauseDuplicate   = "duplicate"
	CauseSuperseded  = "superseded"
)

// Reason is one thing that keeps a job from starting, or what ended it.
type Reason struct {
	Cause string `json:"cause"`
	Text  string `json:"text"` // in words
	// Name is the limit's, the queue's that a gate looks at, the scope of a pause, the database section.
	Name string   `json:"name,omitempty"`
	At   *int64   `json:"at,omitempty"`   // what the limit or the gate counts now
	Most *int64   `json:"most,omitempty"` // what it is compared with
	Rate *float64 `json:"rate,omitempty"` // work items a second
	// Until is when it ends, or is looked at next; Since is when it began.
	Until *time.Time `json:"until,omitempty"`
	Since *time.Time `json:"since,omitempty"`
	By    string     `json:"by,omitempty"`   // who paused it
	Jobs  []string   `json:"jobs,omitempty"` // the jobs that it waits for, or was merged into
}

// Position is where a ready job stands.
type Position struct {
	Priority string `json:"priority"`
	Ahead    int    `json:"ahead"` // ready jobs of its queue, wiki and priority that go before it
	AtLeast  bool   `json:"at_least,omitempty"`
	Wikis    int    `json:"wikis_ahead"` // wikis whose turn is before that of its wiki
	Running  int    `json:"running"`     // attempts of its queue and wiki
	Slots    int    `json:"slots"`       // attempts that the node may run
	Used     int    `json:"slots_used"`
}

// Run is the attempt that is under way.
type Run struct {
	StartedAt *time.Time `json:"started_at,omitempty"`
	Deadline  *time.Time `json:"deadline,omitempty"`
	Attempt   int        `json:"attempt"`
	Worker    string     `json:"worker,omitempty"` // "": this node
	Percent   float64    `json:"percent"`
	Message   string     `json:"message,omitempty"`
	ResultURL string     `json:"result_url,omitempty"`
	Stopping  bool       `json:"stopping,omitempty"` // it was cancelled and is being stopped
}
