package book

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/cir/item"
)

// errDry ends a transaction that was a trial.
var errDry = errors.New("a trial")

// Import makes the entries of a file, or brings them up to date: wholly or not
// at all. Cells that are empty leave things as they are.
func (s *Store) Import(ctx context.Context, who string, data []byte, dry, closed bool) (*item.Imported, error) {
	out := &item.Imported{DryRun: dry, Faults: make([]item.RowFault, 0)}
	rows, err := item.ParseCSV(data, out)
	if err != nil {
		return nil, item.Invalid(err)
	}
	if len(out.Faults) > 0 {
		return out, nil
	}
	var order []item.CategoryIdentifier
	by := make(map[item.CategoryIdentifier][]item.Row)
	for _, r := range rows {
		if by[r.Category] == nil {
			order = append(order, r.Category)
		}
		by[r.Category] = append(by[r.Category], r)
	}
	done, err := s.do(ctx, people(who, "Import"), func(ctx context.Context, w *work) error {
		for _, key := range order {
			if err := s.importCategory(ctx, w, key, by[key], closed, out); err != nil {
				return err
			}
		}
		if dry || len(out.Faults) > 0 {
			return errDry
		}
		return nil
	})
	if errors.Is(err, errDry) {
		err = nil
	}
	out.Change = done.Change
	return out, err
}

func (s *Store) importCategory(ctx context.Context, w *work, key item.CategoryIdentifier, rows []item.Row, closed bool, out *item.Imported) error {
	if err := s.createRegistry(ctx, w, &item.RegistryItem{ID: key.RegistryID, Categories: []item.CategoryItem{{ID: key.CategoryID, SourceID: key.CategorySourceID}}}, false, closed); err != nil {
		return err
	}
	c, err := w.category(ctx, key)
	if err != nil {
		return err
	}
	keys := make([]item.EntryIdentifier, len(rows))
	for i := range rows {
		keys[i] = key.Entry(&rows[i].Item)
	}
	if err := w.prefetch(ctx, key, keys); err != nil {
		return err
	}
	for i := range rows {
		r, h := &rows[i], w.entries[keys[i]]
		if h.now == nil {
			out.Created++
			if err := s.createEntry(w, c.now, keys[i], &r.Item, false); err != nil {
				out.Fault(r.Line, err)
			}
			continue
		}
		// A property that is not there yet is added.
		for j := range r.Item.Properties {
			if p := &r.Item.Properties[j]; h.now.Properties[p.ID] == (property{}) {
				h.now.put(p)
			}
		}
		if len(h.now.Properties) > item.MostProperties {
			out.Fault(r.Line, fmt.Errorf("the entry %v would have more than %d properties", keys[i], item.MostProperties))
			continue
		}
		if err := h.now.update(&r.Item); err != nil {
			out.Fault(r.Line, err)
			continue
		}
		if _, _, differ := changes(h); differ {
			out.Updated++
		} else {
			out.Unchanged++
		}
	}
	return nil
}

// Export finds what it takes to write all entries that fit, and gives what
// writes them. It is no single moment that they show: who reads slowly holds
// nobody up.
func (s *Store) Export(ctx context.Context, filters []ThingFilter) (func(context.Context, io.Writer) error, error) {
	sieves, err := compile(filters)
	if err != nil {
		return nil, item.Invalid(err)
	}
	ids, err := s.propertyIDs(ctx)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, to io.Writer) error { return s.write(ctx, sieves, ids, to) }, nil
}

func (s *Store) write(ctx context.Context, sieves []*sieve, ids []string, to io.Writer) error {
	w := csv.NewWriter(to)
	head := slices.Clone(item.FixedColumns)
	for _, id := range ids {
		head = append(head, item.PropertyColumn+id)
	}
	if err := w.Write(head); err != nil {
		return err
	}
	for after := int64(0); ; {
		var all []*entry
		var next int64
		if err := s.db.Reading(ctx, func(ctx context.Context, tx bun.Tx) error {
			k, err := readSkeleton(ctx, tx)
			if err == nil {
				all, next, err = pick(ctx, tx, sieves, k, after, scanAtOnce)
			}
			return err
		}); err != nil {
			return err
		}
		for _, e := range all {
			for id := range e.Properties {
				if !slices.Contains(ids, id) {
					return fmt.Errorf("the property %q came while the file was written", id)
				}
			}
			shown, err := e.item()
			if err == nil {
				err = w.Write(item.Cells(e.Key.Category(), &shown, ids))
			}
			if err != nil {
				return err
			}
		}
		if next == 0 {
			w.Flush()
			return w.Error()
		}
		after = next
	}
}

// propertyIDs are the columns of properties. There is a bound to columns; what
// is beyond it cannot be in a file, so that is said.
func (s *Store) propertyIDs(ctx context.Context) ([]string, error) {
	var ids []string
	if err := s.db.NewSelect().Table("cir_properties").ColumnExpr("DISTINCT id").Limit(item.MostColumns).Scan(ctx, &ids); err != nil {
		return nil, err
	}
	if most := item.MostColumns - len(item.FixedColumns); len(ids) > most {
		return nil, item.Invalid(fmt.Errorf("there are more than %d different properties, which is as many columns as a file may have; ask by JSON", most))
	}
	slices.Sort(ids)
	return ids, nil
}
