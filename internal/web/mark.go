package web

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
)

// maxNonce bounds what is taken as a nonce; ours has 26 characters.
const maxNonce = 64

// mark returns the mark of this visitor's forms. It binds the browser, by a random value in a cookie
// that is given at the first page, and the session, so that a form of before a sign-in is refused.
func (v *visit) mark() string {
	if v.nonce == "" {
		v.nonce = rand.Text()
		v.setCookie(nonceCookie, v.nonce, 0)
	}
	return base64.RawURLEncoding.EncodeToString(v.sum())
}

// marked reports whether a form has the mark.
func (v *visit) marked(mark string) bool {
	got, err := base64.RawURLEncoding.DecodeString(mark)
	return err == nil && v.nonce != "" && hmac.Equal(got, v.sum())
}

func (v *visit) sum() []byte {
	h := hmac.New(sha256.New, v.cfg.Secret)
	h.Write([]byte(v.nonce + "\x00" + v.session)) // no cookie has a zero byte
	return h.Sum(nil)
}
