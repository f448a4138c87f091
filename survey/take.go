package survey

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/register"
)

// Bounds of what is taken at a time.
const (
	queued      = 256    // batches that wait; more are told to come again
	atOnce      = 100    // batches in one transaction
	mostAtOnce  = 20_000 // measurements in one transaction, about
	storeWithin = 12 * time.Second
	keepAnswers = 90 * 24 * time.Hour
)

// entry is a batch that waits to be taken. Whoever takes it has the offer for itself: who asked may have gone.
type entry struct {
	offer *register.Offer
	done  chan outcome
}

// outcome is what has become of a batch.
type outcome struct {
	answer household.Answer
	err    error
}

// take has a batch stored, together with others that come at the same time. The answer is empty where nothing of the batch was looked at.
func (s *Service) take(ctx context.Context, device string, b *household.Batch) (household.Answer, error) {
	e := &entry{&register.Offer{Device: device, Batch: b}, make(chan outcome, 1)}
	select {
	case s.queue <- e:
	default:
		return household.Answer{}, household.Refuse(http.StatusServiceUnavailable, "busy", household.Retry, "more is coming in than can be stored; try again in a moment")
	}
	select {
	case out := <-e.done:
		return out.answer, out.err
	case <-ctx.Done():
		return household.Answer{}, fmt.Errorf("take measurements: %w", ctx.Err())
	}
}

// takeAll stores what waits until ctx ends.
func (s *Service) takeAll(ctx context.Context) error {
	prune := time.NewTicker(time.Hour)
	defer prune.Stop()
	for {
		var all []*entry
		select {
		case <-ctx.Done():
			return nil
		case <-prune.C:
			if err := s.o.Store.Prune(ctx, s.o.Now().Add(-keepAnswers)); err != nil {
				s.log.Warn("old answers were not forgotten", "error", err)
			}
			continue
		case e := <-s.queue:
			all = append(all, e)
		}
		n := len(all[0].offer.Batch.Measurements)
	more:
		for len(all) < atOnce && n < mostAtOnce {
			select {
			case e := <-s.queue:
				all = append(all, e)
				n += len(e.offer.Batch.Measurements)
			default:
				break more
			}
		}
		offers := make([]*register.Offer, len(all))
		for i, e := range all {
			offers[i] = e.offer
		}
		within, cancel := context.WithTimeout(ctx, storeWithin)
		err := s.o.Store.Take(within, offers, s.store)
		cancel()
		for _, e := range all {
			if err == nil {
				e.done <- outcome{e.offer.Answer, e.offer.Err}
			} else {
				e.done <- outcome{err: err}
			}
		}
	}
}

// errFull says that there is no room on the bus.
var errFull = errors.New("the disk of the service is full")

// store stores measurements as records.
func (s *Service) store(ctx context.Context, taken []register.Taken) error {
	records := make([]record.Record, len(taken))
	for i, t := range taken {
		records[i] = record.Record{Sensor: sensorOf(t.Point, t.OBIS), Time: record.MillisOf(t.Slot), Value: t.Value()}
	}
	err := s.o.Writer.Write(ctx, records)
	if err != nil && s.o.Full(err) {
		err = fmt.Errorf("%w: %w", errFull, err)
	}
	if err == nil {
		s.places.noteAll(taken)
	}
	return err
}
