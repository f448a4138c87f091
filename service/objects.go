package service

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/internal/etag"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/object/vocabulary"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/watch"
)

const tagObjects = "Objects"

// ObjectItem is an object in a list.
type ObjectItem struct {
	ID        object.ID        `json:"id" example:"sensor/boiler"`
	Name      string           `json:"name,omitempty"`
	Composite bool             `json:"composite" doc:"It is a group"`
	Virtual   bool             `json:"virtual" doc:"A sensor whose values follow from a formula"`
	Class     vocabulary.Class `json:"class" doc:"Of Brick 1.4" example:"brick:Active_Power_Sensor"`
	Quantity  record.Quantity  `json:"quantity,omitempty" example:"active_power"`
	Unit      string           `json:"unit,omitempty" doc:"Of the value"`
	Space     string           `json:"space,omitempty" doc:"Where it is"`
	Device    string           `json:"device,omitempty" doc:"Serial number of the device it is a part of"`
	State     object.State     `json:"state" enum:"live,late,stale,substituted,virtual,down" doc:"live: reports as expected; late: the last value still counts; stale: it counts no more, earlier ones may; substituted: another object stands in; virtual: its own earlier values stand in; down: nothing is known"`
	Since     *time.Time       `json:"since" doc:"Since when it is so; null: since before anybody looked"`
	Last      *time.Time       `json:"last" doc:"When it was heard of last, of a group its newest tick; null: never"`
	Value     *float64         `json:"value" doc:"What it said then; null: nothing"`
	Usable    *int             `json:"usable,omitempty" doc:"Of a group: members that have a value"`
	Members   *int             `json:"members,omitempty" doc:"Of a group: how many there are"`
}

// ObjectStandIn is what stands in for an object at this moment.
type ObjectStandIn struct {
	ID     string       `json:"id" doc:"Of the substitution"`
	State  object.State `json:"state" enum:"substituted,virtual"`
	By     []object.ID  `json:"by" doc:"Whose values it is made of; empty: its own earlier ones"`
	Share  float64      `json:"share" doc:"What its values are worth, up to 1"`
	Time   *time.Time   `json:"time" doc:"Of the value"`
	Value  *float64     `json:"value" doc:"In the unit of the object; null: there is none at this moment"`
	Marked bool         `json:"marked" doc:"It is not measured: always true"`
}

// ObjectDetail is all that is known of an object.
type ObjectDetail struct {
	ObjectItem
	Kind        model.Kind          `json:"kind,omitempty" enum:"gauge,counter"`
	Interval    model.Duration      `json:"interval" doc:"Expected time between readings"`
	MaxAge      model.Duration      `json:"maxAge" doc:"How old the last reading may be and still count"`
	Horizon     model.Duration      `json:"horizon" doc:"How long values may be made up from earlier ones"`
	Capacity    int                 `json:"capacity" doc:"How many services may use it at once; 0: any number"`
	Actuator    bool                `json:"actuator" doc:"It is written to, by one service at a time"`
	Restriction *object.Restriction `json:"restriction,omitempty" doc:"Of a group: how many members it needs"`
	Critical    []object.ID         `json:"critical" doc:"Of a group: members it cannot do without"`
	Meter       object.ID           `json:"meter,omitempty" doc:"Of a group: its own meter"`
	Children    []object.ID         `json:"children" doc:"Of a group: its members, the first 1,000"`
	Parents     []object.ID         `json:"parents" doc:"Groups that it is in"`
	Feeds       object.ID           `json:"feeds,omitempty" doc:"Where its energy goes"`
	FedBy       []object.ID         `json:"fedBy"`
	Replica     object.ID           `json:"replica,omitempty" doc:"A sensor that measures the same"`
	Replicas    []object.ID         `json:"replicas" doc:"Sensors that say to measure the same as it"`
	Spaces      []string            `json:"spaces" doc:"The space it is in and those around it, the innermost first"`
	StandIn     *ObjectStandIn      `json:"standIn,omitempty" doc:"What stands in for it now"`
	Doubt       string              `json:"doubt,omitempty" doc:"Why it is not believed although it reports; it counts as stale"`
	Same        int                 `json:"same" doc:"How often the last value came in a row"`
	Enrichment  *StoredEnrichment   `json:"enrichment,omitempty" doc:"What people say of it"`
	Faults      []string            `json:"faults" doc:"What is wrong with that, and left out therefore"`
}

