package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/run"
)

// Beats is how many heartbeats a process may miss, counted by those of the
// observer, until it is taken for dead.
const Beats = 5

// DefaultTTL is how long after its last heartbeat a process is taken for dead.
const DefaultTTL = 2500 * time.Millisecond

// bucket is the name of the key-value bucket.
const bucket = "fleet"

// news is the subject on which a process says that its heartbeat has something
// new to tell. Whoever misses it hears of it in the rhythm of heartbeats.
const news = "fleet.news"

// patience is for one request to the bus.
const patience = 2 * time.Second

// Options say who we are. Bus is needed unless Alone.
type Options struct {
	Bus   *bus.Bus
	Self  Member // ID and Since are made when empty
	Alone bool   // nobody else can be there: all work is ours at once, and nothing is said on the bus
	// TTL is how long after its last heartbeat a process is dead; default
	// DefaultTTL. All processes of an installation use the same.
	TTL        time.Duration
	Log        *slog.Logger
	Registerer prometheus.Registerer // may be nil
}

// Fleet is what this process knows of the others.
type Fleet struct {
	opts  Options
	log   *slog.Logger
	every time.Duration // between heartbeats

	mu      sync.Mutex
	kv      jetstream.KeyValue // nil: not there, or to be made again
	view    *view
	listed  []Member // alive when that last changed
	shares  []string // we take part in
	beats   uint64
	stir    chan struct{}  // closed at the next change of anything
	changed chan struct{}  // closed at the next change of Members
	urge    chan struct{}  // a heartbeat is wanted now
	alone   map[string]int // pieces of shares, where nobody else can be there
	tell    func(context.Context) (any, error)

	moves   *prometheus.CounterVec
	pieces  *prometheus.GaugeVec
	changes prometheus.Gauge
}

// New checks the options.
func New(o Options) (*Fleet, error) {
	if o.Bus == nil && !o.Alone {
		return nil, errors.New("make fleet: a bus is needed")
	}
	if o.TTL == 0 {
		o.TTL = DefaultTTL
	}
	if o.TTL < 100*time.Millisecond {
		return nil, fmt.Errorf("make fleet: a TTL of %v is too short, 100ms is the least", o.TTL)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Self.ID == "" {
		o.Self.ID = ulid.Make().String()
	}
	if o.Self.Since.IsZero() {
		o.Self.Since = time.Now().UTC()
	}
	f := &Fleet{
		opts: o, log: o.Log, every: o.TTL / Beats, view: newView(o.Self.ID),
		stir: make(chan struct{}), changed: make(chan struct{}), urge: make(chan struct{}, 1), alone: make(map[string]int),
	}
	f.moves = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "wattwerk_fleet_moves_total", Help: "Pieces of shared work that this process took, gave up by plan, or lost to another process.",
	}, []string{"share", "how"})
	f.pieces = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "wattwerk_fleet_pieces", Help: "Pieces of shared work this process works on.",
	}, []string{"share"})
	f.changes = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "wattwerk_fleet_last_move_timestamp_seconds", Help: "When this process last took, gave up or lost a piece.",
	})
	if o.Registerer != nil {
		members := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "wattwerk_fleet_members", Help: "Processes of the installation that are alive, as seen by this one.",
		}, func() float64 { return float64(len(f.Members())) })
		for _, c := range []prometheus.Collector{f.moves, f.pieces, f.changes, members} {
			if err := o.Registerer.Register(c); err != nil {
				return nil, fmt.Errorf("make fleet: %w", err)
			}
		}
	}
	return f, nil
}

// Self is this process.
func (f *Fleet) Self() Member {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.opts.Self
}

// Reachable says where other processes reach the HTTP face of this one from
// now on; empty: nowhere.
func (f *Fleet) Reachable(url string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opts.Self.URL = url
	poke(f.urge)
}

// Members are the processes alive now, this one included, by ID.
func (f *Fleet) Members() []Member {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.view.live()
	if !slices.ContainsFunc(all, func(m Member) bool { return m.ID == f.opts.Self.ID }) {
		all = append(all, f.opts.Self)
	}
	return all
}

// With gives those of them that run a module.
func (f *Fleet) With(module string) []Member {
	return slices.DeleteFunc(f.Members(), func(m Member) bool { return !slices.Contains(m.Modules, module) })
}

// Changed is closed at the next change of Members.
func (f *Fleet) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

