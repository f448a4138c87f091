package repository

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/manifest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

var filter = manifest.ProcessorType{Name: "filter", Parameters: []manifest.Parameter{
	{Name: "operator", OneOf: []string{"GE", "LE"}, Required: true},
	{Name: "threshold", Type: manifest.Float, Default: json.RawMessage("0")},
}}

var errGraph = errors.New("the graph has a ring")

func options() Options {
	return Options{
		Processor: func(name string) (manifest.ProcessorType, bool) { return filter, name == filter.Name },
		Protocol: func(name string) (manifest.Protocol, bool) {
			if name != "mqtt" {
				return manifest.Protocol{}, false
			}
			return manifest.Protocol{Name: name, Parameters: []manifest.Parameter{{Name: "topic", Required: true}, {Name: "qos", Type: manifest.Int, Default: json.RawMessage("1")}}}, true
		},
		Check: func(s *manifest.Set, m *manifest.Manifest) error {
			for _, p := range m.Processors {
				for _, f := range p.From {
					if slices.ContainsFunc(m.Processors, func(q manifest.Processor) bool { return q.Name == f }) {
						continue
					}
					source, err := s.Source(f)
					if err != nil {
						return err
					}
					def, err := s.SourceDefinition(source.Definition)
					if err != nil {
						return err
					}
					if _, err := s.Kind(def.Kinds[0]); err != nil {
						return err
					}
				}
			}
			if m.Description == "ring" {
				return errGraph
			}
			return nil
		},
		Now: func() time.Time { return time.Date(2026, 11, 29, 15, 0, 0, 0, time.UTC) },
	}
}

func open(t *testing.T, where sqldb.Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), where, options())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// everywhere runs a test on both databases.
func everywhere(t *testing.T, test func(t *testing.T, where sqldb.Options)) {
	t.Run("SQLite", func(t *testing.T) { test(t, sqldb.Options{File: filepath.Join(t.TempDir(), "db")}) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, sqldb.Options{URL: pgtest.Database(t)}) })
}

// plain is what a repository should be: a bundle, judged as a whole.
type plain struct{ all []any }

func (p *plain) find(k Kind, ref string) any {
	for _, m := range p.all {
		if kindOf(m) == k && *idOf(m) == ref {
			return m
		}
	}
	for _, m := range p.all {
		if kindOf(m) == k && k != Channels && nameOf(m) == ref {
			return m
		}
	}
	return nil
}

func (p *plain) with(models ...any) *plain {
	next := &plain{all: slices.Clone(p.all)}
	for _, m := range models {
		i := slices.IndexFunc(next.all, func(x any) bool { return kindOf(x) == kindOf(m) && *idOf(x) == *idOf(m) })
		if i < 0 {
			next.all = append(next.all, m)
		} else {
			next.all[i] = m
		}
	}
	return next
}

func (p *plain) without(m any) *plain {
	return &plain{slices.DeleteFunc(slices.Clone(p.all), func(x any) bool { return x == m })}
}

// resolved follows all references and tells whether all holds together.
func (p *plain) resolved(t *testing.T) (*plain, bool) {
	out := new(plain)
	good := true
	for _, m := range p.all {
		c, err := clone(m)
		if err != nil {
			t.Fatal(err)
		}
		references(c, func(ref *string, to Kind) {
			x := p.find(to, *ref)
			if x == nil {
				good = false
				return
			}
			*ref = *idOf(x)
		})
		out.all = append(out.all, c)
	}
	if !good {
		return nil, false
	}
	seen := make(map[string]bool)
	for _, m := range out.all {
		for _, k := range []string{"name " + nameOf(m), "space " + namespaceOf(m)} {
			k = string(kindOf(m)) + k
			if k == "gatewaysspace " || seen[k] && k != string(kindOf(m))+"space " {
				good = false
			}
			seen[k] = true
		}
		good = good && out.sound(m)
	}
	return out, good
}

func (p *plain) sound(m any) bool {
	if c := common(m); c != nil && c.Name == "" {
		return false
	}
	switch m := m.(type) {
	case *manifest.SourceDefinition:
		return len(m.Kinds) > 0
	case *manifest.Source:
		over := p.find(Interfaces, p.find(SourceDefinitions, m.Definition).(*manifest.SourceDefinition).Interface).(*manifest.Interface)
		_, topic := m.Parameters["topic"]
		return over.Protocol != "MQTT" && len(m.Parameters) == 0 || over.Protocol == "MQTT" && (topic || len(over.Parameters) > 0)
	case *manifest.Channel:
		return slices.Contains(p.find(Consumers, m.Consumer).(*manifest.Consumer).Definitions, p.find(Sources, m.Source).(*manifest.Source).Definition)
	case *manifest.Manifest:
		for _, q := range m.Processors {
			if _, ok := q.Parameters["operator"]; !ok {
				return false
			}
			if _, ok := q.Parameters["threshold"]; ok && q.Definition != "" {
				if d := p.find(Definitions, q.Definition).(*manifest.Definition); len(d.Parameters) > 0 {
					return false // it is 5, and may be 3
				}
			}
		}
		return m.Description != "ring"
	}
	return true
}

