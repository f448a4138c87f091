package settlement

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/formula"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/reading"
	"github.com/wattwerk/wattwerk/settlement/tree"
	"github.com/wattwerk/wattwerk/window"
)

// DefaultDelay is how long after its end a window is settled.
const DefaultDelay = 2 * time.Minute

// Options are what a service needs. Store, Catalog and Readings must be set.
type Options struct {
	Store      *ledger.Store
	Catalog    *catalog.Catalog
	Readings   reading.Source
	Share      run.Share                    // who else settles into the same store; nil: nobody
	Delay      time.Duration                // how long after its end a window is settled, more than a minute; default DefaultDelay
	Actor      func(context.Context) string // who makes a request; nil: unknown
	Log        *slog.Logger
	Registerer prometheus.Registerer // may be nil
	Now        func() time.Time      // the clock; nil: the real one
}

// Service settles windows and answers questions about them.
type Service struct {
	opts Options
	log  *slog.Logger

	mu    sync.Mutex // held while something is settled
	trees tree.Past
	owned atomic.Bool          // this process settles: trees are those that are kept
	view  atomic.Pointer[view] // newest

	calendars sync.Map // by the name of the zone; to read one takes a while

	at struct{ frontier, floor, marks, first atomic.Int64 } // 0 unless this process settles

	// Up and down to here windows may have been stored, though they do not count
	// as settled: something came in between. Guarded by mu.
	tried struct{ up, down record.Millis }
	// Whoever settled before may have been killed among the marks there were:
	// true until there are none.
	doubt bool

	// From when on sensors count. Guarded by mu.
	firsts *tree.Firsts

	atOnce int // windows of one go; fewer in tests
}

// New checks the options and makes a service.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Catalog == nil || o.Readings == nil {
		return nil, errors.New("make settlement: store, catalog and readings are needed")
	}
	if o.Delay == 0 {
		o.Delay = DefaultDelay
	}
	if o.Delay <= ledger.Margin {
		return nil, fmt.Errorf("make settlement: a delay of %v is too short; more than %v are needed", o.Delay, ledger.Margin)
	}
	if o.Share == nil {
		o.Share = run.Alone
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Actor == nil {
		o.Actor = func(context.Context) string { return "unknown" }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Service{opts: o, log: o.Log, trees: make(tree.Past), atOnce: windowsAtOnce}
	if o.Registerer != nil {
		for _, c := range s.collectors() {
			if err := o.Registerer.Register(c); err != nil {
				return nil, fmt.Errorf("make settlement: %w", err)
			}
		}
	}
	return s, nil
}

func (s *Service) collectors() []prometheus.Collector {
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f)
	}
	return []prometheus.Collector{
		gauge("wattwerk_settlement_frontier_timestamp_seconds", "Up to when windows are settled; 0: another process settles.", func() float64 { return float64(s.at.frontier.Load()) / 1000 }),
		gauge("wattwerk_settlement_floor_timestamp_seconds", "From when on windows are settled; older ones are still to come; 0: another process settles.", func() float64 { return float64(s.at.floor.Load()) / 1000 }),
		gauge("wattwerk_settlement_marks", "Ranges that have to be settled again.", func() float64 { return float64(s.at.marks.Load()) }),
	}
}

// work is the name under which settling is shared.
const work = "settle"

// lookEvery is how often it is asked whether something is to be settled.
const lookEvery = time.Second

