package rule

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/record"
)

// said is a case in both languages; testdata/cases.json has all, and the pages
// are held to it.
type said struct {
	Code    phrase.Code `json:"code"`
	Params  *Case       `json:"params"`
	English string      `json:"english"`
	German  string      `json:"german"`
}

// spoken are cases as they are, with what they are in both languages.
func spoken(t *testing.T) []said {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := func(s string) record.Millis {
		x, err := time.ParseInLocation("2006-01-02 15:04", s, zone)
		if err != nil {
			t.Fatal(err)
		}
		return record.MillisOf(x)
	}
	hall, oven := Ref{Group: "hall"}, Ref{Sensor: "oven"}
	now, since := at("2026-03-30 14:07"), at("2026-03-30 14:00")
	var out []said
	add := func(x Transition, english, german string) {
		x.Rule = "hook"
		if x.Change == "" {
			x.Change = Fired
		}
		if x.Time == 0 {
			x.Time, x.Since = now, since
		}
		if x.Quantity == "" {
			x.Quantity = record.ActivePower
		}
		if got := x.Sentence(zone); got != english {
			t.Errorf("in English it is\n%s, not\n%s", got, english)
		}
		c := x.Case(zone)
		if got := c.Say(x.Code(), phrase.German); got != german {
			t.Errorf("in German it is\n%s, not\n%s", got, german)
		}
		out = append(out, said{x.Code(), c, english, german})
	}
	add(Transition{Kind: Above, Subject: hall, Value: new(12_345.), Limit: 10_000},
		"Fired: group hall above 10 kW, it is 12.35 kW, since 14:00",
		"Ausgelöst: Gruppe hall über 10 kW, aktuell 12,35 kW, seit 14:00 Uhr")
	add(Transition{Kind: Above, Of: Unaccounted, Subject: hall, Value: new(15_000.), Limit: 10_000, Change: Repeated, Since: at("2026-03-28 23:00"), Time: now},
		"Repeated: unaccounted of group hall above 10 kW, it is 15 kW, since 2026-03-28 23:00",
		"Dauert an: Nicht zugeordnetes in Gruppe hall über 10 kW, aktuell 15 kW, seit 28.03.2026, 23:00 Uhr")
	add(Transition{Kind: Above, Of: Meter, Subject: hall, Value: new(500.), Limit: 10_000, Change: Resolved},
		"Resolved after 7 min: meter of group hall above 10 kW, it is 500 W",
		"Beendet nach 7 min: Zähler von Gruppe hall war über 10 kW, jetzt 500 W")
	add(Transition{Kind: Above, Of: Magnitude, Subject: oven, Limit: 2500, Change: Unknown},
		"Unknown: magnitude of sensor oven above 2.5 kW, it is unknown, since 14:00",
		"Ungewiss: Betrag von Sensor oven über 2,5 kW, aktuell unbekannt, seit 14:00 Uhr")
	add(Transition{Kind: Below, Subject: oven, Value: new(-1.5), Limit: 5, Quantity: record.Temperature, Change: Known},
		"Known: sensor oven below 5 °C, it is -1.5 °C, since 14:00",
		"Wieder bekannt: Sensor oven unter 5 °C, aktuell −1,5 °C, seit 14:00 Uhr")
	add(Transition{Kind: Below, Subject: oven, Value: new(1234.5), Limit: 1500, Quantity: record.Pressure, Change: Pending},
		"Pending: sensor oven below 1500 Pa, it is 1234 Pa, since 14:00",
		"Steht bevor: Sensor oven unter 1.500 Pa, aktuell 1.234 Pa, seit 14:00 Uhr")
	add(Transition{Kind: Missing, Subject: oven},
		"Fired: no reading from sensor oven, since 14:00", "Ausgelöst: kein Messwert von Sensor oven, seit 14:00 Uhr")
	add(Transition{Kind: Missing, Subject: oven, Change: Suppressed, By: hall},
		"Suppressed: no reading from sensor oven, since 14:00; told for group hall",
		"Schon gemeldet: kein Messwert von Sensor oven, seit 14:00 Uhr; gemeldet für Gruppe hall")
	add(Transition{Kind: Missing, Subject: hall, Change: Resolved, Time: now, Since: at("2026-03-20 12:00"), Why: Untold},
		"Resolved after 10 days: nothing is heard from group hall (nobody had been told)",
		"Beendet nach 10 Tagen: aus Gruppe hall kam nichts mehr an (niemand war benachrichtigt worden)")
	add(Transition{Kind: Missing, Subject: oven, Change: Resolved, Time: now, Since: at("2026-03-30 11:00"), Why: RuleChanged},
		"Resolved after 3 h 7 min: no reading from sensor oven (the rule was changed or removed)",
		"Beendet nach 3 h 7 min: es gab keinen Messwert von Sensor oven (die Regel wurde geändert oder entfernt)")
	add(Transition{Kind: Coverage, Subject: hall, Value: new(0.5), Limit: 0.8, Why: Silenced},
		"Fired: 50 % of the members of group hall have a value, less than 80 %, since 14:00 (quiet hours, or silenced)",
		"Ausgelöst: 50 % der Mitglieder von Gruppe hall haben einen Wert, weniger als 80 %, seit 14:00 Uhr (Ruhezeit oder stummgeschaltet)")
	add(Transition{Kind: Coverage, Subject: hall, Limit: 0.8, Change: Unknown},
		"Unknown: unknown of the members of group hall have a value, less than 80 %, since 14:00",
		"Ungewiss: wie viele Mitglieder von Gruppe hall einen Wert haben, ist unbekannt, Grenze 80 %, seit 14:00 Uhr")
	add(Transition{Kind: PowerFactor, Subject: oven, Value: new(0.8512), Limit: 0.9},
		"Fired: power factor of sensor oven below 0.9, it is 0.8512, since 14:00",
		"Ausgelöst: Leistungsfaktor von Sensor oven unter 0,9, aktuell 0,8512, seit 14:00 Uhr")
	add(Transition{Kind: Demand, Subject: hall, Value: new(420_000.), Limit: 400_000, Figures: Figures{WindowEnd: at("2026-03-30 14:15"), Mean: new(390_500.), Left: new(409_000.)}},
		"Fired: group hall is going to be above 400 kW, forecast 420 kW, window until 14:15, mean so far 390.5 kW, at most 409 kW from now on, since 14:00",
		"Ausgelöst: Gruppe hall wird voraussichtlich über 400 kW liegen, Prognose 420 kW, Zeitfenster bis 14:15 Uhr, bisher im Mittel 390,5 kW, ab jetzt höchstens 409 kW, seit 14:00 Uhr")
	add(Transition{Kind: Budget, Subject: hall, Value: new(2.5e6), Limit: 2e6, Figures: Figures{Settled: at("2026-03-30 13:45"), Completeness: new(0.98), Estimated: new(0.05)}},
		"Fired: group hall has used 2.5 MWh, more than 2 MWh, settled until 2026-03-30 13:45, 98 % complete, 5 % estimated, since 14:00",
		"Ausgelöst: Gruppe hall hat 2,5 MWh verbraucht, mehr als 2 MWh, abgerechnet bis 30.03.2026, 13:45 Uhr, zu 98 % vollständig, zu 5 % geschätzt, seit 14:00 Uhr")
	add(Transition{Kind: Budget, Of: Cost, Subject: hall, Value: new(812.5), Limit: 800, Unit: "EUR", Change: Resolved},
		"Resolved after 7 min: group hall has used 812.5 EUR, more than 800 EUR",
		"Beendet nach 7 min: Gruppe hall hat jetzt 812,5 EUR verbraucht, Grenze 800 EUR")
	add(Transition{Kind: Deviation, Subject: hall, Value: new(10.), Limit: 6, Figures: Figures{
		From: at("2026-03-30 13:45"), To: at("2026-03-30 14:00"), Was: new(9000.), Low: new(1000.), High: new(7000.), Weeks: 8, Unit: "W", Again: true,
	}, Why: FoundMany},
		"Fired: group hall is not as usual, by 10 times the usual spread, from 13:45 to 14:00 it was 9 kW, usual at this hour of the week are 1 kW to 7 kW (8 weeks); found when windows were settled again, since 14:00 (as many others were found)",
		"Ausgelöst: Gruppe hall ist nicht wie üblich, Abweichung: das 10-Fache der üblichen Streuung, von 13:45 bis 14:00 Uhr waren es 9 kW, üblich zu dieser Stunde der Woche sind 1 kW bis 7 kW (8 Wochen); gefunden, als Zeitfenster neu abgerechnet wurden, seit 14:00 Uhr (viele andere wurden zugleich gefunden)")
	add(Transition{Kind: Deviation, Subject: hall, Limit: 6, Change: Withdrawn, Why: SettledAgain},
		"Withdrawn: group hall is not as usual, since 14:00 (settled again, it does not hold)",
		"Zurückgezogen: Gruppe hall war nicht wie üblich, seit 14:00 Uhr (nach neuer Abrechnung trifft es nicht zu)")
	add(Transition{Kind: Deviation, Subject: hall, Value: new(2.), Limit: 6, Change: Resolved, Why: FoundOver},
		"Resolved after 7 min: group hall is not as usual, by 2 times the usual spread (it was over when it was found)",
		"Beendet nach 7 min: Gruppe hall war nicht wie üblich, Abweichung jetzt: das 2-Fache der üblichen Streuung (es war vorbei, als es gefunden wurde)")
	add(Transition{Kind: External, Value: new(1.), Figures: Figures{Text: "three sigma above"}},
		"Fired: hook, three sigma above, since 14:00", "Ausgelöst: hook, three sigma above, seit 14:00 Uhr")
	add(Transition{Kind: External, Subject: oven, Of: Anomaly, Value: new(1.), Figures: Figures{
		Text:  "sensor/oven since 2026-03-30 10:00Z: one value for too long, 1250.5 instead of about 900",
		Found: &Oddity{Object: "sensor/oven", Kind: "stuck", Began: at("2026-03-30 12:00"), Value: new(1250.5), Expected: new(900.)},
	}},
		"Fired: sensor oven, sensor/oven since 2026-03-30 10:00Z: one value for too long, 1250.5 instead of about 900, since 14:00",
		"Ausgelöst: Sensor oven, Sensor oven seit 30.03.2026, 12:00 Uhr: zu lange ein und derselbe Wert, 1.250 statt etwa 900, seit 14:00 Uhr")
	add(Transition{Kind: External, Subject: oven, Change: Passed},
		"Passed: sensor oven, since 14:00", "Vorüber: Sensor oven, seit 14:00 Uhr")
	test := &Case{Change: "test", Time: now.Time(), Since: now.Time(), Who: "eva"}
	out = append(out, said{phrase.AlertTest, test, test.Say(phrase.AlertTest, phrase.English), test.Say(phrase.AlertTest, phrase.German)})
	return out
}

