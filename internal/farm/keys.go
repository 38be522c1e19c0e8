package farm

import (
	"fmt"

	"auwai/internal/kv"
	"auwai/internal/partition"
	"auwai/internal/tuple"
)

// The families of the farm. They stand in partition 0 only.
const (
	FamCount  partition.FamilyID = 0x70 // resident: how many wikis are learned
	FamWiki   partition.FamilyID = 0x71 // resident: a learned wiki
	FamDomain partition.FamilyID = 0x72 // resident: a learned wiki's domain

	FamControl      partition.FamilyID = 0x73 // resident: what is changed at run time, by scope
	FamControlState partition.FamilyID = 0x74 // resident: the version of all controls, and their number
	FamConfig       partition.FamilyID = 0x75 // resident: the active configuration: version, hash, node
	FamConfigText   partition.FamilyID = 0x76 // version, number: a block of a configuration's text
)

// Partition is where farm-wide records stand.
const Partition partition.ID = 0

// Families declares the keys of the farm.
func Families() []partition.Family {
	const deleted = "by Forget, when the wiki is configured"
	return []partition.Family{
		{ID: FamCount, Name: "wikis-learned", Resident: true, Deleted: "by Forget, with the last learned wiki", Describe: func([]byte) string { return "" }},
		{ID: FamWiki, Name: "wiki-learned", Resident: true, Deleted: deleted, Describe: describeName},
		{ID: FamDomain, Name: "domain-learned", Resident: true, Deleted: deleted, Describe: describeName},
		{ID: FamControl, Name: "control", Resident: true, Deleted: "by the change that takes its last word back", Describe: describeName},
		{ID: FamControlState, Name: "control-version", Resident: true, Deleted: "never: one key", Describe: func([]byte) string { return "" }},
		{ID: FamConfig, Name: "config", Resident: true, Deleted: "never: one key", Describe: func([]byte) string { return "" }},
		{ID: FamConfigText, Name: "config-text", Deleted: "by the publication of the version after the last one that is kept", Describe: describeText},
	}
}

func countKey() kv.Key { return partition.Key(Partition, FamCount) }

func wikiKey(wiki string) kv.Key { return tuple.String(partition.Key(Partition, FamWiki), wiki) }

func controlKey(s Scope) kv.Key {
	return tuple.String(partition.Key(Partition, FamControl), s.String())
}

func controlStateKey() kv.Key { return partition.Key(Partition, FamControlState) }

func configKey() kv.Key { return partition.Key(Partition, FamConfig) }

func configTextKey(version uint64, n int) kv.Key {
	return tuple.Uint16(tuple.Uint64(partition.Key(Partition, FamConfigText), version), uint16(n)) //nolint:gosec // at most maxBlocks
}

func describeText(rest []byte) string {
	version, rest, ok := tuple.TakeUint64(rest)
	n, rest, ok2 := tuple.TakeUint16(rest)
	if !ok || !ok2 || len(rest) > 0 {
		return fmt.Sprintf("malformed %x", rest)
	}
	return fmt.Sprintf("version %d block %d", version, n)
}

func domainKey(domain string) kv.Key {
	return tuple.String(partition.Key(Partition, FamDomain), domain)
}

func describeName(rest []byte) string {
	s, _, ok := tuple.TakeString(rest)
	if !ok {
		return fmt.Sprintf("malformed %x", rest)
	}
	return s
}
