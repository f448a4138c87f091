package uc

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/record"
)

func paris(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// steps gives every batch of a load to the operator of its partition.
func steps(t *testing.T, l *Load, size int, step func(p int, b *record.Batch)) (records int64) {
	t.Helper()
	var b record.Batch
	for p, x := range l.lanes() {
		if err := x.fill(l.End, size, func(batch []byte, n int) error {
			if err := b.Decode(batch); err != nil {
				return err
			}
			if b.Len() != n {
				t.Fatalf("a batch of %d has %d records", n, b.Len())
			}
			for i, name := range b.Names() {
				if record.Partition(name, l.Partitions) != p {
					t.Fatalf("%s, number %d of a batch, is not of partition %d", name, i, p)
				}
			}
			records += int64(n)
			step(p, &b)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	return records
}

func TestLoadIsWhatItsDefinitionSays(t *testing.T) {
	for _, l := range []Load{
		{Sensors: 1, Period: 1000, Start: 500, End: 1500, Partitions: 1},
		{Sensors: 10, Period: 1000, Start: 0, End: 7777, Partitions: 3, Seed: 4},
		{Sensors: 500, Period: 250, Start: 1_700_000_000_000, End: 1_700_000_003_000, Partitions: 16},
	} {
		for _, size := range []int{1, 7, 1000} {
			type key struct {
				s record.SensorID
				t record.Millis
			}
			got := make(map[key]float64)
			last := make([]record.Millis, l.Partitions)
			n := steps(t, &l, size, func(p int, b *record.Batch) {
				b.Names()
				for i := range b.Len() {
					r := b.At(i)
					if r.Time < last[p] {
						t.Fatalf("partition %d goes back from %v to %v", p, last[p], r.Time)
					}
					last[p] = r.Time
					got[key{r.Sensor, r.Time}] = r.Value
				}
			})
			if n != l.Records() || int64(len(got)) != n {
				t.Errorf("%+v in batches of %d: %d records, %d different, want %d", l, size, n, len(got), l.Records())
			}
			for i := range l.Sensors {
				for k := range l.readings(i, l.End) {
					at := l.Start + l.phase(i) + record.Millis(k)*l.Period
					if got[key{l.Sensor(i), at}] != float64(l.eighths(i, k))/8 {
						t.Fatalf("reading %d of sensor %d is %v", k, i, got[key{l.Sensor(i), at}])
					}
				}
				if r := l.readings(i, l.End); l.readings(i, l.Start+l.phase(i)+record.Millis(r-1)*l.Period) != r-1 {
					t.Fatalf("sensor %d: a reading is not before itself", i)
				}
			}
			if p := record.Partition(l.Sensor(0), l.Partitions); l.Sensors == 1 {
				if at, ok := l.newest(p, l.End); !ok || at != last[p] {
					t.Errorf("the newest is %v %v, want %v", at, ok, last[p])
				}
			}
		}
	}
}

func TestLoadRefusesWhatCannotWork(t *testing.T) {
	for _, l := range []Load{
		{Sensors: 0, Period: 1, End: 1, Partitions: 1}, {Sensors: 1, Period: 0, End: 1, Partitions: 1},
		{Sensors: 1, Period: 10, End: 9, Partitions: 1}, {Sensors: 1, Period: 1, End: 1},
	} {
		if l.Validate() == nil {
			t.Errorf("%+v was taken", l)
		}
	}
}

// check judges results by sensor against what should be of each.
func check(t *testing.T, l *Load, got map[record.SensorID][]Result, want func(i int) map[window]*tally) verdict {
	t.Helper()
	var v verdict
	for i := range l.Sensors {
		judge(got[l.Sensor(i)], want(i), &v)
	}
	if v.wrong != 0 || v.missing != 0 || v.results == 0 {
		t.Errorf("%+v of %+v", v, *l)
	}
	return v
}

func TestTumbling(t *testing.T) {
	l := Load{Sensors: 50, Period: 700, Start: 1_700_000_000_123, End: 1_700_000_200_000, Partitions: 4, Seed: 1}
	for _, size := range []int{3, 1000} {
		got := make(map[record.SensorID][]Result)
		var ops []*Tumbling
		for range l.Partitions {
			ops = append(ops, NewTumbling(60_000, 0, func(r Result) { got[r.Sensor] = append(got[r.Sensor], r) }))
		}
		steps(t, &l, size, func(p int, b *record.Batch) { ops[p].Step(b) })
		for _, w := range ops {
			w.Finish()
			if w.Late() != 0 {
				t.Errorf("%d records were late", w.Late())
			}
		}
		v := check(t, &l, got, func(i int) map[window]*tally { return l.tumblingOf(i, 60_000) })
		if v.results != 50*4 {
			t.Errorf("%d results", v.results)
		}
	}
}

func batch(t *testing.T, records ...record.Record) *record.Batch {
	t.Helper()
	var b, out record.Batch
	for _, r := range records {
		b.Append(r)
	}
	if err := out.Decode(b.Encode(nil)); err != nil {
		t.Fatal(err)
	}
	return &out
}

func TestTumblingWaitsForTheGrace(t *testing.T) {
	var got []Result
	w := NewTumbling(1000, 500, func(r Result) { got = append(got, r) })
	w.Step(batch(t, record.Record{Sensor: "a", Time: 900, Value: 1}, record.Record{Sensor: "a", Time: 1400, Value: 5}))
	if len(got) != 0 {
		t.Fatalf("told of a window within the grace: %+v", got)
	}
	w.Step(batch(t, record.Record{Sensor: "b", Time: 100, Value: 3}, record.Record{Sensor: "b", Time: 1500, Value: 3}))
	if len(got) != 2 || got[0].Sensor != "a" || got[0].Count != 1 || got[1].Sensor != "b" || got[1].Mean != 3 {
		t.Fatalf("got %+v", got)
	}
	w.Step(batch(t, record.Record{Sensor: "a", Time: 999, Value: 7}))
	if w.Late() != 1 {
		t.Errorf("%d late", w.Late())
	}
	w.Finish()
	if len(got) != 4 || got[2].Final || got[2].Count != 1 || got[2].Start != 1000 {
		t.Errorf("got %+v", got)
	}
}

func TestHourOfDay(t *testing.T) {
	zone := paris(t)
	// Over both changes of the clocks of 2024, and in a window that begins at midnight.
	for _, l := range []Load{
		{Sensors: 3, Period: 1_200_000, Start: record.MillisOf(time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)), End: record.MillisOf(time.Date(2024, 4, 20, 5, 0, 0, 0, time.UTC)), Partitions: 2},
		{Sensors: 3, Period: 1_200_000, Start: record.MillisOf(time.Date(2024, 10, 20, 7, 0, 0, 0, time.UTC)), End: record.MillisOf(time.Date(2024, 12, 2, 0, 0, 0, 0, time.UTC)), Partitions: 2},
	} {
		got := hours(t, &l, zone, 30, 0)
		check(t, &l, got, func(i int) map[window]*tally { return l.hoursOf(i, zone, 30, 0, newestOf(t, &l, i)) })
	}
}

func TestHourOfDayTellsEarly(t *testing.T) {
	zone := paris(t)
	midnight := record.MillisOf(time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC))
	for _, l := range []Load{
		{Sensors: 5, Period: 1000, Start: midnight - 70_000, End: midnight + 70_000, Partitions: 2},   // a day ends
		{Sensors: 5, Period: 1000, Start: midnight + 3_550_000, End: midnight + 3_660_000},            // an hour ends
		{Sensors: 2, Period: 40_000, Start: midnight - 200_000, End: midnight + 200_000, Seed: 3},     // slower than it tells
		{Sensors: 2, Period: 7_200_000, Start: midnight - 4*86_400_000, End: midnight, Partitions: 1}, // days
	} {
		l.Partitions = max(1, l.Partitions)
		for _, days := range []int{1, 3, 30} {
			got := hours(t, &l, zone, days, 15_000)
			check(t, &l, got, func(i int) map[window]*tally { return l.hoursOf(i, zone, days, 15_000, newestOf(t, &l, i)) })
		}
	}
}

func newestOf(t *testing.T, l *Load, i int) record.Millis {
	t.Helper()
	newest, ok := l.newest(record.Partition(l.Sensor(i), l.Partitions), l.End)
	if !ok {
		t.Fatalf("sensor %d has no readings", i)
	}
	return newest
}

func hours(t *testing.T, l *Load, zone *time.Location, days int, every record.Millis) map[record.SensorID][]Result {
	t.Helper()
	got := make(map[record.SensorID][]Result)
	var ops []*HourOfDay
	for range l.Partitions {
		ops = append(ops, NewHourOfDay(zone, days, every, func(r Result) { got[r.Sensor] = append(got[r.Sensor], r) }))
	}
	steps(t, l, 100, func(p int, b *record.Batch) { ops[p].Step(b) })
	for _, w := range ops {
		if w.Late() != 0 {
			t.Errorf("%d records were late", w.Late())
		}
	}
	return got
}

func TestHourOfDayOutOfOrder(t *testing.T) {
	zone := paris(t)
	start := record.MillisOf(time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC))
	var got []Result
	w := NewHourOfDay(zone, 2, 0, func(r Result) { got = append(got, r) })
	w.Step(batch(t, record.Record{Sensor: "a", Time: start + day, Value: 1}, record.Record{Sensor: "a", Time: start + 1, Value: 3}))
	w.Step(batch(t, record.Record{Sensor: "a", Time: start + 2*day, Value: 1}, record.Record{Sensor: "a", Time: start, Value: 3}))
	// The second day's end: of both days, though the first came late.
	if len(got) != 1 || got[0].Count != 2 || got[0].Hour != 2 || got[0].End != start+2*day || w.Late() != 1 {
		t.Errorf("got %+v, %d late", got, w.Late())
	}
}

func TestMomentsMerge(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		var whole Moments
		parts := make([]Moments, 1+rng.IntN(5))
		var want tally
		for range 1 + rng.IntN(50) {
			v := int64(rng.IntN(4000)) - 2000
			whole.Add(float64(v) / 8)
			parts[rng.IntN(len(parts))].Add(float64(v) / 8)
			want.add(v)
		}
		var merged Moments
		for i := range parts {
			merged.Merge(&parts[i])
		}
		if !want.agrees(&whole) || !want.agrees(&merged) {
			t.Fatalf("%+v and %+v, want %+v", whole, merged, want)
		}
	}
}

