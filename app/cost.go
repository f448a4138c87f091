package app

import (
	"context"
	"slices"
	"strings"

	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/settlement/cost"
	"github.com/wattwerk/wattwerk/settlement/cost/price"
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
		Ledger: p.settled, Windows: p.settlement, Catalog: p.catalog, Share: share, Actor: actor, Log: p.logger("settlement"), Registerer: p.metrics,
	})
	return err
}

// costing tells reports what things cost.
type costing struct{ *cost.Service }

// Costs gives the bill of a span; nil when no tariff is assigned.
func (c costing) Costs(ctx context.Context, p ledger.Point, at window.Span) (*report.Costs, error) {
	b, err := c.Bill(ctx, p, price.Cost, at)
	if price.Refused(err) {
		return &report.Costs{Why: err.Error()}, nil
	}
	if err != nil || len(b.Parts) == 0 {
		return nil, err
	}
	out := &report.Costs{Currency: b.Sum.Currency}
	var names []string
	for i := range b.Parts {
		if name := string(b.Parts[i].Assignment.Document); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	out.Tariff = strings.Join(names, ", ")
	if b.Sum.Known {
		out.Amount = b.Sum.Total.String()
		out.EstimatedShare = new(b.Sum.EstimatedShare())
		out.Completeness = new(min(1, max(0, b.Sum.Covered-float64(b.Sum.Unpriced))/float64(at.Length())))
	}
	return out, nil
}
