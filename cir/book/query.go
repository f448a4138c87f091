package book

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/cir/item"
)

// Bounds of questions.
const (
	mostFilters = 64
	mostPage    = 10_000
	scanAtOnce  = 2_000
	mostScanned = 200_000 // entries looked at for one page
	mostLinked  = 10_000  // entries that one answer about equivalents may have
)

// ThingFilter picks things: all that it says has to be so. What is absent does not
// matter. All texts are patterns; what a thing does not have fits none.
type ThingFilter struct {
	Registry *RegistryFilter `json:"registry,omitempty"`
	Category *CategoryFilter `json:"category,omitempty"`
	Entry    *EntryFilter    `json:"entry,omitempty"`
	Property *PropertyFilter `json:"property,omitempty" doc:"Entries that have such a property; of their properties these are shown"`
}

// RegistryFilter is about registries.
type RegistryFilter struct {
	ID string `json:"id,omitempty" maxLength:"500" example:"plant.*"`
}

// CategoryFilter is about categories.
type CategoryFilter struct {
	ID       string `json:"id,omitempty" maxLength:"500"`
	SourceID string `json:"sourceId,omitempty" maxLength:"500"`
}

// EntryFilter is about entries.
type EntryFilter struct {
	IDInSource    string `json:"idInSource,omitempty" maxLength:"500"`
	SourceID      string `json:"sourceId,omitempty" maxLength:"500"`
	CIRID         string `json:"cirid,omitempty" maxLength:"500"`
	SourceOwnerID string `json:"sourceOwnerId,omitempty" maxLength:"500"`
	Name          string `json:"name,omitempty" maxLength:"500"`
	Inactive      *bool  `json:"inactive,omitempty" doc:"false: those that are not said to be inactive"`
}

// PropertyFilter is about properties.
type PropertyFilter struct {
	ID       string `json:"id,omitempty" maxLength:"500"`
	DataType string `json:"dataType,omitempty" maxLength:"500"`
}

// sieve is a filter compiled. Patterns that are nil let everything through.
type sieve struct {
	registry, category, categorySource     *item.Pattern
	idInSource, source, cirid, owner, name *item.Pattern
	inactive                               *bool
	property, dataType                     *item.Pattern
	ofCategories, ofEntries, ofProperties  bool // what the filter says something about
}

func (f *ThingFilter) compile() (*sieve, error) {
	s := new(sieve)
	var errs []error
	to := func(p **item.Pattern, text string) {
		if text == "" {
			return
		}
		c, err := item.ParsePattern(text)
		*p = c
		errs = append(errs, err)
	}
	if r := f.Registry; r != nil {
		to(&s.registry, r.ID)
	}
	if c := f.Category; c != nil {
		s.ofCategories = true
		to(&s.category, c.ID)
		to(&s.categorySource, c.SourceID)
	}
	if e := f.Entry; e != nil {
		s.ofEntries, s.inactive = true, e.Inactive
		to(&s.idInSource, e.IDInSource)
		to(&s.source, e.SourceID)
		to(&s.cirid, e.CIRID)
		to(&s.owner, e.SourceOwnerID)
		to(&s.name, e.Name)
	}
	if p := f.Property; p != nil {
		s.ofProperties = true
		to(&s.property, p.ID)
		to(&s.dataType, p.DataType)
	}
	return s, errors.Join(errs...)
}

