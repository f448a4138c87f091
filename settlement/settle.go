package settlement

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"runtime"
	"slices"
	"sync"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/reading"
	"github.com/wattwerk/wattwerk/settlement/tree"
	"github.com/wattwerk/wattwerk/window"
)

// span is a half-open range of time; the zero span is empty.
type span struct{ from, to record.Millis }

func (a span) empty() bool { return a.to <= a.from }

// hull is the smallest span that holds both.
func (a span) hull(b span) span {
	switch {
	case a.empty():
		return b
	case b.empty():
		return a
	}
	return span{min(a.from, b.from), max(a.to, b.to)}
}

func (a span) cut(b span) span { return span{max(a.from, b.from), min(a.to, b.to)} }

// without gives what is left of a span, in order.
func (a span) without(b span) (rest []span) {
	if b = b.cut(a); b.empty() {
		return []span{a}
	}
	for _, x := range []span{{a.from, b.from}, {b.to, a.to}} {
		if !x.empty() {
			rest = append(rest, x)
		}
	}
	return rest
}

// quarter is the length of the windows that are kept.
const quarter record.Millis = window.QuarterLength

// upQuarter is the first begin of a quarter at or after t.
func upQuarter(t record.Millis) record.Millis { return (t + quarter - 1) / quarter * quarter }

// near is the distance at which spans are taken as one: further apart they are
// in different days.
const near = 100 * quarter

// spans are in order, and further apart than near.
type spans []span

// with adds a span.
func (a spans) with(b span) spans {
	if b.empty() {
		return a
	}
	i := 0
	for i < len(a) && a[i].to+near < b.from {
		i++
	}
	k := i
	for k < len(a) && a[k].from <= b.to+near {
		b = b.hull(a[k])
		k++
	}
	return slices.Replace(a, i, k, b)
}

func (a spans) length() (sum record.Millis) {
	for _, x := range a {
		sum += x.to - x.from
	}
	return sum
}

// union adds others, as far as they lie within a span.
func (a spans) union(others spans, in span) spans {
	for _, b := range others {
		a = a.with(b.cut(in))
	}
	return a
}

// job settles some windows. It is used by one goroutine, once.
type job struct {
	s       *Service
	model   *model.Model
	decided map[record.SensorID]bool // of these, decisions are in force
	outline *tree.Outline
	within  span          // no sensor's window outside is settled
	kept    span          // nor what follows from sensors
	virgin  span          // nothing was ever stored here
	limit   record.Millis // days that end later have not passed
	doubt   bool          // it may have been broken off before: what is stored already counts as changed

	changes []ledger.Change // of ledger.Quarters, not yet stored
	touched map[record.SensorID]spans
	groups  map[ledger.Point]spans    // that have changed
	stale   map[string]spans          // hierarchies all of whose groups are to be computed again
	renewed map[record.SensorID]spans // virtual sensors that are to be computed again
	fresh   map[ledger.Point][]fresh
	points  map[ledger.Point]spans // whose days may be other ones
	moved   map[string]spans       // hierarchies whose groups are to be compared with their meters anew, later
}

// fresh are the rows of a point in a span as they are now, stored or not.
type fresh struct {
	span
	rows []ledger.Row
}

func (s *Service) newJob(ctx context.Context, within, kept span, limit record.Millis) (*job, error) {
	decided, err := s.opts.Store.Intervened(ctx)
	m := s.opts.Catalog.State().Model
	return &job{
		s: s, model: m, outline: s.outlineOf(m, s.trees), decided: decided, within: within, kept: kept, limit: limit,
		touched: make(map[record.SensorID]spans), groups: make(map[ledger.Point]spans), stale: make(map[string]spans), renewed: make(map[record.SensorID]spans),
		fresh: make(map[ledger.Point][]fresh), points: make(map[ledger.Point]spans), moved: make(map[string]spans),
	}, err
}

// changesAtOnce is how many rows are stored in one transaction.
const changesAtOnce = 5000

