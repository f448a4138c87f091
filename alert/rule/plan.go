package rule

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// Silence keeps alerts from being told until a time. They come and go
// meanwhile; what still lasts at the end is told then.
type Silence struct {
	Rule    string        // empty: of all rules
	Subject Ref           // zero: of all subjects
	Until   record.Millis // exclusive
}

// Acknowledgement ends the repeating of one incident until a time.
type Acknowledgement struct {
	Incident string
	Until    record.Millis
}

// key names an alert.
type key struct {
	rule    string
	subject Ref
}

// instance is a rule for one subject.
type instance struct {
	key
	rule     *Rule
	quantity record.Quantity
	zone     *time.Location
	days     *time.Location // of its settled days
	maxAge   int64          // of a sensor's values, ms; -1 unlimited
	tickAge  int64          // of a group's ticks, ms
	apparent bool           // the sensor beside an active power measures apparent power

	depth  int      // of a group, 0 for a root; sensors stand below all groups
	above  []string // groups it is in, for what is silenced by them
	leaves []leaf   // missing: whose readings count
}

type leaf struct {
	sensor   record.SensorID
	interval int64 // ms
}

// Plan is a set of rules laid out over a model. It does not change, and may be
// used by several engines.
type Plan struct {
	instances []*instance // those of groups before those below them
	at        map[key]*instance
	sensors   map[record.SensorID][]*instance // whose readings are judged when they come
	watched   map[record.SensorID]bool        // all whose readings are needed
	virtual   bool                            // some of them are virtual
	groups    map[string][]*instance
	missing   map[string][]*instance // rules about silence, by group
	silences  []Silence
	acks      map[string]record.Millis
}

// NewPlan lays completed, valid rules out over a model. What is not in the
// model has no part in it. zone gives the location of a zone's name.
func NewPlan(rules []Rule, m *model.Model, zone func(string) *time.Location) *Plan {
	p := &Plan{
		at: make(map[key]*instance), sensors: make(map[record.SensorID][]*instance), watched: make(map[record.SensorID]bool),
		groups: make(map[string][]*instance), missing: make(map[string][]*instance), acks: make(map[string]record.Millis),
	}
	l := &layer{plan: p, model: m, zone: zone}
	for i := range rules {
		if !rules[i].Disabled {
			l.add(&rules[i])
		}
	}
	slices.SortStableFunc(p.instances, func(a, b *instance) int {
		return cmp.Or(cmp.Compare(a.depth, b.depth), strings.Compare(a.key.rule, b.key.rule), strings.Compare(a.subject.String(), b.subject.String()))
	})
	for _, in := range p.instances {
		p.at[in.key] = in
		r := in.rule
		switch {
		case r.Condition.Kind == Missing:
			for _, f := range in.leaves {
				p.watched[f.sensor] = true
			}
			if in.subject.Group != "" {
				p.missing[in.subject.Group] = append(p.missing[in.subject.Group], in)
			}
		case r.Condition.Kind == External || r.Condition.Kind.asked():
		case in.subject.Group != "":
			p.groups[in.subject.Group] = append(p.groups[in.subject.Group], in)
		default:
			for _, id := range []record.SensorID{in.subject.Sensor, r.Condition.With} {
				if id != "" {
					p.watched[id] = true
					p.sensors[id] = append(p.sensors[id], in)
				}
			}
		}
	}
	for id := range p.watched {
		if x, ok := m.Sensor(id); ok && x.Formula != "" {
			p.virtual = true
		}
	}
	return p
}

// Hush gives the plan with other silences and acknowledgements.
func (p *Plan) Hush(silences []Silence, acks []Acknowledgement) *Plan {
	own := *p
	own.silences, own.acks = silences, make(map[string]record.Millis, len(acks))
	for _, a := range acks {
		own.acks[a.Incident] = a.Until
	}
	return &own
}

