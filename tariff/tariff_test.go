package tariff

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/goccy/go-yaml"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/internal/strict"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

func TestEaster(t *testing.T) {
	// Dates of the Astronomical Applications Department, U.S. Naval Observatory,
	// with the earliest and the latest there can be.
	for year, want := range map[int]string{1818: "1818-03-22", 1943: "1943-04-25", 2000: "2000-04-23", 2008: "2008-03-23",
		2024: "2024-03-31", 2025: "2025-04-20", 2026: "2026-04-05", 2027: "2027-03-28", 2038: "2038-04-25", 2049: "2049-04-18"} {
		if got := easter(year).String(); got != want {
			t.Errorf("%d: %s, want %s", year, got, want)
		}
	}
}

func TestGermany(t *testing.T) {
	for year, want := range map[int]string{
		2026: "01-01 04-03 04-06 05-01 05-14 05-25 10-03 12-25 12-26",
		2017: "01-01 04-14 04-17 05-01 05-25 06-05 10-03 10-31 12-25 12-26",
		2008: "01-01 03-21 03-24 05-01 05-01 05-12 10-03 12-25 12-26", // Ascension was on the 1st of May
		1989: "01-01 03-24 03-27 05-01 05-04 05-15 12-25 12-26",
	} {
		var got []string
		for n := dayOf(year, 1, 1); n < dayOf(year+1, 1, 1); n++ {
			if germany(n) {
				got = append(got, n.String()[5:])
			}
		}
		if s := strings.Join(got, " "); s != strings.Replace(want, "05-01 05-01", "05-01", 1) {
			t.Errorf("%d: %s", year, s)
		}
	}
}

// TestDays compares days with package time, over all years that are taken.
func TestDays(t *testing.T) {
	for n := dayOf(1970, 1, 1); n <= dayOf(2200, 12, 31); n++ {
		at := time.Unix(int64(n)*86_400, 0).UTC()
		y, m, d := n.date()
		if y != at.Year() || m != int(at.Month()) || d != at.Day() || n.weekday() != int(at.Weekday()+6)%7 || dayOf(y, m, d) != n {
			t.Fatalf("%d is %v, not %v", n, at, n)
		}
	}
	if dayOf(1970, 1, 1) != 0 {
		t.Error("days do not begin in 1970")
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Money(2336_857_120).String(), "2336.85712"}, {Money(0).String(), "0.00"}, {Money(-1).String(), "-0.000001"},
		{Money(math.MinInt64).String(), "-9223372036854.775808"}, {Price(301_250_000).String(), "0.30125"},
		{plain(19e9), "19"}, {plain(7_700_000_000), "7.7"}, {plain(0), "0"},
	} {
		if c.got != c.want {
			t.Errorf("%s, want %s", c.got, c.want)
		}
	}
}

// TestRoundTrip writes the examples as JSON and YAML and reads them again.
func TestRoundTrip(t *testing.T) {
	for seed := range uint64(50) {
		doc := random(rand.New(rand.NewPCG(seed, 9)))
		j, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		back, err := ReadJSON[Tariff](j)
		if err != nil {
			t.Fatalf("%v\n%s", err, j)
		}
		again, err := json.Marshal(back)
		if err != nil || string(again) != string(j) {
			t.Fatalf("%s\nbecame\n%s", j, again)
		}
		y, err := yaml.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if back, err = ReadYAML[Tariff](y); err != nil {
			t.Fatalf("%v\n%s", err, y)
		}
		if again, err = json.Marshal(back); err != nil || string(again) != string(j) {
			t.Fatalf("%s\nbecame\n%s", j, again)
		}
	}
	if _, err := ReadJSON[Tariff]([]byte(`{"id": "x", "versions": [{"from": "2026-01-01", "components": [{"id": "a", "kind": "energy", "price": 0.3}]}]}`)); err == nil {
		t.Error("a JSON number was taken for a price")
	}
	if _, err := ReadYAML[Tariff](make([]byte, MaxText+1)); err == nil {
		t.Error("an endless text was taken")
	}
}

// TestSchema sees that the documents can be described for the HTTP interface, with
// numbers as text.
func TestSchema(t *testing.T) {
	r := huma.NewMapRegistry("#/", huma.DefaultSchemaNamer)
	r.Schema(reflect.TypeFor[Tariff](), true, "Tariff")
	r.Schema(reflect.TypeFor[Factors](), true, "Factors")
	data, err := json.Marshal(r.Map()["Component"])
	if err != nil || !strings.Contains(string(data), `"price":{"description":"Price: for a unit (energy, feed_in), for 'per' (standing), for a unit of power and 'per' (demand)","examples":["0.30125"],"type":"string"}`) {
		t.Errorf("%v %s", err, data)
	}
}

