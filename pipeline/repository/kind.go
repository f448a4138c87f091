package repository

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/wattwerk/wattwerk/manifest"
)

// Kind is a type of models, named as in the routes.
type Kind string

// The types of models, in the order in which they refer to one another.
const (
	Interfaces        Kind = "interfaces"
	Kinds             Kind = "kinds"
	SourceDefinitions Kind = "source-definitions"
	Gateways          Kind = "gateways"
	Sources           Kind = "sources"
	Consumers         Kind = "consumers"
	Channels          Kind = "channels"
	Definitions       Kind = "definitions"
	Manifests         Kind = "manifests"
)

var kinds = []Kind{Interfaces, Kinds, SourceDefinitions, Gateways, Sources, Consumers, Channels, Definitions, Manifests}

// All lists the types of models, those before that others refer to.
func All() []Kind { return slices.Clone(kinds) }

// Noun is what one of the type is called.
func (k Kind) Noun() string {
	switch k {
	case Interfaces:
		return "data interface"
	case Kinds:
		return "data kind"
	case SourceDefinitions:
		return "data source definition"
	case Gateways:
		return "edge gateway"
	case Sources:
		return "data source"
	case Consumers:
		return "data consumer"
	case Channels:
		return "data channel"
	case Definitions:
		return "processor definition"
	case Manifests:
		return "manifest"
	}
	return string(k)
}

// Model is one of the nine types of models.
type Model interface {
	manifest.Interface | manifest.Kind | manifest.SourceDefinition | manifest.Gateway | manifest.Source |
		manifest.Consumer | manifest.Channel | manifest.Definition | manifest.Manifest
}

// KindOf tells the type of a model.
func KindOf[T Model]() Kind { return kindOf(new(T)) }

func kindOf(m any) Kind {
	switch m.(type) {
	case *manifest.Interface:
		return Interfaces
	case *manifest.Kind:
		return Kinds
	case *manifest.SourceDefinition:
		return SourceDefinitions
	case *manifest.Gateway:
		return Gateways
	case *manifest.Source:
		return Sources
	case *manifest.Consumer:
		return Consumers
	case *manifest.Channel:
		return Channels
	case *manifest.Definition:
		return Definitions
	case *manifest.Manifest:
		return Manifests
	}
	panic(fmt.Sprintf("%T is no model", m))
}

func fresh(k Kind) any {
	switch k {
	case Interfaces:
		return new(manifest.Interface)
	case Kinds:
		return new(manifest.Kind)
	case SourceDefinitions:
		return new(manifest.SourceDefinition)
	case Gateways:
		return new(manifest.Gateway)
	case Sources:
		return new(manifest.Source)
	case Consumers:
		return new(manifest.Consumer)
	case Channels:
		return new(manifest.Channel)
	case Definitions:
		return new(manifest.Definition)
	case Manifests:
		return new(manifest.Manifest)
	}
	return nil
}

// common are the fields that a model shares with others; nil of a channel.
func common(m any) *manifest.Common {
	switch m := m.(type) {
	case *manifest.Interface:
		return &m.Common
	case *manifest.Kind:
		return &m.Common
	case *manifest.SourceDefinition:
		return &m.Common
	case *manifest.Gateway:
		return &m.Common
	case *manifest.Source:
		return &m.Common
	case *manifest.Consumer:
		return &m.Common
	case *manifest.Definition:
		return &m.Common
	case *manifest.Manifest:
		return &m.Common
	}
	return nil
}

func idOf(m any) *string {
	if c, ok := m.(*manifest.Channel); ok {
		return &c.ID
	}
	return &common(m).ID
}

// nameOf is what is unique among models of the type.
func nameOf(m any) string {
	if c, ok := m.(*manifest.Channel); ok {
		return c.Source + " " + c.Consumer
	}
	return common(m).Name
}

func namespaceOf(m any) string {
	if g, ok := m.(*manifest.Gateway); ok {
		return g.Namespace
	}
	return ""
}

// references visits all references of a model, which may be rewritten.
func references(m any, visit func(ref *string, to Kind)) {
	some := func(ref *string, to Kind) {
		if *ref != "" {
			visit(ref, to)
		}
	}
	switch m := m.(type) {
	case *manifest.SourceDefinition:
		some(&m.Interface, Interfaces)
		for i := range m.Kinds {
			some(&m.Kinds[i], Kinds)
		}
	case *manifest.Source:
		some(&m.Definition, SourceDefinitions)
		some(&m.Gateway, Gateways)
	case *manifest.Consumer:
		for i := range m.Definitions {
			some(&m.Definitions[i], SourceDefinitions)
		}
	case *manifest.Channel:
		some(&m.Source, Sources)
		some(&m.Consumer, Consumers)
	case *manifest.Manifest:
		some(&m.Gateway, Gateways)
		for i := range m.Processors {
			p := &m.Processors[i]
			some(&p.Definition, Definitions)
			for j := range p.From {
				if !slices.ContainsFunc(m.Processors, func(q manifest.Processor) bool { return q.Name == p.From[j] }) {
					some(&p.From[j], Sources)
				}
			}
			some(&p.To, Sources)
		}
	}
}

// clone copies a model, so that its owner may go on changing it.
func clone(m any) (any, error) {
	data, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("%w: %s cannot be written: %w", ErrInvalid, kindOf(m).Noun(), err)
	}
	out := fresh(kindOf(m))
	return out, json.Unmarshal(data, out)
}

// encode writes a model as it is stored, with its state apart.
func encode(m any) (doc string, state manifest.State, err error) {
	if x, ok := m.(*manifest.Manifest); ok {
		without := *x
		state, without.State = x.State, ""
		m = &without
	}
	data, err := json.Marshal(m)
	return string(data), state, err
}

func decode(k Kind, doc string, state manifest.State) (any, error) {
	m := fresh(k)
	if m == nil {
		return nil, fmt.Errorf("there is no type of models %.40q", k)
	}
	if err := json.Unmarshal([]byte(doc), m); err != nil {
		return nil, err
	}
	if x, ok := m.(*manifest.Manifest); ok {
		x.State = state
	}
	return m, nil
}

// isID tells whether a text is written as a UUID, in lower case.
func isID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if !strings.ContainsRune("0123456789abcdef", rune(c)) {
			return false
		}
	}
	return true
}

// ID is the id of a model.
func ID[T Model](m *T) *string { return idOf(m) }

// NewID makes an id.
func NewID() string { return newID() }
