package object

import (
	"fmt"
	"strings"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object/vocabulary"
	"github.com/wattwerk/wattwerk/record"
)

// ID names an object: "sensor/boiler" or "group/hall1".
type ID string

const (
	sensorPrefix = "sensor/"
	groupPrefix  = "group/"
	urn          = "urn:wattwerk:"
)

// OfSensor is the object of a sensor.
func OfSensor(id record.SensorID) ID { return ID(sensorPrefix + string(id)) }

// OfGroup is the object of a group.
func OfGroup(id model.GroupID) ID { return ID(groupPrefix + string(id)) }

// Sensor gives the sensor whose object it is, if it is one's.
func (id ID) Sensor() (record.SensorID, bool) {
	s, ok := strings.CutPrefix(string(id), sensorPrefix)
	return record.SensorID(s), ok && s != ""
}

// Group gives the group whose object it is, if it is one's.
func (id ID) Group() (model.GroupID, bool) {
	g, ok := strings.CutPrefix(string(id), groupPrefix)
	return model.GroupID(g), ok && g != ""
}

// Validate says in a sentence what is wrong with the identifier, or nil.
func (id ID) Validate() error {
	if s, ok := id.Sensor(); ok {
		return s.Validate()
	}
	if g, ok := id.Group(); ok {
		return record.ValidateID("group", string(g))
	}
	return fmt.Errorf("object %.60q is not like sensor/boiler or group/hall1", string(id))
}

// IRI names the object in RDF: "urn:wattwerk:sensor/boiler".
func (id ID) IRI() string {
	kind, name, ok := strings.Cut(string(id), "/")
	if !ok {
		return urn + escape(string(id))
	}
	return urn + kind + "/" + escape(name)
}

// OfIRI is the object of an IRI that [ID.IRI] gave, if it is one's.
func OfIRI(iri string) (ID, bool) {
	kind, name, ok := cutIRI(iri)
	id := ID(kind + "/" + name)
	return id, ok && id.Validate() == nil
}

// SpaceIRI names a space in RDF: "urn:wattwerk:space/hall".
func SpaceIRI(id string) string { return urn + "space/" + escape(id) }

// SpaceOfIRI is the identifier of the space of an IRI that [SpaceIRI] gave.
func SpaceOfIRI(iri string) (string, bool) {
	kind, name, ok := cutIRI(iri)
	return name, ok && kind == "space" && record.ValidateID("space", name) == nil
}

// DeviceIRI names a device in RDF by its serial number.
func DeviceIRI(serial string) string { return urn + "device/" + escape(serial) }

// SeriesIRI names in RDF where the values of a sensor are kept.
func SeriesIRI(id record.SensorID) string { return urn + "series/" + escape(string(id)) }

// SubstitutionIRI names in RDF what stands in for an object.
func SubstitutionIRI(id ID) string { return urn + "substitution/" + escape(string(id)) }

func cutIRI(iri string) (kind, name string, ok bool) {
	rest, ok := strings.CutPrefix(iri, urn)
	if !ok {
		return "", "", false
	}
	kind, name, ok = strings.Cut(rest, "/")
	if !ok {
		return "", "", false
	}
	name, ok = unescape(name)
	return kind, name, ok
}

const hex = "0123456789ABCDEF"

