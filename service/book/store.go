package book

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/record"
)

// Errors. They are wrapped with a sentence that can be shown.
var (
	ErrNotFound = errors.New("not found")
	ErrChanged  = errors.New("it was changed meanwhile")
	ErrFull     = errors.New("there are too many already")
)

// ErrOutrun says that another process works now.
var ErrOutrun = errors.New("another process works on the objects now")

//go:embed migrations/*.sql
var migrations embed.FS

// lock is held by every change.
const lock = "service"

// Kinds of documents.
const (
	Enrichment   = "enrichment"
	Spaces       = "spaces"
	Service      = "service"
	Microservice = "microservice"
	Cut          = "cut" // a link between a microservice and a composite, or a composite and an object
)

// Bounds of tables.
const (
	mostDocuments = 200_000 // of one kind
	mostChanges   = 10_000  // the newest are kept
	mostWaiting   = 10_000
)

type workRow struct {
	bun.BaseModel `bun:"table:service_work,alias:w"`

	ID      int64 `bun:"id,pk"`
	Epoch   int64 `bun:"epoch"`
	Changes int64 `bun:"changes"`
	Stands  int64 `bun:"stands"`
}

// Document is what people say of one thing.
type Document struct {
	bun.BaseModel `bun:"table:service_documents,alias:d" json:"-"`

	Kind      string        `bun:"kind,pk"`
	ID        string        `bun:"id,pk"`
	Doc       string        `bun:"doc"` // as JSON
	Version   int64         `bun:"version"`
	Changed   record.Millis `bun:"changed"`
	ChangedBy string        `bun:"changed_by"`
}

// Read reads the JSON of the document.
func (d *Document) Read(into any) error {
	if err := json.Unmarshal([]byte(d.Doc), into); err != nil {
		return fmt.Errorf("read %s %q: %w", d.Kind, d.ID, err)
	}
	return nil
}

// Change is that somebody changed a document.
type Change struct {
	bun.BaseModel `bun:"table:service_changes,alias:c" json:"-"`

	Number int64         `bun:"number,pk"`
	At     record.Millis `bun:"at"`
	Who    string        `bun:"who"`
	Kind   string        `bun:"kind"`
	ID     string        `bun:"id"`
	Doc    string        `bun:"doc"` // what it became; empty: it was removed
}

// Store is the tables.
type Store struct {
	db  *sqldb.DB
	now func() time.Time
}

// Open opens the tables and brings them up to date.
func Open(ctx context.Context, o sqldb.Options) (*Store, error) {
	db, err := sqldb.Open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("open objects: %w", err)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err == nil {
		err = db.Migrate(ctx, "service_migrations", files)
	}
	if err != nil {
		return nil, fmt.Errorf("open objects: %s: %w", db.Name(), errors.Join(err, db.Close()))
	}
	return &Store{db, time.Now}, nil
}

// Close ends the connections.
func (s *Store) Close() error { return s.db.Close() }

// Shared tells whether other processes may use the tables at the same time.
func (s *Store) Shared() bool { return s.db.Shared() }

// Take begins to work, and ends the work of whoever did before.
func (s *Store) Take(ctx context.Context) (epoch int64, err error) {
	err = s.db.Alone(ctx, lock, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewUpdate().Model((*workRow)(nil)).Set("epoch = epoch + 1").Where("id = 1").Exec(ctx); err != nil {
			return err
		}
		return tx.NewSelect().Model((*workRow)(nil)).Column("epoch").Where("id = 1").Scan(ctx, &epoch)
	})
	return epoch, err
}

// ours tells whether who took an epoch works still.
func ours(ctx context.Context, tx bun.Tx, epoch int64) error {
	n, err := tx.NewSelect().Model((*workRow)(nil)).Where("id = 1 AND epoch = ?", epoch).Count(ctx)
	if err == nil && n == 0 {
		err = ErrOutrun
	}
	return err
}

// Changes counts what people changed, and what began and ended to stand in.
func (s *Store) Changes(ctx context.Context) (people, stands int64, err error) {
	var row workRow
	err = s.db.NewSelect().Model(&row).Where("id = 1").Scan(ctx)
	return row.Changes, row.Stands, err
}

// change runs a transaction of people, after which everybody looks again.
func (s *Store) change(ctx context.Context, f func(ctx context.Context, tx bun.Tx) error) error {
	return s.db.Alone(ctx, lock, func(ctx context.Context, tx bun.Tx) error {
		if err := f(ctx, tx); err != nil {
			return err
		}
		_, err := tx.NewUpdate().Model((*workRow)(nil)).Set("changes = changes + 1").Where("id = 1").Exec(ctx)
		return err
	})
}

