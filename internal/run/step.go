package run

import "time"

// Strike is how long after a full second the clocks of a process strike that
// have no time of their own to keep. Those of one process wake it together: what
// a process costs that has nothing to do is the number of times it is woken.
const Strike = 60 * time.Millisecond

// Next is when a clock that strikes every so often does so next after now.
// Clocks of a second strike with those of half a second and of two. When the
// stroke is so near that it is the one that woke whoever asks, as a timer does a
// little early while the clock of the machine is being set right, it is the one
// after that.
func Next(now time.Time, every time.Duration) time.Time {
	return now.Add(every/50 - Strike).Truncate(every).Add(every + Strike)
}

// Until is how long that is.
func Until(every time.Duration) time.Duration {
	now := time.Now()
	return Next(now, every).Sub(now)
}
