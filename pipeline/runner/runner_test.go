package runner_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/processor"
	"github.com/wattwerk/wattwerk/record"
)

func filter(name, from, to string, threshold string) manifest.Processor {
	return manifest.Processor{Name: name, Type: "filter", Parameters: values(`{"operator":"GE","threshold":` + threshold + `}`), From: []string{from}, To: to}
}

func TestRuns(t *testing.T) {
	w := newWorld(t)
	w.put(manifest.Manifest{Common: manifest.Common{Name: "m"}, State: manifest.Running, Processors: []manifest.Processor{filter("f", "a", "x", "5")}})
	w.begin()
	w.is("m", manifest.IsRunning)
	for i := range 10 {
		w.tell("a", at(i, float64(i)))
		w.tell("b", at(i, 100)) // nobody reads it
	}
	w.boxes["x"].wait(t, 5)
	s := w.is("m", manifest.IsRunning)
	if n := s.Nodes[0]; n.In != 10 || n.Out != 5 || n.Dead != 0 {
		t.Errorf("%+v", n)
	}
	w.told("filter", "in", 10)
	w.told("filter", "out", 5)
	w.told("filter", "dead", 0)
	w.put(manifest.Manifest{Common: manifest.Common{Name: "m"}, State: manifest.Stopped, Processors: []manifest.Processor{filter("f", "a", "x", "5")}})
	w.is("m", manifest.IsStopped)
	w.tell("a", at(20, 20))
	w.put(manifest.Manifest{Common: manifest.Common{Name: "m"}, State: manifest.Running, Processors: []manifest.Processor{filter("f", "a", "x", "5")}})
	w.is("m", manifest.IsRunning)
	w.tell("a", at(21, 21))
	w.boxes["x"].wait(t, 6)
	if _, ok := w.boxes["x"].got[`m f "" 1543000020000`]; ok {
		t.Error("it took what came while it was stopped")
	}
}

// averages is a chain of two manifests: averages of ten seconds of each key, which
// go through the stream, and of those the largest of a minute.
func averages() []manifest.Manifest {
	return []manifest.Manifest{
		{Common: manifest.Common{Name: "averages"}, State: manifest.Running, Processors: []manifest.Processor{
			{Name: "avg", Type: "average", Parameters: values(`{"size":"10s","lateness":"5s"}`), From: []string{"a"}, To: "between"},
			{Name: "copy", Type: "echo", From: []string{"avg"}, To: "y"},
		}},
		{Common: manifest.Common{Name: "peaks"}, State: manifest.Running, Processors: []manifest.Processor{
			{Name: "max", Type: "maximum", Parameters: values(`{"size":"1m","lateness":"30s"}`), From: []string{"between"}, To: "x"},
		}},
	}
}

// What comes is cut into the same messages; with crashes after some of them the
// results are those of a runner that nothing happened to.
func TestCrashesChangeNothing(t *testing.T) {
	const messages = 60
	load := func(w *world, i int) {
		r := rand.New(rand.NewPCG(7, uint64(i)))
		var items []observation.Item
		for s := range 20 {
			items = append(items, observation.Item{
				Series: observation.Series(1 + r.IntN(2)), Time: at(20*i+s, 0).Time - record.Millis(r.IntN(4000)), Value: r.NormFloat64() * 1e3,
			})
		}
		w.tell("a", items...)
	}
	run := func(crashes int) (x, y map[string]float64) {
		w := newWorld(t)
		for _, m := range averages() {
			w.put(m)
		}
		w.begin()
		w.is("peaks", manifest.IsRunning)
		w.is("averages", manifest.IsRunning)
		for i := range messages {
			load(w, i)
			if crashes > 0 && i%(messages/crashes) == messages/crashes-1 {
				w.boxes["y"].wait(t, 2*(i-1)) // it is in the middle
				if i%2 == 0 {
					w.crash()
				} else {
					w.stop()
				}
				w.begin()
			}
		}
		// The last windows end by what is stored behind them.
		w.tell("a", observation.Item{Series: 1, Time: at(20*messages+600, 0).Time}, observation.Item{Series: 2, Time: at(20*messages+600, 0).Time})
		w.boxes["y"].wait(t, 2*2*messages)
		w.boxes["x"].wait(t, 2*(20*messages/60))
		w.stop()
		return w.boxes["x"].got, w.boxes["y"].got
	}
	x, y := run(0)
	for _, crashes := range []int{1, 5, 12} {
		cx, cy := run(crashes)
		if d := cmp.Diff(x, cx); d != "" {
			t.Errorf("%d crashes, peaks: %s", crashes, d)
		}
		if d := cmp.Diff(y, cy); d != "" {
			t.Errorf("%d crashes, averages: %s", crashes, d)
		}
	}
}

func TestPauseAndResume(t *testing.T) {
	w := newWorld(t)
	m := averages()[0]
	w.put(m)
	w.begin()
	w.is("averages", manifest.IsRunning)
	for i := range 15 {
		w.tell("a", at(i, 1))
	}
	w.tell("a", at(17, 1))
	w.boxes["y"].wait(t, 1) // 0 to 10
	m.State = manifest.Paused
	w.put(m)
	w.is("averages", manifest.IsPaused)
	for i := 15; i < 40; i++ {
		w.tell("a", at(i, 3))
	}
	if n := w.boxes["y"].count(); n != 1 {
		t.Fatalf("%d results while it is paused", n)
	}
	m.State = manifest.Running
	w.put(m)
	w.is("averages", manifest.IsRunning)
	w.boxes["y"].wait(t, 3)
	// The window in which it was paused has everything: 5 ones, one more, 5 threes.
	if got, want := w.boxes["y"].got[`averages copy "" 1543000010000`], (5.0+1+15)/11; got != want {
		t.Errorf("%v, not %v", got, want)
	}
}

