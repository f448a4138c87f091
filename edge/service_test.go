package edge_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/edge"
	"github.com/wattwerk/wattwerk/edge/slot"
	"github.com/wattwerk/wattwerk/internal/linktest"
	"github.com/wattwerk/wattwerk/internal/smltest"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/kind"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/survey"
	"github.com/wattwerk/wattwerk/survey/anonymise"
	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/identity"
	"github.com/wattwerk/wattwerk/survey/register"
)

// tick is how often the device looks what is due.
const tick = 20 * time.Millisecond

// world is a survey that runs, with one household, its meters, and a clock that all share.
type world struct {
	t      *testing.T
	ahead  atomic.Int64 // by which the clock is
	store  *register.Store
	roots  []byte
	addr   string // of the data service
	link   *linktest.Link
	home   household.Household
	token  string
	meters []string // addresses
	read   atomic.Int64
	log    *slog.Logger

	mu      sync.Mutex
	records map[string]int
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

// Write is the bus.
func (w *world) Write(_ context.Context, records []record.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range records {
		w.records[fmt.Sprint(r.Sensor, " ", r.Time)]++
	}
	return nil
}

func start(t *testing.T, models ...string) *world {
	t.Helper()
	ctx := t.Context()
	offline, online := filepath.Join(t.TempDir(), "offline"), filepath.Join(t.TempDir(), "online")
	if err := identity.Init(offline, online); err != nil {
		t.Fatal(err)
	}
	a, err := identity.Open(online)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, roots: a.Roots(), records: make(map[string]int), log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	if w.store, err = register.Open(ctx, sqldb.Options{File: filepath.Join(t.TempDir(), "books.db")}); err != nil {
		t.Fatal(err)
	}
	w.store.SetClock(w.now)
	t.Cleanup(func() { w.store.Close() })
	if err := w.store.AddText(ctx, consent.Text{Version: "2026-1", Body: "We measure."}, "test"); err != nil {
		t.Fatal(err)
	}
	s, err := survey.New(ctx, survey.Options{Store: w.store, Authority: a, Writer: w, Listen: "127.0.0.1:0", Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
	w.background(s.Run)
	w.addr = s.Addr()
	w.link = linktest.New(t, w.addr)
	r := household.Registration{Participant: household.Participant{Name: "Zacharias Quux"}, Location: &anonymise.Place{Latitude: 54.32331, Longitude: 10.13942}}
	for i, m := range models {
		r.Meters = append(r.Meters, household.Meter{Model: m, Serial: fmt.Sprint(i)})
		w.meters = append(w.meters, w.meter(m))
	}
	if w.home, err = w.store.Register(ctx, r, "test"); err != nil {
		t.Fatal(err)
	}
	if w.token, _, err = w.store.Token(ctx, w.home.Devices[0].ID, "test"); err != nil {
		t.Fatal(err)
	}
	return w
}

// background runs until the test ends.
func (w *world) background(f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	})
	w.t.Cleanup(stop)
	return stop
}

// meter is one at a socket that sends telegrams to who connects.
func (w *world) meter(model string) string {
	m, ok := smltest.Find(model)
	if !ok {
		w.t.Fatal(model)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				for i := uint32(1); ; i++ {
					n := uint64(w.read.Add(1))
					if _, err := c.Write(m.Telegram(smltest.State{Import: 1000 + n, Export: 5, Power: 12_300, Seconds: i, Number: i}, false)); err != nil {
						return
					}
					<-time.After(20 * time.Millisecond)
				}
			})
		}
	})
	w.t.Cleanup(func() { l.Close(); all.Wait() })
	return "tcp://" + l.Addr().String()
}

