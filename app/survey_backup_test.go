package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/survey/anonymise"
	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/register"
)

// kept is all that a survey knows of two households: one that takes part, and one that is anonymous.
type kept struct {
	Living       household.Household
	Anonymous    []household.Household
	Receipts     []consent.Receipt
	Ended        consent.Receipt
	Measurements map[string][]household.Measurement // by meter
	Incidents    []household.Incident
	Text         consent.Text
	Key          []byte
}

// keptOf reads it. living is the household that takes part, ended the device of the other one as it was.
func keptOf(t *testing.T, s *register.Store, living, ended string) kept {
	t.Helper()
	ctx := t.Context()
	k := kept{Measurements: make(map[string][]household.Measurement)}
	all, total, err := s.Households(ctx, "", 10)
	if err != nil || total != 2 {
		t.Fatal(total, err)
	}
	for _, h := range all {
		if h.ID == living {
			k.Living = h
		} else {
			k.Anonymous = append(k.Anonymous, h)
		}
		for _, m := range h.Meters {
			if k.Measurements[m.ID], err = s.Measurements(ctx, h.ID, m.ID, time.Unix(0, 0), time.Now(), 1000); err != nil {
				t.Fatal(err)
			}
		}
	}
	key, errs := s.Key(ctx, register.ReceiptKey)
	k.Key = key
	keep := func(err error) { errs = errors.Join(errs, err) }
	k.Receipts, err = s.Receipts(ctx, living)
	keep(err)
	k.Ended, err = s.Ended(ctx, ended)
	keep(err)
	k.Incidents, err = s.Incidents(ctx, living, k.Living.Meters[0].ID, 10)
	keep(err)
	k.Text, err = s.Text(ctx)
	keep(err)
	if errs != nil {
		t.Fatal(errs)
	}
	return k
}

