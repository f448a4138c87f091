package intake

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/wattwerk/wattwerk/bus"
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

// offering is what a process answers to those who ask what it took.
type offering struct {
	Peer
	Intakes []Intake
}

// within is how long the answers of all processes are waited for.
const within = time.Second

// Counter knows what was taken here, and asks the others. Its methods are safe
// for concurrent use.
type Counter struct {
	Bus   *bus.Bus
	Self  Peer            // this process
	Peers func() []Peer   // all that take readings in now; nil: this one is alone
	Here  func() []Intake // of this process, by name
}

// Run answers other processes until ctx ends.
func (c *Counter) Run(ctx context.Context) error {
	if c.Peers == nil {
		<-ctx.Done()
		return nil
	}
	return c.Bus.Answer(ctx, bus.IntakeSubject, func(context.Context) ([]byte, error) { return json.Marshal(offering{c.Self, c.Here()}) })
}

// All sums up what all processes were offered that take readings in now.
// One that does not answer within a second is named as silent.
func (c *Counter) All(ctx context.Context) ([]Intake, error) {
	if c.Peers == nil {
		return c.Here(), nil
	}
	peers := slices.DeleteFunc(c.Peers(), func(p Peer) bool { return p.ID == c.Self.ID })
	if len(peers) == 0 {
		return c.Here(), nil
	}
	answers := map[string]offering{c.Self.ID: {c.Self, c.Here()}}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err := c.Bus.AskAll(ctx, bus.IntakeSubject, func(data []byte) bool {
		var t offering
		if err := json.Unmarshal(data, &t); err == nil && t.ID != c.Self.ID {
			answers[t.ID] = t
		}
		return !slices.ContainsFunc(peers, func(p Peer) bool { _, there := answers[p.ID]; return !there })
	})
	if err != nil {
		return nil, fmt.Errorf("what was taken: %w", err)
	}
	return sum(append(peers, c.Self), answers), nil
}

// sum adds the answers by bridge.
func sum(peers []Peer, answers map[string]offering) []Intake {
	byName := make(map[string]*Intake)
	var silent []InstanceIntake
	for _, p := range peers {
		if _, there := answers[p.ID]; !there {
			silent = append(silent, InstanceIntake{Instance: p.Name, Silent: true})
		}
	}
	for _, t := range answers {
		for _, in := range t.Intakes {
			total := byName[in.Bridge]
			if total == nil {
				total = &Intake{Bridge: in.Bridge, Instances: slices.Clone(silent)}
				byName[in.Bridge] = total
			}
			total.add(in.Counts)
			total.Instances = append(total.Instances, InstanceIntake{Instance: t.Name, Counts: in.Counts})
		}
	}
	out := make([]Intake, 0, len(byName))
	for _, total := range byName {
		slices.SortFunc(total.Instances, func(a, b InstanceIntake) int { return cmp.Compare(a.Instance, b.Instance) })
		out = append(out, *total)
	}
	slices.SortFunc(out, func(a, b Intake) int { return cmp.Compare(a.Bridge, b.Bridge) })
	return out
}
