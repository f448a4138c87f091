package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/bridge/intake"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/record"
)

// Limits of what one delivery costs.
const (
	chunk       = 20_000 // records stored at once; a large message is stored in several writes
	maxLetters  = 100    // dead letters of one delivery told one by one; the rest in one more
	maxReasons  = 10     // reasons told to the sender
	maxRefused  = 10_000 // refused readings after which the rest of a delivery is not looked at
	futureBound = 5 * time.Minute
)

// Model is what bridges ask about sensors.
type Model interface {
	// Sensor gives what is known of a sensor, and whether there is such a sensor.
	Sensor(record.SensorID) (s Sensor, known bool)
}

// Sensor is what bridges need to know of a sensor.
type Sensor struct {
	Quantity record.Quantity // what it measures; "" when that is not known
	Virtual  bool            // its values follow from those of others, so nobody may send any
}

// Store is what bridges need of a bus; [BusStore] makes one.
type Store interface {
	// Write returns nil when all records are stored.
	Write(ctx context.Context, rs []record.Record) error
	// Bury returns nil when the dead letter is stored.
	Bury(ctx context.Context, d bus.DeadLetter) error
}

// Options of a [Service].
type Options struct {
	Bus    *bus.Bus
	Model  Model // nil: every sensor is unknown
	Config Config
	Now    func() time.Time // default time.Now
	Log    *slog.Logger

	// Self names this process among those that take readings in, and Peers
	// gives the names of all that do now; both empty: it is alone.
	Self  intake.Peer
	Peers func() []intake.Peer

	Registerer prometheus.Registerer // may be nil

	MaxBody    int64 // bytes of an HTTP body as sent; default 16 MiB
	MaxContent int64 // bytes of an HTTP body when unpacked; default 64 MiB
	MaxMemory  int64 // bytes of all HTTP bodies under way; default 256 MiB
}

// Service stores what bridges take in.
type Service struct {
	opts    Options
	bus     *bus.Bus
	store   Store
	log     *slog.Logger
	now     func() time.Time
	memory  atomic.Int64 // bytes of bodies under way
	jsons   map[string]Bridge
	pdu     Bridge
	influx  *influx
	remote  *remote
	seen    seen
	mu      sync.Mutex
	intakes map[string]*counter
	away    *prometheus.CounterVec
}

// Config says what messages mean, where they do not say so themselves.
type Config struct {
	JSON        []Mapping    `yaml:"json" json:"json"`
	Influx      InfluxConfig `yaml:"influx" json:"influx"`
	RemoteWrite RemoteConfig `yaml:"remote_write" json:"remote_write"`
}

// DefaultConfig takes everything as its sender names it.
func DefaultConfig() Config {
	return Config{Influx: DefaultInflux(), RemoteWrite: DefaultRemote()}
}

// Validate says in a sentence what is wrong, or nil.
func (c Config) Validate() error {
	names := map[string]bool{}
	for i := range c.JSON {
		if err := c.JSON[i].Validate(); err != nil {
			return err
		}
		if names[c.JSON[i].Name] {
			return fmt.Errorf("json mapping %q is declared twice", c.JSON[i].Name)
		}
		names[c.JSON[i].Name] = true
	}
	if err := c.Influx.Validate(); err != nil {
		return err
	}
	return c.RemoteWrite.Validate()
}

// New checks the options. Nothing runs yet.
func New(o Options) (*Service, error) {
	if o.Bus == nil {
		return nil, errors.New("make bridges: no bus")
	}
	return newService(o, &busStore{o.Bus, o.Bus.NewWriter()})
}

type busStore struct {
	*bus.Bus
	w *bus.Writer
}

func (b *busStore) Write(ctx context.Context, rs []record.Record) error { return b.w.Write(ctx, rs) }

func newService(o Options, store Store) (*Service, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaxBody == 0 {
		o.MaxBody = 16 << 20
	}
	if o.MaxContent == 0 {
		o.MaxContent = 64 << 20
	}
	if o.MaxMemory == 0 {
		o.MaxMemory = 256 << 20
	}
	s := &Service{
		opts: o, bus: o.Bus, store: store, log: o.Log, now: o.Now,
		jsons: make(map[string]Bridge), pdu: PDU(), intakes: make(map[string]*counter),
		seen: seen{announced: make(map[record.SensorID]struct{}), wake: make(chan struct{}, 1)},
		away: turnedAway(),
	}
	if o.Registerer != nil {
		if err := errors.Join(o.Registerer.Register(s.away), o.Registerer.Register(collector{s})); err != nil {
			return nil, fmt.Errorf("make bridges: %w", err)
		}
	}
	if err := o.Config.Validate(); err != nil {
		return nil, fmt.Errorf("make bridges: %w", err)
	}
	s.jsons[""] = JSON(DefaultMapping())
	for _, m := range o.Config.JSON {
		s.jsons[m.Name] = JSON(m)
	}
	var err error
	if s.influx, err = newInflux(o.Config.Influx); err != nil {
		return nil, fmt.Errorf("make bridges: %w", err)
	}
	if s.remote, err = newRemote(o.Config.RemoteWrite); err != nil {
		return nil, fmt.Errorf("make bridges: %w", err)
	}
	return s, nil
}

