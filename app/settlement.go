package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/gateway/titan"
	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/history/transfer"
	"github.com/wattwerk/wattwerk/internal/config"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement"
	"github.com/wattwerk/wattwerk/settlement/demand"
	"github.com/wattwerk/wattwerk/settlement/figure"
	"github.com/wattwerk/wattwerk/settlement/flow"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/profile"
	settledfiles "github.com/wattwerk/wattwerk/settlement/table"
	"github.com/wattwerk/wattwerk/settlement/views"
)

// SettlementConfig is how windows are settled.
type SettlementConfig struct {
	Delay config.Duration `koanf:"delay" doc:"How long after its end a window of 15 minutes is settled. Readings that come later have it settled again."`
}

// Validate gives what cannot work.
func (c *Config) validateSettlement() error {
	var errs []error
	if d := c.Settlement.Delay.Std(); d <= time.Minute || d > 24*time.Hour {
		errs = append(errs, fmt.Errorf("settlement.delay is %v; more than 1m and up to 24h are possible", d))
	}
	if c.has("settlement") && !c.has("history") && (c.History.Store != storeRemote || c.SQL.URL == "" && c.SQL.URLFile == "") {
		errs = append(errs, errors.New("settlement without history in the same process reads what other processes store: set history.store to remote, and sql.url_file, where they note which windows are touched"))
	}
	return errors.Join(errs...)
}

// settles tells whether windows are settled of what this process stores: here,
// or by another process that shares the database.
func (c *Config) settles() bool {
	return c.has("settlement") || c.has("history") && (c.SQL.URL != "" || c.SQL.URLFile != "")
}

// readsSettled tells whether this process opens the database of settled windows.
func (c *Config) readsSettled() bool {
	return c.settles() || (c.has("alert") || c.has("service")) && (c.SQL.URL != "" || c.SQL.URLFile != "")
}

// openSettled opens the database of settled windows.
func (c *Config) openSettled(ctx context.Context) (*ledger.Store, error) {
	at, err := c.SQL.url()
	if err != nil {
		return nil, err
	}
	return ledger.Open(ctx, ledger.Options{Dir: c.Data, URL: at, Conns: c.connsOfSettled()})
}

// markFilled has what was imported while nothing runs settled at the next start.
func (c *Config) markFilled(ctx context.Context, filled map[record.SensorID]transfer.Span) (err error) {
	if !c.settles() || len(filled) == 0 {
		return nil
	}
	s, err := c.openSettled(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for id, x := range filled {
		if err := s.Mark(ctx, id, x.From, x.To); err != nil {
			return err
		}
	}
	return nil
}

// startSettled opens what is settled, once for history and settlement.
func (p *process) startSettled(ctx context.Context) (err error) {
	if p.settled == nil {
		p.settled, err = p.config.openSettled(ctx)
	}
	return err
}

// watcher notes what the history stores; nil when nobody settles that.
func (p *process) watcher(ctx context.Context) (*ledger.Marks, error) {
	if !p.settles {
		return nil, nil
	}
	if err := p.startSettled(ctx); err != nil {
		return nil, err
	}
	marks := ledger.NewMarks(p.settled, p.bus.Partitions(), p.config.Settlement.Delay.Std())
	marks.Apart = p.config.History.Store == storeRemote
	return marks, nil
}

func startSettlement(ctx context.Context, p *process) (running, error) {
	if err := p.startSettled(ctx); err != nil {
		return running{}, err
	}
	store, closeStore := p.store, func() error { return nil }
	if store == nil {
		opened, err := openHistory(ctx, &p.config, p.dir.Join(historyDir), p.logger("settlement"), nil)
		if err != nil {
			return running{}, err
		}
		store, closeStore = opened, opened.Close
	}
	s, err := settlement.New(settlement.Options{
		Store: p.settled, Catalog: p.catalog, Readings: readings{store}, Share: p.shareSettlement(),
		Delay: p.config.Settlement.Delay.Std(), Actor: actor, Log: p.logger("settlement"), Registerer: p.metrics,
	})
	if err != nil {
		return running{}, errors.Join(err, closeStore())
	}
	v, err := views.New(ctx, p.settled, p.catalog, p.logger("settlement"))
	if err != nil {
		return running{}, errors.Join(err, closeStore())
	}
	p.settlement = s
	if p.demand, err = demand.New(demand.Options{Store: p.settled, Catalog: p.catalog, Trees: s, Live: liveReadings{store}}); err != nil {
		return running{}, errors.Join(err, closeStore())
	}
	if err := p.startCosts(ctx); err != nil {
		return running{}, errors.Join(err, closeStore())
	}
	if err := p.openReports(ctx); err != nil {
		return running{}, errors.Join(err, closeStore())
	}
	if p.profile, err = profile.New(profile.Options{Store: p.settled, Catalog: p.catalog, Calendars: s}); err != nil {
		return running{}, errors.Join(err, closeStore())
	}
	if p.flow, err = flow.New(flow.Options{Store: p.settled, Catalog: p.catalog, Trees: s}); err != nil {
		return running{}, errors.Join(err, closeStore())
	}
	if p.figures, err = figure.New(figure.Options{Store: p.settled, Decider: s, Catalog: p.catalog, Actor: actor}); err != nil {
		return running{}, errors.Join(err, closeStore())
	}
	return running{run: func(ctx context.Context) error {
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() error { return s.Run(ctx) })
		g.Go(func() error { return p.cost.Run(ctx) })
		g.Go(func() error { return v.Run(ctx) })
		g.Go(func() error { return p.reports.Run(ctx) })
		return g.Wait()
	}, stop: func(context.Context) error { return closeStore() }}, nil
}

