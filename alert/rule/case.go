package rule

import (
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/record"
)

// Figures are what a sentence has beside the value, by the kind of the condition.
type Figures struct {
	WindowEnd record.Millis `json:"windowEnd,omitempty"` // demand: when the running window ends
	Mean      *float64      `json:"mean,omitempty"`      // demand: its mean so far; nil: not known
	Left      *float64      `json:"left,omitempty"`      // demand: what may be drawn from now on; nil: not known

	Settled      record.Millis `json:"settled,omitempty"`      // budget: from here on it is from live readings, or missing
	Completeness *float64      `json:"completeness,omitempty"` // budget: part of the span that readings speak of, 0 to 1
	Estimated    *float64      `json:"estimated,omitempty"`    // budget: part of the amount that was not measured, or is not settled yet, 0 to 1

	From  record.Millis `json:"from,omitempty"`  // deviation: the quarter of an hour
	To    record.Millis `json:"to,omitempty"`    // deviation: its end
	Was   *float64      `json:"was,omitempty"`   // deviation: its mean
	Low   *float64      `json:"low,omitempty"`   // deviation: the least that is usual
	High  *float64      `json:"high,omitempty"`  // deviation: the most that is
	Weeks int           `json:"weeks,omitempty"` // deviation: that this stands on
	Unit  string        `json:"unit,omitempty"`  // deviation: of these
	Again bool          `json:"again,omitempty"` // deviation: it was found when windows were settled again

	Text  string  `json:"text,omitempty"`  // the words of another program
	Found *Oddity `json:"found,omitempty"` // what they say, if they are of the module service
}

// Oddity is something that cannot be right, or is not usual, and may go on.
type Oddity struct {
	Object   string        `json:"object" doc:"What it is about, as sensor/main"`
	Kind     string        `json:"kind" doc:"stuck, zero, unusual, parts, backwards, rating"`
	Began    record.Millis `json:"began" doc:"Since when, ms since 1970 UTC"`
	Value    *float64      `json:"value,omitempty" doc:"In the coherent unit of the object; absent: none"`
	Expected *float64      `json:"expected,omitempty" doc:"What was to be expected instead, in the same unit; absent: not known"`
}

// Case is what a sentence about an alert says, without its words: the params of
// its phrase. Whoever says it in a language looks at the code first.
type Case struct {
	Change Change          `json:"change" doc:"What became of the alert: pending, passed, fired, repeated, unknown, known, suppressed, resolved, withdrawn; test: somebody tried the sink"`
	Rule   string          `json:"rule,omitempty" doc:"Which rule says so"`
	Sensor record.SensorID `json:"sensor,omitempty" doc:"What it is about: a sensor"`
	Group  string          `json:"group,omitempty" doc:"Or a group"`
	Of     Measure         `json:"of,omitempty" doc:"Which value of it, if not the value itself: magnitude, meter, unaccounted, cost, anomaly"`
	Value  *float64        `json:"value" doc:"In unit; of alert-coverage a share from 0 to 1; null: not known"`
	Limit  float64         `json:"limit" doc:"In the same unit"`
	Unit   string          `json:"unit,omitempty" doc:"Of value, limit, mean and left, as W, Wh or EUR; absent: they have none"`
	Time   time.Time       `json:"time" doc:"When it became so"`
	Since  time.Time       `json:"since" doc:"Since when the condition holds, or held"`
	Zone   string          `json:"zone,omitempty" doc:"The time zone of the site; absent: UTC" example:"Europe/Berlin"`
	By     string          `json:"by,omitempty" doc:"suppressed: the group whose alert says it already"`
	Why    Why             `json:"why,omitempty" doc:"Why nobody is told, or what made it: quiet, untold, rule-changed, settled-again, many-found, found-over"`
	Who    string          `json:"who,omitempty" doc:"test: who tries the sink"`

	WindowEnd    *time.Time `json:"windowEnd,omitempty" doc:"alert-demand: when the running window ends"`
	Mean         *float64   `json:"mean,omitempty" doc:"alert-demand: its mean so far; absent: not known"`
	Left         *float64   `json:"left,omitempty" doc:"alert-demand: what may be drawn from now on; absent: not known"`
	Settled      *time.Time `json:"settled,omitempty" doc:"alert-budget: from here on it is from live readings, or missing"`
	Completeness *float64   `json:"completeness,omitempty" doc:"alert-budget: part of the span that readings speak of, 0 to 1"`
	Estimated    *float64   `json:"estimated,omitempty" doc:"alert-budget: part of the amount that was not measured, or is not settled yet, 0 to 1"`
	From         *time.Time `json:"from,omitempty" doc:"alert-deviation: the quarter of an hour"`
	To           *time.Time `json:"to,omitempty" doc:"alert-deviation: its end"`
	Was          *float64   `json:"was,omitempty" doc:"alert-deviation: its mean, in usualUnit"`
	Low          *float64   `json:"low,omitempty" doc:"alert-deviation: the least that is usual, in usualUnit"`
	High         *float64   `json:"high,omitempty" doc:"alert-deviation: the most that is usual, in usualUnit"`
	UsualUnit    string     `json:"usualUnit,omitempty" doc:"alert-deviation: of was, low and high"`
	Weeks        int        `json:"weeks,omitempty" doc:"alert-deviation: how many weeks before say what is usual"`
	Again        bool       `json:"again,omitempty" doc:"alert-deviation: it was found when windows were settled again"`
	Text         string     `json:"text,omitempty" doc:"The words of another program, as they are"`
	Found        *Oddity    `json:"found,omitempty" doc:"alert-external: what text says, if the module service found it"`
}

