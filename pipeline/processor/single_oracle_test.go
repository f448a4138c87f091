package processor

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/record"
)

// ofSeries are the items of one series, in the order of their times.
func ofSeries(all []observation.Item, s observation.Series) []observation.Item {
	var in []observation.Item
	for _, i := range all {
		if i.Series == s {
			in = append(in, i)
		}
	}
	return in
}

// null gives whether an item has no value.
func null(i observation.Item) bool { return i.Marks&observation.Null != 0 }

// changes are what a threshold tells, found by looking for stretches: the first
// of a stretch on the other side, and whether anything ends it in time.
func changes(in []observation.Item, limit, back float64, below bool, hold, release record.Millis) (out []observation.Item) {
	on := false
	for k := 0; k < len(in); {
		wait := hold
		other := func(v float64) bool { return v > limit != below && v != limit }
		if on {
			wait = release
			other = func(v float64) bool {
				if below {
					return v >= back
				}
				return v <= back
			}
		}
		if null(in[k]) || !other(in[k].Value) {
			k++
			continue
		}
		due, ended := in[k].Time+wait, -1
		for j := k + 1; j < len(in) && in[j].Time <= due; j++ {
			if null(in[j]) || !other(in[j].Value) {
				ended = j
				break
			}
		}
		if ended >= 0 {
			k = ended
			continue
		}
		on = !on
		i := observation.Item{Series: in[k].Series, Time: due, Marks: in[k].Marks & kept}
		if on {
			i.Value, i.Marks = 1, i.Marks|observation.Alarm
		}
		out = append(out, i)
		for k < len(in) && (in[k].Time < due || in[k].Time == due && wait >= 0) {
			k++
		}
	}
	return out
}

// judged are items with what is unusual marked, by what was usual before.
func judged(i observation.Item, known bool, middle, deviation, sigma float64) observation.Item {
	if known && (deviation > 0 && math.Abs(i.Value-middle) > sigma*deviation || deviation == 0 && i.Value != middle) {
		i.Marks |= observation.Alarm
	}
	return i
}

