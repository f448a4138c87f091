package rule

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/record"
)

// Change says what became of an alert.
type Change string

// The changes there are.
const (
	Pending    Change = "pending"    // the condition holds; the hold time runs
	Passed     Change = "passed"     // it was over before the hold time was
	Fired      Change = "fired"      // the alert is raised
	Repeated   Change = "repeated"   // it lasts, and is told again, or for the first time after quiet hours
	Unknown    Change = "unknown"    // it is raised, and not known any more whether it lasts
	Known      Change = "known"      // that is known again, and it lasts
	Suppressed Change = "suppressed" // an alert of a group above says it already
	Resolved   Change = "resolved"   // it is over
	Withdrawn  Change = "withdrawn"  // it should not have been raised, as windows that were settled again say
)

// Ref names a sensor or a group; the zero Ref is neither.
type Ref struct {
	Sensor record.SensorID `json:"sensor,omitempty"`
	Group  string          `json:"group,omitempty"`
}

// String is "sensor NAME" or "group NAME"; empty for the zero Ref.
func (r Ref) String() string {
	switch {
	case r.Sensor != "":
		return "sensor " + string(r.Sensor)
	case r.Group != "":
		return "group " + r.Group
	}
	return ""
}

// Transition is a step in the life of an alert.
type Transition struct {
	Change   Change          `json:"change"`
	Rule     string          `json:"rule"`
	Name     string          `json:"name,omitempty"`
	Severity Severity        `json:"severity"`
	Kind     Kind            `json:"kind"`
	Of       Measure         `json:"of,omitempty"` // which value of the subject
	Subject  Ref             `json:"subject"`
	Incident string          `json:"incident,omitempty"` // the same from fired to resolved; empty before
	Time     record.Millis   `json:"time"`
	Since    record.Millis   `json:"since"`             // since when the condition holds
	Unknown  record.Millis   `json:"unknown,omitempty"` // since when it is not known whether it does; 0: it is known
	Value    *float64        `json:"value"`             // nil: not known
	Limit    float64         `json:"limit"`
	Quantity record.Quantity `json:"quantity,omitempty"`
	Unit     string          `json:"unit,omitempty"` // of value and limit, if not the quantity's
	Count    int             `json:"count"`          // how many messages there were about this incident, this one included
	Tell     bool            `json:"tell"`           // somebody is to be told
	After    record.Millis   `json:"after"`          // not before this, because of quiet hours
	Why      string          `json:"why"`            // why nobody is told, or what else ended it
	By       Ref             `json:"by,omitempty"`   // suppressed: by the alert of this group
	Note     string          `json:"note"`           // figures beside the value
	Text     string          `json:"text"`           // of the rule
	To       []string        `json:"to"`             // of the rule
}

// Sentence says it in a line, with times in the zone.
func (t *Transition) Sentence(zone *time.Location) string {
	var b strings.Builder
	b.WriteString(strings.ToUpper(string(t.Change[:1])) + string(t.Change[1:]))
	if t.Change == Resolved {
		fmt.Fprintf(&b, " after %s", long(int64(t.Time-t.Since)))
	}
	b.WriteString(": " + t.what())
	if t.Change != Resolved && t.Change != Withdrawn && t.Change != Suppressed {
		if t.Note != "" {
			b.WriteString(", " + t.Note)
		}
	}
	if t.Change != Resolved {
		fmt.Fprintf(&b, ", since %s", stamp(t.Since, t.Time, zone))
	}
	if t.By != (Ref{}) {
		fmt.Fprintf(&b, "; told for %s", t.By)
	}
	if t.Why != "" {
		fmt.Fprintf(&b, " (%s)", t.Why)
	}
	return b.String()
}

// what says what is the case, or was.
func (t *Transition) what() string {
	name := t.Subject.String()
	if t.Of == Unaccounted || t.Of == Meter || t.Of == Magnitude { // else it is the value itself
		name = string(t.Of) + " of " + name
	}
	v := "unknown"
	if t.Value != nil {
		v = t.show(*t.Value)
	}
	switch t.Kind {
	case Above, Below:
		return fmt.Sprintf("%s %s %s, it is %s", name, t.Kind, t.show(t.Limit), v)
	case Missing:
		if t.Subject.Group != "" {
			return "nothing is heard from " + name
		}
		return "no reading from " + name
	case Coverage:
		return fmt.Sprintf("%s of the members of %s have a value, less than %s", v, name, t.show(t.Limit))
	case PowerFactor:
		return fmt.Sprintf("power factor of %s below %s, it is %s", name, t.show(t.Limit), v)
	case Demand:
		return fmt.Sprintf("%s is going to be above %s, forecast %s", name, t.show(t.Limit), v)
	case Budget:
		return fmt.Sprintf("%s has used %s, more than %s", name, v, t.show(t.Limit))
	case Deviation:
		if t.Value == nil {
			return name + " is not as usual"
		}
		return fmt.Sprintf("%s is not as usual, by %s times the usual spread", name, v)
	}
	if name == "" {
		name = t.Rule
	}
	return name
}

func (t *Transition) show(v float64) string {
	switch t.Kind {
	case Coverage:
		return number(v*100) + " %"
	case PowerFactor, Deviation:
		return number(v)
	case Budget:
		if t.Unit != "" {
			return Show(v, t.Unit)
		}
		if whole, ok := t.Quantity.Integral(); ok {
			return Show(v, whole.Unit().Symbol)
		}
	}
	return Show(v, t.Quantity.Unit().Symbol)
}

// Show writes a value with four digits and the prefix that people use.
func Show(v float64, unit string) string {
	if unit == "" {
		return number(v)
	}
	switch unit {
	case "W", "var", "VA", "Wh", "varh", "VAh":
		for _, p := range []struct {
			sign   string
			factor float64
		}{{"G", 1e9}, {"M", 1e6}, {"k", 1e3}} {
			if math.Abs(v) >= p.factor {
				return number(v/p.factor) + " " + p.sign + unit
			}
		}
	}
	return number(v) + " " + unit
}

func number(v float64) string {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 4, 64), 64)
	if err != nil {
		return fmt.Sprint(v)
	}
	return strconv.FormatFloat(r, 'f', -1, 64)
}

// long writes how long something lasted, coarser the longer it was.
func long(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// stamp is the time of the day, with the date when it is another day.
func stamp(at, now record.Millis, zone *time.Location) string {
	a, n := at.Time().In(zone), now.Time().In(zone)
	if a.Format(time.DateOnly) == n.Format(time.DateOnly) {
		return a.Format("15:04")
	}
	return a.Format("2006-01-02 15:04")
}
