package processor

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/exact"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/processor/digest"
	"github.com/wattwerk/wattwerk/record"
)

// move is what an operator is told: items, or a watermark.
type move struct {
	input     int
	items     []observation.Item
	watermark record.Millis
}

// scene makes random items of some series and inputs in about the order of their
// times, and watermarks that are late enough for all of them.
func scene(r *rand.Rand, inputs, series, n int, step, disorder int64) (all []observation.Item, of []int, tell []move) {
	t := int64(1_700_000_000_000)
	type at struct {
		arrives int64
		input   int
		item    observation.Item
	}
	var list []at
	used := make(map[[3]int64]bool)
	for range n {
		t += r.Int64N(2*step + 1)
		i := observation.Item{Series: observation.Series(r.IntN(series)), Time: record.Millis(t), Value: math.Round(r.NormFloat64()*1e6) / 1e3}
		in := r.IntN(inputs)
		k := [3]int64{int64(in), int64(i.Series), t}
		if used[k] {
			continue
		}
		used[k] = true
		switch r.IntN(12) {
		case 0:
			i.Marks, i.Value = observation.Null, 0
		case 1:
			i.Marks = observation.Estimated
		case 2:
			i.Marks = observation.Suspect
		}
		list = append(list, at{t + r.Int64N(disorder+1), in, i})
		all, of = append(all, i), append(of, in)
	}
	slices.SortStableFunc(list, func(a, b at) int { return cmp.Compare(a.arrives, b.arrives) })
	var most int64
	for _, l := range list {
		tell = append(tell, move{input: l.input, items: []observation.Item{l.item}})
		if most = max(most, l.arrives); r.IntN(3) == 0 {
			tell = append(tell, move{watermark: record.Millis(most - disorder)})
		}
	}
	return all, of, append(tell, move{watermark: End})
}

func (s move) to(o Operator, out *Out) {
	if s.items == nil {
		o.Advance(s.watermark, out)
		return
	}
	o.Take(s.input, s.items, out)
}

// play tells an operator everything, and watches that results are not older
// than what it holds.
func play(t testing.TB, o Operator, tell []move) *Out {
	t.Helper()
	out := new(Out)
	held := record.Millis(math.MinInt64)
	h, _ := o.(Holder)
	for _, s := range tell {
		before := len(out.Items)
		s.to(o, out)
		for _, i := range out.Items[before:] {
			if i.Time < held {
				t.Fatalf("a result of %v comes after it was said that none comes before %v", i.Time, held)
			}
		}
		if s.items == nil {
			now := s.watermark
			if h != nil {
				now = min(now, h.Hold(s.watermark))
			}
			if now < held {
				t.Fatalf("held until %v, before until %v", now, held)
			}
			held = now
		}
	}
	return out
}

// sorted are results in an order that does not depend on that of their coming.
func sorted(items []observation.Item) []observation.Item {
	out := slices.Clone(items)
	slices.SortStableFunc(out, func(a, b observation.Item) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Series, b.Series))
	})
	return out
}

// saves plays again, saving and loading before each of the first steps, and then
// before every few: the results must be the same to the bit, and in the same order.
func saves(t *testing.T, make func() Operator, tell []move, want *Out) {
	t.Helper()
	o, out := make(), new(Out)
	for n, s := range tell {
		if n > 30 && n%7 > 0 && n < len(tell)-1 {
			s.to(o, out)
			continue
		}
		state := o.Save(nil)
		again := make()
		if err := again.Load(state); err != nil {
			t.Fatalf("after %d steps: %v", n, err)
		}
		if !bytes.Equal(state, again.Save(nil)) {
			t.Fatalf("after %d steps the state is saved otherwise", n)
		}
		s.to(again, out)
		o = again
	}
	if was, is := bits(want.Items), bits(out.Items); !slices.Equal(was, is) {
		t.Fatalf("saved and loaded it gives others: %s", gocmp.Diff(was, is))
	}
	if d := gocmp.Diff(want.Dead, out.Dead); d != "" {
		t.Fatalf("saved and loaded it refuses others: %s", d)
	}
}

// bits make values be compared to the bit.
func bits(items []observation.Item) []string {
	var out []string
	for _, i := range items {
		out = append(out, fmt.Sprintf("%d %d %d %x %v", i.Time, i.Series, i.Marks, math.Float64bits(i.Value), i.Value))
	}
	return out
}

