package postgresql

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/format"
	"github.com/wattwerk/wattwerk/record"
)

const (
	within = 30 * time.Second // for the server to store results
	chunk  = 5000             // results of a statement
)

// Protocol is PostgreSQL's.
func Protocol() connect.Protocol {
	return connect.Protocol{
		Name:    "postgresql",
		Summary: "Results are rows of a table of a PostgreSQL database.",
		Details: "The table has the columns manifest, processor, key, time (these are its primary key), value (null where there is none) and marks (estimated, partial, alarm, suspect, with commas). " +
			"It is made when it is not there; then the user needs the right to make tables in its schema.",
		Example: `interfaces:
  - name: Table
    protocol: postgresql
kinds:
  - name: Results
    quantityKind: TotalRealPower
    unit: W
sourceDefinitions:
  - {name: Results in a table, interface: Table, kinds: [Results]}
sources:
  - name: Warehouse
    definition: Results in a table
    parameters: {host: db.example.org, database: plant, table: energy.hourly, tls: true, user: wattwerk, password: db-password}
`,
		Parameters: []manifest.Parameter{
			{Name: "host", Description: "Name or address of the server.", Required: true},
			{Name: "port", Type: manifest.Int, Description: "Its port.", Default: connect.Default(5432), Min: number(1), Max: number(65535)},
			{Name: "database", Description: "Name of the database.", Required: true},
			{Name: "table", Description: "TABLE or SCHEMA.TABLE.", Default: connect.Default("results")},
			{Name: "user", Description: "Name to log in with.", Required: true},
			{Name: "password", Type: manifest.Secret, Description: "File of the password."},
			{Name: "tls", Type: manifest.Bool, Description: "Speak TLS only.", Default: connect.Default(false)},
			{Name: "ca", Type: manifest.Secret, Description: "File of the certificates that the server's must be signed by. Absent: those of the system."},
			{Name: "cert", Type: manifest.Secret, Description: "File of our certificate, if the server wants one."},
			{Name: "certKey", Type: manifest.Secret, Description: "File of its key."},
		},
		Writer: newWriter,
	}
}

func number(f float64) *float64 { return &f }

type writer struct {
	end    connect.End
	config *pgx.ConnConfig
	table  pgx.Identifier
	conn   *pgx.Conn // nil: there is none
}

func newWriter(_ context.Context, e connect.End) (connect.Writer, error) {
	w := &writer{end: e}
	if err := w.open(); err != nil {
		return nil, fmt.Errorf("open sink %s: %w", e.Name, err)
	}
	return w, nil
}

func (w *writer) open() error {
	e := &w.end
	host, port := strings.Trim(e.Text("host"), "[]"), e.Int("port")
	// What begins with a slash would be a path of this machine.
	if host == "" || strings.ContainsAny(host, "/@, \\'") || port < 1 || port > 65535 {
		return fmt.Errorf("%.60q is no host, or its port is none", host)
	}
	for _, p := range []string{"database", "user", "table"} {
		s := e.Text(p)
		if s == "" || len(s) > 200 || !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			return fmt.Errorf("%s %.60q is no name", p, s)
		}
	}
	w.table = strings.Split(e.Text("table"), ".")
	for _, part := range w.table {
		if part == "" || len(part) > 63 || len(w.table) > 2 {
			return fmt.Errorf("the table %.60q is not like TABLE or SCHEMA.TABLE", e.Text("table"))
		}
	}
	password, err := e.Secret("password")
	if err != nil {
		return err
	}
	var secure *tls.Config
	if e.Bool("tls") {
		if secure, err = e.TLS(host); err != nil {
			return err
		}
	}
	// Everything the environment may say is said here, or replaced below.
	w.config, err = pgx.ParseConfig("host=localhost port=5432 user=nobody password=none dbname=none sslmode=disable passfile=/dev/null servicefile=/dev/null target_session_attrs=any connect_timeout=10")
	if err != nil {
		return fmt.Errorf("the environment of this process has settings of PostgreSQL that cannot be read: %w", err)
	}
	c := w.config
	c.Host, c.Port, c.Database, c.User, c.Password = host, uint16(port), e.Text("database"), e.Text("user"), string(password)
	c.TLSConfig, c.Fallbacks, c.ConnectTimeout = secure, nil, 10*time.Second
	c.RuntimeParams = map[string]string{"application_name": "wattwerk", "timezone": "UTC", "statement_timeout": strconv.FormatInt(within.Milliseconds(), 10)}
	c.DialFunc = e.House.DialContext
	// DialFunc is to resolve the name, so that it is judged by it.
	c.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	return nil
}