// TestWords words every kind of alert, every change and every reason in both
// languages, also when the params went through JSON.
func TestWords(t *testing.T) {
	const file = "testdata/cases.json"
	all := spoken(t)
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	data = append(data, '\n')
	if *update {
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(file)
	if err != nil || string(kept) != string(data) {
		t.Fatalf("%s is not what is said; run with -update (%v)", file, err)
	}
	var back []said
	if err := json.Unmarshal(kept, &back); err != nil {
		t.Fatal(err)
	}
	kinds, changes, reasons := map[phrase.Code]bool{}, map[Change]bool{}, map[Why]bool{}
	for _, x := range back {
		if got := x.Params.Say(x.Code, phrase.English); got != x.English {
			t.Errorf("out of JSON it is %s, not %s", got, x.English)
		}
		if got := x.Params.Say(x.Code, phrase.German); got != x.German {
			t.Errorf("out of JSON it is %s, not %s", got, x.German)
		}
		kinds[x.Code], changes[x.Params.Change], reasons[x.Params.Why] = true, true, true
	}
	for _, k := range Kinds() {
		if !kinds[(&Transition{Kind: k}).Code()] {
			t.Errorf("%s is worded nowhere", k)
		}
	}
	for _, c := range Changes() {
		if !changes[c] || germanChanges[c] == "" {
			t.Errorf("%s is worded nowhere", c)
		}
	}
	for _, w := range Reasons() {
		if !reasons[w] || germanReasons[w] == "" {
			t.Errorf("%s is worded nowhere", w)
		}
	}
}

// TestUnknownWords says what a later version says as far as it is understood.
func TestUnknownWords(t *testing.T) {
	c := &Case{Change: "paused", Group: "hall", Time: time.UnixMilli(1e12), Since: time.UnixMilli(1e12), Zone: "Mars/Olympus", Why: "dust"}
	if got := c.Say("alert-new", phrase.German); got != "paused: Gruppe hall, seit 01:46 Uhr (dust)" {
		t.Error(got)
	}
	if got := c.Say("alert-new", phrase.English); got != "Paused: group hall, since 01:46 (dust)" {
		t.Error(got)
	}
	c.Change = ""
	if got := c.Say("", "fr"); !strings.HasPrefix(got, ": group hall") {
		t.Error(got)
	}
}
