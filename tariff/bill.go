package tariff

import (
	"fmt"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/tariff/wide"
	"github.com/wattwerk/wattwerk/window"
)

// Line is one line of a bill. Its money is quantity × price, rounded once.
type Line struct {
	Version   int         // of the document, from 1
	Span      window.Span // the part of the period it is for
	Component string      // its identifier
	Name      string      // as the bill calls it; may be empty
	Kind      Kind
	Slot      string // band, step or name of the series; empty for one price alone

	// Quantity is in millionths of the coherent unit of Unit: an amount, for a
	// demand charge the power that is charged. Standing charges have days, demand
	// charges too.
	Quantity energy.Amount
	Unit     string
	Days     int
	// Price is for one Unit; of a series it is the average, rounded. A tax has
	// Percent instead.
	Price   Price
	Percent Decimal
	// Peak is when the quarter of an hour of a demand charge began; 0 if none is
	// known.
	Peak record.Millis

	Money     Money // below zero for feed-in
	Estimated Money // the part of it that stands on estimated amounts
	// Unpriced is an amount for which a series had no price; it is in neither
	// Quantity nor Money.
	Unpriced energy.Amount
}

// Bill is what a period costs, as far as it was handed to the [Pricer].
type Bill struct {
	Plan     ID
	Currency string
	Span     window.Span
	Lines    []Line // by version, then in the order of the components

	Known     bool  // false: no version is in force in the period; nothing below has a meaning
	Cost      Money // of all lines but feed-in
	Credit    Money // for feed-in, above zero as a rule
	Total     Money // Cost - Credit
	Estimated Money // the part of Total that stands on estimated amounts

	// What was measured, in the unit of the windows: amounts taken and given
	// back, and the estimated parts of them.
	Taken, TakenEstimated energy.Amount
	Given, GivenEstimated energy.Amount
	// Measured is the time in ms whose amounts are known, Unpriced the part of it
	// that has no price. Both count whole pieces of time.
	Measured, Unpriced int64
	// UnpricedTaken and UnpricedGiven are the parts of Taken and Given that have no
	// price.
	UnpricedTaken, UnpricedGiven energy.Amount
}

// Complete tells whether every part of the period was measured and has a price.
func (b *Bill) Complete() bool {
	return b.Known && b.Measured == b.Span.Length() && b.Unpriced == 0
}

// Completeness is the share of the period that was measured and has a price, from
// 0 to 1. It is for showing; [Bill.Complete] decides.
func (b *Bill) Completeness() float64 {
	if b.Span.Length() == 0 {
		return 0
	}
	return float64(b.Measured-b.Unpriced) / float64(b.Span.Length())
}

// Bill gives the bill of what was added so far, and changes nothing.
func (r *Pricer) Bill() (Bill, error) { return r.Until(r.period.To) }

// Until gives the bill of the period as if it ended at to: the one a [Pricer] of
// that shorter period gives. It is an error when a window was added that ends
// later. It changes nothing.
func (r *Pricer) Until(to record.Millis) (Bill, error) {
	if r.err != nil {
		return Bill{}, r.err
	}
	if to < max(r.period.From, r.done) || to > r.period.To {
		return Bill{}, fmt.Errorf("bill %s: %v is not between the end of what was added and that of the period", r.p.id, to)
	}
	b := Bill{
		Plan: r.p.id, Currency: r.p.currency, Span: window.Span{From: r.period.From, To: to},
		Taken: energy.Amount(r.taken[0]), TakenEstimated: energy.Amount(r.taken[1]),
		Given: energy.Amount(r.given[0]), GivenEstimated: energy.Amount(r.given[1]),
		Measured: r.measured, Unpriced: r.unpriced, UnpricedTaken: energy.Amount(r.taken[2]), UnpricedGiven: energy.Amount(r.given[2]),
	}
	w := writer{r: r, b: &b, ok: true}
	for i := range r.p.versions {
		if r.sums[i] != nil && r.p.versions[i].span.From < to {
			b.Known = true
			w.version(i)
		}
	}
	if !w.ok {
		return Bill{}, fmt.Errorf("bill %s: %w", r.p.id, errTooLarge)
	}
	b.Total = b.Cost - b.Credit
	return b, nil
}

