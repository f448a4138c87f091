package rule

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/wattwerk/wattwerk/forecast"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// Severity says how bad it is.
type Severity string

// The severities there are.
const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

// Severities gives all, the mildest first.
func Severities() []Severity { return []Severity{Info, Warning, Critical} }

// Kind says what a condition looks at.
type Kind string

// The kinds of conditions there are.
const (
	Above       Kind = "above"        // a value above a limit
	Below       Kind = "below"        // a value below a limit
	Missing     Kind = "missing"      // no reading for a number of intervals
	Coverage    Kind = "coverage"     // the share of a group's members with a value is below a limit
	PowerFactor Kind = "power_factor" // the magnitude of the power factor is below a limit
	Demand      Kind = "demand"       // the mean of the running window is going to be above a limit
	Budget      Kind = "budget"       // the amount, or the cost, of the running day, week, month or year is above a limit
	Deviation   Kind = "deviation"    // a settled quarter of an hour is not as usual at this hour of the week
	External    Kind = "external"     // another program says so
)

// Kinds gives all kinds of conditions.
func Kinds() []Kind {
	return []Kind{Above, Below, Missing, Coverage, PowerFactor, Demand, Budget, Deviation, External}
}

// Measure says which value of the subject counts.
type Measure string

// The measures there are. Of a sensor there are the first two.
const (
	Value       Measure = "value"       // the reading; of a group the sum
	Magnitude   Measure = "magnitude"   // the same without its sign
	Meter       Measure = "meter"       // the group's own meter
	Unaccounted Measure = "unaccounted" // meter less sum
	Anomaly     Measure = "anomaly"     // what the installation itself finds cannot be right, or is not usual
	Cost        Measure = "cost"        // of a budget: money instead of energy
)

// Subject is what a rule is about: exactly one of the fields is set. A rule
// from outside may have none.
type Subject struct {
	Sensor record.SensorID `json:"sensor,omitempty" doc:"A sensor" maxLength:"200"`
	Group  model.GroupID   `json:"group,omitempty" doc:"Or a group" maxLength:"200"`
	Below  model.GroupID   `json:"below,omitempty" doc:"Or every sensor below this group, each for itself" maxLength:"200"`
}

// Condition is when a rule holds.
type Condition struct {
	Kind      Kind            `json:"kind" enum:"above,below,missing,coverage,power_factor,demand,budget,deviation,external" doc:"What is looked at"`
	Of        Measure         `json:"of,omitempty" enum:"value,magnitude,meter,unaccounted,cost,anomaly" doc:"Which value of the subject; default value, of a group the sum. cost: money, of a budget. anomaly: of a rule from outside, that the module service finds one of its subject, or of anything"`
	Limit     float64         `json:"limit,omitempty" doc:"In the coherent unit of the quantity (W, not kW), or of money; for coverage and the power factor between 0 and 1; for a deviation how many times the usual spread, default 6"`
	Clear     *float64        `json:"clear,omitempty" doc:"The value must come back to here before the alert ends; default: the limit"`
	Intervals float64         `json:"intervals,omitempty" minimum:"0" maximum:"100000" doc:"missing: silent for so many expected intervals; default 3"`
	With      record.SensorID `json:"with,omitempty" doc:"power_factor of an active power: the sensor of the reactive or apparent power beside it" maxLength:"200"`
	Window    model.Duration  `json:"window,omitempty" doc:"demand: length of the window, divides an hour; default 15m"`
	Trend     model.Duration  `json:"trend,omitempty" doc:"demand: how far back is looked to see where the power is going; default 3m"`
	Period    Period          `json:"period,omitempty" enum:"day,week,month,year" doc:"budget: of which time the amount is"`
	Weeks     int             `json:"weeks,omitempty" minimum:"0" maximum:"52" doc:"deviation: so many weeks before are looked at to see what is usual; default 8"`
	Least     float64         `json:"least,omitempty" minimum:"0" doc:"deviation: one that is smaller than this (W) is none"`
}

