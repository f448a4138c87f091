package forecasting

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/wattwerk/wattwerk/bench"
	"github.com/wattwerk/wattwerk/forecast/dayahead"
)

// Outcome is what a run gives: figures, of which some are tables.
type Outcome struct {
	bench.Figures
}

// Print writes tables and figures for people, or one JSON object.
func (out *Outcome) Print(w io.Writer, asJSON bool) error {
	if asJSON {
		return out.Figures.Print(w, true)
	}
	if _, err := fmt.Fprint(w, "Days ahead: MASE | NRMSE %\n\n"); err != nil {
		return err
	}
	if err := printBacktests(w, &out.Figures); err != nil {
		return err
	}
	for _, t := range []struct {
		key, title string
		columns    []string
	}{
		{"bounds", "Bounds for 80 % of the values", []string{"series", "within_percent", "width_to_mean", "model_days"}},
		{"gaps", "Gaps: hours wrong by % of what they are / energy of the gap wrong by %", []string{"series", "hours", "line", "day_before", "without_counter", "counter", "counter_evenly"}},
		{"anomalies", "Events found, %", []string{"series", "spike", "stuck", "zero", "night", "false_alarms_per_week"}},
		{"base", "Base load raised by half of it for two weeks", []string{"series", "found_percent", "days_until", "alarms_per_year"}},
		{"costs", "CPU, on a year of hours", []string{"model", "fit_ms", "day_us"}},
	} {
		rows, _ := out.Value(t.key).([]map[string]any)
		if _, err := fmt.Fprintf(w, "%s\n\n", t.title); err != nil {
			return err
		}
		if err := printRows(w, t.columns, rows); err != nil {
			return err
		}
	}
	return out.Figures.Print(w, false)
}

// printBacktests writes a line for each series, and below it what was measured
// elsewhere.
func printBacktests(w io.Writer, f *bench.Figures) error {
	columns := []string{"series"}
	for _, k := range append(dayahead.Kinds(), "chosen") {
		columns = append(columns, string(k))
	}
	all, _ := f.Value("backtest").([]map[string]any)
	var rows []map[string]any
	for len(all) > 0 {
		name := all[0]["series"].(string)
		row, other := map[string]any{"series": name}, map[string]any{"series": "  elsewhere"}
		for ; len(all) > 0 && all[0]["series"] == name; all = all[1:] {
			r := all[0]
			model := r["model"].(string)
			row[model] = fmt.Sprintf("%.3f | %.2f", r["mase"], r["nrmse_percent"])
			if m, ok := r["elsewhere_mase"]; ok {
				other[model] = fmt.Sprintf("%.3f | %.2f", m, r["elsewhere_nrmse_percent"])
			}
		}
		if rows = append(rows, row); len(other) > 1 {
			rows = append(rows, other)
		}
	}
	return printRows(w, columns, rows)
}

// printRows writes a table with these columns.
func printRows(w io.Writer, columns []string, rows []map[string]any) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.ReplaceAll(strings.Join(columns, "\t"), "_", " ")+"\t") //nolint:errcheck // Flush reports
	for _, row := range rows {
		for _, k := range columns {
			text := "–"
			switch v := row[k].(type) {
			case nil:
			case float64:
				text = fmt.Sprintf("%.3g", v)
				if math.Abs(v) >= 100 {
					text = fmt.Sprintf("%.0f", v)
				}
			default:
				text = fmt.Sprint(v)
			}
			fmt.Fprint(t, text, "\t") //nolint:errcheck // Flush reports
		}
		fmt.Fprintln(t) //nolint:errcheck // Flush reports
	}
	fmt.Fprintln(t) //nolint:errcheck // Flush reports
	return t.Flush()
}
