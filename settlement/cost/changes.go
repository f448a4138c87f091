package cost

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/wattwerk/wattwerk/internal/etag"
	"github.com/wattwerk/wattwerk/internal/strict"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/cost/contract"
	"github.com/wattwerk/wattwerk/settlement/cost/price"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/tariff"
	"github.com/wattwerk/wattwerk/window"
)

// Bounds of what is kept.
const (
	MostDocuments   = 1_000
	MostAssignments = 10_000
	MostSeries      = 1_000
	MostWhy         = 2_000 // bytes of a reason
)

// tries is how often a change is made anew when somebody else was faster.
const tries = 10

// change decides on a change by the book, and makes it.
func (s *Service) change(ctx context.Context, f func(b *price.Book) error) error {
	for i := 0; ; i++ {
		b, err := s.Current(ctx)
		if err != nil {
			return err
		}
		if err = f(b); !errors.Is(err, contract.ErrChanged) || i == tries {
			return err
		}
	}
}

// correction asks for a reason where what was priced would change: since is from
// when on it would, and the time until what is settled is what matters.
func correction(what string, at window.Span, c window.Calendar, why string) error {
	if price.Empty(at) || why != "" {
		return nil
	}
	return price.Refuse(http.StatusConflict, "%s would change what was priced already, from %s on; a new price is a new version with a later first day. If it was wrong, say why in 'correction', and it is priced again",
		what, at.From.Time().In(c.Zone()).Format("2006-01-02"))
}

// faulty is a document that is not taken, with all that is wrong with it.
func faulty(err error) error {
	var faults *strict.Faults
	if errors.As(err, &faults) && len(faults.Sentences) > 0 {
		return &price.Refusal{Status: http.StatusUnprocessableEntity, Text: err.Error(), Faults: faults.Sentences}
	}
	return price.Refuse(http.StatusUnprocessableEntity, "%v", err)
}

// parsed is a document that was read and checked.
type parsed struct {
	name    contract.Name
	body    string
	tariff  tariff.Tariff
	factors tariff.Factors
}

// check reads a document, and says all that is wrong with it.
func check(k contract.Kind, id tariff.ID, data []byte, yaml bool) (parsed, error) {
	out := parsed{name: contract.Name{Kind: k, ID: id}}
	var doc any
	var err error
	var own tariff.ID
	utc := window.Calendar{}
	if k == contract.Tariff {
		read := tariff.ReadJSON[tariff.Tariff]
		if yaml {
			read = tariff.ReadYAML[tariff.Tariff]
		}
		if out.tariff, err = read(data); err != nil {
			return out, faulty(err)
		}
		own = out.tariff.ID
		if own == "" {
			out.tariff.ID = id
		}
		_, err = tariff.New(out.tariff, utc)
		doc = out.tariff
	} else {
		read := tariff.ReadJSON[tariff.Factors]
		if yaml {
			read = tariff.ReadYAML[tariff.Factors]
		}
		if out.factors, err = read(data); err != nil {
			return out, faulty(err)
		}
		own = out.factors.ID
		if own == "" {
			out.factors.ID = id
		}
		for _, basis := range []tariff.Basis{tariff.Location, tariff.Market} {
			if err == nil {
				_, err = tariff.NewFactors(out.factors, basis, utc)
			}
		}
		doc = out.factors
	}
	if err != nil {
		return out, faulty(err)
	}
	if own != "" && own != id {
		return out, price.Refuse(http.StatusUnprocessableEntity, "the document is %q by its id, and is put at %q", string(own), string(id))
	}
	body, err := json.Marshal(doc)
	out.body = string(body)
	return out, err
}

// differ tells from which day on a document prices otherwise than the one it
// replaces.
func (p *parsed) differ(old contract.Document) (tariff.Date, bool, error) {
	if p.name.Kind == contract.Tariff {
		was, err := tariff.ReadJSON[tariff.Tariff]([]byte(old.Body))
		if err != nil {
			return "", false, err
		}
		d, differs := contract.Differ(was, p.tariff)
		return d, differs, nil
	}
	was, err := tariff.ReadJSON[tariff.Factors]([]byte(old.Body))
	if err != nil {
		return "", false, err
	}
	d, differs := contract.DifferFactors(was, p.factors)
	return d, differs, nil
}

func (p *parsed) quantity() record.Quantity {
	q := p.tariff.Quantity
	if p.name.Kind == contract.Factors {
		q = p.factors.Quantity
	}
	if q == "" {
		return record.Energy
	}
	return q
}

// putDocument keeps a document. match is the revision it is made for, 0 for none.
func (s *Service) putDocument(ctx context.Context, p parsed, match int64, why string) (out contract.Document, err error) {
	err = s.change(ctx, func(b *price.Book) error {
		old, there := b.Documents[p.name]
		if err := matches(old.Revision, match); err != nil {
			return err
		}
		if there && old.Body == p.body {
			out = old
			return nil
		}
		if !there && len(b.Documents) >= MostDocuments {
			return price.Refuse(http.StatusUnprocessableEntity, "there are %d tariffs and sets of factors; more are not kept", MostDocuments)
		}
		d := contract.Document{Name: p.name, Body: p.body, Who: s.opts.Actor(ctx), Why: why, At: s.opts.Now()}
		if there {
			since, differs, err := p.differ(old)
			if err != nil {
				return err
			}
			if differs {
				d.Since = since
				if err := s.mayReplace(ctx, b, p, since, why); err != nil {
					return err
				}
			}
		}
		out, err = s.store.AddRevision(ctx, b.Number, d)
		return err
	})
	return out, err
}

