package intake

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/aggregate"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/history/tsdb"
	"github.com/wattwerk/wattwerk/model"
)

// rig is what taking records in needs of a process, without its HTTP side.
type rig struct {
	bus       *bus.Bus
	catalog   *catalog.Catalog
	store     *tsdb.Store
	history   *history.Service
	aggregate *aggregate.Service
}

// openRig starts the modules between sensors and stored ticks on dir.
// stop ends them and reports what failed.
func openRig(ctx context.Context, dir string, partitions, series int, noSync bool, log *slog.Logger) (*rig, func() error, error) {
	b, err := bus.Open(ctx, bus.Options{Dir: dir, Partitions: partitions, NoSync: noSync, Log: log})
	if err != nil {
		return nil, nil, err
	}
	e := &rig{bus: b, catalog: catalog.New(b, log)}
	if e.store, err = tsdb.Open(tsdb.Options{Dir: filepath.Join(dir, "history"), Series: series, Log: log}); err != nil {
		b.Close()
		return nil, nil, err
	}
	fail := func(err error) (*rig, func() error, error) {
		err = errors.Join(err, e.store.Close())
		b.Close()
		return nil, nil, err
	}
	if e.history, err = history.New(history.Options{Bus: b, Catalog: e.catalog, Store: e.store, Log: log}); err != nil {
		return fail(err)
	}
	if e.aggregate, err = aggregate.New(aggregate.Options{Bus: b, Catalog: e.catalog, Log: log, HistoryReader: history.AggregatesReader}); err != nil {
		return fail(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	g, ctx := errgroup.WithContext(ctx)
	// They end in the order in which a process ends them, one after the other: what
	// the history flushes at the end would take the time that checkpoints have.
	var ends []func()
	for _, run := range []func(context.Context) error{e.aggregate.Run, e.history.Run, e.catalog.Run} {
		own, end := context.WithCancel(ctx)
		ended := make(chan struct{})
		ends = append(ends, func() { end(); <-ended })
		g.Go(func() error {
			defer close(ended)
			return run(own)
		})
	}
	stop := func() error {
		for _, end := range ends {
			end()
		}
		cancel()
		err := errors.Join(g.Wait(), e.store.Close())
		b.Close()
		return err
	}
	select {
	case <-e.catalog.Ready():
		return e, stop, nil
	case <-ctx.Done():
		return nil, nil, stop()
	}
}

// setModel makes a document the model.
func (e *rig) setModel(ctx context.Context, doc model.Document) error {
	empty, err := model.New(model.Document{})
	if err != nil {
		return err
	}
	_, err = e.catalog.Commit(ctx, catalog.Change{Patch: model.Diff(empty.Document(), doc), Who: "bench"})
	return err
}
