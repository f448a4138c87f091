package tariff

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/tariff/wide"
	"github.com/wattwerk/wattwerk/window"
)

// oracle prices windows as one would without any cleverness: quarter by quarter,
// with package time for the clock and fractions for the numbers, from the document
// and not from what was compiled. It knows tariffs of the kind that random
// makes: bands, steps and times that begin with quarters.
type oracle struct {
	doc    Tariff
	zone   *time.Location
	lines  map[string]*big.Rat // by version, component and slot
	amount map[string]*big.Rat
	totals map[string]*big.Rat // running, by month or year
}

func rat(d Decimal) *big.Rat {
	if d == "" {
		return new(big.Rat)
	}
	r, ok := new(big.Rat).SetString(string(d))
	if !ok {
		panic(d)
	}
	return r
}

// inForce finds the version at a time by comparing dates as text.
func (o *oracle) inForce(at time.Time) int {
	date := Date(at.Format("2006-01-02"))
	for i, v := range o.doc.Versions {
		to := v.To
		if to == "" && i+1 < len(o.doc.Versions) {
			to = o.doc.Versions[i+1].From
		}
		if v.From <= date && (to == "" || date < to) {
			return i
		}
	}
	return -1
}

func (o *oracle) band(k Calendar, at time.Time) string {
	day := strings.ToLower(at.Format("Mon"))
	if k.Holidays != nil {
		for _, d := range k.Holidays.Dates {
			if string(d) == at.Format("2006-01-02") {
				day = "holiday"
			}
		}
	}
	among := func(list []string, x string) bool {
		for _, y := range list {
			if x == y {
				return true
			}
		}
		return len(list) == 0
	}
	for _, b := range k.Bands {
		inTimes := len(b.Times) == 0
		for _, t := range b.Times {
			from, to, _ := strings.Cut(t, "-")
			now := at.Format("15:04")
			if from < to {
				inTimes = inTimes || from <= now && now < to
			} else {
				inTimes = inTimes || now < to || from <= now
			}
		}
		inSeasons := len(b.Seasons) == 0
		for _, s := range b.Seasons {
			now := at.Format("01-02")
			if s.From < s.To {
				inSeasons = inSeasons || s.From <= now && now < s.To
			} else {
				inSeasons = inSeasons || now < s.To || s.From <= now
			}
		}
		if among(b.Days, day) && inTimes && inSeasons && among(b.Months, strings.ToLower(at.Format("Jan"))) {
			return b.Name
		}
	}
	panic("no band")
}

func add(m map[string]*big.Rat, key string, v *big.Rat) {
	if m[key] == nil {
		m[key] = new(big.Rat)
	}
	m[key].Add(m[key], v)
}

func (o *oracle) add(w Window, quotes []Quote, priced bool) {
	at := w.Span.From.Time().In(o.zone)
	v := o.inForce(at)
	if v < 0 {
		return
	}
	taken, given := big.NewRat(max(int64(w.Amount), 0), 1e9), big.NewRat(max(-int64(w.Amount), 0), 1e9)
	for _, c := range o.doc.Versions[v].Components {
		amount := taken
		if c.Kind == FeedIn {
			amount = given
		}
		book := func(slot string, amount, price *big.Rat) {
			if priced {
				key := fmt.Sprint(v+1, " ", c.ID, " ", slot)
				add(o.amount, key, amount)
				add(o.lines, key, new(big.Rat).Mul(amount, price))
			}
		}
		switch {
		case !priced && c.Steps == nil: // it counts for steps alone
		case c.Price != "":
			book("", amount, rat(c.Price))
		case c.Prices != nil:
			for _, k := range o.doc.Calendars {
				if k.ID == c.Calendar {
					b := o.band(k, at)
					book(b, amount, rat(c.Prices[b]))
				}
			}
		case c.Series != nil:
			for _, q := range quotes {
				if q.Known && q.Span.Holds(w.Span.From) {
					// The test's factors and markups keep within 10^-9.
					price := new(big.Rat).Mul(big.NewRat(int64(q.Price), 1e9), rat(c.Series.Factor))
					book(c.Series.Name, amount, price.Add(price, rat(c.Series.Markup)))
				}
			}
		case c.Steps != nil:
			key := string(c.Kind) + at.Format("2006")
			if c.Steps.Per == Month {
				key = string(c.Kind) + at.Format("2006-01")
			}
			if o.totals[key] == nil {
				o.totals[key] = new(big.Rat)
			}
			low := new(big.Rat)
			from, to := o.totals[key], new(big.Rat).Add(o.totals[key], amount)
			for i, s := range c.Steps.Of {
				high, slot := rat(s.UpTo), "to "+decimals(mustNanos(s.UpTo), 9)
				if i == len(c.Steps.Of)-1 {
					high, slot = new(big.Rat).SetInt64(1e18), "from "+decimals(mustNanos(c.Steps.Of[max(i-1, 0)].UpTo), 9)
				}
				// What of from..to is in low..high.
				a, b := from, to
				if a.Cmp(low) < 0 {
					a = low
				}
				if b.Cmp(high) > 0 {
					b = high
				}
				if a.Cmp(b) < 0 {
					book(slot, new(big.Rat).Sub(b, a), rat(s.Price))
				}
				low = high
			}
		}
	}
	// Once for all components of a kind.
	month := at.Format("2006-01")
	for kind, amount := range map[Kind]*big.Rat{Energy: taken, FeedIn: given} {
		if amount.Sign() != 0 {
			add(o.totals, string(kind)+month[:4], amount)
			add(o.totals, string(kind)+month, amount)
		}
	}
}

