package figure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// Decider keeps decisions: settlement.Service.
type Decider interface {
	// Intervene keeps a decision about a sensor.
	Intervene(ctx context.Context, id record.SensorID, b ledger.InterventionBody, who string) (ledger.Intervention, error)
	// Undo ends one. To undo it again changes nothing.
	Undo(ctx context.Context, id, why, who string) (ledger.Intervention, error)
	// Calendar is that of the site of a sensor.
	Calendar(p ledger.Point) window.Calendar
	// Refuse makes errors of decisions those of HTTP.
	Refuse(err error) error
}

// Options are what a service needs. All must be set.
type Options struct {
	Store   *ledger.Store
	Decider Decider
	Catalog *catalog.Catalog
	Actor   func(context.Context) string // who makes a request
}

// Service enters figures.
type Service struct{ opts Options }

// New makes a service.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Decider == nil || o.Catalog == nil || o.Actor == nil {
		return nil, errors.New("make figures: store, decider, catalog and actor are needed")
	}
	return &Service{o}, nil
}

// most is how many decisions about a sensor are looked through.
const most = 100_000

// Entry is what is entered: the amount of a time, or what a counter showed.
type Entry struct {
	From    string   `json:"from,omitempty" maxLength:"40" doc:"Begin of the time the amount is of: a date of the site's zone, RFC 3339, or ms since 1970 UTC; at a quarter of an hour" example:"2026-03-01"`
	To      string   `json:"to,omitempty" maxLength:"40" doc:"Its end, not part of it. Default: the end of the day in which it begins" example:"2026-03-02"`
	Amount  *float64 `json:"amount,omitempty" doc:"How much it was, in unit" example:"12.4"`
	At      string   `json:"at,omitempty" maxLength:"40" doc:"Or: when a counter was read"`
	Reading *float64 `json:"reading,omitempty" doc:"And what it showed, in unit"`
	Unit    string   `json:"unit,omitempty" maxLength:"20" doc:"Default: the coherent unit of what the sensor counts" example:"t"`
	Note    string   `json:"note" minLength:"1" maxLength:"2000" doc:"Where it is from, for whoever audits this" example:"shift log, page 12"`
}

// Entered is a figure.
type Entered struct {
	ID        string          `json:"id"`
	Sensor    record.SensorID `json:"sensor"`
	From      *time.Time      `json:"from,omitempty" doc:"Begin of the time of an amount"`
	To        *time.Time      `json:"to,omitempty"`
	Amount    *float64        `json:"amount,omitempty" doc:"In unit"`
	At        *time.Time      `json:"at,omitempty" doc:"When a counter was read"`
	Reading   *float64        `json:"reading,omitempty" doc:"In unit"`
	Unit      string          `json:"unit" doc:"The coherent unit of what the sensor counts, or the one asked for"`
	Note      string          `json:"note"`
	Who       string          `json:"who" doc:"Who entered it"`
	When      time.Time       `json:"when" doc:"When it was entered"`
	UndoneWho string          `json:"undoneWho,omitempty" doc:"Who changed or deleted it"`
	UndoneWhy string          `json:"undoneWhy,omitempty" doc:"Why; of a changed one the figure that follows it"`
	UndoneAt  *time.Time      `json:"undoneAt,omitempty" doc:"When; absent: it is in force"`
}

// unit finds the unit in which a sensor's figures are.
func (s *Service) unit(id record.SensorID, name string) (record.Unit, error) {
	sn, ok := s.opts.Catalog.State().Model.Sensor(id)
	if !ok {
		return record.Unit{}, huma.Error404NotFound(fmt.Sprintf("there is no sensor %q in the model", string(id)))
	}
	q := sn.Quantity
	if whole, ok := q.Integral(); ok {
		q = whole
	}
	if name == "" {
		return q.Unit(), nil
	}
	u, ok := q.LookupUnit(name)
	if !ok || u.Factor == 0 {
		return u, huma.Error422UnprocessableEntity(fmt.Sprintf("%.20q is no unit of what %q counts", name, string(id)))
	}
	return u, nil
}

