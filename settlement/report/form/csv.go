package form

import (
	"encoding/csv"
	"io"
	"strconv"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/internal/cell"
	"github.com/wattwerk/wattwerk/settlement/report"
	"github.com/wattwerk/wattwerk/settlement/report/indicator"
)

// columns of the CSV; docs/reports.md explains them.
var columns = []string{
	"section", "item", "name", "from", "to", "unit", "amount", "estimated", "estimated_share", "completeness", "adjusted", "quality",
	"sign", "share", "difference", "change", "value", "value_unit", "note",
}

// line is a row by column.
type line map[string]string

// writeCSV writes RFC 4180, a header and one figure a line.
func writeCSV(w io.Writer, r *report.Report) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(columns); err != nil {
		return err
	}
	row := make([]string, len(columns))
	for _, l := range linesOf(r) {
		for i, c := range columns {
			row[i] = l[c]
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func number(p *float64) string {
	if p == nil {
		return ""
	}
	return strconv.FormatFloat(*p, 'f', -1, 64)
}

// digits writes what was computed in floating point, without the digits that
// mean nothing.
func digits(p *float64) string {
	if p == nil {
		return ""
	}
	v, err := strconv.ParseFloat(strconv.FormatFloat(*p, 'g', 12, 64), 64)
	if err != nil {
		return ""
	}
	return number(&v)
}

func moment(t time.Time) string { return t.Format(time.RFC3339) }

func linesOf(r *report.Report) []line {
	u := unitsOf(r)
	var out []line
	say := func(item, text string) {
		if text != "" {
			out = append(out, line{"section": "report", "item": item, "note": cell.Text(text)})
		}
	}
	figure := func(section string, f *report.Figure) line {
		l := line{
			"section": section, "from": moment(r.Period.From), "to": moment(r.Period.To), "unit": u.amount,
			"completeness": number(&f.Completeness), "adjusted": number(&f.Adjusted), "quality": f.Quality.String(), "estimated_share": number(f.EstimatedShare),
		}
		if a, ok := f.Known(); ok {
			l["amount"], l["estimated"] = u.decimal(a), u.decimal(energy.Amount(*f.Estimated))
		}
		out = append(out, l)
		return l
	}
	say("title", r.Title)
	say(r.Subject.Kind, r.Subject.ID)
	say("name", r.Subject.Name)
	say("hierarchy", r.Subject.Hierarchy)
	say("meter", r.Subject.Meter)
	say("period", r.Period.Text)
	say("zone", r.Period.Zone)
	say("made", moment(r.Made))
	say("settled", moment(r.Settled))
	say("open", strconv.FormatBool(r.Open))
	say("waiting", strconv.Itoa(r.Waiting))
	say("model_revision", strconv.FormatUint(r.Revision, 10))
	if r.Issue != nil {
		say("issue", r.Issue.ID)
		say("version", strconv.Itoa(r.Issue.Version))
		say("superseded", strconv.FormatBool(r.Issue.Superseded))
	}
	figure("total", &r.Total)
	if r.Sum != nil {
		figure("sum", r.Sum)
	}
	if r.Unaccounted != nil {
		figure("unaccounted", r.Unaccounted)
	}
	for _, c := range []struct {
		section string
		*report.Comparison
	}{{"previous", r.Previous}, {"year_ago", r.YearAgo}} {
		if c.Comparison == nil {
			continue
		}
		l := figure(c.section, &c.Figure)
		l["from"], l["to"], l["note"], l["change"] = "", "", c.Why, number(c.Change)
		if c.Period != nil {
			l["item"], l["from"], l["to"] = c.Period.Text, moment(c.Period.From), moment(c.Period.To)
		}
		if c.Difference != nil {
			l["difference"] = u.decimal(energy.Amount(*c.Difference))
		}
	}
	for i := range r.Members {
		m := &r.Members[i]
		l := figure("member", &m.Figure)
		l["item"], l["name"], l["sign"], l["share"] = cell.Text(m.ID), cell.Text(m.Name), strconv.Itoa(int(m.Sign)), number(m.Share)
		if m.ByMeter != "" {
			l["note"] = cell.Text("meter " + m.ByMeter)
		}
	}
	if r.Rest != nil {
		l := figure("rest", r.Rest)
		l["note"] = strconv.Itoa(r.MembersMore) + " members not listed"
	}
	for i := range r.Parts {
		p := &r.Parts[i]
		l := figure("part", &p.Figure)
		l["item"], l["from"], l["to"] = r.PartSize, moment(p.From), moment(p.To)
	}
	if p := r.Peak; p != nil {
		l := figure("peak", &p.Figure)
		l["from"], l["to"], l["value"], l["value_unit"] = moment(p.From), moment(p.To), number(new(u.float(p.Power))), u.power
	}
	if c := r.Costs; c != nil {
		out = append(out, line{
			"section": "costs", "item": cell.Text(c.Tariff), "from": moment(r.Period.From), "to": moment(r.Period.To),
			"value": c.Amount, "value_unit": cell.Text(c.Currency), "estimated_share": number(c.EstimatedShare), "completeness": number(c.Completeness), "note": cell.Text(c.Why),
		})
	}
	for i := range r.Indicators {
		out = append(out, indicatorLines(&r.Indicators[i])...)
	}
	for _, d := range r.Decisions {
		l := line{"section": "decision", "item": cell.Text(d.ID), "name": cell.Text(d.Sensor), "from": moment(d.From), "note": cell.Text(d.Kind + " by " + d.Who + " at " + moment(d.At) + ": " + d.Why)}
		if d.To != nil {
			l["to"] = moment(*d.To)
		}
		if d.UndoneAt != nil {
			l["note"] = cell.Text(l["note"] + "; undone by " + d.UndoneWho + " at " + moment(*d.UndoneAt) + ": " + d.UndoneWhy)
		}
		out = append(out, l)
	}
	for _, n := range r.Notes {
		out = append(out, line{"section": "note", "item": n.Kind, "name": cell.Text(n.Sensor), "from": moment(n.Time), "note": cell.Text(n.Sentence)})
	}
	return out
}

// indicatorLines has a line for each number of an indicator.
func indicatorLines(x *indicator.Indicator) []line {
	var out []line
	add := func(item string, from, to time.Time, v *float64, unit, note string) {
		out = append(out, line{
			"section": "indicator", "item": item, "name": cell.Text(x.Name), "from": moment(from), "to": moment(to), "value": digits(v), "value_unit": unit, "note": note,
		})
	}
	for _, p := range []struct {
		name string
		*indicator.Phase
	}{{"baseline_", &x.Baseline}, {"reporting_", &x.Reporting}} {
		used := strconv.Itoa(p.Used) + " of " + strconv.Itoa(p.Steps) + " steps"
		add(p.name+"energy", p.From, p.To, p.Energy, x.EnergyUnit, used)
		add(p.name+"production", p.From, p.To, p.Production, x.Unit, used)
		if p.DegreeDays != nil {
			add(p.name+"degree_days", p.From, p.To, p.DegreeDays, "K.d", used)
		}
		add(p.name+"ratio", p.From, p.To, p.Ratio, x.EnergyUnit+"/"+x.Unit, used)
	}
	b, n := x.Baseline, x.Reporting
	add("ratio_change", n.From, n.To, x.RatioChange, "", "")
	if l := x.Line; l != nil {
		steps := strconv.Itoa(l.N) + " steps"
		add("base", b.From, b.To, &l.Base, x.EnergyUnit, steps)
		add("slope", b.From, b.To, &l.Slope, x.EnergyUnit+"/"+x.Unit, steps)
		if l.Heating != nil {
			add("heating", b.From, b.To, l.Heating, x.EnergyUnit+"/K.d", steps)
		}
		add("r2", b.From, b.To, l.R2, "", steps)
		add("deviation", b.From, b.To, &l.Deviation, x.EnergyUnit, steps)
	}
	add("expected", n.From, n.To, x.Expected, x.EnergyUnit, x.Why)
	add("savings", n.From, n.To, x.Savings, x.EnergyUnit, x.Why)
	add("savings_share", n.From, n.To, x.SavingsShare, "", x.Why)
	for i := range x.Steps {
		s := &x.Steps[i]
		add("step_energy", s.From, s.To, s.Energy, x.EnergyUnit, s.Out)
		add("step_production", s.From, s.To, s.Production, x.Unit, s.Out)
		if x.HeatingLimit != nil {
			add("step_degree_days", s.From, s.To, s.DegreeDays, "K.d", s.Out)
		}
		add("step_expected", s.From, s.To, s.Expected, x.EnergyUnit, s.Out)
	}
	return out
}
