package e2e_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/migrate"
	"auwai/test/rig"
)

// A wiki had its own job table, and now has the extension: what is in the table is imported, by a dump
// and by the extension's list, once, and then runs.
func TestTheJobTableOfAWikiIsImportedOnceAndRuns(t *testing.T) {
	s := newStand(t, 12, "aawiki")
	wiki := s.Wiki("aawiki")
	warm(t, s.Farm, wiki, "first-mark")
	const template = "<span class=\"rig\">second-mark {{{1|}}}</span>"
	if err := wiki.EditPlain(t.Context(), "Template:Inner", template); err != nil {
		t.Fatal(err)
	}
	root, err := rig.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	list, err := wiki.Plain(t.Context(), nil, filepath.Join(root, "extension", "Auwai", "maintenance", "exportJobs.php"))
	if err != nil {
		t.Fatal(err)
	}
	dump, err := wiki.DumpJobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fromList, fromDump := jobsIn(t, list), jobsIn(t, dump)
	if diff := cmp.Diff(fromList, fromDump); diff != "" || len(fromList) == 0 {
		t.Fatalf("%d jobs (-list +dump):\n%s", len(fromList), diff)
	}
	dry := s.importJobs(t, dump, "--dry-run")
	if dry.Sum.Jobs() != len(fromDump) || dry.BadCount != 0 || dry.Pushed != 0 {
		t.Errorf("the dry run: %+v", dry)
	}
	if done := s.importJobs(t, dump); done.Pushed != len(fromDump) || done.BadCount != 0 {
		t.Errorf("the import: %+v", done)
	}
	if again := s.importJobs(t, list); again.Already != len(fromDump) || again.Pushed != 0 {
		t.Errorf("the import of the list after that of the dump: %+v", again)
	}
	s.awaitIdle(t)
	assertFresh(t, s.Farm, wiki, "second-mark")
	s.assertNoneDead(t)
}

// importJobs imports a text by the command line.
func (s *stand) importJobs(t *testing.T, text []byte, flags ...string) *migrate.Report {
	t.Helper()
	args := append([]string{"import", "jobs", "--wiki", "aawiki", "--json"}, flags...)
	out, err := s.service.CLI(t.Context(), bytes.NewReader(text), append(args, "-")...)
	if err != nil {
		t.Fatal(err)
	}
	report := &migrate.Report{}
	if err := json.Unmarshal(out, report); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return report
}

// jobsIn returns the jobs of a text as JSON, without their places in it.
func jobsIn(t *testing.T, text []byte) []string {
	t.Helper()
	source, err := migrate.OpenText(bytes.NewReader(text), 0, migrate.TableOptions{Wiki: "aawiki"})
	if err != nil {
		t.Fatalf("%v: %.300s", err, text)
	}
	var jobs []string
	for item, err := range source.Items(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		job, err := json.Marshal(item.Job)
		if err != nil {
			t.Fatal(err)
		}
		jobs = append(jobs, strings.TrimSpace(string(job)))
	}
	return jobs
}
