package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// screen shows the steps one below the other, each with its result and the time it took. The step
// under way has a live line on a terminal; elsewhere its state is written every few seconds. Used
// by one goroutine.
type screen struct {
	out      io.Writer
	terminal bool
	begun    time.Time
	step     string
	since    time.Time
	last     time.Time // of the state's last showing
}

// Widths of the columns, together less than 80; and how often a state is shown again.
const (
	stepWidth      = 12
	resultWidth    = 53
	terminalPace   = 100 * time.Millisecond
	otherwisePace  = 5 * time.Second
	clearWholeLine = "\r\x1b[2K"
)

func newScreen(out *os.File) *screen {
	info, err := out.Stat()
	return &screen{
		out: out, begun: time.Now(),
		terminal: err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb",
	}
}

// line writes a line of its own.
func (s *screen) line(text string) { fmt.Fprintln(s.out, text) }

// start begins a step.
func (s *screen) start(step string) {
	s.step, s.since, s.last = step, time.Now(), time.Time{}
	if s.terminal {
		s.state("…")
	}
}

// state shows how the step is getting on.
func (s *screen) state(text string) {
	now := time.Now()
	if s.terminal {
		if now.Sub(s.last) < terminalPace {
			return
		}
		s.last = now
		fmt.Fprint(s.out, clearWholeLine, s.row(text))
		return
	}
	if now.Sub(s.since) < otherwisePace || now.Sub(s.last) < otherwisePace {
		return
	}
	s.last = now
	fmt.Fprintln(s.out, s.row(text))
}

// done ends the step with its result.
func (s *screen) done(result string) {
	if s.terminal {
		fmt.Fprint(s.out, clearWholeLine)
	}
	fmt.Fprintln(s.out, s.row(result))
}

// broken ends the step's live line, so that what follows starts on a line of its own.
func (s *screen) broken() {
	if s.terminal {
		fmt.Fprintln(s.out)
	}
}

func (s *screen) row(text string) string {
	gap := strings.Repeat(" ", max(0, resultWidth-len([]rune(text))))
	return fmt.Sprintf("  %-*s %s%s %6.1f s", stepWidth, s.step, text, gap, time.Since(s.since).Seconds())
}