func three() *float64 { f := 3.0; return &f }

// random makes a model that may or may not fit the others.
func random(r *rand.Rand, p *plain) any {
	name := string(rune('a' + r.IntN(4)))
	c := manifest.Common{Name: name}
	if r.IntN(30) == 0 {
		c.Name = ""
	}
	k := kinds[r.IntN(len(kinds))]
	// Mostly what is there already, by its id or name.
	if r.IntN(3) == 0 {
		for _, m := range p.all {
			if kindOf(m) == k && r.IntN(2) == 0 {
				c.ID = *idOf(m)
			}
		}
	}
	ref := func(to Kind) string {
		var there []string
		for _, m := range p.all {
			if kindOf(m) == to {
				there = append(there, *idOf(m), common(m).Name)
			}
		}
		if len(there) == 0 || r.IntN(15) == 0 {
			return string(rune('a' + r.IntN(4)))
		}
		return there[r.IntN(len(there))]
	}
	switch k {
	case Interfaces:
		m := &manifest.Interface{Common: c, Protocol: []string{"MQTT", "other"}[r.IntN(2)]}
		if m.Protocol == "MQTT" && r.IntN(2) == 0 {
			m.Parameters = []manifest.Parameter{{Name: "topic", Default: json.RawMessage(`"x"`)}}
		}
		return m
	case Kinds:
		return &manifest.Kind{Common: c, Quantity: "Power"}
	case SourceDefinitions:
		return &manifest.SourceDefinition{Common: c, Interface: ref(Interfaces), Kinds: []string{ref(Kinds)}}
	case Gateways:
		return &manifest.Gateway{Common: c, Namespace: string(rune('p' + r.IntN(3)))}
	case Sources:
		m := &manifest.Source{Common: c, Definition: ref(SourceDefinitions)}
		if r.IntN(2) == 0 {
			m.Gateway = ref(Gateways)
		}
		if r.IntN(2) == 0 {
			m.Parameters = manifest.Values{"topic": json.RawMessage(`"x"`)}
		}
		return m
	case Consumers:
		return &manifest.Consumer{Common: c, Definitions: []string{ref(SourceDefinitions)}}
	case Channels:
		return &manifest.Channel{ID: c.ID, Source: ref(Sources), Consumer: ref(Consumers)}
	case Definitions:
		m := &manifest.Definition{Common: c, Type: "filter"}
		if r.IntN(2) == 0 {
			m.Parameters = []manifest.Parameter{{Name: "threshold", Max: three()}}
		}
		return m
	default:
		m := &manifest.Manifest{Common: c, Processors: []manifest.Processor{{Name: "p", Parameters: manifest.Values{"operator": json.RawMessage(`"GE"`)}, From: []string{ref(Sources)}}}}
		if r.IntN(2) == 0 {
			m.Processors[0].Definition = ref(Definitions)
		} else {
			m.Processors[0].Type = "filter"
		}
		if r.IntN(3) == 0 {
			m.Processors[0].Parameters["threshold"] = json.RawMessage("5")
		}
		if r.IntN(10) == 0 {
			m.Description = "ring"
		}
		if r.IntN(3) == 0 {
			m.Processors[0].To = ref(Sources)
		}
		return m
	}
}

func anyPut(ctx context.Context, s *Store, m any, create bool) (string, error) {
	switch m := m.(type) {
	case *manifest.Interface:
		return put1(ctx, s, *m, create)
	case *manifest.Kind:
		return put1(ctx, s, *m, create)
	case *manifest.SourceDefinition:
		return put1(ctx, s, *m, create)
	case *manifest.Gateway:
		return put1(ctx, s, *m, create)
	case *manifest.Source:
		return put1(ctx, s, *m, create)
	case *manifest.Consumer:
		return put1(ctx, s, *m, create)
	case *manifest.Channel:
		return put1(ctx, s, *m, create)
	case *manifest.Definition:
		return put1(ctx, s, *m, create)
	case *manifest.Manifest:
		return put1(ctx, s, *m, create)
	}
	panic(m)
}

func put1[T Model](ctx context.Context, s *Store, m T, create bool) (string, error) {
	var out Stored[T]
	var err error
	if create {
		out, err = Create(ctx, s, m, "eva")
	} else {
		out, err = Put(ctx, s, m, Any, "eva")
	}
	return *idOf(&out.Model), err
}

