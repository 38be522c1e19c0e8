package migrate_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/klauspost/compress/zstd"

	"auwai/api"
	"auwai/internal/fault"
	"auwai/internal/migrate"
)

func dump(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "sqldump", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// items reads a whole source.
func items(t *testing.T, s migrate.Source) (list []migrate.Item, bad []string) {
	t.Helper()
	for item, err := range s.Items(t.Context()) {
		if err != nil {
			bad = append(bad, err.Error())
			continue
		}
		list = append(list, item)
	}
	return list, bad
}

func open(t *testing.T, text []byte, o migrate.TableOptions) migrate.Source {
	t.Helper()
	s, err := migrate.OpenText(bytes.NewReader(text), int64(len(text)), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var aawiki = migrate.TableOptions{Wiki: "aawiki"}

func TestAllDumpsOfOneTableGiveTheSameJobs(t *testing.T) {
	want, bad := items(t, open(t, dump(t, "mariadb.sql"), aawiki))
	const reason = `job_id 10 (broken): serialised text of PHP: an object of class "Evil"; only null, scalars and arrays can be queued (byte 13)`
	if len(want) != 10 || len(bad) != 1 || !strings.HasSuffix(bad[0], reason) || !strings.HasPrefix(bad[0], "line ") {
		t.Fatalf("%d jobs, %q", len(want), bad)
	}
	apart := cmp.Options{cmpopts.IgnoreFields(migrate.Item{}, "Where")}
	for _, name := range []string{"mariadb-compact.sql", "sqlite.sql", "postgresql.sql", "postgresql-inserts.sql"} {
		want := want
		if strings.HasPrefix(name, "postgresql") { // it cannot hold the bytes of the last one
			want = want[:9]
		}
		got, bad := items(t, open(t, dump(t, name), aawiki))
		if len(bad) != 1 {
			t.Errorf("%s: errors %q", name, bad)
		}
		if diff := cmp.Diff(want, got, apart); diff != "" {
			t.Errorf("%s: jobs (-mariadb +this):\n%s", name, diff)
		}
	}
	if !strings.Contains(string(want[9].Job.Payload), `{"auwai:base64":"`) {
		t.Errorf("bytes that are no UTF-8 are written as %s", want[9].Job.Payload)
	}
}

func TestCompressedDumpsAreReadAsTheyAre(t *testing.T) {
	text := dump(t, "sqlite.sql")
	var gz, zs bytes.Buffer
	g := gzip.NewWriter(&gz)
	z, err := zstd.NewWriter(&zs)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []interface {
		Write(p []byte) (int, error)
		Close() error
	}{g, z} {
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	want, _ := items(t, open(t, text, aawiki))
	for name, packed := range map[string][]byte{"gzip": gz.Bytes(), "zstd": zs.Bytes()} {
		s := open(t, packed, aawiki)
		got, _ := items(t, s)
		if diff := cmp.Diff(want, got); diff != "" || s.Share() != 1 {
			t.Errorf("%s: share %v, jobs (-plain +packed):\n%s", name, s.Share(), diff)
		}
		var bad []string
		if s, err := migrate.OpenText(bytes.NewReader(packed[:len(packed)-20]), 0, aawiki); err != nil {
			bad = []string{err.Error()}
		} else {
			_, bad = items(t, s)
		}
		if len(bad) == 0 || !strings.Contains(bad[len(bad)-1], "unexpected EOF") {
			t.Errorf("%s, cut: %q", name, bad)
		}
	}
}

func TestWhatIsNoDumpIsRefusedWithTheRemedy(t *testing.T) {
	for text, words := range map[string]string{
		"":                          "it is empty",
		"SQLite format 3\x00abc":    "sqlite3 FILE '.dump job'",
		"PGDMP\x01\x0e":             "pg_restore",
		"\xfd7zXZ\x00abcdef":        "xz -dc",
		"\x1f\x8bnot really":        "gzip",
		"\x00\x01\x02":              "it is no text",
		"SELECT 1;":                 "wiki: is missing",
		"-- a dump of another kind": "wiki: is missing",
	} {
		_, err := migrate.OpenText(strings.NewReader(text), 0, migrate.TableOptions{})
		if err == nil || !strings.Contains(err.Error(), words) || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v; want %q", text, err, words)
		}
	}
}

func TestLinesOfTheScriptAreTheRowsOfTheTable(t *testing.T) {
	const lines = `{"format":"mediawiki-job/1","wiki":"aawiki","job_id":"2","job_cmd":"refreshLinks","job_namespace":"10","job_title":"Box","job_timestamp":"20260102030002","job_params":"a:6:{s:5:\"pages\";a:1:{i:31;a:2:{i:0;i:0;i:1;s:7:\"Page_12\";}}s:9:\"namespace\";i:10;s:5:\"title\";s:3:\"Box\";s:10:\"causeAgent\";s:1:\"A\";s:16:\"rootJobSignature\";s:40:\"f628445490e657a3bbd1d4d62a6447bcc215899c\";s:16:\"rootJobTimestamp\";s:14:\"20260102030405\";}","job_attempts":"0","job_token":"","removes_duplicates":true,"ignored_params":[]}

{"format":"mediawiki-job/1","wiki":"aawiki","job_id":11,"job_cmd":"userOptionsUpdate","job_namespace":-1,"job_title":"","job_timestamp":"20260102030011","job_params":{"auwai:base64":"YToxOntzOjQ6InRleHQiO3M6MTE6ImNhZukgACBudWxsIjt9"},"job_attempts":0,"job_token":null,"removes_duplicates":null}
{"format":"mediawiki-job/1","wiki":"bbwiki","job_id":1,"job_cmd":"null","job_namespace":-1,"job_title":"","job_timestamp":"20260102030011","job_params":"","job_attempts":3,"job_token":"abc"}
{"format":"later"}
nonsense
`
	table, _ := items(t, open(t, dump(t, "mariadb.sql"), aawiki))
	got, bad := items(t, open(t, []byte(lines), migrate.TableOptions{}))
	want := []migrate.Item{table[1], table[9]}
	if len(got) != 3 || len(bad) != 2 || !strings.HasPrefix(bad[0], `line 5: the field format is "later"`) || !strings.HasPrefix(bad[1], "line 6: no JSON") {
		t.Fatalf("%d jobs, %q", len(got), bad)
	}
	if diff := cmp.Diff(want, got[:2], cmpopts.IgnoreFields(migrate.Item{}, "Where")); diff != "" {
		t.Errorf("jobs (-dump +lines):\n%s", diff)
	}
	if got[2].State != migrate.Abandoned || got[2].Job.Wiki != "bbwiki" {
		t.Errorf("the third is %+v", got[2])
	}
	if one, _ := items(t, open(t, []byte(lines), migrate.TableOptions{Wiki: "bbwiki"})); len(one) != 1 {
		t.Errorf("%d jobs of bbwiki", len(one))
	}
}

// recorded is a value that MediaWiki's JobQueueRedis has made.
type recorded struct {
	List       string  `json:"list"`
	Key        string  `json:"key"`
	UUID       string  `json:"uuid"`
	SHA1       string  `json:"sha1"`
	RTimestamp float64 `json:"rtimestamp"`
	Blob       []byte  `json:"blob"`
}

// redisQueue starts a Redis with the recorded jobs in it.
func redisQueue(t *testing.T) (*miniredis.Miniredis, []recorded) {
	t.Helper()
	text, err := os.ReadFile("testdata/redis.json")
	if err != nil {
		t.Fatal(err)
	}
	var jobs []recorded
	if err := json.Unmarshal(text, &jobs); err != nil {
		t.Fatal(err)
	}
	m := miniredis.RunT(t)
	for _, j := range jobs {
		queue := strings.TrimSuffix(j.Key, "h-data")
		m.HSet(j.Key, j.UUID, string(j.Blob))
		switch j.List {
		case "delayed":
			_, err = m.ZAdd(queue+"z-delayed", j.RTimestamp, j.UUID)
		case "claimed":
			_, err = m.ZAdd(queue+"z-claimed", 1767323045, j.UUID)
		case "abandoned":
			_, err = m.ZAdd(queue+"z-abandoned", 1767323045, j.UUID)
		default:
			_, err = m.Lpush(queue+"l-unclaimed", j.UUID)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return m, jobs
}

func TestJobsOfTheRedisQueueAreReadInTheirOrderWithTheirStates(t *testing.T) {
	m, jobs := redisQueue(t)
	m.RequireAuth("secret")
	r, err := migrate.NewRedis(migrate.RedisOptions{Address: m.Addr(), Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	got, bad := items(t, r)
	if len(bad) > 0 || len(got) != 5 || r.Share() != 1 {
		t.Fatalf("%d jobs, share %v, %q", len(got), r.Share(), bad)
	}
	type row struct {
		Queue string
		State migrate.State
		Keyed bool
	}
	var rows []row
	for _, item := range got {
		rows = append(rows, row{item.Job.Queue, item.State, item.Job.Key != ""})
	}
	want := []row{
		{"cdnPurge", migrate.Delayed, false},
		{"ext:job", migrate.Abandoned, false},
		{"null", migrate.Claimed, false},
		{"refreshLinks", migrate.Waiting, true},
		{"refreshLinks", migrate.Waiting, true},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}
	if at := got[0].Job.RunAt; at == nil || at.Unix() != 4102444800 {
		t.Errorf("the delayed job is due at %v", at)
	}
	first := got[3] // pushed first, so it runs first
	if want := `{"type":"refreshLinks","params":{"pages":{"31":[0,"Page_12"]},"causeAgent":"A","requestId":"request-1","namespace":10,"title":"Box"}}`; string(first.Job.Payload) != want ||
		first.Job.RequestID != "request-1" || !strings.Contains(first.Where, jobs[0].UUID) {
		t.Errorf("the first is %+v with %s", first, first.Job.Payload)
	}
	if want := `{"type":"ext:job","params":{"text":{"auwai:base64":"Y2Fm6SAA"}}}`; string(got[1].Job.Payload) != want {
		t.Errorf("the payload of bytes is %s", got[1].Job.Payload)
	}
}

func TestRedisSaysWhatItCannotGive(t *testing.T) {
	m, _ := redisQueue(t)
	m.HSet("bbwiki:jobqueue:null:h-data", "a", `O:4:"Evil":0:{}`, "b", "x", "c", `b:1;`,
		"d", `O:8:"stdClass":2:{s:4:"blob";s:1:"x";s:3:"enc";s:2:"xz";}`, "e", `O:8:"stdClass":2:{s:4:"blob";s:1:"x";s:3:"enc";s:4:"gzip";}`)
	for _, id := range []string{"a", "b", "c", "d", "e", "gone"} {
		if _, err := m.Push("bbwiki:jobqueue:null:l-unclaimed", id); err != nil {
			t.Fatal(err)
		}
	}
	r, err := migrate.NewRedis(migrate.RedisOptions{Address: m.Addr(), Wiki: "bbwiki"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	got, bad := items(t, r)
	if len(got) != 0 || len(bad) != 6 {
		t.Fatalf("%d jobs, %q", len(got), bad)
	}
	all := strings.Join(bad, "\n")
	for _, words := range []string{`class "Evil"`, "ends where a value", "a boolean; an array", `compressed as "xz"`, "cannot be read", "its data is gone"} {
		if !strings.Contains(all, words) {
			t.Errorf("no error says %q:\n%s", words, all)
		}
	}
	if _, err := migrate.NewRedis(migrate.RedisOptions{Address: "redis"}); fault.FieldOf(err) != "redis" {
		t.Errorf("an address without a port: %v", err)
	}
	m.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range r.Items(ctx) {
		if err == nil {
			t.Error("a Redis that is gone gives a job")
		}
	}
}

func FuzzLinesAreReadOrRefused(f *testing.F) {
	f.Add(`{"format":"auwai-job/1","id":"a.1","wiki":"a","queue":"q","state":"ready","payload":"{}"}`)
	f.Add(`{"format":"mediawiki-job/1","wiki":"a","job_id":1,"job_cmd":"x","job_params":"a:0:{}"}`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := migrate.OpenText(strings.NewReader("{}\n"+text), 0, migrate.TableOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for item, err := range s.Items(t.Context()) {
			if err != nil {
				continue
			}
			if item.Job.Wiki == "" || item.Job.Queue == "" || len(item.Job.ClientID) != 32 || !json.Valid(item.Job.Payload) {
				t.Errorf("%q gives %+v", text, item)
			}
		}
	})
}

var _ migrate.Pusher = pushes(nil)

// pushes is a service that is a function.
type pushes func(jobs []api.NewJob) ([]api.PushedJob, error)

func (p pushes) PushJobs(_ context.Context, jobs []api.NewJob) ([]api.PushedJob, error) {
	return p(jobs)
}
