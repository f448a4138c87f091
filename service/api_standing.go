package service

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/stand"
	"github.com/wattwerk/wattwerk/substitute"
)

// errNoHistory refuses what needs settled windows where there are none.
var errNoHistory = fmt.Errorf("%w: this needs settled windows: run settlement in the process of service, or give both one PostgreSQL (sql.url_file)", errInvalid)

// SubstitutionItem says what stands, or stood, in for an object.
type SubstitutionItem struct {
	ID       string            `json:"id"`
	Object   object.ID         `json:"object" doc:"For which something stands in"`
	Began    time.Time         `json:"began"`
	Ended    *time.Time        `json:"ended" doc:"Null: it stands in"`
	State    object.State      `json:"state" enum:"substituted,virtual"`
	Method   substitute.Method `json:"method" doc:"How values are made: of others (identity, offset, ratio, hourly_ratio, ridge, balance, balance_rest, blend) or of its own earlier ones (last, day_before, mean7, weekly_profile, past, forecast)"`
	From     []object.ID       `json:"from" doc:"Who has to measure for it; empty: nobody"`
	Place    string            `json:"place" doc:"Where the farthest of them is" enum:"replica,together,room,floor,building,external"`
	Unit     string            `json:"unit"`
	Expected ExpectedError     `json:"expected" doc:"The error that is expected, measured on values it was not fitted on"`
	Seen     *float64          `json:"seen" doc:"Mean error since, where the object's own values came late; null: not known"`
	Compared int64             `json:"compared" doc:"How many values that is of"`
	Known    time.Time         `json:"known" doc:"The last cell of the object that was known: nothing later of its own is used"`
	Until    time.Time         `json:"until" doc:"No value of this time or later is given"`
	Step     int64             `json:"stepSeconds" doc:"Of the cells that values are of"`
	Why      string            `json:"why" doc:"Why this and nothing else"`
	Fitted   time.Time         `json:"fitted" doc:"End of the history it was fitted on"`
	Mapping  *SubstitutionTerm `json:"mapping,omitempty" doc:"With which every value can be computed again; in the answer about one object"`
}

// ExpectedError is how wrong values are that stand in.
type ExpectedError struct {
	Mean     float64 `json:"mean" doc:"Of the absolute differences, in the unit of the object"`
	Relative float64 `json:"relative" doc:"Mean by the mean size of the values: 0.1 is 10 %"`
	Bias     float64 `json:"bias" doc:"Mean of what was put in less what was measured"`
	Worst    float64 `json:"worst" doc:"Mean in the worst of the windows it was tried on"`
	Cells    int     `json:"cells" doc:"How many values it was tried on"`
	Coverage float64 `json:"coverage" doc:"Part of the values for which it had one"`
}

// SubstitutionTerm is how values are computed.
type SubstitutionTerm struct {
	Sources  []SubstitutionSource `json:"sources"`
	Terms    []SubstitutionAddend `json:"terms"`
	Constant float64              `json:"constant"`
	Min      float64              `json:"min"`
	Max      float64              `json:"max"`
}

// SubstitutionSource is an object that values are computed from.
type SubstitutionSource struct {
	Object object.ID `json:"object"`
	Scale  float64   `json:"scale" doc:"By which its values are in the unit of the object that is stood in for"`
	Shift  float64   `json:"shift"`
}

// SubstitutionAddend is one addend of a value.
type SubstitutionAddend struct {
	Source int       `json:"source" doc:"Index of the source"`
	Of     string    `json:"of" doc:"What of it is taken: now, last, day, mean7, median7, median14, weeks4, level, like, issued"`
	Factor float64   `json:"factor"`
	ByHour []float64 `json:"byHour,omitempty" doc:"Factors by the hour in UTC, in the place of factor"`
}

func expected(e substitute.Error) ExpectedError {
	return ExpectedError{e.Mean, e.Relative, e.Bias, e.Worst, e.Cells, e.Coverage}
}

