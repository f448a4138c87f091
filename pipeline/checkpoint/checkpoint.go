// Package checkpoint keeps how far manifests have come, in SQL: the state of each
// with the position in the stream of observations that it stands for, and what
// is observed of it.
//
// Guarantees: state and position are stored together or not at all, and only by
// the process that runs the manifests now; who ran them before is refused with
// [ErrOutrun]. A [Store] may be used by many goroutines.
package checkpoint

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/internal/sqldb"
)

// ErrOutrun says that another process runs the manifests now.
var ErrOutrun = errors.New("another process runs the manifests now")

//go:embed migrations/*.sql
var migrations embed.FS

// Checkpoint is a manifest's state as of a position.
type Checkpoint struct {
	Manifest string
	Seq      uint64 // newest message that is in the state
	State    []byte // of the engine; nil: it has taken nothing yet
	Saved    time.Time
	Standing Standing
	Waiting  []byte // results that are not written yet; nil: none
}

// Standing is what more there may be than a checkpoint says.
type Standing int64

// Standings.
const (
	AtWork Standing = iota // it may have taken more, and given results that are not written
	Whole                  // it has taken nothing more
	Ended                  // nor will it: only what waits is left of it
)

// Store keeps checkpoints and statuses.
type Store struct{ db *sqldb.DB }

type runnerRow struct {
	bun.BaseModel `bun:"table:pipeline_runner,alias:r"`

	ID    int64 `bun:"id,pk"`
	Epoch int64 `bun:"epoch"`
}

type checkpointRow struct {
	bun.BaseModel `bun:"table:pipeline_checkpoints,alias:c"`

	Manifest string `bun:"manifest,pk"`
	Seq      int64  `bun:"seq"`
	State    []byte `bun:"state"`
	Saved    int64  `bun:"saved"`
	Standing int64  `bun:"standing"`
	Waiting  []byte `bun:"waiting"`
}

type statusRow struct {
	bun.BaseModel `bun:"table:pipeline_statuses,alias:s"`

	Manifest string `bun:"manifest,pk"`
	Doc      string `bun:"doc"`
	Changed  int64  `bun:"changed"`
}

type gatewayRow struct {
	bun.BaseModel `bun:"table:pipeline_gateways,alias:g"`

	Gateway string `bun:"gateway,pk"`
	Doc     string `bun:"doc"`
	Told    int64  `bun:"told"`
}

// Open opens the store, and makes its tables when they are not there.
func Open(ctx context.Context, o sqldb.Options) (*Store, error) {
	db, err := sqldb.Open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("open checkpoints: %w", err)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err == nil {
		err = db.Migrate(ctx, "pipeline_checkpoint_migrations", files)
	}
	if err != nil {
		return nil, fmt.Errorf("open checkpoints: %w", errors.Join(err, db.Close()))
	}
	return &Store{db}, nil
}

// Close ends the use of the database.
func (s *Store) Close() error { return s.db.Close() }

// Begin takes over: from now on only work with the epoch it gives is taken.
func (s *Store) Begin(ctx context.Context) (epoch int64, err error) {
	err = s.db.Alone(ctx, "pipeline", func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewUpdate().Model((*runnerRow)(nil)).Set("epoch = epoch + 1").Where("id = 1").Exec(ctx); err != nil {
			return err
		}
		return tx.NewSelect().Model((*runnerRow)(nil)).Column("epoch").Where("id = 1").Scan(ctx, &epoch)
	})
	if err != nil {
		return 0, fmt.Errorf("begin to run manifests: %w", err)
	}
	return epoch, nil
}

// All gives every checkpoint, by manifest.
func (s *Store) All(ctx context.Context) (map[string]Checkpoint, error) {
	var rows []checkpointRow
	if err := s.db.NewSelect().Model(&rows).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read checkpoints: %w", err)
	}
	out := make(map[string]Checkpoint, len(rows))
	for _, r := range rows {
		c := Checkpoint{Manifest: r.Manifest, Seq: uint64(r.Seq), Saved: time.UnixMilli(r.Saved).UTC(), Standing: Standing(r.Standing)}
		if len(r.State) > 0 {
			c.State = r.State
		}
		if len(r.Waiting) > 0 {
			c.Waiting = r.Waiting
		}
		out[r.Manifest] = c
	}
	return out, nil
}

// perInsert bounds the rows of one statement.
const perInsert = 200

