package bench

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ticksPerSecond is the unit of times in /proc: USER_HZ, which Linux has fixed at 100.
const ticksPerSecond = 100

// treeCPU returns the CPU seconds of processes and all that they started, those that have ended and
// were waited for included.
func treeCPU(roots ...int) float64 {
	type process struct {
		parent int
		ticks  float64
	}
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0
	}
	all := map[int]process{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		pid, parent, ticks, ok := parseStat(string(text))
		if ok {
			all[pid] = process{parent, ticks}
		}
	}
	sum := 0.0
	for pid, p := range all {
		for at, depth := pid, 0; at != 0 && depth < 64; at, depth = all[at].parent, depth+1 {
			if slices.Contains(roots, at) {
				sum += p.ticks
				break
			}
		}
	}
	return sum / ticksPerSecond
}

// parseStat reads a line of /proc/PID/stat: see proc(5). The name, in brackets, may hold anything.
func parseStat(text string) (pid, parent int, ticks float64, ok bool) {
	first, rest, found := strings.Cut(text, " (")
	end := strings.LastIndexByte(rest, ')')
	if !found || end < 0 {
		return 0, 0, 0, false
	}
	fields := strings.Fields(rest[end+1:]) // from the third on: state, ppid, …
	const ppid, utime, cstime = 1, 11, 14
	if len(fields) <= cstime {
		return 0, 0, 0, false
	}
	pid, err := strconv.Atoi(first)
	if err != nil {
		return 0, 0, 0, false
	}
	if parent, err = strconv.Atoi(fields[ppid]); err != nil {
		return 0, 0, 0, false
	}
	for _, f := range fields[utime : cstime+1] { // utime, stime, and those of children
		v, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return 0, 0, 0, false
		}
		ticks += v
	}
	return pid, parent, ticks, true
}
