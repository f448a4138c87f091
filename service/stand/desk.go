package stand

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/watch"
	"github.com/wattwerk/wattwerk/substitute"
)

// MostAgents is for how many objects that are away something is looked for at the
// same time.
const MostAgents = 2000

// DefaultNeed is the quality asked for: what is wrong by as much as the values are
// large is no help.
var DefaultNeed = substitute.Need{Relative: 0.9}

// rankAgain is how long a ranking is good: shorter after an error, or when there
// was too little to fit.
const (
	rankAgain   = 24 * time.Hour
	afterError  = time.Minute
	afterLittle = time.Hour
)

// seat is an object's agent at the desk.
type seat struct {
	agent  *substitute.Agent
	id     string // of the substitution in force
	ranked time.Time
	asked  bool // to be fitted, or being fitted
}

// Desk decides, for all objects, what stands in.
type Desk struct {
	h      History
	log    *slog.Logger
	seats  map[object.ID]*seat
	wanted []object.ID // to be fitted, in order
	fitted chan fit
	busy   bool
	Left   int // objects that are away and have no agent, as there are too many
}

type fit struct {
	id      object.ID
	ranking substitute.Ranking
	err     error
}

// NewDesk begins with what stands in, as it was stored.
func NewDesk(h History, log *slog.Logger, standing []Substitution) *Desk {
	d := &Desk{h: h, log: log, seats: make(map[object.ID]*seat), fitted: make(chan fit, 1)}
	for _, s := range standing {
		p := s.Provenance
		d.seats[p.Object] = &seat{id: s.ID, agent: substitute.Resume(substitute.Memory{
			Object: p.Object, State: object.Stale, Known: p.Known + p.Mapping.Step, Changed: s.Began, Spells: []substitute.Spell{{Provenance: *p, Score: substitute.Score{Expected: p.Expected.Mean}}},
		}, substitute.Settings{Need: p.Needed, Horizon: p.Until - p.Known})}
	}
	return d
}

// Step looks at all objects that are away, and gives what has to be stored. fits
// runs a function beside; it is given one at a time.
func (d *Desk) Step(ctx context.Context, m *watch.Moment, of *model.Model, w *watch.Watch, now record.Millis, beside func(func())) []book.Substitution {
	var fits *fit
	select {
	case f := <-d.fitted:
		fits, d.busy = &f, false
	default:
	}
	d.look(m, w, now)
	usable := func(id object.ID) bool {
		o, ok := m.World.Object(id)
		if !ok {
			return false
		}
		s, _ := m.State(o.Index)
		return s.Own()
	}
	var out []book.Substitution
	for _, id := range slices.Sorted(maps.Keys(d.seats)) {
		s := d.seats[id]
		o, ok := m.World.Object(id)
		if !ok {
			if p, in := s.agent.InForce(); in {
				out = append(out, book.Substitution{ID: s.id, Object: string(p.Object), Doc: "{}", Ended: &now})
			}
			delete(d.seats, id)
			continue
		}
		sensor, _ := id.Sensor()
		sight, _ := w.Of(sensor)
		s.agent.Interval = max(record.Millis(o.Interval), 1)
		s.agent.Hold = 3 * s.agent.Interval
		e := substitute.Event{State: object.StateAt(o, sight.Time, now), Usable: usable}
		_, e.Doubtful = m.Doubt(o.Index)
		if sight.Time > 0 && sight.Value == sight.Value {
			e.Read = &substitute.Sample{Time: sight.Time, Value: sight.Value}
		}
		if fits != nil && fits.id == id {
			s.asked, s.ranked = false, time.Now()
			if fits.err != nil {
				d.log.Warn("nothing can be fitted", "object", string(id), "because", fits.err)
				s.ranked = s.ranked.Add(afterError - rankAgain)
			} else {
				e.Ranking = &fits.ranking
				if len(fits.ranking.Options) == 0 { // there is too little history yet
					s.ranked = s.ranked.Add(afterLittle - rankAgain)
				}
			}
		}
		for _, x := range s.agent.Step(e, now) {
			out = append(out, s.decided(x, now)...)
		}
		if !e.State.Own() || e.Doubtful {
			if !s.asked && (s.ranked.IsZero() || time.Since(s.ranked) > rankAgain) {
				s.asked = true
				d.wanted = append(d.wanted, id)
			}
			continue
		}
		if _, in := s.agent.InForce(); !in {
			delete(d.seats, id)
		}
	}
	d.fit(ctx, m, of, now, beside)
	return out
}

