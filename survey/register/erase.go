package register

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/survey/consent"
)

// overwrite has SQLite write zeros over what the transaction deletes.
func (s *Store) overwrite(ctx context.Context, tx bun.Tx) error {
	if s.db.Shared() {
		return nil
	}
	_, err := tx.ExecContext(ctx, "PRAGMA secure_delete = ON")
	return err
}

// emptyLog empties the log of SQLite, which holds what was deleted until it is written over.
func (s *Store) emptyLog(ctx context.Context) error {
	if s.db.Shared() {
		return nil
	}
	if _, err := s.db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return fmt.Errorf("empty the log of the database: %w", err)
	}
	return nil
}

// eraseDevice deletes how a device came in, what it said, and who looked at it.
func eraseDevice(ctx context.Context, tx bun.Tx, id string) error {
	if _, err := tx.NewDelete().Table("survey_visit_events").Where("visit IN (SELECT id FROM survey_visits WHERE device = ?)", id).Exec(ctx); err != nil {
		return err
	}
	for _, table := range []string{"survey_tokens", "survey_credentials", "survey_batches", "survey_reports", "survey_visits"} {
		if _, err := tx.NewDelete().Table(table).Where("device = ?", id).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// eraseHousehold deletes a household and what belongs to it, but what its meters measured and what happened to them.
func eraseHousehold(ctx context.Context, tx bun.Tx, id string) error {
	for _, table := range []string{"survey_participants", "survey_addresses", "survey_pv_systems", "survey_meters", "survey_devices", "survey_consents", "survey_log"} {
		if _, err := tx.NewDelete().Table(table).Where("household = ?", id).Exec(ctx); err != nil {
			return err
		}
	}
	_, err := tx.NewDelete().Table("survey_households").Where("id = ?", id).Exec(ctx)
	return err
}

// erasedAtOnce is how many households are removed while nothing else is taken.
const erasedAtOnce = 20

// Lapse removes households that have never consented, and for which nobody has done anything since a time: registered them, added
// a device, made a token for one. It gives how many. Of such a household nothing was ever measured, so nothing is kept of it, nor that there was one.
func (s *Store) Lapse(ctx context.Context, since time.Time) (n int, err error) {
	for {
		part := 0
		err := s.db.Alone(ctx, intake, func(ctx context.Context, tx bun.Tx) error {
			var homes []string
			if err := tx.NewSelect().TableExpr("survey_households AS h").Column("h.id").Where("h.state = ? AND h.registered < ?", string(consent.NotGranted), millis(since)).
				Where("NOT EXISTS (SELECT 1 FROM survey_log AS l WHERE l.household = h.id AND l.at >= ?)", millis(since)).Order("h.id").Limit(erasedAtOnce).Scan(ctx, &homes); err != nil {
				return err
			}
			if len(homes) == 0 {
				return nil
			}
			if err := s.overwrite(ctx, tx); err != nil {
				return err
			}
			for _, id := range homes {
				if err := lapse(ctx, tx, id); err != nil {
					return err
				}
			}
			part = len(homes)
			return nil
		})
		if err != nil {
			return n, fmt.Errorf("remove households that never consented: %w", err)
		}
		if n += part; part == 0 {
			break
		}
	}
	if n == 0 {
		return 0, nil
	}
	if err := s.emptyLog(ctx); err != nil {
		return n, fmt.Errorf("remove households that never consented: it is done; %w", err)
	}
	return n, nil
}

func lapse(ctx context.Context, tx bun.Tx, id string) error {
	var devices []string
	if err := tx.NewSelect().Table("survey_devices").Column("id").Where("household = ?", id).Scan(ctx, &devices); err != nil {
		return err
	}
	for _, d := range devices {
		if err := eraseDevice(ctx, tx, d); err != nil {
			return err
		}
	}
	if _, err := tx.NewDelete().Table("survey_incidents").Where("meter IN (SELECT id FROM survey_meters WHERE household = ?)", id).Exec(ctx); err != nil {
		return err
	}
	return eraseHousehold(ctx, tx, id)
}
