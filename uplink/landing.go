package uplink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/record"
)

// LandingOptions are what a [Landing] needs. The bus must have a link.
type LandingOptions struct {
	Bus    *bus.Bus
	Prefix string // put before the identifier of every sensor; "{site}" in it is the edge's site; may be empty
	// Virtual tells whether a sensor, with its prefix, is virtual here, so that
	// nobody may send values of it; nil: none is.
	Virtual    func(record.SensorID) bool
	Log        *slog.Logger
	Registerer prometheus.Registerer // may be nil
}

// atOnce is how many batches of different edges are stored at a time; more are
// told to wait. Each may take a few MiB.
const atOnce = 16

// An edge that is not heard of for keepFor while a batch of it is open does not
// keep the bus from being trimmed any longer; it repeats the batch every few
// seconds. It is looked for such edges every lookAgain.
const (
	keepFor   = 10 * time.Minute
	lookAgain = time.Minute
)

// storeWithin is how long storing a batch may take.
const storeWithin = 30 * time.Second

// Landing stores what edges send. Several may run: each batch goes to one of
// them, and none remembers anything.
type Landing struct {
	opts    LandingOptions
	log     *slog.Logger
	slots   chan struct{}
	records *prometheus.CounterVec
	batches *prometheus.CounterVec

	mu    sync.Mutex
	sites map[string]*sync.Mutex

	fault func(step string) error // of a test; nil: none
}

// NewLanding makes a landing; it does nothing before Run.
func NewLanding(o LandingOptions) (*Landing, error) {
	if o.Bus == nil || o.Bus.Link() == nil {
		return nil, errors.New("landing: a bus with a link is needed: bus.leaf.listen, or bus.link_login_file with an external NATS")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if rest := strings.ReplaceAll(o.Prefix, "{site}", "x"); strings.ContainsAny(rest, "{}") || rest != "" && record.SensorID(rest+"x").Validate() != nil {
		return nil, fmt.Errorf("landing: prefix %q: it is text that an identifier can begin with, and {site}", o.Prefix)
	}
	l := &Landing{
		opts: o, log: o.Log, slots: make(chan struct{}, atOnce), sites: make(map[string]*sync.Mutex),
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wattwerk_landing_records_total", Help: "Records of edges that are stored, by site.",
		}, []string{"site"}),
		batches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wattwerk_landing_requests_total", Help: "Requests of edges, by site and how they were answered.",
		}, []string{"site", "result"}),
	}
	if o.Registerer != nil {
		for _, c := range []prometheus.Collector{l.records, l.batches} {
			if err := o.Registerer.Register(c); err != nil {
				return nil, fmt.Errorf("landing: %w", err)
			}
		}
	}
	return l, nil
}

// Run answers edges until ctx ends. What is being stored then is finished, as
// far as it can be within the time that storing may take.
func (l *Landing) Run(ctx context.Context) error {
	sub, err := l.opts.Bus.Link().QueueSubscribe(bus.LandingSubjects, "landing", func(m *nats.Msg) {
		select {
		case l.slots <- struct{}{}:
		default:
			l.respond(m, answer{Result: waiting, Reason: "many edges are storing at this moment"})
			return
		}
		go func() {
			defer func() { <-l.slots }()
			own, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeWithin)
			defer cancel()
			l.respond(m, l.serve(own, bus.SiteOf(m.Subject), m.Data))
		}()
	})
	if err != nil {
		return fmt.Errorf("landing: %w", err)
	}
	for run.Pause(ctx, lookAgain) {
		if err := l.release(ctx, keepFor); err != nil && ctx.Err() == nil {
			l.log.Warn("what is kept for edges that are gone could not be looked through, trying again", "error", err)
		}
	}
	err = sub.Unsubscribe()
	// Whoever has all of them waited for those at work, and lets nobody begin.
	for range cap(l.slots) {
		l.slots <- struct{}{}
	}
	for range cap(l.slots) {
		<-l.slots
	}
	if err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		return fmt.Errorf("landing: %w", err)
	}
	return nil
}

