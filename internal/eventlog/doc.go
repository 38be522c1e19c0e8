// Package eventlog keeps streams of records in a partition: events as they were received, and the
// history of jobs.
//
// # Words
//
//	stream    a name; its records are kept in the order of their appending
//	record    a position, a receive stamp and bytes, which are never altered
//	position  counts all records of the partition, whatever the stream; never used twice
//	tail      the records that one group appended to one stream: one value
//	block     the records of many tails, compressed: one value
//	fold      replaces tails by a block
//	head      the resident record of a stream: what of it is kept
//	piece     a part of a record that is larger than a value may be
//
// # One stream
//
//	Append          Fold, 10 s or 64 KiB             Expire, by age and size
//	────────▶ tail ──────────────────────▶ block ──────────────────────────▶ gone
//
// Tails are numbered without gaps and a block says which tails it holds. So the commands that fold
// and expire need not read again what they replace: they name the numbers, and a command that is out
// of date, or was made from an incomplete page, does not fit the head and changes nothing. Blocks
// are built outside the loop, by BuildFold, since a tail never changes once it is durable.
//
// # Invariants
//
//   - A record that was appended is in one tail, or in one block, until its retention ends.
//   - All positions in the blocks of a stream are below all positions in its tails.
//   - Numbers of tails of a stream rise for ever, also when the stream was empty in between.
//   - When all is expired and swept, only the position counter is left.
//
// # Readers
//
// Reader works outside transactions. It reads the tails first and the blocks after, so that records
// that a fold moves in between appear twice, not never; the second is dropped.
//
// # Failures
//
//	a fold or expiry does not fit     Conflict; the caller plans anew
//	a value is malformed              Internal, with the key; nothing is deleted
//	pieces of a record never used     swept after 24 h
//	the clock jumps                   folding goes by the monotonic clock; positions are not times
//	the owner dies                    tails of the old owner are folded at the next opening
//
// # Files
//
//	keys.go    families of keys          append.go   appending        seen.go    repeated event ids
//	head.go    what is kept of a stream  chunk.go    large records    reader.go  reading
//	record.go  a record's bytes          block.go    a block's bytes  domain.go  opening
//	mem.go     what the owner knows      fold.go     tails to blocks  expire.go  retention
//	backward.go  reading from the end    clock.go    the clock of retention
package eventlog
