package visit_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/yamux"
	"golang.org/x/crypto/ssh"

	edgevisit "github.com/wattwerk/wattwerk/edge/visit"
	"github.com/wattwerk/wattwerk/survey/identity"
	"github.com/wattwerk/wattwerk/survey/visit"
)

const look = 5 * time.Millisecond

// world is a device, and a service that it comes to.
type world struct {
	t         *testing.T
	authority *identity.Authority
	desk      *edgevisit.Desk
	hall      *visit.Hall
	ahead     atomic.Int64 // by which the clock of the device is
	may       atomic.Bool
	guest     ssh.Signer // whose key is granted

	mu      sync.Mutex
	grants  []visit.Signed
	asked   int
	opened  []string // by the device
	host    ssh.PublicKey
	line    net.Conn // of the tunnel
	notes   []string
	over    map[string]string
	raw     bool  // nobody but the test is at the other end
	refuse  error // what the books say
	kept    []edgevisit.Visit
	tunnels sync.WaitGroup
}

func (w *world) Visits(context.Context) ([]visit.Signed, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	return slices.Clone(w.grants), nil
}

func (w *world) Tunnel(_ context.Context, id, hostKey string) (io.ReadWriteCloser, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	k, _, _, _, err := ssh.ParseAuthorizedKey([]byte(hostKey))
	if err != nil {
		return nil, err
	}
	w.opened, w.host = append(w.opened, id), k
	device, service := net.Pipe()
	w.line = service
	if w.raw {
		return device, nil
	}
	w.tunnels.Go(func() {
		if err := w.hall.Serve(w.t.Context(), id, service, time.Hour); err != nil {
			w.t.Error(err)
		}
	})
	return device, nil
}

func (w *world) Valid(context.Context, string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refuse
}

func (w *world) Note(_ context.Context, _, what string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notes = append(w.notes, what)
	return nil
}

func (w *world) Close(_ context.Context, id, why string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over[id] = why
	return nil
}

