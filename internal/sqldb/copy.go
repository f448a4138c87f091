package sqldb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/uptrace/bun"
)

// ErrNotEmpty is wrapped by the error of [Copy] when there is something where
// the rows would go.
var ErrNotEmpty = errors.New("there is something already")

// CopyFile writes a consistent copy of the SQLite file to a file at path, which
// must not exist. Readers and writers go on meanwhile.
func (db *DB) CopyFile(ctx context.Context, path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, fs.ErrExist)
	}
	// By itself it would have the time of a statement, whatever its size.
	_, err := db.DB.DB.ExecContext(ctx, "VACUUM INTO ?", path)
	return err
}

// rowsAtOnce is how many rows are put into one statement.
const rowsAtOnce = 200

// Copy copies all rows between a SQLite file and a PostgreSQL, in whichever
// direction, as of one moment and in one transaction. Both are up to date; what
// is copied are the tables of the file, but for those that [DB.Migrate] keeps.
// Tables that are not empty are ErrNotEmpty, but for seeds: those hold rows from
// the beginning, which are replaced.
func Copy(ctx context.Context, from, to *DB, seeds ...string) error {
	file := from
	if from.Shared() {
		file = to
	}
	if from.Shared() == to.Shared() {
		return errors.New("copy tables: one of both must be a file")
	}
	err := from.Reading(ctx, func(ctx context.Context, rx bun.Tx) error {
		return to.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
			tables, err := tablesOf(ctx, map[bool]bun.Tx{true: rx, false: tx}[file == from])
			if err != nil {
				return err
			}
			for _, t := range tables {
				if err := vacant(ctx, tx, t, slices.Contains(seeds, t)); err != nil {
					return err
				}
			}
			for _, t := range tables {
				if err := copyTable(ctx, rx, tx, t); err != nil {
					return fmt.Errorf("%s: %w", t, err)
				}
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("copy tables: %w", err)
	}
	return nil
}

// tablesOf gives the tables of a SQLite file, each after those it refers to.
func tablesOf(ctx context.Context, tx bun.Tx) ([]string, error) {
	var all []string
	err := tx.NewSelect().Table("sqlite_master").Column("name").
		Where("type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!' AND name NOT LIKE '%!_migrations' ESCAPE '!'").Order("name").Scan(ctx, &all)
	if err != nil {
		return nil, err
	}
	var out []string
	var add func(table string, above []string) error
	add = func(table string, above []string) error {
		if slices.Contains(out, table) || slices.Contains(above, table) {
			return nil
		}
		var uses []string
		if err := tx.NewSelect().TableExpr("pragma_foreign_key_list(?)", table).ColumnExpr(`DISTINCT "table"`).Order("table").Scan(ctx, &uses); err != nil {
			return err
		}
		for _, u := range uses {
			if err := add(u, append(above, table)); err != nil {
				return err
			}
		}
		out = append(out, table)
		return nil
	}
	for _, t := range all {
		if err := add(t, nil); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// vacant checks that a table is empty, and empties one that has rows from the
// beginning.
func vacant(ctx context.Context, tx bun.Tx, table string, seed bool) error {
	if seed {
		_, err := tx.NewRaw("DELETE FROM ?", bun.Ident(table)).Exec(ctx)
		return err
	}
	n, err := tx.NewSelect().Table(table).Count(ctx)
	if err == nil && n > 0 {
		err = fmt.Errorf("%w: %d rows in table %s", ErrNotEmpty, n, table)
	}
	return err
}

func copyTable(ctx context.Context, from, to bun.Tx, table string) error {
	// bun's own ends with the statement, before the rows are read.
	rows, err := from.Tx.QueryContext(ctx, `SELECT * FROM "`+table+`"`)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // what fails is told by Err
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	columns := make([]bun.Ident, len(names))
	for i, n := range names {
		columns[i] = bun.Ident(n)
	}
	into := "INSERT INTO ? (" + strings.TrimSuffix(strings.Repeat("?, ", len(columns)), ", ") + ") VALUES "
	place := "(" + strings.TrimSuffix(strings.Repeat("?, ", len(columns)), ", ") + "), "
	head := []any{bun.Ident(table)}
	for _, c := range columns {
		head = append(head, c)
	}
	var values []any
	n := 0
	flush := func() error {
		if n == 0 {
			return nil
		}
		_, err := to.NewRaw(into+strings.TrimSuffix(strings.Repeat(place, n), ", "), append(slices.Clone(head), values...)...).Exec(ctx)
		values, n = values[:0], 0
		return err
	}
	for rows.Next() {
		row := make([]any, len(names))
		at := make([]any, len(names))
		for i := range row {
			at[i] = &row[i]
		}
		if err := rows.Scan(at...); err != nil {
			return err
		}
		values = append(values, row...)
		if n++; n == rowsAtOnce {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return flush()
}