// Run keeps this process among the living and follows the others until ctx
// ends. It never fails: while the bus is away it goes on trying.
func (f *Fleet) Run(ctx context.Context) error {
	if f.opts.Alone {
		<-ctx.Done()
		return nil
	}
	for ctx.Err() == nil {
		if err := f.follow(ctx); err != nil && ctx.Err() == nil {
			f.log.Warn("following the other processes failed, trying again", "error", err)
			run.Pause(ctx, f.every)
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if kv := f.bucket(); kv != nil {
		err := kv.Delete(last, memberKey(f.opts.Self.ID))
		if err == nil {
			err = f.opts.Bus.Conn().Publish(news, nil)
		}
		if err != nil {
			f.log.Warn("could not say goodbye", "error", err) // they find out by themselves
		}
	}
	return nil
}

func (f *Fleet) bucket() jetstream.KeyValue {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.kv
}

// errStale says that the bucket is not what it was.
var errStale = errors.New("heartbeats do not come back")

// follow opens the bucket, beats, and follows it until something fails. Claims
// are told of as they change. Heartbeats are fetched, all at once, when one of
// our own was stored: to be told of each would wake every process for every
// heartbeat of every other.
func (f *Fleet) follow(ctx context.Context) error {
	kv, err := f.open(ctx)
	if err != nil {
		return err
	}
	members := &roll{bus: f.opts.Bus, within: patience}
	end, err := members.begin(ctx)
	if err != nil {
		return fmt.Errorf("follow heartbeats: %w", err)
	}
	defer end()
	claims, err := kv.Watch(ctx, claimPrefix+">")
	if err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	defer claims.Stop() //nolint:errcheck // it ends with the connection
	told := make(chan struct{}, 1)
	sub, err := f.opts.Bus.Conn().Subscribe(news, func(*nats.Msg) { poke(told) })
	if err != nil {
		return fmt.Errorf("listen for news: %w", err)
	}
	defer sub.Unsubscribe() //nolint:errcheck // it ends with the connection
	f.mu.Lock()
	f.kv = kv
	f.view = newView(f.opts.Self.ID) // the bucket may be another than before
	f.mu.Unlock()
	urged, telling := false, false // there is something new to tell; the heartbeat under way tells it
	say := func(n uint64) error {
		if busy, err := members.beating(); busy || err != nil {
			urged = urged || n == 0
			return err
		}
		urged, telling = false, urged || n == 0
		return f.beat(members, n)
	}
	if err := say(1); err != nil {
		return err
	}
	beat := time.NewTimer(run.Until(f.every))
	defer beat.Stop()
	for heard := time.Now(); ; {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-f.urge:
			err = say(0)
		case <-beat.C:
			if time.Since(heard) > max(2*f.opts.TTL, patience) {
				return errStale
			}
			beat.Reset(run.Until(f.every))
			if err = say(1); err == nil {
				err = f.bury(ctx, kv)
			}
		case <-told:
			err = members.fetch(ctx)
		case m := <-members.mail:
			var l letter
			if l, err = members.open(ctx, m); err != nil {
				break
			}
			if l.entry != nil {
				if l.entry.key == memberKey(f.opts.Self.ID) {
					heard = time.Now()
				}
				f.apply(*l.entry)
			}
			if l.stored == 0 {
				break
			}
			if err = f.stored(l.stored, telling); err == nil {
				err = members.fetch(ctx)
			}
			if err == nil && urged {
				err = say(0)
			}
		case u, ok := <-claims.Updates():
			switch {
			case !ok:
				return errors.New("watch: ended")
			case u == nil: // all that was there before has come
				f.settle()
			default:
				f.apply(entry{key: u.Key(), revision: u.Revision(), gone: u.Operation() != jetstream.KeyValuePut, value: u.Value(), stored: u.Created()})
			}
		}
		if err != nil {
			return err
		}
	}
}

// poke wakes who waits for a channel that holds one.
func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// open makes the bucket where it is missing.
func (f *Fleet) open(ctx context.Context) (jetstream.KeyValue, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	js := f.opts.Bus.JetStream()
	kv, err := js.KeyValue(ctx, bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: bucket, Description: "Who lives, and who works on what; in memory only.", History: 1,
			Storage: jetstream.MemoryStorage, Replicas: f.opts.Bus.Replicas(),
		})
		if errors.Is(err, jetstream.ErrBucketExists) { // somebody was faster
			kv, err = js.KeyValue(ctx, bucket)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", bucket, err)
	}
	return kv, nil
}

// beat says that we live. n is what it counts: 1 in rhythm, otherwise 0.
func (f *Fleet) beat(members *roll, n uint64) error {
	f.mu.Lock()
	f.beats += n
	p := presence{Member: f.opts.Self, Shares: slices.Clone(f.shares), Beat: f.beats}
	f.mu.Unlock()
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return members.beat(p.ID, data)
}

// stored notes that a heartbeat of our own was stored, which may have come back
// before, and tells the news if there are any in it.
func (f *Fleet) stored(revision uint64, telling bool) error {
	f.mu.Lock()
	mine := f.view.mine
	f.mu.Unlock()
	if revision < mine {
		return errAnew
	}
	if telling {
		if err := f.opts.Bus.Conn().Publish(news, nil); err != nil {
			return fmt.Errorf("tell the news: %w", err)
		}
	}
	return nil
}

// bury removes what is left of those who died long ago.
func (f *Fleet) bury(ctx context.Context, kv jetstream.KeyValue) error {
	f.mu.Lock()
	dead := f.view.buried()
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, id := range dead {
		if err := kv.Purge(ctx, memberKey(id)); err != nil {
			return fmt.Errorf("bury %s: %w", id, err)
		}
	}
	return nil
}

// apply takes an entry and wakes whom it concerns.
func (f *Fleet) apply(e entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	changed, err := f.view.take(e, f.every)
	if err != nil {
		f.log.Warn("an entry of the fleet cannot be read", "error", err)
		return
	}
	if changed {
		f.stirred()
	}
}

// settle notes that all claims of before have come.
func (f *Fleet) settle() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.view.claimed = true
	f.stirred()
}

// stirred wakes whom a change of the view concerns.
func (f *Fleet) stirred() {
	close(f.stir)
	f.stir = make(chan struct{})
	now := f.view.live()
	if !slices.EqualFunc(f.listed, now, func(a, b Member) bool { return a.ID == b.ID && a.URL == b.URL && slices.Equal(a.Modules, b.Modules) }) {
		f.listed = now
		close(f.changed)
		f.changed = make(chan struct{})
	}
}

// join and leave say in which shares we take part, at once.
func (f *Fleet) join(share string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.Contains(f.shares, share) {
		return fmt.Errorf("share %s: this process takes part already", share)
	}
	f.shares = append(f.shares, share)
	poke(f.urge)
	return nil
}

func (f *Fleet) leave(share string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shares = slices.DeleteFunc(f.shares, func(s string) bool { return s == share })
	poke(f.urge)
}
