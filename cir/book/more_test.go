package book

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/cir/item"
)

func TestTableThereAndBack(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		created(t, s)
		before := all(t, s)
		write, err := s.Export(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := write(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), ",'=Quux,") {
			t.Errorf("a spreadsheet would compute in\n%s", b.String())
		}
		got, err := s.Import(t.Context(), "Ada", b.Bytes(), false, true)
		if err != nil || got.Unchanged != 3 || got.Change != 0 {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := s.DeleteRegistries(t.Context(), "Ada", []string{"plant"}); err != nil {
			t.Fatal(err)
		}
		dry, err := s.Import(t.Context(), "Ada", b.Bytes(), true, false)
		if err != nil || dry.Created != 3 || dry.Change != 0 || len(all(t, s)) != 0 {
			t.Errorf("%+v, %v", dry, err)
		}
		if _, err := s.Import(t.Context(), "Ada", b.Bytes(), false, true); err == nil {
			t.Error("a closed registry was made by a file")
		}
		got, err = s.Import(t.Context(), "Ada", b.Bytes(), false, false)
		if err != nil || got.Created != 3 || got.Change == 0 {
			t.Errorf("%+v, %v", got, err)
		}
		before[0].Description = nil // files are of entries
		if diff := cmp.Diff(before, all(t, s)); diff != "" {
			t.Error(diff)
		}
		head := "registry,category,category_source,id_in_source,source,name,property:Maker\n"
		got, err = s.Import(t.Context(), "Ada", []byte(head+"plant,pump,erp,P-102,erp,New,Quux\nplant,pump,erp,P-101,erp,,\n"), false, false)
		if err != nil || got.Updated != 1 || got.Unchanged != 1 {
			t.Errorf("%+v, %v", got, err)
		}
		got, err = s.Import(t.Context(), "Ada", []byte(head+"plant,pump,erp,P-103,erp,x,\nplant,pump,erp,,erp,x,\nplant,pump,erp,P-103,erp,x,\n"), false, false)
		if err != nil || got.Change != 0 || len(got.Faults) != 2 || got.Faults[0].Line != 3 {
			t.Errorf("%+v, %v", got, err)
		}
		for _, bad := range []string{"", "a,b\n", head + "\"\n", "registry,registry\n", head + strings.Repeat("a,b,c,d,e,f,g\n", 30_000)} {
			if _, err := s.Import(t.Context(), "Ada", []byte(bad), false, false); !errors.Is(err, item.ErrInvalid) {
				t.Errorf("%.40q: %v", bad, err)
			}
		}
	})
}

func things(all ...item.Thing) iter.Seq[item.Thing] { return slices.Values(all) }

