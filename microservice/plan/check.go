package plan

import (
	"math"
	"slices"
	"strings"

	"github.com/wattwerk/wattwerk/availability"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
)

// CheckAvailability makes the plan of a request, as things are at this moment. The
// error is a [*NotAvailable] when it cannot be carried out.
//
// An object counts when it has a value, or something stands in that is good enough,
// and nobody who comes first has it. From there on restrictions decide: of composites, of
// microservices, of the service; and at last the threshold.
func (f *Finder) CheckAvailability(sro *SRO, mso *MSO, v View, a Ask) (*Plan, error) {
	p, no, err := f.check(sro, mso, v, a)
	if err != nil {
		return nil, err
	}
	if no == nil {
		return p, nil
	}
	for _, sid := range sro.service.Instead {
		if x, ok := f.instead(sid, sro, v, a); ok {
			no.Alternatives = append(no.Alternatives, x)
		}
	}
	return nil, no
}

// instead gives a service that may do instead, if it can be carried out.
func (f *Finder) instead(sid string, sro *SRO, v View, a Ask) (Alternative, bool) {
	other, err := f.FindSmartService(Request{SID: sid, Domain: sro.SPD, Subject: sro.Subject})
	if err != nil {
		return Alternative{}, false
	}
	mso, err := f.FindDataProAnalysisMicroservices(other)
	if err != nil {
		return Alternative{}, false
	}
	p, no, err := f.check(other, mso, v, a)
	if err != nil || no != nil {
		return Alternative{}, false
	}
	return Alternative{sid, p.Strict}, true
}

func (f *Finder) check(sro *SRO, mso *MSO, v View, a Ask) (*Plan, *NotAvailable, error) {
	b, err := f.bind(sro, mso)
	if err != nil {
		return nil, nil, err
	}
	w := b.pool.Get().(*work)
	defer b.pool.Put(w)
	w.reset(b)
	states := v.Epoch()
	w.look(b, v, Want{SID: sro.SID, Subject: sro.Subject, Priority: sro.SPI})
	instances := make([]string, len(mso.Steps))
	for i := range mso.Steps {
		h, ok := f.opts.Registry.PickOf(mso.Steps[i].template.Key(), a.Spread, a.Skip)
		if !ok {
			w.condition.Down[i] = availability.Missed(0)
			continue
		}
		instances[i] = h.Instance.ID
	}
	b.s.EvaluateInto(&w.condition, &w.result)
	r := &w.result.Services[0]
	estimate := Estimate{Limit: millis(sro.STH), Estimated: millis(mso.Sum), Rule: f.opts.Rule}
	if f.opts.Rule == ByPath {
		estimate.Estimated = millis(mso.Path)
	}
	missing, more := b.missing(w)
	if r.Exec == availability.Nothing || estimate.Estimated > estimate.Limit {
		return nil, b.notAvailable(sro, mso, w, a, estimate, missing, more), nil
	}
	p := &Plan{
		SID: sro.SID, Domain: sro.SPD, Priority: sro.SPI, Subject: sro.Subject, Epoch: f.opts.Epoch, States: states,
		Exec: r.Exec, Strict: r.Strict, Mean: r.Mean, Quality: r.Quality, Threshold: estimate, Exclusive: b.exclusive,
		Missing: missing, More: more, Queue: queue(mso, w),
	}
	p.Steps = make([]PlanStep, len(mso.Steps))
	all := 0
	for i := range b.steps {
		all += len(b.steps[i])
	}
	composites := make([]PlanComposite, 0, all)
	for i := range mso.Steps {
		m := &w.result.Microservices[i]
		from := len(composites)
		for _, c := range b.steps[i] {
			composites = append(composites, PlanComposite{c.tag, w.result.Composites[c.index].Usable, c.members})
		}
		p.Steps[i] = PlanStep{mso.Steps[i].MS, mso.Steps[i].Version, instances[i], m.Usable, m.Full, composites[from:len(composites):len(composites)]}
	}
	for i, name := range b.s.GroupNames(0) {
		g := &r.Groups[i]
		p.Groups = append(p.Groups, PlanGroup{name, g.Exec, g.Strict, g.Mean, g.Quality})
	}
	if w.standing {
		p.StandIns, p.MoreIns = b.standIns(w)
	}
	return p, nil, nil
}

