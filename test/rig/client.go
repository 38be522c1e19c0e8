package rig

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"
)

// maxPageBytes bounds what is read of one answer.
const maxPageBytes = 8 << 20

// Page is a page as an anonymous reader got it through the cache.
type Page struct {
	Body   string
	Status int
	Hit    bool // it came from the cache
}

// Read reads a page as an anonymous reader does, through the cache.
func (w *Wiki) Read(ctx context.Context, title string) (Page, error) {
	return w.fetch(ctx, w.farm.CacheAddress(), "/wiki/"+url.PathEscape(strings.ReplaceAll(title, " ", "_")))
}

// ReadUncached reads a page from MediaWiki itself.
func (w *Wiki) ReadUncached(ctx context.Context, title string) (Page, error) {
	return w.fetch(ctx, w.farm.WebAddress(), "/wiki/"+url.PathEscape(strings.ReplaceAll(title, " ", "_")))
}

// fetch gets a path of this wiki from a server that is chosen by its address.
func (w *Wiki) fetch(ctx context.Context, address, path string) (Page, error) {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return Page{}, fmt.Errorf("read %s of %s: %w", path, w.Name, err)
	}
	request.Host = w.Host
	page, err := ask(request)
	if err != nil {
		return page, fmt.Errorf("read %s of %s: %w", path, w.Name, err)
	}
	return page, nil
}

// ask sends a request; a status other than 200 is an error beside the page.
func ask(request *http.Request) (Page, error) {
	response, err := readers.Do(request)
	if err != nil {
		return Page{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxPageBytes))
	if err != nil {
		return Page{}, err
	}
	page := Page{Body: string(body), Status: response.StatusCode, Hit: response.Header.Get("X-Cache") == "hit"}
	if page.Status != http.StatusOK {
		return page, fmt.Errorf("status %d: %s", page.Status, firstWords(page.Body))
	}
	return page, nil
}

// readers is the anonymous readers' client: no cookies, no redirects followed.
var readers = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func firstWords(body string) string { return strings.TrimSpace(body[:min(len(body), 300)]) }

// Editor is a logged-in account on one wiki. Use it from one goroutine at a time. Its calls return
// when MediaWiki has done everything that belongs to the request, also what it does after it
// answered: by then all jobs of an edit have been pushed.
type Editor struct {
	wiki  *Wiki
	jar   http.CookieJar
	token string
}

// Login opens a session of the rig's account. Edits go to MediaWiki directly, not to the cache.
func (w *Wiki) Login(ctx context.Context) (*Editor, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, fmt.Errorf("log in to %s: %w", w.Name, err)
	}
	editor := &Editor{wiki: w, jar: jar}
	var tokens struct {
		Query struct{ Tokens map[string]string }
	}
	if err := editor.call(ctx, url.Values{"action": {"query"}, "meta": {"tokens"}, "type": {"login"}}, &tokens); err != nil {
		return nil, err
	}
	var login struct {
		Login struct{ Result, Reason string }
	}
	err = editor.call(ctx, url.Values{
		"action": {"login"}, "lgname": {EditorName}, "lgpassword": {EditorPassword},
		"lgtoken": {tokens.Query.Tokens["logintoken"]},
	}, &login)
	if err != nil {
		return nil, err
	}
	if login.Login.Result != "Success" {
		return nil, fmt.Errorf("log in to %s: %s %s", w.Name, login.Login.Result, login.Login.Reason)
	}
	if err := editor.call(ctx, url.Values{"action": {"query"}, "meta": {"tokens"}}, &tokens); err != nil {
		return nil, err
	}
	editor.token = tokens.Query.Tokens["csrftoken"]
	return editor, nil
}

// Edit replaces the text of a page. It returns MediaWiki's id of the request, which all jobs that
// follow from it carry.
func (e *Editor) Edit(ctx context.Context, title, text string) (requestID string, err error) {
	return e.write(ctx, url.Values{"action": {"edit"}, "title": {title}, "text": {text}, "summary": {"by the rig"}})
}

