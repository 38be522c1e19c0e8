package inspect

import (
	"maps"
	"slices"

	"auwai/internal/event"
)

// The marks of an event's signature.
const (
	signatureNone    = "none"
	signatureUnknown = "unknown"
	signatureKnown   = "known"
)

// signedBy tries the signature of an event with every known secret, that of its own wiki first. It is
// computed when somebody looks, so that it costs the intake nothing and follows the configuration; a
// wiki that pushes jobs to another signs them by its own secret, so no answer is a reason to refuse.
func signedBy(raw []byte, own string, secrets map[string][]byte) (mark, wiki string) {
	order := slices.DeleteFunc(slices.Sorted(maps.Keys(secrets)), func(name string) bool { return name == own })
	for _, name := range append([]string{own}, order...) {
		fits, err := event.VerifySignature(raw, string(secrets[name]))
		switch {
		case err != nil:
			return signatureNone, ""
		case fits && len(secrets[name]) > 0:
			return signatureKnown, name
		}
	}
	return signatureUnknown, ""
}
