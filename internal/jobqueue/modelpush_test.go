package jobqueue_test

import (
	"slices"
	"time"

	"auwai/internal/ident"
	"auwai/internal/jobqueue"
)

func (m *model) push(n jobqueue.New) jobqueue.Pushed {
	if n.Source.Name != "" {
		name, bucket := n.Wiki+"|"+n.Source.Name, m.now.UnixMilli()/(12*time.Hour).Milliseconds()
		for _, s := range m.sources[name] {
			if s.hash == n.Source.Hash && bucket-s.bucket < 3 {
				return jobqueue.Pushed{ID: s.id, Repeated: true}
			}
		}
		m.sources[name] = append(slices.Clone(m.sources[name]), modelSource{n.Source.Hash, n.ID, bucket})
	}
	if !n.RunAt.After(m.now) {
		n.RunAt = time.Time{}
	}
	j := modelJob{New: n, enq: m.number()}
	m.rules(&j)
	if state, ended := m.ends(&j); ended && state != jobqueue.Expired {
		m.ended[n.ID] = state
		return jobqueue.Pushed{ID: n.ID, State: state}
	}
	if r, ok := m.root(&j); n.Root.Signature != "" && (!ok || r.timestamp < n.Root.Timestamp) {
		m.roots[rootName(&j)] = modelRoot{timestamp: n.Root.Timestamp}
	} else if ok && n.Root.IsRoot {
		m.roots[rootName(&j)] = modelRoot{timestamp: n.Root.Timestamp, minEnq: j.enq}
	}
	if m.expired(&j) {
		m.ended[n.ID] = jobqueue.Expired
		return jobqueue.Pushed{ID: n.ID, State: jobqueue.Expired}
	}
	if twin, ok := m.twin(&j); ok && m.arriveTwin(twin, &j) {
		m.ended[n.ID] = jobqueue.Duplicate
		return jobqueue.Pushed{ID: n.ID, State: jobqueue.Duplicate, DuplicateOf: twin}
	}
	if m.await(&j) {
		j.state, j.seq = jobqueue.Blocked, m.number()
		m.jobs[n.ID] = j
	} else {
		m.place(j, j.RunAt)
	}
	return jobqueue.Pushed{ID: n.ID, State: m.jobs[n.ID].state}
}

// rules gives an arriving job what its rules say.
func (m *model) rules(j *modelJob) {
	if j.Rules == nil {
		return
	}
	if j.once = j.Rules.AtMostOnce; j.Key == "" {
		return
	}
	j.pause = max(j.Rules.Debounce, j.Rules.Window)
	switch j.mode = j.Rules.Dedup; j.mode {
	case jobqueue.DedupNone:
		j.Key, j.mode = "", jobqueue.DedupKeep
	case jobqueue.DedupDebounce:
		if at := m.now.Add(j.pause); at.After(j.RunAt) {
			j.RunAt = at
		}
		j.first = j.RunAt
	default:
	}
}

// arriveTwin applies the mode of an arriving job, and reports whether it was merged.
func (m *model) arriveTwin(twin ident.Suffix, j *modelJob) bool {
	t, waits := m.jobs[twin]
	switch {
	case !waits: // done, within its window
	case j.mode == jobqueue.DedupReplace:
		m.handOver(twin, j)
		m.end(twin, jobqueue.Duplicate)
		return false
	case j.mode == jobqueue.DedupDebounce:
		m.debounce(t, *j)
	default:
		m.merge(twin, *j, firstOf(t.RunAt, j.RunAt))
	}
	return true
}

func (m *model) debounce(t, j modelJob) {
	if t.first.IsZero() {
		t.first = m.created[t.ID]
	}
	release := j.RunAt
	if most := t.first.Add(10 * j.pause); most.Before(release) {
		release = most
	}
	if t.state == jobqueue.Ready && !release.After(m.now) {
		m.merge(t.ID, j, time.Time{})
		return
	}
	t.Root = newerRoot(t.Root, j.Root, true)
	t.Payload, t.RequestID, t.enq, t.ExpireAt = j.Payload, j.RequestID, j.enq, lastOf(t.ExpireAt, j.ExpireAt)
	t.Band, t.RunAt, t.mode, t.pause = min(t.Band, j.Band), release, j.mode, j.pause
	if t.state == jobqueue.Blocked {
		m.jobs[t.ID] = t
		return
	}
	m.place(t, release)
}

func newerRoot(a, b jobqueue.Root, newer bool) jobqueue.Root {
	switch {
	case a.Signature == "" || b.Signature == "":
		return jobqueue.Root{}
	case b.Timestamp > a.Timestamp || b.Timestamp == a.Timestamp && newer:
		return b
	default:
		return a
	}
}

func lastOf(a, b time.Time) time.Time {
	if a.IsZero() || b.IsZero() {
		return time.Time{}
	}
	if a.Before(b) {
		return b
	}
	return a
}
