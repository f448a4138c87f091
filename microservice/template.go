package microservice

import (
	"time"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/object/vocabulary"
	"github.com/wattwerk/wattwerk/record"
)

// Template is what is known of one version of a microservice: what discovery and
// composition read. The numbers are those of the paper's nodes.
type Template struct {
	ID          string             `json:"id" yaml:"id" doc:"Identifier, the same for all versions" example:"load-estimation" maxLength:"200"`
	Name        string             `json:"name,omitempty" yaml:"name,omitempty" doc:"As people call it" maxLength:"500"`
	Domain      string             `json:"domain" yaml:"domain" doc:"Application domain; services of another domain do not see it" example:"building" maxLength:"200"`
	Services    []string           `json:"services" yaml:"services" doc:"Services it may work for, by their sid; * is all" maxItems:"100"`
	Dynamic     bool               `json:"dynamic,omitempty" yaml:"dynamic,omitempty" doc:"Composed when it is needed, after those that are always loaded"`
	Threshold   model.Duration     `json:"threshold" yaml:"threshold" doc:"How long its own work takes at most" example:"10ms"`
	Restriction object.Restriction `json:"restriction" yaml:"restriction" doc:"How many of its composites it needs"`

	Composites []Requirement   `json:"composites" yaml:"composites" doc:"01: the composites it looks at" maxItems:"100"`
	Source     DataSource      `json:"source,omitempty" yaml:"source,omitempty" doc:"02: what data it takes, and what is done to them first"`
	Release    Release         `json:"release" yaml:"release" doc:"03: which version this is"`
	Runtime    Runtime         `json:"runtime" yaml:"runtime" doc:"04 and 05: what it runs in, and its code"`
	Inputs     []Property      `json:"inputs,omitempty" yaml:"inputs,omitempty" doc:"06: values it needs; what its composites do not give comes from other microservices" maxItems:"100"`
	Outputs    []Property      `json:"outputs,omitempty" yaml:"outputs,omitempty" doc:"07: values it gives" maxItems:"100"`
	Instances  *InstanceCounts `json:"instances,omitempty" yaml:"-" doc:"08: how many instances there are, and how they are. Not written by people" readOnly:"true"`
	Locations  []Location      `json:"locations,omitempty" yaml:"-" doc:"09: where the instances are. Not written by people" readOnly:"true"`
	Analysis   Analysis        `json:"analysis,omitempty" yaml:"analysis,omitempty" doc:"10: the model it computes with"`
}

// Requirement is a composite that a template asks for: which objects, and how
// many of them. It is resolved below the subject of a request. Microservices of one
// service that name the same tag mean the same composite.
type Requirement struct {
	URI         string             `json:"uri,omitempty" yaml:"uri,omitempty" doc:"01: its name to machines" maxLength:"500"`
	Name        string             `json:"name,omitempty" yaml:"name,omitempty" doc:"01: as people call it" maxLength:"500"`
	Tag         string             `json:"tag" yaml:"tag" doc:"01: its unique tag" example:"load" maxLength:"200"`
	Class       vocabulary.Class   `json:"class,omitempty" yaml:"class,omitempty" doc:"Objects of this class and of those below it" example:"brick:Power_Sensor" maxLength:"200"`
	Quantity    record.Quantity    `json:"quantity,omitempty" yaml:"quantity,omitempty" doc:"Only objects of this quantity" maxLength:"100"`
	Objects     []object.ID        `json:"objects,omitempty" yaml:"objects,omitempty" doc:"Or exactly these objects, wherever they are" maxItems:"1000"`
	Restriction object.Restriction `json:"restriction" yaml:"restriction" doc:"01: how many of them are required"`
	Quality     float64            `json:"quality,omitempty" yaml:"quality,omitempty" doc:"What a value that stands in must be worth at least" minimum:"0" maximum:"1"`
	Critical    bool               `json:"critical,omitempty" yaml:"critical,omitempty" doc:"The microservice cannot do without it"`
	Whole       bool               `json:"whole,omitempty" yaml:"whole,omitempty" doc:"Below every object, not only below the subject: a weather station, a grid meter"`
	Threshold   model.Duration     `json:"threshold" yaml:"threshold" doc:"How long getting its values takes at most" example:"5ms"`
}

// DataSource is node 02.
type DataSource struct {
	Datasets   []Dataset `json:"datasets,omitempty" yaml:"datasets,omitempty" doc:"Kinds of data" maxItems:"4"`
	Preprocess []string  `json:"preprocess,omitempty" yaml:"preprocess,omitempty" doc:"What is done to them first" maxItems:"50"`
	Features   []string  `json:"features,omitempty" yaml:"features,omitempty" doc:"What is selected or made of them" maxItems:"50"`
}

// Dataset is one of the paper's four kinds of data.
type Dataset string

// The kinds of data there are.
const (
	Activity    Dataset = "activity"    // ds1: what people do
	Environment Dataset = "environment" // ds2: indoors and outdoors
	Appliances  Dataset = "appliances"  // ds3: consumption
	Generation  Dataset = "generation"  // ds4
)

// Datasets gives all kinds of data.
func Datasets() []Dataset { return []Dataset{Activity, Environment, Appliances, Generation} }

