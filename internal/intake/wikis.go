package intake

import (
	"context"
	"net/url"
	"strings"
	"sync"

	"auwai/internal/event"
	"auwai/internal/farm"
	"auwai/internal/fault"
	"auwai/internal/partition"
)

// wikis is a copy of what the farm has learned. It may lack what another node learned; learning is
// then repeated, which changes nothing.
type wikis struct {
	mu      sync.RWMutex
	known   map[string]struct{} // guarded by mu
	domains map[string]string   // guarded by mu; domain to wiki
}

func (w *wikis) reset(learned []farm.Wiki) {
	w.known, w.domains = make(map[string]struct{}, len(learned)), make(map[string]string, len(learned))
	for _, l := range learned {
		w.known[l.Name] = struct{}{}
		for _, d := range l.Domains {
			w.domains[d] = l.Name
		}
	}
}

// knows reports whether nothing is to be learned of a pair.
func (w *wikis) knows(p farm.Pair) bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	_, wiki := w.known[p.Wiki]
	_, domain := w.domains[p.Domain]
	return wiki && (domain || p.Domain == "")
}

func (w *wikis) ofDomain(domain string) (string, bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	name, ok := w.domains[domain]
	return name, ok
}

func (w *wikis) learned(p farm.Pair) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known[p.Wiki] = struct{}{}
	if _, ok := w.domains[p.Domain]; !ok && p.Domain != "" && len(w.domains) < farm.MaxWikis*farm.MaxDomains {
		w.domains[p.Domain] = p.Wiki
	}
}

// checkWiki refuses names that no wiki can have.
func checkWiki(field, wiki string) error {
	if err := event.CheckShown(field, wiki); err != nil {
		return err
	}
	if strings.HasPrefix(wiki, "*") {
		return fault.Field(field, "%q begins with *, as only Auwai's own names do; name the wiki by its database or its domain", fault.Short(wiki))
	}
	return nil
}

// wikiOf returns the wiki of an event: what it names, else the configured or learned owner of its
// domain, else the domain itself.
func (in *Intake) wikiOf(s *Settings, e *event.Event) (string, error) {
	wiki := e.Wiki
	if wiki == "" && e.Domain != "" {
		var ok bool
		if wiki, ok = s.Domains[e.Domain]; !ok {
			if wiki, ok = in.wikis.ofDomain(e.Domain); !ok {
				wiki = e.Domain
			}
		}
	}
	if wiki == "" {
		return "", fault.Field("meta.domain", "is missing, and so are database and wiki_id; say which wiki or site the event is of")
	}
	return wiki, checkWiki("database", wiki)
}

// checkCaller refuses work of a wiki that the caller does not push to.
func (src Source) checkCaller(field, wiki string) error {
	if src.Caller.PushesTo(wiki) {
		return nil
	}
	return &fault.Error{Kind: fault.Forbidden, Field: field, Text: src.Caller.RefusePush(wiki)}
}

// checkURL refuses a purge of a page of a wiki that the caller does not push to. A host of no wiki, such
// as that of files, is open to all: it cannot be said whose it is.
func (in *Intake) checkURL(s *Settings, src Source, field, uri string) error {
	if src.Caller.AllWikis() {
		return nil
	}
	u, err := url.Parse(uri)
	if err != nil {
		return fault.Field(field, "%q is no URL; name the page to be purged", fault.Short(uri))
	}
	host := strings.ToLower(u.Hostname())
	wiki, known := s.Domains[host]
	if !known {
		if wiki, known = in.wikis.ofDomain(host); !known {
			return nil
		}
	}
	return src.checkCaller(field, wiki)
}

// learn makes unknown wikis known and returns the error of each wiki that cannot be. Pairs of
// configured wikis need no learning.
func (in *Intake) learn(ctx context.Context, s *Settings, pairs []farm.Pair) map[string]error {
	var fresh []farm.Pair
	seen := map[farm.Pair]struct{}{}
	for _, p := range pairs {
		_, configured := s.Wikis[p.Wiki]
		_, ofAnother := s.Domains[p.Domain]
		if ofAnother {
			p.Domain = ""
		}
		if _, again := seen[p]; configured || again || in.wikis.knows(p) {
			continue
		}
		seen[p] = struct{}{}
		fresh = append(fresh, p)
	}
	errs := map[string]error{}
	for len(fresh) > 0 {
		n := min(len(fresh), farm.MaxPairs)
		c := learning{&farm.Learn{Pairs: fresh[:n]}}
		fresh = fresh[n:]
		mailed, err := in.deliver(ctx, farm.Partition, partition.Farm, c)
		for i, p := range c.Pairs {
			one := err
			if err == nil && !mailed {
				one = c.Errors[i]
			}
			if one != nil {
				errs[p.Wiki] = one
				continue
			}
			in.wikis.learned(p)
		}
	}
	return errs
}
