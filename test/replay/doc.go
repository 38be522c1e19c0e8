// Package replay holds a test that feeds auwai the recorded traffic of the EventBus extension and
// compares what reaches the wikis with what the rules say should. It needs nothing but Go.
//
// testdata/eventbus.jsonl was recorded from two real MediaWiki 1.39 wikis, aawiki and bbwiki, with
// the unmodified extension: one line per POST, in order. Both wikis sign with recordedSecret.
//
// Files: expect_test.go works out what is due, independently of the product's code;
// replay_test.go plays the traffic and compares.
package replay
