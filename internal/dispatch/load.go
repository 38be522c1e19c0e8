package dispatch

import (
	"cmp"
	"slices"

	"auwai/internal/jobqueue"
	"auwai/internal/kv"
	"auwai/internal/node"
)

// load is a read for windows of one partition: first places, then records, then the roots that the
// records name. While it is under way Mem tells what has changed meanwhile.
type load struct {
	part    *part
	due     bool // of the partition's timer, see due.go
	scan    jobqueue.Scan
	stage   loadStage
	windows []*windowLoad
	asked   []rootAsk
	roots   []jobqueue.RootMoved // that moved during the load
}

type loadStage uint8

const (
	loadPlaces loadStage = iota
	loadRecords
	loadRoots
	loadInstall
)

type windowLoad struct {
	pr      *pair
	band    jobqueue.Band
	scan    bool
	more    bool
	entries []entry // new places
	fetch   []entry // places whose records are read
}

type rootAsk struct {
	pair      jobqueue.Pair
	signature string
	record    *jobqueue.RootRecord
}

// ask notes that a pair's windows may need reading.
func (m *Machine) ask(pr *pair) {
	if !pr.asking {
		pr.asking = true
		m.hungry = append(m.hungry, pr)
	}
}

// full reports whether the memory for windows is used up.
func (m *Machine) full() bool { return m.loaded >= windowBytes }

// loadHungry starts reads for pairs whose windows run low, many pairs of a partition in one read. When
// memory is used up, what is in it goes first.
func (m *Machine) loadHungry(h node.Host) {
	if len(m.hungry) == 0 || len(m.loads) >= loadsAtOnce || m.full() && m.order.Len() > 0 {
		return
	}
	var rest []*pair
	batches := map[*part]*load{}
	var order []*load
	for _, pr := range m.hungry {
		if m.parts[pr.part.id] != pr.part {
			continue
		}
		l := batches[pr.part]
		if l == nil {
			if len(m.loads)+len(order) >= loadsAtOnce {
				rest = append(rest, pr)
				continue
			}
			l = &load{part: pr.part}
			batches[pr.part] = l
			order = append(order, l)
		}
		if len(l.windows) >= pairsPerLoad {
			rest = append(rest, pr)
			continue
		}
		pr.asking = false
		m.addWindows(l, pr)
	}
	m.hungry = rest
	for _, l := range order {
		if len(l.windows) > 0 {
			m.begin(h, l)
		}
	}
}

func (m *Machine) addWindows(l *load, pr *pair) {
	for b := range pr.bands {
		w := &pr.bands[b]
		full := m.full()
		low, unloaded := w.low(full), w.unloaded(full)
		if !low && !unloaded {
			continue
		}
		w.loading = true
		l.windows = append(l.windows, &windowLoad{pr: pr, band: jobqueue.Band(b), scan: low})
	}
}

func (m *Machine) begin(h node.Host, l *load) {
	l.scan = l.part.mem.BeginScan()
	l.part.loads = append(l.part.loads, l)
	var ranges []kv.Range
	for _, wl := range l.windows {
		if wl.scan {
			w := &wl.pr.bands[wl.band]
			r := jobqueue.ReadyRange(l.part.id, wl.pr.Pair, wl.band, w.last)
			r.Limit = w.page
			if m.full() {
				r.Limit = smallestPage
			} else {
				w.page = min(2*w.page, largestPage)
			}
			ranges = append(ranges, r)
		}
	}
	if len(ranges) == 0 {
		m.fetchRecords(h, l)
		return
	}
	h.Scan(m.token(l), ranges)
}

func (m *Machine) token(l *load) uint64 {
	m.nextLoad++
	m.loads[m.nextLoad] = l
	return m.nextLoad
}

// windowRead takes one answer of a load. What follows needs the host, so it waits for Step.
func (m *Machine) windowRead(l *load, pages []kv.Page, err error) {
	if err != nil {
		m.endLoad(l)
		return
	}
	switch l.stage {
	case loadPlaces:
		m.takePlaces(l, pages)
		l.stage = loadRecords
	case loadRecords:
		m.takeRecords(l, pages[0])
		l.stage = loadRoots
	case loadRoots:
		for i := range l.asked {
			if v := pages[0].Entries[i].Value; v != nil {
				rec, err := jobqueue.DecodeRoot(v)
				if err == nil {
					l.asked[i].record = &rec
				}
			}
		}
		l.stage = loadInstall
	default:
		panic("dispatch: an answer for a load that has read everything")
	}
	m.advance = append(m.advance, l)
}

// advanceLoads goes on with loads whose last answer has come.
func (m *Machine) advanceLoads(h node.Host) {
	list := m.advance
	m.advance = nil
	for _, l := range list {
		if m.parts[l.part.id] != l.part {
			continue
		}
		switch l.stage {
		case loadRecords:
			m.fetchRecords(h, l)
		case loadRoots:
			m.fetchRoots(h, l)
		default:
			m.install(l)
		}
	}
}

func (m *Machine) takePlaces(l *load, pages []kv.Page) {
	i := 0
	for _, wl := range l.windows {
		if !wl.scan {
			continue
		}
		page := pages[i]
		i++
		wl.more = page.More
		for _, e := range page.Entries {
			r, err := jobqueue.DecodeReady(e)
			if err != nil {
				m.repaired(err.Error())
				continue
			}
			wl.entries = append(wl.entries, entry{seq: r.Seq, id: r.ID, created: r.Created.UnixMilli()})
		}
	}
}