func matches(revision, match int64) error {
	if match == etag.Any || match == revision {
		return nil
	}
	return &price.Refusal{Status: http.StatusPreconditionFailed, Text: "it was changed meanwhile: it has another revision than If-Match says"}
}

// mayReplace refuses to change silently what was priced.
func (s *Service) mayReplace(ctx context.Context, b *price.Book, p parsed, since tariff.Date, why string) error {
	within, err := s.Settled(ctx)
	if err != nil {
		return err
	}
	for k := range b.Points() {
		if k.Kind != p.name.Kind {
			continue
		}
		at := s.Site(k.Point)
		all, err := s.Stretches(b, k.Point, firstBasis(k.Kind))
		if err != nil {
			return err
		}
		for i := range all {
			if all[i].Document != p.name.ID {
				continue
			}
			if q := p.quantity(); at.There && at.Quantity != q {
				return price.Refuse(http.StatusConflict, "it prices %s, which measures %s and not %s", price.NameOf(k.Point), at.Quantity, q)
			}
			from, err := price.DayBegin(all[i].Plan.Calendar(), since)
			if err != nil {
				return err
			}
			touched := price.Cut(price.Cut(all[i].Span, within), window.Span{From: from, To: record.MaxTime})
			if err := correction("this", touched, all[i].Plan.Calendar(), why); err != nil {
				return err
			}
		}
	}
	return nil
}

func firstBasis(k contract.Kind) price.Basis {
	if k == contract.Tariff {
		return price.Cost
	}
	return price.Location
}

// removeDocument removes a document that nothing refers to. Its revisions stay.
func (s *Service) removeDocument(ctx context.Context, n contract.Name, match int64, why string) error {
	return s.change(ctx, func(b *price.Book) error {
		old, there := b.Documents[n]
		if !there {
			return price.Refuse(http.StatusNotFound, "there is no %s %q", n.Kind, string(n.ID))
		}
		if err := matches(old.Revision, match); err != nil {
			return err
		}
		for _, a := range b.Assignments {
			if a.Kind == n.Kind && a.Document == n.ID {
				return price.Refuse(http.StatusConflict, "it prices %s from %s on; undo that assignment first", price.NameOf(a.Point), string(a.From))
			}
		}
		_, err := s.store.AddRevision(ctx, b.Number, contract.Document{Name: n, Body: old.Body, Gone: true, Who: s.opts.Actor(ctx), Why: why, At: s.opts.Now()})
		return err
	})
}

// assign keeps an assignment.
func (s *Service) assign(ctx context.Context, a contract.Assignment) (out contract.Assignment, err error) {
	err = s.change(ctx, func(b *price.Book) error {
		if err := s.assignable(b, a); err != nil {
			return err
		}
		a.Who, a.At, a.Number = s.opts.Actor(ctx), s.opts.Now(), int64(1)<<62
		was := b.Of(price.PointKind{Point: a.Point, Kind: a.Kind})
		i := len(was)
		for i > 0 && was[i-1].From > a.From {
			i--
		}
		now, err := s.Chain(b, slices.Insert(slices.Clone(was), i, a), firstBasis(a.Kind))
		if err != nil {
			return price.Refuse(http.StatusUnprocessableEntity, "%v", err)
		}
		before, err := s.Chain(b, was, firstBasis(a.Kind))
		if err != nil {
			return err
		}
		within, err := s.Settled(ctx)
		if err != nil {
			return err
		}
		for _, x := range now {
			if x.Number != a.Number {
				continue
			}
			for _, old := range before {
				if old.Plan == nil || old.Document == a.Document && old.Export == a.Export && old.By == a.By {
					continue
				}
				if err := correction("this", price.Cut(price.Cut(x.Span, within), old.Span), s.Site(a.Point).Calendar, a.Why); err != nil {
					return err
				}
			}
		}
		out, err = s.store.AddAssignment(ctx, b.Number, a)
		return err
	})
	return out, err
}

