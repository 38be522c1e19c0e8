package sim

import (
	"encoding/binary"
	"fmt"
	"slices"

	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/kv"
	"auwai/internal/partition"
	"auwai/internal/tuple"
)

// checkEvery is the number of events between two checks of the whole store.
const checkEvery = 4_000

type jobName struct {
	wiki string
	id   ident.Suffix
}

type laneName struct {
	p      partition.ID
	sender partition.Sender
}

type laneScan struct {
	open   bool
	cursor uint64
	mail   []uint64
}

type twinName struct {
	jobqueue.Pair
	hash [16]byte
}

// scan is what the store holds, read as a whole.
type scan struct {
	w        *world
	order    []jobName // of jobs, by key
	jobs     map[jobName]*jobqueue.Job
	kinds    map[jobName]jobqueue.State
	places   map[jobName]string
	counts   map[jobqueue.Pair]*jobqueue.Counts
	pairs    map[jobqueue.Pair]jobqueue.PairInfo
	twins    map[twinName]jobName
	seqs     map[grant]jobName // of places: partition and number
	dead     map[jobName]bool  // they expire
	roots    map[string]int    // 1: a record, 2: its expiry, 3: both
	blobs    map[jobName]int
	lanes    map[laneName]*laneScan
	sent     map[laneName]uint64 // last message sent, as the sender has it
	families map[string]int
	ofQueue  map[string]bool
	windows  map[string]int // of done jobs: 1: a twin key, 2: its expiry, 3: both
	lines    lines

	laneOrder []laneName
	accounts  []int64
	credits   []int64
	applied   map[uint64]struct{}
}

// read reads the whole store.
func (w *world) read() *scan {
	s := &scan{
		w: w, jobs: map[jobName]*jobqueue.Job{}, kinds: map[jobName]jobqueue.State{}, places: map[jobName]string{},
		counts: map[jobqueue.Pair]*jobqueue.Counts{}, pairs: map[jobqueue.Pair]jobqueue.PairInfo{},
		twins: map[twinName]jobName{}, seqs: map[grant]jobName{}, dead: map[jobName]bool{}, roots: map[string]int{},
		blobs: map[jobName]int{}, lanes: map[laneName]*laneScan{}, sent: map[laneName]uint64{}, families: map[string]int{}, ofQueue: map[string]bool{},
		windows: map[string]int{}, lines: newLines(),
		applied: map[uint64]struct{}{},
	}
	names := map[partition.FamilyID]string{}
	for _, f := range w.registry.Families() {
		names[f.ID] = f.Name
	}
	for _, f := range jobqueue.Families() {
		s.ofQueue[f.Name] = true
	}
	entries := w.server.Scan(kv.Range{Limit: 1 << 30})[0].Entries
	for _, e := range entries {
		s.record(e)
	}
	for _, e := range entries {
		_, _, f, _, _ := partition.SplitKey(e.Key)
		s.families[names[f]]++
		s.entry(e)
	}
	return s
}

// record reads a job's record.
func (s *scan) record(e kv.Entry) {
	p, wiki, f, _, ok := partition.SplitKey(e.Key)
	s.w.require(ok, "keys can be read", "key %x", e.Key)
	if f != jobqueue.FamJob {
		return
	}
	j, err := jobqueue.DecodeJobEntry(wiki, e)
	s.w.require(err == nil, "records can be read", "%v", err)
	s.w.require(p == partition.Of(wiki), "a wiki's jobs are in its partition", "job %s of %s in partition %d", j.ID, wiki, p)
	n := jobName{wiki, j.ID}
	s.order = append(s.order, n)
	s.jobs[n] = j
}

func (s *scan) entry(e kv.Entry) {
	p, wiki, f, rest, _ := partition.SplitKey(e.Key)
	var err error
	switch f {
	case jobqueue.FamPair:
		var i jobqueue.PairInfo
		i, err = jobqueue.DecodePair(e)
		s.pairs[i.Pair] = i
	case jobqueue.FamReady:
		var d jobqueue.ReadyEntry
		if d, err = jobqueue.DecodeReady(e); err == nil {
			s.place(p, jobName{wiki, d.ID}, fmt.Sprintf("ready %d %d", d.Band, d.Seq), jobqueue.Ready, d.Seq)
		}
	case jobqueue.FamDue:
		var d jobqueue.DueRef
		if d, err = jobqueue.DecodeDue(e); err == nil {
			s.place(p, jobName{d.Pair.Wiki, d.ID}, fmt.Sprintf("delayed %d", d.Due.UnixMilli()), jobqueue.Delayed, 0)
		}
	case jobqueue.FamRunning:
		var d jobqueue.RunningEntry
		if d, err = jobqueue.DecodeRunning(e); err == nil {
			s.place(p, jobName{d.Pair.Wiki, d.ID}, fmt.Sprintf("ready %d %d", d.Band, d.Seq), jobqueue.Running, d.Seq)
		}
	case jobqueue.FamBlocked:
		var d jobqueue.BlockedEntry
		if d, err = jobqueue.DecodeBlocked(e); err == nil {
			s.place(p, jobName{wiki, d.ID}, fmt.Sprintf("blocked %d", d.Seq), jobqueue.Blocked, d.Seq)
		}
	case jobqueue.FamDead:
		id, seq, deadErr := jobqueue.DecodeDead(e)
		err = deadErr
		s.place(p, jobName{wiki, id}, fmt.Sprintf("dead %d", seq), jobqueue.Dead, seq)
	default:
		s.other(p, wiki, f, rest, e)
	}
	s.w.require(err == nil, "values can be read", "%v", err)
}

