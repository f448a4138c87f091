package registry

import (
	"context"
	"errors"
	"log/slog"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
)

// Actor tells who makes a request.
type Actor func(context.Context) string

// Options of a registry.
type Options struct {
	Bus     *bus.Bus
	Catalog *catalog.Catalog // running; the caller runs it
	Actor   Actor            // nil: everybody is "unknown"
	Log     *slog.Logger
}

// Service is the registry.
type Service struct {
	o Options
}

// New makes a registry.
func New(o Options) (*Service, error) { return &Service{o: o}, nil }

// Run follows what sensors were seen until ctx ends.
func (s *Service) Run(ctx context.Context) error { return errors.ErrUnsupported }
