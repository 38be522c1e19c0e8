// Command benchmw makes a real wiki in a temporary folder and measures all ways to run its jobs, side
// by side: `make bench-mediawiki`. The measuring itself is `auwai bench mediawiki`, which does it for
// a wiki that is there.
//
// The wiki has 240 pages with a nested template, SQLite, and its caches in the database for web server
// and scripts alike, so that no way has a cache that another has not. There are two web servers (PHP's
// own, with opcache): one with the Auwai extension and, where its folder is named, EventBus, the other
// with MediaWiki's own queue. A service of this process takes what the jobs push.
//
//	main.go   flags, order, the table     wiki.go   settings and web servers
package main
