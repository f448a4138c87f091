package bill

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/tariff"
	"github.com/wattwerk/wattwerk/tariff/wide"
	"github.com/wattwerk/wattwerk/window"
)

// ServiceQuote is a price of a market over a span: of a series that a tariff names.
type ServiceQuote struct {
	From  record.Millis  `json:"from" doc:"First ms it holds for"`
	To    record.Millis  `json:"to" doc:"First ms that it does not hold for"`
	Value tariff.Decimal `json:"value" doc:"As the market says it; may be below zero" example:"-4.2"`
}

// ServiceQuotes are the prices of one series.
type ServiceQuotes struct {
	Name   string         `json:"name" doc:"Name of the series, as the tariff calls it" maxLength:"200"`
	Quotes []ServiceQuote `json:"quotes" doc:"In the order of time, without overlap" maxItems:"140000"`
}

// MaxQuotes bounds the quotes of a series, MaxSeries the series.
const (
	MaxQuotes = 140_000
	MaxSeries = 20
)

// Quotes reads series of prices.
func Quotes(all []ServiceQuotes) (map[string][]tariff.Quote, error) {
	if len(all) > MaxSeries {
		return nil, fmt.Errorf("prices: %d series are more than %d", len(all), MaxSeries)
	}
	out := make(map[string][]tariff.Quote, len(all))
	for _, s := range all {
		if _, twice := out[s.Name]; twice {
			return nil, fmt.Errorf("prices: the series %q is there twice", s.Name)
		}
		if len(s.Quotes) > MaxQuotes {
			return nil, fmt.Errorf("prices: %d quotes of %q are more than %d", len(s.Quotes), s.Name, MaxQuotes)
		}
		quotes := make([]tariff.Quote, 0, len(s.Quotes))
		for i, q := range s.Quotes {
			p, err := q.Value.Price()
			if err != nil {
				return nil, fmt.Errorf("prices: quote %d of %q: %w", i+1, s.Name, err)
			}
			quotes = append(quotes, tariff.Quote{Span: window.Span{From: q.From, To: q.To}, Known: true, Price: p})
		}
		out[s.Name] = quotes
	}
	return out, nil
}

// Piece is what flowed in a span of time.
type Piece struct {
	Span         window.Span
	Taken, Given energy.Amount // neither below zero
	// Quality is the worst of what both rest on, and None when they are not
	// known; Marked are the parts that do.
	Quality                  energy.Quality
	TakenMarked, GivenMarked energy.Amount
}

// Line is a priced line with what its money rests on.
type Line struct {
	tariff.Line
	By      [energy.Estimated + 1]tariff.Money // the parts by quality; of those that are marked
	Quality energy.Quality
}

// Bill is a bill by one tariff.
type Bill struct {
	Lines              []Line
	Known              bool  // a version of the tariff is in force in the period
	Measured, Unpriced int64 // ms
	Taken, Given       energy.Amount
	Currency           string
	PerUnit            energy.Amount
}

// Price prices pieces in the order of time. Those before the period count towards
// steps and peaks alone, as in [tariff.Pricer].
func Price(p *tariff.Plan, period window.Span, quotes map[string][]tariff.Quote, pieces []Piece) (Bill, error) {
	worst := energy.None
	there := [energy.Estimated + 1]bool{}
	for _, x := range pieces {
		there[x.Quality] = true // before the period, too: a peak may be there
		if x.Span.From >= period.From {
			worst = max(worst, x.Quality)
		}
	}
	// Without steps and peaks what was not marked says nothing about what was, and is
	// left out from the second time on.
	apart := p.Since(period.To-1) == period.To-1
	var out Bill
	first := true
	for _, mark := range slices.Backward(marks) {
		if !there[mark] && !(first && mark == marks[0]) {
			continue
		}
		b, err := priceOnce(p, period, quotes, pieces, mark, apart && !first)
		if err != nil {
			return Bill{}, err
		}
		if first {
			first = false
			out = Bill{Known: b.Known, Measured: b.Measured, Unpriced: b.Unpriced, Taken: b.Taken, Given: b.Given, Currency: b.Currency, PerUnit: p.PerUnit()}
			for _, l := range b.Lines {
				out.Lines = append(out.Lines, Line{Line: l})
			}
		}
		for i := range b.Lines {
			if l := &out.Lines[i]; b.Lines[i].Estimated != 0 {
				l.By[mark] = b.Lines[i].Estimated
				l.Quality = max(l.Quality, mark)
			}
		}
	}
	for i := range out.Lines {
		out.Lines[i].qualify(worst)
	}
	return out, nil
}

