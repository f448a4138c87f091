package occupancy

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/service/series"
	"github.com/wattwerk/wattwerk/service/series/seriestest"
	"github.com/wattwerk/wattwerk/tariff"
)

// TestScripts runs testdata/*.txt. "occupancy" takes the gauges count.ID and
// movement.ID and the energies hvac.ID, lighting.ID and other.ID.
func TestScripts(t *testing.T) {
	seriestest.Run(t, func() func(*testing.T, string, *seriestest.Body) string {
		return func(t *testing.T, _ string, b *seriestest.Body) string {
			out, err := Run(input(t, b))
			if err != nil {
				return err.Error()
			}
			return write(&out)
		}
	})
}

func input(t testing.TB, b *seriestest.Body) OccupancyInput {
	t.Helper()
	in := OccupancyInput{Subject: "office", Zone: b.Set["zone"], Lead: int64(b.Number(t, "lead")) * series.Minute, Price: tariff.Decimal(b.Set["price"]), Currency: "EUR"}
	for i, name := range b.Names {
		kind, id, _ := strings.Cut(name, ".")
		if slices.Index(b.Names, name) != i {
			continue
		}
		if g := b.Gauge[name]; g != nil {
			in.Sources = append(in.Sources, OccupancySource{ID: id, Kind: kind, Series: *g})
		} else {
			in.Loads = append(in.Loads, OccupancyLoad{ID: id, Kind: kind, Energy: *b.Energy[name]})
		}
	}
	return in
}

func write(o *OccupancyOutput) string {
	var out strings.Builder
	fmt.Fprintf(&out, "occupied %.2f h, empty %.2f h, unknown %.2f h\n", o.Occupied, o.Empty, o.Unknown)
	for _, u := range o.Loads {
		fmt.Fprintf(&out, "%s %s: occupied %s, empty %s, unknown %s kWh; base %.0f W, waste %.2f kWh in %.1f h", u.Kind, u.ID, u.Occupied, u.Empty, u.Unknown, u.BaseW, u.Waste, u.Hours)
		if u.Money != nil {
			fmt.Fprintf(&out, ", %s", *u.Money)
		}
		fmt.Fprintln(&out)
	}
	for _, d := range o.Schedule {
		what := d.Start + "-" + d.Stop
		if d.Off {
			what = "off"
		}
		fmt.Fprintf(&out, "  day %d: %s, of %d days, covers %.3f; now %q\n", d.Day, what, d.Of, d.Covered, d.Now)
	}
	for _, h := range o.Week {
		if h.Waste > 0.5 && h.Day == 0 {
			fmt.Fprintf(&out, "  waste on day %d at %d: %.2f kWh, occupied %.2f\n", h.Day, h.Hour, h.Waste, h.Occupied)
		}
	}
	if s := o.Saving; s != nil {
		fmt.Fprintf(&out, "saving %.0f kWh a year (%.0f to %.0f), of %d weeks", s.Mean, s.Low, s.High, s.Weeks)
		if s.Money != nil {
			fmt.Fprintf(&out, ", %s %s", *s.Money, s.Currency)
		}
		fmt.Fprintln(&out)
	}
	for _, r := range o.Reasons {
		fmt.Fprintf(&out, "reason: %s\n", r)
	}
	return out.String()
}

// office is random people in an office and what it used.
func office(r *rand.Rand, days int) OccupancyInput {
	const start = 1_780_272_000_000 // Monday, 1 June 2026
	people := series.GaugeSeries{Start: start, Step: series.Quarter}
	hvac := series.EnergySeries{Start: start, Step: series.Quarter}
	light := series.EnergySeries{Start: start, Step: series.Quarter}
	for i := range days * 96 {
		day, slot := i/96, i%96
		p := series.GaugeValue{Quality: energy.Measured}
		if day%7 < 5 && slot >= 32+r.IntN(3) && slot < 68+r.IntN(4) {
			p.Value = float64(1 + r.IntN(9))
		}
		if r.IntN(50) == 0 {
			p = series.GaugeValue{}
		}
		people.Values = append(people.Values, p)
		e := energy.Amount(100 * energy.PerUnit)
		if slot >= 20 && slot < 88 {
			e += energy.Amount(1_000+r.IntN(500)) * energy.PerUnit
		}
		v := series.Measured(e, series.Quarter)
		if r.IntN(60) == 0 {
			v = series.EnergyValue{}
		}
		hvac.Values = append(hvac.Values, v)
		light.Values = append(light.Values, series.Measured(energy.Amount(r.IntN(200))*energy.PerUnit, series.Quarter))
	}
	return OccupancyInput{Subject: "office", Sources: []OccupancySource{{ID: "p", Kind: Count, Series: people}}, Loads: []OccupancyLoad{{ID: "h", Kind: HVAC, Energy: hvac}, {ID: "l", Kind: Lighting, Energy: light}}, Price: "0.30"}
}

// TestAlwaysTrue holds random offices to what must be so: all that was used is by
// one of occupied, empty and unknown, nothing is wasted while somebody is there or may be, and a
// gap never makes more waste.
func TestAlwaysTrue(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 5))
	for round := range 20 {
		in := office(r, 21)
		out, err := Run(in)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(out.Occupied+out.Empty+out.Unknown-21*24) > 1e-6 {
			t.Fatalf("%+v", out)
		}
		waste := 0.0
		for i, u := range out.Loads {
			sum, _ := in.Loads[i].Energy.Part(in.Loads[i].Energy.Span())
			if int64(u.Occupied+u.Empty+u.Unknown) != int64(sum.Amount) {
				t.Fatalf("round %d: %s used %s, %s and %s of %s", round, u.ID, u.Occupied, u.Empty, u.Unknown, sum.Amount)
			}
			if u.Waste < 0 || u.Waste > float64(u.Empty)/1e9 {
				t.Fatalf("round %d: %s wasted %g of %s", round, u.ID, u.Waste, u.Empty)
			}
			waste += u.Waste
		}
		s := out.Saving
		if s == nil || !(s.Low <= s.Mean && s.Mean <= s.High) || s.Mean > waste/3*weeksInYear*1.001 {
			t.Fatalf("round %d: %+v, waste %g", round, s, waste)
		}
		for _, d := range out.Schedule {
			if d.Day >= 5 != d.Off || !d.Off && (d.Start > "07:45" || d.Stop < "18:00" && d.Covered < 0.9) {
				t.Fatalf("round %d: %+v", round, d)
			}
		}
		text, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		var back OccupancyOutput
		if err := json.Unmarshal(text, &back); err != nil || cmp.Diff(out, back) != "" {
			t.Fatal(err, cmp.Diff(out, back))
		}
		// A sensor that says nothing for a week: that week is unknown, not empty.
		p := slices.Clone(in.Sources[0].Series.Values)
		for i := range 7 * 96 {
			p[i] = series.GaugeValue{}
		}
		in.Sources[0].Series.Values = p
		less, err := Run(in)
		if err != nil {
			t.Fatal(err)
		}
		if less.Empty > out.Empty || less.Unknown < 7*24 {
			t.Fatalf("round %d: a gap is empty: %g h of %g, unknown %g", round, less.Empty, out.Empty, less.Unknown)
		}
	}
}

// BenchmarkRun looks at eight weeks of quarter hours.
func BenchmarkRun(b *testing.B) {
	in := office(rand.New(rand.NewPCG(1, 1)), 56)
	for b.Loop() {
		if _, err := Run(in); err != nil {
			b.Fatal(err)
		}
	}
}

// TestPage holds the example of the page for users to the script that is run.
func TestPage(t *testing.T) { seriestest.Example(t, "occupancy") }
