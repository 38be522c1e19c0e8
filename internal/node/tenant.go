package node

import (
	"context"
	"time"

	"auwai/internal/kv"
	"auwai/internal/partition"
)

// Tenant is a machine that lives in the node's loop beside it and works in the partitions that are
// open: dispatch. Like the node's machine it has no goroutine, clock or I/O.
type Tenant interface {
	// Event tells what happened to the session and to partitions.
	Event(now partition.Now, e Event)
	// Effects hands over the effects of one partition's part of a durable commit. The slice is valid
	// during the call.
	Effects(now partition.Now, m *partition.Machine, effects []any)
	// Scanned answers Host.Scan.
	Scanned(now partition.Now, token uint64, pages []kv.Page, err error)
	// Step does what follows from the inputs, and returns when it wants to be called at the latest.
	Step(now partition.Now, h Host) (wake time.Duration)
}

// Host is what a tenant may ask of the node.
type Host interface {
	// SubmitOwn hands a command to an open or closing partition.
	SubmitOwn(now partition.Now, p partition.ID, c *partition.Call)
	// Scan reads ranges of the engine; the pages come to Tenant.Scanned.
	Scan(token uint64, ranges []kv.Range)
	// ScanThen is Scan, with digest called on the pages before they come back, outside the loop: for
	// work that takes long, such as compressing. It may keep its result where Scanned finds it.
	ScanThen(token uint64, ranges []kv.Range, digest func([]kv.Page))
	// Fetch reads single keys of the engine; they come to Tenant.Scanned as one page.
	Fetch(token uint64, keys []kv.Key)
	// Settled says that the tenant's work in a closing partition has ended.
	Settled(p partition.ID)
}

// Join makes one tenant of several. They share the node's loop and know nothing of each other.
func Join(tenants ...Tenant) Tenant { return joined(tenants) }

type joined []Tenant

// Event implements Tenant.
func (j joined) Event(now partition.Now, e Event) {
	for _, t := range j {
		t.Event(now, e)
	}
}

// Effects implements Tenant.
func (j joined) Effects(now partition.Now, m *partition.Machine, effects []any) {
	for _, t := range j {
		t.Effects(now, m, effects)
	}
}

// Scanned implements Tenant: a token tells whose it is by its remainder.
func (j joined) Scanned(now partition.Now, token uint64, pages []kv.Page, err error) {
	n := uint64(len(j))
	j[token%n].Scanned(now, token/n, pages, err)
}

// Step implements Tenant.
func (j joined) Step(now partition.Now, h Host) time.Duration {
	wake := now.Mono + time.Hour
	for i, t := range j {
		wake = min(wake, t.Step(now, joinedHost{h, uint64(i), uint64(len(j))}))
	}
	return wake
}

// joinedHost numbers the tokens of one of several tenants. A closing partition is settled when all
// tenants say so: only the first one's word counts, since the others have no work that outlives a
// step.
type joinedHost struct {
	Host
	i, n uint64
}

func (h joinedHost) Scan(token uint64, ranges []kv.Range) { h.Host.Scan(token*h.n+h.i, ranges) }

func (h joinedHost) ScanThen(token uint64, ranges []kv.Range, digest func([]kv.Page)) {
	h.Host.ScanThen(token*h.n+h.i, ranges, digest)
}

func (h joinedHost) Fetch(token uint64, keys []kv.Key) { h.Host.Fetch(token*h.n+h.i, keys) }

func (h joinedHost) Settled(p partition.ID) {
	if h.i == 0 {
		h.Host.Settled(p)
	}
}

// NoTenant is a tenant that does nothing.
type NoTenant struct{}

// Event does nothing.
func (NoTenant) Event(partition.Now, Event) {}

// Effects does nothing.
func (NoTenant) Effects(partition.Now, *partition.Machine, []any) {}

// Scanned does nothing.
func (NoTenant) Scanned(partition.Now, uint64, []kv.Page, error) {}

// Step does nothing.
func (NoTenant) Step(now partition.Now, _ Host) time.Duration { return now.Mono + time.Second }

// Scan implements Host.
func (m *Machine) Scan(token uint64, ranges []kv.Range) {
	m.out.Scans = append(m.out.Scans, Scan{Token: TenantToken(token), Ranges: ranges})
}

// Fetch implements Host.
func (m *Machine) Fetch(token uint64, keys []kv.Key) {
	m.out.Scans = append(m.out.Scans, Scan{Token: TenantToken(token), Keys: keys})
}

// ScanThen implements Host.
func (m *Machine) ScanThen(token uint64, ranges []kv.Range, digest func([]kv.Page)) {
	m.out.Scans = append(m.out.Scans, Scan{Token: TenantToken(token), Ranges: ranges, Digest: digest})
}

// Read carries a Scan out on an engine.
func (s *Scan) Read(ctx context.Context, e kv.Engine) ([]kv.Page, error) {
	if len(s.Keys) == 0 {
		pages, err := e.Scan(ctx, s.Ranges...)
		if err == nil && s.Digest != nil {
			s.Digest(pages)
		}
		return pages, err
	}
	values, err := e.Get(ctx, s.Keys...)
	if err != nil {
		return nil, err
	}
	page := kv.Page{Entries: make([]kv.Entry, len(values))}
	for i, v := range values {
		page.Entries[i] = kv.Entry{Key: s.Keys[i], Value: v}
	}
	return []kv.Page{page}, nil
}

// HasWork reports whether Flush has something to do that an input or a tenant has brought since the
// last one. Calls for which the group has no room wait for the commit.
func (m *Machine) HasWork() bool {
	if m.yielded || len(m.out.Answers)+len(m.out.Scans)+len(m.out.Events) > 0 {
		return true
	}
	if m.state != sessionLive {
		return false
	}
	for p := range m.fresh {
		if m.fresh[p] && !m.view.Full() {
			return true
		}
	}
	return false
}