// sensors settles sensors for spans, and as far around them as readings within
// reach. Computing goes on beside storing; settled is told of each, in no order.
func (j *job) sensors(ctx context.Context, all iter.Seq2[record.SensorID, span], settled func(record.SensorID, span)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workers := min(runtime.GOMAXPROCS(0), 8)
	asked, done := make(chan computed), make(chan computed, 4*workers)
	var g sync.WaitGroup
	g.Go(func() {
		defer close(asked)
		for id, at := range all {
			select {
			case asked <- computed{id: id, want: at}:
			case <-ctx.Done():
				return
			}
		}
	})
	for range workers {
		g.Go(func() {
			for a := range asked {
				select {
				case done <- j.compute(ctx, a.id, a.want):
				case <-ctx.Done():
					return
				}
			}
		})
	}
	go func() {
		g.Wait()
		close(done)
	}()
	var failed error
	for c := range done {
		if failed != nil {
			continue
		}
		if failed = j.take(ctx, c); failed != nil {
			cancel()
			continue
		}
		settled(c.id, c.want)
	}
	if failed == nil {
		failed = ctx.Err() // then not all of them came
	}
	return failed
}

// computed are the windows of a sensor in a span, which holds the one that was
// asked for.
type computed struct {
	id   record.SensorID
	want span
	in   span
	rows []ledger.Row
	err  error
}

// take stores what was computed.
func (j *job) take(ctx context.Context, c computed) error {
	if c.err != nil {
		return fmt.Errorf("settle sensor %s: %w", c.id, c.err)
	}
	if sn, ok := j.model.Sensor(c.id); ok && sn.Formula != "" { // its windows follow from those of others
		j.renewed[c.id] = j.renewed[c.id].with(c.want)
		return nil
	}
	if c.in.empty() {
		return nil
	}
	changed, err := j.replace(ctx, ledger.SensorPoint(c.id), c.in, c.rows)
	if err != nil {
		return fmt.Errorf("settle sensor %s: %w", c.id, err)
	}
	j.touched[c.id] = j.touched[c.id].union(changed, c.in)
	return nil
}

// compute gives the windows of a sensor. It may be called by several goroutines
// at the same time.
func (j *job) compute(ctx context.Context, id record.SensorID, want span) (out computed) {
	out.id, out.want = id, want
	sn, ok := j.model.Sensor(id)
	if !ok || sn.Formula != "" {
		return out
	}
	rules := reading.Rules(sn)
	var decided reading.Decisions
	if j.decided[id] {
		if decided, out.err = Decided(ctx, j.s.opts.Store, id); out.err != nil {
			return out
		}
	}
	affected, err := reading.Affected(ctx, j.s.opts.Readings, id, window.Span{From: want.from, To: want.to}, rules, decided)
	if err != nil {
		out.err = err
		return out
	}
	wide := span{affected.From, affected.To}
	if wide = wide.hull(want).cut(j.within); wide.empty() {
		return out
	}
	rs, err := reading.Gather(ctx, j.s.opts.Readings, id, window.Span{From: wide.from, To: wide.to}, rules, decided)
	if err != nil {
		out.err = err
		return out
	}
	rs = energy.Correct(rs, decided.Corrections, rules, window.Span{From: wide.from, To: wide.to})
	first := window.QuarterOf(wide.from)
	edges := make([]record.Millis, 0, int(window.QuarterOf(wide.to)-first)+1)
	for t := window.QuarterSpan(first).From; t <= wide.to; t += quarter {
		edges = append(edges, t)
	}
	values, _ := energy.Settle(rs, edges, rules, decided.Overrides)
	decided.Enter(values, edges)
	out.in, out.rows = wide, rowsOf(values, edges)
	return out
}

