package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"auwai/test/rig"
)

// browsedWithin bounds the whole look at the dashboard.
const browsedWithin = 2 * time.Minute

// looks are the ways in which each page is looked at.
type look struct {
	name          string
	width, height int64
	dark          bool
}

func looks() []look {
	return []look{{"wide-light", 1280, 900, false}, {"wide-dark", 1280, 900, true}, {"narrow-light", 360, 740, false}, {"narrow-dark", 360, 740, true}}
}

// Every page of the dashboard, in a real browser, light and dark, narrow and wide: nothing is wrong in
// the console, nothing overflows, every text can be read, and a push is seen without loading again.
// The screenshots are under artifacts/dashboard.
func TestTheDashboardInABrowser(t *testing.T) {
	rig.Need(t, "chromium")
	service := dashboardService(t)
	dead := fillDashboard(t, service)
	folder := screenshots(t)
	ctx, complaints := browser(t)
	for name, path := range dashboardPages(dead) {
		for _, l := range looks() {
			found, shot, err := lookAt(ctx, service.URL()+path, l)
			if err != nil {
				t.Fatalf("%s, %s: %v", name, l.name, err)
			}
			if err := os.WriteFile(filepath.Join(folder, name+"-"+l.name+".png"), shot, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, fault := range found {
				t.Errorf("%s, %s: %s", name, l.name, fault)
			}
		}
	}
	seesAPush(ctx, t, service)
	pausesAQueue(ctx, t, service)
	for _, text := range complaints() {
		t.Errorf("the browser complains: %s", text)
	}
}

// lookAt loads a page as a look says and returns what is wrong with it, and its picture.
func lookAt(ctx context.Context, url string, l look) (faults []string, shot []byte, err error) {
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme(l.dark)}}}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
		return nil, nil, fmt.Errorf("choose the colours: %w", err)
	}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(l.width, l.height), chromedp.Navigate(url), chromedp.WaitVisible(chromedp.CSS("main"))); err != nil {
		return nil, nil, fmt.Errorf("load the page: %w", err)
	}
	if faults, err = chromedp.Run(ctx, chromedp.Evaluate[[]string](faultsOfPage)); err != nil {
		return nil, nil, fmt.Errorf("look for faults: %w", err)
	}
	shot, err = chromedp.Run(ctx, chromedp.FullScreenshot(100))
	return faults, shot, err
}

func scheme(dark bool) string {
	if dark {
		return "dark"
	}
	return "light"
}

func screenshots(t *testing.T) string {
	t.Helper()
	root, err := rig.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(root, "artifacts", "dashboard")
	if err := os.MkdirAll(folder, 0o750); err != nil {
		t.Fatal(err)
	}
	return folder
}

// dashboardService runs a service whose queues end well, end badly, and take long.
func dashboardService(t *testing.T) *rig.Service {
	t.Helper()
	dir := t.TempDir()
	binary, err := rig.Build(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	command := func(argv ...string) rig.QueueConfig {
		return rig.QueueConfig{Runner: "command", Command: argv, Attempts: 1}
	}
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("a secret of thirty-two characters"), 0o600); err != nil {
		t.Fatal(err)
	}
	service, err := rig.NewService(binary, dir, rig.ServiceConfig{
		Data: "auwai-data",
		Wikis: map[string]rig.WikiConfig{
			"enwiki": {URL: "http://127.0.0.1:9", Host: "en.example.org", Runner: rig.RunnerAuwai, SecretFile: secret},
			"dewiki": {URL: "http://127.0.0.1:9", Host: "de.example.org", Runner: rig.RunnerAuwai, SecretFile: secret},
		},
		Queues: map[string]rig.QueueConfig{
			"thumbnails": command("/bin/true"), "mail": command("/bin/sh", "-c", "echo 'the mail server said: 550 no such user' >&2; exit 1"),
			"export": command("/bin/sleep", "600"),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { showLogs(t, filepath.Join(dir, "logs")) })
	t.Cleanup(service.Kill)
	if err := service.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return service
}

type pushedJob struct {
	Queue     string         `json:"queue"`
	Wiki      string         `json:"wiki"`
	RequestID string         `json:"request_id,omitempty"`
	Payload   map[string]any `json:"payload"`
}

func pushJobs(t *testing.T, service *rig.Service, jobs ...pushedJob) {
	t.Helper()
	body, err := json.Marshal(jobs)
	if err != nil {
		t.Fatal(err)
	}
	if answer, _, err := service.PostJobs(t.Context(), body); err != nil || answer.Status != 201 {
		t.Fatalf("push: %v %+v", err, answer)
	}
}

// fillDashboard pushes work of all kinds and returns the id of a job that died.
func fillDashboard(t *testing.T, service *rig.Service) string {
	t.Helper()
	var jobs []pushedJob
	for n := range 40 {
		payload := map[string]any{"type": "refreshLinks", "title": fmt.Sprintf("Page %d <b>&amp;", n), "rootJobTimestamp": "20260102030405", "n": 9007199254740993}
		wiki := []string{"enwiki", "dewiki", "a_wiki_that_nobody_configured"}[n%3]
		jobs = append(jobs, pushedJob{"refreshLinks", wiki, "", payload}, pushedJob{"thumbnails", wiki, "", payload})
		if n%4 == 0 {
			jobs = append(jobs, pushedJob{"mail", wiki, "e5f1c3a0-request", payload}, pushedJob{"export", wiki, "", payload})
		}
	}
	pushJobs(t, service, jobs...)
	var id string
	err := rig.UntilIn(t.Context(), time.Minute, "dead mail", func(ctx context.Context) (bool, string, error) {
		dead, err := service.Jobs(ctx, url.Values{"state": {"dead"}, "queue": {"mail"}})
		if len(dead) > 0 {
			id = dead[0].ID
		}
		return len(dead) >= 10, fmt.Sprintf("%d dead", len(dead)), err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func dashboardPages(dead string) map[string]string {
	return map[string]string{
		"overview": "/", "queues": "/queues", "matrix": "/queues?view=matrix", "queue": "/queue?queue=refreshLinks",
		"pair": "/queue?queue=export&wiki=enwiki", "wikis": "/wikis", "wiki": "/wiki?wiki=enwiki", "jobs": "/jobs", "done": "/jobs?state=done&wiki=enwiki",
		"job": "/job?id=" + url.QueryEscape(dead), "dead": "/dead", "controls": "/controls", "signin": "/sign-in", "error": "/wiki?wiki=nowiki",
	}
}

// browser starts a browser that ends with the test. complaints returns what its console has.
func browser(t *testing.T) (ctx context.Context, complaints func() []string) {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()))
	ctx, cancel := context.WithTimeout(t.Context(), browsedWithin)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("start the browser: %v", err)
	}
	messages := chromedp.Console(ctx)
	var mu sync.Mutex
	var texts []string
	var reader sync.WaitGroup
	reader.Go(func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			serious := m.Type == chromedp.ConsoleError || m.Type == chromedp.ConsoleWarning || m.Type == chromedp.ConsoleException
			if serious && !strings.Contains(m.URL, "nowiki") { // asked for to see the page of an error
				mu.Lock()
				texts = append(texts, m.Text+" "+m.URL)
				mu.Unlock()
			}
		}
	})
	t.Cleanup(func() { cancel(); reader.Wait() })
	return ctx, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return texts
	}
}

