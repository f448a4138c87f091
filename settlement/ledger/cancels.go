package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/record"
)

// Cancel is that somebody cancelled what waited to be settled again, as somebody had
// asked for it.
type Cancel struct {
	bun.BaseModel `bun:"table:settled_cancels"`
	Number        int64         `bun:"number,pk"` // from 1, in order of time
	At            record.Millis `bun:"at"`
	Who           string        `bun:"who"`
	Marks         int           `bun:"marks"` // that were removed
}

// DropAsked removes the marks that somebody asked for, tells how many there were, and
// notes who did it if there were any.
func (s *Store) DropAsked(ctx context.Context, who string, at record.Millis) (int, error) {
	c := Cancel{At: at, Who: who}
	err := s.db.Alone(ctx, "settled cancels", func(ctx context.Context, tx bun.Tx) error {
		res, err := tx.NewDelete().Table("settled_marks").Where("asked = ?", true).Exec(ctx)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if c.Marks = int(n); err != nil || n == 0 {
			return err
		}
		if err := tx.NewSelect().Table("settled_cancels").ColumnExpr("COALESCE(MAX(number), 0) + 1").Scan(ctx, &c.Number); err != nil {
			return err
		}
		_, err = tx.NewInsert().Model(&c).Exec(ctx)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("remove marks: %w", err)
	}
	return c.Marks, nil
}

// Cancelled gives the newest one, whose number is 0 when there is none.
func (s *Store) Cancelled(ctx context.Context) (c Cancel, err error) {
	err = s.db.NewSelect().Model(&c).Order("number DESC").Limit(1).Scan(ctx)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return c, fmt.Errorf("read who cancelled: %w", err)
	}
	return c, nil
}