func mustNanos(d Decimal) int64 {
	v, _ := d.nanos()
	return v
}

// rounded rounds to 10^-6 half away from zero.
func rounded(v *big.Rat) int64 {
	v = new(big.Rat).Mul(v, new(big.Rat).SetInt64(1e6))
	twice := new(big.Int).Lsh(new(big.Int).Abs(v.Num()), 1)
	twice.Add(twice, v.Denom())
	q := twice.Quo(twice, new(big.Int).Lsh(v.Denom(), 1)).Int64()
	if v.Sign() < 0 {
		q = -q
	}
	return q
}

var zones = []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC", "America/Sao_Paulo", "Africa/Cairo"}

// random makes a tariff whose bands begin with quarters of an hour.
func random(r *rand.Rand) Tariff {
	pick := func(all []string) []string {
		if r.IntN(2) == 0 {
			return nil
		}
		var out []string
		for _, x := range all {
			if r.IntN(3) == 0 {
				out = append(out, x)
			}
		}
		return out
	}
	amount := func() Decimal { return Decimal(decimals(r.Int64N(1e9)-2e8, 9)) }
	small := func() Decimal { return Decimal(decimals(r.Int64N(1e6)*1e3, 9)) }
	quarter := func() string { return fmt.Sprintf("%02d:%02d", r.IntN(24), 15*r.IntN(4)) }
	t := Tariff{ID: "random", Currency: "EUR", Zone: zones[r.IntN(len(zones))]}
	for i := range 1 + r.IntN(2) {
		k := Calendar{ID: fmt.Sprint("calendar", i), Holidays: &Holidays{}}
		for range r.IntN(5) {
			k.Holidays.Dates = append(k.Holidays.Dates, Date(day(20_000+r.IntN(800)).String()))
		}
		for j := range r.IntN(4) {
			b := Band{Name: fmt.Sprint("band", j%3), Days: pick(dayNames), Months: pick(monthNames[1:])}
			for range r.IntN(3) {
				if from, to := quarter(), quarter(); from != to {
					b.Times = append(b.Times, from+"-"+to)
				}
			}
			if from, to := day(r.IntN(365)).String()[5:], day(r.IntN(365)).String()[5:]; r.IntN(3) == 0 && from != to {
				b.Seasons = []Season{{From: from, To: to}}
			}
			if len(b.Days)+len(b.Months)+len(b.Times)+len(b.Seasons) > 0 {
				k.Bands = append(k.Bands, b)
			}
		}
		k.Bands = append(k.Bands, Band{Name: "rest"})
		t.Calendars = append(t.Calendars, k)
	}
	at := 20_000 + r.IntN(400)
	for range 1 + r.IntN(3) {
		v := Version{From: Date(day(at).String())}
		at += 1 + r.IntN(200)
		if r.IntN(2) == 0 {
			v.To = Date(day(at).String())
			at += r.IntN(40)
		}
		for i := range 1 + r.IntN(5) {
			c := Component{ID: fmt.Sprint("component", i), Kind: Energy}
			if r.IntN(3) == 0 {
				c.Kind = FeedIn
			}
			switch r.IntN(5) {
			case 0:
				c.Price = amount()
			case 1, 2:
				k := t.Calendars[r.IntN(len(t.Calendars))]
				c.Calendar, c.Prices = k.ID, make(map[string]Decimal)
				for _, b := range k.Bands {
					c.Prices[b.Name] = amount()
				}
			case 3:
				c.Steps = &Steps{Per: []Every{Month, Year}[r.IntN(2)]}
				upTo := int64(0)
				for range r.IntN(4) {
					upTo += 1 + r.Int64N(400)*1e9 + r.Int64N(1e9)
					c.Steps.Of = append(c.Steps.Of, Step{UpTo: Decimal(decimals(upTo, 9)), Price: amount()})
				}
				c.Steps.Of = append(c.Steps.Of, Step{Price: amount()})
			case 4:
				c.Series = &Series{Name: "spot", Factor: "0.001", Markup: small()}
			}
			v.Components = append(v.Components, c)
		}
		t.Versions = append(t.Versions, v)
	}
	return t
}

