package transfer

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/history/tsdb"
	"github.com/wattwerk/wattwerk/record"
)

func open(t testing.TB) history.Store {
	t.Helper()
	s, err := tsdb.Open(tsdb.Options{Dir: t.TempDir(), MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// dump writes everything the store has of the sensors.
func dump(t testing.TB, s history.Store, ids ...record.SensorID) string {
	t.Helper()
	var b strings.Builder
	for _, id := range ids {
		err := s.Scan(t.Context(), history.RecordsOf(id), record.MinTime, record.MaxTime, func(ts []int64, vs []float64) error {
			for i, at := range ts {
				fmt.Fprintf(&b, "%s %s %v\n", id, record.Millis(at).Time().Format(time.RFC3339), vs[i])
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestImport(t *testing.T) {
	for name, c := range map[string]struct {
		file    string
		o       ImportOptions
		want    string
		refused []string
	}{
		"plain": {
			file: "time,a [kW],b\n2020-01-01T00:00:00Z,1.5,2\n2020-01-01T01:00:00+01:00,1.5,2\n2020-01-01T00:01:00Z,,3\n",
			want: "a 2020-01-01T00:00:00Z 1500\nb 2020-01-01T00:00:00Z 2\nb 2020-01-01T00:01:00Z 3\n",
		},
		"declared": {
			file: "\xef\xbb\xbfwhen;x;y\n1/1/2018 0:15;3,17;?\n1/1/2018 0:30;1.004,5;7\n",
			o: ImportOptions{
				Time: "when", Layout: "2/1/2006 15:04", Zone: zone(t, "Asia/Seoul"), Shift: -15 * time.Minute, Comma: true,
				Columns: []ImportColumn{{Column: "x", Sensor: "a", Unit: "kWh", Per: 15 * time.Minute}},
			},
			want: "a 2017-12-31T15:00:00Z 12680\na 2017-12-31T15:15:00Z 4.018e+06\n",
		},
		"clocks set back": {
			file: "time,a\n2023-10-29 01:30,1\n2023-10-29 02:00,2\n2023-10-29 02:30,3\n2023-10-29 02:00,4\n2023-10-29 02:30,5\n2023-10-29 03:00,6\n",
			o:    ImportOptions{Zone: zone(t, "Europe/Berlin")},
			want: "a 2023-10-28T23:30:00Z 1\na 2023-10-29T00:00:00Z 2\na 2023-10-29T00:30:00Z 3\na 2023-10-29T01:00:00Z 4\na 2023-10-29T01:30:00Z 5\na 2023-10-29T02:00:00Z 6\n",
		},
		"clocks set back, hourly": {
			file: "time,a\n2023-10-29 00:00,1\n2023-10-29 01:00,2\n2023-10-29 02:00,3\n2023-10-29 02:00,4\n2023-10-29 03:00,5\n",
			o:    ImportOptions{Zone: zone(t, "Europe/Berlin")},
			want: "a 2023-10-28T22:00:00Z 1\na 2023-10-28T23:00:00Z 2\na 2023-10-29T00:00:00Z 3\na 2023-10-29T01:00:00Z 4\na 2023-10-29T02:00:00Z 5\n",
		},
		"clocks set back, hourly from the newest": {
			file: "time,a\n2023-10-29 04:00,1\n2023-10-29 03:00,2\n2023-10-29 02:00,3\n2023-10-29 02:00,4\n2023-10-29 01:00,5\n",
			o:    ImportOptions{Zone: zone(t, "Europe/Berlin")},
			want: "a 2023-10-28T23:00:00Z 5\na 2023-10-29T00:00:00Z 4\na 2023-10-29T01:00:00Z 3\na 2023-10-29T02:00:00Z 2\na 2023-10-29T03:00:00Z 1\n",
		},
		"clocks set back, hourly in long form": {
			file: "sensor,time,value\na,2023-10-29 01:00,1\nb,2023-10-29 01:00,2\na,2023-10-29 02:00,3\nb,2023-10-29 02:00,4\na,2023-10-29 02:00,5\nb,2023-10-29 02:00,6\n",
			o:    ImportOptions{Zone: zone(t, "Europe/Berlin")},
			want: "a 2023-10-28T23:00:00Z 1\na 2023-10-29T00:00:00Z 3\na 2023-10-29T01:00:00Z 5\nb 2023-10-28T23:00:00Z 2\nb 2023-10-29T00:00:00Z 4\nb 2023-10-29T01:00:00Z 6\n",
		},
		"clocks set back, every row twice": {
			file: "time,a\n2023-10-29 01:00,1\n2023-10-29 01:00,1\n2023-10-29 02:00,2\n2023-10-29 02:00,2\n2023-10-29 02:00,3\n2023-10-29 02:00,3\n2023-10-29 03:00,4\n2023-10-29 03:00,4\n",
			o:    ImportOptions{Zone: zone(t, "Europe/Berlin")},
			want: "a 2023-10-28T23:00:00Z 1\na 2023-10-29T00:00:00Z 2\na 2023-10-29T01:00:00Z 3\na 2023-10-29T02:00:00Z 4\n",
		},
		"clocks set back, a quarter hour twice": {
			file: "time,a\n2023-10-29 01:45,1\n2023-10-29 02:00,2\n2023-10-29 02:00,2\n2023-10-29 02:15,3\n2023-10-29 02:00,4\n",
			o:    ImportOptions{Zone: zone(t, "Europe/Berlin")},
			want: "a 2023-10-28T23:45:00Z 1\na 2023-10-29T00:00:00Z 2\na 2023-10-29T00:15:00Z 3\na 2023-10-29T01:00:00Z 4\n",
		},
		"clocks set back by half an hour": {
			file: "time,a\n2024-04-07 01:00,1\n2024-04-07 01:30,2\n2024-04-07 01:30,3\n2024-04-07 02:00,4\n",
			o:    ImportOptions{Zone: zone(t, "Australia/Lord_Howe")},
			want: "a 2024-04-06T14:00:00Z 1\na 2024-04-06T14:30:00Z 2\na 2024-04-06T15:00:00Z 3\na 2024-04-06T15:30:00Z 4\n",
		},
		"a comma for decimals": {
			file:    "time,a\n1577836800,\"0,5\"\n1577836860,0.500\n1577836920,-0.125\n1577836980,00.123\n1577837040,\"-1.000,25\"\n",
			o:       ImportOptions{Comma: true},
			want:    "a 2020-01-01T00:00:00Z 0.5\na 2020-01-01T00:04:00Z -1000.25\n",
			refused: []string{`2:a "0.500" is not a number`, `3:a "-0.125" is not a number`, `4:a "00.123" is not a number`},
		},
		"clocks set forward": {
			file:    "time,a\n2023-03-26 01:30,1\n2023-03-26 02:30,2\n2023-03-26 03:00,3\n",
			o:       ImportOptions{Zone: zone(t, "Europe/Berlin")},
			want:    "a 2023-03-26T00:30:00Z 1\na 2023-03-26T01:00:00Z 3\n",
			refused: []string{"2: time \"2023-03-26 02:30\" does not exist"},
		},
		"long": {
			file: "sensor,time,value\nb,1577836800,1\na,1577836800,2\nb,1577836860,3\n",
			o:    ImportOptions{Unit: "kW"},
			want: "a 2020-01-01T00:00:00Z 2000\nb 2020-01-01T00:00:00Z 1000\nb 2020-01-01T00:01:00Z 3000\n",
		},
		"ndjson": {
			file: `{"sensor":"a","time":"2020-01-01T00:00:00Z","value":1}` + "\n\n" + `{"value":null,"time":"2020-01-01T00:01:00Z","sensor":"a"}` + "\n" + `{"sensor":"b","time":"2020-01-01T00:01:00Z","value":2}`,
			o:    ImportOptions{Format: "ndjson"},
			want: "a 2020-01-01T00:00:00Z 1\nb 2020-01-01T00:01:00Z 2\n",
		},
		"bad rows": {
			file: "time,a\nnever,1\n2020-01-01T00:00:00Z,one\n2020-01-01T00:00:00Z,inf\n2020-01-01T00:00:00Z,5\n2020-01-01T00:00:00Z,6\n9999-01-01T00:00:00Z,1\n2090-01-01T00:00:00Z,1\n\n2020-01-01T00:01:00Z\n",
			want: "a 2020-01-01T00:00:00Z 5\n",
			refused: []string{
				`1: time "never" is in no form`, `2:a "one" is not a number`, "3:a value is not a finite number", "6: time is outside 1970 to 2100",
				"7: the time is too far in the future", "0:a another value is stored",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			for round := range 2 {
				var refused []string
				res, err := Import(t.Context(), s, strings.NewReader(c.file), c.o, nil, func(x ImportRefusal) {
					refused = append(refused, fmt.Sprintf("%d:%s %s", x.Row, x.Sensor, x.Reason))
				})
				if err != nil {
					t.Fatal(err)
				}
				if got := dump(t, s, "a", "b"); got != c.want {
					t.Errorf("round %d\n got %s\nwant %s", round, got, c.want)
				}
				if !slices.EqualFunc(refused, c.refused, strings.HasPrefix) || int(res.Refused) != len(refused) {
					t.Errorf("refused %q, want %q, %+v", refused, c.refused, res)
				}
				if round == 1 && res.Stored != 0 {
					t.Errorf("the second time: %+v", res)
				}
			}
		})
	}
}

func TestImportErrors(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		o    ImportOptions
		want string
	}{
		"empty":         {"", ImportOptions{}, "empty"},
		"no column":     {"time,a\n", ImportOptions{Columns: []ImportColumn{{Column: "b"}}}, `no column "b"; there are: time, a`},
		"no time":       {"time,a\n", ImportOptions{Time: "t"}, `no column "t"`},
		"unit":          {"time,a\n", ImportOptions{Unit: "furlong"}, `unit "furlong" is unknown`},
		"only time":     {"time\n", ImportOptions{}, "no column with values"},
		"name":          {"time,\x01\n", ImportOptions{}, "unprintable"},
		"format":        {"x", ImportOptions{Format: "xls"}, "not csv, ndjson or parquet"},
		"no JSON":       {"[1]", ImportOptions{Format: "ndjson"}, "not a JSON object"},
		"no Parquet":    {"PAR1nonsense", ImportOptions{Format: "parquet"}, "cannot be imported"},
		"endless line":  {"time,a\n" + strings.Repeat("x", 3<<20), ImportOptions{}, "longer than"},
		"endless quote": {"time,a\n\"" + strings.Repeat("x\r", 3<<20), ImportOptions{}, "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Import(t.Context(), open(t), strings.NewReader(c.file), c.o, nil, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestColumnSpelling(t *testing.T) {
	for text, want := range map[string]ImportColumn{
		"a":                           {Column: "a"},
		"a=b":                         {Column: "a", Sensor: "b"},
		"a:kW":                        {Column: "a", Unit: "kW"},
		"a=b:Wh/1m":                   {Column: "a", Sensor: "b", Unit: "Wh", Per: time.Minute},
		"a=b:m3/h":                    {Column: "a", Sensor: "b", Unit: "m3/h"},
		`"x=1:2"="Küche: Herd":W`:     {Column: "x=1:2", Sensor: "Küche: Herd", Unit: "W"},
		"Usage_kWh=steel:kWh/15m0s":   {Column: "Usage_kWh", Sensor: "steel", Unit: "kWh", Per: 15 * time.Minute},
		"Global active power=main:kW": {Column: "Global active power", Sensor: "main", Unit: "kW"},
	} {
		if got, err := ParseImportColumn(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "=b", ":W", `"a"b`} {
		if got, err := ParseImportColumn(text); err == nil {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

// TestRoundTrip exports in every format, imports into an empty store, and
// compares.
func TestRoundTrip(t *testing.T) {
	from := open(t)
	id := record.SensorID(`Küche, "Herd"`)
	fill, err := from.Backfill(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var times []record.Millis
	var values []float64
	for i := range 100_000 {
		times, values = append(times, record.Millis(1_577_836_800_000+int64(i)*60_000+int64(i%7))), append(values, math.Sin(float64(i))*1e3)
	}
	if err := fill.Add(history.RecordsOf(id), times, values); err != nil {
		t.Fatal(err)
	}
	if _, err := fill.Commit(); err != nil {
		t.Fatal(err)
	}
	want := dump(t, from, id)
	for _, format := range []string{"csv", "ndjson", "parquet"} {
		t.Run(format, func(t *testing.T) {
			var file bytes.Buffer
			if err := Export(t.Context(), &file, from, ExportOptions{Series: history.RecordsOf(id), Format: format, To: record.MaxTime, Unit: "W"}); err != nil {
				t.Fatal(err)
			}
			to := open(t)
			var last ImportProgress
			res, err := Import(t.Context(), to, &file, ImportOptions{Format: format}, func(p ImportProgress) { last = p }, nil)
			if err != nil || res.Stored != 100_000 || last.Rows != 100_000 {
				t.Fatal(res, last, err)
			}
			if dump(t, to, id) != want {
				t.Error("what came back is not what was exported")
			}
		})
	}
}

func TestExportOfGroup(t *testing.T) {
	s := open(t)
	fill, err := s.Backfill(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	k := history.Series{Metric: history.Sum, Hierarchy: "h", Name: "g"}
	if err := fill.Add(k, []record.Millis{1000, 2000, 50_000_000}, []float64{1, history.Null, 3}); err != nil {
		t.Fatal(err)
	}
	k.Metric = history.Total
	if err := fill.Add(k, []record.Millis{1000, 2000}, []float64{2, 2}); err != nil {
		t.Fatal(err)
	}
	if _, err := fill.Commit(); err != nil {
		t.Fatal(err)
	}
	for format, want := range map[string]string{
		"csv": "time,sum [W],min [W],max [W],count,total,meter [W],unaccounted [W]\r\n" +
			"1970-01-01T00:00:01.000Z,1,,,,2,,\r\n1970-01-01T00:00:02.000Z,,,,,2,,\r\n1970-01-01T13:53:20.000Z,3,,,,,,\r\n",
		"ndjson": `{"group":"g","time":"1970-01-01T00:00:01.000Z","sum":1,"min":null,"max":null,"count":null,"total":2,"meter":null,"unaccounted":null}` + "\n" +
			`{"group":"g","time":"1970-01-01T00:00:02.000Z","sum":null,"min":null,"max":null,"count":null,"total":2,"meter":null,"unaccounted":null}` + "\n" +
			`{"group":"g","time":"1970-01-01T13:53:20.000Z","sum":3,"min":null,"max":null,"count":null,"total":null,"meter":null,"unaccounted":null}` + "\n",
	} {
		var got bytes.Buffer
		if err := Export(t.Context(), &got, s, ExportOptions{Series: k, Format: format, To: record.MaxTime, Unit: "W"}); err != nil || got.String() != want {
			t.Errorf("%s\n got %s\nwant %s\n%v", format, got.String(), want, err)
		}
	}
	var book bytes.Buffer
	if err := Export(t.Context(), &book, s, ExportOptions{Series: k, Format: "xlsx", To: record.MaxTime, Unit: "W"}); err != nil {
		t.Fatal(err)
	}
	workbook, err := excelize.OpenReader(&book)
	if err != nil {
		t.Fatal(err)
	}
	defer workbook.Close()
	for cell, want := range map[string]string{"A1": "time (UTC)", "B1": "sum [W]", "F1": "total", "A2": "1970-01-01 00:00:01", "B2": "1", "B3": "", "F3": "2", "A4": "1970-01-01 13:53:20", "B4": "3", "A5": ""} {
		if got, err := workbook.GetCellValue("readings", cell); err != nil || got != want {
			t.Errorf("%s of the workbook is %q, %v; want %q", cell, got, err, want)
		}
	}
	var file bytes.Buffer
	if err := Export(t.Context(), &file, s, ExportOptions{Series: k, Format: "parquet", To: record.MaxTime}); err != nil || file.Len() == 0 {
		t.Error(err)
	}
}

// FuzzImport reads anything as a file: no panic, and what was stored the first
// time is what is found the second.
func FuzzImport(f *testing.F) {
	f.Add([]byte("time,a [kW],b\n2020-01-01T00:00:00Z,1.5,2\n"), uint8(0))
	f.Add([]byte("when;x\n1/1/2018 0:15;3,17\n"), uint8(1))
	f.Add([]byte(`{"sensor":"a","time":"2020-01-01T00:00:00Z","value":1}`), uint8(2))
	f.Add([]byte("PAR1\x15\x04"), uint8(3))
	f.Add([]byte("sensor,time,value\nb,1577836800,1\n\"a\nb\",1577836800,2\n"), uint8(0))
	s, err := tsdb.Open(tsdb.Options{Dir: f.TempDir(), MinFree: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	f.Fuzz(func(t *testing.T, file []byte, how uint8) {
		o := ImportOptions{Format: []string{"csv", "csv", "ndjson", "parquet"}[how%4]}
		if how%4 == 1 {
			o.Layout, o.Comma, o.Zone = "2/1/2006 15:04", true, time.FixedZone("x", 3600)
		}
		first, err := Import(t.Context(), s, bytes.NewReader(file), o, nil, nil)
		if err != nil {
			return
		}
		second, err := Import(t.Context(), s, bytes.NewReader(file), o, nil, nil)
		if err != nil || second.Stored != 0 || second.Rows != first.Rows || second.Duplicates+second.Refused != first.Stored+first.Duplicates+first.Refused {
			t.Errorf("first %+v, second %+v, %v", first, second, err)
		}
	})
}

// TestHousehold imports a real file and compares with the file itself.
func TestHousehold(t *testing.T) {
	packed, err := os.Open("../../demo/data/household_1min.csv.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	unpack, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(unpack)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t)
	res, err := Import(t.Context(), s, bytes.NewReader(data), ImportOptions{
		Layout: "2/1/2006 15:04:05", Zone: zone(t, "Europe/Paris"),
		Columns: []ImportColumn{{Column: "Global_active_power", Sensor: "main", Unit: "kW"}, {Column: "Sub_metering_3", Sensor: "heater", Unit: "Wh", Per: time.Minute}},
	}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	sum, n := 0.0, uint64(0)
	for _, line := range strings.Split(string(data), "\n")[1:] {
		if fields := strings.Split(strings.TrimSpace(line), ","); len(fields) == 8 && fields[7] != "" {
			v, err := strconv.ParseFloat(fields[7], 64)
			if err != nil {
				t.Fatal(err)
			}
			sum += v
			n++
		}
	}
	if res.Stored != 2*n {
		t.Errorf("%+v of %d rows", res, n)
	}
	got := 0.0
	if err := s.Scan(t.Context(), history.RecordsOf("heater"), record.MinTime, record.MaxTime, func(_ []int64, vs []float64) error {
		for _, v := range vs {
			got += v / 60
		}
		return nil
	}); err != nil || got != sum {
		t.Errorf("%v Wh, the file says %v, %v", got, sum, err)
	}
}

// TestTrial counts what an import would do, and stores nothing.
func TestTrial(t *testing.T) {
	s := open(t)
	if _, err := Import(t.Context(), s, strings.NewReader("time,a\n1577836800,1\n1577836860,2\n"), ImportOptions{}, nil, nil); err != nil {
		t.Fatal(err)
	}
	was := dump(t, s, "a")
	res, err := Import(t.Context(), s, strings.NewReader("time,a\n1577836860,2\n1577836800,5\n1577836830,7\n1577836830,7\n1577836920,8\n1577836920,9\nnever,1\n"), ImportOptions{Trial: true}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.Stored != 2 || res.Duplicates != 2 || res.Refused != 3 || len(res.Filled) != 0 {
		t.Errorf("%+v", res)
	}
	if got := dump(t, s, "a"); got != was {
		t.Errorf("a trial stored something: %s", got)
	}
}
