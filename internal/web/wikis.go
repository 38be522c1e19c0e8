package web

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"auwai/api"
	"auwai/internal/farm"
	"auwai/internal/fault"
)

// wikiRow sums up a wiki.
type wikiRow struct {
	Wiki
	Known                          bool // it is in the configuration
	Pending, Running, Dead, Oldest int64
	Queues, Held                   int
}

type wikisPage struct {
	Match          string
	Rows           []wikiRow
	Page           slice
	Partial, Stale bool
}

// PageURL returns the address of another page of the list.
func (p *wikisPage) PageURL(n int) string {
	return link("/wikis", "match", p.Match, "page", strconv.Itoa(n))
}

func (w *Web) getWikis(v *visit) error {
	p := &wikisPage{Match: strings.TrimSpace(v.r.URL.Query().Get("match"))}
	s, err := v.pairsOf("", "")
	if err != nil {
		return err
	}
	p.Partial, p.Stale = s.partial, s.stale
	rows := v.wikiRows(s.pairs)
	rows = slices.DeleteFunc(rows, func(r wikiRow) bool { return !strings.Contains(r.Name, p.Match) })
	slices.SortFunc(rows, func(a, b wikiRow) int {
		return cmp.Or(cmp.Compare(b.Pending+b.Running, a.Pending+a.Running), cmp.Compare(b.Dead, a.Dead), strings.Compare(a.Name, b.Name))
	})
	number, err := strconv.Atoi(v.r.URL.Query().Get("page"))
	if err != nil {
		number = 1
	}
	var from, to int
	p.Page, from, to = paged(len(rows), number)
	p.Rows = rows[from:to]
	return v.render(http.StatusOK, "wikis", "Wikis", "wikis", p)
}

// wikiRows sums up the wikis of the configuration and those that have jobs.
func (v *visit) wikiRows(pairs []api.Queue) []wikiRow {
	byName := map[string]*wikiRow{}
	for _, wiki := range v.cfg.Wikis() {
		if v.grant.Reaches(wiki.Name) {
			byName[wiki.Name] = &wikiRow{Wiki: wiki, Known: true}
		}
	}
	for i := range pairs {
		p := &pairs[i]
		r := byName[p.Wiki]
		if r == nil {
			r = &wikiRow{Wiki: Wiki{Name: p.Wiki}}
			byName[p.Wiki] = r
		}
		r.Pending += pending(p)
		r.Running += p.Running
		r.Dead += p.Dead
		r.Oldest = max(r.Oldest, p.OldestAge)
		r.Queues++
		if p.Held != "" {
			r.Held++
		}
	}
	rows := make([]wikiRow, 0, len(byName))
	for _, r := range byName {
		rows = append(rows, *r)
	}
	return rows
}

type wikiPage struct {
	Row            wikiRow
	Pairs          []api.Queue
	Control        *controlForm
	Partial, Stale bool
}

func (w *Web) getWiki(v *visit) error {
	name := v.r.URL.Query().Get("wiki")
	if name == "" || !v.grant.Reaches(name) {
		return fault.Newf(fault.NotFound, "there is no wiki %q here", fault.Short(name))
	}
	done, err := v.renewal()
	if err != nil {
		return err
	}
	defer done()
	s, err := v.pairsOf("", name)
	if err != nil {
		return err
	}
	p := &wikiPage{Row: wikiRow{Wiki: Wiki{Name: name}}, Pairs: sortPairs(s.pairs, "pending"), Partial: s.partial, Stale: s.stale}
	for _, r := range v.wikiRows(s.pairs) {
		if r.Name == name {
			p.Row = r
		}
	}
	if !p.Row.Known && len(p.Pairs) == 0 {
		return fault.Newf(fault.NotFound, "the wiki %q is not in the configuration, and nothing waits for it", fault.Short(name))
	}
	if p.Control, err = v.controlForm(farm.Scope{Kind: farm.ScopeWiki, Wiki: name}); err != nil {
		return err
	}
	return v.render(http.StatusOK, "wiki", name, "wikis", p)
}
