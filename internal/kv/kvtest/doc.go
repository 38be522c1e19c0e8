// Package kvtest is the one suite that every engine of package kv passes.
//
// An engine's own test calls
//
//	kvtest.Run(t, kvtest.Harness{NewStore: …, Lacks: …})
//
// and thereby learns whether it keeps the contract on the kv page. What an engine cannot do (an
// embedded store has one client) is declared in Harness.Lacks with its reason. An ability that is
// neither given nor declared fails the suite, and so does one that is both: nothing is left out in
// silence.
//
// # Words
//
//	store      what keeps the data: a server object, a directory, a database
//	client     one kv.Engine over the store; stores of SQL engines have many
//	link       a client whose way to the store can be disturbed
//	history    a seeded list of operations; its trace is what an engine answered
//	model      the contract written as plainly as possible: a map that is sorted when it is read
//
// # What a case may use
//
// Each case gets an empty store and opens client 0; a case of the suite fails alone and leaves
// nothing behind. Cases never sleep: where one must wait for another, the link says when. Cases
// check what another client wrote only through a Require, since a store of several servers may
// promise no more between two servers.
//
// # Engines compared
//
// Replay runs a History against any engine and returns its Trace; two engines agree when their
// traces are equal. Run compares each engine with the Model; a test of several engines can compare
// them with each other.
//
// # Files
//
//	kvtest.go     Run, Harness, Store, Link, Ability
//	env.go        what the cases share
//	keys.go get.go scan.go commit.go require.go race.go limits.go snapshot.go life.go fault.go
//	              the cases by theme
//	history.go    History, Replay, Trace
//	link.go       LinkOver: a link for engines of this process
//	model.go      Model
//	bench.go      Bench
package kvtest
