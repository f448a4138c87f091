package transfer

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/record"
)

// SniffBytes is how much of the begin of a file is looked at.
const SniffBytes = 256 << 10

// Guess is how a file can probably be read. Every part of it may be wrong, and
// Notes say which are doubtful.
type Guess struct {
	Options ImportOptions
	Columns []GuessedColumn // of the file, in order
	Step    time.Duration   // the most common time between two rows; 0: not known
	Notes   []string        // sentences
}

// GuessedColumn is what a column of a file seems to be.
type GuessedColumn struct {
	Name     string
	Examples []string // its first values
	Role     string   // time, date, sensor, value or other
	Unit     string   // in its name; empty: none that is known
	Shape    string   // of values: gauge, counter or amount
}

// Roles of columns.
const (
	RoleTime   = "time"
	RoleDate   = "date"
	RoleSensor = "sensor"
	RoleValue  = "value"
	RoleOther  = "other"
)

// Shapes of values.
const (
	ShapeGauge   = "gauge"   // what is the case
	ShapeCounter = "counter" // what a meter shows
	ShapeAmount  = "amount"  // how much in an interval
)

// sniffRows is how many rows are looked at.
const sniffRows = 2000

// Sniff guesses how a file that begins like this can be read. An error says
// that it is none with rows and columns.
func Sniff(head []byte) (g Guess, err error) {
	head = head[:min(len(head), SniffBytes)]
	var rows [][]string
	switch trimmed := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n"); {
	case bytes.HasPrefix(head, []byte("PAR1")):
		return g, fmt.Errorf("%w: only the columns of a whole Parquet file are known", ErrImport)
	case bytes.HasPrefix(trimmed, []byte("{")):
		g.Options.Format = "ndjson"
		rows, err = sniffNDJSON(head)
	default:
		g.Options.Format = "csv"
		rows, err = g.sniffCSV(head)
	}
	if err != nil {
		return g, err
	}
	return g, g.columns(rows)
}

// SniffParquet guesses how a Parquet file can be read, of which all is given.
func SniffParquet(r io.Reader) (g Guess, err error) {
	g.Options.Format = "parquet"
	o := g.Options
	src, err := openParquet(r, &o)
	if err != nil {
		return g, err
	}
	defer func() { err = errors.Join(err, src.close()) }()
	rows := [][]string{src.header()}
	for len(rows) <= sniffRows {
		row, err := src.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return g, err
		}
		rows = append(rows, slices.Clone(row))
	}
	if err := g.columns(rows); err != nil {
		return g, err
	}
	g.Options.Layout = o.Layout
	return g, nil
}

func sniffNDJSON(head []byte) ([][]string, error) {
	if i := bytes.LastIndexByte(head, '\n'); i > 0 && len(head) == SniffBytes {
		head = head[:i]
	}
	src, err := openNDJSON(bytes.NewReader(head))
	if err != nil {
		return nil, err
	}
	rows := [][]string{src.header()}
	for len(rows) <= sniffRows {
		row, err := src.next()
		if err != nil {
			break // what is read is enough; the import will tell
		}
		rows = append(rows, slices.Clone(row))
	}
	return rows, nil
}

// sniffCSV finds encoding, delimiter and head, and gives the rows from the
// head on.
func (g *Guess) sniffCSV(head []byte) ([][]string, error) {
	o := &g.Options
	o.Encoding = encodingOf(head)
	br, err := decoded(bufio.NewReader(bytes.NewReader(head)), o.Encoding)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(br)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrImport, err)
	}
	if i := bytes.LastIndexByte(text, '\n'); i > 0 && len(head) == SniffBytes {
		text = text[:i+1] // the last line is cut
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, fmt.Errorf("%w: the file is empty", ErrImport)
	}
	if bytes.IndexByte(text, 0) >= 0 {
		g.Notes = append(g.Notes, "There are NUL bytes in the file: parts of it may be broken.")
	}
	lines := bytes.SplitAfterN(text, []byte("\n"), sniffRows+2)
	if len(lines) > sniffRows+1 {
		lines = lines[:sniffRows+1]
	}
	best := -1
	var rows [][][]string
	delimiters := []rune{';', '\t', '|', ','}
	for i, d := range delimiters {
		split, steady := splitLines(lines, d)
		rows = append(rows, split)
		if best < 0 && steady {
			best = i
		}
	}
	if best < 0 {
		return nil, fmt.Errorf("%w: no character parts the lines into columns; is it a file with rows and columns?", ErrImport)
	}
	o.Delimiter = delimiters[best]
	return g.findHead(rows[best])
}

