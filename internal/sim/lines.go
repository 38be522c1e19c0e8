package sim

import (
	"encoding/binary"

	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/kv"
	"auwai/internal/partition"
	"auwai/internal/tuple"
)

// lines is what a scan finds of chains, and of jobs that wait for others.
type lines struct {
	chains  map[string]jobqueue.Chain // by wiki, queue and hash
	wikis   map[string]string         // of chains
	links   map[jobName]jobqueue.Link
	missing map[jobName]uint64
	waiters map[jobName][]jobName // by what is waited for
	also    map[jobName][]jobName // whose waiters wait for it too
}

func newLines() lines {
	return lines{
		chains: map[string]jobqueue.Chain{}, wikis: map[string]string{}, links: map[jobName]jobqueue.Link{},
		missing: map[jobName]uint64{}, waiters: map[jobName][]jobName{}, also: map[jobName][]jobName{},
	}
}

func (l *lines) entry(wiki string, f partition.FamilyID, rest []byte, e kv.Entry) (err error) {
	switch f {
	case jobqueue.FamChain:
		key := wiki + "\x00" + string(rest)
		l.wikis[key] = wiki
		l.chains[key], err = jobqueue.DecodeChain(e.Value)
	case jobqueue.FamLink:
		l.links[jobName{wiki, ident.Suffix(rest)}], err = jobqueue.DecodeLink(e.Value)
	case jobqueue.FamMissing:
		n, size := binary.Uvarint(e.Value)
		if size != len(e.Value) || n == 0 {
			return fault.Newf(fault.Internal, "job %x waits for %x", rest, e.Value)
		}
		l.missing[jobName{wiki, ident.Suffix(rest)}] = n
	default:
		if binary.BigEndian.Uint64(rest[ident.SuffixLen:]) == 0 {
			return nil // which pages there are
		}
		n := jobName{wiki, ident.Suffix(rest[:ident.SuffixLen])}
		for b := e.Value[1:]; len(b) > 0; b = b[1+ident.SuffixLen:] {
			other := jobName{wiki, ident.Suffix(b[1 : 1+ident.SuffixLen])}
			if b[0] == 1 {
				l.also[n] = append(l.also[n], other)
			} else {
				l.waiters[n] = append(l.waiters[n], other)
			}
		}
	}
	return err
}

// checkLines holds chains and waits against the records of their jobs.
func (s *scan) checkLines() {
	w, seen := s.w, map[jobName]bool{}
	for key, chain := range s.lines.chains {
		wiki, before := s.lines.wikis[key], ident.Suffix{}
		for at := chain.First; !at.IsZero(); {
			n := jobName{wiki, at}
			j, link := s.jobs[n], s.lines.links[n]
			w.require(!seen[n] && j != nil && j.Chained, "a chain is a list of jobs that are in it", "job %s of %s", at, wiki)
			hash := tuple.Hash(j.SerialKey)
			w.require(key[len(key)-len(hash):] == string(hash[:]) && link.Before == before, "a chain is a list of jobs that are in it", "job %s of %s after %s", at, wiki, before)
			up := at == chain.First && chain.Up
			w.require(up == (s.kinds[n] != jobqueue.Blocked), "of a chain the first goes, and the others wait", "job %s of %s is %s, its turn has come: %t", at, wiki, s.kinds[n], up)
			seen[n] = true
			before, at = at, link.After
		}
		w.require(before == chain.Last, "a chain is a list of jobs that are in it", "it ends with %s, not %s", before, chain.Last)
	}
	for _, n := range s.order {
		j := s.jobs[n]
		_, linked := s.lines.links[n]
		w.require(j.Chained == seen[n] && linked == seen[n], "a job is in the chain that it says", "job %s of %s", n.id, n.wiki)
		goes := s.kinds[n] == jobqueue.Ready || s.kinds[n] == jobqueue.Running
		w.require(j.SerialKey == "" || j.Chained || !goes, "a job with a serial key goes in its chain", "job %s of %s is %s", n.id, n.wiki, s.kinds[n])
	}
	s.checkWaits()
}

func (s *scan) checkWaits() {
	w, found := s.w, map[jobName]uint64{}
	stands := map[jobName]bool{}
	for _, list := range s.lines.also {
		for _, other := range list {
			stands[other] = true
		}
	}
	mail := false
	for _, l := range s.laneOrder {
		mail = mail || len(s.lanes[l].mail) > 0
	}
	for n, list := range s.lines.waiters {
		for _, waiter := range list {
			found[waiter]++
		}
		j := s.jobs[n]
		w.require(j == nil || j.Waited, "a job knows that others wait for it", "job %s of %s", n.id, n.wiki)
		w.require(j != nil || stands[n] || mail, "what is waited for is there", "job %s of %s", n.id, n.wiki)
	}
	for _, n := range s.order {
		missing, waits := s.lines.missing[n]
		blocked := s.kinds[n] == jobqueue.Blocked && !s.jobs[n].Chained
		w.require(waits == blocked && (!waits || found[n] == missing), "a blocked job counts what it waits for", "job %s of %s is %s, counts %d, is noted at %d", n.id, n.wiki, s.kinds[n], missing, found[n])
	}
	for n := range s.lines.missing {
		w.require(s.jobs[n] != nil, "what waits has a record", "job %s of %s", n.id, n.wiki)
	}
}

// stuck returns the jobs that wait for one that is dead, however far down: they wait until somebody
// retries or drops it.
func (s *scan) stuck() map[jobName]bool {
	out := map[jobName]bool{}
	var follow func(n jobName)
	follow = func(n jobName) {
		for _, waiter := range s.lines.waiters[n] {
			if !out[waiter] {
				out[waiter] = true
				follow(waiter)
			}
		}
		for _, other := range s.lines.also[n] {
			follow(other)
		}
	}
	for _, n := range s.order {
		if s.kinds[n] == jobqueue.Dead {
			follow(n)
		}
	}
	return out
}