// codes names the sentences of the kinds.
var codes = map[Kind]phrase.Code{
	Above: phrase.AlertAbove, Below: phrase.AlertBelow, Missing: phrase.AlertMissing, Coverage: phrase.AlertCoverage, PowerFactor: phrase.AlertPowerFactor,
	Demand: phrase.AlertDemand, Budget: phrase.AlertBudget, Deviation: phrase.AlertDeviation, External: phrase.AlertExternal,
}

// Code names the sentence of a transition.
func (t *Transition) Code() phrase.Code { return codes[t.Kind] }

// Case gives what its sentence says, for a site in the zone.
func (t *Transition) Case(zone *time.Location) *Case {
	f := t.Figures
	c := &Case{
		Change: t.Change, Rule: t.Rule, Sensor: t.Subject.Sensor, Group: t.Subject.Group, Value: t.Value, Limit: t.Limit, Unit: t.unit(),
		Time: t.Time.Time(), Since: t.Since.Time(), By: t.By.Group, Why: t.Why, Mean: f.Mean, Left: f.Left, WindowEnd: moment(f.WindowEnd), Settled: moment(f.Settled),
		Completeness: f.Completeness, Estimated: f.Estimated, From: moment(f.From), To: moment(f.To), Was: f.Was, Low: f.Low, High: f.High, UsualUnit: f.Unit,
		Weeks: f.Weeks, Again: f.Again, Text: f.Text, Found: f.Found,
	}
	if t.Of != Value {
		c.Of = t.Of
	}
	if name := zone.String(); name != "UTC" {
		c.Zone = name
	}
	return c
}

func moment(m record.Millis) *time.Time {
	if m == 0 {
		return nil
	}
	return new(m.Time())
}

// unit is that of value and limit.
func (t *Transition) unit() string {
	switch t.Kind {
	case Coverage, PowerFactor, Deviation, External, Missing:
		return ""
	case Budget:
		if t.Unit != "" {
			return t.Unit
		}
		if whole, ok := t.Quantity.Integral(); ok {
			return whole.Unit().Symbol
		}
	}
	return t.Quantity.Unit().Symbol
}

// Sentence says it in English in a line, with times in the zone.
func (t *Transition) Sentence(zone *time.Location) string {
	return t.Case(zone).Say(t.Code(), phrase.English)
}

// subject is "sensor NAME" or "group NAME" in English.
func (c *Case) subject() Ref { return Ref{Sensor: c.Sensor, Group: c.Group} }

// over tells whether the condition does not hold any more, or never did.
func (c *Case) over() bool {
	return c.Change == Resolved || c.Change == Withdrawn || c.Change == Passed
}

// Say says it in a line in a language, with times in the zone of the site.
// A language that is not known is English.
func (c *Case) Say(code phrase.Code, language string) string {
	var b strings.Builder
	switch {
	case language == phrase.German && code == phrase.AlertTest:
		return "Dies ist ein Test von " + c.Who + ". Es ist alles in Ordnung."
	case code == phrase.AlertTest:
		return "This is a test that " + c.Who + " has sent. Nothing is the matter."
	case language == phrase.German:
		german{c, code, &b}.say()
	default:
		english{c, code, &b}.say()
	}
	return b.String()
}
