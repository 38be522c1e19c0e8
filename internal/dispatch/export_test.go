package dispatch

// WindowBytes is the memory of all windows together.
const WindowBytes = windowBytes

// WindowEntries is the most entries of one window.
const WindowEntries = windowEntries

// LargestPage is the most entries of one read of places.
const LargestPage = largestPage

// StarvationGuard is how many starts of a wiki pass until its least urgent band goes first.
const StarvationGuard = starvationGuard

// Loaded returns the bytes that the machine counts for its windows, and those that are there.
func (m *Machine) Loaded() (counted, found int) {
	for _, p := range m.parts {
		if p == nil {
			continue
		}
		for _, pr := range p.pairs {
			for b := range pr.bands {
				for i := range pr.bands[b].waiting() {
					found += pr.bands[b].waiting()[i].size()
				}
			}
		}
	}
	return m.loaded, found
}

// Entries returns the entries of all windows, and of the largest one.
func (m *Machine) Entries() (all, largest int) {
	for _, p := range m.parts {
		if p == nil {
			continue
		}
		for _, pr := range p.pairs {
			for b := range pr.bands {
				n := len(pr.bands[b].waiting()) + len(pr.bands[b].arrived)
				all += n
				largest = max(largest, n)
			}
		}
	}
	return all, largest
}

// Known returns how many pairs, wikis and limiters are in memory.
func (m *Machine) Known() (pairs, wikis, limiters int) {
	for _, p := range m.parts {
		if p != nil {
			pairs += len(p.pairs)
		}
	}
	return pairs, len(m.wikis), m.limits.Len()
}

// FinishingAtMost is how many outcomes may wait to be durable.
const FinishingAtMost = finishingAtMost
