package charging

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/bill"
	"github.com/wattwerk/wattwerk/service/series"
	"github.com/wattwerk/wattwerk/tariff"
	"github.com/wattwerk/wattwerk/tariff/wide"
	"github.com/wattwerk/wattwerk/window"
)

// Check says what is wrong with the input.
func Check(in *ChargingInput) error {
	switch {
	case in.From >= in.To || in.From < record.MinTime || in.To > record.MaxTime:
		return fmt.Errorf("charging: the period from %v to %v is none between 1970 and 2100", in.From, in.To)
	case len(in.Chargers) == 0 || len(in.Chargers) > MaxChargers:
		return fmt.Errorf("charging: %d chargers are not from 1 to %d", len(in.Chargers), MaxChargers)
	case len(in.Assignments) > MaxAssignments:
		return fmt.Errorf("charging: %d assignments are more than %d", len(in.Assignments), MaxAssignments)
	}
	seen := make(map[string]bool)
	for i := range in.Chargers {
		c := &in.Chargers[i]
		if err := record.ValidateID("charger", c.ID); err != nil {
			return fmt.Errorf("charging: %w", err)
		}
		if seen[c.ID] {
			return fmt.Errorf("charging: the charger %s is there twice", c.ID)
		}
		seen[c.ID] = true
		for _, x := range []struct {
			what string
			of   []ChargingSample
		}{{"power", c.Power}, {"register", c.Register}, {"plug", c.Plug}} {
			most := 1e12
			if x.what == "power" {
				most = maxPower
			}
			if err := checkSamples(x.of, most); err != nil {
				return fmt.Errorf("charging: %s of %s: %w", x.what, c.ID, err)
			}
		}
		if !(c.Threshold >= 0 && c.Threshold <= 1e6) || c.Hold < 0 || c.Hold > series.Day || c.MaxAge < 0 || c.MaxAge > series.Day || !(c.Width >= 0) {
			return fmt.Errorf("charging: %s: threshold, hold, max age or width are none", c.ID)
		}
		if len(c.Cards) > MaxAssignments {
			return fmt.Errorf("charging: %s: %d cards are more than %d", c.ID, len(c.Cards), MaxAssignments)
		}
	}
	return checkTariff(&in.Tariff)
}

// maxPower is the largest power that is taken, W.
const maxPower = 1e8

func checkSamples(all []ChargingSample, most float64) error {
	if len(all) > MaxSamples {
		return fmt.Errorf("%d samples are more than %d", len(all), MaxSamples)
	}
	for i, s := range all {
		switch {
		case s.Quality > energy.Estimated:
			return fmt.Errorf("sample %d has no known quality", i+1)
		case s.At < record.MinTime || s.At > record.MaxTime:
			return fmt.Errorf("sample %d is not between 1970 and 2100", i+1)
		case i > 0 && s.At <= all[i-1].At:
			return fmt.Errorf("sample %d, at %v, is not after the one before it", i+1, s.At)
		case s.Quality != energy.None && !(math.Abs(s.Value) <= most):
			return fmt.Errorf("sample %d is no number that was measured", i+1)
		}
	}
	return nil
}

func checkTariff(t *tariff.Tariff) error {
	for _, v := range t.Versions {
		for _, c := range v.Components {
			switch {
			case c.Kind == tariff.Demand:
				return fmt.Errorf("charging: the component %s is a demand charge, which no session has; hand over what the site pays as demand", c.ID)
			case c.Steps != nil:
				return fmt.Errorf("charging: the component %s has steps, and a session knows nothing of those before it", c.ID)
			}
		}
	}
	return nil
}

// ready is what an input is made of.
type ready struct {
	in       *ChargingInput
	calendar window.Calendar
	plan     *tariff.Plan
	quotes   map[string][]tariff.Quote
	blocking *blocking
	points   []*point
	out      ChargingOutput
	bills    map[string]*ChargingBill
}

