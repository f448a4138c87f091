package saving

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/wattwerk/wattwerk/service/series/seriestest"
	"github.com/wattwerk/wattwerk/tariff"
)

// TestScripts runs testdata/*.txt. "saving" takes a baseline, since, now, the energy
// "main", the gauge "outdoors" and measures, one in each line of a text.
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

func input(t testing.TB, b *seriestest.Body) SavingInput {
	t.Helper()
	at := b.Span(t, "baseline")
	in := SavingInput{Subject: "hall", Zone: b.Set["zone"], Energy: *b.Energy["main"], Temperature: b.Gauge["outdoors"], BaselineFrom: at.From, BaselineTo: at.To, Now: b.At(t, "now"), Price: tariff.Decimal(b.Set["price"]), Currency: "EUR"}
	if b.Set["since"] != "" {
		in.Since = b.At(t, "since")
	}
	if b.Set["holidays"] != "" {
		in.Holidays = strings.Fields(b.Set["holidays"])
	}
	for line := range strings.Lines(b.Text["measures"]) {
		f := strings.Fields(line)
		m := SavingMeasure{ID: f[0], Kind: f[1], From: f[2], To: f[3], Days: f[4]}
		v, err := strconv.ParseFloat(f[5], 64)
		if err != nil {
			t.Fatal(err)
		}
		if m.Kind == Share {
			m.Share = v
		} else {
			m.Keep = v
		}
		in.Measures = append(in.Measures, m)
	}
	return in
}

func write(o *SavingOutput) string {
	var out strings.Builder
	m := o.Model
	fmt.Fprintf(&out, "E = %s; %d days, %d left out, p %d\n", m.Text, m.Days, m.LeftOut, m.Terms)
	fit := func(f SavingFit) string {
		return fmt.Sprintf("CV(RMSE) %.1f %%, NMBE %.1f %%, R² %.3f", 100*f.CVRMSE, 100*f.NMBE+0, f.R2)
	}
	fmt.Fprintf(&out, "within %s; outside %s; good %v\n", fit(m.Within), fit(m.Outside), m.Good)
	if o.Refused != "" {
		fmt.Fprintf(&out, "refused: %s\n", o.Refused)
	}
	if x := o.Measured; x != nil {
		fmt.Fprintf(&out, "saved %.0f kWh ± %.0f of %.0f on %d days (%.1f %%), certain %v, estimated days %d", x.Saved, x.Uncertainty, x.Expected, x.Days, 100*x.Part, x.Certain, x.Estimated)
		if x.Money != nil {
			fmt.Fprintf(&out, ", %s %s", *x.Money, o.Currency)
		}
		fmt.Fprintln(&out)
	}
	if y := o.Year; y != nil {
		fmt.Fprintf(&out, "next year %.0f kWh without, %.0f with, saved %.0f (%.0f to %.0f)\n", y.Without, y.With, y.Mean, y.Low, y.High)
	}
	for _, p := range o.Measures {
		fmt.Fprintf(&out, "measure %s: %.0f kWh a year (%.0f to %.0f), %.0f W, of %d days", p.ID, p.Mean, p.Low, p.High, p.Watts, p.Of)
		if p.Money != nil {
			fmt.Fprintf(&out, ", %s", *p.Money)
		}
		fmt.Fprintln(&out)
	}
	for _, r := range o.Reasons {
		fmt.Fprintf(&out, "reason: %s\n", r)
	}
	return out.String()
}

// TestPage holds the example of the page for users to the script that is run.
func TestPage(t *testing.T) { seriestest.Example(t, "saving") }
