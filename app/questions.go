package app

import (
	"context"
	"math"
	"time"

	"github.com/wattwerk/wattwerk/alert"
	"github.com/wattwerk/wattwerk/alert/rule"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/cost"
	"github.com/wattwerk/wattwerk/settlement/demand"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/profile"
	"github.com/wattwerk/wattwerk/window"
)

// questions answers alerts what they ask of settled windows.
type questions struct{ demand.Usage }

// questions opens what answers alerts: the database of settled windows, which
// this process has because it settles, or because it shares one with who does;
// nil when it has none. What is not settled yet is filled from the history where
// it is in this process.
func (p *process) questions(ctx context.Context) (*questions, error) {
	if p.settlement == nil {
		at, err := p.config.SQL.url()
		if err != nil || at == "" {
			return nil, err
		}
		if err := p.startSettled(ctx); err != nil {
			return nil, err
		}
	}
	q := &questions{demand.Usage{Store: p.settled, Catalog: p.catalog}}
	if p.store != nil {
		q.Live = liveReadings{p.store}
	}
	return q, nil
}

// point is what a rule is about, and the quantity that is measured there.
func (q *questions) point(r rule.Ref) (ledger.Point, record.Quantity) {
	m := q.Catalog.State().Model
	if r.Sensor != "" {
		quantity := record.Quantity("")
		if sn, ok := m.Sensor(r.Sensor); ok {
			quantity = sn.Quantity
		}
		return ledger.SensorPoint(r.Sensor), quantity
	}
	h, _ := m.HierarchyOf(model.GroupID(r.Group))
	return ledger.GroupPoint(string(h), r.Group), m.QuantityOf(model.GroupID(r.Group))
}

// Amount answers budgets.
func (q *questions) Amount(ctx context.Context, r rule.Ref, from, to record.Millis, zone *time.Location) (alert.Used, error) {
	p, _ := q.point(r)
	u, err := q.Used(ctx, p, window.In(zone), from, to)
	return alert.Used{Amount: u.Amount, Estimated: u.Estimated, Completeness: u.Completeness, Settled: u.Settled}, err
}

// Settled tells how far windows are settled.
func (q *questions) Settled(ctx context.Context) (record.Millis, error) {
	return q.Store.Progress(ctx, ledger.Frontier)
}

// Deviations answers rules about what is not as usual.
func (q *questions) Deviations(ctx context.Context, r rule.Ref, weeks int, zone *time.Location, from, to record.Millis) ([]alert.Deviation, error) {
	p, quantity := q.point(r)
	all, err := profile.Span(ctx, q.Store, p, window.In(zone), from, to, weeks)
	out := make([]alert.Deviation, len(all))
	for i, d := range all {
		out[i] = alert.Deviation{From: d.From, To: d.To, Demand: d.Demand, Usual: d.Median, Spread: d.Spread, Weeks: d.Weeks, Unit: quantity.RateUnit()}
	}
	return out, err
}

// spending answers budgets of money.
type spending struct {
	*questions
	costs *cost.Service
}

// Amount gives the bill from a time up to now.
func (s spending) Amount(ctx context.Context, r rule.Ref, from, _ record.Millis, _ *time.Location) (alert.Used, error) {
	p, _ := s.point(r)
	u, settled, err := s.costs.Spent(ctx, p, from)
	if err != nil {
		return alert.Used{}, err
	}
	out := alert.Used{Amount: math.NaN(), Unit: u.Sum.Currency, Completeness: u.Completeness, Settled: settled}
	if u.Sum.Known {
		out.Amount, out.Estimated = float64(u.Sum.Total)/1e6, math.Abs(float64(u.Sum.Estimated)/1e6)
	}
	return out, nil
}
