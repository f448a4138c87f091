package dataset

import (
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/survey/anonymise"
	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/register"
)

// TestWrite: what research may have is there, what it may not have is not.
func TestWrite(t *testing.T) {
	ctx := t.Context()
	s, err := register.Open(ctx, sqldb.Options{File: filepath.Join(t.TempDir(), "books.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Date(2026, 3, 1, 12, 7, 0, 0, time.UTC)
	s.SetClock(func() time.Time { return now })
	if err := s.AddText(ctx, consent.Text{Version: "1", Body: "We measure."}, "test"); err != nil {
		t.Fatal(err)
	}
	var all []household.Household
	for range 3 {
		h, err := s.Register(ctx, household.Registration{
			Participant: household.Participant{Name: "Zacharias Quux", Email: "zq@example.org"}, Address: household.Address{Street: "Xylophonweg 77"},
			Location:  &anonymise.Place{Latitude: 54.32331, Longitude: 10.13942},
			Metadata:  household.Metadata{Adults: new(2), HeatPump: new(false)},
			PVSystems: []household.PVSystem{{Name: "roof", NominalPower: new(9.86)}},
			Meters:    []household.Meter{{Name: "Quux main", Model: "MT175", Serial: "1ISK0099887766", PVSystem: "roof"}},
		}, "test")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, h)
	}
	// The first has consented, the second has revoked, the third never did.
	for _, h := range all[:2] {
		if _, err := s.Grant(ctx, h.ID, "1", "test"); err != nil {
			t.Fatal(err)
		}
		o := &register.Offer{Device: h.Devices[0].ID, Batch: &household.Batch{Sequence: 1, Sent: now, Measurements: []household.Measurement{
			{Meter: h.Meters[0].ID, Slot: now.Truncate(household.Quarter), OBIS: "0100010800ff", Raw: 54301577, Scaler: -1, Unit: "Wh", Status: new(int64(0))},
			{Meter: h.Meters[0].ID, Slot: now.Truncate(household.Quarter), OBIS: "0100100700ff", Raw: -3, Scaler: 0, Unit: "W"},
		}}}
		if err := s.Take(ctx, []*register.Offer{o}, func(context.Context, []register.Taken) error { return nil }); err != nil || o.Err != nil {
			t.Fatal(err, o.Err)
		}
	}
	if _, _, err := s.Revoke(ctx, all[1].ID); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "set")
	n, err := Write(ctx, s, dir, CSV)
	if err != nil || n != (Counts{2, 4}) {
		t.Fatal(n, err)
	}
	rows := make(map[string][][]string)
	for _, name := range []string{"households", "pv_systems", "meters", "measurements", "dictionary"} {
		data, err := os.ReadFile(filepath.Join(dir, name+".csv"))
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"Quux", "zq@", "Xylophon", "99887766", "54.32331", "10.13942", "roof", all[2].ID, all[1].ID} {
			if strings.Contains(string(data), secret) {
				t.Errorf("%q is in %s", secret, name)
			}
		}
		if rows[name], err = csv.NewReader(strings.NewReader(string(data))).ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
	columns := 0
	for _, name := range []string{"households", "pv_systems", "meters", "measurements"} {
		columns += len(rows[name][0])
	}
	if len(rows["dictionary"]) != columns+1 || len(rows["households"]) != 3 || len(rows["meters"]) != 3 || len(rows["measurements"]) != 5 {
		t.Errorf("%d words for %d columns, %d households", len(rows["dictionary"])-1, columns, len(rows["households"])-1)
	}
	for _, r := range rows["households"][1:] {
		anonymous := r[1] == "revoked"
		if r[2] != "DEF02" || (r[3] != "") != anonymous || diffTail(r) {
			t.Errorf("%v", r)
		}
	}
	for _, r := range rows["measurements"][1:] {
		want := []string{"2026-03-01T12:00:00Z", "0100010800ff", "54301577", "-1", "5430157.7", "Wh", "0"}
		if r[2] != want[1] {
			want = []string{"2026-03-01T12:00:00Z", "0100100700ff", "-3", "0", "-3", "W", ""}
		}
		if diff := cmp.Diff(want, r[1:]); diff != "" {
			t.Error(diff)
		}
	}
	readme, err := os.ReadFile(filepath.Join(dir, "README.txt"))
	if err != nil || !strings.Contains(string(readme), anonymise.Notice) {
		t.Error(err, "the licence of the districts is not shown")
	}
	if _, err := Write(ctx, s, dir, CSV); err == nil {
		t.Error("a data set was written over")
	}

	// Parquet has the same, line by line.
	dir = filepath.Join(t.TempDir(), "parquet")
	if n, err = Write(ctx, s, dir, Parquet); err != nil || n != (Counts{2, 4}) {
		t.Fatal(n, err)
	}
	again := map[string][][]string{
		"households": lines[householdLine](t, dir, "households"), "pv_systems": lines[pvLine](t, dir, "pv_systems"),
		"meters": lines[meterLine](t, dir, "meters"), "measurements": lines[measurementLine](t, dir, "measurements"),
	}
	for name, got := range again {
		if diff := cmp.Diff(rows[name], got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// lines reads a Parquet file as CSV has it.
func lines[T any](t *testing.T, dir, name string) [][]string {
	t.Helper()
	all, err := parquet.ReadFile[T](filepath.Join(dir, name+".parquet"))
	if err != nil {
		t.Fatal(err)
	}
	var head []string
	for _, c := range columns[T]() {
		head = append(head, c.name)
	}
	out := [][]string{head}
	for _, l := range all {
		var row []string
		for i := range reflect.ValueOf(l).NumField() {
			row = append(row, text(reflect.ValueOf(l).Field(i).Interface()))
		}
		out = append(out, row)
	}
	return out
}

// diffTail tells whether the answers of a household are other ones than those given.
func diffTail(r []string) bool {
	return cmp.Diff([]string{"", "2", "", "", "false", ""}, r[8:]) != ""
}
