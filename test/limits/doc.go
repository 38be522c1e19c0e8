// Package limits holds the tests that drive the real auwai binary against a target that counts its
// concurrent calls and the times at which they begin: no limit is exceeded, through reloads of the
// configuration, settings at run time, orderly restarts, and crashes. They need nothing but Go.
//
// A lower limit holds for what starts after it: what runs already goes on. A target cannot see when a new
// limit came into force, so each change first lets the old limit count too, until the new one is seen to hold,
// and is strict from then on.
//
// AUWAI_LIMITS_SECONDS is how long rates are watched; "make e2e" watches them for a minute.
package limits