// replace makes rows those of the point in a span, and gives the span s in which
// that changed something.
func (j *job) replace(ctx context.Context, p ledger.Point, within span, rows []ledger.Row) (changed spans, err error) {
	ids, err := j.s.opts.Store.IDs(ctx, []ledger.Point{p}, len(rows) > 0)
	if err != nil {
		return nil, err
	}
	id := ids[0]
	var old []ledger.Row
	for _, at := range within.without(j.virgin) {
		more, err := j.s.opts.Store.Rows(ctx, nil, ledger.Quarters, id, at.from, at.to)
		if err != nil {
			return nil, err
		}
		old = append(old, more...)
	}
	if err := j.begins(ctx, p, id, within, rows); err != nil {
		return nil, err
	}
	made := rows
	note := func(c ledger.Change) {
		c.Point = id
		j.changes = append(j.changes, c)
		changed = changed.with(span{c.Start, c.End})
	}
	for len(old) > 0 || len(rows) > 0 {
		switch {
		case len(rows) == 0 || len(old) > 0 && old[0].Start < rows[0].Start:
			note(ledger.Change{Gone: true, Row: old[0]})
			old = old[1:]
		case len(old) == 0 || rows[0].Start < old[0].Start:
			note(ledger.Change{New: j.virgin.from <= rows[0].Start && rows[0].Start < j.virgin.to, Row: rows[0]})
			rows = rows[1:]
		default:
			if !ledger.Same(&old[0], &rows[0]) {
				note(ledger.Change{Row: rows[0]})
			}
			old, rows = old[1:], rows[1:]
		}
	}
	if j.doubt { // its windows may be as they are since then, and what follows from them not
		for _, at := range within.without(j.virgin) {
			changed = changed.with(at)
		}
	}
	j.points[p] = j.points[p].union(changed, within)
	j.fresh[p] = append(j.fresh[p], fresh{within, made})
	if len(j.changes) >= changesAtOnce {
		err = j.flush(ctx)
	}
	return changed, err
}

// flush stores what has changed.
func (j *job) flush(ctx context.Context) error {
	if err := j.move(ctx); err != nil {
		return err
	}
	if len(j.changes) == 0 {
		return nil
	}
	err := j.s.opts.Store.Write(ctx, ledger.Quarters, j.changes)
	j.changes = j.changes[:0]
	return err
}

// finish computes what is above what has changed, groups and virtual sensors,
// and the days.
func (j *job) finish(ctx context.Context) error {
	for _, h := range slices.Sorted(maps.Keys(j.s.trees)) {
		if j.outline.Linked[h] {
			continue
		}
		all := j.s.trees[h]
		for i, x := range all {
			in := span{upQuarter(x.Since), j.kept.to}
			if i+1 < len(all) {
				in.to = upQuarter(all[i+1].Since)
			}
			if in = in.cut(j.kept); in.empty() {
				continue
			}
			for g := len(x.Groups) - 1; g >= 0; g-- { // children before parents
				if err := j.group(ctx, x, g, in); err != nil {
					return err
				}
			}
		}
	}
	if err := j.epochs(ctx); err != nil {
		return err
	}
	if err := j.flush(ctx); err != nil {
		return err
	}
	return j.days(ctx)
}

// groupsAtOnce bounds how many rows of members are in memory.
const groupsAtOnce = 500_000

// group computes a group in the time of a tree, where anything below it has
// changed.
func (j *job) group(ctx context.Context, x *tree.Tree, i int, in span) error {
	g := &x.Groups[i]
	at := spans(nil).union(j.stale[x.Hierarchy], in)
	p := ledger.GroupPoint(x.Hierarchy, g.Name)
	if len(at) > 0 {
		j.points[p] = j.points[p].union(at, in)
	}
	for _, p := range g.Sensors {
		at = at.union(j.touched[record.SensorID(p.Sensor)], in)
	}
	at = at.union(j.touched[record.SensorID(g.Meter)], in)
	for _, k := range g.Children {
		if m := x.Groups[k].Meter; m != "" { // it stands for the child, which may come later
			at = at.union(j.touched[record.SensorID(m)], in)
		} else {
			at = at.union(j.groups[ledger.GroupPoint(x.Hierarchy, x.Groups[k].Name)], in)
		}
	}
	members := len(g.Sensors) + len(g.Children) + 1
	step := max(quarter, record.Millis(groupsAtOnce/members)*quarter)
	for _, a := range at {
		for from := a.from; from < a.to; from += step {
			if err := j.sum(ctx, x, i, span{from, min(from+step, a.to)}); err != nil {
				return err
			}
		}
	}
	if len(at) > 0 {
		j.groups[p] = j.groups[p].union(at, in)
	}
	return nil
}

