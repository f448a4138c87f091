package survey

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/register"
)

// The hierarchies in which households are groups: by power, and by energy.
const (
	PowerHierarchy  = "survey"
	EnergyHierarchy = "survey-energy"
)

// prefix begins the names of what is a household's on the bus.
const prefix = "survey."

// sensorOf is what a meter's reading of an OBIS code is called on the bus.
func sensorOf(point, obis string) record.SensorID { return record.SensorID(point + "." + obis) }

// kinds are the OBIS codes that have a name here, and how they count in the sum of
// a household. rank 0 is taken rather than rank 1: 16.7.0 is what 1.7.0 and 2.7.0
// are together.
var kinds = map[string]struct {
	name string
	sign int8
	rank int
}{
	"0100010800ff": {"imported energy 1.8.0", 1, 0},
	"0100020800ff": {"exported energy 2.8.0", -1, 0},
	"0100100700ff": {"power 16.7.0", 1, 0},
	"0100010700ff": {"imported power 1.7.0", 1, 1},
	"0100020700ff": {"exported power 2.7.0", -1, 1},
	"01000f0700ff": {"power 15.7.0, without a sign", 0, 1},
}

// sighting is a sensor that has sent.
type sighting struct {
	group, point, obis, unit string
	quantity                 record.Quantity
}

// placer knows which sensors have sent and are not in the model yet.
type placer struct {
	mu      *sync.Mutex
	seen    map[record.SensorID]bool
	pending map[record.SensorID]sighting
	wake    chan struct{}
}

func newPlacer() placer {
	return placer{new(sync.Mutex), make(map[record.SensorID]bool), make(map[record.SensorID]sighting), make(chan struct{}, 1)}
}

func (p *placer) noteAll(taken []register.Taken) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range taken {
		if id := sensorOf(t.Point, t.OBIS); !p.seen[id] {
			p.seen[id] = true
			p.pending[id] = sighting{t.Group, t.Point, t.OBIS, t.Unit, t.Quantity()}
		}
	}
	if len(p.pending) > 0 {
		p.nudge()
	}
}

// nudge has the model looked at soon.
func (p *placer) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// take gives what is to be placed; put takes it back when that failed.
func (p *placer) take() map[record.SensorID]sighting {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.pending
	p.pending = make(map[record.SensorID]sighting)
	return out
}

func (p *placer) put(all map[record.SensorID]sighting) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.Copy(p.pending, all)
}

// Pauses of placing.
const (
	placeAgain = 30 * time.Second // after it failed
	placeEvery = 5 * time.Minute  // whatever happens: a command may have revoked a consent
)

// placeAll keeps the model as the survey is, until ctx ends.
func (s *Service) placeAll(ctx context.Context) error {
	if s.o.Change == nil {
		<-ctx.Done()
		return nil
	}
	pause := placeEvery
	s.places.nudge()
	for {
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil
		case <-s.places.wake:
		case <-t.C:
		}
		t.Stop()
		pause = placeEvery
		all := s.places.take()
		groups, points, err := s.o.Store.Names(ctx)
		if err == nil {
			err = s.o.Change(ctx, func(m *model.Model) (model.Patch, string, error) {
				return patch(m, all, groups, points), "households of the survey", nil
			})
		}
		if err != nil && ctx.Err() == nil {
			s.places.put(all)
			pause = placeAgain
			s.log.Warn("households are not placed in the model yet, trying again", "error", err)
		}
	}
}

// patch gives what is to change, so that the sensors seen are in the groups of their
// households, and that there is no group of a household that is not in the survey any
// more.
func patch(m *model.Model, seen map[record.SensorID]sighting, groups, points map[string]bool) model.Patch {
	var p model.Patch
	power := tree{m: m, root: PowerHierarchy, changed: make(map[model.GroupID]*model.Group)}
	energy := tree{m: m, root: EnergyHierarchy, changed: make(map[model.GroupID]*model.Group)}
	for _, id := range slices.Sorted(maps.Keys(seen)) {
		x := seen[id]
		if !groups[x.group] || !points[x.point] {
			continue
		}
		if _, ok := m.Sensor(id); !ok {
			name := kinds[x.obis].name
			if name == "" {
				name = x.obis
			}
			p.Sensors = append(p.Sensors, model.Sensor{ID: id, Name: "meter " + short(x.point) + ", " + name, Quantity: x.quantity, Unit: x.unit, Interval: model.Duration(household.Quarter)})
		}
		k := kinds[x.obis]
		switch {
		case k.sign == 0:
		case x.quantity == record.ActivePower:
			power.add(x.group, "household "+short(x.group), id, k.sign, k.rank)
		case x.quantity == record.Energy:
			energy.add(x.group+".energy", "household "+short(x.group)+", energy", id, k.sign, k.rank)
		}
	}
	for _, t := range []*tree{&power, &energy} {
		t.prune(groups, &p)
		t.finish(&p)
	}
	for x := range m.Sensors() {
		if point, ok := pointOf(x.ID); ok && !points[point] {
			p.RemoveSensors = append(p.RemoveSensors, x.ID)
		}
	}
	return p
}

