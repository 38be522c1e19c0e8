package node

import (
	"time"

	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/kv"
	"auwai/internal/partition"
)

// opening is the way of a partition from owned to open.
//
//	settle ──▶ again ──▶ load ──▶ first ──▶ lanes ──▶ (open)
//	  │          │                  │ commands of the    │ lanes drained to the
//	  │          │                  │ domains, durable   │ head seen at opening
//	  │          │ after a poisoning: a new epoch is committed, since what was started under the
//	  │          │ old one may still run
//	  │ groups that may hold its writes are durable
type opening struct {
	stage   stage
	epoch   uint64
	unclean bool
	reopen  bool
	begun   bool          // reopen: after and until are known
	after   uint64        // count of durable groups to wait for
	until   time.Duration // the moment to wait for
	ranges  int           // resident ranges still being read
	left    int           // first commands not yet answered
	failed  error
}

type stage uint8

const (
	stageSettle stage = iota
	stageAgain
	stageLoad
	stageFirst
	stageLanes
)

// Token names a Scan. Tenants use TenantToken.
type Token struct {
	Kind  TokenKind
	P     partition.ID
	N     uint64
	Epoch uint64
}

// TokenKind tells what a Scan is for.
type TokenKind uint8

const (
	tokenResolve TokenKind = iota + 1
	tokenCensus
	tokenResident
	tokenLanes
	tokenMail
	tokenAck
	tokenTenant
)

// TenantToken returns a token of the tenant's own numbering.
func TenantToken(n uint64) Token { return Token{Kind: tokenTenant, N: n} }

// Tenant returns the tenant's number, if the token is a tenant's.
func (t Token) Tenant() (uint64, bool) { return t.N, t.Kind == tokenTenant }

// Scanned takes the pages of a Scan. After an error the scan is asked for again.
func (m *Machine) Scanned(now partition.Now, s Scan, pages []kv.Page, err error) {
	if m.stale(s.Token) {
		return
	}
	if err != nil {
		m.out.Scans = append(m.out.Scans, s)
		return
	}
	switch s.Token.Kind {
	case tokenResolve:
		var value []byte
		if len(pages[0].Entries) > 0 {
			value = pages[0].Entries[0].Value
		}
		m.resolved(now, value)
	case tokenCensus:
		m.asking, m.counting = false, m.surveyed
		m.counted(now, pages[0])
	case tokenResident:
		m.loadedResident(now, s, pages)
	case tokenLanes:
		m.foundLanes(now, s, pages)
	case tokenMail:
		m.readMail(now, s, pages)
	case tokenAck:
		m.mail.acked(s, pages)
	case tokenTenant:
	}
}

// stale reports whether a scan belongs to a session or an opening that is over.
func (m *Machine) stale(t Token) bool {
	switch t.Kind {
	case tokenResolve, tokenCensus, tokenAck:
		return ident.Session(t.N) != m.session
	case tokenResident:
		o := m.open[t.P]
		return o == nil || o.stage != stageLoad || ident.Session(t.N) != m.session || o.epoch != t.Epoch
	case tokenLanes, tokenMail:
		return ident.Session(t.N) != m.session
	case tokenTenant:
		return true
	default:
		return true
	}
}

func (m *Machine) beginOpening(now partition.Now, p partition.ID, epoch uint64, unclean bool) {
	m.open[p] = &opening{epoch: epoch, unclean: unclean}
	m.progress(now, p)
}

// progress moves an opening on as far as it can go now.
func (m *Machine) progress(now partition.Now, p partition.ID) {
	o := m.open[p]
	if o.reopen && !o.begun {
		o.begun = true
		o.epoch = m.parts[p].Epoch()
		o.after = m.groupsUnderWay()
		o.until = now.Mono + m.pauses[p].next(now.Mono)
	}
	switch o.stage {
	case stageSettle:
		if m.durable < o.after || now.Mono < o.until {
			return
		}
		if o.reopen {
			o.stage = stageAgain
			return
		}
		m.load(p, o)
	case stageFirst:
		if o.left == 0 && m.parts[p].Idle() {
			o.stage = stageLanes
			m.findLanes(now, p)
		}
	case stageLanes:
		if m.lanes[p].drained() {
			m.opened(p, o)
		}
	case stageAgain, stageLoad:
	}
}

