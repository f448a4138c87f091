package tariff

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/wattwerk/wattwerk/internal/strict"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/tariff/wide"
	"github.com/wattwerk/wattwerk/window"
)

// Bounds of a tariff.
const (
	MaxVersions   = 500
	MaxComponents = 50 // of one version
	MaxCalendars  = 20
	MaxBands      = 64 // rules of one calendar
	MaxTimes      = 48 // of one rule
	MaxHolidays   = 2_000
	MaxSteps      = 20
	MaxName       = 500 // bytes of a name
)

// New checks the whole tariff and makes it ready. Site is the calendar of the
// site, for a tariff that names no zone. The error is a [*strict.Faults] with all
// that is wrong.
func New(t Tariff, site window.Calendar) (*Plan, error) {
	c := check{what: "tariff"}
	return c.plan(t, site)
}

// check collects what is wrong with a document.
type check struct {
	strict.Faults
	what string       // tariff or factors
	none map[int]bool // versions that are checked and left out
	p    *Plan
}

func (c *check) plan(t Tariff, site window.Calendar) (*Plan, error) {
	p := &Plan{id: t.ID, currency: t.Currency, calendar: site}
	c.p = p
	if err := record.ValidateID(c.what, string(t.ID)); err != nil {
		c.Add("%v", err)
	}
	c.text(c.what, t.Name)
	switch {
	case t.Currency == "":
		c.Add("the currency is missing, like EUR")
	case len(t.Currency) > 20 || strings.ContainsFunc(t.Currency, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }):
		c.Add("the currency %.40q is not a code like EUR", t.Currency)
	}
	if t.Zone != "" {
		// Local is whatever the machine says, "../x" a file.
		zone, err := time.LoadLocation(t.Zone)
		if err != nil || t.Zone == "Local" || strings.Contains(t.Zone, "..") {
			c.Add("the time zone %.60q is unknown; zones are named like Europe/Berlin", t.Zone)
		} else {
			p.calendar = window.In(zone)
		}
	}
	foreign := c.unit(t)
	if len(t.Calendars) > MaxCalendars {
		c.Add("there are %d calendars, at most %d are taken", len(t.Calendars), MaxCalendars)
		t.Calendars = t.Calendars[:MaxCalendars]
	}
	for _, k := range t.Calendars {
		c.calendar(k)
	}
	c.versions(t, foreign)
	if err := c.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

func (c *check) text(what, text string) {
	if len(text) > MaxName || !utf8.ValidString(text) {
		c.Add("the name of %s is longer than %d bytes, or not valid UTF-8", what, MaxName)
	}
}

// unit finds the unit of the prices, and tells whether it is one of another
// quantity than is measured.
func (c *check) unit(t Tariff) (foreign bool) {
	quantity := t.Quantity
	if quantity == "" {
		quantity = record.Energy
	}
	if err := quantity.Validate(); err != nil {
		c.Add("the %v", err)
		return false
	}
	name := t.Unit
	if name == "" && quantity == record.Energy {
		name = "kWh"
	} else if name == "" {
		name = quantity.Unit().Symbol
	}
	u, own := quantity.LookupUnit(name)
	if !own {
		var known bool
		if u, known = record.LookupUnit(name); !known {
			c.Add("the unit %.40q is unknown", name)
			return false
		}
	}
	// Prices are exact only for units that are whole millionths, and a conversion
	// only where it divides 10^15.
	per := u.Factor * 1e6
	if u.Offset != 0 || per != math.Trunc(per) || per < 1 || per > 1e12 || int64(1e15)%int64(per) != 0 {
		c.Add("the unit %.40q is no power of ten of %s, between a millionth and a million; prices are for units like kWh, MWh, m³ or l", name, u.Quantity.Unit().Symbol)
		return false
	}
	c.p.unit, c.p.perUnit = u.Symbol, int64(per)
	c.p.unitMoney = wide.By(uint64(per) * 1000)
	c.p.power = u.Symbol + "/h"
	if watts, hours := strings.CutSuffix(u.Symbol, "h"); hours {
		c.p.power = watts
	}
	return !own
}

