package price

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/cost/contract"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/tree"
	"github.com/wattwerk/wattwerk/tariff"
	"github.com/wattwerk/wattwerk/window"
)

// Windows is where settled windows are read from: settlement.Service.
type Windows interface {
	// Windows gives the windows of a point that touch a span, without a hole, and
	// up to when they are settled.
	Windows(ctx context.Context, p ledger.Point, size window.Size, from, to record.Millis) ([]ledger.Row, record.Millis, error)
	// Open gives what is known of the time after that, by quarters of an hour.
	Open(ctx context.Context, p ledger.Point, until record.Millis) ([]ledger.Row, error)
	// Meters gives the meters that a group had in a span, in order and without a
	// hole.
	Meters(ctx context.Context, p ledger.Point, at window.Span) ([]tree.Metering, error)
}

// Options are what a service needs. All but Now must be set.
type Options struct {
	Ledger  *ledger.Store
	Store   *contract.Store
	Windows Windows
	Catalog *catalog.Catalog
	Now     func() time.Time // the clock; nil: the real one
}

// Service prices settled windows by what is said in the store.
type Service struct {
	opts  Options
	store *contract.Store
	slots chan struct{} // bounds how many requests price at the same time

	calendars sync.Map // by the name of the zone; to read one takes a while

	mu      sync.Mutex
	book    *Book
	entries map[entryKey]*entry
	used    int64 // counts uses of entries
	open    map[ledger.Point]openRows
	watched map[ledger.Point]bool
}