// fetchRecords reads the records of the first places, about fetchBytes of them.
func (m *Machine) fetchRecords(h node.Host, l *load) {
	l.stage = loadRecords
	budget := min(fetchBytes, max(windowBytes-m.loaded, 0)) / len(l.windows)
	var keys []kv.Key
	for _, wl := range l.windows {
		w := &wl.pr.bands[wl.band]
		n := max(budget/cmp.Or(wl.pr.bytes, unknownBytes), 2)
		for _, list := range [][]entry{w.waiting(), wl.entries} {
			for i := range list {
				if list[i].job == nil && len(wl.fetch) < n {
					wl.fetch = append(wl.fetch, list[i])
					keys = append(keys, jobqueue.JobKey(l.part.id, wl.pr.Wiki, list[i].id))
				}
			}
		}
	}
	if len(keys) == 0 {
		m.install(l)
		return
	}
	h.Fetch(m.token(l), keys)
}

// sized learns from the size of a record, so that reads ask for about as much as they may.
func (pr *pair) sized(bytes int) {
	if pr.bytes == 0 {
		pr.bytes = bytes
	}
	pr.bytes += (bytes - pr.bytes) / 8
}

func (m *Machine) takeRecords(l *load, page kv.Page) {
	i := 0
	seen := map[rootAsk]bool{}
	for _, wl := range l.windows {
		for f := range wl.fetch {
			e := page.Entries[i]
			i++
			if e.Value == nil {
				continue
			}
			j, err := jobqueue.DecodeJob(wl.pr.Pair, wl.fetch[f].id, e.Value)
			if err != nil {
				m.repaired(err.Error())
				continue
			}
			wl.fetch[f].job = j
			wl.pr.sized(len(e.Value))
			ask := rootAsk{pair: wl.pr.Pair, signature: j.Root.Signature}
			if ask.signature != "" && !seen[ask] {
				seen[ask] = true
				l.asked = append(l.asked, ask)
			}
		}
	}
}

func (m *Machine) fetchRoots(h node.Host, l *load) {
	if len(l.asked) == 0 {
		m.install(l)
		return
	}
	keys := make([]kv.Key, len(l.asked))
	for i, a := range l.asked {
		keys[i] = jobqueue.RootKey(l.part.id, a.pair, a.signature)
	}
	h.Fetch(m.token(l), keys)
}

// install puts what was read into the windows, without what has changed meanwhile.
func (m *Machine) install(l *load) {
	mem := l.part.mem
	for _, wl := range l.windows {
		w := &wl.pr.bands[wl.band]
		purged := mem.PurgedBefore(wl.pr.Pair)
		for _, e := range wl.entries {
			w.last = max(w.last, e.seq)
			if e.seq >= purged && !mem.Moved(l.scan, e.id) {
				m.loaded += w.insert(e)
			}
		}
		if wl.scan {
			w.complete = !wl.more
		}
		for _, e := range wl.fetch {
			m.installJob(l, w, e)
		}
	}
	m.endLoad(l)
}

func (m *Machine) installJob(l *load, w *window, e entry) {
	i, found := w.find(e.seq)
	if !found || w.list[i].id != e.id || w.list[i].job != nil || l.part.mem.Moved(l.scan, e.id) {
		return
	}
	if e.job == nil {
		// A ready key without a record: commands keep them together, so the key is left over.
		// Or the command that ends the job is in the store, and the answer is on its way; or it is
		// another owner's, and this node does not know yet that it has lost the partition.
		m.loaded -= w.remove(e.seq)
		if m.suspended || l.part.mem.Changing(e.id) {
			return
		}
		m.repaired("ready job " + e.id.String() + " has no record")
		return
	}
	if l.older(e.job) {
		l.part.places = append(l.part.places, jobqueue.Place{Pair: e.job.Pair, ID: e.id, Seq: e.seq})
		m.loaded -= w.remove(e.seq)
		return
	}
	m.loaded += w.insert(e)
}

// older reports whether a root has left the job behind or is cancelled, by what was read and what moved since.
func (l *load) older(j *jobqueue.Job) bool {
	if j.Root.Signature == "" {
		return false
	}
	for i := range l.asked {
		a := &l.asked[i]
		if a.pair == j.Pair && a.signature == j.Root.Signature && a.record != nil && a.record.Ends(j) {
			return true
		}
	}
	for i := range l.roots {
		r := &l.roots[i]
		if r.Pair == j.Pair && r.Signature == j.Root.Signature && r.Root.Ends(j) {
			return true
		}
	}
	return false
}

// endLoad lets the windows go on, with what arrived during the load.
func (m *Machine) endLoad(l *load) {
	l.part.mem.EndScan(l.scan)
	l.part.loads = slices.DeleteFunc(l.part.loads, func(o *load) bool { return o == l })
	for _, wl := range l.windows {
		w := &wl.pr.bands[wl.band]
		w.loading = false
		arrived := w.arrived
		w.arrived = nil
		for _, e := range arrived {
			m.admit(w, e)
		}
		m.activate(wl.pr)
	}
}