// Run announces unknown sensors, and tells other processes what was taken here,
// until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.announce(ctx) })
	g.Go(func() error { return s.all().Run(ctx) })
	return g.Wait()
}

// all knows the intakes of all processes.
func (s *Service) all() *intake.Counter {
	return &intake.Counter{Bus: s.bus, Self: s.opts.Self, Peers: s.opts.Peers, Here: s.Intakes}
}

// Answer tells what became of what was offered.
type Answer struct {
	Accepted int      `json:"accepted" doc:"Records stored"`
	Refused  int      `json:"refused" doc:"Readings that could not be taken; each is a dead letter"`
	Filtered int      `json:"filtered" doc:"Parts left out by declaration, as voltages of a PDU are"`
	Reasons  []string `json:"reasons,omitempty" doc:"Why readings were refused, the first ten different reasons"`
}

// Take runs the messages through the bridge and stores what comes out. It
// returns when everything is stored, dead letters too.
//
// Errors: [bus.ErrBusy], [bus.ErrFull] and [bus.ErrAway] (try again later), or
// what ctx or the bus say. Then the messages should be offered again.
func (s *Service) Take(ctx context.Context, b Bridge, messages ...*Message) (Answer, error) {
	ctx, span := s.bus.Tracer().Start(ctx, "intake")
	span.Text("bridge", b.Name)
	now := record.MillisOf(s.now())
	c := s.intake(b.Name)
	d := &drain{s: s, ctx: ctx, source: b.Name, now: now}
	t := &tally{refuse: d.refuse}
	bytes := 0
	for _, m := range messages {
		if m.At == 0 {
			m.At = now
		}
		bytes += len(m.Body)
		if !b.Flow.run(m, t, func(r Reading) bool { return d.take(m, r) }) {
			break
		}
	}
	d.answer.Filtered = t.filtered
	err := d.finish()
	span.Int("records", d.answer.Accepted)
	span.End(err)
	c.count(len(messages), bytes, d.answer, now, err)
	if err != nil {
		s.away.WithLabelValues(b.Name, why(err)).Add(float64(len(messages)))
		return Answer{}, err
	}
	return d.answer, nil
}

// TakeReadings stores readings of a source that needs no decoding, as
// [Service.Take] does. An error in the sequence refuses one of them.
func (s *Service) TakeReadings(ctx context.Context, source string, readings iter.Seq2[Reading, error]) (Answer, error) {
	flow := FromEach(func(*Message) iter.Seq2[Reading, error] { return readings })
	return s.Take(ctx, Bridge{Name: source, Flow: flow}, &Message{})
}

// drain is the end of every flow: readings become records and are stored.
type drain struct {
	s       *Service
	ctx     context.Context
	source  string
	now     record.Millis
	records []record.Record
	unknown []Seen
	letters []bus.DeadLetter
	more    bus.DeadLetter // the last of those beyond maxLetters
	cut     string         // why the rest of the delivery was not looked at
	answer  Answer
	err     error
}

func (d *drain) take(m *Message, r Reading) bool {
	rec, seen, err := d.check(m, r)
	if err != nil {
		ref := &Refusal{Reason: err, Sensor: record.SensorID(r.Sensor), Sample: r.Part, Time: m.At, unit: r.Unit, decoded: true}
		if r.Part == nil {
			// Sensor, time and value say it all; the beginning of the message would mislead.
			ref.Sample = []byte{}
		}
		if r.Time != Arrival {
			ref.Time = r.Time
		}
		if !math.IsNaN(r.Value) && !math.IsInf(r.Value, 0) {
			v := r.Value
			ref.Value = &v
		}
		return d.refuse(m, ref)
	}
	if seen.Sensor != "" {
		d.unknown = append(d.unknown, seen)
	}
	d.records = append(d.records, rec)
	return len(d.records) < chunk || d.flush()
}

