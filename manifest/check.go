package manifest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Offer is what an engine and its connectors can do.
type Offer struct {
	// Processor finds a type of processor.
	Processor func(name string) (ProcessorType, bool)
	// Protocol finds what a protocol of interfaces can do.
	Protocol func(name string) (Protocol, bool)
}

// Protocol is what can be said of the two ends of a protocol.
type Protocol struct {
	Name       string      `json:"name"`
	Summary    string      `json:"summary" doc:"What it reaches, in a sentence"`
	Read       bool        `json:"read" doc:"It can be read from"`
	Write      bool        `json:"write" doc:"It can be written to"`
	Parameters []Parameter `json:"parameters"`
	// Check judges what types and bounds cannot say of complete values; the error
	// is a sentence. nil: all are good.
	Check func(Values) error `json:"-"`
}

// Judge holds the values that are given to a source against its parameters and
// what else is known of its protocol, and completes them.
func (p *Protocol) Judge(declared []Parameter, given Values) (Values, error) {
	values, err := Complete(declared, given)
	if err == nil && p.Check != nil {
		err = p.Check(values)
	}
	return values, err
}

// Finding is something that is wrong with a manifest.
type Finding struct {
	Processor string `json:"processor,omitempty" doc:"The name of the processor; absent: of the manifest as a whole"`
	Field     string `json:"field,omitempty" doc:"What of it" example:"parameters.window"`
	Sentence  string `json:"sentence"`
}

// Findings are all that is wrong with a manifest; as an error they read as one
// sentence each.
type Findings []Finding

func (f Findings) Error() string {
	var b strings.Builder
	for i, x := range f {
		if i > 0 {
			b.WriteString("; ")
		}
		if x.Processor != "" {
			fmt.Fprintf(&b, "processor %q: ", x.Processor)
		}
		b.WriteString(x.Sentence)
	}
	return b.String()
}

// End is a source or sink with its references followed.
type End struct {
	Source     *Source
	Definition *SourceDefinition
	Interface  *Interface
	Kind       *Kind  // of its values
	Gateway    string // the name of its gateway; empty: the centre
	Values     Values // complete
}

// Protocol is the protocol of its interface in lower case; without one it is
// reached inside only.
func (e *End) Protocol() string {
	if e.Interface.Protocol == "" {
		return Internal
	}
	return strings.ToLower(e.Interface.Protocol)
}

// Internal is the protocol of sources that are written to by manifests and
// pushed to by HTTP, and read by manifests, channels and pages.
const Internal = "internal"

// Node is a processor of a checked graph.
type Node struct {
	Processor *Processor
	Type      ProcessorType
	Values    Values // complete
	From      []Input
	To        *End // nil: nowhere
}

// Input is what a node reads from: an earlier node, or a source.
type Input struct {
	Node   int // index in the plan; -1: it is the source
	Source *End
}

// Name of the input as the manifest has it.
func (p *Plan) Name(i Input) string {
	if i.Source != nil {
		return i.Source.Source.Name
	}
	return p.Nodes[i.Node].Processor.Name
}

// Plan is the graph of a manifest, checked.
type Plan struct {
	Manifest *Manifest
	Gateway  string // the name of its gateway; empty: the centre
	Nodes    []Node // those that are read from stand before those that read
}

// Limits of a manifest.
const (
	MaxProcessors = 100
	MaxInputs     = 1000
)

// Resolve follows the references of a source. The error is a sentence.
func (o Offer) Resolve(s *Set, ref string) (*End, error) {
	src, err := s.Source(ref)
	if err != nil {
		return nil, err
	}
	return o.resolve(s, src)
}

func (o Offer) resolve(s *Set, src *Source) (*End, error) {
	e := &End{Source: src}
	var err error
	if e.Definition, err = s.SourceDefinition(src.Definition); err != nil {
		return nil, fmt.Errorf("data source %q: %w", src.Name, err)
	}
	if e.Interface, err = s.Interface(e.Definition.Interface); err != nil {
		return nil, fmt.Errorf("data source %q: definition %q: %w", src.Name, e.Definition.Name, err)
	}
	if len(e.Definition.Kinds) == 0 {
		return nil, fmt.Errorf("data source %q: definition %q names no data kind: %w", src.Name, e.Definition.Name, ErrUnknown)
	}
	if e.Kind, err = s.Kind(e.Definition.Kinds[0]); err != nil {
		return nil, fmt.Errorf("data source %q: definition %q: %w", src.Name, e.Definition.Name, err)
	}
	if src.Gateway != "" {
		g, err := s.Gateway(src.Gateway)
		if err != nil {
			return nil, fmt.Errorf("data source %q: %w", src.Name, err)
		}
		e.Gateway = g.Name
	}
	declared := e.Interface.Parameters
	p, ok := o.Protocol(e.Protocol())
	if ok {
		if declared, err = Narrow(p.Parameters, declared); err != nil {
			return nil, fmt.Errorf("data interface %q: %w", e.Interface.Name, err)
		}
	}
	if e.Values, err = p.Judge(declared, src.Parameters); err != nil {
		return nil, fmt.Errorf("data source %q: %w", src.Name, err)
	}
	return e, nil
}

