package ledger

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/record"
)

// FileName is the SQLite file with what can be computed again, BooksName that
// with what people have decided, which users and tokens are in, too.
const (
	FileName  = "settled.db"
	BooksName = "wattwerk.db"
)

//go:embed migrations/settled/*.sql migrations/books/*.sql
var migrations embed.FS

// Store is the SQL database of settled windows.
type Store struct {
	db    *sqldb.DB
	books *sqldb.DB // the same one in a PostgreSQL

	inForce int // interventions of a sensor, at most

	mu     sync.Mutex
	points map[Point]int64
}

// Kinds of points and marks.
const (
	SensorKind    = "sensor"
	GroupKind     = "group"
	HierarchyKind = "hierarchy"
)

// Point is what has windows: a sensor, or a group of a hierarchy.
type Point struct {
	Hierarchy string // of a group; empty for a sensor
	Name      string
}

// SensorPoint is the point of a sensor.
func SensorPoint(id record.SensorID) Point { return Point{Name: string(id)} }

// GroupPoint is the point of a group of a hierarchy.
func GroupPoint(hierarchy, group string) Point { return Point{Hierarchy: hierarchy, Name: group} }

func (p Point) kind() string {
	if p.Hierarchy == "" {
		return SensorKind
	}
	return GroupKind
}

// Row is what is settled of a point for a window. Of a group, the value is the
// signed sum of its members' amounts and averages, the least and greatest of
// their extremes, and Covered the sum of theirs.
type Row struct {
	Start record.Millis
	End   record.Millis
	energy.Value
	Metered bool          // the group has a meter, and its amount is known
	Meter   energy.Amount // what it says
	Rest    Rest
	Members uint32 // that have an amount
	Total   uint32 // members; where their number changed, the largest
	Whole   int64  // ms of the members, each of the time in which it was one; 0: the window times Total. It is not kept
}

// Rest is a meter less the sum of the members, over the windows in which they can
// be compared: readings speak of all of the window, for the meter and for every
// member. What is known of other windows is in Meter and Amount, and not here.
type Rest struct {
	Time      record.Millis // how long those windows are, together; 0: there are none
	Amount    energy.Amount
	Estimated energy.Amount // of the meter's and of the members' amounts in them, without sign
}

// Quality is that of what is unaccounted, by the worst of the meter and the
// members in all windows: what is estimated is not in it where nothing of it is.
func (x Rest) Quality(worst energy.Quality) energy.Quality {
	switch {
	case x.Time == 0:
		return energy.None
	case x.Estimated == 0:
		return min(worst, energy.Corrected)
	}
	return max(worst, energy.Substituted)
}

// Unaccounted is the meter less the sum, over the time in which both can be
// compared; false when there is none.
func (r *Row) Unaccounted() (energy.Amount, bool) { return r.Rest.Amount, r.Rest.Time > 0 }

// Compared is the part of the window in which the meter and the members can be
// compared.
func (r *Row) Compared() float64 {
	if r.End <= r.Start {
		return 0
	}
	return float64(r.Rest.Time) / float64(r.End-r.Start)
}

// All is how much time there is to be covered: of each member that in which it
// was one.
func (r *Row) All() int64 {
	if r.Whole > 0 {
		return r.Whole
	}
	return int64(max(0, r.End-r.Start)) * int64(r.Total)
}

// Completeness is the part of the window, of all members, that readings speak of.
func (r *Row) Completeness() float64 {
	if all := r.All(); all > 0 {
		return float64(r.Covered) / float64(all)
	}
	return 0
}

// timeout is how long a statement may take.
const timeout = time.Minute

// Options say where the database is. Either Dir or URL is given.
type Options struct {
	Dir     string // of the two SQLite files
	URL     string // of a PostgreSQL
	Conns   int    // of this process; 0: a few
	InForce int    // interventions of one sensor that may be in force; 0: 20,000
	NoSync  bool   // of files, for tests and benchmarks: what was written last may be gone when the machine fails; no setting leads here
}

