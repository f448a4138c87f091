package energy

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

var update = flag.Bool("update", false, "rewrite what the scripts expect")

// TestScripts runs testdata/*.txt. A script is read line by line; values are in
// the unit it names:
//
//	counter kWh            a new sensor that counts
//	gauge kW               a new sensor that shows what is the case
//	level V                the same, of a quantity that does not add up
//	age 15m                how long a reading holds; 3m if not said, "unlimited"
//	width 100000           where the counter begins again at zero
//	tolerance 0.1          fall that means nothing
//	max 30                 by how much it rises in an hour at most
//	swap 10:20 end 812.5 start 0   the device was changed; "-" is not known
//	read 10:00 123.4 [estimated]   a reading, "-" is null
//	read 10:01 to 10:05 every 1m 2 the same reading several times
//	day 2                  the readings that follow are of the second day
//	ignore 10:05           override: set the reading aside
//	accept 10:05           count the difference as it is
//	reset 10:05 [3]        it began anew, at 3
//	rollover 10:05 [1000]  it ran over 1000
//	rise 10:05 0.4         it rose by 0.4
//	undo                   forget all overrides
//	settle 10:00 11:00 [5m]   windows of 15 minutes, or of another length
//
// After settle stand the windows that came out, and the annotations. Run with
// -update to write them anew.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) { runScript(t, f) })
	}
}

type script struct {
	t         *testing.T
	unit      record.Unit
	rules     Rules
	readings  []Reading
	overrides []Override
	day       int
}

// first is the day that scripts begin with, a Sunday in UTC.
var first = time.Date(2024, 5, 5, 0, 0, 0, 0, time.UTC)

func (s *script) time(text string) record.Millis {
	s.t.Helper()
	day := s.day
	if d, rest, ok := strings.Cut(text, "/"); ok {
		n, err := strconv.Atoi(d)
		if err != nil {
			s.t.Fatalf("%q is no time", text)
		}
		day, text = n-1, rest
	}
	form := "15:04"
	if strings.Count(text, ":") == 2 {
		form = "15:04:05"
	}
	if text == "24:00" {
		day, text = day+1, "00:00"
	}
	v, err := time.Parse(form, text)
	if err != nil {
		s.t.Fatal(err)
	}
	return record.MillisOf(first.AddDate(0, 0, day)) + record.Millis(v.Sub(v.Truncate(24*time.Hour)).Milliseconds())
}

func (s *script) clock(t record.Millis) string {
	at := t.Time()
	text := at.Format("15:04")
	if at.Second() != 0 {
		text = at.Format("15:04:05")
	}
	if d := int(at.Sub(first).Hours() / 24); d > 0 {
		text = fmt.Sprintf("%d/%s", d+1, text)
	}
	return text
}

func (s *script) length(text string) int64 {
	s.t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return d.Milliseconds()
}

