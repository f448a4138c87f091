package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/record"
)

// Limits.
const (
	DefaultGroups = 2000 // groups of a hierarchy in an event, unless some are named
	MaxClients    = 1000
	waitingTicks  = 4   // per client and hierarchy; then the newest alone stays
	waitingValues = 100 // per client and sensor; then the oldest go
	forgetAfter   = 5 * time.Minute
	stalledAfter  = 10 * time.Second // then a hierarchy may begin anew at an earlier time
)

var errTooMany = errors.New("too many clients follow the live stream already")

// Options say where to listen.
type Options struct {
	Bus *bus.Bus
	Log *slog.Logger
}

// Service follows the bus and serves [Service.Register]'s route.
type Service struct {
	bus *bus.Bus
	log *slog.Logger

	mu      sync.Mutex
	running bool
	done    chan struct{} // closed when Run ends
	last    map[course]*tick
	clients map[*client]struct{}
	lanes   map[int]*lane // per partition that somebody asks sensors of
}

// lane is the subscription to one partition of the records.
type lane struct {
	sub    *nats.Subscription
	wanted map[record.SensorID]map[*client]struct{}
	known  *record.Columns[map[uint32]record.SensorID]
}

// tick is one tick, shared by all clients.
type tick struct {
	layout  *layout
	preview bool
	record.Tick
	seen time.Time

	once sync.Once
	json []byte // as a client without wishes gets it
}

// layout is what ticks of one hierarchy and set of groups share.
type layout struct {
	hierarchy string
	revision  uint64
	groups    []string
	column    []byte
	part      uint32 // of a hierarchy that comes in parts
	once      sync.Once
	at        map[string]int
}

func (l *layout) index(group string) (int, bool) {
	l.once.Do(func() {
		l.at = make(map[string]int, len(l.groups))
		for i, g := range l.groups {
			l.at[g] = i
		}
	})
	i, ok := l.at[group]
	return i, ok
}

