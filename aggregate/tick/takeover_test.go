package tick

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// line is a plant whose partitions and whose combiner change hands: what is on
// the bus, and who works.
type line struct {
	t       *testing.T
	r       *rand.Rand
	plan    Plan
	records [][]message // by partition
	kept    []kept
	parts   []*owner

	partials []*Report // by position, from 1; nil: trimmed
	trimmed  int
	mixed    int             // up to here partials may be of two owners of a partition
	ticks    []*record.Ticks // by position, from 1
	adding   []*adder
}

// owner works on a partition, perhaps not alone.
type owner struct {
	partition, at int
	engine        *Engine
	gone          bool
}

// adder works on the combiner, perhaps not alone.
type adder struct {
	combiner *Combiner
	at       int // position of the newest partials taken
	last     int // position of the newest ticks as it knows
	out      []*record.Ticks
	done     int
	missed   int // before which partials were missing
	gone     bool
}

func (l *line) own(p int) {
	o := &owner{partition: p}
	o.engine = NewEngine(DefaultTiming(), p, len(l.records), func(r *Report) {
		var back Report
		if err := back.Decode(r.Encode(nil)); err != nil {
			l.t.Fatal(err)
		}
		l.partials = append(l.partials, &back)
		l.mix()
	})
	if k := l.kept[p]; k.data != nil {
		if _, err := o.engine.Restore(k.data); err != nil {
			l.t.Fatal(err)
		}
		o.at = k.n
	}
	o.engine.SetPlan(l.plan)
	l.parts = append(l.parts, o)
}

func (l *line) read(o *owner) {
	if o.at == len(l.records[o.partition]) {
		return
	}
	m := l.records[o.partition][o.at]
	var b record.Batch
	if err := b.Decode(m.data); err != nil {
		l.t.Fatal(err)
	}
	o.engine.Step(m.stored, &b, always/2)
	o.at++
	if l.r.IntN(30) == 0 && o.at > l.kept[o.partition].n {
		data, err := o.engine.Checkpoint(uint64(o.at))
		if err != nil {
			l.t.Fatal(err)
		}
		l.kept[o.partition] = kept{data, o.at}
	}
}

// resume goes on behind what is stored, or behind what was a while ago, as a
// copy that lags behind says it.
func (l *line) resume(x *adder, lag bool) {
	n := len(l.ticks)
	if lag {
		n = l.r.IntN(n + 1)
	}
	if x.last = n; n > 0 {
		x.combiner.Resume(l.ticks[n-1])
	}
}

func (l *line) add() {
	x := new(adder)
	x.combiner = NewCombiner(DefaultTiming(), len(l.records), func(t *record.Ticks) { x.out = append(x.out, t) })
	x.combiner.SetPlan(l.plan)
	x.combiner.SetRevision(l.plan.Revision)
	l.resume(x, l.r.IntN(3) == 0)
	l.adding = append(l.adding, x)
}

func (l *line) combine(x *adder) {
	if len(x.out) > 0 {
		l.publish(x)
		return
	}
	at := max(x.at, l.trimmed) + 1
	if at > len(l.partials) {
		return
	}
	if x.missed < at && l.mixed < at && l.r.IntN(10) == 0 {
		at += 1 + l.r.IntN(2*len(l.records)) // what it reads through leaves something out
	}
	if at > len(l.partials) {
		return
	}
	r := l.partials[at-1]
	if x.combiner.Misses(r) && x.missed < at {
		x.missed, x.at = at, 0
		l.resume(x, false)
		return
	}
	if err := x.combiner.Add(r, 1, uint64(at)); err != nil {
		l.t.Fatal(err)
	}
	x.at, x.done = at, int(x.combiner.Done())
}

// publish stores one of the finished ticks, if nobody was faster.
func (l *line) publish(x *adder) {
	k := x.out[0]
	switch {
	case x.last > 0 && l.ticks[x.last-1].Told() >= k.Ticks[0].Time:
		x.out = x.out[1:]
	case x.last != len(l.ticks):
		l.resume(x, l.r.IntN(3) == 0)
		return
	default:
		l.ticks = append(l.ticks, k)
		x.last = len(l.ticks)
		x.out = x.out[1:]
	}
	if len(x.out) == 0 && l.r.IntN(2) == 0 {
		l.trimmed = max(l.trimmed, x.done)
	}
}

// TestTakeover has partitions and their combiner change hands at any moment,
// with two owners at a time, and what the new one begins from as old as it may
// be: every tick is told once, whole, in order.
func TestTakeover(t *testing.T) {
	seeds := uint64(60)
	if testing.Short() {
		seeds = 10
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { takeover(t, seed) })
	}
}

