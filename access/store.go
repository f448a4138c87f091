package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // the driver behind the file
)

// FileName is the file in the data directory.
const FileName = "wattwerk.db"

// Life times.
const (
	LinkLife    = 15 * time.Minute    // of a one-time sign-in link
	SessionIdle = 7 * 24 * time.Hour  // a session not used for this long ends
	SessionLife = 30 * 24 * time.Hour // and each ends after this
	CacheTime   = 5 * time.Second     // how long another process may still believe a revoked secret
	seenGrain   = time.Minute         // "last used" is this coarse, so that reading does not write
	cacheLimit  = 10_000
)

// Errors. They are wrapped with a sentence that can be shown.
var (
	ErrDenied   = errors.New("sign-in refused")
	ErrTooMany  = errors.New("too many attempts")
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("exists already")
	ErrInvalid  = errors.New("invalid")
	ErrLast     = errors.New("the last administrator has to stay one")
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is the open file.
type Store struct {
	db      *bun.DB
	now     func() time.Time
	limits  *limiter
	hashing chan struct{} // argon2 takes 19 MiB a go; this many at once
	dummy   string        // compared against when the user is unknown, so that both take the same time

	mu    sync.Mutex
	cache map[string]cached // by hash of the secret
	epoch uint64            // counts what was dropped, so that a slow look-up does not put it back
}

type cached struct {
	who   Identity
	until time.Time
}

// Open opens DIR/wattwerk.db, creates it when missing and brings its tables up
// to date. The file is readable by its owner only.
func Open(ctx context.Context, dir string) (*Store, error) {
	path := filepath.Join(dir, FileName)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open access: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open access: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("open access: %w", err)
	}
	q := url.Values{
		"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"},
		"_txlock": {"immediate"},
	}
	raw, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+q.Encode())
	if err != nil {
		return nil, fmt.Errorf("open access: %w", err)
	}
	raw.SetMaxOpenConns(8)
	s := &Store{
		db: bun.NewDB(raw, sqlitedialect.New()), now: time.Now, limits: newLimiter(),
		hashing: make(chan struct{}, 2), cache: make(map[string]cached),
	}
	if err := s.migrate(ctx, raw); err != nil {
		_ = raw.Close()
		return nil, fmt.Errorf("open access: %s: %w", path, err)
	}
	s.dummy = hashPassword(rand.Text())
	return s, nil
}

func (s *Store) migrate(ctx context.Context, raw *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, raw, files, goose.WithTableName("access_migrations"))
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("bring the tables up to date: %w", err)
	}
	return nil
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

// Ping checks that the file answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.db.PingContext(ctx); err != nil {
		return fmt.Errorf("ask access: %w", err)
	}
	return nil
}

func (s *Store) millis() int64 { return s.now().UnixMilli() }

// secret makes a random secret of at least 128 bits.
func secret(prefix string) string { return prefix + strings.ToLower(rand.Text()) }

func hashSecret(secret string) string {
	h := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(h[:])
}

func newID(prefix string) string { return prefix + strings.ToLower(rand.Text()[:12]) }

// lookUp answers from the cache or by ask, and keeps the answer for CacheTime.
func (s *Store) lookUp(hash string, ask func() (Identity, error)) (Identity, error) {
	now := s.now()
	s.mu.Lock()
	c, ok := s.cache[hash]
	epoch := s.epoch
	s.mu.Unlock()
	if ok && now.Before(c.until) {
		return c.who, nil
	}
	who, err := ask()
	if err != nil {
		return Identity{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if epoch == s.epoch {
		if len(s.cache) >= cacheLimit {
			clear(s.cache)
		}
		s.cache[hash] = cached{who: who, until: now.Add(CacheTime)}
	}
	return who, nil
}

// forget makes every secret be looked up again.
func (s *Store) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.cache)
	s.epoch++
}

func timeOf(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func timeOrNil(ms *int64) *time.Time {
	if ms == nil {
		return nil
	}
	t := timeOf(*ms)
	return &t
}

// one turns "no row" and "no row changed" into ErrNotFound.
func one(res sql.Result, err error, what string) error {
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("%w: %s", ErrNotFound, what)
	}
	return nil
}
