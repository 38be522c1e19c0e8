package jobqueuetest

import (
	"encoding/binary"
	"slices"

	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/kv"
	"auwai/internal/partition"
	"auwai/internal/tuple"
)

// lines is what a scan finds of chains, and of those that wait for others.
type lines struct {
	chains  map[string]jobqueue.Chain // by wiki, queue and hash
	links   map[jobName]jobqueue.Link
	missing map[jobName]uint64
	waiters map[jobName][]jobName // by what is waited for
	also    map[jobName][]jobName // whose waiters wait for it too
}

func newLines() lines {
	return lines{
		chains: map[string]jobqueue.Chain{}, links: map[jobName]jobqueue.Link{}, missing: map[jobName]uint64{},
		waiters: map[jobName][]jobName{}, also: map[jobName][]jobName{},
	}
}

func (l *lines) entry(wiki string, f partition.FamilyID, rest []byte, e kv.Entry) (err error) {
	switch f {
	case jobqueue.FamChain:
		l.chains[wiki+"\x00"+string(rest)], err = jobqueue.DecodeChain(e.Value)
	case jobqueue.FamLink:
		l.links[jobName{wiki, ident.Suffix(rest)}], err = jobqueue.DecodeLink(e.Value)
	case jobqueue.FamMissing:
		n, size := binary.Uvarint(e.Value)
		if size != len(e.Value) || n == 0 {
			return fault.Newf(fault.Internal, "job %x waits for %x", rest, e.Value)
		}
		l.missing[jobName{wiki, ident.Suffix(rest)}] = n
	default:
		l.page(jobName{wiki, ident.Suffix(rest[:ident.SuffixLen])}, binary.BigEndian.Uint64(rest[ident.SuffixLen:]), e.Value)
	}
	return err
}

// page notes the entries of a page of waiters; page 0 has none.
func (l *lines) page(n jobName, number uint64, value []byte) {
	if number == 0 {
		return
	}
	for b := value[1:]; len(b) > 0; b = b[1+ident.SuffixLen:] {
		other := jobName{n.wiki, ident.Suffix(b[1 : 1+ident.SuffixLen])}
		if b[0] == 1 {
			l.also[n] = append(l.also[n], other)
		} else {
			l.waiters[n] = append(l.waiters[n], other)
		}
	}
}

// checkChains walks each chain, and holds its jobs against their records.
func (c *check) checkChains() {
	seen := map[jobName]bool{}
	for key, chain := range c.lines.chains {
		wiki, rest, _ := cutName(key)
		before := ident.Suffix{}
		for at := chain.First; !at.IsZero(); {
			n := jobName{wiki, at}
			j, link := c.jobs[n], c.lines.links[n]
			switch {
			case seen[n] || j == nil || !j.Chained || j.SerialKey == "" || !hasHash(rest, j):
				c.fault("job %s is in a chain of %s twice (%t), or has no record that says so: %+v", at, wiki, seen[n], j)
				return
			case link.Before != before:
				c.fault("job %s follows %s in its chain and says %s", at, before, link.Before)
			case (at == chain.First && chain.Up) == (j.State == jobqueue.Blocked):
				c.fault("job %s is first: %t, its turn has come: %t, and it is %s", at, at == chain.First, chain.Up, j.State)
			}
			seen[n] = true
			before, at = at, link.After
		}
		if before != chain.Last {
			c.fault("a chain of %s ends with %s and says %s", wiki, before, chain.Last)
		}
	}
	for n, j := range c.jobs {
		if _, has := c.lines.links[n]; j.Chained != seen[n] || has != seen[n] {
			c.fault("job %s says it is in a chain: %t, has a link: %t, is in one: %t", n.id, j.Chained, has, seen[n])
		}
		if j.SerialKey != "" && !j.Chained && (j.State == jobqueue.Ready || c.running[n]) {
			c.fault("job %s is %s and not in the chain of %q", n.id, j.State, j.SerialKey)
		}
	}
	for n := range c.lines.links {
		if c.jobs[n] == nil {
			c.fault("job %s has a link and no record", n.id)
		}
	}
}

func cutName(key string) (wiki string, rest []byte, ok bool) {
	for i := range len(key) {
		if key[i] == 0 {
			return key[:i], []byte(key[i+1:]), true
		}
	}
	return key, nil, false
}

func hasHash(rest []byte, j *jobqueue.Job) bool {
	queue, hash, ok := tuple.TakeString(rest)
	return ok && queue == tuple.Shorten(j.Queue) && [16]byte(hash) == tuple.Hash(j.SerialKey)
}

// checkWaits counts what each blocked job waits for, and holds that against its count.
func (c *check) checkWaits() {
	found := map[jobName]uint64{}
	for n, list := range c.lines.waiters {
		for _, waiter := range list {
			found[waiter]++
		}
		c.checkWaited(n)
	}
	for n, j := range c.jobs {
		missing, waits := c.lines.missing[n]
		if waits != (j.State == jobqueue.Blocked && !j.Chained) {
			c.fault("job %s is %s, in a chain: %t, and waits for others: %t", n.id, j.State, j.Chained, waits)
		}
		if waits && found[n] != missing {
			c.fault("job %s waits for %d jobs, and is noted at %d", n.id, missing, found[n])
		}
	}
	for n := range c.lines.missing {
		if c.jobs[n] == nil {
			c.fault("job %s waits for others and has no record", n.id)
		}
	}
}

// checkWaited looks for the job that is waited for: it has a record that says so, or another job stands
// for it, or mail about its end is under way.
func (c *check) checkWaited(n jobName) {
	if j := c.jobs[n]; j != nil {
		if !j.Waited {
			c.fault("job %s does not know that others wait for it", n.id)
		}
		return
	}
	for _, list := range c.lines.also {
		if slices.Contains(list, n) {
			return
		}
	}
	if !c.mail {
		c.fault("job %s has no record, and others wait for it", n.id)
	}
}
