package bridge

import (
	"slices"
	"strings"
	"sync/atomic"

	"github.com/wattwerk/wattwerk/bridge/intake"
	"github.com/wattwerk/wattwerk/record"
)

// counter counts what one bridge was offered.
type counter struct {
	messages, bytes, accepted, refused, filtered, failed atomic.Uint64
	last                                                 atomic.Int64
}

func (c *counter) count(messages, bytes int, a Answer, at record.Millis, err error) {
	c.messages.Add(uint64(messages))
	c.bytes.Add(uint64(bytes))
	c.last.Store(int64(at))
	if err != nil {
		c.failed.Add(uint64(messages))
		return
	}
	c.accepted.Add(uint64(a.Accepted))
	c.refused.Add(uint64(a.Refused))
	c.filtered.Add(uint64(a.Filtered))
}

func (s *Service) intake(name string) *counter {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.intakes[name]
	if c == nil {
		c = new(counter)
		s.intakes[name] = c
		for _, reason := range []string{"busy", "full", "failed"} {
			s.away.WithLabelValues(name, reason) // 0, and not missing
		}
	}
	return c
}

// Intakes lists the counters of every bridge of this process that was offered
// something, sorted by name.
func (s *Service) Intakes() []intake.Intake {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]intake.Intake, 0, len(s.intakes))
	for name, c := range s.intakes {
		in := intake.Intake{Bridge: name, Counts: intake.Counts{
			Messages: c.messages.Load(), Bytes: c.bytes.Load(), Accepted: c.accepted.Load(),
			Refused: c.refused.Load(), Filtered: c.filtered.Load(), Failed: c.failed.Load(),
		}}
		if ms := c.last.Load(); ms != 0 {
			t := record.Millis(ms).Time()
			in.Last = &t
		}
		out = append(out, in)
	}
	slices.SortFunc(out, func(a, b intake.Intake) int { return strings.Compare(a.Bridge, b.Bridge) })
	return out
}