// Save forgets checkpoints and stores others, all or none.
func (s *Store) Save(ctx context.Context, epoch int64, save []Checkpoint, forget []string) error {
	rows := make([]checkpointRow, len(save))
	for i, c := range save {
		rows[i] = checkpointRow{Manifest: c.Manifest, Seq: int64(c.Seq), Saved: c.Saved.UnixMilli(), State: c.State, Standing: int64(c.Standing), Waiting: c.Waiting}
		if c.State == nil {
			rows[i].State = []byte{}
		}
	}
	return s.write(ctx, epoch, "save checkpoints", func(ctx context.Context, tx bun.Tx) error {
		for len(forget) > 0 {
			now := forget[:min(perInsert, len(forget))]
			if _, err := tx.NewDelete().Model((*checkpointRow)(nil)).Where("manifest IN ?", bun.Tuple(now)).Exec(ctx); err != nil {
				return err
			}
			forget = forget[len(now):]
		}
		for len(rows) > 0 {
			now := rows[:min(perInsert, len(rows))]
			if _, err := tx.NewInsert().Model(&now).On("CONFLICT (manifest) DO UPDATE").
				Set("seq = EXCLUDED.seq, state = EXCLUDED.state, saved = EXCLUDED.saved, standing = EXCLUDED.standing, waiting = EXCLUDED.waiting").Exec(ctx); err != nil {
				return err
			}
			rows = rows[len(now):]
		}
		return nil
	})
}

// write does work of an epoch, as long as it is the newest.
func (s *Store) write(ctx context.Context, epoch int64, what string, f func(context.Context, bun.Tx) error) error {
	err := s.db.Alone(ctx, "pipeline", func(ctx context.Context, tx bun.Tx) error {
		var now int64
		if err := tx.NewSelect().Model((*runnerRow)(nil)).Column("epoch").Where("id = 1").Scan(ctx, &now); err != nil {
			return err
		}
		if now != epoch {
			return ErrOutrun
		}
		return f(ctx, tx)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// SaveStatuses stores what is observed of manifests, as JSON by manifest. Empty
// text forgets it.
func (s *Store) SaveStatuses(ctx context.Context, epoch int64, docs map[string]string) error {
	now := time.Now().UnixMilli()
	var rows []statusRow
	var gone []string
	for id, doc := range docs {
		if doc == "" {
			gone = append(gone, id)
		} else {
			rows = append(rows, statusRow{Manifest: id, Doc: doc, Changed: now})
		}
	}
	return s.write(ctx, epoch, "save statuses", func(ctx context.Context, tx bun.Tx) error {
		for len(rows) > 0 {
			some := rows[:min(perInsert, len(rows))]
			if _, err := tx.NewInsert().Model(&some).On("CONFLICT (manifest) DO UPDATE").
				Set("doc = EXCLUDED.doc, changed = EXCLUDED.changed").Exec(ctx); err != nil {
				return err
			}
			rows = rows[len(some):]
		}
		if len(gone) > 0 {
			if _, err := tx.NewDelete().Model((*statusRow)(nil)).Where("manifest IN ?", bun.Tuple(gone)).Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// Statuses gives what was stored, by manifest; of some, or of all without ids.
func (s *Store) Statuses(ctx context.Context, ids ...string) (map[string]string, error) {
	var rows []statusRow
	q := s.db.NewSelect().Model(&rows)
	if len(ids) > 0 {
		q = q.Where("manifest IN ?", bun.Tuple(ids))
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("read statuses: %w", err)
	}
	out := make(map[string]string, len(rows))
	for _, r := range rows {
		out[r.Manifest] = r.Doc
	}
	return out, nil
}

// Told is what an edge gateway told last.
type Told struct {
	Doc string // JSON
	At  time.Time
}

// SaveGateway stores what a gateway tells of itself. Any process may.
func (s *Store) SaveGateway(ctx context.Context, id, doc string, at time.Time) error {
	row := &gatewayRow{Gateway: id, Doc: doc, Told: at.UnixMilli()}
	if _, err := s.db.NewInsert().Model(row).On("CONFLICT (gateway) DO UPDATE").Set("doc = EXCLUDED.doc, told = EXCLUDED.told").Exec(ctx); err != nil {
		return fmt.Errorf("save what a gateway tells: %w", err)
	}
	return nil
}

// Gateways gives what gateways told last, by their ids.
func (s *Store) Gateways(ctx context.Context) (map[string]Told, error) {
	var rows []gatewayRow
	if err := s.db.NewSelect().Model(&rows).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read what gateways tell: %w", err)
	}
	out := make(map[string]Told, len(rows))
	for _, r := range rows {
		out[r.Gateway] = Told{r.Doc, time.UnixMilli(r.Told).UTC()}
	}
	return out, nil
}
