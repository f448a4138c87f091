package app

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestBenchForecast runs all of it, with few gaps and events: the figures of the
// backtest are those of a whole run.
func TestBenchForecast(t *testing.T) {
	code, out, errs := wattwerk(t, "bench", "forecast", "--json", "--gaps", "2", "--rounds", "1")
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
	if err := json.Unmarshal([]byte(out), &figures); code != ExitOK || err != nil {
		t.Fatalf("exit code %d, %v: %s%s", code, err, out, errs)
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
	if code, _, _ := wattwerk(t, "bench", "forecast", "--gaps", "0"); code != ExitUsage {
		t.Errorf("exit code %d", code)
	}
}
