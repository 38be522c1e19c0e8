package inspect

import (
	"encoding/base64"
	"encoding/json"
	"hash/fnv"
	"strings"

	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/partition"
)

// cursor is where a list goes on: after a place in a partition in a stage. Its text is opaque to
// clients; it is checked when it comes back.
type cursor struct {
	Version   int          `json:"v"`
	Filter    uint64       `json:"f"` // hash of the question
	Stage     int          `json:"s"` // index in the question's stages
	Partition partition.ID `json:"p"`
	place
}

// place is a position within a partition; each stage uses what it needs. The zero value is the start.
type place struct {
	Wiki  string        `json:"w,omitempty"`
	Queue string        `json:"q,omitempty"`
	Band  jobqueue.Band `json:"b,omitempty"`
	Seq   uint64        `json:"n,omitempty"`
	ID    string        `json:"i,omitempty"` // a suffix
	Key   []byte        `json:"k,omitempty"`
	On    bool          `json:"o,omitempty"` // not the start, whatever the other fields say
}

const cursorVersion = 1

func (c cursor) String() string {
	b, err := json.Marshal(c)
	if err != nil { // numbers and strings alone
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// question returns a hash of a filter's words.
func question(words ...string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(strings.Join(words, "\x00"))) // a hash's Write never fails
	return h.Sum64()
}

const maxCursor = 4 << 10

// parseCursor reads a cursor of a question with so many stages; "" is the start.
func parseCursor(text string, filter uint64, stages int) (cursor, error) {
	start := cursor{Version: cursorVersion, Filter: filter}
	if text == "" {
		return start, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	var c cursor
	if err == nil && len(text) <= maxCursor {
		err = json.Unmarshal(b, &c)
	}
	switch {
	case err != nil || len(text) > maxCursor:
		return start, fault.Field("cursor", "%q is no cursor; use the one of the page before, or none", fault.Short(text))
	case c.Version != cursorVersion:
		return start, fault.Field("cursor", "is of another version of the service; begin the list anew")
	case c.Filter != filter:
		return start, fault.Field("cursor", "is of a list with another filter; begin the list anew")
	case c.Stage < 0 || c.Stage >= stages || c.Partition >= partition.Count || c.Band >= jobqueue.Bands:
		return start, fault.Field("cursor", "%q is no cursor; use the one of the page before, or none", fault.Short(text))
	}
	return c, nil
}

// suffix reads the id of a place.
func (p place) suffix() ident.Suffix {
	s, _ := ident.ParseSuffix(p.ID) // a wrong one begins at the start
	return s
}
