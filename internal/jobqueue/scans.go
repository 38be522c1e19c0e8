package jobqueue

import (
	"slices"

	"auwai/internal/ident"
)

// Scan is a read of a range of the store for jobs to claim, while it is under way.
type Scan uint64

// scans knows which jobs have settled since which of the scans under way began. It keeps what has
// settled since the oldest of them, and nothing without one: scans that always overlap do not make it
// grow.
type scans struct {
	clock uint64 // of settlings
	open  []Scan // clock at the beginning of each, in order
	last  map[ident.Suffix]uint64
	order []settling // all in last, and older ones of the same jobs
}

type settling struct {
	at uint64
	id ident.Suffix
}

// BeginScan says that a range of the store is being read for jobs to claim. What changes while it is
// read may stand in the answer as it was before; Moved tells, until EndScan.
func (m *Mem) BeginScan() Scan {
	s := Scan(m.scans.clock)
	m.scans.open = append(m.scans.open, s)
	return s
}

// Moved reports whether what a scan under way says of a job may be out of date: its entry is to be
// ignored, since an effect after BeginScan said where the job stands.
func (m *Mem) Moved(s Scan, id ident.Suffix) bool { return m.scans.last[id] > uint64(s) }

// EndScan ends a BeginScan, after the answer was looked at.
func (m *Mem) EndScan(s Scan) {
	c := &m.scans
	if i, ok := slices.BinarySearch(c.open, s); ok {
		c.open = slices.Delete(c.open, i, i+1)
	}
	if len(c.open) == 0 {
		c.last, c.order = nil, nil
		return
	}
	n := 0
	for n < len(c.order) && c.order[n].at <= uint64(c.open[0]) {
		if o := c.order[n]; c.last[o.id] == o.at {
			delete(c.last, o.id)
		}
		n++
	}
	c.order = slices.Delete(c.order, 0, n)
}

// settled notes that an effect said where a job stands.
func (c *scans) settled(id ident.Suffix) {
	if len(c.open) == 0 {
		return
	}
	if c.last == nil {
		c.last = map[ident.Suffix]uint64{}
	}
	c.clock++
	c.last[id] = c.clock
	c.order = append(c.order, settling{c.clock, id})
}
