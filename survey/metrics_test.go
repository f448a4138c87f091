package survey_test

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/survey"
	"github.com/wattwerk/wattwerk/survey/client"
	"github.com/wattwerk/wattwerk/survey/household"
)

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

func sqlite(t *testing.T) sqldb.Options {
	return sqldb.Options{File: filepath.Join(t.TempDir(), "books.db")}
}

// told gives the metrics of a name, by the value of their label.
func (w *world) told(name string) map[string]float64 {
	w.t.Helper()
	all, err := w.metrics.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	out := make(map[string]float64)
	for _, f := range all {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			label := ""
			for _, l := range m.GetLabel() {
				label = l.GetValue()
			}
			out[label] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return out
}

// TestMetrics sends batches that are taken, twice, in part and not, and asks
// without being somebody.
func TestMetrics(t *testing.T) {
	for name, where := range map[string]func(*testing.T) sqldb.Options{
		"sqlite": sqlite, "postgresql": func(t *testing.T) sqldb.Options { return sqldb.Options{URL: pgtest.Database(t)} },
	} {
		t.Run(name, func(t *testing.T) { testMetrics(t, start(t, where(t))) })
	}
}

func testMetrics(t *testing.T, w *world) {
	ctx := t.Context()
	c, h, _ := w.device()
	w.device()
	_, err := c.Send(ctx, w.batch(h, 1))
	refusal(t, err, 403, "consent_missing", household.Wait)
	if _, err := c.Grant(ctx, "2026-1"); err != nil {
		t.Fatal(err)
	}
	b := w.batch(h, 1)
	b.Measurements = append(b.Measurements, b.Measurements[0])
	b.Measurements[4].Meter = household.NewID()
	for range 2 {
		if a, err := c.Send(ctx, b); err != nil || a.Accepted != 4 || a.Dropped != 1 {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	if _, err := c.Report(ctx, h.Meters[0].ID, household.Report{Type: household.CRCRate}); err != nil {
		t.Fatal(err)
	}
	_, err = w.client(client.Options{}).Household(ctx)
	refusal(t, err, 401, "no_identity", household.None)
	for name, want := range map[string]map[string]float64{
		"wattwerk_survey_batches_total":      {"taken": 2, "refused": 1, "again": 0},
		"wattwerk_survey_measurements_total": {"accepted": 8, "refused": 2},
		"wattwerk_survey_refusals_total":     {"consent_missing": 1, "no_identity": 1},
		"wattwerk_survey_queue_length":       {"": 0},
	} {
		if diff := cmp.Diff(want, w.told(name)); diff != "" {
			t.Error(name, diff)
		}
	}
	counted := map[string]map[string]float64{
		"wattwerk_survey_households": {"granted": 1, "not_granted": 1},
		"wattwerk_survey_incidents":  {"crc_rate": 1},
	}
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for name, want := range counted {
		for end := time.After(2 * time.Minute); !maps.Equal(want, w.told(name)); {
			select {
			case <-again.C:
			case <-end:
				t.Fatalf("%s is %v, not %v", name, w.told(name), want)
			}
		}
	}
}

// TestNeverConsented lets a household wait for longer than it is kept.
func TestNeverConsented(t *testing.T) {
	w := start(t, sqlite(t))
	ctx := t.Context()
	c, stays, _ := w.device()
	if _, err := c.Grant(ctx, "2026-1"); err != nil {
		t.Fatal(err)
	}
	_, leaves, _ := w.device()
	w.service.LookNow(ctx)
	removed := func() float64 { return w.told("wattwerk_survey_households_removed_total")[""] }
	if n := removed(); n != 0 {
		t.Errorf("%v were removed at once", n)
	}
	w.ahead.Store(int64(survey.DefaultForget + time.Minute))
	const said = "households that have never consented were removed"
	for deadline := time.Now().Add(time.Minute); !strings.Contains(w.log.String(), said) && time.Now().Before(deadline); {
		w.service.LookNow(ctx) // the service may look at the same time
	}
	if n := removed(); n != 1 || strings.Count(w.log.String(), said) != 1 || strings.Contains(w.log.String(), leaves.ID) {
		t.Errorf("%v were removed: %s", n, w.log)
	}
	list, total, err := w.store.Households(ctx, "", 10)
	if err != nil || total != 1 || list[0].ID != stays.ID {
		t.Errorf("%+v, %v", list, err)
	}
}
