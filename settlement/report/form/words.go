package form

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/settlement/report"
	"github.com/wattwerk/wattwerk/settlement/report/indicator"
	"github.com/wattwerk/wattwerk/window"
)

// language is how a report is worded. Words are looked up by what they are in
// English, so that a template reads as what it writes.
type language struct {
	code         string // of those that messages are in, too
	words        map[string]string
	months, days []string // from January, from Sunday
}

var english = language{
	code:   phrase.English,
	months: []string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
	days:   []string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"},
}

var german = language{
	code:   phrase.German,
	months: []string{"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"},
	days:   []string{"Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"},
	words: map[string]string{
		"Day": "Tag", "Week": "Woche", "Month": "Monat", "Year": "Jahr", "Hour": "Stunde",
		"Daily report": "Tagesbericht", "Weekly report": "Wochenbericht", "Monthly report": "Monatsbericht", "Yearly report": "Jahresbericht",
		"group": "Gruppe", "sensor": "Sensor", "hierarchy": "Hierarchie", "Total": "Gesamt", "Sum of the members": "Summe der Mitglieder",
		"Unaccounted": "Nicht zugeordnet", "The period before": "Zeitraum davor", "A year ago": "Vor einem Jahr", "Members": "Mitglieder",
		"Member": "Mitglied", "Sign": "Vorzeichen", "Share": "Anteil", "Other members": "Andere Mitglieder", "Amount": "Menge", "Energy": "Energie",
		"Completeness": "Vollständigkeit", "Estimated": "Geschätzt", "Adjusted time": "Angepasste Zeit", "Quality": "Güte",
		"measured": "gemessen", "corrected": "berichtigt", "substituted": "ersetzt", "estimated": "geschätzt", "none": "keine",
		"Change": "Änderung", "Difference": "Unterschied", "Peak quarter hour": "Höchste Viertelstunde", "Power": "Leistung", "Costs": "Kosten",
		"Hours": "Stunden", "Days": "Tage", "Months": "Monate", "Period": "Zeitraum", "From": "Von", "To": "Bis", "Comparison": "Vergleich",
		"the period is not over": "der Zeitraum ist nicht zu Ende", "not known": "nicht bekannt", "too little is known": "zu wenig ist bekannt",
		"nothing was used then": "damals wurde nichts verbraucht", "there is no such period": "diesen Zeitraum gibt es nicht",
		"Decisions about readings": "Entscheidungen über Messwerte", "Odd readings of counters": "Auffällige Zählerstände", "Sensor": "Sensor", "Decision": "Entscheidung",
		"Who": "Wer", "When": "Wann", "Why": "Warum", "undone": "zurückgenommen", "What it was taken for": "Gedeutet als", "Time": "Zeit",
		"None in this period.": "Keine in diesem Zeitraum.", "There are more than are shown here.": "Es gibt mehr, als hier steht.",
		"Indicators of energy performance": "Energieleistungskennzahlen", "Baseline": "Ausgangsbasis", "This period": "Dieser Zeitraum",
		"Production": "Produktion", "Degree days": "Gradtage", "Steps used": "Verwendete Schritte", "Energy for a unit": "Energie je Einheit",
		"Change of the ratio": "Änderung des Verhältnisses", "Expected": "Erwartet", "Actual": "Tatsächlich", "Savings": "Einsparung", "Line of the baseline": "Gerade der Ausgangsbasis",
		"energy": "Energie", "production": "Produktion", "temperature": "Temperatur", "Left out": "Ausgelassen", "of": "von", "steps": "Schritten",
		"there are fewer steps than a line needs": "es gibt weniger Schritte, als eine Gerade braucht", "production was the same throughout": "die Produktion war immer gleich",
		"production and degree days cannot be told apart":    "Produktion und Gradtage lassen sich nicht trennen",
		"the baseline does not end before the period begins": "die Ausgangsbasis endet nicht, bevor der Zeitraum beginnt", "No line": "Keine Gerade",
		"steps are outside the production of the baseline; there the line is a guess.": "Schritte liegen außerhalb der Produktion der Ausgangsbasis; dort ist die Gerade eine Vermutung.",
		"This report is open: windows are settled from":                                "Dieser Bericht ist offen: Zeitfenster sind abgerechnet von", "to": "bis",
		"ranges of the period are to be settled again.": "Bereiche des Zeitraums werden noch einmal abgerechnet.",
		"Revised": "Berichtigt", "version": "Fassung", "Late readings or corrections changed the figures; earlier versions are kept.": "Späte Messwerte oder Berichtigungen haben die Zahlen geändert; frühere Fassungen sind aufbewahrt.",
		"Superseded: there is a later version of this report.": "Überholt: Es gibt eine spätere Fassung dieses Berichts.",
		"Settled up to": "Abgerechnet bis", "Model revision": "Fassung des Modells", "Made": "Erstellt", "How to read it": "Wie er zu lesen ist", "Time zone": "Zeitzone",
		"per":                "je",
		"by the meter":       "nach dem Zähler",
		"Chart of the parts": "Diagramm der Teile",
		"Figures are rounded here and exact in the CSV. Completeness is the part of the time, and of the members, that readings speak of. Estimated is the part of an amount that was not measured in its own window. Adjusted time lies in windows that are corrected, substituted or estimated in any part. A dash is not zero: it is not known.": "Zahlen sind hier gerundet und in der CSV-Datei genau. Vollständigkeit ist der Teil der Zeit und der Mitglieder, für den Messwerte vorliegen. Geschätzt ist der Teil einer Menge, der nicht in seinem Zeitfenster gemessen wurde. Angepasste Zeit liegt in Zeitfenstern, die in Teilen berichtigt, ersetzt oder geschätzt sind. Ein Strich ist keine Null: Es ist nicht bekannt.",
		"Expected energy = base + slope × production (+ heating × degree days), fitted to the baseline by least squares; notions of ISO 50006 and ISO 50015. Steps of which something is not known are left out on both sides.":                                                                                                                     "Erwartete Energie = Grundlast + Steigung × Produktion (+ Heizung × Gradtage), mit kleinsten Quadraten an die Ausgangsbasis angepasst; Begriffe der ISO 50006 und ISO 50015. Schritte, von denen etwas nicht bekannt ist, zählen auf beiden Seiten nicht.",
		"exclude": "ausgeschlossen", "replace": "ersetzt", "interpolate": "interpoliert", "ignore": "verworfen", "accept": "anerkannt", "reset": "Neubeginn", "rollover": "Überlauf", "rise": "Anstieg angegeben", "figure": "Menge eingetragen", "reading": "Zählerstand eingetragen",
		"backstep": "Rückschritt", "jump": "Sprung", "swap": "Gerätewechsel", "glitch": "Ausreißer", "stated": "angegeben", "too large": "zu groß",
		"Figures are in the files attached.": "Alle Zahlen stehen in den Anhängen.", "Report": "Bericht", "Name": "Name", "Unit": "Einheit", "Zone": "Zeitzone", "Open": "Offen", "yes": "ja", "no": "nein", "Waiting": "Wartend", "Notes": "Anmerkungen", "Decisions": "Entscheidungen",
		"Indicators": "Kennzahlen", "Figure": "Zahl", "Meter": "Zähler", "Value": "Wert", "Note": "Anmerkung", "Item": "Angabe", "Kind": "Art", "Identifier": "Kennung", "Superseded": "Überholt",
		"members are not listed one by one": "Mitglieder sind nicht einzeln aufgeführt", "Tariff": "Tarif", "Most": "Höchstwert", "least": "kleinster", "most": "größter", "not listed": "nicht aufgeführt",
	},
}

