package processor

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

// given reads the values of parameters. The first that cannot be read is the
// error; what is absent is zero.
type given struct {
	values manifest.Values
	err    error
}

func (g *given) fail(name, format string, args ...any) {
	if g.err == nil {
		g.err = fmt.Errorf(name+": "+format, args...)
	}
}

// text is a value as text, whatever its type.
func (g *given) text(name string) string {
	raw := g.values[name]
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	if raw[0] != '"' {
		return string(raw)
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		g.fail(name, "%.60q is no text", string(raw))
	}
	return s
}

// choice is a text that is one of several.
func (g *given) choice(name string, of ...string) string {
	s := g.text(name)
	for _, o := range of {
		if strings.EqualFold(s, o) {
			return o
		}
	}
	g.fail(name, "%.60q is none of %s", s, strings.Join(of, ", "))
	return of[0]
}

// number is a finite number of a magnitude that values may have.
func (g *given) number(name string) float64 {
	s := strings.TrimSpace(g.text(name))
	if s == "" {
		return 0
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) || math.Abs(v) > record.MaxValue {
		g.fail(name, "%.60q is no number from -1e18 to 1e18", s)
		return 0
	}
	return v
}

// within is a number from least to most.
func (g *given) within(name string, least, most float64) float64 {
	v := g.number(name)
	if v < least || v > most {
		g.fail(name, "%v is not from %v to %v", v, least, most)
	}
	return v
}

// whole is a whole number from least to most.
func (g *given) whole(name string, least, most float64) int {
	v := g.within(name, least, most)
	if v != math.Trunc(v) {
		g.fail(name, "%v is no whole number", v)
		return 0
	}
	return int(v)
}

func (g *given) flag(name string) bool {
	switch s := strings.ToLower(g.text(name)); s {
	case "", "false":
		return false
	case "true":
		return true
	default:
		g.fail(name, "%.60q is neither true nor false", s)
		return false
	}
}

// longest is the longest duration a parameter may have: 400 days.
const longest = 400 * 86_400_000

// duration is a fixed time in ms from least to 400 days; of an error it is not
// zero either, so that it may be divided by.
func (g *given) duration(name string, least int64) int64 {
	s := g.text(name)
	ms, ok := fixedTime(s)
	switch {
	case s == "":
		ms = 0
	case !ok:
		g.fail(name, "%.60q is no fixed time, such as 90s, 15m, 1h or 1d", s)
		return max(least, 1)
	}
	if ms < least || ms > longest {
		g.fail(name, "%.60q is not from %s to 400d", s, time.Duration(least)*time.Millisecond)
		return max(least, 1)
	}
	return ms
}

// fixedTime reads Go's durations, and days and weeks.
func fixedTime(s string) (ms int64, ok bool) {
	s = strings.TrimSpace(s)
	if s == "0" {
		return 0, true
	}
	for suffix, days := range map[string]int64{"d": 1, "w": 7} {
		if n, isDays := strings.CutSuffix(s, suffix); isDays {
			v, err := strconv.ParseUint(n, 10, 16)
			return int64(v) * days * 86_400_000, err == nil
		}
	}
	d, err := time.ParseDuration(s)
	return d.Milliseconds(), err == nil && d%time.Millisecond == 0
}

// calendarSize is a size of windows of the calendar.
func (g *given) calendarSize(name string) window.Size {
	size, err := window.ParseSize(strings.TrimSpace(g.text(name)))
	if err != nil {
		g.fail(name, "%v", err)
	}
	return size
}

// calendar is that of a zone.
func (g *given) calendar(name string) window.Calendar {
	zone := g.text(name)
	if strings.EqualFold(zone, "local") { // it would be that of the machine
		g.fail(name, "%q is no zone", zone)
		return window.Calendar{}
	}
	c, err := window.Load(zone)
	if err != nil {
		g.fail(name, "%.60q is no zone that is known", zone)
	}
	return c
}

// Parameters are declared by these.

func parameter(name string, t manifest.Type, standard any, description string) manifest.Parameter {
	p := manifest.Parameter{Name: name, Type: t, Description: description}
	if standard == nil {
		p.Required = true
		return p
	}
	b, err := json.Marshal(standard)
	if err != nil { // a mistake in a table that tests read
		panic(err)
	}
	p.Default = b
	return p
}

func choices(name, standard, description string, of ...string) manifest.Parameter {
	p := parameter(name, manifest.String, standard, description)
	p.OneOf = of
	return p
}

func numeric(name string, t manifest.Type, standard any, least, most float64, measure, description string) manifest.Parameter {
	p := parameter(name, t, standard, description)
	p.Min, p.Max, p.Measure = &least, &most, measure
	return p
}
