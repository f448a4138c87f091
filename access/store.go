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
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/internal/sqldb"
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
	ErrLast     = phrase.Errorf(phrase.LastAdmin, nil, "the last administrator has to stay one")
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is the open database.
type Store struct {
	db      *sqldb.DB
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
	return openStore(ctx, sqldb.Options{File: filepath.Join(dir, FileName)})
}

// OpenShared opens a PostgreSQL, which several processes on several machines
// may do at once, and brings its tables up to date. conns is how many
// connections this process may have; 0: a few.
func OpenShared(ctx context.Context, url string, conns int) (*Store, error) {
	return openStore(ctx, sqldb.Options{URL: url, Conns: conns})
}

func openStore(ctx context.Context, o sqldb.Options) (*Store, error) {
	db, err := openTables(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("open access: %w", err)
	}
	s := &Store{
		db: db, now: time.Now, limits: newLimiter(),
		hashing: make(chan struct{}, 2), cache: make(map[string]cached),
	}
	s.dummy = hashPassword(rand.Text())
	return s, nil
}

func openTables(ctx context.Context, o sqldb.Options) (*sqldb.DB, error) {
	db, err := sqldb.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	files, err := fs.Sub(migrations, "migrations")
	if err == nil {
		err = db.Migrate(ctx, "access_migrations", files)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", db.Name(), errors.Join(err, db.Close()))
	}
	return db, nil
}

// Close ends the connections.
func (s *Store) Close() error { return s.db.Close() }

// Shared tells whether other machines may use the same users.
func (s *Store) Shared() bool { return s.db.Shared() }

// Name says where the users are kept, without any secret.
func (s *Store) Name() string { return s.db.Name() }

// Ping checks that the database answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.db.Ping(ctx); err != nil {
		return fmt.Errorf("ask access: %w", err)
	}
	return nil
}

// alone runs a transaction that may decide by what it reads.
func (s *Store) alone(ctx context.Context, f func(ctx context.Context, tx bun.Tx) error) error {
	return s.db.Alone(ctx, "access", f)
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
