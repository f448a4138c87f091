package app

import (
	"context"
	"crypto/ed25519"
	crand "crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"github.com/wattwerk/wattwerk/edge"
	"github.com/wattwerk/wattwerk/edge/bank"
	"github.com/wattwerk/wattwerk/internal/datadir"
	"github.com/wattwerk/wattwerk/internal/smltest"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/survey"
	surveyclient "github.com/wattwerk/wattwerk/survey/client"
	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/identity"
	"github.com/wattwerk/wattwerk/survey/register"
	"github.com/wattwerk/wattwerk/survey/release"
	"github.com/wattwerk/wattwerk/survey/target"
	repository "github.com/wattwerk/wattwerk/survey/update"
	"github.com/wattwerk/wattwerk/survey/visit"
)

// Variables by which this test binary is a wattwerk of a version, whose clock is in a file that the test sets.
const (
	asVersion = "PROGRAM_OF_TEST"
	asClock   = "CLOCK_OF_TEST"
)

func TestMain(m *testing.M) {
	v := os.Getenv(asVersion)
	if v == "" {
		os.Exit(m.Run())
	}
	version = v
	ahead, err := mappedClock(os.Getenv(asClock))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(ExitFailed)
	}
	os.Exit(Main(os.Args[1:], IO{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Environ: os.Environ(), pace: pace{
		now: ahead.now, collect: time.Millisecond, tick: 10 * time.Millisecond, look: 10 * time.Millisecond, updates: 50 * time.Millisecond, restarts: 10 * time.Millisecond, visits: 50 * time.Millisecond,
	}}))
}

// mapped is a clock that several processes share: by how many nanoseconds it is ahead is in a file that all have in memory.
type mapped struct{ ahead *atomic.Int64 }

func mappedClock(path string) (mapped, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return mapped{}, err
	}
	defer f.Close()
	if err := f.Truncate(8); err != nil {
		return mapped{}, err
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, 8, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return mapped{}, err
	}
	_ = binary.LittleEndian.Uint64(mem) // it has eight
	return mapped{(*atomic.Int64)(unsafe.Pointer(&mem[0]))}, nil
}

func (c mapped) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// site is a data service, a meter, and a device that is a process of its own, which is started again whenever it ends, as by systemd.
type site struct {
	t     *testing.T
	clock mapped
	dir   string
	store *register.Store
	home  household.Household

	authority *identity.Authority
	url       string

	env     []string
	killing atomic.Bool  // the device is killed when the service takes its batch, before that is stored
	killed  atomic.Int64 // so often it was
	stopped atomic.Bool

	mu      sync.Mutex
	records map[string]int
	device  *exec.Cmd
	starts  int
	ended   chan struct{}
	said    said
}

// Write is the bus of the data service.
func (s *site) Write(_ context.Context, records []record.Record) error {
	if s.killing.CompareAndSwap(true, false) {
		s.signal(syscall.SIGKILL)
		s.killed.Add(1)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range records {
		s.records[fmt.Sprint(r.Sensor, " ", r.Time)]++
	}
	return nil
}

// openSite makes all of it; the device has not begun.
func openSite(t *testing.T) *site {
	t.Helper()
	ctx := t.Context()
	s := &site{t: t, dir: t.TempDir(), records: make(map[string]int)}
	clock := filepath.Join(s.dir, "clock")
	var err error
	if s.clock, err = mappedClock(clock); err != nil {
		t.Fatal(err)
	}
	s.clock.ahead.Store(-int64(3 * 24 * time.Hour)) // certificates are good in all of it
	s.env = append(os.Environ(), asVersion+"=1.0.0", asClock+"="+clock, "GOGC=100")
	online := filepath.Join(s.dir, "survey")
	if err := identity.Init(filepath.Join(s.dir, "offline"), online); err != nil {
		t.Fatal(err)
	}
	a, err := identity.Open(online)
	if err != nil {
		t.Fatal(err)
	}
	if s.store, err = register.Open(ctx, sqldb.Options{File: filepath.Join(s.dir, "books.db")}); err != nil {
		t.Fatal(err)
	}
	s.store.SetClock(s.clock.now)
	t.Cleanup(func() { s.store.Close() })
	if err := s.store.AddText(ctx, consent.Text{Version: "2026-1", Body: "We measure."}, "test"); err != nil {
		t.Fatal(err)
	}
	if _, err := repository.Init(filepath.Join(s.dir, "stick"), filepath.Join(s.dir, "updates"), nil); err != nil {
		t.Fatal(err)
	}
	service, err := survey.New(ctx, survey.Options{Store: s.store, Authority: a, Writer: s, Listen: "127.0.0.1:0", Updates: surveyUpdates{filepath.Join(s.dir, "updates")}, Now: s.clock.now,
		Staff: func(context.Context, string) (string, []string, error) {
			return "anna", []string{survey.Account, survey.Household}, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	s.background(service.Run)
	s.authority, s.url = a, "https://"+service.Addr()
	if s.home, err = s.store.Register(ctx, household.Registration{Meters: []household.Meter{{Model: "MT175"}}}, "test"); err != nil {
		t.Fatal(err)
	}
	token, _, err := s.store.Token(ctx, s.home.Devices[0].ID, "test")
	if err != nil {
		t.Fatal(err)
	}
	s.write("token", token)
	s.write("device.yaml", fmt.Sprintf("data: %s\nedge:\n  url: https://%s\n  root_file: %s\n  update_root_file: %s\n  send: 1m\n  page: 127.0.0.1:0\n  meters: ['sml %s']\n",
		filepath.Join(s.dir, "device"), service.Addr(), filepath.Join(online, identity.RootCert), filepath.Join(s.dir, "updates", "1.root.json"), s.meter()))
	return s
}

func (s *site) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o700); err != nil {
		s.t.Fatal(err)
	}
}

// background runs until the test ends.
func (s *site) background(f func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Error(err)
		}
	})
}

