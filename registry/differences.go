package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/internal/etag"
	"github.com/wattwerk/wattwerk/model"
)

// Bounds of looking back.
const (
	mostBack        = 5000 // revisions
	mostDifferences = 1000
)

// FieldChange is what a field said before, and says after.
type FieldChange struct {
	Field string `json:"field" doc:"As in the model" example:"maxAge"`
	From  string `json:"from,omitempty" doc:"As JSON; absent: it was not there"`
	To    string `json:"to,omitempty" doc:"As JSON; absent: it is not there"`
}

// Difference is one thing that is other than it was.
type Difference struct {
	What   string        `json:"what" enum:"added,removed,renamed,moved,changed"`
	Kind   string        `json:"kind" enum:"site,sensor,group,hierarchy"`
	ID     string        `json:"id"`
	Name   string        `json:"name,omitempty" doc:"Its name afterwards; of what was removed before"`
	From   string        `json:"from,omitempty" doc:"Of what was renamed, the name before; of what was moved, the group it was a member of"`
	To     string        `json:"to,omitempty" doc:"Of what was renamed, the new name; of what was moved, the group it is a member of"`
	Fields []FieldChange `json:"fields,omitempty" doc:"Of what was changed: the fields"`
	Text   string        `json:"text" doc:"The same as a sentence"`
}

// Differences lists what is other in one revision than in another.
type Differences struct {
	Since    uint64       `json:"since" doc:"The revision before; 0: before there was any"`
	Revision uint64       `json:"revision" doc:"The revision after"`
	Total    int          `json:"total" doc:"How many there are"`
	Items    []Difference `json:"items" doc:"The first 1000 of them: sites, hierarchies, groups and sensors"`
}

// models gives the model as it was at two revisions, by undoing what came later.
func (s *Service) models(ctx context.Context, st catalog.State, a, b uint64) (at [2]*model.Model, err error) {
	if max(a, b) > st.Revision {
		return at, catalog.ErrNoRevision
	}
	if n := st.Revision - min(a, b); n > mostBack {
		return at, fmt.Errorf("%w: it is %d revisions ago; at most %d are looked back", errRequest, n, mostBack)
	}
	m := st.Model
	for r := st.Revision; ; r-- {
		if r == a {
			at[0] = m
		}
		if r == b {
			at[1] = m
		}
		if at[0] != nil && at[1] != nil {
			return at, nil
		}
		_, _, inverse, err := s.o.Catalog.Revision(ctx, r)
		if err != nil {
			return at, err
		}
		if m, _, err = m.Apply(inverse); err != nil {
			return at, fmt.Errorf("undo revision %d: %w", r, err)
		}
	}
}

// element is anything of a model.
type element struct {
	kind, id, name string
	value          any
	members        []model.Member
}

// elements of a document, by kind and identifier.
func elements(d *model.Document) map[[2]string]element {
	out := make(map[[2]string]element, len(d.Sites)+len(d.Sensors)+len(d.Groups)+len(d.Hierarchies))
	add := func(e element) { out[[2]string{e.kind, e.id}] = e }
	for _, x := range d.Sites {
		add(element{"site", string(x.ID), x.Name, x, nil})
	}
	for _, x := range d.Hierarchies {
		add(element{"hierarchy", string(x.ID), x.Name, x, nil})
	}
	for _, x := range d.Groups {
		members := x.Members
		x.Members = nil
		add(element{"group", string(x.ID), x.Name, x, members})
	}
	for _, x := range d.Sensors {
		add(element{"sensor", string(x.ID), x.Name, x, nil})
	}
	return out
}