// look seats the objects that do not measure.
func (d *Desk) look(m *watch.Moment, w *watch.Watch, now record.Millis) {
	type away struct {
		id   object.ID
		last record.Millis
	}
	var all []away
	for i := range m.World.Len() {
		if s, _ := m.State(i); s.Own() {
			continue
		}
		o := m.World.At(i)
		sensor, ok := o.ID.Sensor()
		if !ok || d.seats[o.ID] != nil {
			continue
		}
		sight, _ := w.Of(sensor)
		if d, doubted := m.Doubt(i); doubted {
			sight.Time = min(sight.Time, d.Since) // what it said since is not known
		}
		if sight.Time > 0 && int64(now-sight.Time) < o.Horizon && !o.Virtual {
			all = append(all, away{o.ID, sight.Time})
		}
	}
	slices.SortFunc(all, func(a, b away) int { return cmp.Or(cmp.Compare(b.last, a.last), cmp.Compare(a.id, b.id)) })
	d.Left = 0
	for _, a := range all {
		if len(d.seats) >= MostAgents {
			d.Left++
			continue
		}
		o, _ := m.World.Object(a.id)
		d.seats[a.id] = &seat{agent: substitute.NewAgent(a.id, substitute.Settings{Need: DefaultNeed, Interval: record.Millis(o.Interval), Horizon: record.Millis(o.Horizon)})}
		// It was heard of, which is how long it is known.
		sensor, _ := a.id.Sensor()
		sight, _ := w.Of(sensor)
		d.seats[a.id].agent.Step(substitute.Event{State: object.Live, Read: &substitute.Sample{Time: a.last, Value: sight.Value}}, a.last)
	}
}

// fit begins to fit the next one, unless one is being fitted.
func (d *Desk) fit(ctx context.Context, m *watch.Moment, of *model.Model, now record.Millis, beside func(func())) {
	for !d.busy && len(d.wanted) > 0 {
		id := d.wanted[0]
		d.wanted = d.wanted[1:]
		if s := d.seats[id]; s == nil {
			continue
		}
		d.busy = true
		beside(func() {
			r, err := Rank(ctx, d.h, m.World, of, id, now)
			d.fitted <- fit{id, r, err}
		})
	}
}

// Waiting is how many objects wait to be fitted.
func (d *Desk) Waiting() int { return len(d.wanted) }

func row(id string, p *substitute.Provenance, why string) book.Substitution {
	data, err := json.Marshal(p)
	if err == nil {
		data, err = json.Marshal(kept{Provenance: data, Why: why})
	}
	if err != nil { // every number of it is finite
		data = []byte("{}")
	}
	return book.Substitution{ID: id, Object: string(p.Object), Began: p.Since, Doc: string(data)}
}

// decided gives what has to be stored of a decision.
func (s *seat) decided(x substitute.Decision, now record.Millis) []book.Substitution {
	var out []book.Substitution
	stop := func(score *substitute.Score) {
		if s.id == "" {
			return
		}
		r := book.Substitution{ID: s.id, Object: string(x.Object), Doc: "{}", Ended: &now}
		if score != nil && score.Cells > 0 {
			r.Seen, r.Compared = &score.Seen, int64(score.Cells)
		}
		out = append(out, r)
		s.id = ""
	}
	switch x.Action {
	case substitute.Engage, substitute.Switch:
		stop(x.Score)
		s.id = rand.Text()
		out = append(out, row(s.id, x.Provenance, x.Reason))
	case substitute.Return, substitute.Refuse:
		stop(x.Score)
	}
	return out
}
