package settling

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/wattwerk/wattwerk/bench/readings"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/history/tsdb"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/reading"
	"github.com/wattwerk/wattwerk/sim"
)

// Setting is what a rig settles.
type Setting struct {
	Dir      string // of the bus, of what is settled, and of a history
	URL      string // of a PostgreSQL to keep the windows in; "": SQLite
	Model    model.Document
	Now      record.Millis                      // an hour before the time at which it is settled
	Late     *readings.Late                     // what is settled, those of a history when it has no source; nil: the history
	Readings func(history.Store) reading.Source // reads those of the history
}

// Rig is a settlement over a history that is there, or readings that are made.
type Rig struct {
	Catalog *catalog.Catalog
	Store   *ledger.Store
	Service *settlement.Service

	tell func(down record.Millis) // how far it is; may be nil
	ends []func() error
}

// blocks is where the history is.
func blocks(dir string) string { return filepath.Join(dir, "history") }

// Open makes a rig. Close ends it.
func Open(ctx context.Context, o Setting) (m *Rig, err error) {
	m = &Rig{}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.Close())
		}
	}()
	log := slog.New(slog.DiscardHandler)
	b, err := bus.Open(ctx, bus.Options{Dir: o.Dir, Partitions: 1, MinFree: 1, NoSync: true, Log: log})
	if err != nil {
		return m, err
	}
	m.ends = append(m.ends, func() error { b.Close(); return nil })
	m.Catalog = catalog.New(b, log)
	own, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- m.Catalog.Run(own) }()
	m.ends = append(m.ends, func() error { cancel(); return <-ended })
	<-m.Catalog.Ready()
	if _, err = m.Catalog.Commit(ctx, catalog.Change{Patch: model.Diff(model.Document{}, o.Model), Who: "bench"}); err != nil {
		return m, err
	}
	var source reading.Source = o.Late
	if o.Late == nil || o.Late.Source == nil {
		h, err := tsdb.Open(tsdb.Options{Dir: blocks(o.Dir), Log: log})
		if err != nil {
			return m, err
		}
		m.ends = append(m.ends, h.Close)
		if source = o.Readings(h); o.Late != nil {
			o.Late.Source, source = source, o.Late
		}
	}
	if m.Store, err = ledger.Open(ctx, ledger.Options{Dir: o.Dir, URL: o.URL}); err != nil {
		return m, err
	}
	m.ends = append(m.ends, m.Store.Close)
	clock := (o.Now + 3600_000).Time()
	m.Service, err = settlement.New(settlement.Options{
		Store: m.Store, Catalog: m.Catalog, Readings: source, Now: func() time.Time { return clock }, Log: log,
	})
	if err != nil {
		return m, err
	}
	return m, m.Service.Begin(ctx)
}

// Settle settles until nothing is left.
func (m *Rig) Settle(ctx context.Context) error {
	for {
		if more, err := m.Service.Step(ctx); err != nil || !more {
			return err
		}
		if m.tell != nil {
			down, err := m.Store.Progress(ctx, ledger.Floor)
			if err != nil {
				return err
			}
			m.tell(down)
		}
	}
}

// Close ends all parts in reverse order.
func (m *Rig) Close() error {
	var errs []error
	for i := len(m.ends) - 1; i >= 0; i-- {
		errs = append(errs, m.ends[i]())
	}
	return errors.Join(errs...)
}

// Plant has so many sensors of a generator in groups, those in ten halls, those in a
// plant.
func Plant(gen *sim.Generator, sensors, count int) model.Document {
	d := model.Document{
		Sites:       []model.Site{{ID: "kiel", Zone: "Europe/Berlin"}},
		Hierarchies: []model.Hierarchy{{ID: "place", Root: "plant", Site: "kiel"}},
	}
	plant := model.Group{ID: "plant"}
	halls := make([]model.Group, 10)
	for i := range halls {
		halls[i].ID = model.GroupID(fmt.Sprintf("hall %d", i))
		plant.Members = append(plant.Members, model.Member{Group: halls[i].ID})
	}
	groups := make([]model.Group, count)
	for i := range groups {
		groups[i].ID = model.GroupID(fmt.Sprintf("line %d", i))
		h := &halls[i%len(halls)]
		h.Members = append(h.Members, model.Member{Group: groups[i].ID})
	}
	for i := range sensors {
		id := gen.Sensor(i)
		d.Sensors = append(d.Sensors, model.Sensor{ID: id, Site: "kiel", Quantity: record.ActivePower})
		g := &groups[i%len(groups)]
		g.Members = append(g.Members, model.Member{Sensor: id})
	}
	d.Groups = append(append(groups, halls...), plant)
	return d
}
