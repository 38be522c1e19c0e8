package farm

import (
	"slices"
	"strings"

	"auwai/internal/fault"
	"auwai/internal/partition"
	"auwai/internal/tuple"
)

// The bounds of what is learned.
const (
	MaxWikis   = 10_000
	MaxDomains = 8   // of a wiki; further ones are not noted
	MaxPairs   = 500 // of one Learn or Forget
	maxName    = 255 // bytes of a wiki or domain
)

// ErrTooManyWikis answers the wiki that would be the 10,001st.
var ErrTooManyWikis = fault.New(fault.Invalid,
	"farm: 10000 wikis that are not configured are known already, and no more are taken; add the wiki to wikis in the configuration, or repair the name")

// Pair is a wiki with a domain that it used; Domain may be empty.
type Pair struct {
	Wiki   string
	Domain string
}

// Learn notes wikis that are not configured. It is submitted to Partition, in the order of the wiki
// partition.Farm.
type Learn struct {
	Pairs []Pair
	// Errors has a place for each pair, in their order, after success: nil, or ErrTooManyWikis.
	Errors []error
}

// Apply notes what is new. It reads resident keys only.
func (c *Learn) Apply(tx *partition.Tx) error {
	if len(c.Pairs) > MaxPairs {
		return fault.Newf(fault.TooLarge, "farm: %d wikis in one command, at most %d", len(c.Pairs), MaxPairs)
	}
	c.Errors = make([]error, len(c.Pairs))
	for i, p := range c.Pairs {
		if p.Wiki == "" || len(p.Wiki) > maxName || len(p.Domain) > maxName {
			return fault.Field("wiki", "must have 1 to %d bytes, and its domain no more", maxName)
		}
		c.Errors[i] = learn(tx, p)
	}
	return nil
}

func learn(tx *partition.Tx, p Pair) error {
	key := wikiKey(p.Wiki)
	old := tx.Get(key)
	w, ok := decodeWiki(old)
	if old == nil {
		n, _, _ := tuple.TakeUint64(tx.Get(countKey()))
		if n >= MaxWikis {
			return ErrTooManyWikis
		}
		tx.Set(countKey(), tuple.Uint64(nil, n+1))
		w = Wiki{Since: tx.Now()}
	} else {
		partition.Invariant(ok, "farm: record of wiki %q is malformed: %x", p.Wiki, old)
	}
	if takesDomain(tx, &w, p.Domain) {
		w.Domains = append(w.Domains, p.Domain)
		tx.Set(domainKey(p.Domain), []byte(p.Wiki))
	} else if old != nil {
		return nil
	}
	tx.Set(key, w.encode())
	return nil
}

func takesDomain(tx *partition.Tx, w *Wiki, domain string) bool {
	return domain != "" && len(w.Domains) < MaxDomains && !slices.Contains(w.Domains, domain) && tx.Get(domainKey(domain)) == nil
}

// Forget removes learned wikis, since they are configured now. Wikis that were not learned are
// passed over.
type Forget struct{ Wikis []string }

// Apply removes them.
func (c *Forget) Apply(tx *partition.Tx) error {
	if len(c.Wikis) > MaxPairs {
		return fault.Newf(fault.TooLarge, "farm: %d wikis in one command, at most %d", len(c.Wikis), MaxPairs)
	}
	for _, name := range c.Wikis {
		key := wikiKey(name)
		old := tx.Get(key)
		if old == nil {
			continue
		}
		w, ok := decodeWiki(old)
		partition.Invariant(ok, "farm: record of wiki %q is malformed: %x", name, old)
		for _, d := range w.Domains {
			tx.Delete(domainKey(d))
		}
		tx.Delete(key)
		n, _, _ := tuple.TakeUint64(tx.Get(countKey()))
		partition.Invariant(n > 0, "farm: wiki %q is learned, and the count is 0", name)
		if n == 1 {
			tx.Delete(countKey())
			continue
		}
		tx.Set(countKey(), tuple.Uint64(nil, n-1))
	}
	return nil
}

// A wiki's value: format, since in milliseconds, its domains as tuple strings.
const wikiFormat = 1

func (w *Wiki) encode() []byte {
	v := tuple.Uint64([]byte{wikiFormat}, uint64(max(w.Since.UnixMilli(), 0)))
	for _, d := range w.Domains {
		v = tuple.String(v, d)
	}
	return v
}

func decodeWiki(v []byte) (w Wiki, ok bool) {
	if len(v) < 9 || v[0] != wikiFormat {
		return Wiki{}, false
	}
	ms, rest, _ := tuple.TakeUint64(v[1:])
	w.Since = millis(ms)
	for len(rest) > 0 {
		var d string
		if d, rest, ok = tuple.TakeString(rest); !ok {
			return Wiki{}, false
		}
		w.Domains = append(w.Domains, strings.Clone(d))
	}
	return w, true
}