// Changed while it runs, its windows go on; a change that cannot be run leaves
// it as it was, and says so.
func TestUpdate(t *testing.T) {
	w := newWorld(t)
	m := averages()[0]
	w.put(m)
	w.begin()
	w.is("averages", manifest.IsRunning)
	for i := range 5 {
		w.tell("a", at(i, 1))
	}
	more := m
	more.Processors = append([]manifest.Processor{filter("big", "b", "x", "10")}, m.Processors...)
	broken := m
	broken.Processors = []manifest.Processor{{Name: "avg", Type: "no such thing", From: []string{"a"}, To: "y"}}
	w.put(broken)
	if s := w.is("averages", manifest.IsDegraded); !strings.Contains(s.Reason, "no such thing") {
		t.Errorf("reason %q", s.Reason)
	}
	for i := 5; i < 8; i++ {
		w.tell("a", at(i, 1))
	}
	w.put(more)
	s := w.is("averages", manifest.IsRunning)
	for len(s.Nodes) != 3 {
		s = w.is("averages", manifest.IsRunning)
	}
	w.tell("a", at(8, 1), at(9, 11), at(16, 0))
	w.tell("b", at(1, 11))
	w.boxes["y"].wait(t, 1)
	w.boxes["x"].wait(t, 1)
	if got := w.boxes["y"].got[`averages copy "" 1543000000000`]; got != 2 {
		t.Errorf("the average of nine ones and one eleven is %v", got)
	}
	if d := cmp.Diff([]string{"big"}, w.is("averages", manifest.IsRunning).Anew); d != "" {
		t.Errorf("began anew: %s", d)
	}
}

// A sink that takes nothing holds nobody else up, and gets everything in the
// end.
func TestStuckSink(t *testing.T) {
	w := newWorld(t)
	w.boxes["x"].set(errStuck)
	run := func(name, to string) manifest.Manifest {
		return manifest.Manifest{Common: manifest.Common{Name: name}, State: manifest.Running, Processors: []manifest.Processor{filter("f", "a", to, "0")}}
	}
	w.put(run("stuck", "x"))
	w.put(run("free", "y"))
	w.begin()
	w.is("stuck", manifest.IsRunning)
	w.is("free", manifest.IsRunning)
	const messages, each = 40, 5000
	for i := range messages {
		items := make([]observation.Item, each)
		for k := range items {
			items[k] = at(i*each+k, 1)
		}
		w.tell("a", items...)
	}
	w.boxes["y"].wait(t, messages*each)
	if s := w.is("stuck", manifest.IsDegraded); !strings.Contains(s.Reason, errStuck.Error()) || s.Waiting == 0 || s.Waiting > 2*50_000 {
		t.Errorf("%q, %d results wait", s.Reason, s.Waiting)
	}
	w.crash() // and nothing of it is in its state
	w.begin()
	w.boxes["x"].set(nil)
	w.boxes["x"].wait(t, messages*each)
	w.is("stuck", manifest.IsRunning)
}

// fragile breaks at a value.
type fragile struct{}

func (fragile) Take(_ int, items []observation.Item, out *processor.Out) {
	for _, it := range items {
		if it.Value == 13 {
			panic("thirteen")
		}
		if it.Value < 0 {
			out.Refuse(it, "it is negative")
			continue
		}
		out.Add(it)
	}
}
func (fragile) Advance(record.Millis, *processor.Out) {}
func (fragile) Save(b []byte) []byte                  { return b }
func (fragile) Load([]byte) error                     { return nil }

func TestBrokenProcessorAndDeadLetters(t *testing.T) {
	w := newWorld(t)
	w.extra["fragile"] = processor.Entry{
		ProcessorType: manifest.ProcessorType{Name: "fragile", MinInputs: 1},
		New:           func(processor.Settings) (processor.Operator, error) { return fragile{}, nil },
	}
	m := manifest.Manifest{Common: manifest.Common{Name: "m"}, State: manifest.Running, Processors: []manifest.Processor{{Name: "f", Type: "fragile", From: []string{"a"}, To: "x"}}}
	other := manifest.Manifest{Common: manifest.Common{Name: "other"}, State: manifest.Running, Processors: []manifest.Processor{filter("f", "a", "y", "0")}}
	w.put(m)
	w.put(other)
	w.begin()
	w.is("m", manifest.IsRunning)
	w.is("other", manifest.IsRunning)
	w.tell("a", at(1, 1), at(2, -1), at(3, -2))
	w.boxes["x"].wait(t, 1)
	if n := w.is("m", manifest.IsRunning).Nodes[0]; n.In != 3 || n.Out != 1 || n.Dead != 2 {
		t.Errorf("%+v", n)
	}
	w.tell("a", at(4, 13))
	if s := w.is("m", manifest.IsFailed); !strings.Contains(s.Reason, "thirteen") {
		t.Errorf("reason %q", s.Reason)
	}
	w.tell("a", at(5, 5))
	w.boxes["y"].wait(t, 3)
	until := time.After(within)
	for {
		letters, err := w.bus.DeadLetters(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(letters) == 1 && strings.Contains(letters[0].Reason, `manifest "m", processor "f": it is negative (one of 2 within a second)`) && letters[0].Params["processor"] == "f" && letters[0].Params["more"] == 1. {
			break
		}
		select {
		case <-until:
			t.Fatalf("dead letters: %+v", letters)
		default:
		}
	}
}
