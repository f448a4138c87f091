package imports

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/history/transfer"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// Options are what a service needs. All but Limits, Room, Actor, Log, Now and Suppose must
// be set.
type Options struct {
	Dir         string    // for files; made when missing
	DB          *sqldb.DB // for the list
	Store       history.Store
	Catalog     *catalog.Catalog
	Corrections Corrections
	// Filled is told of spans that were stored in bulk, both ends included.
	Filled func(ctx context.Context, id record.SensorID, from, to record.Millis) error
	Room   func() error                 // says when the disk is nearly full; nil: it never is
	Actor  func(context.Context) string // who makes a request; nil: unknown
	Limits Limits
	Log    *slog.Logger
	Now    func() time.Time // the clock; nil: the real one
	Every  time.Duration    // how often it is looked for what was asked of other processes; default 2 s

	// Suppose tells what would be settled of a sensor if new readings were there and
	// others replaced by these; nil when that is not known. It may be nil itself.
	Suppose func(ctx context.Context, sn *model.Sensor, times []record.Millis, values []float64, instead []Intervention) (*ImportSettled, error)
}

// Limits bound what is taken in.
type Limits struct {
	Bytes  int64         // of a file; default 256 MiB
	Files  int           // kept at a time; default 20
	Keep   time.Duration // how long; default 7 days
	Values int           // of a file; default 4 million, which take 64 MB of memory each way
}

// Corrections keeps interventions about readings; what is derived from those
// follows.
type Corrections interface {
	// Intervene keeps interventions about a sensor, as its newest. Those whose id
	// is known stay as they are, whatever became of them.
	Intervene(ctx context.Context, sensor record.SensorID, all []Intervention, why, who string) error
	// End undoes interventions; those that are undone stay as they are.
	End(ctx context.Context, ids []string, why, who string) error
	// Again says once more, as the newest, what an intervention said that was
	// undone, under another id. As Intervene.
	Again(ctx context.Context, sensor record.SensorID, old, id, why, who string) error
	// Excluded gives those of these exclusions that are in force.
	Excluded(ctx context.Context, sensor record.SensorID, ids map[string]bool) ([]Intervention, error)
}

// Intervention has the readings of a range, half-open, taken for not there, or
// others in their place.
type Intervention struct {
	ID       string
	From, To record.Millis
	Times    []record.Millis // nil: they are excluded
	Values   []float64
	Only     record.Rows // of an exclusion: these readings alone; nil: all of the range
}

// Concerns tells whether a reading of that time is one that it is about.
func (i *Intervention) Concerns(t record.Millis) bool {
	return t >= i.From && t < i.To && (len(i.Only) == 0 || i.Only.Has(t))
}

// Service takes files in. Its methods are safe for concurrent use.
type Service struct {
	opts  Options
	log   *slog.Logger
	store store

	mu    sync.Mutex    // held while the state of an import is changed, and for what follows
	doing string        // the import that is worked on; empty: none
	stop  func()        // leaves it
	who   string        // who wants it left; empty: nobody
	again chan struct{} // something waits
	looks chan struct{} // bounds previews at a time
}

// New opens the list, and makes the directory of files.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.Dir == "" || o.DB == nil || o.Store == nil || o.Catalog == nil || o.Corrections == nil || o.Filled == nil {
		return nil, errors.New("make imports: directory, database, store, catalog, corrections and filled are needed")
	}
	def := func(at *int64, v int64) {
		if *at == 0 {
			*at = v
		}
	}
	def(&o.Limits.Bytes, 256<<20)
	if o.Limits.Files == 0 {
		o.Limits.Files = 20
	}
	if o.Limits.Values == 0 {
		o.Limits.Values = 4_000_000
	}
	if o.Limits.Keep == 0 {
		o.Limits.Keep = 7 * 24 * time.Hour
	}
	if o.Every == 0 {
		o.Every = othersEvery
	}
	if o.Room == nil {
		o.Room = func() error { return nil }
	}
	if o.Actor == nil {
		o.Actor = func(context.Context) string { return "unknown" }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s, err := openStore(ctx, o.DB)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make imports: %w", err)
	}
	out := &Service{opts: o, log: o.Log, store: s, again: make(chan struct{}, 1), looks: make(chan struct{}, 2)}
	if err := out.tidy(ctx, true); err != nil {
		return nil, fmt.Errorf("make imports: %w", err)
	}
	return out, nil
}

