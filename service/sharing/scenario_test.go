package sharing

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/internal/replay"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/bill"
	"github.com/wattwerk/wattwerk/service/series"
	"github.com/wattwerk/wattwerk/service/series/seriestest"
	"github.com/wattwerk/wattwerk/tariff"
	"github.com/wattwerk/wattwerk/window"
)

// ausgrid is the year of customer 12 of the Ausgrid solar homes (package replay):
// half hours by eastern standard time.
func ausgrid(t testing.TB) SharingInput {
	t.Helper()
	text, err := os.ReadFile("../../tariff/testdata/ausgrid-time-of-use.yaml")
	if err != nil {
		t.Fatal(err)
	}
	home := replay.Ausgrid()
	load, made := seriestest.Of(home.Load), seriestest.Of(home.PV)
	return SharingInput{
		Community: "newcastle", From: load.Start, To: load.Span().To, Key: Consumption, Grid: document(t, string(text)),
		Members: []SharingMember{{ID: "customer-12", Load: *load, Generation: made}},
	}
}

// TestScenarioB1 bills the year of Ausgrid's customer 12, netted every half hour.
// The figures were computed independently, and come out exactly.
func TestScenarioB1(t *testing.T) {
	out, err := Run(ausgrid(t))
	if err != nil {
		t.Fatal(err)
	}
	b := out.Bills[0]
	if !b.Complete || out.Intervals != 17_568 || len(b.Notes) != 0 {
		t.Errorf("complete %v, %d intervals, %v", b.Complete, out.Intervals, b.Notes)
	}
	for _, x := range []struct{ what, got, want string }{
		{"load", b.Energy.Load.String(), "11876.738"},
		{"generation", b.Energy.Generation.String(), "2592.808"},
		{"own use", b.Energy.OwnUse.String(), "2409.3"},
		{"import", b.Energy.FromGrid.String(), "9467.438"},
		{"export", b.Energy.ToGrid.String(), "183.508"},
		{"peak", b.Lines[0].Quantity.String(), "2319.948"},
		{"off-peak", b.Lines[1].Quantity.String(), "3157.686"},
		{"shoulder", b.Lines[2].Quantity.String(), "3989.804"},
		{"cost", b.Totals.Cost.String(), "2336.85712"},
		{"credit", b.Totals.Credit.String(), "11.01048"},
		{"total", b.Totals.Total.String(), "2325.84664"},
		{"without estimates", b.Totals.Measured.String(), "2325.84664"},
		{"community", out.Totals.Total.String(), "2325.84664"},
	} {
		if x.got != x.want {
			t.Errorf("%s is %s, want %s", x.what, x.got, x.want)
		}
	}
	for _, l := range b.Lines {
		if l.Quality != energy.Measured {
			t.Errorf("%s rests on %s", l.Key, l.Quality)
		}
	}
}

// register makes the quarter hours of a day from a counter that is read at each
// of their ends, as settlement does.
func register(t testing.TB, day window.Span) (s series.EnergySeries, rise energy.Amount) {
	t.Helper()
	var readings []energy.Reading
	var edges []record.Millis
	value := 123_456.0
	for m := day.From; m <= day.To; m += series.Quarter {
		edges = append(edges, m)
		readings = append(readings, energy.Reading{Time: m, Value: value, Quality: energy.Measured})
		value += float64(7 + len(edges)%13*11)
	}
	values, notes := energy.Settle(readings, edges, energy.Rules{Counter: true, Interval: series.Quarter, MaxAge: 3 * series.Quarter}, nil)
	if len(notes) != 0 {
		t.Fatal(notes)
	}
	s = series.EnergySeries{Start: day.From, Step: series.Quarter}
	for _, v := range values {
		s.Values = append(s.Values, series.Settled(&v))
	}
	rise, err := energy.Of(readings[len(readings)-1].Value - readings[0].Value)
	if err != nil {
		t.Fatal(err)
	}
	return s, rise
}

