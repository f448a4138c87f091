package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/aggregate"
	"github.com/wattwerk/wattwerk/aggregate/tick"
	"github.com/wattwerk/wattwerk/bridge"
	"github.com/wattwerk/wattwerk/bridge/intake"
	"github.com/wattwerk/wattwerk/bridge/mqtt"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/fleet"
	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/history/remote"
	"github.com/wattwerk/wattwerk/history/tsdb"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/live"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/registry"
	"github.com/wattwerk/wattwerk/uplink"
)

func startBus(ctx context.Context, p *process) (running, error) {
	c := p.config.Bus
	mqtt, err := mqttAddress(p)
	if err != nil {
		return running{}, err
	}
	o, err := c.external()
	if err != nil {
		return running{}, err
	}
	link, err := readLogin("bus.link_login_file", c.LinkLoginFile)
	if err != nil {
		return running{}, err
	}
	o.Dir, o.NoSync, o.MinFree, o.MaxAge = p.dir.Path(), !c.Sync, int64(c.MinFree), c.Keep.Std()
	o.Listen, o.MQTT, o.Leaf, o.LinkLogin = c.Listen, mqtt, c.Leaf.options(), link
	o.Version, o.Registerer, o.Tracer, o.Log = Version(), p.metrics, p.tracer, p.logger("bus")
	b, err := bus.Open(ctx, o)
	if err != nil {
		return running{}, err
	}
	p.bus, p.mqtt = b, mqtt
	return running{
		run: func(ctx context.Context) error {
			select {
			case <-p.bus.Broken():
				return bus.ErrBroken
			case <-ctx.Done():
				return nil
			}
		},
		stop: func(context.Context) error { b.Close(); return nil },
	}, nil
}

// trimEvery is how often what every reader has is removed from the bus.
const trimEvery = 30 * time.Second

// trim removes from the bus what all readers have safely. It belongs here,
// because only the deployment knows who the readers are.
func (p *process) trim(ctx context.Context) error {
	tick := time.NewTicker(trimEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		p.trimming.Lock()
		err := p.bus.TrimRecords(ctx, p.config.Bus.Readers...)
		p.trimming.Unlock()
		if err != nil && ctx.Err() == nil {
			p.logger("bus").Warn("bus not trimmed", "error", err)
		}
	}
}

// startFleet makes this process known to the others, if there can be any, and
// has one of them tidy the bus.
func startFleet(_ context.Context, p *process) (running, error) {
	self := fleet.Member{Name: p.config.Name, Version: Version(), Modules: p.here}
	if self.Name == "" {
		host, err := os.Hostname()
		if err != nil {
			return running{}, fmt.Errorf("name this process: %w; set a name", err)
		}
		self.Name = host
	}
	f, err := fleet.New(fleet.Options{
		Bus: p.bus, Self: self, Alone: !p.bus.Shared(), Log: p.logger("fleet"), Registerer: p.metrics,
	})
	if err != nil {
		return running{}, err
	}
	p.fleet = f
	return running{run: func(ctx context.Context) error {
		// It says goodbye when the work of this process has ended.
		g := new(errgroup.Group)
		live, leave := context.WithCancel(context.WithoutCancel(ctx))
		g.Go(func() error { return f.Run(live) })
		g.Go(func() error { return f.Tell(live, p.condition) })
		g.Go(func() error {
			defer leave()
			return f.Share(ctx, "trim", 1, func(ctx context.Context, _ int) error { return p.trim(ctx) })
		})
		return g.Wait()
	}}, nil
}

// mqttAddress decides where sensors publish. The embedded server would only
// log that its port is taken, so that is found out here. Debian starts a
// mosquitto on that very port when its package is installed; a first try of
// wattwerk should not fail for that, a written-out wish should.
//
// Without the bridge in this process nobody would take what they publish.
func mqttAddress(p *process) (string, error) {
	c := p.config.Bus
	if c.MQTT == "off" || c.NATS != "" || !p.bridges {
		return "", nil
	}
	addr := c.MQTT
	if addr == "auto" {
		addr = DefaultMQTT
	}
	l, err := net.Listen("tcp", addr)
	if err == nil {
		return addr, l.Close()
	}
	if c.MQTT == "auto" {
		p.noMQTT = addr + " is taken by another program; choose another address with --mqtt"
		p.logger("bus").Warn("mqtt port is taken, going on without", "addr", addr, "error", err)
		return "", nil
	}
	return "", fmt.Errorf("listen for MQTT on %s: %w; choose another address with --mqtt HOST:PORT, or --mqtt off", addr, err)
}

