package partition

import (
	"bytes"
	"slices"
	"strings"

	"auwai/internal/kv"
	"auwai/internal/tuple"
)

// View is what a node knows of the store: known values, under the commit in flight, under the group
// being built. All partitions of a node share one view, since the node commits them together. It is
// used by the node's loop only.
//
// Known values that are not resident live for two generations: a full generation moves into older,
// and what was in older is dropped. A value that is still read is read from the engine again.
type View struct {
	registry *Registry
	building *layer
	inflight *layer // nil when no commit is in flight
	spare    *layer
	resident [Count]map[string][]byte // by partition; nil: the partition is closed
	known    map[string][]byte        // nil value: known to be absent
	older    map[string][]byte
	size     int             // bytes of values in known
	reading  map[string]bool // keys asked of the engine; true: a commit has overtaken the read
	wanted   map[string]struct{}
	order    [][]byte // wanted in the order of asking
	asked    int      // keys read for calls that are not applied yet
	reads    uint64   // reads that were begun
	learned  uint64   // the last one that was answered
	crowded  int      // groups for which wikis are held to their share
	sole     string   // the wiki of the last group that had calls
}

// The size of a generation of known values.
const (
	maxKnown      = 16_384
	maxKnownBytes = 16 << 20
	// maxAsked is how many keys are read ahead of the commands that need them. It is half a
	// generation, so that none is forgotten before its command is applied.
	maxAsked = maxKnown / 2
)

// NewView returns an empty view.
func NewView(r *Registry) *View {
	return &View{
		registry: r,
		building: newLayer(),
		spare:    newLayer(),
		known:    map[string][]byte{},
		older:    map[string][]byte{},
		reading:  map[string]bool{},
		wanted:   map[string]struct{}{},
	}
}

// lookup returns the value of key as the next command sees it; ok is false at a miss.
func (v *View) lookup(key []byte) (value []byte, ok bool) {
	if value, ok = v.building.get(key); ok {
		return value, true
	}
	if v.inflight != nil {
		if value, ok = v.inflight.get(key); ok {
			return value, true
		}
	}
	if r := v.residentOf(key); r != nil {
		return r[string(key)], true
	}
	if value, ok = v.known[string(key)]; ok {
		return value, true
	}
	value, ok = v.older[string(key)]
	return value, ok
}

// residentOf returns the map that key is in when it is resident and its partition open, else nil.
func (v *View) residentOf(key []byte) map[string][]byte {
	if !v.registry.IsResident(key) {
		return nil
	}
	p := int(key[0])<<8 | int(key[1])
	if p >= Count {
		return nil
	}
	return v.resident[p]
}

// want asks for a key to be read, and returns the number of the read that will answer it.
func (v *View) want(key []byte) (read uint64) {
	s := string(key)
	if _, ok := v.reading[s]; ok {
		return v.reads
	}
	if _, ok := v.wanted[s]; ok {
		return v.reads + 1
	}
	v.wanted[s] = struct{}{}
	v.order = append(v.order, []byte(s))
	return v.reads + 1
}

// served says that what was read for a call is not needed any more.
func (v *View) served(c *Call) {
	v.asked -= c.asked
	c.asked = 0
}

// Wanted returns the keys that commands have missed since the last call, for one Get, and remembers
// that they are being read. At most one such read is under way; then nothing is returned.
func (v *View) Wanted() []kv.Key {
	if len(v.reading) > 0 || len(v.order) == 0 {
		return nil
	}
	keys := v.order
	v.order = nil
	v.reads++
	for _, k := range keys {
		v.reading[string(k)] = false
	}
	clear(v.wanted)
	return keys
}

// Learn takes the engine's answer to the keys of the last Wanted. Where a commit has overtaken the
// read, its value stands.
func (v *View) Learn(keys []kv.Key, values [][]byte) {
	for i, k := range keys {
		if overtaken := v.reading[string(k)]; !overtaken {
			v.know(string(k), values[i])
		}
	}
	clear(v.reading)
	v.learned = v.reads
}

func (v *View) know(key string, value []byte) {
	v.known[key] = value
	v.size += len(value)
}

// OpenResident makes p's resident families known, so far empty; LearnResident fills them.
func (v *View) OpenResident(p ID) { v.resident[p] = map[string][]byte{} }

// LearnResident takes an entry of a resident family of p, read at its opening.
func (v *View) LearnResident(p ID, e kv.Entry) { v.resident[p][string(e.Key)] = e.Value }

