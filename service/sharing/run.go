package sharing

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/bill"
	"github.com/wattwerk/wattwerk/service/series"
	"github.com/wattwerk/wattwerk/tariff"
	"github.com/wattwerk/wattwerk/window"
)

// Check says what is wrong with the input.
func Check(in *SharingInput) error {
	switch {
	case len(in.Members) == 0:
		return fmt.Errorf("sharing: a community has one member at least")
	case len(in.Members) > MaxMembers:
		return fmt.Errorf("sharing: %d members are more than %d", len(in.Members), MaxMembers)
	case in.Key != Static && in.Key != Consumption && in.Key != Dynamic:
		return fmt.Errorf("sharing: %.40q is no key: static, consumption or dynamic", in.Key)
	case in.From >= in.To || in.From < record.MinTime || in.To > record.MaxTime:
		return fmt.Errorf("sharing: the period from %v to %v is none between 1970 and 2100", in.From, in.To)
	case len(in.Members) > 1 && in.Inside == nil:
		return fmt.Errorf("sharing: what energy costs within the community is not said")
	}
	step, seen, shares, total := in.Members[0].Load.Step, make(map[string]bool), int64(0), 0.0
	for i := range in.Members {
		m := &in.Members[i]
		if err := record.ValidateID("member", m.ID); err != nil {
			return fmt.Errorf("sharing: %w", err)
		}
		if seen[m.ID] {
			return fmt.Errorf("sharing: the member %s is there twice", m.ID)
		}
		seen[m.ID] = true
		if m.Share < 0 || m.Share > MaxShare {
			return fmt.Errorf("sharing: the share of %s is %d and not from 0 to %d", m.ID, m.Share, MaxShare)
		}
		shares += m.Share
		if err := m.Load.CheckPositive("sharing: load of " + m.ID); err != nil {
			return err
		}
		if m.Generation != nil {
			if err := m.Generation.CheckPositive("sharing: generation of " + m.ID); err != nil {
				return err
			}
		}
		total += m.Load.Total()
		if m.Generation != nil {
			total += m.Generation.Total()
		}
		if total > series.MaxTotal {
			return fmt.Errorf("sharing: the energy of all members is more than can be added up")
		}
		if m.Load.Step != step || m.Generation != nil && m.Generation.Step != step {
			return fmt.Errorf("sharing: the series of %s have another step than those of %s", m.ID, in.Members[0].ID)
		}
	}
	if int64(in.From)%step != 0 || int64(in.To)%step != 0 {
		return fmt.Errorf("sharing: the period from %v to %v does not consist of whole intervals of %d minutes", in.From, in.To, step/series.Minute)
	}
	if in.Key == Static && shares == 0 && len(in.Members) > 1 {
		return fmt.Errorf("sharing: all shares are zero")
	}
	return nil
}

// plans are the tariffs of a community, made ready.
type plans struct {
	inside *tariff.Plan
	grid   []*tariff.Plan // by member
	quotes map[string][]tariff.Quote
}

func ready(in *SharingInput) (p plans, err error) {
	site, err := window.Load(in.Zone)
	if err != nil {
		return p, fmt.Errorf("sharing: %w", err)
	}
	if p.quotes, err = bill.Quotes(in.Prices); err != nil {
		return p, fmt.Errorf("sharing: %w", err)
	}
	if in.Inside != nil {
		if p.inside, err = tariff.New(*in.Inside, site); err != nil {
			return p, fmt.Errorf("sharing: tariff within the community: %w", err)
		}
	}
	var all *tariff.Plan
	for i := range in.Members {
		of := in.Members[i].Grid
		if of == nil {
			if all == nil {
				if all, err = tariff.New(in.Grid, site); err != nil {
					return p, fmt.Errorf("sharing: tariff of the grid: %w", err)
				}
			}
			p.grid = append(p.grid, all)
			continue
		}
		own, err := tariff.New(*of, site)
		if err != nil {
			return p, fmt.Errorf("sharing: tariff of %s: %w", in.Members[i].ID, err)
		}
		p.grid = append(p.grid, own)
	}
	for i, g := range p.grid {
		if p.inside != nil && g.Currency() != p.inside.Currency() || g.Currency() != p.grid[0].Currency() {
			return p, fmt.Errorf("sharing: the tariff of %s is in %s, another in another currency", in.Members[i].ID, g.Currency())
		}
	}
	return p, nil
}

