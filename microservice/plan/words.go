package plan

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/availability"
	"github.com/wattwerk/wattwerk/microservice"
	"github.com/wattwerk/wattwerk/microservice/lease"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/object/vocabulary"
	"github.com/wattwerk/wattwerk/record"
)

// World is the objects there are; [*object.World] is one.
type World interface {
	Object(id object.ID) (*object.Object, bool)
	OfClass(class vocabulary.Class, under object.ID) []*object.Object
	Space(id string) (*object.Space, bool)
	Within(space string) []*object.Object
}

// View is how the objects are at this moment. It may be asked by many at once.
type View interface {
	// Epoch rises with every change of a state.
	Epoch() uint64
	// Value is what an object is good for by itself, or with what stands in for it for
	// everybody.
	Value(o *object.Object) availability.Value
	// StandIn is what could stand in for an object without a value, for this service;
	// a share of 0 when nothing can.
	StandIn(o *object.Object, w Want) availability.Value
	// Held gives who has an object in the way of the service: an actuator, or one
	// without room; nil when it is free. It is asked of objects that are actuators or
	// have a capacity.
	Held(o *object.Object, w Want) *lease.Conflict
}

// Want is who wants an object, and how good it must be.
type Want struct {
	SID      string
	Subject  object.ID
	Priority int
	Quality  float64 // the least share of a stand-in
}

const spacePrefix = "space/"

// OfSpace is a space as a subject: everything in it and in the spaces within.
func OfSpace(id string) object.ID { return object.ID(spacePrefix + id) }

// SpaceOf gives the space that a subject is, if it is one.
func SpaceOf(subject object.ID) (string, bool) {
	s, ok := strings.CutPrefix(string(subject), spacePrefix)
	return s, ok && s != ""
}

// Request asks for a service.
type Request struct {
	SID       string
	Domain    string         // may be left out when the service is there for one domain only
	Subject   object.ID      // below what it is to look: a group, a sensor, a space ([OfSpace]); "": everything
	Priority  *int           // lower than the service's own, if that is enough
	Threshold time.Duration  // shorter than the service's own; 0: that
	Majors    map[string]int // another major version of these microservices, explicitly
}

// SRO is the smart request object: sro = {sid | sid = (spi, spd, sth)}.
type SRO struct {
	SID     string         `json:"sid" doc:"The service"`
	SPI     int            `json:"spi" doc:"Its priority"`
	SPD     string         `json:"spd" doc:"Its domain"`
	STH     model.Duration `json:"sth" doc:"Its threshold"`
	Subject object.ID      `json:"subject,omitempty" doc:"Below what it looks"`

	service *microservice.Service
	majors  map[string]int
}

// Service gives the definition of the service.
func (s *SRO) Service() *microservice.Service { return s.service }

// MSO is the microservices object: the microservices of a request, with their
// thresholds and composites, µŞgid = Σ(µŞth, CVOth).
type MSO struct {
	GID   string         `json:"gid" doc:"Name of this set of microservices"`
	Steps []MSOStep      `json:"steps" doc:"The static ones first, then those that were composed"`
	Sum   model.Duration `json:"sum" doc:"Sum of all thresholds"`
	Path  model.Duration `json:"path" doc:"Thresholds on the longest way of what depends on one another"`
}

// MSOStep is one microservice of a request.
type MSOStep struct {
	MS       string               `json:"ms" doc:"The microservice"`
	Version  microservice.Version `json:"version" doc:"In which version"`
	MSth     model.Duration       `json:"msth" doc:"Threshold of its own work"`
	CVOs     []CVOTh              `json:"cvos" doc:"Its composites"`
	Composed bool                 `json:"composed,omitempty" doc:"The service does not name it: it gives what others need"`
	After    []string             `json:"after,omitempty" doc:"Microservices whose values it needs"`

	template *microservice.Template
	weight   float64
	critical bool
}

// CVOTh is a composite and its threshold.
type CVOTh struct {
	Tag string         `json:"tag" doc:"The composite"`
	Th  model.Duration `json:"th" doc:"Threshold of getting its values"`
}

// Template gives the template of a step; it is not to be changed.
func (s *MSOStep) Template() *microservice.Template { return s.template }

// What finding may come to, beside [*NoMicroservice] and [*NotAvailable].
var (
	ErrUnknown   = errors.New("there is no such service")
	ErrAmbiguous = errors.New("the service is there for several domains; one has to be named")
	ErrSubject   = errors.New("there is no such object or space")
	ErrRequest   = errors.New("the request cannot be")
)

// NoMicroservice says that a service needs something that no microservice does.
type NoMicroservice struct {
	SID          string
	Microservice string // the one that is named, or whose input is not given
	Need         string // the value that nobody gives; "" when the microservice itself is not there
	Why          string
}