func (l *Landing) respond(m *nats.Msg, a answer) {
	a.Version = Version
	data, err := json.Marshal(a)
	if err == nil {
		err = m.Respond(data)
	}
	if err != nil {
		l.log.Warn("an edge could not be answered", "site", bus.SiteOf(m.Subject), "error", err)
	}
	l.batches.WithLabelValues(bus.SiteOf(m.Subject), a.Result).Inc()
}

// serve answers a request of a site.
func (l *Landing) serve(ctx context.Context, site string, data []byte) answer {
	e, body, err := decodeRequest(data)
	switch {
	case err != nil:
		return answer{Result: refused, Reason: err.Error()}
	case e.Version != Version:
		return answer{Result: refused, Reason: fmt.Sprintf("the edge speaks version %d of the protocol, the centre %d: update the older of both", e.Version, Version)}
	case e.Epoch == "" || e.Kind != hello && e.Kind != batch || e.Kind == batch && (e.Number == 0 || e.Cursor == nil):
		return answer{Result: refused, Reason: errRequest.Error()}
	}
	l.mu.Lock()
	own := l.sites[site]
	if own == nil {
		own = new(sync.Mutex)
		l.sites[site] = own
	}
	l.mu.Unlock()
	own.Lock()
	defer own.Unlock()
	var a answer
	if e.Kind == hello {
		a, err = l.where(ctx, site, e.Epoch)
	} else {
		a, err = l.take(ctx, site, e, body)
	}
	switch {
	case err == nil:
		return a
	case errors.Is(err, record.ErrWire):
		return answer{Result: refused, Reason: err.Error()}
	case !errors.Is(err, bus.ErrFull) && !errors.Is(err, bus.ErrOvertaken):
		l.log.Warn("a batch of an edge is not stored yet", "site", site, "error", err)
	}
	return answer{Result: waiting, Reason: err.Error()}
}

// ledger is what the centre knows of a site: the note of its name.
type ledger struct {
	Epoch string `json:"epoch"`
	place
	Open *place   `json:"open,omitempty"`
	Told int      `json:"told,omitempty"` // so many letters of the open batch are buried
	Done []int    `json:"done,omitempty"` // partitions in which the open batch is stored, when nothing is kept for it any more
	Past []string `json:"past,omitempty"` // epochs that have ended, the latest last
}

// pasts is how many ended epochs are remembered.
const pasts = 64

func (l *Landing) ledger(ctx context.Context, site string) (*bus.Note, ledger, error) {
	var g ledger
	n, err := l.opts.Bus.ReadNote(ctx, noteOf(site))
	if err != nil {
		return nil, g, err
	}
	if n.Data != nil {
		if err := json.Unmarshal(n.Data, &g); err != nil {
			return nil, g, fmt.Errorf("read what is known of %s: %w", site, err)
		}
	}
	return n, g, nil
}

const notesOf = "landing."

func noteOf(site string) string { return notesOf + site }