// scene is a period with what was measured in it and before it.
type scene struct {
	plan   *Plan
	period window.Span
	all    []Window // from Plan.Since on
	quotes []Quote
}

func randomScene(t *testing.T, r *rand.Rand, doc Tariff) scene {
	p, err := New(doc, window.Calendar{})
	if err != nil {
		t.Fatalf("%v\n%+v", err, doc)
	}
	from := record.Millis(int64(20_000+r.IntN(500)) * dayLength).Time()
	s := scene{plan: p}
	s.period.From = p.Calendar().Span(window.Day, record.MillisOf(from)).From
	s.period.To = p.Calendar().Span(window.Day, s.period.From+record.Millis(int64(1+r.IntN(40))*dayLength)).To
	for q, end := (window.Span{From: p.Since(s.period.From), To: s.period.To}).Quarters(); q < end; q++ {
		w := Window{Span: window.QuarterSpan(q), Known: r.IntN(50) != 0, Amount: energy.Amount(r.Int64N(2e9) - 5e8)}
		if r.IntN(10) == 0 {
			w.Amount = 0
		}
		if r.IntN(5) == 0 {
			w.Estimated = energy.Amount(wide.Share(int64(w.Amount), r.Int64N(100), 100))
		}
		if r.IntN(100) != 0 {
			s.all = append(s.all, w)
		}
		// Prices of the market have two decimals, so that they are exact.
		s.quotes = append(s.quotes, Quote{Span: w.Span, Known: r.IntN(30) != 0, Price: Price(r.Int64N(1e5)-2e4) * 1e7})
	}
	return s
}

func (s scene) bill(t *testing.T, period window.Span) (Bill, []Cost) {
	t.Helper()
	p, err := s.plan.Price(period, map[string][]Quote{"spot": s.quotes})
	if err != nil {
		t.Fatal(err)
	}
	var costs []Cost
	for _, w := range s.all {
		if w.Span.To > period.To {
			break
		}
		c, err := p.Add(w)
		if err != nil {
			t.Fatal(err)
		}
		if w.Span.From >= period.From {
			costs = append(costs, c)
		}
	}
	b, err := p.Bill()
	if err != nil {
		t.Fatal(err)
	}
	return b, costs
}

// TestOracle compares with fractions, to the last digit.
func TestOracle(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		doc := random(r)
		s := randomScene(t, r, doc)
		o := oracle{doc: doc, zone: s.plan.Calendar().Zone(), lines: make(map[string]*big.Rat), amount: make(map[string]*big.Rat), totals: make(map[string]*big.Rat)}
		at := 0
		for _, w := range s.all {
			for at < len(s.quotes) && s.quotes[at].Span.To <= w.Span.From {
				at++
			}
			if w.Known {
				o.add(w, s.quotes[at:at+1], w.Span.From >= s.period.From)
			}
		}
		b, _ := s.bill(t, s.period)
		var cost, credit Money
		for _, l := range b.Lines {
			key := fmt.Sprint(l.Version, " ", l.Component, " ", l.Slot)
			money, amount := o.lines[key], o.amount[key]
			if money == nil {
				money, amount = new(big.Rat), new(big.Rat)
			}
			want := Money(rounded(money))
			if l.Kind == FeedIn {
				want = -want
				credit -= l.Money
			} else {
				cost += l.Money
			}
			if l.Money != want || big.NewRat(int64(l.Quantity), 1e9).Cmp(amount) != 0 {
				t.Errorf("seed %d, line %s: %v for %d, want %v for %s", seed, key, l.Money, l.Quantity, want, amount)
			}
			delete(o.lines, key)
		}
		for key, money := range o.lines {
			if money.Sign() != 0 {
				t.Errorf("seed %d: there is no line %s of %s", seed, key, money)
			}
		}
		if b.Cost != cost || b.Credit != credit || b.Total != cost-credit {
			t.Errorf("seed %d: cost %v, credit %v, total %v of lines %v, %v", seed, b.Cost, b.Credit, b.Total, cost, credit)
		}
		if t.Failed() {
			t.Fatalf("%+v", doc)
		}
	}
}

