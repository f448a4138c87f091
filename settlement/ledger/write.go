package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/internal/sqldb"
)

// Change is a row to be stored, or to be removed.
type Change struct {
	Point int64
	Gone  bool // there is no such row any more
	New   bool // there was no such row before; when there is one nothing is stored, and that is an error
	Row
}

// Write stores changes of a table in one transaction, and notes those of points
// that are watched. Of several changes of a row the last one counts. The
// changes are put in another order.
func (s *Store) Write(ctx context.Context, t Table, changes []Change) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	changes = newest(changes)
	// Below bun, which would write every number into the statement, and have it
	// parsed again.
	conn, err := s.db.DB.DB.Conn(ctx)
	if err != nil {
		return fmt.Errorf("store settled windows: %w", err)
	}
	defer conn.Close() //nolint:errcheck // it goes back
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("store settled windows: %w", err)
	}
	w := writer{shared: s.db.Shared(), table: t, conn: conn, tx: tx}
	if t == Quarters {
		err = w.note(ctx, changes)
	}
	if err == nil && w.shared {
		err = w.writeColumns(ctx, changes)
	} else if err == nil {
		err = w.writeRows(ctx, changes)
	}
	if err == nil {
		err = tx.Commit()
	} else {
		err = errors.Join(err, tx.Rollback())
	}
	if err != nil {
		return fmt.Errorf("store settled windows: %w", err)
	}
	return nil
}

// newest puts changes in the order of the key, and leaves the last one of each
// row.
func newest(changes []Change) []Change {
	slices.SortStableFunc(changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Point, b.Point), cmp.Compare(a.Start, b.Start))
	})
	out := changes[:0]
	for i := range changes {
		c := &changes[i]
		if n := len(out); n > 0 && out[n-1].Point == c.Point && out[n-1].Start == c.Start {
			out[n-1] = *c
			continue
		}
		out = append(out, *c)
	}
	return out
}

// writer writes rows of a table in a transaction.
type writer struct {
	shared bool // it is a PostgreSQL
	table  Table
	conn   *sql.Conn
	tx     *sql.Tx // on conn
}

func (w *writer) columns() []string {
	c := []string{"point", "start", "amount", "estimated", "meter", "average", "minimum", "maximum", "readings", "covered", "members", "total", "quality", "rest", "rest_estimated", "compared"}
	if w.table.until {
		c = append(c, "until")
	}
	return c
}

// into stores what values gives.
func (w *writer) into(values string) string {
	columns := w.columns()
	set := make([]string, 0, len(columns))
	for _, c := range columns[2:] {
		set = append(set, c+" = excluded."+c)
	}
	return fmt.Sprintf("INSERT INTO %s (%s) %s ON CONFLICT (point, start) DO UPDATE SET %s",
		w.table.name, strings.Join(columns, ", "), values, strings.Join(set, ", "))
}

// place stands for the nth value of a statement.
func (w *writer) place(n int) string {
	if w.shared {
		return "$" + strconv.Itoa(n)
	}
	return "?"
}

// rowsAtOnce is how many rows one statement stores in a SQLite, where the time
// it takes grows with the square of its values.
const rowsAtOnce = 4

// inserter stores rows in a SQLite, some with each statement.
type inserter struct {
	w    *writer
	one  string // the statement, without the rows
	row  string // and how each stands in it
	end  string
	add  func([]any, *Change) []any
	many *sql.Stmt
	args []any
	rows int
}

// newInserter makes one for rows there may be, or for some that are new. Those
// need neither to be looked for nor to be taken back one by one, and say nothing of
// a meter where there is none.
func (w *writer) newInserter(fresh, plain bool) *inserter {
	columns, n := w.columns(), len(w.columns())
	x := &inserter{w: w, add: w.values}
	if plain {
		columns, x.add = w.plainColumns(), w.plainValues
		n = len(columns)
	}
	x.one, x.end, _ = strings.Cut(w.into("\n"), "\n")
	if fresh {
		x.one, x.end = fmt.Sprintf("INSERT OR ROLLBACK INTO %s (%s) ", w.table.name, strings.Join(columns, ", ")), ""
	}
	x.row = "(" + strings.TrimSuffix(strings.Repeat("?, ", n), ", ") + ")"
	return x
}

func (x *inserter) statement(n int) string {
	return x.one + "VALUES " + strings.TrimSuffix(strings.Repeat(x.row+", ", n), ", ") + x.end
}

func (x *inserter) put(ctx context.Context, c *Change) (err error) {
	x.args = x.add(x.args, c)
	if x.rows++; x.rows < rowsAtOnce {
		return nil
	}
	if x.many == nil {
		if x.many, err = x.w.tx.PrepareContext(ctx, x.statement(rowsAtOnce)); err != nil {
			return err
		}
	}
	_, err = x.many.ExecContext(ctx, x.args...)
	x.args, x.rows = x.args[:0], 0
	return err
}

// close stores what is left.
func (x *inserter) close(ctx context.Context) (err error) {
	if x.many != nil {
		defer x.many.Close() //nolint:errcheck // it ends with the transaction
	}
	if x.rows > 0 {
		_, err = x.w.tx.ExecContext(ctx, x.statement(x.rows), x.args...)
	}
	return err
}

