package jobqueue

import (
	"auwai/internal/ident"
	"auwai/internal/kv"
	"auwai/internal/partition"
	"auwai/internal/tuple"
)

// A chain orders the jobs of one serial key of a pair: a list, of which the first may run. It stays the
// first while it runs, and while it is delayed after a failure. A job joins at the end when it would
// become ready, and leaves when it ends or dies, from wherever it stands; then the next has its turn.

func (w *work) chainKeyOf(j *Job) kv.Key {
	return chainKey(w.p, j.Pair, tuple.Hash(j.SerialKey))
}

// chain returns a chain, nil when it has no job.
func (w *work) chain(key kv.Key) *Chain {
	v := w.tx.Get(key)
	if v == nil {
		return nil
	}
	c, err := DecodeChain(v)
	partition.Invariant(err == nil, "%v", err)
	return &c
}

// link returns a job's place in its chain.
func (w *work) link(wiki string, id ident.Suffix) Link {
	v := w.tx.Get(linkKey(w.p, wiki, id))
	if v == nil {
		if !w.tx.Missed() {
			partition.Invariant(false, "jobqueue: job %s of wiki %s is in a chain and has no link", id, wiki)
		}
		return Link{}
	}
	l, err := DecodeLink(v)
	partition.Invariant(err == nil, "%v", err)
	return l
}

func (w *work) setLink(wiki string, id ident.Suffix, l Link) {
	w.tx.Set(linkKey(w.p, wiki, id), encodeLink(&l))
}

// join puts the job at the end of its chain, and reports whether it is the first.
func (w *work) join(j *Job) (first bool) {
	key := w.chainKeyOf(j)
	j.Chained = true
	c := w.chain(key)
	if c == nil {
		w.tx.Set(key, encodeChain(&Chain{First: j.ID, Last: j.ID, Up: true}))
		w.setLink(j.Wiki, j.ID, Link{})
		return true
	}
	last := w.link(j.Wiki, c.Last)
	last.After = j.ID
	w.setLink(j.Wiki, c.Last, last)
	w.setLink(j.Wiki, j.ID, Link{Before: c.Last})
	c.Last = j.ID
	w.tx.Set(key, encodeChain(c))
	return false
}

// leave takes the job out of its chain. When its turn had come, the next one's comes at the end of the
// command; else somebody sees to that already.
func (w *work) leave(j *Job) {
	key := w.chainKeyOf(j)
	j.Chained = false
	c, l := w.chain(key), w.link(j.Wiki, j.ID)
	w.tx.Delete(linkKey(w.p, j.Wiki, j.ID))
	if c == nil {
		if !w.tx.Missed() {
			partition.Invariant(false, "jobqueue: job %s has a link and no chain", j)
		}
		return
	}
	next := c.Up && l.Before.IsZero()
	if l.Before.IsZero() {
		c.First, c.Up = l.After, false
	} else {
		before := w.link(j.Wiki, l.Before)
		before.After = l.After
		w.setLink(j.Wiki, l.Before, before)
	}
	if l.After.IsZero() {
		c.Last = l.Before
	} else {
		after := w.link(j.Wiki, l.After)
		after.Before = l.Before
		w.setLink(j.Wiki, l.After, after)
	}
	if c.First.IsZero() || c.Last.IsZero() {
		w.tx.Delete(key)
		return
	}
	w.tx.Set(key, encodeChain(c))
	if next {
		w.later(unblock{kind: unblockChain, pair: j.Pair, hash: tuple.Hash(j.SerialKey)})
	}
}

// advance gives the first of a chain its turn, unless it has had it.
func (w *work) advance(u *unblock) {
	key := chainKey(w.p, u.pair, u.hash)
	c := w.chain(key)
	if c == nil || c.Up {
		return
	}
	j := w.job(u.pair, c.First)
	if j == nil || j.State != Blocked {
		if !w.tx.Missed() {
			partition.Invariant(false, "jobqueue: the first job %s of a chain of queue %s of wiki %s is not blocked", c.First, u.pair.Queue, u.pair.Wiki)
		}
		return
	}
	if end, ended := w.ends(j); ended {
		w.drop(j, end)
		w.later(*u)
		return
	}
	c.Up = true
	w.tx.Set(key, encodeChain(c))
	w.unplace(j)
	w.stand(j, j.RunAt, 0, false)
	if bucketOf(j.Created) != bucketOf(w.now) {
		w.indexWaiting(j)
	}
}
