package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/bench/home"
	"github.com/wattwerk/wattwerk/bench/ladder"
	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/gateway"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/execution"
	"github.com/wattwerk/wattwerk/service/keep"
	"github.com/wattwerk/wattwerk/settlement/cost/contract"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// paperServices are the published times from request to answer, s, with so many
// clients.
var paperServices = [6]float64{.190384, .251513, .2016, .125503, .186217, .14}

const serviceClients = 50

// doors are gateways as the program has them, with one token for all.
type doors struct {
	store  *access.Store
	token  string
	notary *access.Notary
	all    []*http.Server
}

func newDoors(ctx context.Context, dir string) (*doors, error) {
	store, err := access.Open(ctx, dir)
	if err != nil {
		return nil, err
	}
	d := &doors{store: store}
	if d.token, _, err = store.CreateToken(ctx, access.TokenSpec{Name: "bench", Scopes: []access.Scope{access.Read}, By: "bench"}); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	if d.notary, err = access.NewNotary([]byte("what processes of a measurement share")); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return d, nil
}

func (d *doors) headers() map[string]string {
	return map[string]string{"Authorization": "Bearer " + d.token}
}

// open has a gateway lead to an execution.
func (d *doors) open(e *execution.Execution) (string, error) {
	g, err := d.gateway()
	if err != nil {
		return "", err
	}
	e.Register(g.API())
	return d.serve(g.Handler())
}

func (d *doors) gateway() (*gateway.Service, error) {
	g, err := gateway.New(gateway.Options{
		Addr: "127.0.0.1:0", Access: d.store, AnonymousIngest: gateway.AnonymousNever, Version: Version(), Notary: func() *access.Notary { return d.notary },
	})
	if err != nil {
		return nil, err
	}
	return g, g.Close() // its handler is what is wanted
}

// serve answers on a free port of this machine.
func (d *doors) serve(h http.Handler) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	d.all = append(d.all, s)
	go func() { _ = s.Serve(l) }()
	return "http://" + l.Addr().String(), nil
}

func (d *doors) close() error {
	var errs []error
	for _, s := range d.all {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, d.store.Close())...)
}

// executions carries S1 to S6 out.
func (c *BenchServicesCmd) executions(ctx context.Context, sys IO, dir string, doors *doors, a *asking) error {
	h, err := home.New(record.MillisOf(time.Now()))
	if err != nil {
		return err
	}
	at := func(o home.Options) (string, error) {
		e, err := h.Instance(o)
		if err != nil {
			return "", err
		}
		return doors.open(e)
	}
	kept, err := at(home.Options{})
	if err != nil {
		return err
	}
	anew, err := at(home.Options{Anew: true})
	if err != nil {
		return err
	}
	many, err := c.instances(h, doors)
	if err != nil {
		return err
	}
	fmt.Fprintln(sys.Err, "settled quarters are written …") //nolint:errcheck // only words
	stored, source, err := newSettledHome(ctx, dir, h)
	if err != nil {
		return err
	}
	defer func() { _ = stored.Close() }()
	keptSQL, err := at(home.Options{Source: source, Revisions: source})
	if err != nil {
		return err
	}
	anewSQL, err := at(home.Options{Source: source, Anew: true})
	if err != nil {
		return err
	}
	for i, published := range paperServices {
		sid, key := fmt.Sprint("S", i+1), fmt.Sprint("s", i+1)
		for _, m := range []struct {
			key, label string
			at         []string
			clients    int
		}{
			{"", fmt.Sprintf("%s from request to answer, %d clients: mean, s (published %v, goal %.4f)", sid, serviceClients, published, published/10), []string{kept}, serviceClients},
			{"_cold", "  every request computed anew", []string{anew}, serviceClients},
			{"_instances", fmt.Sprintf("  by %d instances", c.Instances), many, serviceClients},
			{"_sql", "  quarters from SQLite", []string{keptSQL}, serviceClients},
			{"_sql_cold", "  quarters from SQLite, every request computed anew, one client", []string{anewSQL}, 1},
		} {
			fmt.Fprintf(sys.Err, "%s%s, %d clients …\n", sid, m.key, m.clients) //nolint:errcheck // only words
			p := ladder.Plan{Headers: doors.headers(), Clients: m.clients, Bodies: []string{h.Request(sid)}}
			for _, at := range m.at {
				p.URLs = append(p.URLs, at+"/api/v1/services/"+sid+"/execute")
			}
			r, err := a.ask(ctx, p, false)
			if err != nil {
				return err
			}
			a.out.Add(key+m.key+"_mean_seconds", m.label, r.Mean)
			a.out.Add(key+m.key+"_p99_seconds", "    99 %, s", r.P99)
			a.out.Add(key+m.key+"_per_second", "    answers a second", r.Rate)
		}
	}
	return nil
}

