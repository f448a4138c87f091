package registry

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/internal/etag"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

var documentType = reflect.TypeFor[model.Document]()

// kind declares one of the four kinds of things a model holds, so that all are
// read and changed alike.
type kind[T any, K ~string] struct {
	one, many string
	id        func(*T) *K
	name      func(*T) string
	get       func(*model.Model, K) (*T, bool)
	all       func(*model.Model) iter.Seq[*T]
	put       func(T) model.Patch
	remove    func(m *model.Model, id K, detach bool) model.Patch
}

var sites = kind[model.Site, model.SiteID]{
	one: "site", many: "sites",
	id:   func(x *model.Site) *model.SiteID { return &x.ID },
	name: func(x *model.Site) string { return x.Name },
	get:  (*model.Model).Site, all: (*model.Model).Sites,
	put: func(x model.Site) model.Patch { return model.Patch{Sites: []model.Site{x}} },
	remove: func(_ *model.Model, id model.SiteID, _ bool) model.Patch {
		return model.Patch{RemoveSites: []model.SiteID{id}}
	},
}

var sensors = kind[model.Sensor, record.SensorID]{
	one: "sensor", many: "sensors",
	id:   func(x *model.Sensor) *record.SensorID { return &x.ID },
	name: func(x *model.Sensor) string { return x.Name },
	get:  (*model.Model).Sensor, all: (*model.Model).Sensors,
	put: func(x model.Sensor) model.Patch { return model.Patch{Sensors: []model.Sensor{x}} },
	remove: func(m *model.Model, id record.SensorID, detach bool) model.Patch {
		p := model.Patch{RemoveSensors: []record.SensorID{id}}
		if detach {
			for _, at := range m.Parents(id) {
				if g, ok := m.Group(at); ok {
					members, _ := without(g, id, "")
					p.Groups = append(p.Groups, model.Group{ID: g.ID, Name: g.Name, Members: members})
				}
			}
		}
		return p
	},
}

var groups = kind[model.Group, model.GroupID]{
	one: "group", many: "groups",
	id:   func(x *model.Group) *model.GroupID { return &x.ID },
	name: func(x *model.Group) string { return x.Name },
	get:  (*model.Model).Group, all: (*model.Model).Groups,
	put: func(x model.Group) model.Patch { return model.Patch{Groups: []model.Group{x}} },
	remove: func(m *model.Model, id model.GroupID, detach bool) model.Patch {
		p := model.Patch{RemoveGroups: []model.GroupID{id}}
		if at, ok := m.Parent(id); ok && detach {
			if g, ok := m.Group(at); ok {
				members, _ := without(g, "", id)
				p.Groups = append(p.Groups, model.Group{ID: g.ID, Name: g.Name, Members: members})
			}
		}
		return p
	},
}

var hierarchies = kind[model.Hierarchy, model.HierarchyID]{
	one: "hierarchy", many: "hierarchies",
	id:   func(x *model.Hierarchy) *model.HierarchyID { return &x.ID },
	name: func(x *model.Hierarchy) string { return x.Name },
	get:  (*model.Model).Hierarchy,
	all: func(m *model.Model) iter.Seq[*model.Hierarchy] {
		return func(yield func(*model.Hierarchy) bool) {
			for _, id := range m.Hierarchies() {
				if h, ok := m.Hierarchy(id); ok && !yield(h) {
					return
				}
			}
		}
	},
	put: func(x model.Hierarchy) model.Patch { return model.Patch{Hierarchies: []model.Hierarchy{x}} },
	remove: func(_ *model.Model, id model.HierarchyID, _ bool) model.Patch {
		return model.Patch{RemoveHierarchies: []model.HierarchyID{id}}
	},
}

// listInput asks for a page.
type listInput struct {
	After string `query:"after" maxLength:"200" doc:"Give what comes behind this identifier; for the next page, the next of the page before"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many at most"`
	Query string `query:"q" maxLength:"200" doc:"Only those whose identifier or name contains this text"`
}

// List is a page of things, in order of their identifiers.
type List[T any] struct {
	Revision uint64 `json:"revision" doc:"The revision of the model it is from"`
	Items    []T    `json:"items" doc:"In order of the identifiers"`
	Next     string `json:"next,omitempty" doc:"Where the next page begins; absent on the last"`
	Total    int    `json:"total" doc:"How many match, on all pages"`
}

