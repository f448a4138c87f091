package register

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/visit"
)

// TestLapse removes households that have never consented, without a trace, and no others.
func TestLapse(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		ctx, at := t.Context(), now
		s.SetClock(func() time.Time { return at })
		silent, consents, revokes, busy := registered(t, s), registered(t, s), registered(t, s), registered(t, s)
		for range erasedAtOnce + 3 { // more than are removed at once
			if _, err := s.Register(ctx, household.Registration{Meters: []household.Meter{{Model: "MT175"}}}, "researcher"); err != nil {
				t.Fatal(err)
			}
		}
		for _, h := range []household.Household{consents, revokes} {
			must(s.Grant(ctx, h.ID, "1", "edge"))(t)
		}
		if _, _, err := s.Revoke(ctx, revokes.ID); err != nil {
			t.Fatal(err)
		}
		token, _, err := s.Token(ctx, silent.Devices[0].ID, "researcher")
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Enrol(ctx, token, "key", func(string) (Credential, error) {
			return Credential{ID: "silent", Chain: "Quux chain", Expires: now.AddDate(1, 0, 0)}, nil
		}); err != nil {
			t.Fatal(err)
		}
		must(s.Report(ctx, silent.ID, silent.Meters[0].ID, household.Report{Type: household.OtherIncident, Detail: "Quux"}))(t)
		g := visit.Grant{ID: household.NewID(), Device: silent.Devices[0].ID, From: now, Until: now.Add(time.Hour), Who: "anna", Why: "Quux is silent", Key: sshKey}
		if err := s.Visits().Add(ctx, g, visit.Signed{Document: "Quux", Signature: []byte("Quux")}); err != nil {
			t.Fatal(err)
		}
		lapse := func(want int) {
			t.Helper()
			if n, err := s.Lapse(ctx, at.AddDate(0, 0, -90)); n != want || err != nil {
				t.Errorf("after %v %d households were removed, want %d: %v", at.Sub(now), n, want, err)
			}
		}
		lapse(0)
		at = now.AddDate(0, 0, 80)
		if _, err := s.AddDevice(ctx, busy.ID, household.Edge, "attic", "researcher"); err != nil {
			t.Fatal(err)
		}
		at = now.AddDate(0, 0, 90) // not before
		lapse(0)
		at = at.Add(time.Second)
		lapse(erasedAtOnce + 4)
		lapse(0)
		list, total, err := s.Households(ctx, "", 10)
		if err != nil || total != 3 || len(list) != 3 {
			t.Fatal(total, err)
		}
		for _, h := range []household.Household{consents, busy} {
			if x := must(s.Household(ctx, h.ID))(t); x.Participant == nil {
				t.Errorf("%+v", x)
			}
		}
		if _, err := s.Household(ctx, silent.ID); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		if _, err := s.Bearer(ctx, silent.Devices[0].ID, "silent"); !errors.Is(err, ErrNotFound) {
			t.Errorf("its device: %v", err)
		}
		gone := []string{silent.ID, silent.Devices[0].ID, silent.Meters[0].ID, silent.Meters[1].ID, silent.PVSystems[0].ID, token, g.ID, "Quux chain"}
		for _, x := range gone {
			if where := find(t, s, x); where != "" {
				t.Errorf("%q is left in %s", x, where)
			}
		}
		if !s.db.Shared() {
			for _, f := range []string{s.db.Name(), s.db.Name() + "-wal"} {
				data, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				for _, x := range gone {
					if bytes.Contains(data, []byte(x)) {
						t.Errorf("%q is left in the file %s", x, filepath.Base(f))
					}
				}
			}
		}
		at = now.AddDate(0, 0, 200)
		lapse(1) // busy
	})
}
