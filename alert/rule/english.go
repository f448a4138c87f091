package rule

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/window"
)

// english words a case.
type english struct {
	*Case
	code phrase.Code
	b    *strings.Builder
}

func (e english) say() {
	b := e.b
	if e.Change != "" {
		b.WriteString(strings.ToUpper(string(e.Change[:1])) + string(e.Change[1:]))
	}
	if e.Change == Resolved {
		fmt.Fprintf(b, " after %s", long(e.Time.Sub(e.Since), "days"))
	}
	b.WriteString(": " + e.what())
	if e.Change != Resolved && e.Change != Withdrawn && e.Change != Suppressed {
		if note := e.note(); note != "" {
			b.WriteString(", " + note)
		}
	}
	if e.Change != Resolved {
		fmt.Fprintf(b, ", since %s", e.stamp(e.Since))
	}
	if e.By != "" {
		fmt.Fprintf(b, "; told for %s", Ref{Group: e.By})
	}
	if e.Why != "" {
		why, ok := map[Why]string{
			Silenced: "quiet hours, or silenced", Untold: "nobody had been told", RuleChanged: "the rule was changed or removed",
			SettledAgain: "settled again, it does not hold", FoundMany: "as many others were found", FoundOver: "it was over when it was found",
		}[e.Why]
		if !ok {
			why = string(e.Why)
		}
		fmt.Fprintf(b, " (%s)", why)
	}
}

// what says what is the case, or was.
func (e english) what() string {
	name := e.subject().String()
	if e.Of == Unaccounted || e.Of == Meter || e.Of == Magnitude { // else it is the value itself
		name = string(e.Of) + " of " + name
	}
	v := "unknown"
	if e.Value != nil {
		v = e.show(*e.Value)
	}
	switch e.code {
	case phrase.AlertAbove:
		return fmt.Sprintf("%s above %s, it is %s", name, e.show(e.Limit), v)
	case phrase.AlertBelow:
		return fmt.Sprintf("%s below %s, it is %s", name, e.show(e.Limit), v)
	case phrase.AlertMissing:
		if e.Group != "" {
			return "nothing is heard from " + name
		}
		return "no reading from " + name
	case phrase.AlertCoverage:
		return fmt.Sprintf("%s of the members of %s have a value, less than %s", v, name, e.show(e.Limit))
	case phrase.AlertPowerFactor:
		return fmt.Sprintf("power factor of %s below %s, it is %s", name, e.show(e.Limit), v)
	case phrase.AlertDemand:
		return fmt.Sprintf("%s is going to be above %s, forecast %s", name, e.show(e.Limit), v)
	case phrase.AlertBudget:
		return fmt.Sprintf("%s has used %s, more than %s", name, v, e.show(e.Limit))
	case phrase.AlertDeviation:
		if e.Value == nil {
			return name + " is not as usual"
		}
		return fmt.Sprintf("%s is not as usual, by %s times the usual spread", name, v)
	}
	if name == "" {
		name = e.Rule
	}
	return name
}

// note has the figures beside the value.
func (e english) note() string {
	var parts []string
	add := func(format string, a ...any) { parts = append(parts, fmt.Sprintf(format, a...)) }
	if e.Text != "" {
		add("%s", e.Text)
	}
	if e.WindowEnd != nil {
		add("window until %s", e.clock(*e.WindowEnd))
	}
	if e.Mean != nil {
		add("mean so far %s", e.show(*e.Mean))
	}
	if e.Left != nil {
		add("at most %s from now on", e.show(*e.Left))
	}
	if e.Settled != nil {
		add("settled until %s", e.Settled.In(e.zone()).Format("2006-01-02 15:04"))
	}
	if e.Completeness != nil {
		add("%s complete", percent(*e.Completeness))
	}
	if e.Estimated != nil {
		add("%s estimated", percent(*e.Estimated))
	}
	if e.From != nil && e.To != nil && e.Was != nil && e.Low != nil && e.High != nil {
		add("from %s to %s it was %s, usual at this hour of the week are %s to %s (%d weeks)", e.clock(*e.From), e.clock(*e.To),
			Show(*e.Was, e.UsualUnit), Show(*e.Low, e.UsualUnit), Show(*e.High, e.UsualUnit), e.Weeks)
	}
	out := strings.Join(parts, ", ")
	if e.Again {
		out += "; found when windows were settled again"
	}
	return out
}

func (e english) show(v float64) string {
	if e.code == phrase.AlertCoverage {
		return number(v*100) + " %"
	}
	return Show(v, e.Unit)
}

// stamp is the time of the day, with the date when it is another day.
func (e english) stamp(at time.Time) string {
	if c := e.Case; c.sameDay(at) {
		return e.clock(at)
	}
	return at.In(e.zone()).Format("2006-01-02 15:04")
}

func (c *Case) clock(at time.Time) string { return at.In(c.zone()).Format("15:04") }

func (c *Case) sameDay(at time.Time) bool {
	return at.In(c.zone()).Format(time.DateOnly) == c.Time.In(c.zone()).Format(time.DateOnly)
}

// zone is that of the site; UTC when it is not known here.
func (c *Case) zone() *time.Location {
	cal, err := window.Load(c.Zone)
	if err != nil || c.Zone == "" {
		return time.UTC
	}
	return cal.Zone()
}

// Show writes a value in English with four digits and the prefix that people use.
func Show(v float64, unit string) string { return prefixed(v, unit, number) }

// prefixed writes a value with its unit, and the number with write.
func prefixed(v float64, unit string, write func(float64) string) string {
	switch unit {
	case "":
		return write(v)
	case "W", "var", "VA", "Wh", "varh", "VAh":
		for _, p := range []struct {
			sign   string
			factor float64
		}{{"G", 1e9}, {"M", 1e6}, {"k", 1e3}} {
			if math.Abs(v) >= p.factor {
				return write(v/p.factor) + " " + p.sign + unit
			}
		}
	}
	return write(v) + " " + unit
}

func number(v float64) string {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 4, 64), 64)
	if err != nil {
		return fmt.Sprint(v)
	}
	return strconv.FormatFloat(r, 'f', -1, 64)
}

// percent rounds down, so that only what is whole is 100 %.
func percent(v float64) string { return fmt.Sprintf("%.0f %%", math.Floor(v*100+1e-9)) }

// long writes how long something lasted, coarser the longer it was; days is what
// days are called.
func long(d time.Duration, days string) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d %s", int(d.Hours()/24), days)
}
