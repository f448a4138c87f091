package rule

import "github.com/wattwerk/wattwerk/record"

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

// Changes gives all changes.
func Changes() []Change {
	return []Change{Pending, Passed, Fired, Repeated, Unknown, Known, Suppressed, Resolved, Withdrawn}
}

// Why says why nobody is told of a change, or what made it.
type Why string

// The reasons there are.
const (
	Silenced     Why = "quiet"         // quiet hours, or silenced
	Untold       Why = "untold"        // nobody had been told that it began
	RuleChanged  Why = "rule-changed"  // the rule was changed or removed
	SettledAgain Why = "settled-again" // settled again, it does not hold
	FoundMany    Why = "many-found"    // as many others were found
	FoundOver    Why = "found-over"    // it was over when it was found
)

// Reasons gives all reasons.
func Reasons() []Why {
	return []Why{Silenced, Untold, RuleChanged, SettledAgain, FoundMany, FoundOver}
}

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
	Why      Why             `json:"why"`            // why nobody is told, or what else ended it
	By       Ref             `json:"by,omitempty"`   // suppressed: by the alert of this group
	Figures  Figures         `json:"figures"`        // beside the value
	Text     string          `json:"text"`           // of the rule
	To       []string        `json:"to"`             // of the rule
}
