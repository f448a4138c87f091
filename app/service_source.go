package app

import (
	"context"
	"errors"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/execution"
	energyfeed "github.com/wattwerk/wattwerk/service/feed"
	"github.com/wattwerk/wattwerk/service/keep"
	"github.com/wattwerk/wattwerk/settlement/cost/contract"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/tariff"
	"github.com/wattwerk/wattwerk/window"
)

// serviceSource reads settled windows, readings and tariffs for energy services.
type serviceSource struct {
	model     func() *model.Model
	settled   *ledger.Store
	contracts *contract.Store
	history   history.Store // nil: readings are kept elsewhere
}

// energyFeed opens what energy services read, and numbers its changes; nil when this
// process has no database of settled windows. It is opened already when it has one.
func (p *process) energyFeed(ctx context.Context) (*energyfeed.Feed, keep.Revisions, error) {
	if p.settled == nil {
		return nil, nil, nil
	}
	contracts, err := contract.Open(ctx, p.settled)
	if err != nil {
		return nil, nil, err
	}
	s := &serviceSource{func() *model.Model { return p.catalog.State().Model }, p.settled, contracts, p.store}
	return &energyfeed.Feed{Source: s}, newServiceRevisions(s), nil
}

// servants are the processes that run the module, this one among them.
func (p *process) servants() []execution.Member {
	self := p.fleet.Self()
	out := []execution.Member{{ID: self.ID, Name: self.Name, URL: self.URL}}
	for _, m := range p.fleet.With("service") {
		if m.ID != self.ID {
			out = append(out, execution.Member{ID: m.ID, Name: m.Name, URL: m.URL})
		}
	}
	return out
}

// settledPoint is what is settled of an object.
func settledPoint(m *model.Model, id object.ID) ledger.Point {
	if sensor, ok := id.Sensor(); ok {
		return ledger.SensorPoint(sensor)
	}
	g, _ := id.Group()
	h, _ := m.HierarchyOf(g)
	return ledger.GroupPoint(string(h), string(g))
}

// Quarters gives what is settled of each quarter of an hour; of a group that has a
// meter of its own what the meter says, else the sum where every member is known.
func (s *serviceSource) Quarters(ctx context.Context, id object.ID, from, to record.Millis, each func(i int, v *energy.Value)) error {
	const quarter = record.Millis(window.QuarterLength)
	ids, err := s.settled.IDs(ctx, []ledger.Point{settledPoint(s.model(), id)}, false)
	if err != nil || ids[0] == 0 {
		return err
	}
	_, group := id.Group()
	return s.settled.Amounts(ctx, ids[0], from, to, func(r *ledger.Row) {
		switch {
		case r.Metered:
			r.Known, r.Amount = true, r.Meter
		case group && r.Members < r.Total: // a part is no whole; a sensor without an amount, as of temperature, may have a mean
			return
		}
		if r.Total > 1 {
			r.Covered /= int64(r.Total)
		}
		each(int((r.Start-from)/quarter), &r.Value)
	})
}

// Parts gives what a group without a meter of its own adds up.
func (s *serviceSource) Parts(id object.ID) []energyfeed.Part {
	g, ok := id.Group()
	if !ok {
		return nil
	}
	group, ok := s.model().Group(g)
	if !ok {
		return nil
	}
	var out []energyfeed.Part
	for _, m := range group.Members {
		x := energyfeed.Part{Object: object.OfSensor(m.Sensor), Less: m.Sign < 0}
		if m.Group != "" {
			x.Object = object.OfGroup(m.Group)
		}
		if m.Meter {
			return nil
		}
		out = append(out, x)
	}
	return out
}

// errReadings says that there are no readings here.
var errReadings = errors.New("readings are kept by another process of this installation, and cannot be read here")

// errManySamples ends a scan.
var errManySamples = errors.New("there are more readings than are taken")

// Samples gives the readings of a sensor.
func (s *serviceSource) Samples(ctx context.Context, id record.SensorID, from, to record.Millis, most int) ([]energyfeed.Sample, error) {
	if s.history == nil {
		return nil, errReadings
	}
	var out []energyfeed.Sample
	err := s.history.Scan(ctx, history.RecordsOf(id), from, to-1, func(times []int64, values []float64) error {
		for i, t := range times {
			if len(out) == most {
				return errManySamples
			}
			out = append(out, energyfeed.Sample{At: record.Millis(t), Value: values[i]})
		}
		return nil
	})
	return out, err
}

// Settled tells up to when quarters are settled.
func (s *serviceSource) Settled(ctx context.Context) (record.Millis, error) {
	return s.settled.Progress(ctx, ledger.Frontier)
}

func tariffOf(d contract.Document) (tariff.Tariff, bool, error) {
	t, err := tariff.ReadJSON[tariff.Tariff]([]byte(d.Body))
	if t.ID == "" {
		t.ID = d.ID
	}
	return t, err == nil, err
}

// Tariff gives a tariff by its identifier.
func (s *serviceSource) Tariff(ctx context.Context, id string) (tariff.Tariff, bool, error) {
	b, err := s.contracts.Book(ctx)
	if err != nil {
		return tariff.Tariff{}, false, err
	}
	d, ok := b.Documents[contract.Name{Kind: contract.Tariff, ID: tariff.ID(id)}]
	if !ok {
		return tariff.Tariff{}, false, nil
	}
	return tariffOf(d)
}

// Assigned gives the tariff that prices an object on the day of a time.
func (s *serviceSource) Assigned(ctx context.Context, id object.ID, at record.Millis) (tariff.Tariff, bool, error) {
	b, err := s.contracts.Book(ctx)
	if err != nil {
		return tariff.Tariff{}, false, err
	}
	zone, err := time.LoadLocation(s.Zone(id))
	if err != nil {
		return tariff.Tariff{}, false, err
	}
	day, point := tariff.Date(at.Time().In(zone).Format(time.DateOnly)), settledPoint(s.model(), id)
	var found contract.Assignment
	for _, a := range b.Assignments {
		if a.Kind == contract.Tariff && a.Point == point && a.From <= day && (a.From > found.From || a.From == found.From && a.Number >= found.Number) {
			found = a
		}
	}
	d, ok := b.Documents[contract.Name{Kind: contract.Tariff, ID: found.Document}]
	if !ok {
		return tariff.Tariff{}, false, nil
	}
	return tariffOf(d)
}

// Quotes gives a series of prices.
func (s *serviceSource) Quotes(ctx context.Context, name string, from, to record.Millis) ([]tariff.Quote, error) {
	return s.contracts.Quotes(ctx, name, from, to)
}

// Zone is that of the site of an object.
func (s *serviceSource) Zone(id object.ID) string {
	m := s.model()
	site := model.SiteID("")
	if sensor, ok := id.Sensor(); ok {
		if sn, ok := m.Sensor(sensor); ok {
			site = sn.Site
		}
	} else if g, ok := id.Group(); ok {
		if h, ok := m.HierarchyOf(g); ok {
			if x, ok := m.Hierarchy(h); ok {
				site = x.Site
			}
		}
	}
	if x, ok := m.Site(site); ok {
		return x.Zone
	}
	return ""
}
