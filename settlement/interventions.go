package settlement

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/reading"
	"github.com/wattwerk/wattwerk/window"
)

// errBad is wrapped by errors about what was asked for.
var errBad = errors.New("invalid intervention")

// notFound says in a sentence what there is not.
type notFound string

func (e notFound) Error() string { return string(e) }

// Is tells that it is what a database says of a row that is not there.
func (e notFound) Is(target error) bool { return target == sql.ErrNoRows }

// check says what is wrong, or nil.
func check(b *ledger.InterventionBody, counter, adds bool) error {
	bad := func(format string, a ...any) error { return fmt.Errorf("%w: %s", errBad, fmt.Sprintf(format, a...)) }
	finite := func(v float64) bool { return math.Abs(v) <= record.MaxValue }
	inside := func(t time.Time) bool { m := record.MillisOf(t); return m >= record.MinTime && m <= record.MaxTime }
	switch {
	case strings.TrimSpace(b.Why) == "":
		return bad("say why, for whoever audits this")
	case !inside(b.From) || b.To != nil && !inside(*b.To):
		return bad("times are between 1970 and 2100")
	case b.Value != nil && !finite(*b.Value):
		return bad("the value is not a possible one")
	case b.Kind == ledger.Figure && !adds:
		return bad("what this sensor measures does not add up to an amount")
	case b.Kind == ledger.Figure && (b.From.UnixMilli()%int64(quarter) != 0 || b.To != nil && b.To.UnixMilli()%int64(quarter) != 0):
		return bad("figures are of time from one quarter of an hour to another")
	case (b.Kind == ledger.Figure || b.Kind == ledger.Reading) && b.Value == nil:
		return bad("say in value how much it is")
	case !ledger.Ranged(b.Kind) && !counter:
		return bad("%s is about counters, and this sensor is none; exclude, replace or interpolate a range", b.Kind)
	case !ledger.Ranged(b.Kind) && b.To != nil:
		return bad("%s is about one reading; leave out to", b.Kind)
	case ledger.Ranged(b.Kind) && (b.To == nil || !b.To.After(b.From)):
		return bad("%s is about a range; to must be after from", b.Kind)
	case b.Kind == ledger.Replace && (b.Value == nil) == (len(b.Points) == 0):
		return bad("replace needs a value or points, one of both")
	case b.Kind == ledger.Replace && counter && b.Value != nil:
		return bad("a counter does not stand still for a range; replace its readings by points")
	case b.Kind == ledger.Rise && b.Value == nil:
		return bad("say in value by how much it rose")
	case (b.Kind == ledger.Exclude || b.Kind == ledger.Interpolate || b.Kind == ledger.Ignore || b.Kind == ledger.Accept) && b.Value != nil:
		return bad("%s has no value", b.Kind)
	case b.Kind != ledger.Replace && len(b.Points) > 0:
		return bad("only replace has points")
	case b.Kind != ledger.Exclude && len(b.Only) > 0:
		return bad("only exclude is of some readings of its range")
	}
	if b.Kind == ledger.Figure {
		if _, err := energy.Of(*b.Value); err != nil {
			return bad("the amount is not a possible one")
		}
	}
	for i, r := range b.Only {
		if r.First.Before(b.From) || !r.Last.Before(*b.To) || r.Last.Before(r.First) {
			return bad("part %d of only does not lie within the range", i+1)
		}
		if r.Step < 1 {
			return bad("part %d of only needs a step of at least 1 ms", i+1)
		}
		if i > 0 && !r.First.After(b.Only[i-1].Last) {
			return bad("part %d of only is not later than the one before", i+1)
		}
	}
	for i, p := range b.Points {
		if p.Time.Before(b.From) || !p.Time.Before(*b.To) {
			return bad("point %d lies outside of the range", i+1)
		}
		if i > 0 && !p.Time.After(b.Points[i-1].Time) {
			return bad("point %d is not later than the one before", i+1)
		}
		if !finite(p.Value) {
			return bad("point %d has no possible value", i+1)
		}
	}
	return nil
}

// Intervene keeps a decision, and marks what it touches.
func (s *Service) Intervene(ctx context.Context, id record.SensorID, b ledger.InterventionBody, who string) (ledger.Intervention, error) {
	sn, ok := s.opts.Catalog.State().Model.Sensor(id)
	if !ok {
		return ledger.Intervention{}, notFound(fmt.Sprintf("there is no sensor %q in the model", id))
	}
	if sn.Formula != "" {
		return ledger.Intervention{}, fmt.Errorf("%w: sensor %q is virtual and has no readings of its own; correct those of the sensors that its formula uses", errBad, id)
	}
	_, adds := sn.Quantity.Integral()
	counter := reading.Rules(sn).Counter
	if err := check(&b, counter, adds || counter); err != nil {
		return ledger.Intervention{}, err
	}
	var random [8]byte
	if _, err := rand.Read(random[:]); err != nil {
		return ledger.Intervention{}, err
	}
	x, err := s.opts.Store.AddIntervention(ctx, ledger.Intervention{
		ID: "i_" + hex.EncodeToString(random[:]), Sensor: id, InterventionBody: b, Who: who, At: s.opts.Now(),
	})
	if err != nil {
		return x, err
	}
	return x, s.touch(ctx, x)
}

