package settlement

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/column"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// WindowsBody are settled windows as columns.
type WindowsBody struct {
	Size         string           `json:"size" doc:"Length of the windows"`
	Zone         string           `json:"zone" doc:"Time zone by whose calendar they begin and end"`
	Unit         string           `json:"unit" doc:"Unit of the amounts; empty when the quantity has none" example:"Wh"`
	AverageUnit  string           `json:"averageUnit" doc:"Unit of average, minimum and maximum" example:"W"`
	Settled      int64            `json:"settled" doc:"Up to when windows are settled, ms since 1970 UTC; later ones are empty"`
	Start        []int64          `json:"start" doc:"Begin of each window, ms since 1970 UTC"`
	End          []int64          `json:"end" doc:"End of each window, which is not part of it"`
	Amount       column.Amounts   `json:"amount" doc:"Energy, volume or the like; null when nothing is known. Of a group the sum of its members"`
	Estimated    column.Amounts   `json:"estimated" doc:"How much of it, without sign, was not measured in the window itself: spread across gaps, or put in by somebody"`
	Average      column.Numbers   `json:"average" doc:"Mean over the time that readings speak of; of a group the sum of those"`
	Min          column.Numbers   `json:"min" doc:"Least value; of a group that of its members"`
	Max          column.Numbers   `json:"max" doc:"Greatest value"`
	Readings     []uint64         `json:"readings" doc:"Readings in the window"`
	Completeness []float64        `json:"completeness" doc:"Part of the window, and of the members, that readings speak of, 0 to 1"`
	Quality      column.Qualities `json:"quality" doc:"The worst of what it is made of: none, measured, corrected, substituted or estimated"`
	Meter        *column.Amounts  `json:"meter,omitempty" doc:"Of a group: what its own meter says"`
	Unaccounted  *column.Amounts  `json:"unaccounted,omitempty" doc:"Meter less amount, over the quarters of an hour that readings speak of in full, for the meter and for every member that was heard by then; null where there are none"`
	Compared     *[]float64       `json:"compared,omitempty" doc:"Part of the window that those are, 0 to 1: the rest of it cannot be compared"`
	Members      *[]uint32        `json:"members,omitempty" doc:"Of a group: members that have an amount"`
	Total        *[]uint32        `json:"total,omitempty" doc:"Members"`
}

// SpanInput says which windows are wanted.
type SpanInput struct {
	Size string `query:"size" enum:"5m,15m,30m,1h,1d,1w,1M,1y" default:"15m" doc:"Length of the windows"`
	From string `query:"from" doc:"Begin: RFC 3339, a date of the zone, ms since 1970 UTC, or like now-7d. Default: a day before the end" example:"2026-01-01"`
	To   string `query:"to" doc:"End, not part of it. Default: now" example:"2026-02-01"`
}

type sensorInput struct {
	ID record.SensorID `path:"id" doc:"Sensor"`
	SpanInput
}

type groupInput struct {
	ID        model.GroupID     `path:"id" doc:"Group"`
	Hierarchy model.HierarchyID `query:"hierarchy" doc:"Hierarchy; needed only for a group that is no longer in the model"`
	SpanInput
}

type windowsOutput struct{ Body WindowsBody }

// StatusBody is how far everything is settled.
type StatusBody struct {
	Settled time.Time  `json:"settled" doc:"Up to when windows are settled"`
	Since   time.Time  `json:"since" doc:"And from when on"`
	Oldest  *time.Time `json:"oldest,omitempty" doc:"Time of the oldest reading: as far down it will be"`
	Lag     float64    `json:"lag" doc:"Seconds from the end of what is settled until now"`
	Marks   int        `json:"marks" doc:"Ranges that are to be settled again, as late readings came or somebody asked for it"`
	Asked   int        `json:"asked" doc:"Those of them that somebody asked for; they can be cancelled"`

	Cancelled *CancelBody `json:"cancelled,omitempty" doc:"When some of them were cancelled last"`
}

