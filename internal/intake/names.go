package intake

import (
	"strings"
	"sync"

	"auwai/internal/fault"
)

// names bounds how many different names of a kind are taken in one life of the process: each stream
// and each queue of a wiki costs memory for as long as something of it is kept, and whoever may send
// could invent them.
type names struct {
	mu   sync.RWMutex
	seen map[string]struct{} // guarded by mu
}

// take reports whether a name is known or may become so.
func (n *names) take(field, name string) error {
	n.mu.RLock()
	_, ok := n.seen[name]
	n.mu.RUnlock()
	if ok {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok = n.seen[name]; !ok && len(n.seen) >= maxNames {
		return fault.Field(field, "%q would be one name too many: %d are in use; put what varies into the body, not into the name",
			fault.Short(name), maxNames)
	}
	if n.seen == nil {
		n.seen = map[string]struct{}{}
	}
	n.seen[strings.Clone(name)] = struct{}{}
	return nil
}
