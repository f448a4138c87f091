package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/internal/etag"
	"github.com/wattwerk/wattwerk/model"
)

// Actor tells who makes a request.
type Actor func(context.Context) string

// Options of a registry.
type Options struct {
	Bus     *bus.Bus
	Catalog *catalog.Catalog // the caller runs it
	Seen    *Seen            // the caller runs it; nil: one of its own, that Run runs
	Actor   Actor            // nil: everybody is "unknown"
	Log     *slog.Logger
}

// Service is the registry.
type Service struct {
	o    Options
	log  *slog.Logger
	seen *Seen
}

// New makes a registry. It answers requests as soon as the catalog is ready;
// unassigned sensors are listed while Run works, or what runs Seen.
func New(o Options) (*Service, error) {
	if o.Bus == nil || o.Catalog == nil {
		return nil, errors.New("open registry: it needs a bus and a catalog")
	}
	if o.Actor == nil {
		o.Actor = func(context.Context) string { return "unknown" }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{o: o, log: o.Log, seen: o.Seen}
	if s.seen == nil {
		s.seen = NewSeen(o.Bus, o.Log)
	}
	return s, nil
}

// Run works until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	if s.o.Seen == nil {
		return s.seen.Run(ctx)
	}
	<-ctx.Done()
	return nil
}

// Change builds a patch on the newest model and stores it as a revision. When
// somebody else was first it is built again, on the newer model. An error of
// build is returned as it is; others are those of the API, with their status.
func (s *Service) Change(ctx context.Context, build func(*model.Model) (model.Patch, string, error)) error {
	var own error
	st, err := s.change(ctx, etag.Any, func(st catalog.State) (model.Patch, string, error) {
		var p model.Patch
		var note string
		p, note, own = build(st.Model)
		return p, note, own
	})
	switch {
	case err == nil:
		return nil
	case own != nil:
		return own
	}
	return refuse(st, err)
}

// Reasons a change cannot be made, beside those of catalog and model.
var (
	errMatch   = errors.New("the model is not of that revision any more; read it again")
	errNothing = errors.New("no such thing")
)

// change builds a patch on the newest state and commits it. Without a revision
// to match it is built again when somebody else was first, so that two changes
// at once both come to be; who names a revision is told.
func (s *Service) change(ctx context.Context, match int64, build func(catalog.State) (model.Patch, string, error)) (catalog.State, error) {
	select {
	case <-s.o.Catalog.Ready():
	case <-ctx.Done():
		return catalog.State{}, fmt.Errorf("change model: %w", ctx.Err())
	}
	for {
		st := s.o.Catalog.State()
		if match != etag.Any && uint64(match) != st.Revision {
			return st, errMatch
		}
		p, note, err := build(st)
		if err != nil {
			return st, err
		}
		if note == "" {
			note = summary(st.Model, p)
		}
		next, err := s.o.Catalog.Commit(ctx, catalog.Change{Base: st.Revision, Patch: p, Who: s.o.Actor(ctx), Note: note})
		switch {
		case errors.Is(err, catalog.ErrConflict) && match != etag.Any:
			return st, errMatch
		case errors.Is(err, catalog.ErrConflict):
			if ctx.Err() != nil {
				return st, fmt.Errorf("change model: %w", ctx.Err())
			}
			s.behind(ctx, st)
			continue
		}
		return next, err
	}
}

// behind waits a moment for the catalog to have what somebody else stored.
func (s *Service) behind(ctx context.Context, st catalog.State) {
	ctx, cancel := context.WithTimeout(ctx, conflictPause)
	defer cancel()
	moved := errors.New("moved on")
	// Watch begins in the past; the first state after st ends it.
	if err := s.o.Catalog.Watch(ctx, func(n catalog.State) error {
		if n.Revision > st.Revision {
			return moved
		}
		return nil
	}); err != nil && !errors.Is(err, moved) {
		s.log.Warn("waiting for the model failed", "error", err)
	}
}
