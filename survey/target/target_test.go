package target_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/survey/anonymise"
	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/register"
	"github.com/wattwerk/wattwerk/survey/target"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func onBoth(t *testing.T, f func(*testing.T, *survey)) {
	for name, where := range map[string]func(*testing.T) sqldb.Options{
		"sqlite":     func(t *testing.T) sqldb.Options { return sqldb.Options{File: filepath.Join(t.TempDir(), "books.db")} },
		"postgresql": func(t *testing.T) sqldb.Options { return sqldb.Options{URL: pgtest.Database(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			s, err := register.Open(t.Context(), where(t))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			x := &survey{t: t, store: s, now: day(1).Add(-time.Hour)}
			s.SetClock(func() time.Time { return x.now })
			if err := s.AddText(t.Context(), consent.Text{Version: "1", Body: "We measure."}, "test"); err != nil {
				t.Fatal(err)
			}
			f(t, x)
		})
	}
}

// survey is one with a clock of its own.
type survey struct {
	t        *testing.T
	store    *register.Store
	now      time.Time
	sequence int64
}

func day(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, time.UTC) }

// home registers a household with meters, which consents at a time; zero: it does not.
func (x *survey) home(meters int, granted time.Time) household.Household {
	x.t.Helper()
	r := household.Registration{Location: &anonymise.Place{Latitude: 54.32331, Longitude: 10.13942}}
	for range meters {
		r.Meters = append(r.Meters, household.Meter{Model: "MT175"})
	}
	was := x.now
	if !granted.IsZero() {
		x.now = granted.Add(-time.Hour)
	}
	h, err := x.store.Register(x.t.Context(), r, "test")
	if err != nil {
		x.t.Fatal(err)
	}
	if !granted.IsZero() {
		x.now = granted
		if _, err := x.store.Grant(x.t.Context(), h.ID, "1", "test"); err != nil {
			x.t.Fatal(err)
		}
	}
	x.now = was
	return h
}

// send has the household's device send slots of a meter at a time.
func (x *survey) send(h household.Household, meter int, at time.Time, slots ...time.Time) {
	x.t.Helper()
	x.now = at
	x.sequence++
	b := &household.Batch{Sequence: x.sequence, Sent: at}
	for _, s := range slots {
		for _, obis := range []string{"0100010800ff", "0100100700ff"} {
			b.Measurements = append(b.Measurements, household.Measurement{Meter: h.Meters[meter].ID, Slot: s, OBIS: obis, Raw: 1, Unit: "W"})
		}
	}
	o := &register.Offer{Device: h.Devices[0].ID, Batch: b}
	err := x.store.Take(x.t.Context(), []*register.Offer{o}, func(context.Context, []register.Taken) error { return nil })
	if err != nil || o.Err != nil {
		x.t.Fatal(err, o.Err)
	}
}

// slots are those from one time to another.
func slots(from, to time.Time) (all []time.Time) {
	for t := from; t.Before(to); t = t.Add(household.Quarter) {
		all = append(all, t)
	}
	return all
}

func (x *survey) report(o target.Options) *target.Fulfilment {
	x.t.Helper()
	r, err := target.New(x.t.Context(), x.store, o)
	if err != nil {
		x.t.Fatal(err)
	}
	return r
}

func show(t target.Target) string {
	if t.Percent == nil {
		return fmt.Sprintf("%d of %d", t.Reached, t.Expected)
	}
	return fmt.Sprintf("%d of %d, %.2f %%", t.Reached, t.Expected, *t.Percent)
}

