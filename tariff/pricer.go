package tariff

import (
	"errors"
	"fmt"
	"slices"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/tariff/wide"
	"github.com/wattwerk/wattwerk/window"
)

// Window is what was measured in a span of time. Amounts are in millionths of the
// coherent unit of the quantity.
type Window struct {
	Span  window.Span
	Known bool // false: nothing is known, and the amounts mean nothing

	// Amount was taken, or given back if it is below zero: netting is what was
	// done before. Estimated is the part of it that is, of the same sign.
	Amount, Estimated energy.Amount
	// Export was given back besides, as a register of its own says; not below
	// zero.
	Export, ExportEstimated energy.Amount
	// Peak is the largest amount taken in a quarter of an hour of the window. It
	// is for windows longer than that, before the period.
	Peak energy.Amount
}

// Quote is a value of a series of prices: in 10^-9 of whatever the series is in.
type Quote struct {
	Span  window.Span
	Known bool // false: there is no price, as in the gaps between quotes
	Price Price
}

// Cost is what the energy and feed-in of one window cost, and the taxes on them.
// Standing and demand charges are not any window's.
type Cost struct {
	Known            bool // false: the amount or a price is not known
	Money, Estimated Money
}

// Pricer prices windows in the order of time. It is owned by one goroutine. An
// overflow spoils it: every further call gives the same error. Any other
// error leaves it as it was.
type Pricer struct {
	p      *Plan
	period window.Span
	done   record.Millis // end of the newest window
	err    error

	// What holds until the next change of anything.
	until   record.Millis
	version int // -1: none
	current []current

	versionEnd record.Millis
	zone       struct {
		end    record.Millis
		offset int64 // ms
	}
	bands   []bandState
	quotes  []quoteState
	month   turn
	year    turn
	running [counters]int64
	tops    [][]top // of the plan's peaks: by month, in order

	// What was added up: by version, component and slot.
	sums     [][][]slotSum
	taken    [3]int64 // with the estimated part, and that without a price
	given    [3]int64
	measured int64 // ms
	unpriced int64 // ms
	window   sheet
}

// current is what a component costs now.
type current struct {
	known bool
	slot  int
	price int64
}

type bandState struct {
	until record.Millis
	band  int
	days  map[uint64][]stretch // by the rules that fit
}

type quoteState struct {
	all   []Quote
	at    int
	until record.Millis
	known bool
	price int64
}

// turn is a month or year.
type turn struct {
	end   record.Millis
	month int // year×12 + month, from 0
}

// top is the highest quarter of an hour of a month.
type top struct {
	month             int
	amount, estimated int64
	at                record.Millis
}

// slotSum is what was added up for a price.
type slotSum struct {
	amount, estimated, unpriced int64
	value, valueEstimated       wide.Int // of series: amount × price
}

// sheet is where the cost of one window is put together.
type sheet struct {
	version   int // -1: none yet
	last      int // of the money
	unknown   bool
	estimates bool
	values    []wide.Int
	estimated []wide.Int
	money     []int64
	cost      Cost
}

var errTooLarge = errors.New("amounts and prices are too large to be added up")

// Price begins to price a period. Series are the quotes of every series the plan
// names, each in order and without overlap; a series that is not there has no
// prices.
func (p *Plan) Price(period window.Span, series map[string][]Quote) (*Pricer, error) {
	if period.From > period.To || period.From < record.MinTime || period.To > record.MaxTime {
		return nil, fmt.Errorf("price %s: the period from %v to %v is none between 1970 and 2100", p.id, period.From, period.To)
	}
	r := &Pricer{p: p, period: period, done: record.MinTime - 1, until: record.MinTime - 1, version: -1}
	r.versionEnd, r.zone.end = r.until, r.until
	r.month.end, r.year.end = forever, forever
	if p.counters != 0 || len(p.peaks) > 0 {
		r.month.end, r.year.end = r.until, r.until
	}
	for _, name := range p.series {
		all := series[name]
		for i, q := range all {
			if q.Span.From >= q.Span.To || i > 0 && q.Span.From < all[i-1].Span.To {
				return nil, fmt.Errorf("price %s: quote %d of series %q, at %v, is empty or overlaps the one before it", p.id, i+1, name, q.Span.From)
			}
		}
		r.quotes = append(r.quotes, quoteState{all: all, until: r.until})
	}
	for range p.bands {
		r.bands = append(r.bands, bandState{until: r.until, days: make(map[uint64][]stretch)})
	}
	r.tops = make([][]top, len(p.peaks))
	most := 0
	for _, v := range p.versions {
		most = max(most, len(v.components))
	}
	r.open()
	r.window.values, r.window.estimated = make([]wide.Int, most), make([]wide.Int, most)
	r.window.money = make([]int64, most)
	r.current = make([]current, most)
	return r, nil
}