func signer(t *testing.T) ssh.Signer {
	t.Helper()
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func authority(t *testing.T) *identity.Authority {
	t.Helper()
	online := filepath.Join(t.TempDir(), "online")
	if err := identity.Init(filepath.Join(t.TempDir(), "offline"), online); err != nil {
		t.Fatal(err)
	}
	a, err := identity.Open(online)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func start(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, authority: authority(t), guest: signer(t), over: make(map[string]string)}
	w.may.Store(true)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	w.hall = visit.NewHall(w, look, log)
	w.open(log)
	return w
}

// open starts the device, which knows what it kept.
func (w *world) open(log *slog.Logger) (stop func()) {
	var err error
	w.desk, err = edgevisit.New(edgevisit.Options{
		Service: w, Roots: w.authority.Roots(), Device: func() string { return "edge-1" }, May: w.may.Load, Every: look, Look: look, Kept: w.kept, Log: log,
		Now:  func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) },
		Keep: func(all []edgevisit.Visit) error { w.kept = slices.Clone(all); return nil },
		Commands: []edgevisit.Command{
			edgevisit.JSON("status", "how it is", func() any { return map[string]string{"well": "yes"} }),
			{Name: "echo", Help: "what was said", Run: func(_ context.Context, args []string, out io.Writer) error {
				_, err := fmt.Fprintln(out, args)
				return err
			}},
			{Name: "flood", Help: "too much", Run: func(_ context.Context, _ []string, out io.Writer) error {
				for {
					if _, err := out.Write(make([]byte, 64<<10)); err != nil {
						return err
					}
				}
			}},
			{Name: "restart", Help: "again", Named: true, Run: func(_ context.Context, _ []string, out io.Writer) error {
				_, err := io.WriteString(out, "it restarts")
				return err
			}},
			{Name: "meter read", Help: "what it says", Named: true, Run: func(_ context.Context, args []string, out io.Writer) error {
				_, err := fmt.Fprintln(out, "meter", args)
				return err
			}},
			{Name: "talk", Help: "what was said", Named: true, Talk: func(_ context.Context, next func() (string, error), out io.Writer) error {
				for {
					line, err := next()
					if errors.Is(err, io.EOF) {
						return nil
					}
					if err == nil {
						_, err = fmt.Fprintln(out, "heard", line)
					}
					if err != nil {
						return err
					}
				}
			}},
			{Name: "wait", Help: "until the end", Run: func(ctx context.Context, _ []string, _ io.Writer) error { <-ctx.Done(); return ctx.Err() }},
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	done := make(chan error, 1)
	go func() { done <- w.desk.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
		w.tunnels.Wait()
	})
	w.t.Cleanup(stop)
	return stop
}

func (w *world) grant(id string, change func(*visit.Grant)) visit.Grant {
	now := time.Now().UTC()
	g := visit.Grant{ID: id, Device: "edge-1", From: now.Add(-time.Minute), Until: now.Add(time.Hour), Who: "anna", Why: "no measurements", Key: string(ssh.MarshalAuthorizedKey(w.guest.PublicKey()))}
	if change != nil {
		change(&g)
	}
	return g
}

// offer has the service offer a grant.
func (w *world) offer(a *identity.Authority, g visit.Grant, spoil func(*visit.Signed)) {
	w.t.Helper()
	s, err := visit.Sign(g, a.Sign)
	if err != nil {
		w.t.Fatal(err)
	}
	if spoil != nil {
		spoil(&s)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.grants = append(w.grants, s)
}

// until waits for something to be so.
func (w *world) until(what string, f func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; <-time.After(look) {
		w.mu.Lock()
		ok := f()
		w.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%s did not come to be; %v, %v", what, w.notes, w.over)
		}
	}
}

// asks waits until the device has asked some more times.
func (w *world) asks() {
	w.t.Helper()
	w.mu.Lock()
	n := w.asked + 3
	w.mu.Unlock()
	w.until("asking", func() bool { return w.asked >= n })
}

// enter enters the tunnel of g1 when it is open.
func (w *world) enter() net.Conn {
	w.t.Helper()
	ours, theirs := net.Pipe()
	entered, failed := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			err := w.hall.Enter(w.t.Context(), "g1", "anna", func() (io.ReadWriteCloser, error) { close(entered); return theirs, nil })
			if !errors.Is(err, visit.ErrAbsent) {
				failed <- err
				return
			}
			<-time.After(look)
		}
	}()
	select {
	case <-entered:
	case err := <-failed:
		w.t.Fatal(err)
	case <-time.After(time.Minute):
		w.t.Fatal("the device did not come")
	}
	return ours
}

// connect comes in to g1 by a key.
func (w *world) connect(by ssh.Signer) (*ssh.Client, error) {
	w.t.Helper()
	conn := w.enter()
	w.mu.Lock()
	host := w.host
	w.mu.Unlock()
	c, channels, requests, err := ssh.NewClientConn(conn, "", &ssh.ClientConfig{User: "device", Auth: []ssh.AuthMethod{ssh.PublicKeys(by)}, HostKeyCallback: ssh.FixedHostKey(host)})
	if err != nil {
		conn.Close()
		return nil, err
	}
	client := ssh.NewClient(c, channels, requests)
	w.t.Cleanup(func() { client.Close() })
	return client, nil
}