// seesAPush has the overview open, pushes, and waits for the figures to change by themselves.
func seesAPush(ctx context.Context, t *testing.T, service *rig.Service) {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.Navigate(service.URL()+"/"), until(`document.getElementById('live-status').textContent === 'Live'`)); err != nil {
		t.Fatalf("the overview does not become live: %v", err)
	}
	before, err := chromedp.Run(ctx, chromedp.Evaluate[string](`window.sameDocument = true, document.querySelector('dd[data-figure="ready"]').textContent`))
	if err != nil {
		t.Fatal(err)
	}
	pushJobs(t, service, pushedJob{"aQueueThatIsNew", "nobody", "", map[string]any{"type": "null"}})
	if err := chromedp.Do(ctx,
		until(`document.querySelector('dd[data-figure="ready"]').textContent !== `+fmt.Sprintf("%q", before)),
		until(`document.querySelector('[data-queue="aQueueThatIsNew"]') !== null`),
		until(`window.sameDocument === true`),
	); err != nil {
		t.Fatalf("the push is not seen: %v", err)
	}
}

// until waits until an expression is true.
func until(expression string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Run(ctx, chromedp.Poll[bool](expression))
		return err
	})
}

// pausesAQueue sends a form as a person does whose browser runs no script: marks and cookies included.
func pausesAQueue(ctx context.Context, t *testing.T, service *rig.Service) {
	t.Helper()
	script := func(off bool) {
		if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: off}); err != nil {
			t.Fatal(err)
		}
	}
	script(true)
	err := chromedp.Do(ctx,
		chromedp.Navigate(service.URL()+"/queue?queue=export"),
		chromedp.SendKeys(chromedp.CSS(`input[name="reason"]`), "the disk is full"),
		chromedp.Click(chromedp.CSS(`button[value="pause"]`)),
		chromedp.WaitVisible(chromedp.CSS(`button[value="resume"]`)),
	)
	script(false)
	if err != nil {
		t.Fatalf("pause: %v", err)
	}
	if words, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("main"))); err != nil || !strings.Contains(words, "the disk is full") {
		t.Fatalf("pause: %v: %s", err, words)
	}
}

// faultsOfPage finds what is wrong with a page as it is drawn: it is wider than the window, or a text
// has less contrast than 4.5:1 to what is behind it (WCAG 2.2, 1.4.3).
const faultsOfPage = `(() => {
	const faults = [];
	const root = document.documentElement;
	if (root.scrollWidth > root.clientWidth) {
		faults.push('it is ' + root.scrollWidth + ' wide in a window of ' + root.clientWidth);
	}
	const parse = (text) => { const n = text.match(/[\d.]+/g).map(Number); return { r: n[0], g: n[1], b: n[2], a: n.length > 3 ? n[3] : 1 }; };
	const part = (v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4); };
	const light = (c) => 0.2126 * part(c.r) + 0.7152 * part(c.g) + 0.0722 * part(c.b);
	const behind = (e) => {
		for (; e; e = e.parentElement) {
			const c = parse(getComputedStyle(e).backgroundColor);
			if (c.a === 1) { return c; }
		}
		return { r: 255, g: 255, b: 255 };
	};
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	const seen = new Set();
	while (walker.nextNode()) {
		const e = walker.currentNode.parentElement;
		if (!walker.currentNode.textContent.trim() || seen.has(e) || !e.checkVisibility()) { continue; }
		seen.add(e);
		const a = light(parse(getComputedStyle(e).color)), b = light(behind(e));
		const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (contrast < 4.5) {
			faults.push('"' + e.textContent.trim().slice(0, 40) + '" has a contrast of ' + contrast.toFixed(2) + ':1 (' + e.tagName + '.' + e.className + ')');
		}
	}
	return faults;
})()`
