package engine

import (
	"fmt"
	"math"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/processor"
	"github.com/wattwerk/wattwerk/record"
)

// Silence is after how long without messages, in ms, a source's watermark goes
// on by itself.
const Silence = 10_000

// maxSeries bounds the keys of one instance, over all sources.
const maxSeries = 200_000

// never is the watermark of what nothing was seen of.
const never = record.Millis(math.MinInt64)

// always is the watermark of what is not waited for.
const always = record.Millis(math.MaxInt64)

// Instance is the graph of a manifest at work.
type Instance struct {
	plan    *manifest.Plan
	table   *observation.Table
	sources []source
	at      map[string]int // sources by id
	nodes   []node
	now     record.Millis // when the newest message was stored
	began   record.Millis // when the first one was
	series  []observation.Series
	items   []observation.Item
	full    int64 // items refused because there were too many keys
}

type source struct {
	id    string
	to    []target
	most  record.Millis // largest event time
	since record.Millis // when the newest was stored
}

// target is an input of a node.
type target struct{ node, input int }

type node struct {
	name, kind string
	op         processor.Operator
	hold       processor.Holder // nil: it has none
	ends       []end            // of the inputs
	to         []target
	sink       bool
	watermark  record.Millis // that it was told
	behind     record.Millis // that those behind it are told
	in         [][]observation.Item
	out        processor.Out
	count      Count
}

// end is where an input comes from.
type end struct{ source, node int } // one of both is -1

// Count is what a node did since it was made.
type Count struct {
	In   int64 `json:"in" doc:"Items it took"`
	Out  int64 `json:"out" doc:"Results it gave"`
	Dead int64 `json:"dead" doc:"Items it could not take; they are dead letters"`
}

// Sink takes what an instance gives. Slices are valid until the call returns.
type Sink interface {
	// Results are those of a node that has a sink.
	Results(node int, items []observation.Item)
	// Given are those of any node, for people who look.
	Given(node int, items []observation.Item)
	// Dead are items that a node refused.
	Dead(node int, refused []processor.Refused)
}

// Open makes an instance of a plan, from what another one saved, when it is not
// nil: nodes of the same name and type take their state over, and so do sources.
// fresh names nodes that could not, and begin anew. The error is about a
// parameter.
func Open(p *manifest.Plan, find func(string) (processor.Entry, bool), saved []byte) (x *Instance, fresh []string, err error) {
	was, err := load(saved)
	if err != nil {
		return nil, nil, err
	}
	x = &Instance{plan: p, table: observation.NewTable(was.keys), at: make(map[string]int), now: was.now, began: was.began}
	for i, n := range p.Nodes {
		e, ok := find(n.Type.Name)
		if !ok {
			return nil, nil, fmt.Errorf("processor %q: there is no type %q here", n.Processor.Name, n.Type.Name)
		}
		s := processor.Settings{Values: n.Values, Table: x.table}
		here := node{name: n.Processor.Name, kind: n.Type.Name, sink: n.To != nil, in: make([][]observation.Item, len(n.From)), watermark: never, behind: never}
		for k, in := range n.From {
			unit := ""
			if in.Source != nil {
				unit = in.Source.Kind.Unit
				j := x.source(in.Source.Source.ID)
				x.sources[j].to = append(x.sources[j].to, target{i, k})
				here.ends = append(here.ends, end{j, -1})
			} else {
				x.nodes[in.Node].to = append(x.nodes[in.Node].to, target{i, k})
				here.ends = append(here.ends, end{-1, in.Node})
			}
			s.Inputs, s.Units = append(s.Inputs, p.Name(in)), append(s.Units, unit)
		}
		if here.op, err = e.New(s); err != nil {
			return nil, nil, fmt.Errorf("processor %q: %w", n.Processor.Name, err)
		}
		if w, ok := was.nodes[here.name]; ok && w.kind == here.kind {
			if err := here.op.Load(w.state); err != nil {
				fresh = append(fresh, here.name)
				if here.op, err = e.New(s); err != nil {
					return nil, nil, fmt.Errorf("processor %q: %w", n.Processor.Name, err)
				}
			}
			here.watermark, here.behind, here.count = w.watermark, w.behind, w.count
		} else if saved != nil {
			fresh = append(fresh, here.name)
		}
		here.hold, _ = here.op.(processor.Holder)
		x.nodes = append(x.nodes, here)
	}
	for i := range x.sources {
		if w, ok := was.sources[x.sources[i].id]; ok {
			x.sources[i].most, x.sources[i].since = w.most, w.since
		}
	}
	return x, fresh, nil
}

