package rule

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/internal/phrase"
)

// german words a case: with a comma in numbers and a point between thousands, as
// reports have them.
type german struct {
	*Case
	code phrase.Code
	b    *strings.Builder
}

var germanChanges = map[Change]string{
	Pending: "Steht bevor", Passed: "Vorüber", Fired: "Ausgelöst", Repeated: "Dauert an", Unknown: "Ungewiss", Known: "Wieder bekannt",
	Suppressed: "Schon gemeldet", Resolved: "Beendet", Withdrawn: "Zurückgezogen",
}

var germanReasons = map[Why]string{
	Silenced: "Ruhezeit oder stummgeschaltet", Untold: "niemand war benachrichtigt worden", RuleChanged: "die Regel wurde geändert oder entfernt",
	SettledAgain: "nach neuer Abrechnung trifft es nicht zu", FoundMany: "viele andere wurden zugleich gefunden", FoundOver: "es war vorbei, als es gefunden wurde",
}

func (g german) say() {
	b := g.b
	b.WriteString(cmp.Or(germanChanges[g.Change], string(g.Change)))
	if g.Change == Resolved {
		b.WriteString(" nach " + long(g.Time.Sub(g.Since), "Tagen"))
	}
	b.WriteString(": " + g.what())
	if g.Change != Resolved && g.Change != Withdrawn && g.Change != Suppressed {
		if note := g.note(); note != "" {
			b.WriteString(", " + note)
		}
	}
	if g.Change != Resolved {
		b.WriteString(", seit " + g.stamp(g.Since))
	}
	if g.By != "" {
		fmt.Fprintf(b, "; gemeldet für Gruppe %s", g.By)
	}
	if g.Why != "" {
		fmt.Fprintf(b, " (%s)", cmp.Or(germanReasons[g.Why], string(g.Why)))
	}
}

// what says what is the case, or was.
func (g german) what() string {
	name := g.Rule
	switch {
	case g.Sensor != "":
		name = "Sensor " + string(g.Sensor)
	case g.Group != "":
		name = "Gruppe " + g.Group
	}
	subject := name
	switch g.Of {
	case Unaccounted:
		subject = "Nicht zugeordnetes in " + name
	case Meter:
		subject = "Zähler von " + name
	case Magnitude:
		subject = "Betrag von " + name
	}
	v, over := "unbekannt", g.over()
	if g.Value != nil {
		v = g.show(*g.Value)
	}
	limit := g.show(g.Limit)
	// is says it of what lasts, was of what is over.
	say := func(is, was string, a ...any) string {
		if over {
			is = was
		}
		return fmt.Sprintf(is, a...)
	}
	switch g.code {
	case phrase.AlertAbove:
		return say("%s über %s, aktuell %s", "%s war über %s, jetzt %s", subject, limit, v)
	case phrase.AlertBelow:
		return say("%s unter %s, aktuell %s", "%s war unter %s, jetzt %s", subject, limit, v)
	case phrase.AlertMissing:
		if g.Group != "" {
			return say("aus %s kommt nichts mehr an", "aus %s kam nichts mehr an", name)
		}
		return say("kein Messwert von %s", "es gab keinen Messwert von %s", name)
	case phrase.AlertCoverage:
		if g.Value == nil {
			return fmt.Sprintf("wie viele Mitglieder von %s einen Wert haben, ist unbekannt, Grenze %s", name, limit)
		}
		return say("%s der Mitglieder von %s haben einen Wert, weniger als %s", "%s der Mitglieder von %s haben einen Wert, Grenze %s", v, name, limit)
	case phrase.AlertPowerFactor:
		return say("Leistungsfaktor von %s unter %s, aktuell %s", "Leistungsfaktor von %s war unter %s, jetzt %s", name, limit, v)
	case phrase.AlertDemand:
		return say("%s wird voraussichtlich über %s liegen, Prognose %s", "%s drohte über %s zu liegen, Prognose jetzt %s", subject, limit, v)
	case phrase.AlertBudget:
		if g.Value == nil {
			return fmt.Sprintf("wie viel %s verbraucht hat, ist unbekannt, Grenze %s", name, limit)
		}
		return say("%s hat %s verbraucht, mehr als %s", "%s hat jetzt %s verbraucht, Grenze %s", name, v, limit)
	case phrase.AlertDeviation:
		if g.Value == nil {
			return say("%s ist nicht wie üblich", "%s war nicht wie üblich", name)
		}
		return say("%s ist nicht wie üblich, Abweichung: das %s-Fache der üblichen Streuung", "%s war nicht wie üblich, Abweichung jetzt: das %s-Fache der üblichen Streuung", name, v)
	}
	return name
}

