package repository

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/manifest"
)

const (
	idA = "11111111-1111-4111-8111-111111111111"
	idB = "22222222-2222-4222-8222-222222222222"
)

func plant() *manifest.Bundle {
	return &manifest.Bundle{
		Interfaces:        []manifest.Interface{{Common: manifest.Common{Name: "MQTT"}, Protocol: "MQTT"}},
		Kinds:             []manifest.Kind{{Common: manifest.Common{Name: "power"}, Quantity: "TotalRealPower", Unit: "W"}},
		SourceDefinitions: []manifest.SourceDefinition{{Common: manifest.Common{Name: "power over MQTT"}, Interface: "MQTT", Kinds: []string{"power"}}},
		Gateways:          []manifest.Gateway{{Common: manifest.Common{Name: "hall"}, Namespace: "hall"}},
		Sources: []manifest.Source{
			{Common: manifest.Common{Name: "in"}, Definition: "power over MQTT", Gateway: "hall", Parameters: manifest.Values{"topic": json.RawMessage(`"PhoenixIB/TotalRealPower"`)}},
			{Common: manifest.Common{Name: "out"}, Definition: "power over MQTT", Parameters: manifest.Values{"topic": json.RawMessage(`"out"`), "qos": json.RawMessage(`"0"`)}},
		},
		Consumers:   []manifest.Consumer{{Common: manifest.Common{Name: "office"}, Definitions: []string{"power over MQTT"}}},
		Channels:    []manifest.Channel{{Source: "in", Consumer: "office"}},
		Definitions: []manifest.Definition{{Common: manifest.Common{Name: "from 5"}, Type: "filter", Parameters: []manifest.Parameter{{Name: "operator", Default: json.RawMessage(`"GE"`)}}}},
		Manifests: []manifest.Manifest{{Common: manifest.Common{Name: "peaks"}, Processors: []manifest.Processor{
			{Name: "in", Definition: "from 5", From: []string{"first"}, To: "out"},
			{Name: "first", Definition: "from 5", Parameters: manifest.Values{"threshold": json.RawMessage(`"2"`)}, From: []string{"in", "out"}},
		}}},
	}
}

func whats(done []Done) string {
	var all []string
	for _, d := range done {
		all = append(all, fmt.Sprintf("%s %s %d", d.Name, d.What, d.Version))
	}
	return strings.Join(all, ", ")
}

