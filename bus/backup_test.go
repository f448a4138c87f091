package bus

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/wattwerk/wattwerk/record"
)

func TestSnapshotAndRestoreKeepPositions(t *testing.T) {
	from, err := Open(t.Context(), Options{Dir: t.TempDir(), Partitions: 1, MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	w := from.NewWriter()
	for i := range 50 {
		if err := w.Write(t.Context(), []record.Record{{Sensor: "a", Time: record.Millis(i), Value: float64(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	// A stream does not always begin at 1.
	if err := from.SavePosition(t.Context(), "history", 0, 20); err != nil {
		t.Fatal(err)
	}
	if err := from.TrimRecords(t.Context(), "history"); err != nil {
		t.Fatal(err)
	}
	names, err := from.Streams(t.Context())
	if err != nil || !slices.Contains(names, "RECORDS-0000") || !slices.Contains(names, "KV_positions") {
		t.Fatal(names, err)
	}

	to, err := Open(t.Context(), Options{Dir: t.TempDir(), Partitions: 1, MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	for _, name := range names {
		var chunks [][]byte
		var s Snapshot
		err := from.Snapshot(t.Context(), name,
			func(begin Snapshot) error { s = begin; return nil },
			func(c []byte) error { chunks = append(chunks, bytes.Clone(c)); return nil })
		if err != nil {
			t.Fatal(err)
		}
		err = to.Restore(t.Context(), s, func() ([]byte, error) {
			if len(chunks) == 0 {
				return nil, nil
			}
			c := chunks[0]
			chunks = chunks[1:]
			return c, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	x, err := to.RecordsExtent(t.Context(), 0)
	if err != nil || x.First != 21 || x.Last != 50 {
		t.Errorf("got %+v, %v", x, err)
	}
	if at, err := to.Position(t.Context(), "history", 0); at != 20 || err != nil {
		t.Errorf("position %d, %v", at, err)
	}
	var got []float64
	done := errors.New("done")
	err = to.ReadRecords(t.Context(), 0, 21, func(m Message) error {
		var b record.Batch
		if err := b.Decode(m.Data); err != nil {
			return err
		}
		got = append(got, b.Values...)
		if m.Seq == 50 {
			return done
		}
		return nil
	})
	if !errors.Is(err, done) || len(got) != 30 || got[0] != 20 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestSnapshotOfNothing(t *testing.T) {
	b, err := Open(t.Context(), Options{Dir: t.TempDir(), Partitions: 1, MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Snapshot(t.Context(), "NONE", func(Snapshot) error { return nil }, func([]byte) error { return nil }); err == nil {
		t.Error("no error for a stream that is not there")
	}
}