// splitLines splits lines, and tells whether most have the same number of
// fields, two or more.
func splitLines(lines [][]byte, d rune) (rows [][]string, steady bool) {
	counts := make(map[int]int)
	filled := 0
	for _, line := range lines {
		if len(bytes.TrimSpace(line)) == 0 {
			rows = append(rows, nil)
			continue
		}
		c := csv.NewReader(bytes.NewReader(line))
		c.Comma, c.FieldsPerRecord, c.LazyQuotes = d, -1, true
		row, err := c.Read()
		if err != nil {
			row = nil
		}
		rows = append(rows, row)
		filled++
		counts[len(row)]++
	}
	most := 0
	for n, k := range counts {
		if n >= 2 {
			most = max(most, k)
		}
	}
	return rows, most*10 >= filled*6
}

// findHead finds the first row of data, and the head above it.
func (g *Guess) findHead(rows [][]string) ([][]string, error) {
	data := slices.IndexFunc(rows, isData)
	if data < 0 {
		return nil, fmt.Errorf("%w: no line has both a time and a number", ErrImport)
	}
	head := data
	for head > 0 && len(rows[head-1]) >= max(len(rows[data])-1, 2) && !isData(rows[head-1]) && !slices.ContainsFunc(rows[head-1], isNumber) {
		head--
	}
	o := &g.Options
	if head == data {
		if o.Headless, o.Skip = true, data; data > mostSkipped {
			return nil, fmt.Errorf("%w: the first row with values is line %d", ErrImport, data+1)
		}
		names := make([]string, len(rows[data]))
		for i := range names {
			names[i] = strconv.Itoa(i + 1)
		}
		return append([][]string{names}, rows[data:]...), nil
	}
	if o.Skip = head; head > mostSkipped {
		return nil, fmt.Errorf("%w: the first row with values is line %d", ErrImport, data+1)
	}
	names := distinct(slices.Clone(rows[head]))
	for len(names) < len(rows[data]) {
		names = append(names, "") // the head is short of one: the last column has no name
		names = distinct(names)
	}
	if data > head+1 {
		g.Notes = append(g.Notes, fmt.Sprintf("%d lines between the head and the first values will be refused, which does no harm.", data-head-1))
	}
	return append([][]string{names}, rows[data:]...), nil
}

// isData tells whether a row has a time and a number beside it.
func isData(row []string) bool {
	time, numbers := false, 0
	for _, f := range row {
		f = strings.TrimSpace(f)
		switch {
		case !time && isTime(f):
			time = true
		case isNumber(f) || missing(f):
			numbers++
		}
	}
	return numbers > 0 && (time || epoch(row) >= 0)
}

func isTime(f string) bool {
	for _, all := range [][]string{zonedLayouts, localLayouts, slashLayouts[0], slashLayouts[1]} {
		for _, l := range all {
			if t, _, err := parseLayout(l, f); err == nil && t.Year() >= 1900 && t.Year() < 2200 {
				return true
			}
		}
	}
	return false
}

// epoch finds a number that is a time since 1970, from 1990 on.
func epoch(row []string) int {
	return slices.IndexFunc(row, func(f string) bool {
		v, err := strconv.ParseFloat(strings.TrimSpace(f), 64)
		return err == nil && (v > 631e6 && v < 4.1e9 || v > 631e9 && v < 4.1e12)
	})
}

func isNumber(f string) bool {
	f = strings.TrimSpace(f)
	_, point := parseNumber(f, false)
	_, comma := parseNumber(f, true)
	return f != "" && (point == nil || comma == nil)
}

