package bridge

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wattwerk/wattwerk/bridge/intake"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/record"
)

// noon is the time of all tests: 2024-06-01 12:00 UTC.
var noon = time.Date(2024, 6, 1, 12, 0, 0, 0, time.UTC)

func now() record.Millis { return record.MillisOf(noon) }

// memory is a store that keeps everything and can be told to fail.
type memory struct {
	mu      sync.Mutex
	records []record.Record
	letters []bus.DeadLetter
	fail    error
}

func (m *memory) Write(_ context.Context, rs []record.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.records = append(m.records, rs...)
	return nil
}

func (m *memory) Bury(_ context.Context, d bus.DeadLetter) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.letters = append(m.letters, d)
	return nil
}

// sensors is a model of a few sensors.
type sensors map[record.SensorID]record.Quantity

func (s sensors) Sensor(id record.SensorID) (Sensor, bool) {
	q, ok := s[id]
	return Sensor{Quantity: q, Virtual: id == "sum"}, ok
}

func testService(t testing.TB, o Options) (*Service, *memory) {
	t.Helper()
	m := &memory{}
	o.Now = func() time.Time { return noon }
	s, err := newService(o, m)
	if err != nil {
		t.Fatal(err)
	}
	return s, m
}

func readings(rs ...Reading) iter.Seq2[Reading, error] {
	return func(yield func(Reading, error) bool) {
		for _, r := range rs {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func TestReadingsAreCheckedAndConverted(t *testing.T) {
	model := sensors{"power": record.ActivePower, "meter": record.Energy, "factor": record.PowerFactor, "sum": record.ActivePower}
	for _, c := range []struct {
		name   string
		in     Reading
		want   record.Record
		reason string
	}{
		{"as it is", Reading{Sensor: "a", Time: 1000, Value: 42}, record.Record{Sensor: "a", Time: 1000, Value: 42}, ""},
		{"kilowatts", Reading{Sensor: "power", Time: 1000, Value: 1.5, Unit: "kW"}, record.Record{Sensor: "power", Time: 1000, Value: 1500}, ""},
		{"kilowatt-hours", Reading{Sensor: "meter", Time: 1000, Value: 1.5, Unit: "kWh"}, record.Record{Sensor: "meter", Time: 1000, Value: 1500}, ""},
		{"no time", Reading{Sensor: "a", Time: Arrival, Value: 1}, record.Record{Sensor: "a", Time: now(), Value: 1}, ""},
		{"any Unicode", Reading{Sensor: "Büro 木 ⚡", Time: 1, Value: -1}, record.Record{Sensor: "Büro 木 ⚡", Time: 1, Value: -1}, ""},
		{"a plain number for a factor", Reading{Sensor: "factor", Time: 1, Value: 90, Unit: "%"}, record.Record{Sensor: "factor", Time: 1, Value: 0.9}, ""},
		{"five minutes ahead", Reading{Sensor: "a", Time: now() + 300_000, Value: 1}, record.Record{Sensor: "a", Time: now() + 300_000, Value: 1}, ""},
		{"too far ahead", Reading{Sensor: "a", Time: now() + 301_000, Value: 1}, record.Record{}, "ahead of the clock"},
		{"before 1970", Reading{Sensor: "a", Time: -1, Value: 1}, record.Record{}, "outside 1970 to 2100"},
		{"NaN", Reading{Sensor: "a", Time: 1, Value: math.NaN()}, record.Record{}, "not a finite number"},
		{"infinity", Reading{Sensor: "a", Time: 1, Value: math.Inf(-1), Unit: "kW"}, record.Record{}, "not a finite number"},
		{"infinite after conversion", Reading{Sensor: "a", Time: 1, Value: 1.7e308, Unit: "kW"}, record.Record{}, "not a finite number"},
		{"absurd", Reading{Sensor: "a", Time: 1, Value: 1e300}, record.Record{}, "larger than any real quantity"},
		{"unknown unit", Reading{Sensor: "a", Time: 1, Value: 1, Unit: "furlong"}, record.Record{}, "furlong"},
		{"virtual", Reading{Sensor: "sum", Time: 1, Value: 1, Unit: "W"}, record.Record{}, `sensor "sum" is virtual: its values follow from its formula`},
		{"wrong unit", Reading{Sensor: "power", Time: 1, Value: 1, Unit: "kWh"}, record.Record{}, "the sensor measures active_power"},
		{"no sensor", Reading{Time: 1, Value: 1}, record.Record{}, "identifier is empty"},
		{"broken UTF-8", Reading{Sensor: "a\xff", Time: 1, Value: 1}, record.Record{}, "not valid UTF-8"},
		{"control character", Reading{Sensor: "a\nb", Time: 1, Value: 1}, record.Record{}, "unprintable"},
		{"long name", Reading{Sensor: strings.Repeat("x", 100_000), Time: 1, Value: 1}, record.Record{}, "at most 200"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, m := testService(t, Options{Model: model})
			a, err := s.TakeReadings(t.Context(), "test", readings(c.in))
			if err != nil {
				t.Fatal(err)
			}
			if c.reason == "" {
				if a.Accepted != 1 || a.Refused != 0 || len(m.records) != 1 || m.records[0] != c.want {
					t.Errorf("got %+v, %v, want %v", a, m.records, c.want)
				}
				return
			}
			if a.Accepted != 0 || a.Refused != 1 || len(m.letters) != 1 || len(a.Reasons) != 1 {
				t.Fatalf("got %+v, %v, want one dead letter", a, m.letters)
			}
			l := m.letters[0]
			if !strings.Contains(l.Reason, c.reason) || l.Reason != a.Reasons[0] || l.Source != "test" || l.Code == "" {
				t.Errorf("dead letter %+v, want reason %q", l, c.reason)
			}
		})
	}
}

func TestManyFaultsAreBounded(t *testing.T) {
	s, m := testService(t, Options{})
	looked := 0
	a, err := s.TakeReadings(t.Context(), "test", func(yield func(Reading, error) bool) {
		for i := range 50_000 {
			looked++
			r := Reading{Sensor: "ok", Time: record.Millis(i), Value: 1}
			if i%2 == 1 {
				r.Sensor = ""
			}
			if !yield(r, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if a.Refused != maxRefused || a.Accepted != maxRefused || looked != 2*maxRefused {
		t.Errorf("%+v after %d", a, looked)
	}
	if len(m.letters) != maxLetters+1 {
		t.Fatalf("%d dead letters", len(m.letters))
	}
	found := slices.ContainsFunc(m.letters, func(l bus.DeadLetter) bool {
		return strings.HasPrefix(l.Reason, fmt.Sprint(maxRefused-maxLetters, " more")) && strings.HasSuffix(l.Reason, "not looked at") &&
			l.Code == phrase.Others && l.Params["count"] == maxRefused-maxLetters && l.Params["last"] == phrase.IdentifierEmpty && l.Params["faults"] == maxRefused
	})
	if !found {
		t.Error("no dead letter speaks for the others")
	}
}

func TestFailuresAreToldAndNothingIsAnnounced(t *testing.T) {
	s, m := testService(t, Options{})
	m.fail = bus.ErrFull
	if _, err := s.TakeReadings(t.Context(), "test", readings(Reading{Sensor: "a", Time: 1, Value: 1})); !errors.Is(err, bus.ErrFull) {
		t.Fatal(err)
	}
	if _, err := s.TakeReadings(t.Context(), "test", readings(Reading{Sensor: "", Time: 1, Value: 1})); !errors.Is(err, bus.ErrFull) {
		t.Fatal("a dead letter that is not stored is not an answer:", err)
	}
	if len(s.seen.waiting) != 0 {
		t.Error("announced", s.seen.waiting)
	}
	m.fail = nil
	if a, err := s.TakeReadings(t.Context(), "test", readings(Reading{Sensor: "a", Time: 1, Value: 1, Unit: "kW"})); err != nil || a.Accepted != 1 {
		t.Fatal(a, err)
	}
	want := []Seen{{Sensor: "a", Source: "test", Quantity: record.ActivePower, Unit: "kW", At: now()}}
	if diff := cmp.Diff(want, s.seen.waiting); diff != "" {
		t.Error(diff)
	}
	at := now().Time()
	if diff := cmp.Diff([]intake.Intake{{Bridge: "test", Counts: intake.Counts{Messages: 3, Accepted: 1, Failed: 2, Last: &at}}}, s.Intakes()); diff != "" {
		t.Error(diff)
	}
}

func TestAnnouncesUnknownSensorsOnce(t *testing.T) {
	b := openBus(t)
	s, err := New(Options{Bus: b, Model: sensors{"known": record.ActivePower}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	defer wg.Wait()
	defer cancel()
	for range 3 {
		if _, err := s.TakeReadings(ctx, "test", readings(
			Reading{Sensor: "known", Time: 1, Value: 1}, Reading{Sensor: "new", Time: 1, Value: 1, Unit: "W"})); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.TakeReadings(ctx, "test", readings(Reading{Sensor: "newer", Time: 1, Value: 1})); err != nil {
		t.Fatal(err)
	}
	// The stream may not be there yet when reading begins.
	if err := b.MakeSeen(ctx); err != nil {
		t.Fatal(err)
	}
	stream, err := b.JetStream().Stream(ctx, bus.SeenStream)
	if err != nil {
		t.Fatal(err)
	}
	if c := stream.CachedInfo().Config; c.MaxBytes != 1<<30 || c.Discard != jetstream.DiscardOld {
		t.Errorf("announcing made a stream without bounds: %+v", c)
	}
	var got []string
	done := errors.New("done")
	err = b.Read(ctx, bus.SeenStream, "", 0, func(m bus.Message) error {
		got = append(got, string(m.Data))
		if strings.Contains(string(m.Data), `"newer"`) {
			return done
		}
		return nil
	})
	if !errors.Is(err, done) {
		t.Fatal(err)
	}
	all := strings.Join(got, "")
	if strings.Count(all, `"new"`) != 1 || strings.Contains(all, `"known"`) || !strings.Contains(all, `"unit":"W"`) {
		t.Error(all)
	}
}

func openBus(t testing.TB) *bus.Bus {
	t.Helper()
	b, err := bus.Open(context.Background(), bus.Options{Dir: t.TempDir(), Partitions: 2, MinFree: 1, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func TestTemplate(t *testing.T) {
	get := func(name string) (string, bool) { return "<" + name + ">", name != "none" }
	for _, c := range []struct{ text, want, wrong string }{
		{"plain", "plain", ""},
		{"{a}", "<a>", ""},
		{"x.{a}-{topic.2}.y", "x.<a>-<topic.2>.y", ""},
		{"{{{a}}}", "{<a>}", ""},
		{"", "", "empty"},
		{"{}", "", "names nothing"},
		{"{a", "", "names nothing"},
		{"a}", "", "none is open"},
		{"{none}", "", "has no none"},
	} {
		tm, err := ParseTemplate(c.text)
		got := ""
		if err == nil {
			got, err = tm.Expand(get)
		}
		if c.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%q: error %v, want %q", c.text, err, c.wrong)
			}
		} else if err != nil || got != c.want {
			t.Errorf("%q: %q, %v, want %q", c.text, got, err, c.want)
		}
	}
	for name, want := range map[string]string{"topic": "a/b/c", "topic.1": "a", "topic.3": "c", "topic.4": "", "topic.0": "", "topic.x": "", "other": ""} {
		if got := TopicLevel("a/b/c", name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
