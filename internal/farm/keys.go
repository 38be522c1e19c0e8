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
	}
}

func countKey() kv.Key { return partition.Key(Partition, FamCount) }

func wikiKey(wiki string) kv.Key { return tuple.String(partition.Key(Partition, FamWiki), wiki) }

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
