package app

import (
	"context"

	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/settlement/cost"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/report"
	"github.com/wattwerk/wattwerk/window"
)

// startCosts prices what is settled here.
func (p *process) startCosts(ctx context.Context) (err error) {
	share := run.Alone // days of a file are priced by the process that has it
	if p.settled.Settled().Shared() {
		share = p.fleet.Share
	}
	p.cost, err = cost.New(ctx, cost.Options{
		Ledger: p.settled, Windows: p.settlement, Catalog: p.catalog, Share: share, Actor: actor, Log: p.logger("settlement"),
	})
	return err
}

// costing tells reports what something cost.
type costing struct{ *cost.Service }

// Costs gives nil when nothing prices it.
func (c costing) Costs(ctx context.Context, p ledger.Point, at window.Span) (*report.Costs, error) {
	b, err := c.Bill(ctx, p, cost.Cost, at)
	if err != nil || len(b.Parts) == 0 {
		return nil, err
	}
	out := &report.Costs{Currency: b.Sum.Currency, Completeness: new(b.Sum.Covered / float64(at.Length()))}
	if b.Sum.Known {
		out.Amount, out.EstimatedShare = b.Sum.Total.String(), new(b.Sum.EstimatedShare())
	}
	for _, part := range b.Parts {
		if out.Tariff != "" {
			out.Tariff += ", "
		}
		out.Tariff += string(part.Assignment.Document)
	}
	return out, nil
}
