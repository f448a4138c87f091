package imports

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/history/transfer"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/record"
)

// A preview of a file that another process has is asked of it by a row of the
// database that both share, which it writes the answer into.

const (
	lookFor   = time.Minute // how long an answer is waited for
	mostLooks = 50          // that wait for an answer at a time
)

type lookRow struct {
	bun.BaseModel `bun:"table:imports_looks"`
	ID            string         `bun:"id,pk"`
	Import        string         `bun:"import"`
	Plan          string         `bun:"plan"`
	At            int64          `bun:"at"`
	Answer        sql.NullString `bun:"answer"`
}

// looked is an answer: a preview, or why there is none.
type looked struct {
	Preview *ImportPreview `json:"preview,omitempty"`
	Error   string         `json:"error,omitempty"`
	Plan    bool           `json:"plan,omitempty"` // the plan, or the file, is to blame
}

// said is an error that another process had.
type said struct {
	text string
	kind error
}

func (e *said) Error() string { return e.text }
func (e *said) Unwrap() error { return e.kind }

// elsewhere has the process that has a file look at it.
func (s *Service) elsewhere(ctx context.Context, id string, p ImportPlan) (ImportPreview, error) {
	plan, err := json.Marshal(p)
	if err != nil {
		return ImportPreview{}, fmt.Errorf("look at a file: %w", err)
	}
	now := record.MillisOf(s.opts.Now())
	n, err := s.store.db.NewSelect().Table("imports_looks").Where("at > ?", int64(now)-lookFor.Milliseconds()).Count(ctx)
	if err != nil {
		return ImportPreview{}, fmt.Errorf("look at a file: %w", err)
	}
	if n >= mostLooks {
		return ImportPreview{}, fmt.Errorf("%w: %d previews wait already; try again in a moment", ErrState, n)
	}
	r := lookRow{ID: newID(), Import: id, Plan: string(plan), At: int64(now)}
	if _, err := s.store.db.NewInsert().Model(&r).Exec(ctx); err != nil {
		return ImportPreview{}, fmt.Errorf("look at a file: %w", err)
	}
	defer func() {
		// What is left when this fails is removed when files are tidied.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_, _ = s.store.db.NewDelete().Model(&r).WherePK().Exec(ctx)
	}()
	tick := time.NewTicker(s.opts.Every / 8)
	defer tick.Stop()
	end := time.NewTimer(lookFor)
	defer end.Stop()
	for {
		select {
		case <-ctx.Done():
			return ImportPreview{}, ctx.Err()
		case <-end.C:
			return ImportPreview{}, fmt.Errorf("%w: the process that has the file does not answer; try again when it is back, or bring the file again", ErrState)
		case <-tick.C:
		}
		var text sql.NullString
		if err := s.store.db.NewSelect().Model(&r).Column("answer").WherePK().Scan(ctx, &text); err != nil {
			return ImportPreview{}, fmt.Errorf("look at a file: %w", err)
		}
		if !text.Valid {
			continue
		}
		var a looked
		if err := json.Unmarshal([]byte(text.String), &a); err != nil {
			return ImportPreview{}, fmt.Errorf("look at a file: %w", err)
		}
		switch {
		case a.Preview != nil:
			return *a.Preview, nil
		case a.Plan:
			return ImportPreview{}, &said{a.Error, ErrPlan}
		}
		return ImportPreview{}, &said{a.Error, ErrState}
	}
}

// answer looks at files for other processes, until ctx ends.
func (s *Service) answer(ctx context.Context) {
	tick := time.NewTicker(s.opts.Every / 4)
	defer tick.Stop()
	told := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := s.answerAll(ctx)
		if err != nil && ctx.Err() == nil && !told && !sqldb.Down(err) {
			s.log.Warn("other processes are not answered", "error", err)
		}
		told = err != nil
	}
}

func (s *Service) answerAll(ctx context.Context) error {
	var rows []lookRow
	after := int64(record.MillisOf(s.opts.Now())) - lookFor.Milliseconds()
	if err := s.store.db.NewSelect().Model(&rows).Where("answer IS NULL").Where("at > ?", after).Order("at").Limit(mostLooks).Scan(ctx); err != nil {
		return fmt.Errorf("answer other processes: %w", err)
	}
	for _, r := range rows {
		if !s.here(r.Import) {
			continue
		}
		text, err := json.Marshal(s.lookAt(ctx, &r))
		if err != nil {
			return fmt.Errorf("answer other processes: %w", err)
		}
		if ctx.Err() != nil {
			return nil
		}
		if _, err := s.store.db.NewUpdate().Model((*lookRow)(nil)).Set("answer = ?", string(text)).Where("id = ?", r.ID).Exec(ctx); err != nil {
			return fmt.Errorf("answer other processes: %w", err)
		}
	}
	return nil
}

// lookAt makes the answer.
func (s *Service) lookAt(ctx context.Context, r *lookRow) looked {
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	var p ImportPlan
	err := json.Unmarshal([]byte(r.Plan), &p)
	var out ImportPreview
	if err == nil {
		out, err = s.look(ctx, r.Import, p)
	}
	if err != nil {
		return looked{Error: err.Error(), Plan: errors.Is(err, ErrPlan) || errors.Is(err, transfer.ErrImport)}
	}
	return looked{Preview: &out}
}

// forget removes what was asked long ago by processes that have ended.
func (s *Service) forget(ctx context.Context) error {
	before := int64(record.MillisOf(s.opts.Now())) - 10*lookFor.Milliseconds()
	if _, err := s.store.db.NewDelete().Table("imports_looks").Where("at < ?", before).Exec(ctx); err != nil {
		return fmt.Errorf("forget previews: %w", err)
	}
	return nil
}