// Rule is what a person wants to be told about.
type Rule struct {
	ID        string         `json:"id" required:"false" doc:"Identifier" example:"hall-peak" maxLength:"200"`
	Name      string         `json:"name,omitempty" doc:"As people call it" maxLength:"500"`
	Subject   Subject        `json:"subject,omitempty" doc:"What it is about"`
	Condition Condition      `json:"condition" doc:"When it holds"`
	For       model.Duration `json:"for,omitempty" doc:"How long the condition must hold before the alert is raised" example:"5m"`
	ClearFor  model.Duration `json:"clearFor,omitempty" doc:"How long it must be over before the alert ends" example:"2m"`
	Repeat    model.Duration `json:"repeat,omitempty" doc:"Told again so often while it lasts; absent: once" example:"4h"`
	Quiet     []Quiet        `json:"quiet,omitempty" maxItems:"20" doc:"When nothing is to be told. What still lasts at the end is told then"`
	KeepHold  bool           `json:"keepHold,omitempty" doc:"A gap in the values does not end a hold time that has begun"`
	Severity  Severity       `json:"severity,omitempty" enum:"info,warning,critical" doc:"Default warning"`
	Text      string         `json:"text,omitempty" doc:"What to do; added to every message" maxLength:"2000"`
	To        []string       `json:"to,omitempty" maxItems:"20" doc:"Names of the sinks that are told; absent: all"`
	Disabled  bool           `json:"disabled,omitempty" doc:"Kept, and not looked at"`
}

// Bounds of rules.
const (
	maxHold          = 31 * 24 * time.Hour
	defaultIntervals = 3
	defaultWindow    = model.Duration(forecast.Window)
	defaultTrend     = model.Duration(forecast.Trend)
	defaultWeeks     = 8
	defaultSpreads   = 6
)

// LeastWeeks is how many weeks before must have been measured at an hour of the
// week for it to be known what is usual then.
const LeastWeeks = 4

// Complete fills in what has a default.
func (r Rule) Complete() Rule {
	if r.Severity == "" {
		r.Severity = Warning
	}
	c := &r.Condition
	switch c.Kind {
	case Above, Below, Demand:
		if c.Of == "" {
			c.Of = Value
		}
	case Missing:
		if c.Intervals == 0 {
			c.Intervals = defaultIntervals
		}
	case Deviation:
		if c.Weeks == 0 {
			c.Weeks = defaultWeeks
		}
		if c.Limit == 0 {
			c.Limit = defaultSpreads
		}
	}
	if c.Kind == Demand {
		if c.Window == 0 {
			c.Window = defaultWindow
		}
		if c.Trend == 0 {
			c.Trend = defaultTrend
		}
	}
	return r
}

// Validate gives everything that is wrong with a completed rule, one sentence
// each. Whether its subject exists is for [Check].
func (r *Rule) Validate() error {
	var errs []error
	bad := func(when bool, format string, a ...any) {
		if when {
			errs = append(errs, fmt.Errorf(format, a...))
		}
	}
	if err := record.ValidateID("rule", r.ID); err != nil {
		errs = append(errs, err)
	}
	bad(!slices.Contains(Severities(), r.Severity), "severity %q is none of info, warning, critical", r.Severity)
	for _, d := range []struct {
		name string
		d    model.Duration
	}{{"for", r.For}, {"clearFor", r.ClearFor}, {"repeat", r.Repeat}} {
		bad(d.d < 0 || time.Duration(d.d) > maxHold, "%s is %s; between 0 and 31 days are possible", d.name, d.d)
	}
	bad(r.Repeat > 0 && time.Duration(r.Repeat) < time.Minute, "repeat is %s; a minute at least", r.Repeat)
	for i := range r.Quiet {
		if err := r.Quiet[i].Validate(); err != nil {
			errs = append(errs, err)
		}
	}
	s, named := r.Subject, 0
	for _, set := range []bool{s.Sensor != "", s.Group != "", s.Below != ""} {
		if set {
			named++
		}
	}
	c := r.Condition
	bad(!slices.Contains(Kinds(), c.Kind), "condition.kind %q is unknown", c.Kind)
	bad(named > 1 || named == 0 && c.Kind != External, "subject needs exactly one of sensor, group and below")
	bad(c.Kind == External && s.Below != "", "a rule from outside is about one sensor or group, or nothing")
	bad(math.IsNaN(c.Limit) || math.IsInf(c.Limit, 0) || math.Abs(c.Limit) > record.MaxValue, "condition.limit is not a number that can be measured")
	onGroup := s.Group != ""
	bad(c.Of == Anomaly && c.Kind != External, "an anomaly is found outside of the rules: condition.kind is to be external")
	bad((c.Of == Meter || c.Of == Unaccounted) && !onGroup, "only a group has %s", c.Of)
	bad(c.Of != "" && (c.Of == Cost) != (c.Kind == Budget) || c.Of != "" && c.Kind != Above && c.Kind != Below && c.Kind != Demand && c.Kind != Budget && !(c.Kind == External && c.Of == Anomaly), "condition.of says nothing for %s", c.Kind)
	bad(c.With != "" && (c.Kind != PowerFactor || s.Sensor == ""), "condition.with goes with the power factor of one sensor")
	switch c.Kind {
	case Coverage, PowerFactor:
		bad(c.Limit <= 0 || c.Limit > 1, "condition.limit is %g; above 0 and at most 1 for %s", c.Limit, c.Kind)
		bad(c.Kind == Coverage && !onGroup, "only a group has coverage")
		bad(c.Kind == PowerFactor && onGroup, "the power factor is that of a sensor")
	case Missing:
		bad(math.IsNaN(c.Intervals) || c.Intervals < 1, "condition.intervals is %g; 1 at least", c.Intervals)
	case Demand:
		bad(c.Window < model.Duration(time.Minute) || time.Hour%time.Duration(c.Window) != 0, "condition.window is %s; it must divide an hour and be 1m at least", c.Window)
		bad(c.Trend < model.Duration(10*time.Second) || time.Duration(c.Trend) > time.Hour, "condition.trend is %s; between 10s and 1h are possible", c.Trend)
		bad(s.Below != "", "a demand is that of one sensor or group")
	case Budget:
		bad(!slices.Contains(Periods(), c.Period), "condition.period is none of day, week, month, year")
		bad(s.Below != "", "a budget is that of one sensor or group")
	case Deviation:
		bad(s.Below != "", "a deviation is that of one sensor or group")
		bad(c.Weeks < LeastWeeks || c.Weeks > 52, "condition.weeks is %d; between %d and 52 are possible", c.Weeks, LeastWeeks)
		bad(!(c.Limit >= 1), "condition.limit is %g; the usual spread, 1, at least", c.Limit)
		bad(!(c.Least >= 0), "condition.least is %g; it is not negative", c.Least)
	}
	if c.Clear != nil {
		switch c.Kind {
		case Missing, External, Budget:
			bad(true, "condition.clear says nothing for %s", c.Kind)
		case Above, Demand, Deviation:
			bad(!(*c.Clear <= c.Limit), "condition.clear is %g; the alert would begin and end at once: it must not be above the limit %g", *c.Clear, c.Limit)
		default:
			bad(!(*c.Clear >= c.Limit), "condition.clear is %g; the alert would begin and end at once: it must not be below the limit %g", *c.Clear, c.Limit)
		}
	}
	return errors.Join(errs...)
}

