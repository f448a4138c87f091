package book

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/cir/item"
)

// naive is a registry as the specification reads, without a thought for speed.
type naive struct {
	registries map[string]bool
	categories map[item.CategoryIdentifier]bool
	entries    map[item.EntryIdentifier]naiveEntry
	made       int // CIRIDs
}

type naiveEntry struct {
	cirid, name string
	properties  map[string]string
}

func (n *naive) clone() *naive {
	c := &naive{map[string]bool{}, map[item.CategoryIdentifier]bool{}, map[item.EntryIdentifier]naiveEntry{}, n.made}
	for k := range n.registries {
		c.registries[k] = true
	}
	for k := range n.categories {
		c.categories[k] = true
	}
	for k, e := range n.entries {
		e.properties = map[string]string{}
		for id, v := range n.entries[k].properties {
			e.properties[id] = v
		}
		c.entries[k] = e
	}
	return c
}

func (n *naive) newCIRID() string { n.made++; return fmt.Sprint("made ", n.made) }

// lines write it all down. CIRIDs that were made are called after the first entry
// that has them, as two registries make different ones.
func (n *naive) lines() []string {
	var out []string
	first := make(map[string]string)
	for k, e := range n.entries {
		if f, ok := first[e.cirid]; !ok || k.String() < f {
			first[e.cirid] = k.String()
		}
	}
	for r := range n.registries {
		out = append(out, "registry "+r)
	}
	for c := range n.categories {
		out = append(out, "category "+c.String())
	}
	for k, e := range n.entries {
		id := e.cirid
		if id != "" && !slices.Contains(pool, id) {
			id = "as " + first[id]
		}
		out = append(out, fmt.Sprintf("entry %v: %s %s %v", k, id, e.name, e.properties))
	}
	sort.Strings(out)
	return out
}

// found gives what a store shows in the same form.
func found(all []item.RegistryItem) *naive {
	n := (&naive{}).clone()
	for _, r := range all {
		n.registries[r.ID] = true
		for _, c := range r.Categories {
			in := item.In(r.ID, c.ID, c.SourceID)
			n.categories[in] = true
			for _, e := range c.Entries {
				x := naiveEntry{item.Text(e.CIRID), item.Text(e.Name), map[string]string{}}
				for _, p := range e.Properties {
					x.properties[p.ID] = fmt.Sprint(p.Values)
				}
				n.entries[in.Entry(&e)] = x
			}
		}
	}
	return n
}

var pool = []string{one1, two2, new3}

// world makes commands of few names, so that they meet.
type world struct{ *rand.Rand }

func (w world) pick(of ...string) string { return of[w.IntN(len(of))] }
func (w world) registry() string         { return w.pick("r", "s") }
func (w world) category() item.CategoryIdentifier {
	return item.In(w.registry(), w.pick("c", "d"), w.pick("x", "y"))
}
func (w world) entry() item.EntryIdentifier {
	return w.category().Named(w.pick("1", "2", "3"), w.pick("x", "y"))
}

func (w world) item() item.EntryItem {
	e := item.EntryItem{IDInSource: w.pick("1", "2", "3"), SourceID: w.pick("x", "y")}
	if w.IntN(3) == 0 {
		e.CIRID = new(w.pick(pool...))
	}
	if w.IntN(3) == 0 {
		e.Name = new(w.pick("anna", "bert", ""))
	}
	for range w.IntN(3) {
		e.Properties = append(e.Properties, item.PropertyItem{ID: w.pick("p", "q", "r"), Values: []item.PropertyValue{{Value: w.pick("5", "6")}}})
	}
	return e
}

func (w world) tree() []item.RegistryItem {
	var out []item.RegistryItem
	for range 1 + w.IntN(2) {
		r := item.RegistryItem{ID: w.registry()}
		for range w.IntN(3) {
			c := item.CategoryItem{ID: w.pick("c", "d"), SourceID: w.pick("x", "y")}
			for range w.IntN(3) {
				c.Entries = append(c.Entries, w.item())
			}
			r.Categories = append(r.Categories, c)
		}
		out = append(out, r)
	}
	return out
}

func (n *naive) need(k item.EntryIdentifier) error {
	switch {
	case !n.registries[k.RegistryID]:
		return item.NoRegistry(k.RegistryID)
	case !n.categories[k.Category()]:
		return item.NoCategory(k.Category())
	}
	if _, ok := n.entries[k]; !ok {
		return item.NoEntry(k)
	}
	return nil
}

