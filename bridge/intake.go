package bridge

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/record"
)

// Counts are what was offered, and what became of it.
type Counts struct {
	Messages uint64     `json:"messages" doc:"Deliveries received"`
	Bytes    uint64     `json:"bytes" doc:"Bytes of their bodies, unpacked"`
	Accepted uint64     `json:"accepted" doc:"Records stored"`
	Refused  uint64     `json:"refused" doc:"Readings that became dead letters"`
	Filtered uint64     `json:"filtered" doc:"Parts left out by declaration"`
	Failed   uint64     `json:"failed" doc:"Deliveries not taken because the bus was busy, full or out of reach; the sender was told to try again"`
	Last     *time.Time `json:"last,omitempty" doc:"When the last delivery arrived"`
}

// add sums up; the later time stays.
func (c *Counts) add(o Counts) {
	c.Messages += o.Messages
	c.Bytes += o.Bytes
	c.Accepted += o.Accepted
	c.Refused += o.Refused
	c.Filtered += o.Filtered
	c.Failed += o.Failed
	if o.Last != nil && (c.Last == nil || o.Last.After(*c.Last)) {
		c.Last = o.Last
	}
}

// Intake is what a bridge was offered since the processes started that run it.
type Intake struct {
	Bridge string `json:"bridge" doc:"Its name" example:"influx"`
	Counts
	Instances []InstanceIntake `json:"instances,omitempty" doc:"What of it each process was offered, where several take readings in"`
}

// InstanceIntake is the part of one process.
type InstanceIntake struct {
	Instance string `json:"instance" doc:"The name of the process" example:"bridge-1"`
	Silent   bool   `json:"silent,omitempty" doc:"It did not say what it was offered, so it is not in the sum"`
	Counts
}

// Peer is a process that takes readings in.
type Peer struct {
	ID   string // unique for each start
	Name string // for people
}

type intake struct {
	messages, bytes, accepted, refused, filtered, failed atomic.Uint64
	last                                                 atomic.Int64
}

func (c *intake) count(messages, bytes int, a Answer, at record.Millis, err error) {
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

func (s *Service) intake(name string) *intake {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.intakes[name]
	if c == nil {
		c = new(intake)
		s.intakes[name] = c
		for _, reason := range []string{"busy", "full", "failed"} {
			s.away.WithLabelValues(name, reason) // 0, and not missing
		}
	}
	return c
}

// Intakes lists the counters of every bridge of this process that was offered
// something, sorted by name.
func (s *Service) Intakes() []Intake {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Intake, 0, len(s.intakes))
	for name, c := range s.intakes {
		in := Intake{Bridge: name, Counts: Counts{
			Messages: c.messages.Load(), Bytes: c.bytes.Load(), Accepted: c.accepted.Load(),
			Refused: c.refused.Load(), Filtered: c.filtered.Load(), Failed: c.failed.Load(),
		}}
		if ms := c.last.Load(); ms != 0 {
			t := record.Millis(ms).Time()
			in.Last = &t
		}
		out = append(out, in)
	}
	slices.SortFunc(out, func(a, b Intake) int { return strings.Compare(a.Bridge, b.Bridge) })
	return out
}

// offering is what a process answers to those who ask what it took.
type offering struct {
	Peer
	Intakes []Intake
}

// intakeWithin is how long the answers of all processes are waited for.
const intakeWithin = time.Second

// tellIntakes answers other processes until ctx ends.
func (s *Service) tellIntakes(ctx context.Context) error {
	sub, err := s.bus.Conn().Subscribe(bus.IntakeSubject, func(m *nats.Msg) {
		data, err := json.Marshal(offering{s.opts.Self, s.Intakes()})
		if err == nil {
			err = m.Respond(data)
		}
		if err != nil {
			s.log.Warn("the intake was not told", "error", err)
		}
	})
	if err != nil {
		return fmt.Errorf("tell the intake: %w", err)
	}
	<-ctx.Done()
	if s.bus.Conn().IsClosed() {
		return nil
	}
	return sub.Unsubscribe()
}

// AllIntakes sums up what all processes were offered that take readings in now.
// One that does not answer within a second is named as silent.
func (s *Service) AllIntakes(ctx context.Context) ([]Intake, error) {
	if s.opts.Peers == nil {
		return s.Intakes(), nil
	}
	peers := slices.DeleteFunc(s.opts.Peers(), func(p Peer) bool { return p.ID == s.opts.Self.ID })
	if len(peers) == 0 {
		return s.Intakes(), nil
	}
	answers := map[string]offering{s.opts.Self.ID: {s.opts.Self, s.Intakes()}}
	ctx, cancel := context.WithTimeout(ctx, intakeWithin)
	defer cancel()
	conn := s.bus.Conn()
	inbox := conn.NewRespInbox()
	sub, err := conn.SubscribeSync(inbox)
	if err == nil {
		defer sub.Unsubscribe() //nolint:errcheck // the connection forgets it when it closes
		err = conn.PublishRequest(bus.IntakeSubject, inbox, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("ask what was taken: %w", err)
	}
	missing := func() bool {
		return slices.ContainsFunc(peers, func(p Peer) bool { _, there := answers[p.ID]; return !there })
	}
	for missing() {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			break
		}
		var t offering
		if err := json.Unmarshal(m.Data, &t); err == nil && t.ID != s.opts.Self.ID {
			answers[t.ID] = t
		}
	}
	return sumIntakes(append(peers, s.opts.Self), answers), nil
}

// sumIntakes adds the answers by bridge.
func sumIntakes(peers []Peer, answers map[string]offering) []Intake {
	byName := make(map[string]*Intake)
	var silent []InstanceIntake
	for _, p := range peers {
		if _, there := answers[p.ID]; !there {
			silent = append(silent, InstanceIntake{Instance: p.Name, Silent: true})
		}
	}
	for _, t := range answers {
		for _, in := range t.Intakes {
			sum := byName[in.Bridge]
			if sum == nil {
				sum = &Intake{Bridge: in.Bridge, Instances: slices.Clone(silent)}
				byName[in.Bridge] = sum
			}
			sum.add(in.Counts)
			sum.Instances = append(sum.Instances, InstanceIntake{Instance: t.Name, Counts: in.Counts})
		}
	}
	out := make([]Intake, 0, len(byName))
	for _, sum := range byName {
		slices.SortFunc(sum.Instances, func(a, b InstanceIntake) int { return cmp.Compare(a.Instance, b.Instance) })
		out = append(out, *sum)
	}
	slices.SortFunc(out, func(a, b Intake) int { return cmp.Compare(a.Bridge, b.Bridge) })
	return out
}
