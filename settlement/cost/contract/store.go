package contract

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/tariff"
)

//go:embed migrations/books/*.sql migrations/settled/*.sql
var migrations embed.FS

// Store is the database of contracts, and of costs by them.
type Store struct{ books, settled *sqldb.DB }

// Open brings the tables up to date in the databases of a ledger, which it does
// not close.
func Open(ctx context.Context, l *ledger.Store) (*Store, error) {
	s := &Store{books: l.Books(), settled: l.Settled()}
	for _, x := range []struct {
		name, table string
		db          *sqldb.DB
	}{{"books", "cost_migrations", s.books}, {"settled", "settled_cost_migrations", s.settled}} {
		files, err := fs.Sub(migrations, "migrations/"+x.name)
		if err == nil {
			err = x.db.Migrate(ctx, x.table, files)
		}
		if err != nil {
			return nil, fmt.Errorf("open contracts: %s: %w", x.db.Name(), err)
		}
	}
	return s, nil
}

type documentRow struct {
	bun.BaseModel `bun:"table:cost_documents,alias:d"`
	Kind          string `bun:"kind,pk"`
	ID            string `bun:"id,pk"`
	Revision      int64  `bun:"revision,pk"`
	Body          string `bun:"body"`
	Gone          int64  `bun:"gone"`
	Since         string `bun:"since"`
	Who           string `bun:"who"`
	Why           string `bun:"why"`
	At            int64  `bun:"at"`
}

func (r *documentRow) document() Document {
	return Document{
		Name: Name{Kind(r.Kind), tariff.ID(r.ID)}, Revision: r.Revision, Body: r.Body, Gone: r.Gone != 0,
		Since: tariff.Date(r.Since), Who: r.Who, Why: r.Why, At: record.Millis(r.At).Time(),
	}
}

type assignmentRow struct {
	bun.BaseModel `bun:"table:cost_assignments,alias:a"`
	ID            string `bun:"id,pk"`
	Number        int64  `bun:"number"`
	Kind          string `bun:"kind"`
	Hierarchy     string `bun:"hierarchy"`
	Name          string `bun:"name"`
	From          string `bun:"from_day"`
	Document      string `bun:"document"`
	Export        string `bun:"export"`
	By            string `bun:"priced_by"`
	Who           string `bun:"who"`
	Why           string `bun:"why"`
	At            int64  `bun:"at"`
	UndoneWho     string `bun:"undone_who"`
	UndoneWhy     string `bun:"undone_why"`
	UndoneAt      *int64 `bun:"undone_at"`
}

func (r *assignmentRow) assignment() Assignment {
	a := Assignment{
		ID: r.ID, Number: r.Number, Kind: Kind(r.Kind), Point: ledger.Point{Hierarchy: r.Hierarchy, Name: r.Name}, From: tariff.Date(r.From),
		Document: tariff.ID(r.Document), Export: record.SensorID(r.Export), By: By(r.By), Who: r.Who, Why: r.Why, At: record.Millis(r.At).Time(),
		UndoneWho: r.UndoneWho, UndoneWhy: r.UndoneWhy,
	}
	if r.UndoneAt != nil {
		a.UndoneAt = new(record.Millis(*r.UndoneAt).Time())
	}
	return a
}

type putRow struct {
	bun.BaseModel `bun:"table:cost_puts,alias:p"`
	Series        string `bun:"series,pk"`
	Number        int64  `bun:"number,pk"`
	Unit          string `bun:"unit"`
	Begin         int64  `bun:"begin_at"`
	End           int64  `bun:"end_at"`
	Quotes        int64  `bun:"quotes"`
	Replaced      int64  `bun:"replaced"`
	Who           string `bun:"who"`
	Why           string `bun:"why"`
	At            int64  `bun:"at"`
}

func (r *putRow) put() Put {
	return Put{
		Series: r.Series, Number: r.Number, Unit: r.Unit, Begin: record.Millis(r.Begin), End: record.Millis(r.End),
		Quotes: int(r.Quotes), Replaced: int(r.Replaced), Who: r.Who, Why: r.Why, At: record.Millis(r.At).Time(),
	}
}

// Changes counts the changes of everything that people have said here.
func (s *Store) Changes(ctx context.Context) (int64, error) {
	n, err := changes(ctx, s.books)
	if err != nil {
		return 0, fmt.Errorf("read contracts: %w", err)
	}
	return n, nil
}

func changes(ctx context.Context, db bun.IDB) (n int64, err error) {
	err = db.NewSelect().Table("cost_changes").Column("number").Where("id = 1").Scan(ctx, &n)
	return n, err
}

// Book reads all that holds.
func (s *Store) Book(ctx context.Context) (*Book, error) {
	b := &Book{Documents: make(map[Name]Document), Series: make(map[string]Put)}
	err := s.books.Reading(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		if b.Number, err = changes(ctx, tx); err != nil {
			return err
		}
		var documents []documentRow
		if err := tx.NewSelect().Model(&documents).
			Where("gone = 0 AND revision = (SELECT MAX(x.revision) FROM cost_documents AS x WHERE x.kind = d.kind AND x.id = d.id)").Scan(ctx); err != nil {
			return err
		}
		for i := range documents {
			d := documents[i].document()
			b.Documents[d.Name] = d
		}
		var assignments []assignmentRow
		if err := tx.NewSelect().Model(&assignments).Where("undone_at IS NULL").Scan(ctx); err != nil {
			return err
		}
		for i := range assignments {
			b.Assignments = append(b.Assignments, assignments[i].assignment())
		}
		var puts []putRow
		if err := tx.NewSelect().Model(&puts).ExcludeColumn("begin_at", "end_at").
			ColumnExpr("(SELECT MIN(x.begin_at) FROM cost_puts AS x WHERE x.series = p.series) AS begin_at").
			ColumnExpr("(SELECT MAX(x.end_at) FROM cost_puts AS x WHERE x.series = p.series) AS end_at").
			Where("number = (SELECT MAX(x.number) FROM cost_puts AS x WHERE x.series = p.series)").Scan(ctx); err != nil {
			return err
		}
		for i := range puts {
			b.Series[puts[i].Series] = puts[i].put()
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read contracts: %w", err)
	}
	slices.SortFunc(b.Assignments, func(x, y Assignment) int {
		return cmp.Or(strings.Compare(x.Point.Hierarchy, y.Point.Hierarchy), strings.Compare(x.Point.Name, y.Point.Name),
			cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.From, y.From), cmp.Compare(x.Number, y.Number))
	})
	return b, nil
}

