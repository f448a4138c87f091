package book

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/cir/item"
)

// held is a thing that a command looked at: what it was and what it becomes, nil
// where it is not there.
type held[T any] struct{ was, now *T }

// work is one command in the making. It reads what it is asked for, once, and
// writes what differs at the end.
type work struct {
	tx    bun.Tx
	state stateRow

	registries map[string]*held[registry]
	categories map[item.CategoryIdentifier]*held[category]
	entries    map[item.EntryIdentifier]*held[entry]
	order      []any // what was held, in that order
	named      map[int64]item.CategoryIdentifier
}

// ChangeMade is what every command answers.
type ChangeMade struct {
	Change int64 `json:"change" doc:"By which it can be undone; 0: nothing had to be changed"`
	Things int   `json:"things" doc:"Registries, categories and entries that were touched"`
}

// command is what is done, for the record.
type command struct {
	who, operation string
	note           string // empty: how many things were touched
	kept           bool   // it can be undone
	undoes         int64
}

// do runs a command: wholly or not at all.
func (s *Store) do(ctx context.Context, c *command, f func(context.Context, *work) error) (done ChangeMade, err error) {
	err = s.db.Alone(ctx, lock, func(ctx context.Context, tx bun.Tx) error {
		w := &work{
			tx: tx, registries: make(map[string]*held[registry]), categories: make(map[item.CategoryIdentifier]*held[category]),
			entries: make(map[item.EntryIdentifier]*held[entry]), named: make(map[int64]item.CategoryIdentifier),
		}
		if err := tx.NewSelect().Model(&w.state).Where("id = 1").Scan(ctx); err != nil {
			return err
		}
		if err := f(ctx, w); err != nil {
			return err
		}
		done, err = w.save(ctx, c, s.now().UnixMilli())
		return err
	})
	return done, err
}

func (w *work) number() int64 {
	w.state.Numbers++
	return w.state.Numbers
}