type listOutput[T any] struct {
	ETag string `header:"ETag"`
	Body List[T]
}

type itemOutput[T any] struct {
	ETag string `header:"ETag"`
	Body T
}

type itemInput struct {
	ID string `path:"id" maxLength:"200" doc:"Its identifier, percent-encoded"`
}

type putInput[T any] struct {
	Precondition
	ID   string `path:"id" maxLength:"200" doc:"Its identifier, percent-encoded"`
	Body T
}

type deleteInput struct {
	Precondition
	ID     string `path:"id" maxLength:"200" doc:"Its identifier, percent-encoded"`
	Detach bool   `query:"detach" doc:"Take it out of the groups it is a member of first; without, a member is not removed"`
}

func registerKind[T any, K ~string](s *Service, api huma.API, k kind[T, K]) {
	base := "/api/v1/" + k.many
	huma.Register(api, op("list-"+k.many, http.MethodGet, base, "List "+k.many, "", mayRead),
		func(ctx context.Context, in *listInput) (*listOutput[T], error) {
			if err := s.ready(ctx); err != nil {
				return nil, err
			}
			st := s.o.Catalog.State()
			out := &listOutput[T]{ETag: tagOf(st.Revision), Body: List[T]{Revision: st.Revision, Items: []T{}}}
			p := newPage[K](in.After, in.Limit)
			for x := range k.all(st.Model) {
				if matches(in.Query, string(*k.id(x)), k.name(x)) {
					out.Body.Total++
					p.offer(*k.id(x))
				}
			}
			var ids []K
			ids, out.Body.Next = p.done()
			for _, id := range ids {
				if x, ok := k.get(st.Model, id); ok {
					out.Body.Items = append(out.Body.Items, *x)
				}
			}
			return out, nil
		})
	huma.Register(api, op("get-"+k.one, http.MethodGet, base+"/{id}", "Get a "+k.one, "", mayRead, 404),
		func(ctx context.Context, in *itemInput) (*itemOutput[T], error) {
			if err := s.ready(ctx); err != nil {
				return nil, err
			}
			st := s.o.Catalog.State()
			x, ok := k.get(st.Model, K(in.ID))
			if !ok {
				return nil, refuse(st, fmt.Errorf("%w: %s %q is not in the model", errNothing, k.one, in.ID))
			}
			return &itemOutput[T]{ETag: tagOf(st.Revision), Body: *x}, nil
		})
	huma.Register(api, op("put-"+k.one, http.MethodPut, base+"/{id}", "Add or replace a "+k.one, "The "+k.one+" is put as it is given, as a whole.", mayOperate, 413, 422),
		func(ctx context.Context, in *putInput[T]) (*changed, error) {
			match, err := etag.Match(in.IfMatch)
			if err != nil {
				return nil, refuse(catalog.State{}, err)
			}
			switch id := k.id(&in.Body); *id {
			case "":
				*id = K(in.ID)
			case K(in.ID):
			default:
				return nil, refuse(catalog.State{}, fmt.Errorf("%w: the %s is called %q in the path and %q in the body; its identifier cannot change", errRequest, k.one, in.ID, string(*id)))
			}
			return answer(s.change(ctx, match, func(catalog.State) (model.Patch, string, error) { return k.put(in.Body), "", nil }))
		})
	huma.Register(api, op("delete-"+k.one, http.MethodDelete, base+"/{id}", "Remove a "+k.one, "What was recorded stays in the history.", mayOperate, 404, 422),
		func(ctx context.Context, in *deleteInput) (*changed, error) {
			match, err := etag.Match(in.IfMatch)
			if err != nil {
				return nil, refuse(catalog.State{}, err)
			}
			return answer(s.change(ctx, match, func(st catalog.State) (model.Patch, string, error) {
				if _, ok := k.get(st.Model, K(in.ID)); !ok {
					return model.Patch{}, "", fmt.Errorf("%w: %s %q is not in the model", errNothing, k.one, in.ID)
				}
				return k.remove(st.Model, K(in.ID), in.Detach), "", nil
			}))
		})
}
