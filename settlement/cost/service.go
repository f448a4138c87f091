package cost

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/settlement/cost/contract"
	"github.com/wattwerk/wattwerk/settlement/cost/price"
	"github.com/wattwerk/wattwerk/settlement/ledger"
)

// Options are what a service needs. Ledger, Windows and Catalog must be set.
type Options struct {
	Ledger  *ledger.Store
	Windows price.Windows
	Catalog *catalog.Catalog
	Share   run.Share                    // who else computes the costs of days in the same database; nil: nobody
	Actor   func(context.Context) string // who makes a request; nil: unknown
	Log     *slog.Logger
	Now     func() time.Time // the clock; nil: the real one

	Registerer prometheus.Registerer // of metrics; nil: none
}

// Service prices settled windows, and keeps what they are priced by.
type Service struct {
	*price.Service
	opts  Options
	store *contract.Store
	lag   lag
}

// New opens the tables and makes a service.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.Ledger == nil || o.Windows == nil || o.Catalog == nil {
		return nil, errors.New("make costs: ledger, windows and catalog are needed")
	}
	if o.Share == nil {
		o.Share = run.Alone
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Actor == nil {
		o.Actor = func(context.Context) string { return "unknown" }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	store, err := contract.Open(ctx, o.Ledger)
	if err != nil {
		return nil, err
	}
	prices, err := price.New(price.Options{Ledger: o.Ledger, Store: store, Windows: o.Windows, Catalog: o.Catalog, Now: o.Now})
	if err != nil {
		return nil, err
	}
	s := &Service{Service: prices, opts: o, store: store}
	if o.Registerer != nil {
		for _, c := range s.lag.collectors() {
			if err := o.Registerer.Register(c); err != nil {
				return nil, fmt.Errorf("make costs: %w", err)
			}
		}
	}
	return s, nil
}
