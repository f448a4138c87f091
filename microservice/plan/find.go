package plan

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wattwerk/wattwerk/internal/strict"
	"github.com/wattwerk/wattwerk/microservice"
	"github.com/wattwerk/wattwerk/microservice/registry"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
)

// Bounds of finding.
const (
	MaxServices = 10_000
	MaxBound    = 10_000  // subjects of services that are remembered in an epoch
	MaxMembers  = 100_000 // objects of one composite
	MaxCuts     = 10_000
	mostListed  = 100
)

// Options of a finder. What is in them must not be changed afterwards.
type Options struct {
	Epoch    uint64 // of all that follows
	Services []microservice.Service
	Registry *registry.Snapshot
	World    World
	Cuts     []Cut
	Rule     Rule // default the sum
}

// Finder answers requests in one epoch.
type Finder struct {
	opts     Options
	services map[string][]*microservice.Service // by sid, sorted by domain
	found    sync.Map                           // *microservice.Service -> found
	bound    sync.Map                           // boundKey -> *bound
	kept     atomic.Int64
}

type found struct {
	mso *MSO
	err error
}

type boundKey struct {
	mso     *MSO
	subject object.ID
}

// NewFinder makes a finder. The error is a [*strict.Faults].
func NewFinder(o Options) (*Finder, error) {
	var faults strict.Faults
	f := &Finder{opts: o, services: make(map[string][]*microservice.Service, len(o.Services))}
	if len(o.Services) > MaxServices || len(o.Cuts) > MaxCuts {
		faults.Add("there are %d services and %d cut links, at most %d and %d are taken", len(o.Services), len(o.Cuts), MaxServices, MaxCuts)
		return nil, faults.Err()
	}
	for i := range o.Services {
		s := &o.Services[i]
		for _, x := range s.Check() {
			faults.Add("service %.200q: %s", s.SID, x.Text)
		}
		at, twice := slices.BinarySearchFunc(f.services[s.SID], s.Domain, func(s *microservice.Service, d string) int { return cmp.Compare(s.Domain, d) })
		if twice {
			faults.Add("service %.200q is there twice for the domain %.200q", s.SID, s.Domain)
			continue
		}
		f.services[s.SID] = slices.Insert(f.services[s.SID], at, s)
	}
	if f.opts.Rule == "" {
		f.opts.Rule = BySum
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	return f, nil
}

// Epoch is that of the options.
func (f *Finder) Epoch() uint64 { return f.opts.Epoch }

// FindSmartService looks a service up. The error is [ErrUnknown], [ErrAmbiguous],
// [ErrSubject] or [ErrRequest]; no microservice has been looked at then.
func (f *Finder) FindSmartService(r Request) (*SRO, error) {
	list := f.services[r.SID]
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: %.200q", ErrUnknown, r.SID)
	}
	s := list[0]
	if r.Domain != "" {
		at := slices.IndexFunc(list, func(s *microservice.Service) bool { return s.Domain == r.Domain })
		if at < 0 {
			return nil, fmt.Errorf("%w: %.200q for the domain %.200q", ErrUnknown, r.SID, r.Domain)
		}
		s = list[at]
	} else if len(list) > 1 {
		return nil, fmt.Errorf("%w: %.200q", ErrAmbiguous, r.SID)
	}
	out := &SRO{SID: s.SID, SPI: s.Priority, SPD: s.Domain, STH: s.Threshold, Subject: r.Subject, service: s, majors: r.Majors}
	if r.Priority != nil {
		if *r.Priority < 0 || *r.Priority > s.Priority {
			return nil, fmt.Errorf("%w: priority %d is not between 0 and the service's own, %d", ErrRequest, *r.Priority, s.Priority)
		}
		out.SPI = *r.Priority
	}
	if r.Threshold < 0 {
		return nil, fmt.Errorf("%w: threshold %v", ErrRequest, r.Threshold)
	}
	if r.Threshold > 0 {
		out.STH = min(out.STH, model.Duration(r.Threshold))
	}
	if len(r.Majors) > microservice.MaxList {
		return nil, fmt.Errorf("%w: %d major versions", ErrRequest, len(r.Majors))
	}
	if space, ok := SpaceOf(r.Subject); ok {
		if _, ok := f.opts.World.Space(space); !ok {
			return nil, fmt.Errorf("%w: %.200q", ErrSubject, r.Subject)
		}
	} else if r.Subject != "" {
		if _, ok := f.opts.World.Object(r.Subject); !ok {
			return nil, fmt.Errorf("%w: %.200q", ErrSubject, r.Subject)
		}
	}
	return out, nil
}