// connected connects where it is not, and makes the table where there is none.
func (w *writer) connected(ctx context.Context) error {
	if w.conn != nil && !w.conn.IsClosed() {
		return nil
	}
	conn, err := pgx.ConnectConfig(ctx, w.config)
	if err != nil {
		return fmt.Errorf("the server is not reached: %w", err)
	}
	name := w.table.Sanitize()
	// To make it only where it is missing needs fewer rights.
	var there bool
	err = conn.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", name).Scan(&there)
	if err == nil && !there {
		_, err = conn.Exec(ctx, "CREATE TABLE IF NOT EXISTS "+name+` (
	manifest text NOT NULL, processor text NOT NULL, key text NOT NULL, time timestamptz NOT NULL,
	value double precision, marks text NOT NULL DEFAULT '', PRIMARY KEY (manifest, processor, key, time))`)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("the table %s is not there and cannot be made: %w", name, err), hangUp(conn))
	}
	w.conn = conn
	return nil
}

// hangUp closes a connection; one that is broken need not say so.
func hangUp(conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err := conn.Close(ctx)
	var at net.Error
	if errors.As(err, &at) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// identity of a row.
type identity struct {
	manifest, processor, key string
	time                     record.Millis
}

func (w *writer) Write(ctx context.Context, results []connect.Written) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var refused connect.Refused
	err := w.connected(ctx)
	for len(results) > 0 && err == nil {
		n := min(len(results), chunk)
		err = w.upsert(ctx, results[:n], &refused)
		results = results[n:]
	}
	if err == nil {
		return refused.Err()
	}
	if w.conn != nil {
		err = errors.Join(err, hangUp(w.conn))
		w.conn = nil
	}
	return fmt.Errorf("write to sink %s: %w", w.end.Name, err)
}

func (w *writer) upsert(ctx context.Context, results []connect.Written, refused *connect.Refused) error {
	at := make(map[identity]int, len(results)) // a statement cannot replace a row twice
	var manifests, processors, keys, marks []string
	var times []time.Time
	var values []*float64
	for i := range results {
		r := &results[i]
		if s := r.Manifest + r.Processor + r.Key; !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			refused.Add(*r, "PostgreSQL takes no zeros in text, and nothing that is not UTF-8")
			continue
		}
		var v *float64
		if r.Marks&observation.Null == 0 {
			v = &r.Value
		}
		id := identity{r.Manifest, r.Processor, r.Key, r.Time}
		if j, ok := at[id]; ok {
			values[j], marks[j] = v, format.Marks(r.Marks)
			continue
		}
		at[id] = len(keys)
		manifests, processors, keys = append(manifests, r.Manifest), append(processors, r.Processor), append(keys, r.Key)
		times, values, marks = append(times, r.Time.Time()), append(values, v), append(marks, format.Marks(r.Marks))
	}
	if len(keys) == 0 {
		return nil
	}
	_, err := w.conn.Exec(ctx, "INSERT INTO "+w.table.Sanitize()+` (manifest, processor, key, time, value, marks)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::float8[], $6::text[])
ON CONFLICT (manifest, processor, key, time) DO UPDATE SET value = excluded.value, marks = excluded.marks`,
		manifests, processors, keys, times, values, marks)
	var said *pgconn.PgError
	if errors.As(err, &said) && said.Code == "42P01" {
		return fmt.Errorf("the table %s is gone, and will be made again", w.table.Sanitize())
	}
	return err
}

func (w *writer) Close() error {
	if w.conn == nil {
		return nil
	}
	return hangUp(w.conn)
}
