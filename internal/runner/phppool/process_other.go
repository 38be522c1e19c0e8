//go:build !linux

package phppool

import "syscall"

// attributes makes the worker the leader of a group of its own. Its input ends with this process, and
// it with its input.
func attributes(*leaf) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills the processes of a group; that there are none is as well.
func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }

// isDelegated reports false: only Linux has cgroups.
func isDelegated(string) bool { return false }
