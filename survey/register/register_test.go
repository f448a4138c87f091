package register

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/survey/anonymise"
	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/visit"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// everywhere runs a test on both databases.
func everywhere(t *testing.T, f func(*testing.T, *Store)) {
	for name, where := range map[string]func(*testing.T) sqldb.Options{
		"sqlite":     func(t *testing.T) sqldb.Options { return sqldb.Options{File: filepath.Join(t.TempDir(), "books.db")} },
		"postgresql": func(t *testing.T) sqldb.Options { return sqldb.Options{URL: pgtest.Database(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(t.Context(), where(t))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			s.SetClock(func() time.Time { return now })
			if err := s.AddText(t.Context(), consent.Text{Version: "1", Body: "We measure."}, "test"); err != nil {
				t.Fatal(err)
			}
			f(t, s)
		})
	}
}

var now = time.Date(2026, 3, 1, 12, 7, 0, 0, time.UTC)

func questionnaire() household.Registration {
	return household.Registration{
		Participant: household.Participant{Name: "Zacharias Quux", Email: "zq@example.org", Phone: "+49 431 99887766", Note: "rings twice"},
		Address:     household.Address{Street: "Xylophonweg 77", Postcode: "24103", City: "Kiel", Country: "DE"},
		Location:    &anonymise.Place{Latitude: 54.32331, Longitude: 10.13942},
		Metadata:    household.Metadata{Children: new(6), Adults: new(2), EmployedAdults: new(1), HeatPump: new(true), Battery: new(false)},
		PVSystems:   []household.PVSystem{{Name: "garage of Quux", NominalPower: new(9.86), Azimuth: new(170.0), Tilt: new(35.0), Installed: "2019-05-17"}},
		Meters:      []household.Meter{{Name: "Quux main", Model: "MT175", Serial: "1ISK0099887766"}, {Model: "EHZ", PVSystem: "garage of Quux"}},
		Devices:     []string{"quux-edge"},
	}
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func registered(t *testing.T, s *Store) household.Household {
	t.Helper()
	return must(s.Register(t.Context(), questionnaire(), "researcher"))(t)
}

func batch(h household.Household, sequence int64, slots ...time.Time) *household.Batch {
	b := &household.Batch{Sequence: sequence, Sent: now, Version: "1.2"}
	for i, at := range slots {
		b.Measurements = append(b.Measurements, household.Measurement{Meter: h.Meters[0].ID, Slot: at, OBIS: "0100010800ff", Raw: int64(1000 + i), Scaler: -1, Unit: "Wh"})
	}
	return b
}

func offer(t *testing.T, s *Store, device string, b *household.Batch) (*Offer, []Taken) {
	t.Helper()
	o := &Offer{Device: device, Batch: b}
	var taken []Taken
	if err := s.Take(t.Context(), []*Offer{o}, func(_ context.Context, all []Taken) error { taken = all; return nil }); err != nil {
		t.Fatal(err)
	}
	return o, taken
}

func TestRegister(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		h := registered(t, s)
		q := questionnaire()
		if diff := cmp.Diff(&q.Participant, h.Participant); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(&q.Address, h.Address); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(q.Metadata, h.Metadata); diff != "" {
			t.Error(diff)
		}
		if len(h.Meters) != 2 || len(h.PVSystems) != 1 || len(h.Devices) != 1 || h.Location.Place != *q.Location || h.Consent.State != consent.NotGranted {
			t.Errorf("%+v", h)
		}
		linked := 0
		for _, m := range h.Meters {
			if m.PVSystem == h.PVSystems[0].ID {
				linked++
			}
		}
		if linked != 1 {
			t.Errorf("%d meters have the PV system", linked)
		}
		registered(t, s)
		first, total, err := s.Households(t.Context(), "", 1)
		if err != nil || total != 2 || len(first) != 1 {
			t.Fatal(first, total, err)
		}
		second, _, err := s.Households(t.Context(), first[0].ID, 1)
		if err != nil || len(second) != 1 || second[0].ID <= first[0].ID {
			t.Fatal(second, err)
		}
		if _, err := s.Household(t.Context(), household.NewID()); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		if _, err := s.Register(t.Context(), household.Registration{}, "x"); !errors.Is(err, ErrInvalid) {
			t.Error(err)
		}
	})
}