// TestSurveyBackup takes a survey into a backup and from there into a directory and a PostgreSQL, and from that again into a
// backup and a directory: the household that takes part is there with all it has, the one that revoked stays anonymous, and no backup
// knows who it was.
func TestSurveyBackup(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	config := func(data, settings string) (c Config) {
		c = DefaultConfig()
		c.Data = data
		c.SQL.URLFile = settings
		return c
	}
	open := func(c Config) *register.Store {
		t.Helper()
		s, err := c.openSurvey(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	from := config(filepath.Join(dir, "from"), "")
	if err := os.Mkdir(from.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	s := open(from)
	if err := s.AddText(ctx, consent.Text{Version: "1", Body: "We measure."}, "test"); err != nil {
		t.Fatal(err)
	}
	slot := time.Now().UTC().Truncate(household.Quarter).Add(-household.Quarter)
	s.SetClock(func() time.Time { return slot.Add(-time.Hour) })
	private := []string{"Zacharias Quux", "zq@example.org", "Xylophonweg 77", "1ISK0099887766", "54.32331", "rings twice", "garage of Quux"}
	enter := func(revokes bool) (household.Household, *household.Batch) {
		q := household.Registration{
			Participant: household.Participant{Name: "Berta Bleibt"}, Address: household.Address{Street: "Ahornweg 1", Country: "DE"}, Location: &anonymise.Place{Latitude: 53.55, Longitude: 10},
			Metadata: household.Metadata{Adults: new(2)}, Meters: []household.Meter{{Name: "main of Berta", Model: "MT175", Serial: "1ISK0011223344"}},
		}
		if revokes {
			q.Participant = household.Participant{Name: private[0], Email: private[1], Note: private[5]}
			q.Address.Street, q.Location, q.Meters[0].Serial = private[2], &anonymise.Place{Latitude: 54.32331, Longitude: 10.13942}, private[3]
			q.PVSystems = []household.PVSystem{{Name: private[6], NominalPower: new(9.86), Installed: "2019-05-17"}}
		}
		h, err := s.Register(ctx, q, "test")
		if err == nil {
			_, err = s.Grant(ctx, h.ID, "1", "device")
		}
		if err == nil {
			_, err = s.Report(ctx, h.ID, h.Meters[0].ID, household.Report{Type: household.OtherIncident, Detail: "a mouse"})
		}
		if err == nil {
			err = s.Keep(ctx, h.Devices[0].ID, nil, register.Credential{ID: "cert of " + h.ID, Expires: time.Now().Add(time.Hour)})
		}
		if err != nil {
			t.Fatal(err)
		}
		b := &household.Batch{Sequence: 7, Sent: slot}
		for i, code := range []string{"0100010800ff", "0100100700ff"} {
			b.Measurements = append(b.Measurements, household.Measurement{Meter: h.Meters[0].ID, Slot: slot, OBIS: code, Raw: int64(1000 * i), Scaler: -1, Unit: [2]string{"Wh", "W"}[i], Status: new(int64(4))})
		}
		return h, b
	}
	take := func(s *register.Store, device string, b *household.Batch) *register.Offer {
		t.Helper()
		o := &register.Offer{Device: device, Batch: b}
		if err := s.Take(ctx, []*register.Offer{o}, func(context.Context, []register.Taken) error { return nil }); err != nil {
			t.Fatal(err)
		}
		return o
	}
	stays, batch := enter(false)
	leaves, last := enter(true)
	s.SetClock(time.Now)
	for _, o := range []*register.Offer{take(s, stays.Devices[0].ID, batch), take(s, leaves.Devices[0].ID, last)} {
		if o.Err != nil || o.Answer.Accepted != 2 {
			t.Fatalf("%+v", o)
		}
	}
	// The receipt of the revocation, by which the device is told to stop, names the household as it was; nothing else does.
	private = append(private, leaves.Meters[0].ID, leaves.Devices[0].ID, leaves.PVSystems[0].ID)
	if _, _, err := s.Revoke(ctx, leaves.ID); err != nil {
		t.Fatal(err)
	}
	want := keptOf(t, s, stays.ID, leaves.Devices[0].ID)
	if len(want.Anonymous) != 1 || want.Anonymous[0].Participant != nil || !want.Anonymous[0].Location.Anonymised || len(want.Measurements) != 2 || len(want.Incidents) != 1 || len(want.Receipts) != 1 {
		t.Fatalf("%+v", want)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	// run is a command that works.
	run := func(args ...string) {
		t.Helper()
		if code, out, errs := wattwerk(t, args...); code != ExitOK {
			t.Fatalf("%v: exit code %d: %s%s", args, code, out, errs)
		}
	}
	backup := func(name string, args ...string) string {
		t.Helper()
		file := filepath.Join(dir, name)
		run(append([]string{"backup", file}, args...)...)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := zstd.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		plain, err := io.ReadAll(r)
		if err != nil || !bytes.Contains(plain, []byte("Berta Bleibt")) {
			t.Fatalf("%s does not know who takes part: %v", name, err)
		}
		for _, word := range private {
			if n := bytes.Count(plain, []byte(word)); n > 0 {
				t.Errorf("%s has %q, of the household that revoked, %d times", name, word, n)
			}
		}
		return file
	}
	same := func(c Config) {
		t.Helper()
		s := open(c)
		defer s.Close()
		if diff := cmp.Diff(want, keptOf(t, s, stays.ID, leaves.Devices[0].ID)); diff != "" {
			t.Error(diff)
		}
		if b, err := s.Bearer(ctx, stays.Devices[0].ID, "cert of "+stays.ID); err != nil || b.Household != stays.ID {
			t.Errorf("who takes part is not known by its certificate: %+v, %v", b, err)
		}
		if _, err := s.Bearer(ctx, leaves.Devices[0].ID, "cert of "+leaves.ID); !errors.Is(err, register.ErrGone) {
			t.Errorf("the device of who revoked: %v", err)
		}
		// A batch whose answer was lost is answered as before; of who revoked none is taken.
		if o := take(s, stays.Devices[0].ID, batch); o.Err != nil || o.Answer.Accepted != 2 {
			t.Errorf("%+v", o)
		}
		if o := take(s, leaves.Devices[0].ID, last); !errors.Is(o.Err, register.ErrNotFound) {
			t.Errorf("%+v", o)
		}
	}
	first := backup("first", "--data", from.Data)
	to := config(filepath.Join(dir, "to"), "")
	run("restore", first, "--data", to.Data)
	same(to)

	file, settings := filepath.Join(dir, "postgresql.url"), filepath.Join(dir, "wattwerk.yaml")
	for name, text := range map[string]string{file: pgtest.Start(t).Database(t) + "\n", settings: "sql: {url_file: " + file + "}\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	shared := config(filepath.Join(dir, "shared"), file)
	run("restore", first, "--data", shared.Data, "--config", settings)
	same(shared)
	second := backup("second", "--data", shared.Data, "--config", settings)
	again := config(filepath.Join(dir, "again"), "")
	run("restore", second, "--data", again.Data)
	same(again)
}