func (n *naive) create(all []item.RegistryItem, ids bool) error {
	for _, r := range all {
		n.registries[r.ID] = true
		for _, c := range r.Categories {
			in := item.In(r.ID, c.ID, c.SourceID)
			n.categories[in] = true
			for _, e := range c.Entries {
				k := in.Entry(&e)
				x, there := n.entries[k]
				if there && (e.CIRID != nil || e.Name != nil || len(e.Properties) == 0) {
					return item.DuplicateEntry(k)
				}
				if !there {
					x = naiveEntry{item.Text(e.CIRID), item.Text(e.Name), map[string]string{}}
					if ids && x.cirid == "" {
						x.cirid = n.newCIRID()
					}
				}
				for _, p := range e.Properties {
					if _, ok := x.properties[p.ID]; ok {
						return item.DuplicateProperty(k, p.ID)
					}
					x.properties[p.ID] = fmt.Sprint(p.Values)
				}
				n.entries[k] = x
			}
		}
	}
	return nil
}

func (n *naive) equivalent(a EquivalentEntry) error {
	k := a.existing()
	if err := n.need(k); err != nil {
		return err
	}
	in := k.Category()
	if a.Into != nil {
		in = *a.Into
	}
	if !n.registries[in.RegistryID] {
		return item.NoRegistry(in.RegistryID)
	}
	if !n.categories[in] {
		return item.NoCategory(in)
	}
	made := in.Entry(&a.Entry)
	if _, ok := n.entries[made]; ok {
		return item.DuplicateEntry(made)
	}
	if err := n.create([]item.RegistryItem{{ID: in.RegistryID, Categories: []item.CategoryItem{{ID: in.CategoryID, SourceID: in.CategorySourceID, Entries: []item.EntryItem{a.Entry}}}}}, false); err != nil {
		return err
	}
	x, y := n.entries[k], n.entries[made]
	if x.cirid != "" {
		y.cirid = x.cirid
	}
	if y.cirid == "" {
		y.cirid = n.newCIRID()
	}
	x.cirid = y.cirid
	n.entries[k], n.entries[made] = x, y
	return nil
}

func (n *naive) update(all []item.RegistryItem) error {
	for _, r := range all {
		if !n.registries[r.ID] {
			return item.NoRegistry(r.ID)
		}
		for _, c := range r.Categories {
			in := item.In(r.ID, c.ID, c.SourceID)
			if !n.categories[in] {
				return item.NoCategory(in)
			}
			for _, e := range c.Entries {
				k := in.Entry(&e)
				x, ok := n.entries[k]
				if !ok {
					return item.NoEntry(k)
				}
				if e.CIRID != nil {
					x.cirid = *e.CIRID
				}
				if e.Name != nil {
					x.name = *e.Name
				}
				for _, p := range e.Properties {
					if _, ok := x.properties[p.ID]; !ok {
						return item.NoProperty(k, p.ID)
					}
					x.properties[p.ID] = fmt.Sprint(p.Values)
				}
				n.entries[k] = x
			}
		}
	}
	return nil
}

func (n *naive) deleteCategory(c item.CategoryIdentifier) {
	for k := range n.entries {
		if k.Category() == c {
			delete(n.entries, k)
		}
	}
	delete(n.categories, c)
}

