package intake_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/eventlog"
	"auwai/internal/intake"
	"auwai/internal/jobqueue"
	"auwai/internal/kv"
	"auwai/internal/partition"
)

// requests are of all kinds that a partition can get: jobs with twins, roots, repeats, chains and waits,
// events that repeat and that make jobs, payloads and events that go ahead.
func requests() []string {
	half := `"` + strings.Repeat("y", 360<<10) + `"`
	large := `"` + strings.Repeat("x", 600<<10) + `"`
	return []string{
		`[{"wiki":"aawiki","queue":"links","payload":{"n":1},"key":"k","client_id":"c1"},
		  {"wiki":"aawiki","queue":"links","payload":{"n":2},"key":"k","client_id":"c2"},
		  {"wiki":"aawiki","queue":"links","payload":{"n":3},"key":"other","priority":"interactive"}]`,
		`[{"wiki":"aawiki","queue":"links","payload":{"n":4},"client_id":"c1"}]`,
		`[{"wiki":"aawiki","queue":"leaves","payload":{"n":5},"root":{"signature":"s","timestamp":"20260102030405","is_root":true}},
		  {"wiki":"aawiki","queue":"leaves","payload":{"n":6},"root":{"signature":"s","timestamp":"20260102030404"}}]`,
		`[{"wiki":"aawiki","queue":"chain","payload":{"n":7},"serial":"page","client_id":"first"},
		  {"wiki":"aawiki","queue":"chain","payload":{"n":8},"serial":"page","run_at":"2026-11-22T00:00:00Z"},
		  {"wiki":"aawiki","queue":"chain","payload":{"n":9},"waits_for":["client_id:first"]}]`,
		`{"$schema":"/change/1.0.0","meta":{"stream":"change","id":"e1","domain":"aawiki.localhost"},"database":"aawiki","n":1}`,
		`[{"$schema":"/change/1.0.0","meta":{"stream":"change","id":"e1","domain":"aawiki.localhost"},"database":"aawiki","n":1},
		  {"$schema":"/change/1.0.0","meta":{"stream":"change","id":"e1","domain":"aawiki.localhost"},"database":"aawiki","n":2},
		  {"$schema":"/resource_change/1.0.0","meta":{"stream":"resource-purge","id":"e2","uri":"http://aawiki.localhost/A","domain":"aawiki.localhost"},"database":"aawiki"}]`,
		`[{"wiki":"aawiki","queue":"large","payload":` + large + `,"key":"l"},{"wiki":"aawiki","queue":"large","payload":{"n":10}}]`,
		`{"$schema":"/change/1.0.0","meta":{"stream":"change","id":"e3","domain":"aawiki.localhost"},"database":"aawiki","text":` + large + `}`,
		// More than one message, and no payload that would go ahead by itself.
		`[{"wiki":"aawiki","queue":"whole","payload":` + half + `,"client_id":"w1"},{"wiki":"aawiki","queue":"whole","payload":` + half + `},
		  {"wiki":"aawiki","queue":"whole","payload":` + half + `,"key":"k"},{"wiki":"aawiki","queue":"whole","payload":` + half + `,"key":"k"}]`,
	}
}

// send sends a request as its kind says, and returns the status and, of jobs, the places.
func send(t *testing.T, in *intake.Intake, body string) (int, []intake.Place) {
	t.Helper()
	if strings.Contains(body, `"meta"`) {
		r := events(t, in, body)
		if r.Err != nil || r.Accepted != r.Total {
			t.Fatalf("%d of %d events were taken: %v %v %v", r.Accepted, r.Total, r.Err, r.Invalid, r.Errors)
		}
		return r.Status, nil
	}
	r := jobs(t, in, body)
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	return r.Status, r.Places
}

// contents is what a partition holds in some families, or in all but those of its lanes.
func (n *fakeNode) contents(p partition.ID, families ...partition.FamilyID) (out []string) {
	n.tb.Helper()
	pages, err := n.part(p).Store.Scan(n.tb.Context(), kv.Range{Limit: 1 << 20})
	if err != nil {
		n.tb.Fatal(err)
	}
	for _, e := range pages[0].Entries {
		if _, _, f, _, _ := partition.SplitKey(e.Key); len(families) == 0 || slices.Contains(families, f) {
			out = append(out, fmt.Sprintf("%x = %x", e.Key, e.Value[:min(len(e.Value), 100)]))
		}
	}
	return out
}