// Run computes the bills of a community.
func Run(in SharingInput) (SharingOutput, error) {
	if err := Check(&in); err != nil {
		return SharingOutput{}, err
	}
	p, err := ready(&in)
	if err != nil {
		return SharingOutput{}, err
	}
	period := window.Span{From: in.From, To: in.To}
	flows, err := Net(&in, since(&in, &p, period))
	if err != nil {
		return SharingOutput{}, err
	}
	out := SharingOutput{
		Community: in.Community, From: in.From, To: in.To, Key: in.Key, Revision: 1, Step: flows.Step,
		Intervals: int(period.Length() / flows.Step), Inside: []bill.ServiceBillLine{}, Differences: []bill.BillDifference{},
	}
	if in.Previous != nil {
		out.Revision = in.Previous.Revision + 1
	}
	inside, grid, err := price(&in, &p, period, flows)
	if err != nil {
		return SharingOutput{}, err
	}
	for i := range in.Members {
		b := newBill(&in, i, period, flows)
		b.Revision = out.Revision
		complete := true
		if inside != nil {
			b.Lines = append(b.Lines, inside.members[i].Text("community", "Community")...)
			complete = inside.members[i].Known && inside.members[i].Unpriced == 0
		}
		b.Lines = append(b.Lines, grid[i].Text("grid", "Grid")...)
		if b.Totals, err = bill.Totals(p.grid[i].Currency(), b.Lines); err != nil {
			return SharingOutput{}, fmt.Errorf("sharing: %s: %w", b.Member, err)
		}
		if max(b.Totals.Cost, -b.Totals.Cost, b.Totals.Credit, -b.Totals.Credit) > bill.MaxSum/MaxMembers {
			return SharingOutput{}, fmt.Errorf("sharing: the bill of %s is larger than bills that can be added up", b.Member)
		}
		b.finish(complete && grid[i].Known && grid[i].Unpriced == 0, in.Members[i].Generation != nil)
		out.add(&b)
	}
	if inside != nil {
		out.Inside = inside.whole.Text("community", "Community")
	}
	out.Energy.ratios()
	out.Totals.Currency = p.grid[0].Currency()
	out.reasons(&in)
	out.differ(in.Previous)
	return out, nil
}

// since is the time that has to be netted: for steps and peaks from before the
// period on, as far as anything is known of it.
func since(in *SharingInput, p *plans, period window.Span) window.Span {
	from := period.From
	if p.inside != nil {
		from = min(from, p.inside.Since(period.From))
	}
	for _, g := range p.grid {
		from = min(from, g.Since(period.From))
	}
	first := period.From
	for i := range in.Members {
		first = min(first, in.Members[i].Load.Start)
	}
	step := record.Millis(in.Members[0].Load.Step)
	return window.Span{From: max(from, first) / step * step, To: period.To}
}

// insideBills are what was shared, as a whole and by member.
type insideBills struct {
	whole   bill.Bill
	members []*bill.Bill
}

func price(in *SharingInput, p *plans, period window.Span, f *Flows) (inside *insideBills, grid []bill.Bill, err error) {
	n := f.Len()
	whole := make([]bill.Piece, n)
	pieces := make([]bill.Piece, n)
	if p.inside != nil {
		inside = &insideBills{}
		if p.inside.Quarters() {
			return nil, nil, fmt.Errorf("sharing: a demand charge within the community has no one to be charged to; let the grid's tariff have it")
		}
	}
	for i := range in.Members {
		for k := range n {
			x := &f.Of[k*f.Members+i]
			pieces[k] = piece(f.At(k), x.FromGrid, x.ToGrid, x)
		}
		b, err := bill.Price(p.grid[i], period, p.quotes, pieces)
		if err != nil {
			return nil, nil, fmt.Errorf("sharing: grid of %s: %w", in.Members[i].ID, err)
		}
		grid = append(grid, b)
		if inside == nil {
			continue
		}
		for k := range n {
			x := &f.Of[k*f.Members+i]
			pieces[k] = piece(f.At(k), x.FromCommunity, x.ToCommunity, x)
			w := &whole[k]
			w.Span = pieces[k].Span
			w.Taken, w.Given = w.Taken+pieces[k].Taken, w.Given+pieces[k].Given
			w.Quality = max(w.Quality, pieces[k].Quality)
		}
		if b, err = bill.Price(p.inside, period, p.quotes, pieces); err != nil {
			return nil, nil, fmt.Errorf("sharing: community of %s: %w", in.Members[i].ID, err)
		}
		inside.members = append(inside.members, &b)
	}
	if inside == nil {
		return nil, grid, nil
	}
	for k := range whole {
		if whole[k].Quality > energy.Measured {
			whole[k].TakenMarked, whole[k].GivenMarked = whole[k].Taken, whole[k].Given
		}
	}
	if inside.whole, err = bill.Price(p.inside, period, p.quotes, whole); err != nil {
		return nil, nil, fmt.Errorf("sharing: community: %w", err)
	}
	if err := bill.Align(*in.Inside, &inside.whole, inside.members); err != nil {
		return nil, nil, fmt.Errorf("sharing: %w", err)
	}
	inside.sum()
	return inside, grid, nil
}

