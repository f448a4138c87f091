package runner_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/manifest"
)

// stuck runs a manifest m, of which two results wait for box x.
func stuck(t *testing.T) (*world, manifest.Manifest) {
	t.Helper()
	w := newWorld(t)
	m := manifest.Manifest{Common: manifest.Common{Name: "m"}, State: manifest.Running, Processors: []manifest.Processor{filter("f", "a", "x", "0")}}
	w.put(m)
	w.begin()
	w.is("m", manifest.IsRunning)
	w.boxes["x"].set(errStuck)
	w.tell("a", at(1, 5), at(2, 6))
	w.waits(2)
	return w, m
}

// waits waits until so many results of manifest m wait.
func (w *world) waits(n int64) {
	w.t.Helper()
	until := time.After(within)
	for {
		s, _ := w.runner.Status("m")
		if s.Waiting == n {
			return
		}
		select {
		case <-until:
			w.t.Fatalf("%d results wait, not %d: %+v", s.Waiting, n, s)
		case <-time.After(time.Millisecond):
		}
	}
}

// dies ends the runner in one of two ways, and begins another.
func (w *world) dies(how string) {
	w.t.Helper()
	if how == "kill" {
		w.crash()
	} else {
		w.stop()
	}
	w.begin()
}

// What a manifest gave is written once its sink takes it, also when it is stopped,
// removed or paused before, and the process is ended then; and not twice.
func TestStoppedWhileResultsWait(t *testing.T) {
	for _, ask := range []string{"stop", "remove", "pause", "pause and stop", "stop and start", "nothing"} {
		for _, end := range []string{"kill", "end", "end twice", "nothing"} {
			t.Run(ask+" "+end, func(t *testing.T) {
				w, m := stuck(t)
				bring := func(s manifest.State, o manifest.Observed) {
					t.Helper()
					m.State = s
					w.put(m)
					w.is("m", o)
				}
				switch ask {
				case "stop":
					bring(manifest.Stopped, manifest.IsStopping)
				case "remove":
					w.remove("m")
					w.is("m", manifest.IsStopping)
				case "pause":
					bring(manifest.Paused, manifest.IsPaused)
				case "pause and stop":
					bring(manifest.Paused, manifest.IsPaused)
					bring(manifest.Stopped, manifest.IsStopping)
				case "stop and start":
					bring(manifest.Stopped, manifest.IsStopping)
					bring(manifest.Running, manifest.IsDegraded)
				}
				switch end {
				case "kill", "end":
					w.dies(end)
				case "end twice":
					w.dies("end")
					w.waits(2)
					w.dies("end")
				}
				w.waits(2)
				w.boxes["x"].set(nil)
				if ask == "pause" {
					if n := w.boxes["x"].count(); n != 0 {
						t.Errorf("%d results while it is paused", n)
					}
					m.State = manifest.Running
					w.put(m)
				}
				w.boxes["x"].wait(t, 2)
				switch ask {
				case "stop", "pause and stop":
					w.is("m", manifest.IsStopped)
				case "remove":
					w.is("m", "")
				default:
					w.is("m", manifest.IsRunning)
					w.tell("a", at(3, 7))
					w.boxes["x"].wait(t, 3)
				}
				w.dies("end") // and nothing is left of them
				if ask == "stop" || ask == "remove" || ask == "pause and stop" {
					w.waits(0)
				} else {
					w.is("m", manifest.IsRunning)
					w.tell("a", at(4, 7))
					w.boxes["x"].wait(t, 4)
				}
				if n := w.boxes["x"].written(); n != w.boxes["x"].count() {
					t.Errorf("%d results were written %d times", w.boxes["x"].count(), n)
				}
			})
		}
	}
}

// One that is removed, and whose sink does not take what it gave in time, has dead
// letters of it.
func TestRemovedWhileResultsWait(t *testing.T) {
	for _, end := range []string{"kill", "end"} {
		t.Run(end, func(t *testing.T) {
			w, _ := stuck(t)
			w.remove("m")
			w.is("m", manifest.IsStopping)
			w.most = time.Millisecond
			w.dies(end)
			until := time.After(within)
			letters, err := w.bus.DeadLetters(context.Background(), 10)
			for ; err == nil && len(letters) == 0; letters, err = w.bus.DeadLetters(context.Background(), 10) {
				select {
				case <-until:
					t.Fatal("nothing is said of what it gave")
				case <-time.After(time.Millisecond):
				}
			}
			w.boxes["x"].set(nil)
			w.dies("end")
			w.waits(0)
			if err != nil || len(letters) != 1 || !strings.Contains(letters[0].Reason, `manifest "m": 2 results were not written`) {
				t.Errorf("%+v, %v", letters, err)
			}
			if n := w.boxes["x"].count(); n != 0 {
				t.Errorf("%d results", n)
			}
		})
	}
}

// Stopped while nothing runs it, a manifest writes what it gave before all the same,
// as much of it as came before that; removed, it has a dead letter.
func TestStoppedWhileNothingRuns(t *testing.T) {
	for _, end := range []string{"kill", "end"} {
		for _, ask := range []string{"stop", "stop unsaid", "stop long ago", "stop broken", "remove"} {
			t.Run(ask+" "+end, func(t *testing.T) {
				w, m := stuck(t)
				if end == "kill" {
					w.crash()
				} else {
					w.stop()
				}
				w.tell("a", at(3, 7))
				want, said := 3, ""
				m.State = manifest.Stopped
				switch ask {
				case "stop":
					w.put(m)
				case "stop unsaid":
					w.put(m)
					w.unsaid = 2
				case "stop long ago":
					w.put(m)
					w.ended = time.Unix(0, 0)
					want = 0
				case "stop broken":
					m.Processors[0].Type = "no such thing"
					w.put(m)
					want, said = 0, "what it gave of messages behind"
				case "remove":
					w.remove("m")
					want, said = 0, "it is removed"
				}
				if end == "end" && want == 0 {
					want = 2 // that is known to wait
				}
				w.boxes["x"].set(nil)
				w.begin()
				w.boxes["x"].wait(t, want)
				if ask != "remove" {
					w.is("m", manifest.IsStopped)
				}
				w.waits(0)
				until := time.After(within)
				for said != "" {
					letters, err := w.bus.DeadLetters(t.Context(), 10)
					if err != nil {
						t.Fatal(err)
					}
					if len(letters) == 1 && strings.Contains(letters[0].Reason, said) {
						break
					}
					select {
					case <-until:
						t.Fatalf("dead letters %+v", letters)
					case <-time.After(time.Millisecond):
					}
				}
				w.dies("end")
				w.dies("end")
				if n := w.boxes["x"].written(); n != want {
					t.Errorf("%d results were written, not %d", n, want)
				}
			})
		}
	}
}
