package table

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/xuri/excelize/v2"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/internal/sheet"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// made answers with rows that follow from their begin.
type made struct {
	calendar window.Calendar
	asked    int
	broken   int // the question that fails
}

func (m *made) Calendar(ledger.Point) window.Calendar { return m.calendar }

func rowAt(p ledger.Point, w window.Span) ledger.Row {
	n := int64(w.From / 900_000)
	r := ledger.Row{Start: w.From, End: w.To, Total: 1, Value: energy.Value{Average: math.NaN(), Min: math.NaN(), Max: math.NaN()}}
	if n%7 == 0 {
		return r // nothing is known
	}
	r.Known, r.Amount, r.Estimated, r.Quality, r.Members = true, energy.Amount(n*1_000_003-1_000_000_000_000), energy.Amount(n%5), energy.Measured, 1
	r.Average, r.Min, r.Max, r.Count, r.Covered = float64(n)/3, 0, float64(n), uint32(n%90), int64(w.To-w.From)
	if r.Metered = p.Hierarchy != ""; r.Metered {
		r.Meter, r.Rest = r.Amount+17, ledger.Rest{Time: (w.To - w.From) / 2, Amount: 11}
	}
	return r
}

func (m *made) Windows(_ context.Context, p ledger.Point, size window.Size, from, to record.Millis) (rows []ledger.Row, _ record.Millis, err error) {
	if m.asked++; m.asked == m.broken {
		return nil, 0, errors.New("away")
	}
	for w := range m.calendar.Spans(size, from, to) {
		rows = append(rows, rowAt(p, w))
	}
	return rows, 0, nil
}

