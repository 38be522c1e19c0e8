package stock

import "time"

// site is what is known of one wiki.
type site struct {
	name string
	poll time.Duration

	asked   time.Time     // when the wake-up was pushed that waits; zero: none does
	woken   time.Time     // of the last hint
	running int           // attempts
	looking chan struct{} // not nil during a look; closed at its end
	trouble string        // of the last look; "" when it was answered

	due   time.Time // of the next look
	place int       // in sites, by due; -1: not in it
}

// sites is a heap, the next to be looked at first. It implements heap.Interface.
type sites []*site

func (s sites) Len() int { return len(s) }

func (s sites) Less(i, j int) bool {
	if !s[i].due.Equal(s[j].due) {
		return s[i].due.Before(s[j].due)
	}
	return s[i].name < s[j].name
}

func (s sites) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].place, s[j].place = i, j
}

func (s *sites) Push(x any) {
	one := x.(*site) //nolint:forcetypeassert,errcheck // heap hands over what was pushed here
	one.place = len(*s)
	*s = append(*s, one)
}

func (s *sites) Pop() any {
	last := len(*s) - 1
	one := (*s)[last]
	one.place = -1
	(*s)[last] = nil
	*s = (*s)[:last]
	return one
}