// number reads a decimal that has to be there.
func (c *check) number(d Decimal, least int64, where, what string) int64 {
	v, err := d.nanos()
	switch {
	case err != nil:
		c.Add("%s: its %s %v", where, what, err)
	case v < least:
		c.Add("%s: its %s is %s, which is too small", where, what, string(d))
	}
	return v
}

const anyNumber = math.MinInt64

func (c *check) calendar(k Calendar) {
	b := &bands{id: k.ID, dates: make(map[day]bool)}
	where := quoted("calendar", k.ID)
	if err := record.ValidateID("calendar", k.ID); err != nil {
		c.Add("%v", err)
	} else if slices.ContainsFunc(c.p.bands, func(o *bands) bool { return o.id == k.ID }) {
		c.Add("%s is given twice", where)
	}
	c.p.bands = append(c.p.bands, b)
	if k.Holidays != nil {
		c.holidays(*k.Holidays, b, where)
	}
	if len(k.Bands) == 0 || len(k.Bands) > MaxBands {
		c.Add("%s has %d bands; it has 1 to %d", where, len(k.Bands), MaxBands)
		return
	}
	for i, r := range k.Bands {
		out := c.rule(r, k.Holidays != nil, where)
		if out.band = slices.Index(b.names, r.Name); out.band < 0 {
			out.band = len(b.names)
			b.names = append(b.names, r.Name)
		}
		b.rules = append(b.rules, out)
		if always := len(r.Days)+len(r.Times)+len(r.Months)+len(r.Seasons) == 0; always != (i == len(k.Bands)-1) {
			if always {
				c.Add("%s: band %d (%q) has no conditions and hides those below it", where, i+1, r.Name)
			} else {
				c.Add("%s: its last band (%q) has conditions; the last one takes what the others leave, so that every time is in a band", where, r.Name)
			}
		}
	}
}

func quoted(what, id string) string { return what + " " + shortQuote(id) }

func (c *check) holidays(h Holidays, b *bands, where string) {
	if len(h.Rules) > 10 || len(h.Dates) > MaxHolidays {
		c.Add("%s has more than 10 sets of holidays or more than %d dates of holidays", where, MaxHolidays)
		return
	}
	for _, name := range h.Rules {
		is, known := holidayRules[name]
		if !known {
			c.Add("%s: there is no set of holidays %.40q; there is germany", where, name)
			continue
		}
		b.holidays = append(b.holidays, is)
	}
	for _, d := range h.Dates {
		n, err := d.parse()
		if err != nil {
			c.Add("%s: a holiday %v", where, err)
		}
		b.dates[n] = true
	}
}

