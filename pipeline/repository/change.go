package repository

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/manifest"
)

// What was done to a model. Of the state of a manifest it is the state.
const (
	Created   = "created"
	Edited    = "changed"
	Deleted   = "deleted"
	Restored  = "restored"
	Unchanged = "unchanged"
)

// Done is what was done to one model.
type Done struct {
	Kind    Kind   `json:"kind" enum:"interfaces,kinds,source-definitions,gateways,sources,consumers,channels,definitions,manifests"`
	ID      string `json:"id"`
	Name    string `json:"name"`
	What    string `json:"what" enum:"created,changed,unchanged,deleted,restored,stopped,running,paused"`
	Version int64  `json:"version" doc:"That it has now"`
}

// Any stands for a version that does not matter.
const Any = -1

// work changes models by f, which works on a draft and gives what is to be told of
// it; dry: it is only judged. It gives what was done, in f's order.
func (s *Store) work(ctx context.Context, who string, dry bool, f func(ctx context.Context, tx bun.Tx, d *draft) ([]step, error)) ([]Done, map[key]*doc, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var done []Done
	var changed map[key]*doc
	var revision int64
	err := s.db.Alone(ctx, "models", func(ctx context.Context, tx bun.Tx) error {
		done, changed = nil, nil
		if err := s.sync(ctx, tx); err != nil {
			return err
		}
		d := newDraft(&s.opts, s.state)
		steps, err := f(ctx, tx, d)
		if err != nil {
			return err
		}
		revision = s.state.revision + 1
		w := &writer{tx: tx, revision: revision, now: s.opts.Now().UTC().Truncate(time.Millisecond), who: who}
		if err = s.judge(ctx, w, d, steps); err != nil {
			return err
		}
		done, changed = w.done, d.changed
		if dry || len(w.rows) == 0 {
			return errNothing
		}
		return w.write(ctx)
	})
	if errors.Is(err, errNothing) {
		return done, changed, nil
	}
	if err != nil {
		return nil, nil, err
	}
	s.state.apply(changed, revision)
	s.tell()
	return done, changed, nil
}

// errNothing ends a transaction that has nothing to store.
var errNothing = errors.New("nothing is to be stored")

// step is one change of a draft.
type step struct {
	doc     *doc   // of a deletion as it was
	what    string // Deleted, Restored or empty
	version int64  // that it was made for; Any
}

// judge says what is wrong with a draft, or has a writer note what it changes.
func (s *Store) judge(ctx context.Context, w *writer, d *draft, steps []step) error {
	var set []*doc
	for i := range steps {
		x := &steps[i]
		was := int64(0)
		if old := s.state.docs[x.doc.kind][x.doc.id]; old != nil {
			was = old.version
		}
		if x.version >= 0 && x.version != was {
			return fmt.Errorf("%w: %s is at version %d", ErrChanged, x.doc.title(), was)
		}
		if x.what != Deleted {
			set = append(set, x.doc)
		}
	}
	if err := d.resolve(set); err != nil {
		return err
	}
	for _, x := range set {
		doc, state, err := encode(x.model)
		if err != nil {
			return fmt.Errorf("%w: %s cannot be written: %w", ErrInvalid, x.title(), err)
		}
		x.json = doc
		if m, ok := x.model.(*manifest.Manifest); ok {
			if state == "" { // as it was
				m.State = x.state
			}
			if m.State == "" {
				m.State = manifest.Stopped
			}
			x.state = m.State
		}
	}
	if err := d.settle(); err != nil {
		return err
	}
	if err := w.remember(ctx, s.state, steps); err != nil {
		return err
	}
	for _, x := range steps {
		w.take(s.state, d, x)
	}
	return nil
}

// Create stores a new model. An id is made when it has none. It gives the model as
// it is stored.
func Create[T Model](ctx context.Context, s *Store, m T, who string) (Stored[T], error) {
	return put(ctx, s, m, 0, true, who)
}

// Put changes the model that has this id or, without an id, this name, or makes a
// new one. version is that which it was made for; [Any]: whichever; 0: there must
// be none yet.
func Put[T Model](ctx context.Context, s *Store, m T, version int64, who string) (Stored[T], error) {
	return put(ctx, s, m, version, false, who)
}

func put[T Model](ctx context.Context, s *Store, m T, version int64, create bool, who string) (Stored[T], error) {
	c, err := clone(&m)
	if err != nil {
		return Stored[T]{}, err
	}
	var at key
	_, after, err := s.work(ctx, who, false, func(_ context.Context, _ bun.Tx, d *draft) ([]step, error) {
		if create && *idOf(c) != "" {
			if was := d.base.docs[kindOf(c)][strings.ToLower(*idOf(c))]; was != nil {
				return nil, &Taken{was.kind, "id", was.id}
			}
		}
		if !create {
			d.adopt(c)
		}
		x, err := d.set(c)
		if err != nil {
			return nil, err
		}
		at = x.key
		return []step{{doc: x, version: version}}, nil
	})
	if err != nil {
		return Stored[T]{}, err
	}
	return stored[T](after[at]), nil
}

