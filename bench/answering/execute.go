package answering

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/wattwerk/wattwerk/bench/home"
	"github.com/wattwerk/wattwerk/bench/ladder"
	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/execution"
	"github.com/wattwerk/wattwerk/service/keep"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// paperServices are the published times from request to answer, s, with so many
// clients.
var paperServices = [6]float64{.190384, .251513, .2016, .125503, .186217, .14}

const serviceClients = 50

// executions carries S1 to S6 out.
func (o *Options) executions(ctx context.Context, dir string, doors *doors, a *asking) error {
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
	many, err := o.instances(h, doors)
	if err != nil {
		return err
	}
	o.Say("settled quarters are written …")
	stored, source, err := o.settle(ctx, dir, h)
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
			{"_instances", fmt.Sprintf("  by %d instances", o.Instances), many, serviceClients},
			{"_sql", "  quarters from SQLite", []string{keptSQL}, serviceClients},
			{"_sql_cold", "  quarters from SQLite, every request computed anew, one client", []string{anewSQL}, 1},
		} {
			o.Say("%s%s, %d clients …", sid, m.key, m.clients)
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
func (o *Options) instances(h *home.Home, doors *doors) ([]string, error) {
	var at []string
	var members []execution.Member
	handlers := make([]atomic.Pointer[http.Handler], o.Instances)
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
		e, err := h.Instance(home.Options{Members: self, Elsewhere: o.Elsewhere(doors.notary)})
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
	settled Settled
}

// settle writes the quarters of the home.
func (o *Options) settle(ctx context.Context, dir string, h *home.Home) (*ledger.Store, *settledHome, error) {
	store, err := ledger.Open(ctx, ledger.Options{Dir: dir})
	if err != nil {
		return nil, nil, err
	}
	fail := func(err error) (*ledger.Store, *settledHome, error) { return nil, nil, errors.Join(err, store.Close()) }
	settled, err := o.Settled(ctx, store, h.Model)
	if err != nil {
		return fail(err)
	}
	err = h.Settlings(func(id object.ID, begin record.Millis, quarters []energy.Value) error {
		ids, err := store.IDs(ctx, []ledger.Point{settled.Point(id)}, true)
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
	return store, &settledHome{h, settled}, nil
}

// Quarters implements [feed.Source].
func (s *settledHome) Quarters(ctx context.Context, id object.ID, from, to record.Millis, each func(i int, v *energy.Value)) error {
	return s.settled.Quarters(ctx, id, from, to, each)
}

// Follow implements [keep.Revisions].
func (s *settledHome) Follow(ctx context.Context, id object.ID) error {
	return s.settled.Follow(ctx, id)
}

// Now implements [keep.Revisions].
func (s *settledHome) Now(ctx context.Context) (keep.Revision, error) { return s.settled.Now(ctx) }

// Changed implements [keep.Revisions].
func (s *settledHome) Changed(id object.ID, after int64) bool { return s.settled.Changed(id, after) }
