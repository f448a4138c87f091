package contract

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/tariff"
	"github.com/wattwerk/wattwerk/window"
)

// some makes quotes in order, with gaps, of few prices.
func some(random *rand.Rand) (out []tariff.Quote) {
	for at := record.Millis(random.IntN(8)); at < 40; {
		to := at + 1 + record.Millis(random.IntN(9))
		q := tariff.Quote{Span: window.Span{From: at, To: to}, Known: random.IntN(4) > 0}
		if q.Known {
			q.Price = tariff.Price(random.IntN(3))
		}
		out = append(out, q)
		if at = to; random.IntN(3) == 0 {
			at += record.Millis(random.IntN(6))
		}
	}
	return out
}

// at gives what holds at each time: -2 nothing, -1 no price.
func at(all []tariff.Quote) (out [80]int) {
	for i := range out {
		out[i] = -2
	}
	for _, q := range all {
		for t := q.Span.From; t < q.Span.To; t++ {
			if out[t] = -1; q.Known {
				out[t] = int(q.Price)
			}
		}
	}
	return out
}

// TestLay compares laying quotes over others with doing so moment by moment.
func TestLay(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	for range 20_000 {
		old, put := some(random), some(random)
		o := Lay(old, put)
		rest := slices.DeleteFunc(slices.Clone(old), func(q tariff.Quote) bool { return slices.Contains(o.Gone, q) })
		now := append(rest, o.Add...)
		slices.SortFunc(now, func(a, b tariff.Quote) int { return int(a.Span.From - b.Span.From) })
		for i := 1; i < len(now); i++ {
			if now[i].Span.From < now[i-1].Span.To {
				t.Fatalf("%v over %v: %v overlap", put, old, now)
			}
		}
		was, said, want := at(old), at(put), at(old)
		since := record.MaxTime
		for i := range want {
			if said[i] == -2 {
				continue
			}
			want[i] = said[i]
			if was[i] >= 0 && said[i] != was[i] && since == record.MaxTime {
				since = record.Millis(i)
			}
		}
		if got := at(now); got != want || o.Since != since {
			t.Fatalf("%v over %v: %v since %v; want %v since %v", put, old, got, o.Since, want, since)
		}
		if again := Lay(now, put); len(again.Add) != 0 || len(again.Gone) != 0 {
			t.Fatalf("said again, %v changes %v: %+v", put, now, again)
		}
	}
}