// look asks how every object is.
func (w *work) look(b *bound, v View, want Want) {
	for i, o := range b.objects {
		if o == nil {
			w.condition.Objects[i] = availability.Missed(0)
			continue
		}
		want.Quality = b.least[i]
		x := v.Value(o)
		var c cause
		if x.Share > 0 && (o.Actuator || o.Capacity > 0) {
			if h := v.Held(o, want); h != nil {
				x, c = availability.Missed(x.Since), cause{Held, &Holder{h.Priority, h.Until}, 0}
			}
		}
		if !o.Actuator && (!(x.Share > 0) || x.Source != availability.Live && x.Share < want.Quality) {
			if in := v.StandIn(o, want); in.Share > x.Share {
				x = in
			}
		}
		if x.Share > 0 && x.Source != availability.Live && x.Share < want.Quality {
			if c.cause == "" {
				c.cause = Poor
			}
			x = availability.Missed(x.Since)
		}
		switch {
		case !(x.Share > 0):
			x.Share = 0
			if c.cause != "" {
				w.because(string(o.ID), c)
			}
			if c.cause == Held && (w.conflict == 0 || c.holder.Until < w.conflict) {
				w.conflict = c.holder.Until
			}
		case x.Source != availability.Live:
			w.standing = true
		}
		w.condition.Objects[i] = x
	}
	links := w.heal(b, v, want)
	for _, l := range b.limits {
		x := &w.condition.Objects[l.object]
		if !(x.Share > 0) || x.Source == availability.Live || x.Share >= l.least {
			continue
		}
		if links == nil {
			links = w.own(b)
		}
		if _, cut := links[l.link]; !cut {
			links[l.link] = availability.Missed(x.Since)
			w.because(key(l.within, b.objects[l.object].ID), cause{cause: Poor})
		}
	}
}

// heal has what is good enough stand in where the link to an object is cut: what does
// for everybody, or for this service. It gives the links if it changed one. What stands in
// cannot be reached over a link that is cut either.
func (w *work) heal(b *bound, v View, want Want) (links map[availability.Link]availability.Value) {
	for _, l := range b.severed {
		o := b.objects[l.object]
		if o.Actuator {
			continue
		}
		want.Quality = l.least
		in := w.condition.Objects[l.object]
		if in.Source == availability.Live || !(in.Share > 0) || in.Share < l.least {
			in = v.StandIn(o, want)
		}
		if !(in.Share > 0) || in.Share < l.least || in.By == o.ID {
			continue
		}
		if over, ok := b.s.Link(l.within, availability.Member{Object: in.By}); ok && in.By != "" {
			if _, cut := b.links[over]; cut {
				continue
			}
		}
		if links == nil {
			links = w.own(b)
		}
		links[l.link] = in
		w.standing = true
	}
	return links
}

// missing gives what is missing, at most so much, and how much more is.
func (b *bound) missing(w *work) ([]Missing, int) {
	if w.result.Services[0].Series == 1 {
		return nil, 0
	}
	from, n := b.s.Missing(&w.condition, 0, mostListed)
	out := make([]Missing, len(from))
	for i, m := range from {
		out[i] = b.because(w, m)
	}
	return out, n - len(out)
}

// because says why something is missing, in the words of the service.
func (b *bound) because(w *work, m availability.Missing) Missing {
	out := Missing{MS: m.Microservice, CVO: b.tags[m.Composite], VO: m.Object, Cause: Cause(m.Cause), Since: m.Since}
	within := m.Composite
	if m.Within != "" {
		within = m.Within
	}
	if m.Object == "" {
		if m.Member != "" { // a group
			out.VO = object.ID(m.Member[len(m.Composite)+1:])
		}
		return out
	}
	if i, ok := b.s.Object(m.Object); ok && b.objects[i] == nil {
		out.VO, out.Cause = object.ID(b.names[i]), Absent
		return out
	}
	c, ok := w.causes[key(within, m.Object)]
	if !ok && m.Cause == availability.ObjectFailed {
		c, ok = w.causes[string(m.Object)]
	}
	if ok {
		out.Cause, out.Holder = c.cause, c.holder
	}
	return out
}