// EditInner replaces the text that every page of the farm shows through the nested template. It
// begins with the next second: MediaWiki's times have no fractions, and a page that was rendered in
// the second in which the jobs of the edit run counts as fresh, whoever runs them.
func (e *Editor) EditInner(ctx context.Context, mark string) (requestID string, err error) {
	now := time.Now()
	Pause(ctx, now.Truncate(time.Second).Add(time.Second).Sub(now))
	return e.Edit(ctx, "Template:Inner", "<span class=\"rig\">"+mark+" {{{1|}}}</span>")
}

// Move renames a page and leaves a redirect.
func (e *Editor) Move(ctx context.Context, from, to string) (requestID string, err error) {
	return e.write(ctx, url.Values{"action": {"move"}, "from": {from}, "to": {to}})
}

// Delete deletes a page.
func (e *Editor) Delete(ctx context.Context, title string) (requestID string, err error) {
	return e.write(ctx, url.Values{"action": {"delete"}, "title": {title}})
}

func (e *Editor) write(ctx context.Context, values url.Values) (requestID string, err error) {
	values.Set("token", e.token)
	var answer struct {
		Edit struct{ Result string }
	}
	requestID, err = e.request(ctx, values, &answer)
	if err != nil {
		return "", err
	}
	if values.Get("action") == "edit" && answer.Edit.Result != "Success" {
		return "", fmt.Errorf("edit %s of %s: %q", values.Get("title"), e.wiki.Name, answer.Edit.Result)
	}
	return requestID, nil
}

func (e *Editor) call(ctx context.Context, values url.Values, answer any) error {
	_, err := e.request(ctx, values, answer)
	return err
}

// request makes one API request and decodes the answer; an API error is an error.
func (e *Editor) request(ctx context.Context, values url.Values, answer any) (requestID string, err error) {
	what := values.Get("action") + " on " + e.wiki.Name
	values.Set("format", "json")
	values.Set("formatversion", "2")
	request, err := http.NewRequestWithContext(ctx, http.MethodPost,
		"http://"+e.wiki.farm.WebAddress()+ScriptPath+"/api.php", strings.NewReader(values.Encode()))
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	request.Host = e.wiki.Host
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	status, header, body, err := exchange(ctx, e.wiki.farm.WebAddress(), e.jar, request)
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	var failure struct {
		Error *struct {
			Code string `json:"code"`
			Info string `json:"info"`
		} `json:"error"`
	}
	if err := json.Unmarshal(body, &failure); err != nil {
		return "", fmt.Errorf("%s: status %d, not JSON: %s", what, status, firstWords(string(body)))
	}
	if failure.Error != nil {
		return "", fmt.Errorf("%s: %s: %s", what, failure.Error.Code, failure.Error.Info)
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	return header.Get("X-Request-Id"), nil
}

// exchange sends one request on a connection of its own and returns when the server closed it, which
// PHP's server does at the end of the script. A common client is content with the answer's length,
// and would return while MediaWiki still pushes jobs.
func exchange(ctx context.Context, address string, jar http.CookieJar, request *http.Request) (status int, header http.Header, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	connection, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return 0, nil, nil, err
	}
	// A read or write under way ends with the connection, which ends with ctx.
	stop := context.AfterFunc(ctx, func() { _ = connection.Close() })
	defer stop()
	defer func() { err = errors.Join(err, connection.Close()) }()
	for _, cookie := range jar.Cookies(request.URL) {
		request.AddCookie(cookie)
	}
	request.Close = true
	if err := request.Write(connection); err != nil {
		return 0, nil, nil, err
	}
	reader := bufio.NewReader(connection)
	response, err := http.ReadResponse(reader, request)
	if err != nil {
		return 0, nil, nil, err
	}
	defer response.Body.Close()
	if body, err = io.ReadAll(io.LimitReader(response.Body, maxPageBytes)); err != nil {
		return 0, nil, nil, err
	}
	if _, err := io.Copy(io.Discard, reader); err != nil {
		return 0, nil, nil, err
	}
	jar.SetCookies(request.URL, response.Cookies())
	return response.StatusCode, response.Header, body, nil
}