// Revisions gives those of a document, the newest first.
func (s *Store) Revisions(ctx context.Context, n Name, limit int) ([]Document, error) {
	var rows []documentRow
	err := s.books.NewSelect().Model(&rows).Where("kind = ? AND id = ?", string(n.Kind), string(n.ID)).Order("revision DESC").Limit(int64(limit)).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read revisions: %w", err)
	}
	out := make([]Document, 0, len(rows))
	for i := range rows {
		out = append(out, rows[i].document())
	}
	return out, nil
}

// Revision gives one of a document. The error wraps ErrNotFound when there is
// none.
func (s *Store) Revision(ctx context.Context, n Name, revision int64) (Document, error) {
	var row documentRow
	err := s.books.NewSelect().Model(&row).Where("kind = ? AND id = ? AND revision = ?", string(n.Kind), string(n.ID), revision).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return Document{}, fmt.Errorf("read revision: %w", err)
	}
	return row.document(), nil
}

// change runs a change that was decided on by what was seen.
func (s *Store) change(ctx context.Context, what string, seen int64, f func(ctx context.Context, tx bun.Tx) error) error {
	err := s.books.Alone(ctx, "contracts", func(ctx context.Context, tx bun.Tx) error {
		n, err := changes(ctx, tx)
		if err != nil {
			return err
		}
		if n != seen {
			return ErrChanged
		}
		if err := f(ctx, tx); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE cost_changes SET number = number + 1 WHERE id = 1")
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// AddRevision keeps the next revision of a document, with the number that it
// gets.
func (s *Store) AddRevision(ctx context.Context, seen int64, d Document) (Document, error) {
	row := documentRow{
		Kind: string(d.Kind), ID: string(d.ID), Body: d.Body, Since: string(d.Since), Who: d.Who, Why: d.Why, At: d.At.UnixMilli(),
	}
	if d.Gone {
		row.Gone = 1
	}
	err := s.change(ctx, "keep document", seen, func(ctx context.Context, tx bun.Tx) error {
		if err := tx.NewSelect().Model((*documentRow)(nil)).ColumnExpr("COALESCE(MAX(revision), 0) + 1").
			Where("kind = ? AND id = ?", row.Kind, row.ID).Scan(ctx, &row.Revision); err != nil {
			return err
		}
		_, err := tx.NewInsert().Model(&row).Exec(ctx)
		return err
	})
	return row.document(), err
}

// AddAssignment keeps an assignment, with the identifier and number it gets.
func (s *Store) AddAssignment(ctx context.Context, seen int64, a Assignment) (Assignment, error) {
	row := assignmentRow{
		ID: strings.ToLower(rand.Text()[:16]), Kind: string(a.Kind), Hierarchy: a.Point.Hierarchy, Name: a.Point.Name, From: string(a.From),
		Document: string(a.Document), Export: string(a.Export), By: string(a.By), Who: a.Who, Why: a.Why, At: a.At.UnixMilli(),
	}
	err := s.change(ctx, "keep assignment", seen, func(ctx context.Context, tx bun.Tx) error {
		if err := tx.NewSelect().Model((*assignmentRow)(nil)).ColumnExpr("COALESCE(MAX(number), 0) + 1").Scan(ctx, &row.Number); err != nil {
			return err
		}
		_, err := tx.NewInsert().Model(&row).Exec(ctx)
		return err
	})
	return row.assignment(), err
}

// UndoAssignment notes that an assignment is in force no more. The error wraps
// ErrNotFound when there is none; what was undone before stays as it is.
func (s *Store) UndoAssignment(ctx context.Context, seen int64, id, who, why string, at time.Time) (Assignment, error) {
	var row assignmentRow
	err := s.change(ctx, "undo assignment", seen, func(ctx context.Context, tx bun.Tx) error {
		err := tx.NewSelect().Model(&row).Where("id = ?", id).Scan(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil || row.UndoneAt != nil {
			return err
		}
		row.UndoneAt, row.UndoneWho, row.UndoneWhy = new(at.UnixMilli()), who, why
		_, err = tx.NewUpdate().Model(&row).WherePK().Exec(ctx)
		return err
	})
	return row.assignment(), err
}

// Assignments gives those of a point, or of all when the point is empty, undone
// ones too, the newest first.
func (s *Store) Assignments(ctx context.Context, p ledger.Point, limit int) ([]Assignment, error) {
	var rows []assignmentRow
	q := s.books.NewSelect().Model(&rows).Order("number DESC").Limit(int64(limit))
	if p.Name != "" {
		q = q.Where("hierarchy = ? AND name = ?", p.Hierarchy, p.Name)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("read assignments: %w", err)
	}
	out := make([]Assignment, 0, len(rows))
	for i := range rows {
		out = append(out, rows[i].assignment())
	}
	return out, nil
}