// TestSinglesAgainstAllTheirItems holds processors that judge item by item
// against what follows from all items that were before.
func TestSinglesAgainstAllTheirItems(t *testing.T) {
	const series = 3
	cases := []struct {
		name   string
		values map[string]any
		want   func(in []observation.Item) []observation.Item
	}{
		{"threshold", map[string]any{"limit": 200.0, "hysteresis": 100.0, "hold": "12s", "release": "5s"}, func(in []observation.Item) []observation.Item {
			return changes(in, 200, 100, false, 12_000, 5_000)
		}},
		{"threshold", map[string]any{"limit": -300.0, "direction": "below", "hysteresis": 50.0}, func(in []observation.Item) []observation.Item {
			return changes(in, -300, -250, true, 0, 0)
		}},
		{"deadband", map[string]any{"absolute": 300.0, "percent": 40.0, "longest": "40s"}, func(in []observation.Item) (out []observation.Item) {
			for _, i := range in {
				if len(out) > 0 {
					last := out[len(out)-1]
					near := null(i) == null(last) && (null(i) || math.Abs(i.Value-last.Value) <= max(300, 0.4*math.Abs(last.Value)))
					if near && i.Time-last.Time < 40_000 {
						continue
					}
				}
				out = append(out, i)
			}
			return out
		}},
		{"rate", map[string]any{"of": "gauge", "per": "min", "longest": "15s"}, func(in []observation.Item) (out []observation.Item) {
			for k := 1; k < len(in); k++ {
				a, b := in[k-1], in[k]
				if b.Time-a.Time > 15_000 {
					continue
				}
				i := observation.Item{Series: b.Series, Time: b.Time, Marks: (a.Marks | b.Marks) & (kept | observation.Null)}
				if !null(i) {
					i.Value = (b.Value - a.Value) * (60e3 / float64(b.Time-a.Time))
				}
				out = append(out, i)
			}
			return out
		}},
		{"rate", map[string]any{"of": "counter", "per": "s", "reset": "zero"}, func(in []observation.Item) (out []observation.Item) {
			for k := 1; k < len(in); k++ {
				a, b := in[k-1], in[k]
				i := observation.Item{Series: b.Series, Time: b.Time, Marks: (a.Marks | b.Marks) & (kept | observation.Null)}
				if d := b.Value - a.Value; !null(i) && d < 0 {
					i.Value, i.Marks = b.Value*(1e3/float64(b.Time-a.Time)), i.Marks|observation.Estimated
				} else if !null(i) {
					i.Value = d * (1e3 / float64(b.Time-a.Time))
				}
				out = append(out, i)
			}
			return out
		}},
		{"z-score", map[string]any{"size": "2m", "fewest": 6, "sigma": 1.5}, func(in []observation.Item) (out []observation.Item) {
			for k, i := range in {
				var sum, squares, n float64
				for _, b := range in[:k] {
					if !null(b) && b.Time > i.Time-120_000 {
						sum, n = sum+b.Value, n+1
					}
				}
				for _, b := range in[:k] {
					if !null(b) && b.Time > i.Time-120_000 {
						squares += (b.Value - sum/n) * (b.Value - sum/n)
					}
				}
				out = append(out, judged(i, n >= 6 && !null(i), sum/n, math.Sqrt(squares/(n-1)), 1.5))
			}
			return out
		}},
		{"z-score", map[string]any{"items": 8, "fewest": 4, "sigma": 2.0, "gives": "alarms"}, func(in []observation.Item) (out []observation.Item) {
			var before []float64
			for _, i := range in {
				if null(i) {
					continue
				}
				last := before[max(0, len(before)-8):]
				var sum, squares float64
				for _, v := range last {
					sum += v
				}
				n := float64(len(last))
				for _, v := range last {
					squares += (v - sum/n) * (v - sum/n)
				}
				if j := judged(i, n >= 4, sum/n, math.Sqrt(squares/(n-1)), 2); j.Marks&observation.Alarm != 0 {
					out = append(out, j)
				}
				before = append(before, i.Value)
			}
			return out
		}},
	}
	for n, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			values := map[string]any{"lateness": "0s"}
			for k, v := range c.values {
				values[k] = v
			}
			all, _, tell := scene(rand.New(rand.NewPCG(31, uint64(n))), 1, series, 600, 4_000, 30_000)
			fresh := func() Operator { return made(t, c.name, values) }
			out := play(t, fresh(), tell)
			var want []observation.Item
			for s := range observation.Series(series) {
				want = append(want, c.want(ofSeries(all, s))...)
			}
			if was, is := bits(sorted(want)), bits(sorted(out.Items)); len(was) < 10 || !slices.Equal(was, is) {
				t.Fatal(len(was), gocmp.Diff(was, is))
			}
		})
	}
}

