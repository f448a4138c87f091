package watch

import (
	"maps"
	"math"
	"slices"

	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
)

// StandIn is what has a value in the place of an object that has none.
type StandIn struct {
	State object.State // substituted or virtual
	By    []object.ID  // whose values are used; none when they are its own earlier ones
	Share float64      // what its values are worth, above 0 and up to 1
	ID    string       // of the substitution
	Value func(now record.Millis) (record.Millis, float64)
}

// Doubt is that a sensor is not to be believed while it says the same: it is stuck.
type Doubt struct {
	Since record.Millis // from when on it says so
	Value float64       // what it says
}

// Moment is how all objects are at one time. It never changes.
type Moment struct {
	World *object.World
	Epoch uint64 // larger than that of every earlier moment in which something was different
	At    record.Millis

	states   []uint8
	since    []record.Millis
	usable   []int32 // of composites: members
	standIns map[int]*StandIn
	doubts   map[int]Doubt // of those that are not believed
	board    *layout
}

// levels are the states by number.
var levels = object.States()

func level(s object.State) uint8 { return uint8(slices.Index(levels, s)) }

var down = level(object.Down)

// State gives how an object is, by its index in the world, and since when it is so
// as far as anybody looked; 0: since before that.
func (m *Moment) State(i int) (object.State, record.Millis) { return levels[m.states[i]], m.since[i] }

// StandIn gives what stands in for an object; nil: nothing does.
func (m *Moment) StandIn(i int) *StandIn { return m.standIns[i] }

// Doubt tells whether an object reports and is not believed, which counts as stale.
func (m *Moment) Doubt(i int) (Doubt, bool) { d, ok := m.doubts[i]; return d, ok }

// Usable counts the members of a composite that have a value.
func (m *Moment) Usable(i int) int { return int(m.usable[i]) }

// Counts counts the objects in each state, composites apart.
func (m *Moment) Counts() (sensors, composites map[object.State]int) {
	sensors, composites = make(map[object.State]int), make(map[object.State]int)
	for i, s := range m.states {
		if m.World.At(i).Composite {
			composites[levels[s]]++
		} else {
			sensors[levels[s]]++
		}
	}
	return sensors, composites
}

// layout is a world by numbers.
type layout struct {
	world    *object.World
	sensors  []record.SensorID // in the order in which they are watched
	index    []int32           // of each of them in the world
	order    []int32           // composites, members before those that hold them
	members  [][]int32         // by the place in order
	critical [][]int32
}

func layOut(w *object.World) *layout {
	l := &layout{world: w}
	at := func(ids []object.ID) []int32 {
		out := make([]int32, 0, len(ids))
		for _, id := range ids {
			if o, ok := w.Object(id); ok {
				out = append(out, int32(o.Index))
			}
		}
		return out
	}
	done := make([]bool, w.Len())
	var visit func(o *object.Object)
	visit = func(o *object.Object) { // the model has no cycles, and bounds the depth
		if done[o.Index] {
			return
		}
		done[o.Index] = true
		members := at(o.Members)
		for _, m := range members {
			if e := w.At(int(m)); e.Composite {
				visit(e)
			}
		}
		l.order = append(l.order, int32(o.Index))
		l.members = append(l.members, members)
		l.critical = append(l.critical, at(o.Critical))
	}
	for i := range w.Len() {
		o := w.At(i)
		if id, ok := o.ID.Sensor(); ok {
			l.sensors, l.index = append(l.sensors, id), append(l.index, int32(i))
		} else {
			visit(o)
		}
	}
	return l
}

// Board keeps the newest moment. It is for one goroutine.
type Board struct {
	watch  *Watch
	now    *Moment
	doubts map[int]Doubt
	broke  map[int]record.Millis // of doubted ones: when they first said something else
}

// NewBoard begins with an empty world.
func NewBoard(w *Watch) *Board { return &Board{watch: w} }

// Set takes a world; sensors of it are watched from then on. It gives those that
// were not watched before.
func (b *Board) Set(w *object.World, now record.Millis) (added []record.SensorID) {
	b.doubts, b.broke = nil, nil // they go by the world before
	l := layOut(w)
	added = b.watch.Set(l.sensors)
	m := &Moment{
		World: w, At: now, Epoch: 1, board: l,
		states: make([]uint8, w.Len()), since: make([]record.Millis, w.Len()), usable: make([]int32, w.Len()),
	}
	for i := range m.states {
		m.states[i] = down
	}
	if b.now != nil {
		m.Epoch = b.now.Epoch + 1
		for i := range m.states {
			if o, ok := b.now.World.Object(w.At(i).ID); ok {
				m.states[i], m.since[i] = b.now.states[o.Index], b.now.since[o.Index]
			}
		}
	}
	b.now = m
	return added
}

