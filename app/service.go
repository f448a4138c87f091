package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/alert"
	"github.com/wattwerk/wattwerk/alert/rule"
	"github.com/wattwerk/wattwerk/internal/config"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/vigil"
	"github.com/wattwerk/wattwerk/settlement/ledger"
)

// ServiceConfig is what is kept of objects and of services on them.
type ServiceConfig struct {
	Keep config.Duration `koanf:"keep" doc:"How long it is kept when objects changed their state, and what stood in for what."`
}

// DefaultServiceConfig keeps somewhat more than a year.
func DefaultServiceConfig() ServiceConfig {
	return ServiceConfig{Keep: config.Duration(service.DefaultKeep)}
}

// Validate gives what cannot work.
func (c *ServiceConfig) Validate() error {
	if c.Keep.Std() < 24*time.Hour {
		return fmt.Errorf("service.keep is %v; a day (24h) or more is possible", c.Keep.Std())
	}
	return nil
}

// noService is what one is told where nobody runs the module.
const noService = "no process of this installation runs the module service, which knows objects and runs energy services (docs/services.md)"

func startService(ctx context.Context, p *process) (running, error) {
	at, err := p.config.SQL.url()
	if err != nil {
		return running{}, err
	}
	where := sqldb.Options{URL: at, Conns: connsOfService / 2}
	if at == "" {
		where = sqldb.Options{File: filepath.Join(p.dir.Path(), access.FileName)}
	}
	store, err := book.Open(ctx, where)
	if err != nil {
		return running{}, err
	}
	o := service.Options{
		Bus: p.bus, Catalog: p.catalog, Store: store, Keep: p.config.Service.Keep.Std(), Members: p.servants,
		Share: p.fleet.Share, Actor: actor, Log: p.logger("service"), Registerer: p.metrics,
	}
	q, err := p.questions(ctx)
	if err != nil {
		return running{}, errors.Join(err, store.Close())
	}
	if q != nil { // an interface that holds nil is not nil
		o.History = settledMeans{q}
	}
	if o.Feed, o.Revisions, err = p.energyFeed(ctx); err != nil {
		return running{}, errors.Join(err, store.Close())
	}
	if o.Elsewhere, err = p.askService(); err != nil {
		return running{}, errors.Join(err, store.Close())
	}
	alerts, err := alert.Open(ctx, where)
	if err != nil {
		return running{}, errors.Join(err, store.Close())
	}
	stop := func(context.Context) error { return errors.Join(store.Close(), alerts.Close()) }
	o.Tell = func(ctx context.Context, lasting []book.Anomaly) error {
		return alerts.Find(ctx, found(lasting), record.MillisOf(time.Now()))
	}
	s, err := service.New(o)
	if err != nil {
		return running{}, errors.Join(err, stop(ctx))
	}
	p.service = s
	return running{run: s.Run, stop: stop}, nil
}

// found is what lasts in the words of alerts.
func found(lasting []book.Anomaly) []alert.Found {
	out := make([]alert.Found, 0, len(lasting))
	for i := range lasting {
		a := &lasting[i]
		f := alert.Found{Text: vigil.Sentence(a), Found: &rule.Oddity{Object: a.Object, Kind: a.Kind, Began: a.Began, Value: a.Value, Expected: a.Expected}}
		if sensor, ok := object.ID(a.Object).Sensor(); ok {
			f.Subject.Sensor = sensor
		} else if g, ok := object.ID(a.Object).Group(); ok {
			f.Subject.Group = string(g)
		}
		out = append(out, f)
	}
	return out
}

// settledMeans is what objects measured, as windows are settled.
type settledMeans struct{ *questions }

// Means gives the mean of each quarter of an hour.
func (s settledMeans) Means(ctx context.Context, id object.ID, from, to record.Millis) ([]float64, error) {
	ids, err := s.Store.IDs(ctx, []ledger.Point{settledPoint(s.Catalog.State().Model, id)}, false)
	if err != nil {
		return nil, err
	}
	return s.Store.Averages(ctx, ids[0], from, to)
}

func faceService(p *process, f face) { p.service.Register(f.api) }
