package cost

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/cost/contract"
	"github.com/wattwerk/wattwerk/settlement/ledger"
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
}

// Options are what a service needs. Ledger, Windows and Catalog must be set.
type Options struct {
	Ledger  *ledger.Store
	Windows Windows
	Catalog *catalog.Catalog
	Share   run.Share                    // who else computes the costs of days in the same database; nil: nobody
	Actor   func(context.Context) string // who makes a request; nil: unknown
	Log     *slog.Logger
	Now     func() time.Time // the clock; nil: the real one
}

// Service prices settled windows, and keeps what they are priced by.
type Service struct {
	opts  Options
	store *contract.Store
	slots chan struct{} // bounds how many requests price at the same time

	calendars sync.Map // by the name of the zone; to read one takes a while

	mu      sync.Mutex
	book    *book
	entries map[entryKey]*entry
	used    int64 // counts uses of entries
	open    map[ledger.Point]openRows
}

// New opens the tables and makes a service.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.Ledger == nil || o.Windows == nil || o.Catalog == nil {
		return nil, errors.New("make costs: ledger, windows and catalog are needed")
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
	store, err := contract.Open(ctx, o.Ledger)
	if err != nil {
		return nil, err
	}
	return &Service{
		opts: o, store: store, slots: make(chan struct{}, 2), entries: make(map[entryKey]*entry), open: make(map[ledger.Point]openRows),
	}, nil
}

// refused is an error that says what cannot be answered, or done, and why.
type refused struct {
	status int // of HTTP
	text   string
	faults []string // all of them, when there are several
}

func (e *refused) Error() string { return e.text }

// Refused tells whether an error says what cannot be priced as things are: to
// ask again is in vain, and the error a sentence for people.
func Refused(err error) bool {
	no, ok := errors.AsType[*refused](err)
	return ok && no.status == http.StatusUnprocessableEntity
}

func refuse(status int, format string, a ...any) error {
	return &refused{status: status, text: fmt.Sprintf(format, a...)}
}

// Basis is what is asked for: what something costs, or what it emits.
type Basis string

// The bases: money by a tariff, and grams of CO2 equivalent by the two kinds of
// factors.
const (
	Cost     Basis = "cost"
	Location Basis = Basis(tariff.Location)
	Market   Basis = Basis(tariff.Market)
)

func (b Basis) kind() contract.Kind {
	if b == Cost {
		return contract.Tariff
	}
	return contract.Factors
}

// book is all that holds, made ready.
type book struct {
	*contract.Book
	byPoint map[pointKind][]contract.Assignment
	plans   sync.Map // by planKey
}

type pointKind struct {
	point ledger.Point
	kind  contract.Kind
}

type planKey struct {
	name  contract.Name
	basis Basis
	zone  string
}

// current gives the book as it is now.
func (s *Service) current(ctx context.Context) (*book, error) {
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
	if err := s.opts.Ledger.Watch(ctx, points); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.book == nil || s.book.Number < b.Number {
		s.book = b
	}
	return s.book, nil
}

func newBook(read *contract.Book) *book {
	b := &book{Book: read, byPoint: make(map[pointKind][]contract.Assignment)}
	for _, a := range read.Assignments {
		k := pointKind{a.Point, a.Kind}
		b.byPoint[k] = append(b.byPoint[k], a)
	}
	return b
}

// plan gives a document of the book, compiled. Site is the calendar for a
// document that names no zone.
func (b *book) plan(n contract.Name, basis Basis, site window.Calendar) (*tariff.Plan, error) {
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

// site is what the model says of a point: the calendar of its site, and what its
// amounts are of. Without it the point is not in the model.
type site struct {
	calendar window.Calendar
	quantity record.Quantity // of amounts; empty: it has none
	there    bool
}

func (s *Service) site(p ledger.Point) site {
	m := s.opts.Catalog.State().Model
	var at model.SiteID
	var q record.Quantity
	out := site{calendar: window.In(time.UTC)}
	if p.Hierarchy == "" {
		if sn, ok := m.Sensor(record.SensorID(p.Name)); ok {
			at, q, out.there = sn.Site, sn.Quantity, true
		}
	} else {
		if h, ok := m.Hierarchy(model.HierarchyID(p.Hierarchy)); ok {
			at = h.Site
		}
		if of, ok := m.HierarchyOf(model.GroupID(p.Name)); ok && string(of) == p.Hierarchy {
			q, out.there = m.QuantityOf(model.GroupID(p.Name)), true
		}
	}
	if whole, ok := q.Integral(); ok {
		out.quantity = whole
	}
	if x, ok := m.Site(at); ok {
		if c, ok := s.calendars.Load(x.Zone); ok {
			out.calendar = c.(window.Calendar)
		} else if c, err := window.Load(x.Zone); err == nil {
			s.calendars.Store(x.Zone, c)
			out.calendar = c
		}
	}
	return out
}

// stretch is the time in which one assignment holds.
type stretch struct {
	contract.Assignment
	basis    Basis
	plan     *tariff.Plan // nil: nothing prices it
	revision int64
	span     window.Span
	// earlier are the stretches before it by the same document, without a gap:
	// their amounts count towards its steps and peaks.
	earlier []piece
}

// piece is a time in which one sensor counts what is given back.
type piece struct {
	span   window.Span
	export record.SensorID
}

// stretches gives those of a point, in order.
func (s *Service) stretches(b *book, p ledger.Point, basis Basis) ([]stretch, error) {
	return s.chain(b, b.byPoint[pointKind{p, basis.kind()}], basis)
}

// chain makes stretches of assignments of a point, which are in order.
func (s *Service) chain(b *book, all []contract.Assignment, basis Basis) ([]stretch, error) {
	var out []stretch
	for _, a := range all {
		at := s.site(a.Point)
		x := stretch{Assignment: a, basis: basis}
		calendar := at.calendar
		if a.Document != "" {
			n := contract.Name{Kind: a.Kind, ID: a.Document}
			var err error
			if x.plan, err = b.plan(n, basis, at.calendar); err != nil {
				return nil, err
			}
			calendar, x.revision = x.plan.Calendar(), b.Documents[n].Revision
		}
		from, err := dayBegin(calendar, a.From)
		if err != nil {
			return nil, err
		}
		x.span = window.Span{From: from, To: record.MaxTime}
		for len(out) > 0 && out[len(out)-1].span.From >= from {
			out = out[:len(out)-1] // it never held
		}
		if len(out) > 0 {
			out[len(out)-1].span.To = from
		}
		out = append(out, x)
	}
	for i := 1; i < len(out); i++ {
		if was := &out[i-1]; out[i].plan != nil && was.Document == out[i].Document {
			out[i].earlier = append(slices.Clone(was.earlier), piece{was.span, was.Export})
		}
	}
	return out, nil
}

// dayBegin is when a day begins.
func dayBegin(c window.Calendar, d tariff.Date) (record.Millis, error) {
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

// cut is the time two spans have in common; it is empty when From is not before
// To.
func cut(a, b window.Span) window.Span {
	return window.Span{From: max(a.From, b.From), To: min(a.To, b.To)}
}

func empty(a window.Span) bool { return a.From >= a.To }

// settled is the time that is settled.
func (s *Service) settled(ctx context.Context) (window.Span, error) {
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
