package intake

import (
	"context"
	"errors"
	"fmt"

	"auwai/internal/eventlog"
	"auwai/internal/farm"
	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/kv"
	"auwai/internal/partition"
)

// ErrSilent is what Node.Submit answers when the owner of the partition has not answered for a while,
// or has mail of this node under way: nothing was done, and the command goes by mail.
var ErrSilent = fault.New(fault.Unavailable, "intake: the owner of the partition is silent")

// The kinds of intake's messages.
const (
	MailAccept byte = 0x30 + iota // an accept
	MailBlock                     // a block of a payload, or of a message, that is stored ahead
	MailPiece                     // a piece of an event that is stored ahead
	MailLearn                     // wikis to be known
	MailWhole                     // names the body of an accept that came in blocks
)

// maxMessage bounds the body of one message; a longer one is cut into blocks.
const maxMessage = kv.MaxValue - 4<<10

// mailable is a command that can go by mail.
type mailable interface {
	partition.Command
	// message returns the command as a message, or why it may not be acknowledged before it is applied.
	message() (kind byte, body []byte, err error)
}

// deliver brings a command to its partition: directly, or, where the owner is silent, by mail. ahead is what
// store could not store before it, and goes in the same lane before it. mailed says that the command is
// durable, and not applied yet: its results are not known.
func (in *Intake) deliver(ctx context.Context, p partition.ID, wiki string, c mailable, ahead ...mailable) (mailed bool, err error) {
	if len(ahead) == 0 {
		if err = in.node.Submit(ctx, p, wiki, c); !errors.Is(err, ErrSilent) {
			return false, err
		}
	}
	var letters []partition.Letter
	for _, x := range append(ahead[:len(ahead):len(ahead)], c) {
		list, err := lettersOf(wiki, x, in.node.Mint, maxMessage)
		if err != nil {
			return false, err
		}
		letters = append(letters, list...)
	}
	if err := in.node.Mail(ctx, p, letters); err != nil {
		return false, fmt.Errorf("mail a request of %s: %w", wiki, err)
	}
	return true, nil
}

// Letters returns the messages that push jobs of one wiki, to be mailed in one lane. Bodies over most bytes
// are cut into blocks. Errors are of jobs that no push takes.
func Letters(wiki string, jobs []jobqueue.New, mint func() ident.Suffix, most int) ([]partition.Letter, error) {
	return lettersOf(wiki, newPush(jobs...), mint, most)
}

// lettersOf cuts a long body into blocks, and ends with the message that stands for it. Nothing of it is
// applied before that one comes; when it never does, the blocks expire.
func lettersOf(wiki string, c mailable, mint func() ident.Suffix, most int) ([]partition.Letter, error) {
	kind, body, err := c.message()
	if err != nil {
		return nil, err
	}
	if len(body) <= most {
		return []partition.Letter{{Kind: kind, Body: body}}, nil
	}
	ref := jobqueue.BlobRef{ID: mint(), Size: len(body)}
	var out []partition.Letter
	for at, chunk := 0, 0; at < len(body); at, chunk = at+jobqueue.ChunkSize, chunk+1 {
		data := body[at:min(at+jobqueue.ChunkSize, len(body))]
		out = append(out, partition.Letter{Kind: MailBlock, Body: encodeBlock(&jobqueue.StoreBlob{Wiki: wiki, ID: ref.ID, Chunk: chunk, Data: data})})
	}
	return append(out, partition.Letter{Kind: MailWhole, Body: encodeWhole(wiki, ref)}), nil
}

// store submits commands that are independent of each other, as many at once as a commit takes. Where the
// owner is silent, it returns those that are left.
func (in *Intake) store(ctx context.Context, p partition.ID, wiki string, commands []mailable, size func(i int) int) (left []mailable, err error) {
	for from := 0; from < len(commands); {
		n, bytes := from, 0
		for n < len(commands) && n-from < maxCommand && (n == from || bytes+size(n) <= maxCommandBytes) {
			bytes += size(n)
			n++
		}
		err := in.node.Submit(ctx, p, wiki, together(commands[from:n:n]))
		if errors.Is(err, ErrSilent) {
			return commands[from:], nil
		}
		if err != nil {
			return nil, fmt.Errorf("store large payloads of %s: %w", wiki, err)
		}
		from = n
	}
	return nil, nil
}

// together applies several commands as one.
type together []mailable

// Apply applies each.
func (t together) Apply(tx *partition.Tx) error {
	for _, c := range t {
		if err := c.Apply(tx); err != nil {
			return err
		}
	}
	return nil
}

// block, piece and learning are commands of other packages as messages.
type (
	block    struct{ *jobqueue.StoreBlob }
	piece    struct{ *eventlog.StorePiece }
	learning struct{ *farm.Learn }
)

func (b block) message() (byte, []byte, error) { return MailBlock, encodeBlock(b.StoreBlob), nil }

func (p piece) message() (byte, []byte, error)    { return MailPiece, encodePiece(p.StorePiece), nil }
func (l learning) message() (byte, []byte, error) { return MailLearn, encodeLearn(l.Pairs), nil }

func (c *accept) message() (byte, []byte, error) {
	if err := c.push.Check(); err != nil {
		return 0, nil, err
	}
	return MailAccept, encodeAccept(c), nil
}

// whole is the accept whose body came in blocks.
type whole struct {
	wiki string
	ref  jobqueue.BlobRef
	// inner is the accept, once the blocks were read.
	inner *accept
}

// Reads names the blocks, and once they are known what the accept looks at.
func (c *whole) Reads(dst []kv.Key, p partition.ID) []kv.Key {
	return jobqueue.AppendBlobReads(dst, p, c.wiki, c.ref)
}

// Apply takes the blocks and applies what they are.
func (c *whole) Apply(tx *partition.Tx) error {
	body, err := jobqueue.TakeBlob(tx, c.wiki, c.ref)
	if err != nil || tx.Missed() {
		return err
	}
	if c.inner == nil {
		if c.inner, err = decodeAccept(body); err != nil {
			return err
		}
	}
	return c.inner.Apply(tx)
}

// Domain gives intake's messages to the node. It has no keys and no memory of its own.
type Domain struct{}

// Families declares nothing.
func (Domain) Families() []partition.Family { return nil }

// Open keeps nothing.
func (Domain) Open(partition.Opening) (mem any, first []partition.Command) { return nil, nil }

// Slot is intake's, and stays empty.
func (Domain) Slot() partition.Slot { return partition.SlotIntake }

// Decode knows the messages of this package.
func (Domain) Decode(kind byte, body []byte) (c partition.Command, ok bool, err error) {
	switch kind {
	case MailAccept:
		c, err = decodeAccept(body)
	case MailBlock:
		c, err = decodeBlock(body)
	case MailPiece:
		c, err = decodePiece(body)
	case MailLearn:
		c, err = decodeLearn(body)
	case MailWhole:
		c, err = decodeWhole(body)
	default:
		return nil, false, nil
	}
	if err != nil {
		return nil, true, err
	}
	return c, true, nil
}

// newPush returns the command that pushes jobs without an event.
func newPush(jobs ...jobqueue.New) *accept { return &accept{push: jobqueue.Push{Jobs: jobs}} }

// idOf returns the id that a job has, as far as it is known: that of its first push, unless it was mailed.
func idOf(c *accept, i int, mailed bool) (id, duplicateOf ident.Suffix, repeated bool) {
	if mailed {
		return c.push.Jobs[i].ID, ident.Suffix{}, false
	}
	r := &c.push.Results[i]
	return r.ID, r.DuplicateOf, r.Repeated
}
