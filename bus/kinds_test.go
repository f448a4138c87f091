package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/wattwerk/wattwerk/internal/natstest"
	"github.com/wattwerk/wattwerk/record"
)

// site is where a test of every kind opens buses: what one stores the other
// finds, and nobody else does.
type site struct {
	t       *testing.T
	options Options
	one     *Bus // of an embedded server, which others cannot open
}

func (s *site) open() *Bus {
	s.t.Helper()
	if s.one != nil {
		return s.one
	}
	o := s.options
	o.MinFree, o.Partitions = 1, 2
	b, err := Open(s.t.Context(), o)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(b.Close)
	if o.URL == "" {
		s.one = b
	}
	return b
}

// accounts is the configuration of servers that keep so many tests apart.
func accounts(n int) func(*natstest.Node) string {
	return func(*natstest.Node) string {
		s := "accounts {\n"
		for i := range n {
			s += fmt.Sprintf("  T%d { jetstream: enabled, users: [ { user: t%d, password: s3cret } ] }\n", i, i)
		}
		return s + "}\n"
	}
}

// everyKind is what a bus does, wherever it is.
var everyKind = []struct {
	name string
	test func(*testing.T, *site)
}{
	{"what is written is read once and in order", testWriteAndRead},
	{"a reader goes on while others write", testFollow},
	{"positions are found at once and do not go back", testPositions},
	{"records are trimmed when every reader has them", testTrim},
	{"ticks are found at once", testAggregates},
	{"partial sums go to their combiner", testPartials},
	{"dead letters are dug out", testBury},
	{"buckets and objects give the newest", testBuckets},
	{"an object is there as a whole, or not at all", testObjects},
	{"a copy is restored with its positions", testSnapshot},
	{"many open at once", testOpenAtOnce},
	{"a stream that was made anew is noticed", testLost},
}

func TestEveryKind(t *testing.T) {
	kinds := []struct {
		name     string
		nodes    int
		replicas int
	}{{"embedded", 0, 0}, {"external", 1, 1}, {"cluster", 3, 3}}
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			var servers *natstest.Cluster
			if k.nodes > 0 {
				servers = natstest.Start(t, natstest.Options{Nodes: k.nodes, Config: accounts(len(everyKind))})
			}
			for i, c := range everyKind {
				t.Run(c.name, func(t *testing.T) {
					s := &site{t: t, options: Options{Dir: t.TempDir()}}
					if servers != nil {
						s.options = Options{URL: servers.URL(), Login: Login{fmt.Sprintf("t%d", i), "s3cret"}, Replicas: k.replicas}
					}
					c.test(t, s)
				})
			}
		})
	}
}

// drain reads a partition up to a position.
func drain(t *testing.T, b *Bus, p int, from, to uint64) (seqs []uint64, records []record.Record) {
	t.Helper()
	if from > to {
		return nil, nil
	}
	done := errors.New("done")
	err := b.ReadRecords(t.Context(), p, from, func(m Message) error {
		var batch record.Batch
		if err := batch.Decode(m.Data); err != nil {
			return err
		}
		seqs = append(seqs, m.Seq)
		batch.Names()
		for i := range batch.Len() {
			records = append(records, batch.At(i))
		}
		if m.Seq == to {
			return done
		}
		return nil
	})
	if !errors.Is(err, done) {
		t.Fatalf("read up to %d: %v", to, err)
	}
	return seqs, records
}