// TestTargets: what counts as reached, and from when on something is expected.
func TestTargets(t *testing.T) {
	onBoth(t, func(t *testing.T, x *survey) {
		// Whole days, of which one hour comes a day late, and one quarter never.
		a := x.home(2, day(1).Add(-30*time.Minute))
		x.send(a, 0, day(2).Add(time.Minute), slots(day(1).Add(22*time.Hour), day(2))...)
		x.send(a, 0, day(2).Add(2*time.Minute), slots(day(1).Add(22*time.Hour), day(2))...) // sent twice, under another number
		x.send(a, 0, day(3), slots(day(1), day(1).Add(22*time.Hour))...)
		missing := slots(day(2), day(3))
		x.send(a, 0, day(3), slices.Delete(missing, 40, 41)...)
		x.send(a, 1, day(3), slots(day(1), day(3))...)
		// One that consents in the middle of a quarter, which is measured all the same.
		b := x.home(1, day(2).Add(12*time.Hour+5*time.Minute))
		x.send(b, 0, day(3), slots(day(2).Add(12*time.Hour), day(3))...)
		x.home(1, time.Time{}) // never consents
		r := x.report(target.Options{From: day(1), To: day(3), Every: "day", Now: day(4)})
		if got := show(r.Measured); got != "430 of 431, 99.77 %" { // 2 x 192, 47
			t.Error(got)
		}
		byMeter := make(map[string]target.MeterTargets)
		for _, m := range r.Meters {
			byMeter[m.Meter] = m
		}
		if len(r.Meters) != 3 || len(r.Devices) != 2 {
			t.Fatalf("%d meters, %d devices", len(r.Meters), len(r.Devices))
		}
		for _, c := range []struct {
			meter, all string
			parts      []string
		}{
			{a.Meters[0].ID, "191 of 192, 99.48 %", []string{"96 of 96, 100.00 %", "95 of 96, 98.96 %"}},
			{a.Meters[1].ID, "192 of 192, 100.00 %", []string{"96 of 96, 100.00 %", "96 of 96, 100.00 %"}},
			{b.Meters[0].ID, "47 of 47, 100.00 %", []string{"0 of 0", "47 of 47, 100.00 %"}},
		} {
			m := byMeter[c.meter]
			var parts []string
			for _, p := range m.Parts {
				parts = append(parts, show(p))
			}
			if show(m.Measured) != c.all || !slices.Equal(parts, c.parts) {
				t.Errorf("%s: %s, %v; want %s, %v", c.meter, show(m.Measured), parts, c.all, c.parts)
			}
		}
		for _, d := range r.Devices {
			want, inTime := "48 of 48, 100.00 %", 5 // 22 and 23 o'clock of both days, and 21 just so
			if d.Household == b.ID {
				want, inTime = "11 of 11, 100.00 %", 3
			}
			if show(d.Reported) != want || d.InTime != inTime {
				t.Errorf("%s, %d in time; want %s, %d", show(d.Reported), d.InTime, want, inTime)
			}
		}
		// What may be on its way is not missing yet, and from the consent on is as good.
		if r := x.report(target.Options{Now: day(3).Add(2*time.Hour + time.Minute)}); !r.From.Equal(day(1).Add(-time.Hour)) || !r.To.Equal(day(3)) || show(r.Measured) != "430 of 435, 98.85 %" {
			t.Errorf("%v to %v: %s", r.From, r.To, show(r.Measured))
		}
		// Of an anonymous household what was measured is left.
		if _, _, err := x.store.Revoke(t.Context(), a.ID); err != nil {
			t.Fatal(err)
		}
		if r := x.report(target.Options{From: day(1), To: day(3), Now: day(4)}); show(r.Measured) != "430 of 431, 99.77 %" || len(r.Devices) != 1 {
			t.Errorf("%s, %d devices", show(r.Measured), len(r.Devices))
		}
		for _, bad := range []target.Options{
			{From: day(3), To: day(1), Now: day(4)}, {From: day(1).AddDate(-20, 0, 0), To: day(1), Now: day(4)},
			{From: day(1), To: day(2), Every: "month", Now: day(4)}, {From: day(1).AddDate(-4, 0, 0), To: day(2), Every: "day", Now: day(4)},
		} {
			if _, err := target.New(t.Context(), x.store, bad); err == nil || !strings.Contains(err.Error(), "invalid") {
				t.Errorf("%+v: %v", bad, err)
			}
		}
	})
}

// TestHeartbeats: silence opens an incident once, and a sign of life ends it.
func TestHeartbeats(t *testing.T) {
	onBoth(t, func(t *testing.T, x *survey) {
		ctx := t.Context()
		a, quiet := x.home(2, day(1)), x.home(1, day(1))
		x.home(1, time.Time{})
		look := func(now time.Time, missed, back int) {
			t.Helper()
			x.now = now
			m, b, err := x.store.Heartbeats(ctx, now.Add(-3*time.Hour))
			if err != nil || m != missed || b != back {
				t.Errorf("%v: %d missed, %d back, %v; want %d, %d", now, m, b, err, missed, back)
			}
		}
		look(day(1).Add(2*time.Hour), 0, 0) // consented just now
		x.send(a, 0, day(1).Add(2*time.Hour), day(1))
		look(day(1).Add(4*time.Hour), 1, 0)
		look(day(1).Add(4*time.Hour+time.Minute), 0, 0)
		look(day(1).Add(6*time.Hour), 2, 0) // both meters of a
		x.send(a, 1, day(1).Add(7*time.Hour), day(1))
		look(day(1).Add(8*time.Hour), 0, 2)
		all, err := x.store.Incidents(ctx, a.ID, a.Meters[0].ID, 10)
		if err != nil || len(all) != 1 || all[0].Type != household.HeartbeatMissed || all[0].Resolved == nil {
			t.Errorf("%+v, %v", all, err)
		}
		open, err := x.store.Open(ctx, []string{a.ID, quiet.ID})
		if err != nil || len(open) != 1 || open[quiet.ID][household.HeartbeatMissed] != 1 {
			t.Errorf("%v, %v", open, err)
		}
	})
}

// TestHealth: what is wrong with a device is said.
func TestHealth(t *testing.T) {
	onBoth(t, func(t *testing.T, x *survey) {
		ctx := t.Context()
		h, never := x.home(1, day(1)), x.home(1, day(1))
		for _, id := range []string{h.Devices[0].ID, never.Devices[0].ID} {
			if err := x.store.Keep(ctx, id, nil, register.Credential{ID: id, Expires: day(30)}); err != nil {
				t.Fatal(err)
			}
		}
		x.home(1, day(1)) // does not enrol
		x.send(h, 0, day(2), day(2).Add(-household.Quarter))
		if _, err := x.store.Report(ctx, h.ID, h.Meters[0].ID, household.Report{Type: household.CRCRate}); err != nil {
			t.Fatal(err)
		}
		said := func(now time.Time) (all []string) {
			t.Helper()
			list, next, err := target.Devices(ctx, x.store, target.DefaultLimits(), now, "", 10)
			if err != nil || next != "" || len(list) != 3 {
				t.Fatal(list, next, err)
			}
			for _, d := range list {
				if d.Well != (len(d.Findings) == 0) {
					t.Errorf("%+v", d)
				}
				all = append(all, d.Findings...)
			}
			slices.Sort(all)
			return all
		}
		want := []string{"An incident is open: crc_rate.", "It has never sent anything, and could have for 24 h.", "It has not enrolled yet."}
		if got := said(day(2)); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		want = []string{
			"An incident is open: crc_rate.", "It has never sent anything, and could have for 27 days.", "It has not enrolled yet.", "It has sent nothing for 26 days.",
			"Its certificate expires in 2 days and was not renewed.", "Its certificate expires in 2 days and was not renewed.",
		}
		if got := said(day(28)); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}
