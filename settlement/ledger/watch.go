package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/record"
)

// Books is the database of what people have decided. Packages that keep tables
// of their own in it have their own migrations.
func (s *Store) Books() *sqldb.DB { return s.books }

// Settled is the database of what can be computed again. It is Books where that
// is a PostgreSQL.
func (s *Store) Settled() *sqldb.DB { return s.db }

// notesLock is held by whoever notes changes, and whoever says what is watched:
// notes have the order in which they can be read.
const notesLock = "settled notes"

// Note tells that windows of 15 minutes of a watched point changed. Numbers
// rise, and are in the order in which notes can be read.
type Note struct {
	Number int64
	Point  int64         // see [Store.IDs]
	Begin  record.Millis // half-open
	End    record.Millis
}

// Watch has changes of these points noted too. What is written after it has
// returned is noted.
func (s *Store) Watch(ctx context.Context, points []Point) error {
	ids, err := s.IDs(ctx, points, true)
	if err != nil {
		return err
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	err = s.db.Alone(ctx, notesLock, func(ctx context.Context, tx bun.Tx) error {
		was, err := watched(ctx, tx.Tx)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if !was[id] {
				if _, err := tx.ExecContext(ctx, "INSERT INTO settled_watched (point) VALUES (?)", id); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("watch settled windows: %w", err)
	}
	return nil
}

func watched(ctx context.Context, tx *sql.Tx) (map[int64]bool, error) {
	rows, err := tx.QueryContext(ctx, "SELECT point FROM settled_watched")
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	out := make(map[int64]bool)
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		out[id] = true
	}
	return out, rows.Err()
}

// note notes in a transaction which watched points change. Changes of a point
// that follow one another within a day are one note.
func (w *writer) note(ctx context.Context, changes []Change) error {
	if w.shared {
		if _, err := w.tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", sqldb.Key(notesLock)); err != nil {
			return err
		}
	}
	all, err := watched(ctx, w.tx)
	if err != nil || len(all) == 0 {
		return err
	}
	var notes []Note
	last := make(map[int64]int) // of notes, by point
	for i := range changes {
		c := &changes[i]
		if !all[c.Point] {
			continue
		}
		end := c.Start + quarter
		if k, ok := last[c.Point]; ok && c.Start >= notes[k].Begin && c.Start <= notes[k].End+96*quarter {
			notes[k].End = max(notes[k].End, end)
			continue
		}
		last[c.Point] = len(notes)
		notes = append(notes, Note{Point: c.Point, Begin: c.Start, End: end})
	}
	if len(notes) == 0 {
		return nil
	}
	var number sql.NullInt64
	if err := w.tx.QueryRowContext(ctx, "SELECT MAX(number) FROM settled_notes").Scan(&number); err != nil {
		return err
	}
	for i, n := range notes {
		q := "INSERT INTO settled_notes (number, point, begin_at, end_at) VALUES (" + w.place(1) + ", " + w.place(2) + ", " + w.place(3) + ", " + w.place(4) + ")"
		if _, err := w.tx.ExecContext(ctx, q, number.Int64+int64(i)+1, n.Point, int64(n.Begin), int64(n.End)); err != nil {
			return err
		}
	}
	return nil
}

// Notes gives the notes after a number, at most so many, in order.
func (s *Store) Notes(ctx context.Context, after int64, limit int) ([]Note, error) {
	var out []Note
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	q := fmt.Sprintf("SELECT number, point, begin_at, end_at FROM settled_notes WHERE number > %d ORDER BY number LIMIT %d", after, limit)
	rows, err := s.db.DB.DB.QueryContext(ctx, q) // below bun, whose deadline ends with the first row
	if err != nil {
		return nil, fmt.Errorf("read what changed: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	for rows.Next() {
		var n Note
		if err := rows.Scan(&n.Number, &n.Point, &n.Begin, &n.End); err != nil {
			return nil, fmt.Errorf("read what changed: %w", err)
		}
		out = append(out, n)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read what changed: %w", err)
	}
	return out, nil
}

// LastNote gives the number of the newest note of all, and whether one of those
// after a number is about a point and a time before a moment.
func (s *Store) LastNote(ctx context.Context, after int64, point int64, before record.Millis) (newest int64, touched bool, err error) {
	var n sql.NullInt64
	var about int64
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	q := fmt.Sprintf("SELECT (SELECT MAX(number) FROM settled_notes), (SELECT COUNT(*) FROM settled_notes WHERE number > %d AND point = %d AND begin_at < %d)", after, point, before)
	if err := s.db.DB.DB.QueryRowContext(ctx, q).Scan(&n, &about); err != nil {
		return 0, false, fmt.Errorf("read what changed: %w", err)
	}
	return n.Int64, about > 0, nil
}

// DropNotes removes the notes up to a number, but for the newest of all, by which
// numbers go on rising.
func (s *Store) DropNotes(ctx context.Context, upTo int64) error {
	if _, err := s.db.ExecContext(ctx, "DELETE FROM settled_notes WHERE number <= ? AND number < (SELECT MAX(number) FROM settled_notes)", upTo); err != nil {
		return fmt.Errorf("remove notes of what changed: %w", err)
	}
	return nil
}
