package target

import (
	"context"
	"fmt"
	"time"

	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/register"
)

// Settling is how long what was measured may be on its way: devices send once an
// hour. Until then it is not missing, and what comes within it is in time.
const Settling = 2 * time.Hour

// Longest is the longest time a report can be of, and MostParts how many parts it
// may have.
const (
	Longest   = 10 * 366 * 24 * time.Hour
	MostParts = 1000
)

// Target is what was to be reached, and what was.
type Target struct {
	Expected int      `json:"expected" doc:"Quarters of an hour, or hours"`
	Reached  int      `json:"reached"`
	Percent  *float64 `json:"percent" doc:"reached of expected; null when nothing was expected"`
}

func (t *Target) add(o Target) {
	t.Expected += o.Expected
	t.Reached += o.Reached
	t.settle()
}

func (t *Target) settle() {
	if t.Expected > 0 {
		t.Percent = new(100 * float64(t.Reached) / float64(t.Expected))
	}
}

// MeterTargets is what was measured at a meter.
type MeterTargets struct {
	Household string        `json:"household"`
	Meter     string        `json:"meter"`
	Model     string        `json:"model"`
	Consent   consent.State `json:"consent" enum:"not_granted,granted,revoked"`
	From      *time.Time    `json:"from,omitempty" doc:"First slot that was to be measured; absent: none was"`
	To        *time.Time    `json:"to,omitempty" doc:"End of the last one"`
	Measured  Target        `json:"measured" doc:"Quarters of an hour"`
	Parts     []Target      `json:"parts,omitempty" doc:"The same by day or week"`
}

// DeviceTargets is what came from a device.
type DeviceTargets struct {
	Household string     `json:"household"`
	Device    string     `json:"device"`
	Version   string     `json:"version,omitempty"`
	From      *time.Time `json:"from,omitempty" doc:"First hour that was to be reported; absent: none was"`
	To        *time.Time `json:"to,omitempty" doc:"End of the last one"`
	Reported  Target     `json:"reported" doc:"Hours"`
	InTime    int        `json:"inTime" doc:"Hours of those reached that came within two hours after their end"`
	Parts     []Target   `json:"parts,omitempty" doc:"Reported, by day or week"`
}

// Fulfilment is how far the targets of a survey are reached.
type Fulfilment struct {
	From     time.Time       `json:"from"`
	To       time.Time       `json:"to" doc:"End, not part of it"`
	Every    string          `json:"every,omitempty" enum:"day,week" doc:"How long the parts are; absent: there are none"`
	Measured Target          `json:"measured" doc:"Of all meters"`
	Reported Target          `json:"reported" doc:"Of all devices"`
	InTime   int             `json:"inTime" doc:"Hours that came in time"`
	Meters   []MeterTargets  `json:"meters"`
	Devices  []DeviceTargets `json:"devices"`
}

// Options say what a report is of.
type Options struct {
	From, To time.Time // full hours; From zero: the first target there is
	Every    string    // day, week, or empty: no parts. Parts begin with From, and are 24 hours or 7 days long
	Now      time.Time
}

// span is the time in which something was to be measured.
type span struct{ from, to time.Time }

func (s span) empty() bool { return !s.to.After(s.from) }

// within cuts a span to another one.
func (s span) within(o span) span {
	if o.from.After(s.from) {
		s.from = o.from
	}
	if o.to.Before(s.to) {
		s.to = o.to
	}
	return s
}

// ceil is the first full step at or after a time.
func ceil(t time.Time, step time.Duration) time.Time {
	f := t.UTC().Truncate(step)
	if f.Before(t) {
		f = f.Add(step)
	}
	return f
}

// New makes the report.
func New(ctx context.Context, s *register.Store, o Options) (*Fulfilment, error) {
	last := o.Now.UTC().Add(-Settling).Truncate(time.Hour)
	if o.To.IsZero() || o.To.After(last) {
		o.To = last
	}
	homes, err := all(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("report of the survey: %w", err)
	}
	if o.From.IsZero() {
		o.From = o.To
		for i := range homes {
			if sp := homes[i].span; !sp.empty() && sp.from.Before(o.From) {
				o.From = sp.from
			}
		}
	}
	o.From, o.To = o.From.UTC().Truncate(time.Hour), o.To.UTC().Truncate(time.Hour)
	r := &Fulfilment{From: o.From, To: o.To, Every: o.Every, Meters: []MeterTargets{}, Devices: []DeviceTargets{}}
	part := map[string]time.Duration{"day": 24 * time.Hour, "week": 7 * 24 * time.Hour}[o.Every]
	switch {
	case o.To.Before(o.From):
		return nil, fmt.Errorf("%w: the report ends before it begins, or begins within the last two hours", register.ErrInvalid)
	case o.To.Sub(o.From) > Longest:
		return nil, fmt.Errorf("%w: the report is of more than ten years", register.ErrInvalid)
	case o.Every != "" && part == 0:
		return nil, fmt.Errorf("%w: parts are day or week, not %.20q", register.ErrInvalid, o.Every)
	case part > 0 && o.To.Sub(o.From)/part >= MostParts:
		return nil, fmt.Errorf("%w: the report would have more than %d parts", register.ErrInvalid, MostParts)
	}
	for len(homes) > 0 {
		n := min(len(homes), atOnce)
		if err := r.add(ctx, s, homes[:n], part); err != nil {
			return nil, fmt.Errorf("report of the survey: %w", err)
		}
		homes = homes[n:]
	}
	return r, nil
}

