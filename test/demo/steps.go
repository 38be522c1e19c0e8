package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"auwai/test/rig"
)

// What is shown before and after the edit, and bounds of the demonstration.
const (
	oldText       = "The channel is dry."
	newText       = "The water has arrived."
	pagesPerWiki  = 200
	rebound       = "2s" // the second purge; longer on a farm whose databases lag
	readers       = 4
	cascadeWithin = 4 * time.Minute
)

var wikiNames = []string{"aawiki", "bbwiki"}

// demo is one run of the demonstration.
type demo struct {
	dir    string
	screen *screen
	binary func() (path string, err error) // waits for the build; set by startBuild

	cancelBuild context.CancelFunc // set by startBuild
	farm        *rig.Farm
	service     *rig.Service
	edited      time.Time // when the edits began
	settled     time.Time // when nothing was left to do
	fresh       time.Time // when the last page had been read with the new text
}

// run goes through the steps and returns the first that failed.
func (d *demo) run(ctx context.Context) error {
	d.screen.line("Auwai: two real wikis, one edit of a nested template, every page fresh through the cache.\n")
	d.startBuild(ctx)
	steps := []struct {
		name string
		do   func(context.Context) (result string, err error)
	}{
		{"Packages", d.packages},
		{"Wikis", d.makeWikis},
		{"Servers", d.startServers},
		{"Warm cache", d.warmCache},
		{"Edit", d.edit},
		{"Cascade", d.follow},
		{"Check", d.check},
	}
	for _, step := range steps {
		d.screen.start(step.name)
		result, err := step.do(ctx)
		if err != nil {
			d.screen.broken()
			return fmt.Errorf("%s: %w", strings.ToLower(step.name), err)
		}
		d.screen.done(result)
	}
	return d.summarise(ctx)
}

// startBuild builds auwai beside the first steps: with an empty build cache it takes a minute.
func (d *demo) startBuild(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	type built struct {
		path string
		err  error
	}
	result := make(chan built, 1)
	go func() {
		path, err := rig.Build(ctx, d.dir)
		result <- built{path, err}
	}()
	d.binary = sync.OnceValues(func() (string, error) {
		defer cancel()
		b := <-result
		return b.path, b.err
	})
	d.cancelBuild = cancel
}

// packages installs what is missing, after saying what that is.
func (d *demo) packages(ctx context.Context) (string, error) {
	missing, err := rig.Missing(ctx, demoPackages())
	if err != nil {
		return "", err
	}
	if len(missing) == 0 {
		return "all Debian packages are there", nil
	}
	d.screen.done("to be installed from Debian, with dependencies:")
	for some := range slices.Chunk(missing, 5) {
		d.screen.line(strings.Repeat(" ", stepWidth+3) + strings.Join(some, " "))
	}
	d.screen.start("")
	d.screen.state("installing")
	log, err := os.Create(filepath.Join(d.dir, "apt.log"))
	if err != nil {
		return "", err
	}
	err = d.whileWaiting("installing", func() error { return rig.Install(ctx, log, missing) })
	return fmt.Sprintf("%d packages installed", len(missing)), errors.Join(err, log.Close())
}

// makeWikis makes the wikis, and waits for the binary.
func (d *demo) makeWikis(ctx context.Context) (string, error) {
	root, err := rig.ModuleRoot()
	if err != nil {
		return "", err
	}
	port, err := rig.FreePort()
	if err != nil {
		return "", err
	}
	listen := "127.0.0.1:" + strconv.Itoa(port)
	err = d.whileWaiting("making databases and pages", func() (err error) {
		d.farm, err = rig.NewFarm(ctx, rig.Options{
			Dir: d.dir, Wikis: wikiNames, Pages: pagesPerWiki, Mark: oldText,
			Extension: filepath.Join(root, "extension", "Auwai"), AuwaiURL: "http://" + listen,
		})
		return err
	})
	if err != nil {
		return "", err
	}
	var binary string
	err = d.whileWaiting("building auwai", func() (err error) {
		binary, err = d.binary()
		return err
	})
	if err != nil {
		return "", err
	}
	d.service, err = rig.NewService(binary, d.dir, d.farm.ServiceConfig(listen, rig.RunnerAuwai, rebound))
	return fmt.Sprintf("%s made, %d pages each, auwai built", strings.Join(wikiNames, " and "), pagesPerWiki), err
}

