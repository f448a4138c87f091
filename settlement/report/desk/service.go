package desk

import (
	"context"
	"errors"
	"time"

	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/settlement/report"
)

// Options are what a service needs. Settled, Books and Catalog must be set.
type Options struct {
	Settled report.Settled
	Books   report.Books
	Costing report.Costing // nil: nobody prices anything
	Catalog *catalog.Catalog
	Now     func() time.Time // the clock; nil: the real one
}

// atOnce is how many reports are made at the same time.
const atOnce = 2

// Service answers for reports.
type Service struct {
	opts    Options
	builder *report.Builder
	room    chan struct{}
}

// New checks the options and makes a service.
func New(o Options) (*Service, error) {
	if o.Settled == nil || o.Books == nil || o.Catalog == nil {
		return nil, errors.New("make reports: settled windows, books and catalog are needed")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Service{opts: o, room: make(chan struct{}, atOnce)}
	s.builder = &report.Builder{Settled: o.Settled, Books: o.Books, Costing: o.Costing, Now: o.Now, Model: func() (*model.Model, uint64) {
		st := o.Catalog.State()
		return st.Model, st.Revision
	}}
	return s, nil
}

// build makes a report when there is room.
func (s *Service) build(ctx context.Context, spec report.Spec) (*report.Report, error) {
	select {
	case s.room <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.room }()
	return s.builder.Build(ctx, spec)
}