// Documents gives all documents, those of the kinds, by kind and ID.
func (s *Store) Documents(ctx context.Context, kinds ...string) ([]Document, error) {
	var rows []Document
	q := s.db.NewSelect().Model(&rows).Order("kind", "id")
	if len(kinds) > 0 {
		q = q.Where("kind IN (?)", bun.List(kinds))
	}
	err := q.Scan(ctx)
	return rows, err
}

// Document gives one; ErrNotFound when there is none.
func (s *Store) Document(ctx context.Context, kind, id string) (Document, error) {
	var row Document
	err := s.db.NewSelect().Model(&row).Where("kind = ? AND id = ?", kind, id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("%w: there is no %s %q", ErrNotFound, kind, id)
	}
	return row, err
}

// Put is a document to be stored, for the version it was made for; -1: whichever.
type Put struct {
	Kind, ID string
	Doc      any // nil: it is removed
	Version  int64
}

// Put stores or removes documents, all of them or none, and gives those that were
// stored, in their order. To remove what is not there is ErrNotFound.
func (s *Store) Put(ctx context.Context, who string, all ...Put) ([]Document, error) {
	rows := make([]Document, 0, len(all))
	now := record.MillisOf(s.now())
	texts := make([]string, len(all))
	for i, p := range all {
		if p.Doc == nil {
			continue
		}
		text, err := json.Marshal(p.Doc)
		if err != nil {
			return nil, err
		}
		texts[i] = string(text)
	}
	err := s.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		rows = rows[:0]
		var number int64
		if err := tx.NewSelect().Model((*Change)(nil)).ColumnExpr("COALESCE(MAX(number), 0)").Scan(ctx, &number); err != nil {
			return err
		}
		for i, p := range all {
			was, err := versionOf(ctx, tx, p)
			if err != nil {
				return err
			}
			row := Document{Kind: p.Kind, ID: p.ID, Doc: texts[i], Version: was + 1, Changed: now, ChangedBy: who}
			switch {
			case p.Doc != nil:
				if was == 0 {
					if err := room(ctx, tx, p.Kind); err != nil {
						return err
					}
				}
				if _, err := tx.NewInsert().Model(&row).On("CONFLICT (kind, id) DO UPDATE").
					Set("doc = EXCLUDED.doc, version = EXCLUDED.version, changed = EXCLUDED.changed, changed_by = EXCLUDED.changed_by").Exec(ctx); err != nil {
					return err
				}
				rows = append(rows, row)
			case was == 0:
				return fmt.Errorf("%w: there is no %s %q", ErrNotFound, p.Kind, p.ID)
			default:
				if _, err := tx.NewDelete().Model(&row).WherePK().Exec(ctx); err != nil {
					return err
				}
			}
			number++
			if _, err := tx.NewInsert().Model(&Change{Number: number, At: now, Who: who, Kind: p.Kind, ID: p.ID, Doc: texts[i]}).Exec(ctx); err != nil {
				return err
			}
		}
		_, err := tx.NewDelete().Model((*Change)(nil)).Where("number <= ?", number-mostChanges).Exec(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}

func versionOf(ctx context.Context, tx bun.Tx, p Put) (int64, error) {
	var was int64
	err := tx.NewSelect().Model((*Document)(nil)).Column("version").Where("kind = ? AND id = ?", p.Kind, p.ID).Scan(ctx, &was)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, err
	}
	if p.Version >= 0 && was != p.Version {
		return 0, fmt.Errorf("%w: %s %q is at version %d", ErrChanged, p.Kind, p.ID, was)
	}
	return was, nil
}

// room tells whether one more of a kind can be kept.
func room(ctx context.Context, tx bun.Tx, kind string) error {
	n, err := tx.NewSelect().Model((*Document)(nil)).Where("kind = ?", kind).Count(ctx)
	if err == nil && n >= mostDocuments {
		err = fmt.Errorf("%w: %d documents of the kind %s are kept", ErrFull, n, kind)
	}
	return err
}

// Past gives who changed documents, the newest first: those before a number, when
// that is not 0.
func (s *Store) Past(ctx context.Context, before int64, limit int) ([]Change, error) {
	var rows []Change
	q := s.db.NewSelect().Model(&rows).Order("number DESC").Limit(int64(limit))
	if before > 0 {
		q = q.Where("number < ?", before)
	}
	err := q.Scan(ctx)
	return rows, err
}
