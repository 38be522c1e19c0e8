package migrate

import (
	"crypto/sha1" //nolint:gosec // what MediaWiki uses
	"math/big"
	"strings"
	"testing"

	"auwai/internal/phpvalue"
)

// array makes an array of parameters in the order given.
func array(pairs ...any) *phpvalue.Array {
	a := &phpvalue.Array{}
	for i := 0; i < len(pairs); i += 2 {
		name, _ := pairs[i].(string)
		a.Set(phpvalue.TextKey(name), pairs[i+1])
	}
	return a
}

// coresHash is by what MediaWiki's own queue tells duplicates: SHA-1 of the serialised information, in base
// 36, 31 digits.
func coresHash(kind string, params *phpvalue.Array) string {
	sum := sha1.Sum(phpvalue.Serialize(array("type", kind, "params", params))) //nolint:gosec // what MediaWiki uses
	text := new(big.Int).SetBytes(sum[:]).Text(36)
	return strings.Repeat("0", 31-len(text)) + text
}

const signature = "f628445490e657a3bbd1d4d62a6447bcc215899c"

func TestDefectTheOrderOfParametersMakesNoOtherJob(t *testing.T) {
	inOrder := array("lives", int64(1), "usleep", int64(0))
	reversed := array("usleep", int64(0), "lives", int64(1))
	if got := string(phpvalue.Serialize(array("type", "null", "params", inOrder))); got != `a:2:{s:4:"type";s:4:"null";s:6:"params";a:2:{s:5:"lives";i:1;s:6:"usleep";i:0;}}` {
		t.Errorf("serialised: %s", got)
	}
	for want, params := range map[string]*phpvalue.Array{"mpjlabgtd5iudtfa2080n8d4j9eu9ip": inOrder, "3z0tketvkzdvb9hs1qn5wfvks5pe5sx": reversed} {
		if got := coresHash("null", params); got != want {
			t.Errorf("MediaWiki's hash is %s, want %s", got, want)
		}
	}
	if jobKey("null", inOrder, twins{}) != jobKey("null", reversed, twins{}) {
		t.Error("reversed parameters give another key")
	}
}

func TestDedupVectorsOfMediaWikiHoldAsPairs(t *testing.T) {
	base := array("lives", int64(1), "usleep", int64(0))
	rooted := array("lives", int64(1), "usleep", int64(0), "jobReleaseTimestamp", int64(1700000000),
		"rootJobSignature", signature, "rootJobTimestamp", "20260102030405")
	ignored := array("lives", int64(1), "usleep", int64(0), "cause", "x")
	self := array("lives", int64(1), "usleep", int64(0), "rootJobIsSelf", true, "rootJobSignature", signature, "rootJobTimestamp", "20260102030405")
	object := array("lives", int64(1), "usleep", int64(0), "removeDuplicates", true)
	reversed := array("removeDuplicates", true, "usleep", int64(0), "lives", int64(1))
	key := func(params *phpvalue.Array) string { return jobKey("null", params, twins{ignore: []string{"cause"}}) }
	for _, p := range []struct {
		name       string
		one, other *phpvalue.Array
		equal      bool
	}{
		{"with a release and a root", base, rooted, true},
		{"with a parameter that is ignored", base, ignored, true},
		{"a root itself", base, self, false},
		{"a job object in any order", object, reversed, true},
		{"a job object and a specification", base, object, false},
		{"other values", base, array("lives", int64(2), "usleep", int64(0)), false},
		{"other types of values", base, array("lives", "1", "usleep", int64(0)), false},
	} {
		if got := key(p.one) == key(p.other); got != p.equal {
			t.Errorf("%s: one key %t, want %t", p.name, got, p.equal)
		}
	}
}
