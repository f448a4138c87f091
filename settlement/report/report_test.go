package report_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/report"
	"github.com/wattwerk/wattwerk/settlement/report/indicator"
	"github.com/wattwerk/wattwerk/settlement/report/reporttest"
	"github.com/wattwerk/wattwerk/window"
)

func TestPeriods(t *testing.T) {
	berlin, err := window.Load("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	apia, err := window.Load("Pacific/Apia")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text              string
		quarters          int
		from, before, ago string
	}{
		{"2026-10-25", 100, "2026-10-24T22:00:00Z", "2026-10-24", "2025-10-25"},
		{"2026-03-29", 92, "2026-03-28T23:00:00Z", "2026-03-28", "2025-03-29"},
		{"2024-02-29", 96, "2024-02-28T23:00:00Z", "2024-02-28", ""},
		{"2026-W01", 672, "2025-12-28T23:00:00Z", "2025-W52", "2025-W01"},
		{"2026-W53", 672, "2026-12-27T23:00:00Z", "2026-W52", ""},
		{"2026-10", 31*96 + 4, "2026-09-30T22:00:00Z", "2026-09", "2025-10"},
		{"2026", 365 * 96, "2025-12-31T23:00:00Z", "2025", ""},
	} {
		p, err := report.ParsePeriod(c.text, berlin)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		ago := ""
		if q, ok := p.YearAgo(); ok {
			ago = q.Text
		}
		if p.Text != c.text || p.Quarters != c.quarters || p.From.UTC().Format(time.RFC3339) != c.from || p.Previous().Text != c.before || ago != c.ago || p.Previous().Next() != p {
			t.Errorf("%s: %+v, before %s, a year ago %q", c.text, p, p.Previous().Text, ago)
		}
	}
	for _, text := range []string{"", "2026-13", "2026-02-30", "2026-W54", "2025-W53", "2026-W00", "1950", "2026-1", "10/2026", "2026-10-01T00:00", strings.Repeat("9", 1000)} {
		if _, err := report.ParsePeriod(text, berlin); !errors.Is(err, report.ErrInvalid) || len(err.Error()) > 250 {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	if _, err := report.ParsePeriod("2011-12-30", apia); err == nil {
		t.Error("a day that was left out has a report")
	}
}

func build(t *testing.T, p *reporttest.Plant, kind, id, period string, indicators ...report.IndicatorSpec) *report.Report {
	t.Helper()
	r, err := p.Builder().Build(t.Context(), report.Spec{Kind: kind, ID: id, Period: period, Indicators: indicators})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// sum adds figures up, exactly.
func sum(fs ...report.Figure) energy.Amount {
	var total energy.Amount
	for _, f := range fs {
		a, _ := f.Known()
		total += a
	}
	return total
}

// TestItAddsUp holds that members, the rest and what is unaccounted are the
// total, and the parts, too.
func TestItAddsUp(t *testing.T) {
	p := reporttest.New()
	for _, period := range []string{"2026-10-25", "2026-W43", "2026-10", "2026"} {
		r := build(t, p, "group", "plant", period)
		var parts, members []report.Figure
		for _, x := range r.Parts {
			parts = append(parts, x.Figure)
		}
		for _, m := range r.Members {
			members = append(members, m.Figure)
		}
		if r.Rest != nil {
			t.Errorf("%s: a rest of %v", period, r.Rest)
		}
		if sum(parts...) != sum(r.Total) || sum(members...) != sum(*r.Sum) || r.Unaccounted.Completeness == 1 && sum(*r.Sum, *r.Unaccounted) != sum(r.Total) || sum(r.Total) == 0 {
			t.Errorf("%s: parts %v, members %v, sum %v, unaccounted %v, total %v", period, sum(parts...), sum(members...), sum(*r.Sum), sum(*r.Unaccounted), sum(r.Total))
		}
		// Of every quarter in which all are known 1.25 kW·h are unaccounted, and the
		// oven was not measured in 24 of October 14th.
		part := 1.0
		if len(period) < 8 {
			part -= 24 / float64(r.Period.Quarters)
		}
		if want := 1250 * part * float64(r.Period.Quarters); period != "2026-W43" && period != "2026" && (math.Abs(r.Unaccounted.Completeness-part) > 1e-12 || math.Abs(sum(*r.Unaccounted).Float64()-want) > 1e-6 || *r.Unaccounted.Estimated != 0) {
			t.Errorf("%s: %+v is unaccounted, not %v, of %v", period, r.Unaccounted, want, part)
		}
		if len(r.Members) != 4 || r.Members[2].ByMeter != "hallmeter" || r.Members[3].Sign != -1 || sum(r.Members[3].Figure) > 0 {
			t.Errorf("%+v", r.Members)
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := report.Read(text)
		if err != nil {
			t.Fatal(err)
		}
		second, err := json.Marshal(again)
		if err != nil || string(second) != string(text) {
			t.Errorf("it reads as another: %v %s", err, cmp.Diff(string(text), string(second)))
		}
	}
	// A child with a meter has a report of its own, by that meter.
	hall, plant := build(t, p, "group", "hall", "2026-10"), build(t, p, "group", "plant", "2026-10")
	if sum(hall.Total) != sum(plant.Members[2].Figure) || hall.Subject.Meter != "hallmeter" || sum(*hall.Sum, *hall.Unaccounted) >= sum(hall.Total) {
		t.Errorf("%v is not %v", sum(hall.Total), sum(plant.Members[2].Figure))
	}
	// Two days of the light are missing: 2 of 31.04 days.
	light := hall.Members[0].Figure
	if want := 1 - 2*96/float64(31*96+4); math.Abs(light.Completeness-want) > 1e-12 || light.Quality != energy.Measured || math.Abs(hall.Unaccounted.Completeness-want) > 1e-12 {
		t.Errorf("completeness %v, not %v", light.Completeness, want)
	}
	oven := plant.Members[1].Figure
	if oven.Quality != energy.Estimated || *oven.EstimatedShare <= 0 || math.Abs(oven.Adjusted-96/float64(31*96+4)) > 1e-12 {
		t.Errorf("%+v", oven)
	}
}

// TestWhatIsNull holds what has no number, and why.
func TestWhatIsNull(t *testing.T) {
	p := reporttest.New()
	why := func(c *report.Comparison) string {
		if c.Difference == nil != (c.Why != "" && c.Why != report.WhyZero) || c.Change == nil != (c.Why != "") {
			t.Errorf("%+v", c)
		}
		return c.Why
	}
	r := build(t, p, "group", "plant", "2026-10")
	if why(r.Previous) != "" || why(r.YearAgo) != "" || r.Open || r.Peak == nil || r.Costs != nil {
		t.Errorf("%+v", r)
	}
	if r := build(t, p, "group", "plant", "2026-11"); !r.Open || why(r.Previous) != report.WhyOpen || r.Total.Completeness > 0.2 {
		t.Errorf("%+v", r)
	}
	p.Floor = record.MillisOf(time.Date(2026, 10, 2, 0, 0, 0, 0, time.UTC))
	if r := build(t, p, "group", "plant", "2026-10"); !r.Open || !r.Since.Equal(p.Floor.Time()) {
		t.Errorf("open: %v, since %v", r.Open, r.Since)
	}
	if r := build(t, p, "group", "plant", "2026-10-03"); r.Open {
		t.Error("a day after the floor is open")
	}
	p.Floor = p.Oldest
	r = build(t, p, "group", "plant", "2024-06")
	if why(r.Previous) != "" || why(r.YearAgo) != report.WhyUnknown || r.YearAgo.Figure.Amount != nil {
		t.Errorf("%+v", r.YearAgo)
	}
	if r := build(t, p, "group", "plant", "2022-06"); r.Total.Amount != nil || r.Peak != nil || r.Unaccounted.Amount != nil || r.Members[0].Share != nil || r.Total.Completeness != 0 || why(r.Previous) != report.WhyUnknown {
		t.Errorf("%+v", r)
	}
	if r := build(t, p, "sensor", "press", "2024-02-29"); why(r.YearAgo) != report.WhyNone || r.Sum != nil || r.Members != nil {
		t.Errorf("%+v", r)
	}
	// Less than enough is known of one of both.
	usual := p.Quarter
	p.Quarter = func(s string, q int32) (ledger.Row, bool) {
		if at := window.QuarterSpan(q).From.Time(); at.Year() == 2026 && at.Month() == 9 && q%7 == 0 {
			return ledger.Row{}, false
		}
		return usual(s, q)
	}
	if r := build(t, p, "sensor", "press", "2026-10"); why(r.Previous) != report.WhyIncomplete || r.Previous.Figure.Amount == nil {
		t.Errorf("%+v", r.Previous)
	}
	p.Quarter = func(s string, q int32) (ledger.Row, bool) {
		r, ok := usual(s, q)
		if at := window.QuarterSpan(q).From.Time(); at.Year() < 2026 || at.Month() < 10 {
			r.Amount = 0
		}
		return r, ok
	}
	if r := build(t, p, "sensor", "press", "2026-11-02"); why(r.Previous) != "" {
		t.Errorf("%+v", r.Previous)
	}
	if r := build(t, p, "sensor", "press", "2026-10"); why(r.Previous) != report.WhyZero && why(r.Previous) != "" {
		t.Errorf("%+v", r.Previous)
	}
}

func TestPeak(t *testing.T) {
	p := reporttest.New()
	usual := p.Quarter
	at := window.QuarterOf(record.MillisOf(time.Date(2026, 10, 25, 0, 15, 0, 0, time.UTC))) // 02:15, for the first time
	p.Quarter = func(s string, q int32) (ledger.Row, bool) {
		r, ok := usual(s, q)
		if q == at || q == at+4 { // 02:15 twice
			r.Amount = 1_000_000 * energy.PerUnit
			r.Covered /= 3
		}
		return r, ok
	}
	r := build(t, p, "sensor", "press", "2026-10")
	if r.Peak.Power != 4e6 || r.Peak.From.Format(time.RFC3339) != "2026-10-25T02:15:00+02:00" || math.Abs(r.Peak.Figure.Completeness-1./3) > 1e-9 {
		t.Errorf("%+v", r.Peak)
	}
}

// TestTheTreeOfTheTime holds that a report is made by the tree that was in
// force when its period began, whatever the model says now.
func TestTheTreeOfTheTime(t *testing.T) {
	p := reporttest.New()
	before := build(t, p, "group", "plant", "2026-09")
	digest, err := before.Digest()
	if err != nil {
		t.Fatal(err)
	}
	// In the middle of October the oven goes into the hall, which has no meter now.
	p.Document.Groups[0].Members = []model.Member{{Sensor: "main", Meter: true}, {Sensor: "press"}, {Group: "hall"}, {Group: "sun", Sign: -1}}
	p.Document.Groups[1] = model.Group{ID: "hall", Name: "Hall with the oven", Members: []model.Member{{Sensor: "light"}, {Sensor: "oven"}}}
	p.Revision++
	p.Keep(record.MillisOf(time.Date(2026, 10, 14, 22, 0, 0, 0, time.UTC)), p.Tree())
	after := build(t, p, "group", "plant", "2026-09")
	if again, err := after.Digest(); err != nil || again != digest {
		t.Errorf("September changed: %s", cmp.Diff(before.Members, after.Members))
	}
	oct := build(t, p, "group", "plant", "2026-10")
	var members []report.Figure
	for _, m := range oct.Members {
		members = append(members, m.Figure)
	}
	if oct.Rest == nil || sum(append(members, *oct.Rest)...) != sum(*oct.Sum) || len(members) != 4 {
		t.Errorf("rest %+v of %v", oct.Rest, sum(*oct.Sum))
	}
	if nov := build(t, p, "group", "plant", "2026-11"); len(nov.Members) != 3 || nov.Rest != nil {
		t.Errorf("%+v", nov)
	}
}

func TestDecisions(t *testing.T) {
	p := reporttest.New()
	day := func(d int) time.Time { return time.Date(2026, 10, d, 12, 0, 0, 0, time.UTC) }
	p.Decided = []ledger.Intervention{
		{ID: "b", Sensor: "press", Who: "ada", At: day(30), InterventionBody: ledger.InterventionBody{Kind: "exclude", From: day(20), To: new(day(21)), Why: "test run"}},
		{ID: "a", Sensor: "oven", Who: "eva", At: day(9), UndoneWho: "ada", UndoneAt: new(day(10)), UndoneWhy: "wrong meter", InterventionBody: ledger.InterventionBody{Kind: "ignore", From: day(8), Why: "spike"}},
		{ID: "x", Sensor: "gas", InterventionBody: ledger.InterventionBody{Kind: "ignore", From: day(8)}},
		{ID: "y", Sensor: "oven", InterventionBody: ledger.InterventionBody{Kind: "ignore", From: day(8).AddDate(0, -1, 0)}},
	}
	p.Marked = []ledger.Mark{
		{Kind: "sensor", Name: "press", Begin: record.MillisOf(day(1)), End: record.MillisOf(day(2))},
		{Kind: "sensor", Name: "gas", Begin: record.MillisOf(day(1)), End: record.MillisOf(day(2))},
		{Kind: "hierarchy", Name: "place", Begin: record.MillisOf(day(1)), End: record.MillisOf(day(2))},
		{Kind: "sensor", Name: "press", Begin: 0, End: 1},
	}
	p.Notes = []energy.Annotation{{Time: record.MillisOf(day(5)), Kind: energy.Reset, Before: 5000, After: 3, Rise: 3 * energy.PerUnit, Known: true}}
	r := build(t, p, "group", "plant", "2026-10")
	if len(r.Decisions) != 2 || r.Decisions[0].ID != "b" || r.Decisions[1].UndoneWho != "ada" || r.Waiting != 2 || len(r.Notes) != 0 {
		t.Errorf("%+v, %d waiting", r.Decisions, r.Waiting)
	}
	if r := build(t, p, "sensor", "gas", "2026-10"); len(r.Notes) != 1 || r.Notes[0].Kind != "reset" || r.Unit != "m³" || r.PowerUnit != "m³/h" {
		t.Errorf("%+v", r)
	}
}

func TestIndicator(t *testing.T) {
	p := reporttest.New()
	usual := p.Quarter
	// 1,000 kWh a day and 300 kWh for a tonne until 2026; from then on a tenth less.
	p.Quarter = func(s string, q int32) (ledger.Row, bool) {
		r, ok := usual(s, q)
		at := window.QuarterSpan(q).From.Time().In(time.FixedZone("", 3600))
		tonnes := float64(10 + at.Month())
		switch s {
		case "steel":
			r.Amount, _ = energy.Of(tonnes * 1000 / 96)
		case "main":
			wh := (1e6 + 3e5*tonnes) / 96
			if at.Year() >= 2026 {
				wh *= 0.9
			}
			r.Amount, _ = energy.Of(wh)
		}
		return r, ok
	}
	spec := report.IndicatorSpec{Name: "Energy per tonne", Production: "steel", Unit: "t", Step: "1d", BaselineFrom: "2025-01-01", BaselineTo: "2026-01-01"}
	r := build(t, p, "group", "plant", "2026-06", spec)
	x := r.Indicators[0]
	if x.Line == nil || x.Unit != "t" || x.EnergyUnit != "kWh" || x.Line.N != 365 || x.Reporting.Used != 30 || x.Why != "" {
		t.Fatalf("%+v", x)
	}
	// The days that are an hour longer or shorter have more or less of everything.
	if math.Abs(x.Line.Slope-300) > 10 || math.Abs(*x.SavingsShare-0.1) > 0.002 || *x.Line.R2 < 0.99 || x.Beyond != 0 {
		t.Errorf("%+v, R² %v, savings %v", x.Line, *x.Line.R2, *x.SavingsShare)
	}
	if math.Abs(*x.Reporting.Ratio-0.9*(1000+300*16)/16) > 0.01 {
		t.Errorf("ratio %v", *x.Reporting.Ratio)
	}
	// Degree days, of whole months.
	spec.Step, spec.Temperature = "1M", "outside"
	x = build(t, p, "group", "plant", "2026", spec).Indicators[0]
	if x.Line == nil || x.Line.Heating == nil || x.Line.N != 12 || x.Reporting.Steps != 12 || x.Reporting.Used != 10 || x.Steps[11].Out != indicator.Energy || *x.HeatingLimit != 15 {
		t.Errorf("%+v", x)
	}
	// The baseline does not end before the period.
	spec.BaselineTo = "2026-06-02"
	if x = build(t, p, "group", "plant", "2026-06", spec).Indicators[0]; x.Why != indicator.Overlap || x.Line != nil {
		t.Errorf("%+v", x)
	}
	for name, spec := range map[string]report.IndicatorSpec{
		"no sensor":   {Production: "nobody", BaselineFrom: "2025-01-01", BaselineTo: "2026-01-01"},
		"no counter":  {Production: "outside", BaselineFrom: "2025-01-01", BaselineTo: "2026-01-01"},
		"no unit":     {Production: "steel", Unit: "kWh", BaselineFrom: "2025-01-01", BaselineTo: "2026-01-01"},
		"no date":     {Production: "steel", BaselineFrom: "2025", BaselineTo: "2026-01-01"},
		"backwards":   {Production: "steel", BaselineFrom: "2026-01-01", BaselineTo: "2025-01-01"},
		"no step":     {Production: "steel", Step: "15m", BaselineFrom: "2025-01-01", BaselineTo: "2026-01-01"},
		"temperature": {Production: "steel", Temperature: "gas", BaselineFrom: "2025-01-01", BaselineTo: "2026-01-01"},
		"too long":    {Production: "steel", Step: "1d", BaselineFrom: "2015-01-01", BaselineTo: "2026-01-01"},
	} {
		_, err := p.Builder().Build(t.Context(), report.Spec{Kind: "group", ID: "plant", Period: "2026-06", Indicators: []report.IndicatorSpec{spec}})
		if !errors.Is(err, report.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNoReport(t *testing.T) {
	b := reporttest.New().Builder()
	for want, s := range map[string]report.Spec{
		"no sensor":          {Kind: "sensor", ID: "x", Period: "2026"},
		"no group":           {Kind: "group", ID: "x", Period: "2026"},
		"no hierarchy":       {Kind: "group", ID: "x", Hierarchy: "y", Period: "2026"},
		"adds up to nothing": {Kind: "sensor", ID: "outside", Period: "2026"},
		"is no period":       {Kind: "sensor", ID: "press", Period: "today"},
	} {
		if _, err := b.Build(t.Context(), s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, without %q", err, want)
		}
	}
}

func TestAmountsAreExact(t *testing.T) {
	for _, n := range []int64{0, 1, -1, 999_999, -1_000_000, math.MaxInt64, -math.MaxInt64} {
		text, err := json.Marshal(report.Amount(n))
		if err != nil {
			t.Fatal(err)
		}
		var back report.Amount
		if err := json.Unmarshal(text, &back); err != nil || back != report.Amount(n) {
			t.Errorf("%d is %s is %d: %v", n, text, back, err)
		}
	}
	var a report.Amount
	for _, bad := range []string{`"1"`, `1e5`, `0.1234567`, `99999999999999`} {
		if err := json.Unmarshal([]byte(bad), &a); err == nil {
			t.Errorf("%s is %d", bad, a)
		}
	}
}
