package uplink

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/record"
)

// ask sends a request by hand over the link.
func (p *pair) ask(e envelope, body []byte) answer {
	p.t.Helper()
	data, err := e.encode(nil, body)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.askRaw(data)
}

func (p *pair) askRaw(data []byte) answer {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), enough)
	defer cancel()
	for {
		m, err := p.edge.Link().RequestWithContext(ctx, bus.LandingSubject(site), data)
		if errors.Is(err, nats.ErrNoResponders) && run.Pause(ctx, 10*time.Millisecond) {
			continue
		}
		var a answer
		if err == nil {
			err = json.Unmarshal(m.Data, &a)
		}
		if err != nil {
			p.t.Fatal(err)
		}
		return a
	}
}

func some(n int, id string) []byte {
	var b record.Batch
	for i := range n {
		b.Append(record.Record{Sensor: record.SensorID(fmt.Sprint(id, i)), Time: record.Millis(1000 + i), Value: 1})
	}
	return b.Encode(nil)
}

// quiet stops the service of the edge, so that a test can speak for it.
func (p *pair) quiet() {
	p.stopEdge()
	p.stopEdge = func() {}
}

func TestTheCentreSaysWhatIsWrong(t *testing.T) {
	p := newPair(t, All())
	p.quiet()
	at := &cursor{At: []uint64{1, 0, 0}}
	for name, c := range map[string]struct {
		a      answer
		result string
		reason string
	}{
		"another version": {p.ask(envelope{Version: 7, Kind: batch, Epoch: "a", Number: 1, Cursor: at}, some(1, "x")), refused, "version 7"},
		"a later format":  {p.askRaw([]byte("\x10{\"version\":9,\"x\"")), refused, ""},
		"no request":      {p.askRaw([]byte("moin")), refused, "malformed"},
		"nothing":         {p.askRaw(nil), refused, "malformed"},
		"no epoch":        {p.ask(envelope{Version: Version, Kind: hello}, nil), refused, "malformed"},
		"no cursor":       {p.ask(envelope{Version: Version, Kind: batch, Epoch: "a", Number: 1}, nil), refused, "malformed"},
		"no batch":        {p.ask(envelope{Version: Version, Kind: batch, Epoch: "a", Number: 1, Cursor: at}, []byte("moin")), refused, "malformed"},
		"not the first":   {p.ask(envelope{Version: Version, Kind: batch, Epoch: "a", Number: 2, Cursor: at}, some(1, "x")), misplaced, ""},
	} {
		if c.a.Result != c.result || !strings.Contains(c.a.Reason, c.reason) || c.a.Version != Version {
			t.Errorf("%s: %+v", name, c.a)
		}
	}
	if got := held(t, p.centre); len(got) > 0 {
		t.Errorf("%v is stored", got)
	}
}

// TestARepetitionIsStoredOnce, and one life of an edge follows another.
func TestARepetitionIsStoredOnce(t *testing.T) {
	p := newPair(t, All())
	p.quiet()
	send := func(epoch string, n uint64, id string) answer {
		return p.ask(envelope{Version: Version, Kind: batch, Epoch: epoch, Number: n, Cursor: &cursor{At: []uint64{n, n, n}}}, some(20, id))
	}
	for _, c := range []struct {
		epoch  string
		number uint64
		result string
		at     uint64
	}{
		{"a", 1, stored, 1}, {"a", 1, stored, 1}, {"a", 2, stored, 2}, {"a", 1, stored, 2}, {"a", 4, misplaced, 2},
		{"b", 2, misplaced, 0}, {"b", 1, stored, 1}, {"b", 1, stored, 1}, {"a", 3, overtaken, 0}, {"a", 1, overtaken, 0}, {"b", 2, stored, 2},
	} {
		a := send(c.epoch, c.number, fmt.Sprintf("%s%d-", c.epoch, c.number))
		if a.Result != c.result || a.Number != c.at {
			t.Errorf("%s %d: %+v", c.epoch, c.number, a)
		}
	}
	if a := p.ask(envelope{Version: Version, Kind: hello, Epoch: "b"}, nil); a.Result != stored || a.Number != 2 || a.Cursor == nil || a.Cursor.At[0] != 2 {
		t.Errorf("%+v", a)
	}
	if a := p.ask(envelope{Version: Version, Kind: hello, Epoch: "a"}, nil); a.Result != overtaken {
		t.Errorf("%+v", a)
	}
	want := make(map[record.SensorID][]sample)
	for _, id := range []string{"a1-", "a2-", "b1-", "b2-"} {
		for i := range 20 {
			want[record.SensorID(fmt.Sprint(id, i))] = []sample{{int64(1000 + i), 1}}
		}
	}
	if err := agrees(t, p.centre, want); err != nil {
		t.Error(err)
	}
}