// Errors about what is asked for.
var (
	ErrTooMuch = errors.New("that is more than is taken")
	ErrState   = errors.New("that cannot be done now")
	ErrEmpty   = errors.New("the file is empty")
)

const partSuffix = ".part"

func (s *Service) path(id string) string { return filepath.Join(s.opts.Dir, id) }

func (s *Service) here(id string) bool {
	_, err := os.Stat(s.path(id))
	return err == nil
}

func newID() string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // it never fails
	return "imp_" + hex.EncodeToString(random[:])
}

// Upload keeps a file and guesses how it can be read. It is removed when its
// time is over.
func (s *Service) Upload(ctx context.Context, name string, r io.Reader) (x Import, err error) {
	if err := s.opts.Room(); err != nil {
		return x, err
	}
	id := newID()
	part := s.path(id) + partSuffix
	f, err := s.begin(part)
	if err != nil {
		return x, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(part))
		}
	}()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, sum), io.LimitReader(r, s.opts.Limits.Bytes+1))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return x, fmt.Errorf("keep a file: %w", err)
	}
	if n > s.opts.Limits.Bytes {
		return x, fmt.Errorf("%w: the file is larger than %d bytes; part it, or use 'wattwerk import', which takes any size", ErrTooMuch, s.opts.Limits.Bytes)
	}
	if blank, err := isBlank(part); err != nil || blank {
		return x, cmp.Or(err, fmt.Errorf("%w: nothing is in it; look whether the export that wrote it has come to its end", ErrEmpty))
	}
	now := s.opts.Now().UTC()
	who := s.opts.Actor(ctx)
	x = Import{
		ID: id, Name: clip(filepath.Base(strings.ReplaceAll(name, `\`, "/"))), Bytes: n, Hash: hex.EncodeToString(sum.Sum(nil)), Who: who, At: now, Expires: now.Add(s.opts.Limits.Keep),
		State: Uploaded, Here: true, Events: []ImportEvent{{At: now, Who: who, What: "upload"}},
	}
	g, err := guess(part)
	if err != nil {
		return x, err
	}
	x.Guess = &g
	if err := os.Rename(part, s.path(id)); err != nil {
		return x, fmt.Errorf("keep a file: %w", err)
	}
	if err := s.store.save(ctx, &x); err != nil {
		return x, errors.Join(err, os.Rename(s.path(id), part))
	}
	return x, nil
}

// isBlank tells whether there is nothing in a file but white space.
func isBlank(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, fmt.Errorf("look at a file: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	head := make([]byte, transfer.SniffBytes)
	n, err := io.ReadFull(f, head)
	switch {
	case err == nil:
		return false, nil // whatever it is, it is not empty
	case !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF):
		return false, fmt.Errorf("look at a file: %w", err)
	}
	// White space, marks of an encoding, and the zeros of UTF-16.
	return !slices.ContainsFunc(head[:n], func(b byte) bool { return strings.IndexByte(" \t\r\n\x00\xef\xbb\xbf\xff\xfe", b) < 0 }), nil
}

// begin makes a file, if there may be one more.
func (s *Service) begin(part string) (*os.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	files, err := os.ReadDir(s.opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("keep a file: %w", err)
	}
	if len(files) >= s.opts.Limits.Files {
		return nil, fmt.Errorf("%w: %d files are kept already; remove one, or wait until the oldest expires", ErrTooMuch, len(files))
	}
	f, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("keep a file: %w", err)
	}
	return f, nil
}

// ImportGuess is how a file can probably be read.
type ImportGuess struct {
	Plan    ImportPlan            `json:"plan" doc:"To be looked through, changed and used"`
	Columns []ImportGuessedColumn `json:"columns" nullable:"false" doc:"Of the file, in order"`
	Step    float64               `json:"step" doc:"The most common time between two rows, in seconds; 0: not known"`
	Notes   []string              `json:"notes" nullable:"false" doc:"What is doubtful, in sentences"`
	Error   string                `json:"error,omitempty" doc:"Why nothing could be guessed; the plan is empty then"`
}

// ImportGuessedColumn is what a column seems to be.
type ImportGuessedColumn struct {
	Name     string   `json:"name"`
	Examples []string `json:"examples" nullable:"false" doc:"Its first values"`
	Role     string   `json:"role" enum:"time,date,sensor,value,other"`
	Unit     string   `json:"unit,omitempty"`
	As       string   `json:"as,omitempty" enum:"gauge,counter,amount"`
}

// guess looks at a file. What cannot be guessed is no error.
func guess(path string) (out ImportGuess, err error) {
	f, err := os.Open(path)
	if err != nil {
		return out, fmt.Errorf("look at a file: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	head := make([]byte, transfer.SniffBytes)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return out, fmt.Errorf("look at a file: %w", err)
	}
	g, err := transfer.Sniff(head[:n])
	if err != nil && strings.HasPrefix(string(head[:min(n, 4)]), "PAR1") {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return out, fmt.Errorf("look at a file: %w", err)
		}
		g, err = transfer.SniffParquet(f)
	}
	out = ImportGuess{Plan: planOf(g), Columns: []ImportGuessedColumn{}, Step: g.Step.Seconds(), Notes: []string{}}
	for _, c := range g.Columns {
		x := ImportGuessedColumn{Name: clip(c.Name), Role: c.Role, Unit: c.Unit, As: c.Shape, Examples: []string{}}
		for _, e := range c.Examples {
			x.Examples = append(x.Examples, clip(e))
		}
		out.Columns = append(out.Columns, x)
	}
	for _, n := range g.Notes {
		out.Notes = append(out.Notes, clip(n))
	}
	if err != nil {
		if !errors.Is(err, transfer.ErrImport) {
			return out, err
		}
		out.Error = clip(err.Error())
	}
	return out, nil
}

// List gives the newest imports first.
func (s *Service) List(ctx context.Context, limit, offset int) ([]Import, error) {
	all, err := s.store.list(ctx, limit, offset)
	for i := range all {
		all[i].Here = s.here(all[i].ID) || s.away(&all[i])
		all[i].Guess, all[i].Held = nil, nil
		if r := all[i].Report; r != nil {
			r.Examples = []ImportExample{}
		}
	}
	return all, err
}

// Get gives an import.
func (s *Service) Get(ctx context.Context, id string) (Import, error) {
	x, err := s.store.get(ctx, id)
	x.Here = err == nil && (s.here(id) || s.away(&x))
	return x, err
}

// Preview reads a file by a plan and tells what it holds. Where another process
// has the file, that one reads it.
func (s *Service) Preview(ctx context.Context, id string, p ImportPlan) (ImportPreview, error) {
	x, err := s.Get(ctx, id)
	switch {
	case err != nil:
		return ImportPreview{}, err
	case !x.Here:
		return ImportPreview{}, fmt.Errorf("%w: the file has expired, or was removed; bring it again", ErrState)
	}
	if _, err := p.check(s.opts.Catalog.State().Model); err != nil {
		return ImportPreview{}, err
	}
	if !s.here(id) {
		return s.elsewhere(ctx, id, p)
	}
	return s.look(ctx, id, p)
}

// look reads a file that is here.
func (s *Service) look(ctx context.Context, id string, p ImportPlan) (ImportPreview, error) {
	c, err := p.check(s.opts.Catalog.State().Model)
	if err != nil {
		return ImportPreview{}, err
	}
	select {
	case s.looks <- struct{}{}:
		defer func() { <-s.looks }()
	case <-ctx.Done():
		return ImportPreview{}, ctx.Err()
	}
	f, err := os.Open(s.path(id))
	if err != nil {
		return ImportPreview{}, fmt.Errorf("look at a file: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	return preview(ctx, f, c)
}

// Start has a file tried or imported by a plan. It is done by Run.
func (s *Service) Start(ctx context.Context, id string, p ImportPlan, trial bool) (Import, error) {
	if _, err := p.check(s.opts.Catalog.State().Model); err != nil {
		return Import{}, err
	}
	return s.change(ctx, id, func(x *Import) error {
		if !x.Here { // here, or with another process, which does it then
			return fmt.Errorf("%w: the file has expired; bring it again", ErrState)
		}
		if x.State != Uploaded && x.State != Failed {
			return fmt.Errorf("%w: the import is %s", ErrState, x.State)
		}
		what := "import"
		if trial {
			what = "try"
		}
		x.State, x.Plan, x.Trial, x.Report, x.Error, x.Progress = Waiting, &p, trial, nil, "", &ImportProgress{Total: x.Bytes}
		x.Events = append(x.Events, ImportEvent{At: s.opts.Now().UTC(), Who: s.opts.Actor(ctx), What: what})
		return s.store.settle(ctx, id) // what was left before is another matter
	}, s.wake)
}

func (s *Service) wake() {
	select {
	case s.again <- struct{}{}:
	default:
	}
}

// change changes an import, one at a time. When another process does so meanwhile,
// f is asked once more, of what it is then.
func (s *Service) change(ctx context.Context, id string, f func(*Import) error, then ...func()) (Import, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range mostTries {
		was, err := s.store.row(ctx, id)
		if err != nil {
			return Import{}, err
		}
		x, err := was.read()
		if err != nil {
			return x, err
		}
		x.Here = s.here(id) || s.away(&x)
		if err := f(&x); err != nil {
			return x, err
		}
		ok, err := s.store.swap(ctx, was, &x)
		if err != nil {
			return x, err
		}
		if ok {
			for _, g := range then {
				g()
			}
			return x, nil
		}
	}
	return Import{}, fmt.Errorf("%w: other processes changed the import again and again; try later", ErrState)
}

// mostTries is how often a change is tried.
const mostTries = 10

// Remove removes a file; what it brought stays, and so does the import in the
// list when it has brought something.
func (s *Service) Remove(ctx context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, err := s.Get(ctx, id)
	if err != nil {
		return err
	}
	if slices.Contains(busy, x.State) {
		return fmt.Errorf("%w: the import is %s", ErrState, x.State)
	}
	if x.State == Uploaded || x.State == Failed {
		if known, err := s.store.readings(ctx, id); err != nil {
			return err
		} else if len(known) == 0 {
			err = s.store.remove(ctx, id)
			return errors.Join(err, s.drop(id))
		}
	}
	x.Events = append(x.Events, ImportEvent{At: s.opts.Now().UTC(), Who: s.opts.Actor(ctx), What: "remove"})
	if err := s.store.save(ctx, &x); err != nil {
		return err
	}
	return s.drop(id)
}

var busy = []State{Waiting, Reading, Storing}

func (s *Service) drop(id string) error {
	if err := os.Remove(s.path(id)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove a file: %w", err)
	}
	return nil
}

// lookEvery is how often files that have expired are looked for.
const lookEvery = 10 * time.Minute

// Run does what was asked for, one file after the other, and removes files
// whose time is over, until ctx ends. What was begun before is gone on with.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var g sync.WaitGroup
	defer g.Wait()
	g.Go(func() { s.answer(ctx) })
	others := time.NewTicker(s.opts.Every)
	defer others.Stop()
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := s.tidy(ctx, false); err != nil && ctx.Err() == nil {
				s.log.Warn("files of imports are not tidied", "error", err)
			}
			continue
		case <-retry.C:
		case <-others.C:
		case <-s.again:
		}
		if err := s.work(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("an import waits", "error", err)
			retry.Reset(10 * time.Second)
		}
	}
}

// work does all that waits. An error is one that trying again may mend.
func (s *Service) work(ctx context.Context) error {
	for ctx.Err() == nil {
		all, err := s.store.list(ctx, 1000, 0, busy...)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(x Import) bool { return !s.here(x.ID) })
		if len(all) == 0 {
			return nil
		}
		id := all[len(all)-1].ID // the oldest
		err = s.one(ctx, id)
		switch {
		case ctx.Err() != nil:
			return nil // it goes on at the next start
		case err == nil:
		case retryable(err):
			return err
		default:
			if err := s.fail(ctx, id, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// one does what waits for one import, unless somebody cancels it.
func (s *Service) one(ctx context.Context, id string) error {
	within, stop := context.WithCancel(ctx)
	defer stop()
	s.mu.Lock()
	x, err := s.Get(ctx, id)
	if err == nil && slices.Contains(busy, x.State) {
		s.doing, s.stop, s.who = id, stop, ""
	}
	s.mu.Unlock()
	if err != nil || !slices.Contains(busy, x.State) {
		return err
	}
	var g sync.WaitGroup
	g.Go(func() { s.watch(within, id) })
	err = s.do(within, &x)
	stop()
	g.Wait()
	s.mu.Lock()
	who := s.who
	s.doing, s.stop, s.who = "", nil, ""
	s.mu.Unlock()
	if ctx.Err() != nil {
		return err
	}
	if forget := s.store.settle(ctx, id); forget != nil || err == nil || who == "" {
		return cmp.Or(err, forget)
	}
	_, err = s.change(ctx, id, func(x *Import) error {
		if x.State == Waiting || x.State == Reading { // else it was too late, and goes on
			s.left(x, who)
		}
		return nil
	})
	return err
}

// left has an import stand as when its file was brought.
func (s *Service) left(x *Import, who string) {
	x.State, x.Trial, x.Report, x.Error, x.Progress = Uploaded, false, nil, "", nil
	x.Events = append(x.Events, ImportEvent{At: s.opts.Now().UTC(), Who: who, What: "cancel"})
}

// Cancel leaves what was asked for by Start, as long as nothing is stored of it. What is
// being read stands as brought a moment later.
func (s *Service) Cancel(ctx context.Context, id string) (Import, error) {
	if x, err := s.Get(ctx, id); err == nil && !s.here(id) && (x.State == Waiting || x.State == Reading) {
		return x, s.store.leave(ctx, id, s.opts.Actor(ctx)) // whoever has the file leaves it
	}
	return s.change(ctx, id, func(x *Import) error {
		switch {
		case x.State == Storing:
			return fmt.Errorf("%w: the import is being stored; wait until it is, and take it back", ErrState)
		case !slices.Contains(busy, x.State):
			return fmt.Errorf("%w: the import is %s", ErrState, x.State)
		case s.doing == id:
			s.who = s.opts.Actor(ctx)
			s.stop()
		default:
			s.left(x, s.opts.Actor(ctx))
		}
		return nil
	})
}

func retryable(err error) bool {
	return errors.Is(err, history.ErrNoRoom) || errors.Is(err, history.ErrAway) || errors.Is(err, history.ErrBroken) || sqldb.Down(err) || errors.Is(err, catalog.ErrConflict)
}

func (s *Service) fail(ctx context.Context, id string, because error) error {
	_, err := s.change(ctx, id, func(x *Import) error {
		x.State, x.Error, x.Progress = Failed, because.Error(), nil
		x.Events = append(x.Events, ImportEvent{At: s.opts.Now().UTC(), Who: "wattwerk", What: "failed", Why: clip(because.Error())})
		return nil
	})
	return err
}

// tidy removes files that have expired and, at the begin, those that broke off
// or nobody knows.
func (s *Service) tidy(ctx context.Context, begin bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	files, err := os.ReadDir(s.opts.Dir)
	if err != nil {
		return err
	}
	errs := []error{s.forget(ctx)}
	for _, f := range files {
		id := f.Name()
		if strings.HasSuffix(id, partSuffix) {
			if begin {
				errs = append(errs, os.Remove(filepath.Join(s.opts.Dir, id)))
			}
			continue
		}
		x, err := s.store.get(ctx, id)
		switch {
		case errors.Is(err, ErrNotFound):
			// Removed by another process, unless it is only about to be in the list.
			if info, err := f.Info(); begin || err == nil && time.Since(info.ModTime()) > lookEvery {
				errs = append(errs, s.drop(id))
			}
		case err != nil:
			errs = append(errs, err)
		case (s.opts.Now().After(x.Expires) || removed(&x)) && !slices.Contains(busy, x.State):
			errs = append(errs, s.drop(id))
		}
	}
	return errors.Join(errs...)
}
