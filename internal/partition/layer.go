package partition

import (
	"bytes"
	"slices"
	"unsafe"

	"auwai/internal/kv"
)

// layer holds the writes of one group: the last write of each key, in the order of first writing,
// and the ranges deleted before them. It is used by one goroutine.
type layer struct {
	index  map[string]int32
	ops    []kv.Op
	ranges []kv.Op
	size   int // bytes of keys and values in ops
	undo   []undoEntry
	undoR  int // length of ranges at the last mark
	shares shares
	over   bool // a key or value since the mark is larger than stores take
}

type undoEntry struct {
	at   int32
	prev kv.Op // Kind 0: the key was not written before
}

func newLayer() *layer { return &layer{index: make(map[string]int32, 1024)} }

func (l *layer) empty() bool { return len(l.ops) == 0 && len(l.ranges) == 0 }

// get returns the value that the layer gives key. known is false when the layer does not say.
func (l *layer) get(key []byte) (value []byte, known bool) {
	if i, ok := l.index[string(key)]; ok {
		op := &l.ops[i]
		if op.Kind == kv.KindSet {
			return op.Value, true
		}
		return nil, true
	}
	for i := range l.ranges {
		if inRange(key, &l.ranges[i]) {
			return nil, true
		}
	}
	return nil, false
}

func inRange(key []byte, op *kv.Op) bool {
	return bytes.Compare(key, op.Key) >= 0 && bytes.Compare(key, op.Value) < 0
}

// put records a write. It keeps key and value.
func (l *layer) put(op kv.Op) {
	l.over = l.over || len(op.Key) > kv.MaxKey || len(op.Value) > kv.MaxValue
	if i, ok := l.index[string(op.Key)]; ok {
		old := &l.ops[i]
		l.undo = append(l.undo, undoEntry{i, *old})
		l.size += len(op.Value) - len(old.Value)
		op.Key = old.Key // the index's string shares these bytes
		*old = op
		return
	}
	i := int32(len(l.ops)) //nolint:gosec // bounded by kv.MaxBatchOps
	l.index[stringOf(op.Key)] = i
	l.ops = append(l.ops, op)
	l.undo = append(l.undo, undoEntry{i, kv.Op{}})
	l.size += len(op.Key) + len(op.Value)
}

// deleteRange records a range delete and turns the layer's own writes inside it into deletes.
func (l *layer) deleteRange(from, to []byte) {
	if bytes.Compare(from, to) >= 0 {
		return // holds nothing, and stores do not take it
	}
	l.over = l.over || max(len(from), len(to)) > kv.MaxKey
	r := kv.Op{Kind: kv.KindDeleteRange, Key: from, Value: to}
	for i := range l.ops {
		if op := &l.ops[i]; op.Kind == kv.KindSet && inRange(op.Key, &r) {
			l.put(kv.Op{Kind: kv.KindDelete, Key: op.Key})
		}
	}
	l.ranges = append(l.ranges, r)
	l.size += len(from) + len(to)
}

// mark begins a command; rollback undoes everything since.
func (l *layer) mark() {
	l.undo = l.undo[:0]
	l.undoR = len(l.ranges)
	l.over = false
}

func (l *layer) rollback() {
	for _, u := range slices.Backward(l.undo) {
		op := &l.ops[u.at]
		if u.prev.Kind != 0 {
			l.size += len(u.prev.Value) - len(op.Value)
			*op = u.prev
			continue
		}
		l.size -= len(op.Key) + len(op.Value)
		delete(l.index, stringOf(op.Key))
		l.ops = l.ops[:u.at]
	}
	for _, r := range l.ranges[l.undoR:] {
		l.size -= len(r.Key) + len(r.Value)
	}
	l.ranges = l.ranges[:l.undoR]
	l.undo = l.undo[:0]
}

// written is the number of operations since the mark.
func (l *layer) written() int { return len(l.undo) + len(l.ranges) - l.undoR }

// fill puts the layer's writes into b.
func (l *layer) fill(b *kv.Batch) {
	for _, r := range l.ranges {
		b.DeleteRange(r.Key, r.Value)
	}
	for i := range l.ops {
		op := &l.ops[i]
		if op.Kind == kv.KindSet {
			b.Set(op.Key, op.Value)
		} else {
			b.Delete(op.Key)
		}
	}
}

func (l *layer) reset() {
	clear(l.index)
	clear(l.ops)
	clear(l.ranges)
	clear(l.undo)
	l.ops, l.ranges, l.undo, l.undoR, l.size = l.ops[:0], l.ranges[:0], l.undo[:0], 0, 0
	l.over = false
	clear(l.shares.ops)
	l.shares.last = ""
}

// stringOf returns the bytes as a string without a copy. Keys are not changed after they were given
// to a layer, which is what makes this sound; it saves an allocation for each write.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) } //nolint:gosec // see above
