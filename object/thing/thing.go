package thing

import (
	"net/url"
	"slices"
	"strings"

	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/object/vocabulary"
)

// MediaType is that of a description.
const MediaType = "application/td+json"

// context names the words of Thing Descriptions 1.1.
const context = "https://www.w3.org/2022/wot/td/v1.1"

// maxLinks is how many links a description has at most.
const maxLinks = 1000

// ThingDescription is a Thing Description.
type ThingDescription struct {
	Context             []any                    `json:"@context" doc:"Words it is written with"`
	ID                  string                   `json:"id" doc:"IRI of the thing" example:"urn:wattwerk:sensor/boiler"`
	Type                []string                 `json:"@type" doc:"Classes"`
	Title               string                   `json:"title" doc:"As people call it"`
	Base                string                   `json:"base" doc:"Address that others are relative to"`
	SecurityDefinitions map[string]ThingSecurity `json:"securityDefinitions" doc:"What is needed to be let in"`
	Security            []string                 `json:"security" doc:"Which of these is needed"`
	Properties          map[string]ThingProperty `json:"properties" doc:"What can be read"`
	Links               []ThingLink              `json:"links,omitempty" doc:"Things it belongs to, and that belong to it; the first 1,000"`
	LocatedIn           string                   `json:"rec:locatedIn,omitempty" doc:"IRI of the space it is in"`
}

// ThingSecurity is a way to be let in.
type ThingSecurity struct {
	Scheme      string `json:"scheme" enum:"bearer"`
	In          string `json:"in" enum:"header"`
	Name        string `json:"name"`
	Description string `json:"description"`
}

// ThingProperty is something that can be read.
type ThingProperty struct {
	Title      string                 `json:"title,omitempty"`
	Type       string                 `json:"type" enum:"object"`
	ReadOnly   bool                   `json:"readOnly"`
	Properties map[string]ThingSchema `json:"properties" doc:"Parts of what is read"`
	Required   []string               `json:"required" doc:"Parts that are always there"`
	Forms      []ThingForm            `json:"forms" doc:"How it is read"`
}

// ThingSchema is a part of what is read.
type ThingSchema struct {
	Title string        `json:"title,omitempty"`
	Type  string        `json:"type,omitempty"`
	Enum  []string      `json:"enum,omitempty"`
	OneOf []ThingSchema `json:"oneOf,omitempty"`
	// Unit is an IRI of QUDT.
	Unit   string `json:"unit,omitempty"`
	Kind   string `json:"qudt:hasQuantityKind,omitempty"`
	Format string `json:"format,omitempty"`
}

// ThingForm says how something is done.
type ThingForm struct {
	Href        string   `json:"href"`
	Op          []string `json:"op"`
	ContentType string   `json:"contentType"`
	Method      string   `json:"htv:methodName"`
}

// ThingLink leads to another thing.
type ThingLink struct {
	Href string `json:"href"`
	Rel  string `json:"rel" enum:"item,collection"`
	Type string `json:"type"`
}

// describer holds what all descriptions of a world share.
type describer struct {
	world *object.World
	base  string
}

// OfObject describes an object. The base is the address of the API's root, as
// https://example.com/api/v1/.
func OfObject(w *object.World, id object.ID, base string) (ThingDescription, bool) {
	o, ok := w.Object(id)
	if !ok {
		return ThingDescription{}, false
	}
	return describer{w, slash(base)}.object(o), true
}

// OfDevice describes the device of a serial number.
func OfDevice(w *object.World, serial, base string) (ThingDescription, bool) {
	if !slices.ContainsFunc(w.OfDevice(serial), sensor) {
		return ThingDescription{}, false
	}
	return describer{w, slash(base)}.device(serial), true
}

func sensor(o *object.Object) bool { return !o.Composite }

// Directory describes things from the one at the offset on, at most limit of them:
// objects by their identifiers, then devices by their serial numbers. The total is
// how many there are.
func Directory(w *object.World, base string, offset, limit int) (list []ThingDescription, total int) {
	d := describer{w, slash(base)}
	devices := slices.DeleteFunc(w.Devices(), func(s string) bool { return !slices.ContainsFunc(w.OfDevice(s), sensor) })
	total = w.Len() + len(devices)
	list = []ThingDescription{}
	for i := max(offset, 0); i < total && len(list) < limit; i++ {
		if i < w.Len() {
			list = append(list, d.object(w.At(i)))
		} else {
			list = append(list, d.device(devices[i-w.Len()]))
		}
	}
	return list, total
}

