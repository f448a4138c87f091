package book

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/record"
)

// Foreseen is the kind of documents that say of which objects every day is forecast.
const Foreseen = "foreseen"

// Forecast is a day of an object that was forecast, and what came of it.
type Forecast struct {
	bun.BaseModel `bun:"table:service_forecasts,alias:f" json:"-"`

	Object   string        `bun:"object,pk"`
	Day      record.Millis `bun:"day,pk"` // when it begins
	Ends     record.Millis `bun:"ends"`
	Zone     string        `bun:"zone"`
	Made     record.Millis `bun:"made"`
	Known    record.Millis `bun:"known"` // nothing later had an influence
	Ahead    int64         `bun:"ahead"`
	Model    string        `bun:"model"`
	Because  string        `bun:"because"`
	Expected *float64      `bun:"expected"` // mean absolute error on days before; nil: not tried
	Doc      string        `bun:"doc"`

	Checked  record.Millis `bun:"checked"` // when it was compared with what was measured; 0: not yet
	Compared int64         `bun:"compared"`
	Seen     *float64      `bun:"seen"` // mean absolute error; nil: not known
	Size     *float64      `bun:"size"`
	Inside   int64         `bun:"inside"`
}

// Foresee stores forecasts in the place of those of the same days that knew no more.
func (s *Store) Foresee(ctx context.Context, all ...Forecast) error {
	if len(all) == 0 {
		return nil
	}
	_, err := s.db.NewInsert().Model(&all).On("CONFLICT (object, day) DO UPDATE").
		Set("ends = EXCLUDED.ends, zone = EXCLUDED.zone, made = EXCLUDED.made, known = EXCLUDED.known, ahead = EXCLUDED.ahead, model = EXCLUDED.model").
		Set("because = EXCLUDED.because, expected = EXCLUDED.expected, doc = EXCLUDED.doc").
		Where("f.checked = 0 AND EXCLUDED.known >= f.known").Exec(ctx)
	return err
}

