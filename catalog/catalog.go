package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// Names on the bus.
const (
	modelStream  = "MODEL"
	modelSubject = "model.events"
	modelObjects = "model"
)

// State is the model as of one revision.
type State struct {
	Revision  uint64        // 0: nothing was ever stored, the model is empty
	Effective record.Millis // the event time from which it is in force, a full second
	At        time.Time     // when it was stored
	Who, Note string
	Model     *model.Model
	Changed   []model.HierarchyID // hierarchies whose layout may have changed, removed ones included
}

// How much of the past is kept for watchers that begin.
const (
	keepFor    = time.Hour
	keepStates = 2000 // at most, however many changes an hour had
)

// Catalog is a live copy of the model.
type Catalog struct {
	bus   *bus.Bus
	log   *slog.Logger
	ready chan struct{}

	mu      sync.Mutex
	objects jetstream.ObjectStore
	oldest  *link
	newest  *link
	length  int              // from oldest to newest
	mine    map[string]*mine // events this catalog stored and has not read back yet

	ended   chan struct{} // closed when Run returned
	known   atomic.Int64  // ms
	moved   chan struct{} // closed when known moves on; guarded by mu
	wanted  chan struct{} // somebody waits for known
	pace    pace
	written chan struct{} // something was committed here
}

// link is a state in a list that watchers walk at their own pace; what nobody
// walks any more is collected.
type link struct {
	state State
	next  *link
	more  chan struct{} // closed when next is set
}

type mine struct {
	base  uint64
	model *model.Model
}

// New makes a catalog. It does nothing before Run.
func New(b *bus.Bus, log *slog.Logger) *Catalog {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	empty, err := model.New(model.Document{})
	if err != nil {
		panic(err) // an empty document is a valid one
	}
	first := &link{state: State{Model: empty}, more: make(chan struct{})}
	return &Catalog{
		bus: b, log: log, ready: make(chan struct{}), ended: make(chan struct{}), oldest: first, newest: first, length: 1,
		mine: make(map[string]*mine), written: make(chan struct{}, 1), moved: make(chan struct{}), wanted: make(chan struct{}, 1),
	}
}

// Run follows the model until ctx ends, or something fails that trying again
// does not mend. It is run once.
func (c *Catalog) Run(ctx context.Context) error {
	defer close(c.ended)
	err := c.prepare(ctx)
	var last bus.Extent
	if err == nil {
		last, err = c.bus.Extent(ctx, modelStream)
	}
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return fmt.Errorf("follow model: %w", err)
	}
	if last.Last <= c.State().Revision {
		close(c.ready)
		last.Last = 0
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return c.follow(ctx, last.Last) })
	g.Go(func() error { c.fence(ctx); return nil })
	g.Go(func() error { c.snapshots(ctx); return nil })
	return g.Wait()
}

// prepare makes the stream where it is missing and loads a snapshot.
func (c *Catalog) prepare(ctx context.Context) error {
	if err := c.bus.Stream(ctx, jetstream.StreamConfig{
		Name: modelStream, Subjects: []string{modelSubject}, Description: "Revisions of the model, for ever.",
		Discard: jetstream.DiscardNew, DenyDelete: true,
	}); err != nil {
		return err
	}
	objects, err := c.bus.Objects(ctx, modelObjects)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.objects = objects
	c.mu.Unlock()
	return c.loadSnapshot(ctx)
}

// fatal marks an error of the events themselves.
type fatal struct{ error }

func (f fatal) Unwrap() error { return f.error }

// follow reads events until ctx ends. At revision last the catalog is ready.
func (c *Catalog) follow(ctx context.Context, last uint64) error {
	for {
		err := c.bus.Read(ctx, modelStream, "", c.State().Revision+1, func(m bus.Message) error {
			if err := c.take(ctx, m); err != nil {
				return err
			}
			if m.Seq == last {
				close(c.ready)
			}
			return nil
		})
		if ctx.Err() != nil {
			return nil
		}
		if f, ok := errors.AsType[fatal](err); ok {
			return f
		}
		c.log.Warn("reading the model failed, trying again", "error", err)
		if !run.Pause(ctx, 500*time.Millisecond) {
			return nil
		}
	}
}

// take applies one event.
func (c *Catalog) take(ctx context.Context, m bus.Message) error {
	was := c.State()
	if m.Seq <= was.Revision {
		return nil
	}
	if m.Seq != was.Revision+1 {
		return fatal{fmt.Errorf("follow model: revision %d follows %d", m.Seq, was.Revision)}
	}
	var e event
	if err := unpack(m.Data, &e); err != nil {
		return fatal{fmt.Errorf("follow model: revision %d: %w", m.Seq, err)}
	}
	c.mu.Lock()
	own := c.mine[e.Key]
	// Others of before can only be stored behind a revision that is not the newest.
	maps.DeleteFunc(c.mine, func(_ string, x *mine) bool { return x.base < m.Seq })
	c.mu.Unlock()
	s := State{Revision: m.Seq, Effective: e.effective(m.Stored), At: m.Stored.UTC(), Who: e.Who, Note: e.Note}
	if own != nil && own.base == was.Revision {
		s.Model = own.model
	} else {
		p, err := c.patchesOf(ctx, &e)
		switch {
		case errors.Is(err, errEvent):
			return fatal{fmt.Errorf("follow model: revision %d: %w", m.Seq, err)}
		case err != nil:
			return err
		}
		if s.Model, _, err = was.Model.Apply(p.Patch); err != nil {
			return fatal{fmt.Errorf("follow model: revision %d: %w", m.Seq, err)}
		}
	}
	s.Changed = model.Changed(was.Model, s.Model)
	c.append(s)
	c.pace.add(len(m.Data))
	return nil
}