func (s *scan) other(p partition.ID, wiki string, f partition.FamilyID, rest []byte, e kv.Entry) {
	switch f {
	case jobqueue.FamTwin:
		queue, hash, ok := tuple.TakeString(rest)
		t, err := jobqueue.DecodeTwin(e.Value)
		s.w.require(ok && len(hash) == 16 && err == nil, "values can be read", "twin key %x", e.Key)
		if !t.Until.IsZero() {
			s.windows[wiki+"\x00"+string(rest)]++
			return
		}
		s.twins[twinName{jobqueue.Pair{Wiki: wiki, Queue: queue}, [16]byte(hash)}] = jobName{wiki, t.ID}
	case jobqueue.FamTwinExpiry:
		_, more, _ := tuple.TakeInt64(rest)
		name, more, _ := tuple.TakeString(more)
		s.windows[name+"\x00"+string(more)] |= 2
	case jobqueue.FamChain, jobqueue.FamLink, jobqueue.FamWaiters, jobqueue.FamMissing:
		err := s.lines.entry(wiki, f, rest, e)
		s.w.require(err == nil, "values can be read", "%v", err)
	case jobqueue.FamDeadExpiry:
		_, more, _ := tuple.TakeInt64(rest)
		name, more, _ := tuple.TakeString(more)
		s.dead[jobName{name, ident.Suffix(more)}] = true
	case jobqueue.FamRoot:
		s.roots[wiki+"\x00"+string(rest)]++
	case jobqueue.FamRootExpiry:
		_, more, _ := tuple.TakeInt64(rest)
		name, more, _ := tuple.TakeString(more)
		s.roots[name+"\x00"+string(more)] += 2
	case partition.FamilyMail:
		if m, ok := partition.ReadMessage(e); ok {
			l := s.lane(p, m.Sender)
			l.mail = append(l.mail, m.Seq)
			if m.Kind == mailCredit {
				s.credits = append(s.credits, int64(binary.BigEndian.Uint64(m.Body[3:]))) //nolint:gosec // written from an int64
			}
		}
	case partition.FamilyLaneOpen:
		if sender, ok := partition.LaneSender(e.Key); ok {
			s.lane(p, sender).open = true
		}
	case partition.FamilyLaneCur:
		s.lane(p, partition.Sender(rest)).cursor = binary.BigEndian.Uint64(e.Value)
	case partition.FamilyLaneSeq:
		to, _, _ := tuple.TakeUint16(rest)
		s.sent[laneName{partition.ID(to), partition.PartitionSender(p)}] = binary.BigEndian.Uint64(e.Value)
	case famAccount:
		s.accounts = append(s.accounts, int64(number(e.Value))) //nolint:gosec // written from an int64
	case famApplied:
		s.applied[number(rest)] = struct{}{}
	default:
	}
}

func (s *scan) lane(p partition.ID, sender partition.Sender) *laneScan {
	n := laneName{p, sender}
	l := s.lanes[n]
	if l == nil {
		l = &laneScan{}
		s.lanes[n] = l
		s.laneOrder = append(s.laneOrder, n)
	}
	return l
}

// place notes where a job stands, and counts it.
func (s *scan) place(p partition.ID, n jobName, place string, kind jobqueue.State, seq uint64) {
	j := s.jobs[n]
	s.w.require(j != nil, "what has a place has a record", "%s: job %s of %s", place, n.id, n.wiki)
	s.w.require(s.places[n] == "", "a job has one place", "job %s is at %q and at %q", n.id, s.places[n], place)
	s.places[n], s.kinds[n] = place, kind
	if seq != 0 {
		g := grant{p, seq}
		_, taken := s.seqs[g]
		s.w.require(!taken, "a sequence number has one job", "jobs %s and %s are both at %d of partition %d", s.seqs[g].id, n.id, seq, p)
		s.seqs[g] = n
	}
	c := s.counts[j.Pair]
	if c == nil {
		c = &jobqueue.Counts{}
		s.counts[j.Pair] = c
	}
	switch {
	case kind != jobqueue.Running && kind != jobqueue.Dead && j.Enq < s.pairs[j.Pair].PurgedBefore:
		c.Sweeping++
	case kind == jobqueue.Ready:
		c.Ready++
	case kind == jobqueue.Delayed:
		c.Delayed++
	case kind == jobqueue.Blocked:
		c.Blocked++
	case kind == jobqueue.Running:
		c.Running++
	default:
		c.Dead++
	}
}

