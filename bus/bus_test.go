package bus

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/record"
)

func TestWriterStoresAndReadersRead(t *testing.T) {
	b, err := Open(t.Context(), Options{Dir: t.TempDir(), Partitions: 2, MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	w := b.NewWriter()
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if err := w.Write(t.Context(), []record.Record{{Sensor: "a", Time: record.Millis(i), Value: 1}, {Sensor: "b", Time: record.Millis(i), Value: 2}}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got := 0
	done := errors.New("done")
	for p := range 2 {
		x, err := b.RecordsExtent(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		if x.Last == 0 {
			continue
		}
		err = b.ReadRecords(t.Context(), p, 0, func(m Message) error {
			var batch record.Batch
			if err := batch.Decode(m.Data); err != nil {
				return err
			}
			got += batch.Len()
			if m.Seq == x.Last {
				return done
			}
			return nil
		})
		if !errors.Is(err, done) {
			t.Fatal(err)
		}
	}
	if got != 40 {
		t.Errorf("read %d records, want 40", got)
	}
}

func TestBuryAndDig(t *testing.T) {
	b, err := Open(t.Context(), Options{Dir: t.TempDir(), Partitions: 1, MinFree: 1, MQTT: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Bury(context.Background(), DeadLetter{Source: "Te st", Reason: "because"}); err != nil {
		t.Fatal(err)
	}
	ds, err := b.DeadLetters(t.Context(), 10)
	if err != nil || len(ds) != 1 || ds[0].Reason != "because" {
		t.Fatal(ds, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := b.SavePosition(ctx, "history", 0, 7); err != nil {
		t.Fatal(err)
	}
	if at, err := b.Position(ctx, "history", 0); at != 7 || err != nil {
		t.Fatal(at, err)
	}
}
