package phppool

import "syscall"

// attributes makes the worker the leader of a group of its own, in its cgroup, and has the kernel kill
// it when this process dies.
func attributes(l *leaf) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if l != nil {
		attr.UseCgroupFD, attr.CgroupFD = true, int(l.folder.Fd())
	}
	return attr
}

// killGroup kills the processes of a group; that there are none is as well.
func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }

// isDelegated reports whether systemd has marked a cgroup as one that its service may change.
func isDelegated(dir string) bool {
	for _, name := range []string{"user.delegate", "trusted.delegate"} {
		value := make([]byte, 8)
		if n, err := syscall.Getxattr(dir, name, value); err == nil && string(value[:n]) == "1" {
			return true
		}
	}
	return false
}
