package sim

import (
	"time"

	"auwai/internal/kv"
	"auwai/internal/node"
	"auwai/internal/partition"
)

// readRetry is the pause of the driver after a failed read.
const readRetry = 100 * time.Millisecond

// read sends a node's reads: the Get by itself, the scans in a few bundles that travel together.
func (n *simNode) read(keys []kv.Key, scans []node.Scan) {
	w := n.w
	if keys != nil {
		w.note(n.index, "gets", uint64(len(keys)), 0, "")
		n.get(keys)
	}
	if len(scans) == 0 {
		return
	}
	bundles := 1
	if w.chance(0.3) {
		bundles += 1 + w.rng.IntN(3)
	}
	for b := range bundles {
		from, to := b*len(scans)/bundles, (b+1)*len(scans)/bundles
		if from < to {
			w.note(n.index, "scans", uint64(to-from), 0, "") //nolint:gosec // positive
			n.scan(append([]node.Scan(nil), scans[from:to]...))
		}
	}
}

func (n *simNode) readFails() bool {
	p := n.w.faults.read
	switch {
	case n.cutOff():
		p = 1
	case n.broken > n.w.now:
		p = 0.3
	}
	if !n.w.chance(p) {
		return false
	}
	n.w.report.ReadErrors++
	return true
}

// way draws how long a read is on its way.
func (n *simNode) way() time.Duration {
	if n.broken > n.w.now && n.w.chance(0.2) {
		return n.w.between(100*time.Millisecond, 8*time.Second)
	}
	return n.w.delay()
}

func (n *simNode) get(keys []kv.Key) {
	w, life := n.w, n.life
	if n.readFails() {
		w.after(w.delay()+readRetry, func() {
			if n.life == life {
				n.input(func(now partition.Now) { n.m.Got(now, keys, nil, errEngine) })
			}
		})
		return
	}
	w.after(n.way(), func() {
		values := w.server.Get(keys...)
		w.after(n.way(), func() {
			if n.life == life {
				n.input(func(now partition.Now) { n.m.Got(now, keys, values, nil) })
			}
		})
	})
}

func (n *simNode) scan(scans []node.Scan) {
	w, life := n.w, n.life
	if n.readFails() {
		w.after(w.delay()+readRetry, func() {
			if n.life == life {
				n.input(func(now partition.Now) { n.scanned(now, scans, nil, errEngine) })
			}
		})
		return
	}
	w.after(n.way(), func() {
		pages := make([][]kv.Page, len(scans))
		for i := range scans {
			pages[i] = w.readScan(&scans[i])
		}
		w.after(n.way(), func() {
			if n.life == life {
				n.input(func(now partition.Now) { n.scanned(now, scans, pages, nil) })
			}
		})
	})
}

func (w *world) readScan(s *node.Scan) []kv.Page {
	if len(s.Keys) == 0 {
		pages := w.server.Scan(s.Ranges...)
		if s.Digest != nil {
			s.Digest(pages)
		}
		return pages
	}
	values := w.server.Get(s.Keys...)
	page := kv.Page{Entries: make([]kv.Entry, len(values))}
	for i, v := range values {
		page.Entries[i] = kv.Entry{Key: s.Keys[i], Value: v}
	}
	return []kv.Page{page}
}

func (n *simNode) scanned(now partition.Now, scans []node.Scan, pages [][]kv.Page, err error) {
	for i, s := range scans {
		var p []kv.Page
		if err == nil {
			p = pages[i]
		}
		if token, ok := s.Token.Tenant(); ok {
			n.tenant.Scanned(now, token, p, err)
			continue
		}
		n.m.Scanned(now, s, p, err)
	}
}