// step does the same to both. It gives what they say.
func (w world) step(t *testing.T, s *Store, n *naive) (string, ChangeMade, error, error) {
	ctx := t.Context()
	switch w.IntN(10) {
	case 0, 1, 2:
		all, ids := w.tree(), w.IntN(2) == 0
		done, err := s.CreateRegistry(ctx, "x", &Creating{Registries: all, CreateCIRID: ids}, false)
		return "create", done, err, n.create(all, ids)
	case 3, 4:
		var all []EquivalentEntry
		for range 1 + w.IntN(2) {
			k := w.entry()
			a := EquivalentEntry{ExistingIDInSource: k.IDInSource, ExistingSourceID: k.SourceID, RegistryID: k.RegistryID, CategoryID: k.CategoryID, CategorySourceID: k.CategorySourceID, Entry: w.item()}
			if w.IntN(2) == 0 {
				a.Into = new(w.category())
			}
			all = append(all, a)
		}
		done, err := s.CreateEquivalent(ctx, "x", all)
		var want error
		for _, a := range all {
			if want == nil {
				want = n.equivalent(a)
			}
		}
		return "equivalent", done, err, want
	case 5:
		all := w.tree()
		done, err := s.UpdateRegistry(ctx, "x", all)
		return "update", done, err, n.update(all)
	case 6:
		old, to := []string{w.pick(pool...), w.pick(pool...)}, w.pick(pool...)
		done, err := s.Merge(ctx, "x", old, strings.ToUpper(to))
		for k, e := range n.entries {
			if slices.Contains(old, e.cirid) {
				e.cirid = to
				n.entries[k] = e
			}
		}
		return "merge", done, err, nil
	case 7:
		keys := []item.EntryIdentifier{w.entry(), w.entry()}[:1+w.IntN(2)]
		_, done, err0 := s.Split(ctx, "x", keys)
		id := n.newCIRID()
		for _, k := range keys {
			if err := n.need(k); err != nil {
				return "split", done, err0, err
			}
			e := n.entries[k]
			e.cirid = id
			n.entries[k] = e
		}
		return "split", done, err0, nil
	case 8:
		if w.IntN(3) == 0 {
			r := w.registry()
			done, err := s.DeleteRegistries(ctx, "x", []string{r})
			if !n.registries[r] {
				return "delete registry", done, err, item.NoRegistry(r)
			}
			for c := range n.categories {
				if c.RegistryID == r {
					n.deleteCategory(c)
				}
			}
			delete(n.registries, r)
			return "delete registry", done, err, nil
		}
		c := w.category()
		done, err := s.DeleteCategories(ctx, "x", []item.CategoryIdentifier{c})
		switch {
		case !n.registries[c.RegistryID]:
			return "delete category", done, err, item.NoRegistry(c.RegistryID)
		case !n.categories[c]:
			return "delete category", done, err, item.NoCategory(c)
		}
		n.deleteCategory(c)
		return "delete category", done, err, nil
	}
	keys := []item.EntryIdentifier{w.entry(), w.entry()}[:1+w.IntN(2)]
	if w.IntN(2) == 0 {
		done, err := s.DeleteEntries(ctx, "x", keys)
		for _, k := range keys {
			if err2 := n.need(k); err2 != nil {
				return "delete entries", done, err, err2
			}
			delete(n.entries, k)
		}
		return "delete entries", done, err, nil
	}
	var ps []item.PropertyIdentifier
	for _, k := range keys {
		ps = append(ps, item.PropertyIdentifier{EntryIdentifier: k, PropertyID: w.pick("p", "q")})
	}
	done, err := s.DeleteProperties(ctx, "x", ps)
	for _, p := range ps {
		if err2 := n.need(p.EntryIdentifier); err2 != nil {
			return "delete properties", done, err, err2
		}
		if _, ok := n.entries[p.EntryIdentifier].properties[p.PropertyID]; !ok {
			return "delete properties", done, err, item.NoProperty(p.EntryIdentifier, p.PropertyID)
		}
		delete(n.entries[p.EntryIdentifier].properties, p.PropertyID)
	}
	return "delete properties", done, err, nil
}

// TestOracle does commands of all kinds, whole and refused, and holds what
// becomes of them, and of undoing them, against the naive registry.
func TestOracle(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		w := world{rand.New(rand.NewPCG(7, 7))}
		is := (&naive{}).clone()
		refused := 0
		check := func(what string, want *naive) {
			t.Helper()
			if diff := cmp.Diff(want.lines(), found(all(t, s)).lines()); diff != "" {
				t.Fatalf("%s: %s", what, diff)
			}
		}
		for i := range 600 {
			next := is.clone()
			what, done, err, want := w.step(t, s, next)
			what = fmt.Sprintf("step %d, %s", i, what)
			if want != nil {
				refused++
				a, _ := errors.AsType[*item.CIRFault](err)
				b, _ := errors.AsType[*item.CIRFault](want)
				if diff := cmp.Diff(b, a); diff != "" {
					t.Fatalf("%s: %v: %s", what, err, diff)
				}
				check(what, is)
				continue
			}
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			check(what, next)
			if done.Change != 0 && w.IntN(3) == 0 {
				undone, err := s.Undo(t.Context(), "x", done.Change)
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				check(what+", undone", is)
				if w.IntN(2) == 0 {
					if _, err := s.Undo(t.Context(), "x", undone.Change); err != nil {
						t.Fatalf("%s: %v", what, err)
					}
					check(what+", done again", next)
				} else {
					next = is
				}
			}
			is = next
		}
		if refused < 100 || refused > 500 {
			t.Errorf("%d of 600 steps were refused; that proves little", refused)
		}
	})
}
