package replay

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/bridge"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/demo"
	"github.com/wattwerk/wattwerk/record"
)

// kept is a taker that remembers when what came.
type kept struct {
	mu       sync.Mutex
	readings []bridge.Reading
	when     []time.Time
	faults   []error
	busy     int // so many calls fail first
}

func (k *kept) TakeReadings(_ context.Context, _ string, seq iter.Seq2[bridge.Reading, error]) (bridge.Answer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.busy > 0 {
		k.busy--
		return bridge.Answer{}, bus.ErrBusy
	}
	var a bridge.Answer
	for r, err := range seq {
		if err != nil {
			a.Refused++
			k.faults = append(k.faults, err)
			continue
		}
		a.Accepted++
		k.readings = append(k.readings, r)
		k.when = append(k.when, time.Now())
	}
	return a, nil
}

func text(s string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil }
}

var minutes = Mapping{Name: "test", Time: "t", Format: "2006-01-02 15:04", Interval: time.Minute, Values: []Value{{Column: "p", Sensor: "s", Unit: "kW"}}}

// energy is what a sensor's values sum up to in Wh when each holds until the
// next, but no longer than the interval. It gives how many intervals are missing.
func energy(t *testing.T, rs []bridge.Reading, sensor string, interval time.Duration) (wh float64, first, last record.Millis, missing int) {
	t.Helper()
	n := 0
	for _, r := range rs {
		if r.Sensor != sensor {
			continue
		}
		if n == 0 {
			first = r.Time
		} else if d := r.Time - last; d <= 0 || d%record.Millis(interval.Milliseconds()) != 0 {
			t.Fatalf("%s: %s after %s", sensor, r.Time, last)
		} else {
			missing += int(d)/int(interval.Milliseconds()) - 1
		}
		last = r.Time
		w, q, err := record.Convert(r.Value, r.Unit)
		if err != nil || q != record.ActivePower {
			t.Fatal(q, err)
		}
		wh += w * interval.Hours()
		n++
	}
	return wh, first, last, missing
}

// column sums a column up, read without any code of this package.
func column(t *testing.T, open func() (io.ReadCloser, error), name string) (sum float64, rows int) {
	t.Helper()
	f, err := open()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(strings.TrimPrefix(string(all), "\uFEFF")), "\n")
	head := strings.Split(strings.TrimSpace(lines[0]), ",")
	for _, l := range lines[1:] {
		fields := strings.Split(l, ",")
		if len(fields) != len(head) {
			continue
		}
		for i, h := range head {
			if h == name && fields[i] != "" && fields[i] != "\r" {
				v, err := strconv.ParseFloat(fields[i], 64)
				if err != nil {
					t.Fatal(err)
				}
				sum += v
			}
		}
		rows++
	}
	return sum, rows
}

func TestEnergyIsThatOfTheFiles(t *testing.T) {
	for _, c := range []struct {
		mapping     Mapping
		open        func() (io.ReadCloser, error)
		toWh        map[string]float64 // column: Wh in one unit of its sum
		first, last string
		refused     int
		missing     int // rows without values
	}{
		{Household(), demo.Household, map[string]float64{"Global_active_power": 1000. / 60, "Sub_metering_1": 1, "Sub_metering_2": 1, "Sub_metering_3": 1},
			"2006-12-16T16:24:00.000Z", "2006-12-30T04:29:00.000Z", 1, 2},
		{Steel(), demo.SteelWorks, map[string]float64{"Usage_kWh": 1000}, "2017-12-31T15:00:00.000Z", "2018-12-31T14:45:00.000Z", 0, 0},
	} {
		k := &kept{busy: 2}
		var told []Progress
		p, err := Run(t.Context(), Options{Taker: k, Mapping: c.mapping, Open: c.open, Retry: time.Millisecond, Progress: func(p Progress) { told = append(told, p) }})
		if err != nil {
			t.Fatal(err)
		}
		if p.Refused != c.refused || p.Missing != c.missing*len(c.mapping.Values) || p.Accepted != len(k.readings) || len(told) < 2 || told[len(told)-1] != p || p.At.String() != c.last {
			t.Errorf("%s: %+v, told %d times", c.mapping.Name, p, len(told))
		}
		for _, v := range c.mapping.Values {
			sum, rows := column(t, c.open, v.Column)
			got, first, last, missing := energy(t, k.readings, v.Sensor, c.mapping.Interval)
			if want := sum * c.toWh[v.Column]; math.Abs(got-want) > 1e-9*want {
				t.Errorf("%s: %v Wh, the file says %v", v.Sensor, got, want)
			}
			if first.String() != c.first || last.String() != c.last || p.Rows != rows+c.refused || missing != c.missing {
				t.Errorf("%s: %s to %s, %d rows of %d, %d missing", v.Sensor, first, last, p.Rows, rows, missing)
			}
		}
	}
}

