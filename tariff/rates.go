package tariff

import (
	"fmt"
	"maps"
	"slices"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/tariff/wide"
	"github.com/wattwerk/wattwerk/window"
)

// Clone gives a pricer that has been told the same, and goes its own way from
// here on.
func (r *Pricer) Clone() *Pricer {
	c := *r
	c.current = slices.Clone(r.current)
	c.bands = slices.Clone(r.bands)
	for i := range c.bands {
		c.bands[i].days = maps.Clone(r.bands[i].days)
	}
	c.quotes = slices.Clone(r.quotes)
	c.tops = slices.Clone(r.tops)
	for i := range c.tops {
		c.tops[i] = slices.Clone(r.tops[i])
	}
	c.sums = slices.Clone(r.sums)
	for i := range c.sums {
		c.sums[i] = slices.Clone(r.sums[i])
		for k := range c.sums[i] {
			c.sums[i][k] = slices.Clone(r.sums[i][k])
		}
	}
	c.window.values, c.window.estimated = slices.Clone(r.window.values), slices.Clone(r.window.estimated)
	c.window.money = slices.Clone(r.window.money)
	return &c
}

// Next gives a pricer of a later period, which knows what this one has been told:
// all of that counts towards steps and peaks, and was before the period.
func (r *Pricer) Next(period window.Span) (*Pricer, error) {
	if r.err != nil {
		return nil, r.err
	}
	if period.From < r.done || period.From > period.To || period.To > record.MaxTime {
		return nil, fmt.Errorf("price %s: the period from %v to %v is none after what was added", r.p.id, period.From, period.To)
	}
	c := r.Clone()
	c.period, c.measured, c.unpriced = period, 0, 0
	c.taken, c.given = [3]int64{}, [3]int64{}
	c.open()
	return c, nil
}

// Rate is what one component charges for a unit at a moment.
type Rate struct {
	Component string // its identifier
	Name      string
	Kind      Kind   // Energy or FeedIn
	Slot      string // band or step; name of the series; empty for one price alone
	Known     bool   // false: the series has no price
	Price     Price  // of feed-in what is credited
}

// Rates are the prices of a moment.
type Rates struct {
	Known bool   // a version is in force
	Of    []Rate // each component that charges for amounts
	// What one more unit costs, and what one that is given back is worth, with the
	// taxes on it; not known when one of their prices is not. Standing and demand
	// charges are not in it.
	TakenKnown, GivenKnown bool
	Taken, Given           Price

	p *Plan
	v *version
}

// Rates gives the prices at a moment that is not before the newest window. It
// changes nothing.
func (r *Pricer) Rates(t record.Millis) (Rates, error) {
	if r.err != nil {
		return Rates{}, r.err
	}
	if t < r.done || t >= r.period.To {
		return Rates{}, fmt.Errorf("prices of %s: %v is not between the end of what was added and that of the period", r.p.id, t)
	}
	r = r.Clone()
	if t >= r.until && !r.advance(t) {
		return Rates{}, r.spoil()
	}
	out := Rates{p: r.p}
	if r.version < 0 {
		return out, nil
	}
	v := &r.p.versions[r.version]
	out.Known, out.v, out.TakenKnown, out.GivenKnown = true, v, true, true
	taken, given := make([]int64, len(v.components)), make([]int64, len(v.components))
	for _, i := range v.charged {
		c, now := &v.components[i], r.current[i]
		if c.form == stepped {
			now.known = true
			for now.slot < len(c.limits)-1 && c.limits[now.slot] <= r.running[c.counter] {
				now.slot++
			}
			now.price = c.prices[now.slot]
		}
		rate := Rate{Component: c.id, Name: c.name, Kind: c.kind, Known: now.known, Price: Price(now.price)}
		switch {
		case c.form == spot:
			rate.Slot = r.p.series[c.series]
		case len(c.slots) > 0:
			rate.Slot = c.slots[now.slot]
		}
		if c.given {
			given[i], out.GivenKnown = now.price, out.GivenKnown && now.known
			rate.Price = -rate.Price
		} else {
			taken[i], out.TakenKnown = now.price, out.TakenKnown && now.known
		}
		out.Of = append(out.Of, rate)
	}
	ok := true
	for _, x := range []struct {
		money []int64
		to    *Price
	}{{taken, &out.Taken}, {given, &out.Given}} {
		total := int64(0)
		for _, i := range v.charged {
			total, ok = added(total, x.money[i], ok)
		}
		for _, i := range v.taxes {
			tax, fits := v.components[i].tax(x.money)
			x.money[i] = tax
			total, ok = added(total, tax, ok && fits)
		}
		*x.to = Price(total)
	}
	out.Given = -out.Given
	if !ok {
		return Rates{}, fmt.Errorf("prices of %s: %w", r.p.id, errTooLarge)
	}
	return out, nil
}

// PerHour gives what goes on costing for an hour: amount, in millionths of the
// coherent unit, is what is taken in one hour, or given back when it is below
// zero; the money is below zero for what is credited. It is false when there is
// no price.
func (x *Rates) PerHour(amount energy.Amount) (Money, bool) {
	price, known := x.Taken, x.TakenKnown
	if amount < 0 {
		price, known = x.Given, x.GivenKnown
	}
	if !x.Known || !known {
		return 0, false
	}
	a, ok := int64(amount), true
	if x.v.conversion != 0 {
		a, ok = x.v.convert(a, true)
	}
	money, fits := wide.Product(a, int64(price)).Over(x.p.unitMoney)
	return Money(money), ok && fits
}