// Check tells whether the model has what the rule is about.
func Check(r *Rule, m *model.Model) error {
	s := r.Subject
	quantity := record.Quantity("")
	switch {
	case s.Sensor != "":
		x, ok := m.Sensor(s.Sensor)
		if !ok {
			return fmt.Errorf("there is no sensor %q in the model", s.Sensor)
		}
		quantity = x.Quantity
	case s.Group != "" || s.Below != "":
		g := s.Group + s.Below
		if _, ok := m.Group(g); !ok {
			return fmt.Errorf("there is no group %q in the model", g)
		}
		if _, ok := m.HierarchyOf(g); !ok {
			return fmt.Errorf("group %q stands in no hierarchy, so it is not evaluated", g)
		}
		quantity = m.QuantityOf(g)
	}
	if f, ok := m.Formula(s.Sensor); ok && !f.Live() {
		return fmt.Errorf("sensor %q is virtual, and its formula has no value at a moment", s.Sensor)
	}
	switch r.Condition.Kind {
	case PowerFactor:
		return checkPowerFactor(r, m, quantity)
	case Demand:
		if quantity != "" && quantity.Counter() {
			return fmt.Errorf("a demand is the mean of a power, and %s is counted", quantity)
		}
	case Budget, Deviation:
		if _, ok := quantity.Integral(); quantity != "" && !ok {
			return fmt.Errorf("%s does not add up over time", quantity)
		}
	}
	return nil
}

func checkPowerFactor(r *Rule, m *model.Model, quantity record.Quantity) error {
	with := r.Condition.With
	if with == "" {
		if quantity != record.PowerFactor {
			return fmt.Errorf("it measures %s, not power_factor; for an active power name the sensor of the reactive or apparent power beside it in condition.with", quantity)
		}
		return nil
	}
	x, ok := m.Sensor(with)
	switch {
	case !ok:
		return fmt.Errorf("there is no sensor %q in the model", with)
	case quantity != record.ActivePower:
		return fmt.Errorf("it measures %s, not active_power", quantity)
	case x.Quantity != record.ReactivePower && x.Quantity != record.ApparentPower:
		return fmt.Errorf("sensor %q measures %s, neither reactive_power nor apparent_power", with, x.Quantity)
	}
	return nil
}