// instances opens several, each with a gateway of its own, that ask one another.
func (c *BenchServicesCmd) instances(h *home.Home, doors *doors) ([]string, error) {
	var at []string
	var members []execution.Member
	handlers := make([]atomic.Pointer[http.Handler], c.Instances)
	for i := range handlers { // the addresses are needed before
		url, err := doors.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*handlers[i].Load()).ServeHTTP(w, r) }))
		if err != nil {
			return nil, err
		}
		at = append(at, url)
		members = append(members, execution.Member{ID: fmt.Sprintf("i%02d", i), Name: fmt.Sprint("instance ", i+1), URL: url})
	}
	for i := range handlers {
		self := append([]execution.Member{members[i]}, append(append([]execution.Member{}, members[:i]...), members[i+1:]...)...)
		e, err := h.Instance(home.Options{Members: self, Elsewhere: askElsewhere(func() *access.Notary { return doors.notary }, nil)})
		if err != nil {
			return nil, err
		}
		g, err := doors.gateway()
		if err != nil {
			return nil, err
		}
		e.Register(g.API())
		handler := g.Handler()
		handlers[i].Store(&handler)
	}
	return at, nil
}

// settledHome is the home with its settled quarters in SQL, read and followed as the
// program does. Readings and tariffs are those in memory.
type settledHome struct {
	*home.Home
	*serviceRevisions
}

// settledRevisions follows what is settled of a model that stays.
func settledRevisions(ctx context.Context, store *ledger.Store, m *model.Model) (*serviceRevisions, error) {
	contracts, err := contract.Open(ctx, store)
	if err != nil {
		return nil, err
	}
	return newServiceRevisions(&serviceSource{model: func() *model.Model { return m }, settled: store, contracts: contracts}), nil
}

// newSettledHome writes the quarters.
func newSettledHome(ctx context.Context, dir string, h *home.Home) (*ledger.Store, *settledHome, error) {
	store, err := ledger.Open(ctx, ledger.Options{Dir: dir})
	if err != nil {
		return nil, nil, err
	}
	fail := func(err error) (*ledger.Store, *settledHome, error) { return nil, nil, errors.Join(err, store.Close()) }
	revisions, err := settledRevisions(ctx, store, h.Model)
	if err != nil {
		return fail(err)
	}
	err = h.Settlings(func(id object.ID, begin record.Millis, quarters []energy.Value) error {
		ids, err := store.IDs(ctx, []ledger.Point{settledPoint(h.Model, id)}, true)
		if err != nil {
			return err
		}
		const atOnce = 10_000
		var changes []ledger.Change
		for i, v := range quarters {
			at := begin + record.Millis(int64(i)*window.QuarterLength)
			changes = append(changes, ledger.Change{Point: ids[0], New: true, Row: ledger.Row{Start: at, End: at + record.Millis(window.QuarterLength), Value: v, Members: 1, Total: 1}})
			if len(changes) == atOnce || i == len(quarters)-1 {
				if err := store.Write(ctx, ledger.Quarters, changes); err != nil {
					return err
				}
				changes = changes[:0]
			}
		}
		return nil
	})
	if err != nil {
		return fail(err)
	}
	return store, &settledHome{h, revisions}, nil
}

// Quarters implements [energyfeed.Source].
func (s *settledHome) Quarters(ctx context.Context, id object.ID, from, to record.Millis, each func(i int, v *energy.Value)) error {
	return s.source.Quarters(ctx, id, from, to, each)
}

// Follow implements [keep.Revisions].
func (s *settledHome) Follow(ctx context.Context, id object.ID) error {
	return s.serviceRevisions.Follow(ctx, id)
}

// Now implements [keep.Revisions].
func (s *settledHome) Now(ctx context.Context) (keep.Revision, error) {
	return s.serviceRevisions.Now(ctx)
}

// Changed implements [keep.Revisions].
func (s *settledHome) Changed(id object.ID, after int64) bool {
	return s.serviceRevisions.Changed(id, after)
}