// TestWeeklyProfileAgainstAllItsHours recomputes the mean of each hour of five
// months over a change of the clock, and what was usual at it.
func TestWeeklyProfileAgainstAllItsHours(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	all, _, tell := scene(rand.New(rand.NewPCG(37, 1)), 1, 2, 9_000, 1_400_000, 60_000)
	values := map[string]any{"lateness": "0s", "zone": "Europe/Berlin", "weeks": 4, "fewest": 3, "sigma": 3.0}
	fresh := func() Operator { return made(t, "weekly-profile", values) }
	out := play(t, fresh(), tell)
	type hour struct {
		from  record.Millis
		of    int
		items []observation.Item
	}
	var want []observation.Item
	alarms := 0
	for s := range observation.Series(2) {
		var hours []hour
		for _, i := range ofSeries(all, s) {
			if null(i) {
				continue
			}
			at := i.Time.Time().In(zone)
			from := record.MillisOf(at.Add(-time.Duration(at.Minute())*time.Minute - time.Duration(at.Second())*time.Second - time.Duration(at.Nanosecond())))
			if len(hours) == 0 || hours[len(hours)-1].from != from {
				hours = append(hours, hour{from: from, of: int(at.Weekday())*24 + at.Hour()})
			}
			h := &hours[len(hours)-1]
			h.items = append(h.items, i)
		}
		means := map[int][]float64{}
		for _, h := range hours {
			var mean float64
			i := observation.Item{Series: s, Time: h.from}
			for _, x := range h.items {
				mean += x.Value
				i.Marks |= x.Marks & kept
			}
			i.Value = mean / float64(len(h.items))
			before := means[h.of][max(0, len(means[h.of])-4):]
			middle, deviation := 0.0, 0.0
			if len(before) > 0 {
				v := slices.Sorted(slices.Values(before))
				middle = (v[(len(v)-1)/2] + v[len(v)/2]) / 2
				off := make([]float64, len(v))
				for k := range v {
					off[k] = math.Abs(v[k] - middle)
				}
				slices.Sort(off)
				deviation = 1.4826 * (off[(len(off)-1)/2] + off[len(off)/2]) / 2
			}
			if i = judged(i, len(before) >= 3, middle, deviation, 3); i.Marks&observation.Alarm != 0 {
				alarms++
			}
			means[h.of] = append(means[h.of], i.Value)
			want = append(want, i)
		}
	}
	got := sorted(out.Items)
	want = sorted(want)
	if len(got) != len(want) || len(want) < 1000 || alarms < 20 {
		t.Fatalf("%d hours, recomputed %d with %d alarms", len(got), len(want), alarms)
	}
	for k, w := range want {
		if g := got[k]; g.Time != w.Time || g.Series != w.Series || g.Marks != w.Marks || math.Abs(g.Value-w.Value) > 1e-9*max(1, math.Abs(w.Value)) {
			t.Fatalf("hour %d is %+v, recomputed %+v", k, g, w)
		}
	}
}

// TestJoinAgainstAllItsItems recomputes a quotient at each time at which either
// of its inputs tells something.
func TestJoinAgainstAllItsItems(t *testing.T) {
	const tolerance = 20_000
	for n, missing := range []string{"skip", "null", "zero"} {
		t.Run(missing, func(t *testing.T) {
			all, of, tell := scene(rand.New(rand.NewPCG(41, uint64(n))), 2, 2, 400, 6_000, 30_000)
			fresh := func() Operator {
				return made(t, "join", map[string]any{"expression": "x1 - 2 * x2", "tolerance": "20s", "missing": missing, "lateness": "0s"}, "A", "B")
			}
			out := play(t, fresh(), tell)
			var want []observation.Item
			for s := range observation.Series(2) {
				var times []record.Millis
				for _, i := range ofSeries(all, s) {
					times = append(times, i.Time)
				}
				slices.Sort(times)
				for _, at := range slices.Compact(times) {
					var v [2]float64
					w := observation.Item{Series: s, Time: at}
					lacks := false
					for input := range 2 {
						var last observation.Item
						ok := false
						for k, i := range all {
							if of[k] == input && i.Series == s && i.Time <= at && (!ok || i.Time >= last.Time) {
								last, ok = i, true
							}
						}
						if ok && !null(last) && at-last.Time <= tolerance {
							v[input] = last.Value
							w.Marks |= last.Marks & kept
							continue
						}
						lacks = true
						if missing == "zero" {
							w.Marks |= observation.Estimated
						}
					}
					switch {
					case lacks && missing == "skip":
						continue
					case lacks && missing == "null":
						// What the others were is not told of what is not known.
						w.Marks = observation.Null
					default:
						w.Value = v[0] - 2*v[1]
					}
					want = append(want, w)
				}
			}
			was, is := sorted(want), sorted(out.Items)
			for k := range is {
				if null(is[k]) {
					is[k].Marks &^= kept
				}
			}
			if was, is := bits(was), bits(is); len(was) < 100 || !slices.Equal(was, is) {
				t.Fatal(len(was), gocmp.Diff(was, is))
			}
		})
	}
}
