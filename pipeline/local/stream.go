package local

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/runner"
)

// stream writes results into the stream of observations.
//
// What is stored again soon the bus knows by its id. What was being written when a
// process died, and waited for its successor for longer than that, is looked for:
// a result stands behind the message that it results from.
type stream struct {
	bus  *bus.Bus
	id   string
	soon time.Duration // what results from younger messages the bus knows

	from  uint64          // stored holds what is stored from here on; 0: nothing was looked for
	young uint64          // messages from here on are younger; 0: none is known to be
	known map[string]bool // ids of what was stored before this writer was
}

func newStream(b *bus.Bus, id string) *stream {
	return &stream{bus: b, id: id, soon: b.KnownFor() / 2, known: make(map[string]bool)}
}

// Write stores what one processor gave at one step as one message, whose id says
// so.
func (s *stream) Write(ctx context.Context, results []connect.Written) error {
	for len(results) > 0 {
		first, n := results[0], 1
		for n < len(results) && results[n].Manifest == first.Manifest && results[n].Processor == first.Processor && results[n].Step == first.Step {
			n++
		}
		if err := s.look(ctx, first.Step); err != nil {
			return err
		}
		var table observation.Table
		items := make([]observation.Item, n)
		for i, w := range results[:n] {
			items[i] = observation.Item{Series: table.Number(w.Key), Marks: w.Marks, Time: w.Time, Value: w.Value}
		}
		id := runner.ResultID(first.Manifest, first.Processor, first.Step)
		for part := 0; len(items) > 0; part++ {
			some := items[:min(len(items), observation.MaxItems)]
			if part > 0 {
				id = runner.ResultID(first.Manifest, first.Processor, first.Step) + "/" + strconv.Itoa(part)
			}
			if !s.known[id] {
				if _, err := s.bus.PublishObservations(ctx, s.id, observation.Append(nil, table.Keys(), some), id); err != nil {
					return err
				}
			}
			items = items[len(some):]
		}
		results = results[n:]
	}
	return nil
}

var errEnough = errors.New("that was all")

// look notes what was stored of results of a step and of those behind it, unless
// the bus knows it.
func (s *stream) look(ctx context.Context, step uint64) error {
	if s.from > 0 && step+1 >= s.from || s.young > 0 && step >= s.young {
		return nil
	}
	x, err := s.bus.ObservationsExtent(ctx)
	if err != nil {
		return err
	}
	if s.from == 0 {
		s.from = x.Last + 1 // what comes now it stores itself
	}
	if step >= x.First {
		at, ok, err := s.bus.ObservationStored(ctx, step)
		if err != nil {
			return err
		}
		if ok && time.Since(at) < s.soon {
			s.young = step
			return nil
		}
	}
	last, ok, err := s.bus.LastObservations(ctx, s.id)
	if err != nil {
		return err
	}
	if ok && last.Seq > step {
		err := s.bus.ReadObservationsOf(ctx, s.id, step+1, func(m bus.Message) error {
			if m.Seq < s.from {
				s.known[m.ObservationsID()] = true
			}
			if m.Seq+1 >= s.from || m.Seq >= last.Seq {
				return errEnough
			}
			return nil
		})
		if !errors.Is(err, errEnough) {
			return fmt.Errorf("look for results that are stored: %w", err)
		}
	}
	s.from = step + 1
	return nil
}

// Close does nothing.
func (s *stream) Close() error { return nil }