// TestScenarioB2 bills the days on which clocks are set: by an hour, and by half of
// one. The bill is the difference of the register.
func TestScenarioB2(t *testing.T) {
	for _, x := range []struct {
		zone, day string
		quarters  int
		peak      int64 // quarters in the band from 0 to 6 o'clock
	}{
		{"Europe/Berlin", "2026-03-29", 92, 20},
		{"Europe/Berlin", "2026-10-25", 100, 28},
		{"Europe/Berlin", "2026-10-26", 96, 24},
		{"Australia/Lord_Howe", "2026-04-05", 98, 26},
		{"Australia/Lord_Howe", "2026-10-04", 94, 22},
	} {
		c, err := window.Load(x.zone)
		if err != nil {
			t.Fatal(err)
		}
		from, err := c.Moment(x.day)
		if err != nil {
			t.Fatal(err)
		}
		day := c.Span(window.Day, from)
		s, rise := register(t, day)
		in := SharingInput{Community: "one", From: day.From, To: day.To, Zone: x.zone, Key: Dynamic, Members: []SharingMember{{ID: "home", Load: s}}, Grid: document(t, `
id: night-and-day
currency: EUR
calendars: [{id: c, bands: [{name: night, times: ["00:00-06:00"]}, {name: day}]}]
versions: [{from: 2026-01-01, components: [{id: energy, kind: energy, prices: {night: 0.20, day: 0.30}}, {id: basic, kind: standing, price: 0.25, per: day}]}]
`)}
		out, err := Run(in)
		if err != nil {
			t.Fatal(err)
		}
		b := out.Bills[0]
		if out.Intervals != x.quarters || b.Load.Measured != x.quarters || !b.Complete {
			t.Errorf("%s %s: %d intervals, %d measured, complete %v; want %d", x.zone, x.day, out.Intervals, b.Load.Measured, b.Complete, x.quarters)
		}
		if sum := b.Lines[0].Quantity + b.Lines[1].Quantity; sum != bill.Quantity(rise) || b.Energy.FromGrid != bill.Quantity(rise) {
			t.Errorf("%s %s: billed %s, the register rose by %s Wh", x.zone, x.day, sum, rise)
		}
		night := energy.Amount(0)
		for _, v := range s.Values[:x.peak] {
			night += v.Amount
		}
		if b.Lines[0].Quantity != bill.Quantity(night) || b.Lines[2].Money != 250_000 {
			t.Errorf("%s %s: night %s, want %s Wh; standing %s", x.zone, x.day, b.Lines[0].Quantity, night, b.Lines[2].Money)
		}
	}
}

// TestScenarioB3 bills a half hour that was substituted, one that was estimated and
// one that a person corrected: their lines say so, and the totals stand with and
// without.
func TestScenarioB3(t *testing.T) {
	in := ausgrid(t)
	load := slices.Clone(in.Members[0].Load.Values)
	in.Members[0].Load.Values = load
	// 2 July 2011, a Saturday (shoulder) at 20 h; 4 July, a Monday, at 15 h (peak) and
	// at 3 h (off-peak).
	load[40+48] = series.EnergyValue{Amount: 4_000 * energy.PerUnit, Quality: energy.Substituted}
	load[48*3+30] = series.EnergyValue{Amount: 5_000 * energy.PerUnit, Quality: energy.Estimated, Estimated: 5_000 * energy.PerUnit}
	load[48*3+6] = series.EnergyValue{Amount: 1_000 * energy.PerUnit, Quality: energy.Corrected}
	made := in.Members[0].Generation.Values
	first, err := Run(in)
	if err != nil {
		t.Fatal(err)
	}
	b := first.Bills[0]
	substituted := bill.Money(4_000*200) - bill.Money(made[40+48].Amount/1_000_000*200)
	estimated := bill.Money(5_000*500) - bill.Money(made[48*3+30].Amount/1_000_000*500)
	corrected := bill.Money(1_000 * 120)
	for i, want := range []struct {
		quality                           energy.Quality
		estimated, substituted, corrected bill.Money
	}{
		{energy.Estimated, estimated, 0, 0},
		{energy.Corrected, 0, 0, corrected},
		{energy.Substituted, 0, substituted, 0},
		{energy.Measured, 0, 0, 0},
	} {
		l := b.Lines[i]
		if l.Quality != want.quality || l.Estimated != want.estimated || l.Substituted != want.substituted || l.Corrected != want.corrected {
			t.Errorf("%s rests on %s: estimated %s, substituted %s, corrected %s; want %v", l.Key, l.Quality, l.Estimated, l.Substituted, l.Corrected, want)
		}
	}
	tt := b.Totals
	if tt.Estimated != estimated || tt.Substituted != substituted || tt.Corrected != corrected || tt.Measured != tt.Total-estimated-substituted || tt.Measured == tt.Total {
		t.Errorf("%+v", tt)
	}
	if len(b.Notes) != 1 || b.Notes[0] != "load: 17568 intervals: 17565 measured, 1 corrected, 1 substituted, 1 estimated" {
		t.Errorf("%q", b.Notes)
	}
	// What is stored reads back, and the late readings give the bill of B1 with a
	// note for each of the three lines.
	text, err := json.Marshal(first)
	if err != nil {
		t.Fatal(err)
	}
	var stored SharingOutput
	if err := json.Unmarshal(text, &stored); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(first, stored); d != "" {
		t.Fatal(d)
	}
	late := ausgrid(t)
	late.Previous = &stored
	second, err := Run(late)
	if err != nil {
		t.Fatal(err)
	}
	if second.Revision != 2 || second.Bills[0].Totals.Total.String() != "2325.84664" || len(second.Differences) != 3 {
		t.Fatalf("revision %d, total %s, %d differences", second.Revision, second.Bills[0].Totals.Total, len(second.Differences))
	}
	sum := bill.Money(0)
	for _, d := range second.Differences {
		sum += d.Difference
		if d.Reason == "" || d.Before == d.After {
			t.Errorf("%+v", d)
		}
	}
	if sum != second.Totals.Total-first.Totals.Total {
		t.Errorf("the notes add up to %s, the totals differ by %s", sum, second.Totals.Total-first.Totals.Total)
	}
}

