package mwrunner

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"auwai/internal/jobqueue"
	"auwai/internal/runner"
)

// reach says which jobs of a request a verdict speaks of.
type reach uint8

const (
	reachNone    reach = iota // none: those without a result keep none
	reachAll                  // all: the request was refused before a job ran
	reachSuspect              // the job that was running: the first without a result
	reachCulprit              // one of them, and which is not known: each has to be sent alone
)

// verdict is how a request as a whole ended.
type verdict struct {
	reach  reach
	result runner.Result
	status int // of the answer, 0 without one
}

// isReadOnly reports whether the answer says by its header that the wiki could not write. The
// runner script of large farms does so after it waited for the end of it.
func isReadOnly(h http.Header) bool {
	return strings.EqualFold(strings.TrimSpace(h.Get("X-Readonly")), "true")
}

// answer is an answer other than a plain 200, to be judged.
type answer struct {
	kind   Kind
	status int
	header http.Header
	body   []byte
	now    func() time.Time

	secretKnown, secretFits bool // of the event's signature, kind EventBus
}

// verdict judges the answer by the table in the package comment.
func (a answer) verdict() verdict {
	v := a.judge(readMessage(a.body))
	v.status = a.status
	if v.result.Outcome != jobqueue.OutcomeUncounted && v.result.Class == "" {
		v.result.Class = strconv.Itoa(a.status)
	}
	if v.result.Outcome != jobqueue.OutcomePermanent {
		v.result.RetryAfter = retryAfter(a.header, a.now)
	}
	return v
}

func (a answer) judge(m message) verdict {
	said := with(m.words())
	switch {
	case a.status == http.StatusLocked, isReadOnly(a.header):
		return verdict{reach: reachAll, result: holdDB("the wiki is read-only" + said)}
	case m.says("DBReadOnlyError"):
		return verdict{reach: reachAll, result: holdDB("the wiki's database is read-only" + said)}
	case a.status >= 300 && a.status < 400:
		return verdict{reach: reachAll, result: permanent(fmt.Sprintf(
			"the wiki redirects (%d) to %s: redirects are not followed; set url, host and script_path so that they are not needed",
			a.status, cmp.Or(quote([]byte(a.header.Get("Location"))), "nowhere")))}
	case a.status < 300:
		return verdict{reach: reachSuspect, result: failed(fmt.Sprintf(
			"the wiki answered %d, which is not the answer of a job's endpoint%s", a.status, said))}
	case a.status < 500:
		return a.judgeRefusal(m, said)
	}
	return a.judgeBreakdown(m, said)
}

// judgeRefusal judges the status codes 4xx.
func (a answer) judgeRefusal(m message, said string) verdict {
	switch a.status {
	case http.StatusBadRequest, http.StatusRequestURITooLong, http.StatusUnprocessableEntity:
		return verdict{reach: reachCulprit, result: permanent(fmt.Sprintf(
			"the wiki cannot make a job of this (%d)%s. An unknown type: enable its extension on the wiki, then retry", a.status, said))}
	case http.StatusRequestEntityTooLarge:
		return verdict{reach: reachCulprit, result: permanent(
			"the job is larger than the wiki's web server accepts (413)" + said +
				". Raise its body limit and PHP's post_max_size, then retry")}
	case http.StatusForbidden:
		return a.judgeForbidden(m, said)
	case http.StatusUnauthorized:
		return verdict{reach: reachAll, result: permanent("the wiki's web server asks for a password (401)" + said +
			". Exempt the service, or put user and password into the wiki's url, then retry")}
	case http.StatusNotFound:
		return verdict{reach: reachAll, result: permanent(a.notFound(m, said))}
	case http.StatusMethodNotAllowed, http.StatusUnsupportedMediaType:
		return verdict{reach: reachAll, result: permanent(fmt.Sprintf(
			"the wiki does not accept a POST of JSON (%d)%s. Something before MediaWiki changes the request, or url and "+
				"script_path lead elsewhere; correct it, then retry", a.status, said))}
	case http.StatusTooManyRequests:
		return verdict{reach: reachAll, result: failed("the wiki's server limits the rate of requests (429)" + said)}
	case http.StatusRequestTimeout, http.StatusTooEarly:
		return verdict{reach: reachSuspect, result: failed(fmt.Sprintf("the wiki's server gave up (%d)%s", a.status, said))}
	}
	return verdict{reach: reachAll, result: permanent(fmt.Sprintf(
		"the wiki refused the request (%d)%s. It would do so again; correct the cause, then retry", a.status, said))}
}