// qualify says on what a line rests that has no marked part: a line that was free,
// or in which nothing flowed, rests on all that was known.
func (l *Line) qualify(worst energy.Quality) {
	switch {
	case l.Quality != energy.None, l.Kind == tariff.Standing:
	case l.Money != 0:
		l.Quality = energy.Measured
	case worst != energy.None:
		l.Quality = worst
	}
}

func priceOnce(p *tariff.Plan, period window.Span, quotes map[string][]tariff.Quote, pieces []Piece, mark energy.Quality, alone bool) (tariff.Bill, error) {
	r, err := p.Price(period, quotes)
	if err != nil {
		return tariff.Bill{}, err
	}
	for _, x := range pieces {
		if alone && x.Quality != mark {
			continue
		}
		w := tariff.Window{Span: x.Span, Known: x.Quality != energy.None, Amount: x.Taken, Export: x.Given}
		if x.Quality == mark {
			w.Estimated, w.ExportEstimated = x.TakenMarked, x.GivenMarked
		}
		if _, err := r.Add(w); err != nil {
			return tariff.Bill{}, err
		}
	}
	return r.Bill()
}

// Key names a line of a tariff, the same in every revision.
func (l *Line) Key(source string) string {
	k := fmt.Sprintf("%s/%d/%s", source, l.Version, l.Component)
	if l.Slot != "" {
		k += "/" + l.Slot
	}
	if l.Kind == tariff.Demand {
		k += fmt.Sprintf("/%d", l.Span.From)
	}
	return k
}

// Text makes lines for people of priced lines.
func (b *Bill) Text(source, title string) []ServiceBillLine {
	out := make([]ServiceBillLine, 0, len(b.Lines))
	for i := range b.Lines {
		out = append(out, b.Lines[i].text(source, title, b.PerUnit))
	}
	return out
}

func (l *Line) text(source, title string, per energy.Amount) ServiceBillLine {
	name := cmp.Or(l.Name, l.Component)
	if title != "" {
		name = title + ": " + name
	}
	if l.Slot != "" {
		name += " (" + l.Slot + ")"
	}
	out := ServiceBillLine{
		Key: l.Key(source), Title: name, Credit: l.Kind == tariff.FeedIn, From: l.Span.From, To: l.Span.To, Unit: l.Unit, Percent: string(l.Percent),
		Money: Money(l.Money), Quality: l.Quality,
		Estimated: Money(l.By[energy.Estimated]), Substituted: Money(l.By[energy.Substituted]), Corrected: Money(l.By[energy.Corrected]),
		Quantity: inUnit(l.Quantity, per), Unpriced: inUnit(l.Unpriced, per),
	}
	switch l.Kind {
	case tariff.Standing:
		out.Quantity, out.Unit, out.Price = Quantity(l.Days)*1e9, "d", l.Price.String()+" per "+l.Unit
	case tariff.Tax:
		out.Quantity = 0
	default:
		out.Price = l.Price.String()
	}
	if l.Unpriced != 0 {
		out.Note = out.Unpriced.String() + " " + l.Unit + " have no price yet"
	}
	return out
}

// inUnit is an amount in 10^-9 of the unit that it is priced in.
func inUnit(a, per energy.Amount) Quantity {
	if per <= 0 {
		return 0
	}
	v, _ := wide.Product(int64(a), 1e9).Over(wide.By(uint64(per)))
	return Quantity(v)
}

