// Package crash holds the tests that kill the real auwai binary: at random times during push and
// drain, and from within a job. They need nothing but Go. The wikis are rig.Endpoint's.
//
// What is checked is the promise of delivery: whatever was acknowledged runs at least once, however
// often and whenever the process dies, and a job that takes the process down with it is put aside
// after its attempts while all others are done.
package crash
