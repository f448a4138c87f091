package aggregate

import (
	"context"
	"time"

	"github.com/wattwerk/wattwerk/aggregate/tick"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/record"
)

const (
	// previewAfter is how long after a tick its preview is made: long enough
	// for what was accepted before the tick to be read.
	previewAfter = run.Strike
	// previewWait is how long the partitions' previews are waited for.
	previewWait = 60 * time.Millisecond
)

// addPreview takes one partition's part of a preview.
func (s *Service) addPreview(x *stage, data []byte) {
	var r tick.Report
	if err := r.Decode(data); err != nil {
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
}

// previews makes and adds up previews. They go over plain subjects: who does
// not listen misses nothing that lasts.
func (s *Service) previews(ctx context.Context) error {
	base := time.Duration(s.opts.Timing.Base) * time.Millisecond
	timer := time.NewTimer(0)
	defer timer.Stop()
	var buf []byte
	for {
		next := run.Next(time.Now(), base)
		if !sleep(ctx, timer, time.Until(next)) {
			return nil
		}
		at := record.MillisOf(next.Add(-previewAfter))
		for _, p := range s.ownedParts() {
			if !p.try() {
				continue // it is far from now
			}
			r := p.engine.Preview(at)
			p.unlock()
			if r == nil {
				continue
			}
			r.Divide(func(q int, part *tick.Report) {
				buf = part.Encode(buf[:0])
				if len(buf) > bus.MaxPayload {
					return // too wide to be shown before it is stored
				}
				if err := s.opts.Bus.Conn().Publish(bus.PreviewPartsSubject(q), buf); err != nil && ctx.Err() == nil {
					s.log.Warn("a preview was not published", "error", err)
				}
			})
		}
		stages := s.ownedStages()
		if len(stages) == 0 {
			continue // others add up
		}
		if !sleep(ctx, timer, previewWait) {
			return nil
		}
		for _, x := range stages {
			x.mu.Lock()
			out := x.previewer.Rest(at)
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
		for _, part := range split(t, s.opts.Widest) {
			if err := s.opts.Bus.Conn().Publish(bus.PreviewsSubject(t.Hierarchy), part.Encode(nil)); err != nil {
				s.log.Warn("a preview was not published", "error", err)
			}
		}
	}
}
