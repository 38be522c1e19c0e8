package jobqueue

import (
	"slices"
	"time"

	"auwai/internal/ident"
	"auwai/internal/kv"
	"auwai/internal/partition"
)

// work is what one Apply gathers: the pairs it counts in, and the claims it ends. It is reused, so
// that a command costs few allocations; nothing of it is kept after Apply but what it wrote.
type work struct {
	tx   *partition.Tx
	p    partition.ID
	mem  *Mem
	now  time.Time
	wall time.Time

	pairs []pairState
	at    int          // the pair used last
	index map[Pair]int // of pairs, once there are many

	ending   []*Claim // ended by this transaction
	taken    []*Claim // lost their key to another job in this transaction
	storing  []*Claim // stored by this transaction
	waiting  []*Claim // of jobs that others wait for since this transaction
	stopped  []*Claim // cancelled by this transaction
	touched  []ident.Suffix
	accepted bool      // what is pushed was acknowledged before
	back     []*Job    // returned by this command to the place where its key still is
	blocked  []unblock // that the command has let go on

	// What an earlier command of the same transaction put into ending, taken, storing, waiting, stopped.
	endingFrom, takenFrom, storingFrom, waitingFrom, stoppedFrom int

	arena   []byte
	chunk   int // size of the arena's pieces
	scratch []byte
	weight  int // of what was written so far; see full
}

type pairState struct {
	PairInfo
	key    kv.Key
	stored bool // the record exists
	dirty  bool
}

const manyPairs = 16

// begin starts the work of a command. chunk says how many bytes of keys and small values it will
// write, about; 0 for exactly what is asked.
//
// Commands may be made of others: several of this package in one transaction see what the earlier
// ones ended and took.
func begin(tx *partition.Tx, chunk int) *work {
	mem, ok := tx.Mem(partition.SlotJobs).(*Mem)
	partition.Invariant(ok, "jobqueue: partition %d was opened without its job queue", tx.Partition())
	w := &mem.work
	again := w.tx == tx
	clear(w.pairs)
	clear(w.back)
	if !again {
		clear(w.ending)
		clear(w.taken)
		clear(w.storing)
		clear(w.waiting)
		clear(w.stopped)
		w.ending, w.taken, w.storing, w.waiting, w.stopped = w.ending[:0], w.taken[:0], w.storing[:0], w.waiting[:0], w.stopped[:0]
	}
	w.tx, w.p, w.mem, w.now, w.wall = tx, tx.Partition(), mem, tx.Now(), tx.Wall()
	w.pairs, w.at, w.index = w.pairs[:0], 0, nil
	w.touched, w.back, w.scratch, w.blocked = w.touched[:0], w.back[:0], w.scratch[:0], w.blocked[:0]
	w.endingFrom, w.takenFrom, w.storingFrom = len(w.ending), len(w.taken), len(w.storing)
	w.waitingFrom, w.stoppedFrom = len(w.waiting), len(w.stopped)
	w.arena, w.chunk, w.weight = nil, chunk, 0
	return w
}

// finish does what the command has let go on, writes the pairs and hands the marks for Mem to the
// transaction. Every command ends with it. It fails when the partition is far behind with its own mail.
func (w *work) finish() error {
	if err := w.unblockLater(); err != nil {
		return err
	}
	for i := range w.pairs {
		s := &w.pairs[i]
		if !s.dirty {
			continue
		}
		c := &s.Counts
		if min(c.Ready, c.Delayed, c.Blocked, c.Running, c.Dead, c.Sweeping) < 0 && !w.tx.Missed() {
			partition.Invariant(false, "jobqueue: counts of queue %q of wiki %q fall below zero: %+v", s.Pair.Queue, s.Pair.Wiki, *c)
		}
		switch {
		case !c.IsZero():
			w.tx.Set(s.key, encodePair(&s.PairInfo))
		default:
			if s.stored {
				w.tx.Delete(s.key)
			}
			if s.PurgedBefore > 0 {
				mem, pair, before := w.mem, s.Pair, s.PurgedBefore
				w.tx.After(func() { mem.unpurge(pair, before) })
			}
		}
	}
	w.markLater()
	return nil
}