// FindDataProAnalysisMicroservices finds the microservices of a service: those that
// it names, or all that are made for it; and then others, as long as something that is
// needed is given by none. The error is a [*NoMicroservice].
func (f *Finder) FindDataProAnalysisMicroservices(sro *SRO) (*MSO, error) {
	if len(sro.majors) > 0 {
		return f.compose(sro)
	}
	if x, ok := f.found.Load(sro.service); ok {
		return x.(found).mso, x.(found).err
	}
	mso, err := f.compose(sro)
	x, _ := f.found.LoadOrStore(sro.service, found{mso, err})
	return x.(found).mso, x.(found).err
}

// composer puts an MSO together.
type composer struct {
	f   *Finder
	sro *SRO
	out *MSO
}

func (f *Finder) compose(sro *SRO) (*MSO, error) {
	c := &composer{f, sro, &MSO{GID: sro.SPD + "/" + sro.SID}}
	if err := c.named(); err != nil {
		return nil, err
	}
	if err := c.needed(); err != nil {
		return nil, err
	}
	if len(c.out.Steps) == 0 {
		return nil, &NoMicroservice{SID: sro.SID, Need: "anything", Why: "no microservice is made for it"}
	}
	return c.out, c.sum()
}

// major gives the version that is pinned, unless the request asks for another.
func (c *composer) major(id string, pinned int) int {
	if m, ok := c.sro.majors[id]; ok {
		return m
	}
	return pinned
}

// template gives the version that would be picked, else the newest: it is missing then.
func (c *composer) template(id string, major int) *microservice.Template {
	r := c.f.opts.Registry
	if t, ok := r.Healthy(id, major); ok {
		return t
	}
	t, _ := r.Newest(id, major)
	return t
}

func (c *composer) add(t *microservice.Template, threshold model.Duration, composed bool) *MSOStep {
	if threshold == 0 {
		threshold = t.Threshold
	}
	s := MSOStep{MS: t.ID, Version: t.Release.Version, MSth: threshold, Composed: composed, template: t, weight: 1}
	for i := range t.Composites {
		s.CVOs = append(s.CVOs, CVOTh{t.Composites[i].Tag, t.Composites[i].Threshold})
	}
	c.out.Steps = append(c.out.Steps, s)
	return &c.out.Steps[len(c.out.Steps)-1]
}

// named adds the steps that the service names; when it names none, all that are
// made for it, the static ones first.
func (c *composer) named() error {
	s := c.sro.service
	for _, p := range s.Steps {
		t := c.template(p.Microservice, c.major(p.Microservice, p.Major))
		if t == nil {
			return &NoMicroservice{SID: s.SID, Microservice: p.Microservice, Why: fmt.Sprintf("there is none in the major version %d", c.major(p.Microservice, p.Major))}
		}
		if !t.For(s.SID, s.Domain) {
			return &NoMicroservice{SID: s.SID, Microservice: p.Microservice, Why: fmt.Sprintf("it is not made for this service in the domain %q", s.Domain)}
		}
		step := c.add(t, p.Threshold, false)
		step.critical = p.Critical
		if p.Weight > 0 {
			step.weight = p.Weight
		}
	}
	if len(s.Steps) > 0 {
		return nil
	}
	var static, dynamic []*microservice.Template
	for _, t := range c.fitting() {
		if t.Dynamic {
			dynamic = append(dynamic, t)
		} else {
			static = append(static, t)
		}
	}
	all := static
	if len(s.Needs) == 0 {
		all = slices.Concat(static, dynamic)
	}
	if len(all) > microservice.MaxList {
		return &NoMicroservice{SID: s.SID, Need: "fewer microservices", Why: fmt.Sprintf("%d are made for it, at most %d are taken", len(all), microservice.MaxList)}
	}
	for _, t := range all {
		c.add(t, 0, false)
	}
	return nil
}

// fitting gives of every microservice that is made for the service the template of its
// lowest major version, or of the one that is asked for: a new major one is never taken unasked.
func (c *composer) fitting() []*microservice.Template {
	var out []*microservice.Template
	for _, id := range c.f.opts.Registry.IDs() {
		majors := c.f.opts.Registry.Majors(id)
		if t := c.template(id, c.major(id, majors[len(majors)-1])); t != nil && t.For(c.sro.SID, c.sro.SPD) {
			out = append(out, t)
		}
	}
	return out
}