// writeRows writes into a SQLite.
func (w *writer) writeRows(ctx context.Context, changes []Change) error {
	kept, fresh, plain := w.newInserter(false, false), w.newInserter(true, false), w.newInserter(true, true)
	for i := range changes {
		c := &changes[i]
		var err error
		switch {
		case c.Gone:
			_, err = w.tx.ExecContext(ctx, "DELETE FROM "+w.table.name+" WHERE point = ? AND start = ?", c.Point, int64(c.Start))
		case c.New && !c.Metered && c.Rest.Time == 0:
			err = plain.put(ctx, c)
		case c.New:
			err = fresh.put(ctx, c)
		default:
			err = kept.put(ctx, c)
		}
		if err != nil {
			return err
		}
	}
	return cmp.Or(plain.close(ctx), fresh.close(ctx), kept.close(ctx))
}

// plainColumns are those of a row without a meter, and plainValues their values.
func (w *writer) plainColumns() []string {
	c := []string{"point", "start", "amount", "estimated", "average", "minimum", "maximum", "readings", "covered", "members", "total", "quality"}
	if w.table.until {
		c = append(c, "until")
	}
	return c
}

func (w *writer) plainValues(to []any, c *Change) []any {
	to = append(to, c.Point, int64(c.Start), number(c.Known, c.Amount), int64(c.Estimated),
		real64(c.Average), real64(c.Min), real64(c.Max), int64(c.Count), c.Covered, int64(c.Members), int64(c.Total), int64(c.Quality))
	if w.table.until {
		to = append(to, int64(c.End))
	}
	return to
}

// values adds the values of the columns.
func (w *writer) values(to []any, c *Change) []any {
	to = append(to, c.Point, int64(c.Start), number(c.Known, c.Amount), int64(c.Estimated), number(c.Metered, c.Meter),
		real64(c.Average), real64(c.Min), real64(c.Max), int64(c.Count), c.Covered, int64(c.Members), int64(c.Total), int64(c.Quality),
		number(c.Rest.Time > 0, c.Rest.Amount), number(c.Rest.Time > 0, c.Rest.Estimated), number(c.Rest.Time > 0, energy.Amount(c.Rest.Time)))
	if w.table.until {
		to = append(to, int64(c.End))
	}
	return to
}

func number(known bool, a energy.Amount) any {
	if !known {
		return nil
	}
	return int64(a)
}

func real64(f float64) any {
	if math.IsNaN(f) {
		return nil
	}
	return f
}

// writeColumns writes into a PostgreSQL: rows that may be there already in one
// statement, as an array for each column, since each statement is a journey.
func (w *writer) writeColumns(ctx context.Context, changes []Change) error {
	var gone, kept, added []Change
	for _, c := range changes {
		switch {
		case c.Gone:
			gone = append(gone, c)
		case c.New:
			added = append(added, c)
		default:
			kept = append(kept, c)
		}
	}
	if len(added) > 0 {
		row := make([]any, 0, 17)
		err := sqldb.Append(ctx, w.conn, w.table.name, w.columns(), len(added), func(i int) []any {
			row = w.values(row[:0], &added[i])
			return row
		})
		if err != nil {
			return err
		}
	}
	keys := func(cs []Change) (points, starts []int64) {
		for i := range cs {
			points, starts = append(points, cs[i].Point), append(starts, int64(cs[i].Start))
		}
		return points, starts
	}
	if len(gone) > 0 {
		points, starts := keys(gone)
		q := "DELETE FROM " + w.table.name + " WHERE (point, start) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))"
		if _, err := w.tx.ExecContext(ctx, q, points, starts); err != nil {
			return err
		}
	}
	if len(kept) == 0 {
		return nil
	}
	n := len(kept)
	points, starts := keys(kept)
	amounts, meters := make([]*int64, n), make([]*int64, n)
	rests, uncertain, compared := make([]*int64, n), make([]*int64, n), make([]*int64, n)
	averages, minima, maxima := make([]*float64, n), make([]*float64, n), make([]*float64, n)
	whole := make([][]int64, 7) // estimated, readings, covered, members, total, quality, until
	for k := range whole {
		whole[k] = make([]int64, n)
	}
	for i := range kept {
		c := &kept[i]
		if c.Known {
			amounts[i] = (*int64)(&c.Amount)
		}
		if c.Metered {
			meters[i] = (*int64)(&c.Meter)
		}
		if c.Rest.Time > 0 {
			rests[i], uncertain[i], compared[i] = (*int64)(&c.Rest.Amount), (*int64)(&c.Rest.Estimated), (*int64)(&c.Rest.Time)
		}
		for _, x := range []struct {
			to   []*float64
			from *float64
		}{{averages, &c.Average}, {minima, &c.Min}, {maxima, &c.Max}} {
			if !math.IsNaN(*x.from) {
				x.to[i] = x.from
			}
		}
		for k, v := range [...]int64{int64(c.Estimated), int64(c.Count), c.Covered, int64(c.Members), int64(c.Total), int64(c.Quality), int64(c.End)} {
			whole[k][i] = v
		}
	}
	args := []any{points, starts, amounts, whole[0], meters, averages, minima, maxima, whole[1], whole[2], whole[3], whole[4], whole[5], rests, uncertain, compared}
	if w.table.until {
		args = append(args, whole[6])
	}
	arrays := make([]string, len(args))
	for i, a := range args {
		kind := "bigint"
		if _, ok := a.([]*float64); ok {
			kind = "double precision"
		}
		arrays[i] = fmt.Sprintf("%s::%s[]", w.place(i+1), kind)
	}
	_, err := w.tx.ExecContext(ctx, w.into("SELECT * FROM unnest("+strings.Join(arrays, ", ")+")"), args...)
	return err
}