func (w *world) device(dir string) *edge.Service {
	w.t.Helper()
	o := edge.Options{
		Dir: dir, URL: "https://" + w.link.Addr(), Roots: w.roots, Slots: slot.Settings{Collect: time.Millisecond}, Version: "test", Now: w.now, Log: w.log, Tick: tick,
	}
	for i, at := range w.meters {
		m := edge.Meter{Open: func() (meter.Reader, error) { return kind.NewReader(kind.Settings{Kind: "sml", Address: at}) }}
		if len(w.meters) > 1 {
			m.ID = w.home.Meters[i].ID
		}
		o.Meters = append(o.Meters, m)
	}
	s, err := edge.New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) enrol(dir string) {
	w.t.Helper()
	if _, err := edge.Enrol(w.t.Context(), edge.Enrolment{Dir: dir, URL: "https://" + w.link.Addr(), Roots: w.roots, Token: w.token}); err != nil {
		w.t.Fatal(err)
	}
}

// until waits for something.
func (w *world) until(what string, f func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !f(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("%s did not come to be", what)
		}
	}
}

// stored are the slots that the survey has of a meter, oldest first.
func (w *world) stored(i int) (slots []time.Time) {
	w.t.Helper()
	all, err := w.store.Measurements(context.WithoutCancel(w.t.Context()), w.home.ID, w.home.Meters[i].ID, time.Unix(0, 0), w.now().Add(time.Hour), 10_000)
	if err != nil {
		w.t.Fatal(err)
	}
	codes := make(map[time.Time]int)
	for _, m := range all {
		if codes[m.Slot]++; codes[m.Slot] == 1 {
			slots = append(slots, m.Slot)
		}
	}
	for at, n := range codes {
		if n != 3 {
			w.t.Errorf("%v has %d codes", at, n)
		}
	}
	return slots
}

// once checks that nothing came to the bus twice.
func (w *world) once() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for what, n := range w.records {
		if n != 1 {
			w.t.Errorf("%s came %d times", what, n)
		}
	}
}

// measure lets a quarter of an hour pass, and waits until the device has measured in it.
func (w *world) measure(s *edge.Service) {
	w.t.Helper()
	w.ahead.Add(int64(household.Quarter))
	at := w.now().Truncate(household.Quarter)
	w.until("a measurement at "+at.Format(time.RFC3339), func() bool {
		st := s.Status()
		if !st.Sender.Measuring {
			// The clock was changed while it was compared. It is compared again in a minute.
			w.ahead.Add(int64(time.Minute))
			s.Flush()
		}
		return st.Sender.Measuring && st.Pending == 0 && !slices.ContainsFunc(st.Meters, func(m edge.MeterStatus) bool { return !m.Slot.After(at) })
	})
}

// sent waits until the survey has all.
func (w *world) sent(s *edge.Service) {
	w.t.Helper()
	w.until("sending", func() bool { s.Flush(); return s.Status().Buffer.Measurements == 0 })
}