// check turns a reading into a record, and says whether its sensor is to be
// announced.
func (d *drain) check(m *Message, r Reading) (rec record.Record, unknown Seen, err error) {
	rec = record.Record{Sensor: record.SensorID(r.Sensor), Time: r.Time, Value: r.Value}
	if r.Time == Arrival {
		rec.Time = m.At
	}
	quantity := r.Quantity
	if r.Unit != "" {
		var err error
		if rec.Value, quantity, err = record.Convert(r.Value, r.Unit); err != nil {
			return rec, unknown, err
		}
	}
	if err := rec.Validate(); err != nil {
		return rec, unknown, err
	}
	if ahead := rec.Time - m.At; ahead > record.Millis(futureBound.Milliseconds()) {
		return rec, unknown, phrase.Errorf(phrase.TimeAhead, phrase.Params{"time": phrase.Time(rec.Time.Time()), "seconds": float64(ahead) / 1000, "most": futureBound.Seconds()},
			"time %s is %s ahead of the clock, at most %s are taken", rec.Time, (time.Duration(ahead) * time.Millisecond).Round(time.Second), futureBound)
	}
	var sensor Sensor
	known := false
	if d.s.opts.Model != nil {
		sensor, known = d.s.opts.Model.Sensor(rec.Sensor)
	}
	switch is := sensor.Quantity; {
	case sensor.Virtual:
		return rec, unknown, phrase.Errorf(phrase.SensorVirtual, phrase.Params{"sensor": string(rec.Sensor)}, "sensor %q is virtual: its values follow from its formula, and are not sent", rec.Sensor)
	case !known:
		if d.s.seen.first(rec.Sensor) {
			unknown = Seen{Sensor: rec.Sensor, Source: d.source, Quantity: quantity, Unit: r.Unit, At: d.now}
		}
	case r.Unit != "" && is != "" && quantity != is && !alike(is, quantity):
		return rec, unknown, phrase.Errorf(phrase.UnitOther, phrase.Params{"unit": r.Unit, "measures": string(quantity), "is": string(is)}, "unit %q measures %s, but the sensor measures %s", r.Unit, quantity, is)
	}
	return rec, unknown, nil
}

// alike tells whether the unit of one quantity may be used for the other:
// units cannot tell a ratio from a power factor.
func alike(a, b record.Quantity) bool {
	return a.Unit().Code == b.Unit().Code || number(a) && number(b)
}

func number(q record.Quantity) bool {
	switch q {
	case record.Ratio, record.PowerFactor, record.Pieces, record.Humidity, record.Concentration:
		return true
	}
	return false
}

func (d *drain) refuse(m *Message, err error) bool {
	if d.err != nil {
		return false
	}
	d.answer.Refused++
	reason := strings.ToValidUTF8(err.Error(), "\uFFFD")
	if len(reason) > 500 {
		reason = strings.ToValidUTF8(reason[:500], "") + "…"
	}
	if len(d.answer.Reasons) < maxReasons && !slices.Contains(d.answer.Reasons, reason) {
		d.answer.Reasons = append(d.answer.Reasons, reason)
	}
	letter := bus.DeadLetter{Source: d.source, At: d.now}.Because(err)
	letter.Reason = reason
	sample := m.Body
	var r *Refusal
	if errors.As(err, &r) {
		letter.Sensor = r.Sensor[:min(len(r.Sensor), 2*record.MaxIDBytes)]
		letter.Time, letter.Value, letter.Unit = r.Time, r.Value, r.unit
		letter.Decoded = r.decoded && r.Value != nil && len(r.Sensor) <= record.MaxIDBytes
		if r.Sample != nil {
			sample = r.Sample
		}
	}
	letter.Sample = string(sample[:min(len(sample), bus.MaxSample)])
	if m.Topic != "" {
		letter.Sample = m.Topic + " " + letter.Sample
	}
	if len(d.letters) < maxLetters {
		d.letters = append(d.letters, letter)
	} else {
		d.more = letter
	}
	if d.answer.Refused < maxRefused {
		return true
	}
	d.cut = fmt.Sprintf("after %d faults the rest of the delivery was not looked at", maxRefused)
	d.answer.Reasons = append(d.answer.Reasons, d.cut)
	return false
}

// flush stores the records collected.
func (d *drain) flush() bool {
	if d.err != nil || len(d.records) == 0 {
		return d.err == nil
	}
	if d.err = d.s.store.Write(d.ctx, d.records); d.err != nil {
		d.s.seen.forget(d.unknown)
		return false
	}
	d.answer.Accepted += len(d.records)
	d.s.seen.queue(d.unknown)
	d.records, d.unknown = d.records[:0], nil
	return true
}

func (d *drain) finish() error {
	if !d.flush() {
		return d.err
	}
	letters := d.letters
	if n := d.answer.Refused - len(letters); n > 0 {
		d.more.Code, d.more.Params = phrase.Others, d.more.Params.With("last", d.more.Code).With("count", n)
		d.more.Reason = fmt.Sprintf("%d more of this delivery were refused, the last because: %s", n, d.more.Reason)
		if d.cut != "" {
			d.more.Reason += "; " + d.cut
			d.more.Params["faults"] = maxRefused
		}
		letters = append(letters, d.more)
	}
	var g errgroup.Group
	g.SetLimit(16)
	for _, l := range letters {
		g.Go(func() error { return d.s.store.Bury(d.ctx, l) })
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("keep dead letter: %w", err)
	}
	return nil
}

// encodeSeen is one message of the stream of announcements.
func encodeSeen(s []Seen) ([]byte, error) { return json.Marshal(s) }
