package rig

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // MediaWiki's signature is HMAC-SHA1
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// JobEvent is what this package looks at in a job event; the event itself is its raw text.
type JobEvent struct {
	Meta struct {
		ID        string `json:"id"`
		Domain    string `json:"domain"`
		Stream    string `json:"stream"`
		RequestID string `json:"request_id"`
	} `json:"meta"`
	Database   string          `json:"database"`
	Type       string          `json:"type"`
	DelayUntil *time.Time      `json:"delay_until"`
	SHA1       string          `json:"sha1"`
	RootEvent  *RootEvent      `json:"root_event"`
	Params     json.RawMessage `json:"params"`
}

// RootEvent names the change that a job follows from.
type RootEvent struct {
	Signature string    `json:"signature"`
	DT        time.Time `json:"dt"`
}

// The ways in which a signature is wrong.
var (
	errUnsigned       = errors.New("the event has no signature")
	errWrongSignature = errors.New("the event's signature does not match its text")
)

// signatureKey begins the last member of a signed event.
const signatureKey = `,"mediawiki_signature":"`

// VerifyJob checks the signature of a job event as MediaWiki does: the hex HMAC-SHA1, by the wiki's
// secret key, of the event's text without the signature, which is its last member.
func VerifyJob(raw []byte, secret string) error {
	at := bytes.LastIndex(raw, []byte(signatureKey))
	if at < 0 {
		return errUnsigned
	}
	rest := raw[at+len(signatureKey):]
	end := bytes.IndexByte(rest, '"')
	if end < 0 || string(rest[end:]) != `"}` {
		return errWrongSignature
	}
	unsigned := append(bytes.Clone(raw[:at]), '}')
	if !hmac.Equal(rest[:end], []byte(sign(unsigned, secret))) {
		return errWrongSignature
	}
	return nil
}

func sign(unsigned []byte, secret string) string {
	mac := hmac.New(sha1.New, []byte(secret))
	_, _ = mac.Write(unsigned) // never fails
	return hex.EncodeToString(mac.Sum(nil))
}

// SignedJob makes a job event as the EventBus extension of the wiki would: same members, same
// order, signed with the wiki's key. params is a JSON object.
func SignedJob(wiki, host, secret, jobType, params string) []byte {
	unsigned := fmt.Appendf(nil, `{"$schema":"/mediawiki/job/1.0.0","meta":{`+
		`"uri":"https://placeholder.invalid/wiki/Special:Badtitle","request_id":"%s","id":"%s","dt":"%s",`+
		`"domain":"%s","stream":"mediawiki.job.%s"},"database":"%s","type":"%s","params":%s}`,
		uuid.NewString(), uuid.NewString(), time.Now().UTC().Format(time.RFC3339), host, jobType, wiki, jobType, params)
	signature := sign(unsigned, secret)
	return fmt.Appendf(unsigned[:len(unsigned)-1], `%s%s"}`, signatureKey, signature)
}

// Batch makes the array that a producer posts of several events.
func Batch(events ...[]byte) []byte {
	return append(append([]byte{'['}, bytes.Join(events, []byte{','})...), ']')
}
