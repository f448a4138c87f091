package book

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/internal/sqldb"

	"github.com/wattwerk/wattwerk/cir/item"
)

//go:embed migrations/*.sql
var migrations embed.FS

// lock is held by every command.
const lock = "cir"

type stateRow struct {
	bun.BaseModel `bun:"table:cir_state,alias:s"`
	ID            int64  `bun:"id,pk"`
	Installation  string `bun:"installation"`
	Numbers       int64  `bun:"numbers"`
	Changes       int64  `bun:"changes"`
}

type registryRow struct {
	bun.BaseModel `bun:"table:cir_registries,alias:r"`
	Number        int64  `bun:"number,pk"`
	ID            string `bun:"id"`
	Description   string `bun:"description"`
}

type categoryRow struct {
	bun.BaseModel `bun:"table:cir_categories,alias:c"`
	Number        int64  `bun:"number,pk"`
	Registry      int64  `bun:"registry"`
	ID            string `bun:"id"`
	Source        string `bun:"source"`
	Description   string `bun:"description"`
}

type entryRow struct {
	bun.BaseModel `bun:"table:cir_entries,alias:e"`
	Number        int64  `bun:"number,pk"`
	Category      int64  `bun:"category"`
	IDInSource    string `bun:"id_in_source"`
	Source        string `bun:"source"`
	CIRID         string `bun:"cirid"`
	Owner         string `bun:"owner"`
	Name          string `bun:"name"`
	Description   string `bun:"description"`
	Inactive      *int64 `bun:"inactive"`
}

type propertyRow struct {
	bun.BaseModel `bun:"table:cir_properties,alias:p"`
	Entry         int64  `bun:"entry,pk"`
	ID            string `bun:"id,pk"`
	DataType      string `bun:"data_type"`
	Contents      string `bun:"contents"`
}

type changeRow struct {
	bun.BaseModel `bun:"table:cir_changes,alias:g"`
	Number        int64  `bun:"number,pk"`
	At            int64  `bun:"at"`
	Who           string `bun:"who"`
	Operation     string `bun:"operation"`
	Note          string `bun:"note"`
	Things        int64  `bun:"things"`
	Undoes        int64  `bun:"undoes"`
	UndoneBy      int64  `bun:"undone_by"`
	Kept          int64  `bun:"kept"`
}

type imageRow struct {
	bun.BaseModel `bun:"table:cir_images,alias:m"`
	Change        int64  `bun:"change,pk"`
	Seq           int64  `bun:"seq,pk"`
	Kind          string `bun:"kind"`
	Was           string `bun:"was"`
	Became        string `bun:"became"`
}

// Store is the database of a registry.
type Store struct {
	db           *sqldb.DB
	installation string
	now          func() time.Time
}

// Open opens the tables and brings them up to date. The installation is the
// source of entries that register themselves. It is written down once; when it
// is empty, a name is made up.
func Open(ctx context.Context, o sqldb.Options, installation string) (*Store, error) {
	db, err := sqldb.Open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("open registry of identifiers: %w", err)
	}
	s := &Store{db: db, now: time.Now}
	files, err := fs.Sub(migrations, "migrations")
	if err == nil {
		err = db.Migrate(ctx, "cir_migrations", files)
	}
	if err == nil {
		err = s.name(ctx, installation)
	}
	if err != nil {
		return nil, fmt.Errorf("open registry of identifiers: %s: %w", db.Name(), errors.Join(err, db.Close()))
	}
	return s, nil
}

// Prepare brings the tables up to date for who copies them.
func Prepare(ctx context.Context, db *sqldb.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	return db.Migrate(ctx, "cir_migrations", files)
}

// name gives the installation its name, unless it has one.
func (s *Store) name(ctx context.Context, name string) error {
	if name == "" {
		name = "wattwerk-" + strings.ToLower(rand.Text()[:8])
	}
	if err := item.CheckID("installation", name); err != nil {
		return err
	}
	return s.db.Alone(ctx, lock, func(ctx context.Context, tx bun.Tx) error {
		var row stateRow
		if err := tx.NewSelect().Model(&row).Where("id = 1").Scan(ctx); err != nil {
			return err
		}
		if s.installation = row.Installation; s.installation != "" {
			return nil
		}
		s.installation = name
		_, err := tx.NewUpdate().Model((*stateRow)(nil)).Set("installation = ?", name).Where("id = 1").Exec(ctx)
		return err
	})
}