// note has the figures beside the value.
func (g german) note() string {
	var parts []string
	add := func(format string, a ...any) { parts = append(parts, fmt.Sprintf(format, a...)) }
	switch {
	case g.Found != nil:
		add("%s", g.oddity(g.Found))
	case g.Text != "":
		add("%s", g.Text)
	}
	if g.WindowEnd != nil {
		add("Zeitfenster bis %s Uhr", g.clock(*g.WindowEnd))
	}
	if g.Mean != nil {
		add("bisher im Mittel %s", g.show(*g.Mean))
	}
	if g.Left != nil {
		add("ab jetzt höchstens %s", g.show(*g.Left))
	}
	if g.Settled != nil {
		add("abgerechnet bis %s Uhr", g.Settled.In(g.zone()).Format("02.01.2006, 15:04"))
	}
	if g.Completeness != nil {
		add("zu %s vollständig", percent(*g.Completeness))
	}
	if g.Estimated != nil {
		add("zu %s geschätzt", percent(*g.Estimated))
	}
	if g.From != nil && g.To != nil && g.Was != nil && g.Low != nil && g.High != nil {
		of := func(v float64) string { return prefixed(v, g.UsualUnit, germanNumber) }
		add("von %s bis %s Uhr waren es %s, üblich zu dieser Stunde der Woche sind %s bis %s (%d Wochen)", g.clock(*g.From), g.clock(*g.To), of(*g.Was), of(*g.Low), of(*g.High), g.Weeks)
	}
	out := strings.Join(parts, ", ")
	if g.Again {
		out += "; gefunden, als Zeitfenster neu abgerechnet wurden"
	}
	return out
}

var germanOddities = map[string]string{
	"stuck": "zu lange ein und derselbe Wert", "zero": "nichts, oder viel weniger als je zuvor", "unusual": "weit von dem, was üblich ist",
	"parts": "die Mitglieder sind mehr als ihr Zähler", "backwards": "der Zähler zeigt weniger als zuvor", "rating": "mehr, als sein kann",
}

// oddity words what the module service found.
func (g german) oddity(o *Oddity) string {
	object := o.Object
	if kind, id, ok := strings.Cut(object, "/"); ok {
		if word, known := map[string]string{"sensor": "Sensor", "group": "Gruppe"}[kind]; known {
			object = word + " " + id
		}
	}
	text := fmt.Sprintf("%s seit %s Uhr: %s", object, o.Began.Time().In(g.zone()).Format("02.01.2006, 15:04"), cmp.Or(germanOddities[o.Kind], o.Kind))
	if o.Value != nil {
		text += ", " + germanNumber(*o.Value)
	}
	if o.Expected != nil {
		text += " statt etwa " + germanNumber(*o.Expected)
	}
	return text
}

func (g german) show(v float64) string {
	if g.code == phrase.AlertCoverage {
		return germanNumber(v*100) + " %"
	}
	return prefixed(v, g.Unit, germanNumber)
}

// stamp is the time of the day, with the date when it is another day.
func (g german) stamp(at time.Time) string {
	if g.sameDay(at) {
		return g.clock(at) + " Uhr"
	}
	return at.In(g.zone()).Format("02.01.2006, 15:04") + " Uhr"
}

// germanNumber writes four digits, 1.234,5.
func germanNumber(v float64) string { return phrase.Digits(number(v), phrase.German) }
