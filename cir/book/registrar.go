package book

import (
	"context"
	"fmt"

	"github.com/wattwerk/wattwerk/cir/item"
)

// registering is the operation under which things register themselves.
const registering = "Register"

// registrar is who is said to have done it.
const registrar = "wattwerk"

// seen are numbers of entries.
type seen map[int64]uint64

func (s seen) add(n int64)      { s[n>>6] |= 1 << (n & 63) }
func (s seen) has(n int64) bool { return s[n>>6]&(1<<(n&63)) != 0 }

// Registered counts what became of a batch.
type Registered struct{ New, Changed, Inactive, Refused int }

// String says it in short.
func (r Registered) String() string {
	return fmt.Sprintf("%d new, %d changed, %d inactive", r.New, r.Changed, r.Inactive)
}

// Register takes a batch of the things of some categories. What cannot be an
// entry is refused: said to complain, and counted.
func (s *Store) Register(ctx context.Context, categories []string, b item.Batch, complain func(item.Thing, error)) (total Registered, err error) {
	known := make(seen)
	waiting := make(map[string][]item.Thing)
	flush := func(category string) error {
		part := waiting[category]
		waiting[category] = nil
		if len(part) == 0 {
			return nil
		}
		return s.putThings(ctx, category, part, known, &total)
	}
	if b.Put != nil {
		for t := range b.Put {
			if ctx.Err() != nil {
				return total, ctx.Err()
			}
			if err := t.Check(categories); err != nil {
				total.Refused++
				complain(t, err)
				continue
			}
			if waiting[t.Category] = append(waiting[t.Category], t); len(waiting[t.Category]) == atOnce {
				if err := flush(t.Category); err != nil {
					return total, err
				}
			}
		}
	}
	for _, c := range categories {
		if err := flush(c); err != nil {
			return total, err
		}
		if b.All {
			if err := s.retireOthers(ctx, c, known, &total); err != nil {
				return total, err
			}
		}
		if err := chunks(b.Gone[c], atOnce, func(ids []string) error { return s.retire(ctx, c, ids, &total) }); err != nil {
			return total, err
		}
	}
	return total, nil
}

func ownCategory(id string) item.CategoryIdentifier {
	return item.In(item.OwnRegistry, id, item.OwnRegistry)
}

func (s *Store) ownEntry(category, id string) item.EntryIdentifier {
	return ownCategory(category).Named(id, s.installation)
}

// putThings makes entries of things, or brings theirs up to date.
func (s *Store) putThings(ctx context.Context, kind string, all []item.Thing, known seen, total *Registered) error {
	var n Registered
	c := &command{who: registrar, operation: registering}
	key := ownCategory(kind)
	_, err := s.do(ctx, c, func(ctx context.Context, w *work) error {
		r, err := w.registry(ctx, item.OwnRegistry)
		if err != nil {
			return err
		}
		if r.now == nil {
			r.now = &registry{w.number(), item.OwnRegistry, encode([]item.LocalText{{Value: "What this installation has. It registers itself.", Language: "en"}})}
		}
		in, err := w.category(ctx, key)
		if err != nil {
			return err
		}
		if in.now == nil {
			in.now = &category{w.number(), r.now.Number, key, ""}
		}
		keys := make([]item.EntryIdentifier, len(all))
		for i := range all {
			keys[i] = s.ownEntry(kind, all[i].ID)
		}
		if err := w.prefetch(ctx, key, keys); err != nil {
			return err
		}
		n = Registered{}
		for i := range all {
			h := w.entries[keys[i]]
			if h.now == nil {
				h.now = &entry{Number: w.number(), Category: in.now.Number, Key: keys[i], CIRID: item.NewCIRID(s.now())}
			}
			h.now.follow(&all[i])
			known.add(h.now.Number)
			if h.was == nil {
				n.New++
			} else if _, _, differ := changes(h); differ {
				n.Changed++
			}
		}
		c.note = kind + ": " + n.String()
		return nil
	})
	if err == nil {
		total.New, total.Changed = total.New+n.New, total.Changed+n.Changed
	}
	return err
}

// follow takes over what the thing says of itself.
func (e *entry) follow(t *item.Thing) {
	e.Name = t.Name
	if e.Inactive != nil && *e.Inactive {
		e.Inactive = new(false)
	}
	for i := range t.Properties {
		p := &t.Properties[i]
		if is, ok := e.Properties[p.ID]; !ok && len(p.Values) == 0 || ok && is == (property{item.Text(p.DataType), encode(p.Values)}) {
			continue
		}
		if len(p.Values) == 0 {
			delete(e.Properties, p.ID)
			continue
		}
		e.put(p)
	}
}

// retire makes entries inactive whose things are gone.
func (s *Store) retire(ctx context.Context, category string, ids []string, total *Registered) error {
	var n Registered
	c := &command{who: registrar, operation: registering}
	_, err := s.do(ctx, c, func(ctx context.Context, w *work) error {
		keys := make([]item.EntryIdentifier, len(ids))
		for i, id := range ids {
			keys[i] = s.ownEntry(category, id)
		}
		if err := w.prefetch(ctx, ownCategory(category), keys); err != nil {
			return err
		}
		n = Registered{}
		for _, k := range keys {
			if h := w.entries[k]; h.now != nil && (h.now.Inactive == nil || !*h.now.Inactive) {
				h.now.Inactive = new(true)
				n.Inactive++
			}
		}
		c.note = category + ": " + n.String()
		return nil
	})
	if err == nil {
		total.Inactive += n.Inactive
	}
	return err
}

// retireOthers makes those inactive that are not known.
func (s *Store) retireOthers(ctx context.Context, category string, known seen, total *Registered) error {
	key := ownCategory(category)
	for after := int64(0); ; {
		var rows []entryRow
		err := s.db.NewSelect().Model(&rows).
			Where("category = (SELECT c.number FROM cir_categories AS c JOIN cir_registries AS r ON r.number = c.registry WHERE r.id = ? AND c.id = ? AND c.source = ?)",
				key.RegistryID, key.CategoryID, key.CategorySourceID).
			Where("number > ? AND source = ?", after, s.installation).Order("number").Limit(scanAtOnce).Scan(ctx)
		if err != nil {
			return err
		}
		var ids []string
		for i := range rows {
			if e := &rows[i]; !known.has(e.Number) && (e.Inactive == nil || *e.Inactive == 0) {
				ids = append(ids, e.IDInSource)
			}
		}
		if err := chunks(ids, atOnce, func(ids []string) error { return s.retire(ctx, category, ids, total) }); err != nil {
			return err
		}
		if len(rows) < scanAtOnce {
			return nil
		}
		after = rows[len(rows)-1].Number
	}
}
