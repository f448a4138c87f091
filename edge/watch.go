package edge

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/wattwerk/wattwerk/edge/slot"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/survey/household"
)

// reading is a meter that is read. All but Meter is with the mutex of the service.
type reading struct {
	Meter
	slots  *slot.Aggregator
	began  time.Time // since when it may be read
	last   time.Time // when it said something last
	lock   meter.Lock
	unlock bool // its PIN is to be entered
	why    string
	frames household.Frames // of the last hour; none before the first has passed
	tally  meter.Stats      // of all frames
	seen   meter.Stats      // what the reader said last of its frames
	errors Errors
	hear   []chan heard // who waits for what the meter says next
}

// heard is what a meter said, or why it did not.
type heard struct {
	readings []meter.Reading
	err      error
}

// answer tells who waits for it; with the mutex.
func (m *reading) answer(h heard) {
	for _, to := range m.hear {
		to <- h // has room for one
	}
	m.hear = nil
}

// ErrNoMeter says that the device has no such meter.
var ErrNoMeter = errors.New("the device has no such meter; 'status' shows which it has")

// ErrNotMeasuring says that meters are not read, since they may not be.
var ErrNotMeasuring = errors.New("the device may not measure, and does not read")

// mostHearers are those who may wait for a meter at the same time.
const mostHearers = 4

// Hear gives what a meter says next, by its identifier or its name, or of the only one: without who the meter is. It is measured as
// any other reading is.
func (s *Service) Hear(ctx context.Context, which string) ([]meter.Reading, error) {
	if !s.sender.May() {
		return nil, ErrNotMeasuring
	}
	came := make(chan heard, 1)
	s.mu.Lock()
	i := slices.IndexFunc(s.meters, func(m *reading) bool { return m.ID == which || m.Name == which })
	if which == "" && len(s.meters) == 1 {
		i = 0
	}
	var err error
	switch {
	case i < 0 || !s.enrolled:
		err = ErrNoMeter
	case len(s.meters[i].hear) >= mostHearers:
		err = errors.New("others wait for this meter already")
	default:
		s.meters[i].hear = append(s.meters[i].hear, came)
	}
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	select {
	case h := <-came:
		return h.readings, h.err
	case <-ctx.Done():
		s.mu.Lock()
		defer s.mu.Unlock()
		m := s.meters[i]
		if m.hear = slices.DeleteFunc(m.hear, func(c chan heard) bool { return c == came }); m.why != "" {
			return nil, errors.New(m.why)
		}
		return nil, errors.New("the meter has said nothing")
	}
}

// numbers are the readings of a telegram that say no name.
func numbers(t *meter.Telegram) []meter.Reading {
	out := make([]meter.Reading, 0, len(t.Readings))
	for _, r := range t.Readings {
		if r.Kind == meter.Number {
			r.Octets = nil
			out = append(out, r)
		}
	}
	return out
}

// Times of reading.
const (
	readWithin = 2 * time.Minute
	firstPause = time.Second // after a failure; twice as long after each other one
	lastPause  = time.Minute
	askPause   = 20 * time.Second // between two tries with a meter that is asked
	late       = 2 * time.Minute  // after the end of a slot it counts as missed
)

// watch reads a meter until ctx ends.
func (s *Service) watch(ctx context.Context, m *reading) {
	var r meter.Reader
	pause := firstPause
	quality := newQuality(s.o.Now())
	var lock opener
	done := func() {
		lock.end(s, m)
		if r == nil {
			return
		}
		if err := r.Close(); err != nil {
			s.log.Warn("a meter was not closed", "meter", m.ID, "error", err)
		}
		r = nil
	}
	defer done()
	for ctx.Err() == nil {
		if !s.sender.May() {
			done()
			run.Pause(ctx, s.o.Tick)
			continue
		}
		if m.Asked && !s.wants(m) {
			run.Pause(ctx, s.o.Tick)
			continue
		}
		err := s.read(ctx, m, &r)
		if ctx.Err() != nil {
			return
		}
		s.count(m, r, err)
		s.note(m, err)
		if err != nil {
			run.Pause(ctx, pause)
			pause = min(2*pause, lastPause)
			continue
		}
		pause = firstPause
		s.quality(m, r, quality)
		lock.work(ctx, s, m, r)
		if m.Asked {
			run.Pause(ctx, askPause)
		}
	}
}

// wants tells whether a slot is to be measured.
func (s *Service) wants(m *reading) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(m.hear) > 0 || m.slots.Wants(s.o.Now())
}

