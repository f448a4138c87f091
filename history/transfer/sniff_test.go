package transfer

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/record"
)

// parsed reads a file as it was guessed, and writes what it holds.
func parsed(t *testing.T, file []byte, o ImportOptions) (values, refused []string) {
	t.Helper()
	_, err := Parse(t.Context(), bytes.NewReader(file), o, func(id record.SensorID, ts []record.Millis, vs []float64) error {
		for i, at := range ts {
			values = append(values, fmt.Sprintf("%s %s %v", id, at.Time().Format("01-02 15:04"), vs[i]))
		}
		return nil
	}, nil, func(x ImportRefusal) { refused = append(refused, fmt.Sprintf("%d %s %s", x.Line, x.Sensor, x.Reason)) })
	if err != nil {
		t.Fatal(err)
	}
	return values, refused
}

// TestStrangers guesses how files of strangers are to be read, and reads them.
func TestStrangers(t *testing.T) {
	for name, c := range map[string]struct {
		zone    string
		guess   string
		columns string
		values  []string // first and last
		count   int
		refused []string
	}{
		"grid-operator.csv": {
			zone: "Europe/Berlin", guess: `latin-1 ';' comma=true skip=3 headless=false date="Datum" time="Uhrzeit" "2.1.2006 15:04" end=true 15m0s`,
			columns: "Datum=date Uhrzeit=time Verbrauch (kWh)=value/kWh/counter Status=other",
			values:  []string{"Verbrauch (kWh) 10-27 22:15 0.5", "Verbrauch (kWh) 10-28 22:00 1095"}, count: 96,
		},
		"utf16.csv": {
			zone: "Europe/Berlin", guess: `utf-16le '\t' comma=true skip=0 headless=false date="" time="Zeitstempel" "2.1.2006 15:04" end=false 15m0s`,
			columns: "Zeitstempel=time Leistung [kW]=value/kW/gauge",
			values:  []string{"Leistung 10-28 23:45 1.234e+06", "Leistung 10-29 02:00 1.23409e+06"}, count: 10,
		},
		"utf16-no-mark.csv": {
			guess:   `utf-16be ',' comma=false skip=0 headless=false date="" time="time" "2006-01-02 15:04" end=false 1m0s`,
			columns: "time=time a [W]=value/W/gauge", values: []string{"a 01-01 00:00 0", "a 01-01 00:29 29"}, count: 30,
		},
		"mark.csv": {
			guess:   `utf-8 ';' comma=true skip=0 headless=false date="" time="time" "2006-01-02T15:04:05.999999999Z07:00" end=false 1m0s`,
			columns: "time=time a [kW]=value/kW/gauge b [kWh]=value/kWh/counter",
			values:  []string{"a 01-01 00:00 1500", "b 01-01 00:02 12000"}, count: 6,
		},
		"newest-first.csv": {
			zone: "Europe/Berlin", guess: `utf-8 ',' comma=false skip=0 headless=false date="" time="time" "2006-01-02 15:04" end=false 30m0s`,
			columns: "time=time a=value//gauge", values: []string{"a 10-29 02:00 0", "a 10-28 23:30 5"}, count: 6,
		},
		"skipped-hour.csv": {
			zone: "Europe/Berlin", guess: `utf-8 ',' comma=false skip=0 headless=false date="" time="time" "2006-01-02 15:04" end=false 30m0s`,
			columns: "time=time a=value//gauge", values: []string{"a 03-26 00:30 1", "a 03-26 01:00 3"}, count: 2,
			refused: []string{`3  time "2023-03-26 02:30" does not exist in Europe/Berlin`},
		},
		"broken.csv": {
			guess:   `utf-8 ',' comma=false skip=0 headless=false date="" time="time" "2006-01-02 15:04" end=false 1m0s`,
			columns: "time=time a=other b=value//gauge", values: []string{"a 01-01 00:00 1", "b 01-01 00:08 12"}, count: 9,
			refused: []string{
				`3 a "=cmd|' /C calc'!A0" is not a number`, `4 a "+1+1" is not a number`, "6  the row has 4 fields, the head 3", `7  time "never" does not have the layout`,
				`8 a "0x1p-2" is not a number`, `9 a "1\x002" is not a number`, `10 a "1,5" is not a number`, `11 a "1.234.567" is not a number`, `13 b "\xff" is not a number`,
			},
		},
		"headless.csv": {
			guess:   `utf-8 ';' comma=false skip=0 headless=true date="" time="1" "unix" end=false 1m0s`,
			columns: "1=time 2=value//gauge 3=value//gauge", values: []string{"2 01-01 00:00 5", "3 01-01 00:02 9"}, count: 6,
		},
		"milliseconds.csv": {
			guess:   `utf-8 ',' comma=false skip=0 headless=false date="" time="ts" "unix_ms" end=false 1m0s`,
			columns: "ts=time value=value//gauge sensor=sensor", values: []string{"a 01-01 00:00 0", "b 01-01 00:09 19"}, count: 20,
		},
		"american.csv": {
			guess:   `utf-8 ',' comma=false skip=0 headless=false date="" time="Timestamp" "1/2/2006 3:04 PM" end=false 1h0m0s`,
			columns: "Timestamp=time Usage_kWh=value/kWh/counter", values: []string{"Usage_kWh 01-12 13:00 12.5", "Usage_kWh 01-14 15:00 14.5"}, count: 9,
		},
		"twins.csv": {
			guess:   `utf-8 ',' comma=false skip=0 headless=false date="" time="time" "2006-01-02 15:04" end=false 15m0s`,
			columns: "time=time kWh=value//gauge kWh (2)=value//gauge column 4=value//gauge",
			values:  []string{"kWh 01-01 00:00 1", "column 4 01-01 00:30 3"}, count: 9,
		},
		"units-below.csv": {
			guess:   `utf-8 ';' comma=true skip=0 headless=false date="" time="Date/Time" "2.1.2006 15:04" end=false 15m0s`,
			columns: "Date/Time=time Main=value//gauge Press=value//gauge", values: []string{"Main 02-01 00:00 1.1", "Press 02-01 00:15 2"}, count: 4,
			refused: []string{`2  time "" does not have the layout`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			file, err := os.ReadFile("testdata/strangers/" + name)
			if err != nil {
				t.Fatal(err)
			}
			g, err := Sniff(file)
			if err != nil {
				t.Fatal(err)
			}
			o := g.Options
			got := fmt.Sprintf("%s %q comma=%t skip=%d headless=%t date=%q time=%q %q end=%t %s", o.Encoding, o.Delimiter, o.Comma, o.Skip, o.Headless, o.Date, o.Time, o.Layout, o.End, g.Step)
			if got != c.guess {
				t.Errorf("guessed\n%s, want\n%s", got, c.guess)
			}
			var columns []string
			for _, x := range g.Columns {
				text := x.Name + "=" + x.Role
				if x.Role == RoleValue {
					text += "/" + x.Unit + "/" + x.Shape
				}
				columns = append(columns, text)
			}
			if got := strings.Join(columns, " "); got != c.columns {
				t.Errorf("columns\n%s, want\n%s", got, c.columns)
			}
			if c.zone != "" {
				o.Zone = zone(t, c.zone)
			}
			if o.Date != "" {
				o.Columns = []ImportColumn{{Column: "Verbrauch (kWh)"}}
			}
			values, refused := parsed(t, file, o)
			if len(values) != c.count || values[0] != c.values[0] || values[len(values)-1] != c.values[1] {
				t.Errorf("%d values, %q to %q; want %d, %q", len(values), values[0], values[len(values)-1], c.count, c.values)
			}
			if !slices.EqualFunc(refused, c.refused, strings.HasPrefix) {
				t.Errorf("refused\n%s\nwant\n%s", strings.Join(refused, "\n"), strings.Join(c.refused, "\n"))
			}
			if strings.Contains(name, "utf16.") || strings.Contains(name, "newest") {
				var times []string
				for _, v := range values {
					times = append(times, v[:strings.LastIndex(v, " ")])
				}
				slices.Sort(times)
				if len(slices.Compact(times)) != c.count {
					t.Errorf("two rows of the repeated hour are at one time: %v", values)
				}
			}
		})
	}
}

