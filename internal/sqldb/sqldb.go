package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/crc64"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // the driver behind the file
)

// Options say which database. Either URL or File is given.
type Options struct {
	URL     string        // of a PostgreSQL, as postgres://user:password@host:5432/name
	File    string        // a SQLite file, made when missing and readable by its owner alone
	Conns   int           // at most so many connections of this process, 2 or more; default 8
	Timeout time.Duration // how long a statement, or a transaction of [DB.Alone], may take; default 15 s
	NoSync  bool          // of a file, for tests and benchmarks: what was written last may be gone when the machine fails; no setting leads here
}

// DB is an open database.
type DB struct {
	*bun.DB
	opts Options
}

// Open opens a database and checks that it answers.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.Conns == 0 {
		o.Conns = 8
	}
	o.Conns = max(o.Conns, 2) // one of them may hold a lock for another
	if o.Timeout == 0 {
		o.Timeout = 15 * time.Second
	}
	db := &DB{opts: o}
	var raw *sql.DB
	var err error
	if db.Shared() {
		raw, err = openPostgres(o)
	} else {
		raw, err = openSQLite(o.File, o.NoSync)
	}
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	raw.SetMaxOpenConns(o.Conns)
	if db.Shared() {
		raw.SetMaxIdleConns(o.Conns)
		raw.SetConnMaxIdleTime(5 * time.Minute)
		raw.SetConnMaxLifetime(time.Hour)
		db.DB = bun.NewDB(raw, pgdialect.New())
	} else {
		db.DB = bun.NewDB(raw, sqlitedialect.New())
	}
	db.DB = db.WithQueryHook(deadline(o.Timeout))
	if err := db.Ping(ctx); err != nil {
		return nil, fmt.Errorf("open database: %w", errors.Join(err, raw.Close()))
	}
	return db, nil
}

func openSQLite(path string, noSync bool) (*sql.DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	sync := "synchronous(FULL)"
	if noSync {
		sync = "synchronous(OFF)"
	}
	q := url.Values{
		"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", sync, "foreign_keys(1)"},
		"_txlock": {"immediate"},
	}
	return sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+q.Encode())
}

func openPostgres(o Options) (*sql.DB, error) {
	c, err := parseURL(o.URL)
	if err != nil {
		return nil, err
	}
	set := func(name, value string) {
		if _, ok := c.RuntimeParams[name]; !ok {
			c.RuntimeParams[name] = value
		}
	}
	set("application_name", "wattwerk")
	// The server gives up too: what nobody waits for any more is to hold no lock.
	ms := fmt.Sprint(o.Timeout.Milliseconds())
	set("statement_timeout", ms)
	set("lock_timeout", ms)
	set("idle_in_transaction_session_timeout", fmt.Sprint(2*o.Timeout.Milliseconds()))
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = o.Timeout / 2
	}
	// bun writes the values into the statement, so preparing it gains nothing.
	c.DefaultQueryExecMode = pgx.QueryExecModeExec
	return stdlib.OpenDB(*c), nil
}

func parseURL(s string) (*pgx.ConnConfig, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, errors.New("the URL of the database cannot be read") // the error would hold it, and with it a password
	}
	if u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, fmt.Errorf("the URL of the database begins with %q, not with postgres://", u.Scheme+"://")
	}
	return pgx.ParseConfig(s)
}

// CheckURL tells what is wrong with the URL of a PostgreSQL. The error does not
// hold the password.
func CheckURL(s string) error {
	_, err := parseURL(s)
	return err
}

// Shared tells whether other machines may use the database at the same time.
func (db *DB) Shared() bool { return db.opts.URL != "" }

// Name says where the database is, without the password: a path, or host and
// name.
func (db *DB) Name() string {
	if !db.Shared() {
		return db.opts.File
	}
	c, err := parseURL(db.opts.URL)
	if err != nil {
		return "PostgreSQL"
	}
	return fmt.Sprintf("PostgreSQL %s at %s", c.Database, c.Host)
}

// Ping checks that the database answers.
func (db *DB) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, db.opts.Timeout)
	defer cancel()
	return db.PingContext(ctx)
}

