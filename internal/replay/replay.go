package replay

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/demo"
	"github.com/wattwerk/wattwerk/record"
)

//go:embed data/*.gz
var files embed.FS

// Unknown stands for a value that was not measured.
const Unknown = math.MinInt64

// A Series is what was measured in intervals of one length that follow one
// another.
type Series struct {
	Name   string
	Zone   *time.Location // of the data's clock; its offset does not change
	Start  record.Millis  // when the first interval begins
	Step   int64          // length of an interval, ms
	Values []int64        // Wh within the interval, unless said otherwise
}

// At says when interval i begins.
func (s Series) At(i int) record.Millis { return s.Start + record.Millis(int64(i)*s.Step) }

// End says when the last interval ends.
func (s Series) End() record.Millis { return s.At(len(s.Values)) }

// Floats are the values as floating-point numbers; the unknown ones are NaN.
func (s Series) Floats() []float64 {
	out := make([]float64, len(s.Values))
	for i, v := range s.Values {
		out[i] = float64(v)
		if v == Unknown {
			out[i] = math.NaN()
		}
	}
	return out
}

// Coarser adds up n intervals each; what is left over at the end is not in it.
// A sum is unknown when a part of it is.
func (s Series) Coarser(n int) Series {
	values := make([]int64, len(s.Values)/n)
	for i := range values {
		for _, v := range s.Values[i*n : i*n+n] {
			values[i] = plus(values[i], v)
		}
	}
	s.Step, s.Values = s.Step*int64(n), values
	return s
}

// Sum adds up series that begin together and have the same interval and length.
func Sum(name string, all ...Series) Series {
	out := all[0]
	out.Name, out.Values = name, make([]int64, len(all[0].Values))
	for _, s := range all {
		for i, v := range s.Values {
			out.Values[i] = plus(out.Values[i], v)
		}
	}
	return out
}

func plus(a, b int64) int64 {
	if a == Unknown || b == Unknown {
		return Unknown
	}
	return a + b
}

// A Home takes energy, and its roof gives some.
type Home struct {
	Load Series
	PV   Series
}

const (
	minute = int64(60_000)
	hour   = 60 * minute
)

// Homes are five homes in California, a year of hours.
func Homes() []Home {
	zone := time.FixedZone("PST", -8*3600)
	base := Series{Zone: zone, Start: record.MillisOf(time.Date(2016, 7, 31, 23, 0, 0, 0, zone)), Step: hour}
	table := columns("homes.csv.gz")
	out := make([]Home, 5)
	for i := range out {
		out[i] = Home{base.with(fmt.Sprintf("home %d", i+1), table[i]), base.with(fmt.Sprintf("roof %d", i+1), table[i+5])}
	}
	return out
}

// Offices are two buildings that are not homes, nine months of hours.
func Offices() []Series {
	base := Series{Zone: time.FixedZone("local", 0), Start: record.MillisOf(time.Date(2016, 1, 1, 0, 0, 0, 0, time.UTC)), Step: hour}
	var out []Series
	for i, values := range columns("offices.csv.gz") {
		out = append(out, base.with(fmt.Sprintf("building %d", i+1), values))
	}
	return out
}

// Ausgrid is a home in New South Wales, a year of half hours.
func Ausgrid() Home {
	zone := time.FixedZone("AEST", 10*3600)
	base := Series{Zone: zone, Start: record.MillisOf(time.Date(2011, 7, 1, 0, 0, 0, 0, zone)), Step: 30 * minute}
	table := columns("ausgrid12_30min.csv.gz")
	return Home{base.with("Ausgrid home 12", table[1]), base.with("its roof", table[2])}
}

// A House is a household in minutes.
type House struct {
	Active Series    // mean power within the minute, W
	Subs   [3]Series // kitchen; laundry room; water heater and air conditioner: Wh
}

// Household is a house near Paris, 13 and a half days of December in minutes, two
// of which are unknown.
func Household() House {
	zone := time.FixedZone("CET", 3600)
	base := Series{Zone: zone, Start: record.MillisOf(time.Date(2006, 12, 16, 17, 24, 0, 0, zone)), Step: minute}
	table := parse(unpacked(demo.Household()))
	return House{
		Active: base.with("household", scaled(table[1], 3)),
		Subs: [3]Series{
			base.with("kitchen", scaled(table[5], 0)), base.with("laundry room", scaled(table[6], 0)), base.with("water heater and air conditioner", scaled(table[7], 0)),
		},
	}
}

// SteelWorks is a steel works in South Korea, a year of quarters of an hour.
func SteelWorks() Series {
	zone := time.FixedZone("KST", 9*3600)
	base := Series{Zone: zone, Start: record.MillisOf(time.Date(2018, 1, 1, 0, 0, 0, 0, zone)), Step: 15 * minute}
	return base.with("steel works", scaled(parse(unpacked(demo.SteelWorks()))[1], 3))
}

func (s Series) with(name string, values []int64) Series {
	s.Name, s.Values = name, values
	return s
}

// columns reads a table of this package, but for the times.
func columns(name string) [][]int64 {
	f, err := files.Open("data/" + name)
	if err != nil {
		panic(err)
	}
	z, err := gzip.NewReader(f)
	table := parse(unpacked(z, err))
	out := make([][]int64, len(table))
	for i, column := range table {
		if strings.Contains(column[0], "-") { // a time
			continue
		}
		out[i] = scaled(column, 0)
	}
	return out
}

func unpacked(r io.ReadCloser, err error) []byte {
	if err != nil {
		panic(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		panic(err)
	}
	if err := r.Close(); err != nil {
		panic(err)
	}
	return data
}

// parse gives the columns of a table, without its head and without rows that
// are cut off.
func parse(data []byte) [][]string {
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		panic(err)
	}
	out := make([][]string, len(rows[0]))
	for _, row := range rows[1:] {
		for i := range row {
			if len(row) == len(out) {
				out[i] = append(out[i], row[i])
			}
		}
	}
	return out
}

// scaled reads decimal numbers as whole numbers of 10^-digits; what is empty is
// unknown.
func scaled(column []string, digits int) []int64 {
	out := make([]int64, len(column))
	for i, text := range column {
		if text == "" {
			out[i] = Unknown
			continue
		}
		whole, part, _ := strings.Cut(text, ".")
		if len(part) < digits {
			part += strings.Repeat("0", digits-len(part))
		}
		if strings.Trim(part[digits:], "0") != "" {
			panic(fmt.Sprintf("%s has more than %d digits", text, digits))
		}
		v, err := strconv.ParseInt(whole+part[:digits], 10, 64)
		if err != nil {
			panic(err)
		}
		out[i] = v
	}
	return out
}
