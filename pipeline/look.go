package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/engine"
	"github.com/wattwerk/wattwerk/pipeline/processor"
	"github.com/wattwerk/wattwerk/pipeline/router"
	"github.com/wattwerk/wattwerk/pipeline/runner"
	"github.com/wattwerk/wattwerk/record"
)

// statuses gives what is observed: by this process where it runs them, else as
// the one that does has told. Without ids, of all.
func (s *Service) statuses(ctx context.Context, ids ...string) (map[string]runner.ManifestStatus, error) {
	s.mu.Lock()
	runs := s.runs
	s.mu.Unlock()
	if runs {
		out := make(map[string]runner.ManifestStatus)
		if len(ids) == 0 {
			out = s.runner.Statuses()
		}
		for _, id := range ids {
			if st, ok := s.runner.Status(id); ok {
				out[id] = st
			}
		}
		if len(ids) > 0 && len(out) == len(ids) {
			return out, nil
		}
		return out, s.reported(ctx, out, nil)
	}
	docs, err := s.opts.Checkpoints.Statuses(ctx, ids...)
	if err != nil {
		return nil, err
	}
	out := make(map[string]runner.ManifestStatus)
	for id, doc := range docs {
		var st runner.ManifestStatus
		if strings.HasPrefix(id, "source ") || json.Unmarshal([]byte(doc), &st) != nil {
			continue
		}
		out[id] = st
	}
	return out, s.reported(ctx, out, nil)
}

// sources gives how sources are, by their ids.
func (s *Service) sources(ctx context.Context) (map[string]router.SourceStatus, error) {
	out := make(map[string]router.SourceStatus)
	docs, err := s.opts.Checkpoints.Statuses(ctx)
	if err != nil {
		return nil, err
	}
	for id, doc := range docs {
		var st router.SourceStatus
		if id, ok := strings.CutPrefix(id, "source "); ok && json.Unmarshal([]byte(doc), &st) == nil {
			out[id] = st
		}
	}
	s.mu.Lock()
	runs := s.runs
	s.mu.Unlock()
	if runs {
		maps.Copy(out, s.router.Statuses())
	}
	return out, s.reported(ctx, nil, out)
}

// errEnough ends reading.
var errEnough = errors.New("enough")

