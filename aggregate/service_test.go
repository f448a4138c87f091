package aggregate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/exact"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// tree is a document of nested groups, n children each, depth levels.
func tree(n, depth int) model.Document {
	var d model.Document
	var add func(level int, name string) model.GroupID
	add = func(level int, name string) model.GroupID {
		g := model.Group{ID: model.GroupID("g" + name)}
		for i := range n {
			child := fmt.Sprintf("%s.%d", name, i)
			if level == depth {
				s := record.SensorID("s" + child)
				d.Sensors = append(d.Sensors, model.Sensor{ID: s, Quantity: "active_power", Kind: "gauge", Interval: model.Duration(time.Second)})
				g.Members = append(g.Members, model.Member{Sensor: s})
			} else {
				g.Members = append(g.Members, model.Member{Group: add(level+1, child)})
			}
		}
		d.Groups = append(d.Groups, g)
		return g.ID
	}
	root := add(1, "")
	d.Hierarchies = []model.Hierarchy{{ID: "h", Root: root, Tick: model.Duration(time.Second)}}
	return d
}

// withService starts bus, catalog and service on a directory, and stops them.
func withService(t *testing.T, dir string, partitions int, use func(b *bus.Bus, c *catalog.Catalog, s *Service)) {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Options{Dir: dir, Partitions: partitions, MinFree: 1, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ctx, cancel := context.WithCancel(t.Context())
	c := catalog.New(b, nil)
	s, err := New(Options{Bus: b, Catalog: c, Checkpoint: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 2)
	go func() { done <- c.Run(ctx) }()
	go func() { done <- s.Run(ctx) }()
	<-c.Ready()
	use(b, c, s)
	cancel()
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestBacklogIsExactAtEveryLevel replays a backlog at full speed through the
// bus, with restarts on the way: every tick of every group must be right.
func TestBacklogIsExactAtEveryLevel(t *testing.T) {
	const seconds, partitions = 120, 4
	dir := t.TempDir()
	doc := tree(4, 4)
	start := record.MillisOf(time.Now().Add(-300 * time.Second).Truncate(time.Second))
	r := rand.New(rand.NewPCG(3, 4))
	value := make([]float64, len(doc.Sensors))
	for i := range value {
		value[i] = math.Round(r.Float64()*1e6) / 1000
	}
	send := func(b *bus.Bus, from, to int) {
		for k := from; k < to; k++ {
			batches := make([]record.Batch, partitions)
			for i, s := range doc.Sensors {
				batches[record.Partition(s.ID, partitions)].Append(record.Record{Sensor: s.ID, Time: start + record.Millis(k)*1000, Value: value[i] * float64(k%7)})
			}
			for p := range batches {
				if _, err := b.PublishRecords(t.Context(), p, batches[p].Encode(nil)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	withService(t, dir, partitions, func(b *bus.Bus, c *catalog.Catalog, s *Service) {
		m, err := model.New(model.Document{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Commit(t.Context(), catalog.Change{Patch: model.Diff(m.Document(), doc), Who: "test"}); err != nil {
			t.Fatal(err)
		}
		send(b, 0, seconds/2)
		awaitTick(t, b, start+record.Millis(seconds/4)*1000)
	})
	withService(t, dir, partitions, func(b *bus.Bus, _ *catalog.Catalog, s *Service) {
		send(b, seconds/2, seconds)
		awaitTick(t, b, start+record.Millis(seconds-3)*1000)
		got := make(map[record.Millis]bool)
		x, err := b.AggregatesExtent(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		stop := errors.New("stop")
		err = b.ReadAggregates(t.Context(), 0, func(msg bus.Message) error {
			var ticks record.Ticks
			if err := ticks.Decode(msg.Data); err != nil {
				return err
			}
			for i := range ticks.Ticks {
				k := &ticks.Ticks[i]
				step := int(k.Time-start) / 1000
				if step >= seconds {
					continue
				}
				got[k.Time] = true
				for g, id := range ticks.Groups {
					var want exact.Sum
					n := uint32(0)
					for j, s := range doc.Sensors {
						if id == "g" || len(s.ID) > len(id) && string(s.ID[1:len(id)]) == id[1:] && s.ID[len(id)] == '.' {
							want.Add(value[j] * float64(step%7))
							n++
						}
					}
					if k.Sum[g] != want.Float64() || k.Count[g] != n {
						return fmt.Errorf("group %s at step %d: %v of %d, want %v of %d", id, step, k.Sum[g], k.Count[g], want.Float64(), n)
					}
				}
			}
			if msg.Seq == x.Last {
				return stop
			}
			return nil
		})
		if !errors.Is(err, stop) {
			t.Fatal(err)
		}
		for k := range seconds - 2 {
			if !got[start+record.Millis(k)*1000] {
				t.Errorf("tick %d is missing", k)
			}
		}
	})
}

// TestVirtualSensorsFollowTheModel changes the formula, the tree that it uses in
// another hierarchy and the sensors it uses, with a restart in between. The
// values are those of the model in force at each tick.
func TestVirtualSensorsFollowTheModel(t *testing.T) {
	const partitions = 3
	dir := t.TempDir()
	doc := tree(2, 2)
	for i := range doc.Sensors {
		doc.Sensors[i].MaxAge = new(model.Unlimited)
	}
	doc.Groups = append(doc.Groups, model.Group{ID: "other", Members: []model.Member{{Sensor: "v"}, {Sensor: "s.0.0"}}})
	doc.Hierarchies = append(doc.Hierarchies, model.Hierarchy{ID: "other", Root: "other"})
	doc.Sensors = append(doc.Sensors,
		model.Sensor{ID: "v", Quantity: record.ActivePower, Formula: `group("g.1") * 10`},
		model.Sensor{ID: "loose", Quantity: record.ActivePower, Formula: `sensor("s.1.0") - sensor("s.0.1")`})
	commit := func(c *catalog.Catalog, next model.Document) {
		st := c.State()
		if _, err := c.Commit(t.Context(), catalog.Change{Base: st.Revision, Patch: model.Diff(st.Model.Document(), next), Who: "test"}); err != nil {
			t.Fatal(err)
		}
	}
	send := func(b *bus.Bus) {
		batches := make([]record.Batch, partitions)
		for i, id := range []record.SensorID{"s.0.0", "s.0.1", "s.1.0", "s.1.1"} {
			batches[record.Partition(id, partitions)].Append(record.Record{Sensor: id, Time: record.MillisOf(time.Now()), Value: float64(int(1) << i)})
		}
		for p := range batches {
			if _, err := b.PublishRecords(t.Context(), p, batches[p].Encode(nil)); err != nil {
				t.Fatal(err)
			}
		}
	}
	// await sends until the newest values, and the sum of the other hierarchy, are
	// those of the model.
	await := func(b *bus.Bus, v, loose, sum float64) {
		t.Helper()
		deadline := time.Now().Add(60 * time.Second)
		for {
			send(b)
			var other, rest record.Ticks
			for h, k := range map[string]*record.Ticks{"other": &other, "/": &rest} {
				data, _, err := b.LastAggregates(t.Context(), h)
				if err == nil && data != nil {
					err = k.Decode(data)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if n, m := len(other.Ticks), len(rest.Ticks); n > 0 && m > 0 {
				x, y := other.Ticks[n-1], rest.Ticks[m-1]
				if len(other.Sensors) == 1 && other.Sensors[0] == "v" && len(rest.Sensors) == 1 && rest.Sensors[0] == "loose" &&
					x.Values[0] == v && y.Values[0] == loose && x.Sum[0] == sum {
					return
				}
			}
			if time.Now().After(deadline) {
				t.Fatalf("not %v, %v and %v, but %+v and %+v", v, loose, sum, other, rest)
			}
			select {
			case <-t.Context().Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
	withService(t, dir, partitions, func(b *bus.Bus, c *catalog.Catalog, s *Service) {
		commit(c, doc)
		await(b, 120, 2, 121)
		doc.Sensors[len(doc.Sensors)-2].Formula = `group("g.1") * 10 - sensor("s.0.1")`
		commit(c, doc)
		await(b, 118, 2, 119)
	})
	withService(t, dir, partitions, func(b *bus.Bus, c *catalog.Catalog, s *Service) {
		await(b, 118, 2, 119)
		for i := range doc.Groups { // another hierarchy's tree
			if doc.Groups[i].ID == "g.1" {
				doc.Groups[i].Members = doc.Groups[i].Members[:1]
			}
		}
		doc.Sensors[len(doc.Sensors)-1].Formula = `sensor("s.0.0") * 19`
		commit(c, doc)
		await(b, 38, 19, 39)
	})
}

// awaitTick waits until the hierarchy "h" has come to a tick.
func awaitTick(t *testing.T, b *bus.Bus, at record.Millis) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	stop := errors.New("stop")
	err := b.ReadAggregates(ctx, 0, func(m bus.Message) error {
		var ticks record.Ticks
		if err := ticks.Decode(m.Data); err != nil {
			return err
		}
		if ticks.Ticks[len(ticks.Ticks)-1].Time >= at {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) {
		t.Fatalf("the hierarchy did not come to %v: %v", at, err)
	}
}

// TestTimeToGiveUp: another process may be waiting for a partition, or there can
// be none, and the checkpoints of all partitions may take their time.
func TestTimeToGiveUp(t *testing.T) {
	for listen, want := range map[string]time.Duration{"": lastWordsAlone, "127.0.0.1:0": lastWords} {
		b, err := bus.Open(t.Context(), bus.Options{Dir: t.TempDir(), Partitions: 1, MinFree: 1, NoSync: true, Listen: listen})
		if err != nil {
			t.Fatal(err)
		}
		s, err := New(Options{Bus: b, Catalog: catalog.New(b, nil)})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.lastWords(); got != want || got >= run.DefaultDeadline {
			t.Errorf("giving up may take %v where others listen on %q, not %v", got, listen, want)
		}
		b.Close()
	}
}
