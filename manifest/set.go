package manifest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Bundle is models of all types together: a file that is kept in git, what a
// gateway is sent, what a repository holds.
type Bundle struct {
	Interfaces        []Interface        `json:"interfaces,omitempty"`
	Kinds             []Kind             `json:"kinds,omitempty"`
	SourceDefinitions []SourceDefinition `json:"sourceDefinitions,omitempty"`
	Gateways          []Gateway          `json:"gateways,omitempty"`
	Sources           []Source           `json:"sources,omitempty"`
	Consumers         []Consumer         `json:"consumers,omitempty"`
	Channels          []Channel          `json:"channels,omitempty"`
	Definitions       []Definition       `json:"definitions,omitempty"`
	Manifests         []Manifest         `json:"manifests,omitempty"`
}

// Reasons a model cannot be found or used. They are wrapped with a sentence.
var (
	ErrUnknown = errors.New("unknown")
	ErrTaken   = errors.New("taken")
)

// Set finds models by id or name. An id goes before a name. It does not change,
// hands out what must not be changed, and may be asked by many goroutines.
type Set struct {
	bundle            *Bundle
	interfaces        index
	kinds             index
	sourceDefinitions index
	gateways          index
	sources           index
	consumers         index
	channels          index
	definitions       index
	manifests         index

	once sync.Once
	flow flow // of all manifests; made when it is asked for first
}

type index struct {
	what   string
	ids    map[string]int
	byName map[string]int
}

func newIndex[T any](what string, all []T, id func(*T) (id, name string)) (index, error) {
	x := index{what, make(map[string]int, len(all)), make(map[string]int, len(all))}
	for i := range all {
		id, name := id(&all[i])
		if _, ok := x.ids[strings.ToLower(id)]; ok && id != "" {
			return x, fmt.Errorf("%s %s is there twice: %w", what, id, ErrTaken)
		}
		if _, ok := x.byName[name]; ok && name != "" {
			return x, fmt.Errorf("%s %q is there twice: %w", what, name, ErrTaken)
		}
		if id != "" {
			x.ids[strings.ToLower(id)] = i
		}
		if name != "" {
			x.byName[name] = i
		}
	}
	return x, nil
}

func find[T any](x *index, all []T, ref string) (*T, error) {
	i, ok := x.ids[strings.ToLower(ref)]
	if !ok {
		i, ok = x.byName[ref]
	}
	if !ok {
		return nil, fmt.Errorf("there is no %s %.60q: %w", x.what, ref, ErrUnknown)
	}
	return &all[i], nil
}

// NewSet indexes a bundle. The error says which id or name is there twice.
func NewSet(b *Bundle) (*Set, error) {
	s := &Set{bundle: b}
	var errs [9]error
	s.interfaces, errs[0] = newIndex("data interface", b.Interfaces, func(m *Interface) (string, string) { return m.ID, m.Name })
	s.kinds, errs[1] = newIndex("data kind", b.Kinds, func(m *Kind) (string, string) { return m.ID, m.Name })
	s.sourceDefinitions, errs[2] = newIndex("data source definition", b.SourceDefinitions, func(m *SourceDefinition) (string, string) { return m.ID, m.Name })
	s.gateways, errs[3] = newIndex("edge gateway", b.Gateways, func(m *Gateway) (string, string) { return m.ID, m.Name })
	s.sources, errs[4] = newIndex("data source", b.Sources, func(m *Source) (string, string) { return m.ID, m.Name })
	s.consumers, errs[5] = newIndex("data consumer", b.Consumers, func(m *Consumer) (string, string) { return m.ID, m.Name })
	s.channels, errs[6] = newIndex("data channel", b.Channels, func(m *Channel) (string, string) { return m.ID, "" })
	s.definitions, errs[7] = newIndex("processor definition", b.Definitions, func(m *Definition) (string, string) { return m.ID, m.Name })
	s.manifests, errs[8] = newIndex("manifest", b.Manifests, func(m *Manifest) (string, string) { return m.ID, m.Name })
	return s, errors.Join(errs[:]...)
}

// Bundle is what the set was made of.
func (s *Set) Bundle() *Bundle { return s.bundle }

// Interface finds a data interface.
func (s *Set) Interface(ref string) (*Interface, error) {
	return find(&s.interfaces, s.bundle.Interfaces, ref)
}

// Kind finds a data kind.
func (s *Set) Kind(ref string) (*Kind, error) { return find(&s.kinds, s.bundle.Kinds, ref) }

// SourceDefinition finds a data source definition.
func (s *Set) SourceDefinition(ref string) (*SourceDefinition, error) {
	return find(&s.sourceDefinitions, s.bundle.SourceDefinitions, ref)
}

// Gateway finds an edge gateway.
func (s *Set) Gateway(ref string) (*Gateway, error) {
	return find(&s.gateways, s.bundle.Gateways, ref)
}

// Source finds a data source.
func (s *Set) Source(ref string) (*Source, error) { return find(&s.sources, s.bundle.Sources, ref) }

// Consumer finds a data consumer.
func (s *Set) Consumer(ref string) (*Consumer, error) {
	return find(&s.consumers, s.bundle.Consumers, ref)
}

// Channel finds a data channel by its id.
func (s *Set) Channel(id string) (*Channel, error) {
	return find(&s.channels, s.bundle.Channels, id)
}

// Definition finds a processor definition.
func (s *Set) Definition(ref string) (*Definition, error) {
	return find(&s.definitions, s.bundle.Definitions, ref)
}

// Manifest finds a manifest.
func (s *Set) Manifest(ref string) (*Manifest, error) {
	return find(&s.manifests, s.bundle.Manifests, ref)
}
