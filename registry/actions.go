package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/internal/etag"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// errRequest marks a request that contradicts itself or the model.
var errRequest = errors.New("this cannot be done")

type moveRequest struct {
	Hierarchy model.HierarchyID `json:"hierarchy" doc:"Within which hierarchy" minLength:"1" maxLength:"200"`
	Sensor    record.SensorID   `json:"sensor,omitempty" doc:"The sensor to move" maxLength:"200"`
	Group     model.GroupID     `json:"group,omitempty" doc:"Or the group, with all it contains" maxLength:"200"`
	To        model.GroupID     `json:"to" doc:"The group it becomes a member of" minLength:"1" maxLength:"200"`
	Position  *int              `json:"position,omitempty" doc:"Its place among the members there, from 0; default: the end" minimum:"0"`
	Meter     bool              `json:"meter,omitempty" doc:"The sensor becomes the meter of that group; otherwise it is an ordinary member there, whatever it was"`
}

type assignRequest struct {
	Sensor record.SensorID `json:"sensor" doc:"A sensor of the model, or one that was seen" minLength:"1" maxLength:"200"`
	Group  model.GroupID   `json:"group" doc:"The group it becomes a member of" minLength:"1" maxLength:"200"`
	Sign   int8            `json:"sign,omitempty" doc:"1 or -1, by which its values count; default 1" enum:"-1,0,1"`
	Meter  bool            `json:"meter,omitempty" doc:"It is the group's own meter"`
	Name   string          `json:"name,omitempty" doc:"What a new sensor is called" maxLength:"500"`
}

type renameRequest struct {
	Kind    string `json:"kind" enum:"site,sensor,group,hierarchy" doc:"What it is"`
	ID      string `json:"id" doc:"Its identifier, which stays" minLength:"1" maxLength:"200"`
	NewName string `json:"newName" doc:"Its new name" maxLength:"500"`
}

type deviceRequest struct {
	At          *time.Time `json:"at,omitempty" doc:"When the new device took over; default: now"`
	Serial      string     `json:"serial,omitempty" doc:"Serial number of the new device" maxLength:"500"`
	Description string     `json:"description,omitempty" doc:"Make and type of the new device" maxLength:"2000"`
	OldEnd      *float64   `json:"oldEnd,omitempty" doc:"Last reading of the old device, in the coherent unit"`
	NewStart    *float64   `json:"newStart,omitempty" doc:"First reading of the new device, in the coherent unit"`
}

type bodyInput[T any] struct {
	Precondition
	Body T
}

// registerAction adds a route that makes a patch of a body.
func registerAction[T any](s *Service, api huma.API, id, path, summary, description string, build func(catalog.State, *T) (model.Patch, string, error)) {
	huma.Register(api, op(id, http.MethodPost, path, summary, description, mayOperate, 404, 413, 422),
		func(ctx context.Context, in *bodyInput[T]) (*changed, error) {
			match, err := etag.Match(in.IfMatch)
			if err != nil {
				return nil, refuse(catalog.State{}, err)
			}
			return answer(s.change(ctx, match, func(st catalog.State) (model.Patch, string, error) { return build(st, &in.Body) }))
		})
}

