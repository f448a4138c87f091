package catalog

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

func openBus(t *testing.T, dir string) *bus.Bus {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Options{Dir: dir, Partitions: 1, MinFree: 1, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// start runs a catalog until stop is called or the test ends.
func start(t *testing.T, b *bus.Bus) (c *Catalog, stop func()) {
	t.Helper()
	c = New(b, nil)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	select {
	case <-c.Ready():
	case err := <-done:
		t.Fatal(err)
	case <-time.After(60 * time.Second):
		t.Fatal("not ready in time")
	}
	return c, stop
}

func sensor(id string) model.Patch {
	return model.Patch{Sensors: []model.Sensor{{ID: record.SensorID(id), Quantity: record.ActivePower}}}
}

func plant() model.Patch {
	return model.Patch{
		Sensors:     []model.Sensor{{ID: "a", Quantity: record.ActivePower}},
		Groups:      []model.Group{{ID: "g", Members: []model.Member{{Sensor: "a"}}}},
		Hierarchies: []model.Hierarchy{{ID: "h", Root: "g"}},
	}
}

func commit(t *testing.T, c *Catalog, p model.Patch) State {
	t.Helper()
	s, err := c.Commit(t.Context(), Change{Base: c.State().Revision, Patch: p, Who: "me", Note: "a change"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestForgetsWhatWasNotStored commits behind a change that nobody knows the end
// of: its model is not kept.
func TestForgetsWhatWasNotStored(t *testing.T) {
	c, _ := start(t, openBus(t, t.TempDir()))
	c.mu.Lock()
	c.mine["lost"] = &mine{model: c.newest.state.Model}
	c.mu.Unlock()
	commit(t, c, plant())
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.mine) > 0 {
		t.Errorf("%d models are kept", len(c.mine))
	}
}

func TestChangesReachEveryCatalog(t *testing.T) {
	b := openBus(t, t.TempDir())
	one, _ := start(t, b)
	two, _ := start(t, b)
	if s := two.State(); s.Revision != 0 || s.Model == nil {
		t.Fatalf("at first there is %+v", s)
	}
	before := time.Now()
	s := commit(t, one, plant())
	if s.Revision != 1 || s.Who != "me" || s.Note != "a change" || len(s.Changed) != 1 || s.Changed[0] != "h" {
		t.Errorf("committed %+v", s)
	}
	if s.Effective%1000 != 0 || !s.Effective.Time().After(before.Add(time.Second-time.Millisecond)) || s.Effective.Time().After(time.Now().Add(2*time.Second)) {
		t.Errorf("effective at %v, stored at %v", s.Effective, s.At)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	arrived := make(chan bool, 1)
	go func() { arrived <- two.await(ctx, 1) }()
	for there := false; !there; {
		moved, known := two.Moved(), two.Known()
		if two.State().Revision == 0 && !known.Before(s.Effective.Time()) {
			t.Fatalf("the other catalog claims to know the model at %v, and has not what is effective at %v", known, s.Effective)
		}
		select {
		case <-moved:
		case there = <-arrived:
			if !there {
				t.Fatal("the other catalog does not have it")
			}
		}
	}
	other := two.State()
	if other.Effective != s.Effective || other.At != s.At || other.Model.Layout("h") == nil {
		t.Errorf("the other catalog has %+v, not %+v", other, s)
	}
	if _, err := two.Commit(t.Context(), Change{Base: 0, Patch: sensor("b")}); !errors.Is(err, ErrConflict) {
		t.Errorf("an old base gives %v", err)
	}
	var faults *model.Faults
	if _, err := two.Commit(t.Context(), Change{Base: 1, Patch: model.Patch{RemoveSensors: []record.SensorID{"a"}}}); !errors.As(err, &faults) {
		t.Errorf("a bad patch gives %v", err)
	}
	if s, err := two.Commit(t.Context(), Change{Base: 1, Patch: plant()}); err != nil || s.Revision != 1 {
		t.Errorf("a patch that changes nothing gives %v %v", s.Revision, err)
	}
	if _, err := two.Commit(t.Context(), Change{Base: 1, Patch: sensor("c"), Effective: record.MillisOf(time.Now().Add(48 * time.Hour))}); !errors.Is(err, ErrEffective) {
		t.Errorf("too far ahead gives %v", err)
	}
	later := record.MillisOf(time.Now().Add(time.Minute).Truncate(time.Second))
	if s, err := two.Commit(t.Context(), Change{Base: 1, Patch: sensor("c"), Effective: later}); err != nil || s.Effective != later {
		t.Errorf("a minute ahead gives %v %v", s.Effective, err)
	}
	if s := commit(t, two, sensor("d")); s.Effective != later {
		t.Errorf("a revision is effective before the one it builds on: %v", s.Effective)
	}
}

func TestTheFirstRevisionMayLieInThePast(t *testing.T) {
	c, _ := start(t, openBus(t, t.TempDir()))
	s, err := c.Commit(t.Context(), Change{Patch: plant(), Effective: 1000})
	if err != nil || s.Effective != 1000 {
		t.Fatal(s, err)
	}
	if s := commit(t, c, sensor("b")); s.Effective.Time().Before(time.Now()) {
		t.Error("the second lies in the past too")
	}
}

func TestManyWritersNeverOverwriteOneAnother(t *testing.T) {
	b := openBus(t, t.TempDir())
	var wg sync.WaitGroup
	var conflicts sync.Map
	const writers, each = 4, 15
	for w := range writers {
		c, _ := start(t, b)
		wg.Go(func() {
			for i := range each {
				for {
					_, err := c.Commit(t.Context(), Change{Base: c.State().Revision, Patch: sensor(fmt.Sprintf("s%d-%d", w, i))})
					if err == nil {
						break
					}
					if !errors.Is(err, ErrConflict) {
						t.Error(err)
						return
					}
					conflicts.Store(w, true)
				}
			}
		})
	}
	wg.Wait()
	c, _ := start(t, b)
	if _, n, _, _ := c.State().Model.Counts(); n != writers*each || c.State().Revision != writers*each {
		t.Errorf("%d sensors in revision %d, want %d", n, c.State().Revision, writers*each)
	}
}

func TestWatchSkipsNothing(t *testing.T) {
	b := openBus(t, t.TempDir())
	one, _ := start(t, b)
	commit(t, one, plant())
	commit(t, one, sensor("b"))
	two, _ := start(t, b)
	done := errors.New("done")
	var got []State
	watched := make(chan error, 1)
	go func() {
		watched <- two.Watch(t.Context(), func(s State) error {
			got = append(got, s)
			if s.Revision == 20 {
				return done
			}
			return nil
		})
	}()
	for i := range 18 {
		commit(t, one, sensor(fmt.Sprint("s", i)))
	}
	select {
	case err := <-watched:
		if !errors.Is(err, done) {
			t.Fatal(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the watcher hangs")
	}
	for i, s := range got {
		if s.Revision != uint64(i+1) {
			t.Fatalf("state %d is revision %d", i, s.Revision)
		}
		if s.Model == nil || i > 1 && len(s.Changed) > 0 {
			t.Errorf("revision %d changed %v", s.Revision, s.Changed)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := two.Watch(ctx, func(State) error { return nil }); err != nil {
		t.Errorf("a watch whose context ended gives %v", err)
	}
}

// TestKnownIsAFence commits all the time and checks that no revision turns up
// that was effective at a time another catalog was certain about.
func TestKnownIsAFence(t *testing.T) {
	b := openBus(t, t.TempDir())
	writer, _ := start(t, b)
	reader, _ := start(t, b)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	go func() {
		for i := 0; ctx.Err() == nil; i++ {
			if _, err := writer.Commit(ctx, Change{Base: writer.State().Revision, Patch: sensor(fmt.Sprint("s", i))}); err != nil && ctx.Err() == nil {
				t.Error(err)
				return
			}
		}
	}()
	type claim struct {
		known    time.Time
		revision uint64
	}
	var claims []claim
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	worst := time.Duration(0)
	for ctx.Err() == nil {
		known := reader.Known() // first: the state is at least as new
		claims = append(claims, claim{known, reader.State().Revision})
		if known.After(time.Unix(1, 0)) {
			worst = max(worst, time.Since(known))
		}
		<-tick.C
	}
	all := make(map[uint64]record.Millis)
	revisions, err := reader.Revisions(t.Context(), 0, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range revisions {
		all[x.Revision] = x.Effective
	}
	for _, c := range claims {
		for r, effective := range all {
			if r > c.revision && !effective.Time().After(c.known) {
				t.Fatalf("at %v revision %d was certain to be the last, but %d is effective at %v", c.known, c.revision, r, effective)
			}
		}
	}
	if len(all) < 10 {
		t.Errorf("only %d revisions", len(all))
	}
	t.Logf("%d revisions, Known at most %v behind", len(all), worst)
}

func TestRestartFromSnapshot(t *testing.T) {
	dir := t.TempDir()
	b := openBus(t, dir)
	c, stop := start(t, b)
	commit(t, c, plant())
	old := c.State()
	old.Effective = record.MillisOf(time.Now().Add(-2 * time.Hour)) // as if it were of then
	if err := c.snapshot(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		commit(t, c, sensor(fmt.Sprint("s", i)))
	}
	want := c.State()
	if err := c.snapshot(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	stop()
	c, _ = start(t, b)
	if c.oldest.state.Revision != 1 {
		t.Errorf("the oldest kept is %d, want 1", c.oldest.state.Revision)
	}
	got := c.State()
	if got.Revision != want.Revision || got.Effective != want.Effective {
		t.Errorf("restarted at %d, %v; want %d, %v", got.Revision, got.Effective, want.Revision, want.Effective)
	}
	if p := model.Diff(want.Model.Document(), got.Model.Document()); !p.Empty() {
		t.Errorf("restarted with differences: %+v", p)
	}
	// What is broken is passed over.
	if _, err := c.store().PutBytes(t.Context(), snapshotName(5, 5), []byte("{}")); err != nil {
		t.Fatal(err)
	}
	d, _ := start(t, b)
	if p := model.Diff(want.Model.Document(), d.State().Model.Document()); !p.Empty() {
		t.Errorf("with a broken snapshot there are differences: %+v", p)
	}
}

func TestSnapshotsAreThinned(t *testing.T) {
	c, _ := start(t, openBus(t, t.TempDir()))
	s := commit(t, c, plant())
	for i, age := range []time.Duration{5 * time.Hour, 3 * time.Hour, 2 * time.Hour, 30 * time.Minute, 0} {
		s.Revision, s.Effective = uint64(i+1), record.MillisOf(time.Now().Add(-age))
		if err := c.snapshot(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	all, err := c.listSnapshots(t.Context())
	if err != nil || len(all) != 3 || all[0].revision != 3 {
		t.Errorf("kept %v %v, want revisions 3, 4 and 5", all, err)
	}
	if infos, err := c.store().List(t.Context(), jetstream.ListObjectsShowDeleted()); err != nil || len(infos) != 3 {
		t.Errorf("there are %d objects and marks of removed ones (%v), want 3", len(infos), err)
	}
}

func TestPatchesTooLongForAMessage(t *testing.T) {
	b := openBus(t, t.TempDir())
	one, _ := start(t, b)
	two, _ := start(t, b)
	rnd := rand.New(rand.NewPCG(1, 2)) // random names do not compress well
	var p model.Patch
	for range 60_000 {
		p.Sensors = append(p.Sensors, model.Sensor{
			ID:       record.SensorID(fmt.Sprintf("%016x%016x%016x%016x", rnd.Uint64(), rnd.Uint64(), rnd.Uint64(), rnd.Uint64())),
			Quantity: record.ActivePower,
		})
	}
	s := commit(t, one, p)
	if !two.await(t.Context(), s.Revision) {
		t.Fatal("not reached")
	}
	if _, n, _, _ := two.State().Model.Counts(); n != 60_000 {
		t.Errorf("the other has %d sensors", n)
	}
	x, patch, inverse, err := two.Revision(t.Context(), 1)
	if err != nil || len(patch.Sensors) != 60_000 || len(inverse.RemoveSensors) != 60_000 || x.Who != "me" {
		t.Errorf("read back %+v with %d and %d: %v", x, len(patch.Sensors), len(inverse.RemoveSensors), err)
	}
	o, err := b.JetStream().Stream(t.Context(), modelStream)
	if err != nil {
		t.Fatal(err)
	}
	m, err := o.GetMsg(t.Context(), 1)
	if err != nil || !strings.Contains(string(m.Data), "patch-") {
		t.Errorf("the patch is not beside the event: %d bytes, %v", len(m.Data), err)
	}
	two2, _ := start(t, b)
	if _, n, _, _ := two2.State().Model.Counts(); n != 60_000 {
		t.Errorf("after a restart there are %d sensors", n)
	}
}

func TestRevisions(t *testing.T) {
	c, _ := start(t, openBus(t, t.TempDir()))
	var want []State
	for i := range 5 {
		want = append(want, commit(t, c, sensor(fmt.Sprint("s", i))))
	}
	got, err := c.Revisions(t.Context(), 4, 3)
	if err != nil || len(got) != 3 || got[0].Revision != 4 || got[2].Revision != 2 {
		t.Fatal(got, err)
	}
	for _, r := range got {
		w := want[r.Revision-1]
		if r.Effective != w.Effective || !r.At.Equal(w.At) || r.Who != w.Who || r.Note != w.Note {
			t.Errorf("%+v, want %+v", r, w)
		}
	}
	if _, _, _, err := c.Revision(t.Context(), 6); !errors.Is(err, ErrNoRevision) {
		t.Error(err)
	}
	if got, err := c.Revisions(t.Context(), 0, 100); err != nil || len(got) != 5 {
		t.Error(got, err)
	}
}

func FuzzEvent(f *testing.F) {
	e := event{Key: "k", Who: "w", Patches: &patches{Patch: plant()}}
	b, err := pack(&e)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	e.Note = strings.Repeat("long ", 1000)
	if b, err = pack(&e); err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{})
	f.Add([]byte("{"))
	f.Add([]byte("\x28\xb5\x2f\xfd\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var e event
		if err := unpack(data, &e); err != nil && !errors.Is(err, errEvent) {
			t.Fatal(err)
		}
	})
}