// sum computes one group for a span.
func (j *job) sum(ctx context.Context, x *tree.Tree, g int, at span) error {
	n := int((at.to - at.from) / quarter)
	members, meter := x.Members(x.Groups[g].Name)
	points := make([]ledger.Point, 0, len(members)+1)
	for _, m := range members {
		points = append(points, m.By)
	}
	if meter != "" {
		points = append(points, ledger.SensorPoint(meter))
	}
	known, err := j.columns(ctx, points, at)
	if err != nil {
		return err
	}
	if meter != "" {
		if err := j.s.firsts.Ask(ctx, x.Leaves(g)...); err != nil {
			return err
		}
	}
	find := func(p ledger.Point) tree.Column {
		c := known[p]
		return func(i int) *ledger.Row {
			if c == nil {
				return nil
			}
			return c[i]
		}
	}
	sums := x.Evaluate(g, n, func(i int) (record.Millis, record.Millis) {
		start := at.from + record.Millis(i)*quarter
		return start, start + quarter
	}, j.s.firsts.At, func(name string) tree.Column { return find(ledger.Point{Name: name}) }, func(k int) tree.Column { return find(ledger.GroupPoint(x.Hierarchy, x.Groups[k].Name)) })
	rows := make([]ledger.Row, 0, n)
	for i := range sums {
		if sums[i].Overflow {
			j.s.log.Warn("an amount is larger than can be kept", "group", x.Groups[g].Name, "time", at.from+record.Millis(i)*quarter)
		}
		if r, ok := sums[i].Result(); ok {
			rows = append(rows, r)
		}
	}
	_, err = j.replace(ctx, ledger.GroupPoint(x.Hierarchy, x.Groups[g].Name), at, rows)
	return err
}

// columns reads the rows of points for a span of quarters.
func (j *job) columns(ctx context.Context, points []ledger.Point, at span) (map[ledger.Point][]*ledger.Row, error) {
	out := make(map[ledger.Point][]*ledger.Row, len(points))
	n := int((at.to - at.from) / quarter)
	place := func(p ledger.Point, rows []ledger.Row, in span) {
		c := out[p]
		for k := max(0, (in.from-at.from)/quarter); k < min(record.Millis(n), (in.to-at.from)/quarter); k++ {
			c[k] = nil
		}
		for i := range rows {
			if t := rows[i].Start; t >= max(at.from, in.from) && t < min(at.to, in.to) {
				c[(t-at.from)/quarter] = &rows[i]
			}
		}
	}
	var rest []ledger.Point
	for _, p := range points {
		out[p] = make([]*ledger.Row, n)
		if !slices.ContainsFunc(j.fresh[p], func(f fresh) bool { return f.from <= at.from && at.to <= f.to }) {
			rest = append(rest, p)
		}
	}
	ids, err := j.s.opts.Store.IDs(ctx, rest, false)
	if err != nil {
		return nil, err
	}
	for i, p := range rest {
		rows, err := j.s.opts.Store.Rows(ctx, nil, ledger.Quarters, ids[i], at.from, at.to)
		if err != nil {
			return nil, err
		}
		place(p, rows, at)
	}
	for _, p := range points {
		for _, f := range j.fresh[p] {
			place(p, f.rows, f.span)
		}
	}
	return out, nil
}

