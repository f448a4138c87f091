package book

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/record"
)

// Event is that an object changed its state.
type Event struct {
	bun.BaseModel `bun:"table:service_events,alias:e" json:"-"`

	Number int64         `bun:"number,pk"`
	At     record.Millis `bun:"at"`
	Object string        `bun:"object"`
	Was    string        `bun:"was"` // empty: none was known
	Is     string        `bun:"is_now"`
}

// rowsAtOnce is how many rows are put into one statement.
const rowsAtOnce = 500

// mostEvents bounds the events that are kept; the oldest go first.
const mostEvents = 2_000_000

// Note stores events in their order, by who took the epoch.
func (s *Store) Note(ctx context.Context, epoch int64, events []Event) error {
	if len(events) == 0 {
		return nil
	}
	return s.db.Alone(ctx, lock, func(ctx context.Context, tx bun.Tx) error {
		if err := ours(ctx, tx, epoch); err != nil {
			return err
		}
		var number int64
		if err := tx.NewSelect().Model((*Event)(nil)).ColumnExpr("COALESCE(MAX(number), 0)").Scan(ctx, &number); err != nil {
			return err
		}
		for i := 0; i < len(events); i += rowsAtOnce {
			rows := append([]Event(nil), events[i:min(i+rowsAtOnce, len(events))]...)
			for k := range rows {
				number++
				rows[k].Number = number
			}
			if _, err := tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// Standing gives the newest event of every object at a time, of all that are
// kept.
func (s *Store) Standing(ctx context.Context, at record.Millis) ([]Event, error) {
	newest := s.db.NewSelect().Model((*Event)(nil)).ModelTableExpr("service_events AS n").ColumnExpr("MAX(n.number)").Where("n.at <= ?", at).GroupExpr("n.object")
	var rows []Event
	err := s.db.NewSelect().Model(&rows).Where("e.number IN (?)", newest).Order("e.object").Scan(ctx)
	return rows, err
}

// Events gives those after from and up to to, the oldest first; of one object
// when it is not empty.
func (s *Store) Events(ctx context.Context, object string, from, to record.Millis, limit int) ([]Event, error) {
	var rows []Event
	q := s.db.NewSelect().Model(&rows).Where("at > ? AND at <= ?", from, to).Order("number").Limit(int64(limit))
	if object != "" {
		q = q.Where("object = ?", object)
	}
	err := q.Scan(ctx)
	return rows, err
}

// Trim removes what ended before a time: events, but for the newest of each
// object, substitutions, results, and work that is done.
func (s *Store) Trim(ctx context.Context, epoch int64, before record.Millis) error {
	return s.db.Alone(ctx, lock, func(ctx context.Context, tx bun.Tx) error {
		if err := ours(ctx, tx, epoch); err != nil {
			return err
		}
		var number int64
		if err := tx.NewSelect().Model((*Event)(nil)).ColumnExpr("COALESCE(MAX(number), 0)").Scan(ctx, &number); err != nil {
			return err
		}
		newest := tx.NewSelect().Model((*Event)(nil)).ModelTableExpr("service_events AS n").ColumnExpr("MAX(n.number)").GroupExpr("n.object")
		if _, err := tx.NewDelete().Model((*Event)(nil)).Where("(at < ? OR number <= ?)", before, number-mostEvents).Where("number NOT IN (?)", newest).Exec(ctx); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model((*Substitution)(nil)).Where("ended < ?", before).Exec(ctx); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model((*Result)(nil)).Where("day < ?", before).Exec(ctx); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model((*Waiting)(nil)).Where("done < ?", before).Exec(ctx); err != nil {
			return err
		}
		return s.trimForesight(ctx, tx, before)
	})
}

// Substitution is that something stood in for an object.
type Substitution struct {
	bun.BaseModel `bun:"table:service_substitutions,alias:s" json:"-"`

	ID       string         `bun:"id,pk"`
	Object   string         `bun:"object"`
	Began    record.Millis  `bun:"began"`
	Ended    *record.Millis `bun:"ended"` // nil while it lasts
	Doc      string         `bun:"doc"`
	Seen     *float64       `bun:"seen"` // mean error since; nil: not known
	Compared int64          `bun:"compared"`
}

// Substitute stores substitutions that began, ended or were compared, by who took
// the epoch.
func (s *Store) Substitute(ctx context.Context, epoch int64, all []Substitution) error {
	if len(all) == 0 {
		return nil
	}
	return s.db.Alone(ctx, lock, func(ctx context.Context, tx bun.Tx) error {
		if err := ours(ctx, tx, epoch); err != nil {
			return err
		}
		for i := 0; i < len(all); i += rowsAtOnce {
			rows := all[i:min(i+rowsAtOnce, len(all))]
			if _, err := tx.NewInsert().Model(&rows).On("CONFLICT (id) DO UPDATE").
				Set("ended = EXCLUDED.ended, seen = EXCLUDED.seen, compared = EXCLUDED.compared").Exec(ctx); err != nil {
				return err
			}
		}
		_, err := tx.NewUpdate().Model((*workRow)(nil)).Set("stands = stands + 1").Where("id = 1").Exec(ctx)
		return err
	})
}

// Unscored gives substitutions that ended after a time and are not compared yet.
func (s *Store) Unscored(ctx context.Context, after record.Millis, limit int) ([]Substitution, error) {
	var rows []Substitution
	err := s.db.NewSelect().Model(&rows).Where("ended > ? AND compared = 0", after).Order("ended", "id").Limit(int64(limit)).Scan(ctx)
	return rows, err
}

// Substitutions gives those that lasted at some time of a span, the newest first:
// of one object, when it is not empty; only those that last still when active.
func (s *Store) Substitutions(ctx context.Context, object string, active bool, from, to record.Millis, limit int) ([]Substitution, error) {
	var rows []Substitution
	q := s.db.NewSelect().Model(&rows).Where("began < ?", to).Order("began DESC", "id").Limit(int64(limit))
	if active {
		q = q.Where("ended IS NULL")
	} else {
		q = q.Where("(ended IS NULL OR ended > ?)", from)
	}
	if object != "" {
		q = q.Where("object = ?", object)
	}
	err := q.Scan(ctx)
	return rows, err
}
