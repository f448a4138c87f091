package bus

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// meter counts what goes through this process, and knows how far its readers are.
type meter struct {
	bus                      *Bus
	records, messages, bytes prometheus.Counter // stored on the records streams

	took    *prometheus.HistogramVec // to store one message, by result
	refused *prometheus.CounterVec   // writes, by reason
	dead    *prometheus.CounterVec   // dead letters, by source

	mu        sync.Mutex
	sources   map[string]bool // of dead letters; not without end
	following map[*following]struct{}
}

// maxSources bounds how many sources of dead letters have a counter of their
// own; the rest is counted under "other".
const maxSources = 50

// askWithin is how long the server is waited for when a reader's lag is asked.
const askWithin = 3 * time.Second

var (
	descPartitions = prometheus.NewDesc("wattwerk_bus_partitions", "Into how many parts the records are split.", nil, nil)
	descConnected  = prometheus.NewDesc("wattwerk_bus_connected", "1 while there is a connection to the bus.", nil, nil)
	descReconnects = prometheus.NewDesc("wattwerk_bus_reconnects_total", "How often the connection to the bus was lost and made again.", nil, nil)
	descFull       = prometheus.NewDesc("wattwerk_bus_full", "1 while writes are refused for want of room on the disk.", nil, nil)
	descLag        = prometheus.NewDesc("wattwerk_reader_lag_messages", "Messages stored on the bus that this reader has not handled yet; one message holds up to 5,000 records.", []string{"reader", "partition"}, nil)
	descLagSeconds = prometheus.NewDesc("wattwerk_reader_lag_seconds", "How long the oldest message that this reader has not handled has been stored; 0 when it has all.", []string{"reader", "partition"}, nil)
)

func newMeter(b *Bus) *meter {
	m := &meter{
		bus: b, sources: make(map[string]bool), following: make(map[*following]struct{}),
		records:  prometheus.NewCounter(prometheus.CounterOpts{Name: "wattwerk_bus_written_records_total", Help: "Records this process stored on the bus."}),
		messages: prometheus.NewCounter(prometheus.CounterOpts{Name: "wattwerk_bus_written_messages_total", Help: "Messages they were in."}),
		bytes:    prometheus.NewCounter(prometheus.CounterOpts{Name: "wattwerk_bus_written_bytes_total", Help: "Bytes of those messages."}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "wattwerk_bus_write_duration_seconds", Help: "Time until a message was stored on the bus, synced and replicated as set.",
			Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"result"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wattwerk_bus_refused_writes_total", Help: "Writes of records that were refused, to be tried again by the sender: busy, full, or the bus failed.",
		}, []string{"reason"}),
		dead: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wattwerk_dead_letters_total", Help: "Dead letters this process stored, by who refused what is in them.",
		}, []string{"source"}),
	}
	// What never happened is 0 and not missing, so that a first time is an increase.
	for _, result := range []string{"ok", "error"} {
		m.took.WithLabelValues(result)
	}
	for _, reason := range []string{"busy", "full", "failed"} {
		m.refused.WithLabelValues(reason)
	}
	return m
}

func (m *meter) register(r prometheus.Registerer) error {
	for _, c := range []prometheus.Collector{m.records, m.messages, m.bytes, m.took, m.refused, m.dead, m} {
		if err := r.Register(c); err != nil {
			return err
		}
	}
	return nil
}

// stored counts one message of records.
func (m *meter) stored(records, bytes int) {
	m.records.Add(float64(records))
	m.messages.Inc()
	m.bytes.Add(float64(bytes))
}

// observe notes how long a message took to be stored.
func (m *meter) observe(began time.Time, err error) {
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.took.WithLabelValues(result).Observe(time.Since(began).Seconds())
}

// refusal counts a write that failed.
func (m *meter) refusal(err error) {
	reason := "failed"
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return
	case errors.Is(err, ErrBusy):
		reason = "busy"
	case errors.Is(err, ErrFull):
		reason = "full"
	}
	m.refused.WithLabelValues(reason).Inc()
}

// buried counts a dead letter.
func (m *meter) buried(source string) {
	m.mu.Lock()
	if !m.sources[source] {
		if len(m.sources) < maxSources {
			m.sources[source] = true
		} else {
			source = "other"
		}
	}
	m.mu.Unlock()
	m.dead.WithLabelValues(source).Inc()
}

// following is how far one reader is in one stream.
type following struct {
	stream, reader string
	partition      int

	mu    sync.Mutex
	done  uint64    // newest message handled, or what the reader began behind
	now   time.Time // when the message being handled was stored; zero: none is
	since time.Time // whatever is not handled was stored later than this
}

// begin notes that a message is being handled.
func (f *following) begin(m Message) {
	f.mu.Lock()
	f.now = m.Stored
	f.mu.Unlock()
}