// Run settles until ctx ends. What fails is tried again.
func (s *Service) Run(ctx context.Context) error {
	err := s.opts.Share(ctx, work, 1, func(ctx context.Context, _ int) error {
		for ctx.Err() == nil {
			if err := s.own(ctx); err != nil && ctx.Err() == nil {
				s.log.Warn("settling begins again", "error", err)
				run.Pause(ctx, 10*lookEvery)
			}
		}
		return nil
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// own settles as long as this process is the one that does.
func (s *Service) own(ctx context.Context) error {
	if err := s.recall(ctx); err != nil {
		return err
	}
	defer func() {
		s.owned.Store(false)
		s.at.frontier.Store(0)
		s.at.floor.Store(0)
		s.at.marks.Store(0)
	}()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	followed := make(chan error, 1)
	go func() {
		followed <- s.opts.Catalog.Watch(ctx, func(st catalog.State) error { return s.follow(ctx, st) })
	}()
	for {
		more, err := s.Step(ctx)
		if err != nil {
			cancel()
			return errors.Join(err, <-followed)
		}
		if more {
			continue
		}
		timer := time.NewTimer(lookEvery)
		select {
		case err := <-followed:
			timer.Stop()
			return err
		case <-timer.C:
		}
	}
}

// recall reads what is kept.
func (s *Service) recall(ctx context.Context) error {
	all, err := tree.Load(ctx, s.opts.Store)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trees = all
	s.doubt = true
	s.firsts = tree.NewFirsts(s.opts.Store)
	s.owned.Store(true)
	s.view.Store(nil)
	if err := s.look(ctx); err != nil {
		return err
	}
	return s.compare(ctx)
}

// Begin reads what is kept and takes the model as it is. Run does so by itself;
// it is for tests and for measuring, which call Step.
func (s *Service) Begin(ctx context.Context) error {
	if err := s.recall(ctx); err != nil {
		return err
	}
	st := s.opts.Catalog.State()
	st.Changed = st.Model.Hierarchies()
	return s.follow(ctx, st)
}

// look reads how far everything is.
func (s *Service) look(ctx context.Context) error {
	for _, x := range []struct {
		name string
		at   *atomic.Int64
	}{{ledger.Frontier, &s.at.frontier}, {ledger.Floor, &s.at.floor}, {ledger.First, &s.at.first}} {
		at, err := s.opts.Store.Progress(ctx, x.name)
		if err != nil {
			return err
		}
		x.at.Store(int64(at))
	}
	var err error
	if s.tried.up, err = s.opts.Store.Progress(ctx, triedUp); err != nil {
		return err
	}
	if s.tried.down, err = s.opts.Store.Progress(ctx, triedDown); err != nil {
		return err
	}
	n, err := s.opts.Store.CountMarks(ctx)
	s.at.marks.Store(int64(n))
	return err
}

// Names of how far settling was tried.
const (
	triedUp   = "tried up"
	triedDown = "tried down"
)

// follow takes a revision of the model: other trees are kept, and what it
// changes of the past is marked.
func (s *Service) follow(ctx context.Context, st catalog.State) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range st.Changed {
		newest := s.trees.Newest(string(h))
		if newest != nil && newest.Revision >= st.Revision {
			continue
		}
		since := st.Effective
		if newest == nil {
			since = 0 // what was measured before the tree was drawn is summed up by it
		}
		x := tree.New(string(h), since, st.Revision, st.Model.Layout(h))
		if x.Equal(newest) || newest == nil && len(x.Groups) == 0 {
			continue
		}
		// Marked first: whoever is killed in between finds no tree, and marks again.
		if since == 0 {
			if err := s.mark(ctx, ledger.HierarchyKind, string(h), span{0, record.MaxTime}); err != nil {
				return err
			}
		} else if int64(since) < s.at.frontier.Load() { // this was behind
			if err := s.mark(ctx, ledger.HierarchyKind, string(h), span{since, record.MaxTime}); err != nil {
				return err
			}
		}
		obsolete := s.trees.Add(x)
		s.view.Store(nil)
		if err := tree.Keep(ctx, s.opts.Store, x, obsolete); err != nil {
			return err
		}
	}
	return s.followSensors(ctx, st)
}

const revision = "revision" // up to which changes of sensors were taken notice of

// followSensors marks sensors whose readings are to be understood in another
// way than before, and virtual ones whose formula is, newest revision first.
func (s *Service) followSensors(ctx context.Context, st catalog.State) error {
	done, err := s.opts.Store.Progress(ctx, revision)
	if err != nil {
		return err
	}
	after := st.Model
	for r := st.Revision; done > 0 && r > uint64(done); r-- {
		_, patch, inverse, err := s.opts.Catalog.Revision(ctx, r)
		if err != nil {
			return err
		}
		if after, err = s.followFormulas(ctx, after, inverse); err != nil {
			return err
		}
		old := make(map[record.SensorID]*model.Sensor, len(inverse.Sensors))
		for i := range inverse.Sensors {
			old[inverse.Sensors[i].ID] = &inverse.Sensors[i]
		}
		for i := range patch.Sensors {
			now := &patch.Sensors[i]
			was := old[now.ID]
			if was != nil && was.Site == now.Site && was.Formula == now.Formula && reading.Same(was, now) {
				continue
			}
			if err := s.mark(ctx, ledger.SensorKind, string(now.ID), span{0, record.MaxTime}); err != nil {
				return err
			}
		}
		if err := s.followSites(ctx, st.Model, patch, inverse); err != nil {
			return err
		}
	}
	if uint64(done) < st.Revision {
		return s.opts.Store.SetProgress(ctx, revision, record.Millis(st.Revision))
	}
	return nil
}

// followFormulas marks virtual sensors whose formula means something else than
// before a revision, as what it uses measures something else or stands in
// another hierarchy, and gives the model before; nil when that cannot be told,
// after which all are marked.
func (s *Service) followFormulas(ctx context.Context, after *model.Model, inverse model.Patch) (*model.Model, error) {
	if after == nil {
		return nil, nil
	}
	before, _, err := after.Apply(inverse)
	if err != nil { // stored by a version that allowed what is refused now
		s.log.Warn("what a revision changed of formulas cannot be told; all virtual sensors are settled again", "error", err)
		before = nil
	}
	for id, f := range after.Formulas() {
		if before != nil {
			was, ok := before.Formula(id)
			if !ok || was.Same(f) && !slices.ContainsFunc(f.Operands(), func(o formula.Operand) bool {
				x, _ := before.HierarchyOf(model.GroupID(o.Group))
				y, _ := after.HierarchyOf(model.GroupID(o.Group))
				return o.Group != "" && x != y
			}) {
				continue
			}
		}
		if err := s.mark(ctx, ledger.SensorKind, string(id), span{0, record.MaxTime}); err != nil {
			return nil, err
		}
	}
	return before, nil
}

// followSites marks what has other days than before, as its zone is another.
func (s *Service) followSites(ctx context.Context, m *model.Model, patch, inverse model.Patch) error {
	zones := make(map[model.SiteID]string)
	for _, x := range inverse.Sites {
		zones[x.ID] = x.Zone
	}
	moved := make(map[model.SiteID]bool)
	for _, x := range patch.Sites {
		if was, ok := zones[x.ID]; ok && was != x.Zone {
			moved[x.ID] = true
		}
	}
	if len(moved) > 0 {
		for sn := range m.Sensors() {
			if moved[sn.Site] {
				if err := s.mark(ctx, ledger.SensorKind, string(sn.ID), span{0, record.MaxTime}); err != nil {
					return err
				}
			}
		}
	}
	sites := make(map[model.HierarchyID]model.SiteID)
	for _, x := range inverse.Hierarchies {
		sites[x.ID] = x.Site
	}
	for _, id := range m.Hierarchies() {
		x, _ := m.Hierarchy(id)
		if was, ok := sites[id]; moved[x.Site] || ok && was != x.Site {
			if err := s.mark(ctx, ledger.HierarchyKind, string(id), span{0, record.MaxTime}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) mark(ctx context.Context, kind, name string, at span) error {
	s.at.marks.Add(1)
	return s.opts.Store.AddMarks(ctx, []ledger.Mark{{Kind: kind, Name: name, Begin: at.from, End: at.to}})
}

// calendarOf is the calendar a point's days are of.
func (s *Service) calendarOf(m *model.Model, p ledger.Point) window.Calendar {
	var site model.SiteID
	if p.Hierarchy == "" {
		if sn, ok := m.Sensor(record.SensorID(p.Name)); ok {
			site = sn.Site
		}
	} else if h, ok := m.Hierarchy(model.HierarchyID(p.Hierarchy)); ok {
		site = h.Site
	}
	zone := ""
	if x, ok := m.Site(site); ok {
		zone = x.Zone
	}
	if c, ok := s.calendars.Load(zone); ok {
		return c.(window.Calendar)
	}
	c, err := window.Load(zone)
	if err != nil {
		c = window.In(time.UTC)
	}
	s.calendars.Store(zone, c)
	return c
}

// Step settles the next that is due, and tells whether there is more: first
// what has passed, then what is marked, then older time that was never
// settled. It is for tests and for settling by hand; Run calls it.
func (s *Service) Step(ctx context.Context) (more bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.remember(ctx); err != nil {
		return false, err
	}
	for _, f := range []func(context.Context) (bool, error){s.advance, s.settleMarks, s.descend} {
		if more, err = f(ctx); more || err != nil {
			return more, err
		}
	}
	return false, nil
}

// remember keeps the time of the oldest reading there ever was.
func (s *Service) remember(ctx context.Context) error {
	oldest, _ := s.opts.Readings.Extent()
	if first := record.Millis(s.at.first.Load()); oldest == 0 || first > 0 && first <= oldest {
		return nil
	}
	s.at.first.Store(int64(oldest))
	return s.opts.Store.SetProgress(ctx, ledger.First, oldest)
}

// settled is the span in which windows are settled and can be settled again.
// Where readings are gone, because they are kept for a limited time, what was
// settled of them stays: computed again it would be nothing. The first day of
// the readings that are left is not whole any more.
func (s *Service) settled() span {
	at := s.kept()
	if oldest, _ := s.opts.Readings.Extent(); oldest > record.Millis(s.at.first.Load()) {
		at.from = max(at.from, upQuarter(oldest)+96*quarter)
	}
	return at
}

// kept is the span in which windows are settled. What follows from settled
// windows alone can be computed again in all of it.
func (s *Service) kept() span {
	return span{record.Millis(s.at.floor.Load()), record.Millis(s.at.frontier.Load())}
}

// rowsInMemory bounds how many windows of sensors are settled in one go, which
// are in memory until the groups above them and the days are computed.
const rowsInMemory = 1_000_000

// chunk is how much time is settled in one go, so that memory stays bounded.
func (s *Service) chunk(m *model.Model) record.Millis {
	_, sensors, _, _ := m.Counts()
	return quarter * record.Millis(min(max(rowsInMemory/max(sensors, 1), 4), 7*96))
}

// days is the calendar of most sensors. What is settled in one go ends with one
// of its days where it can, so that days are made once, of what is in memory.
func (s *Service) days(m *model.Model) window.Calendar {
	sensors := make(map[model.SiteID]int)
	var most record.SensorID
	n := 0
	for sn := range m.Sensors() {
		if sensors[sn.Site]++; sensors[sn.Site] > n {
			n, most = sensors[sn.Site], sn.ID
		}
	}
	return s.calendarOf(m, ledger.SensorPoint(most))
}

// advance settles what has passed.
func (s *Service) advance(ctx context.Context) (bool, error) {
	due := record.MillisOf(s.opts.Now().Add(-s.opts.Delay)) / quarter * quarter
	at := record.Millis(s.at.frontier.Load())
	if at == 0 {
		if err := s.opts.Store.SetProgress(ctx, ledger.Floor, due); err != nil {
			return false, err
		}
		s.at.floor.Store(int64(due))
		s.at.frontier.Store(int64(due))
		return true, s.opts.Store.SetProgress(ctx, ledger.Frontier, due)
	}
	if at >= due {
		return false, nil
	}
	m := s.opts.Catalog.State().Model
	to := due
	if most := at + s.chunk(m); most < due {
		to = most
		if d := s.days(m).Span(window.Day, most); d.From > at {
			to = d.From
		}
	}
	virgin := span{max(at, s.tried.up), to}
	if err := s.try(ctx, &s.tried.up, triedUp, max(to, s.tried.up)); err != nil {
		return false, err
	}
	if err := s.all(ctx, span{at, to}, virgin, to); err != nil {
		return false, err
	}
	s.at.frontier.Store(int64(to))
	return true, s.opts.Store.SetProgress(ctx, ledger.Frontier, to)
}

// descend settles older time.
func (s *Service) descend(ctx context.Context) (bool, error) {
	oldest, _ := s.opts.Readings.Extent()
	at := record.Millis(s.at.floor.Load())
	if oldest == 0 || oldest >= at {
		return false, nil
	}
	m := s.opts.Catalog.State().Model
	from := oldest / quarter * quarter
	if least := at - s.chunk(m); least > from {
		from = least
		if d := s.days(m).Span(window.Day, least); d.From < least && d.To < at {
			from = d.To
		}
	}
	virgin := span{from, at}
	if s.tried.down > 0 {
		virgin.to = min(at, s.tried.down)
	} else {
		s.tried.down = at
	}
	if err := s.try(ctx, &s.tried.down, triedDown, min(from, s.tried.down)); err != nil {
		return false, err
	}
	if err := s.all(ctx, span{from, at}, virgin, record.Millis(s.at.frontier.Load())); err != nil {
		return false, err
	}
	s.at.floor.Store(int64(from))
	return true, s.opts.Store.SetProgress(ctx, ledger.Floor, from)
}

// try notes how far windows are going to be stored.
func (s *Service) try(ctx context.Context, at *record.Millis, name string, to record.Millis) error {
	if *at == to {
		return nil
	}
	*at = to
	return s.opts.Store.SetProgress(ctx, name, to)
}

// all settles every sensor and group for a span. In virgin nothing was ever
// stored.
func (s *Service) all(ctx context.Context, at, virgin span, limit record.Millis) error {
	j, err := s.newJob(ctx, s.settled().hull(at), s.kept().hull(at), limit)
	if err != nil {
		return err
	}
	j.virgin = virgin
	j.doubt = len(at.without(virgin)) > 0 // it was tried
	// Numbered at once: one by one it is a transaction for each.
	var points []ledger.Point
	for sn := range j.model.Sensors() {
		points = append(points, ledger.SensorPoint(sn.ID))
	}
	if _, err := s.opts.Store.IDs(ctx, points, true); err != nil {
		return err
	}
	sensors := func(yield func(record.SensorID, span) bool) {
		for sn := range j.model.Sensors() {
			if !yield(sn.ID, at) {
				return
			}
		}
	}
	if err := j.sensors(ctx, sensors, func(id record.SensorID, at span) { s.passed(j, ledger.SensorPoint(id), at) }); err != nil {
		return err
	}
	for h := range s.trees {
		if x := s.trees.Newest(h); x != nil {
			for i := range x.Groups {
				s.passed(j, ledger.GroupPoint(h, x.Groups[i].Name), at)
			}
		}
	}
	return j.finish(ctx)
}

// passed has the days of a point made that end within a span.
func (s *Service) passed(j *job, p ledger.Point, at span) {
	d := s.calendarOf(j.model, p).Span(window.Day, at.from)
	if d.To <= at.to {
		j.points[p] = j.points[p].with(span{d.From, at.to})
	}
}

// Status is how far everything is settled.
type Status struct {
	Frontier  record.Millis // up to here
	Floor     record.Millis // and from here on
	Oldest    record.Millis // as far down as this it will be
	Marks     int           // ranges that are to be settled again
	Asked     int           // those of them that somebody asked for
	Cancelled ledger.Cancel // when some of those were cancelled last; its number is 0 when that never was
}

// Status tells how far everything is, read from the store.
func (s *Service) Status(ctx context.Context) (Status, error) {
	var x Status
	var err error
	if x.Frontier, err = s.opts.Store.Progress(ctx, ledger.Frontier); err != nil {
		return x, err
	}
	if x.Floor, err = s.opts.Store.Progress(ctx, ledger.Floor); err != nil {
		return x, err
	}
	x.Oldest, _ = s.opts.Readings.Extent()
	if x.Marks, err = s.opts.Store.CountMarks(ctx); err != nil {
		return x, err
	}
	if x.Asked, err = s.opts.Store.CountAsked(ctx); err != nil {
		return x, err
	}
	x.Cancelled, err = s.opts.Store.Cancelled(ctx)
	return x, err
}