// Run finds sessions and computes their bills.
func Run(in ChargingInput) (ChargingOutput, error) {
	if err := Check(&in); err != nil {
		return ChargingOutput{}, err
	}
	r := &ready{in: &in, bills: make(map[string]*ChargingBill)}
	var err error
	if r.calendar, err = window.Load(in.Zone); err != nil {
		return ChargingOutput{}, fmt.Errorf("charging: %w", err)
	}
	if r.plan, err = tariff.New(in.Tariff, r.calendar); err != nil {
		return ChargingOutput{}, fmt.Errorf("charging: %w", err)
	}
	if r.quotes, err = bill.Quotes(in.Prices); err != nil {
		return ChargingOutput{}, fmt.Errorf("charging: %w", err)
	}
	if in.Blocking != nil {
		if r.blocking, err = newBlocking(in.Blocking, r.calendar); err != nil {
			return ChargingOutput{}, err
		}
	}
	r.out = ChargingOutput{
		From: in.From, To: in.To, Revision: 1, Sessions: []ChargingSession{}, Bills: []ChargingBill{}, Report: []ChargingReport{}, Chargers: []ChargingPoint{},
		Differences: []bill.BillDifference{}, Reasons: []string{},
	}
	if in.Previous != nil {
		r.out.Revision = in.Previous.Revision + 1
	}
	for i := range in.Chargers {
		p, err := newPoint(&in.Chargers[i], in.To)
		if err != nil {
			return ChargingOutput{}, err
		}
		r.points = append(r.points, p)
		for _, s := range p.sessions {
			if err := r.session(p, s); err != nil {
				return ChargingOutput{}, err
			}
		}
		r.point(p)
	}
	if err := r.finish(); err != nil {
		return ChargingOutput{}, err
	}
	return r.out, nil
}

// session makes the receipt of a session and puts it on a bill.
func (r *ready) session(p *point, s *session) error {
	if s.ended < r.in.From {
		return nil // billed before
	}
	x := ChargingSession{
		ID: p.ID + "@" + strconv.FormatInt(int64(s.From), 10), Charger: p.ID, From: s.From, To: s.To, Running: s.running,
		Energy: bill.Quantity(s.amount), Charging: s.charged, MaxPower: s.top, Quality: max(s.quality, energy.Measured), Notes: s.notes,
	}
	if s.plugged {
		x.Idle = new(int64(s.To - s.last))
	}
	r.assign(p, s, &x)
	if s.running {
		r.out.Sessions = append(r.out.Sessions, x)
		return nil
	}
	lines, complete, err := r.receipt(p, s, &x)
	if err != nil {
		return err
	}
	for _, l := range lines {
		x.Money += l.Money
	}
	b := r.bill(x.User)
	b.Sessions = append(b.Sessions, x.ID)
	b.Energy += x.Energy
	b.Lines = append(b.Lines, lines...)
	b.Complete = b.Complete && complete
	r.out.Sessions = append(r.out.Sessions, x)
	r.report(&x)
	return nil
}

func (r *ready) bill(user string) *ChargingBill {
	b := r.bills[user]
	if b == nil {
		b = &ChargingBill{User: user, Revision: r.out.Revision, From: r.in.From, To: r.in.To, Complete: true, Sessions: []string{}, Lines: []bill.ServiceBillLine{}, Notes: []string{}}
		r.bills[user] = b
	}
	return b
}

