package repository

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/uptrace/bun"
)

// atOnce is how many rows one statement writes.
const atOnce = 500

// writer writes one change: all rows that go first, then all that come, as a
// name may pass from one model to another.
type writer struct {
	tx       bun.Tx
	revision int64
	now      time.Time
	who      string
	gone     map[key]int64 // versions that models had that are gone

	done     []Done
	rows     []documentRow
	versions []versionRow
	changes  []changeRow
}

// take notes one step.
func (w *writer) take(was *state, d *draft, x step) {
	old := was.docs[x.doc.kind][x.doc.id]
	now := x.doc
	if x.what == Deleted {
		w.note(now, Deleted, old.version+1, "")
		return
	}
	same := old != nil && old.json == now.json && x.what != Restored
	if same && old.state == now.state {
		d.changed[now.key] = old
		w.done = append(w.done, Done{now.kind, now.id, old.name(), Unchanged, old.version})
		return
	}
	now.revision = w.revision
	if same { // only what it shall do; that is no version
		now.changed, now.by = old.changed, old.by
		w.note(now, string(now.state), old.version, "")
		return
	}
	now.changed, now.by = w.now, w.who
	if old != nil {
		now.version = old.version + 1
		if x.what == "" {
			x.what = Edited
		}
	} else {
		now.created, now.version = w.now, w.gone[now.key]+1
		if x.what == "" {
			x.what = Created
		}
	}
	w.note(now, x.what, now.version, now.json)
}

func (w *writer) note(x *doc, what string, version int64, doc string) {
	w.done = append(w.done, Done{x.kind, x.id, x.name(), what, version})
	row := *x.row()
	row.Version, row.Revision = version, w.revision
	if what == Deleted {
		row.Gone, row.Doc, row.State, row.Name, row.Namespace, row.Changed, row.ChangedBy = 1, "", "", "", "", w.now.UnixMilli(), w.who
	}
	w.rows = append(w.rows, row)
	if doc != "" || what == Deleted {
		w.versions = append(w.versions, versionRow{Kind: row.Kind, ID: row.ID, Version: version, Doc: doc, What: what, At: w.now.UnixMilli(), Who: w.who})
	}
	w.changes = append(w.changes, changeRow{
		Revision: w.revision, Number: int64(len(w.changes) + 1), Kind: row.Kind, ID: row.ID, Name: x.name(), What: what, Version: version, At: w.now.UnixMilli(), Who: w.who,
	})
}

// remember finds the versions that models had that are set now and were deleted.
func (w *writer) remember(ctx context.Context, was *state, steps []step) error {
	w.gone = make(map[key]int64)
	ids := make(map[Kind][]string)
	for _, x := range steps {
		if was.docs[x.doc.kind][x.doc.id] == nil {
			ids[x.doc.kind] = append(ids[x.doc.kind], x.doc.id)
		}
	}
	for k, all := range ids {
		for some := range slices.Chunk(all, atOnce) {
			var rows []documentRow
			if err := w.tx.NewSelect().Model(&rows).Column("kind", "id", "version").Where("kind = ? AND id IN (?)", string(k), bun.List(some)).Scan(ctx); err != nil {
				return err
			}
			for _, r := range rows {
				w.gone[key{k, r.ID}] = r.Version
			}
		}
	}
	return nil
}

// write stores all that was noted.
func (w *writer) write(ctx context.Context) error {
	ids := make(map[string][]string)
	for i := range w.rows {
		ids[w.rows[i].Kind] = append(ids[w.rows[i].Kind], w.rows[i].ID)
	}
	for kind, all := range ids {
		for some := range slices.Chunk(all, atOnce) {
			if _, err := w.tx.NewDelete().Model((*documentRow)(nil)).Where("kind = ? AND id IN (?)", kind, bun.List(some)).Exec(ctx); err != nil {
				return err
			}
		}
	}
	if err := insert(ctx, w.tx, w.rows); err != nil {
		return err
	}
	if err := insert(ctx, w.tx, w.versions); err != nil {
		return err
	}
	if err := insert(ctx, w.tx, w.changes); err != nil {
		return err
	}
	for i := range w.versions {
		v := &w.versions[i]
		if v.Version <= mostVersions {
			continue
		}
		if _, err := w.tx.NewDelete().Model((*versionRow)(nil)).Where("kind = ? AND id = ? AND version <= ?", v.Kind, v.ID, v.Version-mostVersions).Exec(ctx); err != nil {
			return err
		}
	}
	if _, err := w.tx.NewUpdate().Model((*revisionRow)(nil)).Set("revision = ?", w.revision).Where("id = 1").Exec(ctx); err != nil {
		return err
	}
	if w.revision%100 != 0 { // now and then is enough
		return nil
	}
	return forget(ctx, w.tx, mostChanges, mostGone)
}

func insert[T any](ctx context.Context, tx bun.Tx, all []T) error {
	for some := range slices.Chunk(all, atOnce) {
		if _, err := tx.NewInsert().Model(&some).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// forget removes changes, and models that were deleted, beyond a number.
func forget(ctx context.Context, tx bun.Tx, changes, deleted int64) error {
	var edge changeRow
	err := tx.NewSelect().Model(&edge).Order("revision DESC", "number DESC").Offset(changes).Limit(1).Scan(ctx)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if err == nil {
		if _, err := tx.NewDelete().Model((*changeRow)(nil)).Where("revision <= ?", edge.Revision).Exec(ctx); err != nil {
			return err
		}
	}
	var gone documentRow
	err = tx.NewSelect().Model(&gone).Where("gone = 1").Order("revision DESC", "kind", "id").Offset(deleted).Limit(1).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, q := range []string{
		"DELETE FROM model_versions WHERE EXISTS (SELECT 1 FROM model_documents AS d WHERE d.kind = model_versions.kind AND d.id = model_versions.id AND d.gone = 1 AND d.revision <= ?)",
		"DELETE FROM model_documents WHERE gone = 1 AND revision <= ?",
		"UPDATE model_revision SET floor = ? WHERE id = 1",
	} {
		if _, err := tx.ExecContext(ctx, q, gone.Revision); err != nil {
			return err
		}
	}
	return nil
}
