package alert

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/alert/rule"
	"github.com/wattwerk/wattwerk/record"
)

// TestMessage says which value of its subject an alert is about: what is
// unaccounted in the subject line, too.
func TestMessage(t *testing.T) {
	for _, x := range []struct {
		of              rule.Measure
		kind            rule.Kind
		change          rule.Change
		title, sentence string
	}{
		{rule.Unaccounted, rule.Above, rule.Fired, "warning: Loss (unaccounted)", "Fired: unaccounted of group hall above 10 kW, it is 15 kW, since 10:00"},
		{rule.Unaccounted, rule.Below, rule.Repeated, "warning: Loss (unaccounted)", "Repeated: unaccounted of group hall below 10 kW, it is 15 kW, since 10:00"},
		{rule.Unaccounted, rule.Demand, rule.Fired, "warning: Loss (unaccounted)", "Fired: unaccounted of group hall is going to be above 10 kW, forecast 15 kW, since 10:00"},
		{rule.Unaccounted, rule.Above, rule.Resolved, "Resolved: Loss (unaccounted)", "Resolved after 7 min: unaccounted of group hall above 10 kW, it is 15 kW"},
		{rule.Unaccounted, rule.Above, rule.Withdrawn, "Withdrawn: Loss (unaccounted)", "Withdrawn: unaccounted of group hall above 10 kW, it is 15 kW, since 10:00"},
		{rule.Meter, rule.Above, rule.Fired, "warning: Loss", "Fired: meter of group hall above 10 kW, it is 15 kW, since 10:00"},
		{rule.Magnitude, rule.Above, rule.Fired, "warning: Loss", "Fired: magnitude of group hall above 10 kW, it is 15 kW, since 10:00"},
		{rule.Value, rule.Above, rule.Fired, "warning: Loss", "Fired: group hall above 10 kW, it is 15 kW, since 10:00"},
	} {
		since := time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC)
		tr := rule.Transition{
			Change: x.change, Rule: "loss", Name: "Loss", Severity: rule.Warning, Kind: x.kind, Of: x.of, Subject: rule.Ref{Group: "hall"},
			Time: record.MillisOf(since.Add(7 * time.Minute)), Since: record.MillisOf(since), Value: new(15_000.), Limit: 10_000, Quantity: record.ActivePower,
		}
		m := messageOf(&tr, tr.Case(time.UTC))
		if m.Title != x.title || m.Sentence != x.sentence {
			t.Errorf("%s of %s says %q, %q", x.change, x.of, m.Title, m.Sentence)
		}
		posted, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(posted), `"of":"`+string(x.of)+`"`) || x.of != rule.Unaccounted && strings.Contains(string(posted), "unaccounted") {
			t.Errorf("posted is %s", posted)
		}
	}
}
