package tariff

import (
	"math"
	"slices"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/tariff/wide"
	"github.com/wattwerk/wattwerk/window"
)

// Plan is a tariff, or the factors of a basis, checked and made ready. It does not
// change and is safe for concurrent use.
type Plan struct {
	id       ID
	currency string
	unit     string // of the prices
	power    string // of peaks: the unit, an hour
	perUnit  int64  // millionths of the coherent unit in one unit
	// A millionth × 10^-9 for a unit is this many times less than 10^-6.
	unitMoney wide.Divisor
	calendar  window.Calendar
	bands     []*bands
	versions  []version // by time; without those that have no factor
	counters  uint8     // which running amounts are needed, as bits
	peaks     []peaks
	series    []string
}

// version is a compiled [Version].
type version struct {
	number     int // in the document, from 1
	span       window.Span
	conversion int64        // 10^-9 units in a coherent unit of the quantity; 0: none
	divisor    wide.Divisor // 10^15 / millionths in a unit
	components []component
	charged    []int // which of them are energy and feed-in
	taxes      []int // and which taxes
}

// component is a compiled [Component].
type component struct {
	id, name string
	kind     Kind
	per      Every

	// energy and feed-in
	given    bool // what was given back is meant
	form     form
	prices   []int64  // by slot, in 10^-9; credits are below zero
	slots    []string // names: of bands, of steps
	calendar int      // of bands
	limits   []int64  // of steps: where they end, in millionths
	counter  int      // of steps
	series   int
	factor   int64 // in 10^-9
	markup   int64 // in 10^-9

	// demand
	peak           Every
	peaks          int   // which of the plan's
	above, minimum int64 // millionths of the coherent unit, per hour

	// tax
	percent int64 // 10^-9 percent
	on      []int
}

// form is how the price of energy is found.
type form uint8

const (
	flat form = iota
	banded
	stepped
	spot
)

// charges tells whether the component is priced by amount.
func (c *component) charges() bool { return c.kind == Energy || c.kind == FeedIn }

// The running amounts that steps need: since the month or the year began, of
// what was taken or given back.
const (
	takenInMonth = iota
	takenInYear
	givenInMonth
	givenInYear
	counters
)

// peaks says which quarters of an hour count for a peak.
type peaks struct {
	calendar int // -1: all do
	bands    uint64
}

// ID is that of the document.
func (p *Plan) ID() ID { return p.id }

// Currency is what its money is millionths of.
func (p *Plan) Currency() string { return p.currency }

// Unit is the unit prices are for.
func (p *Plan) Unit() string { return p.unit }

// PerUnit is how many millionths of the coherent unit are in one unit: quantities
// of a bill are in millionths of the coherent unit, its prices for a unit.
func (p *Plan) PerUnit() energy.Amount { return energy.Amount(p.perUnit) }

// Calendar is that of the zone of its dates and times.
func (p *Plan) Calendar() window.Calendar { return p.calendar }

// Series names the series of prices it refers to, in order of their names.
func (p *Plan) Series() []string { return slices.Sorted(slices.Values(p.series)) }

// Quarters tells whether it has a demand charge, so that what is priced has to
// come in quarters of an hour.
func (p *Plan) Quarters() bool { return len(p.peaks) > 0 }

// Since tells from when on windows have to be handed to a [Pricer] of a period that
// begins at from: from the month or year on in which steps are counted or peaks
// looked for. It is from itself where nothing before it matters.
func (p *Plan) Since(from record.Millis) record.Millis {
	since := from
	month, year := p.calendar.Span(window.Month, from), p.calendar.Span(window.Year, from)
	if p.counters&(1<<takenInMonth|1<<givenInMonth) != 0 {
		since = min(since, month.From)
	}
	if p.counters&(1<<takenInYear|1<<givenInYear) != 0 {
		since = min(since, year.From)
	}
	for _, v := range p.versions {
		for _, c := range v.components {
			switch {
			case c.kind != Demand:
			case c.peak == Month:
				since = min(since, month.From)
			case c.peak == Year:
				since = min(since, year.From)
			case c.peak == Rolling:
				first := month
				for range 11 {
					first = p.calendar.Prev(window.Month, first)
				}
				since = min(since, first.From)
			}
		}
	}
	// What was before the first version counts for nothing.
	if len(p.versions) > 0 {
		since = max(since, min(from, p.versions[0].span.From))
	}
	return since
}

// version gives the index of the version in force at t, or -1, and until when
// that is so.
func (p *Plan) version(t record.Millis) (i int, until record.Millis) {
	for i, v := range p.versions {
		switch {
		case t < v.span.From:
			return -1, v.span.From
		case t < v.span.To:
			return i, v.span.To
		}
	}
	return -1, forever
}

var (
	byNano    = wide.By(1e9)
	byPercent = wide.By(1e11) // 10^-9 percent
)

const forever = record.Millis(math.MaxInt64)

// begin is when a day begins.
func begin(c window.Calendar, n day) record.Millis {
	// At noon of a day no clock shows another day, and it is at most 14 hours
	// away from that of UTC.
	noon := int64(n)*dayLength + dayLength/2
	t := record.Millis(noon)
	for range 2 {
		_, offset := t.Time().In(c.Zone()).Zone()
		t = record.Millis(noon - int64(offset)*1000)
	}
	return c.Span(window.Day, t).From
}