const atOnce = 100

// home is a household with the time in which something was to be measured there, by
// meter where the consent is revoked.
type home struct {
	household.Household

	span   span
	meters map[string]span
}

// all gives the households that consented.
func all(ctx context.Context, s *register.Store) ([]home, error) {
	var out []home
	for after := ""; ; {
		list, _, err := s.Households(ctx, after, 500)
		if err != nil || len(list) == 0 {
			return out, err
		}
		for _, h := range list {
			after = h.ID
			x := home{Household: h, meters: make(map[string]span)}
			switch h.Consent.State {
			case consent.NotGranted:
				continue
			case consent.Granted:
				x.span = span{*h.Consent.Granted, time.UnixMilli(1 << 47)}
			case consent.Revoked:
				for _, m := range h.Meters {
					first, last, err := s.Extent(ctx, h.ID, m.ID)
					if err != nil {
						return nil, err
					}
					if first != nil {
						x.meters[m.ID] = span{*first, last.Add(household.Quarter)}
						if x.span.empty() || first.Before(x.span.from) {
							x.span = x.meters[m.ID]
						}
					}
				}
			}
			out = append(out, x)
		}
	}
}

// add adds what some households have reached.
func (r *Fulfilment) add(ctx context.Context, s *register.Store, homes []home, part time.Duration) error {
	var meters, devices []string
	for _, h := range homes {
		for _, m := range h.Meters {
			meters = append(meters, m.ID)
		}
		for _, d := range h.Devices {
			devices = append(devices, d.ID)
		}
	}
	each := part
	if each == 0 {
		each = max(r.To.Sub(r.From), time.Hour)
	}
	slots, err := s.Slots(ctx, meters, r.From, r.To, each)
	if err != nil {
		return err
	}
	hours, err := s.Hours(ctx, devices, r.From, r.To, each)
	if err != nil {
		return err
	}
	punctual, err := s.Punctual(ctx, devices, r.From, r.To, each, Settling)
	if err != nil {
		return err
	}
	whole := span{r.From, r.To}
	for _, h := range homes {
		for _, m := range h.Meters {
			sp := h.span
			if h.Consent.State == consent.Revoked {
				sp = h.meters[m.ID]
			}
			x := MeterTargets{Household: h.ID, Meter: m.ID, Model: m.Model, Consent: h.Consent.State}
			x.Measured, x.Parts, x.From, x.To = r.reached(sp.within(whole), household.Quarter, each, part > 0, slots[m.ID])
			r.Measured.add(x.Measured)
			r.Meters = append(r.Meters, x)
		}
		if h.Consent.State == consent.Revoked {
			continue // what its devices sent, and when, is not known any more
		}
		for _, d := range h.Devices {
			if d.Kind != household.Edge {
				continue
			}
			x := DeviceTargets{Household: h.ID, Device: d.ID, Version: d.Version}
			sp := h.span
			if d.Registered.After(sp.from) {
				sp.from = d.Registered
			}
			x.Reported, x.Parts, x.From, x.To = r.reached(sp.within(whole), time.Hour, each, part > 0, hours[d.ID])
			for _, n := range punctual[d.ID] {
				x.InTime += n
			}
			r.Reported.add(x.Reported)
			r.InTime += x.InTime
			r.Devices = append(r.Devices, x)
		}
	}
	return nil
}

// reached compares what was counted in each part with what was to be there.
func (r *Fulfilment) reached(sp span, step, each time.Duration, parts bool, counted map[int]int) (all Target, some []Target, from, to *time.Time) {
	if sp.empty() {
		return all, nil, nil, nil
	}
	sp.from, sp.to = ceil(sp.from, step), sp.to.UTC().Truncate(step)
	for i := 0; r.From.Add(time.Duration(i) * each).Before(r.To); i++ {
		in := sp.within(span{r.From.Add(time.Duration(i) * each), r.From.Add(time.Duration(i+1) * each)})
		var t Target
		if !in.empty() {
			t.Expected = int(in.to.Sub(in.from) / step)
		}
		t.Reached = counted[i]
		t.settle()
		all.add(t)
		if parts {
			some = append(some, t)
		}
	}
	if all.Expected == 0 {
		return all, some, nil, nil
	}
	return all, some, &sp.from, &sp.to
}
