package access

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"auwai/internal/fault"
)

// Prefix begins every token, so that one is recognised in a text: in a log by Redact, in a repository
// by whatever looks for secrets there.
const Prefix = "auwt_"

// Sizes of a token in bytes: random ones, and as text after the prefix.
const (
	SecretBytes = 32
	secretChars = (SecretBytes*8 + 5) / 6
)

// NewToken returns the token of 32 random bytes.
func NewToken(secret [SecretBytes]byte) string {
	return Prefix + base64.RawURLEncoding.EncodeToString(secret[:])
}

// IsToken reports whether a text has the shape of a token.
func IsToken(s string) bool {
	rest, ok := strings.CutPrefix(s, Prefix)
	if !ok || len(rest) != secretChars {
		return false
	}
	for i := range len(rest) {
		if !isTokenByte(rest[i]) {
			return false
		}
	}
	return true
}

func isTokenByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// Hash is SHA-256 of a token. A slow hash would protect short passwords; 256 random bits cannot be
// guessed, and every request is hashed.
type Hash [sha256.Size]byte

// hashPrefix names the function in the configuration.
const hashPrefix = "sha256:"

// HashOf returns the hash of a token.
func HashOf(token string) Hash { return sha256.Sum256([]byte(token)) }

// String returns the hash as the configuration has it.
func (h Hash) String() string { return hashPrefix + hex.EncodeToString(h[:]) }

// ParseHash reads a hash of the configuration. The error never has the text in it: it may be a token.
func ParseHash(s string) (Hash, error) {
	var h Hash
	if strings.Contains(s, Prefix) {
		return h, fault.Field("hash", `is a token; write its hash, which "auwai tokens new" prints, and make a new token, since this one was written down`)
	}
	text, ok := strings.CutPrefix(s, hashPrefix)
	b, err := hex.DecodeString(text)
	if !ok || err != nil || len(b) != len(h) {
		return h, fault.Field("hash", `is no hash; it looks like sha256: and 64 hexadecimal digits, as "auwai tokens new" prints it`)
	}
	return Hash(b), nil
}
