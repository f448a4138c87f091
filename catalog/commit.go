package catalog

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// Change is what is to be stored as a revision.
type Change struct {
	Base      uint64        // the revision Patch was made for
	Patch     model.Patch   // must be applicable to the model of Base
	Who, Note string        // who did it; what was done, in a sentence
	Effective record.Millis // in force not before this time, at most a day ahead; 0: as soon as possible. The very first revision may lie in the past
}

// Errors of Commit.
var (
	ErrConflict  = errors.New("the model was changed by somebody else in the meantime")
	ErrEffective = errors.New("a revision can be effective at most a day ahead")
)

// Commit validates and stores a change and returns the state it led to, which
// then is in State of this catalog too. A patch that changes nothing stores
// nothing and gives the state as it is. It waits for Ready; Run must be working.
//
// Errors: ErrConflict when Base is not the newest revision any more, a
// *[model.Faults], ErrEffective, bus.ErrFull, or what the bus says, as
// bus.ErrAway; after the last it may have been stored all the same.
func (c *Catalog) Commit(ctx context.Context, ch Change) (State, error) {
	select {
	case <-c.ready:
	case <-c.ended:
		return State{}, fmt.Errorf("change model: %w", errEnded)
	case <-ctx.Done():
		return State{}, fmt.Errorf("change model: %w", ctx.Err())
	}
	was := c.State()
	if ch.Base != was.Revision {
		return State{}, ErrConflict
	}
	if ch.Effective > record.MillisOf(time.Now().Add(ahead)) {
		return State{}, ErrEffective
	}
	next, inverse, err := was.Model.Apply(ch.Patch)
	if err != nil {
		return State{}, err
	}
	if inverse.Empty() {
		return was, nil
	}
	if c.bus.Full() {
		return State{}, bus.ErrFull
	}
	e := event{
		Key: rand.Text(), Who: ch.Who, Note: ch.Note,
		Effective: max(ch.Effective, was.Effective), First: was.Revision == 0,
		Patches: &patches{Patch: ch.Patch, Inverse: inverse},
	}
	data, err := c.packed(ctx, &e)
	if err != nil {
		return State{}, fmt.Errorf("change model: %w", err)
	}
	c.mu.Lock()
	c.mine[e.Key] = &mine{base: was.Revision, model: next}
	c.mu.Unlock()
	revision, err := c.bus.Publish(ctx, modelSubject, data,
		jetstream.WithExpectLastSequence(was.Revision), jetstream.WithMsgID(e.Key))
	if err != nil {
		return State{}, c.refused(ctx, &e, err)
	}
	if !c.await(ctx, revision) {
		return State{}, fmt.Errorf("change model: revision %d is stored, but was not read back: %w", revision, cmp.Or(ctx.Err(), errEnded))
	}
	select {
	case c.written <- struct{}{}:
	default:
	}
	s, err := c.at(revision)
	if err != nil {
		return State{}, fmt.Errorf("change model: revision %d is stored: %w", revision, err)
	}
	return s, nil
}

// packed gives the event as bytes, with long patches put beside it.
func (c *Catalog) packed(ctx context.Context, e *event) ([]byte, error) {
	if things(&e.Patches.Patch)+things(&e.Patches.Inverse) <= plainThings {
		data, err := pack(e)
		if err != nil || len(data) <= maxEvent {
			return data, err
		}
	}
	e.Object = "patch-" + e.Key
	if err := c.save(ctx, e.Object, func(w io.Writer) error { return writePatches(w, e.Patches) }); err != nil {
		return nil, err
	}
	e.Patches = nil
	return pack(e)
}

// things counts what a patch names.
func things(p *model.Patch) int {
	return len(p.Sites) + len(p.Sensors) + len(p.Groups) + len(p.Hierarchies) +
		len(p.RemoveSites) + len(p.RemoveSensors) + len(p.RemoveGroups) + len(p.RemoveHierarchies)
}

// refused cleans up after an event that was not stored and says why.
func (c *Catalog) refused(ctx context.Context, e *event, err error) error {
	api, ok := errors.AsType[*jetstream.APIError](err)
	if !ok || errors.Is(err, bus.ErrAway) {
		// It may be stored all the same: an object has to stay.
		return fmt.Errorf("change model: %w", err)
	}
	c.mu.Lock()
	delete(c.mine, e.Key)
	c.mu.Unlock()
	if e.Object != "" {
		if err := c.store().Delete(ctx, e.Object); err != nil {
			c.log.Warn("an unused object stays", "object", e.Object, "error", err)
		}
	}
	if api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant {
		return ErrConflict
	}
	return fmt.Errorf("change model: %w", err)
}

var errEnded = errors.New("the model is no longer followed")

var errGone = errors.New("it is no longer kept in memory")

// at gives a state that is still kept.
func (c *Catalog) at(revision uint64) (State, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for l := c.oldest; l != nil; l = l.next {
		if l.state.Revision == revision {
			return l.state, nil
		}
	}
	return State{}, errGone
}

// Revision is what is kept of a change.
type Revision struct {
	Revision  uint64
	At        time.Time
	Effective record.Millis
	Who, Note string
}

// ErrNoRevision is returned for a revision that does not exist.
var ErrNoRevision = errors.New("there is no such revision")

// Revisions gives n revisions at and before a revision, newest first; before 0
// is the newest.
func (c *Catalog) Revisions(ctx context.Context, before uint64, n int) ([]Revision, error) {
	last := c.State().Revision
	if before == 0 || before > last {
		before = last
	}
	var out []Revision
	for r := before; r > 0 && len(out) < n; r-- {
		x, _, err := c.event(ctx, r)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

// Revision gives a revision with its patch, and the patch that undoes it.
func (c *Catalog) Revision(ctx context.Context, revision uint64) (Revision, model.Patch, model.Patch, error) {
	x, e, err := c.event(ctx, revision)
	if err != nil {
		return Revision{}, model.Patch{}, model.Patch{}, err
	}
	p, err := c.patchesOf(ctx, e)
	if err != nil {
		return Revision{}, model.Patch{}, model.Patch{}, fmt.Errorf("read revision %d: %w", revision, err)
	}
	return x, p.Patch, p.Inverse, nil
}

func (c *Catalog) event(ctx context.Context, revision uint64) (Revision, *event, error) {
	if revision == 0 || revision > c.State().Revision {
		return Revision{}, nil, ErrNoRevision
	}
	s, err := c.bus.JetStream().Stream(ctx, modelStream)
	if err != nil {
		return Revision{}, nil, fmt.Errorf("read revision %d: %w", revision, err)
	}
	m, err := s.GetMsg(ctx, revision)
	if err != nil {
		return Revision{}, nil, fmt.Errorf("read revision %d: %w", revision, err)
	}
	var e event
	if err := unpack(m.Data, &e); err != nil {
		return Revision{}, nil, fmt.Errorf("read revision %d: %w", revision, err)
	}
	return Revision{Revision: revision, At: m.Time.UTC(), Effective: e.effective(m.Time), Who: e.Who, Note: e.Note}, &e, nil
}