func (b *bound) standIns(w *work) ([]Substitution, int) {
	from, n := b.s.StandIns(&w.condition, 0, mostListed)
	out := make([]Substitution, len(from))
	for i, s := range from {
		out[i] = Substitution{s.Microservice, b.tag(s.Composite), s.Object, s.Value.Source, s.Value.By, s.Value.Share, s.Value.Since}
	}
	return out, n - len(out)
}

// tag gives the tag of a composite, or of the one it is nested in.
func (b *bound) tag(name string) string {
	if t, ok := b.tags[name]; ok {
		return t
	}
	for i := range name { // the name of the composite may have a nest of its own
		if t, ok := b.tags[name[:i]]; ok && strings.HasPrefix(name[i:], nest+"group/") {
			return t
		}
	}
	return name
}

// queue gives the microservices that do not work fully.
func queue(mso *MSO, w *work) []string {
	var out []string
	for i := range mso.Steps {
		if !w.result.Microservices[i].Full {
			out = append(out, mso.Steps[i].MS)
		}
	}
	return out
}

// retryAfter is in s: where nobody knows better, so long.
const (
	retryAfter     = 30
	mostRetryAfter = 3600
)

func (b *bound) notAvailable(sro *SRO, mso *MSO, w *work, a Ask, estimate Estimate, missing []Missing, more int) *NotAvailable {
	r := &w.result.Services[0]
	no := &NotAvailable{
		SID: sro.SID, Priority: sro.SPI, Domain: sro.SPD, Subject: sro.Subject, Reason: Restriction,
		Required: Required{Microservices: sro.service.Restriction.String(), Of: r.Of}, Usable: r.Usable,
		Missing: missing, More: more, Threshold: estimate, Availability: r.Strict, Mean: r.Mean, Quality: r.Quality,
		RetryAfter: retryAfter, Alternatives: []Alternative{},
	}
	if missing == nil {
		no.Missing = []Missing{}
	}
	for i := range mso.Steps {
		if mso.Steps[i].critical {
			no.Required.Critical = append(no.Required.Critical, mso.Steps[i].MS)
		}
	}
	if r.Exec != availability.Nothing {
		no.Reason, no.RetryAfter = Threshold, 0
		return no
	}
	no.Queue = queue(mso, w)
	no.Queued = len(no.Queue) > 0
	switch {
	case b.forConflict(w):
		no.Reason = InConflict
		no.RetryAfter = seconds(w.conflict - a.Now)
	case len(w.condition.Down) > 0 && r.Of-len(w.condition.Down) < sro.service.Restriction.Needed(r.Of):
		no.Reason = NoneIsUp
	default:
		no.RetryAfter = b.interval(w)
	}
	return no
}

// forConflict tells whether it could be carried out if nobody had anything of it.
func (b *bound) forConflict(w *work) bool {
	if w.conflict == 0 {
		return false
	}
	c := w.condition
	c.Objects = slices.Clone(c.Objects)
	for i, o := range b.objects {
		if o != nil && w.causes[string(o.ID)].cause == Held {
			c.Objects[i] = availability.Measured(0)
		}
	}
	return b.s.Evaluate(&c).Services[0].Exec != availability.Nothing
}

func seconds(d record.Millis) int {
	return int(min(max(math.Ceil(float64(d)/1000), 1), mostRetryAfter))
}

// interval is how often the object comes that is missing and comes most often, in s.
func (b *bound) interval(w *work) int {
	least := record.Millis(math.MaxInt64)
	for i, o := range b.objects {
		if o != nil && o.Interval > 0 && w.condition.Objects[i].Share == 0 {
			least = min(least, record.Millis(o.Interval))
		}
	}
	if least == math.MaxInt64 {
		return retryAfter
	}
	return seconds(least)
}
