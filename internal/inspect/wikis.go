package inspect

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"auwai/api"
	"auwai/internal/access"
	"auwai/internal/farm"
)

// WikiFilter says which wikis to list.
type WikiFilter struct {
	Wiki   string // "": any
	Limit  int    // 0: DefaultLimit
	Cursor string // the name of the wiki before
	Reach  *access.Grant
}

// Wikis lists the wikis that are configured, were learned or have jobs, by name, with their counts.
func (i *Inspector) Wikis(ctx context.Context, f WikiFilter) (api.WikiPage, error) {
	page := api.WikiPage{Wikis: []api.Wiki{}}
	limit, err := checkLimit(f.Limit)
	if err != nil {
		return page, err
	}
	learned, err := farm.Wikis(ctx, i.engine)
	if err != nil {
		return page, read(err, "the learned wikis")
	}
	rows := map[string]*api.Wiki{}
	for _, w := range i.wikis() {
		rows[w.Name] = &api.Wiki{Wiki: w.Name, Configured: true, Runner: w.Runner, URL: w.URL, Domains: w.Domains, Tags: w.Tags}
	}
	for n := range learned {
		if w := &learned[n]; rows[w.Name] == nil {
			rows[w.Name] = &api.Wiki{Wiki: w.Name, Since: moment(w.Since), Domains: w.Domains}
		}
	}
	a, flt := i.asker(), filter{wiki: f.Wiki, reach: f.Reach}
	for _, p := range flt.partitions() {
		v, err := a.view(ctx, p, flt)
		if err != nil {
			return page, err
		}
		for n := range v.pairs {
			v.pairs[n].addToWiki(rows)
		}
	}
	for name, row := range rows {
		if f.Reach.Reaches(name) && (f.Wiki == "" || f.Wiki == name) && name > f.Cursor {
			page.Wikis = append(page.Wikis, *row)
		}
	}
	slices.SortFunc(page.Wikis, func(x, y api.Wiki) int { return strings.Compare(x.Wiki, y.Wiki) })
	if len(page.Wikis) > limit {
		page.Wikis = page.Wikis[:limit]
		page.Cursor = page.Wikis[limit-1].Wiki
	}
	page.Stale = a.stale
	return page, nil
}

func (pv *pairView) addToWiki(rows map[string]*api.Wiki) {
	if pv.Counts.IsZero() {
		return
	}
	row := rows[pv.Pair.Wiki]
	if row == nil {
		row = &api.Wiki{Wiki: pv.Pair.Wiki}
		rows[pv.Pair.Wiki] = row
	}
	row.Ready += pv.Counts.Ready
	row.Delayed += pv.Counts.Delayed
	row.Blocked += pv.Counts.Blocked
	row.Running += pv.Counts.Running
	row.Dead += pv.Counts.Dead
	if pv.held != "" && pv.Counts.Ready > 0 {
		row.Held = cmp.Or(row.Held, pv.held)
		row.HeldQueues++
	}
}
