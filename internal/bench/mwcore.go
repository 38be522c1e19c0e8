package bench

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"auwai/internal/config"
	"auwai/internal/runner/mwrunner"
)

//go:embed assets/push.php
var assets embed.FS

// php runs a script of the wiki with its plain settings and returns what it writes.
func (m *mediaWiki) php(ctx context.Context, script string, input []byte, args ...string) (string, error) {
	program := m.o.PHP
	if program == "" {
		program = "php"
	}
	c := exec.CommandContext(ctx, program, append(append([]string{script}, args...), m.o.PlainArgs...)...)
	c.Env = append(config.WorkerEnvironment(), "MW_INSTALL_PATH="+m.o.Path)
	c.Stdin = bytes.NewReader(input)
	out, err := c.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", filepath.Base(script), err, bytes.TrimSpace(out))
	}
	return string(out), nil
}

// fill puts jobs into the wiki's own table.
func (m *mediaWiki) fill(ctx context.Context, l load) error {
	script := filepath.Join(m.dir, "push.php")
	text, err := assets.ReadFile("assets/push.php")
	if err != nil {
		return err
	}
	if err := os.WriteFile(script, text, 0o600); err != nil {
		return err
	}
	jobs, err := json.Marshal(l.jobs)
	if err != nil {
		return err
	}
	out, err := m.php(ctx, script, jobs)
	if err != nil {
		return err
	}
	if fields := strings.Fields(out); len(fields) < 2 || fields[len(fields)-1] != strconv.Itoa(len(l.jobs)) {
		return fmt.Errorf("%d jobs were pushed and the wiki counts other ones: %s; is its own table in use, and empty?", len(l.jobs), strings.TrimSpace(out))
	}
	return nil
}

// script measures core's runJobs.php, as many at once as there are workers.
func (m *mediaWiki) script(ctx context.Context, kind string, l load) (sample, error) {
	if err := m.fill(ctx, l); err != nil {
		return sample{}, err
	}
	runJobs := filepath.Join(m.o.Path, "maintenance", "runJobs.php")
	each := (len(l.jobs) + m.o.AtOnce - 1) / m.o.AtOnce
	done := m.clock()
	var all sync.WaitGroup
	errs := make([]error, m.o.AtOnce)
	for n := range errs {
		all.Go(func() {
			if kind == KindRunJobs {
				_, errs[n] = m.php(ctx, runJobs, nil, "--nothrottle", "--type="+l.jobs[0].Type)
				return
			}
			for i := 0; i < each && errs[n] == nil; i++ {
				_, errs[n] = m.php(ctx, runJobs, nil, "--nothrottle", "--maxjobs=1", "--type="+l.jobs[0].Type)
			}
		})
	}
	all.Wait()
	s := done(len(l.jobs))
	for _, err := range errs {
		if err != nil {
			return sample{}, err
		}
	}
	return s, m.empty(ctx)
}

// empty is an error when jobs are left in the wiki's own table.
func (m *mediaWiki) empty(ctx context.Context) error {
	out, err := m.php(ctx, filepath.Join(m.o.Path, "maintenance", "showJobs.php"), nil, "--list", "--limit=3") // counts are cached, lists are not
	if err != nil {
		return err
	}
	if left := strings.TrimSpace(out); left != "" {
		return fmt.Errorf("jobs are left: %s", left)
	}
	return nil
}

// page measures Special:RunJobs, as many requests at once as there are workers.
func (m *mediaWiki) page(ctx context.Context, l load) (sample, error) {
	if err := m.fill(ctx, l); err != nil {
		return sample{}, err
	}
	client := mwrunner.New(mwrunner.Config{Wikis: func(string) (mwrunner.Wiki, bool) {
		return mwrunner.Wiki{URL: m.o.PlainURL, ScriptPath: m.o.ScriptPath, Host: m.o.Host, Kind: mwrunner.SpecialRunJobs, Secret: m.o.Key}, true
	}})
	defer client.Close()
	done := m.clock()
	var all sync.WaitGroup
	errs := make([]error, m.o.AtOnce)
	for n := range errs {
		all.Go(func() {
			for more := true; more && errs[n] == nil; {
				ran, res, _ := client.RunJobs(ctx, m.o.Wiki, mwrunner.RunJobs{})
				if more = ran.More; ran.Jobs == 0 && res.Error != "" || ran.Failed > 0 {
					errs[n] = fmt.Errorf("%s%s", res.Error, ran.FirstError)
				}
			}
		})
	}
	all.Wait()
	s := done(len(l.jobs))
	for _, err := range errs {
		if err != nil {
			return sample{}, err
		}
	}
	return s, m.empty(ctx)
}
