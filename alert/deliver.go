package alert

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/wattwerk/wattwerk/internal/recipients"
)

// How messages are tried again.
const (
	sendWithin = 30 * time.Second
	noteWithin = 5 * time.Second
	tryAgain   = 5 * time.Second // doubled each time
	tryAtMost  = time.Hour       // between tries
	giveUp     = 48 * time.Hour  // from when it was due first
	lookEvery  = 5 * time.Second
)

// wake tells those who deliver that there is something.
func (s *Service) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.queued)
	s.queued = make(chan struct{})
}

// deliver sends what waits for one sink until ctx ends. A database that is
// away for a while is waited for.
func (s *Service) deliver(ctx context.Context, name string, sink Sink) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for failing := false; ; {
		s.mu.Lock()
		more := s.queued
		s.mu.Unlock()
		n, err := s.some(ctx, name, sink)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !failing {
			s.log.Warn("messages are not delivered", "sink", name, "error", err)
		}
		failing = err != nil
		if n > 0 && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-more:
		case <-tick.C:
		}
	}
}

// some sends some messages, and gives how many were due.
func (s *Service) some(ctx context.Context, name string, sink Sink) (int, error) {
	if n, err := s.opts.Store.queued(ctx); err == nil {
		s.meter.queue(n)
	}
	rows, err := s.opts.Store.due(ctx, name, time.Now().UnixMilli())
	if err != nil {
		return 0, err
	}
	for i := range rows {
		if err := s.send(ctx, &rows[i], sink); err != nil {
			return 0, err
		}
	}
	return len(rows), nil
}

func (s *Service) send(ctx context.Context, row *queueRow, sink Sink) error {
	var m Message
	r, err := recipients.Read(row.Rest)
	err = errors.Join(err, json.Unmarshal([]byte(row.Message), &m))
	if m.To = r.Left; err == nil {
		within, cancel := context.WithTimeout(ctx, sendWithin)
		err = sink.Send(within, m)
		cancel()
	}
	if _, partly := errors.AsType[*recipients.Partly](err); partly {
		s.log.Warn("message not taken by all", "sink", row.Sink, "message", row.ID, "error", err)
		r, err = r.After(err)
		row.Rest = r.Text()
	} else if err != nil && ctx.Err() != nil {
		return nil // it is sent again, as nobody knows whether it was
	}
	// What came of it is noted also by a process that is told to end, or the
	// message would be sent twice for no reason.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteWithin)
	defer cancel()
	now := time.Now()
	row.incident, row.change = m.Incident, string(m.Change)
	row.Attempts++
	row.Error = r.Said(err)
	switch {
	case err == nil:
		s.meter.delivery(row.Sink, "sent", 1)
		return s.opts.Store.done(ctx, row, sent, now.UnixMilli())
	case errors.Is(err, ErrRefused), now.Sub(time.UnixMilli(row.Wanted)) > giveUp:
		s.meter.delivery(row.Sink, "given_up", 1)
		s.log.Error("message given up", "sink", row.Sink, "message", row.ID, "error", err)
		status := givenUp
		if r.Some() {
			status = sent // to the others
		}
		return s.opts.Store.done(ctx, row, status, now.UnixMilli())
	}
	s.meter.delivery(row.Sink, "failed", 1)
	if row.Attempts == 1 {
		s.log.Warn("message not delivered, it is tried again", "sink", row.Sink, "message", row.ID, "error", err)
	}
	row.Due = now.Add(wait(row.Attempts)).UnixMilli()
	return s.opts.Store.retry(ctx, row, now.UnixMilli())
}

// wait is how long after so many attempts it is tried again.
func wait(attempts int64) time.Duration { return min(tryAgain<<min(attempts-1, 12), tryAtMost) }