// shareSettlement decides who settles. A store in the data directory is read
// by the process that writes it.
func (p *process) shareSettlement() run.Share {
	if p.config.History.Store == storeRemote {
		return p.fleet.Share
	}
	return func(ctx context.Context, _ string, _ int, work run.Work) error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case turn := <-p.historyTurn:
				here, cancel := context.WithCancel(ctx)
				stop := context.AfterFunc(turn, cancel)
				err := work(here, 0)
				stop()
				cancel()
				if err != nil {
					return err
				}
			}
		}
	}
}

// takeTurn lets settle who settles with this process's history, while ctx is
// on.
func (p *process) takeTurn(ctx context.Context) {
	select {
	case p.historyTurn <- ctx:
	case <-ctx.Done():
	}
}

// readings reads for settling from the store of the history.
type readings struct{ history.Store }

// Scan hands readings of a sensor to f.
func (r readings) Scan(ctx context.Context, id record.SensorID, from, to record.Millis, f func([]int64, []float64) error) error {
	return r.Store.Scan(ctx, history.RecordsOf(id), from, to, f)
}

// Extent gives the times of the oldest and the newest sample.
func (r readings) Extent() (oldest, newest record.Millis) {
	s := r.Stats()
	return s.Oldest, s.Newest
}

// liveReadings reads what is measured now from the store of the history.
type liveReadings struct{ history.Store }

// Scan hands the readings of a sensor, or the sums of a group, to f.
func (l liveReadings) Scan(ctx context.Context, p ledger.Point, from, to record.Millis, f func([]int64, []float64) error) error {
	at := history.RecordsOf(record.SensorID(p.Name))
	if p.Hierarchy != "" {
		at = history.Series{Metric: history.Sum, Hierarchy: p.Hierarchy, Name: p.Name}
	}
	return l.Store.Scan(ctx, at, from, to, f)
}

func faceSettlement(p *process, f face) {
	p.settlement.Register(f.api)
	settledfiles.Register(f.api, p.settlement, p.catalog, p.logger("settlement"))
	p.demand.Register(f.api)
	p.reports.Register(f.api)
	p.cost.Register(f.api)
	p.profile.Register(f.api)
	p.flow.Register(f.api)
	p.figures.Register(f.api)
	f.titan(titan.StatisticsPath+"/", p.titanStatistics)
	f.titan(titan.AnomaliesPath+"/", p.titanAnomalies)
}

var _ history.Watcher = (*ledger.Marks)(nil)

// closeSettled ends the database of settled windows.
func (p *process) closeSettled() error {
	if p.settled == nil {
		return nil
	}
	s := p.settled
	p.settled = nil
	return s.Close()
}

// mends tells whether an error of a module is mended by starting all again.
func mends(err error) bool { return errors.Is(err, bus.ErrBroken) || errors.Is(err, history.ErrBroken) }
