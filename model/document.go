package model

import (
	"time"

	"github.com/wattwerk/wattwerk/record"
)

// These identifiers obey the rules of [record.SensorID]. The four kinds are
// separate: a group may be called as a sensor is.
type (
	// GroupID names a group.
	GroupID string
	// HierarchyID names a hierarchy.
	HierarchyID string
	// SiteID names a site.
	SiteID string
)

// Document is the whole model as people write and read it, as JSON or YAML.
// The order of its lists means nothing, except that of a group's members.
type Document struct {
	Sites       []Site      `json:"sites,omitempty" yaml:"sites,omitempty" doc:"Places with a time zone"`
	Sensors     []Sensor    `json:"sensors,omitempty" yaml:"sensors,omitempty" doc:"Measuring points"`
	Groups      []Group     `json:"groups,omitempty" yaml:"groups,omitempty" doc:"Nodes of hierarchies"`
	Hierarchies []Hierarchy `json:"hierarchies,omitempty" yaml:"hierarchies,omitempty" doc:"Trees of groups"`
}

// Site is a place.
type Site struct {
	ID   SiteID `json:"id" yaml:"id" required:"false" doc:"Identifier" example:"kiel" maxLength:"200"`
	Name string `json:"name,omitempty" yaml:"name,omitempty" doc:"As people call it" maxLength:"500"`
	Zone string `json:"zone,omitempty" yaml:"zone,omitempty" doc:"IANA time zone; UTC when empty" example:"Europe/Berlin"`
}

// Kind says how the values of a sensor are to be read.
type Kind string

// Gauge values show what is the case at their time; counter values only rise,
// but for resets, and their differences are what matters.
const (
	Gauge   Kind = "gauge"
	Counter Kind = "counter"
)

// DefaultInterval is the expected interval of a sensor that states none: what
// power-distribution units and most gateways send.
const DefaultInterval = Duration(time.Minute)

// Sensor is a measuring point. It keeps its identity and its history when the
// device behind it is replaced. One with a formula is virtual: it has neither
// device nor register.
type Sensor struct {
	ID       record.SensorID `json:"id" yaml:"id" required:"false" doc:"Identifier, for ever" example:"server1" maxLength:"200"`
	Name     string          `json:"name,omitempty" yaml:"name,omitempty" doc:"As people call it" maxLength:"500"`
	Site     SiteID          `json:"site,omitempty" yaml:"site,omitempty" doc:"Where it is"`
	Quantity record.Quantity `json:"quantity" yaml:"quantity" doc:"What it measures" example:"active_power"`
	Unit     string          `json:"unit,omitempty" yaml:"unit,omitempty" doc:"Unit for display; values are kept in the coherent unit of the quantity" example:"kW"`
	Kind     Kind            `json:"kind,omitempty" yaml:"kind,omitempty" doc:"gauge or counter; default: as usual for the quantity" enum:"gauge,counter"`
	Interval Duration        `json:"interval,omitempty" yaml:"interval,omitempty" doc:"Expected time between readings; default 1m" example:"1s"`
	MaxAge   *Duration       `json:"maxAge,omitempty" yaml:"maxAge,omitempty" doc:"How old the last reading may be and still count, or unlimited; default 3 intervals" example:"3m"`
	Register *Register       `json:"register,omitempty" yaml:"register,omitempty" doc:"Of a counter: how it counts, by which odd readings are understood"`
	Formula  string          `json:"formula,omitempty" yaml:"formula,omitempty" doc:"Of a virtual sensor: how its values follow from those of other sensors and of groups" example:"sensor('grid') + sensor('roof')" maxLength:"2000"`
	Devices  []Device        `json:"devices,omitempty" yaml:"devices,omitempty" doc:"The devices that served it, in order of time"`
}

