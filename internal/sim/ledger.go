package sim

import (
	"encoding/binary"
	"time"

	"auwai/internal/eventlog"
	"auwai/internal/fault"
	"auwai/internal/partition"
	"auwai/internal/tuple"
)

// The ledger's families and its message.
const (
	famAccount  partition.FamilyID = 0xf0 // number → balance
	famSent     partition.FamilyID = 0xf1 // receiver → number of the last message
	famReceived partition.FamilyID = 0xf2 // sender → number of the last message
	famApplied  partition.FamilyID = 0xf3 // transfer → nothing
	famScratch  partition.FamilyID = 0xf4 // keys that are set and deleted by ranges
	famDigest   partition.FamilyID = 0xf5 // what should stand in famScratch

	mailCredit byte = 0xf0
	mailRefuse byte = 0xf1
)

// askedFor marks the failures that the simulation makes itself.
const askedFor = "asked for by the simulation"

// ledger is the event log's domain with the simulation's own beside it: a partition keeps memory for
// the domains of the product only, and the ledger needs none.
type ledger struct{ eventlog.Domain }

// Families implements partition.Domain.
func (l ledger) Families() []partition.Family {
	return append(l.Domain.Families(),
		partition.Family{ID: famAccount, Name: "account", Deleted: "never"},
		partition.Family{ID: famSent, Name: "credits-sent", Deleted: "never"},
		partition.Family{ID: famReceived, Name: "credits-received", Resident: true, Deleted: "never"},
		partition.Family{ID: famApplied, Name: "transfer", Deleted: "never"},
		partition.Family{ID: famScratch, Name: "scratch", PerWiki: true, Deleted: "by the next range delete"},
		partition.Family{ID: famDigest, Name: "digest", Deleted: "never"},
	)
}

// Decode implements partition.Domain.
func (ledger) Decode(kind byte, body []byte) (partition.Command, bool, error) {
	switch kind {
	case mailCredit:
		c := &credit{}
		c.from = partition.ID(binary.BigEndian.Uint16(body))
		c.account = body[2]
		c.amount = int64(binary.BigEndian.Uint64(body[3:])) //nolint:gosec // written from an int64
		c.number = binary.BigEndian.Uint64(body[11:])
		return c, true, nil
	case mailRefuse:
		if len(body) > 0 {
			return nil, false, fault.New(fault.Internal, "message: "+askedFor)
		}
		return refusal{}, true, nil
	default:
		return nil, false, nil
	}
}

func encodeCredit(from partition.ID, account byte, amount int64, number uint64) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(from))
	b = append(b, account)
	b = binary.BigEndian.AppendUint64(b, uint64(amount)) //nolint:gosec // read back as an int64
	return binary.BigEndian.AppendUint64(b, number)
}

func number(v []byte) uint64 {
	n, _, _ := tuple.TakeUint64(v)
	return n
}

func addTo(tx *partition.Tx, account byte, amount int64) {
	key := append(partition.Key(tx.Partition(), famAccount), account)
	balance := int64(number(tx.Get(key))) + amount  //nolint:gosec // an int64
	tx.Set(key, tuple.Uint64(nil, uint64(balance))) //nolint:gosec // read back as an int64
}

// transfer takes an amount from an account here and mails it to one in another partition.
type transfer struct {
	id      uint64
	to      partition.ID
	account byte
	amount  int64
	end     ending
}

type ending uint8

const (
	endWell ending = iota
	endError
	endPanic
	endRefused // sends a message that its receiver cannot apply
)

// Apply implements partition.Command.
func (c *transfer) Apply(tx *partition.Tx) error {
	p := tx.Partition()
	applied := tuple.Uint64(partition.Key(p, famApplied), c.id)
	partition.Invariant(tx.Get(applied) == nil, "transfer %d is applied twice", c.id)
	addTo(tx, c.account, -c.amount)
	sentKey := tuple.Uint16(partition.Key(p, famSent), uint16(c.to))
	n := number(tx.Get(sentKey)) + 1
	tx.Set(sentKey, tuple.Uint64(nil, n))
	tx.Set(applied, []byte{})
	if err := tx.Send(c.to, mailCredit, encodeCredit(p, c.account, c.amount, n)); err != nil {
		return err
	}
	switch c.end {
	case endError:
		return fault.New(fault.Conflict, "transfer: "+askedFor)
	case endPanic:
		partition.Invariant(tx.Missed(), askedFor)
	case endRefused:
		return tx.Send(c.to, mailRefuse, make([]byte, c.account%2))
	case endWell:
	}
	return nil
}

// credit is the other end of a transfer.
type credit struct {
	from    partition.ID
	account byte
	amount  int64
	number  uint64
}

// Apply implements partition.Command.
func (c *credit) Apply(tx *partition.Tx) error {
	key := tuple.Uint16(partition.Key(tx.Partition(), famReceived), uint16(c.from))
	last := number(tx.Get(key))
	partition.Invariant(c.number == last+1, "credit %d of partition %d comes after %d", c.number, c.from, last)
	tx.Set(key, tuple.Uint64(nil, c.number))
	addTo(tx, c.account, c.amount)
	return nil
}

