// Package farm keeps what belongs to no single wiki, in partition 0 under the pseudo-wiki *farm: the
// wikis that were learned, those that send events or jobs and are not in the configuration; what an
// operator changed at run time; and which configuration is active.
//
// # Words
//
//	wiki      the tenant, by its database name, or by its domain where there is none
//	domain    a name in meta.domain of events
//	learned   known from what came in, not from the configuration
//
//	scope     what a control holds for: all, a queue, a wiki, a queue of a wiki, a tag
//	control   a pause and settings of a scope, over what the configuration says
//	setting   one value of a control, by its name in the configuration
//	publish   make a configuration the active one
//
// # States
//
//	unknown ──Learn──▶ learned ──Forget (it is configured now)──▶ configured
//
// A learned wiki has up to MaxDomains domains. A domain belongs to the first wiki that came with it,
// so that nobody draws another's events to himself by using its domain; the configuration overrules.
//
//	no control ──SetControl──▶ control ──SetControl that takes its last word back──▶ no control
//	version n ──Publish (seen n)──▶ version n+1; the last ten are kept
//
// # Invariants
//
//   - The version of controls rises with each change, and so does that of the configuration.
//   - Two nodes that publish at once: one of them gets a Conflict, with what is active.
//   - At most MaxWikis wikis are learned: names cost memory, and whoever may send could invent them.
//   - Each domain key names a learned wiki that lists the domain.
//
// # Failures
//
//	one wiki too many     ErrTooManyWikis for its pair; the other pairs of the command are learned
//	a control is bad      refused whole; the error names the field
//	a name is malformed   refused before, by intake; here Invalid
//
// # Files
//
//	keys.go    families of keys            scope.go     what a control holds for
//	learn.go   Learn and Forget            setting.go   what can be changed at run time
//	list.go    reading learned wikis       control.go   SetControl, reading controls
//	publish.go the active configuration
package farm