// meter is one whose counter is the number of the quarter of an hour.
func (s *site) meter() string {
	m, ok := smltest.Find("MT175")
	if !ok {
		s.t.Fatal("there is no such meter")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
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
					if _, err := c.Write(m.Telegram(smltest.State{Import: uint64(s.clock.now().Unix() / 900), Export: 5, Power: 12_300, Seconds: i, Number: i}, false)); err != nil {
						return
					}
					<-time.After(5 * time.Millisecond)
				}
			})
		}
	})
	s.t.Cleanup(func() { l.Close(); all.Wait() })
	return "tcp://" + l.Addr().String()
}

// command runs a command of the device.
func (s *site) command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], append(args, "--config", filepath.Join(s.dir, "device.yaml"))...)
	cmd.Env = s.env
	return cmd
}

// run has the launcher run, and run again whenever it ends.
func (s *site) run() {
	s.ended = make(chan struct{})
	go func() {
		defer close(s.ended)
		for !s.stopped.Load() {
			cmd := s.command("edge", "launch")
			cmd.Stdout, cmd.Stderr = &s.said, &s.said
			s.mu.Lock()
			err := cmd.Start()
			s.device, s.starts = cmd, s.starts+1
			s.mu.Unlock()
			if err != nil {
				s.t.Error(err)
				return
			}
			_ = cmd.Wait() // it may have been killed
		}
	}()
	s.t.Cleanup(func() {
		s.stopped.Store(true)
		s.signal(syscall.SIGTERM)
		<-s.ended
	})
}

// signal tells the device something.
func (s *site) signal(what syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.device.Process.Signal(what) // it may just have ended
}

// until waits for something.
func (s *site) until(what string, f func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !f(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s did not come to be:\n%s", what, s.said.String())
		}
	}
}

// status is that of the device; false: it does not answer.
func (s *site) status() (st edge.Status, ok bool) {
	at, err := s.page()
	if err != nil {
		return st, false
	}
	resp, err := http.Get(at + "/status.json")
	if err != nil {
		return st, false
	}
	defer resp.Body.Close()
	return st, resp.StatusCode == http.StatusOK && json.NewDecoder(resp.Body).Decode(&st) == nil
}

func (s *site) page() (string, error) {
	data, err := os.ReadFile(filepath.Join(s.dir, "device", "instance.json"))
	var in struct{ URL string }
	if err == nil {
		err = json.Unmarshal(data, &in)
	}
	return in.URL, err
}

var hidden = regexp.MustCompile(`<input type="hidden" name="(\w+)" value="([^"]*)">`)