// Check holds a manifest against the models it refers to and what is offered,
// and gives its graph. The error is [Findings], all of them.
func (o Offer) Check(s *Set, m *Manifest) (*Plan, error) {
	c := &checking{offer: o, set: s, m: m, plan: &Plan{Manifest: m}, at: make(map[string]int)}
	c.manifest()
	if len(c.found) == 0 {
		c.circles()
	}
	if len(c.found) > 0 {
		return nil, c.found
	}
	return c.plan, nil
}

type checking struct {
	offer Offer
	set   *Set
	m     *Manifest
	plan  *Plan
	at    map[string]int // processors by name
	found Findings
}

func (c *checking) say(processor, field, format string, args ...any) {
	c.found = append(c.found, Finding{processor, field, fmt.Sprintf(format, args...)})
}

func (c *checking) manifest() {
	if c.m.Gateway != "" {
		g, err := c.set.Gateway(c.m.Gateway)
		if err != nil {
			c.say("", "gateway", "%v", err)
		} else {
			c.plan.Gateway = g.Name
		}
	}
	switch n := len(c.m.Processors); {
	case n == 0:
		c.say("", "processors", "a manifest has at least one processor")
		return
	case n > MaxProcessors:
		c.say("", "processors", "a manifest has at most %d processors, not %d", MaxProcessors, n)
		return
	}
	for i := range c.m.Processors {
		p := &c.m.Processors[i]
		if _, ok := c.at[p.Name]; ok {
			c.say(p.Name, "name", "its name is there twice")
		}
		if p.Name == "" {
			c.say(p.Name, "name", "processor %d has no name", i+1)
		}
		c.at[p.Name] = i
	}
	nodes := make([]Node, len(c.m.Processors))
	for i := range nodes {
		nodes[i] = c.node(&c.m.Processors[i])
	}
	c.sort(nodes)
}

func (c *checking) node(p *Processor) Node {
	n := Node{Processor: p}
	n.Type, n.Values = c.processor(p)
	switch {
	case len(p.From) == 0:
		c.say(p.Name, "from", "it reads from nothing")
	case len(p.From) > MaxInputs:
		c.say(p.Name, "from", "it reads from at most %d, not %d", MaxInputs, len(p.From))
		return n
	case len(p.From) < n.Type.MinInputs:
		c.say(p.Name, "from", "a %s reads from at least %d", n.Type.Name, n.Type.MinInputs)
	case n.Type.MaxInputs > 0 && len(p.From) > n.Type.MaxInputs:
		c.say(p.Name, "from", "a %s reads from at most %d", n.Type.Name, n.Type.MaxInputs)
	}
	for k, ref := range p.From {
		if slices.Contains(p.From[:k], ref) {
			c.say(p.Name, "from", "it reads from %q twice", ref)
			continue
		}
		if i, ok := c.at[ref]; ok {
			n.From = append(n.From, Input{Node: i})
			continue
		}
		e, err := c.offer.Resolve(c.set, ref)
		if err != nil {
			c.say(p.Name, "from", "%v", err)
			continue
		}
		if can, ok := c.offer.Protocol(e.Protocol()); !ok {
			c.say(p.Name, "from", "data source %q: protocol %q is not known here", e.Source.Name, e.Interface.Protocol)
		} else if !can.Read {
			c.say(p.Name, "from", "data source %q: %s can only be written to", e.Source.Name, can.Name)
		}
		if c.plan.Gateway != "" && e.Gateway != c.plan.Gateway {
			c.say(p.Name, "from", "data source %q is not at gateway %q, where the manifest runs", e.Source.Name, c.plan.Gateway)
		}
		n.From = append(n.From, Input{Node: -1, Source: e})
	}
	if p.To == "" {
		return n
	}
	e, err := c.offer.Resolve(c.set, p.To)
	if err != nil {
		c.say(p.Name, "to", "%v", err)
		return n
	}
	if can, ok := c.offer.Protocol(e.Protocol()); !ok {
		c.say(p.Name, "to", "data source %q: protocol %q is not known here", e.Source.Name, e.Interface.Protocol)
	} else if !can.Write {
		c.say(p.Name, "to", "data source %q: %s can only be read from", e.Source.Name, can.Name)
	}
	if e.Gateway != c.plan.Gateway {
		c.say(p.Name, "to", "data source %q is not where the manifest runs", e.Source.Name)
	}
	n.To = e
	return n
}