// assign finds who charged. The card is the last one that was held to the charger up
// to a minute after it charged first, from ten minutes before the session on, or else
// the first one after that; one that was held within the session before ended that.
func (r *ready) assign(p *point, s *session, x *ChargingSession) {
	for _, c := range p.Cards {
		if c.At < max(s.From-record.Millis(10*series.Minute), s.before) || c.At >= s.To {
			continue
		}
		if x.Card != "" && c.At > s.begun+record.Millis(series.Minute) {
			break
		}
		x.Card = c.Card
	}
	best := -1
	for _, a := range r.in.Assignments {
		if a.Charger != "" && a.Charger != x.Charger || a.Card != "" && a.Card != x.Card || x.From < a.From || a.To != 0 && x.From >= a.To {
			continue
		}
		rank := 0
		if a.Card != "" {
			rank += 2
		}
		if a.Charger != "" {
			rank++
		}
		if rank > best {
			best = rank
			x.User, x.Vehicle, x.Household = a.User, a.Vehicle, a.Household
		}
	}
	if best < 0 {
		x.Notes = append(x.Notes, "nobody is known to have charged")
	}
}

// receipt prices a session: what is charged for amounts and taxes on it, and
// blocking.
func (r *ready) receipt(p *point, s *session, x *ChargingSession) ([]bill.ServiceBillLine, bool, error) {
	pieces := make([]bill.Piece, 0, len(s.slices))
	for i := range s.slices {
		c := &s.slices[i]
		y := bill.Piece{Span: c.Span, Taken: max(c.amount, 0), Quality: max(c.quality, energy.Measured)}
		if y.Quality > energy.Measured {
			y.TakenMarked = y.Taken
		}
		if c.quality == energy.None && c.amount != 0 {
			y.Quality, y.TakenMarked = energy.Estimated, y.Taken
		}
		pieces = append(pieces, y)
	}
	b, err := bill.Price(r.plan, s.Span, r.quotes, pieces)
	if err != nil {
		return nil, false, fmt.Errorf("charging: session %s: %w", x.ID, err)
	}
	b.Lines = slices.DeleteFunc(b.Lines, func(l bill.Line) bool { return l.Kind == tariff.Standing || l.Kind == tariff.FeedIn })
	// Taxes are taken anew, as those on standing charges belong to the user.
	if err := bill.Align(r.in.Tariff, &b, []*bill.Bill{&b}); err != nil {
		return nil, false, fmt.Errorf("charging: session %s: %w", x.ID, err)
	}
	out := b.Text(x.ID, "Charging at "+cmp.Or(p.Name, p.ID))
	if !b.Known {
		x.Notes = append(x.Notes, "no version of the tariff is in force: it has no price")
	}
	// Lines of bands that the session did not touch say nothing.
	out = slices.DeleteFunc(out, func(l bill.ServiceBillLine) bool { return l.Quantity == 0 && l.Money == 0 && l.Unpriced == 0 })
	if r.blocking != nil {
		switch l, ok := r.blocking.line(s, x); {
		case !s.plugged:
			x.Notes = append(x.Notes, "whether it stayed plugged in is not known: nothing is charged for blocking")
		case ok:
			out = append(out, l)
		}
	}
	return out, b.Known && b.Unpriced == 0, nil
}

// point tells what became of the register of a charger.
func (r *ready) point(p *point) {
	x := ChargingPoint{Charger: p.ID, Register: bill.Quantity(p.rise), Outside: bill.Quantity(p.outside), Notes: p.notes}
	x.Sessions = x.Register - x.Outside
	if p.outside > 500*energy.PerUnit && p.outside > p.rise/100 {
		x.Notes = append(x.Notes, fmt.Sprintf("%s were taken outside of sessions: a session that nothing told of, or much standby; nobody is billed for them", bill.KWh(p.outside)))
	}
	r.out.Chargers = append(r.out.Chargers, x)
}

// report adds a session to its user, charger and month.
func (r *ready) report(x *ChargingSession) {
	month := x.To.Time().In(r.calendar.Zone()).Format("2006-01")
	i := slices.IndexFunc(r.out.Report, func(y ChargingReport) bool { return y.User == x.User && y.Charger == x.Charger && y.Month == month })
	if i < 0 {
		i = len(r.out.Report)
		r.out.Report = append(r.out.Report, ChargingReport{User: x.User, Charger: x.Charger, Month: month})
	}
	y := &r.out.Report[i]
	y.Sessions++
	y.Energy += x.Energy
	if x.Quality >= energy.Substituted {
		y.Marked += x.Energy
	}
	y.Charging += x.Charging
	y.Plugged += int64(x.To - x.From)
	y.Money += x.Money
}

