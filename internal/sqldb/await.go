package sqldb

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wattwerk/wattwerk/internal/run"
)

// Await returns when a database can be opened, or with the error why it cannot.
// One that is [Down] is waited for, so long at most; waiting is called once then,
// with the reason. One that does not let us in is not.
func Await(ctx context.Context, o Options, most time.Duration, waiting func(error)) error {
	return run.Await(ctx, most, func(ctx context.Context) error {
		db, err := Open(ctx, o)
		if err != nil {
			return err
		}
		return db.Close()
	}, func(err error) bool { return Down(err) && !lockedOut(err) }, waiting)
}

// lockedOut tells whether a server does not know us (class 28), or the database
// (3D000).
func lockedOut(err error) bool {
	said, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (strings.HasPrefix(said.Code, "28") || said.Code == "3D000")
}