// Installation is the source of entries that register themselves.
func (s *Store) Installation() string { return s.installation }

// Shared tells whether other processes may use the database.
func (s *Store) Shared() bool { return s.db.Shared() }

// Close ends the connections.
func (s *Store) Close() error { return s.db.Close() }

// encode writes what may be empty: then it is "".
func encode[T any](all []T) string {
	if len(all) == 0 {
		return ""
	}
	data, err := json.Marshal(all)
	if err != nil {
		panic(err) // the words of this package can be written down
	}
	return string(data)
}

func decode[T any](s string) ([]T, error) {
	if s == "" {
		return nil, nil
	}
	var out []T
	err := json.Unmarshal([]byte(s), &out)
	return out, err
}

// property is one as it is kept.
type property struct {
	DataType string `json:"dataType,omitempty"`
	Contents string `json:"contents,omitempty"`
}

// registry, category and entry are things as they are kept. They are written
// down as images, too.
type registry struct {
	Number      int64  `json:"number"`
	ID          string `json:"id"`
	Description string `json:"description,omitempty"`
}

type category struct {
	Number      int64                   `json:"number"`
	Registry    int64                   `json:"registry"`
	Key         item.CategoryIdentifier `json:"key"`
	Description string                  `json:"description,omitempty"`
}

type entry struct {
	Number      int64                `json:"number"`
	Category    int64                `json:"category"`
	Key         item.EntryIdentifier `json:"key"`
	CIRID       string               `json:"cirid,omitempty"`
	Owner       string               `json:"owner,omitempty"`
	Name        string               `json:"name,omitempty"`
	Description string               `json:"description,omitempty"`
	Inactive    *bool                `json:"inactive,omitempty"`
	Properties  map[string]property  `json:"properties,omitempty"`
}

func (r *entryRow) entry(key item.CategoryIdentifier) *entry {
	e := &entry{
		Number: r.Number, Category: r.Category, CIRID: r.CIRID, Owner: r.Owner, Name: r.Name, Description: r.Description,
		Key: key.Named(r.IDInSource, r.Source),
	}
	if r.Inactive != nil {
		e.Inactive = new(*r.Inactive != 0)
	}
	return e
}

func (e *entry) row() entryRow {
	r := entryRow{
		Number: e.Number, Category: e.Category, IDInSource: e.Key.IDInSource, Source: e.Key.SourceID, CIRID: e.CIRID, Owner: e.Owner, Name: e.Name,
		Description: e.Description,
	}
	if e.Inactive != nil {
		n := int64(0)
		if *e.Inactive {
			n = 1
		}
		r.Inactive = &n
	}
	return r
}

// chunks hands over at most n at a time.
func chunks[T any](all []T, n int, f func([]T) error) error {
	for len(all) > 0 {
		k := min(n, len(all))
		if err := f(all[:k]); err != nil {
			return err
		}
		all = all[k:]
	}
	return nil
}

// atOnce is how many rows are named in one statement.
const atOnce = 500

// propertiesOf reads the properties of entries into them.
func propertiesOf(ctx context.Context, tx bun.IDB, all []*entry) error {
	by := make(map[int64]*entry, len(all))
	for _, e := range all {
		by[e.Number] = e
	}
	return chunks(all, atOnce, func(part []*entry) error {
		numbers := make([]int64, len(part))
		for i, e := range part {
			numbers[i] = e.Number
		}
		var rows []propertyRow
		if err := tx.NewSelect().Model(&rows).Where("entry IN (?)", bun.List(numbers)).Scan(ctx); err != nil {
			return err
		}
		for _, r := range rows {
			e := by[r.Entry]
			if e.Properties == nil {
				e.Properties = make(map[string]property)
			}
			e.Properties[r.ID] = property{r.DataType, r.Contents}
		}
		return nil
	})
}