func TestThingsRegisterThemselves(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		categories := []string{"sensor", "site"}
		register := func(b item.Batch) Registered {
			t.Helper()
			n, err := s.Register(t.Context(), categories, b, func(item.Thing, error) {})
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		var many []item.Thing
		for i := range 1201 {
			many = append(many, item.Thing{Category: "sensor", ID: fmt.Sprint("s", i), Name: fmt.Sprint("Sensor ", i)})
		}
		many = append(many, item.Thing{Category: "site", ID: "kiel"}, item.Thing{Category: "sensor", ID: "bad\x00"}, item.Thing{Category: "gateway", ID: "x"})
		if got := register(item.Batch{All: true, Put: things(many...)}); got != (Registered{New: 1202, Refused: 2}) {
			t.Error(got)
		}
		if got := register(item.Batch{All: true, Put: things(many[:1202]...)}); got != (Registered{}) {
			t.Error(got)
		}
		one := func(id string) item.EntryItem {
			t.Helper()
			e, err := s.Equivalents(t.Context(), []item.EntryIdentifier{s.ownEntry("sensor", id)}, nil)
			if err != nil || e[0].Entry == nil {
				t.Fatal(e, err)
			}
			return *e[0].Entry
		}
		was := one("s7")
		if was.CIRID == nil || *was.Name != "Sensor 7" || was.SourceID != "here" {
			t.Fatalf("%+v", was)
		}
		// What people add stays, and what they link.
		if _, err := s.CreateRegistry(t.Context(), "Ada", &Creating{Registries: []item.RegistryItem{{ID: "wattwerk", Categories: []item.CategoryItem{{ID: "sensor", SourceID: "wattwerk", Entries: []item.EntryItem{
			{IDInSource: "s7", SourceID: "here", Properties: []item.PropertyItem{{ID: "Note", Values: []item.PropertyValue{{Value: "mine"}}}}},
		}}}}}}, false); err != nil {
			t.Fatal(err)
		}
		merged, err := s.Merge(t.Context(), "Ada", []string{*was.CIRID}, one1)
		if err != nil {
			t.Fatal(err)
		}
		parent := func(site ...item.PropertyValue) []item.PropertyItem {
			return []item.PropertyItem{{ID: item.ParentEntityID, Values: site}}
		}
		if got := register(item.Batch{Put: things(item.Thing{Category: "sensor", ID: "s7", Name: "Seven", Properties: parent(item.PropertyValue{Value: "kiel"})}), Gone: map[string][]string{"sensor": {"s8", "never"}}}); got != (Registered{Changed: 1, Inactive: 1}) {
			t.Error(got)
		}
		if e := one("s7"); *e.Name != "Seven" || *e.CIRID != one1 || len(e.Properties) != 2 {
			t.Errorf("%+v", e)
		}
		if e := one("s8"); e.Inactive == nil || !*e.Inactive || *e.Name != "Sensor 8" {
			t.Errorf("%+v", e)
		}
		// A rename is no reason not to undo a merge.
		if _, err := s.Undo(t.Context(), "Ada", merged.Change); err != nil {
			t.Error(err)
		}
		if got := register(item.Batch{All: true, Put: things(append(many[:1201:1201], item.Thing{Category: "sensor", ID: "s7", Name: "Seven", Properties: parent()})...)}); got.Inactive != 1 || got.Changed < 2 {
			t.Error(got)
		}
		if e := one("s8"); *e.Inactive {
			t.Errorf("%+v", e)
		}
		if e := one("s7"); len(e.Properties) != 1 {
			t.Errorf("%+v", e)
		}
		changes, err := s.Changes(t.Context(), 0, 1)
		if err != nil || changes[0].Who != registrar || changes[0].CanUndo {
			t.Errorf("%+v, %v", changes, err)
		}
		_, err = s.Undo(t.Context(), "Ada", changes[0].Number)
		wantFault(t, err, item.ChangedSinceFault)
	})
}

// TestPastIsForgotten makes more changes than are kept.
func TestPastIsForgotten(t *testing.T) {
	s, err := Open(t.Context(), everywhereFile(t), "here")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	for i := range mostKept + 2 {
		if _, err := s.CreateRegistry(t.Context(), "Ada", &Creating{Registries: []item.RegistryItem{{ID: fmt.Sprint("r", i)}}}, false); err != nil {
			t.Fatal(err)
		}
	}
	_, err = s.Undo(t.Context(), "Ada", 2)
	wantFault(t, err, item.ChangedSinceFault)
	if _, err := s.Undo(t.Context(), "Ada", 3); err != nil {
		t.Error(err)
	}
}

// TestTooMuchIsRefused asks for what is beyond the bounds.
func TestTooMuchIsRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		created(t, s)
		long := strings.Repeat("x", 501)
		for name, f := range map[string]func() error{
			"identifier": func() error {
				_, err := s.CreateRegistry(t.Context(), "Ada", &Creating{Registries: []item.RegistryItem{{ID: long}}}, false)
				return err
			},
			"pattern": func() error {
				_, err := s.Get(t.Context(), []ThingFilter{{Registry: &RegistryFilter{long}}}, 0, 1)
				return err
			},
			"filters": func() error { _, err := s.Get(t.Context(), make([]ThingFilter, 65), 0, 1); return err },
			"targets": func() error { _, err := s.ByCIRID(t.Context(), one1, make([]string, 65)); return err },
			"cirid":   func() error { _, err := s.Merge(t.Context(), "Ada", []string{"x' OR 1=1"}, one1); return err },
			"quoted": func() error {
				_, err := s.Merge(t.Context(), "Ada", []string{one1}, "00000000-0000-0000-0000-000000000000")
				return err
			},
		} {
			if err := f(); !errors.Is(err, item.ErrInvalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Merge(ctx, "Ada", []string{one1}, two2); err == nil {
			t.Error("a command of somebody who is gone was done")
		}
	})
}
