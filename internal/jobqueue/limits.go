package jobqueue

import "time"

// Bounds of commands and records, each with its reason.
const (
	// MaxPush is the number of jobs of one Push: a command has to fit into one commit.
	MaxPush = 1_000
	// MaxPage is the number of jobs or keys of one Promote, Recover, Drop, ExpireDead, PurgePage, CancelPage or Sweep.
	MaxPage = 500
	// MaxInline is the size of a payload in a record; larger ones are stored ahead as blobs. A
	// record has to stay below kv.MaxValue together with its attempts.
	MaxInline = 512 << 10
	// ChunkSize is the size of a blob's blocks, but the last.
	ChunkSize = 512 << 10
	// MaxChunks bounds a blob to 32 MiB, more than any event.
	MaxChunks = 64
	// MaxName bounds the names of wikis and queues, in bytes.
	MaxName = 255
	// MaxText bounds de-duplication keys, root signatures, request ids and domains, in bytes.
	MaxText = 8 << 10
	// MaxAttempts is how many attempts a record keeps; older ones are dropped, Tries still counts them.
	MaxAttempts = 10
	// MaxError bounds the bytes of an error's text in a record.
	MaxError = 1 << 10
	// MaxWaits bounds the ids that the jobs of one Push wait for, in sum: each is looked at.
	MaxWaits = 1_000
	// MaxWaiters bounds the jobs that wait for one id, about.
	MaxWaiters = 10_000
	// MaxShown is how many of the ids that a job waits for its record keeps, for people.
	MaxShown = 16
	// MaxChain is how many links of a chain of causes are carried.
	MaxChain = 16
	// MaxCause bounds the id in a cause, in bytes: a wiki's name and a suffix.
	MaxCause = 300
	// maxCores bounds Needs.Cores: more is a mistake.
	maxCores = 1 << 20
	// maxDepth is the greatest depth that is counted.
	maxDepth = 1_000_000
	// MaxMessage and MaxURL bound what an attempt says of itself, in bytes.
	MaxMessage = 1 << 10
	MaxURL     = 2 << 10
	// MaxHolder bounds the name of a claim's holder, in bytes.
	MaxHolder = 255
	// maxSources bounds the entries under one source: one event id that comes again and again with
	// other bytes. The oldest is forgotten.
	maxSources = 64
	// pageBytes is how much a command writes back before it leaves the rest of its page to the next
	// one: records carry their payload, and a group holds less than 2 MB.
	pageBytes = 1 << 20
)

// Times that things are kept. Families that expire are keyed by a bucket of bucketLength, so that a
// sweep reads only what has expired.
const (
	bucketLength = 12 * time.Hour
	// sourceBuckets and requestBuckets are how many buckets are looked at, the current one
	// included: what was written is found for 24 to 36 hours.
	sourceBuckets  = 3
	requestBuckets = 3
	// blobBuckets is how long a payload stored ahead waits for its job: 12 to 24 hours.
	blobBuckets = 2
	// RootAge is how long a root is remembered after it moved, as MediaWiki does.
	RootAge = 28 * 24 * time.Hour
	// DeadAge is how long a dead job is kept.
	DeadAge = 30 * 24 * time.Hour
	// maxDelay caps a back-off, whatever the policy or the target's Retry-After says.
	maxDelay = 7 * 24 * time.Hour
	// defaultAttempts is the limit of a claim that was found without one.
	defaultAttempts = 3
)
