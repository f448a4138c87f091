package tariff

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

// TestUntil compares the bill of a part of a period with that of a pricer that
// knows of nothing else, at any quarter of an hour.
func TestUntil(t *testing.T) {
	for _, file := range []string{"industry", "day-night", "gas", "ausgrid-time-of-use"} {
		p := load(t, "testdata/"+file+".yaml")
		random := rand.New(rand.NewPCG(7, 8))
		from := record.MillisOf(time.Date(2026, 6, 11, 22, 0, 0, 0, time.UTC))
		period := window.Span{From: from, To: from + 60*96*window.QuarterLength}
		whole, err := p.Price(period, nil)
		if err != nil {
			t.Fatal(err)
		}
		var all []Window
		for at := period.From; at < period.To; at += window.QuarterLength {
			all = append(all, Window{
				Span: window.Span{From: at, To: at + window.QuarterLength}, Known: random.IntN(20) > 0,
				Amount: energy.Amount(random.Int64N(90_000_000_000) - 10_000_000_000), Estimated: energy.Amount(random.Int64N(2) * 5_000_000),
			})
		}
		for i, w := range all {
			if _, err := whole.Add(w); err != nil {
				t.Fatal(err)
			}
			if random.IntN(300) > 0 {
				continue
			}
			to := w.Span.To
			alone, err := p.Price(window.Span{From: period.From, To: to}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range all[:i+1] {
				if _, err := alone.Add(w); err != nil {
					t.Fatal(err)
				}
			}
			want, err1 := alone.Bill()
			got, err2 := whole.Until(to)
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("%s until %v: %s", file, to, d)
			}
			// What a clone is told is not told to the one it was made of.
			clone := whole.Clone()
			if i+1 < len(all) {
				if _, err := clone.Add(all[i+1]); err != nil {
					t.Fatal(err)
				}
			}
			if again, _ := whole.Until(to); !cmp.Equal(got, again) {
				t.Fatalf("%s: a clone changed what it was made of", file)
			}
		}
		// The bill of a month by a pricer of its own, and by one that goes on.
		month := window.Span{From: all[len(all)/2].Span.From, To: period.To}
		alone, err := p.Price(month, nil)
		if err != nil {
			t.Fatal(err)
		}
		before, err := p.Price(window.Span{From: period.To, To: period.To}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var next *Pricer
		for _, w := range all {
			if w.Span.From == month.From {
				if next, err = before.Next(month); err != nil {
					t.Fatal(err)
				}
			}
			for _, r := range []*Pricer{alone, before, next} {
				if r != nil {
					if _, err := r.Add(w); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		want, err1 := alone.Bill()
		got, err2 := next.Bill()
		if d := cmp.Diff(want, got); d != "" || err1 != nil || err2 != nil {
			t.Fatalf("%s: %s %v %v", file, d, err1, err2)
		}
		if _, err := whole.Until(period.To - 1); err == nil {
			t.Error("a bill ends before what was added")
		}
	}
}

func TestRates(t *testing.T) {
	at := func(s string) record.Millis {
		x, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return record.MillisOf(x)
	}
	year := window.Span{From: at("2026-01-01T00:00:00+01:00"), To: at("2027-01-01T00:00:00+01:00")}
	rates := func(doc string, series map[string][]Quote, when string) Rates {
		r, err := load(t, "testdata/"+doc+".yaml").Price(year, series)
		if err != nil {
			t.Fatal(err)
		}
		x, err := r.Rates(at(when))
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	if x := rates("day-night", nil, "2026-03-02T06:00:00+01:00"); !x.TakenKnown || x.Taken != 310_000_000 || x.Of[0].Slot != "HT" {
		t.Errorf("%+v", x)
	}
	if x := rates("day-night", nil, "2026-03-02T05:59:59+01:00"); x.Taken != 240_000_000 || x.Of[0].Slot != "NT" {
		t.Errorf("%+v", x)
	}
	// 80 EUR/MWh; (0.08 + 0.0185 + 0.0953 + 0.0205 + 2.5 % of 0.0953) × 1.19
	quotes := map[string][]Quote{"day-ahead-de": {{Span: window.Span{From: at("2026-03-02T05:00:00+01:00"), To: at("2026-03-02T06:00:00+01:00")}, Known: true, Price: 80_000_000_000}}}
	x := rates("dynamic", quotes, "2026-03-02T05:30:00+01:00")
	if !x.TakenKnown || x.Taken != 257_852_175 {
		t.Errorf("%v %+v", x.Taken, x)
	}
	if m, ok := x.PerHour(2_000_000_000); !ok || m != 515_704 { // 2 kW
		t.Error(m, ok)
	}
	if x := rates("dynamic", quotes, "2026-03-02T06:30:00+01:00"); x.TakenKnown || !x.Known {
		t.Errorf("a price that is not known: %+v", x)
	}
	if x := rates("feed-in", nil, "2026-03-02T06:30:00+01:00"); x.Given != 78_600_000 {
		t.Errorf("%+v", x)
	}
	if x := rates("gas", nil, "2026-03-02T06:30:00+01:00"); x.Taken != 120_297_100 {
		t.Errorf("%+v", x)
	} else if m, ok := x.PerHour(1_000_000); !ok || m != 1_289_753 { // 1 m³ in an hour
		t.Error(m, ok)
	}
}
