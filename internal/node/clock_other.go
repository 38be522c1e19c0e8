//go:build !linux

package node

import "time"

// mono is the wall clock where no clock that counts suspend is at hand; setting it back or forward
// can end a session early, which is safe, or late by the same amount.
func mono() time.Duration { return time.Duration(time.Now().UnixNano()) }