func substitutionOf(x *stand.Substitution, whole bool) SubstitutionItem {
	p := x.Provenance
	out := SubstitutionItem{
		ID: x.ID, Object: p.Object, Began: x.Began.Time(), Ended: timeOf(x.Ended), State: p.State(), Method: p.Method, From: append([]object.ID{}, p.From...),
		Place: p.Place.String(), Unit: p.Unit, Expected: expected(p.Expected), Seen: x.Seen, Compared: x.Compared, Known: p.Known.Time(), Until: p.Until.Time(),
		Step: int64(p.Mapping.Step / 1000), Why: x.Why, Fitted: p.Fitted.Time(),
	}
	if whole {
		t := &SubstitutionTerm{Sources: []SubstitutionSource{}, Terms: []SubstitutionAddend{}, Constant: p.Mapping.Constant, Min: p.Mapping.Min, Max: p.Mapping.Max}
		for _, s := range p.Mapping.Sources {
			t.Sources = append(t.Sources, SubstitutionSource{s.Object, s.Scale, s.Shift})
		}
		for _, a := range p.Mapping.Terms {
			t.Terms = append(t.Terms, SubstitutionAddend{a.Source, string(a.Of), a.Factor, a.ByHour})
		}
		out.Mapping = t
	}
	return out
}

func (s *Service) registerStanding(api huma.API) {
	huma.Register(api, op("list-substitutions", http.MethodGet, "/substitutions", "What stands in for what", "The newest first. Nothing of it is in the history of readings.", mayRead, 422), s.listSubstitutions)
	huma.Register(api, op("list-object-candidates", http.MethodGet, "/objects/{kind}/{id}/candidates", "What could stand in for a sensor",
		"Everything that was tried, with the error that is expected, the best for a day first; and what cannot, with the reason. It is fitted on the history when it is asked for.", mayRead, 404, 422), s.listCandidates)
	huma.Register(api, op("get-object-values", http.MethodGet, "/objects/{kind}/{id}/values", "Values, measured and put in",
		"Means per cell. Where nothing was measured and something stood in, the value is computed again from its provenance, and marked.", mayRead, 404, 422), s.getValues)
}

func (s *Service) listSubstitutions(ctx context.Context, in *struct {
	Active bool      `query:"active" doc:"Only what stands in now"`
	Object string    `query:"object" doc:"Only for this one, as sensor/boiler; with the mapping" maxLength:"210"`
	From   time.Time `query:"from" doc:"Only what lasted after this; default: a week ago"`
	To     time.Time `query:"to" doc:"Only what began before this; default: now"`
	Limit  int       `query:"limit" minimum:"1" maximum:"1000" default:"100"`
},
) (*struct {
	Body struct {
		Substitutions []SubstitutionItem `json:"substitutions"`
		Able          bool               `json:"able" doc:"False: there are no settled windows here, and nothing is looked for"`
	}
}, error,
) {
	from, to := time.Now().Add(-7*24*time.Hour), time.Now().Add(time.Second)
	if !in.From.IsZero() {
		from = in.From
	}
	if !in.To.IsZero() {
		to = in.To
	}
	rows, err := s.opts.Store.Substitutions(ctx, in.Object, in.Active, record.MillisOf(from), record.MillisOf(to), in.Limit)
	if err != nil {
		return nil, refuse(err)
	}
	out := new(struct {
		Body struct {
			Substitutions []SubstitutionItem `json:"substitutions"`
			Able          bool               `json:"able" doc:"False: there are no settled windows here, and nothing is looked for"`
		}
	})
	out.Body.Substitutions, out.Body.Able = []SubstitutionItem{}, s.view != nil
	for i := range rows {
		x, err := stand.Read(&rows[i])
		if err != nil {
			return nil, refuse(err)
		}
		out.Body.Substitutions = append(out.Body.Substitutions, substitutionOf(&x, in.Object != ""))
	}
	return out, nil
}

