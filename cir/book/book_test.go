package book

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/cir/item"
	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/internal/sqldb"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func everywhereFile(t *testing.T) sqldb.Options {
	return sqldb.Options{File: filepath.Join(t.TempDir(), "books.db"), NoSync: true}
}

// everywhere runs a test on both databases.
func everywhere(t *testing.T, f func(*testing.T, *Store)) {
	for name, where := range map[string]func(*testing.T) sqldb.Options{
		"sqlite":     everywhereFile,
		"postgresql": func(t *testing.T) sqldb.Options { return sqldb.Options{URL: pgtest.Database(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(t.Context(), where(t), "here")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			s.now = func() time.Time { return now }
			f(t, s)
		})
	}
}

const (
	one1 = "01936f4e-8c00-7abc-8def-000000000001"
	two2 = "01936f4e-8c00-7abc-8def-000000000002"
	new3 = "01936f4e-8c00-7abc-8def-000000000003"
)

// plant has two categories with entries.
func plant() []item.RegistryItem {
	return []item.RegistryItem{{
		ID: "plant", Description: []item.LocalText{{Value: "Werk", Language: "de"}},
		Categories: []item.CategoryItem{
			{ID: "pump", SourceID: "erp", Entries: []item.EntryItem{
				{IDInSource: "P-101", SourceID: "erp", CIRID: new(one1), Name: new("Pump 101"), Properties: []item.PropertyItem{
					{ID: "Power", DataType: new("number"), Values: []item.PropertyValue{{Key: "rated", Value: "5.5", UnitOfMeasure: "kW"}}},
					{ID: "Maker", Values: []item.PropertyValue{{Value: "=Quux"}}},
				}},
				{IDInSource: "P-102", SourceID: "erp", Inactive: new(true)},
			}},
			{ID: "pump", SourceID: "scada", Entries: []item.EntryItem{{IDInSource: "17", SourceID: "scada", CIRID: new(two2), SourceOwnerID: new("hall 3")}}},
		},
	}}
}

func created(t *testing.T, s *Store) ChangeMade {
	t.Helper()
	done, err := s.CreateRegistry(t.Context(), "Ada", &Creating{Registries: plant()}, false)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// all gives everything.
func all(t *testing.T, s *Store) []item.RegistryItem {
	t.Helper()
	f, err := s.Get(t.Context(), nil, 0, mostPage)
	if err != nil {
		t.Fatal(err)
	}
	return f.Registries
}

func pump(id string) item.EntryIdentifier { return item.In("plant", "pump", "erp").Named(id, "erp") }

func wantFault(t *testing.T, err error, name string) item.FaultIdentifier {
	t.Helper()
	f, ok := errors.AsType[*item.CIRFault](err)
	if !ok || f.Fault != name {
		t.Fatalf("got %v, want %s", err, name)
	}
	return f.Identifier
}

func TestCreateAndRead(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		created(t, s)
		want := plant()
		// Properties are shown in the order of their names.
		slices.Reverse(want[0].Categories[0].Entries[0].Properties)
		if diff := cmp.Diff(want, all(t, s)); diff != "" {
			t.Error(diff)
		}
		_, err := s.CreateRegistry(t.Context(), "Ada", &Creating{Registries: []item.RegistryItem{{ID: "other"}, plant()[0]}}, false)
		f := wantFault(t, err, item.DuplicateEntryFault)
		if diff := cmp.Diff(pump("P-101").At(), f); diff != "" {
			t.Error(diff)
		}
		if got := all(t, s); len(got) != 1 {
			t.Errorf("a command that was refused left %v", got)
		}
		// By its key alone an entry leads to its properties.
		more := func(id string) *Creating {
			return &Creating{Registries: []item.RegistryItem{{ID: "plant", Categories: []item.CategoryItem{{ID: "pump", SourceID: "erp", Entries: []item.EntryItem{
				{IDInSource: "P-102", SourceID: "erp", Properties: []item.PropertyItem{{ID: id}}},
			}}}}}}
		}
		if _, err := s.CreateRegistry(t.Context(), "Ada", more("Seal"), false); err != nil {
			t.Fatal(err)
		}
		_, err = s.CreateRegistry(t.Context(), "Ada", more("Seal"), false)
		if f := wantFault(t, err, item.DuplicatePropertyFault); f.PropertyID != "Seal" {
			t.Error(f)
		}
		for fault, x := range map[string]*Creating{
			item.CreateRegistryFault: {Registries: []item.RegistryItem{{ID: "new"}}},
			item.CreateCategoryFault: {Registries: []item.RegistryItem{{ID: "plant", Categories: []item.CategoryItem{{ID: "x", SourceID: "x"}}}}},
		} {
			_, err := s.CreateRegistry(t.Context(), "Ada", x, true)
			wantFault(t, err, fault)
		}
		if _, err := s.CreateRegistry(t.Context(), "Ada", &Creating{CreateCIRID: true, Registries: []item.RegistryItem{{ID: "plant", Categories: []item.CategoryItem{{ID: "pump", SourceID: "erp", Entries: []item.EntryItem{
			{IDInSource: "P-103", SourceID: "erp"},
		}}}}}}, true); err != nil {
			t.Fatal(err)
		}
		e, err := s.Equivalents(t.Context(), []item.EntryIdentifier{pump("P-103"), pump("P-104")}, nil)
		if err != nil || e[0].Entry == nil || e[0].Entry.CIRID == nil || (*e[0].Entry.CIRID)[14] != '7' || e[1].Entry != nil {
			t.Errorf("%+v, %v", e, err)
		}
	})
}

