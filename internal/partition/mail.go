package partition

import (
	"auwai/internal/fault"
	"auwai/internal/kv"
)

// Decoder turns the kind and body of a message into the command that it stands for.
type Decoder func(kind byte, body []byte) (Command, error)

// Letter is a message that is to be sent.
type Letter struct {
	Kind byte
	Body []byte
}

// MailCommand applies one message of a lane: it moves the lane's cursor, deletes the message and
// applies what it stands for, in one transaction. A message that is not the next one of its lane was
// applied before, and nothing happens.
//
// A message that cannot be applied must not stop its lane: it is applied again as Refused, which
// only moves the cursor and reports it by an effect.
type MailCommand struct {
	Message
	Inner   Command
	Refused error // why Inner cannot be applied
}

// MailRefused is the effect of a message that could not be applied. It is a defect of the sender, or
// of a program of another version; the node logs it.
type MailRefused struct {
	Message
	Err error
}

// LaneMoved is the effect of an applied message.
type LaneMoved struct {
	Sender Sender
	Seq    uint64
}

// Reads names the cursor, the message and what the inner command reads.
func (c *MailCommand) Reads(dst []kv.Key, p ID) []kv.Key {
	dst = append(dst, laneCurKey(p, c.Sender))
	if h, ok := c.Inner.(Hinter); ok && c.Refused == nil {
		dst = h.Reads(dst, p)
	}
	return dst
}

// Apply applies the message.
func (c *MailCommand) Apply(tx *Tx) error {
	cursor := readProgress(tx.Get(laneCurKey(tx.m.id, c.Sender)))
	if tx.Missed() || c.Seq <= cursor.seq {
		return nil
	}
	Invariant(c.Seq == cursor.seq+1, "lane from %s: message %d after %d", c.Sender, c.Seq, cursor.seq)
	cursor.add(c.Body)
	tx.Set(laneCurKey(tx.m.id, c.Sender), cursor.encode())
	tx.Delete(mailKey(tx.m.id, c.Sender, c.Seq))
	tx.Effect(LaneMoved{c.Sender, c.Seq})
	if c.Refused != nil {
		tx.Effect(MailRefused{c.Message, c.Refused})
		return nil //nolint:nilerr // told by the effect; the lane goes on
	}
	return c.Inner.Apply(tx)
}

// CloseLane removes the lane of a session that is dead and drained: its cursor and its entry. Nobody
// writes into it any more, since the session key is gone.
type CloseLane struct{ Sender Sender }

// Apply removes the lane.
func (c *CloseLane) Apply(tx *Tx) error {
	if _, ok := c.Sender.Session(); !ok {
		return fault.Newf(fault.Invalid, "lane from %s: only lanes of sessions are closed", c.Sender)
	}
	tx.Delete(laneCurKey(tx.m.id, c.Sender))
	tx.Delete(laneOpenKey(tx.m.id, c.Sender))
	return nil
}