// naive is a window recomputed from all of its items.
func naive(items []observation.Item, what string, n observation.Series, from record.Millis, partial bool) observation.Item {
	out := observation.Item{Series: n, Time: from}
	if partial {
		out.Marks = observation.Partial
	}
	var values []observation.Item
	for _, i := range items {
		out.Marks |= i.Marks & kept
		if i.Marks&observation.Null == 0 {
			values = append(values, i)
		}
	}
	if what == "count" {
		out.Value = float64(len(values))
		return out
	}
	if len(values) == 0 {
		out.Marks |= observation.Null
		return out
	}
	slices.SortStableFunc(values, func(a, b observation.Item) int { return cmp.Compare(a.Value, b.Value) })
	sum := new(digest.Spread)
	for _, v := range values {
		sum.Add(0, v.Value)
	}
	var ok = true
	switch what {
	case "average":
		out.Value, _ = sum.Tell(digest.Average)
	case "sum":
		out.Value, _ = sum.Tell(digest.Sum)
	case "standard-deviation":
		out.Value, ok = sum.Tell(digest.Deviation)
	case "variance":
		out.Value, ok = sum.Tell(digest.Variance)
	case "minimum":
		out.Value = values[0].Value
	case "maximum":
		out.Value = values[len(values)-1].Value
	case "percentile":
		out.Value = values[digest.Rank(95, uint64(len(values)))].Value
	case "first":
		first := values[0]
		for _, v := range values {
			if v.Time < first.Time {
				first = v
			}
		}
		out.Value = first.Value
	case "last":
		last := values[0]
		for _, v := range values {
			if v.Time >= last.Time {
				last = v
			}
		}
		out.Value = last.Value
	}
	if !ok {
		out.Marks |= observation.Null
		out.Value = 0
	}
	return out
}

// TestWindowsAgainstAllTheirItems holds every aggregate over every kind of window
// against one that keeps everything.
func TestWindowsAgainstAllTheirItems(t *testing.T) {
	kinds := []struct {
		name    string
		values  map[string]any
		windows func(all []observation.Item) [][2]record.Millis
	}{
		{"tumbling", map[string]any{"size": "1m"}, func(all []observation.Item) (w [][2]record.Millis) {
			for at := all[0].Time / 60_000 * 60_000; at <= all[len(all)-1].Time; at += 60_000 {
				w = append(w, [2]record.Millis{at, at + 60_000})
			}
			return w
		}},
		{"hopping", map[string]any{"window": "hopping", "size": "50s", "hop": "20s"}, func(all []observation.Item) (w [][2]record.Millis) {
			for at := all[0].Time/20_000*20_000 - 60_000; at <= all[len(all)-1].Time; at += 20_000 {
				w = append(w, [2]record.Millis{at, at + 50_000})
			}
			return w
		}},
		{"calendar", map[string]any{"window": "calendar", "size": "5m", "zone": "Asia/Kathmandu"}, func(all []observation.Item) (w [][2]record.Millis) {
			for at := all[0].Time / 300_000 * 300_000; at <= all[len(all)-1].Time; at += 300_000 {
				w = append(w, [2]record.Millis{at, at + 300_000})
			}
			return w
		}},
	}
	for _, k := range kinds {
		for _, a := range aggregates() {
			for _, by := range []string{byKey, bySource, byNone} {
				t.Run(k.name+" "+a.name+" "+by, func(t *testing.T) {
					r := rand.New(rand.NewPCG(7, uint64(len(k.name)+len(a.name)+len(by))))
					all, of, tell := scene(r, 2, 3, 300, 2000, 30_000)
					values := map[string]any{"group": by}
					for n, v := range k.values {
						values[n] = v
					}
					fresh := func() Operator {
						e, _ := Find(a.name)
						table := observation.NewTable([]string{"", "x", "y", "A", "B"})
						o, err := e.New(Settings{Values: complete(t, e, values), Inputs: []string{"A", "B"}, Table: table})
						if err != nil {
							t.Fatal(err)
						}
						return o
					}
					out := play(t, fresh(), tell)
					if len(out.Dead) > 0 {
						t.Fatalf("refused: %v", out.Dead)
					}
					var want []observation.Item
					for _, w := range k.windows(all) {
						for n := range observation.Series(5) {
							var in []observation.Item
							for j, i := range all {
								s := i.Series
								switch by {
								case bySource:
									s = observation.Series(3 + of[j])
								case byNone:
									s = 0
								}
								if s == n && w[0] <= i.Time && i.Time < w[1] {
									in = append(in, i)
								}
							}
							if in != nil {
								// Which items came before the first watermark decides where it all began.
								since := record.Millis(math.MaxInt64)
								for _, s := range tell {
									if s.items == nil {
										break
									}
									since = min(since, s.items[0].Time)
								}
								want = append(want, naive(in, a.name, n, w[0], w[0] < since))
							}
						}
					}
					if tell[0].items == nil {
						t.Fatal("the scene begins with a watermark")
					}
					got := sorted(out.Items)
					for j := range got { // percentiles of many are of buckets
						if a.name == "percentile" && j < len(want) && math.Abs(got[j].Value-want[j].Value) <= math.Abs(want[j].Value)/512 {
							want[j].Value = got[j].Value
						}
					}
					if was, is := bits(want), bits(got); !slices.Equal(was, is) {
						t.Fatal(gocmp.Diff(was, is))
					}
					saves(t, fresh, tell, out)
				})
			}
		}
	}
}

