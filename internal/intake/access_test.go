package intake_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"auwai/internal/access"
	"auwai/internal/intake"
)

// callerOf is the source of a token that reaches aawiki and pushes to bbwiki too.
func callerOf(t *testing.T) intake.Source {
	t.Helper()
	token := access.NewToken([access.SecretBytes]byte{1})
	p, err := access.New([]access.Token{{
		Name: "aa", Hash: access.HashOf(token), Roles: access.SetOf(access.Produce), Wikis: []string{"aawiki"}, PushTo: []string{"bbwiki"},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	g, err := p.Of(token, netip.Addr{}, false)
	if err != nil {
		t.Fatal(err)
	}
	return intake.Source{Client: "192.0.2.1", RequestID: "req", Caller: g}
}

func jobEvent(id, wiki string) string {
	return fmt.Sprintf(`{"meta":{"stream":"mediawiki.job.x","id":%q,"domain":"any.localhost"},"database":%q,"type":"x","params":{}}`, id, wiki)
}

func TestOnlyTheEventsOfForeignWikisAreRefused(t *testing.T) {
	n := newNode(t)
	in := newIntake(n)
	byDomain := `{"meta":{"stream":"s","id":"5","domain":"cc.example.org"}}`
	body := "[" + jobEvent("1", "aawiki") + "," + jobEvent("2", "ccwiki") + "," + jobEvent("3", "bbwiki") + "," + byDomain + "]"
	r := in.Events(t.Context(), ticket(t, in), []byte(body), callerOf(t), false)
	if r.Status != 207 || r.Accepted != 2 || len(r.Invalid) != 2 || len(r.Errors) != 0 {
		t.Fatalf("answered %+v", r)
	}
	for i, want := range []string{`[1]: the wiki "ccwiki"`, `[3]: the wiki "cc.example.org"`} {
		if got := r.Invalid[i].Context.Message; !strings.HasPrefix(got, want) || !strings.Contains(got, `the token "aa"`) || !strings.Contains(got, "push_to") {
			t.Errorf("refused with %q", got)
		}
	}
	if len(n.jobs("aawiki")) != 1 || len(n.jobs("bbwiki")) != 1 || len(n.jobs("ccwiki")) != 0 {
		t.Error("the wrong events were taken")
	}
	r = in.Events(t.Context(), ticket(t, in), []byte(jobEvent("6", "ccwiki")), callerOf(t), false)
	if r.Status != 400 || len(r.Invalid) != 1 {
		t.Errorf("a foreign event alone: %+v", r)
	}
}

func TestOnlyTheJobsOfForeignWikisAreRefused(t *testing.T) {
	n := newNode(t)
	in := newIntake(n)
	job := func(wiki string) string { return `{"queue":"q","wiki":"` + wiki + `","payload":1}` }
	r := in.Jobs(t.Context(), ticket(t, in), []byte("["+job("ccwiki")+","+job("aawiki")+","+job("bbwiki")+"]"), callerOf(t))
	if r.Status != 207 || r.Places[0].ID != "" || r.Places[1].ID == "" || r.Places[2].ID == "" {
		t.Fatalf("answered %+v", r)
	}
	place, err := json.Marshal(r.Places[0])
	if err != nil || !strings.HasPrefix(r.Places[0].Error, `[0].wiki: the wiki "ccwiki"`) || !strings.Contains(string(place), `"retry":false`) {
		t.Errorf("refused with %s, %v", place, err)
	}
	if len(n.jobs("ccwiki")) != 0 {
		t.Error("a foreign job was taken")
	}
}

// A wiki that says that another's domain is its own would get the other's events.
func TestAWikisTokenTeachesNoDomains(t *testing.T) {
	n := newNode(t)
	in := newIntake(n)
	stolen := `{"meta":{"stream":"s","id":"1","domain":"cc.example.org"},"database":"aawiki"}`
	if r := in.Events(t.Context(), ticket(t, in), []byte(stolen), callerOf(t), false); r.Status != 201 {
		t.Fatalf("answered %+v", r)
	}
	if r := events(t, in, `{"meta":{"stream":"s","id":"2","domain":"cc.example.org"}}`); r.Status != 201 {
		t.Fatalf("answered %+v", r)
	}
	if got := n.log("cc.example.org", "s"); len(got) != 1 {
		t.Errorf("the event went elsewhere: %+v; aawiki has %+v", got, n.log("aawiki", "s"))
	}
}

// A name with such a character would have what stands behind it in a list be read as something else.
func TestNamesThatTurnTheDirectionOfATextAreRefused(t *testing.T) {
	in := newIntake(newNode(t))
	for _, c := range []string{"\u061c", "\u200e", "\u200f", "\u202a", "\u202e", "\u2066", "\u2069"} {
		for _, body := range []string{`[{"queue":"q` + c + `","wiki":"aawiki","payload":1}]`, `[{"queue":"q","wiki":"aa` + c + `wiki","payload":1}]`} {
			if r := jobs(t, in, body); r.Status != 400 || !strings.Contains(r.Places[0].Error, fmt.Sprintf("%U", []rune(c)[0])) {
				t.Errorf("%q: %+v", body, r)
			}
		}
		if r := events(t, in, jobEvent("1", "aa"+c+"wiki")); r.Status != 400 {
			t.Errorf("an event of a wiki with %q: %+v", c, r)
		}
	}
	if r := jobs(t, in, `[{"queue":"تحديث","wiki":"ויקי","payload":"\u202e"}]`); r.Status != 201 {
		t.Errorf("names that are written from right to left: %+v", r)
	}
}

func TestAWikisTokenPurgesNoPagesOfOthers(t *testing.T) {
	src := callerOf(t)
	for uri, want := range map[string]int{
		"http://aawiki.localhost/wiki/A": 201, "//files.example.org/a.png": 201,
		"http://BBwiki.localhost:8080/wiki/A": 201, // in push_to
		"http://ccwiki.localhost/wiki/A":      400,
		"http://%zz/":                         400,
	} {
		body := fmt.Sprintf(`{"meta":{"stream":"resource-purge","domain":"aawiki.localhost","uri":%q}}`, uri)
		settings := settings()
		settings.Domains["ccwiki.localhost"] = "ccwiki"
		in := intake.New(intake.Config{Node: newNode(t), Settings: func() *intake.Settings { return settings }}, nil)
		r := in.Events(t.Context(), ticket(t, in), []byte(body), src, false)
		if r.Status != want {
			t.Errorf("a purge of %s: %+v", uri, r)
		}
		if want == 400 && !strings.HasPrefix(r.Invalid[0].Context.Message, "[0].meta.uri: ") {
			t.Errorf("refused with %q", r.Invalid[0].Context.Message)
		}
	}
}
