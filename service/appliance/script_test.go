package appliance

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/service/series/seriestest"
	"github.com/wattwerk/wattwerk/tariff"
)

// TestScripts runs testdata/*.txt. "appliance" takes now and the series power.
func TestScripts(t *testing.T) {
	seriestest.Run(t, func() func(*testing.T, string, *seriestest.Body) string {
		return func(t *testing.T, _ string, b *seriestest.Body) string {
			out, err := Run(input(t, b))
			if err != nil {
				return err.Error()
			}
			return write(b, &out)
		}
	})
}

func input(t testing.TB, b *seriestest.Body) ApplianceInput {
	t.Helper()
	return ApplianceInput{
		Subject: "washer", Zone: b.Set["zone"], Now: b.At(t, "now"), Power: *b.Gauge["power"], Level: b.Number(t, "level"),
		MaxPause: int64(b.Number(t, "pause")) * 60_000, MinRun: int64(b.Number(t, "run")) * 60_000, Price: tariff.Decimal(b.Set["price"]), Currency: "EUR",
	}
}

func write(b *seriestest.Body, o *ApplianceOutput) string {
	var out strings.Builder
	fmt.Fprintf(&out, "switches %v at %.1f W, now %s; %d whole cycles", o.Switches, o.Level, o.State, o.Count)
	if o.MeanWh != nil {
		fmt.Fprintf(&out, " of %.0f Wh and %s", *o.MeanWh, time.Duration(*o.MeanMs)*time.Millisecond)
	}
	fmt.Fprintln(&out)
	for _, c := range o.Cycles[max(0, len(o.Cycles)-4):] {
		fmt.Fprintf(&out, "  %s to %s: %.0f Wh, at most %.0f W, %s", b.Clock(c.From), b.Clock(c.To), c.Wh, c.MaxW, c.Quality)
		if c.Running {
			fmt.Fprint(&out, ", running")
		}
		if c.Cut {
			fmt.Fprint(&out, ", cut")
		}
		fmt.Fprintln(&out)
	}
	for _, h := range o.Week {
		if h.Begin > 0.15 {
			fmt.Fprintf(&out, "  begins on day %d at %d with %.2f (%d weeks), on %.2f of the hour, %.0f Wh\n", h.Day, h.Hour, h.Begin, h.Weeks, h.On, h.Wh)
		}
	}
	for _, d := range o.Next {
		fmt.Fprintf(&out, "  %s: %.0f Wh (%.0f to %.0f), %.2f cycles, of %d days\n", d.Day, d.Mean, d.Low, d.High, d.Cycles, d.Of)
	}
	if o.NextRun != nil {
		fmt.Fprintf(&out, "next run most likely %s\n", b.Clock(*o.NextRun))
	}
	if s := o.Standby; s != nil {
		fmt.Fprintf(&out, "standby %.2f W, %.2f kWh a year", s.Watts, s.KWhYear)
		if s.CostYear != nil {
			fmt.Fprintf(&out, ", %s %s", s.CostYear, s.Currency)
		}
		fmt.Fprintln(&out)
	}
	t := o.Today
	usual := "unknown"
	if t.Usual != nil {
		usual = fmt.Sprint(*t.Usual)
	}
	fmt.Fprintf(&out, "today %.0f Wh (%.0f to %.0f), %d cycles, known %.2f; usual: %s\n", t.Wh, t.Low, t.High, t.Cycles, t.Known, usual)
	for _, w := range t.Why {
		fmt.Fprintf(&out, "unusual: %s\n", w)
	}
	for _, r := range o.Reasons {
		fmt.Fprintf(&out, "reason: %s\n", r)
	}
	return out.String()
}

// TestPage holds the example of the page for users to the script that is run.
func TestPage(t *testing.T) { seriestest.Example(t, "appliance") }
