package estimation

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wattwerk/wattwerk/service/series/seriestest"
)

// TestScripts runs testdata/*.txt. "estimate" takes now, the series load and, if it is
// there, generation and irradiance, and writes every hours-th interval.
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

func input(t testing.TB, b *seriestest.Body) EstimationInput {
	t.Helper()
	in := EstimationInput{
		Subject: "home", Zone: b.Set["zone"], Now: b.At(t, "now"), Day: b.Set["day"], Load: *b.Energy["load"], Generation: b.Energy["generation"],
		Irradiance: b.Gauge["irradiance"], Capacity: b.Number(t, "capacity"),
	}
	if b.Set["forecast"] != "" {
		f := &EstimationForecast{Method: b.Set["forecast"], Start: b.At(t, "forecast-start")}
		for range 24 {
			f.Values = append(f.Values, EstimationBand{400, 500, 600})
		}
		in.LoadForecast = f
	}
	return in
}

func (b EstimationBand) String() string {
	return fmt.Sprintf("%.0f (%.0f to %.0f)", b.Mean, b.Low, b.High)
}

func write(b *seriestest.Body, o *EstimationOutput) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s to %s, %d intervals of %d minutes\n", b.Clock(o.From), b.Clock(o.To), len(o.Intervals), o.Step/60_000)
	every := 1
	if b.Set["every"] != "" {
		every = int(4 * 3_600_000 / o.Step)
	}
	for i, x := range o.Intervals {
		if i%every != 0 {
			continue
		}
		fmt.Fprintf(&out, "  %s load %s", b.Clock(x.From)[11:], x.Load)
		if x.Generation != nil {
			fmt.Fprintf(&out, " generation %s own use %.0f import %.0f export %.0f surplus %.2f", *x.Generation, x.OwnUse, x.Import, x.Export, x.Surplus)
		}
		fmt.Fprintln(&out)
	}
	fmt.Fprintf(&out, "load %s Wh, import %.0f\n", o.Load, o.Import)
	if o.Generation != nil {
		fmt.Fprintf(&out, "generation %s Wh, own use %.0f, export %.0f", *o.Generation, o.OwnUse, o.Export)
		if o.Autarky != nil && o.SelfUse != nil {
			fmt.Fprintf(&out, ", autarky %.3f, self-use %.3f", *o.Autarky, *o.SelfUse)
		}
		fmt.Fprintln(&out)
	}
	for _, s := range o.Surplus {
		fmt.Fprintf(&out, "surplus %s to %s: %.0f Wh\n", b.Clock(s.From), b.Clock(s.To), s.Wh)
	}
	if r := o.Rest; r != nil {
		fmt.Fprintf(&out, "today: %.0f Wh so far, from %s on %s", r.SoFar, b.Clock(r.From)[11:], r.Load)
		if r.Generation != nil {
			fmt.Fprintf(&out, ", generation %s", *r.Generation)
		}
		fmt.Fprintln(&out)
	}
	for _, r := range o.Reasons {
		fmt.Fprintf(&out, "reason: %s\n", r)
	}
	return out.String()
}

// TestPage holds the example of the page for users to the script that is run.
func TestPage(t *testing.T) { seriestest.Example(t, "estimation") }
