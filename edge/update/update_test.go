package update

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/edge/bank"
	"github.com/wattwerk/wattwerk/survey/release"
	repository "github.com/wattwerk/wattwerk/survey/update"
)

// world is a survey that publishes and a device that takes.
type world struct {
	t        *testing.T
	now      time.Time
	offline  string
	online   string
	repo     *repository.Repository
	metadata func(name string) ([]byte, error)               // instead of the repository's
	program  func(name string, offset int64) ([]byte, error) // instead of the repository's
	disk     bank.Dir
	running  bank.Name
	version  string
	root     []byte
	health   Health
	incident string
	asked    []string
	checked  int
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), offline: t.TempDir(), online: t.TempDir(), disk: bank.Dir(t.TempDir()), version: "1.0.0"}
	var err error
	if w.repo, err = repository.Init(w.offline, w.online, w.clock); err != nil {
		t.Fatal(err)
	}
	w.root = w.file(repository.RootFile)
	w.health = Health{Reached: true, Measuring: true, Meters: map[string]Meter{"m": {Measured: true}}}
	return w
}

func (w *world) clock() time.Time { return w.now }

func (w *world) file(name string) []byte {
	w.t.Helper()
	data, err := os.ReadFile(filepath.Join(w.online, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return data
}

// Metadata answers as the data service does.
func (w *world) Metadata(_ context.Context, name string) ([]byte, error) {
	w.asked = append(w.asked, name)
	get := w.repo.Metadata
	if w.metadata != nil {
		get = w.metadata
	}
	return absent(get(name))
}

// Program answers as the data service does.
func (w *world) Program(_ context.Context, name string, offset int64) ([]byte, error) {
	get := w.repo.Program
	if w.program != nil {
		get = w.program
	}
	return absent(get(name, offset))
}

func absent(data []byte, err error) ([]byte, error) {
	if errors.Is(err, repository.ErrNotFound) {
		err = fs.ErrNotExist
	}
	return data, err
}

// device starts the device.
func (w *world) device() *Updater {
	w.t.Helper()
	store, err := bank.Open(w.disk)
	if err != nil {
		w.t.Fatal(err)
	}
	u, err := New(Options{
		Disk: w.disk, Store: store, Bank: w.running, Path: func(n bank.Name) string { return w.disk.Path(n.Path()) }, Root: w.root, Source: w,
		Device: func() string { return "device" }, Health: func() Health { return w.health },
		Incident: func(open bool, detail string) {
			if w.incident = ""; open {
				w.incident = detail
			}
		},
		Check: func(_ context.Context, path string) (string, error) {
			w.checked++
			data, err := os.ReadFile(path)
			if err != nil {
				return "", err
			}
			_, version, _ := strings.Cut(string(bytes.TrimRight(data, "x")), " ")
			return version, nil
		},
		Version: w.version, Platform: "linux/arm64", Now: w.clock, Random: func() float64 { return 0.5 },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return u
}

// publish publishes a program that says its version, larger than a part.
func (w *world) publish(version string, change ...func(*release.Release)) release.Release {
	w.t.Helper()
	rel := release.Release{Version: version, Platform: "linux/arm64", Ring: release.All}
	for _, f := range change {
		f(&rel)
	}
	path := filepath.Join(w.t.TempDir(), "program")
	if err := os.WriteFile(path, append([]byte("wattwerk "+version), bytes.Repeat([]byte("x"), release.MaxPart)...), 0o600); err != nil {
		w.t.Fatal(err)
	}
	rel, err := w.repo.Publish(w.offline, path, rel)
	if err != nil {
		w.t.Fatal(err)
	}
	return rel
}

// step has the device ask once. taken: it wants to be started anew.
func (w *world) step() (taken bool) {
	w.t.Helper()
	_, err := w.device().Step(w.t.Context())
	if err != nil && !errors.Is(err, ErrRestart) {
		w.t.Fatal(err)
	}
	return err != nil
}

// boot starts what is to be started, as the launcher does.
func (w *world) boot() {
	w.t.Helper()
	store, err := bank.Open(w.disk)
	if err != nil {
		w.t.Fatal(err)
	}
	n, _, why := store.Boot(w.now)
	if why != nil {
		w.t.Fatal(why)
	}
	state := store.State()
	if w.running, w.version = n, "1.0.0"; n != bank.Installed {
		w.version = state.Running(n).Version
	}
}

// update has the device take what there is, and prove itself.
func (w *world) update() {
	w.t.Helper()
	if !w.step() {
		w.t.Fatalf("nothing is taken: %q", w.incident)
	}
	w.boot()
	if done, err := w.device().Judge(); !done || err != nil {
		w.t.Fatal(done, err)
	}
}

// refused checks that nothing is taken, and that an incident says why.
func (w *world) refused(why string) {
	w.t.Helper()
	if w.step() || !strings.Contains(w.incident, why) {
		w.t.Errorf("the incident says %q, and not %q", w.incident, why)
	}
}

func TestUpdate(t *testing.T) {
	w := newWorld(t)
	if w.step() || w.incident != "" {
		t.Fatalf("without a release: %q", w.incident)
	}
	w.publish("1.1.0")
	w.update()
	if w.running != bank.A || w.version != "1.1.0" || w.incident != "" {
		t.Errorf("bank %q, version %s, %q", w.running, w.version, w.incident)
	}
	// What is known is not asked for again.
	w.asked = nil
	if w.step(); fmt.Sprint(w.asked) != "[2.root.json timestamp.json]" {
		t.Error(w.asked)
	}
	w.publish("1.2.0")
	w.publish("1.3.0", func(r *release.Release) { r.Platform = "linux/amd64" })
	w.publish("1.4.0", func(r *release.Release) { r.Ring = release.Halted })
	w.update()
	if w.running != bank.B || w.version != "1.2.0" {
		t.Errorf("bank %q, version %s", w.running, w.version)
	}
	// It is not taken back by its ring being halted.
	if _, err := w.repo.SetRing(w.offline, "1.2.0", "", release.Halted, false); err != nil {
		t.Fatal(err)
	}
	if w.step() || w.incident != "" {
		t.Errorf("%q", w.incident)
	}
	if s := w.device().Status(); s.Bank != "b" || s.Sequence != 3 || s.Trial {
		t.Errorf("%+v", s)
	}
}

// TestRings: a release goes on from ring to ring.
func TestRings(t *testing.T) {
	w := newWorld(t)
	version := ""
	for i := range 1000 {
		if version = fmt.Sprintf("1.%d.0", i+1); release.Place(version, "device") > 0.1 {
			break
		}
	}
	w.publish(version, func(r *release.Release) { r.Ring = release.First })
	for _, taken := range []bool{false, false, true} {
		if w.step() != taken || w.incident != "" {
			t.Errorf("taken is not %v, %q", taken, w.incident)
		}
		if _, err := w.repo.SetRing(w.offline, version, "", 0, true); err != nil {
			t.Fatal(err)
		}
	}
	w = newWorld(t)
	w.publish(version, func(r *release.Release) { r.Ring, r.Devices = release.First, []string{"device"} })
	if !w.step() {
		t.Error("a device that is named takes nothing")
	}
}

// TestDowngrade: an earlier version is taken only when it is signed for that.
func TestDowngrade(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.0")
	w.update()
	w.publish("1.1.0")
	w.refused("1.1.0 is older than 1.2.0")
	w.publish("1.1.0", func(r *release.Release) { r.Downgrade = true })
	w.update()
	if w.version != "1.1.0" || w.incident != "" {
		t.Errorf("%s, %q", w.version, w.incident)
	}
}

// TestWrongProgram: other bytes, fewer, more, and without an end.
func TestWrongProgram(t *testing.T) {
	for _, x := range []struct {
		what string
		get  func(w *world, name string, offset int64) ([]byte, error)
		why  string
	}{
		{"other bytes", func(w *world, name string, offset int64) ([]byte, error) {
			data, err := w.repo.Program(name, offset)
			return bytes.ToUpper(data), err
		}, "not the one that was announced"},
		{"fewer", func(w *world, name string, offset int64) ([]byte, error) {
			if offset > 0 {
				return nil, nil
			}
			return w.repo.Program(name, offset)
		}, "less of it than was signed"},
		{"without an end", func(*world, string, int64) ([]byte, error) {
			return make([]byte, 4*release.MaxPart), nil
		}, "not the one that was announced"},
	} {
		w := newWorld(t)
		w.publish("1.1.0")
		w.program = func(name string, offset int64) ([]byte, error) { return x.get(w, name, offset) }
		w.refused(x.why)
		if w.checked != 0 {
			t.Errorf("%s: it was started", x.what)
		}
		// It is not tried again at once, and then it is.
		w.program = nil
		w.refused(x.why)
		w.now = w.now.Add(23 * time.Hour)
		if _, err := w.repo.Renew(); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(2 * time.Hour)
		w.update()
	}
}

// TestCut: what is fetched is gone on with.
func TestCut(t *testing.T) {
	w := newWorld(t)
	w.publish("1.1.0")
	var from []int64
	w.program = func(name string, offset int64) ([]byte, error) {
		if from = append(from, offset); len(from) == 2 {
			return nil, errors.New("connection reset")
		}
		return w.repo.Program(name, offset)
	}
	if w.step() || w.incident != "" {
		t.Error(w.incident)
	}
	w.update()
	if fmt.Sprint(from) != fmt.Sprint([]int{0, release.MaxPart, release.MaxPart}) {
		t.Error(from)
	}
}

// TestDoesNotStart: a program that says something else than it is to be is not put on trial.
func TestDoesNotStart(t *testing.T) {
	w := newWorld(t)
	rel := w.publish("1.1.0")
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("wattwerk 9.9.9"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := w.repo.Publish(w.offline, path, rel); err != nil {
		t.Fatal(err)
	}
	w.refused(`it says that it is "9.9.9"`)
	w.refused(`it says that it is "9.9.9"`)
	if w.checked != 1 {
		t.Errorf("it was started %d times", w.checked)
	}
}

// TestHealth: what a program on trial must do.
func TestHealth(t *testing.T) {
	fine := Health{Reached: true, Measuring: true, Meters: map[string]Meter{"house": {Measured: true}, "roof": {Problem: "no answer within 12 s"}}}
	before := bank.Baseline{"house": "", "roof": "no answer within 7 s"}
	for _, x := range []struct {
		what   string
		spoil  func(*Health)
		before bank.Baseline
		why    string
	}{
		{"all as before", func(*Health) {}, before, ""},
		{"not reached", func(h *Health) { h.Reached = false }, before, "the data service was not reached"},
		{"measures nothing", func(h *Health) { h.Measuring = false }, before, "it does not measure"},
		{"measured nothing before either", func(h *Health) { h.Measuring = false }, nil, ""},
		{"a meter is missing", func(h *Health) { h.Meters = nil }, before, "is not measured: it says nothing"},
		{"a meter cannot be read", func(h *Health) {
			h.Meters = map[string]Meter{"house": {Problem: "permission denied"}, "roof": {Measured: true}}
		}, before, "the meter house is not measured: permission denied"},
		{"another problem", func(h *Health) {
			h.Meters = map[string]Meter{"house": {Measured: true}, "roof": {Problem: "permission denied"}}
		}, before, "the meter roof is not measured: permission denied"},
	} {
		h := fine
		x.spoil(&h)
		why, network := verdict(x.before, h)
		if x.why == "" && why != "" || !strings.Contains(why, x.why) || network != !h.Reached {
			t.Errorf("%s: %q, %v", x.what, why, network)
		}
	}
}

// TestGivesUp: a program that does not prove itself in time gives up, the one before is
// started, and what failed is not taken again.
func TestGivesUp(t *testing.T) {
	w := newWorld(t)
	w.publish("1.1.0")
	w.update()
	w.publish("1.2.0")
	if !w.step() {
		t.Fatal("nothing is taken")
	}
	w.boot()
	w.health.Meters = map[string]Meter{"m": {Problem: "it panics"}}
	u := w.device()
	if done, err := u.Judge(); done || err != nil {
		t.Fatal(done, err)
	}
	w.now = w.now.Add(DefaultWithin)
	if done, err := u.Judge(); !done || !errors.Is(err, ErrRestart) {
		t.Fatal(done, err)
	}
	w.boot()
	if w.version != "1.1.0" {
		t.Fatal(w.version)
	}
	w.health.Meters = map[string]Meter{"m": {Measured: true}}
	w.refused("the meter m is not measured: it panics")
	if s := w.device().Status(); len(s.Failures) != 1 || s.Failures[0].Program.Version != "1.2.0" {
		t.Errorf("%+v", s)
	}
	// Halted, it is nobody's concern any more; and the next one is taken.
	if _, err := w.repo.SetRing(w.offline, "1.2.0", "linux/arm64", release.Halted, false); err != nil {
		t.Fatal(err)
	}
	if w.step() || w.incident != "" {
		t.Error(w.incident)
	}
	w.publish("1.2.1")
	w.update()
}

// TestCrashes: a program that never gets as far as to judge itself is taken back too.
func TestCrashes(t *testing.T) {
	w := newWorld(t)
	w.publish("1.1.0")
	if !w.step() {
		t.Fatal("nothing is taken")
	}
	for range bank.MostStarts {
		if w.boot(); w.version != "1.1.0" {
			t.Fatal(w.version)
		}
		store, err := bank.Open(w.disk)
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Crashed(); err != nil {
			t.Fatal(err)
		}
	}
	if w.boot(); w.running != bank.Installed {
		t.Errorf("bank %q", w.running)
	}
	w.refused("started 3 times")
}