// Whatever is done, a repository is as the plain one, and so is a second one on
// the same database.
func TestAgainstThePlainOne(t *testing.T) {
	everywhere(t, func(t *testing.T, where sqldb.Options) {
		stores := []*Store{open(t, where), open(t, where)}
		for seed := range uint64(3) {
			r := rand.New(rand.NewPCG(seed, 7))
			p := new(plain)
			for _, k := range slices.Backward(kinds) { // of the seed before
				b, _, err := stores[0].Bundle(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				each(b, func(m any) {
					if kindOf(m) == k {
						if err := stores[0].Delete(t.Context(), k, *idOf(m), Any, "eva"); err != nil {
							t.Fatal(err)
						}
					}
				})
			}
			counts := make(map[string]int)
			for step := range 500 {
				s := stores[r.IntN(2)]
				p = oneStep(t, r, s, p, counts, fmt.Sprintf("seed %d step %d", seed, step))
				if t.Failed() {
					return
				}
				if step%50 == 0 {
					compare(t, stores[0], p)
					compare(t, stores[1], p)
				}
			}
			compare(t, open(t, where), p)
			for _, what := range []string{"put", "refused put", "delete", "refused delete", "apply", "refused apply", "create", "refused create"} {
				if counts[what] < 5 {
					t.Errorf("the test is weak: %d times %s", counts[what], what)
				}
			}
		}
	})
}

func oneStep(t *testing.T, r *rand.Rand, s *Store, p *plain, counts map[string]int, at string) *plain {
	t.Helper()
	judge := func(what string, next *plain, err error) *plain {
		after, good := next.resolved(t)
		if good != (err == nil) {
			t.Errorf("%s: %s: the plain one says %v, the repository %v", at, what, good, err)
		}
		if err != nil {
			counts["refused "+what]++
			return p
		}
		counts[what]++
		return after
	}
	switch r.IntN(8) {
	case 0: // delete
		if len(p.all) == 0 {
			return p
		}
		m := p.all[r.IntN(len(p.all))]
		err := s.Delete(t.Context(), kindOf(m), *idOf(m), Any, "eva")
		if err != nil && !errors.Is(err, ErrInUse) {
			t.Errorf("%s: %v", at, err)
		}
		return judge("delete", p.without(m), err)
	case 1, 2: // apply
		b := new(manifest.Bundle)
		next := p
		clash := false
		for range 1 + r.IntN(4) {
			m := random(r, p)
			if c, ok := m.(*manifest.Channel); ok {
				c.ID = newID()
			} else if *idOf(m) == "" {
				if x := p.find(kindOf(m), nameOf(m)); x != nil {
					*idOf(m) = *idOf(x)
				} else {
					*idOf(m) = newID()
				}
			}
			each(b, func(x any) { clash = clash || kindOf(x) == kindOf(m) && *idOf(x) == *idOf(m) })
			add(b, m)
			next = next.with(m)
		}
		dry := r.IntN(4) == 0
		done, err := s.Apply(t.Context(), b, dry, "eva")
		if clash {
			if !errors.Is(err, ErrTaken) {
				t.Errorf("%s: one id twice: %v", at, err)
			}
			return p
		}
		if err == nil && len(done) == 0 {
			t.Errorf("%s: nothing was done", at)
		}
		next = judge("apply", next, err)
		if dry {
			return p
		}
		return next
	case 3:
		m := random(r, p)
		id, err := anyPut(t.Context(), s, m, true)
		if *idOf(m) != "" && p.find(kindOf(m), *idOf(m)) != nil {
			if !errors.Is(err, ErrTaken) {
				t.Errorf("%s: the id is there: %v", at, err)
			}
			return p
		}
		if err != nil {
			id = newID()
		}
		*idOf(m) = id
		return judge("create", p.with(m), err)
	default:
		m := random(r, p)
		id, err := anyPut(t.Context(), s, m, false)
		if err != nil {
			if id = *idOf(m); id == "" {
				id = newID()
				if x := p.find(kindOf(m), nameOf(m)); kindOf(m) != Channels && x != nil {
					id = *idOf(x)
				}
			}
		}
		*idOf(m) = id
		return judge("put", p.with(m), err)
	}
}

func compare(t *testing.T, s *Store, p *plain) {
	t.Helper()
	b, _, err := s.Bundle(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := new(manifest.Bundle)
	for _, k := range kinds {
		var all []any
		for _, m := range p.all {
			if kindOf(m) == k {
				if x, ok := m.(*manifest.Manifest); ok {
					x.State = manifest.Stopped
				}
				all = append(all, m)
			}
		}
		slices.SortFunc(all, func(a, b any) int { return strings.Compare(nameOf(a), nameOf(b)) })
		for _, m := range all {
			add(want, m)
		}
	}
	if diff := cmp.Diff(want, b); diff != "" {
		t.Fatal(diff)
	}
}