func plant(t *testing.T) *model.Model {
	t.Helper()
	m, err := model.New(model.Document{
		Sites: []model.Site{{ID: "kiel", Zone: "Europe/Berlin"}},
		Sensors: []model.Sensor{
			{ID: "=1+1", Name: "@SUM(A1)", Site: "kiel", Quantity: record.ActivePower}, {ID: "b", Name: "Press; \"old\"", Site: "kiel", Quantity: record.ActivePower},
			{ID: "main", Site: "kiel", Quantity: record.ActivePower},
		},
		Groups: []model.Group{
			{ID: "plant", Name: "Plant", Members: []model.Member{{Sensor: "main", Meter: true}, {Group: "hall"}, {Sensor: "b"}}},
			{ID: "hall", Members: []model.Member{{Sensor: "=1+1"}}},
		},
		Hierarchies: []model.Hierarchy{{ID: "place", Root: "plant", Site: "kiel"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func options(t *testing.T, m *model.Model, format string) (Options, *made) {
	t.Helper()
	c, err := window.Load("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Points: Below(m, "place", "plant"), Size: window.Quarter, Format: format}
	o.From = record.MillisOf(time.Date(2026, 3, 1, 0, 0, 0, 0, c.Zone()))
	o.To = record.MillisOf(time.Date(2026, 5, 1, 0, 0, 0, 0, c.Zone()))
	return o, &made{calendar: c}
}

// TestBelow lists a group before what is below it, and everything once.
func TestBelow(t *testing.T) {
	var got []string
	for _, p := range Below(plant(t), "place", "plant") {
		got = append(got, p.Name)
	}
	if s := strings.Join(got, " "); s != "plant main b hall =1+1" {
		t.Error(s)
	}
}

// TestFiles reads back what was written: every window of every point, with all
// digits, over a change of clocks.
func TestFiles(t *testing.T) {
	m := plant(t)
	o, src := options(t, m, "csv")
	var text, binary bytes.Buffer
	if err := Write(t.Context(), &text, src, m, o); err != nil {
		t.Fatal(err)
	}
	if src.asked != 2*len(o.Points) { // 61 days
		t.Errorf("asked %d times", src.asked)
	}
	o.Format = "parquet"
	if err := Write(t.Context(), &binary, src, m, o); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&text).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := parquet.Read[parquetRow](bytes.NewReader(binary.Bytes()), int64(binary.Len()))
	if err != nil {
		t.Fatal(err)
	}
	file, err := parquet.OpenFile(bytes.NewReader(binary.Bytes()), int64(binary.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if s := file.Schema().String(); !strings.Contains(s, "optional int64 amount (DECIMAL(18,6))") {
		t.Errorf("schema: %s", s)
	}
	if strings.Join(lines[0], ",") != strings.Join(columns, ",") {
		t.Errorf("head: %v", lines[0])
	}
	n := 0
	for _, p := range o.Points {
		for w := range src.calendar.Spans(o.Size, o.From, o.To) {
			line, row, want := lines[n+1], rows[n], rowAt(p, w)
			n++
			known := map[bool]string{true: want.Amount.String()}[want.Known]
			meter := map[bool]string{true: want.Meter.String()}[want.Metered]
			if line[7] != known || line[9] != meter || line[4] != w.From.Time().In(src.calendar.Zone()).Format(time.RFC3339) || line[20] != want.Quality.String() || line[11] != map[bool]string{true: "0.5"}[want.Metered] {
				t.Fatalf("%v at %v: %v", p, w, line)
			}
			if row.Name != p.Name || !row.Begins.Equal(w.From.Time()) || (row.Amount != nil) != want.Known || want.Known && *row.Amount != int64(want.Amount) ||
				(row.Unaccounted != nil) != want.Metered || want.Metered && *row.Unaccounted != 11 || (row.Compared != nil) != want.Metered || want.Metered && *row.Compared != .5 || (row.Average != nil) != want.Known || row.Zone != "Europe/Berlin" {
				t.Fatalf("%v at %v: %+v", p, w, row)
			}
		}
	}
	if n != len(rows) || n != len(lines)-1 || n != (61*96-4)*len(o.Points) {
		t.Errorf("%d windows, %d rows, %d lines", n, len(rows), len(lines)-1)
	}
	for _, l := range lines[1:] {
		for _, f := range l[:4] {
			if f != "" && strings.ContainsRune("=+-@", rune(f[0])) {
				t.Fatalf("a spreadsheet computes %q", f)
			}
		}
	}
}

// TestWorkbook reads back a workbook: dates by the clock on site, numbers, and text
// that nothing computes.
func TestWorkbook(t *testing.T) {
	m := plant(t)
	o, src := options(t, m, "xlsx")
	o.From, o.To = o.From+27*86_400_000, o.From+30*86_400_000 // the clock is set forward
	var file bytes.Buffer
	if err := Write(t.Context(), &file, src, m, o); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := f.GetRows("windows", excelize.Options{RawCellValue: true})
	if err != nil {
		t.Fatal(err)
	}
	n := 1
	for _, p := range o.Points {
		for w := range src.calendar.Spans(o.Size, o.From, o.To) {
			line, want := lines[n], rowAt(p, w)
			n++
			begins := w.From.Time().In(src.calendar.Zone())
			_, offset := begins.Zone()
			cells := map[int]string{
				2: p.Name, 6: begins.Format("Z07:00"), 8: map[bool]string{true: fmt.Sprintf("%.15g", want.Amount.Float64())}[want.Known],
				10: map[bool]string{true: fmt.Sprintf("%.15g", want.Meter.Float64())}[want.Metered], 21: want.Quality.String(),
			}
			for i, s := range cells {
				got := line[i]
				if x, err := strconv.ParseFloat(got, 64); err == nil && (i == 8 || i == 10) {
					got = fmt.Sprintf("%.15g", x)
				}
				if got != s {
					t.Fatalf("%v at %v: %s is %q, want %q", p, w, lines[0][i], line[i], s)
				}
			}
			days, err := strconv.ParseFloat(line[4], 64)
			if clock := (days - 25_569) * 86_400_000; err != nil || math.Abs(clock-float64(int64(w.From)+int64(offset)*1000)) > 1 {
				t.Fatalf("%v at %v: begins at %s", p, w, line[4])
			}
		}
	}
	if n != len(lines) || n != 1+3*96*len(o.Points) {
		t.Errorf("%d windows, %d lines", n, len(lines))
	}
}

// TestBroken tells of a source that fails, and of a format that there is not.
func TestBroken(t *testing.T) {
	m := plant(t)
	for _, format := range []string{"csv", "parquet"} {
		o, src := options(t, m, format)
		src.broken = 3
		if err := Write(t.Context(), io.Discard, src, m, o); err == nil || !strings.Contains(err.Error(), "away") {
			t.Errorf("%s: %v", format, err)
		}
	}
	o, src := options(t, m, "ods")
	if err := Write(t.Context(), io.Discard, src, m, o); err == nil {
		t.Error("it writes what it cannot")
	}
	// Four years of quarters of an hour are more than a workbook has.
	o, src = options(t, m, "xlsx")
	o.Points, o.To = o.Points[:1], o.From+4*366*86_400_000
	if err := Write(t.Context(), io.Discard, src, m, o); !errors.Is(err, sheet.ErrRows) {
		t.Errorf("too many rows: %v", err)
	}
	if _, err := decimal(energy.Amount(mostDecimal)+1, true); err == nil {
		t.Error(fmt.Sprint("18 digits hold ", int64(mostDecimal)+1))
	}
}
