package mwrunner

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // MediaWiki signs with it
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"auwai/internal/jobqueue"
	"auwai/internal/runner"
)

// RunJobs is one request to a wiki's Special:RunJobs.
type RunJobs struct {
	MaxJobs   int           // the wiki stops after so many jobs; 0: DefaultRunJobs
	MaxTime   time.Duration // it starts no further job after this, in whole seconds; 0: DefaultBatchTime
	Fence     uint64        // epoch of the partition's owner
	RequestID string
}

// Ran is what a wiki did in answer to a RunJobs.
type Ran struct {
	Jobs       int
	Failed     int
	FirstError string // of the first that failed: its type and its error
	Reached    string // MediaWiki's word for why it stopped, such as none-ready
	// More says that it stopped although jobs are left.
	More bool
	// Again is when jobs are ready that MediaWiki's own throttle keeps back now; zero: none are.
	Again time.Time
}

// RunJobs has a wiki of kind SpecialRunJobs run jobs of its own table, by its special page of this
// name (MediaWiki's class SpecialRunJobs, there since 1.23). known is false when ctx was cancelled and
// nothing is known. No answer speaks of a job of ours: what the wiki refuses is the service's address
// or secret, so it holds the wiki, with the remedy. Safe for concurrent use.
func (c *Client) RunJobs(ctx context.Context, name string, q RunJobs) (ran Ran, res runner.Result, known bool) {
	wiki, ok := c.wikis(name)
	switch {
	case !ok:
		return Ran{}, hold(fmt.Sprintf("the wiki %q is not configured", name)), true
	case wiki.Kind != SpecialRunJobs:
		return Ran{}, runner.Done(""), true // its jobs are here: nothing is to do
	case len(wiki.Secret) == 0:
		return Ran{}, hold("the wiki's $wgSecretKey is not configured: set secret_file"), true
	}
	now := c.now()
	resp, none := c.post(ctx, wiki, call{
		address: entryPoint(wiki, "/index.php"), form: true, body: q.encode(wiki.Secret, now), fence: q.Fence, requestID: q.RequestID,
	})
	if none != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			return Ran{}, runner.Result{}, false
		}
		return Ran{}, none.verdict(ctx, runner.Work{}).result, true
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxRunAnswer+1))
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return Ran{}, runner.Result{}, false
	case err != nil && ctx.Err() != nil:
		res = timedOut(late(runner.Work{}))
		res.Class = runner.ClassTimeout
		return Ran{}, res, true
	case err != nil && resp.StatusCode == http.StatusOK:
		return Ran{}, broke("the answer broke off: " + plain(err.Error())), true
	case resp.StatusCode == http.StatusOK:
		ran, res = readRan(body, now)
		return ran, res, true
	}
	res = judgeRunJobs(resp.StatusCode, resp.Header, pageText(body))
	if res.Outcome == jobqueue.OutcomeFailed {
		res.RetryAfter, res.Class = retryAfter(resp.Header, c.now), strconv.Itoa(resp.StatusCode)
	}
	return Ran{}, res, true
}

// encode writes the form. MediaWiki signs the parameters that it knows, but for the signature, in
// the order of their names and encoded as a form: the text that url.Values writes.
func (q RunJobs) encode(secret []byte, now time.Time) []byte {
	form := url.Values{
		"title": {"Special:RunJobs"}, "tasks": {"jobs"}, "async": {"0"}, "stats": {"1"},
		"maxjobs":   {strconv.Itoa(cmp.Or(q.MaxJobs, DefaultRunJobs))},
		"maxtime":   {strconv.Itoa(max(1, int(cmp.Or(q.MaxTime, DefaultBatchTime)/time.Second)))},
		"sigexpiry": {strconv.FormatInt(now.Add(runJobsExpiry).Unix(), 10)},
	}
	form.Set("signature", signForm(secret, form))
	return []byte(form.Encode())
}

// signForm returns the signature of a request to Special:RunJobs: hex HMAC-SHA1 of the encoded form.
func signForm(secret []byte, form url.Values) string {
	mac := hmac.New(sha1.New, secret)
	mac.Write([]byte(form.Encode()))
	return hex.EncodeToString(mac.Sum(nil))
}

