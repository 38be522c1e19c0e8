package mwrunner

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // EventBus signs with it
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"
)

// signatureHeader carries the signature of a request of kind Auwai.
const signatureHeader = "X-Auwai-Signature"

// sign returns the value of signatureHeader for a body: "t=<unix seconds>,v1=<hex>", where v1 is
// HMAC-SHA256 with the secret over t, a dot and the body. The extension's class Signature checks it
// and refuses what is older than its window, so a recorded request cannot be sent again later.
func sign(secret []byte, now time.Time, body []byte) string {
	t := strconv.FormatInt(now.Unix(), 10)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(t))
	mac.Write([]byte{'.'})
	mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// eventSigned reports whether an event as EventBus writes it is signed with the secret: hex
// HMAC-SHA1 over its text without the last member, mediawiki_signature. An event that was written
// anew in another form, which MediaWiki might still accept, is reported as not signed.
func eventSigned(secret, event []byte) bool {
	const member, digits = `,"mediawiki_signature":"`, 2 * sha1.Size
	event = bytes.TrimSpace(event)
	at := bytes.LastIndex(event, []byte(member))
	if at < 0 {
		return false
	}
	rest := event[at+len(member):]
	if len(rest) != digits+2 || string(rest[digits:]) != `"}` {
		return false
	}
	mac := hmac.New(sha1.New, secret)
	mac.Write(event[:at])
	mac.Write([]byte{'}'})
	return hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), rest[:digits])
}
