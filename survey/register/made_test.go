package register

import (
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
)

// TestMake has a made-up device send as any other does.
func TestMake(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		made := make([]Made, 3)
		for i := range made {
			made[i] = Made{Household: household.NewID(), Meter: household.NewID(), Model: "MT175", Device: household.NewID(), Version: "1", Credential: Credential{ID: household.NewID(), Expires: now.Add(time.Hour)}}
		}
		if err := s.Make(ctx, made); err != nil {
			t.Fatal(err)
		}
		for _, m := range made {
			h := must(s.Household(ctx, m.Household))(t)
			if h.Consent.State != consent.Granted || len(h.Meters) != 1 || h.Meters[0].ID != m.Meter || len(h.Devices) != 1 || !h.Devices[0].Enrolled {
				t.Errorf("%+v", h)
			}
			if b := must(s.Bearer(ctx, m.Device, m.Credential.ID))(t); b.Household != m.Household {
				t.Errorf("%+v", b)
			}
			if o, taken := offer(t, s, m.Device, batch(h, 1, now.Truncate(household.Quarter))); o.Err != nil || len(taken) != 1 {
				t.Errorf("%+v", o)
			}
		}
		if err := s.Make(ctx, made[:1]); err == nil {
			t.Error("one is made twice")
		}
	})
}
