package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"auwai/api"
	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/inspect"
)

// Bounds of a job's page.
const (
	maxShown  = 64 << 10 // bytes of a payload; the interface has all of it
	maxTree   = 200      // jobs of the same request
	maxIndent = 6        // levels that are set off: deeper ones stand below each other
)

type jobPage struct {
	Job       api.JobDetail
	Payload   string
	Cut       bool // the payload is longer than what is shown
	Kind      string
	Why       *api.Explanation // nil: it is not known
	Tree      []branch         // of all that followed from the same request
	More      int              // jobs of it that are not shown
	Open      int              // of all of them, those that have not ended
	CanRetry  bool
	CanCancel bool
	Live      bool // it has not ended
	Now       time.Time
}

// reachID refuses the id of a job whose wiki the visitor does not reach, as if there were none.
func (v *visit) reachID(id string) error {
	if job, ok := ident.Parse(id); ok && !v.grant.Reaches(job.Wiki) {
		return inspect.NoJob(id)
	}
	return nil // one that is no id is refused as such
}

func (w *Web) getJob(v *visit) error {
	id := strings.TrimSpace(v.r.URL.Query().Get("id"))
	if err := v.reachID(id); err != nil {
		return err
	}
	done, err := v.renewal()
	if err != nil {
		return err
	}
	defer done()
	d, err := w.cfg.Queue.Job(v.r.Context(), id)
	if err != nil {
		return err
	}
	p := &jobPage{Job: d, Live: !finished(d.State) && d.State != api.StateDead, Now: v.now}
	p.Payload, p.Kind, p.Cut = payloadOf(&d)
	if v.admin(d.Wiki) {
		p.CanRetry = d.State == api.StateDead || d.State == api.StateDelayed
		p.CanCancel = d.State == api.StateReady || d.State == api.StateDelayed || d.State == api.StateBlocked
	}
	if err := p.tell(v, id); err != nil {
		return err
	}
	return v.render(http.StatusOK, "job", "Job "+d.ID, "jobs", p)
}

// branch is a job of a cause tree.
type branch struct {
	api.TraceNode

	Indent int
	Here   bool // it is the job of the page
}

// tell puts in why the job is where it is, and its tree. A job that ends meanwhile has neither.
func (p *jobPage) tell(v *visit, id string) error {
	why, err := v.cfg.Story.Explain(v.r.Context(), id)
	switch {
	case err == nil:
		p.Why = &why
	case fault.KindOf(err) != fault.NotFound:
		return err
	}
	tree, err := v.cfg.Story.Trace(v.r.Context(), id, v.reach())
	switch {
	case err == nil:
		p.grow(&tree, id)
	case fault.KindOf(err) != fault.NotFound:
		return err
	}
	return nil
}

// grow puts the tree in.
func (p *jobPage) grow(tree *api.Trace, id string) {
	p.Open, p.More = tree.Open, tree.More+max(len(tree.Nodes)-maxTree, 0)
	for _, n := range tree.Nodes[:min(len(tree.Nodes), maxTree)] {
		p.Tree = append(p.Tree, branch{n, min(max(n.Level-1, 0), maxIndent), n.ID == id})
	}
}

// payloadOf writes a payload for people. Numbers are left as they are: JSON is set out, not read.
func payloadOf(d *api.JobDetail) (text, kind string, cut bool) {
	switch {
	case len(d.Payload) > 0:
		var b bytes.Buffer
		if json.Indent(&b, d.Payload, "", "  ") == nil {
			text = b.String()
		} else {
			text = string(d.Payload)
		}
		kind = "JSON"
	case d.PayloadText != "":
		text, kind = d.PayloadText, "text"
	case len(d.PayloadBase64) > 0:
		return "", "binary", true
	}
	if len(text) <= maxShown {
		return text, kind, false
	}
	text = text[:maxShown]
	for len(text) > 0 && !utf8.ValidString(text[max(0, len(text)-utf8.UTFMax):]) {
		text = text[:len(text)-1]
	}
	return text, kind, true
}

// postJob retries or cancels a job.
func (w *Web) postJob(v *visit) error {
	id := v.form.Get("id")
	if err := v.reachID(id); err != nil {
		return err
	}
	switch v.form.Get("do") {
	case "retry":
		a, err := w.cfg.Queue.Retry(v.r.Context(), id)
		if err != nil {
			return err
		}
		w.forgetSurveys()
		if a.DuplicateOf != "" {
			v.see(jobURL(a.DuplicateOf), said("duplicate", 1))
			return nil
		}
		v.see(jobURL(id), said("retried", 1))
	case "cancel":
		if v.form.Get("sure") == "" {
			return v.confirm(&confirmation{
				Title: "Cancel this job?", Words: "The job " + id + " will never run. This cannot be taken back.",
				Action: "/job", Button: "Cancel the job", Back: jobURL(id), Fields: fields("id", id, "do", "cancel"),
			})
		}
		if _, err := w.cfg.Queue.Cancel(v.r.Context(), id); err != nil {
			return err
		}
		w.forgetSurveys()
		v.see(jobURL(id), said("cancelled", 1))
	default:
		return fault.Field("do", "is %q; retry or cancel is expected", fault.Short(v.form.Get("do")))
	}
	return nil
}

// confirmation is a page that asks before something is done that cannot be taken back.
type confirmation struct {
	Title, Words   string
	Action, Button string
	Back           string
	Calm           bool // nothing is lost by it
	Fields         []field
}

type field struct{ Name, Value string }

func fields(pairs ...string) []field {
	var out []field
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, field{pairs[i], pairs[i+1]})
	}
	return out
}

func (v *visit) confirm(c *confirmation) error {
	c.Fields = append(c.Fields, field{"sure", "1"})
	return v.render(http.StatusOK, "confirm", c.Title, "", c)
}
