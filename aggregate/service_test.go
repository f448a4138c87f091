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
