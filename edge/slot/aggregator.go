package slot

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/obis"
	"github.com/wattwerk/wattwerk/survey/household"
)

// DefaultCollect is how long is waited for further codes of a slot.
const DefaultCollect = time.Minute

// DefaultCodes are the codes that are measured: energies and powers in both directions.
func DefaultCodes() []obis.Code {
	return []obis.Code{obis.Import, obis.Export, obis.ImportPower, obis.ExportPower, obis.Power, obis.AbsolutePower}
}

// Settings say what is measured, and how often.
type Settings struct {
	Interval time.Duration // between two slots: a multiple of 15 minutes that divides a day; 0: 15 minutes
	Within   time.Duration // how long after its beginning a slot may still be measured; 0: until its end
	Collect  time.Duration // how long after the first reading of a slot the others are waited for; 0: [DefaultCollect]
	Codes    []obis.Code   // what is measured; none: [DefaultCodes]
}

// Complete fills in what was not said, and says in a sentence what cannot be.
func (s *Settings) Complete() error {
	if s.Interval == 0 {
		s.Interval = household.Quarter
	}
	if s.Within == 0 {
		s.Within = s.Interval
	}
	if s.Collect == 0 {
		s.Collect = DefaultCollect
	}
	if len(s.Codes) == 0 {
		s.Codes = DefaultCodes()
	}
	switch {
	case s.Interval <= 0 || s.Interval%household.Quarter != 0 || 24*time.Hour%s.Interval != 0:
		return fmt.Errorf("the interval is %v; a multiple of 15 minutes that divides a day is possible", s.Interval)
	case s.Within < 0 || s.Within > s.Interval:
		return fmt.Errorf("a slot cannot be measured within %v of its beginning, but within %v at most", s.Within, s.Interval)
	case s.Collect < 0 || s.Collect > s.Interval:
		return fmt.Errorf("the codes of a slot cannot be collected for %v, but for %v at most", s.Collect, s.Interval)
	case slices.Contains(s.Codes, obis.Code{}):
		return errors.New("one of the OBIS codes to measure is none")
	}
	return nil
}

// Slot is what was measured of a meter in a slot.
type Slot struct {
	Meter        string // identifier
	At           time.Time
	Measurements []household.Measurement // one of each code, in the order of codes; at least one
	Lock         meter.Lock              // what the meter's telegrams showed of its PIN last
}

// Aggregator makes slots of the telegrams of one meter.
type Aggregator struct {
	set     Settings
	meter   string
	covered Coverage
	open    *opened
	ready   []Slot
}

// opened is a slot that is being collected.
type opened struct {
	Slot
	first time.Time // when its first reading came
}

// New makes the aggregator of a meter, with what was measured before. The settings are
// complete.
func New(s Settings, id string, covered Coverage) *Aggregator {
	return &Aggregator{set: s, meter: id, covered: covered}
}

// Covered is what was handed out, now and before.
func (a *Aggregator) Covered() Coverage { return a.covered }

// at is the slot that a time is in.
func (a *Aggregator) at(now time.Time) time.Time { return now.UTC().Truncate(a.set.Interval) }

// Wants tells whether a reading of now would be taken, except of codes that the slot
// has already.
func (a *Aggregator) Wants(now time.Time) bool {
	at := a.at(now)
	return now.Sub(at) < a.set.Within && !a.covered.Overlaps(SpanOf(at, a.set.Interval))
}

// Take takes what the meter said at a time.
func (a *Aggregator) Take(now time.Time, t *meter.Telegram) {
	a.settle(now)
	if !a.Wants(now) {
		return
	}
	at := a.at(now)
	for i := range t.Readings {
		m, ok := a.measurement(at, now, &t.Readings[i])
		if !ok {
			continue
		}
		if a.open == nil {
			a.open = &opened{Slot: Slot{Meter: a.meter, At: at}, first: now}
		}
		if !slices.ContainsFunc(a.open.Measurements, func(x household.Measurement) bool { return x.OBIS == m.OBIS }) {
			a.open.Measurements = append(a.open.Measurements, m)
		}
	}
	if a.open != nil && t.Lock != meter.LockUnknown {
		a.open.Lock = t.Lock
	}
}

// settle ends the slot that is open where the clock has left it.
func (a *Aggregator) settle(now time.Time) {
	if a.open == nil {
		return
	}
	switch at := a.at(now); {
	case at.After(a.open.At):
		a.close()
	case at.Before(a.open.At):
		// The clock was set back: what was read was not of this slot, which is still
		// to come.
		a.open = nil
	case now.Before(a.open.first):
		a.open.first = now
	}
}

func (a *Aggregator) close() {
	slices.SortFunc(a.open.Measurements, func(x, y household.Measurement) int { return strings.Compare(x.OBIS, y.OBIS) })
	a.ready = append(a.ready, a.open.Slot)
	a.covered = a.covered.Add(SpanOf(a.open.At, a.set.Interval))
	a.open = nil
}

// Due hands out the slots that are collected. They count as measured from then on.
func (a *Aggregator) Due(now time.Time) []Slot {
	a.settle(now)
	if a.open != nil && now.Sub(a.open.first) >= a.set.Collect {
		a.close()
	}
	out := a.ready
	a.ready = nil
	return out
}

// Next is when Due is to be called again: when the slot that is open is collected.
// The zero time: whenever something was taken.
func (a *Aggregator) Next() time.Time {
	if a.open == nil {
		return time.Time{}
	}
	next, end := a.open.first.Add(a.set.Collect), a.open.At.Add(a.set.Interval)
	if end.Before(next) {
		return end
	}
	return next
}

// Forget forgets what is being collected, as when a consent has ended.
func (a *Aggregator) Forget() { a.open, a.ready = nil, nil }

// measurement makes one of a reading, if it is of a code that is measured and can be
// stored as the meter sent it.
func (a *Aggregator) measurement(at, now time.Time, r *meter.Reading) (household.Measurement, bool) {
	if r.Kind != meter.Number || !slices.Contains(a.set.Codes, r.Code) {
		return household.Measurement{}, false
	}
	raw, ok := r.Raw.Int64()
	m := household.Measurement{Meter: a.meter, Slot: at, OBIS: r.Code.Hex(), Raw: raw, Scaler: int(r.Scaler), Unit: r.Unit.Symbol()}
	if r.HasStatus && r.Status <= math.MaxInt64 {
		m.Status = new(int64(r.Status))
	}
	code, _ := m.Check(now)
	return m, ok && code == ""
}