// markLater has the marks set when the command has succeeded.
func (w *work) markLater() {
	mem, ending, taken, storing := w.mem, w.ending[w.endingFrom:], w.taken[w.takenFrom:], w.storing[w.storingFrom:]
	waiting, stopped := w.waiting[w.waitingFrom:], w.stopped[w.stoppedFrom:]
	if len(taken)+len(storing)+len(w.touched)+len(w.back)+len(waiting)+len(stopped) == 0 {
		switch len(ending) {
		case 0:
			return
		case 1:
			c := ending[0]
			w.tx.After(func() { mem.end(c) })
			return
		}
	}
	ending, taken, storing = slices.Clone(ending), slices.Clone(taken), slices.Clone(storing)
	touched, back := slices.Clone(w.touched), slices.Clone(w.back)
	waiting, stopped = slices.Clone(waiting), slices.Clone(stopped)
	w.tx.After(func() {
		for _, c := range waiting {
			c.waited = true
		}
		for _, c := range stopped {
			c.Cancelled = true
		}
		for _, c := range taken {
			c.KeyTaken = true
		}
		for _, c := range storing {
			mem.stored(c)
		}
		for _, c := range ending {
			mem.end(c)
		}
		for _, id := range touched {
			mem.touch(id)
		}
		for _, j := range back {
			mem.giveBack(j)
		}
	})
}

// grab returns memory for n bytes of a key or small value. Pieces are shared by the writes of a
// command, which live about equally long.
func (w *work) grab(n int) []byte {
	if cap(w.arena)-len(w.arena) < n {
		w.arena = make([]byte, 0, max(n, min(w.chunk, 16<<10)))
		w.chunk -= cap(w.arena)
	}
	at := len(w.arena)
	w.arena = w.arena[:at+n]
	return w.arena[at : at : at+n]
}

// pair returns the state of a pair. The pointer is valid until the next call.
func (w *work) pair(p Pair) *pairState {
	if w.at < len(w.pairs) && w.pairs[w.at].Pair == p {
		return &w.pairs[w.at]
	}
	if i, ok := w.findPair(p); ok {
		w.at = i
		return &w.pairs[i]
	}
	w.pairs = append(w.pairs, pairState{PairInfo: PairInfo{Pair: p}, key: PairKey(w.p, p)})
	w.at = len(w.pairs) - 1
	if w.index != nil {
		w.index[p] = w.at
	}
	s := &w.pairs[w.at]
	if v := w.tx.Get(s.key); v != nil {
		s.stored = true
		if !s.decode(v) {
			partition.Invariant(false, "jobqueue: counts at key %x are malformed: %x", s.key, v)
		}
	}
	return s
}

func (w *work) findPair(p Pair) (int, bool) {
	if len(w.pairs) > manyPairs && w.index == nil {
		w.index = make(map[Pair]int, len(w.pairs)*2)
		for i := range w.pairs {
			w.index[w.pairs[i].Pair] = i
		}
	}
	if w.index != nil {
		i, ok := w.index[p]
		return i, ok
	}
	for i := range w.pairs {
		if w.pairs[i].Pair == p {
			return i, true
		}
	}
	return 0, false
}

// counts returns the counts of a pair to be changed.
func (w *work) counts(p Pair) *Counts {
	s := w.pair(p)
	s.dirty = true
	return &s.Counts
}

// running returns the claim of a job as this command sees it: nil for one that it has ended.
func (w *work) running(id ident.Suffix) *Claim {
	c := w.mem.Running(id)
	if c == nil {
		return nil
	}
	if slices.Contains(w.ending, c) {
		return nil
	}
	return c
}

// isStored and keyTaken tell how a claim stands as this command sees it.
func (w *work) isStored(c *Claim) bool { return c.Stored || slices.Contains(w.storing, c) }
func (w *work) keyTaken(c *Claim) bool { return c.KeyTaken || slices.Contains(w.taken, c) }

// waited and isCancelled are the same of two more marks.
func (w *work) waited(c *Claim) bool      { return c.waited || slices.Contains(w.waiting, c) }
func (w *work) isCancelled(c *Claim) bool { return c.Cancelled || slices.Contains(w.stopped, c) }

// full reports whether a command that takes things one by one, of which some are done, should leave
// the rest to the next one.
func (w *work) full(done int) bool { return done > 0 && w.weight >= pageBytes }

func (w *work) touch(id ident.Suffix) { w.touched = append(w.touched, id) }

func (w *work) effect(e any) { w.tx.Effect(e) }

func (w *work) jobKey(j *Job) kv.Key {
	return appendJobKey(w.grab(jobKeySize(j.Wiki)), w.p, j.Wiki, j.ID)
}

func (w *work) readyKey(j *Job) kv.Key {
	return appendReadyKey(w.grab(readyKeySize(j.Pair)), w.p, j.Pair, j.Band, j.Seq)
}

func (w *work) twinKey(j *Job) kv.Key { return twinKey(w.p, j.Pair, j.Key) }

// job reads a job's record; nil when there is none, or it is not known yet.
func (w *work) job(p Pair, id ident.Suffix) *Job {
	v := w.tx.Get(JobKey(w.p, p.Wiki, id))
	if v == nil {
		return nil
	}
	j, err := DecodeJob(p, id, v)
	partition.Invariant(err == nil, "%v", err)
	return j
}