func pemOf(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func run(t *testing.T, c *ssh.Client, line string) (string, error) {
	t.Helper()
	s, err := c.NewSession()
	if err != nil {
		return "", err
	}
	defer s.Close()
	var out, errs bytes.Buffer
	s.Stdout, s.Stderr = &out, &errs
	err = s.Run(line)
	return out.String() + errs.String(), err
}

// TestVisit: a grant opens one tunnel, to a list of commands, each of which is written down first.
func TestVisit(t *testing.T) {
	w := start(t)
	w.asks()
	w.offer(w.authority, w.grant("g1", nil), nil)
	c, err := w.connect(w.guest)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := run(t, c, "status"); err != nil || !strings.Contains(out, `"well": "yes"`) {
		t.Errorf("%q, %v", out, err)
	}
	if out, err := run(t, c, "help"); err != nil || !strings.Contains(out, "how it is") {
		t.Errorf("%q, %v", out, err)
	}
	for _, line := range []string{"sh -c id", "cat /etc/passwd", strings.Repeat("x", 400)} {
		if out, err := run(t, c, line); err == nil || !strings.Contains(out, "no command") {
			t.Errorf("%q: %q, %v", line, out, err)
		}
	}
	if _, err := run(t, c, strings.Repeat("x", 2000)); err == nil {
		t.Error("a line that is too long is taken")
	}
	if out, err := run(t, c, "flood"); err == nil || len(out) > 5<<20 || !strings.Contains(out, "longer than it may be") {
		t.Errorf("%d bytes, %v", len(out), err)
	}
	// Neither ports nor files.
	if _, err := c.Dial("tcp", "127.0.0.1:22"); err == nil {
		t.Error("a port is reached")
	}
	if l, err := c.Listen("tcp", "127.0.0.1:0"); err == nil {
		t.Errorf("the device listens at %v", l.Addr())
	}
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if s.RequestSubsystem("sftp") == nil || s.Setenv("A", "b") == nil || s.RequestPty("xterm", 1, 1, nil) == nil {
		t.Error("a subsystem, variables or a terminal are given")
	}
	s.Close()
	w.until("notes", func() bool {
		return slices.Contains(w.notes, "status") && slices.Contains(w.notes, `refused: "cat /etc/passwd"`)
	})
	v := w.desk.Visits()
	if len(v) != 1 || v[0].Who != "anna" || v[0].Why != "no measurements" || !v[0].End.IsZero() || len(v[0].Done) < 5 || v[0].Done[0].What != "status" {
		t.Errorf("%+v", v)
	}
	// The household ends it, and the grant is not good again.
	w.desk.End()
	w.until("the end", func() bool { return w.over["g1"] != "" })
	w.until("asking again", func() bool { return w.asked > 3 })
	w.asks()
	if v := w.desk.Visits(); len(v) != 1 || v[0].Ended != "it was ended at the device" || v[0].End.IsZero() {
		t.Errorf("%+v", v)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.opened) != 1 {
		t.Errorf("the tunnels %v were opened by one grant", w.opened)
	}
}

// TestNamed: what a grant does not name is refused, hidden and written down at both ends; what it names is done.
func TestNamed(t *testing.T) {
	for name, x := range map[string]struct {
		may           []string
		done, refused []string
	}{
		"nothing":     {nil, nil, []string{"restart", "meter read", "meter read house", "talk"}},
		"a restart":   {[]string{"restart"}, []string{"restart"}, []string{"meter read", "talk"}},
		"a meter":     {[]string{"meter read"}, []string{"meter read house"}, []string{"restart", "talk"}},
		"a part":      {[]string{"meter"}, nil, []string{"meter read", "restart"}},
		"all of them": {[]string{"restart", "meter read", "talk"}, []string{"restart", "meter read", "talk"}, []string{"shell", "meter"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			w.offer(w.authority, w.grant("g1", func(g *visit.Grant) { g.May = x.may }), nil)
			c, err := w.connect(w.guest)
			if err != nil {
				t.Fatal(err)
			}
			help, err := run(t, c, "help")
			if err != nil {
				t.Error(err)
			}
			for _, line := range x.done {
				if out, err := run(t, c, line); err != nil || !strings.Contains(help, strings.TrimSuffix(line, " house")) {
					t.Errorf("%s: %q, %v; help is %s", line, out, err, help)
				}
			}
			for _, line := range x.refused {
				out, err := run(t, c, line)
				if err == nil || !strings.Contains(out, "does not name") && !strings.Contains(out, "no command") {
					t.Errorf("%s: %q, %v", line, out, err)
				}
				w.until("the note", func() bool {
					return slices.ContainsFunc(w.notes, func(n string) bool { return strings.HasPrefix(n, fmt.Sprintf("refused: %q", line)) })
				})
				if d := w.desk.Visits()[0]; !slices.Equal(d.May, x.may) || !slices.ContainsFunc(d.Done, func(d edgevisit.Done) bool { return strings.HasPrefix(d.What, fmt.Sprintf("refused: %q", line)) }) {
					t.Errorf("the household does not see that %s was refused: %+v", line, d)
				}
			}
		})
	}
}

// TestTalk: each line that is said to a command is written down at both ends before the command has it.
func TestTalk(t *testing.T) {
	w := start(t)
	w.offer(w.authority, w.grant("g1", func(g *visit.Grant) { g.May = []string{"talk"} }), nil)
	c, err := w.connect(w.guest)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Stdin = strings.NewReader("one\ntwo \x1b[2J\nthree")
	out, err := s.Output("talk")
	if err != nil || string(out) != "heard one\nheard two \x1b[2J\nheard three\n" {
		t.Errorf("%q, %v", out, err)
	}
	for _, what := range []string{"talk", `talk: "one"`, `talk: "two \x1b[2J"`, `talk: "three"`} {
		w.mu.Lock()
		if !slices.Contains(w.notes, what) {
			t.Errorf("%s is not in the books: %v", what, w.notes)
		}
		w.mu.Unlock()
		if d := w.desk.Visits()[0].Done; !slices.ContainsFunc(d, func(d edgevisit.Done) bool { return d.What == what }) {
			t.Errorf("the household does not see %s: %+v", what, d)
		}
	}
	if s, err = c.NewSession(); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Stdin = strings.NewReader(strings.Repeat("x", 5000) + "\n")
	if out, err := s.CombinedOutput("talk"); err == nil || !strings.Contains(string(out), "longer than it may be") {
		t.Errorf("%q, %v", out, err)
	}
}

// TestGrantsThatAreNotGood open nothing.
func TestGrantsThatAreNotGood(t *testing.T) {
	w := start(t)
	other := authority(t)
	w.offer(other, w.grant("other survey", nil), nil)
	w.offer(w.authority, w.grant("changed", nil), func(s *visit.Signed) { s.Document = strings.Replace(s.Document, "edge-1", "edge-2", 1) })
	w.offer(w.authority, w.grant("cut", nil), func(s *visit.Signed) { s.Signature = s.Signature[:8] })
	w.offer(other, w.grant("by another issuer", nil), func(s *visit.Signed) { _, s.Chain, _ = w.authority.Sign(nil) })
	w.offer(w.authority, w.grant("for anything else", nil), func(s *visit.Signed) { s.Signature, _, _ = w.authority.Sign([]byte(s.Document)) })
	w.offer(w.authority, w.grant("no chain", nil), func(s *visit.Signed) { s.Chain = "" })
	w.offer(w.authority, w.grant("of another device", func(g *visit.Grant) { g.Device = "edge-2" }), nil)
	w.offer(w.authority, w.grant("expired", func(g *visit.Grant) { g.From, g.Until = g.From.Add(-time.Hour), g.From }), nil)
	w.offer(w.authority, w.grant("too early", func(g *visit.Grant) { g.From = g.From.Add(30 * time.Minute) }), nil)
	w.asks()
	w.mu.Lock()
	if len(w.opened) != 0 {
		t.Errorf("%v were opened", w.opened)
	}
	w.mu.Unlock()
	// The time of one comes.
	w.ahead.Store(int64(35 * time.Minute))
	w.until("the tunnel", func() bool { return slices.Contains(w.opened, "too early") })
	w.desk.End()
	w.until("the end", func() bool { return w.over["too early"] != "" })

	for _, spoil := range []func(*visit.Grant){
		func(g *visit.Grant) { g.Who = "" },
		func(g *visit.Grant) { g.Why = " " },
		func(g *visit.Grant) { g.Until = g.From.Add(48 * time.Hour) },
		func(g *visit.Grant) { g.Until = g.From },
		func(g *visit.Grant) { g.Key = "ssh-ed25519 AAAA" },
		func(g *visit.Grant) { g.Key = `command="sh" ` + g.Key },
		func(g *visit.Grant) { g.Key += g.Key },
		func(g *visit.Grant) { g.May = []string{"meter read; id"} },
		func(g *visit.Grant) { g.May = []string{""} },
		func(g *visit.Grant) { g.May = make([]string, 9) },
	} {
		if _, err := visit.Sign(w.grant("x", spoil), w.authority.Sign); !errors.Is(err, visit.ErrInvalid) {
			t.Error(err)
		}
	}
}

// TestDeviceIsNoIssuer: the key of a device, whose certificate is below the root too, grants nothing.
func TestDeviceIsNoIssuer(t *testing.T) {
	w := start(t)
	served, err := w.authority.Listener([]string{"localhost"})
	if err != nil {
		t.Fatal(err)
	}
	w.offer(w.authority, w.grant("g1", nil), func(s *visit.Signed) {
		s.Chain = pemOf(served.Certificate[0])
	})
	w.asks()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.opened) != 0 {
		t.Errorf("%v were opened", w.opened)
	}
}

