package repository

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/manifest"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Bounds of what is kept.
const (
	defaultMost    = 20_000
	defaultLargest = 256 << 10
	mostVersions   = 500
	mostChanges    = 100_000
	mostGone       = 20_000
)

// Options say what models are held against.
type Options struct {
	// Processor finds a type of processors. It must be given.
	Processor func(name string) (manifest.ProcessorType, bool)
	// Protocol finds a protocol by its name in lower case. Of an interface of one that
	// it does not know, only the interface's own parameters are known. nil: none is
	// known.
	Protocol func(name string) (manifest.Protocol, bool)
	// Check judges the graph of a manifest; the set has what the manifest refers to.
	// It is a pure function. nil: every graph is good.
	Check func(*manifest.Set, *manifest.Manifest) error

	Most    int                               // models of a type; default 20,000
	Largest int                               // bytes of a model; default 256 KiB
	Poll    time.Duration                     // how often Run looks what others have changed; default 2 s
	Now     func() time.Time                  // default time.Now
	Who     func(ctx context.Context) string  // who makes a request of the HTTP interface
	Warn    func(message string, args ...any) // tells of what Run could not read; default: nobody
}

// Store is a repository of models.
type Store struct {
	db   *sqldb.DB
	opts Options

	mu     sync.Mutex // over what follows
	state  *state
	bundle *manifest.Bundle // at state.revision; nil: to be made
	next   chan struct{}    // closed by the next change
}

type documentRow struct {
	bun.BaseModel `bun:"table:model_documents,alias:d"`

	Kind      string `bun:"kind,pk"`
	ID        string `bun:"id,pk"`
	Name      string `bun:"name"`
	Namespace string `bun:"namespace"`
	Doc       string `bun:"doc"`
	Version   int64  `bun:"version"`
	State     string `bun:"state"`
	Gone      int64  `bun:"gone"`
	Revision  int64  `bun:"revision"`
	Created   int64  `bun:"created"`
	Changed   int64  `bun:"changed"`
	ChangedBy string `bun:"changed_by"`
}

type versionRow struct {
	bun.BaseModel `bun:"table:model_versions,alias:v"`

	Kind    string `bun:"kind,pk"`
	ID      string `bun:"id,pk"`
	Version int64  `bun:"version,pk"`
	Doc     string `bun:"doc"`
	What    string `bun:"what"`
	At      int64  `bun:"at"`
	Who     string `bun:"who"`
}

type changeRow struct {
	bun.BaseModel `bun:"table:model_changes,alias:c"`

	Revision int64  `bun:"revision,pk"`
	Number   int64  `bun:"number,pk"`
	Kind     string `bun:"kind"`
	ID       string `bun:"id"`
	Name     string `bun:"name"`
	What     string `bun:"what"`
	Version  int64  `bun:"version"`
	At       int64  `bun:"at"`
	Who      string `bun:"who"`
}

type revisionRow struct {
	bun.BaseModel `bun:"table:model_revision,alias:r"`

	ID       int64 `bun:"id,pk"`
	Revision int64 `bun:"revision"`
	Floor    int64 `bun:"floor"`
}