// StoredEnrichment is an enrichment as it is kept.
type StoredEnrichment struct {
	Enrichment object.Enrichment `json:"enrichment"`
	Version    int64             `json:"version" doc:"Counts its changes; the ETag"`
	Changed    time.Time         `json:"changed"`
	ChangedBy  string            `json:"changedBy"`
}

// ObjectPage is a part of a list of objects.
type ObjectPage struct {
	Objects []ObjectItem         `json:"objects" doc:"By their identifiers"`
	Next    string               `json:"next,omitempty" doc:"The cursor of the next page; absent: this is the last"`
	Total   int                  `json:"total" doc:"How many objects fit, on all pages"`
	States  map[object.State]int `json:"states" doc:"How many of those are in each state"`
	Epoch   uint64               `json:"epoch" doc:"Rises whenever any object is in another state, at the process that answers"`
	At      time.Time            `json:"at"`
}

// ObjectPath names an object in an address.
type ObjectPath struct {
	Kind string `path:"kind" enum:"sensor,group"`
	ID   string `path:"id" maxLength:"200"`
}

func (p *ObjectPath) object() object.ID { return object.ID(p.Kind + "/" + p.ID) }

// find gives the object of a path in a moment.
func (p *ObjectPath) find(m *watch.Moment) (*object.Object, error) {
	o, ok := m.World.Object(p.object())
	if !ok {
		return nil, refuse(fmt.Errorf("%w: there is no object %q", errNotFound, p.object()))
	}
	return o, nil
}