// Sensors gives all sensors whose readings the rules need, sorted.
func (p *Plan) Sensors() []record.SensorID {
	out := make([]record.SensorID, 0, len(p.watched))
	for id := range p.watched {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// Watches tells whether the rules need the readings of a sensor.
func (p *Plan) Watches(id record.SensorID) bool { return p.watched[id] }

// Ticks tells whether the rules need the ticks of groups, or values of virtual
// sensors, which come with them.
func (p *Plan) Ticks() bool { return len(p.groups) > 0 || p.virtual }

// asked tells whether somebody who keeps settled windows is asked.
func (k Kind) asked() bool { return k == Budget || k == Deviation }

// Question is what a rule about settled windows wants to know.
type Question struct {
	Rule      string
	Subject   Ref
	Condition Condition
	Quantity  record.Quantity
	Zone      *time.Location // of a budget that of settled days: it begins with one
}

// Questions gives those there are.
func (p *Plan) Questions() []Question {
	var out []Question
	for _, in := range p.instances {
		switch c := in.rule.Condition; c.Kind {
		case Budget:
			out = append(out, Question{in.key.rule, in.subject, c, in.quantity, in.days})
		case Deviation:
			out = append(out, Question{in.key.rule, in.subject, c, in.quantity, in.zone})
		}
	}
	return out
}

// Subjects counts the subjects of a rule.
func (p *Plan) Subjects(id string) int {
	n := 0
	for _, in := range p.instances {
		if in.key.rule == id {
			n++
		}
	}
	return n
}

// Zone is the location in which times of a subject are told; UTC when it is
// unknown.
func (p *Plan) Zone(rule string, subject Ref) *time.Location {
	if in := p.at[key{rule, subject}]; in != nil {
		return in.zone
	}
	return time.UTC
}

type layer struct {
	plan  *Plan
	model *model.Model
	zone  func(string) *time.Location
}

func (l *layer) add(r *Rule) {
	s := r.Subject
	switch {
	case s.Sensor != "":
		l.addSensor(r, s.Sensor)
	case s.Group != "":
		l.addGroup(r, s.Group)
	case s.Below != "":
		for _, f := range l.leaves(s.Below) {
			l.addSensor(r, f.sensor)
		}
	default:
		l.plan.instances = append(l.plan.instances, &instance{key: key{rule: r.ID}, rule: r, zone: time.UTC})
	}
}

// sensorDepth is behind all groups.
const sensorDepth = 1 << 20

func (l *layer) addSensor(r *Rule, id record.SensorID) {
	x, ok := l.model.Sensor(id)
	if !ok {
		return
	}
	in := &instance{
		key: key{r.ID, Ref{Sensor: id}}, rule: r, quantity: x.Quantity, maxAge: x.Age(), depth: sensorDepth,
		zone: l.location(l.siteOf(x)), days: l.location(x.Site), leaves: []leaf{{id, interval(x)}},
	}
	for _, g := range l.model.Parents(id) {
		in.above = append(in.above, l.up(g)...)
	}
	if with, ok := l.model.Sensor(r.Condition.With); ok {
		in.apparent = with.Quantity == record.ApparentPower
	}
	l.plan.instances = append(l.plan.instances, in)
}

// siteOf is the site of a sensor; of one that names none that of the first of its
// hierarchies that does, or none.
func (l *layer) siteOf(x *model.Sensor) model.SiteID {
	if x.Site != "" {
		return x.Site
	}
	for _, g := range l.model.Parents(x.ID) {
		h, ok := l.model.HierarchyOf(g)
		if !ok {
			continue
		}
		if y, ok := l.model.Hierarchy(h); ok && y.Site != "" {
			return y.Site
		}
	}
	return ""
}

func (l *layer) addGroup(r *Rule, id model.GroupID) {
	h, ok := l.model.HierarchyOf(id)
	if !ok {
		return
	}
	site := model.SiteID("")
	if x, ok := l.model.Hierarchy(h); ok {
		site = x.Site
	}
	above, place := l.up(id), l.location(site)
	in := &instance{
		key: key{r.ID, Ref{Group: string(id)}}, rule: r, quantity: l.model.QuantityOf(id), maxAge: -1,
		zone: place, days: place, depth: len(above) - 1, above: above,
	}
	if x, ok := l.model.Hierarchy(h); ok {
		in.tickAge = max(time.Minute.Milliseconds(), 3*time.Duration(x.Tick).Milliseconds(), l.age(id))
	}
	if r.Condition.Kind == Missing {
		in.leaves = l.leaves(id)
	}
	l.plan.instances = append(l.plan.instances, in)
}

func (l *layer) location(s model.SiteID) *time.Location {
	if x, ok := l.model.Site(s); ok {
		if z := l.zone(x.Zone); z != nil {
			return z
		}
	}
	return time.UTC
}

// up gives a group and all above it.
func (l *layer) up(id model.GroupID) []string {
	out := []string{string(id)}
	for {
		parent, ok := l.model.Parent(id)
		if !ok {
			return out
		}
		id = parent
		out = append(out, string(id))
	}
}

// leaves gives the sensors below a group, in the order of the tree. Virtual
// ones send nothing, so they are not silent either.
func (l *layer) leaves(id model.GroupID) []leaf {
	g, ok := l.model.Group(id)
	if !ok {
		return nil
	}
	var out []leaf
	for _, e := range g.Members {
		if e.Sensor == "" {
			out = append(out, l.leaves(e.Group)...)
		} else if x, ok := l.model.Sensor(e.Sensor); ok && x.Formula == "" {
			out = append(out, leaf{e.Sensor, interval(x)})
		}
	}
	return out
}

// age is the longest max age of the sensors below a group and of their meters, in
// ms; one that is unlimited does not count.
func (l *layer) age(id model.GroupID) (most int64) {
	g, ok := l.model.Group(id)
	if !ok {
		return 0
	}
	of := func(id record.SensorID) int64 {
		if x, ok := l.model.Sensor(id); ok {
			return x.Age()
		}
		return 0
	}
	for _, e := range g.Members {
		if e.Sensor != "" {
			most = max(most, of(e.Sensor))
		} else {
			most = max(most, l.age(e.Group))
		}
	}
	return max(most, 0)
}

func interval(x *model.Sensor) int64 {
	if x.Interval <= 0 {
		return time.Duration(model.DefaultInterval).Milliseconds()
	}
	return time.Duration(x.Interval).Milliseconds()
}