// finish adds what is not of sessions, and everything up.
func (r *ready) finish() error {
	if err := r.demand(); err != nil {
		return err
	}
	users, size := make([]string, 0, len(r.bills)), 0.0
	for u := range r.bills {
		users = append(users, u)
	}
	slices.Sort(users)
	r.out.Totals.Currency = r.plan.Currency()
	for _, u := range users {
		b := r.bills[u]
		if u != "" {
			if err := r.standing(b); err != nil {
				return err
			}
		} else {
			b.Notes = append(b.Notes, series.Count(len(b.Sessions), "session")+" of nobody")
		}
		if !b.Complete {
			b.Notes = append(b.Notes, "a part of it has no price")
		}
		for _, l := range b.Lines {
			if l.Quality >= energy.Substituted {
				b.Notes = append(b.Notes, "some of it rests on what was not measured: see the quality of the lines")
				break
			}
		}
		var err error
		if b.Totals, err = bill.Totals(r.plan.Currency(), b.Lines); err != nil {
			return fmt.Errorf("charging: %q: %w", u, err)
		}
		if size += math.Abs(float64(b.Totals.Cost)); size > float64(bill.MaxSum) {
			return fmt.Errorf("charging: the bills are more than can be added up")
		}
		t, x := &r.out.Totals, &b.Totals
		t.Cost, t.Credit, t.Total, t.Measured = t.Cost+x.Cost, t.Credit+x.Credit, t.Total+x.Total, t.Measured+x.Measured
		t.Estimated, t.Substituted, t.Corrected = t.Estimated+x.Estimated, t.Substituted+x.Substituted, t.Corrected+x.Corrected
		r.out.Bills = append(r.out.Bills, *b)
	}
	slices.SortStableFunc(r.out.Report, func(a, b ChargingReport) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Charger, b.Charger), cmp.Compare(a.Month, b.Month))
	})
	running := 0
	for _, s := range r.out.Sessions {
		if s.Running {
			running++
		}
	}
	r.out.Reasons = append(r.out.Reasons, fmt.Sprintf("%s at %s ended in the period, %d running and not billed", series.Count(len(r.out.Sessions)-running, "session"), series.Count(len(r.points), "charger"), running))
	for _, p := range r.points {
		if len(p.Plug) == 0 && len(p.sessions) > 0 {
			r.out.Reasons = append(r.out.Reasons, fmt.Sprintf("%s does not tell whether a vehicle is plugged in: a session ends with its last charging, and after a pause of %d minutes another begins", p.ID, p.hold/series.Minute))
		}
	}
	r.differ()
	return nil
}

// standing charges a user for the period: by the tariff, as if nothing had flowed.
func (r *ready) standing(b *ChargingBill) error {
	x, err := bill.Price(r.plan, window.Span{From: r.in.From, To: r.in.To}, r.quotes, nil)
	if err != nil {
		return fmt.Errorf("charging: %w", err)
	}
	for _, l := range x.Text("user", "") {
		if l.Money != 0 {
			b.Lines = append(b.Lines, l)
		}
	}
	return nil
}

