package local

import (
	"slices"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/connect"
)

// TestStoredLongAgo has a result be written again that was stored before its
// process died, when the bus has forgotten its id: it is found, whatever order the
// steps come in, and what was not stored is.
func TestStoredLongAgo(t *testing.T) {
	b, err := bus.Open(t.Context(), bus.Options{Dir: t.TempDir(), Partitions: 1, NoSync: true, KnownFor: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	if err := b.MakeObservations(t.Context()); err != nil {
		t.Fatal(err)
	}
	batch := observation.Append(nil, []string{""}, []observation.Item{{Time: 1, Value: 1}})
	cause := func() uint64 {
		t.Helper()
		seq, err := b.PublishObservations(t.Context(), "in", batch, "")
		if err != nil {
			t.Fatal(err)
		}
		return seq
	}
	result := func(step uint64) connect.Written {
		return connect.Written{Manifest: "m", Processor: "p", Step: step, Time: 1, Value: float64(step)}
	}
	first, second := cause(), cause()
	before := newStream(b, "out")
	if err := before.Write(t.Context(), []connect.Written{result(first)}); err != nil {
		t.Fatal(err)
	}
	third := cause()
	if err := before.Write(t.Context(), []connect.Written{result(third)}); err != nil {
		t.Fatal(err)
	}
	// The bus has forgotten what it takes twice of something younger.
	if _, err := b.PublishObservations(t.Context(), "probe", batch, "probe"); err != nil {
		t.Fatal(err)
	}
	for probe, ok, err := b.LastObservations(t.Context(), "probe"); ; {
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		if _, err := b.PublishObservations(t.Context(), "probe", batch, "probe"); err != nil {
			t.Fatal(err)
		}
		if again, _, _ := b.LastObservations(t.Context(), "probe"); again.Seq != probe.Seq {
			break
		}
	}
	after, fourth := newStream(b, "out"), cause()
	for _, step := range []uint64{third, second, first, fourth} {
		if err := after.Write(t.Context(), []connect.Written{result(step)}); err != nil {
			t.Fatal(err)
		}
	}
	last, _, err := b.LastObservations(t.Context(), "out")
	if err != nil {
		t.Fatal(err)
	}
	var got []float64
	err = b.ReadObservationsOf(t.Context(), "out", 1, func(m bus.Message) error {
		_, items, err := observation.Decode(m.Data, nil)
		if err != nil {
			return err
		}
		got = append(got, items[0].Value)
		if m.Seq >= last.Seq {
			return errEnough
		}
		return nil
	})
	if err != errEnough { //nolint:errorlint // it is handed on as it is
		t.Fatal(err)
	}
	if want := []float64{float64(first), float64(third), float64(second), float64(fourth)}; !slices.Equal(got, want) {
		t.Errorf("stored are results of %v, want %v", got, want)
	}
}
