package tariff

import "slices"

const (
	minutesOfDay = 24 * 60
	minute       = int64(60_000) // ms
	dayLength    = minutesOfDay * minute
)

// bands is a compiled [Calendar].
type bands struct {
	id       string
	names    []string
	rules    []rule
	holidays []func(day) bool
	dates    map[day]bool
}

// rule is a compiled [Band]. Empty conditions fit always.
type rule struct {
	days    uint8  // bit 0 is Monday, bit 7 a holiday
	months  uint16 // bit 1 is January
	seasons [][2]int
	times   [][2]int // minutes of the day, from before to
	band    int
}

const onHoliday = 1 << 7

func (b *bands) holiday(n day) bool {
	return b.dates[n] || slices.ContainsFunc(b.holidays, func(is func(day) bool) bool { return is(n) })
}

// fitting gives the rules that fit a day, as bits: whatever the time.
func (b *bands) fitting(n day) uint64 {
	_, month, of := n.date()
	kind := uint8(1) << n.weekday()
	if b.holiday(n) {
		kind = onHoliday
	}
	out := uint64(0)
	for i, r := range b.rules {
		if r.days != 0 && r.days&kind == 0 || r.months != 0 && r.months&(1<<month) == 0 || !inSeason(r.seasons, month*100+of) {
			continue
		}
		out |= 1 << i
	}
	return out
}

// inSeason takes seasons and a day of the year as month×100 + day of the month.
func inSeason(seasons [][2]int, at int) bool {
	for _, s := range seasons {
		if s[0] < s[1] && s[0] <= at && at < s[1] || s[0] >= s[1] && (s[0] <= at || at < s[1]) {
			return true
		}
	}
	return len(seasons) == 0
}

// A stretch of a day is in one band up to a minute of the day.
type stretch struct {
	end  int
	band int
}

// cut divides the clock's day into stretches, by the rules that fit the day.
func (b *bands) cut(fitting uint64) []stretch {
	edges := []int{minutesOfDay}
	for i, r := range b.rules {
		if fitting&(1<<i) != 0 {
			for _, t := range r.times {
				edges = append(edges, t[0], t[1])
			}
		}
	}
	slices.Sort(edges)
	var out []stretch
	at := 0
	for _, end := range edges {
		if end == at {
			continue
		}
		band := b.at(fitting, at)
		if n := len(out); n > 0 && out[n-1].band == band {
			out[n-1].end = end
		} else {
			out = append(out, stretch{end, band})
		}
		at = end
	}
	return out
}

// at gives the band of a minute of the day. One rule always fits: the last one
// has no conditions.
func (b *bands) at(fitting uint64, minute int) int {
	for i, r := range b.rules {
		if fitting&(1<<i) == 0 {
			continue
		}
		if len(r.times) == 0 || slices.ContainsFunc(r.times, func(t [2]int) bool { return t[0] <= minute && minute < t[1] }) {
			return r.band
		}
	}
	return len(b.names) - 1
}