var (
	dayNames   = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday"}
	monthNames = []string{"", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
)

func (c *check) rule(r Band, holidays bool, where string) rule {
	var out rule
	where += ": " + quoted("band", r.Name)
	if err := record.ValidateID("band", r.Name); err != nil {
		c.Add("%s: %v", where, err)
	}
	if len(r.Times) > MaxTimes || len(r.Days) > 8 || len(r.Months) > 12 || len(r.Seasons) > 12 {
		c.Add("%s has more conditions than are taken", where)
		return out
	}
	for _, name := range r.Days {
		switch i := slices.Index(dayNames, name); {
		case i < 0:
			c.Add("%s: the day %.40q is none of mon, tue, wed, thu, fri, sat, sun, holiday", where, name)
		case out.days&(1<<i) != 0:
			c.Add("%s: the day %s is given twice", where, name)
		case 1<<i == onHoliday && !holidays:
			c.Add("%s is for holidays, but the calendar has none", where)
		default:
			out.days |= 1 << i
		}
	}
	for _, name := range r.Months {
		switch i := slices.Index(monthNames, name); {
		case i <= 0:
			c.Add("%s: the month %.40q is none of jan, feb, mar, apr, may, jun, jul, aug, sep, oct, nov, dec", where, name)
		case out.months&(1<<i) != 0:
			c.Add("%s: the month %s is given twice", where, name)
		default:
			out.months |= 1 << i
		}
	}
	for _, s := range r.Seasons {
		// 2000 was a leap year: the 29th of February is taken.
		from, err1 := Date("2000-" + s.From).parse()
		to, err2 := Date("2000-" + s.To).parse()
		if err1 != nil || err2 != nil || from == to {
			c.Add("%s: the season from %.40q to %.40q is not like from 10-15 to 03-15", where, s.From, s.To)
			continue
		}
		_, m1, d1 := from.date()
		_, m2, d2 := to.date()
		out.seasons = append(out.seasons, [2]int{m1*100 + d1, m2*100 + d2})
	}
	for _, text := range r.Times {
		from, to, ok := times(text)
		switch {
		case !ok:
			c.Add("%s: the times %.40q are not like 06:00-22:00", where, text)
		case from < to:
			out.times = append(out.times, [2]int{from, to})
		default:
			out.times = append(out.times, [2]int{0, to}, [2]int{from, minutesOfDay})
		}
	}
	return out
}

// times reads "06:00-22:00" into minutes of the day.
func times(text string) (from, to int, ok bool) {
	clock := func(s string) int {
		if s == "24:00" {
			return minutesOfDay
		}
		t, err := time.Parse("15:04", s)
		if err != nil || len(s) != 5 {
			return -1
		}
		return t.Hour()*60 + t.Minute()
	}
	a, b, _ := strings.Cut(text, "-")
	from, to = clock(a), clock(b)
	return from, to, from >= 0 && to >= 0 && from != to && from != minutesOfDay
}

func (c *check) versions(t Tariff, foreign bool) {
	if len(t.Versions) == 0 || len(t.Versions) > MaxVersions {
		c.Add("%s %s has %d versions; there are 1 to %d", c.what, shortQuote(string(t.ID)), len(t.Versions), MaxVersions)
		return
	}
	var before day // where the last one ended
	for i, v := range t.Versions {
		where := numbered("version", i+1)
		out := version{number: i + 1, span: window.Span{To: forever}}
		from, err := v.From.parse()
		if err != nil {
			c.Add("%s: its first day %v", where, err)
			continue
		}
		end := v.To
		if end == "" && i+1 < len(t.Versions) {
			end = t.Versions[i+1].From
		}
		if i > 0 && from < before {
			c.Add("%s begins on %v, before the one above it ends on %v; versions stand in order of time and do not overlap", where, from, before)
		}
		out.span.From = begin(c.p.calendar, from)
		if before = math.MaxInt32; end != "" {
			to, err := end.parse()
			switch {
			case err != nil && v.To != "":
				c.Add("%s: the day of its end %v", where, err)
			case err == nil && to <= from && v.To != "":
				c.Add("%s ends on %v, but begins on %v", where, to, from)
			}
			out.span.To, before = begin(c.p.calendar, to), max(to, from)
		}
		switch {
		case !foreign && v.Conversion != "":
			c.Add("%s has a conversion, but %s is a unit of what is measured", where, c.p.unit)
		case foreign:
			out.conversion = c.number(v.Conversion, 1, where, "conversion")
			out.divisor = wide.By(1e15 / uint64(max(c.p.perUnit, 1)))
		}
		if c.none[i] {
			continue
		}
		c.components(v, &out, where)
		c.p.versions = append(c.p.versions, out)
	}
}

func (c *check) components(v Version, out *version, where string) {
	if len(v.Components) == 0 || len(v.Components) > MaxComponents {
		c.Add("%s has %d components; it has 1 to %d", where, len(v.Components), MaxComponents)
		return
	}
	for i := range v.Components {
		k := &v.Components[i]
		where := where + ": " + quoted("component", k.ID)
		if err := record.ValidateID("component", k.ID); err != nil {
			c.Add("%s: %v", where, err)
		} else if slices.ContainsFunc(out.components, func(o component) bool { return o.id == k.ID }) {
			c.Add("%s is given twice", where)
		}
		c.text(where, k.Name)
		compiled := component{id: k.ID, name: k.Name, kind: k.Kind, per: k.Per, given: k.Kind == FeedIn}
		c.superfluous(k, where)
		switch k.Kind {
		case Energy, FeedIn:
			c.energy(k, &compiled, where)
		case Standing:
			if k.Per != Day && k.Per != Month && k.Per != Year {
				c.Add("%s: its 'per' is day, month or year", where)
			}
			compiled.prices = []int64{c.number(k.Price, anyNumber, where, "price")}
		case Demand:
			c.demand(k, &compiled, where)
		case Tax:
			compiled.percent = c.number(k.Percent, anyNumber, where, "percent")
			c.taxed(k, &compiled, out.components, where)
		default:
			c.Add("%s: the kind %.40q is none of energy, feed_in, standing, demand, tax", where, string(k.Kind))
		}
		switch k.Kind {
		case Energy, FeedIn:
			out.charged = append(out.charged, i)
		case Tax:
			out.taxes = append(out.taxes, i)
		}
		out.components = append(out.components, compiled)
	}
}

// superfluous finds what is given and means nothing for the kind: it was meant
// for something.
func (c *check) superfluous(k *Component, where string) {
	charges := k.Kind == Energy || k.Kind == FeedIn
	for _, f := range []struct {
		name      string
		there, ok bool
	}{
		{"price", k.Price != "", k.Kind != Tax},
		{"prices", k.Prices != nil, charges},
		{"calendar", k.Calendar != "", charges && k.Prices != nil || k.Kind == Demand && k.Bands != nil},
		{"steps", k.Steps != nil, charges},
		{"series", k.Series != nil, charges},
		{"per", k.Per != "", k.Kind == Standing || k.Kind == Demand},
		{"peak", k.Peak != "", k.Kind == Demand},
		{"bands", k.Bands != nil, k.Kind == Demand},
		{"above", k.Above != "", k.Kind == Demand},
		{"minimum", k.Minimum != "", k.Kind == Demand},
		{"percent", k.Percent != "", k.Kind == Tax},
		{"on", k.On != nil, k.Kind == Tax},
	} {
		if f.there && !f.ok {
			c.Add("%s has %q, which means nothing there", where, f.name)
		}
	}
}

// energy compiles the one way in which the price is given.
func (c *check) energy(k *Component, out *component, where string) {
	ways := 0
	for _, there := range []bool{k.Price != "", k.Prices != nil, k.Steps != nil, k.Series != nil} {
		if there {
			ways++
		}
	}
	if ways != 1 {
		c.Add("%s has %d of price, prices, steps and series; it has exactly one", where, ways)
		return
	}
	switch {
	case k.Prices != nil:
		out.form = banded
		if out.calendar = c.find(k.Calendar, where); out.calendar < 0 {
			return
		}
		b := c.p.bands[out.calendar]
		out.slots = b.names
		for _, name := range b.names {
			price, there := k.Prices[name]
			if !there {
				c.Add("%s has no price for band %s", where, shortQuote(name))
				continue
			}
			out.prices = append(out.prices, c.number(price, anyNumber, where, "price for band "+shortQuote(name)))
		}
		for _, name := range sortedKeys(k.Prices) {
			if !slices.Contains(b.names, name) {
				c.Add("%s has a price for band %s, which calendar %q has not", where, shortQuote(name), b.id)
			}
		}
	case k.Steps != nil:
		c.steps(k, out, where)
	case k.Series != nil:
		out.form = spot
		c.series(k.Series, out, where)
	default:
		out.prices = []int64{c.number(k.Price, anyNumber, where, "price")}
	}
	if k.Kind == FeedIn {
		for i := range out.prices {
			out.prices[i] = -out.prices[i]
		}
	}
}

func (c *check) series(s *Series, out *component, where string) {
	if err := record.ValidateID("series", s.Name); err != nil {
		c.Add("%s: %v", where, err)
	}
	out.factor = 1e9
	if s.Factor != "" {
		out.factor = c.number(s.Factor, anyNumber, where, "factor")
	}
	if s.Markup != "" {
		out.markup = c.number(s.Markup, anyNumber, where, "markup")
	}
	if out.series = slices.Index(c.p.series, s.Name); out.series < 0 {
		out.series = len(c.p.series)
		c.p.series = append(c.p.series, s.Name)
	}
	out.slots = []string{s.Name}
}

func (c *check) steps(k *Component, out *component, where string) {
	out.form = stepped
	switch {
	case k.Steps.Per == Month:
		out.counter = takenInMonth
	case k.Steps.Per == Year:
		out.counter = takenInYear
	default:
		c.Add("%s: its steps are per month or year", where)
	}
	if k.Kind == FeedIn {
		out.counter += givenInMonth - takenInMonth
	}
	c.p.counters |= 1 << out.counter
	n := len(k.Steps.Of)
	if n == 0 || n > MaxSteps {
		c.Add("%s has %d steps; there are 1 to %d", where, n, MaxSteps)
		return
	}
	last := int64(0)
	for i, s := range k.Steps.Of {
		where := where + ", " + numbered("step", i+1)
		out.prices = append(out.prices, c.number(s.Price, anyNumber, where, "price"))
		slot, limit := "from "+decimals(last, 9), int64(math.MaxInt64)
		switch {
		case i == n-1 && s.UpTo != "":
			c.Add("%s is the last one and has no end", where)
		case i < n-1:
			upTo := c.number(s.UpTo, 1, where, "upTo")
			if upTo > 0 && upTo <= last {
				c.Add("%s ends at %.40s, not above the one below it", where, string(s.UpTo))
			}
			// 10^-9 units are perUnit/10^9 millionths.
			var fits bool
			if limit, fits = wide.Product(upTo, c.p.perUnit).Over(byNano); !fits {
				c.Add("%s ends at %.40s, which is too much", where, string(s.UpTo))
			}
			slot, last = "to "+decimals(upTo, 9), upTo
		}
		out.slots, out.limits = append(out.slots, slot), append(out.limits, limit)
	}
}

func (c *check) demand(k *Component, out *component, where string) {
	if k.Per != Month && k.Per != Year {
		c.Add("%s: its 'per' is month or year", where)
	}
	if k.Peak != Month && k.Peak != Year && k.Peak != Rolling {
		c.Add("%s: its 'peak' is month, year or rolling", where)
	}
	out.peak = k.Peak
	out.prices = []int64{c.number(k.Price, anyNumber, where, "price")}
	// 10^-9 kW are perUnit/10^9 µW.
	power := func(d Decimal, what string) int64 {
		if d == "" {
			return 0
		}
		v, fits := wide.Product(c.number(d, 0, where, what), c.p.perUnit).Over(byNano)
		if !fits {
			c.Add("%s: its %s is too much", where, what)
		}
		return v
	}
	out.above, out.minimum = power(k.Above, "above"), power(k.Minimum, "minimum")
	of := peaks{calendar: -1}
	if k.Bands != nil {
		if of.calendar = c.find(k.Calendar, where); of.calendar < 0 {
			return
		}
		for _, name := range k.Bands {
			i := slices.Index(c.p.bands[of.calendar].names, name)
			if i < 0 {
				c.Add("%s counts peaks in band %s, which calendar %q has not", where, shortQuote(name), c.p.bands[of.calendar].id)
				continue
			}
			of.bands |= 1 << i
		}
	}
	if out.peaks = slices.Index(c.p.peaks, of); out.peaks < 0 {
		out.peaks = len(c.p.peaks)
		c.p.peaks = append(c.p.peaks, of)
	}
}

// taxed finds the components that a tax is on, among those above it.
func (c *check) taxed(k *Component, out *component, above []component, where string) {
	for _, id := range k.On {
		switch i := slices.IndexFunc(above, func(o component) bool { return o.id == id }); {
		case i < 0:
			c.Add("%s is on component %s, which does not stand above it", where, shortQuote(id))
		case slices.Contains(out.on, i):
			c.Add("%s is on component %s twice", where, shortQuote(id))
		default:
			out.on = append(out.on, i)
		}
	}
	if k.On == nil {
		for i := range above {
			if above[i].kind != FeedIn {
				out.on = append(out.on, i)
			}
		}
	}
	if len(out.on) == 0 && len(k.On) == 0 {
		c.Add("%s is on nothing", where)
	}
}

// find gives the index of a calendar, or -1 and a fault.
func (c *check) find(id, where string) int {
	if id == "" && len(c.p.bands) == 1 {
		return 0
	}
	i := slices.IndexFunc(c.p.bands, func(b *bands) bool { return b.id == id })
	switch {
	case i < 0 && id == "":
		c.Add("%s names no calendar, and there are %d", where, len(c.p.bands))
	case i < 0:
		c.Add("%s names calendar %s, which is not given", where, shortQuote(id))
	}
	return i
}

func shortQuote(s string) string { return fmt.Sprintf("%.60q", s) }

func numbered(what string, n int) string { return fmt.Sprintf("%s %d", what, n) }

func sortedKeys(m map[string]Decimal) []string { return slices.Sorted(maps.Keys(m)) }
