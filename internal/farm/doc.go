// Package farm keeps what belongs to no single wiki, in partition 0 under the pseudo-wiki *farm. So
// far that is the list of wikis that were learned: those that send events or jobs and are not in the
// configuration.
//
// # Words
//
//	wiki      the tenant, by its database name, or by its domain where there is none
//	domain    a name in meta.domain of events
//	learned   known from what came in, not from the configuration
//
// # States
//
//	unknown ──Learn──▶ learned ──Forget (it is configured now)──▶ configured
//
// A learned wiki has up to MaxDomains domains. A domain belongs to the first wiki that came with it,
// so that nobody draws another's events to himself by using its domain; the configuration overrules.
//
// # Invariants
//
//   - At most MaxWikis wikis are learned: names cost memory, and whoever may send could invent them.
//   - Each domain key names a learned wiki that lists the domain.
//
// # Failures
//
//	one wiki too many     ErrTooManyWikis for its pair; the other pairs of the command are learned
//	a name is malformed   refused before, by intake; here Invalid
//
// # Files
//
//	keys.go   families of keys     learn.go   Learn and Forget     list.go   reading them
package farm