func quarter(n int32) window.Span { return window.QuarterSpan(window.QuarterOf(1767225600000) + n) } // 2026-01-01 UTC

const simple = `{"id": "x", "currency": "EUR", "versions": [{"from": "2026-01-01", "components": [%]}]}`

func made(t *testing.T, components string) *Plan {
	t.Helper()
	doc, err := ReadJSON[Tariff]([]byte(strings.Replace(simple, "%", components, 1)))
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(doc, window.Calendar{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestOrderOfWindows(t *testing.T) {
	flat := `{"id": "a", "kind": "energy", "price": "1"}`
	demand := `{"id": "a", "kind": "demand", "price": "1", "per": "month", "peak": "month"}`
	period := window.Span{From: quarter(4).From, To: quarter(8).From}
	for _, c := range []struct {
		name, components string
		spans            []window.Span
		want             string // of the last one
	}{
		{"fine", flat, []window.Span{quarter(0), quarter(4), quarter(7)}, ""},
		{"twice", flat, []window.Span{quarter(4), quarter(4)}, "begins before the last one ends"},
		{"back", flat, []window.Span{quarter(5), quarter(4)}, "begins before the last one ends"},
		{"empty", flat, []window.Span{{From: quarter(5).From, To: quarter(5).From}}, "is empty"},
		{"over the beginning", flat, []window.Span{{From: quarter(3).From, To: quarter(4).To}}, "not wholly in the period"},
		{"over the end", flat, []window.Span{{From: quarter(7).From, To: quarter(8).To}}, "not wholly in the period"},
		{"behind", flat, []window.Span{quarter(8)}, "not wholly in the period"},
		{"half an hour, no peak", flat, []window.Span{{From: quarter(4).From, To: quarter(5).To}}, ""},
		{"half an hour and a peak", demand, []window.Span{{From: quarter(4).From, To: quarter(5).To}}, "no quarter of an hour"},
		{"half an hour before", demand, []window.Span{{From: quarter(0).From, To: quarter(1).To}}, ""},
		{"five minutes before", demand, []window.Span{{From: quarter(0).From, To: quarter(0).From + 300_000}}, "no quarter of an hour"},
	} {
		p, err := made(t, c.components).Price(period, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range c.spans {
			_, err = p.Add(Window{Span: s, Known: true, Amount: 1})
		}
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", c.name, err)
		}
		// What is refused leaves no trace.
		if _, err := p.Bill(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestOverflow sees that what does not fit is an error, whatever it is.
func TestOverflow(t *testing.T) {
	const most = math.MaxInt64
	for _, c := range []struct {
		name, components string
		windows          []Window
	}{
		{"amounts", `{"id": "a", "kind": "energy", "price": "0"}`, []Window{{Amount: most}, {Amount: 1}}},
		{"given back", `{"id": "a", "kind": "energy", "price": "0"}`, []Window{{Amount: -most, Export: 1}}},
		{"no opposite", `{"id": "a", "kind": "energy", "price": "0"}`, []Window{{Amount: math.MinInt64}}},
		{"export below zero", `{"id": "a", "kind": "energy", "price": "0"}`, []Window{{Export: -1}}},
		{"money", `{"id": "a", "kind": "energy", "price": "100000000"}`, []Window{{Amount: most}}},
		{"money of components", `{"id": "a", "kind": "energy", "price": "900"}, {"id": "b", "kind": "energy", "price": "900"}`, []Window{{Amount: most}}},
		{"tax", `{"id": "a", "kind": "energy", "price": "900"}, {"id": "b", "kind": "tax", "percent": "100"}`, []Window{{Amount: most}}},
		{"series", `{"id": "a", "kind": "energy", "series": {"name": "s", "factor": "900000000"}}`, []Window{{Amount: 1}}},
	} {
		r, err := made(t, c.components).Price(window.Span{From: quarter(0).From, To: quarter(10).From}, map[string][]Quote{"s": {{Span: window.Span{From: quarter(0).From, To: quarter(9).To}, Known: true, Price: most}}})
		if err != nil {
			t.Fatal(err)
		}
		for i, w := range c.windows {
			w.Span, w.Known = quarter(int32(i)), true
			_, err = r.Add(w)
		}
		if err == nil {
			_, err = r.Bill()
		}
		if !errors.Is(err, errTooLarge) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	p := made(t, `{"id": "a", "kind": "standing", "per": "day", "price": "999999999"}`)
	r, err := p.Price(window.Span{From: 0, To: record.MaxTime}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Bill(); !errors.Is(err, errTooLarge) {
		t.Errorf("a standing charge of 27,000 days: %v", err)
	}
}

func TestQuotesInOrder(t *testing.T) {
	p := made(t, `{"id": "a", "kind": "energy", "series": {"name": "s"}}`)
	period := window.Span{From: quarter(0).From, To: quarter(10).From}
	for _, quotes := range [][]Quote{
		{{Span: quarter(1)}, {Span: quarter(0)}},
		{{Span: quarter(1)}, {Span: quarter(1)}},
		{{Span: window.Span{From: 5, To: 5}}},
	} {
		if _, err := p.Price(period, map[string][]Quote{"s": quotes}); err == nil {
			t.Errorf("%v were taken", quotes)
		}
	}
	if _, err := p.Price(window.Span{From: 1, To: 0}, nil); err == nil {
		t.Error("a period that ends before it begins was taken")
	}
	if s := p.Series(); len(s) != 1 || s[0] != "s" {
		t.Error(s)
	}
}

// TestCoarseHistory feeds what was before the period by months.
func TestCoarseHistory(t *testing.T) {
	p := made(t, `{"id": "a", "kind": "energy", "steps": {"per": "year", "of": [{"upTo": "100", "price": "1"}, {"price": "2"}]}}, {"id": "d", "kind": "demand", "peak": "rolling", "per": "month", "price": "1"}`)
	cal := p.Calendar()
	from := record.MillisOf(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	r, err := p.Price(cal.Span(window.Day, from), nil)
	if err != nil {
		t.Fatal(err)
	}
	// The tariff begins in January, so nothing before it matters.
	if since := p.Since(from); since != quarter(0).From {
		t.Fatalf("since %v", since)
	}
	for m := range cal.Spans(window.Month, p.Since(from), from) {
		if _, err := r.Add(Window{Span: m, Known: true, Amount: 49_900_000_000, Peak: 250_000_000}); err != nil {
			t.Fatal(err)
		}
	}
	for q := range cal.Spans(window.Quarter, from, from+record.Millis(dayLength)) {
		if _, err := r.Add(Window{Span: q, Known: true, Amount: 100_000_000}); err != nil {
			t.Fatal(err)
		}
	}
	b, err := r.Bill()
	if err != nil {
		t.Fatal(err)
	}
	// 99.8 kWh before: 0.2 at 1 and 9.4 at 2; 1 kW for a day of March.
	if b.Lines[0].Money != 200_000 || b.Lines[1].Money != 18_800_000 || b.Lines[2].Quantity != 1_000_000_000 || b.Lines[2].Money != 32_258 {
		t.Errorf("%+v", b.Lines)
	}
}

func FuzzTariff(f *testing.F) {
	for _, name := range []string{"flat", "day-night", "ausgrid-time-of-use", "dynamic", "industry", "feed-in", "gas", "grid-factors"} {
		f.Add(text(f, name), int64(1767225600000), int64(250_000_000))
	}
	for seed := range uint64(10) {
		j, err := json.Marshal(random(rand.New(rand.NewPCG(seed, 5))))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(j, int64(1767225600000), int64(-1))
	}
	f.Fuzz(func(t *testing.T, text []byte, at, amount int64) {
		var plans []*Plan
		take := func(p *Plan, err error) {
			if _, ok := errors.AsType[*strict.Faults](err); err != nil && !ok {
				t.Errorf("not faults: %v", err)
			} else if err == nil {
				plans = append(plans, p)
			}
		}
		for _, read := range []func([]byte) (Tariff, error){ReadJSON[Tariff], ReadYAML[Tariff]} {
			if doc, err := read(text); err == nil {
				take(New(doc, window.Calendar{}))
			}
		}
		if doc, err := ReadYAML[Factors](text); err == nil {
			take(NewFactors(doc, Location, window.Calendar{}))
			take(NewFactors(doc, Market, window.Calendar{}))
		}
		first := window.QuarterOf(record.Millis(min(max(at, 0), int64(record.MaxTime)-10*dayLength)))
		for _, p := range plans {
			quote := []Quote{{Span: window.Span{From: window.QuarterSpan(first).From, To: window.QuarterSpan(first + 50).To}, Known: true, Price: Price(amount)}}
			series := make(map[string][]Quote)
			for _, name := range p.Series() {
				series[name] = quote
			}
			r, err := p.Price(window.Span{From: window.QuarterSpan(first).From, To: window.QuarterSpan(first + 99).To}, series)
			if err != nil {
				t.Fatal(err)
			}
			for q := first - 4; q < first+100; q++ {
				if q < 0 {
					continue
				}
				if _, err := r.Add(Window{Span: window.QuarterSpan(q), Known: true, Amount: energy.Amount(amount), Estimated: energy.Amount(amount / 2)}); err != nil && !errors.Is(err, errTooLarge) {
					t.Fatal(err)
				}
			}
			b, err := r.Bill()
			if err == nil && b.Total != b.Cost-b.Credit {
				t.Errorf("%+v", b)
			}
		}
	})
}

func text(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	return data
}
