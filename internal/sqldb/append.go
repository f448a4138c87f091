package sqldb

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// Append stores n rows, which must not be there yet, in a table of a PostgreSQL.
// It is the fastest way. It belongs to the transaction that is under way on the
// connection. row gives the values of the columns of a row; what it gives is
// done with when it is called again.
func Append(ctx context.Context, conn *sql.Conn, table string, columns []string, n int, row func(i int) []any) error {
	return conn.Raw(func(driver any) error {
		c, ok := driver.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("append to %s: a connection of %T is not one to PostgreSQL", table, driver)
		}
		_, err := c.Conn().CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromSlice(n, func(i int) ([]any, error) { return row(i), nil }))
		return err
	})
}
