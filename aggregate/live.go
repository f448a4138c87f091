package aggregate

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/record"
)

const (
	// previewAfter is how long after a tick its preview is made: long enough
	// for what was accepted before the tick to be read.
	previewAfter = 60 * time.Millisecond
	// previewWait is how long the partitions' previews are waited for.
	previewWait = 60 * time.Millisecond
)

// previews makes and adds up previews. They go over plain subjects: who does
// not listen misses nothing that lasts.
func (s *Service) previews(ctx context.Context) error {
	for _, x := range s.comb {
		sub, err := s.opts.Bus.Conn().Subscribe(bus.PreviewPartsSubject(x.number), func(m *nats.Msg) {
			var r Report
			if err := r.Decode(m.Data); err != nil {
				s.log.Warn("a preview cannot be read", "error", err)
				return
			}
			x.mu.Lock()
			out, err := x.previewer.Add(&r)
			x.mu.Unlock()
			if err != nil {
				s.log.Warn("a preview was not taken", "error", err)
			}
			s.show(out)
		})
		if err != nil {
			return fmt.Errorf("aggregate: %w", err)
		}
		defer sub.Unsubscribe() //nolint:errcheck // the connection ends with it
	}
	base := time.Duration(s.opts.Timing.Base) * time.Millisecond
	timer := time.NewTimer(0)
	defer timer.Stop()
	var buf []byte
	for {
		next := time.Now().Truncate(base).Add(base)
		if !sleep(ctx, timer, time.Until(next.Add(previewAfter))) {
			return nil
		}
		tick := record.MillisOf(next)
		for _, p := range s.parts {
			p.mu.Lock()
			r := p.engine.Preview(tick)
			p.mu.Unlock()
			if r == nil {
				continue
			}
			r.divide(func(q int, part *Report) {
				buf = part.Encode(buf[:0])
				if len(buf) > bus.MaxPayload {
					return // too wide to be shown before it is stored
				}
				if err := s.opts.Bus.Conn().Publish(bus.PreviewPartsSubject(q), buf); err != nil && ctx.Err() == nil {
					s.log.Warn("a preview was not published", "error", err)
				}
			})
		}
		if !sleep(ctx, timer, previewWait) {
			return nil
		}
		for _, x := range s.comb {
			x.mu.Lock()
			out := x.previewer.Rest(tick)
			x.mu.Unlock()
			s.show(out)
		}
	}
}

func sleep(ctx context.Context, timer *time.Timer, d time.Duration) bool {
	timer.Reset(d)
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// show publishes finished previews.
func (s *Service) show(out []*record.Ticks) {
	for _, t := range out {
		for _, part := range split(t) {
			if err := s.opts.Bus.Conn().Publish(bus.PreviewsSubject(t.Hierarchy), part.Encode(nil)); err != nil {
				s.log.Warn("a preview was not published", "error", err)
			}
		}
	}
}