// Age gives how old the last reading of the sensor may be and still count, in
// milliseconds; -1 is unlimited.
func (s *Sensor) Age() int64 {
	switch {
	case s.MaxAge == nil && s.Interval == 0:
		return 3 * time.Duration(DefaultInterval).Milliseconds()
	case s.MaxAge == nil:
		return 3 * time.Duration(s.Interval).Milliseconds()
	case *s.MaxAge == Unlimited:
		return -1
	}
	return time.Duration(*s.MaxAge).Milliseconds()
}

// Register says how a counter counts. What is absent is not known.
type Register struct {
	Width     *float64 `json:"width,omitempty" yaml:"width,omitempty" doc:"Value at which it begins again at zero, in the coherent unit: 1e9 for a meter of 6 digits that shows kW·h" example:"1000000000"`
	Tolerance *float64 `json:"tolerance,omitempty" yaml:"tolerance,omitempty" doc:"By how much it may step back without having begun anew, in the coherent unit; default 0" example:"100"`
	MaxRate   *float64 `json:"maxRate,omitempty" yaml:"maxRate,omitempty" doc:"The most it can rise in an hour, in the coherent unit: of an energy meter the power its fuse lets through, in W" example:"43000"`
}

// Device is a physical meter that served a sensor for a while.
type Device struct {
	Serial      string     `json:"serial,omitempty" yaml:"serial,omitempty" doc:"Serial number" maxLength:"500"`
	Description string     `json:"description,omitempty" yaml:"description,omitempty" doc:"Make and type, remarks" maxLength:"2000"`
	From        time.Time  `json:"from" yaml:"from" doc:"In service from"`
	To          *time.Time `json:"to,omitempty" yaml:"to,omitempty" doc:"In service until; absent: still"`
	Start       *float64   `json:"start,omitempty" yaml:"start,omitempty" doc:"Reading when it began, in the coherent unit"`
	End         *float64   `json:"end,omitempty" yaml:"end,omitempty" doc:"Reading when it ended, in the coherent unit"`
}

// Group is a node of a hierarchy, the papers' aggregated sensor. It may stand
// in no hierarchy; then it is kept and not evaluated.
type Group struct {
	ID      GroupID  `json:"id" yaml:"id" required:"false" doc:"Identifier" example:"rack1" maxLength:"200"`
	Name    string   `json:"name,omitempty" yaml:"name,omitempty" doc:"As people call it" maxLength:"500"`
	Members []Member `json:"members,omitempty" yaml:"members,omitempty" doc:"What it consists of, in the order to show"`
}

// Member is a sensor or a group within a group: exactly one of both is set.
type Member struct {
	Sensor record.SensorID `json:"sensor,omitempty" yaml:"sensor,omitempty" doc:"A sensor"`
	Group  GroupID         `json:"group,omitempty" yaml:"group,omitempty" doc:"Or a group"`
	Sign   int8            `json:"sign,omitempty" yaml:"sign,omitempty" doc:"1 or -1, by which values count; default 1"`
	Meter  bool            `json:"meter,omitempty" yaml:"meter,omitempty" doc:"The sensor is the group's own meter: compared with the sum, not part of it"`
}

// DefaultTick is the tick of a hierarchy that states none.
const DefaultTick = Duration(time.Second)

// Hierarchy is a tree of groups that is evaluated at every tick.
type Hierarchy struct {
	ID   HierarchyID `json:"id" yaml:"id" required:"false" doc:"Identifier" example:"place" maxLength:"200"`
	Name string      `json:"name,omitempty" yaml:"name,omitempty" doc:"As people call it" maxLength:"500"`
	Site SiteID      `json:"site,omitempty" yaml:"site,omitempty" doc:"Whose time zone its days are in"`
	Root GroupID     `json:"root" yaml:"root" doc:"The group at the top"`
	Tick Duration    `json:"tick,omitempty" yaml:"tick,omitempty" doc:"Distance of the points in time at which groups are evaluated; divides a day; default 1s" example:"1s"`
}