// one reads a row into dest; false when there is none.
func one(ctx context.Context, q *bun.SelectQuery) (bool, error) {
	err := q.Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// hold remembers what a thing was.
func hold[K comparable, T any](w *work, all map[K]*held[T], key K, was *T) *held[T] {
	h := &held[T]{was: was}
	if was != nil {
		h.now = new(*was)
	}
	all[key] = h
	w.order = append(w.order, h)
	return h
}

func (w *work) registry(ctx context.Context, id string) (*held[registry], error) {
	if h, ok := w.registries[id]; ok {
		return h, nil
	}
	row := new(registryRow)
	found, err := one(ctx, w.tx.NewSelect().Model(row).Where("id = ?", id))
	if err != nil {
		return nil, err
	}
	if !found {
		return hold(w, w.registries, id, nil), nil
	}
	return hold(w, w.registries, id, &registry{row.Number, row.ID, row.Description}), nil
}

func (w *work) category(ctx context.Context, key item.CategoryIdentifier) (*held[category], error) {
	if h, ok := w.categories[key]; ok {
		return h, nil
	}
	r, err := w.registry(ctx, key.RegistryID)
	if err != nil {
		return nil, err
	}
	if r.was == nil {
		return hold(w, w.categories, key, nil), nil
	}
	row := new(categoryRow)
	found, err := one(ctx, w.tx.NewSelect().Model(row).Where("registry = ? AND id = ? AND source = ?", r.was.Number, key.CategoryID, key.CategorySourceID))
	if err != nil {
		return nil, err
	}
	if !found {
		return hold(w, w.categories, key, nil), nil
	}
	return w.holdCategory(row, key), nil
}

func (w *work) holdCategory(row *categoryRow, key item.CategoryIdentifier) *held[category] {
	w.named[row.Number] = key
	return hold(w, w.categories, key, &category{row.Number, row.Registry, key, row.Description})
}

// needCategory gives a category that has to be there.
func (w *work) needCategory(ctx context.Context, key item.CategoryIdentifier) (*held[category], error) {
	r, err := w.registry(ctx, key.RegistryID)
	if err != nil {
		return nil, err
	}
	if r.now == nil {
		return nil, item.NoRegistry(key.RegistryID)
	}
	c, err := w.category(ctx, key)
	if err == nil && c.now == nil {
		err = item.NoCategory(key)
	}
	return c, err
}

// prefetch reads entries of a category by what their sources call them.
func (w *work) prefetch(ctx context.Context, key item.CategoryIdentifier, keys []item.EntryIdentifier) error {
	c, err := w.category(ctx, key)
	if err != nil {
		return err
	}
	var ids []string
	ask := make(map[string]bool, len(keys))
	for _, k := range keys {
		if _, ok := w.entries[k]; !ok && !ask[k.IDInSource] {
			ask[k.IDInSource] = true
			ids = append(ids, k.IDInSource)
		}
	}
	if c.was != nil {
		if err := chunks(ids, atOnce, func(part []string) error {
			var rows []entryRow
			if err := w.tx.NewSelect().Model(&rows).Where("category = ? AND id_in_source IN (?)", c.was.Number, bun.List(part)).Scan(ctx); err != nil {
				return err
			}
			return w.take(ctx, rows)
		}); err != nil {
			return err
		}
	}
	for _, k := range keys {
		if _, ok := w.entries[k]; !ok {
			hold(w, w.entries, k, nil)
		}
	}
	return nil
}

// take holds rows of entries, those that are not held yet.
func (w *work) take(ctx context.Context, rows []entryRow) error {
	if err := w.nameCategories(ctx, rows); err != nil {
		return err
	}
	fresh := make([]*entry, 0, len(rows))
	for i := range rows {
		e := rows[i].entry(w.named[rows[i].Category])
		if _, ok := w.entries[e.Key]; !ok {
			fresh = append(fresh, e)
		}
	}
	if err := propertiesOf(ctx, w.tx, fresh); err != nil {
		return err
	}
	for _, e := range fresh {
		h := hold(w, w.entries, e.Key, e)
		h.now.Properties = maps.Clone(e.Properties)
	}
	return nil
}

// nameCategories learns how the categories of entries are called.
func (w *work) nameCategories(ctx context.Context, rows []entryRow) error {
	var ask []int64
	seen := make(map[int64]bool)
	for i := range rows {
		if n := rows[i].Category; !seen[n] {
			seen[n] = true
			if _, ok := w.named[n]; !ok {
				ask = append(ask, n)
			}
		}
	}
	found, err := categoryKeys(ctx, w.tx, ask)
	maps.Copy(w.named, found)
	return err
}

// categoryKeys tells how categories are called.
func categoryKeys(ctx context.Context, tx bun.IDB, numbers []int64) (map[int64]item.CategoryIdentifier, error) {
	out := make(map[int64]item.CategoryIdentifier, len(numbers))
	err := chunks(numbers, atOnce, func(part []int64) error {
		var rows []struct {
			Number                 int64
			Registry, ID, SourceID string
		}
		if err := tx.NewSelect().TableExpr("cir_categories AS c").Join("JOIN cir_registries AS r ON r.number = c.registry").
			ColumnExpr("c.number AS number, r.id AS registry, c.id AS id, c.source AS source_id").Where("c.number IN (?)", bun.List(part)).Scan(ctx, &rows); err != nil {
			return err
		}
		for _, r := range rows {
			out[r.Number] = item.In(r.Registry, r.ID, r.SourceID)
		}
		return nil
	})
	return out, err
}

func (w *work) entry(ctx context.Context, key item.EntryIdentifier) (*held[entry], error) {
	if h, ok := w.entries[key]; ok {
		return h, nil
	}
	if err := w.prefetch(ctx, key.Category(), []item.EntryIdentifier{key}); err != nil {
		return nil, err
	}
	return w.entries[key], nil
}

// needEntry gives an entry that has to be there.
func (w *work) needEntry(ctx context.Context, key item.EntryIdentifier) (*held[entry], error) {
	if _, err := w.needCategory(ctx, key.Category()); err != nil {
		return nil, err
	}
	e, err := w.entry(ctx, key)
	if err == nil && e.now == nil {
		err = item.NoEntry(key)
	}
	return e, err
}

// withCIRIDs holds all entries that had one of the CIRIDs before the command.
func (w *work) withCIRIDs(ctx context.Context, ids []string) error {
	n := 0
	return chunks(ids, atOnce, func(part []string) error {
		var rows []entryRow
		if err := w.tx.NewSelect().Model(&rows).Where("cirid <> '' AND cirid IN (?)", bun.List(part)).Order("number").Limit(item.MostThings + 1).Scan(ctx); err != nil {
			return err
		}
		if n += len(rows); n > item.MostThings {
			return tooMany()
		}
		return w.take(ctx, rows)
	})
}

func tooMany() error {
	return item.Invalid(fmt.Errorf("more than %d things would be touched by one command; name fewer", item.MostThings))
}

// below holds all entries of a category.
func (w *work) below(ctx context.Context, c *category) ([]*held[entry], error) {
	var rows []entryRow
	if err := w.tx.NewSelect().Model(&rows).Where("category = ?", c.Number).Order("number").Limit(item.MostThings + 1).Scan(ctx); err != nil {
		return nil, err
	}
	if len(rows) > item.MostThings {
		return nil, tooMany()
	}
	w.named[c.Number] = c.Key
	if err := w.take(ctx, rows); err != nil {
		return nil, err
	}
	out := make([]*held[entry], len(rows))
	for i := range rows {
		out[i] = w.entries[rows[i].entry(c.Key).Key]
	}
	return out, nil
}

// changes gives what a thing was and became, when that differs.
func changes[T any](h *held[T]) (was, now *T, differ bool) {
	if h.was == nil && h.now == nil || h.was != nil && h.now != nil && reflect.DeepEqual(*h.was, *h.now) {
		return nil, nil, false
	}
	return h.was, h.now, true
}

func image[T any](kind string, was, now *T) imageRow {
	write := func(v *T) string {
		if v == nil {
			return ""
		}
		data, err := json.Marshal(v)
		if err != nil {
			panic(err) // the words of this package can be written down
		}
		return string(data)
	}
	return imageRow{Kind: kind, Was: write(was), Became: write(now)}
}

// rows are what is written.
type rows struct {
	registries []registryRow
	categories []categoryRow
	entries    []entryRow
	properties []propertyRow // put

	gone struct {
		registries, categories, entries []int64
		properties                      []propertyRow
	}
	changed struct {
		registries []registryRow
		categories []categoryRow
		entries    []entryRow
	}
}

// save writes what differs, and what was done.
func (w *work) save(ctx context.Context, c *command, now int64) (ChangeMade, error) {
	var images []imageRow
	var r rows
	for _, h := range w.order {
		switch h := h.(type) {
		case *held[registry]:
			if was, now, differ := changes(h); differ {
				images = append(images, image("registry", was, now))
				r.registry(was, now)
			}
		case *held[category]:
			if was, now, differ := changes(h); differ {
				images = append(images, image("category", was, now))
				r.category(was, now)
			}
		case *held[entry]:
			if h.now != nil && len(h.now.Properties) == 0 {
				h.now.Properties = nil
			}
			if was, now, differ := changes(h); differ {
				images = append(images, image("entry", was, now))
				r.entry(was, now)
			}
		}
	}
	if len(images) == 0 {
		return ChangeMade{}, nil
	}
	if len(images) > item.MostThings+1 {
		return ChangeMade{}, tooMany()
	}
	if err := r.write(ctx, w.tx); err != nil {
		return ChangeMade{}, err
	}
	w.state.Changes++
	done := ChangeMade{w.state.Changes, len(images)}
	row := &changeRow{Number: done.Change, At: now, Who: c.who, Operation: c.operation, Note: c.note, Things: int64(len(images)), Undoes: c.undoes}
	if c.kept {
		row.Kept = 1
		for i := range images {
			images[i].Change, images[i].Seq = done.Change, int64(i)
		}
		if err := insert(ctx, w.tx, images); err != nil {
			return ChangeMade{}, err
		}
	}
	if _, err := w.tx.NewInsert().Model(row).Exec(ctx); err != nil {
		return ChangeMade{}, err
	}
	if err := w.forget(ctx, c.kept); err != nil {
		return ChangeMade{}, err
	}
	_, err := w.tx.NewUpdate().Model(&w.state).Column("numbers", "changes").Where("id = 1").Exec(ctx)
	return done, err
}

// mostKept is how many changes of people can be undone.
const mostKept = 1_000

// forget lets go of the past of a change that is too long ago.
func (w *work) forget(ctx context.Context, kept bool) error {
	if !kept {
		return nil
	}
	var old []int64
	if err := w.tx.NewSelect().Model((*changeRow)(nil)).Column("number").Where("kept = 1").Order("number DESC").Offset(mostKept).Limit(100).Scan(ctx, &old); err != nil || len(old) == 0 {
		return err
	}
	if _, err := w.tx.NewDelete().Model((*imageRow)(nil)).Where("change IN (?)", bun.List(old)).Exec(ctx); err != nil {
		return err
	}
	_, err := w.tx.NewUpdate().Model((*changeRow)(nil)).Set("kept = 0").Where("number IN (?)", bun.List(old)).Exec(ctx)
	return err
}

func (r *rows) registry(was, now *registry) {
	switch {
	case now == nil:
		r.gone.registries = append(r.gone.registries, was.Number)
	case was == nil:
		r.registries = append(r.registries, registryRow{Number: now.Number, ID: now.ID, Description: now.Description})
	default:
		r.changed.registries = append(r.changed.registries, registryRow{Number: now.Number, ID: now.ID, Description: now.Description})
	}
}

func (r *rows) category(was, now *category) {
	row := func(c *category) categoryRow {
		return categoryRow{Number: c.Number, Registry: c.Registry, ID: c.Key.CategoryID, Source: c.Key.CategorySourceID, Description: c.Description}
	}
	switch {
	case now == nil:
		r.gone.categories = append(r.gone.categories, was.Number)
	case was == nil:
		r.categories = append(r.categories, row(now))
	default:
		r.changed.categories = append(r.changed.categories, row(now))
	}
}

func (r *rows) entry(was, now *entry) {
	var before, after map[string]property
	if was != nil {
		before = was.Properties
	}
	switch {
	case now == nil:
		r.gone.entries = append(r.gone.entries, was.Number)
		return // its properties go along
	case was == nil:
		r.entries = append(r.entries, now.row())
	default:
		r.changed.entries = append(r.changed.entries, now.row())
	}
	after = now.Properties
	for id := range before {
		if _, ok := after[id]; !ok {
			r.gone.properties = append(r.gone.properties, propertyRow{Entry: now.Number, ID: id})
		}
	}
	for id, p := range after {
		if was, ok := before[id]; !ok || was != p {
			r.properties = append(r.properties, propertyRow{Entry: now.Number, ID: id, DataType: p.DataType, Contents: p.Contents})
		}
	}
}

func insert[T any](ctx context.Context, tx bun.Tx, all []T) error {
	return chunks(all, atOnce, func(part []T) error {
		_, err := tx.NewInsert().Model(&part).Exec(ctx)
		return err
	})
}

func remove(ctx context.Context, tx bun.Tx, table, column string, numbers []int64) error {
	return chunks(numbers, atOnce, func(part []int64) error {
		_, err := tx.NewDelete().Table(table).Where("? IN (?)", bun.Ident(column), bun.List(part)).Exec(ctx)
		return err
	})
}

// write removes from below and adds from above.
func (r *rows) write(ctx context.Context, tx bun.Tx) error {
	for _, x := range []struct {
		table, column string
		numbers       []int64
	}{
		{"cir_properties", "entry", r.gone.entries},
		{"cir_entries", "number", r.gone.entries},
		{"cir_categories", "number", r.gone.categories},
		{"cir_registries", "number", r.gone.registries},
	} {
		if err := remove(ctx, tx, x.table, x.column, x.numbers); err != nil {
			return err
		}
	}
	for i := range r.gone.properties {
		if _, err := tx.NewDelete().Model(&r.gone.properties[i]).WherePK().Exec(ctx); err != nil {
			return err
		}
	}
	if err := errors.Join(insert(ctx, tx, r.registries), insert(ctx, tx, r.categories), insert(ctx, tx, r.entries)); err != nil {
		return err
	}
	for i := range r.changed.registries {
		if _, err := tx.NewUpdate().Model(&r.changed.registries[i]).WherePK().Exec(ctx); err != nil {
			return err
		}
	}
	for i := range r.changed.categories {
		if _, err := tx.NewUpdate().Model(&r.changed.categories[i]).WherePK().Exec(ctx); err != nil {
			return err
		}
	}
	for i := range r.changed.entries {
		if _, err := tx.NewUpdate().Model(&r.changed.entries[i]).WherePK().Exec(ctx); err != nil {
			return err
		}
	}
	return chunks(r.properties, atOnce, func(part []propertyRow) error {
		_, err := tx.NewInsert().Model(&part).On("CONFLICT (entry, id) DO UPDATE").Set("data_type = EXCLUDED.data_type, contents = EXCLUDED.contents").Exec(ctx)
		return err
	})
}
