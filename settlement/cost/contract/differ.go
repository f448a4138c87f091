package contract

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/wattwerk/wattwerk/tariff"
)

// Differ gives the first day from which on one tariff prices otherwise than the
// other; false when there is none. Names do not matter, and neither do calendars
// that no version of such a day uses. Both must be valid.
func Differ(a, b tariff.Tariff) (tariff.Date, bool) {
	if a.Currency != b.Currency || a.Zone != b.Zone || a.Quantity != b.Quantity || a.Unit != b.Unit {
		return first(frames(a.Versions), frames(b.Versions))
	}
	days := append(boundaries(frames(a.Versions)), boundaries(frames(b.Versions))...)
	holidays := oddHolidays(a.Calendars, b.Calendars)
	for _, d := range holidays {
		if t, err := time.Parse(time.DateOnly, string(d)); err == nil {
			days = append(days, d, tariff.Date(t.AddDate(0, 0, 1).Format(time.DateOnly)))
		}
	}
	slices.Sort(days)
	for _, d := range slices.Compact(days) {
		if on(&a, d, holidays) != on(&b, d, holidays) {
			return d, true
		}
	}
	return "", false
}

// DifferFactors gives the first day from which on two sets of factors differ.
func DifferFactors(a, b tariff.Factors) (tariff.Date, bool) {
	framesOf := func(f tariff.Factors) []frame {
		out := make([]frame, 0, len(f.Versions))
		for _, v := range f.Versions {
			out = append(out, frame{v.From, v.To})
		}
		return out
	}
	x, y := framesOf(a), framesOf(b)
	if a.Zone != b.Zone || a.Quantity != b.Quantity || a.Unit != b.Unit {
		return first(x, y)
	}
	days := append(boundaries(x), boundaries(y)...)
	slices.Sort(days)
	on := func(f tariff.Factors, all []frame, d tariff.Date) string {
		i := inForce(all, d)
		if i < 0 {
			return ""
		}
		v := f.Versions[i]
		v.From, v.To = "", ""
		return asText(v)
	}
	for _, d := range slices.Compact(days) {
		if on(a, x, d) != on(b, y, d) {
			return d, true
		}
	}
	return "", false
}

// frame is when a version is in force.
type frame struct{ from, to tariff.Date }

func frames(all []tariff.Version) []frame {
	out := make([]frame, 0, len(all))
	for _, v := range all {
		out = append(out, frame{v.From, v.To})
	}
	return out
}

func boundaries(all []frame) []tariff.Date {
	var out []tariff.Date
	for _, f := range all {
		if out = append(out, f.from); f.to != "" {
			out = append(out, f.to)
		}
	}
	return out
}

// first is the first day of all.
func first(a, b []frame) (tariff.Date, bool) {
	all := append(boundaries(a), boundaries(b)...)
	if len(all) == 0 {
		return "", false
	}
	return slices.Min(all), true
}

// inForce gives the index of the version in force on a day, or -1. Dates
// compare as texts.
func inForce(all []frame, d tariff.Date) int {
	at := -1
	for i, f := range all {
		if f.from <= d {
			at = i
		}
	}
	if at >= 0 && all[at].to != "" && all[at].to <= d {
		return -1
	}
	return at
}

// oddHolidays are dates that are holidays in a calendar of one tariff and not in
// that of the other.
func oddHolidays(a, b []tariff.Calendar) []tariff.Date {
	dates := func(all []tariff.Calendar) map[string]map[tariff.Date]bool {
		out := make(map[string]map[tariff.Date]bool)
		for _, c := range all {
			out[c.ID] = make(map[tariff.Date]bool)
			if c.Holidays != nil {
				for _, d := range c.Holidays.Dates {
					out[c.ID][d] = true
				}
			}
		}
		return out
	}
	x, y := dates(a), dates(b)
	var odd []tariff.Date
	for _, both := range [][2]map[string]map[tariff.Date]bool{{x, y}, {y, x}} {
		for id, days := range both[0] {
			for d := range days {
				if !both[1][id][d] {
					odd = append(odd, d)
				}
			}
		}
	}
	slices.Sort(odd)
	return slices.Compact(odd)
}

// on is all that decides what a day costs, as a text to be compared.
func on(t *tariff.Tariff, d tariff.Date, odd []tariff.Date) string {
	i := inForce(frames(t.Versions), d)
	if i < 0 {
		return ""
	}
	v := t.Versions[i]
	v.From, v.To = "", ""
	v.Components = slices.Clone(v.Components)
	used := make(map[string]bool)
	for k := range v.Components {
		c := &v.Components[k]
		c.Name = ""
		if c.Calendar == "" && len(t.Calendars) == 1 && len(c.Prices)+len(c.Bands) > 0 {
			c.Calendar = t.Calendars[0].ID
		}
		used[c.Calendar] = true
	}
	var calendars []tariff.Calendar
	for _, c := range t.Calendars {
		if !used[c.ID] {
			continue
		}
		if c.Holidays != nil {
			h := *c.Holidays
			h.Dates = nil
			if _, is := slices.BinarySearch(odd, d); is && slices.Contains(c.Holidays.Dates, d) {
				h.Dates = []tariff.Date{d}
			}
			c.Holidays = &h
		}
		calendars = append(calendars, c)
	}
	return asText(v) + asText(calendars)
}

// asText is a value as JSON.
func asText(v any) string {
	b, _ := json.Marshal(v) // of strings alone
	return string(b)
}
