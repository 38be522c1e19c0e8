package memkv

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/RaduBerinde/btreemap"

	"auwai/internal/kv"
)

// degree is the fan-out of the tree: wide enough to be flat, narrow enough that a copied node after
// a snapshot stays cheap.
const degree = 32

type tree = btreemap.BTreeMap[kv.Key, []byte]

// Server is an ordered store in memory, shared by its clients. It is safe for concurrent use.
type Server struct {
	relaxed bool

	mu      sync.Mutex // guards all below; a snapshot's tree is read under it too
	live    *tree      // what readers see
	durable *tree      // what Crash leaves; nil when not relaxed: then it is live
	crashes int        // clients and snapshots of an earlier life are dead
}

// NewServer returns an empty store in which everything acknowledged is durable.
func NewServer() *Server { return &Server{live: newTree()} }

// NewRelaxedServer returns an empty store in which a commit is durable only after the next Sync.
func NewRelaxedServer() *Server {
	return &Server{live: newTree(), durable: newTree(), relaxed: true}
}

func newTree() *tree { return btreemap.New[kv.Key, []byte](degree, bytes.Compare) }

// Open returns a new client.
func (s *Server) Open() *Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Client{server: s, life: s.crashes}
}

// Apply carries out a batch that has arrived at the store: it returns nil, kv.ErrConflict,
// kv.ErrTooLarge or kv.ErrInvalid, and never blocks.
func (s *Server) Apply(b *kv.Batch) error {
	if err := b.Check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.apply(b)
}

// apply needs s.mu and a checked batch.
func (s *Server) apply(b *kv.Batch) error {
	for _, r := range b.Requires() {
		_, value, ok := s.live.Get(r.Key)
		if ok != (r.Value != nil) || !bytes.Equal(value, r.Value) {
			return fmt.Errorf("%w: key %x", kv.ErrConflict, r.Key)
		}
	}
	for _, op := range b.Ops() {
		if op.Kind == kv.KindDeleteRange {
			s.deleteRange(op.Key, op.Value)
		}
	}
	for _, op := range b.Ops() {
		switch op.Kind {
		case kv.KindSet:
			s.live.ReplaceOrInsert(bytes.Clone(op.Key), copyValue(op.Value))
		case kv.KindDelete:
			s.live.Delete(op.Key)
		case kv.KindDeleteRange: // took effect before
		}
	}
	return nil
}

func (s *Server) deleteRange(from, to kv.Key) {
	var keys []kv.Key
	for key := range s.live.Ascend(btreemap.GE(from), btreemap.LT(to)) {
		keys = append(keys, key)
	}
	for _, key := range keys {
		s.live.Delete(key)
	}
}

// Sync makes everything applied so far durable. It changes nothing on a server that is not relaxed.
func (s *Server) Sync() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.relaxed {
		s.durable = s.live.Clone()
	}
}

// Crash is the loss of the store's machine and its restart: what was not durable is gone, and every
// client and snapshot opened before is dead.
func (s *Server) Crash() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.crashes++
	if s.relaxed {
		s.live = s.durable.Clone()
	}
}

// Len returns the number of keys.
func (s *Server) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live.Len()
}

// Get returns the values of keys as kv.Engine's Get does; it cannot fail and never blocks.
func (s *Server) Get(keys ...kv.Key) [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return getAll(s.live, keys)
}

// Scan returns a page for each range as kv.Engine's Scan does; it cannot fail and never blocks.
func (s *Server) Scan(ranges ...kv.Range) []kv.Page {
	s.mu.Lock()
	defer s.mu.Unlock()
	return scanAll(s.live, ranges)
}

func getAll(t *tree, keys []kv.Key) [][]byte {
	values := make([][]byte, len(keys))
	for i, key := range keys {
		if _, value, ok := t.Get(key); ok {
			values[i] = copyValue(value)
		}
	}
	return values
}

func scanAll(t *tree, ranges []kv.Range) []kv.Page {
	pages := make([]kv.Page, len(ranges))
	for i := range ranges {
		pages[i] = scan(t, &ranges[i])
	}
	return pages
}

func scan(t *tree, r *kv.Range) kv.Page {
	var page kv.Page
	if r.To != nil && bytes.Compare(r.From, r.To) >= 0 {
		return page
	}
	limit := r.Limit
	if limit <= 0 {
		limit = kv.DefaultLimit
	}
	from, to := btreemap.GE(r.From), btreemap.Max[kv.Key]()
	if r.To != nil {
		to = btreemap.LT(r.To)
	}
	size := 0
	take := func(key kv.Key, value []byte) bool {
		entry := kv.Entry{Key: bytes.Clone(key)}
		if !r.KeysOnly {
			entry.Value = copyValue(value)
		}
		size += len(entry.Key) + len(entry.Value)
		full := r.MaxBytes > 0 && size > r.MaxBytes && len(page.Entries) > 0
		if full || len(page.Entries) == limit {
			page.More = true
			return false
		}
		page.Entries = append(page.Entries, entry)
		return true
	}
	if r.Reverse {
		t.DescendFunc(to, from, take)
	} else {
		t.AscendFunc(from, to, take)
	}
	return page
}

// copyValue returns a copy that is never nil: an empty value is a value.
func copyValue(v []byte) []byte { return append([]byte{}, v...) }
