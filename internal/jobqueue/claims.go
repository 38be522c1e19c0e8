package jobqueue

import "auwai/internal/partition"

// StoreClaims writes claims that were in memory only: the ready key goes, the running key comes, so
// that the next owner knows of them. One that is stored is written again when its Deadline was changed
// since, which is a heartbeat, or its Progress. Claims that have ended meanwhile are left out.
type StoreClaims struct {
	Claims []*Claim
	// Orderly says that an orderly stop cuts the attempts short: they are not counted when found.
	// Claims that are stored already are marked too.
	Orderly bool
	Cursors []Cursor
}

// Apply stores the claims.
func (c *StoreClaims) Apply(tx *partition.Tx) error {
	w := begin(tx, 0)
	for _, claim := range c.Claims {
		if w.running(claim.Job.ID) == claim && (c.Orderly || !w.isStored(claim) || claim.outdated()) {
			w.storeClaim(claim, c.Orderly)
		}
	}
	w.moveCursors(c.Cursors)
	return w.finish()
}