func (d *demo) startServers(ctx context.Context) (string, error) {
	for _, start := range []func(context.Context) error{d.farm.StartWeb, d.farm.StartCache, d.service.Start} {
		if err := d.whileWaiting("starting MediaWiki, Varnish and auwai", func() error { return start(ctx) }); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("MediaWiki %s, Varnish %s, auwai %s",
		port(d.farm.WebAddress()), port(d.farm.CacheAddress()), port(d.service.Address())), nil
}

func port(address string) string { return address[strings.LastIndexByte(address, ':'):] }

// warmCache reads every page twice: the second time it has to come from the cache, with the old text.
func (d *demo) warmCache(ctx context.Context) (string, error) {
	_, wrong, err := d.readAll(ctx, oldText, "filled")
	if err != nil || len(wrong) > 0 {
		return "", errors.Join(err, wrongPages(wrong, oldText))
	}
	hits, wrong, err := d.readAll(ctx, oldText, "read again")
	if err != nil || len(wrong) > 0 {
		return "", errors.Join(err, wrongPages(wrong, oldText))
	}
	all := pagesPerWiki * len(wikiNames)
	if hits != all {
		return "", fmt.Errorf("%d of %d pages came from the cache at the second reading", hits, all)
	}
	return fmt.Sprintf("%d pages in the cache, all with the old text", all), nil
}

// edit changes the innermost template of each wiki.
func (d *demo) edit(ctx context.Context) (string, error) {
	editors := make([]*rig.Editor, 0, len(wikiNames))
	for _, wiki := range d.farm.Wikis() {
		editor, err := wiki.Login(ctx)
		if err != nil {
			return "", err
		}
		editors = append(editors, editor)
	}
	d.edited = time.Now()
	for _, editor := range editors {
		if _, err := editor.EditInner(ctx, newText); err != nil {
			return "", err
		}
	}
	return "Template:Inner now says " + strconv.Quote(newText), nil
}

// follow waits until nothing is left to do and shows the counts meanwhile.
func (d *demo) follow(ctx context.Context) (string, error) {
	text := ""
	err := d.service.AwaitIdle(ctx, cascadeWithin, func(rows []rig.Queue) {
		ready, delayed, running := 0, 0, 0
		for _, row := range rows {
			ready, delayed, running = ready+row.Ready, delayed+row.Delayed, running+row.Running
		}
		text = fmt.Sprintf("ready %d, delayed %d, running %d", ready, delayed, running)
		if done, err := d.doneSoFar(ctx); err == nil {
			text += fmt.Sprintf(", done %d", done)
		}
		d.screen.state(text)
	})
	d.settled = time.Now()
	return text, err
}

// check reads every page through the cache.
func (d *demo) check(ctx context.Context) (string, error) {
	_, wrong, err := d.readAll(ctx, newText, "read")
	if err != nil {
		return "", err
	}
	d.fresh = time.Now()
	if len(wrong) > 0 {
		return "", wrongPages(wrong, newText)
	}
	all := pagesPerWiki * len(wikiNames)
	return fmt.Sprintf("%d of %d pages show the new text", all, all), nil
}

// readAll reads every page of every wiki once through the cache. It returns how many came from the
// cache and which did not show the text alone.
func (d *demo) readAll(ctx context.Context, text, verb string) (hits int, wrong []string, err error) {
	var hit, done atomic.Int64
	var mu sync.Mutex // guards wrong
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	wait := func() error {
		for _, title := range d.farm.Pages() {
			for _, wiki := range d.farm.Wikis() {
				group.Go(func() error {
					page, err := wiki.Read(groupCtx, title)
					if err != nil {
						return err
					}
					if page.Hit {
						hit.Add(1)
					}
					if shown := shows(page.Body); shown != text {
						mu.Lock()
						wrong = append(wrong, fmt.Sprintf("%s/wiki/%s shows %q", wiki.Server, strings.ReplaceAll(title, " ", "_"), shown))
						mu.Unlock()
					}
					done.Add(1)
					return nil
				})
			}
		}
		return group.Wait()
	}
	err = d.whileWaitingFor(func() string { return fmt.Sprintf("%d pages %s", done.Load(), verb) }, wait)
	return int(hit.Load()), wrong, err
}

// shows returns which of the two texts a page shows; both or none is neither.
func shows(body string) string {
	switch hasOld, hasNew := strings.Contains(body, oldText), strings.Contains(body, newText); {
	case hasOld && !hasNew:
		return oldText
	case hasNew && !hasOld:
		return newText
	default:
		return ""
	}
}

// wrongPages is the error of pages that do not show what they should, or nil.
func wrongPages(wrong []string, text string) error {
	if len(wrong) == 0 {
		return nil
	}
	const most = 20
	shown := wrong[:min(len(wrong), most)]
	more := ""
	if len(wrong) > most {
		more = fmt.Sprintf("\n  and %d more", len(wrong)-most)
	}
	return fmt.Errorf("%d pages do not show %q:\n  %s%s", len(wrong), text, strings.Join(shown, "\n  "), more)
}

// whileWaiting shows the text with the time running until do is over.
func (d *demo) whileWaiting(text string, do func() error) error {
	return d.whileWaitingFor(func() string { return text }, do)
}

func (d *demo) whileWaitingFor(text func() string, do func() error) error {
	over := make(chan error, 1)
	go func() { over <- do() }()
	ticker := time.NewTicker(terminalPace)
	defer ticker.Stop()
	for {
		select {
		case err := <-over:
			return err
		case <-ticker.C:
			d.screen.state(text())
		}
	}
}

// reachable reports whether there is anything to leave running.
func (d *demo) reachable() bool { return d.service != nil && d.service.Running() }

// stayUp prints the addresses and waits for the end of ctx.
func (d *demo) stayUp(ctx context.Context) {
	d.screen.line("\nEverything is left running:")
	for _, wiki := range d.farm.Wikis() {
		d.screen.line(fmt.Sprintf("  %-10s %s/wiki/Page_1 (account %s, password %s)", wiki.Name, wiki.Server, rig.EditorName, rig.EditorPassword))
	}
	d.screen.line("  MediaWiki  http://" + d.farm.WebAddress() + " (without the cache; choose the wiki by the Host header)")
	d.screen.line("  auwai      " + d.service.URL() + " (try /v1/queues, /v1/jobs, /metrics)")
	d.screen.line("             AUWAI_SERVER=" + d.service.URL() + " " + filepath.Join(d.dir, "auwai") + " queues ls")
	d.screen.line("  logs       " + d.farm.LogDir())
	d.screen.line("Ctrl-C, or kill " + strconv.Itoa(os.Getpid()) + ", ends and removes it.")
	<-ctx.Done()
}

// close ends all processes, the build included.
func (d *demo) close() {
	d.cancelBuild()
	_, _ = d.binary() // its error has been reported, or nobody waited for it
	if d.service != nil {
		if err := d.service.Stop(); err != nil {
			d.screen.line(err.Error())
		}
	}
	if d.farm != nil {
		d.farm.Close()
	}
}