// Last gives the newest results of a source that are kept, at most n, the oldest
// first.
func (s *Service) Last(ctx context.Context, id string, n int) ([]runner.ShownResult, error) {
	m, ok, err := s.opts.Bus.LastObservations(ctx, id)
	if err != nil || !ok {
		return nil, err
	}
	x, err := s.opts.Bus.ObservationsExtent(ctx)
	if err != nil {
		return nil, err
	}
	for back := uint64(n); ; back *= 16 {
		from := x.First
		if m.Seq > back {
			from = max(from, m.Seq-back)
		}
		var out []runner.ShownResult
		var items []observation.Item
		err := s.opts.Bus.ReadObservationsOf(ctx, id, from, func(at bus.Message) error {
			var keys []string
			var err error
			if keys, items, err = observation.Decode(at.Data, items); err != nil {
				return err
			}
			for _, it := range items {
				out = append(out, runner.MakeResult(keys[it.Series], it.Time, it.Value, it.Marks))
			}
			if len(out) > 2*n {
				out = append(out[:0], out[len(out)-n:]...)
			}
			if at.Seq >= m.Seq {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			return nil, err
		}
		if len(out) >= n || from <= x.First {
			return out[max(0, len(out)-n):], ctx.Err()
		}
	}
}

// Graph is a checked manifest, for people.
type Graph struct {
	Nodes []GraphNode `json:"nodes" doc:"Those that are read from stand before those that read"`
	Text  string      `json:"text" doc:"The same as lines of text"`
}

// GraphNode is a processor, with everything that was left to defaults.
type GraphNode struct {
	Name       string          `json:"name"`
	Type       string          `json:"type"`
	Role       manifest.Role   `json:"role"`
	Parameters manifest.Values `json:"parameters"`
	From       []GraphEnd      `json:"from"`
	To         *GraphEnd       `json:"to,omitempty"`
}

// GraphEnd is what a processor reads from or writes to.
type GraphEnd struct {
	Processor string `json:"processor,omitempty" doc:"A processor of the manifest"`
	Source    string `json:"source,omitempty" doc:"Or the id of a data source"`
	Name      string `json:"name"`
	Protocol  string `json:"protocol,omitempty"`
	Unit      string `json:"unit,omitempty"`
}

// Explain tells a plan to people.
func Explain(p *manifest.Plan) Graph {
	g := Graph{Nodes: []GraphNode{}}
	var b strings.Builder
	where := "the centre"
	if p.Gateway != "" {
		where = fmt.Sprintf("gateway %q", p.Gateway)
	}
	fmt.Fprintf(&b, "manifest %q, at %s\n", p.Manifest.Name, where)
	end := func(e *manifest.End) GraphEnd {
		return GraphEnd{Source: e.Source.ID, Name: e.Source.Name, Protocol: e.Protocol(), Unit: e.Kind.Unit}
	}
	for _, n := range p.Nodes {
		x := GraphNode{Name: n.Processor.Name, Type: n.Type.Name, Role: n.Type.Role, Parameters: n.Values, From: []GraphEnd{}}
		fmt.Fprintf(&b, "\n%s: %s\n", x.Name, n.Type.Summary)
		for _, in := range n.From {
			from := GraphEnd{Processor: p.Name(in), Name: p.Name(in)}
			if in.Source != nil {
				from = end(in.Source)
				fmt.Fprintf(&b, "  from source %q (%s)\n", from.Name, from.Protocol)
			} else {
				fmt.Fprintf(&b, "  from %s\n", from.Name)
			}
			x.From = append(x.From, from)
		}
		for _, d := range n.Type.Parameters {
			if v, ok := n.Values[d.Name]; ok {
				fmt.Fprintf(&b, "  %s = %s\n", d.Name, v)
			}
		}
		if n.To != nil {
			to := end(n.To)
			x.To = &to
			fmt.Fprintf(&b, "  to %q (%s)\n", to.Name, to.Protocol)
		}
		g.Nodes = append(g.Nodes, x)
	}
	g.Text = b.String()
	return g
}

// Sample is one value that a manifest is tried with.
type Sample struct {
	Source string        `json:"source" minLength:"1" maxLength:"200" doc:"Id or name of the data source"`
	Key    string        `json:"key,omitempty" maxLength:"200"`
	Time   record.Millis `json:"time" minimum:"0" maximum:"4102444800000" doc:"ms since 1970 UTC"`
	Value  *float64      `json:"value" doc:"Null: it has none"`
}

// Trial is what a manifest gives for samples.
type Trial struct {
	Processors []TrialNode `json:"processors"`
}

// TrialNode is what one processor gave.
type TrialNode struct {
	Name    string               `json:"name"`
	Results []runner.ShownResult `json:"results" doc:"The first 1,000"`
	Count   int                  `json:"count"`
	Refused []string             `json:"refused" doc:"Why items were refused, the first 100"`
}

const (
	trialMost    = 1000
	trialRefused = 100
)

type trial struct {
	inst *engine.Instance
	out  []TrialNode
}

func (t *trial) Results(int, []observation.Item) {}
func (t *trial) Given(node int, items []observation.Item) {
	n := &t.out[node]
	n.Count += len(items)
	for _, it := range items[:min(len(items), trialMost-len(n.Results))] {
		n.Results = append(n.Results, runner.MakeResult(t.inst.Key(it.Series), it.Time, it.Value, it.Marks))
	}
}

func (t *trial) Dead(node int, refused []processor.Refused) {
	n := &t.out[node]
	for _, f := range refused[:min(len(refused), trialRefused-len(n.Refused))] {
		n.Refused = append(n.Refused, fmt.Sprintf("%s: %v at %s", f.Reason, f.Item.Value, f.Item.Time))
	}
}

// Judge gives the graph of a manifest that would run. Some parameters, as
// expressions, are judged only when a processor is made of them; it does that, too.
func Judge(offer manifest.Offer, s *manifest.Set, m *manifest.Manifest) (*manifest.Plan, error) {
	p, err := offer.Check(s, m)
	if err != nil {
		return nil, err
	}
	if _, _, err := engine.Open(p, processor.Find, nil); err != nil {
		return nil, err
	}
	return p, nil
}

// Try runs a plan on samples, in their order, each a message of its own that is
// stored when it happened; then time goes on until all windows have ended.
// Nothing is written to sinks.
func Try(s *manifest.Set, p *manifest.Plan, samples []Sample) (*Trial, error) {
	inst, _, err := engine.Open(p, processor.Find, nil)
	if err != nil {
		return nil, err
	}
	t := &trial{inst: inst}
	for _, n := range p.Nodes {
		t.out = append(t.out, TrialNode{Name: n.Processor.Name, Results: []runner.ShownResult{}, Refused: []string{}})
	}
	var last record.Millis
	for i, x := range samples {
		src, err := s.Source(x.Source)
		if err != nil {
			return nil, fmt.Errorf("sample %d: %w", i+1, err)
		}
		it := observation.Item{Time: x.Time}
		if x.Value == nil {
			it.Marks = observation.Null
		} else {
			it.Value = *x.Value
		}
		b := observation.Batch{Source: src.ID, Keys: []string{""}, Items: []observation.Item{it}}
		if x.Key != "" {
			b.Keys, b.Items[0].Series = []string{"", x.Key}, 1
		}
		last = max(last, x.Time)
		inst.Step(&b, last, t)
	}
	// Longer than any window is; in steps, so that what windows give is seen by
	// those behind them.
	for _, more := range []time.Duration{time.Minute, time.Hour, 24 * time.Hour, 400 * 24 * time.Hour, 800 * 24 * time.Hour} {
		inst.Step(nil, last+record.Millis(more.Milliseconds()), t)
	}
	return &Trial{Processors: t.out}, nil
}

// Statuses tells what is observed of all manifests, by their ids.
func (s *Service) Statuses(ctx context.Context) (map[string]runner.ManifestStatus, error) {
	return s.statuses(ctx)
}
