package app

import (
	"context"
	"errors"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/bridge/replay"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/demo"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/sim"
)

// demoBackfill is how much of the past the replayed plants have.
const demoBackfill = 3 * 24 * time.Hour

// startDemo puts the demo plants into an empty model and makes them send: the
// data centre over HTTP, as real units do, the others from files that are
// shifted to now.
func startDemo(ctx context.Context, p *process) (running, error) {
	log := p.logger("demo")
	if err := p.loadDemoModel(ctx); err != nil {
		return running{}, err
	}
	base := p.localURL()
	units, err := sim.NewPDUs(sim.PDUOptions{URL: base + "/api/v1/ingest/pdu", Token: p.secret, Client: localHTTP(base), Log: log})
	if err != nil {
		return running{}, err
	}
	play := func(ctx context.Context, m replay.Mapping, open func() (io.ReadCloser, error)) error {
		_, err := replay.Run(ctx, replay.Options{
			Taker: p.bridge, Source: "demo", Mapping: m, Open: open, Live: true, Backfill: demoBackfill, Log: log,
		})
		return err
	}
	return running{run: func(ctx context.Context) error {
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() error { return units.Run(ctx) })
		g.Go(func() error { return play(ctx, replay.Household(), demo.Household) })
		g.Go(func() error { return play(ctx, replay.Steel(), demo.SteelWorks) })
		return g.Wait()
	}}, nil
}

func (p *process) loadDemoModel(ctx context.Context) error {
	now := p.catalog.State()
	if !isEmpty(now.Model) {
		if _, ours := now.Model.Hierarchy("place"); !ours {
			p.logger("demo").Warn("the model is not empty, so the demo plants are not put into it; their sensors are listed as unassigned")
		}
		return nil
	}
	d, err := demo.Model()
	if err != nil {
		return err
	}
	_, err = p.catalog.Commit(ctx, catalog.Change{
		Base: now.Revision, Patch: model.Diff(model.Document{}, d), Who: "wattwerk", Note: "put the demo plants in",
	})
	if errors.Is(err, catalog.ErrConflict) { // somebody else was faster, so it is not empty
		return nil
	}
	return err
}

func isEmpty(m *model.Model) bool {
	sites, sensors, groups, hierarchies := m.Counts()
	return sites+sensors+groups+hierarchies == 0
}
