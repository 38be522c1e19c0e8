// Package testenv starts throw-away database servers for tests, and a proxy that loses, delays and
// cuts what is sent to them.
//
// # Words
//
//	server    one private process on loopback or a unix socket, with its data in a temporary folder
//	servers   the servers that the tests of one binary share; TestMain closes them
//	cluster   Galera: several MariaDB servers that hold the same data
//	proxy     a TCP forwarder between a client and a server, with one fault at a time
//
// # Which tests run
//
// Plain `go test ./...` needs nothing but Go, so a test that wants a server says so with Need and is
// skipped unless AUWAI_TEST_REQUIRE names the server ("mariadb,galera,postgresql"). A server that is
// named and not installed fails the test: where engines are required, nothing is skipped.
//
// # Life of a server
//
//	          start                 Kill (SIGKILL)
//	stopped ─────────▶ running ────────────────▶ stopped      data stays, start may follow
//	                      │ Stop (orderly)
//	                      └────────────────────▶ stopped
//
// A server is ready when its own log says so; nothing polls and nothing sleeps. Each runs in its own
// process group and gets SIGKILL from the kernel when the test binary dies, so that a panic or a
// time-out of a test leaves nothing behind but the temporary folder.
//
// # Failures and what follows
//
//	programs missing         Need fails the test and names the package
//	started as root          the servers run as the packages' own users, as they insist
//	port taken in between    Galera nodes are started again with other ports, three times
//	server dies at start     the error carries the last lines of its log
//
// # Files
//
//	need.go      which servers a run requires, and where their programs are
//	process.go   start, wait for a log line, stop and kill one process
//	mariadb.go   one MariaDB server
//	galera.go    a cluster of them
//	postgres.go  one PostgreSQL server
//	servers.go   the shared servers of a test binary
//	proxy.go     the proxy and its faults
package testenv
