package partition

import (
	"fmt"
	"time"

	"auwai/internal/fault"
	"auwai/internal/kv"
)

// Command is a change of one partition. Apply may be called several times, each time on another
// transaction; it must set its results anew each time, and change nothing but its results. What it
// wants to change in memory goes through Tx.After and Tx.Effect.
type Command interface {
	Apply(tx *Tx) error
}

// Hinter is a Command that knows some of the keys it will read, so that they are fetched before its
// first Apply.
type Hinter interface {
	// Reads appends the keys to dst.
	Reads(dst []kv.Key, p ID) []kv.Key
}

// Slot is a domain's place for its memory of a partition.
type Slot int

// The slots. One for each domain that keeps something in memory.
const (
	SlotJobs Slot = iota
	SlotEvents
	SlotIntake
	slots
)

// Tx is what one command sees and does. It is valid during one Apply.
type Tx struct {
	m      *Machine
	now    time.Time
	wall   time.Time
	missed bool
	read   uint64 // the read that will answer what was missed
	after  []func()
	nEff   int // effects of the group before this command
}

// Partition returns the transaction's partition.
func (tx *Tx) Partition() ID { return tx.m.id }

// Epoch returns the epoch of the partition's owner. It rises with every change of owner.
func (tx *Tx) Epoch() uint64 { return tx.m.epoch }

// Now returns the receive stamp: wall time, UTC, to the millisecond, never before an earlier one of
// this partition.
func (tx *Tx) Now() time.Time { return tx.now }

// Wall returns the wall clock as it is, for comparing with moments that users gave. It may go back.
func (tx *Tx) Wall() time.Time { return tx.wall }

// Get returns the value of key, nil when it is absent. When the value is not known here, Get returns
// nil too and the command will be applied again; see Missed. The value must not be changed.
func (tx *Tx) Get(key kv.Key) []byte {
	value, ok := tx.m.view.lookup(key)
	if !ok {
		tx.missed = true
		tx.read = max(tx.read, tx.m.view.want(key))
		return nil
	}
	return value
}

// Missed reports whether a Get of this transaction has missed: what was done so far will be undone,
// and Apply may return early.
func (tx *Tx) Missed() bool { return tx.missed }

// Set gives key a value. It keeps both slices.
func (tx *Tx) Set(key kv.Key, value []byte) {
	tx.m.view.building.put(kv.Op{Kind: kv.KindSet, Key: key, Value: value})
}

// Delete removes key. It keeps the slice.
func (tx *Tx) Delete(key kv.Key) { tx.m.view.building.put(kv.Op{Kind: kv.KindDelete, Key: key}) }

// DeleteRange removes the keys k with from <= k < to. Only for ranges that the partition's owner
// alone writes; the caller promises that they hold at most kv.MaxBatchOps keys.
func (tx *Tx) DeleteRange(from, to kv.Key) { tx.m.view.building.deleteRange(from, to) }

// Append adds data to the value that this group gives key, and returns the value's length before.
// It reads nothing from the engine, so the key must be one that only this group writes: one that
// contains Group.
func (tx *Tx) Append(key kv.Key, data []byte) int {
	old, _ := tx.m.view.building.get(key)
	tx.Set(key, append(old, data...))
	return len(old)
}

// Group returns the number of the group that the command is in: unique in the partition, rising,
// also over changes of the owner.
func (tx *Tx) Group() uint64 { return tx.m.groupNumber() }

// Seq returns the partition's next sequence number. Numbers rise and are never given twice; they
// have gaps.
func (tx *Tx) Seq() uint64 { return tx.m.nextSeq() }

// Send puts a message into the lane from this partition to another one, where it is applied exactly
// once, after this group is durable. A receiver that is MaxLaneMessages or MaxLaneBytes behind gets no
// more: ErrLaneFull, and the command has to return it.
func (tx *Tx) Send(to ID, kind byte, body []byte) error {
	key, sender := laneSeqKey(tx.m.id, to), PartitionSender(tx.m.id)
	sent := readProgress(tx.Get(key))
	if sent.seq == 0 {
		tx.Set(laneOpenKey(to, sender), []byte{1})
	} else if applied := readProgress(tx.Get(laneCurKey(to, sender))); !tx.Missed() &&
		(sent.seq-applied.seq >= MaxLaneMessages || sent.bytes-applied.bytes >= MaxLaneBytes) {
		return fmt.Errorf("%w: %d messages and %d bytes wait from partition %d to partition %d",
			ErrLaneFull, sent.seq-applied.seq, sent.bytes-applied.bytes, tx.m.id, to)
	}
	sent.add(body)
	tx.Set(key, sent.encode())
	tx.Set(mailKey(to, sender, sent.seq), encodeMail(kind, body))
	tx.Effect(Mailed{To: to, Sender: sender})
	return nil
}

// Effect has e released to the node when the group is durable, in the order of the partition's
// commands.
func (tx *Tx) Effect(e any) { tx.m.group.effects = append(tx.m.group.effects, e) }

// After has f called in the node's loop when the command has succeeded, before durability.
func (tx *Tx) After(f func()) { tx.after = append(tx.after, f) }

// Mem returns the domain's memory of the partition.
func (tx *Tx) Mem(s Slot) any { return tx.m.mem[s] }

// Mailed is the effect of Send: the lane has mail.
type Mailed struct {
	To     ID
	Sender Sender
}

// ErrPoisoned answers the commands of a partition that is being read again after a failed invariant.
var ErrPoisoned = fault.New(fault.Unavailable, "partition: closed after a failed invariant, being read again")

// ErrNotOpen answers commands that come before opening, or after release.
var ErrNotOpen = fault.New(fault.Unavailable, "partition: not open on this node")

// ErrLaneFull answers commands whose receiver is too far behind. The caller tries again later.
var ErrLaneFull = fault.New(fault.Unavailable, "partition: the receiver of a lane is too far behind")

// ErrBusy answers commands over MaxPending.
var ErrBusy = fault.New(fault.Unavailable, "partition: too many commands are waiting")

// Invariant panics when ok is false: memory and store may differ, so the partition is closed and
// read again. It is not for bad input.
func Invariant(ok bool, format string, args ...any) {
	if !ok {
		panic(invariantError(fmt.Sprintf(format, args...)))
	}
}

type invariantError string

func (e invariantError) Error() string { return "invariant failed: " + string(e) }