// village is a community of random homes.
func village(t testing.TB, r *rand.Rand, members, intervals int) SharingInput {
	t.Helper()
	in := SharingInput{Community: "village", From: 1_767_225_600_000, Key: []string{Static, Consumption, Dynamic}[r.IntN(3)], Grid: document(t, `
id: grid
currency: EUR
calendars: [{id: c, bands: [{name: night, times: ["22:00-06:00"]}, {name: day}]}]
versions:
  - from: 2025-01-01
    components: [{id: energy, kind: energy, prices: {night: 0.2137, day: 0.31213}}, {id: solar, kind: feed_in, price: 0.08111}, {id: vat, kind: tax, percent: 19}]
`), Inside: new(document(t, `
id: inside
currency: EUR
calendars: [{id: c, bands: [{name: noon, times: ["11:00-15:00"]}, {name: else}]}]
versions:
  - from: 2025-01-01
    components:
      - {id: energy, kind: energy, prices: {noon: 0.123456789, else: 0.187654321}}
      - {id: spot, kind: energy, series: {name: spot, factor: 0.001, markup: 0.0101}}
      - {id: paid, kind: feed_in, price: 0.111111111}
      - {id: fee, kind: standing, price: 1, per: month}
      - {id: vat, kind: tax, percent: 7}
`))}
	in.To = in.From + record.Millis(int64(intervals)*series.Quarter)
	var quotes []bill.ServiceQuote
	for m := in.From; m < in.To; m += 300_000 {
		quotes = append(quotes, bill.ServiceQuote{From: m, To: m + 300_000, Value: tariff.Decimal(strconv.Itoa(r.IntN(300) - 60))})
	}
	in.Prices = []bill.ServiceQuotes{{Name: "spot", Quotes: quotes}}
	for i := range members {
		m := SharingMember{ID: "m" + strconv.Itoa(i), Share: r.Int64N(4) + int64(i%2), Load: series.EnergySeries{Start: in.From, Step: series.Quarter}, Registers: r.IntN(4) == 0}
		if r.IntN(2) == 0 {
			m.Generation = &series.EnergySeries{Start: in.From, Step: series.Quarter}
		}
		for k := range intervals {
			v := series.Measured(energy.Amount(r.Int64N(900_000_000)), series.Quarter)
			switch r.IntN(40) {
			case 0:
				v = series.EnergyValue{}
			case 1:
				v.Quality = energy.Substituted
			case 2:
				v.Quality, v.Estimated = energy.Estimated, v.Amount/3
			case 3:
				v.Amount = 0
			}
			m.Load.Values = append(m.Load.Values, v)
			if m.Generation != nil {
				g := series.EnergyValue{Quality: energy.Measured, Covered: series.Quarter}
				if k%96 > 30 && k%96 < 70 {
					g.Amount = energy.Amount(r.Int64N(3_000_000_000))
				}
				m.Generation.Values = append(m.Generation.Values, g)
			}
		}
		in.Members = append(in.Members, m)
	}
	in.Members[0].Share = 3
	return in
}

