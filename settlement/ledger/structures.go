package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/record"
)

// Structure is the tree of a hierarchy from a time on, until the next one
// begins.
type Structure struct {
	bun.BaseModel `bun:"table:settled_structures"`
	Hierarchy     string        `bun:"hierarchy,pk"`
	Since         record.Millis `bun:"since,pk"` // 0: for all the past
	Revision      uint64        `bun:"revision"` // of the model
	Body          []byte        `bun:"body"`
	Who           string        `bun:"who"` // who put it into the past; empty: nobody, it followed the model
	Why           string        `bun:"why"`
	At            record.Millis `bun:"at"`
}

// Structures gives all, those of a hierarchy in order of time.
func (s *Store) Structures(ctx context.Context) ([]Structure, error) {
	var rows []Structure
	if err := s.books.NewSelect().Model(&rows).Order("hierarchy", "since").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read structures: %w", err)
	}
	return rows, nil
}

// StructureAt gives the one that is in force for a window that begins at a time;
// false when there is none.
func (s *Store) StructureAt(ctx context.Context, hierarchy string, at record.Millis) (Structure, bool, error) {
	var row Structure
	err := s.books.NewSelect().Model(&row).Where("hierarchy = ? AND since <= ?", hierarchy, int64(at)).Order("since DESC").Limit(1).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return row, false, nil
	}
	if err != nil {
		return row, false, fmt.Errorf("read structure of %s: %w", hierarchy, err)
	}
	return row, true, nil
}

// KeepStructure stores one, and removes others at once.
func (s *Store) KeepStructure(ctx context.Context, x Structure, gone []Structure) error {
	err := s.books.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		for i := range gone {
			if _, err := tx.NewDelete().Model(&gone[i]).WherePK().Exec(ctx); err != nil {
				return err
			}
		}
		_, err := tx.NewInsert().Model(&x).On("CONFLICT (hierarchy, since) DO UPDATE").
			Set("revision = excluded.revision").Set("body = excluded.body").Set("who = excluded.who").Set("why = excluded.why").Set("at = excluded.at").Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep structure of %s: %w", x.Hierarchy, err)
	}
	return nil
}