func TestApply(t *testing.T) {
	everywhere(t, func(t *testing.T, where sqldb.Options) {
		ctx := t.Context()
		s := open(t, where)
		dry, err := s.Apply(ctx, plant(), true, "eva")
		if err != nil || !strings.Contains(whats(dry), "peaks created 1") {
			t.Fatalf("%v, %v", whats(dry), err)
		}
		if b, n, err := s.Bundle(ctx); err != nil || n != 0 || len(b.Sources) > 0 {
			t.Fatalf("a dry run stored something: %+v %d %v", b, n, err)
		}
		if _, err := s.Apply(ctx, plant(), false, "eva"); err != nil {
			t.Fatal(err)
		}
		// A processor goes before a source of the same name.
		m, err := Get[manifest.Manifest](ctx, s, "peaks")
		if err != nil {
			t.Fatal(err)
		}
		in, err := Get[manifest.Source](ctx, s, "in")
		if err != nil {
			t.Fatal(err)
		}
		if p := m.Model.Processors; p[0].From[0] != "first" || p[1].From[0] != "in" || !isID(p[1].From[1]) || !isID(p[0].Definition) || m.Model.State != manifest.Stopped {
			t.Errorf("%+v", p)
		}
		if in.Version != 1 || in.ChangedBy != "eva" || !isID(in.Model.Gateway) {
			t.Errorf("%+v", in)
		}
		again, err := s.Apply(ctx, plant(), false, "ada")
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range again {
			if d.What != Unchanged || d.Version != 1 {
				t.Errorf("applied again: %+v", d)
			}
		}
		if _, n, err := s.Bundle(ctx); n != 1 || err != nil {
			t.Errorf("nothing was changed, and there is revision %d (%v)", n, err)
		}
		// What was given out can be applied as it is, too.
		b, _, err := s.Bundle(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if again, err = s.Apply(ctx, b, false, "ada"); err != nil || strings.Contains(whats(again), "changed 2") {
			t.Errorf("%v, %v", whats(again), err)
		}
		// Names pass from one to another; one that is wrong spoils all.
		swapped := &manifest.Bundle{Sources: []manifest.Source{b.Sources[0], b.Sources[1]}}
		swapped.Sources[0].Name, swapped.Sources[1].Name = "out", "in"
		if done, err := s.Apply(ctx, swapped, false, "ada"); err != nil || whats(done) != "out changed 2, in changed 2" {
			t.Errorf("%v, %v", whats(done), err)
		}
		bad := &manifest.Bundle{Kinds: []manifest.Kind{{Common: manifest.Common{Name: "new"}, Quantity: "x"}}, Channels: []manifest.Channel{{Source: "in", Consumer: "nobody"}}}
		if _, err := s.Apply(ctx, bad, false, "ada"); !errors.Is(err, ErrUnknown) {
			t.Error(err)
		}
		if _, err := Get[manifest.Kind](ctx, s, "new"); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	})
}

func TestWhatIsRefused(t *testing.T) {
	s := open(t, sqldb.Options{File: t.TempDir() + "/db"})
	ctx := t.Context()
	if _, err := s.Apply(ctx, plant(), false, "eva"); err != nil {
		t.Fatal(err)
	}
	get := func(name string) manifest.Source {
		x, err := Get[manifest.Source](ctx, s, name)
		if err != nil {
			t.Fatal(err)
		}
		return x.Model
	}
	for _, c := range []struct {
		b    manifest.Bundle
		is   error
		want string
	}{
		{manifest.Bundle{Kinds: []manifest.Kind{{Quantity: "x"}}}, ErrInvalid, "name is missing"},
		{manifest.Bundle{Kinds: []manifest.Kind{{Common: manifest.Common{Name: "k"}}}}, ErrInvalid, "quantityKind is missing"},
		{manifest.Bundle{Kinds: []manifest.Kind{{Common: manifest.Common{Name: idA}, Quantity: "x"}}}, ErrInvalid, "is written as an id"},
		{manifest.Bundle{Kinds: []manifest.Kind{{Common: manifest.Common{ID: "7", Name: "k"}, Quantity: "x"}}}, ErrInvalid, "not a UUID"},
		{manifest.Bundle{Kinds: []manifest.Kind{{Common: manifest.Common{Name: strings.Repeat("k", 201)}, Quantity: "x"}}}, ErrInvalid, "has 201 characters, and may have 200"},
		{manifest.Bundle{Kinds: []manifest.Kind{{Common: manifest.Common{ID: idA, Name: "power"}, Quantity: "x"}}}, ErrTaken, `there is another data kind with the name "power"`},
		{manifest.Bundle{Gateways: []manifest.Gateway{{Common: manifest.Common{Name: "g"}, Namespace: "hall"}}}, ErrTaken, `with the namespace "hall"`},
		{manifest.Bundle{Gateways: []manifest.Gateway{{Common: manifest.Common{Name: "g"}, Namespace: "g", Place: &manifest.Place{Latitude: new(50.0)}}}}, ErrInvalid, "both a latitude and a longitude"},
		{manifest.Bundle{Gateways: []manifest.Gateway{{Common: manifest.Common{Name: "g"}, Namespace: "g", Place: &manifest.Place{Latitude: new(91.0), Longitude: new(0.0)}}}}, ErrInvalid, "place.latitude is 91"},
		{manifest.Bundle{Channels: []manifest.Channel{{ID: idA, Source: "in", Consumer: "office"}}}, ErrTaken, "already"},
		{manifest.Bundle{Channels: []manifest.Channel{{Source: "out", Consumer: "office", ValidFrom: new(time.Unix(5, 0)), ValidTo: new(time.Unix(5, 0))}}}, ErrInvalid, "is not after"},
		{manifest.Bundle{SourceDefinitions: []manifest.SourceDefinition{{Common: manifest.Common{Name: "d"}, Interface: "MQTT", Kinds: []string{"power", "power"}}}}, ErrInvalid, "names a kind twice"},
		{manifest.Bundle{SourceDefinitions: []manifest.SourceDefinition{{Common: manifest.Common{Name: "d"}, Kinds: []string{""}}}}, ErrInvalid, "kinds[0] is missing"},
		{manifest.Bundle{Sources: []manifest.Source{{Common: manifest.Common{Name: "s"}, Definition: "power over MQTT"}}}, ErrInvalid, `parameter "topic" must be given`},
		{manifest.Bundle{Sources: []manifest.Source{{Common: manifest.Common{Name: "s"}}}}, ErrInvalid, `definition is missing`},
		{manifest.Bundle{Sources: []manifest.Source{{Common: manifest.Common{Name: "s"}, Definition: "other"}}}, ErrUnknown, `data source "s" refers to data source definition "other", which does not exist`},
		{manifest.Bundle{Interfaces: []manifest.Interface{{Common: manifest.Common{Name: "i"}, Protocol: "mqtt", Parameters: []manifest.Parameter{{Name: "port"}}}}}, ErrInvalid, `there is no parameter "port" to narrow`},
		{manifest.Bundle{Interfaces: []manifest.Interface{{Common: manifest.Common{Name: "i"}, Protocol: "x", Parameters: []manifest.Parameter{{Name: "port"}, {Name: "port"}}}}}, ErrInvalid, `declared twice`},
		{manifest.Bundle{Interfaces: []manifest.Interface{{Common: manifest.Common{Name: "MQTT"}, Protocol: "x"}}}, ErrInvalid, `what uses it could not go on: data source "in": parameter "topic" is not declared`},
		{manifest.Bundle{Definitions: []manifest.Definition{{Common: manifest.Common{Name: "d"}, Type: "rm -rf"}}}, ErrInvalid, "no type of processors"},
		{manifest.Bundle{Definitions: []manifest.Definition{{Common: manifest.Common{Name: "from 5"}, Type: "filter"}}}, ErrInvalid, `manifest "peaks": processor "in": parameter "operator" must be given`},
		{manifest.Bundle{Manifests: []manifest.Manifest{{Common: manifest.Common{Name: "m"}}}}, ErrInvalid, "processors is missing"},
		{manifest.Bundle{Manifests: []manifest.Manifest{{Common: manifest.Common{Name: "m"}, State: "flying", Processors: []manifest.Processor{{Name: "p", From: []string{"in"}}}}}}, ErrInvalid, `state is "flying"`},
		{manifest.Bundle{Manifests: []manifest.Manifest{{Common: manifest.Common{Name: "m"}, Processors: []manifest.Processor{{Name: "p", From: []string{"in"}}}}}}, ErrInvalid, "needs a definition or a type"},
		{manifest.Bundle{Manifests: []manifest.Manifest{{Common: manifest.Common{Name: "peaks", Description: "ring"}, Processors: []manifest.Processor{{Name: "p", Definition: "from 5", From: []string{"in"}}}}}}, ErrInvalid, "has a ring"},
		{manifest.Bundle{Kinds: []manifest.Kind{{Common: manifest.Common{Name: "k\x00"}, Quantity: "x"}}}, ErrInvalid, "is not text"},
	} {
		_, err := s.Apply(ctx, &c.b, false, "eva")
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	if err := s.Delete(ctx, SourceDefinitions, "power over MQTT", Any, "eva"); !errors.Is(err, ErrInUse) ||
		!strings.HasSuffix(err.Error(), `data source definition "power over MQTT" is used by data consumer "office", data source "in", data source "out"`) {
		t.Error(err)
	}
	if err := s.Delete(ctx, Kinds, "other", Any, "eva"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if err := s.SetState(ctx, "peaks", "flying", "eva"); !errors.Is(err, ErrInvalid) {
		t.Error(err)
	}
	if _, err := Put(ctx, s, get("in"), 7, "eva"); !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
	if _, err := Put(ctx, s, get("in"), 0, "eva"); !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
	small, err := Open(ctx, sqldb.Options{File: t.TempDir() + "/db"}, Options{Processor: options().Processor, Most: 1, Largest: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer small.Close()
	if _, err := Create(ctx, small, manifest.Kind{Common: manifest.Common{Name: "a", Description: strings.Repeat("x", 100)}, Quantity: "x"}, "eva"); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "may have 100") {
		t.Error(err)
	}
	for i, want := range []error{nil, ErrInvalid} {
		if _, err := Create(ctx, small, manifest.Kind{Common: manifest.Common{Name: fmt.Sprint(i)}, Quantity: "x"}, "eva"); !errors.Is(err, want) {
			t.Error(err)
		}
	}
}

func TestVersions(t *testing.T) {
	everywhere(t, func(t *testing.T, where sqldb.Options) {
		ctx := t.Context()
		s := open(t, where)
		m := manifest.Kind{Common: manifest.Common{ID: idA, Name: "a"}, Quantity: "one"}
		if _, err := Create(ctx, s, m, "eva"); err != nil {
			t.Fatal(err)
		}
		m.Quantity = "two"
		if x, err := Put(ctx, s, m, 1, "ada"); err != nil || x.Version != 2 || x.ChangedBy != "ada" {
			t.Fatal(x, err)
		}
		if x, err := Put(ctx, s, m, 2, "bob"); err != nil || x.Version != 2 || x.ChangedBy != "ada" {
			t.Fatal(x, err)
		}
		if err := s.Restore(ctx, Kinds, "a", 1, 2, "eva"); err != nil {
			t.Fatal(err)
		}
		if x, err := Get[manifest.Kind](ctx, s, idA); err != nil || x.Model.Quantity != "one" || x.Version != 3 {
			t.Fatal(x, err)
		}
		if x, err := VersionOf[manifest.Kind](ctx, s, "a", 2); err != nil || x.Model.Quantity != "two" || x.ChangedBy != "ada" {
			t.Fatal(x, err)
		}
		if err := s.Delete(ctx, Kinds, "a", 3, "eva"); err != nil {
			t.Fatal(err)
		}
		if _, err := Create(ctx, s, manifest.Kind{Common: manifest.Common{ID: idB, Name: "a"}, Quantity: "x"}, "eva"); err != nil {
			t.Fatal(err)
		}
		if err := s.Restore(ctx, Kinds, idA, 2, Any, "eva"); !errors.Is(err, ErrTaken) {
			t.Fatal(err)
		}
		if err := s.Delete(ctx, Kinds, "a", Any, "eva"); err != nil {
			t.Fatal(err)
		}
		if err := s.Restore(ctx, Kinds, idA, 2, Any, "eva"); err != nil {
			t.Fatal(err)
		}
		if err := s.Restore(ctx, Kinds, idA, 4, Any, "eva"); !errors.Is(err, ErrNotFound) { // it was deleted then
			t.Fatal(err)
		}
		all, err := s.Versions(ctx, Kinds, idA)
		if err != nil {
			t.Fatal(err)
		}
		at := options().Now()
		if diff := cmp.Diff([]Version{{5, Restored, at, "eva"}, {4, Deleted, at, "eva"}, {3, Restored, at, "eva"}, {2, Edited, at, "ada"}, {1, Created, at, "eva"}}, all); diff != "" {
			t.Error(diff)
		}
		if _, err := s.Versions(ctx, Kinds, "nobody"); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		var seen []string
		var last *Change
		for {
			page, err := s.Changes(ctx, last, 2)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			for _, c := range page {
				seen = append(seen, fmt.Sprintf("%d %s %s by %s", c.Revision, c.Name, c.What, c.Who))
			}
			last = &page[len(page)-1]
		}
		if diff := cmp.Diff([]string{
			"7 a restored by eva", "6 a deleted by eva", "5 a created by eva", "4 a deleted by eva", "3 a restored by eva", "2 a changed by ada", "1 a created by eva",
		}, seen); diff != "" {
			t.Error(diff)
		}
	})
}

func TestState(t *testing.T) {
	everywhere(t, func(t *testing.T, where sqldb.Options) {
		ctx := t.Context()
		s, other := open(t, where), open(t, where)
		if _, err := s.Apply(ctx, plant(), false, "eva"); err != nil {
			t.Fatal(err)
		}
		revision, next := other.Changed()
		if revision != 0 {
			t.Fatalf("revision %d", revision)
		}
		if err := s.SetState(ctx, "peaks", manifest.Running, "ada"); err != nil {
			t.Fatal(err)
		}
		m, err := Get[manifest.Manifest](ctx, other, "peaks")
		if err != nil || m.Model.State != manifest.Running || m.Version != 1 || m.ChangedBy != "eva" {
			t.Fatal(m, err)
		}
		select {
		case <-next:
		default:
			t.Error("it saw what changed, and did not tell")
		}
		// Another version does not stop it, nor does one that is restored.
		m.Model.State, m.Model.Description = "", "d"
		if m, err = Put(ctx, s, m.Model, 1, "ada"); err != nil || m.Model.State != manifest.Running || m.Version != 2 {
			t.Fatal(m, err)
		}
		if err := s.Restore(ctx, Manifests, "peaks", 1, Any, "ada"); err != nil {
			t.Fatal(err)
		}
		if m, err = Get[manifest.Manifest](ctx, other, "peaks"); err != nil || m.Model.State != manifest.Running || m.Model.Description != "" || m.Version != 3 {
			t.Fatal(m, err)
		}
		// What a bundle says of the state counts; without a word it stays.
		b := plant()
		b.Manifests[0].State = manifest.Paused
		done, err := other.Apply(ctx, b, false, "ada")
		if err != nil || !strings.Contains(whats(done), "peaks paused 3") {
			t.Error(whats(done), err)
		}
	})
}

func TestRunSeesWhatOthersDo(t *testing.T) {
	everywhere(t, func(t *testing.T, where sqldb.Options) {
		o := options()
		o.Poll = time.Millisecond
		s, err := Open(t.Context(), where, o)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		other := open(t, where)
		_, next := s.Changed()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		if _, err := Create(t.Context(), other, manifest.Kind{Common: manifest.Common{Name: "a"}, Quantity: "x"}, "eva"); err != nil {
			t.Fatal(err)
		}
		<-next
		if n, _ := s.Changed(); n != 1 {
			t.Errorf("revision %d", n)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestList(t *testing.T) {
	ctx := t.Context()
	s := open(t, sqldb.Options{File: t.TempDir() + "/db"})
	b := plant()
	for i := range 10 {
		b.Kinds = append(b.Kinds, manifest.Kind{Common: manifest.Common{Name: fmt.Sprintf("k%d", i), Description: "Näher"}, Quantity: "x"})
	}
	if _, err := s.Apply(ctx, b, false, "eva"); err != nil {
		t.Fatal(err)
	}
	var names []string
	pick := Pick{Text: "näh", Limit: 4}
	for {
		page, err := ListOf[manifest.Kind](ctx, s, pick)
		if err != nil || page.Total != 10 || page.Revision != 1 {
			t.Fatal(page, err)
		}
		for _, m := range page.Items {
			names = append(names, m.Model.Name)
		}
		if pick.After = page.Next; page.Next == "" {
			break
		}
	}
	if got := strings.Join(names, " "); got != "k0 k1 k2 k3 k4 k5 k6 k7 k8 k9" {
		t.Error(got)
	}
	def, err := Get[manifest.SourceDefinition](ctx, s, "power over MQTT")
	if err != nil {
		t.Fatal(err)
	}
	if page, err := ListOf[manifest.Source](ctx, s, Pick{Refer: def.Model.ID}); err != nil || page.Total != 2 {
		t.Error(page, err)
	}
	if page, err := ListOf[manifest.Source](ctx, s, Pick{Refer: idA}); err != nil || page.Total != 0 {
		t.Error(page, err)
	}
	if users, err := s.Users(ctx, SourceDefinitions, "power over MQTT"); err != nil || len(users) != 3 {
		t.Error(users, err)
	}
}

// What is beyond the bounds is forgotten; who was away for long reads all again.
func TestForget(t *testing.T) {
	everywhere(t, func(t *testing.T, where sqldb.Options) {
		ctx := t.Context()
		s, other := open(t, where), open(t, where)
		for i := range 6 {
			if _, err := Create(ctx, s, manifest.Kind{Common: manifest.Common{Name: fmt.Sprint(i)}, Quantity: "x"}, "eva"); err != nil {
				t.Fatal(err)
			}
		}
		if err := other.look(ctx); err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			if err := s.Delete(ctx, Kinds, fmt.Sprint(i), Any, "eva"); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.db.Alone(ctx, "models", func(ctx context.Context, tx bun.Tx) error { return forget(ctx, tx, 3, 2) }); err != nil {
			t.Fatal(err)
		}
		b, _, err := other.Bundle(ctx)
		if err != nil || len(b.Kinds) != 1 || b.Kinds[0].Name != "5" {
			t.Errorf("%+v %v", b, err)
		}
		if all, err := s.Changes(ctx, nil, 100); err != nil || len(all) != 3 {
			t.Errorf("%+v %v", all, err)
		}
		n, err := s.db.NewSelect().Model((*versionRow)(nil)).Count(ctx)
		if err != nil || n != 1+2*2 {
			t.Errorf("%d versions (%v)", n, err)
		}
	})
}