func TestRows(t *testing.T) {
	paris := minutes
	paris.Zone = "Europe/Paris"
	german := Mapping{Name: "german", Time: "Zeit", Format: "02.01.2006 15:04", Zone: "Europe/Berlin", Comma: ";", Decimal: ",", Interval: 15 * time.Minute, Ends: true,
		Values: []Value{{Column: "kWh", Sensor: "w", Unit: "kWh", PerInterval: true}}}
	for _, c := range []struct {
		name string
		m    Mapping
		in   string
		want []string
	}{
		{"plain", minutes, "t,p\n2024-01-01 00:00,1.5\n", []string{"s 2024-01-01T00:00:00.000Z 1.5 kW"}},
		{"mark, Windows lines, order of columns", minutes, "\uFEFFp,x,t\r\n1,a,2024-01-01 00:00\r\n", []string{"s 2024-01-01T00:00:00.000Z 1 kW"}},
		{"faults among others", minutes, "t,p\n2024-01-01 00:00,?\nyesterday,1\n2024-01-01\n2024-01-01 00:03,x\n2024-01-01 00:04,4\n2024-0",
			[]string{`fault row 3: time "yesterday" is not like "2006-01-02 15:04"`, "fault row 4 has 1 of 2 columns",
				`fault row 5: column p: "x" is not a number`, "s 2024-01-01T00:04:00.000Z 4 kW", "fault row 7 has 1 of 2 columns"}},
		{"no column", minutes, "a,b\n1,2\n", []string{`the file does not have the column "t"`}},
		{"empty", minutes, "", []string{"read the first row: EOF"}},
		{"clocks put back", paris, "t,p\n2024-10-27 01:59,0\n2024-10-27 02:00,1\n2024-10-27 02:59,2\n2024-10-27 02:00,3\n2024-10-27 02:59,4\n2024-10-27 03:00,5\n", []string{
			"s 2024-10-26T23:59:00.000Z 0 kW", "s 2024-10-27T00:00:00.000Z 1 kW", "s 2024-10-27T00:59:00.000Z 2 kW",
			"s 2024-10-27T01:00:00.000Z 3 kW", "s 2024-10-27T01:59:00.000Z 4 kW", "s 2024-10-27T02:00:00.000Z 5 kW"}},
		{"semicolons and decimal commas", german, "Zeit;kWh\n31.12.2023 00:15;1,25\n", []string{"w 2023-12-30T23:00:00.000Z 5000 W"}},
		{"midnight last", Steel(), "date,Usage_kWh\n1/1/2018 23:45,1\n1/1/2018 0:00,2\n2/1/2018 0:15,3\n", []string{
			"steel-works.main 2018-01-01T14:30:00.000Z 4000 W", "steel-works.main 2018-01-01T14:45:00.000Z 8000 W", "steel-works.main 2018-01-01T15:00:00.000Z 12000 W"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for row, err := range Rows(strings.NewReader(c.in), c.m) {
				var fault *bridge.Refusal
				if errors.As(err, &fault) {
					got = append(got, "fault "+err.Error())
				} else if err != nil {
					got = append(got, err.Error())
				}
				for _, r := range row.Readings {
					got = append(got, fmt.Sprintf("%s %s %v %s", r.Sensor, r.Time, r.Value, r.Unit))
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMappingsAreChecked(t *testing.T) {
	for want, change := range map[string]func(*Mapping){
		"no column":    func(m *Mapping) { m.Time = "" },
		"how long":     func(m *Mapping) { m.Interval = 0 },
		"separated":    func(m *Mapping) { m.Comma = "\n" },
		"decimal":      func(m *Mapping) { m.Decimal = "x" },
		"furlong":      func(m *Mapping) { m.Values = []Value{{Column: "p", Sensor: "s", Unit: "furlong"}} },
		"only energy":  func(m *Mapping) { m.Values = []Value{{Column: "p", Sensor: "s", Unit: "kW", PerInterval: true}} },
		"is empty":     func(m *Mapping) { m.Values = []Value{{Column: "p", Unit: "kW"}} },
		"zone":         func(m *Mapping) { m.Zone = "Mars/Olympus" },
		"or none of v": func(m *Mapping) { m.Values = nil },
	} {
		m := minutes
		change(&m)
		if err := m.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
		if _, err := Run(t.Context(), Options{Taker: &kept{}, Mapping: m, Open: text("")}); err == nil {
			t.Errorf("%s: runs", want)
		}
	}
	if _, err := Run(t.Context(), Options{Taker: &kept{}, Mapping: minutes, Open: text("t,p"), Speed: -1}); err == nil {
		t.Error("a negative speed runs")
	}
	if _, err := Run(t.Context(), Options{Taker: &kept{}, Mapping: minutes, Open: text("t,q\n")}); !errors.Is(err, ErrHeader) {
		t.Errorf("no column: %v", err)
	}
}

func TestSpeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, began := &kept{}, time.Now()
		in := "t,p\n2024-01-01 00:00,0\n2024-01-01 00:01,1\n2024-01-01 00:01,1\n2024-01-01 01:00,2\n"
		if _, err := Run(t.Context(), Options{Taker: k, Mapping: minutes, Open: text(in), Speed: 60}); err != nil {
			t.Fatal(err)
		}
		var got []time.Duration
		for _, w := range k.when {
			got = append(got, w.Sub(began))
		}
		if diff := cmp.Diff([]time.Duration{0, time.Second, time.Second, time.Minute}, got); diff != "" {
			t.Error(diff)
		}
	})
}

// hours is a file of n hours, one row an hour, whose value is its number.
func hours(n int) string {
	var b strings.Builder
	b.WriteString("t,p\n")
	for i := range n {
		fmt.Fprintf(&b, "%s,%d\n", time.Date(1999, 2, 3, 4, 0, 0, 0, time.UTC).Add(time.Duration(i)*time.Hour).Format("2006-01-02 15:04"), i)
	}
	return b.String()
}

func TestLive(t *testing.T) {
	hourly := minutes
	hourly.Interval = time.Hour
	const week = 7 * 24
	play := func(t *testing.T, stay time.Duration) *kept {
		k := &kept{busy: 1}
		ctx, cancel := context.WithTimeout(t.Context(), stay)
		defer cancel()
		var last Progress
		p, err := Run(ctx, Options{Taker: k, Mapping: hourly, Open: text(hours(week + 30)), Live: true, Backfill: 48 * time.Hour, Progress: func(p Progress) { last = p }})
		if err != nil || p != last || !p.Live || p.Of < 48 || p.Of > 49 {
			t.Error(p, last, err)
		}
		return k
	}
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		k := play(t, 10*24*time.Hour+time.Minute)
		// Every hour from 48 hours ago, each when its time comes, in the rhythm of the week.
		first := record.MillisOf(began.Add(-48 * time.Hour))
		for i, r := range k.readings {
			if want := first + record.Millis(i)*3600_000; r.Time != want {
				t.Fatalf("reading %d is of %s, want %s", i, r.Time, want)
			}
			since := r.Time.Time().Sub(time.Date(1999, 2, 3, 4, 0, 0, 0, time.UTC)) / time.Hour
			if r.Value != float64(since%week) {
				t.Fatalf("%s: %v, want %v", r.Time, r.Value, since%week)
			}
			late := k.when[i].Sub(r.Time.Time())
			if r.Time > record.MillisOf(began) && (late < 0 || late > 10*time.Millisecond) {
				t.Fatalf("%s was sent %s late", r.Time, late)
			}
		}
		if n := len(k.readings); n != 48+10*24+1 {
			t.Errorf("%d readings", n)
		}
		// Started again, it sends the same for the same times.
		again := play(t, time.Minute)
		at := map[record.Millis]float64{}
		for _, r := range k.readings {
			at[r.Time] = r.Value
		}
		for _, r := range again.readings {
			if v, ok := at[r.Time]; ok && v != r.Value {
				t.Errorf("%s: %v, before %v", r.Time, r.Value, v)
			}
		}
	})
}

func TestLoop(t *testing.T) {
	for _, c := range []struct {
		hours, rows int
		period      time.Duration
	}{{1, 1, time.Hour}, {5, 5, 5 * time.Hour}, {30, 24, 24 * time.Hour}, {170, 168, 168 * time.Hour}, {400, 336, 336 * time.Hour}, {0, 0, 0}} {
		var all []Row
		for row, err := range Rows(strings.NewReader(hours(c.hours)), minutes) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, row)
		}
		rows, period := Loop(all, time.Hour)
		if len(rows) != c.rows || period != c.period {
			t.Errorf("%d hours: %d rows, %s", c.hours, len(rows), period)
		}
	}
	// Times before the file: the loops go back too.
	rows := []Row{{At: 10_000}, {At: 12_000}}
	for _, from := range []record.Millis{0, 1, 5, 10_000, 10_001, 12_001} {
		c := newCursor(rows, 5*time.Second, from)
		if c.at() < from || c.at()-from >= 5000 || (c.at()-10_000)%5000 != 0 && (c.at()-12_000)%5000 != 0 {
			t.Errorf("from %d: %d", from, c.at())
		}
	}
}

func FuzzRows(f *testing.F) {
	f.Add("t,p\n2024-01-01 00:00,1.5\n\"x\n", false)
	f.Add("\uFEFFt;p\r\n1;2\r\n", true)
	f.Fuzz(func(t *testing.T, in string, other bool) {
		m := minutes
		if other {
			m.Comma, m.Decimal, m.Format, m.Ends, m.Midnight, m.Zone = ";", ",", "", true, true, "Europe/Paris"
		}
		lines, rows := 0, 0
		for _, err := range Rows(strings.NewReader(in), m) {
			if rows++; err != nil && err.Error() == "" {
				t.Error("an empty reason")
			}
		}
		r := csv.NewReader(strings.NewReader(in))
		r.LazyQuotes, r.FieldsPerRecord = true, -1
		for {
			if _, err := r.Read(); err == io.EOF {
				break
			}
			lines++
		}
		if !other && rows > 2*lines+1 {
			t.Errorf("%d rows of %d lines", rows, lines)
		}
	})
}