// open makes room for what is added up in the period.
func (r *Pricer) open() {
	r.sums = make([][][]slotSum, len(r.p.versions))
	for i, v := range r.p.versions {
		if v.span.To <= r.period.From || v.span.From >= r.period.To {
			continue
		}
		r.sums[i] = make([][]slotSum, len(v.components))
		for k, c := range v.components {
			if c.charges() {
				r.sums[i][k] = make([]slotSum, max(len(c.slots), 1))
			}
		}
	}
}

// amounts is what was taken and given in a piece of time, and how much of that is
// estimated.
type amounts struct{ taken, takenEstimated, given, givenEstimated int64 }

// Add prices the next window. Windows before the period are not priced: they
// count towards steps and peaks alone, and may be longer than those of the
// period.
func (r *Pricer) Add(w Window) (Cost, error) {
	if err := r.fits(&w); err != nil {
		return Cost{}, err
	}
	r.done = w.Span.To
	if !w.Known {
		return Cost{}, nil
	}
	whole, ok := w.amounts()
	if !ok {
		return Cost{}, r.spoil()
	}
	priced := w.Span.From >= r.period.From
	r.window.begin()
	if w.Span.From >= r.until && !r.advance(w.Span.From) {
		return Cost{}, r.spoil()
	}
	if len(r.tops) > 0 && r.version >= 0 && !r.peak(&w, whole) {
		return Cost{}, r.spoil()
	}
	if priced && !r.measure(w.Span, whole) {
		return Cost{}, r.spoil()
	}
	if w.Span.To <= r.until {
		ok = r.charge(w.Span.Length(), whole, priced)
	} else {
		ok = r.divide(w.Span, whole, priced)
	}
	if !ok || !r.window.finish(r.p) {
		return Cost{}, r.spoil()
	}
	if r.window.unknown || !priced {
		return Cost{}, nil
	}
	return r.window.cost, nil
}

// fits checks the order of the windows.
func (r *Pricer) fits(w *Window) error {
	s := w.Span
	switch {
	case r.err != nil:
		return r.err
	case s.From >= s.To || s.From < record.MinTime || s.To > record.MaxTime:
		return fmt.Errorf("price %s: the window from %v to %v is empty, or not between 1970 and 2100", r.p.id, s.From, s.To)
	case s.From < r.done:
		return fmt.Errorf("price %s: the window at %v begins before the last one ends", r.p.id, s.From)
	case s.From < r.period.From && s.To > r.period.From, s.To > r.period.To:
		return fmt.Errorf("price %s: the window from %v to %v is not wholly in the period or before it", r.p.id, s.From, s.To)
	case len(r.tops) > 0 && (s.From%window.QuarterLength != 0 || s.Length() != window.QuarterLength && (s.From >= r.period.From || s.Length() < window.QuarterLength)):
		return fmt.Errorf("price %s: it has a demand charge, and the window from %v to %v is no quarter of an hour", r.p.id, s.From, s.To)
	}
	return nil
}

func (r *Pricer) spoil() error {
	r.err = fmt.Errorf("price %s: %w", r.p.id, errTooLarge)
	return r.err
}

func (w *Window) amounts() (a amounts, ok bool) {
	// The smallest number has no opposite.
	if w.Amount == -w.Amount && w.Amount != 0 || w.Export < 0 {
		return a, false
	}
	if w.Amount >= 0 {
		a.taken = int64(w.Amount)
		a.takenEstimated = min(max(int64(w.Estimated), 0), a.taken)
	} else {
		a.given = -int64(w.Amount)
		a.givenEstimated = min(max(-int64(w.Estimated), 0), a.given)
	}
	a.givenEstimated += min(max(int64(w.ExportEstimated), 0), int64(w.Export))
	a.given, ok = wide.Sum(a.given, int64(w.Export))
	return a, ok
}

