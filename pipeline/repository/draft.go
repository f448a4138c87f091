package repository

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/wattwerk/wattwerk/internal/strict"
	"github.com/wattwerk/wattwerk/manifest"
)

// draft is what models would be after changes that are not stored yet.
type draft struct {
	opts       *Options
	base       *state
	changed    map[key]*doc // nil: deleted
	names      map[Kind]map[string]string
	namespaces map[string]string
	counts     map[Kind]int
	using      map[key][]*doc // of what was changed: who uses it; made by settle
}

func newDraft(o *Options, base *state) *draft {
	d := &draft{opts: o, base: base, changed: make(map[key]*doc), names: make(map[Kind]map[string]string), namespaces: make(map[string]string), counts: make(map[Kind]int)}
	for _, k := range kinds {
		d.names[k] = make(map[string]string)
		d.counts[k] = len(base.docs[k])
	}
	return d
}

func (d *draft) get(k key) *doc {
	if x, ok := d.changed[k]; ok {
		return x
	}
	return d.base.docs[k.kind][k.id]
}

// named finds the id of a name, or "".
func (d *draft) named(k Kind, name string) string {
	if id, ok := d.names[k][name]; ok {
		return id
	}
	id := d.base.names[k][name]
	if _, ok := d.changed[key{k, id}]; ok {
		return "" // it has another name now, or is gone
	}
	return id
}

func (d *draft) spaced(namespace string) string {
	if id, ok := d.namespaces[namespace]; ok {
		return id
	}
	id := d.base.namespaces[namespace]
	if _, ok := d.changed[key{Gateways, id}]; ok {
		return ""
	}
	return id
}

func (d *draft) find(k Kind, ref string) *doc {
	if x := d.get(key{k, strings.ToLower(ref)}); x != nil {
		return x
	}
	if id := d.named(k, ref); id != "" {
		return d.get(key{k, id})
	}
	return nil
}

// set puts a model of its own into the draft, with its identity alone; references
// are followed by resolve when all are in.
func (d *draft) set(m any) (*doc, error) {
	k := kindOf(m)
	id := idOf(m)
	*id = strings.ToLower(strings.TrimSpace(*id))
	switch {
	case *id == "":
		*id = newID()
	case !isID(*id):
		return nil, fmt.Errorf("%w: the id of %s is %.60q, which is not a UUID", ErrInvalid, titleOf(m), *id)
	}
	x := &doc{key: key{k, *id}, model: m}
	if _, twice := d.changed[x.key]; twice {
		return nil, &Taken{k, "id", *id}
	}
	was := d.base.docs[k][*id]
	d.changed[x.key] = x
	if was == nil {
		d.counts[k]++
		if d.counts[k] > d.opts.Most {
			return nil, fmt.Errorf("%w: there are %d of the type %s, and there may be no more", ErrInvalid, d.opts.Most, k.Noun())
		}
		return x, nil
	}
	x.version, x.created, x.state = was.version, was.created, was.state
	return x, nil
}

