package phppool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Words of Config.Cgroup.
const (
	CgroupAuto = "auto"
	CgroupOff  = "off"
)

// cgroup is the folder of cgroups in which each worker has one. Nil is none.
type cgroup struct{ dir string }

// leaf is the cgroup of one worker. Nil is none.
type leaf struct {
	dir    string
	folder *os.File // open, to start a process in it
}

// openGroup returns where workers get their cgroups, and says in the log when there is none.
func (p *Pool) openGroup() *cgroup {
	if p.cfg.Cgroup == CgroupOff {
		return nil
	}
	dir, err := p.cfg.Cgroup, error(nil)
	if dir == CgroupAuto {
		dir, err = ownGroup("/proc/self/cgroup", "/proc/self/mountinfo", isDelegated)
	}
	var g *cgroup
	if err == nil {
		g, err = makeGroup(dir, p.cfg.Cgroup == CgroupAuto)
	}
	if err != nil {
		p.log.Warn("workers have no cgroup of their own: one that needs too much memory can take others along; "+
			"set Delegate=yes in the service's unit, or workers.cgroup", "err", err)
		return nil
	}
	p.log.Info("each worker has a cgroup of its own", "folder", g.dir, "memory_max", p.cfg.MaxMemory+Headroom)
	return g
}

// ownGroup returns the folder of this process's cgroup, if it may be changed.
func ownGroup(cgroupFile, mountFile string, delegated func(dir string) bool) (string, error) {
	name, err := ownName(cgroupFile)
	if err != nil {
		return "", err
	}
	mount, root, err := mountOf(mountFile)
	if err != nil {
		return "", err
	}
	below, err := filepath.Rel(root, name)
	if err != nil || strings.HasPrefix(below, "..") {
		return "", fmt.Errorf("the cgroup %s is not below %s, which is mounted", name, root)
	}
	dir := filepath.Join(mount, below)
	if !delegated(dir) {
		return "", fmt.Errorf("the cgroup %s is not delegated to this service", dir)
	}
	return dir, nil
}

// ownName reads the name of the cgroup of version 2: the line 0::/name.
func ownName(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			return name, nil
		}
	}
	return "", errors.New("this process is in no cgroup of version 2")
}

// mountOf returns where cgroups of version 2 are mounted, and which of them. Fields: see proc(5).
func mountOf(file string) (mount, root string, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", "", err
	}
	for line := range strings.Lines(string(text)) {
		before, after, ok := strings.Cut(line, " - ")
		fields := strings.Fields(before)
		if ok && strings.HasPrefix(after, "cgroup2 ") && len(fields) >= 5 {
			return fields[4], fields[3], nil
		}
	}
	return "", "", errors.New("cgroups of version 2 are not mounted")
}

// makeGroup makes the folder of the workers' cgroups below dir. With move the processes of dir go into
// a folder of their own first: a cgroup has processes or hands memory out to others, never both.
func makeGroup(dir string, move bool) (*cgroup, error) {
	controllers, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return nil, err
	}
	if !strings.Contains(" "+strings.TrimSpace(string(controllers))+" ", " memory ") {
		return nil, fmt.Errorf("memory is not counted in the cgroup %s", dir)
	}
	if move {
		if err := moveProcesses(dir, filepath.Join(dir, "service")); err != nil {
			return nil, err
		}
	}
	g := &cgroup{dir: filepath.Join(dir, "workers")}
	if err := makeFolder(g.dir); err != nil {
		return nil, err
	}
	for _, folder := range []string{dir, g.dir} {
		if err := write(folder, "cgroup.subtree_control", "+memory"); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func moveProcesses(from, to string) error {
	if err := makeFolder(to); err != nil {
		return err
	}
	pids, err := os.ReadFile(filepath.Join(from, "cgroup.procs"))
	if err != nil {
		return err
	}
	for pid := range strings.FieldsSeq(string(pids)) {
		if err := write(to, "cgroup.procs", pid); err != nil {
			return err
		}
	}
	return nil
}

func makeFolder(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

func write(dir, name, value string) error {
	return os.WriteFile(filepath.Join(dir, name), []byte(value), 0o644)
}

// add makes the cgroup of one worker.
func (g *cgroup) add(name string, maxBytes int64) (*leaf, error) {
	if g == nil {
		return nil, nil //nolint:nilnil // no cgroup is no leaf
	}
	l := &leaf{dir: filepath.Join(g.dir, name)}
	if err := makeFolder(l.dir); err != nil {
		return nil, err
	}
	err := write(l.dir, "memory.max", strconv.FormatInt(maxBytes, 10))
	if err == nil {
		err = write(l.dir, "memory.oom.group", "1")
	}
	if err == nil {
		l.folder, err = os.Open(l.dir)
	}
	if err != nil {
		l.remove()
		return nil, err
	}
	return l, nil
}

// kill kills all processes of the worker's cgroup, also those that left its group. Kernels before 5.14
// cannot.
func (l *leaf) kill() {
	if l != nil {
		_ = write(l.dir, "cgroup.kill", "1")
	}
}

// remove removes the cgroup. One that still has dying processes stays, empty, until the group goes.
func (l *leaf) remove() {
	if l == nil {
		return
	}
	closeFile(l.folder)
	_ = os.Remove(l.dir)
}

// remove removes the folder and what is left in it.
func (g *cgroup) remove() {
	if g == nil {
		return
	}
	entries, err := os.ReadDir(g.dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.IsDir() {
			_ = os.Remove(filepath.Join(g.dir, e.Name()))
		}
	}
	_ = os.Remove(g.dir)
}