// share gives what falls into the time up to part of whole.
func (a amounts) share(part, whole int64) amounts {
	return amounts{wide.Share(a.taken, part, whole), wide.Share(a.takenEstimated, part, whole), wide.Share(a.given, part, whole), wide.Share(a.givenEstimated, part, whole)}
}

func (a amounts) minus(b amounts) amounts {
	return amounts{a.taken - b.taken, a.takenEstimated - b.takenEstimated, a.given - b.given, a.givenEstimated - b.givenEstimated}
}

// converted gives the amounts in the unit of the prices, each rounded once.
func (a amounts) converted(v *version) (out amounts, ok bool) {
	if v.conversion == 0 {
		return a, true
	}
	ok = true
	out.taken, ok = v.convert(a.taken, ok)
	out.takenEstimated, ok = v.convert(a.takenEstimated, ok)
	out.given, ok = v.convert(a.given, ok)
	out.givenEstimated, ok = v.convert(a.givenEstimated, ok)
	return out, ok
}

func (v *version) convert(a int64, ok bool) (int64, bool) {
	if a == 0 {
		return 0, ok
	}
	a, fits := wide.Product(a, v.conversion).Over(v.divisor)
	return a, ok && fits
}

// divide splits a window where anything changes: evenly in time, so that the
// parts are the whole again, exactly.
func (r *Pricer) divide(s window.Span, whole amounts, priced bool) bool {
	length := s.Length()
	var before amounts
	for at := s.From; at < s.To; {
		if at >= r.until && !r.advance(at) {
			return false
		}
		end := min(s.To, r.until)
		upTo := whole.share(int64(end-s.From), length)
		if !r.charge(int64(end-at), upTo.minus(before), priced) {
			return false
		}
		at, before = end, upTo
	}
	return true
}

func (r *Pricer) measure(s window.Span, a amounts) bool {
	r.measured += s.Length()
	var ok1, ok2 bool
	r.taken[0], ok1 = wide.Sum(r.taken[0], a.taken)
	r.given[0], ok2 = wide.Sum(r.given[0], a.given)
	// Parts of them, which fit when they do.
	r.taken[1] += a.takenEstimated
	r.given[1] += a.givenEstimated
	return ok1 && ok2
}

// peak notes a quarter of an hour that is the highest of its month. Of equal
// ones the first stays.
func (r *Pricer) peak(w *Window, a amounts) bool {
	if w.Span.Length() > window.QuarterLength {
		a = amounts{taken: max(int64(w.Peak), 0)}
	}
	a, ok := a.converted(&r.p.versions[r.version])
	if !ok {
		return false
	}
	for i, of := range r.p.peaks {
		if of.calendar >= 0 && of.bands&(1<<r.bands[of.calendar].band) == 0 {
			continue
		}
		t := &r.tops[i]
		if n := len(*t); n == 0 || (*t)[n-1].month != r.month.month {
			*t = append(*t, top{month: r.month.month, amount: a.taken, estimated: a.takenEstimated, at: w.Span.From})
		} else if last := &(*t)[n-1]; a.taken > last.amount {
			last.amount, last.estimated, last.at = a.taken, a.takenEstimated, w.Span.From
		}
	}
	return true
}

// charge adds a piece of time during which nothing changes.
func (r *Pricer) charge(length int64, a amounts, priced bool) bool {
	if r.version < 0 {
		r.window.unknown = true
		if priced {
			r.missing(length, a)
		}
		return true
	}
	v := &r.p.versions[r.version]
	whole := a
	a, ok := a.converted(v)
	if !ok {
		return false
	}
	if priced {
		if !r.window.turnTo(r.version, r.p) {
			return false
		}
		var without amounts // what has no price
		all := r.sums[r.version]
		for _, i := range v.charged {
			c, now := &v.components[i], &r.current[i]
			amount, estimated := a.taken, a.takenEstimated
			if c.given {
				amount, estimated = a.given, a.givenEstimated
			}
			switch {
			case c.form == stepped:
				ok = r.climb(c, i, all[i], amount, estimated)
			case !now.known:
				to := &all[i][0].unpriced
				*to, ok = wide.Sum(*to, amount)
				if c.given {
					without.given = whole.given
				} else {
					without.taken = whole.taken
				}
			default:
				ok = r.book(i, &all[i][now.slot], amount, estimated, now.price, c.form == spot)
			}
			if !ok {
				return false
			}
		}
		if without != (amounts{}) {
			r.window.unknown = true
			r.missing(length, without)
		}
	}
	return r.count(a)
}