// TestCommunitiesAddUp holds random communities to what must be so in every
// interval and on every bill, to the µWh and the 10^-6.
func TestCommunitiesAddUp(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 4))
	for round := range 40 {
		in := village(t, r, 1+r.IntN(9), 96)
		f, err := Net(&in, window.Span{From: in.From, To: in.To})
		if err != nil {
			t.Fatal(err)
		}
		for k := range f.Len() {
			var from, to, imports, exports energy.Amount
			for i := range in.Members {
				x := f.Of[k*f.Members+i]
				m, at := &in.Members[i], f.At(k).From
				if x.FromCommunity < 0 || x.FromGrid < 0 || x.ToCommunity < 0 || x.ToGrid < 0 || x.OwnUse < 0 {
					t.Fatalf("round %d: below zero: %+v", round, x)
				}
				if x.Own == energy.None {
					if x != (Flow{}) {
						t.Fatalf("round %d: nothing is known, and %+v flowed", round, x)
					}
					continue
				}
				made := energy.Amount(0)
				if m.Generation != nil {
					made = m.Generation.Of(at).Amount
				}
				if x.OwnUse+x.FromCommunity+x.FromGrid != m.Load.Of(at).Amount || x.OwnUse+x.ToCommunity+x.ToGrid != made {
					t.Fatalf("round %d: %+v is not %v and %v", round, x, m.Load.Of(at).Amount, made)
				}
				if x.Rests < x.Own {
					t.Fatalf("round %d: %+v rests on better than its own", round, x)
				}
				from, to = from+x.FromCommunity, to+x.ToCommunity
				imports, exports = imports+x.FromCommunity+x.FromGrid, exports+x.ToCommunity+x.ToGrid
			}
			if from != to || len(in.Members) > 1 && in.Key != Static && from != min(imports, exports) {
				t.Fatalf("round %d, interval %d, %s: %d from the community, %d to it, of %d and %d", round, k, in.Key, from, to, imports, exports)
			}
		}
		out, err := Run(in)
		if err != nil {
			t.Fatal(err)
		}
		for n, w := range out.Inside {
			money, quantity := bill.Money(0), bill.Quantity(0)
			for _, b := range out.Bills {
				if b.Lines[n].Key != w.Key {
					t.Fatalf("line %s is %s", w.Key, b.Lines[n].Key)
				}
				money, quantity = money+b.Lines[n].Money, quantity+b.Lines[n].Quantity
			}
			if money != w.Money || quantity != w.Quantity && w.Unit == "kWh" {
				t.Fatalf("round %d: %s: members %s and %s, community %s and %s", round, w.Key, money, quantity, w.Money, w.Quantity)
			}
		}
		total := bill.Money(0)
		for _, b := range out.Bills {
			sum := bill.Money(0)
			for _, l := range b.Lines {
				sum += l.Money
				if b.Shared.Substituted+b.Shared.Estimated > 0 && l.Quality == energy.Measured && l.Estimated+l.Substituted != 0 {
					t.Fatalf("line %s is not marked", l.Key)
				}
			}
			if sum != b.Totals.Total {
				t.Fatalf("round %d: lines %s, total %s", round, sum, b.Totals.Total)
			}
			total += sum
		}
		if total != out.Totals.Total {
			t.Fatalf("round %d: bills %s, community %s", round, total, out.Totals.Total)
		}
		// The same again changes nothing.
		in.Previous = &out
		again, err := Run(in)
		if err != nil || len(again.Differences) != 0 || again.Revision != 2 {
			t.Fatalf("round %d: %v, %d differences", round, err, len(again.Differences))
		}
	}
}

// BenchmarkRun bills a month of ten members.
func BenchmarkRun(b *testing.B) {
	in := village(b, rand.New(rand.NewPCG(1, 1)), 10, 96*30)
	for b.Loop() {
		if _, err := Run(in); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkYear bills a year of half hours of one home.
func BenchmarkYear(b *testing.B) {
	in := ausgrid(b)
	for b.Loop() {
		if _, err := Run(in); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMonth bills a month of quarter hours of five members, all measured, by
// bands.
func BenchmarkMonth(b *testing.B) {
	in := village(b, rand.New(rand.NewPCG(1, 1)), 5, 96*30)
	for i := range in.Members {
		for k := range in.Members[i].Load.Values {
			in.Members[i].Load.Values[k].Quality, in.Members[i].Load.Values[k].Estimated = energy.Measured, 0
		}
	}
	v := &in.Inside.Versions[0]
	v.Components = slices.DeleteFunc(v.Components, func(c tariff.Component) bool { return c.Series != nil })
	for b.Loop() {
		if _, err := Run(in); err != nil {
			b.Fatal(err)
		}
	}
}
