package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/aggregate/tick"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/doctor"
	"github.com/wattwerk/wattwerk/fleet"
	"github.com/wattwerk/wattwerk/gateway"
	"github.com/wattwerk/wattwerk/internal/run"
)

// Instances are the processes of the installation.
type Instances struct {
	At        time.Time     `json:"at" doc:"When this was so, by the clock of the process that answers"`
	Instances []Instance    `json:"instances" doc:"The processes that are alive, by name"`
	Work      []SharedWork  `json:"work" doc:"What they share, and what of it nobody does"`
	Readers   []InstanceLag `json:"readers" doc:"How far each reader is behind on each partition, as far as the processes answered"`
}

// Instance is one process.
type Instance struct {
	ID       string         `json:"id" doc:"Unique for each start of a process"`
	Name     string         `json:"name" doc:"What people call it: the setting name, else the name of the machine" example:"hall-3"`
	Version  string         `json:"version" doc:"Of the program" example:"v1.0.0"`
	Started  time.Time      `json:"started" doc:"By its own clock"`
	Seen     *time.Time     `json:"seen" doc:"When the bus stored its newest heartbeat, by the clock of the bus; null: there are none, because no other process can be there"`
	Here     bool           `json:"here" doc:"It is the process that answers"`
	Answered bool           `json:"answered" doc:"It said how it is; false: its states are not known, and what it reads is not among the readers"`
	DiskFull bool           `json:"diskFull" doc:"It refuses readings for want of room"`
	Modules  []string       `json:"modules" doc:"What runs in it" example:"[\"aggregate\"]"`
	Unready  []ModuleStatus `json:"unready" doc:"Those of its modules that are not running, yet or any more"`
	Owns     []Owned        `json:"owns" doc:"What it works on of what is shared"`
}

// Owned is what a process works on.
type Owned struct {
	Module string `json:"module" example:"aggregate"`
	Share  string `json:"share" doc:"Which of the module's work" example:"partitions"`
	Pieces []int  `json:"pieces" doc:"Their numbers, in order"`
	Of     int    `json:"of" doc:"How many there are in all"`
}

// SharedWork is work that is done in pieces, each by one process at a time.
type SharedWork struct {
	Module  string `json:"module" example:"aggregate"`
	Share   string `json:"share" example:"partitions"`
	Pieces  int    `json:"pieces" doc:"How many there are"`
	Takers  int    `json:"takers" doc:"Processes that take part"`
	Unowned []int  `json:"unowned" doc:"Pieces that nobody works on at this moment; for some seconds that is usual when a process has ended"`
}

// InstanceLag is how far a reader is behind.
type InstanceLag struct {
	Instance  string  `json:"instance" doc:"ID of the process it is in"`
	Reader    string  `json:"reader" example:"aggregate"`
	Partition int     `json:"partition"`
	Messages  uint64  `json:"messages" doc:"Stored and not read yet"`
	Seconds   float64 `json:"seconds" doc:"How long the oldest of them has been stored"`
}

// condition is what a process says of itself when others ask.
type condition struct {
	Unready  []ModuleStatus `json:"unready"`
	DiskFull bool           `json:"diskFull"`
	Lags     []bus.Lag      `json:"lags"`
}

func (p *process) condition(ctx context.Context) (any, error) {
	c := condition{DiskFull: p.bus.Full(), Lags: p.bus.Lags(ctx)}
	for _, name := range p.here {
		if state := p.group.State(name); state != run.Running && state != "" {
			c.Unready = append(c.Unready, ModuleStatus{name, state})
		}
	}
	return c, nil
}

// answersWithin is how long the answers of other processes are waited for.
const answersWithin = 2 * time.Second

// works names what is shared, by its name in the fleet. What is not here is of
// no interest to people: it is done by one process, and needs no look.
var works = map[string]struct {
	module, noun string
	pieces       func(*process) int
}{
	"partitions":   {"aggregate", "partition", func(p *process) int { return p.bus.Partitions() }},
	"combiners":    {"aggregate", "combiner", func(*process) int { return tick.Combiners }},
	"history":      {"history", "stream", func(p *process) int { return p.bus.Partitions() + 1 }},
	"history-here": {"history", "", one},
	"settle":       {"settlement", "", one},
	"costs":        {"settlement (costs)", "", one},
	"reports":      {"settlement (reports)", "", one},
	"alert":        {"alert", "", one},
	"pipeline":     {"pipeline", "", one},
	"cir":          {"cir", "", one},
	"service":      {"service", "", one},
	"trim":         {"fleet (tidying the bus)", "", one},
}

func one(*process) int { return 1 }

// shares are what is shared at this moment, as the doctor takes it, by their
// names in the fleet. names are those of members by ID, each unique.
func (p *process) shares(names map[string]string) (keys []string, all []doctor.Share) {
	for _, h := range p.fleet.Holdings() {
		w, known := works[h.Share]
		if !known {
			continue
		}
		s := doctor.Share{Module: w.module, Noun: w.noun, Pieces: w.pieces(p), Owners: make(map[string][]int)}
		for piece, id := range h.Holders {
			if name := names[id]; name != "" && piece < s.Pieces {
				s.Owners[name] = append(s.Owners[name], piece)
			}
		}
		for _, pieces := range s.Owners {
			slices.Sort(pieces)
		}
		for _, id := range h.Takers {
			if name := names[id]; name != "" {
				s.Takers = append(s.Takers, name)
			}
		}
		slices.Sort(s.Takers)
		keys, all = append(keys, h.Share), append(all, s)
	}
	return keys, all
}

