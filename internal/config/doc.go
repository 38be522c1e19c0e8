// Package config reads the configuration file and checks it, whole and strictly.
//
// # Words
//
//	file      one YAML document; relative paths in it are relative to its folder
//	fault     something wrong in the file: its line, the key's path, what is wrong, what would be right
//	default   what holds when a key, or the whole file, is absent
//
// # Invariants
//
//   - Load answers with a Config that can be served, or with every fault of the file at once.
//   - An unknown key is a fault: a misspelt key must not be overlooked.
//   - A Config holds absolute paths, and the secrets' text; it is not changed after Load.
//   - No two wikis have a domain in common, so that an event's domain names one wiki at most.
//   - The HTTP interface is on a loopback address, unless tokens or networks keep strangers out.
//   - What stands where a hash is expected is never shown: it may be a token.
//
// # Failures
//
//	the file cannot be read          an error that names it
//	it is not YAML                   one fault: a reader of broken YAML would guess
//	a secret's file cannot be read   a fault that names both files
//
// # Files
//
//	config.go   the types, Default, Load     wikis.go    wikis: where they are, their domains
//	faults.go   faults and their order       queues.go   queues and their defaults
//	nodes.go    reading YAML strictly        cdn.go      layers of caches
//	listen.go   addresses                    summary.go  what "auwai check" shows
//	limits.go   rates, tags, needs, classes  gates.go    what other queues have to say
//	semantics.go  twins, expiry, order      work.go     queues with a runner of their own
//	access.go   tokens and networks          stock.go    wikis without an extension of ours
//	schemas.go  what events are checked against
//	workers.go  PHP processes of this host
package config