// judgeForbidden tells the reasons of 403 apart. Signatures are MediaWiki's own, over the event;
// with kind Auwai the signature is of the request, so it says nothing of the jobs.
func (a answer) judgeForbidden(m message, said string) verdict {
	if a.kind == EventBusRPC {
		return verdict{reach: reachAll, result: permanent("the web server denies the service the runner script (403)" + said +
			". Allow this machine's address there, then retry")}
	}
	if a.kind == Auwai {
		return verdict{reach: reachAll, result: hold("the wiki refuses the service's requests (403)" + said +
			". Compare secret_file with the extension's secret, and both clocks")}
	}
	var why string
	switch {
	case m.says("missing mediawiki signature"):
		why = "the event carries no signature: it was not pushed by the wiki's EventBus, or something on the way dropped mediawiki_signature"
	case m.says("invalid mediawiki signature") && a.secretKnown && a.secretFits:
		why = "the event is whole and signed with the configured secret, but the wiki that got it has another $wgSecretKey: " +
			"check host and url, they may lead to another wiki"
	case m.says("invalid mediawiki signature") && a.secretKnown:
		why = "the event's signature does not fit the configured secret: a wiki with another $wgSecretKey pushed it, " +
			"$wgSecretKey changed since, or the event was altered before it came here"
	case m.says("invalid mediawiki signature"):
		why = "the event's signature does not fit the wiki's $wgSecretKey: another wiki pushed it, the key changed since, " +
			"host leads to another wiki, or the event was altered before it came here"
	case m.says("rest-read-denied"):
		why = "the wiki is private and its REST API refuses who is not logged in, so EventBus's endpoint cannot be used: " +
			"install the Auwai extension and set runner: auwai"
	default:
		why = "the wiki or its web server denies the service the endpoint"
	}
	return verdict{reach: reachAll, result: permanent(why + " (403)" + said)}
}

// notFound says what is missing where, by kind.
func (a answer) notFound(m message, said string) string {
	if a.kind == EventBusRPC {
		return "there is no runner script at this address (404)" + said + ". Correct url, rpc_path and host, then retry"
	}
	extension := "EventBus"
	if a.kind == Auwai {
		extension = "Auwai"
	}
	if m.isJSON {
		return "the extension " + extension + " is not loaded on the wiki that answered (404)" + said +
			". Enable it there, or correct host, then retry"
	}
	return "there is no rest.php of a wiki at this address (404)" + said + ". Correct url, script_path and host, then retry"
}

// judgeBreakdown judges the status codes 5xx.
func (a answer) judgeBreakdown(m message, said string) verdict {
	switch a.status {
	case http.StatusInternalServerError:
		if a.kind == EventBusRPC && len(m.raw) == 0 {
			return verdict{reach: reachSuspect, result: failed("the job failed (500); the runner script does not say why: the wiki's log does")}
		}
		return verdict{reach: reachSuspect, result: runner.Classed(failed(whyJobFailed(m)), m.class())}
	case http.StatusNotImplemented:
		remedy := "$wgEventBusEnableRunJobAPI = true"
		if a.kind == Auwai {
			remedy = "$wgAuwaiSecret"
		}
		return verdict{reach: reachAll, result: permanent("the wiki's endpoint for jobs is switched off (501)" + said +
			". Set " + remedy + " there, then retry")}
	case http.StatusServiceUnavailable:
		return verdict{reach: reachAll, result: failed("the wiki's server is not available (503)" + said)}
	case http.StatusGatewayTimeout:
		return verdict{reach: reachSuspect, result: failed("the web server before the wiki gave up waiting (504)" + said +
			"; the wiki may still be running the job")}
	case http.StatusBadGateway:
		return verdict{reach: reachSuspect, result: failed("the web server got no answer from PHP (502)" + said)}
	}
	return verdict{reach: reachSuspect, result: failed(fmt.Sprintf("the wiki's server broke down (%d)%s", a.status, said))}
}

// whyJobFailed returns the text of a job that answered 500.
func whyJobFailed(m message) string {
	switch {
	case len(m.raw) == 0:
		return "PHP died while running the job (500, empty answer): out of memory, or a fatal error; its error log says more"
	case m.isJSON && m.detail == "" && (m.main == "" || m.main == "Internal Server Error"):
		return "the job did not succeed and gave no reason (500): it returned false, or nothing"
	case m.isJSON && m.main == "Internal Server Error":
		return plain(m.detail)
	}
	return cmp.Or(m.words(), "the wiki answered 500")
}

// retryAfter returns the delay that an answer asks for, 0 for none. A date is compared with the
// answer's own Date where it has one, so that two clocks need not agree.
func retryAfter(h http.Header, now func() time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(text, 10, 64); err == nil {
		if seconds > uint64(maxRetryAfter/time.Second) {
			return maxRetryAfter
		}
		return time.Duration(seconds) * time.Second
	}
	until, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	from, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		from = now()
	}
	return min(max(until.Sub(from), 0), maxRetryAfter)
}