func slash(base string) string { return strings.TrimSuffix(base, "/") + "/" }

// path is that of an object below a collection of the API.
func path(collection string, id object.ID) string {
	kind, name, _ := strings.Cut(string(id), "/")
	return collection + "/" + kind + "/" + url.PathEscape(name)
}

func (d describer) start(iri, title string, types ...string) ThingDescription {
	prefixes := make(map[string]string)
	for _, n := range vocabulary.Namespaces() {
		switch n.Prefix {
		case "brick", "rec", "qudt", "ww":
			prefixes[n.Prefix] = n.IRI
		}
	}
	return ThingDescription{
		Context: []any{context, prefixes},
		ID:      iri, Type: types, Title: title, Base: d.base,
		SecurityDefinitions: map[string]ThingSecurity{"token": {Scheme: "bearer", In: "header", Name: "Authorization", Description: "An access token of Wattwerk"}},
		Security:            []string{"token"},
	}
}

func (d describer) object(o *object.Object) ThingDescription {
	types := []string{string(o.Class)}
	if o.Composite {
		if o.Class != vocabulary.Collection {
			types = append(types, string(vocabulary.Collection))
		}
		types = append(types, string(vocabulary.CompositeObject))
	} else {
		types = append(types, string(vocabulary.VirtualObject))
	}
	t := d.start(o.ID.IRI(), title(o), types...)
	t.Properties = map[string]ThingProperty{"status": status(o, "Status")}
	if o.Space != "" {
		t.LocatedIn = object.SpaceIRI(o.Space)
	}
	link := func(rel string, id object.ID) {
		if len(t.Links) < maxLinks {
			t.Links = append(t.Links, ThingLink{Href: path("things", id), Rel: rel, Type: MediaType})
		}
	}
	for _, p := range d.world.Parents(o.ID) {
		link("collection", p.ID)
	}
	if o.Meter != "" {
		link("item", o.Meter)
	}
	for _, m := range o.Members {
		link("item", m)
	}
	if o.Device != "" && !o.Composite && len(t.Links) < maxLinks {
		t.Links = append(t.Links, ThingLink{Href: "things/device/" + url.PathEscape(o.Device), Rel: "collection", Type: MediaType})
	}
	return t
}

func title(o *object.Object) string {
	if o.Name != "" {
		return o.Name
	}
	_, name, _ := strings.Cut(string(o.ID), "/")
	return name
}

func (d describer) device(serial string) ThingDescription {
	t := d.start(object.DeviceIRI(serial), serial, "brick:Equipment")
	t.Properties = make(map[string]ThingProperty)
	for _, o := range d.world.OfDevice(serial) {
		if !o.Composite {
			name, _ := o.ID.Sensor()
			t.Properties[string(name)] = status(o, title(o))
			if len(t.Links) < maxLinks {
				t.Links = append(t.Links, ThingLink{Href: path("things", o.ID), Rel: "item", Type: MediaType})
			}
		}
	}
	return t
}

// status is what the API answers about an object.
func status(o *object.Object, title string) ThingProperty {
	var states []string
	for _, s := range object.States() {
		states = append(states, string(s))
	}
	value := ThingSchema{Type: "number"}
	if o.Quantity != "" {
		value.Unit = vocabulary.Expand(vocabulary.UnitOf(o.Quantity))
		value.Kind = vocabulary.Expand(vocabulary.KindOf(o.Quantity))
	}
	null := ThingSchema{Type: "null"}
	return ThingProperty{
		Title: title, Type: "object", ReadOnly: true,
		Properties: map[string]ThingSchema{
			"state": {Title: "How it is", Type: "string", Enum: states},
			"value": {Title: "Newest value", OneOf: []ThingSchema{value, null}},
			"last":  {Title: "When that was", OneOf: []ThingSchema{{Type: "string", Format: "date-time"}, null}},
		},
		Required: []string{"state", "value", "last"},
		Forms:    []ThingForm{{Href: path("objects", o.ID), Op: []string{"readproperty"}, ContentType: "application/json", Method: "GET"}},
	}
}