// Error is that in a sentence.
func (e *NoMicroservice) Error() string {
	switch {
	case e.Need != "" && e.Microservice != "":
		return fmt.Sprintf("service %.200q: microservice %.200q needs %.200q, and %s", e.SID, e.Microservice, e.Need, e.Why)
	case e.Need != "":
		return fmt.Sprintf("service %.200q needs %.200q, and %s", e.SID, e.Need, e.Why)
	}
	return fmt.Sprintf("service %.200q: microservice %.200q: %s", e.SID, e.Microservice, e.Why)
}

// Reason says why a service is not available.
type Reason string

// The reasons there are.
const (
	Restriction Reason = "restriction"     // too much is missing
	Threshold   Reason = "threshold"       // it would take too long
	InConflict  Reason = "conflict"        // somebody else has what it needs
	NoneIsUp    Reason = "no-microservice" // no instance of a microservice works
)

// Cause says why one thing is missing.
type Cause string

// The causes there are.
const (
	ObjectFailed     Cause = "object"       // it has no value, and nothing stands in
	LinkCut          Cause = "link"         // it may have one, and cannot be reached from here
	MicroserviceDown Cause = "microservice" // no instance works
	Absent           Cause = "absent"       // there are fewer such objects than are needed
	Poor             Cause = "quality"      // what stands in is not good enough
	Held             Cause = "conflict"     // somebody else has it
)

// Missing is one thing that is missing.
type Missing struct {
	MS     string        `json:"ms" doc:"For which microservice"`
	CVO    string        `json:"cvo,omitempty" doc:"In which composite"`
	VO     object.ID     `json:"vo,omitempty" doc:"Which object; absent when the composite or the microservice is missing, or nobody knows one"`
	Cause  Cause         `json:"cause" enum:"object,link,microservice,absent,quality,conflict" doc:"Why"`
	Since  record.Millis `json:"since,omitempty" doc:"Since when, ms since 1970; absent: not known"`
	Holder *Holder       `json:"holder,omitempty" doc:"Who has it"`
}

// Holder is who has an object that is wanted.
type Holder struct {
	Priority int           `json:"priority" doc:"Its priority"`
	Until    record.Millis `json:"until" doc:"When its lease ends, ms since 1970"`
}

// NotAvailable says that a service cannot be carried out, and why: everything that
// the answer to whoever asked has to say.
type NotAvailable struct {
	SID          string        `json:"sid" doc:"The service"`
	Priority     int           `json:"priority" doc:"Its priority"`
	Domain       string        `json:"domain" doc:"Its domain"`
	Subject      object.ID     `json:"subject,omitempty" doc:"For what"`
	Reason       Reason        `json:"reason" enum:"restriction,threshold,conflict,no-microservice" doc:"Why it is not available"`
	Required     Required      `json:"required" doc:"What it needs"`
	Usable       int           `json:"usable" doc:"Microservices that could work"`
	Missing      []Missing     `json:"missing" doc:"What is missing, at most 100"`
	More         int           `json:"more,omitempty" doc:"How much more is missing"`
	Threshold    Estimate      `json:"threshold" doc:"How long it may take, and would"`
	Availability float64       `json:"availability" doc:"Share of microservices that could work fully"`
	Mean         float64       `json:"mean" doc:"Mean share of usable composites"`
	Quality      float64       `json:"quality" doc:"What that is worth with what stands in"`
	RetryAfter   int           `json:"retryAfter_s" doc:"When it may be worth asking again, in s"`
	Queued       bool          `json:"queued" doc:"Work for it may wait until its data are back"`
	Queue        []string      `json:"queue,omitempty" doc:"Microservices whose work is to wait"`
	Alternatives []Alternative `json:"alternatives" doc:"Services that may do instead"`
}

// Required is what a service needs.
type Required struct {
	Microservices string   `json:"microservices" doc:"How many" example:"min 4"`
	Of            int      `json:"of" doc:"Of how many"`
	Critical      []string `json:"critical,omitempty" doc:"Which in any case"`
}

// Estimate is how long a service may take, and would, in ms.
type Estimate struct {
	Limit     float64 `json:"limit_ms" doc:"May take"`
	Estimated float64 `json:"estimated_ms" doc:"Would take at most, by the rule"`
	Rule      Rule    `json:"rule" enum:"sum,path" doc:"Sum of all thresholds, or longest way"`
}

// Alternative is a service that may do instead.
type Alternative struct {
	SID          string  `json:"sid" doc:"The service"`
	Availability float64 `json:"availability" doc:"Share of microservices that could work fully"`
}

// Error is the answer in a sentence.
func (e *NotAvailable) Error() string {
	switch e.Reason {
	case Threshold:
		return fmt.Sprintf("service %.200q is not available: it may take %g ms and would take %g", e.SID, e.Threshold.Limit, e.Threshold.Estimated)
	case InConflict:
		return fmt.Sprintf("service %.200q is not available: somebody else has what it needs", e.SID)
	}
	return fmt.Sprintf("service %.200q is not available: it needs %s of %d microservices, and %d are usable", e.SID, e.Required.Microservices, e.Required.Of, e.Usable)
}

