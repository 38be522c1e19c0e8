package rig

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// mediaWikiRoot is where Debian's package puts MediaWiki's code.
const mediaWikiRoot = "/usr/share/mediawiki"

// Account that the rig edits with, on every wiki.
const (
	EditorName     = "RigBot"
	EditorPassword = "seven-taro-fields-and-one-spring"
)

// ScriptPath is where the entry points of every wiki are.
const ScriptPath = "/w"

// Options say what farm to make. Dir and Wikis are required.
type Options struct {
	Dir       string          // everything is made under this folder; it must exist
	Wikis     []string        // database names; the host of each is NAME.localhost
	Pages     int             // pages per wiki that use the nested template; default 200
	Mark      string          // the text that Template:Inner shows at first; default "first-mark"
	Extension string          // folder of the Auwai extension; empty: MediaWiki's own queue and purging
	AuwaiURL  string          // base URL of the service, for the extension
	WebPort   int             // PHP's server; 0: a free one
	CachePort int             // Varnish; 0: a free one
	Workers   int             // PHP workers, default 4
	Feeds     map[string]Feed // by wiki: where it tells of its changes
	// Purges says, by wiki without the extension, where it sends its purges; the others purge Varnish.
	Purges map[string]Purges
}

// Purges are two of MediaWiki's settings, each an address "host:port" or empty.
type Purges struct {
	Server string `json:"server"` // the only one of $wgCdnServers
	HTCP   string `json:"htcp"`   // the only one of $wgHTCPRouting
}

// Feed is an entry of MediaWiki's $wgRCFeeds.
type Feed struct {
	URI       string `json:"uri"`       // udp://127.0.0.1:PORT, or with /PREFIX
	Formatter string `json:"formatter"` // a class, such as JSONRCFeedFormatter
}

// Farm is a set of real wikis. Its methods may be called concurrently, except Close.
type Farm struct {
	options Options
	wikis   []*Wiki
	web     *Process
	cache   *Process
}

// Wiki is one site of a farm.
type Wiki struct {
	Name   string // database name
	Host   string // without port
	Server string // $wgServer: scheme, host and the cache's port
	Secret string // $wgSecretKey

	SecretFile   string // holds Secret
	ReadOnlyFile string // while it exists and is not empty, the wiki is read-only; its text is the reason
	LogFile      string // errors and exceptions of MediaWiki
	dataDir      string
	farm         *Farm
}