func (c *Catalog) patchesOf(ctx context.Context, e *event) (*patches, error) {
	if e.Object == "" {
		if e.Patches == nil {
			return nil, fmt.Errorf("%w: no patch", errEvent)
		}
		return e.Patches, nil
	}
	data, err := c.load(ctx, e.Object)
	if err != nil {
		return nil, err
	}
	p, err := readPatches(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("read object %s: %w", e.Object, err)
	}
	return p, nil
}

// objectPatience is for one object: without a deadline of one's own the client
// gives up after five seconds, which a large one may take.
const objectPatience = 2 * time.Minute

// load reads an object as a whole.
func (c *Catalog) load(ctx context.Context, name string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, objectPatience)
	defer cancel()
	return c.bus.ReadObject(ctx, modelObjects, name)
}

// save stores what write writes as an object.
func (c *Catalog) save(ctx context.Context, name string, write func(io.Writer) error) error {
	var buf bytes.Buffer
	if err := write(&buf); err != nil {
		return fmt.Errorf("store object %s: %w", name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, objectPatience)
	defer cancel()
	if _, err := c.store().PutBytes(ctx, name, buf.Bytes()); err != nil {
		return fmt.Errorf("store object %s: %w", name, err)
	}
	return nil
}

func (c *Catalog) store() jetstream.ObjectStore {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.objects
}

func (c *Catalog) append(s State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := &link{state: s, more: make(chan struct{})}
	c.newest.next = l
	close(c.newest.more)
	c.newest = l
	c.length++
	c.forget()
}

// forget drops states that were not in force any more an hour ago.
func (c *Catalog) forget() {
	before := record.MillisOf(time.Now().Add(-keepFor))
	for c.oldest.next != nil && (c.oldest.next.state.Effective <= before || c.oldest.state.Revision == 0 || c.length > keepStates) {
		c.oldest = c.oldest.next
		c.length--
	}
}

// Ready is closed when everything that was stored when Run began is in State.
func (c *Catalog) Ready() <-chan struct{} { return c.ready }

// State is the newest state. Before Ready it may be old; its model is never nil.
func (c *Catalog) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.newest.state
}

// Watch hands every revision, in order and none skipped, to f: first the
// oldest kept, which was in force an hour ago, with all hierarchies as changed,
// then those after it, then new ones as they come. It waits for Ready before
// the first. Revision 0 is not handed over. It returns nil when ctx ends, or
// the error of f. f may take its time; it holds nobody up.
func (c *Catalog) Watch(ctx context.Context, f func(State) error) error {
	select {
	case <-c.ready:
	case <-ctx.Done():
		return nil
	}
	c.mu.Lock()
	at := c.oldest
	c.mu.Unlock()
	first := at.state
	first.Changed = first.Model.Hierarchies()
	for {
		s := at.state
		if at.state.Revision == first.Revision {
			s = first
		}
		if s.Revision > 0 {
			if err := f(s); err != nil {
				return err
			}
		}
		select {
		case <-at.more:
			c.mu.Lock()
			at = at.next
			c.mu.Unlock()
		case <-ctx.Done():
			return nil
		}
	}
}

const (
	fenceEvery = time.Second            // how often the stream is asked for its last revision when nobody waits
	fenceLeast = 100 * time.Millisecond // between two requests, when somebody does
)

// fence moves Known on.
func (c *Catalog) fence(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	failing := false
	for {
		now := time.Now()
		x, err := c.bus.Extent(ctx, modelStream)
		if ctx.Err() != nil {
			return
		}
		if err != nil != failing {
			failing = !failing
			c.log.Warn("asking for the last revision changed", "failing", failing, "error", err)
		}
		if err == nil {
			if !c.await(ctx, x.Last) {
				return
			}
			c.known.Store(max(c.known.Load(), now.UnixMilli()))
		}
		c.mu.Lock()
		c.forget()
		close(c.moved) // also when it failed: who waits asks again
		c.moved = make(chan struct{})
		c.mu.Unlock()
		timer.Reset(run.Until(fenceEvery))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			continue
		case <-c.wanted:
		}
		timer.Reset(fenceLeast - time.Since(now))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
	}
}

// Want has Known move on soon when it is before t. It does not wait. Moved,
// taken before, tells when it did.
func (c *Catalog) Want(t time.Time) {
	if c.Known().Before(t.Truncate(time.Millisecond)) {
		select {
		case c.wanted <- struct{}{}:
		default:
		}
	}
}

// Moved is closed when Known moved on, or could not.
func (c *Catalog) Moved() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.moved
}

// Certain waits until Known is not before t; false when ctx or Run ended first.
func (c *Catalog) Certain(ctx context.Context, t time.Time) bool {
	t = t.Truncate(time.Millisecond)
	for {
		moved := c.Moved()
		if !c.Known().Before(t) {
			return true
		}
		c.Want(t)
		select {
		case <-moved:
		case <-c.ended:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// await waits until the state has a revision; false when ctx or Run ended first.
func (c *Catalog) await(ctx context.Context, revision uint64) bool {
	for {
		c.mu.Lock()
		at, more := c.newest.state.Revision, c.newest.more
		c.mu.Unlock()
		if at >= revision {
			return true
		}
		select {
		case <-more:
		case <-c.ended:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// Known says up to when the model is certain: every revision, of whomever,
// whose Effective is at or before this time is in State. While Run works and
// the bus answers promptly it is little more than a second behind the clock,
// and less when [Catalog.Want] or [Catalog.Certain] ask for it. It holds across
// machines whose clocks differ by less than a second. It never goes back; it is
// 1970 before Run has got that far.
func (c *Catalog) Known() time.Time { return time.UnixMilli(c.known.Load()).UTC() }
