package vigil

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wattwerk/wattwerk/forecast/anomaly"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/object/vocabulary"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/stand"
)

// Most is how many objects are watched.
const Most = 1000

const (
	day = 24 * stand.Hour
	// learnt is how much history a detector learns from, and back how much of it is
	// told of when an object is watched for the first time.
	learnt = 60 * day
	back   = 7 * day
	// goesOn is how long after its last value an anomaly may go on.
	goesOn = 3 * stand.Hour
	// meters is the share by which meters may be wrong.
	meters = 0.03
	// backFor is how long it is told that a counter went backwards.
	backFor = stand.Hour
)

// Reading is the newest reading of a sensor.
type Reading struct {
	Object object.ID
	Time   record.Millis
	Value  float64
}

// Options say what to work with.
type Options struct {
	Store    *book.Store
	History  stand.History        // nil: there is none, and only counters are watched
	World    func() *object.World // nil as long as nobody knows
	Model    func() *model.Model
	First    func(context.Context) ([]object.ID, error)              // what is watched before anything else; may be nil
	Counters func(yield func(Reading))                               // the newest readings of counters; may be nil
	Tell     func(ctx context.Context, lasting []book.Anomaly) error // told of what lasts now, when it changed and again now and then; may be nil
	Changed  func()                                                  // told when what is not to be believed changed; may be nil
	Clock    func() record.Millis                                    // default that of this machine
	Log      *slog.Logger

	Registerer prometheus.Registerer // may be nil
}

// Watcher watches.
type Watcher struct {
	o     Options
	meter *meter
}