func compile(all []ThingFilter) ([]*sieve, error) {
	if len(all) > mostFilters {
		return nil, fmt.Errorf("%d filters are given, at most %d are taken", len(all), mostFilters)
	}
	if len(all) == 0 {
		all = []ThingFilter{{}}
	}
	out := make([]*sieve, len(all))
	for i := range all {
		var err error
		if out[i], err = all[i].compile(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// fits tells whether a text that a thing may not have fits.
func fits(p *item.Pattern, s string) bool { return p == nil || s != "" && p.Matches(s) }

func (s *sieve) fitsCategory(c item.CategoryIdentifier) bool {
	return fits(s.registry, c.RegistryID) && fits(s.category, c.CategoryID) && fits(s.categorySource, c.CategorySourceID)
}

func (s *sieve) fitsEntry(e *entry) bool {
	return s.fitsCategory(e.Key.Category()) && fits(s.idInSource, e.Key.IDInSource) && fits(s.source, e.Key.SourceID) &&
		fits(s.cirid, e.CIRID) && fits(s.owner, e.Owner) && fits(s.name, e.Name) &&
		(s.inactive == nil || *s.inactive == (e.Inactive != nil && *e.Inactive))
}

// fitsProperty tells whether a property is picked, of an entry that is.
func (s *sieve) fitsProperty(id string, p property) bool {
	return !s.ofProperties || fits(s.property, id) && fits(s.dataType, p.DataType)
}

// condition is what the database can tell beforehand; false: nothing.
func (s *sieve) condition(q *bun.SelectQuery) (*bun.SelectQuery, bool) {
	any := false
	for _, x := range []struct {
		column string
		p      *item.Pattern
	}{{"id_in_source", s.idInSource}, {"source", s.source}, {"cirid", s.cirid}, {"owner", s.owner}, {"name", s.name}} {
		switch {
		case x.p == nil:
		case x.p.Literal():
			q, any = q.Where("? = ?", bun.Ident(x.column), x.p.Prefix), true
			if x.column == "cirid" {
				q = q.Where("cirid <> ''") // as the index has it
			}
		case x.p.Prefix != "":
			q, any = q.Where("substr(?, 1, ?) = ?", bun.Ident(x.column), len([]rune(x.p.Prefix)), x.p.Prefix), true
		}
	}
	return q, any
}

// FoundThings is a page of what was asked for.
type FoundThings struct {
	Registries []item.RegistryItem `json:"registries"`
	Next       string              `json:"next,omitempty" doc:"Ask again with it as after for what follows; absent: that is all. A page may be short, or empty, and more follow: one looks at a bounded number of entries"`
}

// skeleton is all registries and categories.
type skeleton struct {
	registries []registryRow
	categories []categoryRow
	keys       map[int64]item.CategoryIdentifier
}

func readSkeleton(ctx context.Context, tx bun.IDB) (*skeleton, error) {
	k := new(skeleton)
	if err := tx.NewSelect().Model(&k.registries).Order("number").Scan(ctx); err != nil {
		return nil, err
	}
	if err := tx.NewSelect().Model(&k.categories).Order("number").Scan(ctx); err != nil {
		return nil, err
	}
	ids := make(map[int64]string, len(k.registries))
	for _, r := range k.registries {
		ids[r.Number] = r.ID
	}
	k.keys = make(map[int64]item.CategoryIdentifier, len(k.categories))
	for _, c := range k.categories {
		k.keys[c.Number] = item.In(ids[c.Registry], c.ID, c.Source)
	}
	return k, nil
}

// Get is GetRegistry. After is 0 at the beginning; next is 0 at the end.
func (s *Store) Get(ctx context.Context, filters []ThingFilter, after int64, limit int) (out *FoundThings, err error) {
	sieves, err := compile(filters)
	if err != nil {
		return nil, item.Invalid(err)
	}
	out = new(FoundThings)
	err = s.db.Reading(ctx, func(ctx context.Context, tx bun.Tx) error {
		k, err := readSkeleton(ctx, tx)
		if err != nil {
			return err
		}
		entries, next, err := pick(ctx, tx, sieves, k, after, limit)
		if err != nil {
			return err
		}
		if next != 0 {
			out.Next = strconv.FormatInt(next, 10)
		}
		out.Registries, err = k.tree(sieves, entries, after == 0)
		return err
	})
	return out, err
}

// pick reads entries that fit, with the properties that do, in the order in which
// they were made.
func pick(ctx context.Context, tx bun.IDB, sieves []*sieve, k *skeleton, after int64, limit int) (out []*entry, next int64, err error) {
	var in []int64 // categories that can have some
	for _, c := range k.categories {
		if slices.ContainsFunc(sieves, func(s *sieve) bool { return s.fitsCategory(k.keys[c.Number]) }) {
			in = append(in, c.Number)
		}
	}
	if len(in) == 0 {
		return nil, 0, nil
	}
	for scanned := 0; ; {
		var rows []entryRow
		if err := candidates(tx.NewSelect().Model(&rows), sieves, in, len(in) == len(k.categories)).Where("number > ?", after).Order("number").Limit(scanAtOnce).Scan(ctx); err != nil {
			return nil, 0, err
		}
		var some []*entry
		for i := range rows {
			e := rows[i].entry(k.keys[rows[i].Category])
			if slices.ContainsFunc(sieves, func(s *sieve) bool { return s.fitsEntry(e) }) {
				some = append(some, e)
			}
		}
		if err := propertiesOf(ctx, tx, some); err != nil {
			return nil, 0, err
		}
		for _, e := range some {
			if !show(sieves, e) {
				continue
			}
			if len(out) == limit {
				return out, out[limit-1].Number, nil
			}
			out = append(out, e)
		}
		if len(rows) < scanAtOnce {
			return out, 0, nil
		}
		after = rows[len(rows)-1].Number
		if scanned += len(rows); scanned >= mostScanned {
			return out, after, nil
		}
	}
}

// show leaves an entry those of its properties that are picked; false: it has
// none, and should have.
func show(sieves []*sieve, e *entry) bool {
	var of []*sieve
	for _, s := range sieves {
		if s.fitsEntry(e) {
			of = append(of, s)
		}
	}
	keep := false
	for _, s := range of {
		keep = keep || !s.ofProperties
	}
	for id, p := range e.Properties {
		if slices.ContainsFunc(of, func(s *sieve) bool { return s.fitsProperty(id, p) }) {
			keep = true
		} else {
			delete(e.Properties, id)
		}
	}
	return keep
}

// candidates asks for entries that may fit.
func candidates(q *bun.SelectQuery, sieves []*sieve, in []int64, all bool) *bun.SelectQuery {
	if !all && len(in) <= atOnce {
		q = q.Where("category IN (?)", bun.List(in))
	}
	for _, s := range sieves {
		if _, ok := s.condition(q.Clone()); !ok {
			return q
		}
	}
	return q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
		for _, s := range sieves {
			q = q.WhereGroup(" OR ", func(q *bun.SelectQuery) *bun.SelectQuery {
				q, _ = s.condition(q)
				return q
			})
		}
		return q
	})
}

// tree hangs entries into their categories and registries. On the first page
// those too are shown that were asked for themselves and have no entries.
func (k *skeleton) tree(sieves []*sieve, entries []*entry, first bool) ([]item.RegistryItem, error) {
	below := make(map[int64][]item.EntryItem)
	for _, e := range entries {
		shown, err := e.item()
		if err != nil {
			return nil, err
		}
		below[e.Category] = append(below[e.Category], shown)
	}
	categories := make(map[int64][]item.CategoryItem)
	for _, c := range k.categories {
		asked := first && slices.ContainsFunc(sieves, func(s *sieve) bool { return !s.ofEntries && !s.ofProperties && s.fitsCategory(k.keys[c.Number]) })
		if !asked && below[c.Number] == nil {
			continue
		}
		texts, err := decode[item.LocalText](c.Description)
		if err != nil {
			return nil, err
		}
		categories[c.Registry] = append(categories[c.Registry], item.CategoryItem{ID: c.ID, SourceID: c.Source, Description: texts, Entries: below[c.Number]})
	}
	out := make([]item.RegistryItem, 0, len(k.registries))
	for _, r := range k.registries {
		asked := first && slices.ContainsFunc(sieves, func(s *sieve) bool {
			return !s.ofCategories && !s.ofEntries && !s.ofProperties && fits(s.registry, r.ID)
		})
		if !asked && categories[r.Number] == nil {
			continue
		}
		texts, err := decode[item.LocalText](r.Description)
		if err != nil {
			return nil, err
		}
		out = append(out, item.RegistryItem{ID: r.ID, Description: texts, Categories: categories[r.Number]})
	}
	return out, nil
}

// item gives the entry as it is shown.
func (e *entry) item() (item.EntryItem, error) {
	texts, err := decode[item.LocalText](e.Description)
	if err != nil {
		return item.EntryItem{}, err
	}
	out := item.EntryItem{
		IDInSource: e.Key.IDInSource, SourceID: e.Key.SourceID, CIRID: item.Written(e.CIRID), SourceOwnerID: item.Written(e.Owner), Name: item.Written(e.Name),
		Description: texts, Inactive: e.Inactive,
	}
	for id, p := range e.Properties {
		values, err := decode[item.PropertyValue](p.Contents)
		if err != nil {
			return item.EntryItem{}, err
		}
		out.Properties = append(out.Properties, item.PropertyItem{ID: id, DataType: item.Written(p.DataType), Values: values})
	}
	slices.SortFunc(out.Properties, func(a, b item.PropertyItem) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

// LinkedEntry is an entry with where it is.
type LinkedEntry struct {
	RegistryID       string         `json:"registryId"`
	CategoryID       string         `json:"categoryId"`
	CategorySourceID string         `json:"categorySourceId"`
	Entry            item.EntryItem `json:"entry"`
}

func (e *entry) linked() (LinkedEntry, error) {
	shown, err := e.item()
	return LinkedEntry{e.Key.RegistryID, e.Key.CategoryID, e.Key.CategorySourceID, shown}, err
}

// targets are patterns of sources, of which one has to fit; none: all do.
type targets []*item.Pattern

func parseTargets(all []string) (targets, error) {
	var out targets
	if len(all) > mostFilters {
		return nil, fmt.Errorf("%d target sources are given, at most %d are taken", len(all), mostFilters)
	}
	for _, s := range all {
		p, err := item.ParsePattern(s)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func (t targets) fit(source string) bool {
	return len(t) == 0 || slices.ContainsFunc(t, func(p *item.Pattern) bool { return p.Matches(source) })
}

// byCIRIDs reads all entries of CIRIDs, and properties of them.
func byCIRIDs(ctx context.Context, tx bun.IDB, ids []string) ([]*entry, error) {
	var out []*entry
	names := make(map[int64]item.CategoryIdentifier)
	err := chunks(ids, atOnce, func(part []string) error {
		var rows []entryRow
		if err := tx.NewSelect().Model(&rows).Where("cirid <> '' AND cirid IN (?)", bun.List(part)).Order("number").Limit(mostLinked + 1).Scan(ctx); err != nil {
			return err
		}
		if len(rows)+len(out) > mostLinked {
			return item.Invalid(fmt.Errorf("more than %d entries would be in the answer; ask for fewer", mostLinked))
		}
		var ask []int64
		for i := range rows {
			if n := rows[i].Category; names[n] == (item.CategoryIdentifier{}) && !slices.Contains(ask, n) {
				ask = append(ask, n)
			}
		}
		keys, err := categoryKeys(ctx, tx, ask)
		if err != nil {
			return err
		}
		for n, k := range keys {
			names[n] = k
		}
		for i := range rows {
			out = append(out, rows[i].entry(names[rows[i].Category]))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, propertiesOf(ctx, tx, out)
}

// ByCIRID is GetEntriesByCIRID.
func (s *Store) ByCIRID(ctx context.Context, id string, sources []string) (out []LinkedEntry, err error) {
	if id, err = item.ParseCIRID(id); err != nil {
		return nil, item.Invalid(err)
	}
	only, err := parseTargets(sources)
	if err != nil {
		return nil, item.Invalid(err)
	}
	out = make([]LinkedEntry, 0)
	err = s.db.Reading(ctx, func(ctx context.Context, tx bun.Tx) error {
		all, err := byCIRIDs(ctx, tx, []string{id})
		if err != nil {
			return err
		}
		for _, e := range all {
			if only.fit(e.Key.SourceID) {
				l, err := e.linked()
				if err != nil {
					return err
				}
				out = append(out, l)
			}
		}
		return nil
	})
	return out, err
}

// EquivalentsOf is an entry and those that are the same thing.
type EquivalentsOf struct {
	item.EntryIdentifier
	Entry       *item.EntryItem `json:"entry" doc:"Null: there is none"`
	Equivalents []LinkedEntry   `json:"equivalents"`
}

// Equivalents is GetEquivalentEntries.
func (s *Store) Equivalents(ctx context.Context, keys []item.EntryIdentifier, sources []string) (out []EquivalentsOf, err error) {
	only, err := parseTargets(sources)
	if err != nil {
		return nil, item.Invalid(err)
	}
	out = make([]EquivalentsOf, len(keys))
	err = s.db.Reading(ctx, func(ctx context.Context, tx bun.Tx) error {
		given := make(map[item.EntryIdentifier]*entry)
		if err := readEntries(ctx, tx, keys, given); err != nil {
			return err
		}
		var ids []string
		asked := make(map[string]bool)
		for _, e := range given {
			if e.CIRID != "" && !asked[e.CIRID] {
				asked[e.CIRID] = true
				ids = append(ids, e.CIRID)
			}
		}
		all, err := byCIRIDs(ctx, tx, ids)
		if err != nil {
			return err
		}
		by := make(map[string][]*entry)
		for _, e := range all {
			by[e.CIRID] = append(by[e.CIRID], e)
		}
		n := 0
		for i, k := range keys {
			out[i] = EquivalentsOf{EntryIdentifier: k, Equivalents: make([]LinkedEntry, 0)}
			e := given[k]
			if e == nil {
				continue
			}
			shown, err := e.item()
			if err != nil {
				return err
			}
			out[i].Entry = &shown
			for _, other := range by[e.CIRID] {
				if other.Key == k || !only.fit(other.Key.SourceID) {
					continue
				}
				if n++; n > mostLinked {
					return item.Invalid(fmt.Errorf("more than %d entries would be in the answer; ask for fewer", mostLinked))
				}
				l, err := other.linked()
				if err != nil {
					return err
				}
				out[i].Equivalents = append(out[i].Equivalents, l)
			}
		}
		return nil
	})
	return out, err
}

// readEntries reads entries by their keys, and properties of them.
func readEntries(ctx context.Context, tx bun.IDB, keys []item.EntryIdentifier, out map[item.EntryIdentifier]*entry) error {
	k, err := readSkeleton(ctx, tx)
	if err != nil {
		return err
	}
	numbers := make(map[item.CategoryIdentifier]int64, len(k.keys))
	for n, key := range k.keys {
		numbers[key] = n
	}
	by := make(map[int64][]string)
	want := make(map[item.EntryIdentifier]bool, len(keys))
	for _, key := range keys {
		if n, ok := numbers[key.Category()]; ok && !want[key] {
			by[n] = append(by[n], key.IDInSource)
		}
		want[key] = true
	}
	var all []*entry
	for n, ids := range by {
		if err := chunks(ids, atOnce, func(part []string) error {
			var rows []entryRow
			if err := tx.NewSelect().Model(&rows).Where("category = ? AND id_in_source IN (?)", n, bun.List(part)).Scan(ctx); err != nil {
				return err
			}
			for i := range rows {
				if e := rows[i].entry(k.keys[n]); want[e.Key] && out[e.Key] == nil {
					out[e.Key] = e
					all = append(all, e)
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return propertiesOf(ctx, tx, all)
}