func TestEquivalenceRules(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		created(t, s)
		equivalent := func(existing string, e item.EntryItem) {
			t.Helper()
			if _, err := s.CreateEquivalent(t.Context(), "Ada", []EquivalentEntry{{
				ExistingIDInSource: existing, ExistingSourceID: "erp", RegistryID: "plant", CategoryID: "pump", CategorySourceID: "erp", Entry: e,
				Into: &item.CategoryIdentifier{RegistryID: "plant", CategoryID: "pump", CategorySourceID: "scada"},
			}}); err != nil {
				t.Fatal(err)
			}
		}
		ids := func() map[string]string {
			out := make(map[string]string)
			for _, c := range all(t, s)[0].Categories {
				for _, e := range c.Entries {
					out[e.IDInSource] = item.Text(e.CIRID)
				}
			}
			return out
		}
		equivalent("P-101", item.EntryItem{IDInSource: "a", SourceID: "scada", CIRID: new(new3)})
		equivalent("P-102", item.EntryItem{IDInSource: "b", SourceID: "scada", CIRID: new(new3)})
		got := ids()
		if got["a"] != one1 || got["P-101"] != one1 || got["b"] != new3 || got["P-102"] != new3 {
			t.Error(got)
		}
		if _, err := s.CreateRegistry(t.Context(), "Ada", &Creating{Registries: []item.RegistryItem{{ID: "plant", Categories: []item.CategoryItem{{ID: "pump", SourceID: "erp", Entries: []item.EntryItem{{IDInSource: "P-9", SourceID: "erp"}}}}}}}, false); err != nil {
			t.Fatal(err)
		}
		equivalent("P-9", item.EntryItem{IDInSource: "c", SourceID: "scada"})
		if got := ids(); got["c"] == "" || got["c"] != got["P-9"] {
			t.Error(got)
		}
		e, err := s.Equivalents(t.Context(), []item.EntryIdentifier{pump("P-101")}, []string{"sca.*"})
		if err != nil || len(e[0].Equivalents) != 1 || e[0].Equivalents[0].Entry.IDInSource != "a" {
			t.Errorf("%+v, %v", e, err)
		}
		if e, err = s.Equivalents(t.Context(), []item.EntryIdentifier{pump("P-101")}, []string{"mes"}); err != nil || e[0].Entry == nil || len(e[0].Equivalents) != 0 {
			t.Errorf("%+v, %v", e, err)
		}
		if l, err := s.ByCIRID(t.Context(), one1, nil); err != nil || len(l) != 2 {
			t.Errorf("%v, %v", l, err)
		}
	})
}

