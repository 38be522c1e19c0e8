package api

// Problem is an error, as RFC 9457 writes it.
type Problem struct {
	Type      string `json:"type"`   // about:blank: the status says it
	Title     string `json:"title"`  // the status in words
	Status    int    `json:"status"` // of HTTP
	Detail    string `json:"detail"` // what is wrong, and what would be right
	Kind      string `json:"kind"`   // invalid, not_found, conflict, too_large, unavailable, unknown_outcome, forbidden, internal
	Field     string `json:"field,omitempty"`
	Method    string `json:"method"`
	URI       string `json:"uri"`
	RequestID string `json:"request_id"`
}

// Health answers /healthz and /readyz.
type Health struct {
	Status string `json:"status"` // ok or unavailable
	Reason string `json:"reason,omitempty"`
}

// Info answers /_info.
type Info struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Paths of the interface.
const (
	PathEvents  = "/v1/events"
	PathJobs    = "/v1/jobs"
	PathQueues  = "/v1/queues"
	PathDead    = "/v1/dead"
	PathTrace   = "/v1/trace"
	PathWikis   = "/v1/wikis"
	PathControl = "/v1/control"
	PathHealth  = "/healthz"
	PathReady   = "/readyz"
	PathMetrics = "/metrics"
	PathInfo    = "/_info"
)

// ProblemType is the media type of a Problem.
const ProblemType = "application/problem+json"
