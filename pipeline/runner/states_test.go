package runner_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/manifest"
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

// One that is stopped writes what it gave before; what cannot be written in time is
// counted in a dead letter.
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
	if why := bring(manifest.Stopped, manifest.IsStopped); !strings.Contains(why, "3 results were not written within 100ms of its stop, and are given up") {
		t.Error(why)
	}
	w.stop() // with the last letters
	letters, err := w.bus.DeadLetters(context.Background(), 10)
	if err != nil || len(letters) != 1 || !strings.Contains(letters[0].Reason, `manifest "m": 3 results were not written`) {
		t.Errorf("%+v, %v", letters, err)
	}
	if n := w.boxes["x"].count(); n != 2 {
		t.Errorf("%d results", n)
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
				w.put(m)
				until := time.After(within)
				for s, _ := w.runner.Status("m"); len(s.Nodes) != 2; s, _ = w.runner.Status("m") {
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
					if end != "nothing" {
						// They are made again, by what it is now.
						want = map[string]int{"x": 0, "y": 3}
					}
				}
				for b, n := range want {
					w.boxes[b].wait(t, n)
				}
			})
		}
	}
}