// missing notes a piece of time in which amounts have no price. They are parts of
// what was measured, and fit.
func (r *Pricer) missing(length int64, a amounts) {
	r.unpriced += length
	r.taken[2] += a.taken
	r.given[2] += a.given
}

// book adds an amount at a price.
func (r *Pricer) book(component int, s *slotSum, amount, estimated, price int64, weighted bool) bool {
	value, of := wide.Product(amount, price), &r.window.values[component]
	var ok1, ok2, ok3 bool
	s.amount, ok1 = wide.Sum(s.amount, amount)
	*of, ok2 = of.Plus(value)
	ok3 = true
	if weighted {
		s.value, ok3 = s.value.Plus(value)
	}
	if estimated != 0 {
		s.estimated += estimated // at most amount
		r.window.estimates = true
		value := wide.Product(estimated, price)
		r.window.estimated[component], _ = r.window.estimated[component].Plus(value)
		if weighted {
			s.valueEstimated, _ = s.valueEstimated.Plus(value)
		}
	}
	return ok1 && ok2 && ok3
}

// climb adds an amount to the steps it falls into.
func (r *Pricer) climb(c *component, i int, sums []slotSum, amount, estimated int64) bool {
	running := r.running[c.counter]
	var done, doneEstimated int64
	for slot, limit := range c.limits {
		if limit <= running && slot < len(c.limits)-1 {
			continue
		}
		part := min(amount-done, limit-running)
		running += part
		done += part
		upTo := estimated
		if amount > 0 {
			upTo = wide.Share(estimated, done, amount)
		}
		if !r.book(i, &sums[slot], part, upTo-doneEstimated, c.prices[slot], false) {
			return false
		}
		doneEstimated = upTo
		if done == amount {
			break
		}
	}
	return done == amount
}

// count adds to the amounts that steps need.
func (r *Pricer) count(a amounts) bool {
	if r.p.counters == 0 {
		return true
	}
	ok := true
	for i, of := range [counters]int64{takenInMonth: a.taken, takenInYear: a.taken, givenInMonth: a.given, givenInYear: a.given} {
		r.running[i], ok = added(r.running[i], of, ok)
	}
	return ok
}

// begin clears the sheet for a window.
func (s *sheet) begin() {
	s.version, s.unknown, s.estimates, s.cost = -1, false, false, Cost{Known: true}
}

// turnTo makes the sheet ready for the components of a version.
func (s *sheet) turnTo(version int, p *Plan) bool {
	if s.version == version {
		return true
	}
	if !s.finish(p) {
		return false
	}
	s.version, s.estimates = version, false
	if s.last != version {
		s.last = version
		clear(s.money) // standing and demand charges are in no window
	}
	for _, i := range p.versions[version].charged {
		s.values[i], s.estimated[i] = wide.Int{}, wide.Int{}
	}
	return true
}

// finish rounds what a window costs: each component once, then taxes.
func (s *sheet) finish(p *Plan) bool {
	if s.version < 0 || s.unknown {
		return true
	}
	v := &p.versions[s.version]
	money, ok := s.total(v, s.values, p.unitMoney)
	if !ok {
		return false
	}
	total, ok := wide.Sum(int64(s.cost.Money), money)
	s.cost.Money = Money(total)
	if !ok || !s.estimates {
		return ok
	}
	money, ok = s.total(v, s.estimated, p.unitMoney)
	s.cost.Estimated += Money(money)
	return ok
}

func (s *sheet) total(v *version, values []wide.Int, unit wide.Divisor) (total int64, ok bool) {
	ok = true
	for _, i := range v.charged {
		money, fits := values[i].Over(unit)
		s.money[i] = money
		total, ok = added(total, money, ok && fits)
	}
	for _, i := range v.taxes {
		money, fits := v.components[i].tax(s.money)
		s.money[i] = money
		total, ok = added(total, money, ok && fits)
	}
	return total, ok
}

