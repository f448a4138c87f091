package app

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/aggregate"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/history/tsdb"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// TestWideHierarchy: a hierarchy whose ticks do not fit into a message goes
// through aggregate, bus and history, and every group has every tick. A message
// holds 40 groups here; in earnest it is a thousand times as many.
func TestWideHierarchy(t *testing.T) {
	const groups, widest, seconds, partitions = 110, 40, 12, 2
	dir := t.TempDir()
	b, err := bus.Open(t.Context(), bus.Options{Dir: dir, Partitions: partitions, MinFree: 1, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	log := slog.New(slog.DiscardHandler)
	c := catalog.New(b, log)
	store, err := tsdb.Open(tsdb.Options{Dir: filepath.Join(dir, "history"), MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	h, err := history.New(history.Options{Bus: b, Catalog: c, Store: store, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	a, err := aggregate.New(aggregate.Options{Bus: b, Catalog: c, Log: log, Widest: widest})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	g, gctx := errgroup.WithContext(ctx)
	for _, run := range []func(context.Context) error{c.Run, h.Run, a.Run} {
		g.Go(func() error { return run(gctx) })
	}
	defer func() {
		cancel()
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	select {
	case <-c.Ready():
	case <-gctx.Done():
		t.Fatal("the model cannot be followed")
	}
	doc := model.Document{Hierarchies: []model.Hierarchy{{ID: "wide", Root: "root", Tick: model.Duration(time.Second)}}}
	root := model.Group{ID: "root"}
	for i := range groups {
		name := fmt.Sprintf("g%03d", i)
		doc.Sensors = append(doc.Sensors, model.Sensor{ID: record.SensorID("s" + name), Quantity: record.ActivePower, Interval: model.Duration(time.Second)})
		doc.Groups = append(doc.Groups, model.Group{ID: model.GroupID(name), Members: []model.Member{{Sensor: record.SensorID("s" + name)}}})
		root.Members = append(root.Members, model.Member{Group: model.GroupID(name)})
	}
	doc.Groups = append(doc.Groups, root)
	if _, err := c.Commit(t.Context(), catalog.Change{Patch: model.Diff(model.Document{}, doc), Who: "test"}); err != nil {
		t.Fatal(err)
	}
	first := record.MillisOf(time.Now().Add(-10 * time.Minute).Truncate(time.Second))
	for k := range seconds {
		batches := make([]record.Batch, partitions)
		for i := range groups {
			id := doc.Sensors[i].ID
			batches[record.Partition(id, partitions)].Append(record.Record{Sensor: id, Time: first + record.Millis(k)*1000, Value: float64(1000*i + k)})
		}
		for p := range batches {
			if _, err := b.PublishRecords(t.Context(), p, batches[p].Encode(nil)); err != nil {
				t.Fatal(err)
			}
		}
	}
	last := first + (seconds-4)*1000 // closed before the grace is over
	sums := func(group string) (out []history.Sample) {
		err := store.Scan(t.Context(), history.Series{Metric: history.Sum, Hierarchy: "wide", Name: group}, first, last, func(times []int64, values []float64) error {
			for i := range times {
				out = append(out, history.Sample{Time: record.Millis(times[i]), Value: values[i]})
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	at := func(group string) record.Millis {
		if all := sums(group); len(all) > 0 {
			return all[len(all)-1].Time
		}
		return 0
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	// The last of the groups comes in the last part.
	for deadline := time.After(2 * time.Minute); at("root") < last || at("g000") < last || at(fmt.Sprintf("g%03d", groups-1)) < last; {
		select {
		case <-tick.C:
		case <-gctx.Done():
			t.Fatal("a service ended")
		case <-deadline:
			t.Fatalf("the root has ticks to %v, not to %v", at("root"), last)
		}
	}
	total := float64(0)
	for i := range groups {
		total += float64(1000 * i)
		name := fmt.Sprintf("g%03d", i)
		all := sums(name)
		for k, x := range all {
			if x.Time != first+record.Millis(k)*1000 || x.Value != float64(1000*i+k) {
				t.Fatalf("tick %d of %s is %v at %v", k, name, x.Value, x.Time)
			}
		}
		if len(all) != seconds-3 {
			t.Fatalf("%s has %d ticks of %d", name, len(all), seconds-3)
		}
	}
	for k, x := range sums("root") {
		if x.Value != total+float64(groups*k) {
			t.Errorf("tick %d of the root is %v", k, x.Value)
		}
	}
}