// Forget forgets all that is known of p, its resident families too: it is closed, and somebody else may
// write there from now on. A read under way teaches nothing of it.
func (v *View) Forget(p ID) {
	v.resident[p] = nil
	prefix := string(tuple.Uint16(nil, uint16(p)))
	for k := range v.reading {
		if strings.HasPrefix(k, prefix) {
			v.reading[k] = true
		}
	}
	for _, known := range []map[string][]byte{v.known, v.older} {
		for k := range known {
			if strings.HasPrefix(k, prefix) {
				delete(known, k)
			}
		}
	}
}

// Resident returns the durable entries of p's resident families whose keys begin with prefix, in
// the order of the keys. It is for openings and for lists; commands read by Tx.Get.
func (v *View) Resident(p ID, prefix []byte) []kv.Entry {
	var out []kv.Entry
	for k, value := range v.resident[p] {
		if len(k) >= len(prefix) && k[:len(prefix)] == string(prefix) {
			out = append(out, kv.Entry{Key: []byte(k), Value: value})
		}
	}
	slices.SortFunc(out, func(a, b kv.Entry) int { return bytes.Compare(a.Key, b.Key) })
	return out
}

func (v *View) eachResident(p ID, prefix []byte, f func(kv.Entry)) {
	for k, value := range v.resident[p] {
		if len(k) >= len(prefix) && k[:len(prefix)] == string(prefix) {
			f(kv.Entry{Key: []byte(k), Value: value})
		}
	}
}

// Pending reports whether the group being built has writes.
func (v *View) Pending() bool { return !v.building.empty() }

// InFlight reports whether a commit is in flight.
func (v *View) InFlight() bool { return v.inflight != nil }

// Full reports whether the group being built takes no further command.
func (v *View) Full() bool {
	return len(v.building.ops)+len(v.building.ranges) >= MaxGroupOps || v.building.size >= MaxGroupSize
}

// Small reports whether the group being built has so few writes that a commit of its own costs more than
// they do.
func (v *View) Small() bool { return len(v.building.ops)+len(v.building.ranges) < smallGroupOps }

// Seal moves the group being built into flight and puts its writes into b. No commit may be in
// flight.
func (v *View) Seal(b *kv.Batch) {
	v.building.fill(b)
	v.crowd()
	v.inflight, v.building, v.spare = v.building, v.spare, nil
}

// Durable says that the commit in flight is durable: known values follow it.
func (v *View) Durable() {
	l := v.inflight
	for i := range l.ranges {
		v.settleRange(&l.ranges[i])
	}
	for i := range l.ops {
		op := &l.ops[i]
		var value []byte
		if op.Kind == kv.KindSet {
			value = op.Value
		}
		v.settle(op.Key, value)
	}
	if len(v.known) >= maxKnown || v.size >= maxKnownBytes {
		v.older, v.known, v.size = v.known, map[string][]byte{}, 0
	}
	v.inflight = nil
	l.reset()
	v.spare = l
}

// Drop forgets the commit in flight, the group being built and everything known: the engine is the
// truth again. Partitions must be opened anew.
func (v *View) Drop() {
	*v = *NewView(v.registry)
}

func (v *View) settle(key, value []byte) {
	if r := v.residentOf(key); r != nil {
		settleResident(r, key, value)
		return
	}
	if _, ok := v.reading[stringOf(key)]; ok {
		v.reading[string(key)] = true
		v.know(string(key), value)
		return
	}
	if _, ok := v.known[stringOf(key)]; ok {
		v.known[string(key)] = value
	}
	if _, ok := v.older[stringOf(key)]; ok {
		v.older[string(key)] = value
	}
}

func settleResident(r map[string][]byte, key, value []byte) {
	if value == nil {
		delete(r, stringOf(key))
		return
	}
	r[string(key)] = value
}

func (v *View) settleRange(r *kv.Op) {
	for k := range v.reading {
		if inRange([]byte(k), r) {
			v.reading[k] = true
			v.know(k, nil)
		}
	}
	for k := range v.known {
		if inRange([]byte(k), r) {
			v.known[k] = nil
		}
	}
	for k := range v.older {
		if inRange([]byte(k), r) {
			v.older[k] = nil
		}
	}
	p := int(r.Key[0])<<8 | int(r.Key[1])
	if p >= Count {
		return
	}
	for k := range v.resident[p] {
		if inRange([]byte(k), r) {
			delete(v.resident[p], k)
		}
	}
}