// adopt gives a model without an id that of the one with its name.
func (d *draft) adopt(m any) {
	id := idOf(m)
	if *id != "" {
		return
	}
	if c, ok := m.(*manifest.Channel); ok {
		source, consumer := d.find(Sources, c.Source), d.find(Consumers, c.Consumer)
		if source != nil && consumer != nil {
			*id = d.base.names[Channels][source.id+" "+consumer.id]
		}
		return
	}
	*id = d.base.names[kindOf(m)][nameOf(m)]
}

// Delete removes a model by its id or name. What others use is not removed:
// [ErrInUse] names them.
func (s *Store) Delete(ctx context.Context, k Kind, ref string, version int64, who string) error {
	_, _, err := s.work(ctx, who, false, func(_ context.Context, _ bun.Tx, d *draft) ([]step, error) {
		was := s.state.find(k, ref)
		if was == nil {
			return nil, notFound(k, ref)
		}
		d.drop(was)
		return []step{{doc: was, what: Deleted, version: version}}, nil
	})
	return err
}

func notFound(k Kind, ref string) error {
	return fmt.Errorf("%w: there is no %s %.60q", ErrNotFound, k.Noun(), ref)
}

// SetState says what a manifest shall do. It makes no version.
func (s *Store) SetState(ctx context.Context, ref string, to manifest.State, who string) error {
	_, _, err := s.work(ctx, who, false, func(_ context.Context, _ bun.Tx, d *draft) ([]step, error) {
		was := s.state.find(Manifests, ref)
		if was == nil {
			return nil, notFound(Manifests, ref)
		}
		c, err := clone(was.model)
		if err != nil {
			return nil, err
		}
		c.(*manifest.Manifest).State = to
		x, err := d.set(c)
		if err != nil {
			return nil, err
		}
		return []step{{doc: x, version: Any}}, nil
	})
	return err
}

// Restore makes a version that is as an earlier one was, also of a model that was
// deleted. What it refers to must be there.
func (s *Store) Restore(ctx context.Context, k Kind, ref string, version, match int64, who string) error {
	_, _, err := s.work(ctx, who, false, func(ctx context.Context, tx bun.Tx, d *draft) ([]step, error) {
		id := strings.ToLower(ref)
		if was := s.state.find(k, ref); was != nil {
			id = was.id
		}
		row, err := versionOf(ctx, tx, k, id, version)
		if err != nil {
			return nil, err
		}
		m, err := decode(k, row.Doc, "")
		if err != nil {
			return nil, fmt.Errorf("read version %d of %s %s: %w", version, k.Noun(), id, err)
		}
		x, err := d.set(m)
		if err != nil {
			return nil, err
		}
		return []step{{doc: x, what: Restored, version: match}}, nil
	})
	return err
}

// Apply brings in all models of a bundle, all or nothing; those with an id by it,
// the others by name (a channel by its source and consumer). Models that the
// bundle does not have stay as they are. dryRun: it only tells what would be done.
func (s *Store) Apply(ctx context.Context, b *manifest.Bundle, dryRun bool, who string) ([]Done, error) {
	copies, err := copied(b)
	if err != nil {
		return nil, err
	}
	done, _, err := s.work(ctx, who, dryRun, func(_ context.Context, _ bun.Tx, d *draft) ([]step, error) {
		var steps []step
		set := func(m any) error {
			d.adopt(m)
			x, err := d.set(m)
			steps = append(steps, step{doc: x, version: Any})
			return err
		}
		var channels []any
		for _, m := range copies {
			if kindOf(m) == Channels {
				channels = append(channels, m)
			} else if err := set(m); err != nil {
				return nil, err
			}
		}
		// Channels without an id are found by their source and consumer, and these
		// by their names.
		for _, x := range steps {
			if err := d.take(x.doc); err != nil {
				return nil, err
			}
		}
		for _, m := range channels {
			if err := set(m); err != nil {
				return nil, err
			}
		}
		return steps, nil
	})
	return done, err
}

func copied(b *manifest.Bundle) ([]any, error) {
	var out []any
	var errs []error
	each(b, func(m any) {
		c, err := clone(m)
		out, errs = append(out, c), append(errs, err)
	})
	return out, errors.Join(errs...)
}

// each visits all models of a bundle, those before that others refer to.
func each(b *manifest.Bundle, visit func(m any)) {
	some(b.Interfaces, visit)
	some(b.Kinds, visit)
	some(b.SourceDefinitions, visit)
	some(b.Gateways, visit)
	some(b.Sources, visit)
	some(b.Consumers, visit)
	some(b.Channels, visit)
	some(b.Definitions, visit)
	some(b.Manifests, visit)
}

func some[T Model](all []T, visit func(m any)) {
	for i := range all {
		visit(&all[i])
	}
}

func versionOf(ctx context.Context, db bun.IDB, k Kind, id string, version int64) (versionRow, error) {
	var row versionRow
	err := db.NewSelect().Model(&row).Where("kind = ? AND id = ? AND version = ? AND doc <> ''", string(k), id, version).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return row, fmt.Errorf("%w: there is no version %d of %s %.60q", ErrNotFound, version, k.Noun(), id)
	}
	return row, err
}