// end notes that it was.
func (f *following) end(m Message) {
	f.mu.Lock()
	f.now, f.done = time.Time{}, m.Seq
	if m.Stored.After(f.since) {
		f.since = m.Stored
	}
	f.mu.Unlock()
}

// lag is what is stored and not handled.
func (f *following) lag(x Extent) (messages uint64, age time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	// What was trimmed away before it was read is not waited for.
	if f.done+1 < x.First {
		f.done = x.First - 1
	}
	switch {
	case x.Last <= f.done:
		f.since = x.At
		return 0, 0
	case !f.now.IsZero():
		age = x.At.Sub(f.now)
	case f.since.IsZero():
		age = x.At.Sub(x.FirstStored)
	default:
		age = x.At.Sub(f.since)
	}
	return x.Last - f.done, max(age, 0)
}

// follow reads a stream for a reader that has a name; how far it is behind is
// in the metrics for as long as it reads.
func (b *Bus) follow(ctx context.Context, stream, reader string, p int, from uint64, handle func(Message) error) error {
	f := &following{stream: stream, reader: reader, partition: p, done: max(from, 1) - 1}
	m := b.meter
	m.mu.Lock()
	m.following[f] = struct{}{}
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		delete(m.following, f)
		m.mu.Unlock()
	}()
	return b.read(ctx, stream, "", from, func(m Message) error {
		f.begin(m)
		_, span := b.opts.Tracer.Start(b.opts.Tracer.Extract(ctx, m.header), reader)
		span.Int("partition", p)
		err := handle(m)
		span.End(err)
		if err != nil {
			return err
		}
		f.end(m)
		return nil
	})
}

// FollowRecords is [Bus.ReadRecords] for a reader with a name, as [Bus.SavePosition]
// knows it: how far it is behind is told in the metrics while it reads.
func (b *Bus) FollowRecords(ctx context.Context, reader string, p int, from uint64, handle func(Message) error) error {
	return b.follow(ctx, recordsStream(p), reader, p, from, handle)
}

// FollowAggregates is [Bus.ReadAggregates] for a reader with a name.
func (b *Bus) FollowAggregates(ctx context.Context, reader string, from uint64, handle func(Message) error) error {
	return b.follow(ctx, aggregatesStream, reader, 0, from, handle)
}

// Lag is how far a reader is behind on a partition.
type Lag struct {
	Reader    string
	Partition int
	Messages  uint64        // stored and not handled
	Age       time.Duration // how long the oldest of them has been stored
}

// Lags tells how far every reader in this process is behind, by reader and
// partition. What the server does not answer about in time is left out.
func (b *Bus) Lags(ctx context.Context) []Lag {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	m := b.meter
	m.mu.Lock()
	all := make([]*following, 0, len(m.following))
	streams := make(map[string]Extent)
	for f := range m.following {
		all = append(all, f)
		streams[f.stream] = Extent{}
	}
	m.mu.Unlock()
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(16)
	known := make(map[string]Extent, len(streams))
	for name := range streams {
		g.Go(func() error {
			x, err := b.Extent(ctx, name)
			if err == nil {
				mu.Lock()
				known[name] = x
				mu.Unlock()
			}
			return nil
		})
	}
	_ = g.Wait() // nothing in it fails
	// Of two readers of one partition, as while one hands over, the farther one counts.
	type key struct {
		reader    string
		partition int
	}
	best := make(map[key]Lag)
	for _, f := range all {
		x, ok := known[f.stream]
		if !ok {
			continue
		}
		l := Lag{Reader: f.reader, Partition: f.partition}
		l.Messages, l.Age = f.lag(x)
		k := key{f.reader, f.partition}
		if old, there := best[k]; !there || l.Messages < old.Messages {
			best[k] = l
		}
	}
	out := make([]Lag, 0, len(best))
	for _, l := range best {
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b Lag) int {
		return cmp.Or(cmp.Compare(a.Reader, b.Reader), cmp.Compare(a.Partition, b.Partition))
	})
	return out
}

// Describe implements prometheus.Collector.
func (m *meter) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descPartitions, descConnected, descReconnects, descFull, descLag, descLagSeconds} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *meter) Collect(ch chan<- prometheus.Metric) {
	b := m.bus
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	truth := map[bool]float64{true: 1}
	connected := b.conn.IsConnected()
	gauge(descPartitions, float64(b.partitions))
	gauge(descConnected, truth[connected])
	gauge(descFull, truth[b.Full()])
	ch <- prometheus.MustNewConstMetric(descReconnects, prometheus.CounterValue, float64(b.conn.Stats().Reconnects))
	if !connected {
		return // nobody would answer
	}
	for _, l := range b.Lags(context.Background()) {
		p := strconv.Itoa(l.Partition)
		gauge(descLag, float64(l.Messages), l.Reader, p)
		gauge(descLagSeconds, l.Age.Seconds(), l.Reader, p)
	}
}
