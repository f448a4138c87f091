package vocabulary

import "strings"

// Namespace of a prefix.
type Namespace struct {
	Prefix string
	IRI    string
}

// Namespaces are the prefixes that everything here is written with.
var namespaces = []Namespace{
	{"brick", "https://brickschema.org/schema/Brick#"},
	{"prov", "http://www.w3.org/ns/prov#"},
	{"qk", "http://qudt.org/vocab/quantitykind/"},
	{"qudt", "http://qudt.org/schema/qudt/"},
	{"rdf", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"},
	{"rdfs", "http://www.w3.org/2000/01/rdf-schema#"},
	{"rec", "https://w3id.org/rec#"},
	{"ref", "https://brickschema.org/schema/Brick/ref#"},
	{"unit", "http://qudt.org/vocab/unit/"},
	{"ww", "https://wattwerk.org/ns#"},
	{"xsd", "http://www.w3.org/2001/XMLSchema#"},
}

// Namespaces lists the prefixes, sorted.
func Namespaces() []Namespace { return append([]Namespace(nil), namespaces...) }

// Expand gives the whole IRI of a short form. What has no known prefix stays as
// it is.
func Expand(short string) string {
	prefix, local, ok := strings.Cut(short, ":")
	if !ok {
		return short
	}
	for _, n := range namespaces {
		if n.Prefix == prefix {
			return n.IRI + local
		}
	}
	return short
}

// Shorten gives the short form of an IRI, if it has one.
func Shorten(iri string) (string, bool) {
	for _, n := range namespaces {
		if local, ok := strings.CutPrefix(iri, n.IRI); ok && plain(local) {
			return n.Prefix + ":" + local, true
		}
	}
	return "", false
}

// plain tells whether the name can stand behind a prefix in Turtle as it is.
func plain(local string) bool {
	if local == "" || local[0] == '-' {
		return false
	}
	for i := 0; i < len(local); i++ {
		c := local[i]
		if c != '_' && c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// Property is a property, written short: "brick:hasPoint".
type Property string

// Properties that the graph of objects has.
const (
	Type       Property = "rdf:type"
	Label      Property = "rdfs:label"
	SubClassOf Property = "rdfs:subClassOf"

	HasPart   Property = "brick:hasPart"
	IsPartOf  Property = "brick:isPartOf"
	HasPoint  Property = "brick:hasPoint"
	IsPointOf Property = "brick:isPointOf"
	Feeds     Property = "brick:feeds"
	IsFedBy   Property = "brick:isFedBy"
	Meters    Property = "brick:meters"
	IsMetered Property = "brick:isMeteredBy"
	HasUnit   Property = "brick:hasUnit"

	LocatedIn Property = "rec:locatedIn"
	Includes  Property = "rec:includes"

	HasQuantityKind Property = "qudt:hasQuantityKind"
	HasExternal     Property = "ref:hasExternalReference"
	HasTimeseriesID Property = "ref:hasTimeseriesId"
	DerivedFrom     Property = "prov:wasDerivedFrom"

	QuantityWord Property = "ww:quantity"
	KindWord     Property = "ww:kind"
	StateWord    Property = "ww:state"
	LastValue    Property = "ww:lastValue"
	LastSeen     Property = "ww:lastSeen"
	Interval     Property = "ww:interval"
	MaxAge       Property = "ww:maxAge"
	Horizon      Property = "ww:horizon"
	Device       Property = "ww:device"
	Capacity     Property = "ww:capacity"
	Actuator     Property = "ww:actuator"
	Restricted   Property = "ww:restriction"
	MinCount     Property = "ww:minCount"
	Critical     Property = "ww:critical"
	ReplicaOf    Property = "ww:replicaOf"
	SubstFor     Property = "ww:substitutionFor"
	SubstBy      Property = "ww:substitutedBy"
	Method       Property = "ww:method"
	ExpectedErr  Property = "ww:expectedNMAE"
)

// IRI is the property in full.
func (p Property) IRI() string { return Expand(string(p)) }

// Use tells what a property stands between.
type Use struct {
	Property Property
	Subject  string // what has it
	Value    string // what it leads to
	Meaning  string
}

var uses = []Use{
	{Type, "everything", "class", "of what class it is; of a subclass by `a/rdfs:subClassOf*`"},
	{Label, "everything", "text", "as people call it"},
	{SubClassOf, "class", "class", "what contains it"},
	{HasPart, "space", "space", "a space within"},
	{IsPartOf, "space", "space", "the space around it"},
	{LocatedIn, "object", "space", "where it is"},
	{HasPoint, "device", "sensor", "what the device measures"},
	{IsPointOf, "sensor", "device", "the present device"},
	{Feeds, "object", "object", "where its energy goes"},
	{IsFedBy, "object", "object", "where its energy comes from"},
	{Meters, "sensor", "group", "it is the group's own meter"},
	{IsMetered, "group", "sensor", "the group's own meter"},
	{Includes, "group", "object", "a member"},
	{HasUnit, "object", "unit of QUDT", "the unit of its values"},
	{HasQuantityKind, "object", "quantity kind of QUDT", "what is measured"},
	{HasExternal, "sensor", "ref:TimeseriesReference", "where its values are kept"},
	{HasTimeseriesID, "reference", "text", "the sensor's identifier in the history"},
	{QuantityWord, "object", "text", "what is measured, in Wattwerk's word"},
	{KindWord, "sensor", "text", "gauge or counter"},
	{StateWord, "object", "text", "live, late, stale, substituted, virtual or down"},
	{LastValue, "object", "xsd:double", "the newest value, in the unit"},
	{LastSeen, "object", "xsd:dateTime", "when that was"},
	{Interval, "object", "xsd:integer", "expected time between readings, ms"},
	{MaxAge, "object", "xsd:integer", "how old a value may be and still count, ms; absent: unlimited"},
	{Horizon, "object", "xsd:integer", "how long a value may be made up from earlier ones, ms"},
	{Device, "sensor", "text", "serial number of the present device"},
	{Capacity, "object", "xsd:integer", "how many may use it at once; absent: any number"},
	{Actuator, "object", "xsd:boolean", "it is written to"},
	{Restricted, "group", "text", "all, min or some: how many members it needs"},
	{MinCount, "group", "xsd:integer", "the number of a restriction of min"},
	{Critical, "group", "object", "a member it cannot do without"},
	{ReplicaOf, "sensor", "sensor", "it measures the same"},
	{DerivedFrom, "object", "object", "what stands in is made from"},
	{SubstFor, "ww:Substitution", "object", "what is missing"},
	{SubstBy, "ww:Substitution", "object", "what stands in"},
	{Method, "ww:Substitution", "text", "how it is made"},
	{ExpectedErr, "ww:Substitution", "xsd:double", "the error that is expected, as a share"},
}

// Uses lists every property and what it stands between.
func Uses() []Use { return append([]Use(nil), uses...) }
