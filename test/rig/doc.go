// Package rig builds real things around an auwai process: MediaWiki wikis, Varnish, a stand-in for
// a wiki's job endpoint, and the auwai binary itself. The demo and the end-to-end tests stand on
// it. It is used by tests only; nothing of the product imports it.
//
// # Words
//
//	farm      several wikis of one MediaWiki code base (Debian's, read-only), PHP's built-in web
//	          server in front of it, Varnish in front of that
//	wiki      one site of the farm: database name `aawiki`, host `aawiki.localhost`
//	endpoint  an HTTP server in this process that answers like the job endpoint of the EventBus
//	          extension, checks signatures and records what it was sent
//	service   a running auwai process of the binary built from this checkout
//	holder    a process that owns the listening socket while the service comes and goes
//
// # How a farm hangs together
//
//	reader, editor ──▶ Varnish ──▶ php -S (workers) ──▶ MediaWiki, SQLite per wiki
//	                     ▲                │   ▲
//	               PURGE │     push, purge│   │run jobs
//	                     └──── auwai ◀────┘   │
//	                            └─────────────┘
//
// Every piece works alone: a farm without the Auwai extension uses MediaWiki's own queue and
// purges Varnish itself; the endpoint needs no PHP; the service needs neither.
//
// # Invariants
//
//  1. Everything listens on loopback, at ports that were free when asked for.
//  2. Everything lives under the folder the caller gives; /usr/share/mediawiki and
//     /etc/mediawiki are only read.
//  3. No process outlives its owner: each has its own process group that is killed when it is
//     closed, and the kernel kills it when this process dies, however it dies.
//  4. Waiting is always for a condition, with a deadline; the error names the condition.
//
// # Failures
//
//   - A Debian package cannot be installed: InstallError with apt's last lines and the command to
//     type.
//   - A port is taken by someone else: StartError with the tail of the process's log.
//   - A condition did not come true: the error of Until names it and the last thing seen.
//
// # Files
//
//	packages.go   the Debian packages and their installation
//	process.go    a child process, its log, its end
//	wait.go       waiting for conditions, free ports
//	farm.go       the wikis on disk
//	settings.go   their settings, and the PHP that makes their pages
//	web.go        PHP's server and Varnish
//	client.go     editing through the API, reading through the cache
//	config.go     auwai's configuration file
//	service.go    the auwai process: build, start, stop, kill, hold its socket
//	admin.go      auwai's HTTP interface as a client sees it
//	endpoint.go   the stand-in for a wiki's job endpoint
//	events.go     signed job events, recorded traffic
package rig
