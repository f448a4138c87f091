package demand

import (
	"context"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// PeakBody is a quarter with a high demand.
type PeakBody struct {
	Start        int64             `json:"start" doc:"Begin of the quarter of an hour, ms since 1970 UTC"`
	End          int64             `json:"end" doc:"Its end"`
	Demand       float64           `json:"demand" doc:"Mean power over it"`
	Amount       float64           `json:"amount" doc:"Energy in it"`
	Estimated    float64           `json:"estimated" doc:"How much of that was not measured in it: spread across a gap, or put in by somebody"`
	Completeness float64           `json:"completeness" doc:"Part of it, and of the members, that readings speak of, 0 to 1; less than 1 means that the demand may have been higher"`
	Quality      energy.Quality    `json:"quality" doc:"The worst of what it is made of: none, measured, corrected, substituted or estimated"`
	Contributors *ContributorsBody `json:"contributors,omitempty" doc:"Of a group: who drew it"`
}

// ContributorBody is what a member adds to its group.
type ContributorBody struct {
	Sensor       string   `json:"sensor,omitempty" doc:"A sensor"`
	Group        string   `json:"group,omitempty" doc:"Or a group"`
	Meter        string   `json:"meter,omitempty" doc:"Of a group: its meter, which stands for it"`
	Demand       *float64 `json:"demand" doc:"Mean power with the sign with which it counts in the group; null when nothing is known"`
	Share        *float64 `json:"share" doc:"Part of the group's demand; of members that feed in below 0"`
	Completeness float64  `json:"completeness" doc:"Part of the quarter that readings speak of"`
	Estimated    float64  `json:"estimated" doc:"Energy of it that was not measured in the quarter"`
}

// ContributorsBody are the members of a group in a quarter.
type ContributorsBody struct {
	Members     []ContributorBody `json:"members" doc:"Those that add most, the largest first"`
	Others      *float64          `json:"others" doc:"Mean power of all other members together; null when there are none, or nothing is known of them"`
	Unknown     int               `json:"unknown" doc:"Members that have no amount"`
	Total       int               `json:"total" doc:"Members"`
	Meter       string            `json:"meter,omitempty" doc:"The group's own meter; its demand is that of this sensor"`
	Metered     *float64          `json:"metered" doc:"What that says, as mean power"`
	Unaccounted *float64          `json:"unaccounted" doc:"That, less the sum of the members; null where readings do not speak of all of the quarter for the meter and every member that was heard by then"`
}

// RollingBody is the highest of twelve months.
type RollingBody struct {
	From         int64    `json:"from" doc:"Begin of the twelve months, ms since 1970 UTC"`
	Demand       *float64 `json:"demand" doc:"The highest demand in them; null when nothing is known"`
	Start        *int64   `json:"start" doc:"Begin of its quarter"`
	Completeness float64  `json:"completeness" doc:"Part of the time that readings speak of, of what is settled"`
	Quality      string   `json:"quality,omitempty" doc:"Quality of the quarter"`
}

// MonthBody is a calendar month.
type MonthBody struct {
	Month        string      `json:"month" doc:"Year and month" example:"2026-03"`
	Start        int64       `json:"start" doc:"Its begin, ms since 1970 UTC"`
	End          int64       `json:"end" doc:"Its end"`
	Whole        bool        `json:"whole" doc:"All of it is settled"`
	Demand       *float64    `json:"demand" doc:"The highest demand; null when nothing is known, 0 when nothing went this way"`
	Peaks        []PeakBody  `json:"peaks" doc:"The quarters with the highest demands, the highest first; of equal ones the earlier"`
	Amount       *float64    `json:"amount" doc:"Energy of the quarters whose amount is known"`
	Estimated    float64     `json:"estimated" doc:"How much of it was not measured in its quarter"`
	Quarters     int         `json:"quarters" doc:"Quarters that are settled"`
	Known        int         `json:"known" doc:"Of them, those that have an amount"`
	Uncertain    int         `json:"uncertain" doc:"Of these, those of which a part was not measured"`
	Completeness float64     `json:"completeness" doc:"Part of the time that is settled, and of the members, that readings speak of"`
	Rolling      RollingBody `json:"rolling" doc:"The twelve months that end with this one"`
}

// MonthsBody are the highest demands of months.
type MonthsBody struct {
	Zone       string      `json:"zone" doc:"Time zone of the months"`
	Unit       string      `json:"unit" doc:"Unit of demands" example:"W"`
	AmountUnit string      `json:"amountUnit" doc:"Unit of energies" example:"Wh"`
	Direction  string      `json:"direction"`
	Settled    int64       `json:"settled" doc:"Up to when windows are settled, ms since 1970 UTC"`
	Months     []MonthBody `json:"months"`
}

// DurationBody is a load duration curve.
type DurationBody struct {
	Zone          string      `json:"zone" doc:"Time zone by which from and to are read"`
	Unit          string      `json:"unit" doc:"Unit of demands" example:"W"`
	AmountUnit    string      `json:"amountUnit" doc:"Unit of energies" example:"Wh"`
	Direction     string      `json:"direction"`
	Start         int64       `json:"start" doc:"Begin, ms since 1970 UTC"`
	End           int64       `json:"end" doc:"End of what of it is settled"`
	Settled       int64       `json:"settled" doc:"Up to when windows are settled"`
	Quarters      int         `json:"quarters" doc:"Quarters in it"`
	Known         int         `json:"known" doc:"Of them, those that have an amount; the curve is of these"`
	Uncertain     int         `json:"uncertain" doc:"Of these, those of which a part was not measured"`
	Completeness  float64     `json:"completeness" doc:"Part of the time, and of the members, that readings speak of"`
	Amount        *float64    `json:"amount" doc:"Energy"`
	Estimated     float64     `json:"estimated" doc:"How much of it was not measured in its quarter"`
	Average       *float64    `json:"average" doc:"Mean demand of the known quarters"`
	Highest       *PeakBody   `json:"highest" doc:"The highest; null when none is above 0"`
	LoadFactor    *float64    `json:"loadFactor" doc:"Average over highest"`
	FullLoadHours *float64    `json:"fullLoadHours" doc:"Hours in which the highest demand would make the same energy"`
	Share         []float64   `json:"share" doc:"Points of the curve: for this part of the known time the demand is at least this"`
	Hours         []float64   `json:"hours" doc:"The same in hours"`
	Demand        []float64   `json:"demand" doc:"Demands, falling; each is that of a quarter, nothing is interpolated"`
	Above         []AboveBody `json:"above" doc:"For each level that was asked for, how long the demand was above it"`
}

// AboveBody says how long a demand was above a level.
type AboveBody struct {
	Level float64 `json:"level"`
	Hours float64 `json:"hours"`
	Share float64 `json:"share" doc:"Part of the known time"`
}

// RunningBody is the quarter that runs.
type RunningBody struct {
	Zone       string   `json:"zone" doc:"Time zone of the site"`
	Unit       string   `json:"unit" doc:"Unit of demands" example:"W"`
	AmountUnit string   `json:"amountUnit" doc:"Unit of energies" example:"Wh"`
	Direction  string   `json:"direction"`
	Start      int64    `json:"start" doc:"Begin of the quarter, ms since 1970 UTC"`
	End        int64    `json:"end" doc:"Its end"`
	Now        int64    `json:"now" doc:"As seen now"`
	Last       *int64   `json:"last" doc:"Time of the newest value"`
	Value      *float64 `json:"value" doc:"Power now; null when the newest value is too old"`
	Amount     *float64 `json:"amount" doc:"Energy of the quarter so far, as far as it is known; from live readings"`
	Known      float64  `json:"known" doc:"Part of the quarter so far of which something is known, 0 to 1"`
	Mean       *float64 `json:"mean" doc:"Mean power of the quarter so far, over the time that is known"`
	Slope      float64  `json:"slope" doc:"By which the power is taken to go on changing, per minute"`
	Rising     float64  `json:"rising" doc:"For how many seconds from now it is taken to"`
	Forecast   *float64 `json:"forecast" doc:"Mean power that the quarter is going to have at its end; null while the value is"`
	Limit      *float64 `json:"limit,omitempty" doc:"As asked for"`
	Left       *float64 `json:"left,omitempty" doc:"Power that may be drawn from now on for the mean to be the limit; below 0 when it is passed already"`
	LeftAmount *float64 `json:"leftAmount,omitempty" doc:"Energy that is left for that"`
	Exceeds    *bool    `json:"exceeds,omitempty" doc:"The forecast is above the limit; null while there is none"`
}

// SensorPath names a sensor.
type SensorPath struct {
	ID record.SensorID `path:"id" doc:"Sensor" maxLength:"200"`
}

// GroupPath names a group.
type GroupPath struct {
	ID        model.GroupID     `path:"id" doc:"Group" maxLength:"200"`
	Hierarchy model.HierarchyID `query:"hierarchy" doc:"Hierarchy; needed only for a group that is no longer in the model" maxLength:"200"`
}

// MonthsInput says which months are wanted.
type MonthsInput struct {
	From      string `query:"from" doc:"RFC 3339, a date of the zone, or ms since 1970 UTC; the months that touch the span are told of, at most 60. Default: eleven months before the month of the end" example:"2026-01-01"`
	To        string `query:"to" doc:"End, not part of it. Default: now" example:"2027-01-01"`
	Direction string `query:"direction" enum:"import,export" default:"import" doc:"What is drawn, or what is fed in"`
	Peaks     int    `query:"peaks" minimum:"1" maximum:"10" default:"3" doc:"So many quarters of each month"`
}

// DurationInput says of what a load duration curve is.
type DurationInput struct {
	From      string    `query:"from" doc:"RFC 3339, a date of the zone, or ms since 1970 UTC; quarters that begin in the span count. Default: a year before the end" example:"2026-01-01"`
	To        string    `query:"to" doc:"End, not part of it. Default: now" example:"2027-01-01"`
	Direction string    `query:"direction" enum:"import,export,net" default:"import" doc:"What is drawn, and 0 while something is fed in; what is fed in; or both, with their sign"`
	Points    int       `query:"points" minimum:"2" maximum:"1001" default:"101" doc:"So many points of the curve, evenly over the time"`
	Level     []float64 `query:"level" maxItems:"20" doc:"Levels of demand, in the coherent unit (W)"`
}

// RunningInput says how the running quarter is looked at.
type RunningInput struct {
	Direction string   `query:"direction" enum:"import,export" default:"import" doc:"Which sign counts as above 0"`
	Limit     Optional `query:"limit" doc:"Demand that is not to be passed, in the coherent unit (W)"`
}

// Register adds the routes.
func (s *Service) Register(api huma.API) {
	s.registerDay(api)
	op := func(id, path, summary, text string) huma.Operation {
		return huma.Operation{
			OperationID: id, Method: http.MethodGet, Path: "/api/v1/settled/" + path, Summary: summary, Description: text,
			Tags: []string{"demand"}, Security: []map[string][]string{{"wattwerk": {"read"}}},
		}
	}
	const (
		months   = "Mean power over settled quarters of an hour, by the calendar of the site."
		lasts    = "How long which demand lasts: settled quarters in falling order. Every point is exact."
		going    = "What was used since the quarter began and the mean power it is going to have, from live readings, as the rule of alerts sees it: the power goes on along a straight line through the last three minutes for as long as it was seen, and then stays."
		settledS = "settled-sensor-"
		settledG = "settled-group-"
	)
	huma.Register(api, op(settledS+"demand", "sensors/{id}/demand", "Highest demands of a sensor per month", months), func(ctx context.Context, in *struct {
		SensorPath
		MonthsInput
	}) (*struct{ Body MonthsBody }, error) {
		x, err := s.sensor(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return s.answerMonths(ctx, &x, &in.MonthsInput, 0)
	})
	huma.Register(api, op(settledG+"demand", "groups/{id}/demand", "Highest demands of a group per month, and who drew them", months), func(ctx context.Context, in *struct {
		GroupPath
		MonthsInput
		Contributors int `query:"contributors" minimum:"0" maximum:"50" default:"5" doc:"So many members with the highest quarter of each month"`
	}) (*struct{ Body MonthsBody }, error) {
		x, err := s.group(ctx, in.ID, in.Hierarchy)
		if err != nil {
			return nil, err
		}
		return s.answerMonths(ctx, &x, &in.MonthsInput, in.Contributors)
	})
	huma.Register(api, op(settledG+"contributors", "groups/{id}/contributors", "Who drew the demand of a quarter", "The members of a group in a settled quarter of an hour, with their signs, and what is unaccounted."), func(ctx context.Context, in *struct {
		GroupPath
		At        string `query:"at" required:"true" doc:"A time in the quarter: RFC 3339, a date and time of the zone, or ms since 1970 UTC" example:"2026-03-04T09:15"`
		Direction string `query:"direction" enum:"import,export" default:"import" doc:"Whether those come first that draw most, or those that feed in most"`
		Members   int    `query:"members" minimum:"1" maximum:"1000" default:"20" doc:"So many members"`
	}) (*struct{ Body PeakBody }, error) {
		x, err := s.group(ctx, in.ID, in.Hierarchy)
		if err != nil {
			return nil, err
		}
		at, _, err := s.span(&x, in.At, "2099-12-31", func(to record.Millis) record.Millis { return to })
		if err != nil {
			return nil, err
		}
		f, start := flow(in.Direction), at/quarter*quarter
		c, err := s.contributors(ctx, &x, f, start, mostMembers)
		if err != nil {
			return nil, err
		}
		if c.Group == nil {
			return nil, huma.Error404NotFound("nothing is settled of the group for this quarter of an hour")
		}
		body := peakOf(f, c.Group)
		body.Contributors = c.body(f, in.Members)
		return &struct{ Body PeakBody }{body}, nil
	})
	huma.Register(api, op(settledS+"duration", "sensors/{id}/duration", "Load duration curve of a sensor", lasts), func(ctx context.Context, in *struct {
		SensorPath
		DurationInput
	}) (*struct{ Body DurationBody }, error) {
		x, err := s.sensor(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return s.answerDuration(ctx, &x, &in.DurationInput)
	})
	huma.Register(api, op(settledG+"duration", "groups/{id}/duration", "Load duration curve of a group", lasts), func(ctx context.Context, in *struct {
		GroupPath
		DurationInput
	}) (*struct{ Body DurationBody }, error) {
		x, err := s.group(ctx, in.ID, in.Hierarchy)
		if err != nil {
			return nil, err
		}
		return s.answerDuration(ctx, &x, &in.DurationInput)
	})
	huma.Register(api, op(settledS+"running", "sensors/{id}/running", "Where the running quarter of an hour of a sensor is going to end", going), func(ctx context.Context, in *struct {
		SensorPath
		RunningInput
	}) (*struct{ Body RunningBody }, error) {
		x, err := s.sensor(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return s.answerRunning(ctx, &x, &in.RunningInput)
	})
	huma.Register(api, op(settledG+"running", "groups/{id}/running", "Where the running quarter of an hour of a group is going to end", going), func(ctx context.Context, in *struct {
		GroupPath
		RunningInput
	}) (*struct{ Body RunningBody }, error) {
		x, err := s.group(ctx, in.ID, in.Hierarchy)
		if err != nil {
			return nil, err
		}
		return s.answerRunning(ctx, &x, &in.RunningInput)
	})
}

func (s *Service) answerMonths(ctx context.Context, x *subject, in *MonthsInput, contributors int) (*struct{ Body MonthsBody }, error) {
	from, to, err := s.span(x, in.From, in.To, func(to record.Millis) record.Millis {
		at := x.calendar.Span(window.Month, to-1)
		for range rolling - 1 {
			at = x.calendar.Prev(window.Month, at)
		}
		return at.From
	})
	if err != nil {
		return nil, err
	}
	f := flow(in.Direction)
	months, settled, err := s.months(ctx, x, f, from, to, in.Peaks)
	if err != nil {
		return nil, err
	}
	out := &struct{ Body MonthsBody }{MonthsBody{Zone: x.calendar.Zone().String(), Direction: in.Direction, Settled: int64(settled), Months: []MonthBody{}}}
	out.Body.Unit, out.Body.AmountUnit = x.units()
	for i := range months {
		m := &months[i]
		b := MonthBody{
			Month: m.From.Time().In(x.calendar.Zone()).Format("2006-01"), Start: int64(m.From), End: int64(m.Span.To), Whole: m.To == m.Span.To, Peaks: []PeakBody{},
			Estimated: m.Totals.Estimated.Float64(), Quarters: int((m.To - m.From) / quarter), Known: m.Totals.Known, Uncertain: m.Totals.Uncertain,
			Completeness: m.Totals.Completeness(m.From, m.To),
			Rolling:      RollingBody{From: int64(m.Rolling.From), Completeness: m.Rolling.Completeness},
		}
		if m.Totals.Known > 0 {
			b.Amount, b.Demand = new(m.Totals.Amount.Float64()), new(0.)
		}
		for k := range m.Highest {
			b.Peaks = append(b.Peaks, peakOf(f, &m.Highest[k]))
		}
		if len(b.Peaks) > 0 {
			b.Demand = &b.Peaks[0].Demand
		}
		if r := m.Rolling.Highest; r != nil {
			b.Rolling.Demand, b.Rolling.Start, b.Rolling.Quality = new(demandOf(f.Of(r.Amount))), new(int64(r.Start)), r.Quality.String()
		} else if m.Rolling.Known {
			b.Rolling.Demand = new(0.)
		}
		if contributors > 0 && len(b.Peaks) > 0 {
			c, err := s.contributors(ctx, x, f, m.Highest[0].Start, mostMembers/len(months))
			if err != nil {
				return nil, err
			}
			b.Peaks[0].Contributors = c.body(f, contributors)
		}
		out.Body.Months = append(out.Body.Months, b)
	}
	return out, nil
}

func peakOf(f ledger.Flow, r *ledger.Row) PeakBody {
	a := f.Of(r.Amount)
	return PeakBody{
		Start: int64(r.Start), End: int64(r.End), Demand: demandOf(a), Amount: a.Float64(), Estimated: max(r.Estimated, -r.Estimated).Float64(),
		Completeness: r.Completeness(), Quality: r.Quality,
	}
}

// body shows the first n members.
func (c *Contributors) body(f ledger.Flow, n int) *ContributorsBody {
	sign := 1.
	if f == ledger.Export {
		sign = -1
	}
	b := &ContributorsBody{Members: []ContributorBody{}, Unknown: c.Unknown, Total: len(c.Members), Meter: string(c.Meter)}
	if c.Group != nil {
		if c.Group.Metered {
			b.Metered = new(sign * demandOf(c.Group.Meter))
		}
		if a, ok := c.Group.Unaccounted(); ok {
			b.Unaccounted = new(sign * demandOf(a))
		}
	}
	for i := range c.Members {
		k := &c.Members[i]
		d := sign * demandOf(k.Amount)
		if i >= n {
			if k.Row != nil {
				if b.Others == nil {
					b.Others = new(0.)
				}
				*b.Others += d
			}
			continue
		}
		m := ContributorBody{Meter: k.Meter}
		if k.Hierarchy == "" {
			m.Sensor = k.Name
		} else {
			m.Group = k.Name
		}
		if r := k.Row; r != nil {
			m.Demand, m.Completeness, m.Estimated = &d, r.Completeness(), max(r.Estimated, -r.Estimated).Float64()
			if c.Group != nil && c.Group.Known {
				m.Share = record.Finite(share(k.Amount, c.Group.Amount))
			}
		}
		b.Members = append(b.Members, m)
	}
	return b
}

func (s *Service) answerDuration(ctx context.Context, x *subject, in *DurationInput) (*struct{ Body DurationBody }, error) {
	from, to, err := s.span(x, in.From, in.To, func(to record.Millis) record.Millis {
		return record.MillisOf(to.Time().In(x.calendar.Zone()).AddDate(-1, 0, 0))
	})
	if err != nil {
		return nil, err
	}
	from, to = up(from), up(to)
	limits, err := levels(in.Level)
	if err != nil {
		return nil, err
	}
	f := flow(in.Direction)
	d, settled, err := s.duration(ctx, x, f, from, to, in.Points, limits)
	if err != nil {
		return nil, err
	}
	t := &d.Totals
	b := DurationBody{
		Zone: x.calendar.Zone().String(), Direction: in.Direction, Start: int64(d.From), End: int64(d.To), Settled: int64(settled),
		Quarters: int((d.To - d.From) / quarter), Known: t.Known, Uncertain: t.Uncertain, Completeness: t.Completeness(d.From, d.To), Estimated: t.Estimated.Float64(),
		Share: []float64{}, Hours: []float64{}, Demand: []float64{}, Above: []AboveBody{},
	}
	b.Unit, b.AmountUnit = x.units()
	known := float64(t.Known)
	for i, r := range d.Ranks {
		b.Share, b.Hours, b.Demand = append(b.Share, float64(r)/known), append(b.Hours, float64(r)/quarters), append(b.Demand, demandOf(d.Amounts[i]))
	}
	if t.Known > 0 {
		b.Amount, b.Average = new(t.Amount.Float64()), new(t.Amount.Float64()*quarters/known)
		for i, v := range in.Level {
			b.Above = append(b.Above, AboveBody{Level: v, Hours: float64(d.Above[i]) / quarters, Share: float64(d.Above[i]) / known})
		}
	}
	if d.Highest != nil {
		b.Highest = new(peakOf(f, d.Highest))
		b.LoadFactor, b.FullLoadHours = new(*b.Average/b.Highest.Demand), new(*b.Amount/b.Highest.Demand)
	}
	return &struct{ Body DurationBody }{b}, nil
}

func (s *Service) answerRunning(ctx context.Context, x *subject, in *RunningInput) (*struct{ Body RunningBody }, error) {
	v, last, err := s.running(ctx, x, flow(in.Direction))
	if err != nil {
		return nil, err
	}
	const hour = float64(time.Hour / time.Millisecond)
	b := RunningBody{
		Zone: x.calendar.Zone().String(), Direction: in.Direction, Start: int64(v.From), End: int64(v.To), Now: int64(v.At),
		Value: record.Finite(v.Value), Mean: record.Finite(v.Mean), Forecast: record.Finite(v.Forecast), Slope: v.Slope * 60_000, Rising: float64(v.Rising) / 1000,
	}
	b.Unit, b.AmountUnit = x.units()
	if last > 0 {
		b.Last = new(int64(last))
	}
	if v.Known > 0 {
		b.Amount = new(v.Area / hour)
	}
	if v.At > v.From {
		b.Known = float64(v.Known) / float64(v.At-v.From)
	}
	if in.Limit.set {
		b.Limit, b.Left = &in.Limit.Value, record.Finite(v.Left(in.Limit.Value))
		if b.Left != nil {
			b.LeftAmount = new(*b.Left * float64(v.To-v.At) / hour)
		}
		if b.Forecast != nil {
			b.Exceeds = new(v.Forecast > in.Limit.Value)
		}
	}
	return &struct{ Body RunningBody }{b}, nil
}

// up is the first begin of a quarter that is not before t.
func up(t record.Millis) record.Millis { return (t + quarter - 1) / quarter * quarter }

// Optional is a number that may be left out.
type Optional struct {
	Value float64
	set   bool
}

// Schema describes it in OpenAPI.
func (Optional) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeNumber, Format: "double"}
}

// Receiver is where it is read into.
func (o *Optional) Receiver() reflect.Value { return reflect.ValueOf(o).Elem().Field(0) }

// OnParamSet is told whether it is there.
func (o *Optional) OnParamSet(set bool, _ any) { o.set = set }
