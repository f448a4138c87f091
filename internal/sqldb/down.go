package sqldb

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Down tells whether an error means that the database cannot be reached, or
// does not answer, and may well do so again in a moment.
func Down(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	var refused *pgconn.ConnectError
	var network net.Error
	if errors.As(err, &refused) || errors.As(err, &network) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		return true
	}
	var said *pgconn.PgError
	if errors.As(err, &said) {
		switch said.Code {
		case "57P01", "57P02", "57P03", // it is shut down, has crashed, or is starting
			"53300",          // it has too many connections
			"57014", "55P03", // it gave up waiting, for a statement or a lock
			"25006": // it has become a standby
			return true
		}
		return strings.HasPrefix(said.Code, "08") // the connection
	}
	// What pgx says of a connection that broke under it.
	return strings.Contains(err.Error(), "conn closed")
}
