package book

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/wattwerk/wattwerk/cir/item"
)

// Undo takes a change back: what it set gets the value it had before, unless it
// was set again since. It is a change itself, and can be undone.
func (s *Store) Undo(ctx context.Context, who string, number int64) (ChangeMade, error) {
	var of changeRow
	c := &command{who: who, operation: "Undo", note: fmt.Sprintf("of change %d", number), kept: true, undoes: number}
	return s.do(ctx, c, func(ctx context.Context, w *work) error {
		found, err := one(ctx, w.tx.NewSelect().Model(&of).Where("number = ?", number))
		switch {
		case err != nil:
			return err
		case !found:
			return fmt.Errorf("%w: there is no change %d", item.ErrNotFound, number)
		case of.UndoneBy != 0:
			return item.ChangedSince(number, item.FaultIdentifier{}, "change %d has undone it", of.UndoneBy)
		case of.Kept == 0 && of.Operation == registering:
			return item.ChangedSince(number, item.FaultIdentifier{}, "things that register themselves would do so again")
		case of.Kept == 0:
			return item.ChangedSince(number, item.FaultIdentifier{}, "what was before it is not kept any more; the last %d changes are", mostKept)
		}
		var images []imageRow
		if err := w.tx.NewSelect().Model(&images).Where("change = ?", number).Order("seq").Scan(ctx); err != nil {
			return err
		}
		if err := w.back(ctx, number, images); err != nil {
			return err
		}
		next := w.state.Changes + 1
		if _, err := w.tx.NewUpdate().Model((*changeRow)(nil)).Set("undone_by = ?", next).Where("number = ?", number).Exec(ctx); err != nil {
			return err
		}
		if of.Undoes != 0 { // that is in force again
			_, err = w.tx.NewUpdate().Model((*changeRow)(nil)).Set("undone_by = 0").Where("number = ?", of.Undoes).Exec(ctx)
		}
		return err
	})
}

// read gives both sides of an image.
func read[T any](m *imageRow) (was, became *T, err error) {
	for _, x := range []struct {
		text string
		to   **T
	}{{m.Was, &was}, {m.Became, &became}} {
		if x.text == "" {
			continue
		}
		*x.to = new(T)
		if err := json.Unmarshal([]byte(x.text), *x.to); err != nil {
			return nil, nil, fmt.Errorf("read change %d: %w", m.Change, err)
		}
	}
	return was, became, nil
}

