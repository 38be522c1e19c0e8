package jobqueue

import (
	"encoding/binary"
	"math"
	"time"

	"auwai/internal/ident"
)

// The parts of values that few jobs have.

func appendSuffixes(b []byte, list []ident.Suffix) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for i := range list {
		b = append(b, list[i][:]...)
	}
	return b
}

// suffixes reads a list of at least one.
func (r *reader) suffixes() []ident.Suffix {
	n := r.count(ident.SuffixLen)
	if n == 0 {
		r.fail()
		return nil
	}
	list := make([]ident.Suffix, n)
	for i := range list {
		list[i] = r.suffix()
	}
	return list
}

func appendCause(b []byte, c *Cause) []byte {
	b = binary.AppendUvarint(appendText(b, c.Parent), uint64(c.Depth)) //nolint:gosec // positive
	b = binary.AppendUvarint(b, uint64(len(c.Chain)))
	for _, h := range c.Chain {
		b = binary.BigEndian.AppendUint64(b, h)
	}
	return b
}

func (r *reader) cause() *Cause {
	c := &Cause{}
	c.Parent, c.Depth = r.text(), r.small()
	n := r.count(8)
	if c.Parent == "" || n > MaxChain {
		r.fail()
		return c
	}
	for range n {
		if h := r.take(8); len(h) == 8 {
			c.Chain = append(c.Chain, binary.BigEndian.Uint64(h))
		}
	}
	return c
}

func appendNeeds(b []byte, n Needs) []byte {
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(n.Cores))
	return binary.AppendUvarint(b, uint64(max(n.Memory, 0)))
}

func (r *reader) needs() (n Needs) {
	if h := r.take(8); len(h) == 8 {
		n.Cores = math.Float64frombits(binary.BigEndian.Uint64(h))
	}
	memory := r.uvarint()
	if !(n.Cores >= 0 && n.Cores <= maxCores) || memory > math.MaxInt64 || n.Cores == 0 && memory == 0 {
		r.fail()
		return Needs{}
	}
	n.Memory = int64(memory)
	return n
}

// millis reads a length of time in milliseconds.
func (r *reader) millis() time.Duration {
	n := r.uvarint()
	if n > uint64(math.MaxInt64/time.Millisecond) {
		r.fail()
		return 0
	}
	return time.Duration(n) * time.Millisecond
}

func appendMillis(b []byte, d time.Duration) []byte {
	return binary.AppendUvarint(b, uint64(max(d, 0).Milliseconds())) //nolint:gosec // not negative
}

func appendRules(b []byte, r *Rules) []byte {
	b = append(b, byte(r.Dedup))
	for _, d := range [...]time.Duration{r.Window, r.Debounce, r.RootTTL, r.ExpireAfter} {
		b = appendMillis(b, d)
	}
	b = binary.AppendUvarint(b, uint64(max(r.Budget, 0)))
	b = binary.AppendUvarint(b, uint64(max(r.LoopLimit, 0)))
	var f byte
	if r.Exclusive {
		f |= 1
	}
	if r.AtMostOnce {
		f |= 2
	}
	return append(b, f)
}

func (r *reader) rules() *Rules {
	out := &Rules{Dedup: Dedup(r.byte())}
	for _, d := range [...]*time.Duration{&out.Window, &out.Debounce, &out.RootTTL, &out.ExpireAfter} {
		*d = r.millis()
	}
	out.Budget, out.LoopLimit = r.small(), r.small()
	f := r.byte()
	out.Exclusive, out.AtMostOnce = f&1 != 0, f&2 != 0
	if out.Dedup >= dedups || f > 3 {
		r.fail()
	}
	return out
}

func appendProgress(b []byte, p *Progress) []byte {
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(p.Percent))
	return appendText(appendText(b, p.Message), p.ResultURL)
}

func (r *reader) progress() (p Progress) {
	if h := r.take(8); len(h) == 8 {
		p.Percent = math.Float64frombits(binary.BigEndian.Uint64(h))
	}
	p.Message, p.ResultURL = r.text(), r.text()
	if !(p.Percent >= 0 && p.Percent <= 100) {
		r.fail()
		return Progress{}
	}
	return p
}
