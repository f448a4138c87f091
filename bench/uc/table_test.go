package uc

import (
	"bytes"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	rows := []map[string]any{
		{"benchmark": "uc1", "mode": "backlog", "records": 6e6, "records_per_second": 1234567.8, "cpu_ns_per_record": 678.9, "peak_rss_bytes": 572e6, "results_checked": 6e6, "results_wrong": 1.0, "results_missing": 2.0},
		{"benchmark": "uc4", "mode": "live", "sensors": 16384.0, "offered_records_per_second": 16384.0, "cpu_ns_per_record": 5000.0, "lag_trend_records_per_second": -5.4, "latency_p50_ms": 5170.0},
	}
	for _, markdown := range []bool{true, false} {
		var b bytes.Buffer
		if err := Table(&b, rows, markdown); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"backlog of 6,000,000", "1,234,568", "678", "5,999,999", "6,000,002", "16,384 sensors", "-5.4", "5,170", "–"} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%q is not in\n%s", want, b.String())
			}
		}
		if strings.Contains(b.String(), "|---|") != markdown {
			t.Errorf("not as asked for:\n%s", b.String())
		}
	}
}