func TestConsent(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		h := registered(t, s)
		public := must(s.Key(ctx, ReceiptKey))(t).Public().(ed25519.PublicKey)
		if _, _, err := s.Revoke(ctx, h.ID); !errors.Is(err, consent.ErrNotGranted) {
			t.Errorf("revoked before it was granted: %v", err)
		}
		if o, _ := offer(t, s, h.Devices[0].ID, batch(h, 1, now.Truncate(household.Quarter))); !errors.Is(o.Err, ErrNoConsent) {
			t.Errorf("measured without a consent: %v", o.Err)
		}
		if err := s.AddText(ctx, consent.Text{Version: "1", Body: "We measure more."}, "x"); !errors.Is(err, ErrInvalid) {
			t.Errorf("a version has two texts: %v", err)
		}
		if err := s.AddText(ctx, consent.Text{Version: "2", Body: "We measure more."}, "x"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Grant(ctx, h.ID, "1", "edge"); !errors.Is(err, ErrText) {
			t.Errorf("an old text: %v", err)
		}
		r := must(s.Grant(ctx, h.ID, "2", "edge"))(t)
		if err := r.Verify(public); err != nil || r.Household != h.ID || r.State != consent.Granted || r.Version != "2" {
			t.Errorf("%+v: %v", r, err)
		}
		if again := must(s.Grant(ctx, h.ID, "2", "edge"))(t); again != r {
			t.Errorf("granted again: %+v", again)
		}
		revoked, was, err := s.Revoke(ctx, h.ID)
		if err != nil || revoked.Verify(public) != nil || revoked.State != consent.Revoked || revoked.Version != "2" || !strings.HasPrefix(was.Group, "survey.") || len(was.Points) != 2 {
			t.Fatalf("%+v, %+v: %v", revoked, was, err)
		}
		if _, err := s.Grant(ctx, h.ID, "2", "edge"); !errors.Is(err, ErrNotFound) {
			t.Errorf("granted after it was revoked: %v", err)
		}
		if got := must(s.Ended(ctx, h.Devices[0].ID))(t); got != revoked {
			t.Errorf("%+v", got)
		}
		list, _, err := s.Households(ctx, "", 10)
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		if _, err := s.Grant(ctx, list[0].ID, "2", "x"); !errors.Is(err, consent.ErrRevoked) {
			t.Errorf("the anonymous household consents: %v", err)
		}
		if _, _, err := s.Revoke(ctx, list[0].ID); !errors.Is(err, consent.ErrRevoked) {
			t.Errorf("the anonymous household revokes: %v", err)
		}
		if _, _, err := s.Token(ctx, list[0].Devices[0].ID, "x"); !errors.Is(err, ErrGone) {
			t.Errorf("the anonymous household enrols: %v", err)
		}
	})
}