// Open opens the tables, brings them up to date and reads all models.
func Open(ctx context.Context, where sqldb.Options, o Options) (*Store, error) {
	if o.Processor == nil {
		return nil, errors.New("open models: the types of processors are not said")
	}
	if o.Protocol == nil {
		o.Protocol = func(string) (manifest.Protocol, bool) { return manifest.Protocol{}, false }
	}
	if o.Most == 0 {
		o.Most = defaultMost
	}
	if o.Largest == 0 {
		o.Largest = defaultLargest
	}
	if o.Poll == 0 {
		o.Poll = 2 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Who == nil {
		o.Who = func(context.Context) string { return "unknown" }
	}
	if o.Warn == nil {
		o.Warn = func(string, ...any) {}
	}
	db, err := sqldb.Open(ctx, where)
	if err != nil {
		return nil, fmt.Errorf("open models: %w", err)
	}
	s := &Store{db: db, opts: o, state: newState(), next: make(chan struct{})}
	files, err := fs.Sub(migrations, "migrations")
	if err == nil {
		err = db.Migrate(ctx, "model_migrations", files)
	}
	if err == nil {
		err = s.look(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("open models: %s: %w", db.Name(), errors.Join(err, db.Close()))
	}
	return s, nil
}

// Close ends the connections.
func (s *Store) Close() error { return s.db.Close() }

// Run looks now and then for what other processes have changed, until ctx ends,
// so that [Store.Changed] tells of it.
func (s *Store) Run(ctx context.Context) error {
	tick := time.NewTicker(s.opts.Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := s.look(ctx); err != nil && ctx.Err() == nil {
			s.opts.Warn("models cannot be read now", "error", err)
		}
	}
}

// Changed gives the revision that is known, and a channel that is closed when
// there is another.
func (s *Store) Changed() (revision int64, next <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.revision, s.next
}

// look reads what others have changed.
func (s *Store) look(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lookLocked(ctx)
}

func (s *Store) lookLocked(ctx context.Context) error {
	// Most of the time nothing has changed.
	var now revisionRow
	if err := s.db.NewSelect().Model(&now).Where("id = 1").Scan(ctx); err != nil {
		return err
	}
	if now.Revision == s.state.revision {
		return nil
	}
	return s.db.Reading(ctx, func(ctx context.Context, tx bun.Tx) error { return s.sync(ctx, tx) })
}

// sync brings the models in memory to the revision that a transaction sees.
func (s *Store) sync(ctx context.Context, tx bun.Tx) error {
	var now revisionRow
	if err := tx.NewSelect().Model(&now).Where("id = 1").Scan(ctx); err != nil {
		return err
	}
	if now.Revision == s.state.revision {
		return nil
	}
	since, to := s.state.revision, s.state
	if since < now.Floor || since > now.Revision { // what went may be forgotten; or another database was put in its place
		since, to = -1, newState()
	}
	var rows []documentRow
	q := tx.NewSelect().Model(&rows).Where("revision > ?", since)
	if since < 0 {
		q = q.Where("gone = 0")
	}
	if err := q.Scan(ctx); err != nil {
		return err
	}
	changed := make(map[key]*doc, len(rows))
	for i := range rows {
		r := &rows[i]
		k := key{Kind(r.Kind), r.ID}
		if r.Gone != 0 {
			changed[k] = nil
			continue
		}
		d, err := r.doc()
		if err != nil {
			return err
		}
		changed[k] = d
	}
	to.apply(changed, now.Revision)
	s.state = to
	s.tell()
	return nil
}

// tell says that there is another revision.
func (s *Store) tell() {
	s.bundle = nil
	close(s.next)
	s.next = make(chan struct{})
}

func (r *documentRow) doc() (*doc, error) {
	m, err := decode(Kind(r.Kind), r.Doc, manifest.State(r.State))
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", Kind(r.Kind).Noun(), r.ID, err)
	}
	return &doc{
		key: key{Kind(r.Kind), r.ID}, model: m, json: r.Doc, state: manifest.State(r.State), version: r.Version, revision: r.Revision,
		created: time.UnixMilli(r.Created).UTC(), changed: time.UnixMilli(r.Changed).UTC(), by: r.ChangedBy, uses: usesOf(m),
	}, nil
}

func (d *doc) row() *documentRow {
	return &documentRow{
		Kind: string(d.kind), ID: d.id, Name: d.name(), Namespace: namespaceOf(d.model), Doc: d.json, Version: d.version, State: string(d.state),
		Revision: d.revision, Created: d.created.UnixMilli(), Changed: d.changed.UnixMilli(), ChangedBy: d.by,
	}
}