func (s *script) value(text string) float64 {
	s.t.Helper()
	if text == "-" {
		return math.NaN()
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.unit.Coherent(v)
}

func (s *script) optional(words []string) *float64 {
	if len(words) == 0 || words[0] == "-" {
		return nil
	}
	v := s.value(words[0])
	return &v
}

func runScript(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := &script{t: t}
	var got []string
	for _, line := range strings.Split(strings.TrimRight(string(data), "\n"), "\n") {
		if strings.HasPrefix(line, "  ") {
			continue // written anew below
		}
		got = append(got, line)
		text, _, _ := strings.Cut(line, "#")
		if words := strings.Fields(text); len(words) > 0 {
			got = append(got, s.command(words)...)
		}
	}
	text := strings.Join(got, "\n") + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if text != string(data) {
		t.Errorf("the script gives now:\n%s", text)
	}
}

func (s *script) command(words []string) (out []string) {
	rest := words[1:]
	override := func(kind OverrideKind) {
		s.overrides = append(s.overrides, Override{s.time(rest[0]), kind, s.optional(rest[1:])})
	}
	switch words[0] {
	case "counter", "gauge", "level":
		u, ok := record.LookupUnit(rest[0])
		if !ok {
			s.t.Fatalf("unit %s is unknown", rest[0])
		}
		*s = script{t: s.t, unit: u}
		s.rules = Rules{Counter: words[0] == "counter", Integral: words[0] == "gauge", Interval: 60_000, MaxAge: 180_000}
	case "age":
		s.rules.MaxAge = -1
		if rest[0] != "unlimited" {
			s.rules.MaxAge = s.length(rest[0])
		}
	case "width":
		s.rules.Width = s.value(rest[0])
	case "tolerance":
		s.rules.Tolerance = s.value(rest[0])
	case "max":
		s.rules.MaxRate = s.value(rest[0])
	case "swap":
		s.rules.Swaps = append(s.rules.Swaps, Swap{s.time(rest[0]), s.optional(rest[2:3]), s.optional(rest[4:5])})
	case "day":
		n, err := strconv.Atoi(rest[0])
		if err != nil {
			s.t.Fatal(err)
		}
		s.day = n - 1
	case "read":
		from, to, step := s.time(rest[0]), s.time(rest[0]), int64(1)
		if rest[1] == "to" {
			to, step = s.time(rest[2]), s.length(rest[4])
			rest = rest[4:]
		}
		var q Quality
		if len(rest) > 2 {
			if err := q.UnmarshalText([]byte(rest[2])); err != nil {
				s.t.Fatal(err)
			}
		}
		for ; from <= to; from += record.Millis(step) {
			s.readings = append(s.readings, Reading{from, s.value(rest[1]), q})
		}
	case "ignore":
		override(Ignore)
	case "accept":
		override(Accept)
	case "reset":
		override(ToReset)
	case "rollover":
		override(ToRollover)
	case "rise":
		override(Rise)
	case "undo":
		s.overrides = nil
	case "settle":
		step := int64(window.QuarterLength)
		if len(rest) > 2 {
			step = s.length(rest[2])
		}
		return s.settle(s.time(rest[0]), s.time(rest[1]), step)
	default:
		s.t.Fatalf("%q is no command", words[0])
	}
	return nil
}

func (s *script) settle(from, to record.Millis, step int64) (out []string) {
	var edges []record.Millis
	for ; from <= to; from += record.Millis(step) {
		edges = append(edges, from)
	}
	values, notes := Settle(s.readings, edges, s.rules, s.overrides)
	for i, v := range values {
		line := fmt.Sprintf("  %s to %s: ", s.clock(edges[i]), s.clock(edges[i+1]))
		if v.Known {
			line += s.show(v.Amount.Float64())
		} else {
			line += "-"
		}
		if v.Estimated != 0 {
			line += " (" + s.show(v.Estimated.Float64()) + " estimated)"
		}
		if !math.IsNaN(v.Average) {
			line += fmt.Sprintf(", average %s (%s to %s)", s.show(v.Average), s.show(v.Min), s.show(v.Max))
		}
		line += fmt.Sprintf(", %.3g %% covered, %d readings, %s", 100*float64(v.Covered)/float64(step), v.Count, v.Quality)
		out = append(out, line)

		// A window alone is as the window in a row.
		alone, noted := Settle(s.readings, edges[i:i+2], s.rules, s.overrides)
		if !same(alone[0], v) {
			s.t.Errorf("%s alone: got %+v, want %+v", line, alone[0], v)
		}
		for _, n := range noted {
			if !slices.ContainsFunc(notes, func(m Annotation) bool { return m.String() == n.String() }) {
				s.t.Errorf("%s alone has %s", line, n)
			}
		}
	}
	for _, n := range notes {
		n.Before, n.After = s.unit.From(n.Before), s.unit.From(n.After)
		if n.Known {
			a, err := Of(s.unit.From(n.Rise.Float64()))
			if err != nil {
				s.t.Error(err)
			}
			n.Rise = a
		}
		text := n.String()
		out = append(out, "  "+s.clock(n.Time)+text[len(n.Time.String()):])
	}
	return out
}

func (s *script) show(v float64) string {
	return strconv.FormatFloat(s.unit.From(v), 'g', 6, 64)
}

// same tells whether two values are the same to the bit; no number is as no number.
func same(a, b Value) bool {
	bits := func(v Value) [3]uint64 {
		return [3]uint64{math.Float64bits(v.Average), math.Float64bits(v.Min), math.Float64bits(v.Max)}
	}
	x, y := bits(a), bits(b)
	a.Average, a.Min, a.Max, b.Average, b.Min, b.Max = 0, 0, 0, 0, 0, 0
	return a == b && x == y
}