// Compare stores what came of forecasts.
func (s *Store) Compare(ctx context.Context, all ...Forecast) error {
	for i := range all {
		if _, err := s.db.NewUpdate().Model(&all[i]).Column("checked", "compared", "seen", "size", "inside").WherePK().Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Forecast gives that of a day; ErrNotFound when there is none.
func (s *Store) Forecast(ctx context.Context, object string, day record.Millis) (Forecast, error) {
	var row Forecast
	err := s.db.NewSelect().Model(&row).Where("object = ? AND day = ?", object, day).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("%w: there is no forecast of %q for this day", ErrNotFound, object)
	}
	return row, err
}

// Forecasts gives those of days that begin in a span, by day and object: of one
// object when it is not empty, after a day and an object when that is not empty.
func (s *Store) Forecasts(ctx context.Context, object string, from, to record.Millis, day record.Millis, after string, limit int) ([]Forecast, error) {
	var rows []Forecast
	q := s.db.NewSelect().Model(&rows).Where("day >= ? AND day < ?", from, to).Order("day DESC", "object").Limit(int64(limit))
	if object != "" {
		q = q.Where("object = ?", object)
	}
	if after != "" {
		q = q.Where("(day < ? OR day = ? AND object > ?)", day, day, after)
	}
	err := q.Scan(ctx)
	return rows, err
}

// Foreknown gives what is forecast of days that are over at a time or later, without
// the values.
func (s *Store) Foreknown(ctx context.Context, at record.Millis) ([]Forecast, error) {
	var rows []Forecast
	err := s.db.NewSelect().Model(&rows).ExcludeColumn("doc").Where("ends > ?", at).Scan(ctx)
	return rows, err
}

// Uncompared gives forecasts of days that were over at a time and are not compared
// yet, the oldest first.
func (s *Store) Uncompared(ctx context.Context, over record.Millis, limit int) ([]Forecast, error) {
	var rows []Forecast
	err := s.db.NewSelect().Model(&rows).Where("ends <= ? AND checked = 0", over).Order("day", "object").Limit(int64(limit)).Scan(ctx)
	return rows, err
}

// Named is that somebody wanted to know what is going to be of an object.
type Named struct {
	bun.BaseModel `bun:"table:service_named,alias:n" json:"-"`

	Object string        `bun:"object,pk"`
	Why    string        `bun:"why,pk"`
	At     record.Millis `bun:"at"`
}

// mostNamed bounds the objects that are named.
const mostNamed = 20_000

// Name notes who wanted to know. More than are kept are not noted.
func (s *Store) Name(ctx context.Context, all ...Named) error {
	if len(all) == 0 {
		return nil
	}
	n, err := s.db.NewSelect().Model((*Named)(nil)).Count(ctx)
	if err != nil || n+int64(len(all)) > mostNamed {
		return err
	}
	_, err = s.db.NewInsert().Model(&all).On("CONFLICT (object, why) DO UPDATE").Set("at = EXCLUDED.at").Exec(ctx)
	return err
}

// Names gives who wanted to know after a time, the last first.
func (s *Store) Names(ctx context.Context, after record.Millis) ([]Named, error) {
	var rows []Named
	err := s.db.NewSelect().Model(&rows).Where("at > ?", after).Order("at DESC", "object", "why").Scan(ctx)
	return rows, err
}

// Anomaly is something that could not be right, or was not usual.
type Anomaly struct {
	bun.BaseModel `bun:"table:service_anomalies,alias:a" json:"-"`

	Object   string        `bun:"object,pk"`
	Kind     string        `bun:"kind,pk"`
	Began    record.Millis `bun:"began,pk"`
	Ended    record.Millis `bun:"ended"`
	Found    record.Millis `bun:"found"`
	Lasts    int64         `bun:"lasts"` // 1: it may go on
	Values   int64         `bun:"vals"`
	Value    *float64      `bun:"value"`
	Expected *float64      `bun:"expected"`
}

// Watched is up to when an object was looked at.
type Watched struct {
	bun.BaseModel `bun:"table:service_watched,alias:w" json:"-"`

	Object string        `bun:"object,pk"`
	Looked record.Millis `bun:"looked"`
}

// Find stores what was found, removes what turned out to be something else, and notes
// up to when it was looked. With doubt everybody looks again what is to be believed.
func (s *Store) Find(ctx context.Context, found, gone []Anomaly, looked []Watched, doubt bool) error {
	return s.db.Alone(ctx, lock, func(ctx context.Context, tx bun.Tx) error {
		for i := range gone {
			if _, err := tx.NewDelete().Model(&gone[i]).WherePK().Exec(ctx); err != nil {
				return err
			}
		}
		for i := 0; i < len(found); i += rowsAtOnce {
			rows := found[i:min(i+rowsAtOnce, len(found))]
			if _, err := tx.NewInsert().Model(&rows).On("CONFLICT (object, began, kind) DO UPDATE").
				Set("ended = EXCLUDED.ended, lasts = EXCLUDED.lasts, vals = EXCLUDED.vals, value = EXCLUDED.value, expected = EXCLUDED.expected").Exec(ctx); err != nil {
				return err
			}
		}
		for i := 0; i < len(looked); i += rowsAtOnce {
			rows := looked[i:min(i+rowsAtOnce, len(looked))]
			if _, err := tx.NewInsert().Model(&rows).On("CONFLICT (object) DO UPDATE").Set("looked = EXCLUDED.looked").Exec(ctx); err != nil {
				return err
			}
		}
		if !doubt {
			return nil
		}
		_, err := tx.NewUpdate().Model((*workRow)(nil)).Set("stands = stands + 1").Where("id = 1").Exec(ctx)
		return err
	})
}

// Looked gives up to when objects were looked at.
func (s *Store) Looked(ctx context.Context) (map[string]record.Millis, error) {
	var rows []Watched
	if err := s.db.NewSelect().Model(&rows).Scan(ctx); err != nil {
		return nil, err
	}
	out := make(map[string]record.Millis, len(rows))
	for _, r := range rows {
		out[r.Object] = r.Looked
	}
	return out, nil
}

// Lasting gives anomalies that may go on, of these kinds; of all when there are none.
func (s *Store) Lasting(ctx context.Context, limit int, kinds ...string) ([]Anomaly, error) {
	var rows []Anomaly
	q := s.db.NewSelect().Model(&rows).Where("lasts = 1").Order("began", "object", "kind").Limit(int64(limit))
	if len(kinds) > 0 {
		q = q.Where("kind IN (?)", bun.List(kinds))
	}
	err := q.Scan(ctx)
	return rows, err
}

// AnomalyQuery is which anomalies are wanted; what is empty does not matter.
type AnomalyQuery struct {
	Object   string
	Kind     string
	From, To record.Millis // that lasted at some time of it
	Lasting  bool
	After    *Anomaly // those after this one, in the order they are given in
	Limit    int
}

// Anomalies gives what was found, what began last first.
func (s *Store) Anomalies(ctx context.Context, a AnomalyQuery) ([]Anomaly, error) {
	var rows []Anomaly
	q := s.db.NewSelect().Model(&rows).Where("ended > ? AND began < ?", a.From, a.To).Order("began DESC", "object", "kind").Limit(int64(a.Limit))
	if a.Object != "" {
		q = q.Where("object = ?", a.Object)
	}
	if a.Kind != "" {
		q = q.Where("kind = ?", a.Kind)
	}
	if a.Lasting {
		q = q.Where("lasts = 1")
	}
	if x := a.After; x != nil {
		q = q.Where("(began < ? OR began = ? AND (object > ? OR object = ? AND kind > ?))", x.Began, x.Began, x.Object, x.Object, x.Kind)
	}
	err := q.Scan(ctx)
	return rows, err
}

// Forecasts and anomalies are kept for this long at most, in ms.
const (
	keepForecasts = record.Millis(100 * 24 * 3_600_000)
	keepNamed     = record.Millis(30 * 24 * 3_600_000)
)

// trimForesight removes what is too old by a time, or ended before another.
func (s *Store) trimForesight(ctx context.Context, tx bun.Tx, before record.Millis) error {
	now := record.MillisOf(s.now())
	if _, err := tx.NewDelete().Model((*Forecast)(nil)).Where("ends < ?", max(before, now-keepForecasts)).Exec(ctx); err != nil {
		return err
	}
	if _, err := tx.NewDelete().Model((*Named)(nil)).Where("at < ?", now-keepNamed).Exec(ctx); err != nil {
		return err
	}
	if _, err := tx.NewDelete().Model((*Watched)(nil)).Where("looked < ?", now-keepNamed).Exec(ctx); err != nil {
		return err
	}
	_, err := tx.NewDelete().Model((*Anomaly)(nil)).Where("ended < ?", before).Exec(ctx)
	return err
}
