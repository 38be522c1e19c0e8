package farm

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"auwai/internal/fault"
	"auwai/internal/kv"
	"auwai/internal/partition"
	"auwai/internal/tuple"
)

// Published is the active configuration of the farm: who made it active, and the text that all nodes
// act by. What belongs to a node alone (listen, data, secrets) is not in it.
type Published struct {
	Version uint64 // 0: none was published yet
	Hash    [32]byte
	Node    string
	At      time.Time
	Blocks  int
}

// The bounds of a published text.
const (
	blockBytes   = 512 << 10
	maxBlocks    = 6 // one commit holds them
	keptVersions = 10
)

// Publish makes a text the active configuration, when the version is still the one that the node has
// seen; else Conflict. The same text again changes nothing. It is submitted to Partition, in the order
// of the wiki partition.Farm.
type Publish struct {
	Seen uint64 // version that the node acts by, 0 for none
	Node string
	Text []byte // compressed by the caller as it likes
	// Result is what is active after it, also after a Conflict.
	Result Published
}

// Configured is the effect of Publish: another configuration is active.
type Configured struct{ Version uint64 }

// Apply publishes the text.
func (c *Publish) Apply(tx *partition.Tx) error {
	old, err := decodePublished(tx.Get(configKey()))
	partition.Invariant(err == nil, "%v", err)
	c.Result = old
	hash := sha256.Sum256(c.Text)
	switch {
	case old.Version > 0 && old.Hash == hash:
		return nil
	case old.Version != c.Seen:
		return fault.Newf(fault.Conflict, "farm: version %d of the configuration is active, published by %s at %s, and not version %d",
			old.Version, old.Node, old.At.Format(time.RFC3339), c.Seen)
	case len(c.Text) > maxBlocks*blockBytes:
		return fault.Newf(fault.TooLarge, "farm: the configuration has %d bytes compressed, at most %d can be published", len(c.Text), maxBlocks*blockBytes)
	}
	next := Published{Version: old.Version + 1, Hash: hash, Node: c.Node, At: tx.Now()}
	for text := c.Text; len(text) > 0; next.Blocks++ {
		n := min(len(text), blockBytes)
		tx.Set(configTextKey(next.Version, next.Blocks), text[:n:n])
		text = text[n:]
	}
	tx.Set(configKey(), next.encode())
	if next.Version > keptVersions {
		gone := next.Version - keptVersions
		tx.DeleteRange(configTextKey(gone, 0), configTextKey(gone+1, 0))
	}
	c.Result = next
	tx.Effect(Configured{Version: next.Version})
	return nil
}

const publishedFormat = 1

func (p *Published) encode() []byte {
	v := tuple.Uint64([]byte{publishedFormat}, p.Version)
	v = append(v, p.Hash[:]...)
	v = tuple.Uint64(v, uint64(max(p.At.UnixMilli(), 0)))
	return tuple.String(tuple.Uint16(v, uint16(p.Blocks)), p.Node) //nolint:gosec // at most maxBlocks
}

func decodePublished(v []byte) (Published, error) {
	var p Published
	if v == nil {
		return p, nil
	}
	malformed := fault.Newf(fault.Internal, "farm: the record of the active configuration is malformed: %x", v)
	if len(v) < 1+8+32+8+2 || v[0] != publishedFormat {
		return p, malformed
	}
	rest := v[1:]
	p.Version, rest, _ = tuple.TakeUint64(rest)
	rest = rest[copy(p.Hash[:], rest):]
	var ms uint64
	var blocks uint16
	var ok bool
	ms, rest, _ = tuple.TakeUint64(rest)
	p.At = millis(ms)
	blocks, rest, _ = tuple.TakeUint16(rest)
	p.Blocks = int(blocks)
	if p.Node, rest, ok = tuple.TakeString(rest); !ok || len(rest) > 0 {
		return p, malformed
	}
	return p, nil
}

// Getter is the part of an engine that reading single keys needs.
type Getter interface {
	Get(ctx context.Context, keys ...kv.Key) ([][]byte, error)
}

// Active reads what configuration is active, and its text; both are empty when none is.
func Active(ctx context.Context, g Getter) (Published, []byte, error) {
	values, err := g.Get(ctx, configKey())
	if err != nil {
		return Published{}, nil, fmt.Errorf("read the active configuration: %w", err)
	}
	p, err := decodePublished(values[0])
	if err != nil || p.Blocks == 0 {
		return p, nil, err
	}
	keys := make([]kv.Key, p.Blocks)
	for i := range keys {
		keys[i] = configTextKey(p.Version, i)
	}
	blocks, err := g.Get(ctx, keys...)
	if err != nil {
		return p, nil, fmt.Errorf("read the active configuration: %w", err)
	}
	var text []byte
	for _, b := range blocks {
		text = append(text, b...)
	}
	if sha256.Sum256(text) != p.Hash {
		return p, nil, fault.Newf(fault.Internal, "farm: the text of version %d of the configuration is not whole", p.Version)
	}
	return p, text, nil
}
