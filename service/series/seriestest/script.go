package seriestest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/internal/replay"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/series"
	"github.com/wattwerk/wattwerk/window"
)

// Update says that scripts and pages are rewritten by what comes out.
var Update = flag.Bool("update", false, "rewrite what the scripts in testdata expect")

// Run runs testdata/*.txt, each by steps of its own.
func Run(t *testing.T, steps func() func(t *testing.T, title string, b *Body) string) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			step := steps()
			var out strings.Builder
			head, rest, _ := strings.Cut(string(data), "\n== ")
			out.WriteString(strings.TrimRight(head, "\n") + "\n")
			for _, text := range strings.Split(rest, "\n== ") {
				title, text, _ := strings.Cut(text, "\n")
				body, want, _ := strings.Cut(text, "\n----\n")
				body = strings.TrimSuffix(body, "\n----")
				got := strings.TrimRight(step(t, title, Read(t, body)), "\n")
				fmt.Fprintf(&out, "\n== %s\n%s\n----\n%s\n", title, body, got)
				if !*Update && got != strings.TrimRight(want, "\n") {
					t.Errorf("%s: %s\n%s\nwant\n%s", file, title, got, want)
				}
			}
			if *Update {
				if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// Body is what a step is given.
type Body struct {
	Calendar window.Calendar
	Step     int64
	Set      map[string]string
	Text     map[string]string
	Energy   map[string]*series.EnergySeries
	Gauge    map[string]*series.GaugeSeries
	Names    []string // of series, in the order they came in
}

// Read reads a body.
func Read(t testing.TB, text string) *Body {
	t.Helper()
	b := &Body{Step: series.Quarter, Set: map[string]string{}, Text: map[string]string{}, Energy: map[string]*series.EnergySeries{}, Gauge: map[string]*series.GaugeSeries{}}
	name := ""
	for _, line := range strings.Split(text, "\n") {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "", "#":
		case "|":
			b.Text[name] += rest + "\n"
		case "text":
			name = rest
		case "set":
			key, value, _ := strings.Cut(rest, " ")
			b.Set[key] = value
			var err error
			switch key {
			case "zone":
				b.Calendar, err = window.Load(value)
			case "step":
				var d time.Duration
				d, err = time.ParseDuration(value)
				b.Step = d.Milliseconds()
			}
			if err != nil {
				t.Fatal(err)
			}
		case "energy", "gauge":
			b.series(t, word == "energy", rest)
		default:
			t.Fatalf("line %q is unknown", line)
		}
	}
	return b
}

// Span is a setting that says from when to when.
func (b *Body) Span(t testing.TB, name string) window.Span {
	t.Helper()
	f := strings.Fields(b.Set[name])
	s, rest := b.span(t, f)
	if len(rest) != 0 {
		t.Fatalf("%q is no span", b.Set[name])
	}
	return s
}

