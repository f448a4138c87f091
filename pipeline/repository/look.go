package repository

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/manifest"
)

// Stored is a model as it is kept.
type Stored[T Model] struct {
	Model     T         `json:"model"`
	Version   int64     `json:"version" doc:"Counts its changes; the ETag"`
	Created   time.Time `json:"created"`
	Changed   time.Time `json:"changed"`
	ChangedBy string    `json:"changedBy"`
}

func stored[T Model](d *doc) Stored[T] {
	return Stored[T]{Model: *d.model.(*T), Version: d.version, Created: d.created, Changed: d.changed, ChangedBy: d.by}
}

// Get finds a model by its id or name, or says [ErrNotFound].
func Get[T Model](ctx context.Context, s *Store, ref string) (Stored[T], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.lookLocked(ctx); err != nil {
		return Stored[T]{}, err
	}
	k := KindOf[T]()
	d := s.state.find(k, ref)
	if d == nil {
		return Stored[T]{}, notFound(k, ref)
	}
	return stored[T](d), nil
}

// Pick says which models are wanted.
type Pick struct {
	Text  string // in the name, description or id, in whatever case
	Refer string // id of a model that they refer to
	After string // the last name of the page before, with its id behind a null byte
	Limit int    // 0: all
}

// Page is a page of models, in order of their names.
type Page[T Model] struct {
	Items    []Stored[T]
	Total    int    // how many there are on all pages
	Next     string // After of the next page; empty on the last
	Revision int64
}

// ListOf gives a page of models.
func ListOf[T Model](ctx context.Context, s *Store, p Pick) (Page[T], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.lookLocked(ctx); err != nil {
		return Page[T]{}, err
	}
	out := Page[T]{Items: []Stored[T]{}, Revision: s.state.revision}
	text, refer := strings.ToLower(p.Text), strings.ToLower(p.Refer)
	for _, d := range s.state.inOrder(KindOf[T]()) {
		if refer != "" && !slices.ContainsFunc(d.uses, func(k key) bool { return k.id == refer }) {
			continue
		}
		if text != "" && !contains(d.model, text) {
			continue
		}
		out.Total++
		place := d.name() + "\x00" + d.id
		if place <= p.After {
			continue
		}
		if p.Limit > 0 && len(out.Items) == p.Limit {
			if out.Next == "" {
				last := out.Items[len(out.Items)-1].Model
				out.Next = nameOf(&last) + "\x00" + *idOf(&last)
			}
			continue
		}
		out.Items = append(out.Items, stored[T](d))
	}
	return out, nil
}

func contains(m any, text string) bool {
	if strings.Contains(*idOf(m), text) || strings.Contains(strings.ToLower(nameOf(m)), text) {
		return true
	}
	c := common(m)
	return c != nil && strings.Contains(strings.ToLower(c.Description), text)
}

// Users names the models that use one, by id or name.
func (s *Store) Users(ctx context.Context, k Kind, ref string) ([]User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.lookLocked(ctx); err != nil {
		return nil, err
	}
	d := s.state.find(k, ref)
	if d == nil {
		return nil, notFound(k, ref)
	}
	out := []User{}
	for _, u := range newDraft(&s.opts, s.state).users(d.key) {
		out = append(out, User{u.kind, u.id, u.name()})
	}
	return out, nil
}

// Bundle gives all models at one revision, in order of their names. It must not
// be changed.
func (s *Store) Bundle(ctx context.Context) (*manifest.Bundle, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.lookLocked(ctx); err != nil {
		return nil, 0, err
	}
	if s.bundle == nil {
		s.bundle = new(manifest.Bundle)
		for _, k := range kinds {
			for _, d := range s.state.inOrder(k) {
				add(s.bundle, d.model)
			}
		}
	}
	return s.bundle, s.state.revision, nil
}

// Version is one of a model.
type Version struct {
	Version int64     `json:"version"`
	What    string    `json:"what" enum:"created,changed,deleted,restored"`
	At      time.Time `json:"at"`
	Who     string    `json:"who"`
}

// Versions lists those of a model, the newest first, also of one that was deleted.
func (s *Store) Versions(ctx context.Context, k Kind, ref string) ([]Version, error) {
	id, err := s.idOf(ctx, k, ref)
	if err != nil {
		return nil, err
	}
	var rows []versionRow
	err = s.db.NewSelect().Model(&rows).ExcludeColumn("doc").Where("kind = ? AND id = ?", string(k), id).Order("version DESC").Scan(ctx)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, notFound(k, ref)
	}
	out := make([]Version, 0, len(rows))
	for _, r := range rows {
		out = append(out, Version{r.Version, r.What, time.UnixMilli(r.At).UTC(), r.Who})
	}
	return out, nil
}

// VersionOf gives a model as it was in a version.
func VersionOf[T Model](ctx context.Context, s *Store, ref string, version int64) (Stored[T], error) {
	k := KindOf[T]()
	id, err := s.idOf(ctx, k, ref)
	if err != nil {
		return Stored[T]{}, err
	}
	row, err := versionOf(ctx, s.db, k, id, version)
	if err != nil {
		return Stored[T]{}, err
	}
	m, err := decode(k, row.Doc, "")
	if err != nil {
		return Stored[T]{}, err
	}
	at := time.UnixMilli(row.At).UTC()
	return Stored[T]{Model: *m.(*T), Version: row.Version, Created: at, Changed: at, ChangedBy: row.Who}, nil
}

func (s *Store) idOf(ctx context.Context, k Kind, ref string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.lookLocked(ctx); err != nil {
		return "", err
	}
	if d := s.state.find(k, ref); d != nil {
		return d.id, nil
	}
	return strings.ToLower(ref), nil
}

// Change is one thing that was done.
type Change struct {
	Revision int64     `json:"revision" doc:"Of the repository; what was done at once has one"`
	Number   int64     `json:"number" doc:"Within the revision"`
	At       time.Time `json:"at"`
	Who      string    `json:"who"`
	Done
}

// LastChange is when a model was changed last, or, of a manifest, when what it
// shall do was; [ErrNotFound] when nothing is written down of it.
func (s *Store) LastChange(ctx context.Context, k Kind, id string) (time.Time, error) {
	var row changeRow
	err := s.db.NewSelect().Model(&row).Column("at").Where("kind = ? AND id = ?", string(k), id).Order("revision DESC", "number DESC").Limit(1).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, fmt.Errorf("%w: nothing is written down of %s %.60q", ErrNotFound, k.Noun(), id)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("read when %s %s changed: %w", k.Noun(), id, err)
	}
	return time.UnixMilli(row.At).UTC(), nil
}

// Changes lists what was done, the newest revision first; before is the last of
// the page before, nil of the first page.
func (s *Store) Changes(ctx context.Context, before *Change, limit int) ([]Change, error) {
	var rows []changeRow
	q := s.db.NewSelect().Model(&rows).Order("revision DESC", "number").Limit(int64(limit))
	if before != nil {
		q = q.Where("revision < ? OR (revision = ? AND number > ?)", before.Revision, before.Revision, before.Number)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, err
	}
	out := make([]Change, 0, len(rows))
	for _, r := range rows {
		out = append(out, Change{r.Revision, r.Number, time.UnixMilli(r.At).UTC(), r.Who, Done{Kind(r.Kind), r.ID, r.Name, r.What, r.Version}})
	}
	return out, nil
}