// Align makes the lines of members add up to those of all of them, component by
// component: each is its exact value rounded down, and what is missing goes to the
// largest remainders; of a series of prices, whose exact values are not kept, to the
// largest quantities. Taxes are taken anew from the lines they are on. Lines that
// are not of amounts, and of steps, are left as they are. Of equal claims the
// first member's goes first.
func Align(of tariff.Tariff, whole *Bill, members []*Bill) error {
	for i := range whole.Lines {
		w := &whole.Lines[i]
		if w.Kind != tariff.Energy && w.Kind != tariff.FeedIn || stepped(of, w) {
			continue
		}
		parts, rests := make([]int64, len(members)), make([]uint64, len(members))
		lines := make([]*Line, len(members))
		sum := int64(0)
		for k, m := range members {
			at := slices.IndexFunc(m.Lines, func(l Line) bool {
				return l.Version == w.Version && l.Component == w.Component && l.Slot == w.Slot && l.Kind == w.Kind
			})
			if at < 0 {
				return fmt.Errorf("add up bills: a member has no line of %s", w.Component)
			}
			lines[k] = &m.Lines[at]
			parts[k], rests[k] = lines[k].floor(m.PerUnit, isSeries(of, w))
			sum += parts[k]
		}
		left, sign := int64(w.Money)-sum, int64(1)
		if left < 0 {
			left, sign = -left, -1
		}
		if left > int64(len(members)) {
			return fmt.Errorf("add up bills: the line %s is %s, and those of the members are %s", w.Component, w.Money, tariff.Money(sum))
		}
		hand(parts, rests, left, sign)
		for k, l := range lines {
			l.set(tariff.Money(parts[k]))
		}
	}
	for _, m := range members {
		if err := retax(of, m); err != nil {
			return err
		}
	}
	return nil
}

// set gives a line other money: a part that was all of it stays so.
func (l *Line) set(m tariff.Money) {
	for _, q := range marks {
		if l.By[q] != 0 && l.By[q] == l.Money {
			l.By[q] = m
		}
	}
	l.Money = m
}

// floor is the exact money of a line rounded towards the smaller, and what was
// left out. Of a series it is the rounded money, and claims go by quantity.
func (l *Line) floor(per energy.Amount, isSeries bool) (int64, uint64) {
	if isSeries {
		return int64(l.Money), uint64(l.Quantity)
	}
	price := int64(l.Price)
	if l.Kind == tariff.FeedIn {
		price = -price
	}
	unit := uint64(per) * 1000
	value := wide.Product(int64(l.Quantity), price)
	near, ok := value.Over(wide.By(unit))
	if !ok {
		return int64(l.Money), 0
	}
	// What is above the next lower whole, in 10^-15: the difference to the nearest
	// fits, as it is half a unit at most.
	back, fits := wide.Product(near, int64(unit)).Plus(wide.Product(-int64(l.Quantity), price))
	diff, small := back.Over(wide.By(1))
	if !fits || !small {
		return near, 0
	}
	if diff > 0 { // it was rounded up
		return near - 1, unit - uint64(diff)
	}
	return near, uint64(-diff)
}

func component(of tariff.Tariff, l *Line) (tariff.Version, int) {
	if l.Version < 1 || l.Version > len(of.Versions) {
		return tariff.Version{}, -1
	}
	v := of.Versions[l.Version-1]
	return v, slices.IndexFunc(v.Components, func(c tariff.Component) bool { return c.ID == l.Component })
}

func stepped(of tariff.Tariff, l *Line) bool {
	v, i := component(of, l)
	return i >= 0 && v.Components[i].Steps != nil
}

func isSeries(of tariff.Tariff, l *Line) bool {
	v, i := component(of, l)
	return i >= 0 && v.Components[i].Series != nil
}

// retax takes the taxes of a bill anew.
func retax(of tariff.Tariff, b *Bill) error {
	for i := range b.Lines {
		tax := &b.Lines[i]
		if tax.Kind != tariff.Tax {
			continue
		}
		v, at := component(of, tax)
		if at < 0 {
			return fmt.Errorf("add up bills: %s is no component of version %d", tax.Component, tax.Version)
		}
		c := v.Components[at]
		percent, err := c.Percent.Price()
		if err != nil {
			return fmt.Errorf("add up bills: %w", err)
		}
		base := int64(0)
		for k := range b.Lines[:i] {
			l := &b.Lines[k]
			if l.Version == tax.Version && (c.On == nil && l.Kind != tariff.FeedIn || slices.Contains(c.On, l.Component)) {
				base += int64(l.Money)
			}
		}
		money, ok := wide.Product(base, int64(percent)).Over(wide.By(1e11))
		if !ok {
			return fmt.Errorf("add up bills: the tax %s is too large", tax.Component)
		}
		tax.set(tariff.Money(money))
	}
	return nil
}
