package tariff

// easter gives Easter Sunday by the Gregorian calendar: the algorithm of Meeus,
// Jones and Butcher (Nature 13, 1876; Meeus, Astronomical Algorithms, ch. 8).
func easter(year int) day {
	a := year % 19
	b, c := year/100, year%100
	d, e := b/4, b%4
	f := (b + 8) / 25
	g := (b - f + 1) / 3
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 22*l) / 451
	n := h + l - 7*m + 114
	return dayOf(year, n/31, n%31+1)
}

// holidayRules are the sets of holidays that have a name. A set says whether a
// day is a holiday.
var holidayRules = map[string]func(day) bool{
	"germany": germany,
}

// germany knows the holidays of all of Germany: those of every Land and the Day
// of German Unity (Einigungsvertrag, art. 2). Holidays of one Land are given as
// dates.
func germany(n day) bool {
	y, m, d := n.date()
	switch m*100 + d {
	case 101, 501, 1225, 1226: // New Year, Labour Day, Christmas
		return true
	case 1003:
		return y >= 1990
	case 1031: // five hundred years of the Reformation
		return y == 2017
	}
	switch n - easter(y) {
	case -2, 1, 39, 50: // Good Friday, Easter Monday, Ascension, Whit Monday
		return true
	}
	return false
}