func startCatalog(ctx context.Context, p *process) (running, error) {
	p.catalog = catalog.New(p.bus, p.logger("catalog"))
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	result := make(chan error, 1)
	go func() { result <- p.catalog.Run(own) }()
	// It is part of having started that the model is known.
	select {
	case <-p.catalog.Ready():
	case <-ctx.Done():
		cancel()
		return running{}, errors.Join(ctx.Err(), <-result)
	case err := <-result:
		cancel()
		return running{}, errors.Join(errors.New("the model could not be followed"), err)
	}
	return running{run: func(told context.Context) error {
		defer cancel()
		select {
		case <-told.Done():
			cancel()
			return <-result
		case err := <-result:
			return err
		}
	}}, nil
}

// startSeen has those know what sensors were seen who are asked about them.
func startSeen(_ context.Context, p *process) (running, error) {
	for _, name := range []string{"registry", "history", "settlement"} {
		if slices.Contains(p.here, name) {
			p.seen = registry.NewSeen(p.bus, p.logger("registry"))
			return running{run: p.seen.Run}, nil
		}
	}
	return running{}, nil
}

func startRegistry(_ context.Context, p *process) (running, error) {
	s, err := registry.New(registry.Options{Bus: p.bus, Catalog: p.catalog, Seen: p.seen, Log: p.logger("registry"), Actor: actor})
	if err != nil {
		return running{}, err
	}
	p.registry = s
	return running{run: s.Run}, nil
}

// actor names who makes a request, for revisions.
func actor(ctx context.Context) string {
	if who, ok := access.From(ctx); ok && who.Name != "" {
		return who.Name
	}
	return "unknown"
}

// historyDir is where the blocks are, below the data directory.
const historyDir = "history"

// openHistory opens the store that the settings name.
func openHistory(ctx context.Context, c *Config, dir string, log *slog.Logger, metrics prometheus.Registerer) (history.Store, error) {
	h := c.History
	if h.Store == storeRemote {
		return remote.Open(ctx, h.Remote.options(h.Late.Std(), h.Retention.Std(), log))
	}
	return tsdb.Open(tsdb.Options{
		Dir: dir, Retention: h.Retention.Std(), Window: h.Late.Std(), MinFree: int64(c.Bus.MinFree) / 2,
		// The TSDB tells of every block it writes.
		Log: slog.New(atLeast{log.Handler(), slog.LevelWarn}), Registerer: metrics,
	})
}

func startHistory(ctx context.Context, p *process) (running, error) {
	c, log := p.config.History, p.logger("history")
	store, err := openHistory(ctx, &p.config, p.dir.Join(historyDir), log, p.metrics)
	if err != nil {
		return running{}, err
	}
	flushEvery, flushSamples := c.FlushEvery.Std(), uint64(0)
	if c.Store == storeRemote {
		flushEvery, flushSamples = c.Remote.FlushEvery.Std(), uint64(c.Remote.Buffer)/4
	}
	o := history.Options{
		Bus: p.bus, Catalog: p.catalog, Store: store, Share: p.shareHistory(), FlushEvery: flushEvery, FlushSamples: flushSamples, Log: log, Registerer: p.metrics,
	}
	marks, err := p.watcher(ctx)
	if err != nil {
		return running{}, errors.Join(err, store.Close())
	}
	if marks != nil {
		o.Watcher = marks
	}
	s, err := history.New(o)
	if err != nil {
		return running{}, errors.Join(err, store.Close())
	}
	p.history, p.store = s, store
	return running{run: func(ctx context.Context) error {
		if marks == nil || marks.Apart {
			return s.Run(ctx)
		}
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() error { return s.Run(ctx) })
		g.Go(func() error {
			marks.Run(ctx, func(err error) { log.Warn("what has to be settled again is not noted, trying again", "error", err) })
			return nil
		})
		return g.Wait()
	}, stop: func(context.Context) error {
		err := store.Close()
		if errors.Is(err, history.ErrNoRoom) || errors.Is(err, history.ErrAway) || errors.Is(err, history.ErrBroken) {
			// It is said once more, so that nobody wonders; the bus has all of it.
			log.Warn("history not written out, it is read from the bus next time", "error", err)
			return nil
		}
		return err
	}}, nil
}

// waitsAfter is when a process that has nothing to do says so.
const waitsAfter = 10 * time.Second