// Register adds the routes.
func (s *Service) Register(api huma.API) {
	op := func(id, path, summary, text string) huma.Operation {
		return huma.Operation{
			OperationID: id, Method: http.MethodGet, Path: "/api/v1/" + path, Summary: summary, Description: text,
			Tags: []string{"settled windows"}, Security: []map[string][]string{{"wattwerk": {"read"}}},
		}
	}
	const text = "Computed from the raw readings, and again when late ones come, so they are right and not only fast. By the calendar of the site."
	huma.Register(api, op("settled-sensor", "settled/sensors/{id}", "Settled windows of a sensor", text), func(ctx context.Context, in *sensorInput) (*windowsOutput, error) {
		p := ledger.SensorPoint(in.ID)
		sn, ok := s.opts.Catalog.State().Model.Sensor(in.ID)
		if !ok {
			return nil, huma.Error404NotFound(fmt.Sprintf("there is no sensor %q in the model; what its readings mean is not known", in.ID))
		}
		return s.answer(ctx, p, sn.Quantity, in.SpanInput)
	})
	huma.Register(api, op("settled-group", "settled/groups/{id}", "Settled windows of a group", text), func(ctx context.Context, in *groupInput) (*windowsOutput, error) {
		m := s.opts.Catalog.State().Model
		h := in.Hierarchy
		if h == "" {
			h, _ = m.HierarchyOf(in.ID)
		}
		if h == "" {
			return nil, huma.Error404NotFound(fmt.Sprintf("there is no group %q in a hierarchy of the model; name the hierarchy it was in", in.ID))
		}
		return s.answer(ctx, ledger.GroupPoint(string(h), string(in.ID)), m.QuantityOf(in.ID), in.SpanInput)
	})
	s.registerAgain(api)
	s.registerInterventions(api)
	s.registerTrees(api)
	huma.Register(api, op("settlement-status", "settled/status", "How far everything is settled", ""), func(ctx context.Context, _ *struct{}) (*struct{ Body StatusBody }, error) {
		st, err := s.Status(ctx)
		if err != nil {
			return nil, err
		}
		out := &struct{ Body StatusBody }{StatusBody{Settled: st.Frontier.Time(), Since: st.Floor.Time(), Marks: st.Marks, Asked: st.Asked, Lag: s.opts.Now().Sub(st.Frontier.Time()).Seconds()}}
		if st.Oldest > 0 {
			out.Body.Oldest = new(st.Oldest.Time())
		}
		if c := st.Cancelled; c.Number > 0 {
			out.Body.Cancelled = &CancelBody{c.Number, c.At.Time(), c.Who, c.Marks}
		}
		return out, nil
	})
}

// CancelBody says who cancelled what was asked for.
type CancelBody struct {
	Number int64     `json:"number" doc:"From 1: one more each time"`
	At     time.Time `json:"at" doc:"When"`
	Who    string    `json:"who" doc:"Who"`
	Marks  int       `json:"marks" doc:"Ranges that were not settled again, whoever asked for them"`
}

// AgainBody says what is to be settled again.
type AgainBody struct {
	From    string            `json:"from" doc:"Begin: RFC 3339, a date in UTC, or ms since 1970 UTC" example:"2026-01-01"`
	To      string            `json:"to" doc:"End, not part of it" example:"2026-02-01"`
	Sensors []record.SensorID `json:"sensors,omitempty" maxItems:"10000" doc:"Only these sensors, and the groups above them; default: everything"`
}

// MarkedBody is how much was marked.
type MarkedBody struct {
	Marks int   `json:"marks" doc:"Ranges that are to be settled now; GET settled/status tells how many are left"`
	After int64 `json:"after" doc:"Number of what was cancelled last before that: a higher one in settled/status means that it was cancelled"`
}

// CancelledBody is how much was cancelled.
type CancelledBody struct {
	Marks int `json:"marks" doc:"Ranges that are not settled again now; 0 when all of them were settled already"`
}

func (s *Service) registerAgain(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "settle-again", Method: http.MethodPost, Path: "/api/v1/settled/again", DefaultStatus: http.StatusAccepted,
		Summary: "Settle a span of time again", Description: "Needed only when a database was changed behind our back: whatever arrives late is settled again by itself. It changes nothing that is right.",
		Tags: []string{"settled windows"}, Security: []map[string][]string{{"wattwerk": {"operate"}}},
	}, func(ctx context.Context, in *struct{ Body AgainBody }) (*struct{ Body MarkedBody }, error) {
		at, err := new(window.Calendar).Between(in.Body.From, in.Body.To)
		if err != nil {
			return nil, huma.Error422UnprocessableEntity(err.Error())
		}
		before, err := s.opts.Store.Cancelled(ctx)
		if err != nil {
			return nil, err
		}
		n, err := s.Again(ctx, in.Body.Sensors, at.From, at.To)
		if err != nil {
			return nil, err
		}
		return &struct{ Body MarkedBody }{MarkedBody{n, before.Number}}, nil
	})
	huma.Register(api, huma.Operation{
		OperationID: "cancel-settling", Method: http.MethodPost, Path: "/api/v1/settled/again/cancel",
		Summary: "Cancel what was asked to be settled again", Description: "What waits is left as it is; what is settled already, and what is being settled now, stays. What late readings need is settled all the same. To cancel again changes nothing.",
		Tags: []string{"settled windows"}, Security: []map[string][]string{{"wattwerk": {"operate"}}},
	}, func(ctx context.Context, _ *struct{}) (*struct{ Body CancelledBody }, error) {
		n, err := s.Cancel(ctx, s.opts.Actor(ctx))
		if err != nil {
			return nil, err
		}
		return &struct{ Body CancelledBody }{CancelledBody{n}}, nil
	})
}

