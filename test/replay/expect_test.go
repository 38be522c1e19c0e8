package replay_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"auwai/test/rig"
)

// expectation is what must become of the jobs of a recording, by the rules alone.
type expectation struct {
	due        []*expected // reach the wiki now
	delayed    []*expected // wait for a time to come
	superseded int
	duplicates int
}

// expected is a waiting job: the bytes it would be run with, and what the rules look at.
type expected struct {
	raw     string
	host    string
	release time.Time // zero: at once
	key     string    // empty: no de-duplication
	root    *rig.RootEvent
	gone    bool // superseded while it waited
}

// rules applies the two rules of arrival to jobs that all wait: nothing runs meanwhile.
type rules struct {
	waiting []*expected
	byKey   map[string]*expected
	newest  map[string]time.Time // of each (wiki, queue, signature)
	byRoot  map[string][]*expected
	out     expectation
}

// expect works out what becomes of the events in this order when no job runs before the last came.
func expect(events []json.RawMessage, now time.Time) (*expectation, error) {
	r := rules{byKey: map[string]*expected{}, newest: map[string]time.Time{}, byRoot: map[string][]*expected{}}
	for _, raw := range events {
		var event rig.JobEvent
		if err := json.Unmarshal(raw, &event); err != nil {
			return nil, fmt.Errorf("recorded event: %w", err)
		}
		if !strings.HasPrefix(event.Meta.Stream, "mediawiki.job.") {
			continue
		}
		if err := r.arrive(string(raw), event); err != nil {
			return nil, err
		}
	}
	for _, job := range r.waiting {
		switch {
		case job.gone:
			r.out.superseded++
		case job.release.After(now):
			r.out.delayed = append(r.out.delayed, job)
		default:
			r.out.due = append(r.out.due, job)
		}
	}
	return &r.out, nil
}

// arrive applies the root rule, then the twin rule, to one job.
func (r *rules) arrive(raw string, event rig.JobEvent) error {
	pair := event.Database + "\x00" + event.Type + "\x00"
	params, isMap, err := paramsOf(event)
	if err != nil {
		return err
	}
	job := &expected{raw: raw, host: event.Meta.Domain, root: event.RootEvent}
	if event.DelayUntil != nil {
		job.release = *event.DelayUntil
	}
	if event.RootEvent != nil {
		isRoot := isMap && params["rootJobIsSelf"] == true
		if r.supersede(pair+event.RootEvent.Signature, event.RootEvent.DT, isRoot) {
			r.out.superseded++
			return nil
		}
	}
	if event.SHA1 != "" {
		key, err := keyOf(event, params)
		if err != nil {
			return err
		}
		job.key = pair + key
	}
	if twin := r.byKey[job.key]; job.key != "" && twin != nil {
		r.merge(pair, twin, job)
		return nil
	}
	r.waiting = append(r.waiting, job)
	if job.key != "" {
		r.byKey[job.key] = job
	}
	r.index(pair, job)
	return nil
}

// supersede takes note of a generation. It reports whether the arriving job is too old, and marks
// those waiting jobs that it makes too old: strictly older ones, and for a root job also those of
// its own second.
func (r *rules) supersede(root string, at time.Time, isRoot bool) (tooOld bool) {
	newest, known := r.newest[root]
	if known && at.Before(newest) {
		return true
	}
	r.newest[root] = at
	for _, job := range r.byRoot[root] {
		if job.gone || job.root == nil || !strings.HasSuffix(root, "\x00"+job.root.Signature) {
			continue
		}
		if job.root.DT.Before(at) || isRoot && job.root.DT.Equal(at) {
			job.gone = true
			if r.byKey[job.key] == job {
				delete(r.byKey, job.key) // a superseded job is nobody's twin
			}
		}
	}
	return false
}

// merge lets a waiting job live on with the newest bytes, the earliest release and the newer root.
func (r *rules) merge(pair string, twin, arriving *expected) {
	r.out.duplicates++
	twin.raw, twin.host = arriving.raw, arriving.host
	if arriving.release.Before(twin.release) {
		twin.release = arriving.release
	}
	if arriving.root != nil && (twin.root == nil || !arriving.root.DT.Before(twin.root.DT)) {
		twin.root = arriving.root
		r.index(pair, twin)
	}
}

func (r *rules) index(pair string, job *expected) {
	if job.root != nil {
		root := pair + job.root.Signature
		r.byRoot[root] = append(r.byRoot[root], job)
	}
}

func paramsOf(event rig.JobEvent) (params map[string]any, isMap bool, err error) {
	if len(event.Params) > 0 && event.Params[0] == '[' {
		return nil, false, nil // PHP's empty map
	}
	if err := json.Unmarshal(event.Params, &params); err != nil {
		return nil, false, fmt.Errorf("params of %s: %w", event.Meta.ID, err)
	}
	return params, true, nil
}

// leafIgnores are the parameters in which leaf jobs of one page differ when they come from
// different templates or people. MediaWiki means to leave them out and does not.
var leafIgnores = []string{
	"namespace", "title", "causeAction", "causeAgent",
	"rootJobSignature", "rootJobTimestamp", "jobReleaseTimestamp", "requestId",
}

// keyOf is MediaWiki's own hash, except for leaf jobs of a page list.
func keyOf(event rig.JobEvent, params map[string]any) (string, error) {
	leaf := params["pages"] != nil && (strings.HasPrefix(event.Type, "refreshLinks") || event.Type == "htmlCacheUpdate")
	if !leaf {
		return "sha1 " + event.SHA1, nil
	}
	rest := maps.Clone(params)
	maps.DeleteFunc(rest, func(name string, _ any) bool { return slices.Contains(leafIgnores, name) })
	text, err := json.Marshal(rest) // sorts by name
	return "leaf " + string(text), err
}