// TestUsedGrant: a grant that was used is not good after the device was started again.
func TestUsedGrant(t *testing.T) {
	w := &world{t: t, authority: authority(t), guest: signer(t), over: make(map[string]string)}
	w.may.Store(true)
	log := slog.New(slog.DiscardHandler)
	w.hall = visit.NewHall(w, look, log)
	w.offer(w.authority, w.grant("g1", nil), nil)
	stop := w.open(log)
	w.until("the tunnel", func() bool { return len(w.opened) == 1 })
	stop()
	w.open(log)
	w.asks()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.opened) != 1 {
		t.Errorf("the tunnels %v were opened by one grant", w.opened)
	}
	if v := w.desk.Visits(); len(v) != 1 || v[0].End.IsZero() {
		t.Errorf("%+v", v)
	}
}

// TestVisitEnds: whatever makes a visit end, a command that is being done ends too.
func TestVisitEnds(t *testing.T) {
	for name, end := range map[string]func(*world){
		"expired at the device":   func(w *world) { w.ahead.Store(int64(2 * time.Hour)) },
		"no consent any more":     func(w *world) { w.may.Store(false) },
		"revoked at the service":  func(w *world) { w.mu.Lock(); w.refuse = errors.New("ended by anna"); w.mu.Unlock() },
		"the line is cut":         func(w *world) { w.mu.Lock(); w.line.Close(); w.mu.Unlock() },
		"ended by the household":  func(w *world) { w.desk.End() },
		"the device is another's": func(w *world) { w.mu.Lock(); w.grants = nil; w.mu.Unlock(); w.desk.Forget() },
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			w.offer(w.authority, w.grant("g1", nil), nil)
			c, err := w.connect(w.guest)
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() {
				_, err := run(t, c, "wait")
				done <- err
			}()
			w.until("the command", func() bool { return slices.Contains(w.notes, "wait") })
			end(w)
			if err := <-done; err == nil {
				t.Error("the command ended well")
			}
			w.until("the end", func() bool { return w.over["g1"] != "" })
			if err := w.hall.Enter(t.Context(), "g1", "anna", nil); !errors.Is(err, visit.ErrAbsent) {
				t.Errorf("after the end: %v", err)
			}
		})
	}
}

