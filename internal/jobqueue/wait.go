package jobqueue

import (
	"encoding/binary"
	"fmt"

	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/partition"
)

// A job may wait for others of its wiki. It is blocked while one of them has a record: it waits, runs
// or is dead. Who waits for a job stands in pages under the job's id; how many are still missing stands
// beside the one that waits, so that the end of one of thousands touches no record.

// waitersPage is the number of entries of a page of waiters: what one command releases.
const waitersPage = 64

// await notes that the job waits for others, as far as they have not ended, and reports whether it
// does. What it waits for gets a mark, so that the end of other jobs need not look.
func (w *work) await(j *Job, ids []ident.Suffix) (blocked bool, err error) {
	if len(ids) == 0 {
		return false, nil
	}
	seen := make(map[ident.Suffix]struct{}, len(ids))
	missing := uint64(0)
	for _, id := range ids {
		if _, again := seen[id]; again || id == j.ID {
			continue
		}
		seen[id] = struct{}{}
		x := w.job(Pair{Wiki: j.Wiki}, id)
		if x == nil {
			continue
		}
		if err := w.addWaiter(j.Wiki, id, waiter{id: j.ID}); err != nil {
			return false, err
		}
		w.markWaited(x)
		missing++
		if len(j.WaitsFor) < MaxShown {
			j.WaitsFor = append(j.WaitsFor, id)
		}
	}
	if missing > 0 {
		w.tx.Set(missingKey(w.p, j.Wiki, j.ID), binary.AppendUvarint(nil, missing))
	}
	return missing > 0, nil
}

// markWaited has a job's record, and its claim, say that others wait for it.
func (w *work) markWaited(x *Job) {
	if c := w.running(x.ID); c != nil && !w.waited(c) {
		w.waiting = append(w.waiting, c)
	}
	if x.Waited {
		return
	}
	x.Waited = true
	w.save(x)
	if x.State == Ready && w.running(x.ID) == nil {
		w.touch(x.ID)
		w.effect(Changed{Job: x, OldBand: x.Band, OldSeq: x.Seq, Settles: true})
	}
}

// addWaiter appends to the pages of those that wait for a job.
func (w *work) addWaiter(wiki string, id ident.Suffix, add waiter) error {
	head := waitersKey(w.p, wiki, id, 0)
	pages := waiterPages{first: 1, last: 1}
	var page []byte
	if v := w.tx.Get(head); v != nil {
		var err error
		pages, err = decodePages(v)
		partition.Invariant(err == nil, "%v", err)
		page = w.tx.Get(waitersKey(w.p, wiki, id, pages.last))
	}
	if (len(page)-1)/waiterSize >= waitersPage {
		if pages.last++; !add.also && !w.accepted && pages.last-pages.first >= MaxWaiters/waitersPage {
			return fault.Newf(fault.Conflict, "about %d jobs wait for job %s already; have the others wait for one of those",
				MaxWaiters, ident.ID{Wiki: wiki, Suffix: id})
		}
		page = nil
	}
	grown := make([]byte, 0, len(page)+1+waiterSize)
	if grown = append(grown, page...); len(grown) == 0 {
		grown = append(grown, formatVersion)
	}
	w.tx.Set(waitersKey(w.p, wiki, id, pages.last), appendWaiter(grown, add))
	w.tx.Set(head, encodePages(pages))
	return nil
}

// handOver has those that wait for one job wait for another, which it is a duplicate of. The caller
// saves the other.
func (w *work) handOver(from, to *Job) {
	if !from.Waited {
		return
	}
	from.Waited = false
	err := w.addWaiter(to.Wiki, to.ID, waiter{also: true, id: from.ID})
	partition.Invariant(err == nil, "%v", err)
	to.Waited = true
}

// letGo has those that wait for a job go on, or end with it, by what has become of it.
func (w *work) letGo(j *Job, how State) {
	if j.Waited {
		j.Waited = false
		w.later(unblock{kind: unblockWaiters, pair: j.Pair, id: j.ID, how: how})
	}
}

// release takes a page of those that wait for a job that has ended.
func (w *work) release(u *unblock) {
	head := waitersKey(w.p, u.pair.Wiki, u.id, 0)
	v := w.tx.Get(head)
	if v == nil {
		return
	}
	pages, err := decodePages(v)
	partition.Invariant(err == nil, "%v", err)
	key := waitersKey(w.p, u.pair.Wiki, u.id, pages.first)
	v = w.tx.Get(key)
	if v == nil {
		if !w.tx.Missed() {
			partition.Invariant(false, "jobqueue: page %d of those that wait for job %s of wiki %s is gone", pages.first, u.id, u.pair.Wiki)
		}
		return
	}
	list, err := decodeWaiters(v)
	partition.Invariant(err == nil, "%v", err)
	for i, x := range list {
		if w.full(i) {
			left := []byte{formatVersion}
			for _, x := range list[i:] {
				left = appendWaiter(left, x)
			}
			w.tx.Set(key, left)
			w.later(*u)
			return
		}
		w.releaseOne(u, x)
	}
	w.tx.Delete(key)
	if pages.first == pages.last {
		w.tx.Delete(head)
		return
	}
	pages.first++
	w.tx.Set(head, encodePages(pages))
	w.later(*u)
}

func (w *work) releaseOne(u *unblock, x waiter) {
	if x.also {
		w.later(unblock{kind: unblockWaiters, pair: u.pair, id: x.id, how: u.how})
		return
	}
	wiki := u.pair.Wiki
	key := missingKey(w.p, wiki, x.id)
	v := w.tx.Get(key)
	if v == nil {
		return // it has ended meanwhile
	}
	missing, n := binary.Uvarint(v)
	partition.Invariant(n == len(v) && missing > 0, "jobqueue: count of what job %s of wiki %s waits for is malformed: %x", x.id, wiki, v)
	if u.how != Done && u.how != Superseded {
		if j := w.job(Pair{Wiki: wiki}, x.id); j != nil {
			what := ident.ID{Wiki: wiki, Suffix: u.id}
			w.drop(j, closing{state: Cancelled, reason: fmt.Sprintf("it waited for job %s, which is %s", what, u.how)})
		}
		return
	}
	if missing > 1 {
		w.tx.Set(key, binary.AppendUvarint(nil, missing-1))
		return
	}
	j := w.job(Pair{Wiki: wiki}, x.id)
	if j == nil {
		return
	}
	if end, ended := w.ends(j); ended {
		w.drop(j, end)
		return
	}
	w.unplace(j) // takes the count along
	w.stand(j, j.RunAt, 0, false)
	if bucketOf(j.Created) != bucketOf(w.now) {
		w.indexWaiting(j)
	}
}