// sum makes the lines of the community that are not of amounts the sums of those
// of the members: each of them has standing charges and taxes of its own.
func (x *insideBills) sum() {
	for i := range x.whole.Lines {
		w := &x.whole.Lines[i]
		total, days := tariff.Money(0), 0
		for _, m := range x.members {
			total += m.Lines[i].Money
			days += m.Lines[i].Days
		}
		switch w.Kind {
		case tariff.Energy, tariff.FeedIn:
			if total != w.Money {
				w.Money = total // of steps, which each member climbs alone
			}
		default:
			w.Money, w.Days = total, days
		}
	}
}

// piece is what is priced of an interval; it is marked as a whole.
func piece(at window.Span, taken, given energy.Amount, x *Flow) bill.Piece {
	out := bill.Piece{Span: at, Taken: taken, Given: given, Quality: x.Rests}
	if x.Rests > energy.Measured {
		out.TakenMarked, out.GivenMarked = taken, given
	}
	return out
}

func newBill(in *SharingInput, i int, period window.Span, f *Flows) SharingBill {
	m := &in.Members[i]
	b := SharingBill{Member: m.ID, Name: m.Name, From: in.From, To: in.To, Lines: []bill.ServiceBillLine{}, Notes: []string{}}
	e := &b.Energy
	for k := range f.Len() {
		at := f.At(k)
		if at.From < period.From {
			continue
		}
		x := &f.Of[k*f.Members+i]
		e.OwnUse += bill.Quantity(x.OwnUse)
		e.FromCommunity += bill.Quantity(x.FromCommunity)
		e.FromGrid += bill.Quantity(x.FromGrid)
		e.ToCommunity += bill.Quantity(x.ToCommunity)
		e.ToGrid += bill.Quantity(x.ToGrid)
		b.Load.Note(m.Load.Of(at.From).Quality)
		if m.Generation != nil {
			b.Generation.Note(m.Generation.Of(at.From).Quality)
		}
		b.Shared.Note(x.Rests)
	}
	e.ratios()
	return b
}

// ratios fills in what follows from the amounts.
func (e *SharingEnergy) ratios() {
	e.Load = e.OwnUse + e.FromCommunity + e.FromGrid
	e.Generation = e.OwnUse + e.ToCommunity + e.ToGrid
	part := func(grid, all bill.Quantity) *float64 {
		if all == 0 {
			return nil
		}
		return new(1 - float64(grid)/float64(all))
	}
	e.Autarky, e.SelfUse = part(e.FromGrid, e.Load), part(e.ToGrid, e.Generation)
}

func (b *SharingBill) finish(priced, makes bool) {
	b.Complete = priced && b.Load.Missing == 0 && b.Generation.Missing == 0
	for _, s := range []string{bill.Missing("load", b.Load), bill.Missing("generation", b.Generation)} {
		if s != "" {
			b.Notes = append(b.Notes, s)
		}
	}
	if !priced {
		b.Notes = append(b.Notes, "a part of the period has no price")
	}
	marked := func(what string, c series.QualityCount) {
		if c.Substituted+c.Estimated+c.Corrected > 0 {
			b.Notes = append(b.Notes, what+": "+c.String())
		}
	}
	marked("load", b.Load)
	if makes {
		marked("generation", b.Generation)
	}
	if own := b.Load.Substituted + b.Load.Estimated + b.Generation.Substituted + b.Generation.Estimated; own < b.Shared.Substituted+b.Shared.Estimated {
		b.Notes = append(b.Notes, fmt.Sprintf("its share of %s rests on what is not measured of members", series.Count(b.Shared.Substituted+b.Shared.Estimated, "interval")))
	}
}