// escape writes what is not unreserved in an URI (RFC 3986, 2.3) as %XX.
func escape(s string) string {
	n := 0
	for i := 0; i < len(s); i++ {
		if !unreserved(s[i]) {
			n++
		}
	}
	if n == 0 {
		return s
	}
	out := make([]byte, 0, len(s)+2*n)
	for i := 0; i < len(s); i++ {
		if c := s[i]; unreserved(c) {
			out = append(out, c)
		} else {
			out = append(out, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(out)
}

// unescape undoes escape, and takes nothing that escape would not write.
func unescape(s string) (string, bool) {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			if !unreserved(s[i]) {
				return "", false
			}
			out = append(out, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		a, b := strings.IndexByte(hex, s[i+1]), strings.IndexByte(hex, s[i+2])
		if a < 0 || b < 0 || unreserved(byte(a<<4|b)) {
			return "", false
		}
		out = append(out, byte(a<<4|b))
		i += 2
	}
	return string(out), true
}

func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

// Bounds of what people say of objects.
const (
	MaxSpaces   = 100_000
	MaxCritical = 1_000
	MaxCapacity = 1_000_000
)

// RestrictionKind is how many members a composite needs.
const (
	All  = "all"
	Min  = "min"
	Some = "some"
)

// Restriction says how many of its members a composite needs: all, at least K,
// or some, which is at least one.
type Restriction struct {
	Kind string `json:"kind" yaml:"kind" doc:"How many members it needs" enum:"all,min,some"`
	K    int    `json:"k,omitempty" yaml:"k,omitempty" doc:"The number of min" minimum:"0" maximum:"1000000"`
}

// Met tells whether that many usable members of a total are enough. Nothing is
// met without members, but all of none.
func (r Restriction) Met(usable, total int) bool { return usable >= r.Needed(total) }

// Needed is how many usable members of a total are needed.
func (r Restriction) Needed(total int) int {
	switch r.Kind {
	case All:
		return total
	case Min:
		return r.K
	}
	return 1
}

// Validate says in a sentence what is wrong with the restriction, or nil.
func (r Restriction) Validate() error {
	switch r.Kind {
	case All, Some:
		if r.K != 0 {
			return fmt.Errorf("restriction %s has the number %d; only min has one", r.Kind, r.K)
		}
		return nil
	case Min:
		if r.K < 1 || r.K > model.MaxMembers {
			return fmt.Errorf("restriction min has the number %d; it is between 1 and %d", r.K, model.MaxMembers)
		}
		return nil
	}
	return fmt.Errorf("restriction %.40q is none of all, min, some", r.Kind)
}

// String is "all", "some" or "min 2".
func (r Restriction) String() string {
	if r.Kind == Min {
		return fmt.Sprintf("min %d", r.K)
	}
	return r.Kind
}

// Space is a place, within another or at the top. Every site of the model is one
// too, of the kind rec:Site, unless a space with its identifier says more.
type Space struct {
	ID     string           `json:"id" yaml:"id" doc:"Identifier" example:"hall1" maxLength:"200"`
	Name   string           `json:"name,omitempty" yaml:"name,omitempty" doc:"As people call it" maxLength:"500"`
	Parent string           `json:"parent,omitempty" yaml:"parent,omitempty" doc:"The space around it" maxLength:"200"`
	Kind   vocabulary.Class `json:"kind" yaml:"kind" doc:"What it is" enum:"rec:Site,rec:Building,rec:Level,rec:Room,rec:Zone"`
}

// Enrichment is what people say of an object beyond the model. What is left
// out follows from the model.
type Enrichment struct {
	Object      ID               `json:"object" yaml:"object" required:"false" doc:"The object" example:"sensor/boiler" maxLength:"210"`
	Class       vocabulary.Class `json:"class,omitempty" yaml:"class,omitempty" doc:"Class of Brick; by default that of its quantity" example:"brick:Active_Power_Sensor" maxLength:"200"`
	Space       string           `json:"space,omitempty" yaml:"space,omitempty" doc:"Where it is; by default the site" maxLength:"200"`
	Device      string           `json:"device,omitempty" yaml:"device,omitempty" doc:"What it is a part of; by default the serial number of the present device" maxLength:"500"`
	Feeds       ID               `json:"feeds,omitempty" yaml:"feeds,omitempty" doc:"Where its energy goes" maxLength:"210"`
	Replica     ID               `json:"replica,omitempty" yaml:"replica,omitempty" doc:"A sensor that measures the same" maxLength:"210"`
	Capacity    int              `json:"capacity,omitempty" yaml:"capacity,omitempty" doc:"How many services may use it at once; 0: any number" minimum:"0" maximum:"1000000"`
	Actuator    bool             `json:"actuator,omitempty" yaml:"actuator,omitempty" doc:"It is written to, by one service at a time"`
	Restriction *Restriction     `json:"restriction,omitempty" yaml:"restriction,omitempty" doc:"Of a group: how many members it needs; default some"`
	Critical    []ID             `json:"critical,omitempty" yaml:"critical,omitempty" doc:"Of a group: members it cannot do without" maxItems:"1000"`
	Horizon     model.Duration   `json:"horizon,omitempty" yaml:"horizon,omitempty" doc:"How long values may be made up from earlier ones; default 24h" example:"24h"`
}

// DefaultHorizon is how long values may be made up from earlier ones unless an
// enrichment says otherwise, in ms; longer for what may be older and still
// count.
const DefaultHorizon int64 = 24 * 3600 * 1000

// Object is a sensor or a group with its meaning. It must not be changed.
type Object struct {
	ID        ID
	Index     int // in World.Objects
	Name      string
	Composite bool // of a group
	Virtual   bool // of a sensor with a formula
	Class     vocabulary.Class
	Quantity  record.Quantity // of a composite that of all its leaves; "" when they have none
	Unit      string          // symbol of the coherent unit, in which its values are
	Kind      model.Kind      // "" of a composite
	Space     string          // "" when nobody says
	Device    string          // serial number, "" of a composite unless somebody says
	Feeds     ID
	Replica   ID

	// Of a composite the greatest of its leaves; ms.
	Interval int64
	MaxAge   int64 // -1 is unlimited
	Horizon  int64

	Capacity    int // 0 is any number
	Actuator    bool
	Members     []ID // of a composite, in the model's order, without its meter
	Restriction Restriction
	Critical    []ID
	Meter       ID // of a composite: its own meter
}

// State tells how well an object is.
type State string

// The states, from best to worst. StateAt gives live, late, stale and down;
// substituted and virtual are for those who find substitutes.
const (
	Live        State = "live"        // reports as expected
	Late        State = "late"        // the last value still counts
	Stale       State = "stale"       // the last value counts no more; what follows from earlier ones may
	Substituted State = "substituted" // another object stands in
	Virtual     State = "virtual"     // its own earlier values stand in
	Down        State = "down"        // nothing is known
)

// States lists every state, from best to worst.
func States() []State { return []State{Live, Late, Stale, Substituted, Virtual, Down} }

// Own tells whether there is a value that the object measured itself and that
// still counts.
func (s State) Own() bool { return s == Live || s == Late }

// Usable tells whether there is a value that counts, measured or not.
func (s State) Usable() bool { return s == Live || s == Late || s == Substituted || s == Virtual }

// StateAt tells how an object is whose newest reading is of the time last: live
// up to two intervals, late up to the max age, stale up to the horizon, then
// down. It is live when the reading is newer than now, and down when there is
// none: last is 0 or less.
func StateAt(o *Object, last, now record.Millis) State {
	if last <= 0 {
		return Down
	}
	age := int64(now - last)
	switch {
	case age <= 2*o.Interval:
		return Live
	case o.MaxAge < 0 || age <= o.MaxAge:
		return Late
	case age <= o.Horizon:
		return Stale
	}
	return Down
}