// demand divides the part of a demand charge that charging caused.
func (r *ready) demand() error {
	d := r.in.Demand
	if d == nil {
		return nil
	}
	money, err := d.Money.Price()
	if err != nil {
		return fmt.Errorf("charging: the demand charge: %w", err)
	}
	if d.Site <= 0 || d.Site > series.MaxAmount || money < 0 || int64(d.Quarter)%window.QuarterLength != 0 {
		return fmt.Errorf("charging: the peak of the site, %s at %v, is no quarter of an hour", bill.KWh(d.Site), d.Quarter)
	}
	quarter := window.Span{From: d.Quarter, To: d.Quarter + window.QuarterLength}
	amounts, marks := make(map[string]int64), make(map[string]energy.Quality)
	total := int64(0)
	for _, p := range r.points {
		for _, s := range p.sessions {
			x := ChargingSession{Charger: p.ID, From: s.From, To: s.To}
			r.assign(p, s, &x)
			for i := range s.slices {
				c := &s.slices[i]
				from, to := max(c.From, quarter.From), min(c.To, quarter.To)
				if from >= to || c.amount <= 0 {
					continue
				}
				a := wide.Share(int64(c.amount), int64(to-from), c.Length())
				amounts[x.User] += a
				total += a
				marks[x.User] = max(marks[x.User], c.quality, energy.Measured)
			}
		}
	}
	if total == 0 {
		r.out.Reasons = append(r.out.Reasons, "nothing charged in the quarter hour of the peak: charging pays nothing of the demand charge")
		return nil
	}
	if total > int64(d.Site) {
		return fmt.Errorf("charging: chargers took %s in the quarter hour of the peak, more than the %s of the site", bill.KWh(energy.Amount(total)), bill.KWh(d.Site))
	}
	users, weights := make([]string, 0, len(amounts)), make([]int64, 0, len(amounts))
	for u := range amounts {
		users = append(users, u)
	}
	slices.Sort(users)
	for _, u := range users {
		weights = append(weights, amounts[u])
	}
	parts, _ := bill.Split(wide.Share(int64(money)/1000, total, int64(d.Site)), weights)
	for i, u := range users {
		l := bill.ServiceBillLine{
			Key: "demand/" + strconv.FormatInt(int64(d.Quarter), 10), Title: "Part of the demand charge of the site", From: quarter.From, To: quarter.To,
			Quantity: bill.Quantity(amounts[u]), Unit: "kWh", Money: bill.Money(parts[i]), Quality: marks[u],
			Note: fmt.Sprintf("%s of %s of the site in the quarter hour of its peak, which costs %s", bill.KWh(energy.Amount(amounts[u])), bill.KWh(d.Site), bill.Money(money/1000)),
		}
		switch marks[u] {
		case energy.Estimated:
			l.Estimated = l.Money
		case energy.Substituted:
			l.Substituted = l.Money
		case energy.Corrected:
			l.Corrected = l.Money
		}
		r.bill(u).Lines = append(r.bill(u).Lines, l)
	}
	return nil
}

// differ notes what is another than in the revision before.
func (r *ready) differ() {
	old := r.in.Previous
	if old == nil {
		return
	}
	why := func(a, b *bill.ServiceBillLine) string {
		return bill.Why(a, b, r.became(cmp.Or(a, b), old))
	}
	done := make(map[string]bool)
	for i := range r.out.Bills {
		now := &r.out.Bills[i]
		done[now.User] = true
		var was []bill.ServiceBillLine
		if k := slices.IndexFunc(old.Bills, func(b ChargingBill) bool { return b.User == now.User }); k >= 0 {
			was = old.Bills[k].Lines
		}
		r.out.Differences = append(r.out.Differences, bill.Differ(now.User, was, now.Lines, why)...)
	}
	for i := range old.Bills {
		if was := &old.Bills[i]; !done[was.User] {
			r.out.Differences = append(r.out.Differences, bill.Differ(was.User, was.Lines, nil, why)...)
		}
	}
}