// New makes a service.
func New(o Options) (*Service, error) {
	if o.Ledger == nil || o.Store == nil || o.Windows == nil || o.Catalog == nil {
		return nil, errors.New("make prices: ledger, store, windows and catalog are needed")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Service{opts: o, store: o.Store, slots: make(chan struct{}, 2), entries: make(map[entryKey]*entry), open: make(map[ledger.Point]openRows), watched: make(map[ledger.Point]bool)}, nil
}

// Book is all that holds, made ready. It does not change.
type Book struct {
	*contract.Book
	byPoint map[PointKind][]contract.Assignment
	plans   sync.Map // by planKey
}

// PointKind names what is priced, and by which kind of documents.
type PointKind struct {
	Point ledger.Point
	Kind  contract.Kind
}

type planKey struct {
	name  contract.Name
	basis Basis
	zone  string
}

// Current gives the book as it is now.
func (s *Service) Current(ctx context.Context) (*Book, error) {
	n, err := s.store.Changes(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	b := s.book
	s.mu.Unlock()
	if b != nil && b.Number == n {
		return b, nil
	}
	read, err := s.store.Book(ctx)
	if err != nil {
		return nil, err
	}
	b = newBook(read)
	// Before anything is priced: what changes from here on is noted.
	var points []ledger.Point
	for _, a := range b.Assignments {
		points = append(points, a.Point)
		if a.Export != "" {
			points = append(points, ledger.SensorPoint(a.Export))
		}
	}
	if err := s.watch(ctx, points); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.book == nil || s.book.Number < b.Number {
		s.book = b
	}
	return s.book, nil
}

// watch has changes of points noted.
func (s *Service) watch(ctx context.Context, points []ledger.Point) error {
	s.mu.Lock()
	points = slices.DeleteFunc(slices.Clone(points), func(p ledger.Point) bool { return s.watched[p] })
	s.mu.Unlock()
	if len(points) == 0 {
		return nil
	}
	if err := s.opts.Ledger.Watch(ctx, points); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range points {
		s.watched[p] = true
	}
	return nil
}

func newBook(read *contract.Book) *Book {
	b := &Book{Book: read, byPoint: make(map[PointKind][]contract.Assignment)}
	for _, a := range read.Assignments {
		k := PointKind{a.Point, a.Kind}
		b.byPoint[k] = append(b.byPoint[k], a)
	}
	return b
}

// Points are what something was ever assigned to, in no order.
func (b *Book) Points() iter.Seq[PointKind] { return maps.Keys(b.byPoint) }

// Of are the assignments of a point that are in force, in order. They are not to be
// changed.
func (b *Book) Of(k PointKind) []contract.Assignment { return b.byPoint[k] }

// plan gives a document of the book, compiled. Site is the calendar for a
// document that names no zone.
func (b *Book) plan(n contract.Name, basis Basis, site window.Calendar) (*tariff.Plan, error) {
	key := planKey{n, basis, site.Zone().String()}
	if p, ok := b.plans.Load(key); ok {
		return p.(*tariff.Plan), nil
	}
	d, ok := b.Documents[n]
	if !ok {
		return nil, fmt.Errorf("price: there is no %s %q", n.Kind, n.ID)
	}
	p, err := compile(n.Kind, d.Body, basis, site)
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", n.Kind, n.ID, err)
	}
	b.plans.Store(key, p)
	return p, nil
}

func compile(k contract.Kind, body string, basis Basis, site window.Calendar) (*tariff.Plan, error) {
	if k == contract.Tariff {
		d, err := tariff.ReadJSON[tariff.Tariff]([]byte(body))
		if err != nil {
			return nil, err
		}
		return tariff.New(d, site)
	}
	d, err := tariff.ReadJSON[tariff.Factors]([]byte(body))
	if err != nil {
		return nil, err
	}
	return tariff.NewFactors(d, tariff.Basis(basis), site)
}

// Site is what the model says of a point: the calendar of its site, and what its
// amounts are of. Without it the point is not in the model.
type Site struct {
	Calendar window.Calendar
	Quantity record.Quantity // of amounts; empty: it has none
	There    bool
	Metered  bool // it is a group with a meter of its own
}

// Site gives it of a point.
func (s *Service) Site(p ledger.Point) Site {
	m := s.opts.Catalog.State().Model
	var at model.SiteID
	var q record.Quantity
	out := Site{Calendar: window.In(time.UTC)}
	if p.Hierarchy == "" {
		if sn, ok := m.Sensor(record.SensorID(p.Name)); ok {
			at, q, out.There = sn.Site, sn.Quantity, true
		}
	} else {
		if h, ok := m.Hierarchy(model.HierarchyID(p.Hierarchy)); ok {
			at = h.Site
		}
		if of, ok := m.HierarchyOf(model.GroupID(p.Name)); ok && string(of) == p.Hierarchy {
			q, out.There = m.QuantityOf(model.GroupID(p.Name)), true
			if g, ok := m.Group(model.GroupID(p.Name)); ok {
				out.Metered = slices.ContainsFunc(g.Members, func(x model.Member) bool { return x.Meter })
			}
		}
	}
	if whole, ok := q.Integral(); ok {
		out.Quantity = whole
	}
	if x, ok := m.Site(at); ok {
		if c, ok := s.calendars.Load(x.Zone); ok {
			out.Calendar = c.(window.Calendar)
		} else if c, err := window.Load(x.Zone); err == nil {
			s.calendars.Store(x.Zone, c)
			out.Calendar = c
		}
	}
	return out
}

// Stretch is the time in which one assignment holds.
type Stretch struct {
	contract.Assignment
	Basis    Basis
	Plan     *tariff.Plan // nil: nothing prices it
	Revision int64        // of the document
	Span     window.Span
	// earlier are the stretches before it by the same document, without a gap:
	// their amounts count towards its steps and peaks.
	earlier []piece
	// compared leaves out the quarters of the stretch in which the meter of the
	// group and its members cannot be compared.
	compared bool
}

// piece is a time in which amounts are of one kind.
type piece struct {
	span   window.Span
	export record.SensorID // counts what is given back
	by     contract.By
}

// pieces are all that count, the time before the stretch too.
func (x *Stretch) pieces() []piece {
	return append(slices.Clone(x.earlier), piece{x.Span, x.Export, x.By})
}

// sides are the stretch as it is, by the meter, and as if it were priced by the
// sum of members, both over the time in which they can be compared.
func (x *Stretch) sides() [2]*Stretch {
	meter, members := *x, *x.byMembers()
	meter.compared, members.compared = true, true
	return [2]*Stretch{&meter, &members}
}

// byMembers is the stretch as if it were priced by the sum of members.
func (x *Stretch) byMembers() *Stretch {
	out := *x
	out.By, out.earlier = contract.ByMembers, slices.Clone(x.earlier)
	for i := range out.earlier {
		out.earlier[i].by = contract.ByMembers
	}
	return &out
}

// Stretches gives those of a point, in order.
func (s *Service) Stretches(b *Book, p ledger.Point, basis Basis) ([]Stretch, error) {
	return s.Chain(b, b.byPoint[PointKind{p, basis.Kind()}], basis)
}

// Chain makes stretches of assignments of a point, which are in order.
func (s *Service) Chain(b *Book, all []contract.Assignment, basis Basis) ([]Stretch, error) {
	var out []Stretch
	for _, a := range all {
		at := s.Site(a.Point)
		x := Stretch{Assignment: a, Basis: basis}
		calendar := at.Calendar
		if a.Document != "" {
			n := contract.Name{Kind: a.Kind, ID: a.Document}
			var err error
			if x.Plan, err = b.plan(n, basis, at.Calendar); err != nil {
				return nil, err
			}
			calendar, x.Revision = x.Plan.Calendar(), b.Documents[n].Revision
		}
		from, err := DayBegin(calendar, a.From)
		if err != nil {
			return nil, err
		}
		x.Span = window.Span{From: from, To: record.MaxTime}
		for len(out) > 0 && out[len(out)-1].Span.From >= from {
			out = out[:len(out)-1] // it never held
		}
		if len(out) > 0 {
			out[len(out)-1].Span.To = from
		}
		out = append(out, x)
	}
	for i := 1; i < len(out); i++ {
		if was := &out[i-1]; out[i].Plan != nil && was.Document == out[i].Document {
			out[i].earlier = append(slices.Clone(was.earlier), piece{was.Span, was.Export, was.By})
		}
	}
	return out, nil
}

// DayBegin is when a day begins.
func DayBegin(c window.Calendar, d tariff.Date) (record.Millis, error) {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return 0, fmt.Errorf("%.40q is not a date like 2026-01-31", string(d))
	}
	// At noon every clock shows the day.
	noon := record.MillisOf(time.Date(t.Year(), t.Month(), t.Day(), 12, 0, 0, 0, c.Zone()))
	if noon < record.MinTime+86_400_000 || noon > record.MaxTime-86_400_000 {
		return 0, fmt.Errorf("%s is outside 1970 to 2100", d)
	}
	return c.Span(window.Day, noon).From, nil
}

// Settled is the time that is settled.
func (s *Service) Settled(ctx context.Context) (window.Span, error) {
	to, err := s.opts.Ledger.Progress(ctx, ledger.Frontier)
	if err != nil {
		return window.Span{}, err
	}
	from, err := s.opts.Ledger.Progress(ctx, ledger.Floor)
	return window.Span{From: from, To: to}, err
}

// slot waits until the request may price.
func (s *Service) slot(ctx context.Context) (func(), error) {
	select {
	case s.slots <- struct{}{}:
		return func() { <-s.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