func takeover(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 3))
	var doc model.Document
	root := model.Group{ID: "site"}
	for i := range 8 {
		id := record.SensorID(fmt.Sprintf("s%d", i))
		doc.Sensors = append(doc.Sensors, model.Sensor{ID: id, Quantity: "active_power"})
		g := model.Group{ID: model.GroupID(fmt.Sprintf("line %d", i)), Members: []model.Member{{Sensor: id}}}
		root.Members = append(root.Members, model.Member{Group: g.ID})
		doc.Groups = append(doc.Groups, g)
	}
	doc.Groups = append(doc.Groups, root)
	doc.Hierarchies = []model.Hierarchy{{ID: "site", Root: "site"}}
	m, err := model.New(doc)
	if err != nil {
		t.Fatal(err)
	}
	const start, rounds = record.Millis(1_700_000_000_000), 60
	l := &line{t: t, r: r, plan: NewPlans(m).Plan("site", 1, start-5000)}
	partitions := 1 + r.IntN(4)
	l.records, l.kept = make([][]message, partitions), make([]kept, partitions)
	late := record.Millis(r.IntN(2)) * 86_400_000
	value := func(s, round int) float64 { return float64(s*1000 + round) }
	for round := range rounds {
		open := make([]record.Batch, partitions)
		for s := range doc.Sensors {
			id := doc.Sensors[s].ID
			open[record.Partition(id, partitions)].Append(record.Record{Sensor: id, Time: start + record.Millis(1000*round+100*s), Value: value(s, round)})
		}
		for p := range open {
			l.records[p] = append(l.records[p], message{start + record.Millis(1000*round+800) + late, open[p].Encode(nil)})
		}
	}
	for p := range partitions {
		l.own(p)
	}
	l.add()
	done := func() bool {
		for _, o := range l.parts {
			if !o.gone && o.at < rounds {
				return false
			}
		}
		for _, x := range l.adding {
			if !x.gone && (len(x.out) > 0 || max(x.at, l.trimmed) < len(l.partials)) {
				return false
			}
		}
		return true
	}
	for step := 0; !done(); step++ {
		if r.IntN(2) == 0 {
			if o := l.parts[r.IntN(len(l.parts))]; !o.gone {
				l.read(o)
			}
		} else if x := l.adding[r.IntN(len(l.adding))]; !x.gone {
			for range 1 + r.IntN(4) {
				l.combine(x)
			}
		}
		if step > 3000 {
			continue // no more changes
		}
		switch r.IntN(120) {
		case 0: // another one begins; the one before does not know for a while
			l.own(r.IntN(partitions))
		case 1:
			l.add()
		case 2:
			l.end(r.IntN(len(l.parts)))
		case 3:
			if i := r.IntN(len(l.adding)); l.others(i) {
				l.adding[i].gone = true
			}
		}
	}
	next := start
	for i, k := range l.ticks {
		if len(k.Ticks) != 1 || k.Ticks[0].Time != next {
			t.Fatalf("position %d has tick %d, must be %d", i+1, (k.Ticks[0].Time-start)/1000, (next-start)/1000)
		}
		sum := 0.
		for s := range doc.Sensors {
			if at := int((next-start)/1000) - (100*s+999)/1000; at >= 0 {
				sum += value(s, at)
			}
		}
		if got := k.Ticks[0].Sum[len(k.Groups)-1]; k.Groups[len(k.Groups)-1] != "site" || got != sum {
			at := 0
			for g, name := range k.Groups {
				if name == "site" {
					at = g
				}
			}
			if k.Ticks[0].Sum[at] != sum {
				t.Fatalf("tick %d is %v, must be %v", (next-start)/1000, k.Ticks[0].Sum[at], sum)
			}
		}
		next += 1000
	}
	if n := len(l.ticks); n < rounds-5 {
		t.Fatalf("%d ticks of %d rounds", n, rounds)
	}
}

// end has an owner stop, if another one of the partition goes on.
func (l *line) end(i int) {
	for j, o := range l.parts {
		if j != i && !o.gone && o.partition == l.parts[i].partition {
			l.parts[i].gone = true
			return
		}
	}
}

// mix notes while a partition has more than one owner.
func (l *line) mix() {
	owned := make(map[int]bool)
	for _, o := range l.parts {
		if !o.gone && owned[o.partition] {
			l.mixed = len(l.partials)
		}
		owned[o.partition] = owned[o.partition] || !o.gone
	}
}

func (l *line) others(i int) bool {
	for j, x := range l.adding {
		if j != i && !x.gone {
			return true
		}
	}
	return false
}
