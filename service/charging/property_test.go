package charging

import (
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/bill"
	"github.com/wattwerk/wattwerk/service/series"
)

const march = record.Millis(1_772_323_200_000) // 2026-03-01

// yard is chargers with random sessions over a number of days, and registers that are read
// at random times.
func yard(t testing.TB, r *rand.Rand, chargers, days int) ChargingInput {
	t.Helper()
	in := ChargingInput{From: march, To: march + record.Millis(int64(days)*series.Day), Zone: "Europe/Berlin", Tariff: document(t, `
id: bands
currency: EUR
calendars: [{id: c, bands: [{name: day, times: ["06:10-21:40"]}, {name: night}]}]
versions:
  - from: 2026-01-01
    components:
      - {id: energy, kind: energy, prices: {day: 0.39871, night: 0.29113}}
      - {id: card, kind: standing, price: 2, per: month}
      - {id: vat, kind: tax, percent: 19}
`), Blocking: &ChargingBlocking{Free: 30, PerMinute: "0.10", Max: "9"}}
	for i := range chargers {
		c := ChargingCharger{ID: "c" + strconv.Itoa(i)}
		whole := r.IntN(2) == 0
		counter, used := 1_000.0, 0.0
		plugged := r.IntN(2) == 0
		for m := in.From; m < in.To; m += record.Millis(series.Minute) {
			if plugged && r.IntN(200) == 0 {
				c.Plug = append(c.Plug, ChargingSample{At: m, Value: float64(r.IntN(2)), Quality: energy.Measured})
			}
			if r.IntN(30) == 0 {
				s := ChargingSample{At: m, Value: float64(r.IntN(3)) * 3700, Quality: energy.Measured}
				if r.IntN(20) == 0 {
					s.Quality = energy.None
				}
				c.Power = append(c.Power, s)
				used = s.Value
			}
			counter += used / 60
			if r.IntN(25) == 0 {
				x := counter
				if whole {
					x = float64(int64(counter))
				}
				c.Register = append(c.Register, ChargingSample{At: m, Value: x, Quality: energy.Measured})
			}
		}
		c.Cards = []ChargingCard{{At: in.From + record.Millis(series.Day), Card: "red"}}
		in.Chargers = append(in.Chargers, c)
		if i%2 == 0 {
			in.Assignments = append(in.Assignments, ChargingAssignment{Charger: c.ID, User: "u" + strconv.Itoa(i%4)})
		}
	}
	return in
}

// TestSessionsAddUp holds random chargers to their registers, bills to sessions,
// and what is stored to what was computed.
func TestSessionsAddUp(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for round := range 25 {
		in := yard(t, r, 1+r.IntN(5), 3)
		out, err := Run(in)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range out.Chargers {
			g := in.Chargers[i].Register
			first, err1 := energy.Of(g[0].Value)
			last, err2 := energy.Of(g[len(g)-1].Value)
			if err1 != nil || err2 != nil || p.Register != bill.Quantity(last-first) || p.Sessions+p.Outside != p.Register {
				t.Fatalf("round %d: %s: register %s is sessions %s and outside %s; it rose by %s Wh", round, p.Charger, p.Register, p.Sessions, p.Outside, last-first)
			}
		}
		sessions := make(map[string]ChargingSession)
		for _, s := range out.Sessions {
			if s.From >= s.To || s.Quality == energy.None || s.Energy < 0 {
				t.Fatalf("%+v", s)
			}
			sessions[s.ID] = s
		}
		money, billed := bill.Money(0), 0
		for _, b := range out.Bills {
			sum, quantity, own := bill.Money(0), bill.Quantity(0), bill.Money(0)
			for _, l := range b.Lines {
				sum += l.Money
				if l.Unit == "kWh" {
					quantity += l.Quantity
				}
			}
			for _, id := range b.Sessions {
				billed++
				own += sessions[id].Money
				if sessions[id].User != b.User || sessions[id].Running {
					t.Fatalf("%+v is on the bill of %q", sessions[id], b.User)
				}
			}
			if sum != b.Totals.Total || quantity != b.Energy || own > sum {
				t.Fatalf("round %d, %q: lines %s and %s kWh, total %s and %s kWh", round, b.User, sum, quantity, b.Totals.Total, b.Energy)
			}
			money += sum
		}
		running := 0
		for _, s := range out.Sessions {
			if s.Running {
				running++
			}
		}
		if money != out.Totals.Total || billed+running != len(out.Sessions) {
			t.Fatalf("round %d: bills %s, all %s; %d billed and %d running of %d", round, money, out.Totals.Total, billed, running, len(out.Sessions))
		}
		text, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		var stored ChargingOutput
		if err := json.Unmarshal(text, &stored); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(out, stored); d != "" {
			t.Fatal(d)
		}
		in.Previous = &stored
		again, err := Run(in)
		if err != nil || again.Revision != 2 || len(again.Differences) != 0 {
			t.Fatalf("round %d: %v, %d differences", round, err, len(again.Differences))
		}
	}
}

// TestEachSessionIsBilledOnce runs two periods that follow one another: no session
// is in both, and none in neither.
func TestEachSessionIsBilledOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 3))
	for range 10 {
		in := yard(t, r, 3, 4)
		whole, err := Run(in)
		if err != nil {
			t.Fatal(err)
		}
		billed := make(map[string]int)
		count := func(o ChargingOutput) {
			for _, b := range o.Bills {
				for _, id := range b.Sessions {
					billed[id]++
				}
			}
		}
		count(whole)
		middle := in.From + record.Millis(2*series.Day)
		first, second := in, in
		first.To, second.From = middle, middle
		for _, half := range []ChargingInput{first, second} {
			out, err := Run(half)
			if err != nil {
				t.Fatal(err)
			}
			count(out)
		}
		for id, n := range billed {
			if n != 2 {
				t.Errorf("%s is billed %d times in whole and halves", id, n)
			}
		}
	}
}

// BenchmarkRun bills a month at five chargers.
func BenchmarkRun(b *testing.B) {
	in := yard(b, rand.New(rand.NewPCG(1, 1)), 5, 31)
	for b.Loop() {
		if _, err := Run(in); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMonth bills a month of one session a day at two chargers, in samples of
// a minute.
func BenchmarkMonth(b *testing.B) {
	in := yard(b, rand.New(rand.NewPCG(1, 1)), 2, 31)
	for i := range in.Chargers {
		c := &in.Chargers[i]
		c.Power, c.Register, c.Plug = nil, nil, nil
		counter := 0.0
		for m := range 31 * 1440 {
			at := march + record.Millis(int64(m)*series.Minute)
			watts := 0.0
			if minute := m % 1440; minute >= 1080 && minute < 1200 {
				watts = 11_000
			}
			c.Power = append(c.Power, ChargingSample{At: at, Value: watts, Quality: energy.Measured})
			if m%15 == 0 {
				c.Register = append(c.Register, ChargingSample{At: at, Value: float64(int64(counter)), Quality: energy.Measured})
			}
			counter += watts / 60
		}
	}
	for b.Loop() {
		if _, err := Run(in); err != nil {
			b.Fatal(err)
		}
	}
}
