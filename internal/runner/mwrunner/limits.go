package mwrunner

import "time"

// Defaults of Config.
const (
	// DefaultMaxBatch keeps a request short enough that fairness between wikis is not felt, and long
	// enough that PHP's start is paid once for many jobs.
	DefaultMaxBatch = 50
	// DefaultMaxConns is above the default concurrency of a node: all wikis of a farm may stand
	// behind one address.
	DefaultMaxConns = 128
	// DefaultDialTimeout is long for a data centre and short for a slot.
	DefaultDialTimeout = 5 * time.Second
	// DefaultBatchTime is after how long the extension starts no further job of a request.
	DefaultBatchTime = 30 * time.Second
	// DefaultRunJobs is how many jobs of its own table a wiki runs in one request: some seconds of
	// trivial jobs, so that a request's cost is not felt, and fairness between wikis is.
	DefaultRunJobs = 500
)

const (
	// idleTimeout is below the 5 s after which Apache and others close an idle connection.
	idleTimeout = 3 * time.Second
	// maxIdle is how many idle connections are kept in all; a farm has thousands of wikis.
	maxIdle = 512
	// maxHeader bounds the header of an answer.
	maxHeader = 64 << 10
	// maxAnswer bounds what is read of an answer in one piece: job results are some hundred bytes.
	maxAnswer = 1 << 20
	// maxRunAnswer bounds the statistics of Special:RunJobs: 100 bytes a job, and more with an error.
	maxRunAnswer = 8 << 20
	// maxPage bounds what is looked at of an HTML page.
	maxPage = 16 << 10
	// runJobsExpiry is how long a signed request to Special:RunJobs is good. MediaWiki gives its own
	// 5 s; ours may come from another machine, with another clock.
	runJobsExpiry = 5 * time.Minute
	// maxLine bounds a line of a batch's answer: an error with its trace.
	maxLine = 256 << 10
	// maxBatchBody bounds a request with several jobs: half of PHP's post_max_size (8 MB). One job
	// alone is sent whatever its size.
	maxBatchBody = 4 << 20
	// maxQuote bounds what an error quotes of an answer that was not understood.
	maxQuote = 200
	// maxRetryAfter bounds what a wiki can ask for: a mistaken date must not park a job for years.
	maxRetryAfter = 24 * time.Hour
	// lingerTime is how long Run waits for the end of an answer whose last line it has.
	lingerTime = 5 * time.Second
	// pingTime bounds a Ping: the drain of a spool is bounded by BatchTime on the other side.
	pingTime = time.Minute
)
