package catalog

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
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

// Catalog is a live copy of the model.
type Catalog struct {
	bus *bus.Bus
	log *slog.Logger
}

// New makes a catalog. It does nothing before Run.
func New(b *bus.Bus, log *slog.Logger) *Catalog { return &Catalog{bus: b, log: log} }

// Run follows the model until ctx ends, or something fails that trying again
// does not mend.
func (c *Catalog) Run(ctx context.Context) error { return errors.ErrUnsupported }

// Ready is closed when everything that was stored when Run began is in State.
func (c *Catalog) Ready() <-chan struct{} { return nil }

// State is the newest state. Before Ready it may be old; its model is never nil.
func (c *Catalog) State() State { return State{} }

// Watch hands every revision, in order and none skipped, to f: first the
// oldest kept, which was in force an hour ago, with all hierarchies as changed,
// then those after it, then new ones as they come. Revision 0 is not handed
// over. It returns nil when ctx ends, or the error of f. f may take its time;
// it holds nobody up.
func (c *Catalog) Watch(ctx context.Context, f func(State) error) error { return errors.ErrUnsupported }

// Known says up to when the model is certain: every revision, of whomever,
// whose Effective is at or before this time is in State. While Run works and
// the bus answers it is less than 250 ms behind the clock.
func (c *Catalog) Known() time.Time { return time.Time{} }

// Change is what is to be stored as a revision.
type Change struct {
	Base      uint64        // the revision Patch was made for
	Patch     model.Patch   // must be applicable to the model of Base
	Who, Note string        // who did it; what was done, in a sentence
	Effective record.Millis // in force not before this time; 0: as soon as possible
}

// ErrConflict is returned by Commit when somebody else was first.
var ErrConflict = errors.New("the model was changed by somebody else in the meantime")

// Commit validates and stores a change and returns the state it led to, which
// then is in State of this catalog too. Errors: ErrConflict, a *[model.Faults],
// bus.ErrFull, or what the bus says.
func (c *Catalog) Commit(ctx context.Context, ch Change) (State, error) {
	return State{}, errors.ErrUnsupported
}
