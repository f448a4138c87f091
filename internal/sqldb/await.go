package sqldb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// lookEvery is the pause between two looks for a database that is not there yet.
const lookEvery = 250 * time.Millisecond

// Await returns when a database can be opened, or with the error why it cannot.
// One that is [Down] is waited for, so long at most; waiting is called once then,
// with the reason. One that does not let us in is not.
func Await(ctx context.Context, o Options, most time.Duration, waiting func(error)) error {
	until := time.Now().Add(most)
	for said := false; ; {
		db, err := Open(ctx, o)
		if err == nil {
			return db.Close()
		}
		switch {
		case ctx.Err() != nil || !Down(err) || lockedOut(err) || most == 0:
			return err
		case time.Now().After(until):
			return fmt.Errorf("after waiting for %v: %w", most, err)
		case !said:
			said = true
			waiting(err)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(lookEvery):
		}
	}
}

// lockedOut tells whether a server does not know us (class 28), or the database
// (3D000).
func lockedOut(err error) bool {
	said, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (strings.HasPrefix(said.Code, "28") || said.Code == "3D000")
}