// objectsIn is which objects are wanted.
type objectsIn struct {
	Class  string   `query:"class" doc:"Only those of this class or one below it, as brick:Power_Sensor" maxLength:"200"`
	Space  string   `query:"space" doc:"Only those in this space, or one within it" maxLength:"200"`
	State  []string `query:"state" doc:"Only those in one of these states, with commas between" maxItems:"6" enum:"live,late,stale,substituted,virtual,down"`
	Under  string   `query:"under" doc:"Only those below this group, as group/hall1" maxLength:"210"`
	Kind   string   `query:"kind" doc:"Only sensors, or only groups" enum:"sensor,group"`
	Search string   `query:"search" doc:"Only those whose identifier or name contains this" maxLength:"200"`
	Limit  int      `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	Cursor string   `query:"cursor" doc:"The next of the page before" maxLength:"210"`
}

func (s *Service) registerObjects(api huma.API) {
	huma.Register(api, op("list-objects", http.MethodGet, "/objects", "Objects and how they are", "Every sensor and every group, with class, place, state and newest value.", mayRead, 422), s.listObjects)
	huma.Register(api, op("get-object", http.MethodGet, "/objects/{kind}/{id}", "One object", "", mayRead, 404), s.getObject)
	huma.Register(api, op("put-object-enrichment", http.MethodPut, "/objects/{kind}/{id}/enrichment", "Say more of an object than the model does",
		"It takes the place of what was said before. What is wrong is refused, with all that is wrong.", mayOperate, 400, 404, 412, 422), s.putEnrichment)
	huma.Register(api, op("delete-object-enrichment", http.MethodDelete, "/objects/{kind}/{id}/enrichment", "Take back what was said of an object", "", mayOperate, 400, 404, 412), s.deleteEnrichment)
	huma.Register(api, op("list-object-events", http.MethodGet, "/objects/events", "When objects changed their state", "The oldest first.", mayRead, 422), s.listEvents)
	huma.Register(api, op("list-object-changes", http.MethodGet, "/objects/changes", "Who changed what is said of objects and services", "The newest first.", mayRead), s.listChanges)
}

// matching gives the objects that a request is about, by their identifiers.
func (in *objectsIn) matching(m *watch.Moment) ([]*object.Object, error) {
	w := m.World
	class := vocabulary.Class("")
	if in.Class != "" {
		c, ok := vocabulary.Lookup(in.Class)
		if !ok {
			return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("there is no class %.60q in the vocabulary", in.Class))
		}
		class = c
	}
	var inside map[*object.Object]bool
	if in.Space != "" {
		if _, ok := w.Space(in.Space); !ok {
			return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("there is no space %.60q", in.Space))
		}
		inside = make(map[*object.Object]bool)
		for _, o := range w.Within(in.Space) {
			inside[o] = true
		}
	}
	var all []*object.Object
	switch {
	case in.Under != "" && class == "":
		all = w.Below(object.ID(in.Under))
	case class != "":
		all = w.OfClass(class, object.ID(in.Under))
	default:
		all = make([]*object.Object, w.Len())
		for i := range all {
			all[i] = w.At(i)
		}
	}
	if in.Under != "" {
		if o, ok := w.Object(object.ID(in.Under)); !ok || !o.Composite {
			return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("there is no group %.60q", in.Under))
		}
		all = slices.Clone(all)
		slices.SortFunc(all, func(a, b *object.Object) int { return a.Index - b.Index })
		all = slices.Compact(all)
	}
	search := strings.ToLower(in.Search)
	var out []*object.Object
	for _, o := range all {
		state, _ := m.State(o.Index)
		switch {
		case inside != nil && !inside[o],
			in.Kind != "" && o.Composite != (in.Kind == "group"),
			len(in.State) > 0 && !slices.Contains(in.State, string(state)),
			search != "" && !strings.Contains(strings.ToLower(string(o.ID)), search) && !strings.Contains(strings.ToLower(o.Name), search):
			continue
		}
		out = append(out, o)
	}
	return out, nil
}

func (s *Service) listObjects(_ context.Context, in *objectsIn) (*struct{ Body ObjectPage }, error) {
	m, _, err := s.now()
	if err != nil {
		return nil, err
	}
	all, err := in.matching(m)
	if err != nil {
		return nil, err
	}
	page := ObjectPage{Objects: []ObjectItem{}, Total: len(all), States: make(map[object.State]int), Epoch: m.Epoch, At: m.At.Time()}
	for _, o := range all {
		state, _ := m.State(o.Index)
		page.States[state]++
		if in.Cursor != "" && string(o.ID) <= in.Cursor {
			continue
		}
		if len(page.Objects) == in.Limit {
			if page.Next == "" {
				page.Next = string(page.Objects[len(page.Objects)-1].ID)
			}
			continue
		}
		page.Objects = append(page.Objects, s.item(m, o))
	}
	return &struct{ Body ObjectPage }{page}, nil
}

// sight is the newest reading of an object, or the newest tick of a group.
func (s *Service) sight(o *object.Object) watch.Sight {
	if id, ok := o.ID.Group(); ok {
		x, _ := s.groups.Of(record.SensorID(id))
		return x
	}
	id, _ := o.ID.Sensor()
	x, _ := s.watch.Of(id)
	return x
}

func (s *Service) item(m *watch.Moment, o *object.Object) ObjectItem {
	state, since := m.State(o.Index)
	out := ObjectItem{
		ID: o.ID, Name: o.Name, Composite: o.Composite, Virtual: o.Virtual, Class: o.Class, Quantity: o.Quantity, Unit: o.Unit,
		Space: o.Space, Device: o.Device, State: state, Since: timeOf(since),
	}
	x := s.sight(o)
	out.Last = timeOf(x.Time)
	if !math.IsNaN(x.Value) {
		out.Value = &x.Value
	}
	if o.Composite {
		out.Usable, out.Members = new(m.Usable(o.Index)), new(len(o.Members))
	}
	return out
}

const mostChildren = 1000

func (s *Service) getObject(_ context.Context, in *ObjectPath) (*struct {
	ETag string `header:"ETag"`
	Body ObjectDetail
}, error,
) {
	m, p, err := s.now()
	if err != nil {
		return nil, err
	}
	o, err := in.find(m)
	if err != nil {
		return nil, err
	}
	w := m.World
	ids := func(all []*object.Object) []object.ID {
		out := make([]object.ID, 0, len(all))
		for _, o := range all[:min(len(all), mostChildren)] {
			out = append(out, o.ID)
		}
		return out
	}
	duration := func(ms int64) model.Duration {
		if ms < 0 {
			return model.Unlimited
		}
		return model.Duration(time.Duration(ms) * time.Millisecond)
	}
	d := ObjectDetail{
		ObjectItem: s.item(m, o), Kind: o.Kind, Interval: duration(o.Interval), MaxAge: duration(o.MaxAge), Horizon: duration(o.Horizon),
		Capacity: o.Capacity, Actuator: o.Actuator, Critical: append([]object.ID{}, o.Critical...), Meter: o.Meter,
		Children: append([]object.ID{}, o.Members[:min(len(o.Members), mostChildren)]...), Parents: ids(w.Parents(o.ID)),
		Feeds: o.Feeds, FedBy: ids(w.FedBy(o.ID)), Replica: o.Replica, Replicas: ids(w.Replicas(o.ID)), Spaces: []string{},
		Same: int(s.sight(o).Same), Faults: []string{},
	}
	if x, ok := m.Doubt(o.Index); ok {
		d.Doubt = fmt.Sprintf("it has said %g %s since %s, for longer than it ever did", x.Value, o.Unit, x.Since.Time().UTC().Format(time.RFC3339))
	}
	if o.Composite {
		d.Restriction = &o.Restriction
	}
	for at, ok := w.Space(o.Space); ok; at, ok = w.Space(at.Parent) {
		d.Spaces = append(d.Spaces, at.ID)
	}
	if in := m.StandIn(o.Index); in != nil && !d.State.Own() {
		d.StandIn = s.standIn(in)
	}
	version := int64(0)
	if doc, ok := p.enrichments[o.ID]; ok {
		if d.Enrichment, err = enrichmentOf(&doc); err != nil {
			return nil, refuse(err)
		}
		version = doc.Version
	}
	for _, f := range p.faults {
		if f.Object == o.ID {
			d.Faults = append(d.Faults, f.Text)
		}
	}
	return &struct {
		ETag string `header:"ETag"`
		Body ObjectDetail
	}{etag.Of(version), d}, nil
}

func (s *Service) standIn(in *watch.StandIn) *ObjectStandIn {
	out := &ObjectStandIn{ID: in.ID, State: in.State, By: append([]object.ID{}, in.By...), Share: in.Share, Marked: true}
	if in.Value != nil {
		at, v := in.Value(clock())
		if !math.IsNaN(v) {
			out.Time, out.Value = timeOf(at), &v
		}
	}
	return out
}

func enrichmentOf(d *book.Document) (*StoredEnrichment, error) {
	out := &StoredEnrichment{Version: d.Version, Changed: d.Changed.Time(), ChangedBy: d.ChangedBy}
	if err := d.Read(&out.Enrichment); err != nil {
		return nil, err
	}
	out.Enrichment.Object = object.ID(d.ID)
	return out, nil
}

type enrichmentOut struct {
	ETag string `header:"ETag"`
	Body StoredEnrichment
}

// refuseFaults answers with all that is wrong; nil: nothing is.
func refuseFaults(faults []object.Fault) error {
	if len(faults) == 0 {
		return nil
	}
	errs := make([]error, 0, len(faults))
	for i, f := range faults {
		if i == 100 {
			break
		}
		errs = append(errs, &huma.ErrorDetail{Message: f.Text})
	}
	return huma.Error422UnprocessableEntity(faults[0].Text, errs...)
}

func (s *Service) putEnrichment(ctx context.Context, in *struct {
	ObjectPath
	Precondition
	Body object.Enrichment
},
) (*enrichmentOut, error) {
	m, p, err := s.now()
	if err != nil {
		return nil, err
	}
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	o, err := in.find(m)
	if err != nil {
		return nil, err
	}
	if in.Body.Object != "" && in.Body.Object != o.ID {
		return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("the enrichment is of %q, and the address of %q", in.Body.Object, o.ID))
	}
	in.Body.Object = o.ID
	// Alone: what is wrong elsewhere is not this one's fault.
	_, faults := object.NewWorld(s.opts.Catalog.State().Model, p.spaces, []object.Enrichment{in.Body})
	faults = slices.DeleteFunc(faults, func(f object.Fault) bool { return f.Object != o.ID })
	if err := refuseFaults(faults); err != nil {
		return nil, err
	}
	rows, err := s.opts.Store.Put(ctx, s.opts.Actor(ctx), book.Put{Kind: book.Enrichment, ID: string(o.ID), Doc: in.Body, Version: version})
	if err != nil {
		return nil, refuse(err)
	}
	s.changed()
	out, err := enrichmentOf(&rows[0])
	if err != nil {
		return nil, refuse(err)
	}
	return &enrichmentOut{etag.Of(out.Version), *out}, nil
}

func (s *Service) deleteEnrichment(ctx context.Context, in *struct {
	ObjectPath
	Precondition
},
) (*struct{}, error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	if _, err := s.opts.Store.Put(ctx, s.opts.Actor(ctx), book.Put{Kind: book.Enrichment, ID: string(in.object()), Version: version}); err != nil {
		return nil, refuse(err)
	}
	s.changed()
	return nil, nil
}

// ObjectEvent is that an object changed its state.
type ObjectEvent struct {
	Object object.ID    `json:"object"`
	At     time.Time    `json:"at"`
	Was    object.State `json:"was,omitempty" doc:"Absent: nobody had looked"`
	Is     object.State `json:"is"`
}

func (s *Service) listEvents(ctx context.Context, in *struct {
	From   time.Time `query:"from" required:"true"`
	To     time.Time `query:"to" doc:"Default: now"`
	Object string    `query:"object" doc:"Only of this one, as sensor/boiler" maxLength:"210"`
	Limit  int       `query:"limit" minimum:"1" maximum:"10000" default:"1000"`
},
) (*struct {
	Body struct {
		Events []ObjectEvent `json:"events"`
	}
}, error,
) {
	to := clock()
	if !in.To.IsZero() {
		to = record.MillisOf(in.To)
	}
	all, err := s.opts.Store.Events(ctx, in.Object, record.MillisOf(in.From)-1, to, in.Limit)
	if err != nil {
		return nil, refuse(err)
	}
	out := new(struct {
		Body struct {
			Events []ObjectEvent `json:"events"`
		}
	})
	out.Body.Events = make([]ObjectEvent, len(all))
	for i, e := range all {
		out.Body.Events[i] = ObjectEvent{object.ID(e.Object), e.At.Time(), object.State(e.Was), object.State(e.Is)}
	}
	return out, nil
}

// ServiceChange is that somebody changed what is said of an object, a service or a
// microservice.
type ServiceChange struct {
	Number int64     `json:"number"`
	At     time.Time `json:"at"`
	Who    string    `json:"who"`
	Kind   string    `json:"kind" doc:"enrichment, spaces, service, microservice, cut"`
	ID     string    `json:"id"`
	Doc    string    `json:"doc" doc:"What it became, as JSON; empty: it was removed"`
}

func (s *Service) listChanges(ctx context.Context, in *struct {
	Before int64 `query:"before" doc:"Only those before this one" minimum:"0"`
	Limit  int   `query:"limit" minimum:"1" maximum:"1000" default:"100"`
},
) (*struct {
	Body struct {
		Changes []ServiceChange `json:"changes"`
	}
}, error,
) {
	all, err := s.opts.Store.Past(ctx, in.Before, in.Limit)
	if err != nil {
		return nil, refuse(err)
	}
	out := new(struct {
		Body struct {
			Changes []ServiceChange `json:"changes"`
		}
	})
	out.Body.Changes = make([]ServiceChange, len(all))
	for i, c := range all {
		out.Body.Changes[i] = ServiceChange{c.Number, c.At.Time(), c.Who, c.Kind, c.ID, c.Doc}
	}
	return out, nil
}
