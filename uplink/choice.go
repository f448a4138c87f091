package uplink

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// Choice says what is sent to the centre. The zero value sends nothing; see
// [All]. In patterns * stands for any text.
type Choice struct {
	Sensors []string `json:"sensors"` // patterns: sensors to send
	Groups  []string `json:"groups"`  // patterns: sensors below these groups are sent too
	Except  []string `json:"except"`  // patterns: sensors not to send, whatever else says

	// Interval, in ms, makes one record per sensor and interval: for a gauge the
	// mean over the time it is known for, stamped with the begin of the interval;
	// for a counter its last reading. 0: every record as it is. Sensors that the
	// model does not know, that report no more often, or whose values hold without
	// limit, are sent as they are.
	Interval int64 `json:"interval"`
	// Known is the least share of an interval that must be known for its mean to
	// be sent, 0 to 1; an interval of which less is known is a gap.
	Known float64 `json:"known"`

	Sums       []string `json:"sums"`       // patterns: groups whose sums are sent
	SumAs      string   `json:"sumAs"`      // the name of a sum; {group} and {hierarchy} stand for themselves
	CoverageAs string   `json:"coverageAs"` // the name of the share of members known, 0 to 1, beside a sum; empty: not sent
	// Coverage is the least share of a group's members that must be known for
	// its sum to be sent, 0 to 1. A sum that is null is never sent.
	Coverage float64 `json:"coverage"`
}

// All sends every record as it is, and no sums.
func All() Choice {
	return Choice{Sensors: []string{"*"}, Known: 0.5, SumAs: "{group}"}
}

// Validate says what cannot be meant.
func (c *Choice) Validate() error {
	var errs []error
	bad := func(when bool, format string, a ...any) {
		if when {
			errs = append(errs, fmt.Errorf(format, a...))
		}
	}
	bad(c.Interval < 0 || c.Interval > 0 && (c.Interval < 1000 || 86_400_000%c.Interval != 0), "an interval of %d ms: 1 s or more that divide a day are possible, or 0", c.Interval)
	bad(!(c.Known >= 0 && c.Known <= 1), "a known share of %v: it is between 0 and 1", c.Known)
	bad(!(c.Coverage >= 0 && c.Coverage <= 1), "a coverage of %v: it is between 0 and 1", c.Coverage)
	if len(c.Sums) > 0 {
		for _, p := range []string{c.SumAs, c.CoverageAs} {
			name := sumName(p, "h", "g")
			bad(p != "" && !strings.Contains(p, "{group}"), "%q names every group alike; {group} must be in it", p)
			bad(strings.ContainsAny(name, "{}"), "%q: {group} and {hierarchy} are all that stands for something", p)
		}
		bad(c.SumAs == "", "sums need a name")
		bad(c.SumAs == c.CoverageAs, "a sum and its coverage cannot have the same name %q", c.SumAs)
	}
	return errors.Join(errs...)
}

// plain tells whether nothing depends on the model or on what came before.
func (c *Choice) plain() bool {
	return c.Interval == 0 && len(c.Groups) == 0 && len(c.Sums) == 0
}

func sumName(pattern, hierarchy, group string) string {
	return strings.NewReplacer("{group}", group, "{hierarchy}", hierarchy).Replace(pattern)
}

// matches tells whether one of the patterns is the name.
func matches(patterns []string, name string) bool {
	for _, p := range patterns {
		if match(p, name) {
			return true
		}
	}
	return false
}

// match lets * stand for any text, and everything else for itself.
func match(pattern, name string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	name, ok := strings.CutPrefix(name, first)
	if !ok || !star {
		return ok && name == ""
	}
	for {
		piece, more, star := strings.Cut(rest, "*")
		if !star {
			return strings.HasSuffix(name, piece)
		}
		at := strings.Index(name, piece)
		if at < 0 {
			return false
		}
		name, rest = name[at+len(piece):], more
	}
}

// way is how the values of a sensor are sent.
type way byte

const (
	nothing way = iota // not at all
	asIs
	mean
	last // of a counter
)

// fact is what is known of a sensor, or of the sum of a group. Facts are part
// of the state: they change only together with a checkpoint, so that reading a
// stream again makes the same of it though the model has changed.
type fact struct {
	Way      way
	Name     record.SensorID // under which it is sent
	Age      int64           // ms that a value holds
	Interval int64           // ms
	Known    float64         // share of an interval that must be known
	Least    float64         // of a sum: share of the members that must be known
}

// facts looks up facts in one revision of the model.
type facts struct {
	choice *Choice
	model  *model.Model
	below  map[record.SensorID]bool // sensors of the chosen groups; nil until asked
}

func (f *facts) sensor(id record.SensorID) fact {
	c := f.choice
	if matches(c.Except, string(id)) || !matches(c.Sensors, string(id)) && !f.chosen(id) {
		return fact{}
	}
	out := fact{Way: asIs, Name: id}
	s, known := f.model.Sensor(id)
	if c.Interval == 0 || !known {
		return out
	}
	every := model.DefaultInterval
	if s.Interval > 0 {
		every = s.Interval
	}
	out.Age, out.Interval, out.Known = s.Age(), c.Interval, c.Known
	kind := s.Kind
	if kind == "" && s.Quantity.Counter() {
		kind = model.Counter
	}
	switch {
	case time.Duration(every).Milliseconds() >= c.Interval:
	case kind == model.Counter:
		out.Way = last
	case out.Age >= 0:
		out.Way = mean
	}
	return out
}

func (f *facts) chosen(id record.SensorID) bool {
	if len(f.choice.Groups) == 0 {
		return false
	}
	if f.below == nil {
		f.below = make(map[record.SensorID]bool)
		seen := make(map[model.GroupID]bool)
		for g := range f.model.Groups() {
			if matches(f.choice.Groups, string(g.ID)) {
				f.walk(g.ID, seen)
			}
		}
	}
	return f.below[id]
}

func (f *facts) walk(id model.GroupID, seen map[model.GroupID]bool) {
	g, ok := f.model.Group(id)
	if !ok || seen[id] {
		return
	}
	seen[id] = true
	for _, m := range g.Members {
		if m.Sensor != "" {
			f.below[m.Sensor] = true
		} else {
			f.walk(m.Group, seen)
		}
	}
}

// sum gives the facts of a group's sum and of its coverage.
func (f *facts) sum(hierarchy, group string) (sum, coverage fact) {
	c := f.choice
	if !matches(c.Sums, group) {
		return fact{}, fact{}
	}
	tick := model.DefaultTick
	if h, ok := f.model.Hierarchy(model.HierarchyID(hierarchy)); ok && h.Tick > 0 {
		tick = h.Tick
	}
	// A sum holds for its tick: when the next one is null there is a gap.
	sum = fact{Way: asIs, Least: c.Coverage, Age: time.Duration(tick).Milliseconds(), Name: record.SensorID(sumName(c.SumAs, hierarchy, group))}
	if sum.Age < c.Interval {
		sum.Way, sum.Interval, sum.Known = mean, c.Interval, c.Known
	}
	if c.CoverageAs != "" {
		coverage = sum
		coverage.Name = record.SensorID(sumName(c.CoverageAs, hierarchy, group))
	}
	return named(sum), named(coverage)
}

// named gives the fact of a sum, or one that sends nothing when no sensor can
// have its name.
func named(f fact) fact {
	if f.Way != nothing && f.Name.Validate() != nil {
		f.Way = nothing
	}
	return f
}

// nameless tells whether a sum is not sent because of its name.
func (f *fact) nameless() bool { return f.Way == nothing && f.Name != "" }