// TestSlidingAgainstAllItsItems does so for the windows that end with each item,
// and those of a number of items.
func TestSlidingAgainstAllItsItems(t *testing.T) {
	for name, values := range map[string]map[string]any{
		"time":  {"window": "sliding", "size": "20s", "lateness": "0s"},
		"items": {"window": "sliding", "items": 5, "lateness": "0s"},
		"runs":  {"items": 4, "lateness": "0s"},
		"gap":   {"window": "session", "gap": "4s", "longest": "20s", "lateness": "0s"},
	} {
		for _, a := range aggregates() {
			t.Run(name+" "+a.name, func(t *testing.T) {
				r := rand.New(rand.NewPCG(9, uint64(len(name)+len(a.name))))
				all, of, tell := scene(r, 2, 2, 250, 2000, 8_000)
				fresh := func() Operator {
					e, _ := Find(a.name)
					o, err := e.New(Settings{Values: complete(t, e, values), Inputs: []string{"A", "B"}, Table: observation.NewTable([]string{"", "x"})})
					if err != nil {
						t.Fatal(err)
					}
					return o
				}
				out := play(t, fresh(), tell)
				if len(out.Dead) > 0 {
					t.Fatalf("refused: %v", out.Dead)
				}
				since := record.Millis(math.MaxInt64)
				for _, s := range tell {
					if s.items == nil {
						break
					}
					since = min(since, s.items[0].Time)
				}
				order := make([]int, len(all))
				for j := range order {
					order[j] = j
				}
				slices.SortStableFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(all[a].Time, all[b].Time), cmp.Compare(of[a], of[b])) })
				var want []observation.Item
				for n := range observation.Series(2) {
					var in []observation.Item
					for _, j := range order {
						if all[j].Series == n {
							in = append(in, all[j])
						}
					}
					end := func(part []observation.Item, partial bool) {
						if len(part) > 0 {
							want = append(want, naive(part, a.name, n, part[0].Time, partial))
						}
					}
					begin := 0
					for j, i := range in {
						switch name {
						case "time":
							for in[begin].Time <= i.Time-20_000 {
								begin++
							}
							w := naive(in[begin:j+1], a.name, n, i.Time, i.Time-20_000 < since-1)
							want = append(want, w)
						case "items":
							begin = max(0, j-4)
							want = append(want, naive(in[begin:j+1], a.name, n, i.Time, j < 4))
						case "runs":
							if j%4 == 3 {
								end(in[j-3:j+1], false)
							}
						case "gap":
							if j > begin && (i.Time-in[j-1].Time > 4000 || i.Time-in[begin].Time >= 20_000) {
								end(in[begin:j], in[begin].Time-since <= 4000)
								begin = j
							}
						}
					}
					if name == "gap" {
						end(in[begin:], in[begin].Time-since <= 4000)
					}
				}
				if d := gocmp.Diff(bits(sorted(want)), bits(sorted(out.Items))); d != "" {
					t.Fatal(d)
				}
				saves(t, fresh, tell, out)
			})
		}
	}
}

