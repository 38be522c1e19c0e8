package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// WebAddress is where PHP's server listens: MediaWiki without the cache.
func (f *Farm) WebAddress() string { return "127.0.0.1:" + strconv.Itoa(f.options.WebPort) }

// CacheAddress is where Varnish listens: what readers use.
func (f *Farm) CacheAddress() string { return "127.0.0.1:" + strconv.Itoa(f.options.CachePort) }

// StartWeb starts PHP's built-in server with its workers and waits until every wiki answers.
func (f *Farm) StartWeb(ctx context.Context) error {
	if listening(ctx, f.WebAddress()) {
		return &StartError{Name: "php", cause: portTaken(f.WebAddress())}
	}
	web, err := Start(Command{
		Name: "php",
		Path: "php",
		Args: []string{
			"-d", "apc.shm_size=64M", "-d", "opcache.validate_timestamps=0", "-d", "opcache.max_accelerated_files=10000",
			"-d", "memory_limit=256M", "-d", "max_execution_time=120",
			"-d", "display_errors=0", "-d", "log_errors=1", "-d", "error_log=" + filepath.Join(f.LogDir(), "php-errors.log"),
			"-S", f.WebAddress(), "-t", f.options.Dir, filepath.Join(f.options.Dir, "router.php"),
		},
		Env: []string{
			"MW_INSTALL_PATH=" + mediaWikiRoot, "MW_CONFIG_FILE=" + f.settingsFile(),
			"PHP_CLI_SERVER_WORKERS=" + strconv.Itoa(f.options.Workers),
		},
		Log:   filepath.Join(f.LogDir(), "php.log"),
		Forks: true,
	})
	if err != nil {
		return err
	}
	f.web = web
	return web.awaitReady(ctx, 30*time.Second, func(ctx context.Context) bool {
		for _, wiki := range f.wikis {
			if _, err := wiki.fetch(ctx, f.WebAddress(), ScriptPath+"/api.php?action=query&meta=siteinfo&format=json"); err != nil {
				return false
			}
		}
		return true
	})
}

// StartCache starts Varnish and waits until it listens.
func (f *Farm) StartCache(ctx context.Context) error {
	if listening(ctx, f.CacheAddress()) {
		return &StartError{Name: "varnishd", cause: portTaken(f.CacheAddress())}
	}
	home := filepath.Join(f.options.Dir, "varnish")
	if err := os.MkdirAll(home, 0o755); err != nil {
		return fmt.Errorf("start varnishd: %w", err)
	}
	vcl := filepath.Join(f.options.Dir, "rig.vcl")
	if err := writeAsset("rig.vcl", vcl, map[string]string{"WEB_PORT": strconv.Itoa(f.options.WebPort)}); err != nil {
		return fmt.Errorf("start varnishd: %w", err)
	}
	program, err := exec.LookPath("varnishd")
	if err != nil {
		program = "/usr/sbin/varnishd" // not in every user's search path
	}
	cache, err := Start(Command{
		Name:  "varnishd",
		Path:  program,
		Args:  []string{"-F", "-n", home, "-a", f.CacheAddress(), "-T", "none", "-s", "malloc,64M", "-j", "none", "-f", vcl},
		Log:   filepath.Join(f.LogDir(), "varnish.log"),
		Forks: true,
	})
	if err != nil {
		return err
	}
	f.cache = cache
	return cache.awaitReady(ctx, 30*time.Second, func(ctx context.Context) bool { return listening(ctx, f.CacheAddress()) })
}

// StopWeb kills PHP's server, as a machine that fails would, and waits until the wikis refuse
// connections: a worker that is being killed would still accept one and reset it.
func (f *Farm) StopWeb(ctx context.Context) error {
	if f.web == nil {
		return nil
	}
	f.web.Kill()
	f.web = nil
	return UntilIn(ctx, 10*time.Second, "the last PHP worker to end", func(ctx context.Context) (bool, string, error) {
		return !listening(ctx, f.WebAddress()), "it accepts connections", nil
	})
}

// Close ends the farm's servers. The files stay.
func (f *Farm) Close() {
	if f.web != nil {
		f.web.Kill()
		f.web = nil
	}
	if f.cache != nil {
		f.cache.Kill()
		f.cache = nil
	}
}

func portTaken(address string) error {
	return errors.Join(fmt.Errorf("something else already listens on %s", address),
		errors.New("stop it, or choose another port"))
}