// NewFarm makes the wikis on disk, side by side: their databases, accounts and pages. It starts no
// server. It takes about ten seconds for two wikis of 200 pages on two cores.
func NewFarm(ctx context.Context, options Options) (*Farm, error) {
	farm, err := layFarm(options)
	if err != nil {
		return nil, fmt.Errorf("make a farm: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, wiki := range farm.wikis {
		group.Go(func() error {
			if err := wiki.make(ctx); err != nil {
				return fmt.Errorf("make %s: %w", wiki.Name, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return farm, nil
}

// layFarm fills in what the options leave open and writes the files that all wikis share.
func layFarm(options Options) (*Farm, error) {
	if options.Pages == 0 {
		options.Pages = 200
	}
	if options.Mark == "" {
		options.Mark = "first-mark"
	}
	if options.Workers == 0 {
		options.Workers = 4
	}
	var errs [2]error
	if options.WebPort == 0 {
		options.WebPort, errs[0] = FreePort()
	}
	if options.CachePort == 0 {
		options.CachePort, errs[1] = FreePort()
	}
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(options.Dir)
	if err != nil {
		return nil, err
	}
	options.Dir = dir
	farm := &Farm{options: options}
	for _, name := range options.Wikis {
		wiki, err := farm.layWiki(name)
		if err != nil {
			return nil, err
		}
		farm.wikis = append(farm.wikis, wiki)
	}
	return farm, farm.writeSettings()
}

func (f *Farm) layWiki(name string) (*Wiki, error) {
	home := filepath.Join(f.options.Dir, name)
	wiki := &Wiki{
		Name:         name,
		Host:         name + ".localhost",
		Server:       fmt.Sprintf("http://%s.localhost:%d", name, f.options.CachePort),
		SecretFile:   filepath.Join(f.options.Dir, "secrets", name),
		ReadOnlyFile: filepath.Join(home, "read-only"),
		LogFile:      filepath.Join(f.options.Dir, "logs", name+".log"),
		dataDir:      filepath.Join(home, "data"),
		farm:         f,
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	wiki.Secret = hex.EncodeToString(secret)
	for _, folder := range []string{
		wiki.dataDir, filepath.Join(home, "cache"), filepath.Join(home, "spool"),
		filepath.Dir(wiki.SecretFile), filepath.Dir(wiki.LogFile),
	} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return nil, err
		}
	}
	return wiki, os.WriteFile(wiki.SecretFile, []byte(wiki.Secret+"\n"), 0o600)
}

// Wikis returns the farm's wikis in the order of the options.
func (f *Farm) Wikis() []*Wiki { return f.wikis }

// Wiki returns the wiki of this database name, or nil.
func (f *Farm) Wiki(name string) *Wiki {
	for _, wiki := range f.wikis {
		if wiki.Name == name {
			return wiki
		}
	}
	return nil
}

// Pages returns the titles of the pages that use the nested template.
func (f *Farm) Pages() []string {
	titles := make([]string, f.options.Pages)
	for n := range titles {
		titles[n] = fmt.Sprintf("Page %d", n+1)
	}
	return titles
}

// LogDir returns the folder of all logs.
func (f *Farm) LogDir() string { return filepath.Join(f.options.Dir, "logs") }

// make installs one wiki and fills it.
func (w *Wiki) make(ctx context.Context) error {
	nowhere := filepath.Join(w.dataDir, "..", "no-settings-yet.php")
	err := w.php(ctx, []string{"MW_CONFIG_FILE=" + nowhere}, mediaWikiRoot+"/maintenance/install.php",
		"--dbtype", "sqlite", "--dbpath", w.dataDir, "--dbname", w.Name,
		"--server", w.Server, "--scriptpath", ScriptPath, "--confpath", filepath.Dir(w.dataDir),
		"--lang", "en", "--pass", EditorPassword, w.Name, "RigAdmin")
	if err != nil {
		return err
	}
	if w.farm.options.Extension != "" {
		// The tables of the extension.
		if err := w.Script(ctx, mediaWikiRoot+"/maintenance/update.php", "--quick"); err != nil {
			return err
		}
	}
	return w.php(ctx, []string{"MW_CONFIG_FILE=" + w.farm.settingsFile(), "RIG_PLAIN=1"},
		filepath.Join(w.farm.options.Dir, "fill.php"), "--wiki="+w.Name,
		fmt.Sprintf("--pages=%d", w.farm.options.Pages), "--user="+EditorName,
		"--password="+EditorPassword, "--text="+w.farm.options.Mark)
}

// Script runs a maintenance script of MediaWiki on this wiki.
func (w *Wiki) Script(ctx context.Context, script string, args ...string) error {
	return w.php(ctx, []string{"MW_CONFIG_FILE=" + w.farm.settingsFile()}, script,
		append([]string{"--wiki=" + w.Name}, args...)...)
}

// RunJobs runs the jobs of MediaWiki's own queue in the web server, whose memory the readers see.
func (w *Wiki) RunJobs(ctx context.Context) error {
	values := url.Values{
		"async": {"0"}, "maxjobs": {"5000"}, "maxtime": {"120"}, "stats": {"1"}, "tasks": {"jobs"},
		"title": {"Special:RunJobs"}, "sigexpiry": {strconv.FormatInt(time.Now().Add(time.Minute).Unix(), 10)},
	}
	values.Set("signature", sign([]byte(values.Encode()), w.Secret)) // encoded, sorted by name
	request, err := http.NewRequestWithContext(ctx, http.MethodPost,
		"http://"+w.farm.WebAddress()+ScriptPath+"/index.php", strings.NewReader(values.Encode()))
	if err != nil {
		return fmt.Errorf("run jobs of %s: %w", w.Name, err)
	}
	request.Host = w.Host
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	page, err := ask(request)
	if err == nil && !strings.Contains(page.Body, `"reached":"none-ready"`) {
		err = errors.New(firstWords(page.Body))
	}
	if err != nil {
		return fmt.Errorf("run jobs of %s: %w", w.Name, err)
	}
	return nil
}

// SetReadOnly makes the wiki read-only for the reason, or writable again if the reason is empty.
func (w *Wiki) SetReadOnly(reason string) error {
	if reason != "" {
		return os.WriteFile(w.ReadOnlyFile, []byte(reason), 0o644)
	}
	if err := os.Remove(w.ReadOnlyFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// spooledLine is a line of the extension's spool.php, which counts what waits for the service.
var spooledLine = regexp.MustCompile(`(?m)^(?:table|file):\s+(\d+) waiting`)

// Spooled returns how many items wait in the wiki for the service.
func (w *Wiki) Spooled(ctx context.Context) (int, error) {
	out, err := w.output(ctx, []string{"MW_CONFIG_FILE=" + w.farm.settingsFile()},
		filepath.Join(w.farm.options.Extension, "maintenance", "spool.php"), "--wiki="+w.Name)
	if err != nil {
		return 0, err
	}
	lines := spooledLine.FindAllStringSubmatch(out, -1)
	if len(lines) == 0 {
		return 0, fmt.Errorf("spool.php of %s counts nothing: %s", w.Name, out)
	}
	sum := 0
	for _, line := range lines {
		count, err := strconv.Atoi(line[1])
		if err != nil {
			return 0, fmt.Errorf("spool.php of %s: %w", w.Name, err)
		}
		sum += count
	}
	return sum, nil
}

// php runs one PHP script; its output is in the error if it fails.
func (w *Wiki) php(ctx context.Context, env []string, script string, args ...string) error {
	_, err := w.output(ctx, env, script, args...)
	return err
}

func (w *Wiki) output(ctx context.Context, env []string, script string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "php", append([]string{script}, args...)...)
	command.Env = append(append(os.Environ(), "MW_INSTALL_PATH="+mediaWikiRoot), env...)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	out, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("php %s: %w\n%s", filepath.Base(script), err, lastLines(strings.TrimSpace(string(out)), 12))
	}
	return string(out), nil
}

// farmFile is what the settings read; see assets/settings.php.
type farmFile struct {
	Extension string              `json:"extension"`
	Auwai     string              `json:"auwai"`
	Hosts     map[string]string   `json:"hosts"`
	Wikis     map[string]farmWiki `json:"wikis"`
}

type farmWiki struct {
	Server       string `json:"server"`
	SecretFile   string `json:"secret_file"`
	ReadOnlyFile string `json:"read_only_file"`
	Data         string `json:"data"`
	Cache        string `json:"cache"`
	Spool        string `json:"spool"`
	Log          string `json:"log"`
	Feed         *Feed  `json:"feed"`
	Purges       Purges `json:"purges"`
}

func (f *Farm) settingsFile() string { return filepath.Join(f.options.Dir, "settings.php") }

// writeSettings writes the PHP files and what they read.
func (f *Farm) writeSettings() error {
	file := farmFile{
		Extension: f.options.Extension,
		Auwai:     f.options.AuwaiURL,
		Hosts:     map[string]string{},
		Wikis:     map[string]farmWiki{},
	}
	for _, wiki := range f.wikis {
		home := filepath.Dir(wiki.dataDir)
		file.Hosts[wiki.Host] = wiki.Name
		var feed *Feed
		if f, ok := f.options.Feeds[wiki.Name]; ok {
			feed = &f
		}
		purges, ok := f.options.Purges[wiki.Name]
		if !ok {
			purges.Server = f.CacheAddress()
		}
		file.Wikis[wiki.Name] = farmWiki{
			Server: wiki.Server, SecretFile: wiki.SecretFile, ReadOnlyFile: wiki.ReadOnlyFile,
			Data: wiki.dataDir, Cache: filepath.Join(home, "cache"),
			Spool: filepath.Join(home, "spool"), Log: wiki.LogFile, Feed: feed, Purges: purges,
		}
	}
	text, err := json.MarshalIndent(file, "", "\t")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(f.options.Dir, "farm.json"), text, 0o644); err != nil {
		return err
	}
	for _, name := range []string{"settings.php", "router.php", "rpc.php", "fill.php"} {
		if err := writeAsset(name, filepath.Join(f.options.Dir, name), nil); err != nil {
			return err
		}
	}
	return nil
}
