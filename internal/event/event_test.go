package event_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/event"
	"auwai/internal/fault"
)

// recorded returns the bodies that real wikis sent, one a line.
func recorded(tb testing.TB) [][]byte {
	tb.Helper()
	data, err := os.ReadFile("testdata/recorded.jsonl")
	if err != nil {
		tb.Fatal(err)
	}
	return bytes.Split(bytes.TrimSpace(data), []byte("\n"))
}

func parse(tb testing.TB, body []byte) []event.Item {
	tb.Helper()
	items, err := event.Parse(body, 50_000)
	if err != nil {
		tb.Fatalf("Parse(%.80q): %v", body, err)
	}
	return items
}

const secret = "7ad57de0ebdfa804a2476cf61a0905cd512a397c6c3b28fedfc9c429b1c32266"

func TestEveryRecordedEventIsReadAndEverySignatureVerifies(t *testing.T) {
	jobs := 0
	for _, body := range recorded(t) {
		items := parse(t, body)
		var reference []map[string]any
		if err := json.Unmarshal(body, &reference); err != nil {
			t.Fatal(err)
		}
		if len(items) != len(reference) {
			t.Fatalf("%d events, want %d", len(items), len(reference))
		}
		for n, it := range items {
			if it.Err != nil {
				t.Fatalf("event %.200s: %v", it.Raw, it.Err)
			}
			checkAgainst(t, it.Event, reference[n])
			if !it.Event.IsJob() {
				continue
			}
			jobs++
			if ok, err := event.VerifySignature(it.Raw, secret); !ok || err != nil {
				t.Errorf("signature of %.200s: %v, %v", it.Raw, ok, err)
			}
			if ok, _ := event.VerifySignature(it.Raw, "another"); ok {
				t.Error("a signature verifies with another secret")
			}
		}
	}
	if jobs < 50 {
		t.Fatalf("only %d jobs in the recording", jobs)
	}
}