func (s *Service) registerActions(api huma.API) {
	registerAction(s, api, "move", "/api/v1/move", "Move a sensor or group within a hierarchy",
		"It keeps its sign. All partitions switch at the same tick.", move)
	registerAction(s, api, "assign", "/api/v1/assign", "Place a sensor in a group",
		"A sensor that is not in the model yet is created from what was seen of it; its records were kept all the time.", s.assign)
	registerAction(s, api, "rename", "/api/v1/rename", "Give something a new name", "Identifiers stay for ever.", rename)

	type deviceInput struct {
		Precondition
		ID   string `path:"id" maxLength:"200" doc:"The sensor, percent-encoded"`
		Body deviceRequest
	}
	huma.Register(api, op("replace-device", http.MethodPost, "/api/v1/sensors/{id}/device", "Replace the device of a sensor",
		"The sensor keeps its identity and history.", mayOperate, 404, 413, 422),
		func(ctx context.Context, in *deviceInput) (*changed, error) {
			match, err := etag.Match(in.IfMatch)
			if err != nil {
				return nil, refuse(catalog.State{}, err)
			}
			if in.Body.At == nil {
				now := time.Now().UTC().Truncate(time.Second)
				in.Body.At = &now
			}
			return answer(s.change(ctx, match, func(st catalog.State) (model.Patch, string, error) {
				return replaceDevice(st, record.SensorID(in.ID), &in.Body)
			}))
		})

	type unassignedOutput struct {
		ETag string `header:"ETag"`
		Body List[Unassigned]
	}
	huma.Register(api, op("list-unassigned", http.MethodGet, "/api/v1/unassigned", "List sensors that were seen and are not in the model", "Their records are kept.", mayRead),
		func(ctx context.Context, in *listInput) (*unassignedOutput, error) {
			if err := s.ready(ctx); err != nil {
				return nil, err
			}
			st := s.o.Catalog.State()
			items, next, total := s.seen.unassigned(st.Model, in.Query, in.After, in.Limit)
			if items == nil {
				items = []Unassigned{}
			}
			return &unassignedOutput{ETag: tagOf(st.Revision), Body: List[Unassigned]{Revision: st.Revision, Items: items, Next: next, Total: total}}, nil
		})
}

func move(st catalog.State, r *moveRequest) (model.Patch, string, error) {
	var p model.Patch
	m := st.Model
	what := fmt.Sprintf("sensor %q", r.Sensor)
	if r.Group != "" {
		what = fmt.Sprintf("group %q", r.Group)
	}
	switch {
	case (r.Sensor == "") == (r.Group == ""):
		return p, "", fmt.Errorf("%w: name either a sensor or a group", errRequest)
	case r.Meter && r.Group != "":
		return p, "", fmt.Errorf("%w: only a sensor can be a meter", errRequest)
	}
	if _, ok := m.Hierarchy(r.Hierarchy); !ok {
		return p, "", fmt.Errorf("%w: hierarchy %q is not in the model", errNothing, r.Hierarchy)
	}
	from, ok := memberOf(m, r)
	if !ok {
		return p, "", fmt.Errorf("%w: %s is not a member of any group in hierarchy %q", errNothing, what, r.Hierarchy)
	}
	to, ok := m.Group(r.To)
	if h, in := m.HierarchyOf(r.To); !ok || !in || h != r.Hierarchy {
		return p, "", fmt.Errorf("%w: group %q is not in hierarchy %q", errNothing, r.To, r.Hierarchy)
	}
	left, e := without(from, r.Sensor, r.Group)
	e.Meter = r.Meter
	members := to.Members
	if to.ID == from.ID {
		if r.Position == nil {
			return p, "", nil // it is there
		}
		members = left
	} else {
		p.Groups = append(p.Groups, model.Group{ID: from.ID, Name: from.Name, Members: left})
	}
	at := len(members)
	if r.Position != nil {
		at = min(at, *r.Position)
	}
	p.Groups = append(p.Groups, model.Group{ID: to.ID, Name: to.Name, Members: slices.Insert(slices.Clone(members), at, e)})
	return p, fmt.Sprintf("moved %s from group %q to group %q", what, from.ID, to.ID), nil
}

// memberOf finds the group of the hierarchy in which something stands.
func memberOf(m *model.Model, r *moveRequest) (*model.Group, bool) {
	var at []model.GroupID
	if r.Sensor != "" {
		at = m.Parents(r.Sensor)
	} else if g, ok := m.Parent(r.Group); ok {
		at = []model.GroupID{g}
	}
	for _, id := range at {
		if h, ok := m.HierarchyOf(id); ok && h == r.Hierarchy {
			return m.Group(id)
		}
	}
	return nil, false
}