// add adds a bill to the community.
func (o *SharingOutput) add(b *SharingBill) {
	o.Bills = append(o.Bills, *b)
	e, x := &o.Energy, &b.Energy
	e.OwnUse += x.OwnUse
	e.FromCommunity += x.FromCommunity
	e.FromGrid += x.FromGrid
	e.ToCommunity += x.ToCommunity
	e.ToGrid += x.ToGrid
	t, y := &o.Totals, &b.Totals
	t.Cost += y.Cost
	t.Credit += y.Credit
	t.Total += y.Total
	t.Measured += y.Measured
	t.Estimated += y.Estimated
	t.Substituted += y.Substituted
	t.Corrected += y.Corrected
}

func (o *SharingOutput) reasons(in *SharingInput) {
	how := map[string]string{
		Static:      "each was offered its share of what was left over, and what it did not need went to the grid",
		Consumption: "what was left over was divided in proportion to what each needed",
		Dynamic:     "each was offered its share of what was left over, and what it did not need went by shares to those who still did",
	}
	o.Reasons = []string{fmt.Sprintf("%s netted in each interval of %d minutes, %d of them; key %s: %s", series.Count(len(in.Members), "member"), o.Step/series.Minute, o.Intervals, in.Key, how[in.Key])}
	makes := slices.ContainsFunc(in.Members, func(m SharingMember) bool { return m.Generation != nil })
	if !makes {
		o.Reasons = append(o.Reasons, "no member makes energy: everything came from the grid")
	}
	for _, b := range o.Bills {
		if !b.Complete {
			o.Reasons = append(o.Reasons, fmt.Sprintf("the bill of %s is not complete", cmp.Or(b.Name, b.Member)))
		}
	}
}

// differ notes what is another than in the revision before.
func (o *SharingOutput) differ(old *SharingOutput) {
	if old == nil {
		return
	}
	find := func(all []SharingBill, member string) *SharingBill {
		if i := slices.IndexFunc(all, func(b SharingBill) bool { return b.Member == member }); i >= 0 {
			return &all[i]
		}
		return &SharingBill{Member: member}
	}
	for i := range o.Bills {
		now := &o.Bills[i]
		was := find(old.Bills, now.Member)
		why := became(was, now, old, o)
		o.Differences = append(o.Differences, bill.Differ(now.Member, was.Lines, now.Lines, func(a, b *bill.ServiceBillLine) string { return bill.Why(a, b, why) })...)
	}
	for i := range old.Bills {
		was := &old.Bills[i]
		if now := find(o.Bills, was.Member); now.Lines == nil {
			o.Differences = append(o.Differences, bill.Differ(was.Member, was.Lines, nil, func(a, b *bill.ServiceBillLine) string {
				return bill.Why(a, b, "the member is not in the community any more")
			})...)
		}
	}
}

// became says what changed behind the amounts of a member.
func became(was, now *SharingBill, old, o *SharingOutput) string {
	if was.Lines == nil {
		return "the member is new in the community"
	}
	if old.Key != o.Key {
		return "the key is " + o.Key + " instead of " + old.Key
	}
	own := ""
	for _, x := range []struct {
		what     string
		was, now bill.Quantity
		cw, cn   series.QualityCount
	}{{"load", was.Energy.Load, now.Energy.Load, was.Load, now.Load}, {"generation", was.Energy.Generation, now.Energy.Generation, was.Generation, now.Generation}} {
		if x.was == x.now && x.cw == x.cn {
			continue
		}
		if own != "" {
			own += "; "
		}
		own += fmt.Sprintf("its %s is %s kWh instead of %s (%s; before: %s)", x.what, x.now, x.was, x.cn, x.cw)
	}
	if own != "" {
		return own
	}
	others := ""
	for _, x := range []struct {
		what     string
		was, now bill.Quantity
	}{{"load", old.Energy.Load, o.Energy.Load}, {"generation", old.Energy.Generation, o.Energy.Generation}} {
		if x.was != x.now {
			others += fmt.Sprintf(", %s of all %s kWh instead of %s", x.what, x.now, x.was)
		}
	}
	if others != "" {
		return "its own amounts are the same; those of other members changed, and with them its share" + others
	}
	return "its own amounts add up to the same; when they were used, or what they rest on, changed"
}
