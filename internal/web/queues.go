package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"auwai/api"
)

// matrixQueues bounds the columns of the matrix: more are not seen at one glance.
const matrixQueues = 8

type queuesPage struct {
	Queue, Wiki, Show, Sort, View string
	Rows                          []api.Queue
	Page                          slice
	Matrix                        *matrix
	Partial, Stale                bool
	query                         url.Values
}

// With returns the page's address with another value in its query.
func (p *queuesPage) With(name, value string) string {
	q := url.Values{}
	for k, v := range p.query {
		if k != "page" && k != "said" && k != "n" {
			q[k] = v
		}
	}
	q.Set(name, value)
	return "/queues?" + q.Encode()
}

// PageURL returns the address of another page of the list.
func (p *queuesPage) PageURL(n int) string { return p.With("page", strconv.Itoa(n)) }

func (w *Web) getQueues(v *visit) error {
	q := v.r.URL.Query()
	p := &queuesPage{
		Queue: strings.TrimSpace(q.Get("queue")), Wiki: strings.TrimSpace(q.Get("wiki")), Show: q.Get("show"),
		Sort: cmp.Or(q.Get("sort"), "pending"), View: q.Get("view"), query: q,
	}
	done, err := v.renewal()
	if err != nil {
		return err
	}
	defer done()
	s, err := v.pairsOf(p.Queue, p.Wiki)
	if err != nil {
		return err
	}
	p.Partial, p.Stale = s.partial, s.stale
	rows := slices.DeleteFunc(slices.Clone(s.pairs), func(r api.Queue) bool { return !showsPair(p.Show, &r) })
	number, err := strconv.Atoi(q.Get("page"))
	if err != nil {
		number = 1
	}
	if p.View == "matrix" {
		p.Matrix, p.Page = matrixOf(rows, number)
		return v.render(http.StatusOK, "queues", "Queues", "queues", p)
	}
	rows = sortPairs(rows, p.Sort)
	var from, to int
	p.Page, from, to = paged(len(rows), number)
	p.Rows = rows[from:to]
	return v.render(http.StatusOK, "queues", "Queues", "queues", p)
}

func showsPair(show string, p *api.Queue) bool {
	switch show {
	case "held":
		return p.Held != ""
	case "running":
		return p.Running > 0
	case "dead":
		return p.Dead > 0
	case "waiting":
		return pending(p) > 0
	}
	return true
}

// matrix has a row for each wiki and a column for each of the fullest queues.
type matrix struct {
	Queues []string
	Rows   []matrixRow
	Others int // queues without a column
}

type matrixRow struct {
	Wiki  string
	Total int64
	Cells []cell
}

// cell is a queue of a wiki.
type cell struct {
	There         bool
	Pair          api.Queue
	Pending       int64
	Heat          int // 0 to 4: how many jobs wait, in powers of ten
	Running, Dead int64
	Held          bool
}

func matrixOf(pairs []api.Queue, page int) (*matrix, slice) {
	byQueue, byWiki := map[string]int64{}, map[string]map[string]*api.Queue{}
	totals := map[string]int64{}
	for i := range pairs {
		p := &pairs[i]
		n := pending(p) + p.Running
		byQueue[p.Queue] += n
		totals[p.Wiki] += n
		if byWiki[p.Wiki] == nil {
			byWiki[p.Wiki] = map[string]*api.Queue{}
		}
		byWiki[p.Wiki][p.Queue] = p
	}
	queues, wikis := byCount(byQueue), byCount(totals)
	m := &matrix{Queues: queues[:min(len(queues), matrixQueues)]}
	m.Others = len(queues) - len(m.Queues)
	s, from, to := paged(len(wikis), page)
	for _, wiki := range wikis[from:to] {
		row := matrixRow{Wiki: wiki, Total: totals[wiki]}
		for _, queue := range m.Queues {
			row.Cells = append(row.Cells, cellOf(byWiki[wiki][queue]))
		}
		m.Rows = append(m.Rows, row)
	}
	return m, s
}

func cellOf(p *api.Queue) cell {
	if p == nil {
		return cell{}
	}
	c := cell{There: true, Pair: *p, Pending: pending(p), Running: p.Running, Dead: p.Dead, Held: p.Held != ""}
	for n := c.Pending; n > 0 && c.Heat < 4; n /= 10 {
		c.Heat++
	}
	return c
}

// byCount returns the names with the largest counts first.
func byCount(counts map[string]int64) []string {
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	})
	return names
}
