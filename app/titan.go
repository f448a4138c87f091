package app

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/gateway"
	"github.com/wattwerk/wattwerk/gateway/titan"
	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/profile"
)

// TitanConfig is whether and for whom Titan's interfaces are answered.
type TitanConfig struct {
	API           bool     `koanf:"api" doc:"Answer the REST interfaces of the Titan Control Center below /api: history, sensor hierarchy, statistics, anomalies."`
	AnonymousRead string   `koanf:"anonymous_read" doc:"Who may read there without a token and without signing in, which Titan's page cannot do: 'never'; 'loopback', programs on the same machine while addr is a loopback address; 'anybody', everybody who reaches addr. To change anything, a token or a session is always needed."`
	Origins       []string `koanf:"origins" doc:"Pages from elsewhere that may read there, as https://titan.example.org; * is all pages, as with Titan."`
	Root          string   `koanf:"root" doc:"The group at the top of the hierarchy that Titan's page shows, when none is called root; empty: that of the first hierarchy of power. The same in all processes."`
}

// Validate gives what cannot work.
func (c *TitanConfig) Validate() error {
	if err := c.guests().Check(); err != nil {
		return fmt.Errorf("gateway.titan: %w", err)
	}
	return nil
}

func (c *TitanConfig) guests() *gateway.Guests {
	return &gateway.Guests{Anonymous: c.AnonymousRead, Origins: c.Origins}
}

// titan adds handlers for Titan's interfaces. A process without the module
// gateway is asked by gateways alone, so it answers always.
func (p *process) titan(wrap func(func() http.Handler) http.Handler) func(string, func() http.Handler) {
	return func(pattern string, h func() http.Handler) {
		if c := &p.config.Gateway.Titan; c.API || !slices.Contains(p.here, "gateway") {
			p.gateway.Handle(pattern, p.gateway.Guest(*c.guests(), gateway.Require(access.Read, wrap(h))))
		}
	}
}

func (p *process) plant() titan.Plant {
	return titan.Plant{
		Model:    func() *model.Model { return p.catalog.State().Model },
		Quantity: p.seen.Quantity, Root: model.GroupID(p.config.Gateway.Titan.Root),
	}
}

func (p *process) titanHistory() http.Handler {
	return titan.History(titan.HistoryOptions{Plant: p.plant(), Readings: titanReadings{p.store}, Sensors: p.history.Sensors})
}

func (p *process) titanHierarchy() http.Handler {
	return titan.Hierarchy(titan.HierarchyOptions{
		Plant: p.plant(), Registry: p.registry,
		Operators: func(h http.Handler) http.Handler { return gateway.Require(access.Operate, h) },
	})
}

func (p *process) titanStatistics() http.Handler {
	return titan.Statistics(titan.StatisticsOptions{Plant: p.plant(), Profiles: titanSettled{p}})
}

func (p *process) titanAnomalies() http.Handler {
	return titan.Anomalies(titan.AnomaliesOptions{Plant: p.plant(), Deviations: titanSettled{p}})
}

// titanReadings reads from the store of the history.
type titanReadings struct{ history.Store }

// Values hands records of a sensor, or sums of a group, to f.
func (t titanReadings) Values(ctx context.Context, s titan.Series, from, to record.Millis, f func([]int64, []float64) error) error {
	return liveReadings(t).Scan(ctx, pointOf(s), from, to, f)
}

// Counts hands the numbers of members with a value to f.
func (t titanReadings) Counts(ctx context.Context, s titan.Series, from, to record.Millis, f func([]int64, []float64) error) error {
	return t.Scan(ctx, history.Series{Metric: history.Count, Hierarchy: string(s.Hierarchy), Name: string(s.Group)}, from, to, f)
}

func pointOf(s titan.Series) ledger.Point {
	if s.Sensor != "" {
		return ledger.SensorPoint(s.Sensor)
	}
	return ledger.GroupPoint(string(s.Hierarchy), string(s.Group))
}

// titanSettled answers from what is settled.
type titanSettled struct{ *process }

// usualWeeks is of how many weeks before it is taken what is usual.
const usualWeeks = 8

// Deviations compares quarters of an hour with what is usual.
func (t titanSettled) Deviations(ctx context.Context, s titan.Series, from, to record.Millis) ([]titan.Deviation, error) {
	p := pointOf(s)
	all, err := profile.Span(ctx, t.settled, p, t.settlement.Calendar(p), from, to+1, usualWeeks)
	out := make([]titan.Deviation, 0, len(all))
	for _, d := range all {
		out = append(out, titan.Deviation{Time: d.From, Value: d.Demand, Score: d.Score(d.Demand)})
	}
	return out, err
}

// cellsOf are the kinds of cells that are the same in both.
var cellsOf = map[titan.By]ledger.Cells{titan.HourOfDay: ledger.HourOfDay, titan.DayOfWeek: ledger.DayOfWeek, titan.HourOfWeek: ledger.HourOfWeek}

// Cells are computed of the means of quarters of an hour.
func (t titanSettled) Cells(ctx context.Context, s titan.Series, by titan.By, from, to record.Millis) ([]titan.Cell, error) {
	p := pointOf(s)
	ids, err := t.settled.IDs(ctx, []ledger.Point{p}, false)
	if err != nil || ids[0] == 0 {
		return nil, err
	}
	all, err := t.settled.Statistics(ctx, ids, cellsOf[by], t.settlement.Calendar(p), from, to)
	out := make([]titan.Cell, 0, 7*24)
	for _, k := range all[ids[0]] {
		out = append(out, titan.Cell{Count: k.Quarters, Mean: k.Mean, Variance: k.Variance, Min: k.Min, Max: k.Max})
	}
	return out, err
}
