package model

import (
	"fmt"
	"math"
	"strings"
	"time"
	_ "time/tzdata" // a zone is known everywhere or nowhere, whatever the machine carries
	"unicode/utf8"

	"github.com/wattwerk/wattwerk/record"
)

// Bounds of a model.
const (
	MaxSites       = 100_000
	MaxSensors     = 10_000_000
	MaxGroups      = 1_000_000
	MaxHierarchies = 1_000
	MaxMembers     = 1_000_000 // of one group
	MaxDevices     = 1_000     // of one sensor
	MaxDepth       = 64        // groups within groups
	MaxName        = 500       // bytes of a name or serial number
	MaxRemark      = 2_000     // bytes of a description
	MaxInterval    = Duration(366 * 24 * time.Hour)
	MinTick        = Duration(10 * time.Millisecond)
)

// checkSite fills defaults in and reports what is wrong with the site alone.
func (c *change) checkSite(s *Site) {
	if err := record.ValidateID("site", string(s.ID)); err != nil {
		c.faults.Add("%v", err)
	}
	c.checkText("site", string(s.ID), "name", s.Name, MaxName)
	if s.Zone == "" {
		s.Zone = "UTC"
	}
	ok, known := c.zones[s.Zone]
	if !known {
		_, err := time.LoadLocation(s.Zone)
		// Local is whatever the machine says, "../x" a file.
		ok = err == nil && s.Zone != "Local" && !strings.Contains(s.Zone, "..")
		c.zones[s.Zone] = ok
	}
	if !ok {
		c.faults.Add("site %q has the unknown time zone %.60q; zones are named like Europe/Berlin", s.ID, s.Zone)
	}
}

func (c *change) checkText(kind, id, what, text string, most int) {
	switch {
	case len(text) > most:
		c.faults.Add("%s %q has a %s of %d bytes, at most %d are taken", kind, id, what, len(text), most)
	case !utf8.ValidString(text):
		c.faults.Add("%s %q has a %s that is not valid UTF-8", kind, id, what)
	}
}

func (c *change) checkSensor(s *Sensor) {
	if err := s.ID.Validate(); err != nil {
		c.faults.Add("%v", err)
	}
	c.checkText("sensor", string(s.ID), "name", s.Name, MaxName)
	// One copy of what a million sensors say alike.
	s.Quantity = record.Quantity(c.intern(string(s.Quantity)))
	s.Unit = c.intern(s.Unit)
	s.Site = SiteID(c.intern(string(s.Site)))
	if err := s.Quantity.Validate(); err != nil {
		c.faults.Add("sensor %q: its %v", s.ID, err)
	} else if s.Unit == "" {
		s.Unit = s.Quantity.Unit().Symbol
	} else if _, ok := s.Quantity.LookupUnit(s.Unit); !ok {
		c.faults.Add("sensor %q has the unit %.60q, which is no unit of %s", s.ID, s.Unit, s.Quantity)
	}
	switch s.Kind {
	case "":
		s.Kind = Gauge
		if s.Quantity.Counter() {
			s.Kind = Counter
		}
	case Gauge:
		s.Kind = Gauge
	case Counter:
		s.Kind = Counter
	default:
		c.faults.Add("sensor %q has the kind %.60q; it is gauge or counter", s.ID, string(s.Kind))
	}
	if s.Interval == 0 {
		s.Interval = DefaultInterval
	}
	if s.Interval < Duration(time.Millisecond) || s.Interval > MaxInterval {
		c.faults.Add("sensor %q has the interval %v; it is between 1ms and a year", s.ID, s.Interval)
	}
	if s.MaxAge != nil && *s.MaxAge != Unlimited && (*s.MaxAge < Duration(time.Millisecond) || *s.MaxAge > 100*MaxInterval) {
		c.faults.Add("sensor %q has the max age %v; it is at least 1ms, or unlimited", s.ID, *s.MaxAge)
	}
	if r := s.Register; r != nil {
		if s.Kind != Counter {
			c.faults.Add("sensor %q is a gauge and has a register; only a counter has one", s.ID)
		}
		c.checkRegister(s.ID, "width", r.Width)
		c.checkRegister(s.ID, "tolerance", r.Tolerance)
		c.checkRegister(s.ID, "greatest rate", r.MaxRate)
	}
	if s.Formula != "" && (len(s.Devices) > 0 || s.Register != nil) {
		c.faults.Add("sensor %q has a formula, and devices or a register; a virtual sensor has neither", s.ID)
	}
	if len(s.Devices) > MaxDevices {
		c.faults.Add("sensor %q has %d devices, at most %d are taken", s.ID, len(s.Devices), MaxDevices)
		return
	}
	for i := range s.Devices {
		c.checkDevice(s, i)
	}
}