// touch marks what an intervention is about.
func (s *Service) touch(ctx context.Context, x ledger.Intervention) error {
	at := span{record.MillisOf(x.From), record.MillisOf(x.From) + 1}
	if x.To != nil {
		at.to = record.MillisOf(*x.To)
	}
	if x.Kind == ledger.Reading { // what others that were entered say depends on it
		all, err := s.opts.Store.Interventions(ctx, x.Sensor, false, everything)
		if err != nil {
			return err
		}
		var times []record.Millis
		for _, o := range all {
			if o.Kind == ledger.Reading {
				times = append(times, record.MillisOf(o.From))
			}
		}
		slices.Sort(times)
		i, _ := slices.BinarySearch(times, at.from)
		j, _ := slices.BinarySearch(times, at.to)
		if i > 0 {
			at.from = times[max(0, i-energy.Context)]
		}
		if j < len(times) {
			at.to = times[min(len(times)-1, j+energy.Context-1)] + 1
		}
	}
	return s.mark(ctx, ledger.SensorKind, string(x.Sensor), at)
}

// Undo ends a decision; what was derived from it follows. To undo it again
// changes nothing.
func (s *Service) Undo(ctx context.Context, id, why, who string) (ledger.Intervention, error) {
	if strings.TrimSpace(why) == "" {
		return ledger.Intervention{}, fmt.Errorf("%w: say why, for whoever audits this", errBad)
	}
	x, err := s.opts.Store.UndoIntervention(ctx, id, why, who, s.opts.Now())
	if errors.Is(err, sql.ErrNoRows) {
		return x, notFound(fmt.Sprintf("there is no intervention %.60q", id))
	}
	if err != nil {
		return x, err
	}
	return x, s.touch(ctx, x)
}

// everything is more interventions than a sensor may have.
const everything = math.MaxInt32

// Decided reads the decisions about a sensor that are in force.
func Decided(ctx context.Context, from *ledger.Store, id record.SensorID) (d reading.Decisions, err error) {
	all, err := from.Interventions(ctx, id, false, everything)
	if err != nil {
		return d, err
	}
	slices.SortFunc(all, func(a, b ledger.Intervention) int { return cmp.Compare(a.Number, b.Number) })
	for _, x := range all {
		switch {
		case ledger.Correction(x.Kind) || x.Kind == ledger.Reading:
			d.Corrections = append(d.Corrections, correctionOf(x))
		case x.Kind == ledger.Figure:
			a, err := energy.Of(*x.Value)
			if err != nil {
				return d, fmt.Errorf("read figure %s: %w", x.ID, err)
			}
			d.Figures = append(d.Figures, reading.Figure{Span: window.Span{From: record.MillisOf(x.From), To: record.MillisOf(*x.To)}, Amount: a})
		default:
			d.Overrides = append(d.Overrides, overrideOf(x))
		}
	}
	return d, nil
}

func correctionOf(x ledger.Intervention) energy.Correction {
	c := energy.Correction{Sequence: x.Number, From: record.MillisOf(x.From), To: record.MillisOf(x.From) + 1}
	if x.To != nil {
		c.To = record.MillisOf(*x.To)
	}
	if x.Value != nil {
		c.Value = *x.Value
	}
	switch x.Kind {
	case ledger.Exclude:
		c.Method = energy.Exclude
	case ledger.Interpolate:
		c.Method = energy.Interpolate
	default:
		c.Method = energy.Replace
	}
	if len(x.Only) > 0 {
		c.Sequence, c.Only = 0, ledger.Rows(x.Only) // before all others
	}
	for _, p := range x.Points {
		c.Points = append(c.Points, energy.Reading{Time: record.MillisOf(p.Time), Value: p.Value})
	}
	return c
}

func overrideOf(x ledger.Intervention) energy.Override {
	o := energy.Override{Time: record.MillisOf(x.From), Value: x.Value}
	switch x.Kind {
	case ledger.Ignore:
		o.Kind = energy.Ignore
	case ledger.Accept:
		o.Kind = energy.Accept
	case ledger.Reset:
		o.Kind = energy.ToReset
	case ledger.Rollover:
		o.Kind = energy.ToRollover
	default:
		o.Kind = energy.Rise
	}
	return o
}