// TestAmountsAgainstAllTheirItems holds energies, counters, sums of inputs and
// grids against what is recomputed from all items.
func TestAmountsAgainstAllTheirItems(t *testing.T) {
	const size, hold = 60_000, 25_000
	longest := map[string]any{"longest": "25s", "lateness": "0s"}
	with := func(more map[string]any) map[string]any {
		all := map[string]any{}
		for _, m := range []map[string]any{longest, more} {
			for k, v := range m {
				all[k] = v
			}
		}
		return all
	}
	// pieces gives the sum of f over the parts of [from, to) that are between items
	// which are near enough, and how much of it is covered.
	amount := func(in []observation.Item, rule string, from, to record.Millis) (v float64, covered record.Millis, marks observation.Marks) {
		var sum exact.Sum
		for j, i := range in {
			if i.Marks&observation.Null != 0 {
				continue
			}
			end := i.Time + hold
			if j+1 < len(in) {
				end = min(end, in[j+1].Time)
				if rule != "hold" && (in[j+1].Time-i.Time > hold || in[j+1].Marks&observation.Null != 0) {
					continue
				}
			} else if rule != "hold" {
				continue
			}
			if rule == "line" && in[j+1].Value < i.Value {
				continue
			}
			a, b := max(i.Time, from), min(end, to)
			if a >= b {
				continue
			}
			covered += b - a
			marks |= i.Marks & kept
			at := func(t record.Millis) float64 {
				switch t {
				case i.Time:
					return i.Value
				case in[j+1].Time:
					return in[j+1].Value
				}
				return i.Value + (in[j+1].Value-i.Value)*(float64(t-i.Time)/float64(in[j+1].Time-i.Time))
			}
			switch rule {
			case "hold":
				sum.AddProduct(i.Value, int64(b-a))
				continue
			case "trapezoid":
				sum.AddProduct(at(a), int64(b-a))
				sum.AddProduct(at(b), int64(b-a))
			case "line":
				sum.Add(at(b))
				sum.Sub(at(a))
			}
			marks |= in[j+1].Marks & kept
		}
		return sum.Float64(), covered, marks
	}
	for n, c := range []struct {
		name   string
		values map[string]any
		rule   string
		unit   float64
	}{
		{"energy", with(map[string]any{"size": "1m"}), "hold", 3600e3},
		{"energy", with(map[string]any{"size": "1m", "rule": "trapezoid"}), "trapezoid", 7200e3},
		{"counter", with(map[string]any{"size": "1m"}), "line", 1},
	} {
		t.Run(c.name+" "+c.rule, func(t *testing.T) {
			all, of, tell := scene(rand.New(rand.NewPCG(23, uint64(n))), 1, 3, 400, 8_000, 30_000)
			_ = of
			out := play(t, made(t, c.name, c.values), tell)
			var want []observation.Item
			for s := range observation.Series(3) {
				var in []observation.Item
				for _, i := range all {
					if i.Series == s {
						in = append(in, i)
					}
				}
				for from := all[0].Time / size * size; from <= all[len(all)-1].Time+hold; from += size {
					v, covered, marks := amount(in, c.rule, from, from+size)
					if covered == 0 {
						continue
					}
					if covered < size {
						marks |= observation.Partial
					}
					want = append(want, observation.Item{Series: s, Time: from, Value: v / c.unit, Marks: marks})
				}
			}
			if was, is := bits(sorted(want)), bits(sorted(out.Items)); len(was) < 20 || !slices.Equal(was, is) {
				t.Fatal(gocmp.Diff(was, is))
			}
		})
	}
	last := func(all []observation.Item, of []int, input int, s observation.Series, at record.Millis) (observation.Item, bool) {
		var l observation.Item
		ok := false
		for j, i := range all {
			if (input < 0 || of[j] == input) && i.Series == s && i.Time <= at && (!ok || i.Time >= l.Time) {
				l, ok = i, true
			}
		}
		return l, ok && at-l.Time <= hold
	}
	all, of, tell := scene(rand.New(rand.NewPCG(29, 1)), 2, 2, 300, 6_000, 30_000)
	t.Run("sum-of-inputs", func(t *testing.T) {
		out := play(t, made(t, "sum-of-inputs", with(map[string]any{"every": "10s"}), "A", "B"), tell)
		var want []observation.Item
		for s := range observation.Series(2) {
			for g := (all[0].Time + 9999) / 10_000 * 10_000; g <= all[len(all)-1].Time+hold; g += 10_000 {
				a, ok := last(all, of, 0, s, g)
				b, ok2 := last(all, of, 1, s, g)
				if !ok && !ok2 {
					continue
				}
				w := observation.Item{Series: s, Time: g, Value: a.Value + b.Value}
				if w.Marks = observation.Null; ok && ok2 && (a.Marks|b.Marks)&observation.Null == 0 {
					w.Marks = (a.Marks | b.Marks) & kept
				} else {
					w.Value = 0
					for _, i := range []observation.Item{a, b} {
						if (i == a && ok || i == b && ok2) && i.Marks&observation.Null == 0 {
							w.Marks |= i.Marks & kept
						}
					}
				}
				want = append(want, w)
			}
		}
		if was, is := bits(sorted(want)), bits(sorted(out.Items)); len(was) < 20 || !slices.Equal(was, is) {
			t.Fatal(gocmp.Diff(was, is))
		}
	})
	t.Run("resample", func(t *testing.T) {
		out := play(t, made(t, "resample", with(map[string]any{"every": "10s", "group": "key"})), tell[:0])
		if len(out.Items) > 0 {
			t.Fatal("nothing gives something")
		}
		var one []move
		for _, m := range tell {
			m.input = 0
			one = append(one, m)
		}
		out = play(t, made(t, "resample", with(map[string]any{"every": "10s"})), one)
		var want []observation.Item
		for s := range observation.Series(2) {
			for g := (all[0].Time + 9999) / 10_000 * 10_000; g <= all[len(all)-1].Time+hold; g += 10_000 {
				if l, ok := last(all, of, -1, s, g); ok {
					l.Time = g
					want = append(want, l)
				}
			}
		}
		if was, is := bits(sorted(want)), bits(sorted(out.Items)); len(was) < 20 || !slices.Equal(was, is) {
			t.Fatal(gocmp.Diff(was, is))
		}
	})
}