// differences lists what a patch does to a document, which leads to another.
func differences(was, is model.Document, p *model.Patch) ([]Difference, error) {
	before, after := elements(&was), elements(&is)
	var out []Difference
	say := func(d Difference, format string, args ...any) {
		d.Text = fmt.Sprintf(format, args...)
		out = append(out, d)
	}
	moves := make(map[[2]string]*journey)
	var order [][2]string // in which members were met
	meet := func(group string, members []model.Member, f func(*journey, string, model.Member)) {
		for _, m := range members {
			k := [2]string{"sensor", string(m.Sensor)}
			if m.Group != "" {
				k = [2]string{"group", string(m.Group)}
			}
			if moves[k] == nil {
				moves[k] = new(journey)
				order = append(order, k)
			}
			f(moves[k], group, m)
		}
	}
	for _, k := range changedKeys(p) {
		a, had := before[k]
		b, has := after[k]
		meet(k[1], a.members, func(m *journey, g string, x model.Member) { m.left(g, x) })
		meet(k[1], b.members, func(m *journey, g string, x model.Member) { m.entered(g, x) })
		switch {
		case !had && !has:
			continue
		case !had:
			say(Difference{What: "added", Kind: k[0], ID: k[1], Name: b.name}, "%s %s was added", k[0], called(b))
			continue
		case !has:
			say(Difference{What: "removed", Kind: k[0], ID: k[1], Name: a.name}, "%s %s was removed", k[0], called(a))
			continue
		}
		if a.name != b.name {
			say(Difference{What: "renamed", Kind: k[0], ID: k[1], Name: b.name, From: a.name, To: b.name}, "%s %q was renamed from %q to %q", k[0], k[1], a.name, b.name)
		}
		fields, err := fieldsOf(a.value, b.value)
		if err != nil {
			return nil, err
		}
		if len(fields) > 0 {
			say(Difference{What: "changed", Kind: k[0], ID: k[1], Name: b.name, Fields: fields}, "%s %s has other %s", k[0], called(b), names(fields))
		} else if a.name == b.name && slices.Equal(sorted(a.members), sorted(b.members)) {
			say(Difference{What: "changed", Kind: k[0], ID: k[1], Name: b.name, Fields: []FieldChange{{Field: "members"}}}, "the members of group %s are in another order", called(b))
		}
	}
	for _, k := range order {
		e, ok := after[k]
		if !ok {
			e = before[k]
		}
		m := moves[k]
		m.tell(func(d Difference, format string, args ...any) {
			d.Kind, d.ID, d.Name = k[0], k[1], e.name
			say(d, "%s %s "+format, append([]any{k[0], called(e)}, args...)...)
		})
	}
	return out, nil
}

// changedKeys lists what a patch touches: sites, hierarchies, groups, sensors.
func changedKeys(p *model.Patch) (out [][2]string) {
	add := func(kind, id string) { out = append(out, [2]string{kind, id}) }
	for _, x := range p.Sites {
		add("site", string(x.ID))
	}
	for _, x := range p.RemoveSites {
		add("site", string(x))
	}
	for _, x := range p.Hierarchies {
		add("hierarchy", string(x.ID))
	}
	for _, x := range p.RemoveHierarchies {
		add("hierarchy", string(x))
	}
	for _, x := range p.Groups {
		add("group", string(x.ID))
	}
	for _, x := range p.RemoveGroups {
		add("group", string(x))
	}
	for _, x := range p.Sensors {
		add("sensor", string(x.ID))
	}
	for _, x := range p.RemoveSensors {
		add("sensor", string(x))
	}
	return out
}

// journey is what became of a member of groups.
type journey struct {
	from, to []string // groups it left, and entered
	was, is  map[string]model.Member
}

func (m *journey) left(group string, x model.Member) {
	if m.was == nil {
		m.was = make(map[string]model.Member)
	}
	m.was[group] = x
	m.from = append(m.from, group)
}

func (m *journey) entered(group string, x model.Member) {
	if m.is == nil {
		m.is = make(map[string]model.Member)
	}
	m.is[group] = x
	m.to = append(m.to, group)
}

// tell says what became of it. Of several groups left and entered each is told.
func (m *journey) tell(say func(d Difference, format string, args ...any)) {
	var from, to []string
	for _, g := range m.from {
		if is, ok := m.is[g]; !ok {
			from = append(from, g)
		} else if was := m.was[g]; was != is {
			say(Difference{What: "changed", Fields: []FieldChange{{Field: "member of " + g, From: role(was), To: role(is)}}}, "is %s in group %q, and was %s", role(is), g, role(was))
		}
	}
	for _, g := range m.to {
		if _, ok := m.was[g]; !ok {
			to = append(to, g)
		}
	}
	for len(from) > 0 || len(to) > 0 {
		switch {
		case len(from) == 0:
			say(Difference{What: "moved", To: to[0]}, "was placed in group %q", to[0])
			to = to[1:]
		case len(to) == 0:
			say(Difference{What: "moved", From: from[0]}, "was taken out of group %q", from[0])
			from = from[1:]
		default:
			say(Difference{What: "moved", From: from[0], To: to[0]}, "was moved from group %q to %q", from[0], to[0])
			from, to = from[1:], to[1:]
		}
	}
}