// TestAPrefixKeepsSitesApart, and what no record can be is buried.
func TestAPrefixKeepsSitesApart(t *testing.T) {
	p := newPair(t, All())
	p.quiet()
	p.killCentre()
	p.prefix = "{site}/"
	p.startCentre()
	var b record.Batch
	b.Append(record.Record{Sensor: "hall", Time: 1000, Value: 1})
	b.Append(record.Record{Sensor: record.SensorID(strings.Repeat("x", record.MaxIDBytes)), Time: 1000, Value: 1})
	b.Append(record.Record{Sensor: record.SensorID(strings.Repeat("x", record.MaxIDBytes+1)), Time: 1000, Value: 1})
	b.Append(record.Record{Sensor: "sum", Time: 1000, Value: 1})
	b.Append(record.Record{Sensor: "future", Time: record.MaxTime + 1, Value: 1})
	a := p.ask(envelope{Version: Version, Kind: batch, Epoch: "a", Number: 1, Cursor: &cursor{At: []uint64{1, 0, 0}}}, b.Encode(nil))
	if a.Result != stored {
		t.Fatalf("%+v", a)
	}
	if err := agrees(t, p.centre, map[record.SensorID][]sample{"kiel/hall": {{1000, 1}}}); err != nil {
		t.Error(err)
	}
	if n, err := p.centre.DeadLetterCount(t.Context()); err != nil || n != 4 {
		t.Errorf("%d dead letters, %v", n, err)
	}
}

// TestWhatIsRefusedCanBeTriedAgain: its letter says all of it, and is told once
// however often the batch comes.
func TestWhatIsRefusedCanBeTriedAgain(t *testing.T) {
	p := newPair(t, All())
	p.quiet()
	p.killCentre()
	fail := map[string]int{"store": 5, "buried": 1}
	p.prefix, p.centreFault = "{site}/", func(step string) error {
		if fail[step] == 0 {
			return nil
		}
		fail[step]--
		return errFault
	}
	p.startCentre()
	const n = 2*lettersAtOnce + 1
	var b record.Batch
	b.Append(record.Record{Sensor: "hall", Time: 1000, Value: 1})
	for i := range n {
		b.Append(record.Record{Sensor: "sum", Time: record.Millis(1000 + i), Value: float64(i)})
	}
	var results []string
	for range 7 {
		a := p.ask(envelope{Version: Version, Kind: batch, Epoch: "a", Number: 1, Cursor: &cursor{At: []uint64{1, 0, 0}}}, b.Encode(nil))
		results = append(results, a.Result)
	}
	if want := append(slices.Repeat([]string{waiting}, 6), stored); !slices.Equal(results, want) {
		t.Fatalf("%q", results)
	}
	letters, err := p.centre.DeadLetters(t.Context(), 10*n)
	if err != nil || len(letters) != n {
		t.Fatalf("%d dead letters, %v", len(letters), err)
	}
	told := make(map[record.Millis]bool)
	for _, d := range letters {
		if d.Sensor != "kiel/sum" || !d.Decoded || d.Value == nil || *d.Value != float64(d.Time-1000) {
			t.Fatalf("%+v", d)
		}
		told[d.Time] = true
	}
	if len(told) != n {
		t.Errorf("%d of %d are told", len(told), n)
	}
}

// TestAMachineGoneBackInTheMiddleOfABatch: what of the open batch is there no
// more cannot be made again, so a new life begins.
func TestAMachineGoneBackInTheMiddleOfABatch(t *testing.T) {
	p := newPair(t, All())
	p.quiet()
	var buf bytes.Buffer
	err := gob.NewEncoder(&buf).Encode(&checkpoint{Epoch: "a", At: cursor{At: make([]uint64, edgeParts)}, Choice: p.choice})
	if err != nil {
		t.Fatal(err)
	}
	objects, err := p.edge.Objects(t.Context(), objectsName)
	if err == nil {
		_, err = objects.PutBytes(t.Context(), checkpointName, buf.Bytes())
	}
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(&ledger{Epoch: "a", Open: &place{1, &cursor{At: []uint64{3, 3, 3}}}})
	if err == nil {
		err = p.centre.WriteNote(t.Context(), noteOf(site), &bus.Note{Data: data})
	}
	if err != nil {
		t.Fatal(err)
	}
	w := p.edge.NewWriter()
	want := make(map[record.SensorID][]sample)
	write := func(k int) {
		p.write(w, round(7, k))
		for _, r := range round(7, k) {
			want[r.Sensor] = append(want[r.Sensor], sample{int64(r.Time), r.Value})
		}
	}
	write(0)
	write(1)
	p.startUplink()
	eventually(t, func() error { return agrees(t, p.centre, want) })
	for k := 2; k < 5; k++ {
		write(k)
	}
	eventually(t, func() error { return agrees(t, p.centre, want) })
}