// assignable refuses what makes no sense.
func (s *Service) assignable(b *price.Book, a contract.Assignment) error {
	at := s.Site(a.Point)
	no := func(format string, args ...any) error {
		return price.Refuse(http.StatusUnprocessableEntity, format, args...)
	}
	switch {
	case !at.There:
		return price.Refuse(http.StatusNotFound, "there is no %s in the model", price.NameOf(a.Point))
	case at.Quantity == "":
		return no("what %s measures does not add up to an amount, and cannot be priced", price.NameOf(a.Point))
	case len(b.Assignments) >= MostAssignments:
		return no("there are %d assignments; more are not kept", MostAssignments)
	case a.By == contract.ByMeter && !at.Metered:
		return no("%s has no meter of its own in the model; it can be priced by its members", price.NameOf(a.Point))
	case a.Document == "" && a.Export != "":
		return no("where nothing prices it, nothing has to be exported either")
	}
	if _, err := price.DayBegin(at.Calendar, a.From); err != nil {
		return no("from: %v", err)
	}
	if a.Document != "" {
		d, ok := b.Documents[contract.Name{Kind: a.Kind, ID: a.Document}]
		if !ok {
			return no("there is no %s %q", a.Kind, string(a.Document))
		}
		p, err := check(a.Kind, a.Document, []byte(d.Body), false)
		if err != nil {
			return err
		}
		if q := p.quantity(); q != at.Quantity {
			return no("%s %s prices %s, and %s measures %s", a.Kind, string(a.Document), q, price.NameOf(a.Point), at.Quantity)
		}
	}
	if a.Export != "" {
		e := ledger.SensorPoint(a.Export)
		switch x := s.Site(e); {
		case !x.There:
			return no("export: there is no sensor %q in the model", string(a.Export))
		case x.Quantity != at.Quantity:
			return no("export: sensor %s does not measure %s", string(a.Export), at.Quantity)
		case e == a.Point:
			return no("export: it is the sensor itself; what it gives back is below zero already")
		}
	}
	return nil
}

// undo ends an assignment, as if it had never been.
func (s *Service) undo(ctx context.Context, id, why string) (out contract.Assignment, err error) {
	err = s.change(ctx, func(b *price.Book) (err error) {
		out, err = s.store.UndoAssignment(ctx, b.Number, id, s.opts.Actor(ctx), why, s.opts.Now())
		return err
	})
	if errors.Is(err, contract.ErrNotFound) {
		return out, price.Refuse(http.StatusNotFound, "there is no assignment %.60q", id)
	}
	return out, err
}

// putQuotes lays quotes over a series, which is made when it is new.
func (s *Service) putQuotes(ctx context.Context, name, unit, why string, all []tariff.Quote) (out contract.Put, err error) {
	if err := checkQuotes(name, unit, all); err != nil {
		return out, err
	}
	err = s.change(ctx, func(b *price.Book) error {
		was, there := b.Series[name]
		if !there && len(b.Series) >= MostSeries {
			return price.Refuse(http.StatusUnprocessableEntity, "there are %d series; more are not kept", MostSeries)
		}
		if there && unit == "" {
			unit = was.Unit
		}
		old, err := s.store.Quotes(ctx, name, all[0].Span.From, all[len(all)-1].Span.To)
		if err != nil {
			return err
		}
		o := contract.Lay(old, all)
		if err := s.mayRequote(ctx, b, name, o.Since, why); err != nil {
			return err
		}
		out, err = s.store.Put(ctx, b.Number, contract.Put{Series: name, Unit: unit, Who: s.opts.Actor(ctx), Why: why, At: s.opts.Now()}, all)
		return err
	})
	return out, err
}

func checkQuotes(name, unit string, all []tariff.Quote) error {
	var f strict.Faults
	if err := record.ValidateID("series", name); err != nil {
		f.Add("%v", err)
	}
	if len(unit) > 60 {
		f.Add("the unit is longer than 60 bytes")
	}
	if len(all) == 0 || len(all) > contract.MostQuotes {
		f.Add("there are %d prices; 1 to %d are taken at once", len(all), contract.MostQuotes)
	}
	for i, q := range all {
		switch {
		case q.Span.From >= q.Span.To || q.Span.From < record.MinTime || q.Span.To > record.MaxTime:
			f.Add("price %d, from %s to %s, is for no time between 1970 and 2100", i+1, q.Span.From, q.Span.To)
		case i > 0 && q.Span.From < all[i-1].Span.To:
			f.Add("price %d, at %s, begins before the one above it ends", i+1, q.Span.From)
		}
	}
	if err := f.Err(); err != nil {
		return faulty(err)
	}
	return nil
}

// mayRequote refuses to change prices silently that were priced by.
func (s *Service) mayRequote(ctx context.Context, b *price.Book, name string, since record.Millis, why string) error {
	if since == record.MaxTime || why != "" {
		return nil
	}
	within, err := s.Settled(ctx)
	if err != nil {
		return err
	}
	for k := range b.Points() {
		for _, basis := range price.Bases(k.Kind) {
			all, err := s.Stretches(b, k.Point, basis)
			if err != nil {
				return err
			}
			for i := range all {
				if all[i].Plan == nil || !slices.Contains(all[i].Plan.Series(), name) {
					continue
				}
				touched := price.Cut(price.Cut(all[i].Span, within), window.Span{From: since, To: record.MaxTime})
				if err := correction("this", touched, all[i].Plan.Calendar(), why); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// reason checks a reason.
func reason(why string) (string, error) {
	why = strings.TrimSpace(why)
	if len(why) > MostWhy {
		return "", price.Refuse(http.StatusUnprocessableEntity, "the reason is longer than %d bytes", MostWhy)
	}
	return why, nil
}
