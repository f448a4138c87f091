package runner_test

import (
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
)

// It is starting until its sources are there, and degraded when they go, or do not
// come in time.
func TestStarting(t *testing.T) {
	w := newWorld(t)
	w.reach("a", "nobody answers")
	m := manifest.Manifest{Common: manifest.Common{Name: "m"}, State: manifest.Running, Processors: []manifest.Processor{filter("f", "a", "x", "0")}}
	w.put(m)
	w.begin()
	for !strings.Contains(w.is("m", manifest.IsStarting).Reason, `source "a" is being connected: nobody answers`) { // after its state is restored
		if t.Context().Err() != nil {
			t.Fatal("it never says what it waits for")
		}
	}
	w.tell("a", at(1, 5)) // what comes is taken all the same
	w.boxes["x"].wait(t, 1)
	w.reach()
	if s := w.is("m", manifest.IsRunning); s.Reason != "" {
		t.Errorf("reason %q", s.Reason)
	}
	w.reach("a", "it broke")
	if s := w.is("m", manifest.IsDegraded); s.Reason != `source "a": it broke` {
		t.Errorf("reason %q", s.Reason)
	}
	w.stop()
	w.most = time.Millisecond
	w.begin()
	if s := w.is("m", manifest.IsDegraded); !strings.Contains(s.Reason, "was not reached within 1ms, and is tried again: it broke") {
		t.Errorf("reason %q", s.Reason)
	}
	w.reach()
	w.is("m", manifest.IsRunning)
}

// One that is stopped writes what it gave before, however long that takes.
func TestStopping(t *testing.T) {
	w := newWorld(t)
	m := manifest.Manifest{Common: manifest.Common{Name: "m"}, Processors: []manifest.Processor{filter("f", "a", "x", "0")}}
	bring := func(s manifest.State, o manifest.Observed) string {
		t.Helper()
		m.State = s
		w.put(m)
		return w.is("m", o).Reason
	}
	w.begin()
	bring(manifest.Running, manifest.IsRunning)
	w.boxes["x"].set(errStuck)
	w.tell("a", at(1, 5), at(2, 6))
	for w.is("m", manifest.IsDegraded).Waiting != 2 {
		if t.Context().Err() != nil {
			t.Fatal("nothing waits")
		}
	}
	bring(manifest.Stopped, manifest.IsStopping)
	if s, _ := w.runner.Status("m"); s.Waiting != 2 {
		t.Errorf("%d results wait", s.Waiting)
	}
	m.State = manifest.Running // it has to wait until it has stopped
	w.put(m)
	w.boxes["x"].set(nil)
	w.boxes["x"].wait(t, 2)
	if why := bring(manifest.Running, manifest.IsRunning); why != "" {
		t.Error(why)
	}
	w.stop()

	w.most = 100 * time.Millisecond
	w.begin()
	w.is("m", manifest.IsRunning)
	w.boxes["x"].set(errStuck)
	w.tell("a", at(3, 5), at(4, 6), at(5, 6))
	for w.is("m", manifest.IsDegraded).Waiting != 3 {
		if t.Context().Err() != nil {
			t.Fatal("nothing waits")
		}
	}
	if why := bring(manifest.Stopped, manifest.IsStopped); !strings.Contains(why, "some of its last results wait for a sink") {
		t.Error(why)
	}
	w.waits(3)
	w.boxes["x"].set(nil)
	w.boxes["x"].wait(t, 5)
	w.waits(0)
	for w.is("m", manifest.IsStopped).Reason != "" {
		if t.Context().Err() != nil {
			t.Fatal("it still says that results wait")
		}
	}
}

// One whose sink is full and takes nothing goes on at once when it is given another,
// and what waits for the first stays there.
func TestChangedFromFullSink(t *testing.T) {
	w := newWorld(t)
	w.boxes["x"].set(errStuck)
	m := manifest.Manifest{Common: manifest.Common{Name: "m"}, State: manifest.Running, Processors: []manifest.Processor{filter("f", "a", "x", "0")}}
	w.put(m)
	w.begin()
	w.is("m", manifest.IsRunning)
	const messages, each = 12, 5000 // the eleventh is one too many
	for i := range messages {
		items := make([]observation.Item, each)
		for k := range items {
			items[k] = at(i*each+k, 1)
		}
		w.tell("a", items...)
	}
	w.waits(11 * each)
	before, _ := w.runner.Status("m")
	m.Processors = []manifest.Processor{filter("f", "a", "y", "0")}
	w.put(m)
	w.boxes["y"].wait(t, each)
	for s := before; s.Saved == before.Saved; s, _ = w.runner.Status("m") {
		if t.Context().Err() != nil {
			t.Fatal("it is not stored")
		}
	}
	w.tell("a", at(messages*each, 1))
	w.boxes["y"].wait(t, each+1)
	w.crash()
	w.begin()
	w.waits(11 * each)
	w.boxes["x"].set(nil)
	w.boxes["x"].wait(t, 11*each)
	w.waits(0)
	if n := w.boxes["x"].written(); n != 11*each {
		t.Errorf("%d results were written", n)
	}
}

// What a manifest gave before a change is written after it, too, wherever it is
// paused or killed meanwhile: to the sink that it had then.
func TestChangedWhileResultsWait(t *testing.T) {
	for _, to := range []string{"x", "y"} {
		for _, end := range []string{"pause", "crash", "nothing"} {
			t.Run(to+" "+end, func(t *testing.T) {
				w := newWorld(t)
				m := manifest.Manifest{Common: manifest.Common{Name: "m"}, State: manifest.Running, Processors: []manifest.Processor{filter("f", "a", "x", "0")}}
				w.put(m)
				w.begin()
				w.is("m", manifest.IsRunning)
				w.boxes["x"].set(errStuck)
				w.tell("a", at(1, 5), at(2, 6))
				for w.is("m", manifest.IsDegraded).Waiting != 2 {
					if t.Context().Err() != nil {
						t.Fatal("nothing waits")
					}
				}
				m.Processors = []manifest.Processor{filter("f", "a", to, "-1"), filter("g", "b", to, "0")}
				until := time.After(within)
				before, _ := w.runner.Status("m")
				w.put(m)
				for s := before; len(s.Nodes) != 2 || s.Saved == before.Saved; s, _ = w.runner.Status("m") { // a kill before that finds it as it was
					select {
					case <-until:
						t.Fatalf("it is not changed: %+v", s)
					case <-time.After(time.Millisecond):
					}
				}
				w.tell("b", at(3, 7))
				switch end {
				case "pause":
					m.State = manifest.Paused
					w.put(m)
					w.is("m", manifest.IsPaused)
					w.boxes["x"].set(nil)
					m.State = manifest.Running
					w.put(m)
				case "crash":
					w.crash()
					w.boxes["x"].set(nil)
					w.begin()
				default:
					w.boxes["x"].set(nil)
				}
				want := map[string]int{"x": 3, "y": 0}
				if to == "y" {
					want = map[string]int{"x": 2, "y": 1}
				}
				for b, n := range want {
					w.boxes[b].wait(t, n)
				}
				w.stop()
				for b, n := range want {
					if got := w.boxes[b].written(); got != n && end != "crash" {
						t.Errorf("box %s was written %d results, not %d", b, got, n)
					}
				}
			})
		}
	}
}