// became says what happened to the session of a line.
func (r *ready) became(l *bill.ServiceBillLine, old *ChargingOutput) string {
	find := func(all []ChargingSession) *ChargingSession {
		i := slices.IndexFunc(all, func(s ChargingSession) bool { return strings.HasPrefix(l.Key, s.ID+"/") })
		if i < 0 {
			return nil
		}
		return &all[i]
	}
	was, now := find(old.Sessions), find(r.out.Sessions)
	switch {
	case was == nil && now == nil:
		return "what it is divided by is another"
	case was == nil:
		return "the session was not known"
	case now == nil:
		return "there is no such session any more: its beginning is another, or it is none"
	case was.User != now.User:
		return fmt.Sprintf("the session is %q's instead of %q's", now.User, was.User)
	case was.Running && !now.Running:
		return "the session was running, and has ended"
	case was.Energy != now.Energy || was.Quality != now.Quality:
		return fmt.Sprintf("the session took %s kWh (%s) instead of %s (%s)", now.Energy, now.Quality, was.Energy, was.Quality)
	}
	return "when its energy was taken is another"
}

// blocking is what it costs to stay plugged in, made ready.
type blocking struct {
	free       int64
	price, top int64 // 10^-6
	times      [][2]int
	calendar   window.Calendar
	per        string
}

func newBlocking(b *ChargingBlocking, c window.Calendar) (*blocking, error) {
	out := &blocking{free: b.Free, calendar: c, per: string(b.PerMinute), top: math.MaxInt64}
	price, err := b.PerMinute.Price()
	if err != nil || price < 0 || price%1000 != 0 || b.Free < 0 || price > 1e12 {
		return nil, fmt.Errorf("charging: blocking costs %.40q a minute after %d free ones, which is no price in millionths", string(b.PerMinute), b.Free)
	}
	out.price = int64(price) / 1000
	if b.Max != "" {
		top, err := b.Max.Price()
		if err != nil || top < 0 {
			return nil, fmt.Errorf("charging: blocking costs %.40q at most, which is no price", string(b.Max))
		}
		out.top = int64(top) / 1000
	}
	if len(b.Times) > 24 {
		return nil, fmt.Errorf("charging: %d times of blocking are more than 24", len(b.Times))
	}
	for _, t := range b.Times {
		var h1, m1, h2, m2 int
		if n, err := fmt.Sscanf(t, "%02d:%02d-%02d:%02d", &h1, &m1, &h2, &m2); err != nil || n != 4 || len(t) != len("08:00-22:00") || h1 > 24 || h2 > 24 || m1 > 59 || m2 > 59 {
			return nil, fmt.Errorf("charging: %.40q is no time of blocking like 08:00-22:00", t)
		}
		out.times = append(out.times, [2]int{h1*60 + m1, h2*60 + m2})
	}
	return out, nil
}

// line is what a session pays for blocking.
func (b *blocking) line(s *session, x *ChargingSession) (bill.ServiceBillLine, bool) {
	idle := int64(s.To-s.last) / series.Minute
	// A month plugged in is counted; what is longer has long reached any bound.
	idle = min(idle, 31*24*60)
	count := idle
	if len(b.times) > 0 {
		count = 0
		for m := range idle {
			at := (s.last + record.Millis(m*series.Minute)).Time().In(b.calendar.Zone())
			minute := at.Hour()*60 + at.Minute()
			if slices.ContainsFunc(b.times, func(t [2]int) bool {
				return t[0] <= t[1] && t[0] <= minute && minute < t[1] || t[0] > t[1] && (minute >= t[0] || minute < t[1])
			}) {
				count++
			}
		}
	}
	count -= b.free
	if count <= 0 {
		return bill.ServiceBillLine{}, false
	}
	money := min(count*b.price, b.top)
	l := bill.ServiceBillLine{
		Key: x.ID + "/blocking", Title: "Blocking", From: s.last, To: s.To, Quantity: bill.Quantity(count * 1e9), Unit: "min", Price: b.per,
		Money: bill.Money(money), Quality: energy.Measured,
		Note: fmt.Sprintf("plugged in for %d minutes after the last charging, %d of them free", idle, b.free),
	}
	if money == b.top {
		l.Note += ", at most " + bill.Money(b.top).String()
	}
	return l, true
}