func TestMergeAndSplitAreUndone(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		created(t, s)
		before := all(t, s)
		merged, err := s.Merge(t.Context(), "Ada", []string{one1, two2}, new3)
		if err != nil || merged.Things != 2 {
			t.Fatal(merged, err)
		}
		if none, err := s.Merge(t.Context(), "Ada", []string{one1}, two2); err != nil || none.Change != 0 {
			t.Errorf("%v, %v", none, err)
		}
		together := all(t, s)
		id, split, err := s.Split(t.Context(), "Grace", []item.EntryIdentifier{pump("P-101")})
		if err != nil || id == "" {
			t.Fatal(err)
		}
		// The merge set what the split has set again.
		_, err = s.Undo(t.Context(), "Ada", merged.Change)
		wantFault(t, err, item.ChangedSinceFault)
		if _, err := s.UpdateRegistry(t.Context(), "Ada", []item.RegistryItem{{ID: "plant", Categories: []item.CategoryItem{{ID: "pump", SourceID: "erp", Entries: []item.EntryItem{{IDInSource: "P-101", SourceID: "erp", Name: new("Pump")}}}}}}); err != nil {
			t.Fatal(err)
		}
		undone, err := s.Undo(t.Context(), "Ada", split.Change)
		if err != nil {
			t.Fatal(err)
		}
		together[0].Categories[0].Entries[0].Name = new("Pump") // which the split has not set
		if diff := cmp.Diff(together, all(t, s)); diff != "" {
			t.Error(diff)
		}
		_, err = s.Undo(t.Context(), "Ada", split.Change)
		wantFault(t, err, item.ChangedSinceFault)
		if _, err := s.Undo(t.Context(), "Ada", merged.Change); err != nil {
			t.Fatal(err)
		}
		before[0].Categories[0].Entries[0].Name = new("Pump")
		if diff := cmp.Diff(before, all(t, s)); diff != "" {
			t.Error(diff)
		}
		_, err = s.Undo(t.Context(), "Ada", undone.Change) // the merge is undone since
		wantFault(t, err, item.ChangedSinceFault)
		if _, err := s.Undo(t.Context(), "Ada", 99); !errors.Is(err, item.ErrNotFound) {
			t.Error(err)
		}
		changes, err := s.Changes(t.Context(), 0, 10)
		if err != nil || len(changes) != 6 || changes[5].Operation != "CreateRegistry" || changes[4].CanUndo || changes[4].UndoneBy != 6 || changes[2].Who != "Ada" {
			t.Errorf("%+v, %v", changes, err)
		}
		things, err := s.Things(t.Context(), split.Change, -1, 10)
		if err != nil || len(things) != 1 || things[0].Kind != "entry" {
			t.Errorf("%+v, %v", things, err)
		}
	})
}

func TestDeletionIsUndone(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		made := created(t, s)
		before := all(t, s)
		gone, err := s.DeleteRegistries(t.Context(), "Ada", []string{"plant"})
		if err != nil || gone.Things != 6 {
			t.Fatal(gone, err)
		}
		if got := all(t, s); len(got) != 0 {
			t.Error(got)
		}
		_, err = s.Undo(t.Context(), "Ada", made.Change)
		wantFault(t, err, item.ChangedSinceFault)
		if _, err := s.Undo(t.Context(), "Ada", gone.Change); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, all(t, s)); diff != "" {
			t.Error(diff)
		}
		// What was made can be taken back while nobody has added to it.
		added, err := s.CreateRegistry(t.Context(), "Ada", &Creating{Registries: []item.RegistryItem{{ID: "plant", Categories: []item.CategoryItem{{ID: "pump", SourceID: "erp", Entries: []item.EntryItem{{IDInSource: "x", SourceID: "erp"}}}}}}}, false)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Undo(t.Context(), "Ada", made.Change)
		wantFault(t, err, item.ChangedSinceFault)
		for _, n := range []int64{added.Change, made.Change} {
			if _, err := s.Undo(t.Context(), "Ada", n); err != nil {
				t.Fatal(err)
			}
		}
		if got := all(t, s); len(got) != 0 {
			t.Error(got)
		}
	})
}

