// Package limit bounds how much of something runs at once, and how often it starts.
//
// # Words
//
//	limiter   a name with slots and a bucket; either may be without bound
//	slot      room for one attempt, taken by Take or Hold and given back by Release
//	item      one job of an attempt; a bucket holds items
//	bucket    fills with Rate items a second up to Burst, and is emptied by starts
//	reserved  items of an attempt that begins later: they stay in the bucket until then
//	waiter    what was refused by a limiter and wants to be asked again
//	account   what a waiter has used so far: the waiter with the least goes first
//
// # Names
//
//	queue:Q   a queue            pair:Q@W       a queue of a wiki
//	wiki:W    a wiki             tag:name=value what a tag stands for: a database section, a host
//
// # A limiter with waiters
//
//	          Release, time, Changed                    First: no room
//	waiting ─────────────────────────▶ open ──────────────────────────▶ waiting, or asleep until
//	   ▲                                │ First: the waiter with the     its bucket has an item
//	   └──────────── Wait ──────────────┘ least account; Pop
//
// # Invariants
//
//   - Used is the number of slots that are taken; Room gives none beyond Concurrency.
//   - In any span of time at most Rate × span + Burst items are taken or used, whatever happens in between:
//     a bucket begins empty with the Set, and a change of its limit never adds to what it holds.
//   - An item is there at the moment that Room names, and Wake is not later than the first of them.
//   - A limiter with waiters and room is open, so First finds it.
//   - Time, the order of the calls and the accounts decide; nothing else does.
//
// # Failures
//
//	a limit below what runs     nothing more is given until enough has ended
//	time goes back              buckets wait until it has caught up
//	woken late                  what flows in beyond a full bucket is lost: with a burst below what the
//	                            rate gives between two looks, less than the rate is reached
//
// # Files
//
//	limit.go   Limit, names       limiter.go  slots and bucket of one name
//	set.go     Set, Changed       waiting.go  who waits, and who goes first
package limit