func languageOf(code string) *language {
	if code == german.code {
		return &german
	}
	return &english
}

// word translates.
func (l *language) word(english string) string {
	if w, ok := l.words[english]; ok {
		return w
	}
	return english
}

const dash = "–"

// number writes a number for people with so many places.
func (l *language) number(v float64, places int) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return dash
	}
	text := strconv.FormatFloat(v, 'f', places, 64)
	if strings.Trim(text, "-0.") == "" { // what rounds to nothing has no sign
		text = strings.TrimPrefix(text, "-")
	}
	return phrase.Digits(text, l.code)
}

// places is how many decimal places numbers as large as this have.
func places(most float64) int {
	switch most = math.Abs(most); {
	case most >= 10_000:
		return 0
	case most >= 100:
		return 1
	case most >= 1 || most == 0:
		return 2
	}
	return 4
}

// percent writes a part; all of it and none of it are said only when it is so.
func (l *language) percent(v float64) string {
	n := 1
	switch {
	case v == 0 || v == 1:
		n = 0
	case v > 0.9995 && v < 1:
		return ">" + l.number(99.9, 1) + " %"
	case v > 0 && v < 0.0005:
		return "<" + l.number(0.1, 1) + " %"
	case v < 0 && v > -0.0005:
		n = 3
	}
	return l.number(100*v, n) + " %"
}