func added(a, b int64, ok bool) (int64, bool) {
	c, fits := wide.Sum(a, b)
	return c, ok && fits
}

// tax gives the tax on what the components cost.
func (c *component) tax(money []int64) (int64, bool) {
	base, ok := int64(0), true
	for _, i := range c.on {
		base, ok = added(base, money[i], ok)
	}
	tax, fits := wide.Product(base, c.percent).Over(byPercent)
	return tax, ok && fits
}

// advance finds what holds at t, and until when.
func (r *Pricer) advance(t record.Millis) bool {
	p := r.p
	fresh := t >= r.versionEnd
	if fresh {
		r.version, r.versionEnd = p.version(t)
	}
	r.until = r.versionEnd
	r.turn(t, window.Month, &r.month, takenInMonth, givenInMonth)
	r.turn(t, window.Year, &r.year, takenInYear, givenInYear)
	r.until = min(r.until, r.month.end, r.year.end)
	if len(p.bands) > 0 {
		if t >= r.zone.end {
			steady := p.calendar.Offsets(t, t+record.Millis(dayLength))[0]
			r.zone.offset, r.zone.end = steady.Offset, steady.To
		}
		for i := range r.bands {
			if t >= r.bands[i].until {
				r.bands[i].find(p.bands[i], t, r.zone.offset, r.zone.end)
			}
			r.until = min(r.until, r.bands[i].until)
		}
	}
	for i := range r.quotes {
		if t >= r.quotes[i].until {
			r.quotes[i].find(t)
		}
		r.until = min(r.until, r.quotes[i].until)
	}
	if r.version < 0 {
		return true
	}
	ok := true
	for _, i := range p.versions[r.version].charged {
		c, now := &p.versions[r.version].components[i], &r.current[i]
		switch c.form {
		case flat:
			if fresh {
				*now = current{known: true, price: c.prices[0]}
			}
		case banded:
			band := r.bands[c.calendar].band
			*now = current{known: true, slot: band, price: c.prices[band]}
		case spot:
			q := &r.quotes[c.series]
			if *now = (current{known: q.known}); now.known {
				// Rounded once to 10^-9, as prices are.
				price, fits := wide.Product(q.price, c.factor).Over(byNano)
				now.price, ok = added(price, c.markup, ok && fits)
				if c.given {
					now.price = -now.price
				}
			}
		}
	}
	return ok
}

// turn begins the next month or year.
func (r *Pricer) turn(t record.Millis, size window.Size, of *turn, running ...int) {
	if t < of.end {
		return
	}
	s := r.p.calendar.Span(size, t)
	// The second day of it is certainly in it, by every clock.
	y, m, _ := s.From.Time().In(r.p.calendar.Zone()).AddDate(0, 0, 1).Date()
	of.end, of.month = s.To, y*12+int(m)-1
	for _, i := range running {
		r.running[i] = 0
	}
}

// find sets the band at t.
func (s *bandState) find(b *bands, t record.Millis, offset int64, zoneEnd record.Millis) {
	local := int64(t) + offset
	n := local / dayLength
	if local < 0 { // at the very beginning of 1970, west of Greenwich
		n = (local - dayLength + 1) / dayLength
	}
	fitting := b.fitting(day(n))
	stretches, there := s.days[fitting]
	if !there {
		stretches = b.cut(fitting)
		s.days[fitting] = stretches
	}
	at := int((local - n*dayLength) / minute)
	i := slices.IndexFunc(stretches, func(x stretch) bool { return at < x.end })
	s.band = stretches[i].band
	s.until = min(record.Millis(n*dayLength+int64(stretches[i].end)*minute-offset), zoneEnd)
}

// find sets the price at t.
func (s *quoteState) find(t record.Millis) {
	for s.at < len(s.all) && s.all[s.at].Span.To <= t {
		s.at++
	}
	switch {
	case s.at == len(s.all):
		s.known, s.until = false, forever
	case s.all[s.at].Span.From > t:
		s.known, s.until = false, s.all[s.at].Span.From
	default:
		q := s.all[s.at]
		s.known, s.price, s.until = q.Known, int64(q.Price), q.Span.To
	}
}