// TestAmounts reads amounts of intervals that are stamped with their end, in a
// zone whose clock moves by half an hour, over both changes.
func TestAmounts(t *testing.T) {
	lordHowe := zone(t, "Australia/Lord_Howe")
	for _, at := range []time.Time{time.Date(2023, 4, 1, 12, 0, 0, 0, time.UTC), time.Date(2023, 9, 30, 12, 0, 0, 0, time.UTC)} {
		var file strings.Builder
		file.WriteString("time;x\n")
		var want []string
		for i := range 12 {
			end := at.Add(time.Duration(i+1) * 15 * time.Minute)
			fmt.Fprintf(&file, "%s;%d,5\n", end.In(lordHowe).Format("02.01.2006 15:04"), i)
			want = append(want, fmt.Sprintf("a %s %v", end.Add(-15*time.Minute).Format("01-02 15:04"), float64(i)*4000+2000))
		}
		got, refused := parsed(t, []byte(file.String()), ImportOptions{
			Layout: "2.1.2006 15:04", Zone: lordHowe, Comma: true, End: true, Columns: []ImportColumn{{Column: "x", Sensor: "a", Unit: "kWh", Per: 15 * time.Minute}},
		})
		if !slices.Equal(got, want) || refused != nil {
			t.Errorf("got %v, refused %v, want %v", got, refused, want)
		}
	}
}

// TestLongLines ends with a sentence where a line, or a quote that is never
// closed, would fill the memory.
func TestLongLines(t *testing.T) {
	for _, file := range []string{
		"time,a\n2023-01-01 00:00,1\n2023-01-01 00:01," + strings.Repeat("9", 3<<20) + "\n",
		"time,a\n2023-01-01 00:00,1\n\"" + strings.Repeat("x", 3<<20),
	} {
		if _, err := Sniff([]byte(file)); err != nil {
			t.Error(err)
		}
		_, err := Parse(t.Context(), strings.NewReader(file), ImportOptions{}, func(record.SensorID, []record.Millis, []float64) error { return nil }, nil, func(ImportRefusal) {})
		if !errors.Is(err, ErrImport) || !strings.Contains(err.Error(), "longer than") {
			t.Errorf("got %v", err)
		}
	}
}

// FuzzSniff reads anything as it is guessed.
func FuzzSniff(f *testing.F) {
	files, err := os.ReadDir("testdata/strangers")
	if err != nil {
		f.Fatal(err)
	}
	for _, x := range files {
		file, err := os.ReadFile("testdata/strangers/" + x.Name())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file)
	}
	f.Add([]byte("{\"time\":1577836800,\"a\":1}\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		g, err := Sniff(file)
		if err != nil {
			if !errors.Is(err, ErrImport) {
				t.Errorf("%v is not about the file", err)
			}
			return
		}
		if _, err := Parse(t.Context(), bytes.NewReader(file), g.Options, func(id record.SensorID, ts []record.Millis, vs []float64) error {
			for i := range ts {
				if err := record.ValidateSample(ts[i], vs[i]); err != nil {
					t.Error(err)
				}
			}
			return id.Validate()
		}, nil, func(ImportRefusal) {}); err != nil && !errors.Is(err, ErrImport) {
			t.Errorf("%v is not about the file", err)
		}
	})
}
