package phppool

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// folder makes files as a kernel shows a cgroup.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func content(t *testing.T, parts ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEachWorkerHasACgroupWithItsLimit(t *testing.T) {
	dir := folder(t, map[string]string{"cgroup.controllers": "cpu memory pids\n", "cgroup.procs": "17\n"})
	g, err := makeGroup(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	if got := content(t, dir, "service", "cgroup.procs"); got != "17" {
		t.Errorf("moved: %q", got)
	}
	for _, at := range []string{dir, g.dir} {
		if got := content(t, at, "cgroup.subtree_control"); got != "+memory" {
			t.Errorf("%s: %q", at, got)
		}
	}
	l, err := g.add("worker-1", 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	if content(t, l.dir, "memory.max") != "1073741824" || content(t, l.dir, "memory.oom.group") != "1" {
		t.Error("the limit is not written")
	}
	l.kill()
	if content(t, l.dir, "cgroup.kill") != "1" {
		t.Error("kill is not written")
	}
	l.remove()
}

func TestACgroupIsUsedOnlyWhereItIsDelegated(t *testing.T) {
	dir := folder(t, map[string]string{
		"cgroup": "9:name=systemd:/\n0::/system.slice/auwai.service\n",
		"mounts": "30 25 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n",
		"v1":     "9:memory:/\n",
		"below":  "30 25 0:26 /other /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
	})
	own := func(cgroup, mounts string, delegated bool) (string, error) {
		return ownGroup(filepath.Join(dir, cgroup), filepath.Join(dir, mounts), func(string) bool { return delegated })
	}
	got, err := own("cgroup", "mounts", true)
	if err != nil || got != "/sys/fs/cgroup/system.slice/auwai.service" {
		t.Errorf("%q, %v", got, err)
	}
	for _, c := range []struct {
		cgroup, mounts string
		delegated      bool
		words          string
	}{
		{"cgroup", "mounts", false, "is not delegated"},
		{"v1", "mounts", true, "in no cgroup of version 2"},
		{"cgroup", "v1", true, "are not mounted"},
		{"cgroup", "below", true, "is not below"},
		{"absent", "mounts", true, "no such file"},
	} {
		if _, err := own(c.cgroup, c.mounts, c.delegated); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if _, err := makeGroup(folder(t, map[string]string{"cgroup.controllers": "cpu\n"}), true); err == nil || !strings.Contains(err.Error(), "not counted") {
		t.Errorf("without memory: %v", err)
	}
}

func TestAPoolWithoutACgroupSaysSoOnce(t *testing.T) {
	var log strings.Builder
	p := New(Config{Cgroup: t.TempDir(), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if p.openGroup() != nil || strings.Count(log.String(), "workers have no cgroup of their own") != 1 {
		t.Errorf("log: %s", log.String())
	}
	log.Reset()
	p.cfg.Cgroup = CgroupOff
	if p.openGroup() != nil || log.Len() != 0 {
		t.Errorf("off: %s", log.String())
	}
	var none *cgroup
	l, err := none.add("worker-1", 1)
	if l != nil || err != nil {
		t.Errorf("none: %v, %v", l, err)
	}
	l.kill()
	l.remove()
	none.remove()
}
