package jobqueue

import (
	"encoding/binary"
	"strconv"
	"strings"

	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/tuple"
)

// Cause says which running job made a job, how far down it is, and through which jobs it came. Nil is
// "none": the job came from outside. It is not changed.
//
// It travels as text with an attempt, and comes back with what the attempt pushes. Nothing is looked
// up by it: the text has all of it.
type Cause struct {
	Parent string // the id of the job that made it, as text
	Depth  int    // 1 for what a job without a cause made
	// Chain has the hash of (queue, key) of the last MaxChain jobs that it came through, the parent's
	// last.
	Chain []uint64
}

// causeVersion begins the text of a cause.
const causeVersion = "v1"

// String returns the cause as text, "" for none: v1;<id>;<depth>;<chain in hexadecimal>.
func (c *Cause) String() string {
	if c == nil {
		return ""
	}
	var b strings.Builder
	b.Grow(len(causeVersion) + len(c.Parent) + 8 + 16*len(c.Chain))
	b.WriteString(causeVersion + ";" + c.Parent + ";" + strconv.Itoa(c.Depth) + ";")
	for _, h := range c.Chain {
		const digits = "0123456789abcdef"
		for shift := 60; shift >= 0; shift -= 4 {
			b.WriteByte(digits[h>>shift&0xf])
		}
	}
	return b.String()
}

// ParseCause reads the text of a cause; "" is none. field names it in errors.
func ParseCause(field, text string) (*Cause, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // no cause is no error
	}
	bad := func(what string) (*Cause, error) {
		return nil, fault.Field(field, "%q %s; send what came with the attempt, as it was", cutText(text, 60), what)
	}
	// A wiki's name may hold a semicolon, so the parts are taken from both ends.
	rest, ok := strings.CutPrefix(text, causeVersion+";")
	at := strings.LastIndexByte(rest, ';')
	if !ok || at < 0 {
		return bad("is no cause")
	}
	rest, chain := rest[:at], rest[at+1:]
	at = strings.LastIndexByte(rest, ';')
	if at < 0 {
		return bad("is no cause")
	}
	c := &Cause{Parent: rest[:at]}
	if _, ok := ident.Parse(c.Parent); !ok || len(c.Parent) > MaxCause {
		return bad("does not name a job")
	}
	depth, err := strconv.Atoi(rest[at+1:])
	if err != nil || depth < 1 || depth > maxDepth || strconv.Itoa(depth) != rest[at+1:] {
		return bad("has no depth")
	}
	c.Depth = depth
	if len(chain)%16 != 0 || len(chain) > 16*MaxChain {
		return bad("has a chain of another form")
	}
	for ; chain != ""; chain = chain[16:] {
		h, err := strconv.ParseUint(chain[:16], 16, 64)
		if err != nil || strings.ToLower(chain[:16]) != chain[:16] {
			return bad("has a chain of another form")
		}
		c.Chain = append(c.Chain, h)
	}
	return c, nil
}

// Child returns the cause of what the job makes while it runs. id is the text of the job's id, which
// whoever starts a job has already.
func (j *Job) Child(id string) *Cause {
	c := &Cause{Parent: id, Depth: 1}
	var before []uint64
	if j.Cause != nil {
		c.Depth = min(j.Cause.Depth+1, maxDepth)
		before = j.Cause.Chain[max(0, len(j.Cause.Chain)-MaxChain+1):]
	}
	c.Chain = append(append(make([]uint64, 0, len(before)+1), before...), j.link())
	return c
}

// Parent is a job whose text is that of Child: made when it is asked for, since it costs more than the
// rest of a start.
type Parent Job

// AsParent returns the job as a Parent.
func (j *Job) AsParent() *Parent { return (*Parent)(j) }

// String returns the text of what Child returns.
func (p *Parent) String() string {
	j := (*Job)(p)
	return j.Child(ident.ID{Wiki: j.Wiki, Suffix: j.ID}.String()).String()
}

// link is the job's own link in a chain. A job without a key is known by its payload.
func (j *Job) link() uint64 {
	text := j.Queue + "\x00k" + j.Key
	if j.Key == "" {
		text = j.Queue + "\x00p" + string(j.Payload)
		if j.Blob.Size > 0 {
			text = j.Queue + "\x00b" + string(j.Blob.ID[:])
		}
	}
	h := tuple.Hash(text)
	return binary.BigEndian.Uint64(h[:8])
}

// loops returns how often the job's chain holds the job itself.
func (j *Job) loops() int {
	if j.Cause == nil || len(j.Cause.Chain) == 0 {
		return 0
	}
	n, own := 0, j.link()
	for _, h := range j.Cause.Chain {
		if h == own {
			n++
		}
	}
	return n
}