// checkStore reads the whole store and holds its parts against each other.
func (w *world) checkStore() *scan {
	s := w.read()
	s.checkJobs()
	s.checkTwins()
	s.checkPairs()
	s.checkLanes()
	s.checkLines()
	for twin, have := range s.windows {
		w.require(have&1 == 0 || have == 3, "a done twin's key has its expiry", "%q: %d", twin, have)
	}
	for root, have := range s.roots {
		w.require(have == 3, "a root has its expiry", "%q: %d", root, have)
	}
	w.checkLedger(s)
	return s
}

func (s *scan) checkJobs() {
	for _, n := range s.order {
		j := s.jobs[n]
		var want string
		switch j.State {
		case jobqueue.Ready:
			want = fmt.Sprintf("ready %d %d", j.Band, j.Seq)
		case jobqueue.Delayed:
			want = fmt.Sprintf("delayed %d", j.Due.UnixMilli())
		case jobqueue.Blocked:
			want = fmt.Sprintf("blocked %d", j.Seq)
		default:
			want = fmt.Sprintf("dead %d", j.Seq)
		}
		s.w.require(s.places[n] == want, "a record and its place agree", "job %s of %s says %q and is at %q", n.id, n.wiki, want, s.places[n])
		s.w.require(s.dead[n] == (j.State == jobqueue.Dead), "what is dead expires, and nothing else", "job %s is %s, expires: %t", n.id, j.State, s.dead[n])
		s.w.require(s.w.clients.byID[n.id] != nil, "nothing is invented", "job %s of %s", n.id, n.wiki)
	}
}

func (s *scan) checkTwins() {
	for t, n := range s.twins {
		j := s.jobs[n]
		s.w.require(j != nil && j.Key != "" && tuple.Hash(j.Key) == t.hash && j.State != jobqueue.Dead, "a twin key names a job that waits or runs", "%v names job %s", t.Pair, n.id)
	}
	for _, n := range s.order {
		j := s.jobs[n]
		if j.Key == "" || s.kinds[n] == jobqueue.Dead || s.kinds[n] == jobqueue.Running {
			continue
		}
		holder := s.twins[twinName{j.Pair, tuple.Hash(j.Key)}]
		s.w.require(holder == n, "of the jobs with a key, one waits", "job %s of %s waits with key %q, which job %s has", n.id, n.wiki, j.Key, holder.id)
	}
}

func (s *scan) checkPairs() {
	for p, i := range s.pairs {
		want := jobqueue.Counts{}
		if c := s.counts[p]; c != nil {
			want = *c
		}
		s.w.require(i.Counts == want && !want.IsZero(), "counts are what a scan finds", "%v: %+v, a scan finds %+v", p, i.Counts, want)
	}
	for p := range s.counts {
		_, ok := s.pairs[p]
		s.w.require(ok, "counts are what a scan finds", "%v has jobs and no record", p)
	}
	for _, n := range s.order {
		j := s.jobs[n]
		if s.kinds[n] == jobqueue.Ready && j.Enq >= s.pairs[j.Pair].PurgedBefore {
			cursor := s.pairs[j.Pair].Cursor[j.Band]
			s.w.require(j.Seq >= cursor, "no ready job is before the cursor", "job %s at %d, cursor %d", n.id, j.Seq, cursor)
		}
	}
}

// checkLanes holds the mail of each lane against its cursor, and against what its sender sent.
func (s *scan) checkLanes() {
	for _, n := range s.laneOrder {
		l := s.lanes[n]
		slices.Sort(l.mail)
		for i, seq := range l.mail {
			s.w.require(seq == l.cursor+1+uint64(i), "lanes have no gaps", "from %s to partition %d: message %d at place %d after %d", n.sender, n.p, seq, i, l.cursor)
		}
		s.w.require(len(l.mail) == 0 || l.open, "mail has an open lane", "from %s to partition %d", n.sender, n.p)
		if _, ok := n.sender.Session(); !ok {
			last := l.cursor + uint64(len(l.mail))
			s.w.require(s.sent[n] == last, "what was sent is applied or waits", "from %s to partition %d: %d sent, %d applied, %d wait", n.sender, n.p, s.sent[n], l.cursor, len(l.mail))
		}
	}
	for n := range s.sent {
		s.w.require(s.lanes[n] != nil, "what was sent is applied or waits", "from %s to partition %d", n.sender, n.p)
	}
}
