package jobqueue

import (
	"auwai/internal/eventlog"
	"auwai/internal/tuple"
)

// HistoryTag is the eventlog.Tagger of HistoryStream: a finished job is found by the suffix of its
// id, and a block says of which wikis and queues it has jobs.
func HistoryTag(data []byte) (tag eventlog.Tag, ok bool, terms []eventlog.Tag) {
	h, err := DecodeHistory(data)
	if err != nil {
		return eventlog.Tag{}, false, nil
	}
	return eventlog.Tag(h.ID), true, []eventlog.Tag{HistoryWiki(h.Wiki), HistoryQueue(h.Queue)}
}

// HistoryWiki is the term of a wiki in blocks of HistoryStream.
func HistoryWiki(wiki string) eventlog.Tag { return eventlog.Tag(tuple.Hash("w:" + wiki)) }

// HistoryQueue is the term of a queue in blocks of HistoryStream.
func HistoryQueue(queue string) eventlog.Tag { return eventlog.Tag(tuple.Hash("q:" + queue)) }