// UpdateKind says what a version changed.
type UpdateKind string

// The kinds of updates there are.
const (
	Major UpdateKind = "major"
	Minor UpdateKind = "minor"
	Patch UpdateKind = "patch"
)

// Release is node 03.
type Release struct {
	Version Version    `json:"version" yaml:"version" doc:"Semantic version" example:"1.4.2"`
	Created time.Time  `json:"created" yaml:"created" doc:"When the microservice was made"`
	Updated time.Time  `json:"updated" yaml:"updated" doc:"When this version was made"`
	Kind    UpdateKind `json:"kind" yaml:"kind" doc:"What it changed" enum:"major,minor,patch"`
}

// Runtime is nodes 04 and 05. What is named here is told to people; nothing of it
// is started.
type Runtime struct {
	BuiltIn   string   `json:"builtIn,omitempty" yaml:"builtIn,omitempty" doc:"04: part of this program, by this name" maxLength:"200"`
	Image     string   `json:"image,omitempty" yaml:"image,omitempty" doc:"04: or a container" maxLength:"500"`
	Libraries []string `json:"libraries,omitempty" yaml:"libraries,omitempty" doc:"04: what it builds on" maxItems:"50"`
	Microcode string   `json:"microcode,omitempty" yaml:"microcode,omitempty" doc:"05: where its code is" maxLength:"500"`
}

// Property is a value that goes in or out, nodes 06 and 07. An output satisfies an
// input of the same name whose class, quantity, cardinality and freshness, where
// given, it meets.
type Property struct {
	Name      string           `json:"name" yaml:"name" doc:"What it is" example:"load" maxLength:"200"`
	Class     vocabulary.Class `json:"class,omitempty" yaml:"class,omitempty" doc:"Its class" maxLength:"200"`
	Quantity  record.Quantity  `json:"quantity,omitempty" yaml:"quantity,omitempty" doc:"What is measured; the coherent unit is its unit" maxLength:"100"`
	Many      bool             `json:"many,omitempty" yaml:"many,omitempty" doc:"A series, not one value"`
	Freshness model.Duration   `json:"freshness,omitempty" yaml:"freshness,omitempty" doc:"An input may be so old at most; an output is"`
}

// InstanceCounts is node 08.
type InstanceCounts struct {
	Total   int `json:"total" doc:"Instances of this version"`
	Healthy int `json:"healthy" doc:"That are available and reliable"`
	Poor    int `json:"poor" doc:"That are not, or whose data are not fresh"`
}

// Location is node 09, of one instance.
type Location struct {
	Instance string `json:"instance" yaml:"instance" doc:"Which instance" maxLength:"200"`
	URI      string `json:"uri,omitempty" yaml:"uri,omitempty" doc:"Where it is deployed" maxLength:"500"`
	Port     int    `json:"port,omitempty" yaml:"port,omitempty" doc:"Port" minimum:"0" maximum:"65535"`
	EdgeURI  string `json:"edgeURI,omitempty" yaml:"edgeURI,omitempty" doc:"The same at the edge" maxLength:"500"`
}

// Analysis is node 10.
type Analysis struct {
	Model       string   `json:"model,omitempty" yaml:"model,omitempty" doc:"What it computes with" maxLength:"500"`
	Assumptions []string `json:"assumptions,omitempty" yaml:"assumptions,omitempty" doc:"What is taken for granted" maxItems:"50"`
	Training    string   `json:"training,omitempty" yaml:"training,omitempty" doc:"Which data it is fitted to" maxLength:"500"`
	Validation  string   `json:"validation,omitempty" yaml:"validation,omitempty" doc:"Which data it is checked with" maxLength:"500"`
	Score       string   `json:"score,omitempty" yaml:"score,omitempty" doc:"How good it was there" maxLength:"500"`
}

// Key is a version of a microservice.
type Key struct {
	ID      string  `json:"id"`
	Version Version `json:"version"`
}

// Key names the template.
func (t *Template) Key() Key { return Key{t.ID, t.Release.Version} }

// For tells whether it may work for a service of a domain.
func (t *Template) For(sid, domain string) bool {
	if t.Domain != domain {
		return false
	}
	for _, s := range t.Services {
		if s == sid || s == "*" {
			return true
		}
	}
	return false
}

// Satisfies tells whether a value that is given is what is needed.
func (p Property) Satisfies(need Property) bool {
	switch {
	case p.Name != need.Name:
	case need.Class != "" && !p.Class.Is(need.Class):
	case need.Quantity != "" && p.Quantity != need.Quantity:
	case need.Many && !p.Many:
	case need.Freshness > 0 && p.Freshness > need.Freshness:
	default:
		return true
	}
	return false
}

// Gives tells whether one of the outputs is what is needed.
func (t *Template) Gives(need Property) bool {
	for _, p := range t.Outputs {
		if p.Satisfies(need) {
			return true
		}
	}
	return false
}

// Foreign gives the inputs that none of its own composites gives: those whose
// name is no composite's tag.
func (t *Template) Foreign() []Property {
	var out []Property
	for _, p := range t.Inputs {
		own := false
		for i := range t.Composites {
			own = own || t.Composites[i].Tag == p.Name
		}
		if !own {
			out = append(out, p)
		}
	}
	return out
}