// rows gives the rows of a point in a span as they are now. Changes are stored.
func (j *job) rows(ctx context.Context, p ledger.Point, id int64, at span) ([]ledger.Row, error) {
	var out []ledger.Row
	rest := []span{at}
	for _, f := range slices.Backward(j.fresh[p]) { // the newest counts
		if f.from <= at.from && at.to <= f.to && len(out) == 0 {
			return tree.Between(f.rows, at.from, at.to), nil
		}
		var left []span
		for _, r := range rest {
			if c := r.cut(f.span); !c.empty() {
				out = append(out, tree.Between(f.rows, c.from, c.to)...)
			}
			left = append(left, r.without(f.span)...)
		}
		rest = left
	}
	for _, r := range rest {
		more, err := j.s.opts.Store.Rows(ctx, nil, ledger.Quarters, id, r.from, r.to)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	slices.SortFunc(out, func(a, b ledger.Row) int { return cmp.Compare(a.Start, b.Start) })
	return out, nil
}

// days makes the rows of whole days that what has changed lies in.
func (j *job) days(ctx context.Context) error {
	var changes []ledger.Change
	store := func() error {
		if len(changes) == 0 {
			return nil
		}
		err := j.s.opts.Store.Write(ctx, ledger.Days, changes)
		changes = changes[:0]
		return err
	}
	for p, all := range j.points {
		for _, at := range all {
			more, err := j.daysOf(ctx, p, at)
			if err != nil {
				return err
			}
			if changes = append(changes, more...); len(changes) >= changesAtOnce {
				if err := store(); err != nil {
					return err
				}
			}
		}
	}
	return store()
}

// daysOf gives what is other than stored in the days of a point that a span
// lies in.
func (j *job) daysOf(ctx context.Context, p ledger.Point, at span) (changes []ledger.Change, err error) {
	// A ratio of sums may be known where none of a quarter is.
	ids, err := j.s.opts.Store.IDs(ctx, []ledger.Point{p}, j.outline.Anew(p) != nil)
	if err != nil || ids[0] == 0 {
		return nil, err
	}
	calendar := j.s.calendarOf(j.model, p)
	first, last := calendar.Span(window.Day, at.from), calendar.Span(window.Day, at.to-1)
	var rows []ledger.Row
	v := j.outline.Anew(p)
	if v == nil {
		if rows, err = j.rows(ctx, p, ids[0], span{first.From, last.To}); err != nil {
			return nil, err
		}
	} else {
		var all []window.Span
		for d := range calendar.Spans(window.Day, at.from, at.to) {
			if d.To <= j.limit {
				all = append(all, d)
			}
		}
		read := func(p ledger.Point, w window.Span) ([]ledger.Row, error) {
			ids, err := j.s.opts.Store.IDs(ctx, []ledger.Point{p}, false)
			if err != nil || ids[0] == 0 {
				return nil, err
			}
			return j.rows(ctx, p, ids[0], span{w.From, w.To})
		}
		if rows, err = j.outline.Longer(v, all, window.Span{From: j.kept.from, To: j.kept.to}, read); err != nil {
			return nil, err
		}
	}
	var old []ledger.Row
	virgin := len((span{first.From, last.To}).without(j.virgin)) == 0
	if !virgin {
		if old, err = j.s.opts.Store.Rows(ctx, nil, ledger.Days, ids[0], first.From, last.To); err != nil {
			return nil, err
		}
	}
	made := make(map[record.Millis]bool)
	for d := range calendar.Spans(window.Day, at.from, at.to) {
		inside := tree.Between(rows, d.From, d.To)
		if len(inside) == 0 || d.To > j.limit {
			continue // nothing is known, or it has not passed
		}
		made[d.From] = true
		r := tree.Merge(d.From, d.To, inside)
		if before := tree.Between(old, d.From, d.From+1); len(before) == 0 || !ledger.Same(&before[0], &r) {
			changes = append(changes, ledger.Change{Point: ids[0], New: virgin, Row: r})
		}
	}
	for i := range old { // of another zone, or of a day nothing is known of any more
		if !made[old[i].Start] {
			changes = append(changes, ledger.Change{Point: ids[0], Gone: true, Row: old[i]})
		}
	}
	return changes, nil
}