// Cancel removes the marks that somebody asked for, whoever it was, notes
// who cancelled them, and tells how many there were. Without them everything is as right as before.
func (s *Service) Cancel(ctx context.Context, who string) (int, error) {
	n, err := s.opts.Store.DropAsked(ctx, who, record.MillisOf(s.opts.Now()))
	s.at.marks.Add(int64(-n))
	return n, err
}

// Again asks for a span of sensors to be settled again, or when none is
// named of everything, and gives the number of marks.
func (s *Service) Again(ctx context.Context, sensors []record.SensorID, from, to record.Millis) (int, error) {
	var marks []ledger.Mark
	add := func(kind, name string) {
		marks = append(marks, ledger.Mark{Kind: kind, Name: name, Begin: from, End: to, Asked: true})
	}
	m := s.opts.Catalog.State().Model
	for _, id := range sensors {
		if _, ok := m.Sensor(id); !ok {
			return 0, huma.Error404NotFound(fmt.Sprintf("there is no sensor %q in the model", id))
		}
		add(ledger.SensorKind, string(id))
	}
	if len(sensors) == 0 {
		for sn := range m.Sensors() {
			add(ledger.SensorKind, string(sn.ID))
		}
		for _, h := range m.Hierarchies() {
			add(ledger.HierarchyKind, string(h))
		}
	}
	if err := s.opts.Store.AddMarks(ctx, marks); err != nil {
		return 0, err
	}
	s.at.marks.Add(int64(len(marks)))
	return len(marks), nil
}

func (s *Service) answer(ctx context.Context, p ledger.Point, q record.Quantity, in SpanInput) (*windowsOutput, error) {
	var size window.Size
	if err := size.UnmarshalText([]byte(in.Size)); err != nil {
		return nil, huma.Error422UnprocessableEntity("size: " + err.Error())
	}
	c := s.calendarOf(s.opts.Catalog.State().Model, p)
	to := record.MillisOf(s.opts.Now())
	var err error
	if in.To != "" {
		if to, err = c.MomentAt(in.To, to); err != nil {
			return nil, huma.Error422UnprocessableEntity("to: " + err.Error())
		}
	}
	from, now := to-86_400_000, record.MillisOf(s.opts.Now())
	if in.From != "" {
		if from, err = c.MomentAt(in.From, now); err != nil {
			return nil, huma.Error422UnprocessableEntity("from: " + err.Error())
		}
	}
	if from >= to {
		return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("from (%s) is not before to (%s)", from, to))
	}
	rows, settled, err := s.Windows(ctx, p, size, from, to)
	if much, ok := errors.AsType[*tooMuch](err); ok {
		return nil, huma.Error422UnprocessableEntity(much.text)
	}
	if err != nil {
		return nil, err
	}
	out := &windowsOutput{Body: columnsOf(p, rows)}
	b := &out.Body
	b.Size, b.Zone, b.Settled, b.AverageUnit = in.Size, c.Zone().String(), int64(settled), q.Unit().Symbol
	if whole, ok := q.Integral(); ok {
		b.Unit = whole.Unit().Symbol
		if whole == q { // a counter: it says how much, its rise in an hour how fast
			b.AverageUnit = b.Unit + "/h"
			if q == record.Energy {
				b.AverageUnit = record.ActivePower.Unit().Symbol
			}
		}
	}
	return out, nil
}

func columnsOf(p ledger.Point, rows []ledger.Row) WindowsBody {
	b := WindowsBody{Start: []int64{}, End: []int64{}, Amount: column.Amounts{}, Estimated: column.Amounts{}, Readings: []uint64{}, Completeness: []float64{}, Quality: column.Qualities{}}
	var meter, unaccounted column.Amounts
	var members, total []uint32
	var compared []float64
	for i := range rows {
		r := &rows[i]
		b.Start, b.End = append(b.Start, int64(r.Start)), append(b.End, int64(r.End))
		b.Amount, b.Estimated = append(b.Amount, known(r.Amount, r.Known)), append(b.Estimated, known(r.Estimated, r.Known))
		b.Average, b.Min, b.Max = append(b.Average, r.Average), append(b.Min, r.Min), append(b.Max, r.Max)
		b.Readings, b.Completeness, b.Quality = append(b.Readings, uint64(r.Count)), append(b.Completeness, r.Completeness()), append(b.Quality, r.Quality)
		meter = append(meter, known(r.Meter, r.Metered))
		rest, ok := r.Unaccounted()
		unaccounted, compared = append(unaccounted, known(rest, ok)), append(compared, r.Compared())
		members, total = append(members, r.Members), append(total, r.Total)
	}
	if p.Hierarchy != "" {
		b.Meter, b.Unaccounted, b.Compared, b.Members, b.Total = &meter, &unaccounted, &compared, &members, &total
	}
	return b
}

func known(a energy.Amount, ok bool) *energy.Amount {
	if !ok {
		return nil
	}
	return &a
}
