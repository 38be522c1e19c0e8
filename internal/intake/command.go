package intake

import (
	"auwai/internal/event"
	"auwai/internal/eventlog"
	"auwai/internal/fault"
	"auwai/internal/jobqueue"
	"auwai/internal/kv"
	"auwai/internal/partition"
)

// logged is an event on its way into the log.
type logged struct {
	stream   string
	id       string
	hash     [8]byte
	envelope event.Envelope
	raw      []byte
	ref      eventlog.Ref // where raw was stored ahead
}

// accept appends events to the log and pushes jobs, all or none. The events are of one wiki.
type accept struct {
	events []*logged
	push   jobqueue.Push
	// verdicts has a place for each event, in their order, after success.
	verdicts []eventlog.Verdict
}

// Reads names the keys that will be looked at.
func (c *accept) Reads(dst []kv.Key, p partition.ID) []kv.Key {
	for _, l := range c.events {
		if l.id != "" {
			dst = append(dst, eventlog.SeenKey(p, l.envelope.Wiki, l.id))
		}
		if l.ref.Size > 0 {
			dst = append(dst, eventlog.RefKey(p, l.ref))
		}
	}
	return c.push.Reads(dst, p)
}

// Apply appends and pushes.
func (c *accept) Apply(tx *partition.Tx) error {
	c.verdicts = make([]eventlog.Verdict, len(c.events))
	var buf []byte
	for i, l := range c.events {
		if l.id != "" {
			c.verdicts[i] = eventlog.Once(tx, l.envelope.Wiki, l.id, l.hash)
		}
		if c.verdicts[i] == eventlog.Repeated {
			continue
		}
		envelope := l.envelope
		if c.verdicts[i] == eventlog.Changed {
			envelope.Flags |= event.ChangedID
		}
		buf = envelope.AppendTo(buf[:0])
		if l.ref.Size > 0 {
			if _, err := eventlog.AppendRef(tx, l.stream, tx.Now(), buf, l.ref); err != nil {
				return fault.Wrap(fault.Unavailable, err, "append an event to "+l.stream)
			}
			continue
		}
		buf = append(buf, l.raw...)
		eventlog.Append(tx, l.stream, tx.Now(), buf)
	}
	if len(c.push.Jobs) == 0 {
		return nil
	}
	return c.push.Apply(tx)
}
