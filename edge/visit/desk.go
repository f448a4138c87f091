package visit

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mrand "math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/yamux"
	"golang.org/x/crypto/ssh"

	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/survey/visit"
)

// Service is what is asked of the data service: client.Client.
type Service interface {
	// Visits gives the grants for this device that are not used yet.
	Visits(ctx context.Context) ([]visit.Signed, error)
	// Tunnel opens a tunnel for a grant; hostKey is that of the device inside, as a line of authorized_keys.
	Tunnel(ctx context.Context, id, hostKey string) (io.ReadWriteCloser, error)
}

// Command is what may be done. Either Run or Talk is needed.
type Command struct {
	Name  string // of one word or two
	Help  string
	Named bool // it is done by a grant that names it, and by no other
	Run   func(ctx context.Context, args []string, out io.Writer) error
	// Talk is one that goes on for as long as the visit does. next gives what is said to it, line by line, each of which was written
	// down at both ends before.
	Talk func(ctx context.Context, next func() (string, error), out io.Writer) error
}

// Options of a desk. Service, Roots, Device, May and Commands are needed.
type Options struct {
	Service  Service
	Roots    []byte        // root.crt of the survey, PEM
	Device   func() string // identifier
	May      func() bool   // the household has consented, and the lease lasts
	Commands []Command
	Kept     []Visit // those of before
	Keep     func([]Visit) error
	Every    time.Duration // how often the service is asked; 0: every two minutes
	Look     time.Duration // how often it is looked whether a visit may go on; 0: a second
	Now      func() time.Time
	Log      *slog.Logger
}

// Visit is one, as the household sees it.
type Visit struct {
	ID    string    `json:"id"`
	Who   string    `json:"who"`
	Why   string    `json:"why"`
	May   []string  `json:"may,omitempty"` // what the grant names beyond looking
	Begin time.Time `json:"begin"`
	Until time.Time `json:"until"`        // it may last
	End   time.Time `json:"end,omitzero"` // zero: somebody may be here
	Ended string    `json:"ended,omitempty"`
	Done  []Done    `json:"done"`
}

