package forecasting

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// TestRun runs all of it, with few gaps and events: the figures of the backtest are
// those of a whole run.
func TestRun(t *testing.T) {
	out, err := Run(t.Context(), Options{Gaps: 2, Rounds: 1})
	if err != nil {
		t.Fatal(err)
	}
	var object, tables bytes.Buffer
	if err := out.Print(&object, true); err != nil {
		t.Fatal(err)
	}
	var figures struct {
		Buildings float64          `json:"buildings_chosen_to_last_week"`
		Homes     float64          `json:"homes_chosen_to_mean_7"`
		Bounds    []map[string]any `json:"bounds"`
		Backtest  []map[string]any `json:"backtest"`
		Gaps      []map[string]any `json:"gaps"`
		Anomalies []map[string]any `json:"anomalies"`
		Costs     []map[string]any `json:"costs"`
		Absent    string           `json:"absent"`
	}
	if err := json.Unmarshal(object.Bytes(), &figures); err != nil {
		t.Fatalf("%v: %s", err, object.String())
	}
	if figures.Buildings > 0.70 || figures.Homes > 0.99 || len(figures.Backtest) != 11*9 || len(figures.Bounds) != 9 || !strings.Contains(figures.Absent, "Victoria") {
		t.Errorf("%.3f, %.3f, %d rows, %d", figures.Buildings, figures.Homes, len(figures.Backtest), len(figures.Bounds))
	}
	for _, row := range figures.Gaps {
		if row["counter_energy_percent"].(float64) != 0 {
			t.Errorf("a counter's energy is wrong: %v", row)
		}
	}
	if len(figures.Gaps) != 12 || len(figures.Anomalies) != 7 || len(figures.Costs) != 9 {
		t.Errorf("%d, %d, %d rows", len(figures.Gaps), len(figures.Anomalies), len(figures.Costs))
	}
	if err := out.Print(&tables, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Days ahead: MASE | NRMSE %", "  elsewhere", "Bounds for 80 %", "Gaps: hours wrong", "Events found, %", "Base load raised", "CPU, on a year of hours"} {
		if !strings.Contains(tables.String(), want) {
			t.Errorf("%q is not in\n%s", want, tables.String())
		}
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{{Gaps: 0, Rounds: 1}, {Gaps: 1, Rounds: 0}, {Gaps: 10_001, Rounds: 1}, {Gaps: 1, Rounds: 1001}} {
		if _, err := Run(t.Context(), o); err == nil {
			t.Errorf("%+v was measured", o)
		}
	}
}