// Migrate brings tables up to date. table keeps which of the files have been
// applied already, so each owner of tables has its own. A table that is found
// by its key alone may end with "/*SQLite: WITHOUT ROWID*/": there it is kept
// once instead of twice, in the order of the key.
//
// Tables of a newer program are refused with [*NewerError]; nothing is changed
// then.
func (db *DB) Migrate(ctx context.Context, table string, files fs.FS) (err error) {
	dialect := goose.DialectSQLite3
	if db.Shared() {
		dialect = goose.DialectPostgres
		// Others start at the same time. goose's own lock does not hold when it
		// makes its table.
		unlock, err := db.lockAll(ctx, "migrate "+table)
		if err != nil {
			return fmt.Errorf("wait for others that bring the tables up to date: %w", err)
		}
		defer unlock()
	} else {
		files = forSQLite{files}
	}
	p, err := goose.NewProvider(dialect, db.DB.DB, files, goose.WithTableName(table))
	if err != nil {
		return err
	}
	// goose itself goes on where more has been applied than it knows of.
	at, err := p.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read the version of the tables: %w", err)
	}
	all := p.ListSources()
	if knows := all[len(all)-1].Version; at > knows {
		return &NewerError{Where: db.Name(), Table: table, Version: at, Knows: knows}
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("bring the tables up to date: %w", err)
	}
	return nil
}

// mostWait is how long a process waits for another that brings tables up to
// date.
const mostWait = 5 * time.Minute

// lockAll takes a lock that is held, on a connection of its own, until unlock
// is called.
func (db *DB) lockAll(ctx context.Context, name string) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, mostWait)
	tx, err := db.DB.DB.BeginTx(ctx, nil)
	if err != nil {
		cancel()
		return nil, err
	}
	unlock = func() {
		_ = tx.Rollback() // nothing was changed; a connection that broke holds no lock
		cancel()
	}
	for _, q := range []string{
		"SET LOCAL statement_timeout = 0", "SET LOCAL lock_timeout = 0", "SET LOCAL idle_in_transaction_session_timeout = 0",
		fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", Key(name)),
	} {
		if _, err := tx.ExecContext(ctx, q); err != nil {
			unlock()
			return nil, err
		}
	}
	return unlock, nil
}

// Alone runs a transaction. Of those with one name there is one at a time, in
// this and all other processes, so that it may decide by what it reads. It is
// rolled back when f returns an error.
func (db *DB) Alone(ctx context.Context, name string, f func(ctx context.Context, tx bun.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, db.opts.Timeout)
	defer cancel()
	return db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if db.Shared() { // SQLite has one writer at a time anyway
			if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(?)", Key(name)); err != nil {
				return err
			}
		}
		return f(ctx, tx)
	})
}

// Reading runs a transaction that sees one moment throughout.
func (db *DB) Reading(ctx context.Context, f func(ctx context.Context, tx bun.Tx) error) error {
	var o *sql.TxOptions // SQLite's sees one moment anyway
	if db.Shared() {
		o = &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	}
	return db.RunInTx(ctx, o, f)
}

// Key is the number of the lock that [DB.Alone] takes in a PostgreSQL.
func Key(name string) int64 {
	return int64(crc64.Checksum([]byte("wattwerk "+name), crc64.MakeTable(crc64.ECMA)))
}

// deadline gives every statement a time by which it must be done.
type deadline time.Duration

type cancelKey struct{}

// BeforeQuery is called by bun.
func (d deadline) BeforeQuery(ctx context.Context, e *bun.QueryEvent) context.Context {
	if e.IQuery == nil && e.Query == "BEGIN" {
		return ctx // it would be the deadline of the whole transaction
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(d))
	if e.Stash == nil {
		e.Stash = make(map[any]any)
	}
	e.Stash[cancelKey{}] = cancel
	return ctx
}

// AfterQuery is called by bun.
func (deadline) AfterQuery(_ context.Context, e *bun.QueryEvent) {
	if cancel, ok := e.Stash[cancelKey{}].(context.CancelFunc); ok {
		cancel()
	}
}