func TestRequestsByMailLeaveWhatTheyLeaveDirectly(t *testing.T) {
	p := partition.Of("aawiki")
	direct, mailed := newNode(t), newNode(t)
	mailed.silent = map[partition.ID]bool{p: true}
	inDirect, inMailed := newIntake(direct), newIntake(mailed)
	for i, body := range requests() {
		status, places := send(t, inDirect, body)
		mailStatus, mailPlaces := send(t, inMailed, body)
		if status != 201 || places != nil && mailStatus != 202 || places == nil && mailStatus != 201 {
			t.Errorf("request %d: status %d directly and %d by mail", i, status, mailStatus)
		}
		for k, place := range mailPlaces {
			if place.ID == "" || place.State != "accepted" || place.Error != "" {
				t.Errorf("request %d, job %d: %+v by mail", i, k, place)
			}
			if i != 1 && place.ID != places[k].ID { // request 1 is a repeat: only the owner knows its first id
				t.Errorf("request %d, job %d: id %s by mail, %s directly", i, k, place.ID, places[k].ID)
			}
		}
	}
	if got := mailed.contents(p); len(got) != 0 {
		t.Fatalf("%d keys are there before the mail is applied", len(got))
	}
	mailed.deliver(p)
	if diff := cmp.Diff(summary(t, direct), summary(t, mailed)); diff != "" {
		t.Errorf("by mail it is different (-direct +mail):\n%s", diff)
	}
}

// summary is all that can be seen of the jobs, roots and events of aawiki, without numbers of places that
// depend on how many commands there were.
func summary(t *testing.T, n *fakeNode) (out []string) {
	t.Helper()
	for _, j := range n.jobs("aawiki") {
		out = append(out, fmt.Sprintf("job %s %s %s %s %q %q %+v due %s serial %q waits %v payload %d %.40s",
			j.ID, j.Queue, j.State, j.Band, j.Key, j.ClientID, j.Root, j.RunAt, j.SerialKey, j.WaitsFor, len(j.Payload), j.Payload))
	}
	for _, e := range n.log("aawiki", "change") {
		out = append(out, fmt.Sprintf("change %+v %d %.120s", e.Envelope, len(e.raw), e.raw))
	}
	for _, e := range n.log("aawiki", "resource-purge") {
		out = append(out, fmt.Sprintf("purge %+v %s", e.Envelope, e.raw))
	}
	r := eventlog.Reader{Source: n.part(partition.Of("aawiki")).Store, Partition: partition.Of("aawiki"), Stream: jobqueue.HistoryStream}
	records, _, err := r.Forward(t.Context(), 0, eventlog.Bound{})
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range records {
		h, err := jobqueue.DecodeHistory(rec.Data)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("ended %+v", h))
	}
	return append(out, n.contents(partition.Of("aawiki"), jobqueue.FamRoot, jobqueue.FamRootExpiry, jobqueue.FamTwin, jobqueue.FamSource,
		jobqueue.FamChain, jobqueue.FamLink, jobqueue.FamWaiters, jobqueue.FamMissing, jobqueue.FamDue, jobqueue.FamBlob, jobqueue.FamBlobExpiry)...)
}

// FuzzDecode: what is read as a message of intake is applied or refused, and never harms the partition.
func FuzzDecode(f *testing.F) {
	n := newNode(f)
	n.silent = map[partition.ID]bool{partition.Of("aawiki"): true, 0: true}
	in := newIntake(n)
	for _, body := range requests()[:6] {
		if strings.Contains(body, `"meta"`) {
			events(f, in, body)
		} else {
			jobs(f, in, body)
		}
	}
	jobs(f, in, `[{"wiki":"unknown","queue":"q","payload":1}]`)
	for _, lane := range n.lanes {
		for _, l := range lane {
			f.Add(l.Kind, l.Body)
		}
	}
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		c, ok, err := intake.Domain{}.Decode(kind, body)
		if !ok || err != nil {
			return
		}
		h := newNode(t).part(partition.Of("aawiki"))
		m := partition.Message{Sender: partition.SessionSender(9), Seq: 1, Kind: kind, Body: body}
		if err := h.Do("", &partition.MailCommand{Message: m, Inner: c}); err != nil {
			t.Fatal(err)
		}
	})
}
