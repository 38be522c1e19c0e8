// Package sqltest holds what the engines on SQL servers must show beyond package kvtest: that
// nothing on the way to a server, and no other client of it, breaks the contract.
//
// # Words
//
//	link       an engine that reaches its server through a proxy
//	fence      a key that each commit of a writer Requires and moves on, as a session key
//	zombie     a request that reaches the server after its client gave up
//	takeover   another client deletes the fence of a writer that is busy
//
// # Invariants that are checked
//
//   - Every commit through a faulty network is accounted for, and no zombie lands after its
//     repetition.
//   - A client that is stopped with any number of bytes of its commit sent delays others by at most
//     two seconds.
//   - After a takeover every acknowledged commit is there, and nothing of the old writer is added.
//
// # Files
//
//	sqltest.go     Run, Store
//	faults.go      the network's faults
//	takeover.go    Takeovers
//	harness.go     servers as stores of package kvtest
package sqltest
