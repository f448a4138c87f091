package imports

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"
)

// Several processes may share the list. Each has the files that were brought to
// it, and works on those; whoever is asked writes down what is wanted.

// othersEvery is how often it is looked for what others wrote down.
const othersEvery = 2 * time.Second

// away tells whether another process may have the file of an import.
func (s *Service) away(x *Import) bool {
	return !s.here(x.ID) && s.opts.Now().Before(x.Expires) && !removed(x)
}

func removed(x *Import) bool {
	return slices.ContainsFunc(x.Events, func(e ImportEvent) bool { return e.What == "remove" })
}

type leaveRow struct {
	bun.BaseModel `bun:"table:imports_leaves"`
	Import        string `bun:"import,pk"`
	Who           string `bun:"who"`
}

// leave asks the process that has the file to leave an import.
func (s store) leave(ctx context.Context, id, who string) error {
	if _, err := s.db.NewInsert().Model(&leaveRow{Import: id, Who: who}).On("CONFLICT (import) DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("leave import: %w", err)
	}
	return nil
}

// leaving tells who wants an import left; empty: nobody.
func (s store) leaving(ctx context.Context, id string) (string, error) {
	var r leaveRow
	err := s.db.NewSelect().Model(&r).Where("import = ?", id).Scan(ctx)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read who leaves an import: %w", err)
	}
	return r.Who, nil
}

// settle forgets who wanted an import left.
func (s store) settle(ctx context.Context, id string) error {
	if _, err := s.db.NewDelete().Table("imports_leaves").Where("import = ?", id).Exec(ctx); err != nil {
		return fmt.Errorf("leave import: %w", err)
	}
	return nil
}

// swap keeps an import that is as it was read; false when somebody changed it
// meanwhile.
func (s store) swap(ctx context.Context, was *row, x *Import) (bool, error) {
	r, err := rowOf(x)
	if err != nil {
		return false, fmt.Errorf("keep import: %w", err)
	}
	res, err := s.db.NewUpdate().Model(&r).Column("state", "body").Where("id = ?", x.ID).Where("body = ?", was.Body).Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("keep import: %w", err)
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// watch has an import left when somebody asked another process for it, until ctx
// ends.
func (s *Service) watch(ctx context.Context, id string) {
	tick := time.NewTicker(s.opts.Every)
	defer tick.Stop()
	for {
		// That it cannot be read does no harm: it is looked again.
		if who, err := s.store.leaving(ctx, id); err == nil && who != "" {
			s.mu.Lock()
			if s.doing == id && s.who == "" {
				s.who = who
				s.stop()
			}
			s.mu.Unlock()
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