// Touch has the next moment be another one, because something else that counts has
// changed.
func (b *Board) Touch() {
	m := *b.now
	m.Epoch++
	b.now = &m
}

// Doubt has sensors not be believed, by their index in the world, in the place of those
// before: while they say the same, and until three intervals after they said something
// else first. One that is believed again and sticks again is doubted again.
func (b *Board) Doubt(all map[int]Doubt) {
	b.doubts = all
	for i := range b.broke {
		if _, ok := all[i]; !ok {
			delete(b.broke, i)
		}
	}
}

// How long after it said something else a doubted sensor is believed, in intervals, and
// how often it says the same when it is stuck again.
const (
	believedAfter = 3
	stuckAgain    = 6
)

// doubted tells whether a sensor is not believed.
func (b *Board) doubted(i int, o *object.Object, s Sight) bool {
	d, ok := b.doubts[i]
	if !ok {
		return false
	}
	broke, said := b.broke[i]
	believed := said && s.Time-broke >= believedAfter*record.Millis(o.Interval)
	if math.Abs(s.Value-d.Value) <= 1e-9*math.Abs(d.Value) {
		if believed {
			return s.Same >= stuckAgain
		}
		delete(b.broke, i)
		return true
	}
	if !said {
		if b.broke == nil {
			b.broke = make(map[int]record.Millis)
		}
		b.broke[i] = s.Time
		return true
	}
	return !believed
}

// Now is the newest moment; nil before the first world.
func (b *Board) Now() *Moment { return b.now }

// Step looks how all objects are, with what stands in for some by their index, and
// tells whether that is another moment than before.
func (b *Board) Step(now record.Millis, standIns map[int]*StandIn) (*Moment, bool) {
	was := b.now
	l := was.board
	next := Moment{World: was.World, Epoch: was.Epoch, At: now, board: l, states: slices.Clone(was.states), usable: slices.Clone(was.usable), standIns: standIns}
	b.watch.Look(func(sights []Sight) {
		for k, i := range l.index {
			o := l.world.At(int(i))
			s := object.StateAt(o, sights[k].Time, now)
			if len(b.doubts) > 0 && s.Own() && b.doubted(int(i), o, sights[k]) {
				if next.doubts == nil {
					next.doubts = make(map[int]Doubt)
				}
				next.doubts[int(i)], s = b.doubts[int(i)], object.Stale
			}
			if !s.Own() && len(standIns) > 0 {
				if in, ok := standIns[int(i)]; ok {
					s = in.State
				}
			}
			next.states[i] = level(s)
		}
	})
	for k, i := range l.order {
		next.states[i], next.usable[i] = next.composite(l, k, standIns)
	}
	changed := !sameStandIns(was.standIns, standIns) || !maps.Equal(was.doubts, next.doubts) || !slices.Equal(was.usable, next.usable)
	next.since = was.since
	flipped := false
	for i, s := range next.states {
		if s == was.states[i] {
			continue
		}
		if !flipped {
			flipped, changed, next.since = true, true, slices.Clone(was.since)
		}
		next.since[i] = now
	}
	if !changed {
		return was, false
	}
	next.Epoch++
	b.now = &next
	b.watch.Wake(func(k int) bool { return next.states[l.index[k]] != 0 })
	return b.now, true
}

// composite gives how a composite is: as well as the best state in which enough of
// its members are, and the critical ones all.
func (m *Moment) composite(l *layout, k int, standIns map[int]*StandIn) (state uint8, usable int32) {
	o := l.world.At(int(l.order[k]))
	var have [stateCount]int // members in each state
	for _, i := range l.members[k] {
		have[m.states[i]]++
	}
	total := len(o.Members) // those that are in no world are missing
	n, stale := 0, have[2] > 0
	for s := range have {
		if levels[s].Usable() {
			n += have[s]
		}
	}
	usable = int32(n)
	enough := 0
	for s, state := range levels {
		if !state.Usable() {
			continue
		}
		enough += have[s]
		if !o.Restriction.Met(enough, total) {
			continue
		}
		met := true
		for _, c := range l.critical[k] {
			met = met && levels[m.states[c]].Usable() && m.states[c] <= uint8(s)
		}
		if met {
			return uint8(s), usable
		}
	}
	if in, ok := standIns[int(l.order[k])]; ok {
		return level(in.State), usable
	}
	if stale {
		return level(object.Stale), usable
	}
	return down, usable
}

// stateCount is how many states there are; a test holds it to [object.States].
const stateCount = 6

func sameStandIns(a, b map[int]*StandIn) bool {
	if len(a) != len(b) {
		return false
	}
	for i, x := range a {
		if y, ok := b[i]; !ok || x.ID != y.ID {
			return false
		}
	}
	return true
}
