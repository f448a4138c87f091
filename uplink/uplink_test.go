package uplink

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/internal/certs"
	"github.com/wattwerk/wattwerk/internal/linktest"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

var seed = flag.Uint64("seed", 0, "of what tests do at random; 0: another each time")

func chance(t *testing.T) *rand.Rand {
	s := *seed
	if s == 0 {
		s = rand.Uint64()
	}
	t.Logf("seed %d", s)
	return rand.New(rand.NewPCG(s, 0))
}

// enough is a bound that is only reached when something is wrong.
const enough = 2 * time.Minute

// pair is an edge and its centre with a link between them.
type pair struct {
	t          *testing.T
	pki        string
	link       *linktest.Link
	centreAddr string
	dirs       [2]string

	edge, centre *bus.Bus
	catalog      *catalog.Catalog
	stopEdge     func()
	stopCentre   func()
	choice       Choice
	prefix       string
	minFree      int64 // of the centre
	edgeFault    func(string) error
	centreFault  func(string) error
}

const (
	edgeParts   = 3
	centreParts = 4
	site        = "kiel"
)

func newPair(t *testing.T, choice Choice) *pair {
	t.Helper()
	p := &pair{t: t, pki: t.TempDir(), dirs: [2]string{t.TempDir(), t.TempDir()}, choice: choice}
	if _, err := certs.Create(p.pki); err != nil {
		t.Fatal(err)
	}
	a, err := certs.Open(p.pki)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Server(p.pki, []string{"127.0.0.1"}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Edge(p.pki, site); err != nil {
		t.Fatal(err)
	}
	p.centreAddr = "127.0.0.1:0"
	t.Cleanup(func() { p.killEdge(); p.killCentre() })
	p.startCentre()
	p.link = linktest.New(t, p.centreAddr)
	p.startEdge()
	return p
}

func (p *pair) leaf(name string) bus.Leaf {
	f := certs.Of(p.pki, name)
	return bus.Leaf{Cert: f.Cert, Key: f.Key, CA: certs.Of(p.pki, "ca").Cert}
}

func (p *pair) log(who string) *slog.Logger {
	if !testing.Verbose() {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, nil)).With("who", who)
}

func (p *pair) startCentre() {
	p.t.Helper()
	l := p.leaf("centre")
	l.Listen = p.centreAddr
	b, err := bus.Open(context.Background(), bus.Options{Dir: p.dirs[1], Partitions: centreParts, MinFree: max(p.minFree, 1), NoSync: true, Leaf: l})
	if err != nil {
		p.t.Fatal(err)
	}
	p.centre, p.centreAddr = b, b.LinkAddr()
	landing, err := NewLanding(LandingOptions{Bus: b, Prefix: p.prefix, Virtual: func(id record.SensorID) bool { return id == "kiel/sum" }, Log: p.log("centre")})
	if err != nil {
		p.t.Fatal(err)
	}
	landing.fault = p.centreFault
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- landing.Run(ctx) }()
	p.stopCentre = func() {
		cancel()
		if err := <-ended; err != nil {
			p.t.Error(err)
		}
	}
}

func (p *pair) startEdge() {
	p.t.Helper()
	l := p.leaf(site)
	l.Site, l.URL = site, "tls://"+p.link.Addr()
	b, err := bus.Open(context.Background(), bus.Options{Dir: p.dirs[0], Partitions: edgeParts, MinFree: 1, NoSync: true, Leaf: l})
	if err != nil {
		p.t.Fatal(err)
	}
	p.edge = b
	p.startUplink()
}

// startUplink runs the service on the edge's bus.
func (p *pair) startUplink() {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p.catalog = catalog.New(p.edge, nil)
	s, err := New(Options{
		Bus: p.edge, Catalog: p.catalog, Site: site, Choice: p.choice, Every: 5 * time.Millisecond, Timeout: 2 * time.Second,
		Checkpoint: 50 * time.Millisecond, Log: p.log("edge"),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	s.fault, s.longest = p.edgeFault, 100*time.Millisecond
	var running sync.WaitGroup
	running.Go(func() {
		if err := p.catalog.Run(ctx); err != nil {
			p.t.Error(err)
		}
	})
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			p.t.Error(err)
		}
	})
	p.stopEdge = func() { cancel(); running.Wait() }
}

