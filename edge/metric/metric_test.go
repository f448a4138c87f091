package metric

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/wattwerk/wattwerk/edge"
	"github.com/wattwerk/wattwerk/edge/bank"
	"github.com/wattwerk/wattwerk/edge/sender"
	"github.com/wattwerk/wattwerk/edge/update"
	"github.com/wattwerk/wattwerk/survey/household"
)

var now = time.Unix(1_800_000_000, 0)

const id = "6f1d2c9a-0b6e-4c53-9f57-2f4f0c3e8a11"

// full is a device of which everything is known.
func full() edge.Status {
	s := edge.Status{
		Version: "1.2", Enrolled: true, Device: id, Service: "https://survey.example.org", Ends: now.AddDate(0, 0, 20), Now: now, Slots: 4, Measured: 12, Pending: 1,
		Meters: []edge.MeterStatus{{ID: id, Name: "cellar of Quux", Last: now, Frames: 900, Errors: edge.Errors{Open: 1, Silent: 2, Read: 3, Frame: 4}}, {ID: "x", Problem: "no such device Quux"}},
		Update: update.Status{Bank: "a", Sequence: 3, Trial: true, Asked: now, Fetched: 77, Failures: []bank.Failure{{}, {}}},
	}
	s.Sender = sender.Status{
		Measuring: true, Lease: sender.Lease{Until: now.Add(time.Hour)}, Heard: true, Skew: -1.5, Sent: now, Confirmed: 8, Refused: 1, Batches: sender.Batches{Taken: 5, Refused: 6, Again: 7},
		Incidents: []sender.Open{{Meter: id, Type: household.CRCRate}, {Meter: "x", Type: household.CRCRate, Detail: "Quux"}},
	}
	s.Buffer.Measurements, s.Buffer.Batches, s.Buffer.Bytes, s.Buffer.Oldest, s.Buffer.Dropped, s.Buffer.Damaged = 10, 2, 555, now.Add(-90*time.Second), 11, 12
	return s
}

// scraped asks a handler.
func scraped(t *testing.T, s edge.Status) (text string, values map[string]float64) {
	t.Helper()
	h, err := Handler(func() edge.Status { return s })
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	text = w.Body.String()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	all, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil || w.Code != http.StatusOK {
		t.Fatal(w.Code, err)
	}
	values = make(map[string]float64)
	for name, f := range all {
		for _, m := range f.GetMetric() {
			key := name
			for _, l := range m.GetLabel() {
				key += " " + l.GetValue()
			}
			values[key] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return text, values
}

func TestTold(t *testing.T) {
	text, got := scraped(t, full())
	if got["process_resident_memory_bytes"] <= 0 {
		t.Error("the memory is not told")
	}
	device := make(map[string]float64)
	for k, v := range got {
		if name, ok := strings.CutPrefix(k, "wattwerk_device_"); ok {
			device[name] = v
		}
	}
	at := float64(now.Unix())
	want := map[string]float64{
		"info 1.2": 1, "enrolled": 1, "measuring": 1, "lease_end_timestamp_seconds": at + 3600, "certificate_end_timestamp_seconds": at + 20*86400, "clock_offset_seconds": -1.5,
		"slots_total": 4, "measurements_total": 12, "batches_total taken": 5, "batches_total refused": 6, "batches_total again": 7,
		"measurements_answered_total accepted": 8, "measurements_answered_total refused": 1, "sent_timestamp_seconds": at, "slots_unwritten": 1,
		"buffer_measurements": 10, "buffer_batches": 2, "buffer_bytes": 555, "buffer_age_seconds": 90, "buffer_dropped_total": 11, "buffer_damaged_bytes": 12,
		"meter_errors_total open 1": 1, "meter_errors_total silent 1": 2, "meter_errors_total read 1": 3, "meter_errors_total frame 1": 4,
		"meter_errors_total open 2": 0, "meter_errors_total silent 2": 0, "meter_errors_total read 2": 0, "meter_errors_total frame 2": 0,
		"meter_frames_total 1": 900, "meter_frames_total 2": 0, "meter_reading_timestamp_seconds 1": at, "incidents crc_rate": 2,
		"update_asked_timestamp_seconds": at, "update_release": 3, "update_trial": 1, "update_fetched_bytes": 77, "update_failures": 2,
	}
	if diff := cmp.Diff(want, device); diff != "" {
		t.Error(diff)
	}
	for _, private := range []string{id, "Quux", "survey.example.org"} {
		if strings.Contains(text, private) {
			t.Errorf("%q is told", private)
		}
	}
}

// TestUnknown: what is not known is absent.
func TestUnknown(t *testing.T) {
	_, got := scraped(t, edge.Status{})
	for k := range got {
		if strings.Contains(k, "timestamp") && strings.HasPrefix(k, "wattwerk_") || strings.Contains(k, "offset") || strings.Contains(k, "update") {
			t.Errorf("%s is told of a device that knows nothing", k)
		}
	}
	if v, ok := got["wattwerk_device_measuring"]; !ok || v != 0 {
		t.Error("that it does not measure is not told")
	}
}

// TestPage holds docs/measurement-device.md and what is told together.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/measurement-device.md")
	if err != nil {
		t.Fatal(err)
	}
	var there []string
	for _, m := range regexp.MustCompile("`(wattwerk_device_[a-z_]+)`").FindAllSubmatch(page, -1) {
		there = append(there, string(m[1]))
	}
	text, _ := scraped(t, full())
	var want []string
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (wattwerk_\S+)`).FindAllStringSubmatch(text, -1) {
		want = append(want, m[1])
	}
	slices.Sort(there)
	if diff := cmp.Diff(want, there); diff != "" {
		var rows strings.Builder
		for _, m := range regexp.MustCompile(`(?m)^# HELP (wattwerk_\S+) (.*)$`).FindAllStringSubmatch(text, -1) {
			fmt.Fprintf(&rows, "| `%s` | %s |\n", m[1], m[2])
		}
		t.Errorf("%s\nwhat is told:\n%s", diff, &rows)
	}
}