// refusal is a message that cannot be applied. What it did is undone.
type refusal struct{}

// Apply implements partition.Command.
func (refusal) Apply(tx *partition.Tx) error {
	addTo(tx, 0, 1_000_000)
	return fault.New(fault.Internal, "refusal: "+askedFor)
}

// scratch sets some keys or deletes a range of them, after it has compared all with the digest.
type scratch struct {
	set      uint8 // a bit for each key; 0: delete the range
	from, to int
	value    byte
}

const scratchKeys = 8

func scratchKey(p partition.ID, i int) []byte {
	return append(partition.WikiKey(p, "scratch", famScratch), byte(i)) //nolint:gosec // a small index
}

// Apply implements partition.Command.
func (c *scratch) Apply(tx *partition.Tx) error {
	p := tx.Partition()
	digestKey := partition.Key(p, famDigest)
	want := make([]byte, scratchKeys)
	copy(want, tx.Get(digestKey))
	for i := range want {
		got := byte(0)
		if v := tx.Get(scratchKey(p, i)); v != nil {
			got = v[0]
		}
		partition.Invariant(tx.Missed() || got == want[i], "scratch key %d is %d, the digest says %d", i, got, want[i])
	}
	for i := range want {
		switch {
		case c.set == 0 && i >= c.from && i < c.to:
			want[i] = 0
		case c.set&(1<<i) != 0:
			want[i] = c.value
			tx.Set(scratchKey(p, i), []byte{c.value})
		}
	}
	if c.set == 0 {
		tx.DeleteRange(scratchKey(p, c.from), scratchKey(p, c.to))
	}
	tx.Set(digestKey, want)
	return nil
}

// ledgerModel is what the clients of the ledger know.
type ledgerModel struct {
	next  uint64
	sent  []*transferCall
	where []partition.ID // the partitions that take part
}

type transferCall struct {
	p    partition.ID
	id   uint64
	call *clientCall
}

// ledgerDeed submits a command of the ledger to a partition, wherever it is open.
func (w *world) ledgerDeed(n *simNode) {
	l := &w.ledger
	p := l.where[w.rng.IntN(len(l.where))]
	for _, other := range w.nodes {
		if other.opens(p) {
			n = other
		}
	}
	var c partition.Command
	var t *transferCall
	if w.chance(0.4) {
		from := w.rng.IntN(scratchKeys)
		s := &scratch{from: from, to: from + 1 + w.rng.IntN(scratchKeys-from), value: byte(1 + w.rng.IntN(250))} //nolint:gosec // a byte
		if w.chance(0.6) {
			s.set = uint8(1 + w.rng.IntN(255)) //nolint:gosec // a byte
		}
		c = s
	} else {
		l.next++
		t = &transferCall{p: p, id: l.next}
		c = w.drawTransfer(l.next)
		l.sent = append(l.sent, t)
		w.report.Transfers++
	}
	call, done := w.call(n, "ledger", func(error, bool) {})
	if t != nil {
		t.call = call
	}
	wiki := ""
	if w.chance(0.5) {
		wiki = wikiNames()[w.rng.IntN(3)]
	}
	n.input(func(now partition.Now) { n.m.Submit(now, p, &partition.Call{Wiki: wiki, Command: c, Done: done}) })
}

func (w *world) drawTransfer(id uint64) *transfer {
	l := &w.ledger
	t := &transfer{
		id: id, to: l.where[w.rng.IntN(len(l.where))], account: byte(w.rng.IntN(4)), //nolint:gosec // a byte
		amount: int64(w.rng.IntN(1000)),
	}
	switch r := w.rng.IntN(100); {
	case r < 6:
		t.end = endError
	case r < 7:
		t.end = endPanic
	case r < 9:
		t.end = endRefused
	}
	return t
}

// checkLedger adds up what the store has.
func (w *world) checkLedger(s *scan) {
	sum := int64(0)
	for _, v := range s.accounts {
		sum += v
	}
	for _, v := range s.credits {
		sum += v
	}
	w.require(sum == 0, "amounts add up", "accounts and mail add up to %d", sum)
}

// checkTransfers holds answers against what was applied, when all is quiet.
func (w *world) checkTransfers(s *scan) {
	for _, t := range w.ledger.sent {
		_, there := s.applied[t.id]
		if t.call.acked() {
			w.require(there, "what was acknowledged is there", "transfer %d of partition %d, asked at %s", t.id, t.p, t.call.at)
		}
		if t.call.refused() {
			w.require(!there, "what was refused is not there", "transfer %d of partition %d, asked at %s, answered %v", t.id, t.p, t.call.at, t.call.err)
		}
	}
}

const ledgerPartitions = 6

func newLedgerModel(w *world) ledgerModel {
	l := ledgerModel{}
	for range ledgerPartitions {
		l.where = append(l.where, partition.ID(w.rng.IntN(partition.Count))) //nolint:gosec // a partition
	}
	// One that has jobs too.
	l.where[0] = partition.Of(wikiNames()[0])
	return l
}

// retention is how long anything of the job queue is kept at most.
const retention = 62 * 24 * time.Hour