func TestTheOracleSeesErrors(t *testing.T) {
	l := Load{Sensors: 1, Period: 1000, Start: 0, End: 120_000, Partitions: 1}
	want := l.tumblingOf(0, 60_000)
	right := func() []Result {
		var got []Result
		w := NewTumbling(60_000, 0, func(r Result) { got = append(got, r) })
		steps(t, &l, 1000, func(_ int, b *record.Batch) { w.Step(b) })
		w.Finish()
		return got
	}
	for name, spoil := range map[string]func([]Result) []Result{
		"mean":     func(r []Result) []Result { r[0].Mean += 1e-8; return r },
		"variance": func(r []Result) []Result { r[0].m2 *= 1 + 1e-6; return r },
		"count":    func(r []Result) []Result { r[0].Count++; return r },
		"least":    func(r []Result) []Result { r[0].Min -= 0.125; return r },
		"most":     func(r []Result) []Result { r[0].Max += 0.125; return r },
		"twice":    func(r []Result) []Result { return append(r, r[0]) },
		"missing":  func(r []Result) []Result { return r[1:] },
		"window":   func(r []Result) []Result { r[0].Start += 60_000; return r },
	} {
		var v verdict
		judge(spoil(right()), want, &v)
		if v.wrong+v.missing == 0 {
			t.Errorf("%s: the error was not seen", name)
		}
	}
}

func TestResultsOnTheWire(t *testing.T) {
	var want []Result
	for i := range 3 {
		r := Result{Sensor: record.SensorID(rune('a' + i)), Hour: int8(i) - 1, Start: 60_000, End: 120_000, At: 119_000, Final: i == 1}
		r.Add(float64(i) - 0.5)
		r.Add(7)
		want = append(want, r)
	}
	var data []byte
	for i := range want {
		data = appendResult(data, &want[i])
	}
	var got []Result
	if err := decodeResults(data, func(r Result) { got = append(got, r) }); err != nil || len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for n := range data {
		// A cut message is an error, unless it is cut between results.
		if err := decodeResults(data[:n], func(Result) {}); (err == nil) != (n%(len(data)/3) == 0) {
			t.Errorf("a message cut at %d of %d: %v", n, len(data), err)
		}
	}
}
