package repository

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/manifest"
)

// Reasons why something is not done. They are wrapped with a sentence that can be
// shown.
var (
	ErrNotFound = errors.New("not found")
	ErrTaken    = errors.New("taken")
	ErrInUse    = errors.New("in use")
	ErrInvalid  = errors.New("invalid")
	ErrUnknown  = errors.New("unknown reference")
	ErrChanged  = errors.New("it was changed meanwhile")
)

// Missing is the error of a reference that leads nowhere. It is an [ErrUnknown].
type Missing struct {
	Of   string // what refers, with its name
	Kind Kind   // what should be there
	Ref  string
}

// Error says who refers to what.
func (e *Missing) Error() string {
	return fmt.Sprintf("%s refers to %s %.60q, which does not exist", e.Of, e.Kind.Noun(), e.Ref)
}

// Unwrap gives ErrUnknown.
func (e *Missing) Unwrap() error { return ErrUnknown }

// Taken is the error of a name or namespace that another model has. It is an
// [ErrTaken].
type Taken struct {
	Kind  Kind
	Field string // id, name, namespace; of a channel: pair
	Value string
}

// Error says what is taken.
func (e *Taken) Error() string {
	if e.Field == "pair" {
		return "there is a data channel for this source and this consumer already"
	}
	return fmt.Sprintf("there is another %s with the %s %.60q", e.Kind.Noun(), e.Field, e.Value)
}

// Unwrap gives ErrTaken.
func (e *Taken) Unwrap() error { return ErrTaken }

type key struct {
	kind Kind
	id   string
}

// doc is one model as it is stored.
type doc struct {
	key
	model    any // pointer to one of the nine types; not changed
	json     string
	state    manifest.State
	version  int64
	revision int64
	created  time.Time
	changed  time.Time
	by       string
	uses     []key
}

func (d *doc) name() string { return nameOf(d.model) }

func (d *doc) title() string { return titleOf(d.model) }

func titleOf(m any) string {
	if c, ok := m.(*manifest.Channel); ok {
		return fmt.Sprintf("data channel %.60q", c.ID)
	}
	return fmt.Sprintf("%s %.60q", kindOf(m).Noun(), nameOf(m))
}

// usesOf lists what a model whose references are ids refers to, each once.
func usesOf(m any) []key {
	var out []key
	references(m, func(ref *string, to Kind) { out = append(out, key{to, *ref}) })
	slices.SortFunc(out, func(a, b key) int {
		return cmp.Or(strings.Compare(string(a.kind), string(b.kind)), strings.Compare(a.id, b.id))
	})
	return slices.Compact(out)
}

// state is all models at one revision.
type state struct {
	revision   int64
	docs       map[Kind]map[string]*doc
	names      map[Kind]map[string]string // to ids
	namespaces map[string]string
	users      map[key]map[key]bool
	sorted     map[Kind][]*doc // by name; absent when not known
}

func newState() *state {
	s := &state{
		docs: make(map[Kind]map[string]*doc), names: make(map[Kind]map[string]string), namespaces: make(map[string]string),
		users: make(map[key]map[key]bool), sorted: make(map[Kind][]*doc),
	}
	for _, k := range kinds {
		s.docs[k], s.names[k] = make(map[string]*doc), make(map[string]string)
	}
	return s
}

func (s *state) remove(k key) {
	d := s.docs[k.kind][k.id]
	if d == nil {
		return
	}
	delete(s.docs[k.kind], k.id)
	if s.names[k.kind][d.name()] == k.id {
		delete(s.names[k.kind], d.name())
	}
	if n := namespaceOf(d.model); n != "" && s.namespaces[n] == k.id {
		delete(s.namespaces, n)
	}
	for _, u := range d.uses {
		delete(s.users[u], k)
		if len(s.users[u]) == 0 {
			delete(s.users, u)
		}
	}
	delete(s.sorted, k.kind)
}

func (s *state) put(d *doc) {
	s.remove(d.key)
	s.docs[d.kind][d.id] = d
	s.names[d.kind][d.name()] = d.id
	if n := namespaceOf(d.model); n != "" {
		s.namespaces[n] = d.id
	}
	for _, u := range d.uses {
		if s.users[u] == nil {
			s.users[u] = make(map[key]bool)
		}
		s.users[u][d.key] = true
	}
	delete(s.sorted, d.kind)
}

// apply takes what a draft has changed.
func (s *state) apply(changed map[key]*doc, revision int64) {
	// All that goes first: a name may pass from one to another.
	for k := range changed {
		s.remove(k)
	}
	for _, d := range changed {
		if d != nil {
			s.put(d)
		}
	}
	s.revision = revision
}

func (s *state) inOrder(k Kind) []*doc {
	if all, ok := s.sorted[k]; ok {
		return all
	}
	all := slices.SortedFunc(maps.Values(s.docs[k]), func(a, b *doc) int {
		return cmp.Or(strings.Compare(a.name(), b.name()), strings.Compare(a.id, b.id))
	})
	s.sorted[k] = all
	return all
}

func (s *state) find(k Kind, ref string) *doc {
	if d := s.docs[k][strings.ToLower(ref)]; d != nil {
		return d
	}
	return s.docs[k][s.names[k][ref]]
}

// usedBy names models that use one, at most five of them and how many more.
func usedBy(users []*doc) string {
	const most = 5
	names := make([]string, 0, most)
	for _, u := range users[:min(most, len(users))] {
		names = append(names, u.title())
	}
	text := strings.Join(names, ", ")
	if n := len(users) - most; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}