// readRan reads the answer 200, the statistics of MediaWiki's class JobRunner.
func readRan(body []byte, now time.Time) (Ran, runner.Result) {
	if len(body) > maxRunAnswer {
		return Ran{}, failed("the wiki answered with more text than the results of jobs have")
	}
	if len(body) == 0 {
		return Ran{}, died("the wiki answered 200 with an empty body: a job called exit(), or PHP died")
	}
	var reply struct {
		Jobs []struct {
			Type   string          `json:"type"`
			Status string          `json:"status"`
			Error  json.RawMessage `json:"error"`
		} `json:"jobs"`
		Reached  string          `json:"reached"`
		Backoffs json.RawMessage `json:"backoffs"`
	}
	if err := json.Unmarshal(body, &reply); err != nil || reply.Reached == "" {
		return Ran{}, failed("the wiki answered 200 with something else than the results of jobs; is there a MediaWiki at this address? " +
			quote([]byte(pageText(body))))
	}
	ran := Ran{Jobs: len(reply.Jobs), Reached: plain(cutAt(reply.Reached, maxQuote)), Again: earliest(reply.Backoffs, now)}
	for _, job := range reply.Jobs {
		if job.Status == "ok" {
			continue
		}
		if ran.Failed++; ran.Failed == 1 {
			ran.FirstError = plain(cutAt(job.Type, maxQuote)) + with(cut(plain(textOf(orNull(job.Error)))))
		}
	}
	return ran.judge()
}

// earliest returns when the first of MediaWiki's back-offs ends: a map of job types to Unix seconds,
// or, since it is PHP's, an empty list.
func earliest(backoffs json.RawMessage, now time.Time) time.Time {
	var until map[string]float64
	if json.Unmarshal(orNull(backoffs), &until) != nil {
		return time.Time{}
	}
	var first time.Time
	for _, seconds := range until {
		wait := min(max(seconds-float64(now.Unix()), 0), maxRetryAfter.Seconds())
		if at := now.Add(time.Duration(wait * float64(time.Second))); first.IsZero() || at.Before(first) {
			first = at
		}
	}
	return first
}

// judge turns MediaWiki's word for why it stopped into an outcome. Jobs that failed are MediaWiki's
// to try again: it keeps them claimed, for an hour as it is delivered.
func (r Ran) judge() (Ran, runner.Result) {
	switch r.Reached {
	case "read-only":
		return r, holdDB("the wiki is read-only")
	case "replica-lag-limit":
		return r, holdDB("the wiki's database replicas lag behind")
	case "exception":
		return r, failed("the wiki lost the connection to its database while it ran jobs" + with(r.FirstError))
	case "none-possible":
		return r, failed("the wiki knows no types of jobs (none-possible)")
	case "none-ready":
	default: // job-limit, time-limit, memory-limit
		r.More = r.Jobs > 0
	}
	res := runner.Done("")
	res.Message = fmt.Sprintf("%d jobs ran, %s", r.Jobs, r.Reached)
	if r.Failed > 0 {
		res.Error = cut(fmt.Sprintf("%d of %d jobs failed, MediaWiki will try them again; the first: %s", r.Failed, r.Jobs, r.FirstError))
	}
	return r, res
}

// judgeRunJobs judges an answer other than 200. text is its page's.
func judgeRunJobs(status int, header http.Header, text string) runner.Result {
	lower, said := strings.ToLower(text), with(quote([]byte(text)))
	code := strconv.Itoa(status)
	switch {
	case status == http.StatusLocked, isReadOnly(header), strings.Contains(lower, "dbreadonlyerror"):
		return holdDB("the wiki is read-only" + said)
	case status == http.StatusBadRequest && strings.Contains(lower, "signature"):
		return hold("the wiki refuses the signature of the service's requests (400). Compare secret_file with $wgSecretKey, " +
			"and both clocks; host may lead to another wiki" + said)
	case status >= 300 && status < 400:
		return hold("the wiki redirects (" + code + ") to " + cmp.Or(quote([]byte(header.Get("Location"))), "nowhere") +
			": redirects are not followed; set url, host and script_path so that they are not needed")
	case status == http.StatusNotFound:
		return hold("there is no index.php of a wiki at this address (404). Correct url, script_path and host" + said)
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return hold("the wiki's web server denies the service its index.php (" + code + "). Allow this machine's address, " +
			"or put user and password into the wiki's url" + said)
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests:
		return failed("the wiki's server took no request (" + code + ")" + said)
	case status >= 400 && status < 500:
		return hold("the wiki refused the request (" + code + "). It would do so again; correct the cause" + said)
	case status == http.StatusInternalServerError:
		return failed("PHP died or threw while the wiki ran its jobs (500); its error log says more" + said)
	case status == http.StatusGatewayTimeout:
		return failed("the web server before the wiki gave up waiting (504); the wiki may still be running jobs" + said)
	}
	return failed("the wiki's server does not answer as Special:RunJobs does (" + code + ")" + said)
}
