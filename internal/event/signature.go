package event

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // MediaWiki signs its jobs with HMAC-SHA1
	"encoding/hex"

	"auwai/internal/fault"
)

const signatureKey = `,"mediawiki_signature":"`

// Sign returns MediaWiki's signature of an event's text without its signature: HMAC-SHA1 in lower
// case hexadecimal (EventBus, EventFactory::getEventSignature). secret is the wiki's $wgSecretKey.
func Sign(unsigned []byte, secret string) string {
	mac := hmac.New(sha1.New, []byte(secret))
	_, _ = mac.Write(unsigned) // a hash's Write never fails
	return hex.EncodeToString(mac.Sum(nil))
}

// ErrUnsigned answers the verification of an event that does not end with a signature as EventBus
// writes it.
var ErrUnsigned = fault.New(fault.Invalid, "the event has no mediawiki_signature as its last key; it was not signed by EventBus, or was changed on its way")

// VerifySignature reports whether the signature that the event ends with is of the wiki with the
// secret. It reads the bytes as they are: an event that was written anew by someone in between is
// not recognised even if the wiki, which decodes and encodes it, would.
func VerifySignature(raw []byte, secret string) (bool, error) {
	const length = 2 * sha1.Size
	i := bytes.LastIndex(raw, []byte(signatureKey))
	if i < 0 {
		return false, ErrUnsigned
	}
	rest := raw[i+len(signatureKey):]
	if len(rest) != length+2 || string(rest[length:]) != `"}` {
		return false, ErrUnsigned
	}
	unsigned := append(bytes.Clone(raw[:i]), '}')
	return hmac.Equal([]byte(Sign(unsigned, secret)), rest[:length]), nil
}
