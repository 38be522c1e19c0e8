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
	// Fetch reads single keys of the engine; they come to Tenant.Scanned as one page.
	Fetch(token uint64, keys []kv.Key)
	// Settled says that the tenant's work in a closing partition has ended.
	Settled(p partition.ID)
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

// Read carries a Scan out on an engine.
func (s *Scan) Read(ctx context.Context, e kv.Engine) ([]kv.Page, error) {
	if len(s.Keys) == 0 {
		return e.Scan(ctx, s.Ranges...)
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
	if len(m.out.Answers)+len(m.out.Scans)+len(m.out.Events) > 0 {
		return true
	}
	for p := range m.fresh {
		if m.fresh[p] && !m.view.Full() {
			return true
		}
	}
	return false
}
