package backup

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/natstest"
	"github.com/wattwerk/wattwerk/record"
)

// TestBetweenClusters copies what is on a cluster with three copies of
// everything, through one process, and restores it with one copy.
func TestBetweenClusters(t *testing.T) {
	from := natstest.Start(t, natstest.Options{Nodes: 3})
	dir := t.TempDir()
	b, err := bus.Open(t.Context(), bus.Options{URL: from.URL(), Dir: dir, Partitions: 2, Replicas: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	w := b.NewWriter()
	for i := range 20 {
		if err := w.Write(t.Context(), []record.Record{{Sensor: "kettle", Time: record.Millis(i), Value: 2}, {Sensor: "lamp", Time: record.Millis(i), Value: 2}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.SavePosition(t.Context(), "history", 1, 7); err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := (Source{Dir: dir, Bus: b, Version: "test"}).Write(t.Context(), &file); err != nil {
		t.Fatal(err)
	}
	// Not over what is there.
	used := bus.Options{URL: from.URL(), Replicas: 3}
	if err := Restore(t.Context(), bytes.NewReader(file.Bytes()), filepath.Join(t.TempDir(), "no"), used); !errors.Is(err, ErrUsedBus) {
		t.Errorf("onto a bus in use: %v", err)
	}
	to := natstest.Start(t, natstest.Options{Nodes: 3})
	o := bus.Options{URL: to.URL(), Replicas: 1}
	if err := Restore(t.Context(), bytes.NewReader(file.Bytes()), filepath.Join(t.TempDir(), "new"), o); err != nil {
		t.Fatal(err)
	}
	o.Dir = t.TempDir()
	one, err := bus.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	same(t, b, one)
	h, err := one.Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range h.Streams {
		if strings.HasPrefix(s.Name, "RECORDS-") && len(s.Followers) != 0 {
			t.Errorf("%s has %d followers", s.Name, len(s.Followers))
		}
	}
	alone := filepath.Join(t.TempDir(), "alone")
	if err := Restore(t.Context(), bytes.NewReader(file.Bytes()), alone, bus.Options{}); err != nil {
		t.Fatal(err)
	}
	c, err := bus.Open(t.Context(), bus.Options{Dir: alone, MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	same(t, b, c)
}

// same compares what two buses hold.
func same(t *testing.T, a, b *bus.Bus) {
	t.Helper()
	if a.Partitions() != b.Partitions() {
		t.Fatalf("%d partitions, want %d", b.Partitions(), a.Partitions())
	}
	total := uint64(0)
	for p := range a.Partitions() {
		x, err := a.RecordsExtent(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		y, err := b.RecordsExtent(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		if x.First != y.First || x.Last != y.Last || x.Bytes != y.Bytes {
			t.Errorf("partition %d holds %d to %d, %d bytes; want %d to %d, %d bytes", p, y.First, y.Last, y.Bytes, x.First, x.Last, x.Bytes)
		}
		total += y.Last
	}
	if total == 0 {
		t.Error("there is nothing")
	}
	if at, err := b.Position(t.Context(), "history", 1); err != nil || at != 7 {
		t.Errorf("the position is %d, %v", at, err)
	}
}
