package aggregate

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wattwerk/wattwerk/aggregate/tick"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/run"
)

// The partial results that wait for their ticks have a limit, and a partition that
// is behind must find room there, or nobody's tick is ever complete. So every
// partition keeps to its share: it waits before it tells more while what it told
// is still needed. The one that is behind all others never waits: every tick it
// has told of is complete. Half of the limit is shared out. The rest is for what
// is told in one go, for what is not needed any more and not removed yet, and for
// moments with two owners.

const (
	askWithin   = time.Second            // an answer of a combiner
	askLeast    = 10 * time.Millisecond  // between questions, at first
	askMost     = 500 * time.Millisecond // later
	rememberFew = 4096                   // messages before it is looked which of them are gone
)

// told is a message with partial results of a partition.
type told struct {
	seq  uint64
	size int64
}

// account is what a partition has told one combiner and is still needed.
type account struct {
	until uint64 // up to here by what the combiner says
	held  int64  // that much
	since []told // behind it
	bytes int64  // of those
}

// add notes that a message was told.
func (a *account) add(m told) {
	a.since = append(a.since, m)
	a.bytes += m.size
}

// forget takes away what was told up to a position.
func (a *account) forget(until uint64) {
	n := 0
	for n < len(a.since) && a.since[n].seq <= until {
		a.bytes -= a.since[n].size
		n++
	}
	a.since = slices.Delete(a.since, 0, n)
}

// accounts are those of a partition with all combiners.
type accounts struct {
	of    [tick.Combiners]account
	known bool // what earlier owners told is counted
	many  int  // messages remembered when it is looked again
}

func (a *accounts) size() (bytes int64, messages int) {
	for i := range a.of {
		bytes += a.of[i].held + a.of[i].bytes
		messages += len(a.of[i].since)
	}
	return bytes, messages
}

// share is how much of a partition may wait for ticks to be complete.
func (s *Service) share() int64 {
	return s.opts.Bus.PartialsLimit() / 2 / int64(s.opts.Bus.Partitions())
}

// few tells whether it need not be looked which messages are gone.
func (a *accounts) few() bool {
	_, n := a.size()
	return n < max(a.many, rememberFew)
}

// fits tells whether so much more is within a partition's share.
func (s *Service) fits(a *accounts, size int64) bool {
	held, _ := a.size()
	return a.known && (held == 0 || held+size <= s.share())
}

// room waits until a partition may tell so many bytes more; false when ctx ended
// before. The engine's turn is held; others see that it waits.
func (s *Service) room(ctx context.Context, p *part, size int64) bool {
	a := &p.accounts
	if s.fits(a, size) && a.few() {
		return true
	}
	for wait := askLeast; ; wait = min(2*wait, askMost) {
		err := s.recount(ctx, p, size)
		if s.fits(a, size) {
			_, n := a.size()
			a.many = 2 * n
			return true
		}
		p.turn.wait(true)
		if err != nil && wait == askMost {
			s.log.Warn("it is not known what is still needed of a partition's partial results", "partition", p.number, "error", err)
		}
		if !run.Pause(ctx, wait) {
			return false
		}
	}
}

// recount finds out what of a partition is still needed: of the stream what is
// removed, and of the combiners the rest, where that is not enough.
func (s *Service) recount(ctx context.Context, p *part, size int64) error {
	x, err := s.opts.Bus.PartialsExtent(ctx)
	if err != nil {
		return err
	}
	a := &p.accounts
	for q := range a.of {
		c := &a.of[q]
		if c.until < x.First {
			c.held = 0
		}
		c.forget(x.First - 1)
	}
	a.known = a.known || int64(x.Bytes) <= s.opts.Bus.PartialsLimit()/4
	if s.fits(a, size) && a.few() {
		return nil
	}
	for q := range a.of {
		c := &a.of[q]
		if a.known && c.held+c.bytes == 0 {
			continue
		}
		ask, cancel := context.WithTimeout(ctx, askWithin)
		m, err := s.opts.Bus.Conn().RequestWithContext(ask, bus.CombiningSubject(q), []byte(strconv.Itoa(p.number)))
		cancel()
		var n need
		if err == nil {
			err = json.Unmarshal(m.Data, &n)
		}
		if err != nil {
			return fmt.Errorf("ask combiner %d: %w", q, err)
		}
		c.until, c.held = n.Until, n.Held
		c.forget(n.Until)
	}
	a.known = true
	return nil
}

// need is what a combiner needs of a partition.
type need struct {
	Until uint64 `json:"until"` // of what it was told up to here
	Held  int64  `json:"held"`  // so many bytes
}

// answerNeed tells a partition what is needed of it, when everything that was
// there has been read.
func (s *Service) answerNeed(ctx context.Context, x *stage, m *nats.Msg) {
	p, err := strconv.Atoi(string(m.Data))
	if err != nil || p < 0 || p >= len(x.told) {
		return
	}
	n, ok, err := s.need(ctx, x, p)
	if err != nil && ctx.Err() == nil {
		s.log.Warn("partial results that are not needed were not removed", "combiner", x.number, "error", err)
	}
	if err != nil || !ok {
		return // it asks again
	}
	data, err := json.Marshal(n)
	if err == nil {
		err = m.Respond(data)
	}
	if err != nil {
		s.log.Warn("a partition was not told what is needed of it", "partition", p, "error", err)
	}
}

// need removes what is not needed of a partition, also in the middle of the
// stream, and gives what is.
func (s *Service) need(ctx context.Context, x *stage, p int) (n need, ok bool, err error) {
	x.work.Lock()
	defer x.work.Unlock()
	if x.given {
		return n, false, nil
	}
	x.mu.Lock()
	n.Until = x.seq
	done := x.combiner.Done()
	spent, last := x.combiner.Spent(p)
	x.mu.Unlock()
	if !x.whole {
		newest, err := s.opts.Bus.LastPartials(ctx, x.number)
		if x.whole = err == nil && n.Until >= newest; !x.whole {
			return n, false, err
		}
	}
	if err := s.opts.Bus.TrimPartials(ctx, x.number, done); err != nil {
		return n, false, err
	}
	rest := x.told[p][:0:0]
	for _, m := range x.told[p] {
		switch {
		case m.seq <= done:
		case m.seq > spent:
			n.Held += m.size
			rest = append(rest, m)
		case m.seq == last || err != nil:
			rest = append(rest, m)
		default:
			err = s.opts.Bus.RemovePartials(ctx, m.seq)
		}
	}
	x.told[p] = rest
	return n, err == nil, err
}

// forget drops what was trimmed away.
func (x *stage) forget(done uint64) {
	for p, all := range x.told {
		n := 0
		for n < len(all) && all[n].seq <= done {
			n++
		}
		x.told[p] = slices.Delete(all, 0, n)
	}
}