// resolve follows the references of models that were set, and takes their names.
// It adds what is wrong to the faults; an error is one that has a kind of its own.
func (d *draft) resolve(set []*doc) error {
	for _, x := range set {
		if x.kind == Channels {
			continue
		}
		if err := d.take(x); err != nil {
			return err
		}
	}
	for _, x := range set {
		var missing error
		references(x.model, func(ref *string, to Kind) {
			if found := d.find(to, *ref); found != nil {
				*ref = found.id
			} else if missing == nil {
				missing = &Missing{titleOf(x.model), to, *ref}
			}
		})
		if missing != nil {
			return missing
		}
		x.uses = usesOf(x.model)
	}
	for _, x := range set {
		if x.kind == Channels {
			if err := d.take(x); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *draft) take(x *doc) error {
	name, field := x.name(), "name"
	if x.kind == Channels {
		field = "pair"
	}
	if isID(strings.ToLower(name)) {
		return fmt.Errorf("%w: the name of %s is written as an id", ErrInvalid, x.title())
	}
	if other := d.named(x.kind, name); other != "" && other != x.id {
		return &Taken{x.kind, field, name}
	}
	d.names[x.kind][name] = x.id
	if n := namespaceOf(x.model); n != "" {
		if other := d.spaced(n); other != "" && other != x.id {
			return &Taken{x.kind, "namespace", n}
		}
		d.namespaces[n] = x.id
	}
	return nil
}

// drop takes a model out of the draft.
func (d *draft) drop(x *doc) {
	d.changed[x.key] = nil
	d.counts[x.kind]--
}

// users are the models that use one, in order.
func (d *draft) users(k key) []*doc {
	var out []*doc
	for u := range d.base.users[k] {
		if _, ok := d.changed[u]; !ok {
			out = append(out, d.base.docs[u.kind][u.id])
		}
	}
	out = append(out, d.using[k]...)
	slices.SortFunc(out, func(a, b *doc) int {
		return cmp.Or(strings.Compare(string(a.kind), string(b.kind)), strings.Compare(a.name(), b.name()))
	})
	return out
}

// settle checks everything that was changed, and everything that uses it.
func (d *draft) settle() error {
	var faults strict.Faults
	d.using = make(map[key][]*doc)
	all := slices.SortedFunc(maps.Keys(d.changed), func(a, b key) int {
		return cmp.Or(strings.Compare(string(a.kind), string(b.kind)), strings.Compare(a.id, b.id))
	})
	for _, k := range all {
		if x := d.changed[k]; x != nil {
			for _, u := range x.uses {
				d.using[u] = append(d.using[u], x)
			}
		}
	}
	for _, k := range kinds {
		for _, x := range d.inOrder(k) {
			d.check(x, &faults)
		}
	}
	if err := faults.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	for _, k := range all {
		if d.changed[k] != nil {
			continue
		}
		if users := d.users(k); len(users) > 0 {
			return fmt.Errorf("%w: %s is used by %s", ErrInUse, d.base.docs[k.kind][k.id].title(), usedBy(users))
		}
	}
	seen := make(map[key]bool)
	var affected func(k key)
	affected = func(k key) {
		for _, u := range d.users(k) {
			if seen[u.key] {
				continue
			}
			seen[u.key] = true
			if _, ok := d.changed[u.key]; !ok {
				d.check(u, &faults)
			}
			affected(u.key)
		}
	}
	for _, k := range all {
		x := d.changed[k]
		if was := d.base.docs[k.kind][k.id]; x != nil && was != nil && was.json != x.json {
			affected(k)
		}
	}
	if err := faults.Err(); err != nil {
		return fmt.Errorf("%w: what uses it could not go on: %w", ErrInvalid, err)
	}
	return nil
}

func (d *draft) inOrder(k Kind) []*doc {
	var out []*doc
	for _, x := range d.changed {
		if x != nil && x.kind == k {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(a, b *doc) int { return cmp.Or(strings.Compare(a.name(), b.name()), strings.Compare(a.id, b.id)) })
	return out
}

// check adds what is wrong with one model by itself and with what it refers to.
func (d *draft) check(x *doc, faults *strict.Faults) {
	title := x.title()
	fault := func(format string, args ...any) { faults.Add("%s: %s", title, fmt.Sprintf(format, args...)) }
	several := func(err error) {
		if all, ok := errors.AsType[*strict.Faults](err); ok {
			for _, s := range all.Sentences {
				fault("%s", s)
			}
		} else if err != nil {
			fault("%v", err)
		}
	}
	bounds(x.model, fault)
	if len(x.json) > d.opts.Largest {
		fault("it has %d bytes, and may have %d", len(x.json), d.opts.Largest)
	}
	switch m := x.model.(type) {
	case *manifest.Interface:
		_, err := d.declared(m)
		several(err)
	case *manifest.SourceDefinition:
		if i := repeated(m.Kinds); i >= 0 {
			fault("it names a kind twice")
		}
	case *manifest.Source:
		def := at[manifest.SourceDefinition](d, m.Definition)
		if def == nil {
			return // a sentence says so
		}
		if over := at[manifest.Interface](d, def.Interface); over != nil {
			declared, err := d.declared(over)
			if err == nil {
				p, _ := d.opts.Protocol(strings.ToLower(over.Protocol))
				_, err = p.Judge(declared, m.Parameters)
			}
			several(err)
		}
	case *manifest.Consumer:
		if i := repeated(m.Definitions); i >= 0 {
			fault("it names a data source definition twice")
		}
	case *manifest.Channel:
		if m.ValidFrom != nil && m.ValidTo != nil && !m.ValidFrom.Before(*m.ValidTo) {
			fault("it is valid to %v, which is not after %v", m.ValidTo.UTC(), m.ValidFrom.UTC())
		}
		source, consumer := at[manifest.Source](d, m.Source), at[manifest.Consumer](d, m.Consumer)
		if source != nil && consumer != nil && !slices.Contains(consumer.Definitions, source.Definition) {
			fault("data consumer %.60q does not take data of the definition of data source %.60q", consumer.Name, source.Name)
		}
	case *manifest.Gateway:
		if m.Place != nil && (m.Place.Latitude == nil) != (m.Place.Longitude == nil) {
			fault("a place has both a latitude and a longitude, or neither")
		}
	case *manifest.Definition:
		_, err := d.offered(m)
		several(err)
	case *manifest.Manifest:
		d.checkManifest(m, fault, several)
	}
}

// declared are the parameters of sources of an interface.
func (d *draft) declared(m *manifest.Interface) ([]manifest.Parameter, error) {
	if err := manifest.Declare(m.Parameters); err != nil {
		// Of a protocol that is known a type may be left out, and a bound be there
		// all the same: Narrow judges that.
		if _, known := d.opts.Protocol(strings.ToLower(m.Protocol)); !known {
			return nil, err
		}
	}
	of, known := d.opts.Protocol(strings.ToLower(m.Protocol))
	if !known {
		return m.Parameters, nil
	}
	return manifest.Narrow(of.Parameters, m.Parameters)
}

// offered are the parameters of processors of a definition.
func (d *draft) offered(m *manifest.Definition) ([]manifest.Parameter, error) {
	t, known := d.opts.Processor(m.Type)
	if !known {
		return nil, fmt.Errorf("there is no type of processors %.60q", m.Type)
	}
	return manifest.Narrow(t.Parameters, m.Parameters)
}

func (d *draft) checkManifest(m *manifest.Manifest, fault func(string, ...any), several func(error)) {
	wrong := false
	bad := func(format string, args ...any) { wrong = true; fault(format, args...) }
	names := make(map[string]bool, len(m.Processors))
	for i := range m.Processors {
		p := &m.Processors[i]
		if names[p.Name] {
			bad("there are two processors %.60q", p.Name)
		}
		names[p.Name] = true
		var declared []manifest.Parameter
		var err error
		switch {
		case (p.Definition == "") == (p.Type == ""):
			bad("processor %.60q needs a definition or a type, one of them", p.Name)
			continue
		case p.Definition != "":
			declared, err = d.offered(at[manifest.Definition](d, p.Definition))
		default:
			declared, err = d.offered(&manifest.Definition{Type: p.Type})
		}
		if err == nil {
			_, err = manifest.Complete(declared, p.Parameters)
		}
		if all, ok := errors.AsType[*strict.Faults](err); ok {
			for _, s := range all.Sentences {
				bad("processor %.60q: %s", p.Name, s)
			}
		} else if err != nil {
			bad("processor %.60q: %v", p.Name, err)
		}
	}
	if wrong || d.opts.Check == nil {
		return
	}
	set, err := d.about(m)
	if err == nil {
		err = d.opts.Check(set, m)
	}
	several(err)
}

// at gives a model of the draft by its id; nil when there is none.
func at[T Model](d *draft, id string) *T {
	x := d.get(key{KindOf[T](), id})
	if x == nil {
		return nil
	}
	return x.model.(*T)
}

// about gathers what a manifest refers to, and what that does.
func (d *draft) about(m *manifest.Manifest) (*manifest.Set, error) {
	seen := make(map[key]bool)
	b := &manifest.Bundle{Manifests: []manifest.Manifest{*m}}
	var follow func(uses []key)
	follow = func(uses []key) {
		for _, u := range uses {
			if x := d.get(u); x != nil && !seen[u] {
				seen[u] = true
				add(b, x.model)
				follow(x.uses)
			}
		}
	}
	follow(usesOf(m))
	return manifest.NewSet(b)
}

func add(b *manifest.Bundle, m any) {
	switch m := m.(type) {
	case *manifest.Interface:
		b.Interfaces = append(b.Interfaces, *m)
	case *manifest.Kind:
		b.Kinds = append(b.Kinds, *m)
	case *manifest.SourceDefinition:
		b.SourceDefinitions = append(b.SourceDefinitions, *m)
	case *manifest.Gateway:
		b.Gateways = append(b.Gateways, *m)
	case *manifest.Source:
		b.Sources = append(b.Sources, *m)
	case *manifest.Consumer:
		b.Consumers = append(b.Consumers, *m)
	case *manifest.Channel:
		b.Channels = append(b.Channels, *m)
	case *manifest.Definition:
		b.Definitions = append(b.Definitions, *m)
	case *manifest.Manifest:
		b.Manifests = append(b.Manifests, *m)
	}
}

func repeated(all []string) int {
	for i, s := range all {
		if slices.Contains(all[:i], s) {
			return i
		}
	}
	return -1
}

// newID makes a UUID of version 4.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