func checkAgainst(t *testing.T, e *event.Event, want map[string]any) {
	t.Helper()
	meta, _ := want["meta"].(map[string]any)
	str := func(m map[string]any, key string) string { s, _ := m[key].(string); return s }
	root, _ := want["root_event"].(map[string]any)
	for _, x := range [...][2]string{
		{e.Stream, str(meta, "stream")},
		{e.ID, str(meta, "id")},
		{e.Domain, str(meta, "domain")},
		{e.URI, str(meta, "uri")},
		{e.RequestID, str(meta, "request_id")},
		{e.Schema, str(want, "$schema")},
		{e.Wiki, str(want, "database")},
	} {
		if x[0] != x[1] {
			t.Errorf("got %q, want %q in %.200s", x[0], x[1], e.Raw)
		}
	}
	if dt := str(meta, "dt"); dt != "" && !e.DT.Equal(must(time.Parse(time.RFC3339, dt))) {
		t.Errorf("dt %v, want %s", e.DT, dt)
	}
	if e.IsJob() && (e.Type != str(want, "type") || e.SHA1 != str(want, "sha1") || e.Root.Signature != str(root, "signature")) {
		t.Errorf("job %+v, want %v", e, want)
	}
	params, _ := want["params"].(map[string]any)
	if stamp := str(params, "rootJobTimestamp"); e.IsJob() && e.Root.Timestamp != stamp {
		t.Errorf("root timestamp %q, want %q", e.Root.Timestamp, stamp)
	}
	if isRoot, _ := params["rootJobIsSelf"].(bool); e.IsJob() && e.Root.IsRoot != isRoot {
		t.Errorf("is root: %v, want %v", e.Root.IsRoot, isRoot)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// The vectors were computed with PHP 8.2 and, independently, with Python.
func TestSignaturesAreMediaWikis(t *testing.T) {
	const one = `{"$schema":"/mediawiki/job/1.0.0","meta":{"uri":"https://placeholder.invalid/wiki/Special:Badtitle","request_id":"req-0001","id":"11111111-2222-4333-8444-555555555555","domain":"wiki.example.org","stream":"mediawiki.job.demoJob"},"database":"demowiki","type":"demoJob","params":{"namespace":0,"title":"Main_Page"}}`
	const two = `{"$schema":"/mediawiki/job/1.0.0","meta":{"uri":"https://placeholder.invalid/wiki/Special:Badtitle","request_id":"req-0002","id":"11111111-2222-4333-8444-666666666666","dt":"2026-01-02T03:04:05Z","domain":"wiki.example.org","stream":"mediawiki.job.demoJob"},"database":"demowiki","type":"demoJob","delay_until":"2026-01-02T03:05:05Z","sha1":"da39a3ee5e6b4b0d3255bfef95601890afd80709","root_event":{"signature":"0123456789abcdef0123456789abcdef01234567","dt":"2026-01-02T03:00:00Z"},"params":{"title":"Zürich/东京","tab":"a\tb<&>","sep":"x\u2028y","ratio":1.5,"flag":true,"none":null,"list":[1,"2"],"empty":[]}}`
	three := strings.Replace(one, `{"namespace":0,"title":"Main_Page"}`, `[]`, 1)
	for _, x := range [...]struct{ text, want string }{
		{one, "cc363dd114e3c55eea0b384f442bd8639b44b4e9"},
		{two, "944bfda4912f963f9ff2e4db3acaeeabb70cd170"},
		{three, "9f39216a5d1515e364262e1dbbe4c912d7bc6949"},
	} {
		if got := event.Sign([]byte(x.text), "not-a-real-key"); got != x.want {
			t.Errorf("Sign(%.60q) = %s, want %s", x.text, got, x.want)
		}
		signed := x.text[:len(x.text)-1] + `,"mediawiki_signature":"` + x.want + `"}`
		items := parse(t, []byte("["+signed+"]"))
		if ok, err := event.VerifySignature(items[0].Raw, "not-a-real-key"); !ok || err != nil {
			t.Errorf("VerifySignature: %v, %v", ok, err)
		}
	}
	if _, err := event.VerifySignature([]byte(one), "not-a-real-key"); err == nil {
		t.Error("an unsigned event verifies")
	}
	e := parse(t, []byte(two))[0].Event
	if e.Delay.Format(time.RFC3339) != "2026-01-02T03:05:05Z" || e.Root.Timestamp != "20260102030000" {
		t.Errorf("delay %v, root %v", e.Delay, e.Root)
	}
}

func TestBadEventsAreRefusedByNameAndSpoilNothingBesideThem(t *testing.T) {
	const good = `{"meta":{"stream":"s","id":"g"}}`
	long := strings.Repeat("x", 256)
	job := func(fields string) string { return `{"meta":{"stream":"mediawiki.job.a"},` + fields + `}` }
	for _, x := range [...]struct{ name, bad, want string }{
		{"not JSON", `{"meta":}`, "malformed JSON"},
		{"a bare word", `garbage`, "malformed JSON"},
		{"two values", `{} {}`, "a comma or ] is expected"},
		{"brackets that cross", `{"a":[}]`, "malformed JSON"},
		{"a comma at the end", `{"meta":{"stream":"s"},}`, "a key in quotes"},
		{"a number with a leading zero", `{"meta":{"stream":"s"},"n":01}`, "a number is expected"},
		{"an unknown escape", `{"meta":{"stream":"\x"}}`, "escape"},
		{"a raw line end in a string", "{\"meta\":{\"stream\":\"a\nb\"}}", "control character in a string"},
		{"invalid UTF-8", "{\"meta\":{\"stream\":\"s\"},\"a\":\"\xff\"}", "invalid UTF-8"},
		{"an overlong encoding", "{\"meta\":{\"stream\":\"s\"},\"a\":\"\xc0\x80\"}", "invalid UTF-8"},
		{"half a surrogate pair", `{"meta":{"stream":"\ud800"}}`, "meta.stream: "},
		{"a number", `17`, "an event is a JSON object, not the number 17"},
		{"an array", `[{"meta":{"stream":"s"}}]`, "not an array"},
		{"null", `null`, "not null"},
		{"no meta", `{}`, "meta: is missing"},
		{"meta a string", `{"meta":"s"}`, `meta: is the string "s"`},
		{"no stream", `{"meta":{}}`, "meta.stream: is missing"},
		{"stream null", `{"meta":{"stream":null}}`, "meta.stream: is missing"},
		{"stream empty", `{"meta":{"stream":""}}`, "meta.stream: is missing"},
		{"stream a number", `{"meta":{"stream":5}}`, "meta.stream: is the number 5; a string is expected"},
		{"the last key counts", `{"meta":{"stream":"s"},"meta":{}}`, "meta.stream: is missing"},
		{"stream too long", `{"meta":{"stream":"` + long + `"}}`, "meta.stream: \"xxx"},
		{"id too long", `{"meta":{"stream":"s","id":"` + long + `"}}`, "meta.id: "},
		{"wiki too long", `{"meta":{"stream":"s"},"database":"` + long + `"}`, "database or wiki_id: "},
		{"stream with a control character", `{"meta":{"stream":"a\u0000b"}}`, "U+0000"},
		{"id with a control character", `{"meta":{"stream":"s","id":"a\u0085"}}`, "U+0085"},
		{"id a list", `{"meta":{"stream":"s","id":[]}}`, "meta.id: is an array"},
		{"wiki a boolean", `{"meta":{"stream":"s"},"database":true}`, "database: is true"},
		{"too deep", `{"meta":{"stream":"s"},"a":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, "nesting of more than 64"},
		{"a job without a type", job(`"a":1`), "type: is empty"},
		{"a job's type too long", job(`"type":"` + long + `"`), "type: "},
		{"a job's delay no time", job(`"type":"a","delay_until":"soon"`), "delay_until: \"soon\" is not a time"},
		{"a job's root without a time", job(`"type":"a","root_event":{"signature":"s","dt":"then"}`), "root_event.dt: "},
		{"a job's sha1 a number", job(`"type":"a","sha1":1`), "sha1: is the number 1"},
		{"a job by an escaped name", `{"meta":{"stream":"mediawiki\u002ejob.a"}}`, "type: is empty"},
	} {
		t.Run(x.name, func(t *testing.T) {
			items := parse(t, []byte("[ "+good+" , "+x.bad+" , "+good+" ]"))
			if len(items) != 3 || items[0].Err != nil || items[2].Err != nil {
				t.Fatalf("the good events beside it: %v", items)
			}
			err := items[1].Err
			if err == nil || !strings.Contains(err.Error(), x.want) || fault.KindOf(err) != fault.Invalid {
				t.Errorf("error %v, want one with %q", err, x.want)
			}
			if string(items[1].Raw) != x.bad {
				t.Errorf("raw %q, want %q", items[1].Raw, x.bad)
			}
			if len(err.Error()) > 300 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
}

func TestABodyThatCannotBeCutIsRefusedWhole(t *testing.T) {
	const good = `{"meta":{"stream":"s"}}`
	for _, body := range []string{
		"", "  ", "[" + good, "[" + good + ",", "[" + good + "] x", good + good, good + ",", `["]`, `[{"a":"]`,
	} {
		items, err := event.Parse([]byte(body), 10)
		if err == nil || fault.KindOf(err) != fault.Invalid {
			t.Errorf("Parse(%q) = %v, %v", body, items, err)
		}
	}
	if _, err := event.Parse([]byte("[1,2,3]"), 2); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("over the limit: %v", err)
	}
}

func TestWhatIsMissingOrOddIsAccepted(t *testing.T) {
	for _, x := range [...]struct {
		body string
		want event.Event
	}{
		{`{"meta":{"stream":"s"}}`, event.Event{Stream: "s"}},
		{`{"meta":{"stream":"s","dt":"yesterday"}}`, event.Event{Stream: "s", DTWrong: true}},
		{`{"meta":{"stream":"s"},"type":7,"params":"x"}`, event.Event{Stream: "s"}},
		{`{"meta":{"stream":"t"},"meta":{"stream":"s"}}`, event.Event{Stream: "s"}},
		{`{"m\u0065ta":{"stre\u0061m":"s"}}`, event.Event{Stream: "s"}},
		{`{"meta\ud800":1,"meta":{"stream":"s"}}`, event.Event{Stream: "s"}},
		{`{"meta":{"stream":"\ud83d\ude00\/"}}`, event.Event{Stream: "😀/"}},
		{`{"meta":{"stream":"s"},"wiki_id":"w"}`, event.Event{Stream: "s", Wiki: "w"}},
		{`{"meta":{"stream":"s"},"wiki_id":"w","database":"d"}`, event.Event{Stream: "s", Wiki: "d"}},
		{
			`{"meta":{"stream":"mediawiki.job.a"},"type":"a","params":{"rootJobSignature":"x","rootJobTimestamp":"20260102030405","rootJobIsSelf":true}}`,
			event.Event{Stream: "mediawiki.job.a", Type: "a", Root: event.Root{Signature: "x", Timestamp: "20260102030405", IsRoot: true}},
		},
		{`{"meta":{"stream":"mediawiki.job.a"},"type":"a","params":[]}`, event.Event{Stream: "mediawiki.job.a", Type: "a"}},
	} {
		got := *parse(t, []byte(x.body))[0].Event
		got.Raw, got.Params = nil, nil
		if diff := cmp.Diff(x.want, got, cmp.AllowUnexported(event.Event{})); diff != "" {
			t.Errorf("%s: %s", x.body, diff)
		}
	}
}

func TestLeafJobsFindTheirTwinsWhateverTemplateTheyComeFrom(t *testing.T) {
	key := func(body string) string {
		t.Helper()
		it := parse(t, []byte(body))[0]
		if it.Err != nil {
			t.Fatal(it.Err)
		}
		return must(it.Event.JobKey())
	}
	leaf := func(sha1, params string) string {
		return `{"meta":{"stream":"mediawiki.job.refreshLinks"},"type":"refreshLinks",` + sha1 + `"params":` + params + `}`
	}
	a := key(leaf(`"sha1":"1",`, `{"namespace":10,"title":"A","pages":{"31":[0,"P"]},"causeAgent":"x","requestId":"r","triggeredRecursive":true}`))
	b := key(leaf(`"sha1":"2",`, `{"title":"B","triggeredRecursive":true,"pages":{"31":[0,"P"]},"rootJobTimestamp":"20260102030405"}`))
	if a != b || !strings.HasPrefix(a, "leaf:") {
		t.Errorf("twins have the keys %q and %q", a, b)
	}
	other := key(leaf(`"sha1":"1",`, `{"title":"A","pages":{"32":[0,"Q"]},"triggeredRecursive":true}`))
	if other == a {
		t.Error("jobs of two pages have one key")
	}
	if k := key(leaf(`"sha1":"1",`, `{"title":"A","recursive":true}`)); k != "1" {
		t.Errorf("a root job's key is %q", k)
	}
	if k := key(leaf(``, `{"pages":{"31":[0,"P"]}}`)); k != "" {
		t.Errorf("a job without sha1 has the key %q", k)
	}
}

func FuzzSplittingAgreesWithEncodingJSON(f *testing.F) {
	for _, body := range recorded(f)[:20] {
		f.Add(body)
	}
	for _, s := range []string{`[1,"a\u0041",{"b":[true,null,-1.5e+3]}]`, `{"meta":{"stream":"s"}}`, `[{"a":},2]`, `["` + "\xff" + `"]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		parts, array, err := event.Split(body, 1_000)
		whole := err == nil
		for _, p := range parts {
			whole = whole && p.Err == nil
			if p.Err == nil && !json.Valid(p.Raw) {
				t.Fatalf("accepted %q", p.Raw)
			}
		}
		checkSlices(t, body, parts)
		var want []json.RawMessage
		switch {
		case fault.KindOf(err) == fault.TooLarge && err != nil:
			return
		case whole && array:
			if json.Unmarshal(body, &want) != nil || len(want) != len(parts) {
				t.Fatalf("%d parts of %q, want %d", len(parts), body, len(want))
			}
			for n := range want {
				if !bytes.Equal(want[n], parts[n].Raw) {
					t.Fatalf("part %q, want %q", parts[n].Raw, want[n])
				}
			}
		case !whole && json.Valid(body) && depth(body) <= event.MaxDepth && validUTF8(body):
			t.Fatalf("refused %q: %v %v", body, err, parts)
		}
		items, perr := event.Parse(body, 1_000)
		if (perr == nil) != (err == nil) || len(items) != len(parts) {
			t.Fatalf("Parse: %v, %d items; Split: %v, %d parts", perr, len(items), err, len(parts))
		}
	})
}

// checkSlices has every part be a slice of the body, in order, with nothing but punctuation between.
func checkSlices(t *testing.T, body []byte, parts []event.Part) {
	t.Helper()
	var between []byte
	at := 0
	for _, p := range parts {
		n := bytes.Index(body[at:], p.Raw)
		if n < 0 {
			t.Fatalf("part %q is not in what is left of the body: %q", p.Raw, body[at:])
		}
		between = append(between, body[at:at+n]...)
		at += n + len(p.Raw)
	}
	if len(parts) > 0 {
		between = append(between, body[at:]...)
	}
	if rest := bytes.Trim(between, " \t\r\n,[]"); len(rest) > 0 && parts[len(parts)-1].Err == nil && allGood(parts) {
		t.Fatalf("bytes of no part: %q", rest)
	}
}

func allGood(parts []event.Part) bool {
	for _, p := range parts {
		if p.Err != nil {
			return false
		}
	}
	return true
}

func validUTF8(b []byte) bool { return bytes.Equal(bytes.ToValidUTF8(b, []byte("?")), b) }

func depth(b []byte) (deepest int) {
	d := json.NewDecoder(bytes.NewReader(b))
	now := 0
	for {
		tok, err := d.Token()
		if err != nil {
			return deepest - 1 // the array around
		}
		if delim, ok := tok.(json.Delim); ok {
			if delim == '{' || delim == '[' {
				now++
				deepest = max(deepest, now)
			} else {
				now--
			}
		}
	}
}

func BenchmarkParse(b *testing.B) {
	var all [][]byte
	for _, body := range recorded(b) {
		for _, it := range parse(b, body) {
			all = append(all, it.Raw)
		}
	}
	body := append(append([]byte{'['}, bytes.Join(all, []byte{','})...), ']')
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if items := parse(b, body); len(items) != len(all) {
			b.Fatal(len(items))
		}
	}
	b.ReportMetric(float64(len(all)*b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkLeafKey(b *testing.B) {
	params := []byte(`{"namespace":10,"title":"Infobox","pages":{"31":[0,"Page_12"]},"triggeredRecursive":true,"causeAction":"edit-page","causeAgent":"unknown","rootJobSignature":"0123456789abcdef0123456789abcdef01234567","rootJobTimestamp":"20260102030000","requestId":"4f0c2d9e7b"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := event.LeafKey("refreshLinks", params); err != nil {
			b.Fatal(err)
		}
	}
}