func (s *Service) assign(st catalog.State, r *assignRequest) (model.Patch, string, error) {
	var p model.Patch
	g, ok := st.Model.Group(r.Group)
	if !ok {
		return p, "", fmt.Errorf("%w: group %q is not in the model", errNothing, r.Group)
	}
	e := model.Member{Sensor: r.Sensor, Sign: r.Sign, Meter: r.Meter}
	if e.Sign == 0 {
		e.Sign = 1
	}
	members := slices.Clone(g.Members)
	if i := slices.IndexFunc(members, func(x model.Member) bool { return x.Sensor == r.Sensor }); i >= 0 {
		members[i] = e
	} else {
		members = append(members, e)
	}
	p.Groups = []model.Group{{ID: g.ID, Name: g.Name, Members: members}}
	note := fmt.Sprintf("placed sensor %q in group %q", r.Sensor, r.Group)
	if _, ok := st.Model.Sensor(r.Sensor); !ok {
		x, ok := s.seen.get(r.Sensor)
		if !ok {
			return p, "", fmt.Errorf("%w: sensor %q is not in the model and was never seen", errNothing, r.Sensor)
		}
		n := model.Sensor{ID: r.Sensor, Name: r.Name, Quantity: x.quantity, Unit: x.unit}
		if n.Quantity == "" {
			// What it is placed beside is the best guess there is.
			if n.Quantity = st.Model.QuantityOf(r.Group); n.Quantity == "" {
				n.Quantity = record.ActivePower
			}
			n.Unit = ""
		}
		if h, ok := st.Model.HierarchyOf(r.Group); ok {
			if h, ok := st.Model.Hierarchy(h); ok {
				n.Site = h.Site
			}
		}
		p.Sensors = []model.Sensor{n}
		note = fmt.Sprintf("added sensor %q, seen by %s, to group %q", r.Sensor, x.source, r.Group)
	}
	return p, note, nil
}

func rename(st catalog.State, r *renameRequest) (model.Patch, string, error) {
	var p model.Patch
	found := false
	switch r.Kind {
	case "site":
		if x, ok := st.Model.Site(model.SiteID(r.ID)); ok {
			y := *x
			y.Name, found = r.NewName, true
			p.Sites = []model.Site{y}
		}
	case "sensor":
		if x, ok := st.Model.Sensor(record.SensorID(r.ID)); ok {
			y := *x
			y.Name, found = r.NewName, true
			p.Sensors = []model.Sensor{y}
		}
	case "group":
		if x, ok := st.Model.Group(model.GroupID(r.ID)); ok {
			y := *x
			y.Name, found = r.NewName, true
			p.Groups = []model.Group{y}
		}
	case "hierarchy":
		if x, ok := st.Model.Hierarchy(model.HierarchyID(r.ID)); ok {
			y := *x
			y.Name, found = r.NewName, true
			p.Hierarchies = []model.Hierarchy{y}
		}
	}
	if !found {
		return p, "", fmt.Errorf("%w: %s %q is not in the model", errNothing, r.Kind, r.ID)
	}
	return p, fmt.Sprintf("named %s %q %q", r.Kind, r.ID, r.NewName), nil
}

func replaceDevice(st catalog.State, id record.SensorID, r *deviceRequest) (model.Patch, string, error) {
	x, ok := st.Model.Sensor(id)
	if !ok {
		return model.Patch{}, "", fmt.Errorf("%w: sensor %q is not in the model", errNothing, id)
	}
	at := r.At.UTC()
	s := *x
	s.Devices = slices.Clone(x.Devices)
	n := len(s.Devices)
	switch {
	case n == 0 && r.OldEnd != nil:
		// Of the device before nothing but its last reading is known.
		s.Devices = []model.Device{{From: time.UnixMilli(0).UTC(), To: &at, End: r.OldEnd}}
	case n > 0 && s.Devices[n-1].To == nil:
		s.Devices[n-1].To, s.Devices[n-1].End = &at, r.OldEnd
	case n > 0 && r.OldEnd != nil:
		return model.Patch{}, "", fmt.Errorf("%w: the last device of sensor %q has ended already; leave oldEnd out", errRequest, id)
	}
	s.Devices = append(s.Devices, model.Device{Serial: r.Serial, Description: r.Description, From: at, Start: r.NewStart})
	return model.Patch{Sensors: []model.Sensor{s}}, fmt.Sprintf("replaced the device of sensor %q by %q", id, r.Serial), nil
}