// consent grants it, as the household does on the page of the device.
func (s *site) consent() {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	at, err := s.page()
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := browser.Get(at + "/consent")
	if err != nil {
		s.t.Fatal(err)
	}
	form := url.Values{"agree": {"yes"}}
	for _, m := range hidden.FindAllStringSubmatch(bodyOf(s.t, resp), -1) {
		form.Set(m[1], m[2])
	}
	if resp, err = browser.PostForm(at+"/consent/grant", form); err != nil {
		s.t.Fatal(err)
	}
	if text := bodyOf(s.t, resp); resp.StatusCode != http.StatusOK {
		s.t.Fatal(resp.Status, text)
	}
}

func bodyOf(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// stored are the slots that the service has, each with the counter that was measured.
func (s *site) stored() map[int64]float64 {
	s.t.Helper()
	all, err := s.store.Measurements(context.WithoutCancel(s.t.Context()), s.home.ID, s.home.Meters[0].ID, time.Unix(0, 0), s.clock.now().Add(time.Hour), 100_000)
	if err != nil {
		s.t.Fatal(err)
	}
	out := make(map[int64]float64)
	for _, m := range all {
		if m.OBIS == "0100010800ff" {
			out[m.Slot.Unix()/900] = m.Value()
		}
	}
	return out
}

// next lets the clock go to the next quarter of an hour, and tells its number.
func (s *site) next() int64 {
	now := s.clock.now()
	s.clock.ahead.Add(int64(now.Truncate(household.Quarter).Add(household.Quarter + time.Second).Sub(now)))
	return s.clock.now().Unix() / 900
}

// arrives waits until what was measured in a quarter is at the service. Seconds pass meanwhile, as they would.
func (s *site) arrives(quarter int64) {
	s.t.Helper()
	polls := 0
	s.until(fmt.Sprintf("the measurement of quarter %d", quarter), func() bool {
		if _, ok := s.stored()[quarter]; ok {
			return true
		}
		if polls++; polls%5 > 0 || s.clock.now().Add(10*time.Second).Unix()/900 != quarter {
			return false
		}
		// When it has measured, or waits to ask for the time, it is up to the clock.
		if st, ok := s.status(); ok && (!st.Sender.Measuring || len(st.Meters) == 1 && st.Meters[0].Slot.Unix()/900 > quarter) {
			s.clock.ahead.Add(int64(10 * time.Second))
		}
		return false
	})
}

// health is what the service knows of the device.
func (s *site) health() target.Health {
	s.t.Helper()
	all, _, err := target.Devices(context.WithoutCancel(s.t.Context()), s.store, target.DefaultLimits(), s.clock.now(), "", 10)
	if err != nil || len(all) != 1 {
		s.t.Fatal(all, err)
	}
	return all[0]
}

// publish publishes a script as a program for all devices.
func (s *site) publish(version, script string) {
	s.t.Helper()
	s.write("program", "#!/bin/sh\n"+script+"\n")
	r, err := repository.Open(filepath.Join(s.dir, "updates"), nil)
	if err == nil {
		_, err = r.Publish(filepath.Join(s.dir, "stick"), filepath.Join(s.dir, "program"), release.Release{Version: version, Platform: platform, Ring: release.All})
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// TestDeviceLife: a launcher starts a device, which enrols, measures, takes an update that proves itself and another one that does not,
// and is killed at any moment, while it writes and while it sends. What the meter showed in each quarter of an hour is at the
// service in the end, once.
func TestDeviceLife(t *testing.T) {
	s := openSite(t)
	if out, err := s.command("edge", "enrol", "--token-file", filepath.Join(s.dir, "token")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s.run()
	s.until("the device", func() bool { st, ok := s.status(); return ok && st.Enrolled && st.Version == "1.0.0" })
	s.consent()
	first := s.clock.now().Unix() / 900
	s.arrives(first)

	// An update proves itself: it has reached the service and measured.
	s.publish("1.1.0", fmt.Sprintf("%s=1.1.0 exec '%s' \"$@\"", asVersion, os.Args[0]))
	s.until("the trial", func() bool { st, ok := s.status(); return ok && st.Version == "1.1.0" })
	if state := s.banks(); state.Trial != bank.A || state.Current != bank.Installed {
		t.Errorf("%+v", state)
	}
	s.arrives(s.next())
	s.until("the proof", func() bool { return s.banks().Current == bank.A })
	s.until("the restart", func() bool {
		st, ok := s.status()
		return ok && st.Version == "1.1.0" && s.banks().Trial == bank.Installed
	})
	s.arrives(s.next())
	if h := s.health(); h.Device.Version != "1.1.0" || len(h.Incidents) != 0 {
		t.Errorf("the service knows of %q, %v", h.Device.Version, h.Incidents)
	}

	// Another one says its version and then ends, three times.
	s.publish("1.2.0", "case $1 in version) echo wattwerk 1.2.0 "+platform+" go;; *) exit 1;; esac")
	s.until("the failure", func() bool {
		st := s.banks()
		return len(st.Failures) == 1 && st.Trial == bank.Installed && st.Failures[0].Program.Version == "1.2.0"
	})
	s.until("the program before", func() bool { st, ok := s.status(); return ok && st.Version == "1.1.0" })
	s.arrives(s.next())
	s.until("the incident", func() bool { return s.health().Incidents[household.UpdateFailed] == 1 })
	if h := s.health(); h.Device.Version != "1.1.0" || !strings.Contains(fmt.Sprint(s.banks().Failures), "started 3 times") {
		t.Errorf("the service knows of %q; %+v", h.Device.Version, s.banks().Failures)
	}

	// It is killed at random, from before it has measured until after the service has it.
	r := rand.New(rand.NewPCG(6, uint64(time.Now().UnixNano())))
	began := time.Now()
	s.arrives(s.next())
	usual := time.Since(began)
	early := 0
	const kills = 4
	for i := range kills {
		s.until("the device", func() bool { _, ok := s.status(); return ok })
		if i%2 == 0 { // while it sends
			n := s.killed.Load()
			s.killing.Store(true)
			quarter := s.next()
			s.until("the sending", func() bool { return s.killed.Load() > n })
			s.arrives(quarter)
			continue
		}
		quarter := s.next()
		<-time.After(time.Duration(r.Float64() * 3 * float64(usual)))
		s.signal(syscall.SIGKILL)
		if _, stored := s.stored()[quarter]; !stored {
			early++
		}
		s.arrives(quarter)
	}
	t.Logf("killed %d times while the service took what it sent; %d of %d other times before the service had it; a quarter took %v", s.killed.Load(), early, kills-s.killed.Load(), usual)
	last := s.clock.now().Unix() / 900
	have := s.stored()
	for q := first; q <= last; q++ {
		// A telegram that is underway while the clock goes on is of the quarter before.
		if v, ok := have[q]; !ok || math.Abs(v-float64(q)/10) > 0.001 && math.Abs(v-float64(q-1)/10) > 0.001 {
			t.Errorf("quarter %d: %v, %v; the meter showed %v", q, v, ok, float64(q)/10)
		}
	}
	if len(have) != int(last-first+1) {
		t.Errorf("%d quarters were measured, and %d have passed", len(have), last-first+1)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for what, n := range s.records {
		if n != 1 {
			t.Errorf("%s came %d times", what, n)
		}
	}
	if s.starts < kills {
		t.Errorf("it was started %d times", s.starts)
	}
}

// banks are those of the device.
func (s *site) banks() bank.State {
	s.t.Helper()
	var state bank.State
	store, err := bank.Open(bank.Dir(filepath.Join(s.dir, "device", "programs")))
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			s.t.Fatal(err)
		}
		return state
	}
	return store.State()
}

// TestDeviceFromAfar: by a grant that names it a meter is read and the device is restarted; what the grant does not name is refused, also
// where the device allows it.
func TestDeviceFromAfar(t *testing.T) {
	s := openSite(t)
	s.clock.ahead.Store(0) // a grant is good from when the issuer is
	if out, err := s.command("edge", "enrol", "--token-file", filepath.Join(s.dir, "token")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s.run()
	s.until("the device", func() bool { st, ok := s.status(); return ok && st.Enrolled })
	s.consent()
	s.arrives(s.clock.now().Unix() / 900)
	staff, err := surveyclient.New(surveyclient.Options{URL: s.url, Roots: s.authority.Roots(), Token: "anna's"})
	if err != nil {
		t.Fatal(err)
	}
	_, private, err := ed25519.GenerateKey(crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	now := s.clock.now().UTC()
	g := visit.Grant{
		ID: household.NewID(), Device: s.home.Devices[0].ID, From: now.Add(-time.Minute), Until: now.Add(time.Hour), Who: "anna", Why: "a try", Key: string(ssh.MarshalAuthorizedKey(key.PublicKey())),
		May: []string{"meter read", "restart"},
	}
	signed, err := visit.Sign(g, s.authority.Sign)
	if err == nil {
		err = s.store.Visits().Add(t.Context(), g, signed)
	}
	if err != nil {
		t.Fatal(err)
	}
	var conn io.ReadWriteCloser
	s.until("the tunnel", func() bool {
		conn, err = staff.Enter(t.Context(), g.ID)
		return err == nil
	})
	v, err := s.store.Visits().Read(t.Context(), g.ID)
	if err != nil {
		t.Fatal(err)
	}
	host, _, _, _, err := ssh.ParseAuthorizedKey([]byte(v.HostKey))
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := net.Pipe()
	joined := make(chan struct{})
	go func() { defer close(joined); visit.Join(context.WithoutCancel(t.Context()), conn, theirs) }()
	c, channels, requests, err := ssh.NewClientConn(ours, "", &ssh.ClientConfig{User: "device", Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: ssh.FixedHostKey(host)})
	if err != nil {
		t.Fatal(err)
	}
	client := ssh.NewClient(c, channels, requests)
	say := func(line string) (string, error) {
		session, err := client.NewSession()
		if err != nil {
			return "", err
		}
		defer session.Close()
		out, err := session.CombinedOutput(line)
		return string(out), err
	}
	if out, err := say("meter read"); err != nil || !strings.Contains(out, `"obis":"0100010800ff"`) || strings.Contains(out, `"meter":`) {
		t.Errorf("%v, %s", err, out)
	}
	if out, err := say("meter read another"); err == nil || !strings.Contains(out, "no such meter") {
		t.Errorf("%v, %s", err, out)
	}
	if out, err := say("shell"); err == nil || !strings.Contains(out, "no command") {
		t.Errorf("%v, %s", err, out)
	}
	s.mu.Lock()
	pid := s.device.Process.Pid
	s.mu.Unlock()
	in, err := datadir.Running(filepath.Join(s.dir, "device"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := say("restart"); err != nil || !strings.Contains(out, "it restarts") {
		t.Errorf("%v, %s", err, out)
	}
	s.until("the end of the visit", func() bool {
		select {
		case <-joined:
			return true
		default:
			return false
		}
	})
	s.until("the restart", func() bool {
		again, err := datadir.Running(filepath.Join(s.dir, "device"))
		return err == nil && again.PID == pid && again.Started.After(in.Started)
	})
	s.arrives(s.next())
	all, err := s.store.Visits().List(t.Context(), "")
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	text := fmt.Sprint(all[0].Events)
	for _, what := range []string{"it names meter read, restart", "meter read", `refused: "shell"`, "restart"} {
		if !strings.Contains(text, what) {
			t.Errorf("%s is not in the books: %s", what, text)
		}
	}
}

// TestShell: it is never root's, nor of who the device runs as, and each user may what that user may.
func TestShell(t *testing.T) {
	said := func(lines ...string) func() (string, error) {
		return func() (string, error) {
			if len(lines) == 0 {
				return "", io.EOF
			}
			line := lines[0]
			lines = lines[1:]
			return line, nil
		}
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"root", me.Username, "nobody-knows-them"} {
		if err := shell(t.Context(), name, said("id"), io.Discard); err == nil {
			t.Errorf("%s has a shell", name)
		}
	}
	secret := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	err = shell(t.Context(), "nobody", said("id -un", "echo $HOME $SECRET", "cat "+secret, "sleep 1000 &", "exit 3"), &out)
	if os.Getuid() != 0 { // becoming another user needs a right
		if err == nil {
			t.Error("it became another user")
		}
		return
	}
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.HasPrefix(out.String(), "nobody\n/\n") || strings.Contains(out.String(), "secret\n") {
		t.Errorf("%v, %s", err, out.String())
	}
	ctx, cancel := context.WithCancel(t.Context())
	began := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		first := true
		done <- shell(ctx, "nobody", func() (string, error) {
			if first {
				first = false
				return "sleep 1000", nil
			}
			close(began)
			<-ctx.Done()
			return "", ctx.Err()
		}, io.Discard)
	}()
	<-began
	cancel()
	if err := <-done; err == nil {
		t.Error("a shell whose visit is over ended well")
	}
}