// needed adds microservices until everything that is needed is given.
func (c *composer) needed() error {
	var fit []*microservice.Template
	give := func(need microservice.Property, by string) (string, error) {
		for i := range c.out.Steps {
			if s := &c.out.Steps[i]; s.MS != by && s.template.Gives(need) {
				return s.MS, nil
			}
		}
		if fit == nil {
			fit = c.fitting()
			slices.SortStableFunc(fit, c.better)
		}
		for _, t := range fit {
			if t.ID == by || !t.Gives(need) || slices.ContainsFunc(c.out.Steps, func(s MSOStep) bool { return s.MS == t.ID }) {
				continue
			}
			if len(c.out.Steps) == microservice.MaxList {
				return "", &NoMicroservice{SID: c.sro.SID, Microservice: by, Need: need.Name, Why: fmt.Sprintf("there are %d microservices already", microservice.MaxList)}
			}
			c.add(t, 0, true)
			return t.ID, nil
		}
		return "", &NoMicroservice{SID: c.sro.SID, Microservice: by, Need: need.Name, Why: "no microservice gives it"}
	}
	for _, need := range c.sro.service.Needs {
		if _, err := give(need, ""); err != nil {
			return err
		}
	}
	for i := 0; i < len(c.out.Steps); i++ { // those that are added have needs of their own
		t := c.out.Steps[i].template
		for _, need := range t.Foreign() {
			from, err := give(need, t.ID)
			if err != nil {
				return err
			}
			if s := &c.out.Steps[i]; !slices.Contains(s.After, from) {
				s.After = append(s.After, from)
			}
		}
	}
	return nil
}

// better orders what may be composed: healthy ones first, then static ones, then
// the fastest.
func (c *composer) better(a, b *microservice.Template) int {
	bad := func(t *microservice.Template) int {
		n := 0
		if _, ok := c.f.opts.Registry.Healthy(t.ID, t.Release.Version.Major); !ok {
			n += 2
		}
		if t.Dynamic {
			n++
		}
		return n
	}
	return cmp.Or(cmp.Compare(bad(a), bad(b)), cmp.Compare(a.Threshold, b.Threshold), cmp.Compare(a.ID, b.ID))
}

// sum adds the thresholds up, and along the longest way.
func (c *composer) sum() error {
	steps := c.out.Steps
	at := make(map[string]int, len(steps))
	for i := range steps {
		at[steps[i].MS] = i
		c.out.Sum += steps[i].MSth
		for _, v := range steps[i].CVOs {
			c.out.Sum += v.Th
		}
	}
	ends := make([]model.Duration, len(steps))
	state := make([]int8, len(steps)) // 1: being looked at, 2: known
	var end func(i int) bool
	end = func(i int) bool {
		if state[i] != 0 {
			return state[i] == 2
		}
		state[i] = 1
		var begin, values model.Duration
		for _, a := range steps[i].After {
			if !end(at[a]) {
				return false
			}
			begin = max(begin, ends[at[a]])
		}
		for _, v := range steps[i].CVOs {
			values = max(values, v.Th)
		}
		ends[i], state[i] = begin+values+steps[i].MSth, 2
		c.out.Path = max(c.out.Path, ends[i])
		return true
	}
	for i := range steps {
		if !end(i) {
			return &NoMicroservice{SID: c.sro.SID, Microservice: steps[i].MS, Need: steps[i].MS, Why: "what it needs needs it itself"}
		}
	}
	return nil
}

// Budgets shares a time among the steps, each by its thresholds: how long it may be
// waited for, where one is carried out after the other. It is what contexts are given.
func (m *MSO) Budgets(limit time.Duration) []time.Duration {
	out := make([]time.Duration, len(m.Steps))
	for i := range m.Steps {
		own := m.Steps[i].MSth
		for _, v := range m.Steps[i].CVOs {
			own += v.Th
		}
		if m.Sum > 0 {
			out[i] = time.Duration(float64(limit) * (float64(own) / float64(m.Sum)))
		} else {
			out[i] = limit / time.Duration(len(m.Steps))
		}
	}
	return out
}

// Ask is how a plan is to be made.
type Ask struct {
	Now    record.Millis              // for when it is worth asking again
	Spread uint64                     // chooses among instances; whoever counts it up shares the work
	Skip   func(instance string) bool // instances that are not to be called: their breaker is open. nil: none
}

// Discover is the three functions, one after another.
func (f *Finder) Discover(r Request, v View, a Ask) (*Plan, error) {
	sro, err := f.FindSmartService(r)
	if err != nil {
		return nil, err
	}
	mso, err := f.FindDataProAnalysisMicroservices(sro)
	if err != nil {
		return nil, err
	}
	return f.CheckAvailability(sro, mso, v, a)
}

func millis(d model.Duration) float64 { return float64(d) / float64(time.Millisecond) }