// writer writes the lines of a bill.
type writer struct {
	r  *Pricer
	b  *Bill
	ok bool // everything fitted so far

	money, estimated []int64 // of the version, by component
}

func (w *writer) version(i int) {
	v := &w.r.p.versions[i]
	w.money, w.estimated = make([]int64, len(v.components)), make([]int64, len(v.components))
	span := window.Span{From: max(v.span.From, w.r.period.From), To: min(v.span.To, w.b.Span.To)}
	for k := range v.components {
		c := &v.components[k]
		line := Line{Version: v.number, Span: span, Component: c.id, Name: c.name, Kind: c.kind}
		switch c.kind {
		case Energy, FeedIn:
			w.energy(line, k, c, w.r.sums[i][k])
		case Standing:
			w.standing(line, k, c)
		case Demand:
			w.demand(line, k, c)
		case Tax:
			line.Percent = Decimal(plain(c.percent))
			w.add(line, k, w.fit(c.tax(w.money)), w.fit(c.tax(w.estimated)))
		}
	}
}

// plain writes 10^-9 as a [Decimal] is written, without needless zeros.
func plain(v int64) string {
	s := decimals(v, 9)
	for s[len(s)-1] == '0' {
		s = s[:len(s)-1]
	}
	if s[len(s)-1] == '.' {
		s = s[:len(s)-1]
	}
	return s
}

// fit notes what does not fit.
func (w *writer) fit(v int64, ok bool) int64 {
	w.ok = w.ok && ok
	return v
}

func (w *writer) fitWide(v wide.Int, ok bool) wide.Int {
	w.ok = w.ok && ok
	return v
}

// add adds a line to the bill and to what taxes are on.
func (w *writer) add(l Line, component int, money, estimated int64) {
	l.Money, l.Estimated = Money(money), Money(estimated)
	w.b.Lines = append(w.b.Lines, l)
	w.money[component] = w.fit(wide.Sum(w.money[component], money))
	w.estimated[component] = w.fit(wide.Sum(w.estimated[component], estimated))
	w.b.Estimated = Money(w.fit(wide.Sum(int64(w.b.Estimated), estimated)))
	if l.Kind == FeedIn {
		w.b.Credit = Money(w.fit(wide.Sum(int64(w.b.Credit), -money)))
	} else {
		w.b.Cost = Money(w.fit(wide.Sum(int64(w.b.Cost), money)))
	}
	w.fit(wide.Sum(int64(w.b.Cost), -int64(w.b.Credit)))
}

// energy writes a line for each price; for steps, for each that was reached.
func (w *writer) energy(l Line, k int, c *component, sums []slotSum) {
	l.Unit = w.r.p.unit
	for slot, s := range sums {
		if c.form == stepped && slot > 0 && s.amount == 0 {
			continue
		}
		if len(c.slots) > 0 {
			l.Slot = c.slots[slot]
		}
		l.Quantity, l.Unpriced = energy.Amount(s.amount), energy.Amount(s.unpriced)
		value, estimated := s.value, s.valueEstimated
		if c.form == spot {
			l.Price = 0
			if s.amount > 0 {
				l.Price = Price(w.fit(s.value.Over(wide.By(uint64(s.amount)))))
			}
		} else {
			l.Price = Price(c.prices[slot])
			value, estimated = wide.Product(s.amount, c.prices[slot]), wide.Product(s.estimated, c.prices[slot])
		}
		if c.kind == FeedIn {
			l.Price = -l.Price // as it is in the contract
		}
		w.add(l, k, w.fit(value.Over(w.r.p.unitMoney)), w.fit(estimated.Over(w.r.p.unitMoney)))
	}
}

