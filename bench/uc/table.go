package uc

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/wattwerk/wattwerk/bench"
)

// Table writes a line for each run, whose figures it is given as they are in JSON: for
// people, or in Markdown for a page.
func Table(w io.Writer, rows []map[string]any, markdown bool) error {
	get := func(row map[string]any, key string) string {
		v, ok := row[key]
		if !ok {
			return "–"
		}
		return bench.Human(v)
	}
	table := [][]string{{"benchmark", "load", "records/s", "CPU ns a record", "trend of the lag", "p50 ms", "p99 ms", "most ms", "peak MB", "results right", "of"}}
	for _, r := range rows {
		load, rate := "backlog of "+get(r, "records"), get(r, "records_per_second")
		if r["mode"] == "live" {
			load, rate = get(r, "sensors")+" sensors", get(r, "offered_records_per_second")
		}
		num := func(key string) float64 { v, _ := r[key].(float64); return v }
		checked := num("results_checked")
		table = append(table, []string{
			get(r, "benchmark"), load, rate, bench.Human(float64(int(num("cpu_ns_per_record")))), get(r, "lag_trend_records_per_second"),
			get(r, "latency_p50_ms"), get(r, "latency_p99_ms"), get(r, "latency_max_ms"), bench.Human(float64(int(num("peak_rss_bytes") / 1e6))),
			bench.Human(checked - num("results_wrong")), bench.Human(checked + num("results_missing")),
		})
	}
	if markdown {
		for i, row := range table {
			fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | ")) //nolint:errcheck // the last line reports
			if i == 0 {
				fmt.Fprintln(w, "|---|---|"+strings.Repeat("---:|", len(row)-2)) //nolint:errcheck // the last line reports
			}
		}
		_, err := fmt.Fprintln(w)
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range table {
		fmt.Fprintln(t, strings.Join(row, "\t")+"\t") //nolint:errcheck // Flush reports
	}
	return t.Flush()
}
