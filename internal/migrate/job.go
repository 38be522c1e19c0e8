package migrate

import (
	"fmt"
	"strconv"
	"time"

	"auwai/api"
	"auwai/internal/phpvalue"
)

// mwJob is a job as MediaWiki's own queues keep it.
type mwJob struct {
	source    string // of the client id
	wiki      string
	id        string
	stamp     string // when it was queued
	kind      string // the job type
	namespace int64
	title     string
	params    *phpvalue.Array
	release   time.Time // of a queue that keeps it apart; zero: the parameters say it
	twins     twins
	state     State
	where     string
}

// item returns what the extension would push if the job were queued now.
func (j *mwJob) item() (Item, error) {
	bad := func(format string, args ...any) (Item, error) {
		return Item{}, &BadError{j.where, fmt.Sprintf(format, args...)}
	}
	params := j.params
	if _, ok := params.Get("title"); !ok && j.title != "" {
		// MediaWiki kept the page beside the parameters before 1.33.
		params = params.Without("namespace")
		params.Set(phpvalue.TextKey("namespace"), j.namespace)
		params.Set(phpvalue.TextKey("title"), j.title)
	}
	out := Item{State: j.state, Where: j.where, Job: api.NewJob{
		Queue: j.kind, Wiki: j.wiki, Key: jobKey(j.kind, params, j.twins),
	}}
	release := j.release
	if v, _ := params.Get("jobReleaseTimestamp"); v != nil && release.IsZero() {
		text, _ := scalar(v)
		var ok bool
		if release, ok = mwTime(text); !ok {
			return bad("the parameter jobReleaseTimestamp is %.60q; a time is expected", text)
		}
	}
	if !release.IsZero() && release.Unix() != 0 {
		out.Job.RunAt = &release
		if out.State == Waiting {
			out.State = Delayed
		}
	}
	out.Job.Root = root(params)
	if v, ok := params.Get("requestId"); ok {
		out.Job.RequestID = requestID(v)
	}
	payload := phpvalue.AppendJSON([]byte(`{"type":`), j.kind)
	payload = phpvalue.AppendParams(append(payload, `,"params":`...), params)
	out.Job.Payload = append(payload, '}')
	out.Job.ClientID = clientID(j.source, j.wiki, j.id, j.stamp, out.Job.Payload)
	return out, nil
}

// root reads the parameters of a root, as JobSpecification and Job do.
func root(params *phpvalue.Array) *api.Root {
	signature, _ := params.Get("rootJobSignature")
	stamp, _ := params.Get("rootJobTimestamp")
	text, ok := scalar(signature)
	when, isScalar := scalar(stamp)
	if !ok || !isScalar || text == "" {
		return nil
	}
	t, ok := mwTime(when)
	if !ok {
		return nil
	}
	self, _ := params.Get("rootJobIsSelf")
	return &api.Root{Signature: text, Timestamp: t.Format(mwLayout), IsRoot: phpvalue.Truth(self)}
}

// scalar is PHP's (string) of a scalar.
func scalar(v any) (text string, ok bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case bool:
		if v {
			return "1", true
		}
		return "", true
	default:
		return "", false
	}
}

// longestRequestID is what the extension cuts ids of requests to, in bytes.
const longestRequestID = 255

// requestID makes an id of a request readable, as the extension does.
func requestID(v any) string {
	text, _ := scalar(v)
	b := []byte(text)
	for i, c := range b {
		if c < 0x21 || c > 0x7e {
			b[i] = '?'
		}
	}
	return string(b[:min(len(b), longestRequestID)])
}

// parameters reads a serialised array; an empty text is an empty one.
func parameters(serialised []byte) (*phpvalue.Array, error) {
	if len(serialised) == 0 {
		return &phpvalue.Array{}, nil
	}
	v, err := phpvalue.Unserialize(serialised)
	if err != nil {
		return nil, err
	}
	params, ok := v.(*phpvalue.Array)
	if !ok {
		return nil, fmt.Errorf("the parameters are %s; an array is expected", phpvalue.Kind(v))
	}
	return params, nil
}