// Rule says how long a service is thought to take.
type Rule string

// The rules there are.
const (
	BySum  Rule = "sum"  // the paper's: all thresholds one after another
	ByPath Rule = "path" // what does not depend on one another at the same time
)

// Plan is how a service can be carried out now.
type Plan struct {
	SID       string            `json:"sid" doc:"The service"`
	Domain    string            `json:"domain" doc:"Its domain"`
	Priority  int               `json:"priority" doc:"Its priority"`
	Subject   object.ID         `json:"subject,omitempty" doc:"For what"`
	Epoch     uint64            `json:"epoch" doc:"Of services, microservices, objects and links"`
	States    uint64            `json:"states" doc:"Epoch of the objects' states"`
	Exec      availability.Exec `json:"exec" enum:"full,partial" doc:"How much of it"`
	Strict    float64           `json:"strict" doc:"Share of microservices that work fully; what stands in counts"`
	Mean      float64           `json:"mean" doc:"Mean share of usable composites"`
	Quality   float64           `json:"quality" doc:"Like strict, by what stand-ins are worth"`
	Steps     []PlanStep        `json:"steps" doc:"Its microservices"`
	Groups    []PlanGroup       `json:"groups,omitempty" doc:"Groups of them"`
	StandIns  []Substitution    `json:"substitutions,omitempty" doc:"What stands in for what, at most 100"`
	MoreIns   int               `json:"moreSubstitutions,omitempty" doc:"How many more stand in"`
	Missing   []Missing         `json:"missing,omitempty" doc:"What is missing, at most 100"`
	More      int               `json:"more,omitempty" doc:"How much more is missing"`
	Queue     []string          `json:"queue,omitempty" doc:"Microservices that do not work fully: what they cannot do waits"`
	Threshold Estimate          `json:"threshold" doc:"How long it may take, and would"`
	Exclusive []object.ID       `json:"exclusive,omitempty" doc:"Actuators that it needs leases of"`
}

// PlanStep is one microservice of a plan.
type PlanStep struct {
	MS         string               `json:"ms" doc:"The microservice"`
	Version    microservice.Version `json:"version" doc:"In which version"`
	Instance   string               `json:"instance,omitempty" doc:"Which instance; absent when none works"`
	Usable     bool                 `json:"usable" doc:"It can work"`
	Full       bool                 `json:"full" doc:"It can work fully"`
	Composites []PlanComposite      `json:"composites" doc:"Its composites"`
}

// PlanComposite is one composite of a microservice of a plan.
type PlanComposite struct {
	Tag     string      `json:"tag" doc:"The composite"`
	Usable  bool        `json:"usable" doc:"It can be used"`
	Members []object.ID `json:"members" doc:"Objects and groups in it"`
}

// PlanGroup is one group of microservices of a plan.
type PlanGroup struct {
	Name    string            `json:"name" doc:"The group"`
	Exec    availability.Exec `json:"exec" enum:"full,partial,none" doc:"How much of it"`
	Strict  float64           `json:"strict" doc:"Share of microservices that work fully"`
	Mean    float64           `json:"mean" doc:"Mean share of usable composites"`
	Quality float64           `json:"quality" doc:"Like strict, by what stand-ins are worth"`
}

// Substitution is one thing that stands in for an object.
type Substitution struct {
	MS     string              `json:"ms" doc:"For which microservice"`
	CVO    string              `json:"cvo" doc:"In which composite"`
	VO     object.ID           `json:"vo" doc:"For which object"`
	Source availability.Source `json:"source" enum:"substituted,virtual" doc:"Another object, or earlier values"`
	By     object.ID           `json:"by,omitempty" doc:"Which object"`
	Share  float64             `json:"share" doc:"What it is worth"`
	Since  record.Millis       `json:"since,omitempty" doc:"Since when, ms since 1970"`
}

// Cut is a link that is cut: from a composite to an object, or, without an object,
// from microservices to the composite.
type Cut struct {
	SID       string        `json:"sid,omitempty" doc:"In this service; absent: in all" maxLength:"200"`
	MS        string        `json:"ms,omitempty" doc:"From this microservice to the composite; absent: from all. Not looked at when there is an object" maxLength:"200"`
	Composite string        `json:"composite" doc:"Tag of the composite" maxLength:"200"`
	Object    object.ID     `json:"object,omitempty" doc:"From the composite to this object" maxLength:"210"`
	Since     record.Millis `json:"since,omitempty" doc:"Since when, ms since 1970" readOnly:"true"`
	Why       string        `json:"why,omitempty" doc:"Why" maxLength:"500"`
}
