package keep

import (
	"context"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/feed"
	"github.com/wattwerk/wattwerk/tariff"
)

// Quarters implements [feed.Source].
func (s *noting) Quarters(ctx context.Context, id object.ID, from, to record.Millis, each func(i int, v *energy.Value)) error {
	if err := s.note(ctx, id); err != nil {
		return err
	}
	return s.Source.Quarters(ctx, id, from, to, each)
}

// Samples implements [feed.Source]. A reading that is late has its quarter be settled
// again, which is how it is noticed.
func (s *noting) Samples(ctx context.Context, id record.SensorID, from, to record.Millis, most int) ([]feed.Sample, error) {
	if err := s.note(ctx, object.OfSensor(id)); err != nil {
		return nil, err
	}
	return s.Source.Samples(ctx, id, from, to, most)
}

// Tariff implements [feed.Source].
func (s *noting) Tariff(ctx context.Context, id string) (tariff.Tariff, bool, error) {
	s.priced = true
	return s.Source.Tariff(ctx, id)
}

// Assigned implements [feed.Source].
func (s *noting) Assigned(ctx context.Context, id object.ID, at record.Millis) (tariff.Tariff, bool, error) {
	s.priced = true
	return s.Source.Assigned(ctx, id, at)
}

// Quotes implements [feed.Source].
func (s *noting) Quotes(ctx context.Context, name string, from, to record.Millis) ([]tariff.Quote, error) {
	s.priced = true
	return s.Source.Quotes(ctx, name, from, to)
}

// notingStandIns notes whether something stood in.
type notingStandIns struct {
	feed.StandIns

	s *noting
}

// StoodIn implements [feed.StandIns].
func (n notingStandIns) StoodIn(ctx context.Context, id object.ID, from, to record.Millis) ([]float64, error) {
	n.s.asked = true
	out, err := n.StandIns.StoodIn(ctx, id, from, to)
	for _, v := range out {
		n.s.stoodIn = n.s.stoodIn || v == v
	}
	return out, err
}
