package cli

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"auwai/internal/config"
	"auwai/internal/fault"
	"auwai/internal/server"
)

// Bounds of checks on this host and its neighbours.
const (
	freeLeast   = 1 << 30 // bytes
	freeShare   = 20      // one part of so many
	dialWithin  = 3 * time.Second
	asksAtOnce  = 8
	tmpfs       = 0x01021994 // of statfs(2)
	unitsWithin = 5 * time.Second
)

// host looks at the folder of the store and at the files of secrets.
func (d *doctor) host(cfg *config.Config) {
	d.folder(cfg.Data)
	open := 0
	for _, file := range cfg.Files {
		info, err := os.Stat(file)
		if err != nil || file == cfg.File {
			continue // a file that cannot be read is a fault of the configuration
		}
		if info.Mode().Perm()&0o007 != 0 {
			open++
			d.add("permissions", levelProblem, "chmod o-rwx "+file, "everybody on this host can read the secret in %s", file)
		}
	}
	if open == 0 {
		d.add("permissions", levelFine, "", "no file of a secret is open to everybody")
	}
}

func (d *doctor) folder(dir string) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.add("store", levelNote, "", "%s is not there yet; the service makes it", dir)
		dir = filepath.Dir(dir)
	case err != nil:
		d.add("store", levelProblem, "run auwai doctor as the user of the service", "%s", err)
		return
	case !info.IsDir():
		d.add("store", levelProblem, "name a folder by data in the configuration", "%s is no folder", dir)
		return
	case info.Mode().Perm()&0o007 != 0:
		d.add("permissions", levelProblem, "chmod o-rwx "+dir, "everybody on this host can look into the store %s", dir)
	case unix.Access(dir, unix.W_OK) != nil:
		d.add("store", levelProblem, "run auwai doctor as the user of the service; else chown the folder to it", "this user cannot write to %s", dir)
	}
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return // the folder above is not there either
	}
	if int64(s.Type) == tmpfs { //nolint:unconvert // its type differs between systems
		d.add("store", levelProblem, "put data on a disk", "%s is in memory: what is acknowledged does not outlive a restart of this host", dir)
	} else {
		d.add("store", levelFine, "", "commits of %s are on disk when they are acknowledged", dir)
	}
	free, all := s.Bavail*uint64(s.Bsize), s.Blocks*uint64(s.Bsize) //nolint:gosec // a size is positive
	if free < freeLeast || free < all/freeShare {
		d.add("disk", levelProblem, "make room: a full disk stops the service", "%d MiB of %d are free on the disk of %s", free>>20, all>>20, dir)
		return
	}
	d.add("disk", levelFine, "", "%d MiB of %d are free on the disk of %s", free>>20, all>>20, dir)
}

// neighbours asks each wiki and each cache for a sign of life.
func (d *doctor) neighbours(ctx context.Context, cfg *config.Config) {
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(asksAtOnce)
	var found []finding
	tell := func(f finding) {
		mu.Lock()
		defer mu.Unlock()
		found = append(found, f)
	}
	for name := range cfg.Wikis {
		g.Go(func() error { tell(d.wiki(ctx, cfg, name)); return nil })
	}
	for _, layer := range cfg.CDN.Layers {
		for _, address := range layer {
			g.Go(func() error { tell(cache(ctx, address)); return nil })
		}
	}
	_ = g.Wait() // they return nil
	slices.SortFunc(found, func(x, y finding) int { return strings.Compare(x.Check+x.Text, y.Check+y.Text) })
	d.findings = append(d.findings, found...)
}

// wiki asks a wiki for a sign of life: by its run endpoint, which looks at the secret, the clock and the
// form of the extension's answer; of one that has none only whether it is reached.
func (d *doctor) wiki(ctx context.Context, cfg *config.Config, name string) finding {
	f := finding{Check: "wiki", Level: levelFine, Text: name + " answers"}
	spool, err := server.Ping(ctx, cfg, name, d.deps.Version)
	switch fault.KindOf(err) {
	case fault.Forbidden:
		f.Level, f.Text = levelProblem, name+" refuses the signature: "+err.Error()
		f.Remedy = "give secret_file and $wgAuwaiSecret the same text, and let both clocks follow a time server"
	case fault.Invalid:
		f.Level, f.Text = levelProblem, name+": "+err.Error()
		f.Remedy = "correct url, script_path and host of the wiki; install an extension Auwai of this version"
	default:
		if err != nil {
			f.Level, f.Text, f.Remedy = levelProblem, name+" does not answer: "+err.Error(), "look at the wiki's web server; correct its url"
		} else if spool > 0 {
			f.Level = levelNote
			f.Text = name + " answers, and has " + plural(spool, "item", "items") + " in its spool"
			f.Remedy = "it is sent by itself; if it stays, look at the wiki's log of the channel Auwai"
		}
	}
	return f
}

func cache(ctx context.Context, address string) finding {
	dialer := net.Dialer{Timeout: dialWithin}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return finding{"cache", levelProblem, "the cache " + address + " is not reached: " + err.Error(), "start it, or correct cdn.layers: purges wait for it"}
	}
	_ = conn.Close() // nothing was sent
	return finding{Check: "cache", Level: levelFine, Text: "the cache " + address + " is reached"}
}

// units looks whether systemd holds the socket, so that a restart refuses no connection.
func (d *doctor) units(ctx context.Context) {
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		d.add("units", levelNote, "", "this host is not run by systemd: while the service restarts, connections are refused")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, unitsWithin)
	defer cancel()
	for unit, remedy := range map[string]string{
		"auwai.socket":  "systemctl enable --now auwai.socket: it keeps connections while the service restarts",
		"auwai.service": "systemctl enable --now auwai.service",
	} {
		out, err := exec.CommandContext(ctx, "systemctl", "is-active", unit).Output()
		if state := strings.TrimSpace(string(out)); err != nil {
			d.add("units", levelNote, remedy, "%s is %s", unit, strings.TrimSpace("not active "+state))
			continue
		}
		d.add("units", levelFine, "", "%s is active", unit)
	}
}