// back turns images around: registries and categories that were removed come
// first, then entries, then what was made and is to be empty by now.
func (w *work) back(ctx context.Context, number int64, images []imageRow) error {
	for _, step := range []func(context.Context, int64, *imageRow) error{w.backRegistry, w.backCategory, w.backEntry, w.unmakeCategory, w.unmakeRegistry} {
		for i := range images {
			if err := step(ctx, number, &images[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *work) backRegistry(ctx context.Context, number int64, m *imageRow) error {
	if m.Kind != "registry" || m.Was == "" {
		return nil
	}
	was, became, err := read[registry](m)
	if err != nil {
		return err
	}
	at := item.FaultIdentifier{RegistryID: was.ID}
	h, err := w.registry(ctx, was.ID)
	switch {
	case err != nil:
		return err
	case became == nil && h.now != nil:
		return item.ChangedSince(number, at, "there is a registry %q again", was.ID)
	case became == nil:
		h.now = was
		return nil
	case h.now == nil:
		return item.ChangedSince(number, at, "there is no registry %q any more", was.ID)
	}
	return back(number, at, &h.now.Description, was.Description, became.Description)
}

// back sets one thing back, unless it was set again.
func back[T any](number int64, at item.FaultIdentifier, is *T, was, became T) error {
	if reflect.DeepEqual(was, became) {
		return nil
	}
	if !reflect.DeepEqual(*is, became) {
		return item.ChangedSince(number, at, "what it has set was set again since")
	}
	*is = was
	return nil
}

func (w *work) backCategory(ctx context.Context, number int64, m *imageRow) error {
	if m.Kind != "category" || m.Was == "" {
		return nil
	}
	was, became, err := read[category](m)
	if err != nil {
		return err
	}
	at := was.Key.At()
	r, err := w.registry(ctx, was.Key.RegistryID)
	if err != nil {
		return err
	}
	if r.now == nil {
		return item.ChangedSince(number, at, "there is no registry %q any more", was.Key.RegistryID)
	}
	h, err := w.category(ctx, was.Key)
	switch {
	case err != nil:
		return err
	case became == nil && h.now != nil:
		return item.ChangedSince(number, at, "there is a category %v again", was.Key)
	case became == nil:
		was.Registry = r.now.Number
		h.now = was
		return nil
	case h.now == nil:
		return item.ChangedSince(number, at, "there is no category %v any more", was.Key)
	}
	return back(number, at, &h.now.Description, was.Description, became.Description)
}

func (w *work) backEntry(ctx context.Context, number int64, m *imageRow) error {
	if m.Kind != "entry" {
		return nil
	}
	was, became, err := read[entry](m)
	if err != nil {
		return err
	}
	key := item.EntryIdentifier{}
	if was != nil {
		key = was.Key
	} else {
		key = became.Key
	}
	h, err := w.entry(ctx, key)
	if err != nil {
		return err
	}
	at := key.At()
	switch {
	case was == nil && h.now == nil, became != nil && h.now == nil:
		return item.ChangedSince(number, at, "there is no entry %v any more", key)
	case was == nil:
		is := *h.now
		is.Number, is.Category = became.Number, became.Category // of one that was restored
		if len(is.Properties) == 0 {
			is.Properties = nil
		}
		if !reflect.DeepEqual(&is, became) {
			return item.ChangedSince(number, at, "the entry %v was changed since", key)
		}
		h.now = nil
		return nil
	case became == nil && h.now != nil:
		return item.ChangedSince(number, at, "there is an entry %v again", key)
	case became == nil:
		c, err := w.category(ctx, key.Category())
		if err != nil {
			return err
		}
		if c.now == nil {
			return item.ChangedSince(number, at, "there is no category %v any more", key.Category())
		}
		was.Category = c.now.Number
		h.now = was
		return nil
	}
	e := h.now
	for _, x := range []struct {
		is          *string
		was, became string
	}{
		{&e.CIRID, was.CIRID, became.CIRID},
		{&e.Owner, was.Owner, became.Owner},
		{&e.Name, was.Name, became.Name},
		{&e.Description, was.Description, became.Description},
	} {
		if err := back(number, at, x.is, x.was, x.became); err != nil {
			return err
		}
	}
	if err := back(number, at, &e.Inactive, was.Inactive, became.Inactive); err != nil {
		return err
	}
	return e.backProperties(number, at, was, became)
}

func (e *entry) backProperties(number int64, at item.FaultIdentifier, was, became *entry) error {
	ids := make(map[string]bool)
	for id := range was.Properties {
		ids[id] = true
	}
	for id := range became.Properties {
		ids[id] = true
	}
	for id := range ids {
		before, hadIt := was.Properties[id]
		after, gotIt := became.Properties[id]
		if hadIt == gotIt && before == after {
			continue
		}
		if is, hasIt := e.Properties[id]; hasIt != gotIt || is != after {
			at.PropertyID = id
			return item.ChangedSince(number, at, "what it has set was set again since")
		}
		if !hadIt {
			delete(e.Properties, id)
			continue
		}
		if e.Properties == nil {
			e.Properties = make(map[string]property)
		}
		e.Properties[id] = before
	}
	return nil
}

// unmakeCategory removes one that the change made, when nothing else is in it.
func (w *work) unmakeCategory(ctx context.Context, number int64, m *imageRow) error {
	if m.Kind != "category" || m.Was != "" {
		return nil
	}
	_, became, err := read[category](m)
	if err != nil {
		return err
	}
	at := became.Key.At()
	h, err := w.category(ctx, became.Key)
	if err != nil {
		return err
	}
	if h.now == nil {
		return item.ChangedSince(number, at, "there is no category %v any more", became.Key)
	}
	if h.now.Description != became.Description {
		return item.ChangedSince(number, at, "what it has set was set again since")
	}
	left, err := w.tx.NewSelect().Model((*entryRow)(nil)).Where("category = ?", h.now.Number).Count(ctx)
	if err != nil {
		return err
	}
	for _, e := range w.entries {
		if e.was != nil && e.now == nil && e.was.Category == h.now.Number {
			left--
		}
	}
	if left > 0 {
		return item.ChangedSince(number, at, "the category %v has other entries by now", became.Key)
	}
	h.now = nil
	return nil
}

// unmakeRegistry removes one that the change made, when nothing else is in it.
func (w *work) unmakeRegistry(ctx context.Context, number int64, m *imageRow) error {
	if m.Kind != "registry" || m.Was != "" {
		return nil
	}
	_, became, err := read[registry](m)
	if err != nil {
		return err
	}
	at := item.FaultIdentifier{RegistryID: became.ID}
	h, err := w.registry(ctx, became.ID)
	if err != nil {
		return err
	}
	if h.now == nil {
		return item.ChangedSince(number, at, "there is no registry %q any more", became.ID)
	}
	if h.now.Description != became.Description {
		return item.ChangedSince(number, at, "what it has set was set again since")
	}
	left, err := w.tx.NewSelect().Model((*categoryRow)(nil)).Where("registry = ?", h.now.Number).Count(ctx)
	if err != nil {
		return err
	}
	for _, c := range w.categories {
		if c.was != nil && c.now == nil && c.was.Registry == h.now.Number {
			left--
		}
	}
	if left > 0 {
		return item.ChangedSince(number, at, "the registry %q has other categories by now", became.ID)
	}
	h.now = nil
	return nil
}

// PastChange is one command that was done.
type PastChange struct {
	Number    int64     `json:"number"`
	At        time.Time `json:"at"`
	Who       string    `json:"who"`
	Operation string    `json:"operation" example:"UpdateEntryCIRID"`
	Note      string    `json:"note,omitempty"`
	Things    int64     `json:"things" doc:"Registries, categories and entries that it touched"`
	Undoes    int64     `json:"undoes,omitempty" doc:"The change it has undone"`
	UndoneBy  int64     `json:"undoneBy,omitempty" doc:"The change that has undone it"`
	CanUndo   bool      `json:"canUndo" doc:"Its past is kept, and it was not undone. It is refused all the same when something of it was changed since"`
}

// Changes gives commands before one, the newest first; 0: the newest of all.
func (s *Store) Changes(ctx context.Context, before int64, limit int) ([]PastChange, error) {
	var rows []changeRow
	q := s.db.NewSelect().Model(&rows).Order("number DESC").Limit(int64(limit))
	if before > 0 {
		q = q.Where("number < ?", before)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, err
	}
	out := make([]PastChange, len(rows))
	for i, r := range rows {
		out[i] = PastChange{r.Number, time.UnixMilli(r.At).UTC(), r.Who, r.Operation, r.Note, r.Things, r.Undoes, r.UndoneBy, r.Kept != 0 && r.UndoneBy == 0}
	}
	return out, nil
}

// ThingChanged is what a change did to one thing: as it is kept.
type ThingChanged struct {
	Seq    int64  `json:"seq"`
	Kind   string `json:"kind" enum:"registry,category,entry"`
	Was    string `json:"was" doc:"JSON; empty: it was not there"`
	Became string `json:"became" doc:"JSON; empty: it was removed"`
}

// Things gives what a change did, behind a seq; -1: from the beginning.
func (s *Store) Things(ctx context.Context, number, after int64, limit int) ([]ThingChanged, error) {
	var rows []imageRow
	if err := s.db.NewSelect().Model(&rows).Where("change = ? AND seq > ?", number, after).Order("seq").Limit(int64(limit)).Scan(ctx); err != nil {
		return nil, err
	}
	out := make([]ThingChanged, len(rows))
	for i, r := range rows {
		out[i] = ThingChanged{r.Seq, r.Kind, r.Was, r.Became}
	}
	return out, nil
}
