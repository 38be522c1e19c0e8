package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"auwai/internal/bench"
	"auwai/test/rig"
)

const root = "/usr/share/mediawiki"

// wiki is the wiki under measurement, with its two web servers.
type wiki struct {
	dir      string
	wiki     *rig.Wiki
	settings [2]string // with the extensions; with MediaWiki's own queue
	ports    [2]int
	webs     [2]*rig.Process
	ext      string
}

// Settings over those of the farm. Both caches are the database's: scripts and web servers share it.
const withExtensions = `<?php
require __DIR__ . '/settings.php';
$wgMainCacheType = CACHE_DB;
%s`

const ofCore = `<?php
putenv( 'RIG_PLAIN=1' );
require __DIR__ . '/settings.php';
$wgMainCacheType = CACHE_DB;
`

const eventBus = `wfLoadExtension( 'EventBus', %q );
$wgEnableEventBus = 'TYPE_NONE';
$wgEventBusEnableRunJobAPI = true;
`

func makeWiki(ctx context.Context, dir, sink, eventbus string) (*wiki, error) {
	module, err := rig.ModuleRoot()
	if err != nil {
		return nil, err
	}
	w := &wiki{dir: dir, ext: filepath.Join(module, "extension", "Auwai")}
	farm, err := rig.NewFarm(ctx, rig.Options{Dir: dir, Wikis: []string{wikiName}, Pages: pages, Extension: w.ext, AuwaiURL: sink})
	if err != nil {
		return nil, err
	}
	w.wiki = farm.Wiki(wikiName)
	more := ""
	if eventbus != "" {
		folder, err := filepath.Abs(eventbus)
		if err != nil {
			return nil, err
		}
		more = fmt.Sprintf(eventBus, filepath.Join(folder, "extension.json"))
	}
	for i, text := range []string{fmt.Sprintf(withExtensions, more), ofCore} {
		w.settings[i] = filepath.Join(dir, []string{"extensions.php", "core.php"}[i])
		if err := os.WriteFile(w.settings[i], []byte(text), 0o600); err != nil {
			return nil, err
		}
		if w.ports[i], err = rig.FreePort(); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// start starts the web servers and waits until the wiki answers on both.
func (w *wiki) start(ctx context.Context, workers int) (err error) {
	for i := range w.webs {
		w.webs[i], err = rig.Start(rig.Command{
			Name: "php-" + strconv.Itoa(i), Path: "php",
			Args: []string{
				"-d", "opcache.validate_timestamps=0", "-d", "opcache.max_accelerated_files=10000", "-d", "memory_limit=512M",
				"-d", "display_errors=0", "-d", "log_errors=1", "-d", "error_log=" + w.log(),
				"-S", w.address(i), "-t", w.dir, filepath.Join(w.dir, "router.php"),
			},
			Env: []string{
				"MW_INSTALL_PATH=" + root, "MW_CONFIG_FILE=" + w.settings[i], "PHP_CLI_SERVER_WORKERS=" + strconv.Itoa(workers),
			},
			Log: filepath.Join(w.dir, "logs", "web-"+strconv.Itoa(i)+".log"), Forks: true,
		})
		if err != nil {
			return err
		}
		err = rig.UntilIn(ctx, 30*time.Second, "the wiki to answer", func(ctx context.Context) (bool, string, error) {
			return w.answers(ctx, i), "it does not", nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *wiki) answers(ctx context.Context, i int) bool {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.address(i)+rig.ScriptPath+"/api.php?action=query&format=json", http.NoBody)
	if err != nil {
		return false
	}
	q.Host = w.wiki.Host
	client := &http.Client{Timeout: 20 * time.Second}
	resp, err := client.Do(q)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func (w *wiki) address(i int) string { return "127.0.0.1:" + strconv.Itoa(w.ports[i]) }

func (w *wiki) log() string { return filepath.Join(w.dir, "logs", "php-errors.log") }

func (w *wiki) stop() {
	for _, web := range w.webs {
		if web != nil {
			web.Kill()
		}
	}
}

// describe tells the benchmark where the wiki is.
func (w *wiki) describe(o *bench.MediaWikiOptions, withEventBus bool) {
	o.Path, o.Script = root, filepath.Join(w.ext, "maintenance", "worker.php")
	o.Args = []string{"--conf=" + w.settings[0], "--wiki=" + wikiName}
	o.PlainArgs = []string{"--conf=" + w.settings[1], "--wiki=" + wikiName}
	o.URL, o.PlainURL = "http://"+w.address(0), "http://"+w.address(1)
	o.ScriptPath, o.Host = rig.ScriptPath, w.wiki.Host
	o.Secret, o.Key = []byte(w.wiki.Secret), []byte(w.wiki.Secret)
	o.WebPID, o.PlainWebPID = w.webs[0].Pid(), w.webs[1].Pid()
	for n := range pages {
		o.Pages = append(o.Pages, "Page "+strconv.Itoa(n+1))
	}
	if !withEventBus && o.Kinds == nil {
		for _, kind := range bench.Kinds() {
			if kind != bench.KindEventBus {
				o.Kinds = append(o.Kinds, kind)
			}
		}
	}
}

// lastWords are the ends of the logs.
func (w *wiki) lastWords() string {
	var out strings.Builder
	for _, file := range []string{w.log(), w.wiki.LogFile} {
		text, err := os.ReadFile(file)
		if err == nil && len(text) > 0 {
			fmt.Fprintf(&out, "--- %s\n%s", filepath.Base(file), text[max(0, len(text)-2000):])
		}
	}
	return out.String()
}