// columns finds what each column is. The first row has the names.
func (g *Guess) columns(rows [][]string) error {
	names, rows := rows[0], rows[1:]
	o := &g.Options
	column := func(i int) (all []string) {
		for _, r := range rows {
			if i < len(r) {
				if f := strings.TrimSpace(r[i]); !missing(f) {
					all = append(all, f)
				}
			}
		}
		return all
	}
	cells := make([][]string, len(names))
	for i, n := range names {
		cells[i] = column(i)
		g.Columns = append(g.Columns, GuessedColumn{Name: n, Role: RoleOther, Examples: slices.Clone(cells[i][:min(len(cells[i]), 5)])})
	}
	at, date := g.findTime(names, cells)
	if at < 0 {
		return fmt.Errorf("%w: no column has times in it", ErrImport)
	}
	o.Time = names[at]
	g.Columns[at].Role = RoleTime
	if date >= 0 {
		o.Date = names[date]
		g.Columns[date].Role = RoleDate
	}
	g.findDecimal(cells, at, date)
	numeric := 0
	for i := range names {
		if i == at || i == date || len(cells[i]) == 0 {
			continue
		}
		good := 0
		for _, f := range cells[i] {
			if _, err := parseNumber(f, o.Comma); err == nil {
				good++
			}
		}
		if good*10 >= len(cells[i])*8 {
			g.Columns[i].Role = RoleValue
			numeric++
		}
	}
	g.steps(rows, at, date)
	g.findLong(names, cells)
	for i := range g.Columns {
		if c := &g.Columns[i]; c.Role == RoleValue {
			c.Unit = unitIn(c.Name)
			c.Shape = g.shapeOf(c.Unit, cells[i])
		}
	}
	if numeric == 0 {
		return fmt.Errorf("%w: no column has numbers in it", ErrImport)
	}
	return nil
}

// fits gives the layout in which nearly all of the cells are; among those in
// question the first.
func fits(cells []string, layouts []string) string {
	for _, l := range layouts {
		good := 0
		for _, f := range cells {
			if _, _, err := parseLayout(l, f); err == nil {
				good++
			}
		}
		if good > 0 && good*10 >= len(cells)*8 {
			return l
		}
	}
	return ""
}

// findTime finds the columns of time and date; -1 where there is none.
func (g *Guess) findTime(names []string, cells [][]string) (at, date int) {
	o := &g.Options
	layoutIn := func(cells []string) string {
		if len(cells) == 0 {
			return ""
		}
		if l := fits(cells, slices.Concat(zonedLayouts, localLayouts)); l != "" {
			return l
		}
		day, month := fits(cells, slashLayouts[0]), fits(cells, slashLayouts[1])
		if day != "" && month != "" {
			// All fit both ways, or a few are out of the question.
			allDay, allMonth := count(cells, day), count(cells, month)
			if allDay == allMonth {
				g.Notes = append(g.Notes, "It cannot be told whether the day or the month comes first in the dates; the day is taken to.")
			}
			if allMonth > allDay {
				return month
			}
		}
		return cmp.Or(day, month)
	}
	at, date = -1, -1
	for i := range names {
		l := layoutIn(cells[i])
		if l == "" {
			continue
		}
		if strings.Contains(l, "15") || strings.Contains(l, "3:04") {
			o.Layout = l
			return i, -1
		}
		if date < 0 {
			date = i
			for k := range names {
				if t := fits(cells[k], dayLayouts); k != i && t != "" && len(cells[k]) > 0 {
					o.Layout = l + " " + t
					return k, i
				}
			}
			o.Layout = l
		}
	}
	if date >= 0 {
		return date, -1 // whole days
	}
	for i, n := range names {
		known := slices.Contains([]string{"time", "timestamp", "ts", "date", "datetime", "unix", "epoch", "zeit", "zeitstempel", "datum"}, strings.ToLower(n))
		if len(cells[i]) > 0 && (known || i == 0) && !slices.ContainsFunc(cells[i], func(f string) bool { return epoch([]string{f}) < 0 }) {
			if o.Layout = "unix"; len(strings.TrimLeft(strings.SplitN(cells[i][0], ".", 2)[0], "+-")) > 11 {
				o.Layout = "unix_ms"
			}
			return i, -1
		}
	}
	return -1, -1
}

func count(cells []string, layout string) (n int) {
	for _, f := range cells {
		if _, _, err := parseLayout(layout, f); err == nil {
			n++
		}
	}
	return n
}