func (c *change) checkRegister(id record.SensorID, what string, v *float64) {
	if v != nil && !(*v > 0 && *v <= record.MaxValue) {
		c.faults.Add("the register of sensor %q has the %s %v; it is more than 0", id, what, *v)
	}
}

func (c *change) checkDevice(s *Sensor, i int) {
	d := &s.Devices[i]
	c.checkText("sensor", string(s.ID), "serial number", d.Serial, MaxName)
	c.checkText("sensor", string(s.ID), "device description", d.Description, MaxRemark)
	for _, t := range []*time.Time{&d.From, d.To} {
		// Outside, a time has no RFC 3339 form, and the document none either.
		if t != nil && (t.Year() < 0 || t.Year() > 9999) {
			c.faults.Add("device %d of sensor %q has a time in the year %d", i+1, s.ID, t.Year())
		}
	}
	for _, v := range []*float64{d.Start, d.End} {
		if v != nil && (math.IsNaN(*v) || math.IsInf(*v, 0) || math.Abs(*v) > record.MaxValue) {
			c.faults.Add("device %d of sensor %q has a reading that is not a possible value", i+1, s.ID)
		}
	}
	if d.To != nil && !d.To.After(d.From) {
		c.faults.Add("device %d of sensor %q ends before it begins", i+1, s.ID)
	}
	if i == 0 {
		return
	}
	switch before := &s.Devices[i-1]; {
	case before.To == nil:
		c.faults.Add("device %d of sensor %q has no end, but another one follows", i, s.ID)
	case d.From.Before(*before.To):
		c.faults.Add("device %d of sensor %q begins before the one before it ended", i+1, s.ID)
	}
}

// checkGroup copies the members where defaults have to be filled in.
func (c *change) checkGroup(g *Group) {
	if err := record.ValidateID("group", string(g.ID)); err != nil {
		c.faults.Add("%v", err)
	}
	c.checkText("group", string(g.ID), "name", g.Name, MaxName)
	if len(g.Members) > MaxMembers {
		c.faults.Add("group %q has %d members, at most %d are taken", g.ID, len(g.Members), MaxMembers)
	}
	copied := false
	meters := 0
	for i, e := range g.Members {
		switch {
		case e.Sensor != "" && e.Group != "":
			c.faults.Add("group %q has a member that is both the sensor %q and the group %q; it is one of them", g.ID, e.Sensor, e.Group)
		case e.Sensor == "" && e.Group == "":
			c.faults.Add("group %q has a member that is neither a sensor nor a group", g.ID)
		case e.Group != "":
			if e.Meter {
				c.faults.Add("group %q has the group %q as its meter; only a sensor can be a meter", g.ID, e.Group)
			}
		}
		switch e.Sign {
		case 1, -1:
		case 0:
			if !copied {
				g.Members = append([]Member(nil), g.Members...)
				copied = true
			}
			g.Members[i].Sign = 1
		default:
			c.faults.Add("group %q counts %s with the sign %d; it is 1 or -1", g.ID, e.name(), e.Sign)
		}
		if e.Meter {
			if meters++; meters == 2 {
				c.faults.Add("group %q has more than one meter; it has one or none", g.ID)
			}
		}
	}
}

func (c *change) checkHierarchy(h *Hierarchy) {
	if err := record.ValidateID("hierarchy", string(h.ID)); err != nil {
		c.faults.Add("%v", err)
	}
	c.checkText("hierarchy", string(h.ID), "name", h.Name, MaxName)
	if h.Tick == 0 {
		h.Tick = DefaultTick
	}
	day := Duration(24 * time.Hour)
	if h.Tick < MinTick || h.Tick > day || day%h.Tick != 0 || h.Tick%Duration(time.Millisecond) != 0 {
		c.faults.Add("hierarchy %q has the tick %v; it divides a day into equal parts of at least %v and whole milliseconds", h.ID, h.Tick, MinTick)
	}
	if h.Root == "" {
		c.faults.Add("hierarchy %q has no root group", h.ID)
	}
}

// name is how a member is called in a sentence.
func (e *Member) name() string {
	if e.Sensor != "" {
		return fmt.Sprintf("the sensor %q", e.Sensor)
	}
	return fmt.Sprintf("the group %q", e.Group)
}

func (c *change) intern(s string) string {
	if v, ok := c.interned[s]; ok {
		return v
	}
	if len(c.interned) < 10_000 {
		c.interned[s] = s
	}
	return s
}