// release lets go of what is kept for batches that nobody has repeated for long.
// Before that it looks which parts of them are stored: when such a batch comes
// after all, each of its parts is still stored once.
func (l *Landing) release(ctx context.Context, after time.Duration) error {
	names, err := l.opts.Bus.NoteNames(ctx, notesOf)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		if err := l.releaseSite(ctx, strings.TrimPrefix(name, notesOf), after); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (l *Landing) releaseSite(ctx context.Context, site string, after time.Duration) error {
	n, g, err := l.ledger(ctx, site)
	if err != nil || g.Open == nil || len(n.Behind) == 0 {
		return err
	}
	silent, err := l.opts.Bus.NoteAge(ctx, n)
	if err != nil || silent < after {
		return err
	}
	for p, at := range n.Behind {
		there, err := l.opts.Bus.StoredOnce(ctx, p, at, batchID(site, g.Epoch, g.Open.Number))
		if err != nil {
			return err
		}
		if there && !slices.Contains(g.Done, p) {
			g.Done = append(g.Done, p)
		}
	}
	slices.Sort(g.Done)
	n.Behind = nil
	err = l.note(ctx, site, n, &g)
	if errors.Is(err, bus.ErrOvertaken) {
		return nil // the edge speaks again
	}
	if err == nil {
		l.log.Warn("an edge is gone in the middle of a batch; nothing is kept for it any more", "site", site, "silent", silent.Round(time.Second))
	}
	return err
}

// batchID is the id under which each part of a batch is stored.
func batchID(site, epoch string, number uint64) string {
	return fmt.Sprintf("%s/%s/%d", site, epoch, number)
}

func (g *ledger) answer(result string) answer {
	return answer{Result: result, Epoch: g.Epoch, place: g.place, Open: g.Open}
}

// where tells an edge how far it is.
func (l *Landing) where(ctx context.Context, site, epoch string) (answer, error) {
	_, g, err := l.ledger(ctx, site)
	if err != nil {
		return answer{}, err
	}
	if slices.Contains(g.Past, epoch) {
		return answer{Result: overtaken, Reason: overtakenReason}, nil
	}
	return g.answer(stored), nil
}

const overtakenReason = "another instance has begun to speak for this site since: two edges must not have the same name"

// take stores a batch: first it notes what it is about to store and keeps
// everything behind that, then it stores, then it notes that this is done. Who
// comes upon a batch that is noted and not done looks what of it is there.
func (l *Landing) take(ctx context.Context, site string, e envelope, body []byte) (answer, error) {
	n, g, err := l.ledger(ctx, site)
	if err != nil {
		return answer{}, err
	}
	if slices.Contains(g.Past, e.Epoch) {
		return answer{Result: overtaken, Reason: overtakenReason}, nil
	}
	if g.Epoch != e.Epoch {
		if e.Number != 1 {
			return answer{Result: misplaced, Reason: "the centre does not know this life of the edge", Epoch: g.Epoch}, nil
		}
		g = ledger{Epoch: e.Epoch, Past: g.Past, place: place{}}
		if old := n.Data; old != nil {
			var was ledger
			if err := json.Unmarshal(old, &was); err != nil {
				return answer{}, err
			}
			if g.Past = append(g.Past, was.Epoch); len(g.Past) > pasts {
				g.Past = g.Past[len(g.Past)-pasts:]
			}
			l.log.Warn("an edge begins anew", "site", site, "epoch", e.Epoch, "before", was.Epoch)
		}
		n.Behind = nil
	}
	switch {
	case e.Number <= g.Number:
		return g.answer(stored), nil // its answer was lost
	case e.Number != g.Number+1:
		return g.answer(misplaced), nil
	}
	parts, letters, count, err := l.split(site, body)
	if err != nil {
		return answer{}, err
	}
	again := g.Open != nil
	if len(parts) > 0 || len(letters) > 0 {
		if !again && l.opts.Bus.Full() {
			return answer{}, bus.ErrFull // before anything is kept for it
		}
		behind := make(map[int]uint64, len(parts))
		for _, x := range parts {
			at, noted := n.Behind[x.p]
			if !again || !noted {
				now, err := l.opts.Bus.RecordsExtent(ctx, x.p)
				if err != nil {
					return answer{}, err
				}
				at = now.Last
			}
			behind[x.p] = at
		}
		g.Open, n.Behind = &place{e.Number, e.Cursor}, behind
		if err := l.note(ctx, site, n, &g); err != nil {
			return answer{}, err
		}
		if err := l.store(ctx, batchID(site, e.Epoch, e.Number), parts, n.Behind, g.Done, again); err != nil {
			return answer{}, err
		}
		if err := l.bury(ctx, site, n, &g, letters); err != nil {
			return answer{}, err
		}
	}
	g.place, g.Open, g.Told, g.Done, n.Behind = place{e.Number, e.Cursor}, nil, 0, nil, nil
	if err := l.note(ctx, site, n, &g); err != nil {
		return answer{}, err
	}
	l.records.WithLabelValues(site).Add(float64(count))
	return g.answer(stored), nil
}

func (l *Landing) note(ctx context.Context, site string, n *bus.Note, g *ledger) (err error) {
	if err := l.at("note"); err != nil {
		return err
	}
	if n.Data, err = json.Marshal(g); err != nil {
		return err
	}
	if err := l.opts.Bus.WriteNote(ctx, noteOf(site), n); err != nil {
		return err
	}
	return l.at("noted")
}

func (l *Landing) at(step string) error {
	if l.fault == nil {
		return nil
	}
	return l.fault(step)
}

// part is what of a batch belongs to one partition of the central bus.
type part struct {
	p     int
	batch record.Batch
}

// split divides a batch by the central partitions, in order. What no record
// can be becomes a letter: an edge is not believed blindly.
func (l *Landing) split(site string, body []byte) (parts []*part, letters []bus.DeadLetter, count int, err error) {
	var b record.Batch
	if err := b.Decode(body); err != nil {
		return nil, nil, 0, err
	}
	prefix := strings.ReplaceAll(l.opts.Prefix, "{site}", site)
	names := b.Names()
	where, faults := make([]int, len(names)), make([]error, len(names))
	for i, id := range names {
		names[i] = record.SensorID(prefix) + id
		if faults[i] = names[i].Validate(); faults[i] == nil && l.opts.Virtual != nil && l.opts.Virtual(names[i]) {
			faults[i] = phrase.Errorf(phrase.SensorVirtual, phrase.Params{"sensor": string(names[i])}, "sensor %q is virtual: its values follow from its formula, and are not sent", names[i])
		}
		where[i] = record.Partition(names[i], l.opts.Bus.Partitions())
	}
	by := make(map[int]*part)
	for i := range b.Len() {
		r := b.At(i)
		s := i
		if len(b.Index) > 0 {
			s = int(b.Index[i])
		}
		err := faults[s]
		if err == nil {
			err = record.ValidateSample(r.Time, r.Value)
		}
		if err != nil {
			letters = append(letters, letterOf(site, r, err))
			continue
		}
		x := by[where[s]]
		if x == nil {
			x = &part{p: where[s]}
			by[where[s]] = x
		}
		x.batch.Append(r)
		count++
	}
	for _, x := range by {
		parts = append(parts, x)
	}
	slices.SortFunc(parts, func(a, b *part) int { return a.p - b.p })
	return parts, letters, count, nil
}

// letterOf says all of a record that is refused, so that it can be tried again.
func letterOf(site string, r record.Record, because error) bus.DeadLetter {
	d := bus.DeadLetter{Source: "landing-" + site, Sensor: r.Sensor, Time: r.Time, Sample: string(r.Sensor)}.Because(because)
	if !math.IsNaN(r.Value) && !math.IsInf(r.Value, 0) {
		d.Value, d.Decoded = &r.Value, len(r.Sensor) <= record.MaxIDBytes
	}
	return d
}

// Letters are buried so many at a time, and it is noted each time: who comes
// upon the batch again goes on behind them.
const lettersAtOnce = 64

// bury buries the letters of the open batch that are not buried yet.
func (l *Landing) bury(ctx context.Context, site string, n *bus.Note, g *ledger, letters []bus.DeadLetter) error {
	for g.Told < len(letters) {
		some := letters[g.Told:min(len(letters), g.Told+lettersAtOnce)]
		var all errgroup.Group
		for _, d := range some {
			all.Go(func() error { return l.opts.Bus.Bury(ctx, d) })
		}
		if err := all.Wait(); err != nil {
			return err
		}
		g.Told += len(some)
		if g.Told == len(letters) {
			break // what is noted next says that all is done
		}
		if err := l.note(ctx, site, n, g); err != nil {
			return err
		}
		if err := l.at("buried"); err != nil {
			return err
		}
	}
	return nil
}

// store publishes the parts that are not done, each once. When one fails the
// others are waited for all the same: one that is called off may be stored a
// moment later, when it has been looked for already.
func (l *Landing) store(ctx context.Context, id string, parts []*part, behind map[int]uint64, done []int, again bool) error {
	var g errgroup.Group
	g.SetLimit(8)
	for _, x := range parts {
		if slices.Contains(done, x.p) {
			continue
		}
		g.Go(func() error {
			if err := l.at("store"); err != nil {
				return err
			}
			if again {
				there, err := l.opts.Bus.StoredOnce(ctx, x.p, behind[x.p], id)
				if err != nil || there {
					return err
				}
			}
			if err := l.opts.Bus.PublishRecordsOnce(ctx, x.p, x.batch.Encode(nil), id); err != nil {
				return err
			}
			return l.at("stored")
		})
	}
	return g.Wait()
}
