package event

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// JobKey returns the key by which a job event finds its waiting twins, "" when it takes no part in
// de-duplication.
//
// It is MediaWiki's own sha1, but for leaf jobs. Core hashes type, namespace, title and params, and
// leaves of one page differ in the title and cause of the template that they come from, so that core
// finds no twins among them, although the work is the same. For these the key is a hash of type and
// params without what does not change the work.
func (e *Event) JobKey() (string, error) {
	if e.SHA1 == "" || !e.pages || !isLeafType(e.Type) {
		return e.SHA1, nil
	}
	return LeafKey(e.Type, e.Params)
}

// IsLeaf reports whether a job of the type is a leaf when its params name pages.
func isLeafType(typ string) bool {
	switch typ {
	case "refreshLinks", "refreshLinksPrioritized", "refreshLinksDynamic", "htmlCacheUpdate":
		return true
	default:
		return false
	}
}

// LeafKey hashes the type and the params of a leaf job, with sorted keys and without namespace,
// title, cause, root, release time and request.
func LeafKey(typ string, params []byte) (string, error) {
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(params))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		return "", malformed(params, 0, "params are no object: "+err.Error())
	}
	for _, k := range [...]string{
		"namespace", "title", "causeAction", "causeAgent", "rootJobSignature", "rootJobTimestamp",
		"jobReleaseTimestamp", "requestId",
	} {
		delete(m, k)
	}
	canonical, err := json.Marshal(m)
	if err != nil {
		return "", malformed(params, 0, "params cannot be written: "+err.Error())
	}
	h := sha256.New()
	_, _ = h.Write([]byte(typ + "\x00")) // a hash's Write never fails
	_, _ = h.Write(canonical)
	return "leaf:" + hex.EncodeToString(h.Sum(nil)[:16]), nil
}