// short is how a random name is shown.
func short(name string) string {
	name = strings.TrimPrefix(name, prefix)
	return name[:min(8, len(name))]
}

// tree is a hierarchy in which households are groups below the root.
type tree struct {
	m       *model.Model
	root    string
	changed map[model.GroupID]*model.Group
	order   []model.GroupID
}

// group gives one for changing.
func (t *tree) group(id model.GroupID, name string) *model.Group {
	if g := t.changed[id]; g != nil {
		return g
	}
	g := &model.Group{ID: id, Name: name}
	if old, ok := t.m.Group(id); ok {
		g.Name, g.Members = old.Name, slices.Clone(old.Members)
	}
	t.changed[id] = g
	t.order = append(t.order, id)
	return g
}

// rankOf is that of a sensor of the survey.
func rankOf(id record.SensorID) int {
	s := string(id)
	return kinds[s[strings.LastIndexByte(s, '.')+1:]].rank
}

func (t *tree) add(group, name string, id record.SensorID, sign int8, rank int) {
	g := t.group(model.GroupID(group), name)
	point := string(id)[:strings.LastIndexByte(string(id), '.')+1]
	of := func(x model.Member) bool { return strings.HasPrefix(string(x.Sensor), point) }
	for _, x := range g.Members {
		if x.Sensor == id || of(x) && rankOf(x.Sensor) < rank {
			return
		}
	}
	g.Members = slices.DeleteFunc(g.Members, func(x model.Member) bool { return of(x) && rankOf(x.Sensor) > rank })
	g.Members = append(g.Members, model.Member{Sensor: id, Sign: sign})
	root := t.group(model.GroupID(t.root), "Survey")
	if !slices.ContainsFunc(root.Members, func(x model.Member) bool { return x.Group == g.ID }) {
		root.Members = append(root.Members, model.Member{Group: g.ID, Sign: 1})
	}
}

// pointOf gives the meter of a sensor; false for sensors that are not the survey's.
func pointOf(id record.SensorID) (string, bool) {
	i := strings.LastIndexByte(string(id), '.')
	if !strings.HasPrefix(string(id), prefix) || i != len(prefix)+36 || !household.ValidID(string(id)[len(prefix):i]) {
		return "", false
	}
	return string(id)[:i], true
}

// prune removes the groups of households that are gone.
func (t *tree) prune(groups map[string]bool, p *model.Patch) {
	old, ok := t.m.Group(model.GroupID(t.root))
	if !ok {
		return
	}
	for _, x := range old.Members {
		name := strings.TrimSuffix(string(x.Group), ".energy")
		if x.Group == "" || !strings.HasPrefix(name, prefix) || groups[name] {
			continue
		}
		root := t.group(old.ID, "Survey")
		root.Members = slices.DeleteFunc(root.Members, func(y model.Member) bool { return y.Group == x.Group })
		p.RemoveGroups = append(p.RemoveGroups, x.Group)
	}
}

// finish writes the groups down, and the hierarchy if there is none.
func (t *tree) finish(p *model.Patch) {
	for _, id := range t.order {
		p.Groups = append(p.Groups, *t.changed[id])
	}
	if _, ok := t.m.Hierarchy(model.HierarchyID(t.root)); !ok && len(t.order) > 0 {
		p.Hierarchies = append(p.Hierarchies, model.Hierarchy{ID: model.HierarchyID(t.root), Name: strings.ToUpper(t.root[:1]) + strings.ReplaceAll(t.root[1:], "-", ", "), Root: model.GroupID(t.root), Tick: model.Duration(household.Quarter)})
	}
}
