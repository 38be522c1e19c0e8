package inspect_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"auwai/api"
	"auwai/internal/access"
	"auwai/internal/event"
	"auwai/internal/inspect"
	"auwai/internal/jobqueue"
)

// grantOf is the grant of a token of some wikis.
func grantOf(t *testing.T, wikis ...string) *access.Grant {
	t.Helper()
	token := access.NewToken([access.SecretBytes]byte{1})
	p, err := access.New([]access.Token{{Name: "t", Hash: access.HashOf(token), Roles: access.AllRoles, Wikis: wikis}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	g, err := p.Of(token, netip.Addr{}, false)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestWhoAsksSeesTheWikisThatItReachesOnly(t *testing.T) {
	r := newRig(t, "run", "fail")
	// More wikis than partitions, so that foreign ones share a partition with own ones.
	var own []string
	all := map[string]bool{}
	for i := range 100 {
		wiki := fmt.Sprintf("wiki%02d", i)
		for _, queue := range []string{"wait", "run", "fail"} {
			id := r.push(jobqueue.New{Pair: jobqueue.Pair{Wiki: wiki, Queue: queue}, RequestID: "req", ClientID: queue})
			if i < 3 {
				own = append(own, id)
			}
			switch queue {
			case "run":
				r.await(id, api.StateDone)
			case "fail":
				r.await(id, api.StateDead)
			}
			all[id] = true
		}
	}
	slices.Sort(own)
	g := grantOf(t, "wiki00", "wiki01", "wiki02", "nowhere")
	sorted := func(f inspect.JobFilter) []string {
		out := ids(r.list(f))
		slices.Sort(out)
		return out
	}
	for name, f := range map[string]inspect.JobFilter{
		"all":        {Reach: g},
		"in pages":   {Reach: g, Limit: 2},
		"by request": {Reach: g, RequestID: "req", Limit: 5},
	} {
		if diff := cmp.Diff(own, sorted(f)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for name, f := range map[string]inspect.JobFilter{
		"a foreign wiki":      {Reach: g, Wiki: "wiki50"},
		"a foreign client id": {Reach: g, Wiki: "wiki50", ClientID: "wait"},
		"nothing":             {Reach: grantOf(t, "nowhere")},
	} {
		if got := sorted(f); len(got) > 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
	page, err := r.Queues(t.Context(), inspect.QueueFilter{Reach: g})
	if err != nil || len(page.Queues) != 6 {
		t.Errorf("%d queues, %v: %+v", len(page.Queues), err, page.Queues)
	}
	for _, q := range page.Queues {
		if !g.Reaches(q.Wiki) {
			t.Errorf("the queue %+v is foreign", q)
		}
	}
	if page, err = r.Queues(t.Context(), inspect.QueueFilter{Reach: g, Wiki: "wiki50"}); err != nil || len(page.Queues) != 0 {
		t.Errorf("foreign queues %+v, %v", page.Queues, err)
	}
	if got := len(r.list(inspect.JobFilter{})); got != len(all) {
		t.Errorf("%d jobs for who reaches all, want %d", got, len(all))
	}
}

func TestTheSignatureOfAnEventIsTriedWithEverySecret(t *testing.T) {
	secrets := map[string][]byte{"aawiki": []byte("a"), "bbwiki": []byte("b"), "ccwiki": nil}
	r := newRigWith(t, secrets)
	sign := func(secret string) []byte {
		const unsigned = `{"type":"x","database":"aawiki"}`
		return []byte(unsigned[:len(unsigned)-1] + `,"mediawiki_signature":"` + event.Sign([]byte(unsigned), secret) + `"}`)
	}
	for _, c := range []struct {
		payload      []byte
		event        bool
		mark, signed string
	}{
		{sign("a"), true, "known", "aawiki"},
		{sign("b"), true, "known", "bbwiki"},
		{sign("c"), true, "unknown", ""},
		{sign(""), true, "unknown", ""}, // a wiki without a secret signs nothing
		{[]byte(`{"type":"x"}`), true, "none", ""},
		{sign("a"), false, "", ""},
	} {
		id := r.push(jobqueue.New{Payload: c.payload, FromEvent: c.event})
		d, err := r.Job(t.Context(), id)
		if err != nil || d.Signature != c.mark || d.SignedBy != c.signed {
			t.Errorf("%s is %q by %q, %v; want %q by %q", c.payload, d.Signature, d.SignedBy, err, c.mark, c.signed)
		}
	}
}
