package app

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/register"
)

// demonstrated runs a demo until it has written a text, and looks at its register then.
func demonstrated(t *testing.T, data, until string, look func(*register.Store)) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out said
	done := make(chan int, 1)
	go func() {
		done <- Execute(ctx, []string{"survey", "demo", "--data", data, "--addr", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--speed", "60", "--log-level", "warn"},
			IO{In: strings.NewReader(""), Out: &out, Err: &out, Environ: []string{"WATTWERK_BUS_MQTT=off"}})
	}()
	for deadline := time.Now().Add(3 * time.Minute); !strings.Contains(out.String(), until); <-time.After(20 * time.Millisecond) {
		if time.Now().After(deadline) || len(done) > 0 {
			t.Fatalf("%q was not written:\n%s", until, out.String())
		}
	}
	c := DefaultConfig()
	c.Data = data
	s, err := c.openSurvey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	look(s)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	stop()
	if code := <-done; code != ExitOK {
		t.Errorf("exit code %d\n%s", code, out.String())
	}
}

// TestSurveyDemo: ten households are a survey in one process, and go on where they were.
func TestSurveyDemo(t *testing.T) {
	data := filepath.Join(t.TempDir(), "survey")
	seen := make(map[string]int)
	demonstrated(t, data, "All 10 devices have delivered.", func(s *register.Store) {
		if err := eachHousehold(t.Context(), s, func(h household.Household) error {
			if h.Consent.State != consent.Granted || len(h.Devices) != 1 || h.Devices[0].LastMeasurement == nil {
				t.Errorf("%+v", h)
			}
			for _, m := range h.Meters {
				all, err := s.Measurements(t.Context(), h.ID, m.ID, time.Now().Add(-time.Hour), time.Now(), 100)
				if err != nil {
					return err
				}
				if seen[m.ID] = len(all); len(all) == 0 {
					t.Errorf("nothing came of the meter %s of a %s", m.Name, m.Model)
				}
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	})
	if len(seen) != 12 {
		t.Errorf("%d meters, want those of ten households of which two have a heat pump", len(seen))
	}
	demonstrated(t, data, "wattwerk survey report", func(s *register.Store) {
		_, n, err := s.Households(t.Context(), "", 1)
		if n != 10 || err != nil {
			t.Errorf("%d households after another start, %v", n, err)
		}
	})
	code, out, errs := wattwerk(t, "survey", "report", "--data", data, "--format", "json")
	var report struct {
		Measured struct{ Percent *float64 }
	}
	if err := json.Unmarshal([]byte(out), &report); code != ExitOK || err != nil {
		t.Errorf("exit code %d, %v, %s", code, err, errs)
	}
	for _, c := range []struct{ says, flag, value string }{{"backwards", "--speed", "2"}, {"between 1", "-n", "0"}, {"between 0", "--loss", "1"}} {
		if code, _, errs := wattwerk(t, "survey", "demo", "--data", data, c.flag, c.value); code != ExitUsage || !strings.Contains(errs, c.says) {
			t.Errorf("%s %s: exit code %d, %s", c.flag, c.value, code, errs)
		}
	}
}