// TestLife goes from a device that is not enrolled to the end of the consent.
func TestLife(t *testing.T) {
	ctx := t.Context()
	w, dir := start(t, "MT175"), t.TempDir()
	s := w.device(dir)
	stop := w.background(s.Run)
	if _, err := s.Text(ctx); !errors.Is(err, edge.ErrNotEnrolled) {
		t.Error(err)
	}
	w.enrol(dir) // while it runs
	w.until("the lease", func() bool { s.Flush(); return !s.Status().Sender.Asked.IsZero() })
	// Without a consent not even a connection to the meter is made.
	if st := s.Status(); st.Sender.Measuring || w.read.Load() > 0 || st.Device != w.home.Devices[0].ID {
		t.Errorf("%+v", st)
	}
	text, err := s.Text(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := s.Grant(ctx, text.Version); err != nil || r.State != consent.Granted || len(s.Receipts()) != 1 {
		t.Fatal(r, err)
	}
	for range 3 {
		w.measure(s)
	}
	w.sent(s)
	// The link is cut: it goes on, and shows what it has.
	w.link.Cut()
	w.measure(s)
	here, err := s.Measurements(ctx, w.home.Meters[0].ID, time.Unix(0, 0), w.now().Add(time.Hour))
	if err == nil || len(here) != 3 {
		t.Errorf("%v, %v", here, err)
	}
	w.link.Heal()
	w.sent(s)
	n := len(w.stored(0))
	if n < 4 || n > 6 { // as quarters of an hour may have ended by themselves meanwhile
		t.Errorf("%d slots", n)
	}
	if reg, err := s.Registration(ctx); err != nil || reg.Account.Participant.Name != "Zacharias Quux" || len(reg.Meters) != 1 || len(reg.Devices) != 1 {
		t.Errorf("%+v, %v", reg, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "identity.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
	w.measure(s)
	r, err := s.Revoke(ctx)
	if err != nil || r.State != consent.Revoked || len(s.Receipts()) != 2 {
		t.Fatal(r, err)
	}
	// All is gone, and stays so.
	ended := func(s *edge.Service) {
		t.Helper()
		files, err := os.ReadDir(filepath.Join(dir, "buffer"))
		if st := s.Status(); err != nil || len(files) != 0 || st.Sender.Measuring || st.Sender.Ended == "" {
			t.Errorf("%v, %v, %+v", files, err, st)
		}
	}
	ended(s)
	w.until("the end of reading", func() bool {
		before := w.read.Load()
		<-time.After(200 * time.Millisecond)
		return w.read.Load() == before
	})
	stop()
	ended(s)
	s = w.device(dir)
	w.background(s.Run)
	before := w.read.Load()
	w.ahead.Add(int64(time.Hour))
	s.Flush()
	<-time.After(10 * tick)
	if ended(s); w.read.Load() != before {
		t.Error("it reads again")
	}
	w.once()
}

// TestRestarts: a device that is stopped and started, whose link is cut and healed, measures
// each slot once and loses none that it had.
func TestRestarts(t *testing.T) {
	w, dir := start(t, "MT175", "EASY"), t.TempDir()
	w.enrol(dir)
	want := make(map[int64]bool)
	for i := range 8 {
		s := w.device(dir)
		stop := w.background(s.Run)
		if i == 0 {
			if _, err := s.Grant(t.Context(), "2026-1"); err != nil {
				w.until("the certificate", func() bool { _, err = s.Grant(t.Context(), "2026-1"); return err == nil })
			}
		}
		if i%3 == 1 {
			w.link.Cut()
		}
		for range i % 2 {
			w.measure(s)
		}
		w.measure(s)
		want[w.now().Truncate(household.Quarter).Unix()] = true
		switch i % 3 {
		case 0:
			s.Flush() // and it is stopped somewhere in it
		case 2:
			w.link.Heal()
			w.sent(s)
		}
		stop()
	}
	s := w.device(dir)
	w.background(s.Run)
	w.link.Heal()
	w.measure(s)
	w.sent(s)
	for i := range w.meters {
		stored := make(map[int64]bool)
		for _, at := range w.stored(i) {
			stored[at.Unix()] = true
		}
		for at := range want {
			// The slot may have ended between measuring and asking for the time.
			if !stored[at] && !stored[at-900] {
				t.Errorf("meter %d has nothing at %v", i, time.Unix(at, 0).UTC())
			}
		}
		if len(stored) < 13 {
			t.Errorf("meter %d has %d slots", i, len(stored))
		}
	}
	w.once()
}

// TestAnotherHousehold: a device that is enrolled for another household has nothing of the
// first.
func TestAnotherHousehold(t *testing.T) {
	w, dir := start(t, "MT175"), t.TempDir()
	w.enrol(dir)
	s := w.device(dir)
	w.background(s.Run)
	w.until("the consent", func() bool { _, err := s.Grant(t.Context(), "2026-1"); return err == nil })
	w.link.Cut()
	w.measure(s)
	w.link.Heal()
	first := w.home
	var err error
	if w.home, err = w.store.Register(t.Context(), household.Registration{Meters: []household.Meter{{Model: "MT175"}}}, "test"); err != nil {
		t.Fatal(err)
	}
	if w.token, _, err = w.store.Token(t.Context(), w.home.Devices[0].ID, "test"); err != nil {
		t.Fatal(err)
	}
	w.enrol(dir)
	w.until("the other household", func() bool {
		s.Flush()
		st := s.Status()
		return st.Device == w.home.Devices[0].ID && st.Meters[0].ID == w.home.Meters[0].ID && st.Sender.Consent == consent.NotGranted
	})
	if st := s.Status(); st.Buffer.Measurements != 0 || st.Sender.Measuring || len(s.Receipts()) != 0 {
		t.Errorf("%+v", st)
	}
	w.until("the other consent", func() bool { _, err := s.Grant(t.Context(), "2026-1"); return err == nil })
	w.measure(s)
	w.sent(s)
	if n := len(w.stored(0)); n == 0 {
		t.Error("nothing was measured")
	}
	w.home = first
	if n := len(w.stored(0)); n > 1 {
		t.Errorf("%d slots of the first household", n)
	}
}

// TestUnlock: the PIN is tried once a slot tells that the meter is locked.
func TestUnlock(t *testing.T) {
	w, dir := start(t, "MT175"), t.TempDir()
	w.enrol(dir)
	locked, _ := smltest.Find("MT681")
	var open atomic.Bool
	var tries, kept atomic.Int64
	o := edge.Options{Dir: dir, URL: "https://" + w.link.Addr(), Roots: w.roots, Slots: slot.Settings{Collect: time.Millisecond}, Now: w.now, Log: w.log, Tick: tick, Meters: []edge.Meter{{
		Open: func() (meter.Reader, error) {
			d, err := kind.NewDecoder("sml")
			return &fed{d: d, next: func() []byte { return locked.Telegram(smltest.State{Import: 5000}, !open.Load()) }}, err
		},
		Unlocker: func(meter.Reader) (meter.Unlocker, func() error, error) {
			return lamp{func() error {
				if tries.Add(1) == 1 {
					return errors.New("the meter is still locked")
				}
				open.Store(true)
				return nil
			}, &kept}, func() error { return nil }, nil
		},
	}}}
	s, err := edge.New(o)
	if err != nil {
		t.Fatal(err)
	}
	w.background(s.Run)
	w.until("the consent", func() bool { _, err := s.Grant(t.Context(), "2026-1"); return err == nil })
	incidents := func() (types []string) {
		for _, i := range s.Status().Sender.Incidents {
			types = append(types, string(i.Type))
		}
		return types
	}
	w.until("the first try", func() bool { return strings.Join(incidents(), " ") == "meter_locked pin_failed" })
	w.measure(s)
	w.until("the second try", func() bool { return open.Load() })
	w.measure(s)
	w.until("an open meter", func() bool { return len(incidents()) == 0 })
	// Its session is kept open.
	n := kept.Load()
	w.ahead.Add(int64(2 * time.Minute))
	w.until("a flash", func() bool { return kept.Load() > n })
	if tries.Load() != 2 {
		t.Errorf("%d tries", tries.Load())
	}
}

// lamp unlocks.
type lamp struct {
	unlock func() error
	kept   *atomic.Int64
}

func (l lamp) Unlock(context.Context) error { return l.unlock() }
func (l lamp) KeepOpen(context.Context) error {
	l.kept.Add(1)
	return nil
}
func (lamp) Every() time.Duration { return 90 * time.Second }

// fed is a reader that is fed.
type fed struct {
	d    meter.Decoder
	next func() []byte
}

func (f *fed) Read(ctx context.Context, take func(*meter.Telegram)) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(10 * time.Millisecond):
	}
	f.d.Feed(f.next(), take)
	return nil
}

func (*fed) Close() error { return nil }

func TestOptions(t *testing.T) {
	w := start(t, "MT175")
	good := func() edge.Options {
		return edge.Options{Dir: t.TempDir(), URL: "https://127.0.0.1:1", Roots: w.roots, Meters: []edge.Meter{{}}}
	}
	for _, spoil := range []func(*edge.Options){
		func(o *edge.Options) { o.Meters = nil },
		func(o *edge.Options) { o.Meters = make([]edge.Meter, 2) },
		func(o *edge.Options) { o.Meters[0].ID = "x" },
		func(o *edge.Options) { o.URL = "http://x" },
		func(o *edge.Options) { o.Roots = nil },
		func(o *edge.Options) { o.Slots.Interval = time.Minute },
	} {
		o := good()
		if spoil(&o); true {
			if _, err := edge.New(o); err == nil {
				t.Errorf("%+v is taken", o)
			}
		}
	}
	if _, err := edge.New(good()); err != nil {
		t.Error(err)
	}
}
