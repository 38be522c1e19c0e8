package partition

import (
	"fmt"
	"slices"

	"auwai/internal/kv"
	"auwai/internal/tuple"
)

// A key is one of two forms:
//
//	partition(2) 0x00 0x01 family(1) rest       state of the whole partition
//	partition(2) wiki      family(1) rest       state of one wiki, so that a wiki is one range
//
// (0x00 0x01 is the empty string's encoding, and no wiki has an empty name.) Keys of nodes and
// owners stand under the number NodeSpace, which is no partition.

// NodeSpace is the number under which the keys of sessions and owners stand.
const NodeSpace ID = 0xffff

// FamilyID tells the families of keys apart. Each is declared once, in its domain's keys.go.
type FamilyID byte

// Family describes the keys that share a FamilyID.
type Family struct {
	ID FamilyID
	// Name is the family's word in "auwai keys" and in errors.
	Name string
	// PerWiki says that the keys stand under a wiki.
	PerWiki bool
	// Resident keys are all in memory while their partition is open. Only for families with few
	// keys. Not with PerWiki: they are read at opening as one range.
	Resident bool
	// Deleted says who deletes the keys, and when.
	Deleted string
	// Describe puts the rest of a key into words.
	Describe func(rest []byte) string
}

// The families of this package and of package node. Domains use IDs from 0x20.
const (
	FamilyMeta     FamilyID = 0x01 // resident: counters of the partition
	FamilyLaneSeq  FamilyID = 0x02 // resident: last sequence sent by this partition, by receiver
	FamilyLaneCur  FamilyID = 0x03 // resident: last sequence applied by this partition, by sender
	FamilyLaneOpen FamilyID = 0x04 // a sender has a lane to this partition
	FamilyMail     FamilyID = 0x05 // a message
	FamilySession  FamilyID = 0x10 // node space: a session
	FamilyOwner    FamilyID = 0x11 // node space: a partition's owner
	FamilyStarts   FamilyID = 0x12 // node space: how many sessions have started
)

// Key starts a key of the whole partition.
func Key(p ID, f FamilyID) []byte {
	k := make([]byte, 0, 32)
	k = tuple.Uint16(k, uint16(p))
	k = append(k, 0x00, 0x01)
	return append(k, byte(f))
}

// WikiKey starts a key of a wiki.
func WikiKey(p ID, wiki string, f FamilyID) []byte {
	k := make([]byte, 0, len(wiki)+48)
	k = tuple.Uint16(k, uint16(p))
	k = tuple.String(k, tuple.Shorten(wiki))
	return append(k, byte(f))
}

// SplitKey takes a key apart. wiki is "" for keys of the whole partition.
func SplitKey(key []byte) (p ID, wiki string, f FamilyID, rest []byte, ok bool) {
	n, rest, ok := tuple.TakeUint16(key)
	if !ok {
		return 0, "", 0, nil, false
	}
	wiki, rest, ok = tuple.TakeString(rest)
	if !ok {
		return 0, "", 0, nil, false
	}
	b, rest, ok := tuple.TakeByte(rest)
	return ID(n), wiki, FamilyID(b), rest, ok
}

// Registry knows the families of all domains. It is not changed after it was built.
type Registry struct {
	families map[FamilyID]Family
	resident [256]bool
}

// NewRegistry returns a registry of this package's families and the given ones. Two families with
// one ID, or a resident family of wikis, are a defect of the program.
func NewRegistry(families ...Family) (*Registry, error) {
	r := &Registry{families: map[FamilyID]Family{}}
	for _, f := range slices.Concat(ownFamilies(), families) {
		if other, ok := r.families[f.ID]; ok {
			return nil, fmt.Errorf("partition: families %s and %s share the id %#x", other.Name, f.Name, f.ID)
		}
		if f.Resident && f.PerWiki {
			return nil, fmt.Errorf("partition: family %s is resident and of wikis", f.Name)
		}
		r.families[f.ID] = f
		r.resident[f.ID] = f.Resident
	}
	return r, nil
}

// IsResident reports whether key belongs to a resident family.
func (r *Registry) IsResident(key []byte) bool {
	return len(key) > 4 && key[2] == 0x00 && key[3] == 0x01 && r.resident[key[4]]
}

// ResidentRanges returns the ranges of a partition's resident families, in the order of their IDs.
func (r *Registry) ResidentRanges(p ID) []kv.Range {
	var out []kv.Range
	for id := range 256 {
		if r.resident[id] {
			out = append(out, kv.Prefix(Key(p, FamilyID(id))))
		}
	}
	return out
}

// Families returns all families in the order of their IDs.
func (r *Registry) Families() []Family {
	out := make([]Family, 0, len(r.families))
	for id := range 256 {
		if f, ok := r.families[FamilyID(id)]; ok {
			out = append(out, f)
		}
	}
	return out
}

// Describe puts a key into words; a malformed key is shown in hexadecimal.
func (r *Registry) Describe(key []byte) string {
	p, wiki, id, rest, ok := SplitKey(key)
	if !ok {
		return fmt.Sprintf("malformed key %x", key)
	}
	f, known := r.families[id]
	if !known {
		return fmt.Sprintf("partition %d wiki %q unknown family %#x rest %x", p, wiki, id, rest)
	}
	where := fmt.Sprintf("partition %d", p)
	if p == NodeSpace {
		where = "nodes"
	}
	if wiki != "" {
		where += fmt.Sprintf(" wiki %s", wiki)
	}
	if f.Describe == nil {
		return fmt.Sprintf("%s %s %x", where, f.Name, rest)
	}
	return fmt.Sprintf("%s %s %s", where, f.Name, f.Describe(rest))
}

func ownFamilies() []Family {
	return []Family{
		{ID: FamilyMeta, Name: "meta", Resident: true, Deleted: "never: one key a partition", Describe: describeNothing},
		{ID: FamilyLaneSeq, Name: "lane-sent", Resident: true, Deleted: "never: one key for each pair of partitions", Describe: describePartition},
		{ID: FamilyLaneCur, Name: "lane-cursor", Resident: true, Deleted: "with the lane of a dead session, once drained", Describe: describeSender},
		{ID: FamilyLaneOpen, Name: "lane", Resident: false, Deleted: "with the lane of a dead session, once drained", Describe: describeSender},
		{ID: FamilyMail, Name: "mail", Deleted: "by the receiver, in the commit that applies the message", Describe: describeMail},
		{ID: FamilySession, Name: "session", Deleted: "by its node at an orderly stop, or by the node that takes over", Describe: describeHex},
		{ID: FamilyStarts, Name: "starts", Deleted: "never: one key", Describe: describeNothing},
		{ID: FamilyOwner, Name: "owner", Deleted: "never: it keeps the epoch; one key a partition", Describe: describePartition},
	}
}

func describeNothing([]byte) string     { return "" }
func describeHex(rest []byte) string    { return fmt.Sprintf("%x", rest) }
func describeMail(rest []byte) string   { return describeLane(rest) }
func describeSender(rest []byte) string { return describeLane(rest) }
func describePartition(b []byte) string {
	n, _, ok := tuple.TakeUint16(b)
	if !ok {
		return fmt.Sprintf("malformed %x", b)
	}
	return fmt.Sprintf("partition %d", n)
}