// Months and years have different numbers of days. These are the least common
// multiples of them, so that parts of several add up exactly.
const (
	monthParts = 4 * 3 * 5 * 7 * 29 * 31 // of 28, 29, 30 and 31
	yearParts  = 365 * 366
)

// standing charges each day that begins within the span: a part of a day is
// charged where the day begins, so that the parts of a period are the whole.
func (w *writer) standing(l Line, k int, c *component) {
	first, end := w.days(l.Span)
	l.Days = int(end - first)
	l.Price, l.Unit = Price(c.prices[0]), string(c.per)
	parts, unit := int64(0), int64(1)
	switch c.per {
	case Day:
		parts = int64(l.Days)
	case Month:
		unit = monthParts
		for n := first; n < end; {
			from, to := monthOf(n)
			parts += int64(min(to, end)-n) * unit / int64(to-from)
			n = to
		}
	case Year:
		unit = yearParts
		for n := first; n < end; {
			from, to := yearOf(n)
			parts += int64(min(to, end)-n) * unit / int64(to-from)
			n = to
		}
	}
	w.add(l, k, w.fit(wide.Product(c.prices[0], parts).Over(wide.By(uint64(unit)*1000))), 0)
}

// days gives the first day that begins in the span and the first that begins
// after it.
func (w *writer) days(s window.Span) (first, end day) {
	find := func(t record.Millis) day {
		c := w.r.p.calendar
		n := day(int64(t)/dayLength) - 2
		for begin(c, n) < t {
			n++
		}
		return n
	}
	return find(s.From), find(s.To)
}

func monthOf(n day) (from, to day) {
	y, m, _ := n.date()
	return dayOf(y, m, 1), dayOf(y+m/12, m%12+1, 1)
}

func yearOf(n day) (from, to day) {
	y, _, _ := n.date()
	return dayOf(y, 1, 1), dayOf(y+1, 1, 1)
}

// demand writes a line for each month, or for each year where neither price nor
// peak is of months.
func (w *writer) demand(l Line, k int, c *component) {
	first, end := w.days(l.Span)
	l.Price, l.Unit = Price(c.prices[0]), w.r.p.power
	of := monthOf
	if c.peak == Year && c.per == Year {
		of = yearOf
	}
	cal, whole := w.r.p.calendar, l.Span
	for n := first; n < end; {
		_, to := of(n)
		to = min(to, end)
		l.Days = int(to - n)
		l.Span = window.Span{From: begin(cal, n), To: min(begin(cal, to), whole.To)}
		t := w.r.highest(c, n)
		l.Peak = t.at
		// An amount in a quarter of an hour is a quarter of the power.
		power, ok := wide.Sum(t.amount, t.amount)
		power = w.fit(power, ok)
		power, ok = wide.Sum(power, power)
		power = w.fit(power, ok)
		power = max(power-c.above, c.minimum, 0)
		l.Quantity = energy.Amount(power)
		length := monthOf
		if c.per == Year {
			length = yearOf
		}
		from, until := length(n)
		value := w.fitWide(wide.Product(power, c.prices[0]).Times(uint64(to - n)))
		money := w.fit(value.Over(wide.By(uint64(until-from) * uint64(w.r.p.perUnit) * 1000)))
		estimated := int64(0)
		if t.estimated > 0 {
			estimated = wide.Share(money, t.estimated, t.amount)
		}
		w.add(l, k, money, estimated)
		n = to
	}
}

// highest finds the peak that a component charges on a day.
func (r *Pricer) highest(c *component, n day) top {
	y, m, _ := n.date()
	last := y*12 + m - 1
	first := last
	switch c.peak {
	case Year:
		first = y * 12
		last = first + 11
	case Rolling:
		first = last - 11
	}
	var out top
	for _, t := range r.tops[c.peaks] {
		if t.month >= first && t.month <= last && (t.amount > out.amount || out.at == 0) {
			out = t
		}
	}
	return out
}