func extent(t *testing.T, b *Bus, stream string) Extent {
	t.Helper()
	x, err := b.Extent(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func testWriteAndRead(t *testing.T, s *site) {
	w, b := s.open().NewWriter(), s.open()
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if err := w.Write(t.Context(), []record.Record{{Sensor: "a", Time: record.Millis(i), Value: 1}, {Sensor: "b", Time: record.Millis(i), Value: 2}}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	got := make(map[record.Record]int)
	for p := range 2 {
		x := extent(t, b, recordsStream(p))
		seqs, records := drain(t, b, p, 0, x.Last)
		for i, seq := range seqs {
			if seq != uint64(i+1) {
				t.Errorf("partition %d: message %d is at %d", p, i, seq)
			}
		}
		for _, r := range records {
			got[r]++
			if record.Partition(r.Sensor, 2) != p {
				t.Errorf("%s is in partition %d", r.Sensor, p)
			}
		}
	}
	if len(got) != 40 {
		t.Errorf("read %d different records, want 40", len(got))
	}
	for r, n := range got {
		if n != 1 {
			t.Errorf("%v was read %d times", r, n)
		}
	}
}

func testFollow(t *testing.T, s *site) {
	w, b := s.open(), s.open()
	const n = 300
	var got []uint64
	ctx, enough := context.WithCancel(t.Context())
	defer enough()
	end := make(chan error, 1)
	go func() {
		end <- b.ReadRecords(ctx, 1, 0, func(m Message) error {
			if string(m.Data) != fmt.Sprint(m.Seq) {
				return fmt.Errorf("%d holds %q", m.Seq, m.Data)
			}
			if got = append(got, m.Seq); m.Seq == n {
				enough()
			}
			return nil
		})
	}()
	for i := range n {
		if seq, err := w.PublishRecords(t.Context(), 1, fmt.Append(nil, i+1)); err != nil || seq != uint64(i+1) {
			t.Fatal(seq, err)
		}
	}
	if err := <-end; err != nil {
		t.Fatal(err)
	}
	if len(got) != n || !slices.IsSorted(got) {
		t.Errorf("read %d messages: %v", len(got), got)
	}
}

func testPositions(t *testing.T, s *site) {
	b, other := s.open(), s.open()
	for i := range 30 {
		if _, err := b.PublishRecords(t.Context(), 0, []byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
		if err := b.Bury(t.Context(), DeadLetter{Source: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	for seq := uint64(1); seq <= 20; seq++ {
		if err := b.SavePosition(t.Context(), "history", 0, seq); err != nil {
			t.Fatal(err)
		}
		if at, err := other.Position(t.Context(), "history", 0); at != seq || err != nil {
			t.Fatalf("saved %d, found %d, %v", seq, at, err)
		}
	}
	// Two that take one another's place save as they come.
	var all sync.WaitGroup
	for _, x := range []*Bus{b, other} {
		all.Go(func() {
			for _, seq := range []uint64{12, 25, 7, 24} {
				if err := x.SavePosition(t.Context(), "history", 0, seq); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if at, err := other.Position(t.Context(), "history", 0); at != 25 || err != nil {
		t.Errorf("the position is %d, %v", at, err)
	}
	if err := b.ForgetPosition(t.Context(), "history", 0); err != nil {
		t.Fatal(err)
	}
	if at, err := other.Position(t.Context(), "history", 0); at != 0 || err != nil {
		t.Errorf("the position that was forgotten is %d, %v", at, err)
	}
	if err := other.SavePosition(t.Context(), "history", 0, 3); err != nil {
		t.Fatal(err)
	}
	if at, err := b.Position(t.Context(), "history", 0); at != 3 || err != nil {
		t.Errorf("the position is %d, %v", at, err)
	}
}

func testTrim(t *testing.T, s *site) {
	b, other := s.open(), s.open()
	for i := range 10 {
		if _, err := b.PublishRecords(t.Context(), 0, []byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	for reader, seq := range map[string]uint64{"history": 8, "aggregate": 4} {
		if err := b.SavePosition(t.Context(), reader, 0, seq); err != nil {
			t.Fatal(err)
		}
	}
	if err := other.TrimRecords(t.Context(), "history", "nobody"); err != nil {
		t.Fatal(err)
	}
	if x := extent(t, b, recordsStream(0)); x.First != 1 || x.Last != 10 {
		t.Errorf("one reader has nothing yet: %+v", x)
	}
	if err := other.TrimRecords(t.Context(), "history", "aggregate"); err != nil {
		t.Fatal(err)
	}
	if x := extent(t, b, recordsStream(0)); x.First != 5 || x.Last != 10 {
		t.Errorf("both have four: %+v", x)
	}
	if seqs, err := messages(t, b, 0, 10); err != nil || !slices.Equal(seqs, []uint64{5, 6, 7, 8, 9, 10}) {
		t.Error(seqs, err)
	}
}

// messages gives the positions of the messages up to one.
func messages(t *testing.T, b *Bus, p int, to uint64) (seqs []uint64, err error) {
	done := errors.New("done")
	err = b.ReadRecords(t.Context(), p, 0, func(m Message) error {
		if seqs = append(seqs, m.Seq); m.Seq == to {
			return done
		}
		return nil
	})
	if errors.Is(err, done) {
		err = nil
	}
	return seqs, err
}

func testAggregates(t *testing.T, s *site) {
	b, other := s.open(), s.open()
	if data, seq, err := other.LastAggregates(t.Context(), "place"); data != nil || seq != 0 || err != nil {
		t.Fatal(data, seq, err)
	}
	newest := make(map[string]uint64)
	for i := range 30 {
		h := []string{"place", "cost"}[i%2]
		if _, err := b.PublishAggregates(t.Context(), h, fmt.Append(nil, h, i), newest[h]+7); !errors.Is(err, ErrOutrun) {
			t.Fatalf("behind a message that is not there: %v", err)
		}
		seq, err := b.PublishAggregates(t.Context(), h, fmt.Append(nil, h, i), newest[h])
		if err != nil {
			t.Fatal(err)
		}
		newest[h] = seq
		if data, seq, err := other.LastAggregates(t.Context(), h); string(data) != fmt.Sprint(h, i) || seq != uint64(i+1) || err != nil {
			t.Fatalf("stored %d, found %q at %d, %v", i, data, seq, err)
		}
	}
	// The newest message of a hierarchy stays.
	for _, h := range []string{"place", "cost"} {
		if err := other.TrimAggregates(t.Context(), h, 1000); err != nil {
			t.Fatal(err)
		}
	}
	if x := extent(t, b, aggregatesStream); x.First != 29 || x.Last != 30 {
		t.Errorf("%+v", x)
	}
}

func testPartials(t *testing.T, s *site) {
	b, other := s.open(), s.open()
	for i := range 12 {
		if _, err := b.PublishPartials(t.Context(), i%3, []byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := other.TrimPartials(t.Context(), 1, 5); err != nil { // 1 and 4, at 2 and 5
		t.Fatal(err)
	}
	for q, want := range []string{"\x00\x03\x06\x09", "\x07\x0a", "\x02\x05\x08\x0b"} {
		var got []byte
		done := errors.New("done")
		err := other.ReadPartials(t.Context(), q, 0, func(m Message) error {
			if got = append(got, m.Data...); m.Pending == 0 {
				return done
			}
			return nil
		})
		if !errors.Is(err, done) || string(got) != want {
			t.Errorf("combiner %d got % x, %v", q, got, err)
		}
	}
}

func testBury(t *testing.T, s *site) {
	b, other := s.open(), s.open()
	if err := b.Bury(t.Context(), DeadLetter{Source: "Te st", Reason: "because"}); err != nil {
		t.Fatal(err)
	}
	if err := b.Bury(t.Context(), DeadLetter{Source: "x", Reason: "why not"}); err != nil {
		t.Fatal(err)
	}
	if n, err := other.DeadLetterCount(t.Context()); n != 2 || err != nil {
		t.Error(n, err)
	}
	if ds, err := other.DeadLetters(t.Context(), 10); err != nil || len(ds) != 2 || ds[0].Reason != "why not" || ds[1].Reason != "because" {
		t.Error(ds, err)
	}
}

func testBuckets(t *testing.T, s *site) {
	b, other := s.open(), s.open()
	mine, err := b.KV(t.Context(), "plans")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := other.KV(t.Context(), "plans")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		if _, err := mine.Put(t.Context(), "plan", fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
		if e, err := theirs.Get(t.Context(), "plan"); err != nil || string(e.Value()) != fmt.Sprint(i) {
			t.Fatalf("put %d, got %v, %v", i, e, err)
		}
	}
	if _, err := mine.Create(t.Context(), "plan", nil); !errors.Is(err, jetstream.ErrKeyExists) {
		t.Error(err)
	}
	objects, err := b.Objects(t.Context(), "states")
	if err != nil {
		t.Fatal(err)
	}
	same, err := other.Objects(t.Context(), "states")
	if err != nil {
		t.Fatal(err)
	}
	large := bytes.Repeat([]byte("0123456789"), 100_000)
	for i := range 3 {
		large[0] = byte(i)
		if _, err := objects.PutBytes(t.Context(), "state", large); err != nil {
			t.Fatal(err)
		}
		if info, err := same.GetInfo(t.Context(), "state"); err != nil || info.Size != uint64(len(large)) {
			t.Fatal(info, err)
		}
	}
	if _, err := same.GetBytes(t.Context(), "nothing"); !errors.Is(err, jetstream.ErrObjectNotFound) {
		t.Error(err)
	}
}

func testSnapshot(t *testing.T, s *site) {
	from := s.open()
	w := from.NewWriter()
	p := record.Partition("a", 2)
	for i := range 50 {
		if err := w.Write(t.Context(), []record.Record{{Sensor: "a", Time: record.Millis(i), Value: float64(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	// A stream does not always begin at 1.
	if err := from.SavePosition(t.Context(), "history", p, 20); err != nil {
		t.Fatal(err)
	}
	if err := from.TrimRecords(t.Context(), "history"); err != nil {
		t.Fatal(err)
	}
	names, err := from.Streams(t.Context())
	if err != nil || !slices.Contains(names, recordsStream(p)) || !slices.Contains(names, "KV_positions") {
		t.Fatal(names, err)
	}
	to := open(t, Options{Partitions: 2})
	for _, name := range names {
		var chunks [][]byte
		var copied Snapshot
		err := from.Snapshot(t.Context(), name,
			func(begin Snapshot) error { copied = begin; return nil },
			func(c []byte) error { chunks = append(chunks, bytes.Clone(c)); return nil })
		if err != nil {
			t.Fatal(err)
		}
		copied.Config = bytes.ReplaceAll(copied.Config, []byte(`"num_replicas":3`), []byte(`"num_replicas":1`))
		err = to.Restore(t.Context(), copied, func() ([]byte, error) {
			if len(chunks) == 0 {
				return nil, nil
			}
			c := chunks[0]
			chunks = chunks[1:]
			return c, nil
		})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if x := extent(t, to, recordsStream(p)); x.First != 21 || x.Last != 50 {
		t.Errorf("got %+v", x)
	}
	if at, err := to.Position(t.Context(), "history", p); at != 20 || err != nil {
		t.Errorf("position %d, %v", at, err)
	}
	if _, records := drain(t, to, p, 21, 50); len(records) != 30 || records[0].Value != 20 {
		t.Errorf("got %v", records)
	}
	if err := from.Snapshot(t.Context(), "NONE", func(Snapshot) error { return nil }, func([]byte) error { return nil }); err == nil {
		t.Error("no error for a stream that is not there")
	}
}

func testOpenAtOnce(t *testing.T, s *site) {
	if s.options.URL == "" {
		s.options.Listen = "127.0.0.1:0"
		first := s.open()
		s.options, s.one = Options{URL: "nats://" + first.ListenAddr()}, nil
	}
	var all sync.WaitGroup
	for i := range 5 {
		all.Go(func() {
			o := s.options
			o.Partitions = i + 1
			b, err := Open(t.Context(), o)
			if err != nil {
				t.Error(err)
				return
			}
			defer b.Close()
			if err := b.Bury(t.Context(), DeadLetter{Source: "test", Reason: fmt.Sprint(b.Partitions())}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	ds, err := s.open().DeadLetters(t.Context(), 10)
	if err != nil || len(ds) != 5 {
		t.Fatal(ds, err)
	}
	for _, d := range ds {
		if d.Reason != ds[0].Reason {
			t.Errorf("one has %s partitions, another %s", d.Reason, ds[0].Reason)
		}
	}
}

func testLost(t *testing.T, s *site) {
	b := s.open()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	read := make(chan uint64, 10)
	end := make(chan error, 1)
	go func() {
		end <- b.ReadPartials(ctx, 0, 0, func(m Message) error { read <- m.Seq; return nil })
	}()
	for range 3 {
		if _, err := b.PublishPartials(t.Context(), 0, []byte("x")); err != nil {
			t.Fatal(err)
		}
		<-read
	}
	if err := b.js.DeleteStream(t.Context(), partialsStream); err != nil {
		t.Fatal(err)
	}
	if err := b.createStreams(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := <-end
	if err == nil || !errors.Is(err, ErrLost) && !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("reading ended with %v", err)
	}
	if err != nil && !strings.Contains(err.Error(), "PARTIALS") {
		t.Errorf("the error names no stream: %v", err)
	}
}