// shareHistory decides who reads which stream into the store. A database is one
// for all processes, so each takes its part. A store in the data directory is
// whole or worth nothing: one process reads everything into its own, and
// another one that runs the module waits until that has ended.
func (p *process) shareHistory() run.Share {
	if p.config.History.Store == storeRemote {
		return p.fleet.Share
	}
	return func(ctx context.Context, name string, pieces int, work run.Work) error {
		waits := time.AfterFunc(waitsAfter, func() {
			p.logger("history").Warn("another process keeps the history in its own data directory; this one stores nothing, and knows nothing new, until that one has ended")
		})
		defer waits.Stop()
		return p.fleet.Share(ctx, "history-here", 1, func(ctx context.Context, _ int) error {
			waits.Stop()
			go p.takeTurn(ctx)
			return run.Alone(ctx, name, pieces, work)
		})
	}
}

func startAggregate(_ context.Context, p *process) (running, error) {
	timing := tick.DefaultTiming()
	timing.Grace = p.config.Aggregate.Grace.Std().Milliseconds()
	o := aggregate.Options{Bus: p.bus, Catalog: p.catalog, Log: p.logger("aggregate"), Registerer: p.metrics, Timing: timing, Share: p.fleet.Share}
	if slices.Contains(p.config.Bus.Readers, history.Reader) {
		o.HistoryReader = history.AggregatesReader
	}
	if len(p.config.Uplink.Sums) > 0 {
		o.OtherReader = uplink.AggregatesReader
	}
	s, err := aggregate.New(o)
	if err != nil {
		return running{}, err
	}
	p.aggregate = s
	return running{run: s.Run}, nil
}

func startBridge(ctx context.Context, p *process) (running, error) {
	what, err := p.config.Bridge.mappings()
	if err != nil {
		return running{}, err
	}
	o := bridge.Options{Bus: p.bus, Model: sensors{p.catalog}, Config: what.Config, Registerer: p.metrics, Log: p.logger("bridge")}
	if p.bus.Shared() {
		self := p.fleet.Self()
		o.Self = intake.Peer{ID: self.ID, Name: self.Name}
		o.Peers = func() (all []intake.Peer) {
			for _, m := range p.fleet.With("bridge") {
				all = append(all, intake.Peer{ID: m.ID, Name: m.Name})
			}
			return all
		}
	}
	s, err := bridge.New(o)
	if err != nil {
		return running{}, err
	}
	m, err := mqtt.New(mqtt.Options{
		Bridge: s, Bus: p.bus, Listen: p.mqtt != "", Config: what.MQTT, Log: p.logger("bridge"),
		Exclusive: p.exclusive,
	})
	if err != nil {
		return running{}, err
	}
	if p.mqtt != "" {
		if err := m.Prepare(ctx); err != nil {
			return running{}, err
		}
	}
	p.bridge = s
	if p.meters, err = p.newMeters(); err != nil {
		return running{}, err
	}
	return running{run: func(ctx context.Context) error {
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() error { return s.Run(ctx) })
		g.Go(func() error { return m.Run(ctx) })
		g.Go(func() error { return p.meters.Run(ctx) })
		return g.Wait()
	}}, nil
}

// sensors answers what bridges ask about the model.
type sensors struct{ *catalog.Catalog }

func (s sensors) Sensor(id record.SensorID) (bridge.Sensor, bool) {
	sensor, ok := s.State().Model.Sensor(id)
	if !ok {
		return bridge.Sensor{}, false
	}
	return bridge.Sensor{Quantity: sensor.Quantity, Virtual: sensor.Formula != ""}, true
}

// virtual tells whether the values of a sensor follow from a formula.
func (s sensors) virtual(id record.SensorID) bool {
	sensor, ok := s.State().Model.Sensor(id)
	return ok && sensor.Formula != ""
}

func startGateway(_ context.Context, p *process) (running, error) {
	s, err := live.New(live.Options{Bus: p.bus, Log: p.logger("live")})
	if err != nil {
		return running{}, err
	}
	p.live = s
	return running{run: s.Run}, nil
}

// startHTTP is last: from here on everything that was registered is answered.
func startHTTP(ctx context.Context, p *process) (running, error) {
	if err := p.registerMetrics(); err != nil {
		return running{}, err
	}
	var err error
	if p.notary, err = p.newNotary(ctx); err != nil {
		return running{}, err
	}
	p.register(p.gateway.API())
	closeAll, err := p.forward()
	if err != nil {
		closeAll()
		return running{}, err
	}
	at, err := p.config.Gateway.advertised(p.gateway.Addr())
	if err != nil {
		closeAll()
		return running{}, err
	}
	if err := p.announce(ctx); err != nil {
		closeAll()
		return running{}, err
	}
	return running{
		run: func(ctx context.Context) error {
			p.fleet.Reachable(at)
			// No more is sent here while it ends what it has begun.
			defer context.AfterFunc(ctx, func() { p.fleet.Reachable("") })()
			return p.gateway.Run(ctx)
		},
		stop: func(context.Context) error { closeAll(); return nil },
	}, nil
}