// New makes a service; it needs a bus.
func New(o Options) (*Service, error) {
	if o.Bus == nil {
		return nil, errors.New("open live: there is no bus")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{
		bus: o.Bus, log: o.Log, done: make(chan struct{}), last: make(map[course]*tick),
		clients: make(map[*client]struct{}), lanes: make(map[int]*lane),
	}, nil
}

// Run follows the bus until the context ends, then ends all streams. It is
// called once.
func (s *Service) Run(ctx context.Context) error {
	var subs []*nats.Subscription
	for subject, preview := range map[string]bool{"aggregates.*": false, "previews.*": true} {
		sub, err := s.bus.Conn().Subscribe(subject, func(m *nats.Msg) { s.aggregates(m.Data, preview, time.Now()) })
		if err != nil {
			return fmt.Errorf("follow the aggregates: %w", err)
		}
		// Live is worth nothing late: a few seconds of messages, then drop.
		if err := sub.SetPendingLimits(10_000, 256<<20); err != nil {
			return fmt.Errorf("follow the aggregates: %w", err)
		}
		subs = append(subs, sub)
	}
	s.mu.Lock()
	s.running = true
	for p := range s.lanes {
		s.follow(p)
	}
	s.mu.Unlock()
	<-ctx.Done()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = false
	close(s.done)
	// The connection may be gone before us; then so are the subscriptions.
	for _, sub := range subs {
		_ = sub.Unsubscribe()
	}
	for _, l := range s.lanes {
		if l.sub != nil {
			_ = l.sub.Unsubscribe()
		}
	}
	return nil
}

// course tells ticks of one hierarchy from their previews, which run ahead, and
// the parts of a wide one from one another.
type course struct {
	hierarchy string
	preview   bool
	part      uint32
}

// aggregates takes one message of the aggregates stream, or previews.
func (s *Service) aggregates(data []byte, preview bool, now time.Time) {
	var t record.Ticks
	if err := t.Decode(data); err != nil {
		s.log.Warn("aggregate not understood", "error", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for h, old := range s.last {
		if now.Sub(old.seen) > forgetAfter {
			delete(s.last, h)
		}
	}
	way := course{t.Hierarchy, preview, t.Part}
	before := s.last[way]
	var l *layout
	if before != nil && before.layout.revision == t.Revision && string(before.layout.column) == string(t.GroupColumn()) {
		l = before.layout
	} else {
		l = &layout{hierarchy: t.Hierarchy, revision: t.Revision, groups: t.Groups, column: t.GroupColumn(), part: t.Part}
	}
	for _, k := range t.Ticks {
		// Two owners for a moment, or a message delivered twice, repeat ticks.
		if before != nil && k.Time <= before.Time && now.Sub(before.seen) < stalledAfter {
			continue
		}
		next := &tick{layout: l, preview: preview, Tick: k, seen: now}
		if len(l.groups) > 0 {
			for c := range s.clients {
				c.offer(next)
			}
		}
		if !preview {
			s.values(t.Sensors, &k)
		}
		before = next
	}
	if before != nil {
		s.last[way] = before
	}
}

// values offers the values of virtual sensors. The lock is held.
func (s *Service) values(ids []record.SensorID, k *record.Tick) {
	if len(s.lanes) == 0 {
		return
	}
	for i, id := range ids {
		if l := s.lanes[record.Partition(id, s.bus.Partitions())]; l != nil {
			for c := range l.wanted[id] {
				c.offerValue(id, k.Time, k.Values[i])
			}
		}
	}
}

// records takes one message of a records stream.
func (s *Service) records(p int, data []byte) {
	var b record.Batch
	if err := b.Decode(data); err != nil {
		s.log.Warn("records not understood", "error", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lanes[p]
	if l == nil {
		return
	}
	asked := l.known.Get(b.SensorColumn(), func() []map[uint32]record.SensorID {
		m := make(map[uint32]record.SensorID)
		for i, id := range b.Names() {
			if _, ok := l.wanted[id]; ok {
				m[uint32(i)] = id
			}
		}
		return []map[uint32]record.SensorID{m}
	})[0]
	if len(asked) == 0 {
		return
	}
	for i := range b.Values {
		at := uint32(i)
		if len(b.Index) > 0 {
			at = b.Index[i]
		}
		if id, ok := asked[at]; ok {
			for c := range l.wanted[id] {
				c.offerValue(id, b.Times[i], b.Values[i])
			}
		}
	}
}

// follow subscribes to the records of a partition. The lock is held.
func (s *Service) follow(p int) {
	l := s.lanes[p]
	if l == nil || l.sub != nil || !s.running {
		return
	}
	sub, err := s.bus.Conn().Subscribe("records."+strconv.Itoa(p), func(m *nats.Msg) { s.records(p, m.Data) })
	if err != nil {
		s.log.Error("records not followed", "partition", p, "error", err)
		return
	}
	if err := sub.SetPendingLimits(10_000, 256<<20); err != nil {
		s.log.Warn("records followed without limit", "partition", p, "error", err)
	}
	l.sub = sub
}

// join adds a client with its wishes.
func (s *Service) join(c *client) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.clients) >= MaxClients {
		return errTooMany
	}
	s.clients[c] = struct{}{}
	for _, id := range c.sensors {
		p := record.Partition(id, s.bus.Partitions())
		l := s.lanes[p]
		if l == nil {
			l = &lane{
				wanted: make(map[record.SensorID]map[*client]struct{}),
				known:  record.NewColumns[map[uint32]record.SensorID](4 << 20),
			}
			s.lanes[p] = l
		}
		if l.wanted[id] == nil {
			l.wanted[id] = make(map[*client]struct{})
			l.known.Forget()
		}
		l.wanted[id][c] = struct{}{}
		s.follow(p)
	}
	ways := slices.SortedFunc(maps.Keys(s.last), func(a, b course) int { return strings.Compare(a.hierarchy, b.hierarchy) })
	for _, way := range ways {
		if !way.preview && len(s.last[way].layout.groups) > 0 { // a preview of before is worth nothing
			c.offer(s.last[way])
		}
	}
	return nil
}

// leave removes a client, and subscriptions nobody needs any more.
func (s *Service) leave(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, c)
	for _, id := range c.sensors {
		p := record.Partition(id, s.bus.Partitions())
		l := s.lanes[p]
		if l == nil {
			continue
		}
		if delete(l.wanted[id], c); len(l.wanted[id]) == 0 {
			delete(l.wanted, id)
			l.known.Forget()
		}
		if len(l.wanted) == 0 {
			if l.sub != nil {
				_ = l.sub.Unsubscribe()
			}
			delete(s.lanes, p)
		}
	}
}