func TestFilters(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		created(t, s)
		if _, err := s.CreateRegistry(t.Context(), "Ada", &Creating{Registries: []item.RegistryItem{{ID: "empty", Categories: []item.CategoryItem{{ID: "void", SourceID: "x"}}}}}, false); err != nil {
			t.Fatal(err)
		}
		for _, x := range []struct {
			filters []ThingFilter
			want    string
		}{
			{nil, "plant[pump/erp[P-101{Maker Power} P-102] pump/scada[17]] empty[void/x[]]"},
			{[]ThingFilter{{Registry: &RegistryFilter{"e.*"}}}, "empty[void/x[]]"},
			{[]ThingFilter{{Registry: &RegistryFilter{"e*"}}}, ""},
			{[]ThingFilter{{Category: &CategoryFilter{SourceID: "scada|erp"}}}, ""},
			{[]ThingFilter{{Category: &CategoryFilter{SourceID: "scada"}}, {Registry: &RegistryFilter{"empty"}}}, "plant[pump/scada[17]] empty[void/x[]]"},
			{[]ThingFilter{{Entry: &EntryFilter{IDInSource: `P-10.`, SourceID: "erp"}}}, "plant[pump/erp[P-101{Maker Power} P-102]]"},
			{[]ThingFilter{{Entry: &EntryFilter{IDInSource: `P.+`, CIRID: ".*"}}}, "plant[pump/erp[P-101{Maker Power}]]"},
			{[]ThingFilter{{Entry: &EntryFilter{Inactive: new(true)}}}, "plant[pump/erp[P-102]]"},
			{[]ThingFilter{{Entry: &EntryFilter{Inactive: new(false), Name: "Pump 1?0?1?"}}}, "plant[pump/erp[P-101{Maker Power}]]"},
			{[]ThingFilter{{Entry: &EntryFilter{CIRID: two2}}, {Entry: &EntryFilter{IDInSource: "P-102"}}}, "plant[pump/erp[P-102] pump/scada[17]]"},
			{[]ThingFilter{{Property: &PropertyFilter{ID: "M.*"}}}, "plant[pump/erp[P-101{Maker}]]"},
			{[]ThingFilter{{Property: &PropertyFilter{DataType: "number"}}, {Entry: &EntryFilter{SourceOwnerID: "hall 3"}}}, "plant[pump/erp[P-101{Power}] pump/scada[17]]"},
			{[]ThingFilter{{Registry: &RegistryFilter{"empty"}, Entry: &EntryFilter{IDInSource: ".*"}}}, ""},
		} {
			f, err := s.Get(t.Context(), x.filters, 0, 100)
			if err != nil {
				t.Fatal(err)
			}
			if got := outline(f.Registries); got != x.want || f.Next != "" {
				t.Errorf("%+v gives\n%s, not\n%s", x.filters, got, x.want)
			}
		}
		if _, err := s.Get(t.Context(), []ThingFilter{{Registry: &RegistryFilter{"*"}}}, 0, 100); !errors.Is(err, item.ErrInvalid) {
			t.Error(err)
		}
		var pages []string
		for after := int64(0); ; {
			f, err := s.Get(t.Context(), []ThingFilter{{Registry: &RegistryFilter{"plant"}}}, after, 1)
			if err != nil {
				t.Fatal(err)
			}
			pages = append(pages, outline(f.Registries))
			if f.Next == "" {
				break
			}
			if _, err := fmt.Sscan(f.Next, &after); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff([]string{"plant[pump/erp[P-101{Maker Power}] pump/scada[]]", "plant[pump/erp[P-102]]", "plant[pump/scada[17]]"}, pages); diff != "" {
			t.Error(diff)
		}
	})
}

// outline writes registries in short.
func outline(all []item.RegistryItem) string {
	list := func(open string, names []string, shut string) string {
		out := open
		for i, n := range names {
			if i > 0 {
				out += " "
			}
			out += n
		}
		return out + shut
	}
	var rs []string
	for _, r := range all {
		var cs []string
		for _, c := range r.Categories {
			var es []string
			for _, e := range c.Entries {
				var ps []string
				for _, p := range e.Properties {
					ps = append(ps, p.ID)
				}
				if len(ps) > 0 {
					es = append(es, e.IDInSource+list("{", ps, "}"))
				} else {
					es = append(es, e.IDInSource)
				}
			}
			cs = append(cs, c.ID+"/"+c.SourceID+list("[", es, "]"))
		}
		rs = append(rs, r.ID+list("[", cs, "]"))
	}
	return list("", rs, "")
}