// processor finds type and values, by a definition or without one.
func (c *checking) processor(p *Processor) (ProcessorType, Values) {
	name, declared := p.Type, []Parameter(nil)
	switch {
	case p.Definition != "":
		d, err := c.set.Definition(p.Definition)
		if err != nil {
			c.say(p.Name, "definition", "%v", err)
			return ProcessorType{}, nil
		}
		if p.Type != "" && p.Type != d.Type {
			c.say(p.Name, "type", "its definition %q is of type %q", d.Name, d.Type)
		}
		name, declared = d.Type, d.Parameters
	case p.Type == "":
		c.say(p.Name, "type", "it needs a definition or a type")
		return ProcessorType{}, nil
	}
	t, ok := c.offer.Processor(name)
	if !ok {
		c.say(p.Name, "type", "there is no type of processor %.60q here", name)
		return ProcessorType{}, nil
	}
	if p.Definition != "" {
		var err error
		if declared, err = Narrow(t.Parameters, declared); err != nil {
			c.say(p.Name, "definition", "%v", err)
			return t, nil
		}
	} else {
		declared = t.Parameters
	}
	v, err := Complete(declared, p.Parameters)
	if err != nil {
		c.say(p.Name, "parameters", "%v", err)
	}
	return t, v
}

// sort puts those that are read from before those that read, else in the order
// of the manifest, and finds circles.
func (c *checking) sort(nodes []Node) {
	const (
		fresh = iota
		open
		done
	)
	state := make([]int, len(nodes))
	now := make([]int, len(nodes)) // where a node stands in the plan
	var visit func(i int) bool
	visit = func(i int) bool {
		switch state[i] {
		case open:
			c.say(nodes[i].Processor.Name, "from", "it reads from itself, by a circle")
			return false
		case done:
			return true
		}
		state[i] = open
		for _, in := range nodes[i].From {
			if in.Source == nil && !visit(in.Node) {
				return false
			}
		}
		state[i], now[i] = done, len(c.plan.Nodes)
		c.plan.Nodes = append(c.plan.Nodes, nodes[i])
		return true
	}
	for i := range nodes {
		if !visit(i) {
			return
		}
	}
	for i := range c.plan.Nodes {
		for k := range c.plan.Nodes[i].From {
			if in := &c.plan.Nodes[i].From[k]; in.Source == nil {
				in.Node = now[in.Node]
			} else {
				in.Node = -1
			}
		}
	}
	read := make([]bool, len(c.plan.Nodes))
	for _, n := range c.plan.Nodes {
		for _, in := range n.From {
			if in.Source == nil {
				read[in.Node] = true
			}
		}
	}
	for i, n := range c.plan.Nodes {
		if n.Processor.To == "" && !read[i] {
			c.say(n.Processor.Name, "to", "its results go nowhere: give it a sink, or have a processor read from it")
		}
	}
}

// flow is which sinks depend on a source, over all processors in between.
type flow map[*Source]map[*Source]bool

// add adds what a manifest does.
func (f flow) add(s *Set, m *Manifest) {
	at := make(map[string]*Processor, len(m.Processors))
	for i := range m.Processors {
		at[m.Processors[i].Name] = &m.Processors[i]
	}
	for i := range m.Processors {
		to, err := s.Source(m.Processors[i].To)
		if m.Processors[i].To == "" || err != nil {
			continue
		}
		seen := make(map[string]bool)
		queue := slices.Clone(m.Processors[i].From)
		for len(queue) > 0 {
			ref := queue[0]
			queue = queue[1:]
			if seen[ref] {
				continue
			}
			seen[ref] = true
			if p, ok := at[ref]; ok {
				queue = append(queue, p.From...)
			} else if from, err := s.Source(ref); err == nil {
				if f[from] == nil {
					f[from] = make(map[*Source]bool)
				}
				f[from][to] = true
			}
		}
	}
}

// flowWith is the flow of all manifests of the set, in which m stands for the
// one of its name and id.
func (s *Set) flowWith(m *Manifest) flow {
	s.once.Do(func() {
		s.flow = make(flow)
		for i := range s.bundle.Manifests {
			s.flow.add(s, &s.bundle.Manifests[i])
		}
	})
	if i, ok := s.manifests.byName[m.Name]; ok && &s.bundle.Manifests[i] == m {
		return s.flow
	}
	f := make(flow)
	f.add(s, m)
	for i := range s.bundle.Manifests {
		if o := &s.bundle.Manifests[i]; (o.ID != m.ID || m.ID == "") && o.Name != m.Name {
			f.add(s, o)
		}
	}
	return f
}

// circles finds results that would come back as input over sinks that are
// sources, through other manifests, too.
func (c *checking) circles() {
	next := c.set.flowWith(c.m)
	for _, n := range c.plan.Nodes {
		if n.To == nil {
			continue
		}
		seen := make(map[*Source]bool)
		queue := []*Source{n.To.Source}
		for len(queue) > 0 {
			s := queue[0]
			queue = queue[1:]
			for t := range next[s] {
				if t == n.To.Source {
					c.say(n.Processor.Name, "to", "what it writes to data source %q comes back to it as input", t.Name)
					queue = nil
					break
				}
				if !seen[t] {
					seen[t] = true
					queue = append(queue, t)
				}
			}
		}
	}
}

// AsFindings gives what is wrong as findings: those of Check, or one of any
// other error.
func AsFindings(err error) Findings {
	var f Findings
	switch {
	case err == nil:
		return nil
	case errors.As(err, &f):
		return f
	}
	return Findings{{Sentence: err.Error()}}
}