// findDecimal decides between point and comma by how many cells can be read.
func (g *Guess) findDecimal(cells [][]string, at, date int) {
	point, comma := 0, 0
	for i := range cells {
		if i == at || i == date {
			continue
		}
		for _, f := range cells[i] {
			if _, err := parseNumber(f, false); err == nil {
				point++
			}
			if _, err := parseNumber(f, true); err == nil {
				comma++
			}
		}
	}
	if g.Options.Delimiter == ',' {
		point *= 2 // such a file hardly has decimal commas
	}
	g.Options.Comma = comma > point
}

// steps finds the most common time between rows, and whether they are stamped
// with the end of what they are about.
func (g *Guess) steps(rows [][]string, at, date int) {
	c := clock{layout: g.Options.Layout, zone: time.UTC}
	var course course
	seen := make(map[record.Millis]int)
	last := record.Millis(-1)
	first := record.Millis(-1)
	for _, r := range rows {
		if at >= len(r) || date >= len(r) {
			continue
		}
		text := r[at]
		if date >= 0 {
			text = strings.TrimSpace(r[date]) + " " + strings.TrimSpace(text)
		}
		t, err := c.read(text, &course)
		if err != nil {
			continue
		}
		if first < 0 {
			first = t
		}
		if d := max(t-last, last-t); last >= 0 && d > 0 {
			seen[d]++
		}
		last = t
	}
	step := record.Millis(0)
	for d, n := range seen {
		if n > seen[step] || n == seen[step] && d < step {
			step = d
		}
	}
	g.Step = time.Duration(step) * time.Millisecond
	const day = 86_400_000
	if step > 0 && step < day && first%day == step && !zoned(g.Options.Layout) && !strings.HasPrefix(g.Options.Layout, "unix") {
		g.Options.End = true
		g.Notes = append(g.Notes, "The first row is stamped one interval after midnight, so rows are taken to be stamped with the end of theirs.")
	}
}

// findLong tells whether each row is one value, of a sensor that it names.
func (g *Guess) findLong(names []string, cells [][]string) {
	value, sensor := -1, -1
	for i := range names {
		switch {
		case g.Columns[i].Role == RoleValue && value < 0:
			value = i
		case g.Columns[i].Role == RoleValue:
			value = len(names) // several: it is none
		case g.Columns[i].Role == RoleOther && len(cells[i]) > 0 && sensor < 0:
			sensor = i
		}
	}
	if i := slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, "sensor") }); i >= 0 && g.Columns[i].Role == RoleOther {
		sensor = i
	}
	if value < 0 || value >= len(names) || sensor < 0 {
		return
	}
	different := make(map[string]bool)
	for _, f := range cells[sensor] {
		different[f] = true
	}
	if named := strings.EqualFold(names[sensor], "sensor"); !named && (len(different) < 2 || len(different)*3 > len(cells[sensor])) {
		return
	}
	g.Options.Sensor, g.Options.Value = names[sensor], names[value]
	g.Columns[sensor].Role = RoleSensor
}

// unitIn finds a unit in the name of a column: "P [kW]", "Verbrauch (kWh)",
// "Usage_kWh", "Energie in kWh".
func unitIn(name string) string {
	fields := strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("[](){} _;:", r) })
	if len(fields) < 2 {
		return ""
	}
	last := fields[len(fields)-1]
	if u, ok := record.LookupUnit(last); ok && len(last) <= 8 {
		return u.Symbol
	}
	return ""
}

// shapeOf guesses what the values of a column are.
func (g *Guess) shapeOf(unit string, cells []string) string {
	u, ok := record.LookupUnit(unit)
	if !ok || unit == "" || !u.Quantity.Counter() {
		return ShapeGauge
	}
	// An amount for each interval goes up and down; what counts rises.
	falls, last, first, n := 0, 0.0, 0.0, 0
	for _, f := range cells {
		v, err := parseNumber(f, g.Options.Comma)
		if err != nil {
			continue
		}
		if n++; n == 1 {
			first = v
		} else if v < last {
			falls++
		}
		last = v
	}
	if n > 2 && falls*50 <= n && last > first {
		return ShapeCounter
	}
	return ShapeAmount
}
