package migrate

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"auwai/internal/phpvalue"
)

// twins says whether a job takes part in de-duplication, and by which parameters.
type twins struct {
	none   bool
	ignore []string // parameters that do not count
	only   []string // parameters that count alone; nil: all
}

// twinsOf returns what MediaWiki's own classes of jobs say (1.39 to 1.43): a dump says nothing of it.
// Types of extensions are unknown, and take no part: a job that runs twice is better than one that
// does not run.
func twinsOf(kind string, params *phpvalue.Array, more []string) twins {
	switch kind {
	case "refreshLinks", "refreshLinksPrioritized", "refreshLinksDynamic", "htmlCacheUpdate":
		return twins{none: !leafOrWhole(params)}
	case "AssembleUploadChunks", "PublishStashedFile":
		return twins{only: []string{"filekey"}}
	case "categoryMembershipChange":
		return twins{ignore: []string{"revTimestamp"}}
	case "activityUpdateJob", "clearUserWatchlist", "clearWatchlistNotifications", "deleteLinks", "recentChangesUpdate",
		"userEditCountInit", "userGroupExpiry", "userOptionsUpdate":
		return twins{}
	case "null":
		v, _ := params.Get("removeDuplicates")
		return twins{none: !phpvalue.Truth(v)}
	default:
		return twins{none: !slices.Contains(more, kind)}
	}
}

// leafOrWhole reports whether RefreshLinksJob and HTMLCacheUpdateJob remove duplicates: not of ranges,
// nor of jobs of several pages.
func leafOrWhole(params *phpvalue.Array) bool {
	if v, _ := params.Get("range"); v != nil {
		return false
	}
	v, _ := params.Get("pages")
	pages, ok := v.(*phpvalue.Array)
	return v == nil || ok && pages.Len() == 1
}

// jobKey returns the key of a job, as the extension's DuplicateKey makes it; "" when it takes no part.
func jobKey(kind string, params *phpvalue.Array, t twins) string {
	if t.none {
		return ""
	}
	drop := append([]string{"rootJobSignature", "rootJobTimestamp", "jobReleaseTimestamp", "requestId"}, t.ignore...)
	if isLeafType(kind) {
		if v, _ := params.Get("pages"); v != nil {
			drop = append(drop, "namespace", "title", "causeAction", "causeAgent")
		}
	}
	counted := params.Without(drop...)
	if t.only != nil {
		counted = &phpvalue.Array{}
		for _, name := range t.only {
			if v, ok := params.Get(name); ok {
				counted.Set(phpvalue.TextKey(name), v)
			}
		}
	}
	info := &phpvalue.Array{}
	info.Set(phpvalue.TextKey("type"), kind)
	info.Set(phpvalue.TextKey("params"), counted)
	hash := sha256.Sum256(phpvalue.AppendJSON(nil, info.Sorted()))
	return hex.EncodeToString(hash[:])
}

func isLeafType(kind string) bool {
	switch kind {
	case "refreshLinks", "refreshLinksPrioritized", "refreshLinksDynamic", "htmlCacheUpdate":
		return true
	default:
		return false
	}
}
