package bridge

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/wattwerk/wattwerk/record"
)

// Bounds of announcing.
const (
	seenMessage = 500       // sensors in one message
	seenMemory  = 2_000_000 // sensors remembered; beyond, announcing starts over
)

// Seen is a sensor that sent something and is in no model. A message of
// [bus.SeenStream] is a JSON array of them.
type Seen struct {
	Sensor   record.SensorID `json:"sensor"`
	Source   string          `json:"source"` // the bridge
	Quantity record.Quantity `json:"quantity,omitempty"`
	Unit     string          `json:"unit,omitempty"` // as sent
	At       record.Millis   `json:"at"`
}

// seen remembers what was announced, so that a sensor is announced once.
type seen struct {
	mu        sync.RWMutex
	announced map[record.SensorID]struct{}
	waiting   []Seen
	wake      chan struct{}
}

// first tells whether the sensor comes for the first time, once.
func (s *seen) first(id record.SensorID) bool {
	s.mu.RLock()
	_, old := s.announced[id]
	s.mu.RUnlock()
	if old {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, old := s.announced[id]; old {
		return false
	}
	if len(s.announced) >= seenMemory {
		clear(s.announced)
	}
	s.announced[id] = struct{}{}
	return true
}

// forget makes the sensors come for the first time again.
func (s *seen) forget(which []Seen) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range which {
		delete(s.announced, w.Sensor)
	}
}

// queue hands sensors to the announcer.
func (s *seen) queue(which []Seen) {
	if len(which) == 0 {
		return
	}
	s.mu.Lock()
	s.waiting = append(s.waiting, which...)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// announce publishes what is queued until ctx ends. What cannot be published
// is tried again.
func (s *Service) announce(ctx context.Context) error {
	retry := time.NewTimer(0)
	defer retry.Stop()
	created := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.seen.wake:
		case <-retry.C:
		}
		if !created {
			if err := s.bus.MakeSeen(ctx); err != nil {
				s.log.Warn("announcing sensors has to wait", "error", err)
				retry.Reset(time.Second)
				continue
			}
			created = true
		}
		s.seen.mu.Lock()
		waiting := s.seen.waiting
		s.seen.waiting = nil
		s.seen.mu.Unlock()
		if rest, err := s.publishSeen(ctx, waiting); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			s.log.Warn("announcing sensors has to wait", "error", err, "sensors", len(rest))
			s.seen.mu.Lock()
			s.seen.waiting = append(rest, s.seen.waiting...)
			s.seen.mu.Unlock()
			retry.Reset(time.Second)
		}
	}
}

// publishSeen gives back what was not published.
func (s *Service) publishSeen(ctx context.Context, waiting []Seen) ([]Seen, error) {
	for len(waiting) > 0 {
		n := 1
		for n < len(waiting) && n < seenMessage && waiting[n].Source == waiting[0].Source {
			n++
		}
		data, err := encodeSeen(waiting[:n])
		if err != nil {
			return nil, fmt.Errorf("announce sensors: %w", err)
		}
		if _, err := s.bus.JetStream().Publish(ctx, "seen."+waiting[0].Source, data); err != nil {
			return waiting, fmt.Errorf("announce sensors: %w", err)
		}
		waiting = waiting[n:]
	}
	return nil, nil
}