func TestTake(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		h, other := registered(t, s), registered(t, s)
		must(s.Grant(ctx, h.ID, "1", "edge"))(t)
		slot := now.Truncate(household.Quarter)
		device := h.Devices[0].ID
		o, taken := offer(t, s, device, batch(h, 7, slot, slot.Add(household.Quarter)))
		if o.Err != nil || o.Answer.Accepted != 2 || len(taken) != 2 || !strings.HasPrefix(taken[0].Point, "survey.") {
			t.Fatalf("%+v, %d", o, len(taken))
		}
		// The same again is answered the same, and nothing is handed on.
		if again, taken := offer(t, s, device, batch(h, 7, slot, slot.Add(household.Quarter))); again.Err != nil || len(taken) != 0 || cmp.Diff(o.Answer, again.Answer) != "" {
			t.Errorf("%+v, %d", again, len(taken))
		}
		if o, taken := offer(t, s, device, batch(h, 7, slot)); !errors.Is(o.Err, ErrSequence) || len(taken) != 0 {
			t.Errorf("another batch of the same number: %+v", o)
		}
		// Another number, and some of what is stored already: the first stays.
		changed := batch(h, 8, slot)
		changed.Measurements[0].Raw = 5
		if o, _ := offer(t, s, device, changed); o.Err != nil || o.Answer.Accepted != 1 {
			t.Errorf("%+v", o)
		}
		list := must(s.Measurements(ctx, h.ID, h.Meters[0].ID, time.Time{}, now.AddDate(1, 0, 0), 100))(t)
		if len(list) != 2 || list[0].Raw != 1000 || !list[0].Slot.Equal(slot) || list[1].Raw != 1001 {
			t.Errorf("%+v", list)
		}
		// What cannot be taken is told of; the rest is taken.
		mixed := batch(h, 9, slot.Add(-time.Hour), slot, slot.Add(time.Second))
		mixed.Measurements[1].Meter = other.Meters[0].ID
		mixed.Measurements = append(mixed.Measurements, batch(h, 0, slot).Measurements...)
		o, taken = offer(t, s, device, mixed)
		var codes []string
		for _, r := range o.Answer.Refused {
			codes = append(codes, fmt.Sprint(r.Index, r.Code))
		}
		if diff := cmp.Diff([]string{"0before_consent", "1unknown_meter", "2bad_slot"}, codes); diff != "" || o.Answer.Accepted != 1 || o.Answer.Dropped != 3 || len(taken) != 1 {
			t.Errorf("%+v %s", o.Answer, diff)
		}
		// Nothing at all can be taken.
		foreign := batch(other, 10, slot)
		if o, taken := offer(t, s, device, foreign); !errors.Is(o.Err, ErrNothing) || len(taken) != 0 || o.Answer.Dropped != 1 {
			t.Errorf("%+v", o)
		}
		if _, err := s.Measurements(ctx, h.ID, other.Meters[0].ID, time.Time{}, now, 1); !errors.Is(err, ErrNotFound) {
			t.Errorf("the meter of another household: %v", err)
		}
		// The bus fails: nothing is stored.
		fails := errors.New("the bus is full")
		x := &Offer{Device: device, Batch: batch(h, 11, slot)}
		if err := s.Take(ctx, []*Offer{x}, func(context.Context, []Taken) error { return fails }); !errors.Is(err, fails) {
			t.Error(err)
		}
		if o, taken := offer(t, s, device, batch(h, 11, slot)); o.Err != nil || len(taken) != 1 {
			t.Errorf("after the bus failed: %+v, %d", o, len(taken))
		}
		// Two of a number at a time.
		a, b := &Offer{Device: device, Batch: batch(h, 12, slot)}, &Offer{Device: device, Batch: batch(h, 12, slot)}
		handed := 0
		if err := s.Take(ctx, []*Offer{a, b}, func(_ context.Context, all []Taken) error { handed = len(all); return nil }); err != nil || a.Err != nil || b.Err != nil || handed != 1 || cmp.Diff(a.Answer, b.Answer) != "" {
			t.Errorf("%+v, %+v, %d, %v", a, b, handed, err)
		}
		d := must(s.Household(ctx, h.ID))(t).Devices[0]
		if d.LastSeen == nil || !d.LastSeen.Equal(now) || d.Version != "1.2" || d.LastMeasurement == nil || !d.LastMeasurement.Equal(slot.Add(household.Quarter)) || *d.ClockSkew != 0 {
			t.Errorf("%+v", d)
		}
		if err := s.Prune(ctx, now.Add(time.Hour)); err != nil {
			t.Error(err)
		}
	})
}