// CandidateItem is a way to stand in for a sensor.
type CandidateItem struct {
	Method  substitute.Method `json:"method"`
	From    []object.ID       `json:"from"`
	Place   string            `json:"place" enum:"replica,together,room,floor,building,external"`
	Usable  bool              `json:"usable" doc:"Those it stands on measure now"`
	Virtual bool              `json:"virtual" doc:"It stands on nobody"`
	Fits    []CandidateFit    `json:"fits" doc:"By how long ago the sensor was known, rising"`
}

// CandidateFit is the error of a way for values up to an age.
type CandidateFit struct {
	UpToSeconds int64         `json:"upToSeconds" doc:"0: of any age"`
	Expected    ExpectedError `json:"expected"`
}

// CandidateRefusal is what cannot stand in, and why.
type CandidateRefusal struct {
	Object object.ID         `json:"object,omitempty"`
	Method substitute.Method `json:"method,omitempty"`
	Reason string            `json:"reason"`
}

// CandidateList is everything that was tried for a sensor.
type CandidateList struct {
	Object     object.ID          `json:"object"`
	Unit       string             `json:"unit"`
	From       *time.Time         `json:"from" doc:"What it was fitted on: from here"`
	Until      *time.Time         `json:"until" doc:"to here"`
	Step       int64              `json:"stepSeconds"`
	Size       float64            `json:"size" doc:"Mean size of the values"`
	Candidates []CandidateItem    `json:"candidates"`
	Refused    []CandidateRefusal `json:"refused"`
}

func (s *Service) listCandidates(ctx context.Context, in *ObjectPath) (*struct{ Body CandidateList }, error) {
	m, _, err := s.now()
	if err != nil {
		return nil, err
	}
	o, err := in.find(m)
	switch {
	case err != nil:
		return nil, err
	case o.Composite:
		return nil, huma.Error422UnprocessableEntity("a group is as its members are: ask for those")
	case s.view == nil:
		return nil, refuse(errNoHistory)
	}
	r, err := s.ranked(ctx, o.ID)
	if err != nil {
		return nil, refuse(err)
	}
	out := CandidateList{Object: o.ID, Unit: r.Unit, From: timeOf(r.From), Until: timeOf(r.Until), Step: int64(r.Step / 1000), Size: r.Size, Candidates: []CandidateItem{}, Refused: []CandidateRefusal{}}
	for _, c := range r.Options {
		item := CandidateItem{Method: c.Method, From: append([]object.ID{}, c.From...), Place: c.Place.String(), Usable: true, Virtual: c.Method.Virtual(), Fits: []CandidateFit{}}
		for _, id := range c.From {
			f, ok := m.World.Object(id)
			if !ok {
				item.Usable = false
				continue
			}
			state, _ := m.State(f.Index)
			item.Usable = item.Usable && state.Own()
		}
		for _, f := range c.Fits {
			item.Fits = append(item.Fits, CandidateFit{int64(f.UpTo / 1000), expected(f.Error)})
		}
		out.Candidates = append(out.Candidates, item)
	}
	for _, x := range r.Refused {
		out.Refused = append(out.Refused, CandidateRefusal{x.Object, x.Method, x.Reason})
	}
	return &struct{ Body CandidateList }{out}, nil
}

// rankings are what was fitted for people, for a while.
type ranking struct {
	substitute.Ranking
	model uint64
	at    time.Time
}

const (
	mostRankings = 64
	rankingKept  = 15 * time.Minute
)

// ranked fits what could stand in, one at a time in this process.
func (s *Service) ranked(ctx context.Context, id object.ID) (*substitute.Ranking, error) {
	select {
	case s.fitting <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.fitting }()
	m, p, err := s.now()
	if err != nil {
		return nil, err
	}
	if r, ok := s.rankings[id]; ok && r.model == p.model && time.Since(r.at) < rankingKept {
		return &r.Ranking, nil
	}
	r, err := stand.Rank(ctx, s.opts.History, m.World, s.opts.Catalog.State().Model, id, clock())
	if err != nil {
		return nil, err
	}
	if s.rankings == nil || len(s.rankings) >= mostRankings {
		s.rankings = make(map[object.ID]ranking)
	}
	s.rankings[id] = ranking{r, p.model, time.Now()}
	return &r, nil
}

