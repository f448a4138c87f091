package aggregate

import (
	"fmt"
	"slices"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/wattwerk/wattwerk/aggregate/tick"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// keeper is a service that does not run, with a partition whose engine has
// taken some messages.
func keeper(t *testing.T, messages int) (*Service, *part) {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Options{Dir: t.TempDir(), Partitions: 2, MinFree: 1, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	s, err := New(Options{Bus: b, Catalog: catalog.New(b, nil)})
	if err != nil {
		t.Fatal(err)
	}
	if s.objects, err = b.Objects(t.Context(), bucket); err != nil {
		t.Fatal(err)
	}
	p := &part{number: 1, engine: tick.NewEngine(s.opts.Timing, 1, 2, func(*tick.Report) {})}
	for i := range messages {
		var batch record.Batch
		batch.Append(record.Record{Sensor: "s", Time: record.Millis(i) * 1000, Value: 1})
		if _, err := b.PublishRecords(t.Context(), p.number, batch.Encode(nil)); err != nil {
			t.Fatal(err)
		}
	}
	return s, p
}

// save stores a checkpoint at a position.
func (p *part) save(t *testing.T, s *Service, seq uint64) {
	t.Helper()
	p.seq = seq
	if err := p.checkpoint(); err != nil {
		t.Fatal(err)
	}
	if err := s.store(t.Context(), p, make(map[model.HierarchyID]record.Millis)); err != nil {
		t.Fatal(err)
	}
	if p.saved != seq {
		t.Fatalf("saved is %d, want %d", p.saved, seq)
	}
}

func stored(t *testing.T, s *Service) (names []string, messages uint64) {
	t.Helper()
	names, err := s.opts.Bus.ObjectNames(t.Context(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	status, err := s.objects.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return names, status.(*jetstream.ObjectBucketStatus).StreamInfo().State.Msgs
}

// TestCheckpointsLeaveNothing has a checkpoint replace the one before many
// times: only the last one is in the bucket.
func TestCheckpointsLeaveNothing(t *testing.T) {
	s, p := keeper(t, 20)
	for seq := range uint64(20) {
		p.save(t, s, seq+1)
	}
	names, messages := stored(t, s)
	if want := []string{checkpointName(1, 20)}; !slices.Equal(names, want) || messages != 2 {
		t.Errorf("%d messages of %v are left, want 2 of %v", messages, names, want)
	}
}

// TestTidy removes what others left of our partitions: older checkpoints, and
// the marks of those that the client library deleted.
func TestTidy(t *testing.T) {
	s, p := keeper(t, 9)
	for _, number := range []int{0, 1} {
		for seq := range uint64(6) {
			name := checkpointName(number, seq+1)
			if _, err := s.objects.PutBytes(t.Context(), name, []byte("state")); err != nil {
				t.Fatal(err)
			}
			if seq < 3 {
				if err := s.objects.Delete(t.Context(), name); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if _, err := s.objects.PutBytes(t.Context(), oldCheckpointName(1), []byte("state")); err != nil {
		t.Fatal(err)
	}
	p.save(t, s, 9)
	s.parts[p.number] = p
	if err := s.tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	names, messages := stored(t, s)
	want := []string{checkpointName(0, 4), checkpointName(0, 5), checkpointName(0, 6), checkpointName(1, 9)}
	if !slices.Equal(names, want) || messages != 2*4+3 {
		t.Errorf("%d messages of %v are left, want 11 of %v", messages, names, want)
	}
	if _, tidied := p.unstored(); !tidied {
		t.Error("the partition does not know that it is tidy")
	}
}

// TestRestoreFromNewer begins where a backup has the position of a checkpoint
// that was replaced while it was written, and its successor.
func TestRestoreFromNewer(t *testing.T) {
	for _, c := range []struct {
		name string
		left []uint64 // checkpoints, besides the one of another partition
		from uint64
	}{
		{"the one named", []uint64{5, 7}, 5},
		{"a newer one", []uint64{3, 7, 8}, 8},
		{"none that is behind the end", []uint64{7, 12}, 7},
		{"none at all", nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, p := keeper(t, 9)
			put := func(number int, seq uint64) {
				p.seq, p.candid = seq, nil
				if err := p.checkpoint(); err != nil {
					t.Fatal(err)
				}
				if _, err := s.objects.PutBytes(t.Context(), checkpointName(number, seq), p.candid.data); err != nil {
					t.Fatal(err)
				}
			}
			put(0, 6)
			for _, seq := range c.left {
				put(1, seq)
			}
			if err := s.opts.Bus.SavePosition(t.Context(), Reader, 1, 5); err != nil {
				t.Fatal(err)
			}
			q := &part{number: 1}
			if err := s.restore(t.Context(), q); err != nil {
				t.Fatal(err)
			}
			if q.seq != c.from {
				t.Errorf("it goes on from %d, want %d", q.seq, c.from)
			}
		})
	}
}

// TestForgetCheckpoints begins a stream that was made anew: no checkpoint of the
// one before may be taken for its own once it is as long.
func TestForgetCheckpoints(t *testing.T) {
	s, p := keeper(t, 3)
	p.save(t, s, 8)
	q := &part{number: 1}
	if err := s.restore(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	if names, _ := stored(t, s); len(names) > 0 || q.seq != 0 {
		t.Errorf("it goes on from %d, and %s is left", q.seq, fmt.Sprint(names))
	}
}