// pause is how long a partition stays closed that is poisoned again and again: what it is read again
// from is the same each time.
type pause struct {
	at, wait time.Duration
}

const (
	pauseFirst = 50 * time.Millisecond
	pauseMost  = 10 * time.Second
	pauseOver  = time.Minute // without a failure
)

// next returns the pause after a failure at a moment: none after the first one.
func (w *pause) next(now time.Duration) time.Duration {
	if w.at == 0 || now-w.at > pauseOver {
		w.wait = 0
	} else {
		w.wait = min(max(2*w.wait, pauseFirst), pauseMost)
	}
	w.at = now
	return w.wait
}

// groupsUnderWay returns the count of durable groups after which everything written so far is
// durable.
func (m *Machine) groupsUnderWay() uint64 {
	n := m.durable
	if m.view.InFlight() {
		n++
	}
	if m.view.Pending() {
		n++
	}
	return n
}

const residentPage = 5_000

func (m *Machine) load(p partition.ID, o *opening) {
	o.stage = stageLoad
	m.parts[p].Begin(o.epoch)
	ranges := m.cfg.Registry.ResidentRanges(p)
	o.ranges = len(ranges)
	for i := range ranges {
		ranges[i].Limit = residentPage
	}
	m.out.Scans = append(m.out.Scans, Scan{Token: m.token(tokenResident, p, o.epoch), Ranges: ranges})
}

func (m *Machine) token(k TokenKind, p partition.ID, epoch uint64) Token {
	return Token{Kind: k, P: p, N: uint64(m.session), Epoch: epoch}
}

func (m *Machine) loadedResident(now partition.Now, s Scan, pages []kv.Page) {
	p, o := s.Token.P, m.open[s.Token.P]
	var rest []kv.Range
	for i, page := range pages {
		for _, e := range page.Entries {
			m.view.LearnResident(p, e)
		}
		if page.More {
			last := page.Entries[len(page.Entries)-1].Key
			r := s.Ranges[i]
			r.From = append(last[:len(last):len(last)], 0)
			rest = append(rest, r)
		}
	}
	if len(rest) > 0 {
		m.out.Scans = append(m.out.Scans, Scan{Token: s.Token, Ranges: rest})
		return
	}
	m.openDomains(now, p, o)
	m.progress(now, p)
}

func (m *Machine) openDomains(now partition.Now, p partition.ID, o *opening) {
	part := m.parts[p]
	part.Loaded(now)
	in := partition.Opening{
		Partition: p, Epoch: o.epoch, Now: now,
		Resident: func(prefix kv.Key) []kv.Entry { return m.view.Resident(p, prefix) },
	}
	o.stage = stageFirst
	for _, d := range m.cfg.Domains {
		mem, first, err := openDomain(d, in)
		if err != nil {
			m.poison(p, err)
			return
		}
		part.SetMem(d.Slot(), mem)
		for _, c := range first {
			o.left++
			m.submit(now, p, &partition.Call{Command: c, Done: func(err error) {
				o.left--
				if err != nil && o.failed == nil {
					o.failed = err
				}
			}}, true)
		}
	}
}

// openDomain opens a domain. What it finds may be malformed: then it panics, like a command.
func openDomain(d partition.Domain, in partition.Opening) (mem any, first []partition.Command, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fault.Newf(fault.Internal, "node: open %T in partition %d: %v", d, in.Partition, r)
		}
	}()
	mem, first = d.Open(in)
	return mem, first, nil
}

func (m *Machine) opened(p partition.ID, o *opening) {
	part := m.parts[p]
	m.open[p] = nil
	if o.failed != nil {
		m.poison(p, o.failed)
		return
	}
	if m.stopping {
		part.SetClosing()
		return
	}
	part.SetOpen()
	m.event(Event{Kind: Opened, Partition: p, Machine: part, Unclean: o.unclean})
}

// pollLanesEvery is how often a node that shares its store looks for mail of other nodes.
const pollLanesEvery = 200 * time.Millisecond