// At is a setting that says when.
func (b *Body) At(t testing.TB, name string) record.Millis {
	t.Helper()
	m, err := b.Calendar.Moment(strings.Replace(b.Set[name], " ", "T", 1))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Number is a setting that is a number; 0 if it is not there.
func (b *Body) Number(t testing.TB, name string) float64 {
	t.Helper()
	if b.Set[name] == "" {
		return 0
	}
	v, err := strconv.ParseFloat(b.Set[name], 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// span reads a beginning and an end, and gives the words behind them.
func (b *Body) span(t testing.TB, f []string) (window.Span, []string) {
	t.Helper()
	var at [2]record.Millis
	for i := range at {
		if len(f) == 0 {
			t.Fatal("a time is missing")
		}
		text := f[0]
		f = f[1:]
		if len(f) > 0 && len(f[0]) == len("00:00") && strings.Contains(f[0], ":") {
			text += "T" + f[0]
			f = f[1:]
		}
		var err error
		if at[i], err = b.Calendar.Moment(text); err != nil {
			t.Fatal(err)
		}
	}
	return window.Span{From: at[0], To: at[1]}, f
}

// pattern tells in which intervals a line counts.
type pattern struct {
	from, to int // minutes of the day
	days     string
}

func (p pattern) fits(at time.Time) bool {
	minute := at.Hour()*60 + at.Minute()
	weekend := at.Weekday() == time.Saturday || at.Weekday() == time.Sunday
	switch {
	case p.days == "workdays" && weekend, p.days == "weekend" && !weekend:
		return false
	case p.from <= p.to:
		return p.from <= minute && minute < p.to
	}
	return minute >= p.from || minute < p.to
}

func (b *Body) series(t testing.TB, amounts bool, rest string) {
	t.Helper()
	i := strings.LastIndex(rest, ": ")
	if i < 0 {
		t.Fatalf("line %q has no value", rest)
	}
	f := strings.Fields(rest[:i])
	name := f[0]
	at, f := b.span(t, f[1:])
	when := pattern{to: 24 * 60}
	if len(f) > 1 && f[0] == "daily" {
		var h1, m1, h2, m2 int
		if _, err := fmt.Sscanf(f[1], "%d:%d-%d:%d", &h1, &m1, &h2, &m2); err != nil {
			t.Fatal(err)
		}
		when.from, when.to = h1*60+m1, h2*60+m2
		if len(f) > 2 {
			when.days = f[2]
		}
	}
	value, how, _ := strings.Cut(rest[i+2:], ", ")
	quality := energy.Measured
	how, part, _ := strings.Cut(how, " ")
	if how != "" {
		if err := quality.UnmarshalText([]byte(how)); err != nil {
			t.Fatal(err)
		}
	}
	number := func(s string) float64 {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	var v float64
	if value == "unknown" {
		quality = energy.None
	} else {
		v = number(value)
	}
	set := func(from record.Millis) bool { return when.fits(from.Time().In(b.Calendar.Zone())) }
	b.Names = append(b.Names, name)
	if amounts {
		e := energy.Amount(0)
		if part != "" {
			e, _ = energy.Of(number(part) * 1000)
		}
		a, err := energy.Of(v * 1000)
		if err != nil {
			t.Fatal(err)
		}
		x := series.EnergyValue{Amount: a, Estimated: e, Quality: quality}
		if quality == energy.Measured {
			x.Covered = b.Step
		}
		s := b.Energy[name]
		if s == nil {
			s = &series.EnergySeries{Start: at.From, Step: b.Step}
			b.Energy[name] = s
		}
		for m := at.From; m < at.To; m += record.Millis(s.Step) {
			k := int(int64(m-s.Start) / s.Step)
			for len(s.Values) <= k {
				s.Values = append(s.Values, series.EnergyValue{})
			}
			if set(m) {
				s.Values[k] = x
			}
		}
		return
	}
	s := b.Gauge[name]
	if s == nil {
		s = &series.GaugeSeries{Start: at.From, Step: b.Step}
		b.Gauge[name] = s
	}
	for m := at.From; m < at.To; m += record.Millis(s.Step) {
		k := int(int64(m-s.Start) / s.Step)
		for len(s.Values) <= k {
			s.Values = append(s.Values, series.GaugeValue{})
		}
		if set(m) {
			s.Values[k] = series.GaugeValue{Value: v, Quality: quality}
		}
	}
}

// Clock writes a time by the clock of the zone.
func (b *Body) Clock(m record.Millis) string {
	return m.Time().In(b.Calendar.Zone()).Format("2006-01-02 15:04")
}

// Of is measured data in Wh as a series.
func Of(s replay.Series) *series.EnergySeries {
	out := &series.EnergySeries{Start: s.Start, Step: s.Step, Values: make([]series.EnergyValue, len(s.Values))}
	for i, v := range s.Values {
		if v != replay.Unknown {
			out.Values[i] = series.Measured(energy.Amount(v)*energy.PerUnit, s.Step)
		}
	}
	return out
}