// Open opens the files in a directory, or the PostgreSQL at the URL, and brings
// the tables up to date.
func Open(ctx context.Context, where Options) (_ *Store, err error) {
	s := &Store{points: make(map[Point]int64), inForce: cmp.Or(where.InForce, mostInForce)}
	defer func() {
		if err != nil {
			err = fmt.Errorf("open settled windows: %w", errors.Join(err, s.Close()))
		}
	}()
	o := sqldb.Options{URL: where.URL, Conns: where.Conns, Timeout: timeout, NoSync: where.NoSync}
	if where.URL == "" {
		o.File = filepath.Join(where.Dir, FileName)
	}
	if s.db, err = sqldb.Open(ctx, o); err != nil {
		return nil, err
	}
	s.books = s.db
	if where.URL == "" {
		o.File = filepath.Join(where.Dir, BooksName)
		if s.books, err = sqldb.Open(ctx, o); err != nil {
			return nil, err
		}
	}
	for _, x := range []struct {
		name string
		db   *sqldb.DB
	}{{"settled", s.db}, {"books", s.books}} {
		files, err := fs.Sub(migrations, "migrations/"+x.name)
		if err != nil {
			return nil, err
		}
		if err := x.db.Migrate(ctx, x.name+"_migrations", files); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Close ends it.
func (s *Store) Close() error {
	var errs []error
	if s.books != nil && s.books != s.db {
		errs = append(errs, s.books.Close())
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	return errors.Join(errs...)
}

// IDs gives the numbers of points, making those that are new when asked to.
// A point without a number is 0.
func (s *Store) IDs(ctx context.Context, points []Point, make bool) ([]int64, error) {
	out := append([]int64(nil), nil...)
	var missing []Point
	s.mu.Lock()
	for _, p := range points {
		id := s.points[p]
		if out = append(out, id); id == 0 {
			missing = append(missing, p)
		}
	}
	s.mu.Unlock()
	if len(missing) == 0 {
		return out, nil
	}
	if err := s.find(ctx, missing, make); err != nil {
		return nil, fmt.Errorf("number sensors and groups: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, p := range points {
		out[i] = s.points[p]
	}
	return out, nil
}

type pointRow struct {
	bun.BaseModel `bun:"table:settled_points"`
	Point         int64  `bun:"point,pk"`
	Kind          string `bun:"kind"`
	Hierarchy     string `bun:"hierarchy"`
	Name          string `bun:"name"`
}

// find reads the numbers of points, and gives those that have none a number.
func (s *Store) find(ctx context.Context, missing []Point, create bool) error {
	for len(missing) > 0 {
		some := missing[:min(len(missing), 500)]
		missing = missing[len(some):]
		var rows []pointRow
		read := func(ctx context.Context, db bun.IDB) error {
			rows = rows[:0]
			q := db.NewSelect().Model(&rows)
			for _, p := range some {
				q = q.WhereOr("kind = ? AND hierarchy = ? AND name = ?", p.kind(), p.Hierarchy, p.Name)
			}
			return q.Scan(ctx)
		}
		if err := read(ctx, s.db); err != nil {
			return err
		}
		if len(rows) < len(some) && create {
			err := s.db.Alone(ctx, "settled points", func(ctx context.Context, tx bun.Tx) error {
				if err := read(ctx, tx); err != nil {
					return err
				}
				have := make(map[Point]bool, len(rows))
				for _, r := range rows {
					have[Point{r.Hierarchy, r.Name}] = true
				}
				var last int64
				if err := tx.NewSelect().Table("settled_points").ColumnExpr("COALESCE(MAX(point), 0)").Scan(ctx, &last); err != nil {
					return err
				}
				var added []pointRow
				for _, p := range some {
					if !have[p] {
						have[p] = true
						last++
						added = append(added, pointRow{Point: last, Kind: p.kind(), Hierarchy: p.Hierarchy, Name: p.Name})
					}
				}
				if len(added) == 0 {
					return nil
				}
				_, err := tx.NewInsert().Model(&added).Exec(ctx)
				rows = append(rows, added...)
				return err
			})
			if err != nil {
				return err
			}
		}
		s.mu.Lock()
		for _, r := range rows {
			s.points[Point{r.Hierarchy, r.Name}] = r.Point
		}
		s.mu.Unlock()
	}
	return nil
}

// Mark is a range of a sensor, or of all groups of a hierarchy, that has to be
// settled again.
type Mark struct {
	id         string
	Kind, Name string
	Begin, End record.Millis // half-open
	Asked      bool          // by somebody, who may cancel it: nothing is wrong without
}

type markRow struct {
	bun.BaseModel `bun:"table:settled_marks"`
	ID            string `bun:"id,pk"`
	Kind          string `bun:"kind"`
	Name          string `bun:"name"`
	Begin         int64  `bun:"begin_at"`
	End           int64  `bun:"end_at"`
	Asked         bool   `bun:"asked"`
}

// AddMarks has ranges settled again.
func (s *Store) AddMarks(ctx context.Context, marks []Mark) error {
	at := time.Now().UnixMicro()
	for len(marks) > 0 {
		some := marks[:min(len(marks), 500)]
		marks = marks[len(some):]
		rows := make([]markRow, len(some))
		for i, m := range some {
			var random [6]byte
			if _, err := rand.Read(random[:]); err != nil {
				return fmt.Errorf("mark windows: %w", err)
			}
			// In the order in which they were made, nearly: as given, those of one call.
			at++
			rows[i] = markRow{ID: fmt.Sprintf("%016x%s", at, hex.EncodeToString(random[:])), Kind: m.Kind, Name: m.Name, Begin: int64(m.Begin), End: int64(m.End), Asked: m.Asked}
		}
		if _, err := s.db.NewInsert().Model(&rows).Exec(ctx); err != nil {
			return fmt.Errorf("mark windows: %w", err)
		}
	}
	return nil
}

// Marks gives the oldest marks, at most so many.
func (s *Store) Marks(ctx context.Context, n int) ([]Mark, error) {
	return s.marks(ctx, s.db.NewSelect(), n)
}

func (s *Store) marks(ctx context.Context, q *bun.SelectQuery, n int) ([]Mark, error) {
	var rows []markRow
	if err := q.Model(&rows).Order("id").Limit(int64(n)).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read marks: %w", err)
	}
	out := make([]Mark, len(rows))
	for i, r := range rows {
		out[i] = Mark{r.ID, r.Kind, r.Name, record.Millis(r.Begin), record.Millis(r.End), r.Asked}
	}
	return out, nil
}

// MarksBeside gives further marks of the sensors that some are about, younger
// than the last of those; at most so many.
func (s *Store) MarksBeside(ctx context.Context, some []Mark, n int) ([]Mark, error) {
	if len(some) == 0 {
		return nil, nil
	}
	names := make([]string, 0, len(some))
	for _, m := range some {
		if m.Kind == SensorKind {
			names = append(names, m.Name)
		}
	}
	slices.Sort(names)
	return s.marks(ctx, s.db.NewSelect().Where("id > ?", some[len(some)-1].id).Where("kind = ?", SensorKind).Where("name IN (?)", bun.List(slices.Compact(names))), n)
}

// CountMarks tells how many there are.
func (s *Store) CountMarks(ctx context.Context) (int, error) {
	n, err := s.db.NewSelect().Table("settled_marks").Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("count marks: %w", err)
	}
	return int(n), nil
}

// CountAsked tells how many of them somebody asked for.
func (s *Store) CountAsked(ctx context.Context) (int, error) {
	n, err := s.db.NewSelect().Table("settled_marks").Where("asked = ?", true).Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("count marks: %w", err)
	}
	return int(n), nil
}

// countAtOnce is of how many points windows are counted by one statement, which
// has seconds: ten years of a point are 350,000.
const countAtOnce = 10

// Count tells how many windows of 15 minutes are kept. It reads all of them, which
// takes minutes where there are hundreds of millions.
func (s *Store) Count(ctx context.Context) (int, error) {
	fail := func(err error) (int, error) { return 0, fmt.Errorf("count settled windows: %w", err) }
	var points []int64
	if err := s.db.NewSelect().Table("settled_points").Column("point").Order("point").Scan(ctx, &points); err != nil {
		return fail(err)
	}
	sum := 0
	for some := range slices.Chunk(points, countAtOnce) {
		n, err := s.db.NewSelect().Table("settled_quarters").Where("point IN (?)", bun.List(some)).Count(ctx)
		if err != nil {
			return fail(err)
		}
		sum += int(n)
	}
	return sum, nil
}

// DropMarks removes marks that were settled.
func (s *Store) DropMarks(ctx context.Context, marks []Mark) error {
	for len(marks) > 0 {
		some := marks[:min(len(marks), 500)]
		marks = marks[len(some):]
		ids := make([]string, len(some))
		for i, m := range some {
			ids[i] = m.id
		}
		if _, err := s.db.NewDelete().Table("settled_marks").Where("id IN (?)", bun.List(ids)).Exec(ctx); err != nil {
			return fmt.Errorf("remove marks: %w", err)
		}
	}
	return nil
}

// Names of progress.
const (
	Frontier = "frontier" // everything before is settled, as far down as
	Floor    = "floor"    // this
	First    = "first"    // time of the oldest reading there ever was
)

// Progress reads a point in time; 0 when it was never set.
func (s *Store) Progress(ctx context.Context, name string) (record.Millis, error) {
	var at int64
	err := s.db.NewSelect().Table("settled_progress").Column("at").Where("name = ?", name).Scan(ctx, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read progress: %w", err)
	}
	return record.Millis(at), nil
}

// SetProgress notes a point in time.
func (s *Store) SetProgress(ctx context.Context, name string, at record.Millis) error {
	_, err := s.db.ExecContext(ctx, "INSERT INTO settled_progress (name, at) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET at = excluded.at", name, int64(at))
	if err != nil {
		return fmt.Errorf("note progress: %w", err)
	}
	return nil
}

// Table is one of the two tables of rows.
type Table struct {
	name  string
	until bool // it says where a window ends; else after a quarter of an hour
}

// The tables.
var (
	Quarters = Table{name: "settled_quarters"}
	Days     = Table{name: "settled_days", until: true}
)

const quarter = record.Millis(15 * time.Minute / time.Millisecond)

// Rows appends the rows of a point that begin in a span, in order.
func (s *Store) Rows(ctx context.Context, dst []Row, t Table, point int64, from, to record.Millis) ([]Row, error) {
	if point == 0 {
		return dst, nil
	}
	q := fmt.Sprintf("SELECT %s FROM %s WHERE point = %d AND start >= %d AND start < %d ORDER BY start", t.columns(), t.name, point, from, to)
	err := s.scan(ctx, q, func(found *sql.Rows) error {
		r, err := t.row(found)
		if err == nil {
			dst = append(dst, r)
		}
		return err
	})
	return dst, err
}

// Firsts gives the begin of the first quarter of an hour that anything is known
// in, of points from a time on; those of which there is none are left out.
func (s *Store) Firsts(ctx context.Context, points []int64, from record.Millis) (map[int64]record.Millis, error) {
	out := make(map[int64]record.Millis, len(points))
	for len(points) > 0 {
		some := points[:min(len(points), 500)]
		points = points[len(some):]
		values := make([]string, len(some))
		for i, p := range some {
			values[i] = fmt.Sprintf("(%d)", p)
		}
		// One step into the key for each, where MIN and GROUP BY would read all rows.
		q := fmt.Sprintf("WITH p AS MATERIALIZED (SELECT v.column1 FROM (VALUES %s) AS v) SELECT p.column1,"+
			" (SELECT q.start FROM settled_quarters q WHERE q.point = p.column1 AND q.start >= %d ORDER BY q.start LIMIT 1) FROM p", strings.Join(values, ", "), from)
		err := s.scan(ctx, q, func(found *sql.Rows) error {
			var point int64
			var start sql.NullInt64
			if err := found.Scan(&point, &start); err != nil || !start.Valid {
				return err
			}
			out[point] = record.Millis(start.Int64)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// columns are those of a row.
func (t Table) columns() string {
	until := "0"
	if t.until {
		until = "until"
	}
	return "start, " + until + ", amount, estimated, meter, average, minimum, maximum, readings, covered, members, total, quality, rest, rest_estimated, compared"
}

// row reads the columns, and into the others what stands behind them.
func (t Table) row(found *sql.Rows, others ...any) (r Row, err error) {
	var amount, meter, rest, uncertain, compared sql.NullInt64
	var average, minimum, maximum sql.NullFloat64
	if err := found.Scan(append([]any{&r.Start, &r.End, &amount, &r.Estimated, &meter, &average, &minimum, &maximum, &r.Count, &r.Covered, &r.Members, &r.Total, &r.Quality, &rest, &uncertain, &compared}, others...)...); err != nil {
		return r, err
	}
	if !t.until {
		r.End = r.Start + quarter
	}
	r.Known, r.Amount = amount.Valid, energy.Amount(amount.Int64)
	r.Metered, r.Meter = meter.Valid, energy.Amount(meter.Int64)
	r.Rest = Rest{record.Millis(compared.Int64), energy.Amount(rest.Int64), energy.Amount(uncertain.Int64)}
	r.Average, r.Min, r.Max = float(average), float(minimum), float(maximum)
	return r, nil
}

// scan hands all rows of a query to f.
func (s *Store) scan(ctx context.Context, query string, f func(*sql.Rows) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("read settled windows: %w", err)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	found, err := s.db.DB.DB.QueryContext(ctx, query) // below bun, whose deadline ends with the first row
	if err != nil {
		return err
	}
	defer found.Close() //nolint:errcheck // found.Err tells
	for found.Next() {
		if err := f(found); err != nil {
			return err
		}
	}
	return found.Err()
}

func float(f sql.NullFloat64) float64 {
	if !f.Valid {
		return math.NaN()
	}
	return f.Float64
}

// Same tells whether two rows say the same.
func Same(a, b *Row) bool {
	return a.Start == b.Start && a.Known == b.Known && a.Amount == b.Amount && a.Estimated == b.Estimated &&
		a.Metered == b.Metered && a.Meter == b.Meter && a.Rest == b.Rest && equal(a.Average, b.Average) && equal(a.Min, b.Min) && equal(a.Max, b.Max) &&
		a.Count == b.Count && a.Covered == b.Covered && a.Members == b.Members && a.Total == b.Total && a.Quality == b.Quality && a.End == b.End
}

func equal(a, b float64) bool { return a == b || a != a && b != b }

// Mark has a span of a sensor, both ends included, settled again.
func (s *Store) Mark(ctx context.Context, id record.SensorID, from, to record.Millis) error {
	return s.AddMarks(ctx, []Mark{{Kind: SensorKind, Name: string(id), Begin: from, End: to + 1}})
}