func (x *Instance) source(id string) int {
	i, ok := x.at[id]
	if !ok {
		i = len(x.sources)
		x.at[id] = i
		x.sources = append(x.sources, source{id: id, most: never})
	}
	return i
}

// Sources are the ids of the sources it reads.
func (x *Instance) Sources() []string {
	ids := make([]string, len(x.sources))
	for i := range x.sources {
		ids[i] = x.sources[i].id
	}
	return ids
}

// Counts gives what each node did, in the order of the plan.
func (x *Instance) Counts() []Count {
	out := make([]Count, len(x.nodes))
	for i := range x.nodes {
		out[i] = x.nodes[i].count
	}
	return out
}

// Key gives the key of a series.
func (x *Instance) Key(s observation.Series) observation.Key { return x.table.Key(s) }

// Watermark is up to when everything is there, as far as the instance knows: the
// least of its sources. ok is false before anything came.
func (x *Instance) Watermark() (at record.Millis, ok bool) {
	at = always
	for i := range x.sources {
		at = min(at, x.watermark(i))
	}
	return at, at != always && at != never
}

// Step takes one message: a batch of a source, or none, which tells the time
// only. Of a source that no node reads nothing happens but that time goes on.
func (x *Instance) Step(b *observation.Batch, stored record.Millis, sink Sink) {
	if x.began == 0 {
		x.began = stored
	}
	x.now = max(x.now, stored)
	if b != nil {
		if i, ok := x.at[b.Source]; ok {
			x.take(i, b)
		}
	}
	for i := range x.nodes {
		x.step(i, sink)
	}
}

// take numbers the keys of a batch as the instance has them, and hands its items
// to those who read the source.
func (x *Instance) take(i int, b *observation.Batch) {
	s := &x.sources[i]
	s.since = x.now
	items := b.Items
	if len(b.Keys) > 1 || b.Keys[0] != "" {
		x.series = x.series[:0]
		for _, k := range b.Keys {
			n := observation.Series(math.MaxUint32)
			if x.table.Len() < maxSeries || x.table.Has(k) {
				n = x.table.Number(k)
			}
			x.series = append(x.series, n)
		}
		x.items = x.items[:0]
		for _, it := range b.Items {
			if it.Series = x.series[it.Series]; it.Series == math.MaxUint32 {
				x.full++
				continue
			}
			x.items = append(x.items, it)
		}
		items = x.items
	}
	most := s.most
	for k := range items {
		most = max(most, items[k].Time)
	}
	s.most = most
	for _, t := range s.to {
		n := &x.nodes[t.node]
		if n.in[t.input] == nil {
			n.in[t.input] = items // it is read within this step
		} else {
			n.in[t.input] = append(n.in[t.input][:len(n.in[t.input]):len(n.in[t.input])], items...)
		}
	}
}

// Refused is how many items were refused because the instance has too many keys.
func (x *Instance) Refused() int64 { return x.full }

// watermark of a source at this time.
func (x *Instance) watermark(i int) record.Millis {
	s := &x.sources[i]
	if s.most == never {
		if x.now-x.began > Silence {
			return always
		}
		return never
	}
	return s.most + max(0, x.now-s.since-Silence)
}

// step has a node take what is there, and tells it the time.
func (x *Instance) step(i int, sink Sink) {
	n := &x.nodes[i]
	n.out.Reset()
	w := always
	for k, e := range n.ends {
		if items := n.in[k]; items != nil {
			n.in[k] = nil
			n.count.In += int64(len(items))
			n.op.Take(k, items, &n.out)
		}
		if e.node < 0 {
			w = min(w, x.watermark(e.source))
		} else {
			w = min(w, x.nodes[e.node].behind)
		}
	}
	if w > n.watermark && w != always {
		n.watermark = w
		n.op.Advance(w, &n.out)
		n.behind = w
		if n.hold != nil {
			n.behind = min(w, n.hold.Hold(w))
		}
	}
	if len(n.out.Dead) > 0 {
		n.count.Dead += int64(len(n.out.Dead))
		sink.Dead(i, n.out.Dead)
	}
	if len(n.out.Items) == 0 {
		return
	}
	n.count.Out += int64(len(n.out.Items))
	sink.Given(i, n.out.Items)
	if n.sink {
		sink.Results(i, n.out.Items)
	}
	for _, t := range n.to {
		to := &x.nodes[t.node]
		to.in[t.input] = n.out.Items // of one node, so it is empty; read before it steps again
	}
}