func (p *pair) killEdge() {
	if p.edge != nil {
		p.stopEdge()
		p.edge.Close()
		p.edge = nil
	}
}

func (p *pair) killCentre() {
	if p.centre != nil {
		p.stopCentre()
		p.centre.Close()
		p.centre = nil
	}
}

// write stores records at the edge, as the bridge does.
func (p *pair) write(w *bus.Writer, rs []record.Record) {
	p.t.Helper()
	if err := w.Write(p.t.Context(), rs); err != nil {
		p.t.Fatal(err)
	}
}

// held reads all of the records streams of a bus, per sensor, in order.
func held(t *testing.T, b *bus.Bus) map[record.SensorID][]sample {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), enough)
	defer cancel()
	out := make(map[record.SensorID][]sample)
	errDone := errors.New("done")
	for part := range b.Partitions() {
		x, err := b.RecordsExtent(ctx, part)
		if err != nil {
			t.Fatal(err)
		}
		if x.First > x.Last || x.Last == 0 {
			continue
		}
		err = b.ReadRecords(ctx, part, 1, func(m bus.Message) error {
			var c record.Batch
			if err := c.Decode(m.Data); err != nil {
				return err
			}
			c.Names()
			for i := range c.Len() {
				r := c.At(i)
				if at := record.Partition(r.Sensor, b.Partitions()); at != part {
					return fmt.Errorf("%s is in partition %d, not %d", r.Sensor, part, at)
				}
				out[r.Sensor] = append(out[r.Sensor], sample{int64(r.Time), r.Value})
			}
			if m.Seq == x.Last {
				return errDone
			}
			return nil
		})
		if !errors.Is(err, errDone) {
			t.Fatal(err)
		}
	}
	return out
}

// eventually waits until there is no error any more.
func eventually(t *testing.T, f func() error) {
	t.Helper()
	deadline := time.Now().Add(enough)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// agrees compares what the centre holds with what must be there.
func agrees(t *testing.T, centre *bus.Bus, want map[record.SensorID][]sample) error {
	t.Helper()
	return compare(held(t, centre), want)
}

func compare(got, want map[record.SensorID][]sample) error {
	for id, w := range want {
		g := got[id]
		if slices.Equal(g, w) {
			continue
		}
		for i := range max(len(g), len(w)) {
			if i >= len(g) || i >= len(w) || g[i] != w[i] {
				return fmt.Errorf("%s: %d records, %d must be there; they differ at %d: %v and %v", id, len(g), len(w), i, g[min(i, len(g)):min(i+2, len(g))], w[min(i, len(w)):min(i+2, len(w))])
			}
		}
	}
	for id := range got {
		if _, ok := want[id]; !ok {
			return fmt.Errorf("nobody sent %s", id)
		}
	}
	return nil
}

func round(n int, k int) []record.Record {
	rs := make([]record.Record, n)
	for i := range rs {
		rs[i] = record.Record{Sensor: record.SensorID(fmt.Sprintf("meter %d", i)), Time: record.Millis(1_700_000_000_000 + int64(k)*1000), Value: float64(i*1_000_000 + k)}
	}
	return rs
}

func TestRecordsReachTheCentre(t *testing.T) {
	p := newPair(t, All())
	w := p.edge.NewWriter()
	want := make(map[record.SensorID][]sample)
	for k := range 20 {
		rs := round(7, k)
		p.write(w, rs)
		for _, r := range rs {
			want[r.Sensor] = append(want[r.Sensor], sample{int64(r.Time), r.Value})
		}
	}
	eventually(t, func() error { return agrees(t, p.centre, want) })
}

// put makes the document the model of the edge.
func (p *pair) put(d model.Document) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), enough)
	defer cancel()
	select {
	case <-p.catalog.Ready():
	case <-ctx.Done():
		p.t.Fatal("the catalog is not ready")
	}
	if _, err := p.catalog.Commit(ctx, catalog.Change{
		Base: p.catalog.State().Revision, Who: "test",
		Patch: model.Patch{Sites: d.Sites, Sensors: d.Sensors, Groups: d.Groups, Hierarchies: d.Hierarchies},
	}); err != nil {
		p.t.Fatal(err)
	}
}