// TestParts divides periods at random and adds the bills of the parts up.
func TestParts(t *testing.T) {
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 2))
		doc := random(r)
		for i := range doc.Versions {
			v := &doc.Versions[i]
			v.Components = append(v.Components,
				Component{ID: "day", Kind: Standing, Price: "0.3333", Per: Day},
				Component{ID: "month", Kind: Standing, Price: "7.77", Per: Month},
				Component{ID: "year", Kind: Standing, Price: "99.99", Per: Year},
				Component{ID: "vat", Kind: Tax, Percent: "19"},
				Component{ID: "vat on vat", Kind: Tax, Percent: "7.7", On: []string{"vat"}})
		}
		s := randomScene(t, r, doc)
		whole, costs := s.bill(t, s.period)
		// What has no price is what the windows without a cost amount to.
		var taken, given energy.Amount
		for i, c := range costs {
			switch w := s.all[len(s.all)-len(costs)+i]; {
			case c.Known || !w.Known:
			case w.Amount > 0:
				taken += w.Amount
			default:
				given -= w.Amount
			}
		}
		if whole.UnpricedTaken != taken || whole.UnpricedGiven != given {
			t.Errorf("seed %d: %v and %v have no price, the bill says %v and %v", seed, taken, given, whole.UnpricedTaken, whole.UnpricedGiven)
		}
		type key struct {
			version         int
			component, slot string
		}
		type value struct {
			money, estimated   Money
			quantity, unpriced energy.Amount
			days, parts        int
		}
		sum, lines := make(map[key]value), 0
		var total Money
		var measured, unpriced int64
		var without energy.Amount
		for at := s.period.From; at < s.period.To; {
			part := window.Span{From: at, To: min(s.period.To, at+record.Millis(1+r.Int64N(300))*window.QuarterLength)}
			// Steps and peaks of a part are counted since their beginning too.
			b, _ := s.bill(t, part)
			for _, l := range b.Lines {
				k := key{l.Version, l.Component, l.Slot}
				v := sum[k]
				v.money, v.estimated, v.quantity, v.unpriced = v.money+l.Money, v.estimated+l.Estimated, v.quantity+l.Quantity, v.unpriced+l.Unpriced
				v.days, v.parts = v.days+l.Days, v.parts+1
				sum[k] = v
			}
			lines += len(b.Lines)
			without += b.UnpricedTaken - b.UnpricedGiven
			total, measured, unpriced = total+b.Total, measured+b.Measured, unpriced+b.Unpriced
			at = part.To
		}
		for _, l := range whole.Lines {
			v := sum[key{l.Version, l.Component, l.Slot}]
			// Half a millionth for each line and part; taxes have those of what they are on besides.
			slack := Money(v.parts)
			if l.Kind == Tax {
				slack = Money(lines)
			}
			if v.quantity != l.Quantity || v.unpriced != l.Unpriced || v.days != l.Days || distance(v.money, l.Money) > slack || distance(v.estimated, l.Estimated) > slack {
				t.Errorf("seed %d, %s %s: parts %+v, whole %+v", seed, l.Component, l.Slot, v, l)
			}
		}
		if without != whole.UnpricedTaken-whole.UnpricedGiven {
			t.Errorf("seed %d: of the parts %v have no price, of the whole %v - %v", seed, without, whole.UnpricedTaken, whole.UnpricedGiven)
		}
		if measured != whole.Measured || unpriced != whole.Unpriced || distance(total, whole.Total) > Money(lines) {
			t.Errorf("seed %d: parts %v measured %d unpriced %d, whole %v, %d, %d", seed, total, measured, unpriced, whole.Total, whole.Measured, whole.Unpriced)
		}
	}
}

func distance(a, b Money) Money { return max(a-b, b-a) }

// TestWindows holds the costs of windows against the bill: they are what energy,
// feed-in and taxes on them cost.
func TestWindows(t *testing.T) {
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 3))
		doc := random(r)
		for i := range doc.Versions {
			doc.Versions[i].Components = append(doc.Versions[i].Components, Component{ID: "vat", Kind: Tax, Percent: "19", On: []string{"component0"}})
		}
		s := randomScene(t, r, doc)
		b, costs := s.bill(t, s.period)
		var total, estimated Money
		for _, c := range costs {
			if !c.Known {
				if c != (Cost{}) {
					t.Fatalf("seed %d: unknown, and yet %+v", seed, c)
				}
				continue
			}
			total, estimated = total+c.Money, estimated+c.Estimated
		}
		if b.Unpriced != 0 {
			continue // what has no price in one component is on the lines of the others
		}
		slack := Money(len(costs) * 4)
		if distance(total, b.Total) > slack || distance(estimated, b.Estimated) > slack {
			t.Errorf("seed %d: windows %v, estimated %v; bill %v, %v", seed, total, estimated, b.Total, b.Estimated)
		}
	}
}