func (l *language) maybe(v *float64, places int) string {
	if v == nil {
		return dash
	}
	return l.number(*v, places)
}

func (l *language) share(v *float64) string {
	if v == nil {
		return dash
	}
	return l.percent(*v)
}

// signed is a change, with its sign.
func (l *language) signed(v *float64) string {
	switch {
	case v != nil && *v > 0 && *v < 0.0005:
		return "+" + l.number(100**v, 3) + " %"
	case v != nil && *v > 0:
		return "+" + l.share(v)
	}
	return l.share(v)
}

// kindOf is the heading of a report by its length.
func (l *language) kindOf(p *report.Period) string {
	return l.word(map[string]string{"1d": "Daily report", "1w": "Weekly report", "1M": "Monthly report", "1y": "Yearly report"}[p.Size])
}

// period writes a period for people.
func (l *language) period(p *report.Period) string {
	from := p.From.Add(p.To.Sub(p.From) / 2).In(zoneOf(p.Zone)) // its middle is of the right date
	switch p.Size {
	case "1d":
		return l.days[from.Weekday()] + ", " + l.date(from)
	case "1w":
		year, week := from.ISOWeek()
		first, last := p.From.In(zoneOf(p.Zone)).Add(12*time.Hour), p.To.In(zoneOf(p.Zone)).Add(-12*time.Hour)
		return fmt.Sprintf("%s %d/%d, %s – %s", l.word("Week"), week, year, l.date(first), l.date(last))
	case "1M":
		return l.months[from.Month()-1] + " " + from.Format("2006")
	}
	return from.Format("2006")
}

func (l *language) date(t time.Time) string {
	dot := ""
	if l.code == "de" {
		dot = "."
	}
	return fmt.Sprintf("%d%s %s %d", t.Day(), dot, l.months[t.Month()-1], t.Year())
}

// moment writes a point in time of the zone.
func (l *language) moment(t time.Time, zone string) string {
	t = t.In(zoneOf(zone))
	if l.code == "de" {
		return t.Format("02.01.2006 15:04")
	}
	return t.Format("2006-01-02 15:04")
}

// part writes a sub-period. Where the clock changes, hours say by which they
// are.
func (l *language) part(size string, p *report.Stretch, of *report.Period) string {
	from := p.From.In(zoneOf(of.Zone))
	to := p.To.In(zoneOf(of.Zone))
	switch size {
	case "1h":
		text := from.Format("15:04") + "–" + to.Format("15:04")
		if of.Quarters != 96 {
			text += " " + from.Format("MST")
		}
		return text
	case "1d":
		mid := from.Add(to.Sub(from) / 2)
		name := []rune(l.days[mid.Weekday()])
		if l.code == "de" {
			return string(name[:2]) + mid.Format(" 02.01.")
		}
		return string(name[:3]) + mid.Format(" 2 ") + l.months[mid.Month()-1][:3]
	}
	return l.months[from.Add(to.Sub(from)/2).Month()-1]
}

// why says why a comparison is none.
func (l *language) why(code string) string {
	return l.word(map[string]string{
		report.WhyOpen: "the period is not over", report.WhyUnknown: "not known", report.WhyIncomplete: "too little is known",
		report.WhyZero: "nothing was used then", report.WhyNone: "there is no such period",
		indicator.Few: "there are fewer steps than a line needs", indicator.Constant: "production was the same throughout",
		indicator.Together: "production and degree days cannot be told apart", indicator.Overlap: "the baseline does not end before the period begins",
	}[code])
}

func (l *language) quality(q energy.Quality) string { return l.word(q.String()) }

// zoneOf is the zone of a report; UTC when it is not known here.
func zoneOf(name string) *time.Location {
	c, err := window.Load(name)
	if err != nil {
		return time.UTC
	}
	return c.Zone()
}