func role(m model.Member) string {
	switch {
	case m.Meter && m.Sign < 0:
		return "the meter, with the other sign"
	case m.Meter:
		return "the meter"
	case m.Sign < 0:
		return "taken off"
	}
	return "added"
}

func called(e element) string {
	if e.name == "" || e.name == e.id {
		return fmt.Sprintf("%q", e.id)
	}
	return fmt.Sprintf("%q (%s)", e.id, e.name)
}

func names(fields []FieldChange) string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = f.Field
	}
	return strings.Join(all, ", ")
}

func sorted(members []model.Member) []model.Member {
	out := slices.Clone(members)
	slices.SortFunc(out, func(a, b model.Member) int {
		return strings.Compare(string(a.Sensor)+"\x00"+string(a.Group), string(b.Sensor)+"\x00"+string(b.Group))
	})
	return out
}

// fieldsOf compares two elements field by field, but for identifier and name.
func fieldsOf(a, b any) ([]FieldChange, error) {
	var texts [2]map[string]json.RawMessage
	for i, x := range []any{a, b} {
		text, err := json.Marshal(x)
		if err == nil {
			err = json.Unmarshal(text, &texts[i])
		}
		if err != nil {
			return nil, err
		}
	}
	var fields []string
	for _, x := range texts {
		for f := range x {
			if f != "id" && f != "name" && !bytes.Equal(texts[0][f], texts[1][f]) && !slices.Contains(fields, f) {
				fields = append(fields, f)
			}
		}
	}
	slices.Sort(fields)
	out := make([]FieldChange, len(fields))
	for i, f := range fields {
		out[i] = FieldChange{Field: f, From: string(texts[0][f]), To: string(texts[1][f])}
	}
	return out, nil
}

func (s *Service) registerDifferences(api huma.API) {
	type diffInput struct {
		Revision uint64 `path:"rev" minimum:"0" doc:"The revision after; 0 is an empty model"`
		Since    int64  `query:"since" minimum:"-1" default:"-1" doc:"The revision before, which may also be a later one; default: the one before it"`
	}
	type diffOutput struct{ Body Differences }
	huma.Register(api, op("revision-differences", http.MethodGet, "/api/v1/revisions/{rev}/differences", "What is other in a revision than in another",
		"What was added, removed, renamed, moved and changed, each with a sentence. At most 5000 revisions are looked back.", mayRead, 404),
		func(ctx context.Context, in *diffInput) (*diffOutput, error) {
			if err := s.ready(ctx); err != nil {
				return nil, err
			}
			st := s.o.Catalog.State()
			since := uint64(max(in.Since, 0))
			if in.Since < 0 && in.Revision > 0 {
				since = in.Revision - 1
			}
			at, err := s.models(ctx, st, since, in.Revision)
			if err != nil {
				return nil, refuse(st, err)
			}
			was, is := at[0].Document(), at[1].Document()
			p := model.Diff(was, is)
			all, err := differences(was, is, &p)
			if err != nil {
				return nil, refuse(st, err)
			}
			out := &diffOutput{Differences{Since: since, Revision: in.Revision, Total: len(all), Items: []Difference{}}}
			out.Body.Items = append(out.Body.Items, all[:min(len(all), mostDifferences)]...)
			return out, nil
		})

	type restoreInput struct {
		Precondition
		Revision uint64 `path:"rev" minimum:"1" doc:"The revision"`
	}
	huma.Register(api, op("restore-revision", http.MethodPost, "/api/v1/revisions/{rev}/restore", "Have the model as it was at a revision",
		"As a new revision, which can be undone as well. Nothing is forgotten: what sensors measured stays.", mayOperate, 404),
		func(ctx context.Context, in *restoreInput) (*changed, error) {
			match, err := etag.Match(in.IfMatch)
			if err != nil {
				return nil, refuse(catalog.State{}, err)
			}
			if err := s.ready(ctx); err != nil {
				return nil, err
			}
			return answer(s.change(ctx, match, func(st catalog.State) (model.Patch, string, error) {
				at, err := s.models(ctx, st, in.Revision, st.Revision)
				if err != nil {
					return model.Patch{}, "", err
				}
				return model.Diff(at[1].Document(), at[0].Document()), fmt.Sprintf("restored revision %d", in.Revision), nil
			}))
		})
}