// TestStrangers: who has another key stays out, and that is written down; no more come in than may.
func TestStrangers(t *testing.T) {
	w := start(t)
	if err := w.hall.Enter(t.Context(), "g1", "anna", nil); !errors.Is(err, visit.ErrAbsent) {
		t.Errorf("without a grant: %v", err)
	}
	w.offer(w.authority, w.grant("g1", nil), nil)
	if _, err := w.connect(signer(t)); err == nil {
		t.Fatal("a stranger came in")
	}
	w.until("the note", func() bool { return slices.Contains(w.notes, "somebody without the right key was not let in") })
	w.until("their leaving", func() bool { return slices.Contains(w.notes, "anna has left") })
	for range visit.AtOnce {
		if _, err := w.connect(w.guest); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.hall.Enter(t.Context(), "g1", "anna", nil); !errors.Is(err, visit.ErrCrowded) {
		t.Errorf("one more than may be: %v", err)
	}
}

// TestFlood: a service that opens more streams than may be finds them closed.
func TestFlood(t *testing.T) {
	w := start(t)
	w.mu.Lock()
	w.raw = true
	w.mu.Unlock()
	w.offer(w.authority, w.grant("g1", nil), nil)
	w.until("the tunnel", func() bool { return w.line != nil })
	session, err := yamux.Client(w.line, visit.Config())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	answered := 0
	for range 10 * visit.AtOnce {
		s, err := session.OpenStream()
		if err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(s).ReadString('\n'); err == nil && strings.HasPrefix(line, "SSH-2.0-Wattwerk") {
			answered++
		} else if !errors.Is(err, io.EOF) {
			t.Errorf("%q, %v", line, err)
		}
	}
	if answered != visit.AtOnce {
		t.Errorf("%d were answered at a time, want %d", answered, visit.AtOnce)
	}
}