// read reads once.
func (s *Service) read(ctx context.Context, m *reading, r *meter.Reader) (err error) {
	if *r == nil {
		if *r, err = m.Open(); err != nil {
			*r = nil
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	return (*r).Read(ctx, func(t *meter.Telegram) {
		// The consent may have ended while the meter was waited for.
		if !s.sender.May() {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		m.last = s.o.Now()
		m.slots.Take(m.last, t)
		if len(m.hear) > 0 {
			m.answer(heard{readings: numbers(t)})
		}
	})
}

// count counts frames and errors of a reader; nil: it was not opened.
func (s *Service) count(m *reading, r meter.Reader, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if counts, ok := r.(interface{ Stats() meter.Stats }); ok {
		n := counts.Stats()
		if n.Frames < m.seen.Frames || n.Broken < m.seen.Broken { // it was opened anew
			m.seen = meter.Stats{}
		}
		m.tally.Frames += n.Frames - m.seen.Frames
		m.errors.Frame += n.Broken - m.seen.Broken
		m.seen = n
	}
	switch {
	case err == nil:
	case r == nil:
		m.errors.Open++
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		m.errors.Silent++
	default:
		m.errors.Read++
	}
}

// note notes whether the meter could be read.
func (s *Service) note(m *reading, err error) {
	s.mu.Lock()
	changed := (err == nil) != (m.why == "")
	if m.why = ""; err != nil {
		m.why = err.Error()
		m.answer(heard{err: err})
	}
	s.mu.Unlock()
	if changed && err != nil {
		s.log.Warn("a meter cannot be read, trying again", "meter", m.ID, "error", err)
	}
	detail := ""
	if err != nil {
		detail = err.Error()
	}
	s.sender.Incident(m.ID, household.SerialPortUnavailable, err != nil, detail)
}

// measured looks at a slot: whether the meter hides what its PIN would show.
func (m *reading) measured(s *Service, x slot.Slot) {
	if x.Lock == meter.LockUnknown {
		return
	}
	m.lock = x.Lock
	m.unlock = x.Lock == meter.LockShut && m.Unlocker != nil
	s.sender.Incident(m.ID, household.MeterLocked, x.Lock == meter.LockShut, "the meter tells whole kilowatt hours and no power until its PIN is entered")
}

// missing looks whether a slot was missed.
func (m *reading) missing(s *Service, now time.Time) {
	begin := now.Add(-late).UTC().Truncate(s.o.Slots.Interval).Add(-s.o.Slots.Interval)
	if m.began.After(begin) {
		return
	}
	missed := !m.slots.Covered().Overlaps(slot.SpanOf(begin, s.o.Slots.Interval))
	detail := "nothing was measured at " + begin.Format(time.RFC3339)
	if m.why != "" {
		detail += ": " + m.why
	}
	s.sender.Incident(m.ID, household.MeasurementsMissing, missed, detail)
}

// opener enters the PIN of a meter, and keeps it open. It is used between two readings.
type opener struct {
	u     meter.Unlocker
	close func() error
	keep  time.Time // when it needs light again; zero: it was not opened
}

// work does what is due.
func (o *opener) work(ctx context.Context, s *Service, m *reading, r meter.Reader) {
	now := s.o.Now()
	s.mu.Lock()
	wanted := m.unlock
	m.unlock = false
	s.mu.Unlock()
	var err error
	switch {
	case wanted:
		if o.u == nil {
			o.u, o.close, err = m.Unlocker(r)
		}
		if err == nil {
			s.log.Info("the PIN of a meter is entered", "meter", m.ID)
			err = o.u.Unlock(ctx)
		}
		if o.keep = now; err != nil {
			o.keep = time.Time{}
		}
	case !o.keep.IsZero() && now.Sub(o.keep).Abs() >= o.u.Every():
		o.keep = now
		err = o.u.KeepOpen(ctx)
	default:
		return
	}
	if ctx.Err() != nil {
		return
	}
	detail := ""
	if err != nil {
		detail = err.Error()
		s.log.Warn("the PIN of a meter was not entered, or did not help", "meter", m.ID, "error", err)
	}
	s.sender.Incident(m.ID, household.PINFailed, err != nil, detail)
}

// end ends it, before its reader is.
func (o *opener) end(s *Service, m *reading) {
	if o.close != nil {
		if err := o.close(); err != nil {
			s.log.Warn("the lamp of a meter was not closed", "meter", m.ID, "error", err)
		}
	}
	*o = opener{}
}

// quality is how many frames of a meter are broken.
type quality struct {
	at time.Time
	meter.Stats
}

func newQuality(now time.Time) *quality { return &quality{at: now} }

// Bounds of the quality.
const (
	qualityEvery = time.Hour
	fewFrames    = 100
	mostBroken   = 0.1
)

// quality reports a meter of which many frames are broken.
func (s *Service) quality(m *reading, r meter.Reader, q *quality) {
	counts, ok := r.(interface{ Stats() meter.Stats })
	now := s.o.Now()
	if !ok || now.Sub(q.at).Abs() < qualityEvery {
		return
	}
	n := counts.Stats()
	if n.Frames < q.Frames || n.Broken < q.Broken { // it was opened anew
		q.Stats = meter.Stats{}
	}
	frames, broken := n.Frames-q.Frames, n.Broken-q.Broken
	q.at, q.Stats = now, n
	s.mu.Lock()
	m.frames = household.Frames{Meter: m.ID, Until: now.UTC().Round(0), Whole: int64(frames), Broken: int64(broken)}
	s.mu.Unlock()
	if frames+broken < fewFrames {
		return
	}
	share := float64(broken) / float64(frames+broken)
	s.sender.Incident(m.ID, household.CRCRate, share > mostBroken, fmt.Sprintf("%.0f of 100 frames are broken", 100*share))
}