// TestNothingIsLeft: of what is personal no trace is in any table, nor, of SQLite,
// in its files; what research keeps is there under new identifiers.
func TestNothingIsLeft(t *testing.T) {
	dir := t.TempDir()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		h := registered(t, s)
		token, _, err := s.Token(ctx, h.Devices[0].ID, "researcher")
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Enrol(ctx, token, "key", func(string) (Credential, error) {
			return Credential{ID: "99887766abc", Chain: "Quux chain", Expires: now.Add(time.Hour)}, nil
		}); err != nil {
			t.Fatal(err)
		}
		must(s.Grant(ctx, h.ID, "1", "edge"))(t)
		slot := now.Truncate(household.Quarter)
		offer(t, s, h.Devices[0].ID, batch(h, 1, slot, slot.Add(household.Quarter)))
		must(s.Report(ctx, h.ID, h.Meters[0].ID, household.Report{Type: household.MeterLocked, Detail: "Quux forgot the PIN"}))(t)
		g := visit.Grant{ID: household.NewID(), Device: h.Devices[0].ID, From: now, Until: now.Add(time.Hour), Who: "anna", Why: "Quux is silent", Key: sshKey}
		if err := s.Visits().Add(ctx, g, visit.Signed{Document: "Quux", Signature: []byte("Quux")}); err != nil {
			t.Fatal(err)
		}
		if err := s.Visits().Note(ctx, g.ID, "status of Quux"); err != nil {
			t.Fatal(err)
		}
		r, was, err := s.Revoke(ctx, h.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Visits().Note(ctx, g.ID, "Quux"); !errors.Is(err, ErrNotFound) {
			t.Errorf("after the revocation: %v", err)
		}
		gone := []string{"Quux", "quux", "zq@example.org", "99887766", "Xylophonweg", "rings twice", "54.32331", "10.13942", "2019-05-17", "9.86", was.Group, token}
		for _, x := range h.Meters {
			gone = append(gone, x.ID)
		}
		gone = append(gone, was.Points...)
		gone = append(gone, h.Devices[0].ID, h.PVSystems[0].ID)
		for _, g := range gone {
			if at := find(t, s, g); at != "" {
				t.Errorf("%q is left in %s", g, at)
			}
		}
		// The former identifier of the household is in the receipt alone, and the
		// receipt where nothing leads on.
		if at := find(t, s, h.ID); at != "survey_ended" {
			t.Errorf("the household is left in %q", at)
		}
		list, _, err := s.Households(ctx, "", 10)
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		n := list[0]
		if n.Participant != nil || n.Address != nil || n.ID == h.ID || !n.Location.Anonymised || n.Location.NUTS != "DEF02" || n.Location.People < anonymise.DefaultPeople {
			t.Errorf("%+v", n)
		}
		if d := anonymise.Distance(n.Location.Place, h.Location.Place); d < n.Location.Inner-2 || d > n.Location.Outer+2 {
			t.Errorf("%g m away", d)
		}
		january := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		if !n.Registered.Equal(january) || !n.Consent.Granted.Equal(january) || !n.Consent.Revoked.Equal(january) || r.At.Equal(january) {
			t.Errorf("%+v", n)
		}
		if diff := cmp.Diff([]household.PVSystem{{ID: n.PVSystems[0].ID, NominalPower: new(10.0), Azimuth: new(170.0), Tilt: new(35.0), Installed: "2019-01-01"}}, n.PVSystems); diff != "" {
			t.Error(diff)
		}
		if *n.Metadata.Children != 4 || *n.Metadata.Adults != 2 || !*n.Metadata.HeatPump {
			t.Errorf("%+v", n.Metadata)
		}
		kept := 0
		for _, m := range n.Meters {
			if (m.PVSystem == n.PVSystems[0].ID) != (m.Model == "EHZ") || m.Serial != "" || m.Name != "" {
				t.Errorf("%+v", m)
			}
			kept += len(must(s.Measurements(ctx, n.ID, m.ID, time.Time{}, now.AddDate(1, 0, 0), 10))(t))
		}
		if kept != 2 {
			t.Errorf("%d measurements are left", kept)
		}
		// Nothing comes in any more, by the device as it was or as it is called now.
		for _, d := range []string{h.Devices[0].ID, n.Devices[0].ID} {
			if o, taken := offer(t, s, d, batch(h, 2, slot)); o.Err == nil || len(taken) != 0 {
				t.Errorf("%+v", o)
			}
		}
		if _, err := s.Bearer(ctx, h.Devices[0].ID, "99887766abc"); !errors.Is(err, ErrGone) {
			t.Error(err)
		}
		if !s.db.Shared() {
			copied := filepath.Join(dir, "copy.db")
			if err := s.db.CopyFile(ctx, copied); err != nil {
				t.Fatal(err)
			}
			for _, f := range []string{copied, s.db.Name(), s.db.Name() + "-wal"} {
				data, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				for _, g := range gone {
					if bytes.Contains(data, []byte(g)) {
						t.Errorf("%q is left in the file %s", g, filepath.Base(f))
					}
				}
			}
		}
	})
}

const sshKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGEDbqOVs9CnVwZgXXcCHHdChoErG6VHyGIxdKJ2yXjt"

// find looks for a text in all columns of all tables; it gives the tables.
func find(t *testing.T, s *Store, text string) string {
	t.Helper()
	var found []string
	for _, table := range []string{
		"survey_households", "survey_participants", "survey_addresses", "survey_pv_systems", "survey_meters", "survey_devices", "survey_tokens",
		"survey_credentials", "survey_texts", "survey_consents", "survey_batches", "survey_measurements", "survey_incidents", "survey_ended", "survey_log",
		"survey_visits", "survey_visit_events",
	} {
		rows, err := s.db.DB.DB.QueryContext(t.Context(), "SELECT * FROM "+table)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		here := false
		for rows.Next() {
			values, at := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				at[i] = &values[i]
			}
			if err := rows.Scan(at...); err != nil {
				t.Fatal(err)
			}
			here = here || strings.Contains(fmt.Sprint(values...), text)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
		if here {
			found = append(found, table)
		}
	}
	return strings.Join(found, " ")
}

func TestIdentities(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		at := now
		s.SetClock(func() time.Time { return at })
		h := registered(t, s)
		device := h.Devices[0].ID
		old, _, err := s.Token(ctx, device, "x")
		if err != nil {
			t.Fatal(err)
		}
		token, expires, err := s.Token(ctx, device, "x")
		if err != nil || !expires.Equal(now.Add(TokenLife)) {
			t.Fatal(expires, err)
		}
		made := 0
		issue := func(d string) (Credential, error) {
			made++
			return Credential{ID: fmt.Sprintf("c%d", made), Chain: fmt.Sprintf("chain %d of %s", made, d), Expires: at.Add(30 * 24 * time.Hour)}, nil
		}
		for name, x := range map[string]string{"an older one": old, "none": "enrol_NOTHING", "empty": ""} {
			if _, _, err := s.Enrol(ctx, x, "k1", issue); !errors.Is(err, ErrToken) {
				t.Errorf("%s: %v", name, err)
			}
		}
		d, chain, err := s.Enrol(ctx, token, "k1", issue)
		if err != nil || d != device || chain != "chain 1 of "+device {
			t.Fatal(d, chain, err)
		}
		if d, again, err := s.Enrol(ctx, token, "k1", issue); err != nil || d != device || again != chain || made != 1 {
			t.Errorf("the same key again: %s, %s, %v", d, again, err)
		}
		if _, _, err := s.Enrol(ctx, token, "k2", issue); !errors.Is(err, ErrToken) || made != 1 {
			t.Errorf("another key: %v", err)
		}
		b, err := s.Bearer(ctx, device, "c1")
		if err != nil || b.Household != h.ID || b.Kind != household.Edge || b.Consent.State != consent.NotGranted {
			t.Errorf("%+v, %v", b, err)
		}
		if !must(s.Household(ctx, h.ID))(t).Devices[0].Enrolled {
			t.Error("it is not said that the device is enrolled")
		}
		if _, err := s.Bearer(ctx, device, "c2"); !errors.Is(err, ErrNotFound) {
			t.Errorf("a certificate that was not made: %v", err)
		}
		if _, err := s.Bearer(ctx, household.NewID(), "c1"); !errors.Is(err, ErrNotFound) {
			t.Errorf("the certificate of another device: %v", err)
		}
		for i := range mostCredentials - 1 {
			if err := s.Keep(ctx, device, nil, Credential{ID: fmt.Sprintf("x%d", i), Expires: at.Add(time.Hour)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Keep(ctx, device, nil, Credential{ID: "y", Expires: at.Add(time.Hour)}); !errors.Is(err, ErrInvalid) {
			t.Errorf("any number of certificates: %v", err)
		}
		if err := s.RevokeDevice(ctx, device, "x"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Bearer(ctx, device, "c1"); !errors.Is(err, ErrRevoked) {
			t.Errorf("revoked: %v", err)
		}
		if _, _, err := s.Enrol(ctx, token, "k1", issue); !errors.Is(err, ErrToken) {
			t.Errorf("a revoked device enrols again: %v", err)
		}
		late, _, err := s.Token(ctx, device, "x")
		if err != nil {
			t.Fatal(err)
		}
		at = at.Add(TokenLife + time.Second)
		if _, _, err := s.Enrol(ctx, late, "k3", issue); !errors.Is(err, ErrToken) {
			t.Errorf("an old token: %v", err)
		}
		source := must(s.AddDevice(ctx, h.ID, household.Source, "inverter", "x"))(t)
		if _, _, err := s.Token(ctx, source.ID, "x"); !errors.Is(err, ErrInvalid) {
			t.Errorf("a source enrols: %v", err)
		}
		if err := s.Keep(ctx, source.ID, []string{"measurement-write"}, Credential{ID: "jwt", Expires: at.Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		if b := must(s.Bearer(ctx, source.ID, "jwt"))(t); b.Kind != household.Source || cmp.Diff([]string{"measurement-write"}, b.Scopes) != "" {
			t.Errorf("%+v", b)
		}
		at = at.Add(2 * time.Hour)
		if _, err := s.Bearer(ctx, source.ID, "jwt"); !errors.Is(err, ErrRevoked) {
			t.Errorf("expired: %v", err)
		}
	})
}

func TestIncidents(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		h, other := registered(t, s), registered(t, s)
		meter := h.Meters[0].ID
		first := must(s.Report(ctx, h.ID, meter, household.Report{Type: household.MeterLocked, Detail: "no power"}))(t)
		if again := must(s.Report(ctx, h.ID, meter, household.Report{Type: household.MeterLocked, Detail: "still"}))(t); cmp.Diff(first, again) != "" {
			t.Errorf("%+v", again)
		}
		if _, err := s.Report(ctx, other.ID, meter, household.Report{Type: household.MeterLocked}); !errors.Is(err, ErrNotFound) {
			t.Errorf("the meter of another household: %v", err)
		}
		if n := must(s.Resolve(ctx, h.ID, meter, household.MeterLocked))(t); n != 1 {
			t.Errorf("%d resolved", n)
		}
		if n := must(s.Resolve(ctx, h.ID, meter, household.MeterLocked))(t); n != 0 {
			t.Errorf("%d resolved again", n)
		}
		if next := must(s.Report(ctx, h.ID, meter, household.Report{Type: household.MeterLocked}))(t); next.ID == first.ID {
			t.Error("a new incident is the old one")
		}
		list := must(s.Incidents(ctx, h.ID, meter, 10))(t)
		open := 0
		for _, i := range list {
			if i.Resolved == nil {
				open++
			}
		}
		if len(list) != 2 || open != 1 {
			t.Errorf("%+v", list)
		}
		for i := len(list); i < mostIncidents; i++ {
			must(s.Report(ctx, h.ID, meter, household.Report{Type: household.OtherIncident}))(t)
			must(s.Resolve(ctx, h.ID, meter, household.OtherIncident))(t)
		}
		if _, err := s.Report(ctx, h.ID, meter, household.Report{Type: household.OtherIncident}); !errors.Is(err, ErrMany) {
			t.Errorf("any number of incidents: %v", err)
		}
	})
}