// body makes the decision of an entry.
func (s *Service) body(id record.SensorID, e *Entry, u record.Unit) (b ledger.InterventionBody, err error) {
	c := s.opts.Decider.Calendar(ledger.SensorPoint(id))
	moment := func(name, text string) record.Millis {
		t, merr := c.Moment(text)
		if merr != nil && err == nil {
			err = huma.Error422UnprocessableEntity(name + ": " + merr.Error())
		}
		return t
	}
	switch {
	case e.Amount != nil && e.Reading == nil && e.At == "" && e.From != "":
		from := moment("from", e.From)
		to := c.Span(window.Day, from).To
		if e.To != "" {
			to = moment("to", e.To)
		}
		b = ledger.InterventionBody{Kind: ledger.Figure, From: from.Time(), To: new(to.Time()), Value: new(coherent(u, *e.Amount)), Why: e.Note}
	case e.Reading != nil && e.Amount == nil && e.At != "" && e.From == "" && e.To == "":
		b = ledger.InterventionBody{Kind: ledger.Reading, From: moment("at", e.At).Time(), Value: new(coherent(u, *e.Reading)), Why: e.Note}
	default:
		err = huma.Error422UnprocessableEntity("say the amount of a time (from, to, amount), or what a counter showed (at, reading)")
	}
	return b, err
}

// coherent converts, to a whole number of millionths where that is what is meant.
func coherent(u record.Unit, v float64) float64 {
	c := u.Coherent(v)
	if rounded := math.Round(c*1e6) / 1e6; math.Abs(rounded-c) <= 1e-12*math.Abs(c) {
		return rounded
	}
	return c
}

// figures gives those of a sensor, undone ones too when all is set.
func (s *Service) figures(ctx context.Context, id record.SensorID, all bool) ([]ledger.Intervention, error) {
	list, err := s.opts.Store.Interventions(ctx, id, all, most)
	return slices.DeleteFunc(list, func(x ledger.Intervention) bool { return x.Kind != ledger.Figure && x.Kind != ledger.Reading }), err
}

// enter keeps an entry in the place of another one, or of none.
func (s *Service) enter(ctx context.Context, id record.SensorID, e *Entry, instead string) (*oneOutput, error) {
	u, err := s.unit(id, e.Unit)
	if err != nil {
		return nil, err
	}
	b, err := s.body(id, e, u)
	if err != nil {
		return nil, err
	}
	there, err := s.figures(ctx, id, false)
	if err != nil {
		return nil, err
	}
	found := instead == ""
	for _, x := range there {
		switch {
		case x.ID == instead:
			found = true
		case x.Kind == ledger.Figure && b.Kind == x.Kind && x.From.Before(*b.To) && b.From.Before(*x.To):
			return nil, huma.Error409Conflict(fmt.Sprintf("there is an amount of a part of this time already, from %s to %s: change or delete figure %s", x.From.Format(time.RFC3339), x.To.Format(time.RFC3339), x.ID))
		case x.Kind == ledger.Reading && b.Kind == x.Kind && x.From.Equal(b.From):
			return nil, huma.Error409Conflict("there is a reading at this time already: change or delete figure " + x.ID)
		}
	}
	if !found {
		return nil, huma.Error404NotFound(fmt.Sprintf("sensor %q has no figure %.60q in force", string(id), instead))
	}
	who := s.opts.Actor(ctx)
	x, err := s.opts.Decider.Intervene(ctx, id, b, who)
	if err == nil && instead != "" { // the newer one counts already
		_, err = s.opts.Decider.Undo(ctx, instead, "changed: "+x.ID, who)
	}
	if err != nil {
		return nil, s.opts.Decider.Refuse(err)
	}
	return &oneOutput{entered(x, u)}, nil
}

func entered(x ledger.Intervention, u record.Unit) Entered {
	out := Entered{ID: x.ID, Sensor: x.Sensor, Unit: u.Symbol, Note: x.Why, Who: x.Who, When: x.At, UndoneWho: x.UndoneWho, UndoneWhy: x.UndoneWhy, UndoneAt: x.UndoneAt}
	if v := new(u.From(*x.Value)); x.Kind == ledger.Reading {
		out.At, out.Reading = new(x.From), v
	} else {
		out.From, out.To, out.Amount = new(x.From), x.To, v
	}
	return out
}

// span is the time of a figure.
func (e *Entered) span() window.Span {
	if e.At != nil {
		return window.Span{From: record.MillisOf(*e.At), To: record.MillisOf(*e.At) + 1}
	}
	return window.Span{From: record.MillisOf(*e.From), To: record.MillisOf(*e.To)}
}

// list gives the figures of a span, in order of time.
func (s *Service) list(ctx context.Context, id record.SensorID, u record.Unit, at window.Span, undone bool) ([]Entered, error) {
	all, err := s.figures(ctx, id, undone)
	out := []Entered{}
	for _, x := range all {
		e := entered(x, u)
		if of := e.span(); of.From < at.To && of.To > at.From {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b Entered) int { return cmp.Compare(a.span().From, b.span().From) })
	return out, err
}