// New checks the options.
func New(o Options) (*Watcher, error) {
	if o.Store == nil || o.World == nil || o.Model == nil {
		return nil, errors.New("open anomalies: store, world and model are needed")
	}
	if o.Clock == nil {
		o.Clock = func() record.Millis { return record.MillisOf(time.Now()) }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	w := &Watcher{o, newMeter()}
	if o.Registerer != nil {
		if err := o.Registerer.Register(w.meter); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// series is an object that is watched.
type series struct {
	object   *object.Object
	detector *anomaly.Detector // nil: it is a group whose parts are added up
	looked   record.Millis     // up to here; 0: not at all
	seen     sums              // what was looked at
	told     record.Millis     // what ended before is known already
	open     *anomaly.Event    // that may go on
	shown    anomaly.Kind      // as which it is stored; "": it is not
}

// key tells the two ways to look at a group apart.
type key struct {
	object object.ID
	parts  bool
}

// Round is what a stretch of work knows.
type Round struct {
	*Watcher
	world   *object.World
	series  map[key]*series
	order   []key
	looked  map[string]record.Millis // as it is stored
	lasting map[book.Anomaly]bool    // as it is stored, without values, of objects not looked at yet
	shown   map[object.ID]Reading    // of counters
	told    time.Time
	changed bool // what lasts is not told yet
	left    int
	named   time.Time // when it was asked what is first
	first   []object.ID
	next    int // of the order, which is looked at again
	credit  int // quarters that may be read again now
	calm    int // objects that were looked at again since one was settled anew
}

// Begin takes up what is stored.
func (w *Watcher) Begin(ctx context.Context) (*Round, error) {
	r := &Round{Watcher: w, series: make(map[key]*series), lasting: make(map[book.Anomaly]bool), shown: make(map[object.ID]Reading), changed: true}
	var err error
	if r.looked, err = w.o.Store.Looked(ctx); err != nil {
		return nil, err
	}
	open, err := w.o.Store.Lasting(ctx, mostLasting)
	for _, a := range open {
		r.lasting[a] = true
	}
	return r, err
}

const (
	stepEvery   = 5 * time.Second
	tellEvery   = time.Minute
	nameEvery   = 10 * time.Minute
	mostLasting = 10_000
	// atOnce is how many quarters of an hour are read before something is stored.
	atOnce = 300_000
)

// Work watches until ctx ends.
func (w *Watcher) Work(ctx context.Context) error {
	r, err := w.Begin(ctx)
	if err != nil {
		return err
	}
	for {
		more, err := r.Step(ctx)
		if err != nil {
			return err
		}
		if more && ctx.Err() == nil {
			continue
		}
		if !run.Pause(ctx, stepEvery) {
			return nil
		}
	}
}

// Step looks at what is new, as much as is read at once, and tells whether there is
// more.
func (r *Round) Step(ctx context.Context) (more bool, err error) {
	world := r.o.World()
	if world == nil {
		return false, nil
	}
	now := r.o.Clock()
	if err := r.choose(ctx, world); err != nil {
		return false, err
	}
	if err := r.counters(ctx, now); err != nil {
		return false, err
	}
	if r.o.History != nil {
		if more, err = r.look(ctx, now); err != nil {
			return false, err
		}
		if !more {
			if err := r.again(ctx); err != nil {
				return false, err
			}
		}
	}
	return more, r.tell(ctx)
}

// choose finds what is watched.
func (r *Round) choose(ctx context.Context, world *object.World) error {
	fresh := time.Since(r.named) < nameEvery
	if fresh && world == r.world {
		return nil
	}
	if !fresh && r.o.First != nil {
		var err error
		if r.first, err = r.o.First(ctx); err != nil {
			return err
		}
	}
	r.named, r.world = time.Now(), world
	was := r.series
	r.series, r.order, r.left = make(map[key]*series), r.order[:0], 0
	add := func(o *object.Object) {
		k := key{object: o.ID}
		if r.series[k] != nil || !watchable(o) {
			return
		}
		if len(r.series) >= Most {
			r.left++
			return
		}
		for _, k := range []key{k, {o.ID, true}} {
			if k.parts && o.Meter == "" {
				continue
			}
			s := was[k]
			if s == nil {
				s = new(series)
			}
			s.object = o
			r.series[k], r.order = s, append(r.order, k)
		}
	}
	for _, id := range r.first {
		if o, ok := world.Object(id); ok {
			add(o)
		}
	}
	for _, composite := range []bool{true, false} {
		for i := range world.Len() {
			if o := world.At(i); o.Composite == composite {
				add(o)
			}
		}
	}
	// What is not watched any more does not last.
	var over []book.Anomaly
	for a := range r.lasting {
		if id := object.ID(a.Object); a.Kind != string(anomaly.Backwards) && r.series[key{object: id}] == nil {
			delete(r.lasting, a)
			a.Lasts = 0
			over = append(over, a)
		}
	}
	for k, s := range was {
		if r.series[k] == nil && s.open != nil && s.shown != "" {
			over = append(over, r.row(s, *s.open, false))
		}
	}
	return r.store(ctx, over, nil, nil)
}

// watchable tells whether what an object measures can be judged: not what is set, and
// not what says yes or no.
func watchable(o *object.Object) bool {
	if o.Actuator || o.Quantity == record.PhaseAngle {
		return false
	}
	for _, c := range []vocabulary.Class{"brick:Command", "brick:Setpoint", "brick:Status", "brick:Alarm", "brick:Parameter"} {
		if o.Class.Is(c) {
			return false
		}
	}
	return o.Quantity != ""
}

// believable tells whether one value for long may be right: numbers of things, and
// shares, may stay as they are.
func believable(o *object.Object) bool {
	return slices.Contains([]record.Quantity{record.Ratio, record.Pieces, record.Duration, record.Charge, record.Mass}, o.Quantity)
}

// look reads what was settled since.
func (r *Round) look(ctx context.Context, now record.Millis) (more bool, err error) {
	settled, err := r.o.History.Settled(ctx)
	if err != nil {
		return false, err
	}
	end := min(settled, now)
	end -= end % stand.Hour
	var found, gone []book.Anomaly
	var looked []book.Watched
	reads, behind := 0, 0
	m := r.o.Model()
	for _, k := range r.order {
		s := r.series[k]
		if s.looked >= end || ctx.Err() != nil {
			continue
		}
		if reads > atOnce {
			behind++
			continue
		}
		if s.looked == 0 {
			s.told = max(r.looked[string(k.object)], end-back)
			s.looked = end - learnt
			if k.parts {
				s.looked = s.told - s.told%stand.Hour
			} else {
				if s.detector, err = r.detector(m, k.object); err != nil {
					return false, err
				}
			}
		}
		reads += int((end - s.looked) / stand.Quarter)
		x, err := r.read(ctx, m, k, s.looked, end)
		if err != nil {
			return false, err
		}
		s.seen.add(&x)
		s.seen.drop(end - learnt)
		var events []anomaly.Event
		if s.open != nil {
			events = []anomaly.Event{*s.open}
		}
		if k.parts {
			events = parts(events, &x)
		} else {
			events = judge(s, events, &x)
		}
		f, g := r.took(s, events, end)
		found, gone = append(found, f...), append(gone, g...)
		if !k.parts {
			looked = append(looked, book.Watched{Object: string(k.object), Looked: end})
		}
		s.looked = end
		// What lasted before the start and was not found again is over.
		for a := range r.lasting {
			if a.Object != string(k.object) || a.Kind == string(anomaly.Backwards) || (a.Kind == string(anomaly.PartsExceed)) != k.parts {
				continue
			}
			delete(r.lasting, a)
			if s.open == nil || s.open.From != a.Began || string(s.open.Kind) != a.Kind {
				a.Lasts = 0
				found = append(found, a)
			}
		}
	}
	r.meter.now(len(r.series), behind, r.left)
	return behind > 0, r.store(ctx, found, gone, looked)
}

// took notes what was found, and gives what is to be stored and removed.
func (r *Round) took(s *series, events []anomaly.Event, end record.Millis) (found, gone []book.Anomaly) {
	open, shown := s.open, s.shown
	s.open, s.shown = nil, ""
	for i := range events {
		e := events[i]
		lasts := i == len(events)-1 && end-e.To < goesOn
		ours := i == 0 && open != nil // the one that was open before
		if ours && shown != "" && shown != e.Kind {
			was := *open
			was.Kind = shown
			gone = append(gone, r.row(s, was, false))
		}
		known := e.To <= s.told
		if !known && (!ours || !lasts || *open != e || shown == "") {
			found = append(found, r.row(s, e, lasts))
		}
		if lasts {
			s.open = &e
			if !known {
				s.shown = e.Kind
			}
		}
		if !ours && !known {
			r.meter.found.WithLabelValues(string(e.Kind)).Inc()
		}
	}
	return found, gone
}

func (r *Round) row(s *series, e anomaly.Event, lasts bool) book.Anomaly {
	a := book.Anomaly{Object: string(s.object.ID), Kind: string(e.Kind), Began: e.From, Ended: e.To, Found: r.o.Clock(), Values: int64(e.Values), Value: record.Finite(e.Value), Expected: record.Finite(e.Worst.Expected)}
	if lasts {
		a.Lasts = 1
	}
	return a
}

// counters looks whether counters show less than before.
func (r *Round) counters(ctx context.Context, now record.Millis) error {
	if r.o.Counters == nil {
		return nil
	}
	var found []book.Anomaly
	r.o.Counters(func(x Reading) {
		if x.Value != x.Value || x.Time == 0 {
			return
		}
		was, ok := r.shown[x.Object]
		if ok && x.Time <= was.Time {
			return
		}
		r.shown[x.Object] = x
		if ok && x.Value < was.Value-1e-9*math.Abs(was.Value) {
			found = append(found, book.Anomaly{
				Object: string(x.Object), Kind: string(anomaly.Backwards), Began: was.Time, Ended: x.Time, Found: now, Lasts: 1, Values: 1, Value: record.Finite(x.Value), Expected: record.Finite(was.Value),
			})
			r.meter.found.WithLabelValues(string(anomaly.Backwards)).Inc()
		}
	})
	for _, a := range found {
		r.lasting[a] = true
	}
	for a := range r.lasting {
		if a.Kind == string(anomaly.Backwards) && now-a.Ended > backFor {
			delete(r.lasting, a)
			a.Lasts = 0
			found = append(found, a)
		}
	}
	return r.store(ctx, found, nil, nil)
}

// store stores what was found.
func (r *Round) store(ctx context.Context, found, gone []book.Anomaly, looked []book.Watched) error {
	if len(found)+len(gone)+len(looked) == 0 {
		return nil
	}
	doubt := slices.ContainsFunc(append(slices.Clone(found), gone...), func(a book.Anomaly) bool { return a.Kind == string(anomaly.Stuck) })
	if err := r.o.Store.Find(ctx, found, gone, looked, doubt); err != nil {
		return err
	}
	if len(found)+len(gone) > 0 {
		r.changed = true
	}
	if doubt && r.o.Changed != nil {
		r.o.Changed()
	}
	return nil
}

// tell tells who wants to know what lasts.
func (r *Round) tell(ctx context.Context) error {
	if r.o.Tell == nil || !r.changed && time.Since(r.told) < tellEvery {
		return nil
	}
	all, err := r.o.Store.Lasting(ctx, mostLasting)
	if err != nil {
		return err
	}
	if err := r.o.Tell(ctx, all); err != nil {
		return err
	}
	r.changed, r.told = false, time.Now()
	return nil
}

// Sentence says what was found.
func Sentence(a *book.Anomaly) string {
	say := map[anomaly.Kind]string{
		anomaly.Rating: "more than can be", anomaly.Backwards: "the counter shows less than before", anomaly.PartsExceed: "the members are more than the meter",
		anomaly.Zero: "nothing, or much less than ever", anomaly.Stuck: "one value for too long", anomaly.Unusual: "far from what is usual",
	}[anomaly.Kind(a.Kind)]
	if say == "" {
		say = a.Kind
	}
	text := fmt.Sprintf("%s since %s: %s", a.Object, a.Began.Time().UTC().Format("2006-01-02 15:04Z"), say)
	if a.Value != nil {
		text += fmt.Sprintf(", %.6g", *a.Value)
	}
	if a.Expected != nil {
		text += fmt.Sprintf(" instead of about %.6g", *a.Expected)
	}
	return text
}