// Done is what was done.
type Done struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`
}

// Bounds.
const (
	everyMinutes = 2 * time.Minute
	mostKept     = 50
	mostDone     = 200 // commands in a visit
	helloIn      = 20 * time.Second
	doneIn       = time.Minute
	mostOut      = 4 << 20
	mostCommand  = 500
	mostSessions = 8 // at the same time, of somebody
)

// Desk is where visitors come.
type Desk struct {
	o     Options
	roots *x509.CertPool

	mu     sync.Mutex
	visits []Visit            // the newest is last
	end    context.CancelFunc // of the visit that goes on; nil: there is none
}

// New makes a desk.
func New(o Options) (*Desk, error) {
	d := &Desk{o: o, roots: x509.NewCertPool(), visits: slices.Clone(o.Kept)}
	if !d.roots.AppendCertsFromPEM(o.Roots) {
		return nil, errors.New("open desk: there is no certificate to trust")
	}
	if d.o.Every == 0 {
		d.o.Every = everyMinutes
	}
	if d.o.Look == 0 {
		d.o.Look = time.Second
	}
	if d.o.Now == nil {
		d.o.Now = time.Now
	}
	if d.o.Log == nil {
		d.o.Log = slog.New(slog.DiscardHandler)
	}
	now := d.o.Now().UTC()
	for i := range d.visits {
		if d.visits[i].End.IsZero() { // the program ended
			d.visits[i].End, d.visits[i].Ended = now, "the device was started again"
		}
	}
	return d, nil
}

// Visits gives those of lately, the newest first.
func (d *Desk) Visits() []Visit {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := slices.Clone(d.visits)
	for i := range out {
		out[i].Done, out[i].May = slices.Clone(out[i].Done), slices.Clone(out[i].May)
	}
	slices.Reverse(out)
	return out
}

// End ends the visit that goes on.
func (d *Desk) End() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.end != nil {
		d.end()
	}
}

// Forget forgets all visits, as when the device is another household's.
func (d *Desk) Forget() {
	d.End()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.visits = nil
}

// Run asks for grants until ctx ends.
func (d *Desk) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		if d.o.May() {
			d.ask(ctx)
		}
		run.Pause(ctx, time.Duration(float64(d.o.Every)*(0.9+0.1*mrand.Float64())))
	}
	return nil
}

// ask asks once, and has the visits that are granted.
func (d *Desk) ask(ctx context.Context) {
	all, err := d.o.Service.Visits(ctx)
	if err != nil {
		d.o.Log.Debug("grants for visits were not asked for", "error", err)
		return
	}
	for _, s := range all {
		g, err := visit.Check(s, d.roots, d.o.Device(), d.o.Now())
		if err == nil && d.used(g.ID) {
			err = errUsed
		}
		switch {
		case errors.Is(err, visit.ErrEarly):
		case err != nil:
			d.o.Log.Warn("a grant for a visit was refused", "grant", g.ID, "error", err)
		default:
			if err := d.visit(ctx, g); err != nil && ctx.Err() == nil {
				d.o.Log.Warn("a visit did not come about", "grant", g.ID, "error", err)
			}
		}
	}
}

var errUsed = errors.New("the grant was used before")

func (d *Desk) used(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(d.visits, func(v Visit) bool { return v.ID == id })
}

// keep writes down what is known of visits; with the mutex.
func (d *Desk) keep() error {
	if d.o.Keep == nil {
		return nil
	}
	return d.o.Keep(d.visits)
}

// change changes the newest visit.
func (d *Desk) change(f func(*Visit)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.visits) == 0 { // they were forgotten meanwhile
		return errOver
	}
	f(&d.visits[len(d.visits)-1])
	return d.keep()
}

// reasons why a visit ends.
var (
	errOver      = errors.New("it was ended at the device")
	errNoConsent = errors.New("the device may not measure any more")
	errCut       = errors.New("the service ended it, or the line was cut")
)

// visit opens a tunnel and answers in it until it ends.
func (d *Desk) visit(ctx context.Context, g visit.Grant) error {
	key, err := g.PublicKey()
	if err != nil {
		return err
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("make host key: %w", err)
	}
	host, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return fmt.Errorf("make host key: %w", err)
	}
	now := d.o.Now().UTC()
	// It is known before it is opened: then it cannot be opened twice.
	d.mu.Lock()
	if n := len(d.visits) - mostKept + 1; n > 0 && d.visits[n-1].Until.Before(now) { // none that could be used again
		d.visits = slices.Clone(d.visits[n:])
	}
	d.visits = append(d.visits, Visit{ID: g.ID, Who: g.Who, Why: g.Why, May: g.May, Begin: now, Until: g.Until, Done: []Done{}})
	err = d.keep()
	ctx, cancel := context.WithCancelCause(ctx)
	d.end = func() { cancel(errOver) }
	d.mu.Unlock()
	defer cancel(nil)
	if err == nil {
		err = d.answer(ctx, cancel, g, key, host)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.end = nil
	n := len(d.visits) - 1
	switch {
	case n < 0: // they were forgotten
		return err
	case err != nil: // nothing was opened, and the service may be reached the next time
		d.visits = d.visits[:n]
	default:
		d.visits[n].End, d.visits[n].Ended = d.o.Now().UTC(), context.Cause(ctx).Error()
	}
	return errors.Join(err, d.keep())
}

// answer opens the tunnel of a grant.
func (d *Desk) answer(ctx context.Context, cancel context.CancelCauseFunc, g visit.Grant, key ssh.PublicKey, host ssh.Signer) error {
	conn, err := d.o.Service.Tunnel(ctx, g.ID, string(ssh.MarshalAuthorizedKey(host.PublicKey())))
	if err != nil {
		return err
	}
	session, err := yamux.Server(conn, visit.Config())
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	s, err := session.OpenStream()
	if err != nil {
		return errors.Join(err, session.Close(), conn.Close())
	}
	d.o.Log.Info("a tunnel for a visit is open", "grant", g.ID, "who", g.Who, "why", g.Why, "may", g.May, "until", g.Until)
	a := &answering{desk: d, grant: g, key: key.Marshal(), host: host, reports: bufio.NewReadWriter(bufio.NewReader(s), bufio.NewWriter(s))}
	var all sync.WaitGroup
	all.Go(func() { cancel(d.watch(ctx, g)) })
	all.Go(func() { cancel(a.accept(ctx, session)) })
	<-ctx.Done()
	_, _ = session.Close(), conn.Close() // the line may be cut
	all.Wait()
	d.o.Log.Info("a visit is over", "grant", g.ID, "because", context.Cause(ctx).Error())
	return nil
}

// watch returns when the visit may not go on.
func (d *Desk) watch(ctx context.Context, g visit.Grant) error {
	for run.Pause(ctx, d.o.Look) {
		switch {
		case !d.o.May():
			return errNoConsent
		case !d.o.Now().Before(g.Until):
			return visit.ErrExpired
		}
	}
	return ctx.Err()
}

// answering is a tunnel.
type answering struct {
	desk  *Desk
	grant visit.Grant
	key   []byte // that may come in
	host  ssh.Signer

	mu      sync.Mutex
	reports *bufio.ReadWriter
	done    int
}

// accept answers who comes, at most so many at a time.
func (a *answering) accept(ctx context.Context, session *yamux.Session) error {
	var all sync.WaitGroup
	defer all.Wait()
	guests := make(chan struct{}, visit.AtOnce)
	for {
		s, err := session.AcceptStream()
		if err != nil {
			return errCut
		}
		select {
		case guests <- struct{}{}:
			all.Go(func() {
				defer func() { <-guests }()
				a.guest(ctx, s)
			})
		default:
			_ = s.Close() // more are here than may be
		}
	}
}

// note writes down what is about to be done, here and at the service.
func (a *answering) note(what string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.done++; a.done > mostDone {
		return errors.New("more was done in this visit than may be")
	}
	if err := visit.Report(a.reports, visit.Event{What: what}); err != nil {
		return err
	}
	return a.desk.change(func(v *Visit) { v.Done = append(v.Done, Done{a.desk.o.Now().UTC(), what}) })
}

// guest answers somebody.
func (a *answering) guest(ctx context.Context, conn net.Conn) {
	hangUp := func() { _ = conn.Close() } // who has hung up is told nothing
	defer hangUp()
	defer context.AfterFunc(ctx, hangUp)()
	log := a.desk.o.Log
	set := &ssh.ServerConfig{
		MaxAuthTries: 3, ServerVersion: "SSH-2.0-Wattwerk",
		PublicKeyCallback: func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
			if string(k.Marshal()) != string(a.key) {
				return nil, errors.New("the key is not that of the grant")
			}
			return nil, nil
		},
	}
	set.AddHostKey(a.host)
	if err := conn.SetDeadline(time.Now().Add(helloIn)); err != nil {
		return
	}
	c, channels, requests, err := ssh.NewServerConn(conn, set)
	if err != nil {
		log.Warn("somebody did not come in", "error", err)
		if err := a.note("somebody without the right key was not let in"); err != nil {
			log.Warn("that is not written down", "error", err)
		}
		return
	}
	defer c.Close() //nolint:errcheck // who has hung up is told nothing
	if conn.SetDeadline(time.Time{}) != nil {
		return
	}
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { ssh.DiscardRequests(requests) })
	sessions := make(chan struct{}, mostSessions)
	for n := range channels {
		if n.ChannelType() != "session" {
			_ = n.Reject(ssh.Prohibited, "there are commands here, and nothing else") // who has hung up is told nothing
			continue
		}
		select {
		case sessions <- struct{}{}: // the next waits for one that is still being closed
		case <-ctx.Done():
			_ = n.Reject(ssh.ResourceShortage, "the visit is over")
			continue
		}
		ch, requests, err := n.Accept()
		if err != nil {
			<-sessions
			continue
		}
		all.Go(func() {
			defer func() { <-sessions }()
			a.session(ctx, ch, requests)
		})
	}
	_ = c.Close()
}

// session does one command.
func (a *answering) session(ctx context.Context, ch ssh.Channel, requests <-chan *ssh.Request) {
	defer ch.Close() //nolint:errcheck // who has hung up is told nothing
	for r := range requests {
		var line string
		switch r.Type {
		case "exec":
			var in struct{ Command string }
			if ssh.Unmarshal(r.Payload, &in) != nil || len(in.Command) > mostCommand {
				_ = r.Reply(false, nil)
				continue
			}
			line = in.Command
		case "shell":
			line = "help"
		default:
			_ = r.Reply(false, nil)
			continue
		}
		_ = r.Reply(true, nil)
		var all sync.WaitGroup
		all.Go(func() { ssh.DiscardRequests(requests) })
		code := uint32(0)
		if err := a.desk.do(ctx, a, line, ch, ch); err != nil {
			code = 1
			fmt.Fprintf(ch.Stderr(), "%v\n", err) //nolint:errcheck // who has hung up is told nothing
		}
		_, _ = ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{code}))
		_ = ch.Close()
		all.Wait()
		return
	}
}

// limited takes as much as it may.
type limited struct {
	io.Writer
	left int
}

var errLong = errors.New("the answer is longer than it may be, and cut")

func (l *limited) Write(p []byte) (int, error) {
	if len(p) > l.left {
		return 0, errLong
	}
	l.left -= len(p)
	return l.Writer.Write(p)
}

// encodeJSON writes a value for people to read.
func encodeJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
