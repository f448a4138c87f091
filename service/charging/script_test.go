package charging

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/bill"
	"github.com/wattwerk/wattwerk/service/series/seriestest"
	"github.com/wattwerk/wattwerk/tariff"
)

// TestScripts runs testdata/*.txt. "charge" and "again" (the next revision) take a
// period, chargers, for each texts power.ID, register.ID, plug.ID and cards.ID of lines
// "time value[ quality]", and the texts tariff, assign, blocking, demand and
// series.NAME.
func TestScripts(t *testing.T) {
	seriestest.Run(t, func() func(*testing.T, string, *seriestest.Body) string {
		var last *ChargingOutput
		return func(t *testing.T, title string, b *seriestest.Body) string {
			in := input(t, b)
			if title == "again" {
				in.Previous = last
			}
			out, err := Run(in)
			if err != nil {
				return err.Error()
			}
			last = &out
			return write(b, &out)
		}
	})
}

func document(t testing.TB, text string) tariff.Tariff {
	t.Helper()
	doc, err := tariff.ReadYAML[tariff.Tariff]([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func moment(t testing.TB, b *seriestest.Body, day, clock string) record.Millis {
	t.Helper()
	m, err := b.Calendar.Moment(day + "T" + clock)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func samples(t testing.TB, b *seriestest.Body, text string) (out []ChargingSample) {
	t.Helper()
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		s := ChargingSample{At: moment(t, b, f[0], f[1]), Quality: energy.Measured}
		var err error
		if f[2] == "unknown" {
			s.Quality = energy.None
		} else if s.Value, err = strconv.ParseFloat(f[2], 64); err != nil {
			t.Fatal(err)
		}
		if len(f) > 3 {
			if err := s.Quality.UnmarshalText([]byte(f[3])); err != nil {
				t.Fatal(err)
			}
		}
		out = append(out, s)
	}
	return out
}

func input(t testing.TB, b *seriestest.Body) ChargingInput {
	t.Helper()
	at := b.Span(t, "period")
	in := ChargingInput{From: at.From, To: at.To, Zone: b.Set["zone"], Tariff: document(t, b.Text["tariff"])}
	for _, id := range strings.Fields(b.Set["chargers"]) {
		c := ChargingCharger{
			ID: id, Power: samples(t, b, b.Text["power."+id]), Register: samples(t, b, b.Text["register."+id]), Plug: samples(t, b, b.Text["plug."+id]),
			MaxAge: int64(b.Number(t, "maxage")) * 60_000, Hold: int64(b.Number(t, "hold")) * 60_000,
		}
		for line := range strings.Lines(b.Text["cards."+id]) {
			f := strings.Fields(line)
			c.Cards = append(c.Cards, ChargingCard{At: moment(t, b, f[0], f[1]), Card: f[2]})
		}
		in.Chargers = append(in.Chargers, c)
	}
	for line := range strings.Lines(b.Text["assign"]) {
		f := strings.Fields(line)
		a := ChargingAssignment{User: f[0]}
		for _, x := range f[1:] {
			key, value, _ := strings.Cut(x, "=")
			switch key {
			case "card":
				a.Card = value
			case "charger":
				a.Charger = value
			case "vehicle":
				a.Vehicle = value
			case "household":
				a.Household = value
			default:
				t.Fatal(line)
			}
		}
		in.Assignments = append(in.Assignments, a)
	}
	if f := strings.Fields(b.Text["blocking"]); len(f) > 0 {
		free, err := strconv.ParseInt(f[0], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		in.Blocking = &ChargingBlocking{Free: free, PerMinute: tariff.Decimal(f[1]), Max: tariff.Decimal(f[2]), Times: f[3:]}
	}
	if f := strings.Fields(b.Text["demand"]); len(f) > 0 {
		kwh, err := strconv.ParseFloat(f[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		in.Demand = &ChargingDemand{Quarter: moment(t, b, f[0], f[1]), Site: energy.Amount(kwh * 1e9), Money: tariff.Decimal(f[3])}
	}
	for key, text := range b.Text {
		name, ok := strings.CutPrefix(key, "series.")
		if !ok {
			continue
		}
		s := bill.ServiceQuotes{Name: name}
		for line := range strings.Lines(text) {
			f := strings.Fields(line)
			from := moment(t, b, f[0], f[1])
			s.Quotes = append(s.Quotes, bill.ServiceQuote{From: from, To: from + record.Millis(b.Step), Value: tariff.Decimal(f[2])})
		}
		in.Prices = append(in.Prices, s)
	}
	return in
}

func write(b *seriestest.Body, o *ChargingOutput) string {
	var out strings.Builder
	ms := func(n int64) string { return (time.Duration(n) * time.Millisecond).String() }
	for _, s := range o.Sessions {
		fmt.Fprintf(&out, "session %s %s to %s: %s kWh (%s), charged %s, at most %g W", s.Charger, b.Clock(s.From), b.Clock(s.To), s.Energy, s.Quality, ms(s.Charging), s.MaxPower)
		if s.Idle != nil {
			fmt.Fprintf(&out, ", idle %s", ms(*s.Idle))
		}
		fmt.Fprintf(&out, "; user %q card %q vehicle %q", s.User, s.Card, s.Vehicle)
		if s.Running {
			fmt.Fprint(&out, "; running")
		}
		fmt.Fprintf(&out, "; %s\n", s.Money)
		for _, n := range s.Notes {
			fmt.Fprintf(&out, "  note: %s\n", n)
		}
	}
	for _, x := range o.Bills {
		fmt.Fprintf(&out, "bill of %q, revision %d: %d sessions, %s kWh, total %s %s, without estimates %s\n", x.User, x.Revision, len(x.Sessions), x.Energy, x.Totals.Total, x.Totals.Currency, x.Totals.Measured)
		w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
		for _, l := range x.Lines {
			_, key, _ := strings.Cut(l.Key, "/")
			fmt.Fprintf(w, "  %s\t%s\t%s %s\t%s\t%s\t%s\n", b.Clock(l.From), key, l.Quantity, l.Unit, l.Price+l.Percent, l.Money, l.Quality)
		}
		if err := w.Flush(); err != nil {
			panic(err)
		}
		for _, n := range x.Notes {
			fmt.Fprintf(&out, "  note: %s\n", n)
		}
	}
	for _, r := range o.Report {
		fmt.Fprintf(&out, "report %q %s %s: %d sessions, %s kWh (marked %s), charged %s of %s, %s\n", r.User, r.Charger, r.Month, r.Sessions, r.Energy, r.Marked, ms(r.Charging), ms(r.Plugged), r.Money)
	}
	for _, p := range o.Chargers {
		fmt.Fprintf(&out, "charger %s: register %s = sessions %s + outside %s\n", p.Charger, p.Register, p.Sessions, p.Outside)
		for _, n := range p.Notes {
			fmt.Fprintf(&out, "  note: %s\n", n)
		}
	}
	for _, d := range o.Differences {
		fmt.Fprintf(&out, "difference %q %s: %s -> %s (%s): %s\n", d.Who, d.Key, d.Before, d.After, d.Difference, d.Reason)
	}
	for _, r := range o.Reasons {
		fmt.Fprintf(&out, "reason: %s\n", r)
	}
	all := strings.Split(out.String(), "\n")
	for i := range all {
		all[i] = strings.TrimRight(all[i], " ")
	}
	return strings.Join(all, "\n")
}

// TestPage holds the example of the page for users to the script that is run.
func TestPage(t *testing.T) { seriestest.Example(t, "charging") }