// TestAnEmptiedEdgeBeginsAnew: a new data directory under an old name is
// another life; its records are not taken for repetitions.
func TestAnEmptiedEdgeBeginsAnew(t *testing.T) {
	p := newPair(t, All())
	want := make(map[record.SensorID][]sample)
	write := func(k int) {
		rs := round(5, k)
		p.write(p.edge.NewWriter(), rs)
		for _, r := range rs {
			want[r.Sensor] = append(want[r.Sensor], sample{int64(r.Time), r.Value})
		}
	}
	for k := range 10 {
		write(k)
		eventually(t, func() error { return agrees(t, p.centre, want) })
	}
	p.killEdge()
	p.dirs[0] = t.TempDir()
	p.startEdge()
	for k := range 3 {
		write(100 + k)
	}
	eventually(t, func() error { return agrees(t, p.centre, want) })
}

// TestAnEdgeThatIsGoneKeepsNothing: what a batch was open in can be trimmed after
// a while, and the batch is stored once all the same when it comes at last.
func TestAnEdgeThatIsGoneKeepsNothing(t *testing.T) {
	p := newPair(t, All())
	p.quiet()
	p.killCentre()
	var parts atomic.Int32
	p.centreFault = func(step string) error {
		if step != "store" {
			return nil
		}
		if n := parts.Add(1); n > centreParts/2 && n <= centreParts { // half of them are stored
			return errFault
		}
		return nil
	}
	p.startCentre()
	forgetful(t, p.centre)
	c := &collector{t: t, got: make(map[record.SensorID][]sample), next: slices.Repeat([]uint64{1}, centreParts)}
	c.follow(p.centre)
	t.Cleanup(func() { c.stop() })
	want := make(map[record.SensorID][]sample)
	for i := range 20 {
		want[record.SensorID(fmt.Sprint("x", i))] = []sample{{int64(1000 + i), 1}}
	}
	send := func() answer {
		return p.ask(envelope{Version: Version, Kind: batch, Epoch: "a", Number: 1, Cursor: &cursor{At: []uint64{1, 1, 1}}}, some(20, "x"))
	}
	if a := send(); a.Result != waiting {
		t.Fatalf("%+v", a)
	}
	landing, err := NewLanding(LandingOptions{Bus: p.centre})
	if err != nil {
		t.Fatal(err)
	}
	kept := func() (n uint64) {
		for part := range centreParts {
			x, err := p.centre.RecordsExtent(t.Context(), part)
			if err != nil {
				t.Fatal(err)
			}
			n += x.Last - max(x.First, 1) + 1
		}
		return n
	}
	if err := landing.release(t.Context(), time.Hour); err != nil || kept() != centreParts/2 {
		t.Fatalf("%d messages are kept for an edge that may come again, %v", kept(), err)
	}
	if err := landing.release(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if n := kept(); n > 0 {
			return fmt.Errorf("%d messages are kept", n)
		}
		return nil
	})
	if a := send(); a.Result != stored {
		t.Fatalf("%+v", a)
	}
	eventually(t, func() error { return c.agrees(want) })
	if a := p.ask(envelope{Version: Version, Kind: hello, Epoch: "a"}, nil); a.Number != 1 || a.Open != nil {
		t.Errorf("%+v", a)
	}
	last := uint64(0)
	for part := range centreParts {
		x, err := p.centre.RecordsExtent(t.Context(), part)
		if err != nil {
			t.Fatal(err)
		}
		last += x.Last
	}
	if last != centreParts {
		t.Errorf("%d messages were stored, not %d", last, centreParts)
	}
}

// TestAFullCentreMakesTheEdgeWait.
func TestAFullCentreMakesTheEdgeWait(t *testing.T) {
	p := newPair(t, All())
	p.killCentre()
	p.minFree = 1 << 60
	p.startCentre()
	want := make(map[record.SensorID][]sample)
	for k := range 5 {
		rs := round(5, k)
		p.write(p.edge.NewWriter(), rs)
		for _, r := range rs {
			want[r.Sensor] = append(want[r.Sensor], sample{int64(r.Time), r.Value})
		}
	}
	if a := p.ask(envelope{Version: Version, Kind: batch, Epoch: "x", Number: 1, Cursor: &cursor{At: []uint64{1, 0, 0}}}, some(3, "x")); a.Result != waiting || !strings.Contains(a.Reason, "full") {
		t.Errorf("%+v", a)
	}
	if got := held(t, p.centre); len(got) > 0 {
		t.Errorf("%v is stored", got)
	}
}

func FuzzRequest(f *testing.F) {
	e := envelope{Version: Version, Kind: batch, Epoch: "a", Number: 1, Cursor: &cursor{At: []uint64{1}}}
	data, err := e.encode(nil, some(2, "x"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if e, body, err := decodeRequest(data); err == nil && e.Version == Version && e.Kind == batch {
			var b record.Batch
			_ = b.Decode(body)
		}
	})
}