// ObjectValue is one cell.
type ObjectValue struct {
	Time         time.Time    `json:"time" doc:"When the cell begins"`
	Value        *float64     `json:"value" doc:"Its mean; null: not known"`
	Source       object.State `json:"source,omitempty" doc:"live: measured; substituted, virtual: put in. Absent: there is no value" enum:"live,substituted,virtual"`
	Substitution string       `json:"substitution,omitempty" doc:"Of values that were put in"`
}

// ObjectValues is an object over time.
type ObjectValues struct {
	Object object.ID          `json:"object"`
	Unit   string             `json:"unit" doc:"Of a counter: of how fast it rose"`
	Step   int64              `json:"stepSeconds"`
	Values []ObjectValue      `json:"values"`
	Put    int                `json:"put" doc:"How many values were put in"`
	Of     []SubstitutionItem `json:"substitutions" doc:"What they were put in by"`
}

const mostValues = 10_000

func (s *Service) getValues(ctx context.Context, in *struct {
	ObjectPath
	From time.Time `query:"from" required:"true"`
	To   time.Time `query:"to" doc:"Default: now"`
	Step string    `query:"step" enum:"15m,1h" default:"1h"`
},
) (*struct{ Body ObjectValues }, error) {
	m, _, err := s.now()
	if err != nil {
		return nil, err
	}
	o, err := in.find(m)
	if err != nil {
		return nil, err
	}
	if s.view == nil {
		return nil, refuse(errNoHistory)
	}
	step := stand.Hour
	if in.Step == "15m" {
		step = stand.Quarter
	}
	now := clock()
	from, to := record.MillisOf(in.From), now
	if !in.To.IsZero() {
		to = min(record.MillisOf(in.To), now)
	}
	from -= from % step
	if to < from || int64(to-from)/int64(step) > mostValues {
		return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("from lies after to, or there are more than %d cells between", mostValues))
	}
	measured, err := s.view.Measured(ctx, o.ID, from, to, step)
	if err != nil {
		return nil, refuse(err)
	}
	rows, err := s.opts.Store.Substitutions(ctx, string(o.ID), false, from, to, mostStood)
	if err != nil {
		return nil, refuse(err)
	}
	all := make([]stand.Substitution, 0, len(rows))
	out := ObjectValues{Object: o.ID, Unit: o.Unit, Step: int64(step / 1000), Values: []ObjectValue{}, Of: []SubstitutionItem{}}
	if o.Kind == "counter" {
		out.Unit = o.Quantity.RateUnit()
	}
	for i := range rows {
		x, err := stand.Read(&rows[i])
		if err != nil {
			return nil, refuse(err)
		}
		all, out.Of = append(all, x), append(out.Of, substitutionOf(&x, true))
	}
	for t := from; t < to; t += step {
		v := ObjectValue{Time: t.Time()}
		if x, ok := measured.At(t); ok {
			v.Value, v.Source = &x, object.Live
		} else if err := s.put(ctx, &v, all, t, step); err != nil {
			return nil, refuse(err)
		}
		if v.Substitution != "" {
			out.Put++
		}
		out.Values = append(out.Values, v)
	}
	return &struct{ Body ObjectValues }{out}, nil
}

// put fills a cell that was not measured by what stood in then, the newest first.
// A cell of a quarter is the hour's when hours were fitted.
func (s *Service) put(ctx context.Context, v *ObjectValue, all []stand.Substitution, t, step record.Millis) error {
	for i := range all {
		p := all[i].Provenance
		if all[i].Ended > 0 && t >= all[i].Ended || p.Mapping.Step < step {
			continue
		}
		x, ok, err := s.view.Value(ctx, p, t-t%p.Mapping.Step)
		if err != nil {
			return err
		}
		if ok {
			v.Value, v.Source, v.Substitution = &x, p.State(), all[i].ID
			return nil
		}
	}
	return nil
}