// memberNames are unique names of members, by ID: the ID is added where two
// have the same.
func memberNames(members []fleet.Member) map[string]string {
	count := make(map[string]int)
	for _, m := range members {
		count[m.Name]++
	}
	names := make(map[string]string)
	for _, m := range members {
		names[m.ID] = m.Name
		if count[m.Name] > 1 {
			names[m.ID] = fmt.Sprintf("%s (%s)", m.Name, m.ID)
		}
	}
	return names
}

// ask asks all processes how they are. Who does not answer is missing.
func (p *process) ask(ctx context.Context) (map[string]condition, error) {
	ctx, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	said, err := p.fleet.Ask(ctx)
	if err != nil {
		return nil, err
	}
	all := make(map[string]condition)
	for id, data := range said {
		var c condition
		if json.Unmarshal(data, &c) == nil { // else it is of a later version
			all[id] = c
		}
	}
	return all, nil
}

func (p *process) instances(ctx context.Context) (*Instances, error) {
	said, err := p.ask(ctx)
	if err != nil {
		return nil, err
	}
	out := &Instances{At: time.Now().UTC(), Instances: []Instance{}, Work: []SharedWork{}, Readers: []InstanceLag{}}
	members := p.fleet.Members()
	names := memberNames(members)
	keys, shares := p.shares(names)
	for i, s := range shares {
		w := SharedWork{Module: s.Module, Share: keys[i], Pieces: s.Pieces, Takers: len(s.Takers), Unowned: s.Unowned()}
		if w.Unowned == nil {
			w.Unowned = []int{}
		}
		out.Work = append(out.Work, w)
	}
	for _, m := range members {
		x := Instance{ID: m.ID, Name: m.Name, Version: m.Version, Started: m.Since.UTC(), Here: m.ID == p.fleet.Self().ID, Modules: append([]string{}, m.Modules...), Unready: []ModuleStatus{}, Owns: []Owned{}}
		if seen := p.fleet.Seen(m.ID); !seen.IsZero() {
			seen = seen.UTC()
			x.Seen = &seen
		}
		var c condition
		if c, x.Answered = said[m.ID]; x.Answered {
			x.DiskFull, x.Unready = c.DiskFull, append(x.Unready, c.Unready...)
			for _, l := range c.Lags {
				out.Readers = append(out.Readers, InstanceLag{Instance: m.ID, Reader: l.Reader, Partition: l.Partition, Messages: l.Messages, Seconds: l.Age.Seconds()})
			}
		}
		for i, s := range shares {
			if pieces := s.Owners[names[m.ID]]; len(pieces) > 0 {
				x.Owns = append(x.Owns, Owned{Module: s.Module, Share: keys[i], Pieces: pieces, Of: s.Pieces})
			}
		}
		out.Instances = append(out.Instances, x)
	}
	slices.SortStableFunc(out.Instances, func(a, b Instance) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func (p *process) registerInstances(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "instances", Method: http.MethodGet, Path: "/api/v1/instances", Tags: []string{"System"},
		Summary: "The processes of the installation: what runs in them, what they work on, how far they are behind",
		Description: "Asks all of them; takes two seconds when one does not answer. A process that was killed is not there any more " +
			"some seconds later, and its partitions have other owners.",
		Security: gateway.Needs(access.Read),
	}, func(ctx context.Context, _ *struct{}) (*struct{ Body Instances }, error) {
		all, err := p.instances(ctx)
		if err != nil {
			return nil, huma.Error503ServiceUnavailable("the other processes cannot be asked: " + err.Error())
		}
		return &struct{ Body Instances }{*all}, nil
	})
}

// ownersFor is how long it is waited until every piece has an owner and shares
// are even before it is called a fault: longer than a handover takes.
const ownersFor = 8 * time.Second

// ownerFacts finds who works on what, and what of the readers of others is
// behind.
func (p *process) ownerFacts(ctx context.Context, f *doctor.Facts) {
	ctx, cancel := context.WithTimeout(ctx, ownersFor)
	defer cancel()
	for {
		members := p.fleet.Members()
		names := memberNames(members)
		f.Members = nil
		for _, m := range members {
			f.Members = append(f.Members, doctor.Member{Name: names[m.ID], Version: m.Version, Modules: m.Modules, Since: m.Since})
		}
		_, f.Shares = p.shares(names)
		wrong := slices.ContainsFunc(f.Shares, func(s doctor.Share) bool { return len(s.Unowned())+len(s.Overloaded()) > 0 })
		if !wrong || !run.Pause(ctx, time.Second/2) {
			return
		}
	}
}

// lagFacts finds how far the readers of all processes are behind.
func (p *process) lagFacts(ctx context.Context, f *doctor.Facts) {
	said, err := p.ask(ctx)
	if err != nil {
		return // that the bus does not answer is said already
	}
	names := memberNames(p.fleet.Members())
	for id, c := range said {
		by := ""
		if len(names) > 1 {
			by = names[id]
		}
		for _, l := range c.Lags {
			f.Lags = append(f.Lags, doctor.Lag{By: by, Reader: l.Reader, Partition: l.Partition, Messages: l.Messages, Age: l.Age})
		}
	}
	slices.SortFunc(f.Lags, func(a, b doctor.Lag) int {
		if n := strings.Compare(a.Reader, b.Reader); n != 0 {
			return n
		}
		return a.Partition - b.Partition
	})
}
