package book

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/wattwerk/wattwerk/cir/item"
)

// mostCategories bounds all that there are.
const mostCategories = 100_000

// Creating says what is to be created.
type Creating struct {
	Registries  []item.RegistryItem `json:"registries" doc:"What is there already leads to what is below it; an entry that is, named by its key alone, to properties" minItems:"1" maxItems:"1000"`
	CreateCIRID bool                `json:"createCirid,omitempty" doc:"Give a CIRID to new entries that bring none"`
}

// people do commands that can be undone.
func people(who, operation string) *command {
	return &command{who: who, operation: operation, kept: true}
}

// CreateRegistry does what the specification calls so.
func (s *Store) CreateRegistry(ctx context.Context, who string, in *Creating, closed bool) (ChangeMade, error) {
	if err := item.Check(in.Registries); err != nil {
		return ChangeMade{}, item.Invalid(err)
	}
	return s.do(ctx, people(who, "CreateRegistry"), func(ctx context.Context, w *work) error {
		for i := range in.Registries {
			if err := s.createRegistry(ctx, w, &in.Registries[i], in.CreateCIRID, closed); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) createRegistry(ctx context.Context, w *work, of *item.RegistryItem, ids bool, closed bool) error {
	r, err := w.registry(ctx, of.ID)
	if err != nil {
		return err
	}
	if r.now == nil {
		if closed {
			return item.Fault(item.CreateRegistryFault, http.StatusForbidden, item.FaultIdentifier{RegistryID: of.ID}, "the settings let nobody make the registry %q (cir.closed)", of.ID)
		}
		r.now = &registry{w.number(), of.ID, encode(of.Description)}
	}
	for i := range of.Categories {
		if err := s.createCategory(ctx, w, r.now, &of.Categories[i], ids, closed); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) createCategory(ctx context.Context, w *work, r *registry, of *item.CategoryItem, ids bool, closed bool) error {
	key := item.In(r.ID, of.ID, of.SourceID)
	c, err := w.category(ctx, key)
	if err != nil {
		return err
	}
	if c.now == nil {
		if closed {
			return item.Fault(item.CreateCategoryFault, http.StatusForbidden, key.At(), "the settings let nobody make the category %v (cir.closed)", key)
		}
		n, err := w.tx.NewSelect().Model((*categoryRow)(nil)).Count(ctx)
		if err == nil && int(n)+len(w.categories) > mostCategories {
			err = item.Fault(item.CreateCategoryFault, http.StatusConflict, key.At(), "there are %d categories, which is as many as can be", mostCategories)
		}
		if err != nil {
			return err
		}
		c.now = &category{w.number(), r.Number, key, encode(of.Description)}
	}
	keys := make([]item.EntryIdentifier, len(of.Entries))
	for i := range of.Entries {
		keys[i] = key.Entry(&of.Entries[i])
	}
	if err := w.prefetch(ctx, key, keys); err != nil {
		return err
	}
	for i := range of.Entries {
		if err := s.createEntry(w, c.now, keys[i], &of.Entries[i], ids); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) createEntry(w *work, c *category, key item.EntryIdentifier, of *item.EntryItem, ids bool) error {
	h := w.entries[key]
	if h.now != nil && !of.Leads() {
		return item.DuplicateEntry(key)
	}
	if h.now == nil {
		h.now = &entry{
			Number: w.number(), Category: c.Number, Key: key, CIRID: item.Text(of.CIRID), Owner: item.Text(of.SourceOwnerID), Name: item.Text(of.Name),
			Description: encode(of.Description),
		}
		if of.Inactive != nil {
			h.now.Inactive = new(*of.Inactive)
		}
		if ids && h.now.CIRID == "" {
			h.now.CIRID = item.NewCIRID(s.now())
		}
	}
	for i := range of.Properties {
		p := &of.Properties[i]
		if _, ok := h.now.Properties[p.ID]; ok {
			return item.DuplicateProperty(key, p.ID)
		}
		if len(h.now.Properties) >= item.MostProperties {
			return item.Invalid(fmt.Errorf("the entry %v would have more than %d properties", key, item.MostProperties))
		}
		h.now.put(p)
	}
	return nil
}

func (e *entry) put(p *item.PropertyItem) {
	if e.Properties == nil {
		e.Properties = make(map[string]property)
	}
	e.Properties[p.ID] = property{item.Text(p.DataType), encode(p.Values)}
}

// EquivalentEntry is an entry to be created beside one that is there.
type EquivalentEntry struct {
	ExistingIDInSource string                   `json:"existingIdInSource" minLength:"1" maxLength:"500"`
	ExistingSourceID   string                   `json:"existingSourceId" minLength:"1" maxLength:"500"`
	RegistryID         string                   `json:"registryId" doc:"Where the existing entry is, and, unless into says otherwise, the new one goes" minLength:"1" maxLength:"500"`
	CategoryID         string                   `json:"categoryId" minLength:"1" maxLength:"500"`
	CategorySourceID   string                   `json:"categorySourceId" minLength:"1" maxLength:"500"`
	Into               *item.CategoryIdentifier `json:"into,omitempty" doc:"The category of the new entry when it is another; not in the specification"`
	Entry              item.EntryItem           `json:"entry"`
}

// CreateEquivalent is CreateEquivalentEntries.
func (s *Store) CreateEquivalent(ctx context.Context, who string, all []EquivalentEntry) (ChangeMade, error) {
	for i := range all {
		a := &all[i]
		err := errors.Join(a.existing().Check(), a.Entry.Check())
		if a.Into != nil {
			err = errors.Join(err, a.Into.Check())
		}
		if err != nil {
			return ChangeMade{}, item.Invalid(err)
		}
	}
	return s.do(ctx, people(who, "CreateEquivalentEntries"), func(ctx context.Context, w *work) error {
		for i := range all {
			if err := s.createOneEquivalent(ctx, w, &all[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (a *EquivalentEntry) existing() item.EntryIdentifier {
	return item.In(a.RegistryID, a.CategoryID, a.CategorySourceID).Named(a.ExistingIDInSource, a.ExistingSourceID)
}

func (s *Store) createOneEquivalent(ctx context.Context, w *work, a *EquivalentEntry) error {
	existing, err := w.needEntry(ctx, a.existing())
	if err != nil {
		return err
	}
	into := a.existing().Category()
	if a.Into != nil {
		into = *a.Into
	}
	c, err := w.needCategory(ctx, into)
	if err != nil {
		return err
	}
	key := into.Entry(&a.Entry)
	if made, err := w.entry(ctx, key); err != nil {
		return err
	} else if made.now != nil {
		return item.DuplicateEntry(key)
	}
	if err := s.createEntry(w, c.now, key, &a.Entry, false); err != nil {
		return err
	}
	made := w.entries[key].now
	switch {
	case existing.now.CIRID != "":
		made.CIRID = existing.now.CIRID
	case made.CIRID == "":
		made.CIRID = item.NewCIRID(s.now())
	}
	existing.now.CIRID = made.CIRID
	return nil
}

// UpdateRegistry does what the specification calls so.
func (s *Store) UpdateRegistry(ctx context.Context, who string, all []item.RegistryItem) (ChangeMade, error) {
	if err := item.Check(all); err != nil {
		return ChangeMade{}, item.Invalid(err)
	}
	return s.do(ctx, people(who, "UpdateRegistry"), func(ctx context.Context, w *work) error {
		for i := range all {
			of := &all[i]
			r, err := w.registry(ctx, of.ID)
			if err != nil {
				return err
			}
			if r.now == nil {
				return item.NoRegistry(of.ID)
			}
			if of.Description != nil {
				r.now.Description = encode(of.Description)
			}
			for j := range of.Categories {
				if err := updateCategory(ctx, w, of.ID, &of.Categories[j]); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func updateCategory(ctx context.Context, w *work, registry string, of *item.CategoryItem) error {
	key := item.In(registry, of.ID, of.SourceID)
	c, err := w.needCategory(ctx, key)
	if err != nil {
		return err
	}
	if of.Description != nil {
		c.now.Description = encode(of.Description)
	}
	keys := make([]item.EntryIdentifier, len(of.Entries))
	for i := range of.Entries {
		keys[i] = key.Entry(&of.Entries[i])
	}
	if err := w.prefetch(ctx, key, keys); err != nil {
		return err
	}
	for i, k := range keys {
		e := w.entries[k].now
		if e == nil {
			return item.NoEntry(k)
		}
		if err := e.update(&of.Entries[i]); err != nil {
			return err
		}
	}
	return nil
}

// update sets what the item says.
func (e *entry) update(of *item.EntryItem) error {
	for _, x := range []struct {
		to *string
		is *string
	}{{&e.CIRID, of.CIRID}, {&e.Owner, of.SourceOwnerID}, {&e.Name, of.Name}} {
		if x.is != nil {
			*x.to = *x.is
		}
	}
	if of.Description != nil {
		e.Description = encode(of.Description)
	}
	if of.Inactive != nil {
		e.Inactive = new(*of.Inactive)
	}
	for i := range of.Properties {
		p := &of.Properties[i]
		is, ok := e.Properties[p.ID]
		if !ok {
			return item.NoProperty(e.Key, p.ID)
		}
		if p.DataType != nil {
			is.DataType = *p.DataType
		}
		if p.Values != nil {
			is.Contents = encode(p.Values)
		}
		e.Properties[p.ID] = is
	}
	return nil
}

// Merge is UpdateEntryCIRID: entries that have one of the old CIRIDs get the new
// one.
func (s *Store) Merge(ctx context.Context, who string, old []string, to string) (ChangeMade, error) {
	ids := slices.Clone(old)
	var err error
	if to, err = item.ParseCIRID(to); err != nil {
		return ChangeMade{}, item.Invalid(err)
	}
	for i, id := range ids {
		if ids[i], err = item.ParseCIRID(id); err != nil {
			return ChangeMade{}, item.Invalid(err)
		}
	}
	return s.do(ctx, people(who, "UpdateEntryCIRID"), func(ctx context.Context, w *work) error {
		if err := w.withCIRIDs(ctx, ids); err != nil {
			return err
		}
		for _, e := range w.entries {
			e.now.CIRID = to
		}
		return nil
	})
}

// Split takes entries out of their equivalence: they get a CIRID of their own,
// which they share.
func (s *Store) Split(ctx context.Context, who string, all []item.EntryIdentifier) (cirid string, done ChangeMade, err error) {
	done, err = s.do(ctx, people(who, "Split"), func(ctx context.Context, w *work) error {
		cirid = item.NewCIRID(s.now())
		for _, k := range all {
			e, err := w.needEntry(ctx, k)
			if err != nil {
				return err
			}
			e.now.CIRID = cirid
		}
		return nil
	})
	return cirid, done, err
}

// DeleteRegistries is DeleteRegistry.
func (s *Store) DeleteRegistries(ctx context.Context, who string, ids []string) (ChangeMade, error) {
	return s.do(ctx, people(who, "DeleteRegistry"), func(ctx context.Context, w *work) error {
		for _, id := range ids {
			r, err := w.registry(ctx, id)
			if err != nil {
				return err
			}
			if r.now == nil {
				return item.NoRegistry(id)
			}
			var below []categoryRow
			if err := w.tx.NewSelect().Model(&below).Where("registry = ?", r.was.Number).Order("number").Scan(ctx); err != nil {
				return err
			}
			for i := range below {
				key := item.In(id, below[i].ID, below[i].Source)
				h, ok := w.categories[key]
				if !ok {
					h = w.holdCategory(&below[i], key)
				}
				if err := w.deleteCategory(ctx, h); err != nil {
					return err
				}
			}
			r.now = nil
		}
		return nil
	})
}

func (w *work) deleteCategory(ctx context.Context, h *held[category]) error {
	all, err := w.below(ctx, h.was)
	if err != nil {
		return err
	}
	for _, e := range all {
		e.now = nil
	}
	h.now = nil
	if len(w.order) > 2*item.MostThings {
		return tooMany()
	}
	return nil
}

// DeleteCategories is DeleteCategory.
func (s *Store) DeleteCategories(ctx context.Context, who string, all []item.CategoryIdentifier) (ChangeMade, error) {
	return s.do(ctx, people(who, "DeleteCategory"), func(ctx context.Context, w *work) error {
		for _, key := range all {
			h, err := w.needCategory(ctx, key)
			if err != nil {
				return err
			}
			if err := w.deleteCategory(ctx, h); err != nil {
				return err
			}
		}
		return nil
	})
}

// DeleteEntries does what the specification calls so.
func (s *Store) DeleteEntries(ctx context.Context, who string, all []item.EntryIdentifier) (ChangeMade, error) {
	return s.do(ctx, people(who, "DeleteEntries"), func(ctx context.Context, w *work) error {
		for _, k := range all {
			e, err := w.needEntry(ctx, k)
			if err != nil {
				return err
			}
			e.now = nil
		}
		return nil
	})
}

// DeleteProperties does what the specification calls so.
func (s *Store) DeleteProperties(ctx context.Context, who string, all []item.PropertyIdentifier) (ChangeMade, error) {
	return s.do(ctx, people(who, "DeleteProperties"), func(ctx context.Context, w *work) error {
		for _, k := range all {
			e, err := w.needEntry(ctx, k.EntryIdentifier)
			if err != nil {
				return err
			}
			if _, ok := e.now.Properties[k.PropertyID]; !ok {
				return item.NoProperty(k.EntryIdentifier, k.PropertyID)
			}
			delete(e.now.Properties, k.PropertyID)
		}
		return nil
	})
}
