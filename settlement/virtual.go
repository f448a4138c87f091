package settlement

import (
	"context"
	"slices"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/formula"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/tree"
	"github.com/wattwerk/wattwerk/window"
)

// view is an outline, and when its trees were read by a process that does not
// settle.
type view struct {
	*tree.Outline
	read time.Time
}

// outlineOf gives the outline of a model with trees, which are copied.
func (s *Service) outlineOf(m *model.Model, past tree.Past) *tree.Outline {
	if o := s.view.Load(); o != nil && o.Model == m && o.read.IsZero() {
		return o.Outline
	}
	o := &view{Outline: tree.NewOutline(m, past.Clone())}
	s.view.Store(o)
	return o.Outline
}

// treesFor is how long a process that does not settle takes trees for the newest.
const treesFor = 10 * time.Second

// outline gives the outline for a question.
func (s *Service) outline(ctx context.Context, m *model.Model) (*tree.Outline, error) {
	o := s.view.Load()
	if o != nil && o.Model == m && (o.read.IsZero() || s.opts.Now().Sub(o.read) < treesFor) {
		return o.Outline, nil
	}
	if s.owned.Load() {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.outlineOf(m, s.trees), nil
	}
	past, err := tree.Load(ctx, s.opts.Store)
	if err != nil {
		return nil, err
	}
	o = &view{Outline: tree.NewOutline(m, past), read: s.opts.Now()}
	s.view.Store(o)
	return o.Outline, nil
}

// epochs computes virtual sensors, and the groups that have to do with them.
func (j *job) epochs(ctx context.Context) error {
	var dirty span
	note := func(all spans) {
		for _, a := range all {
			dirty = dirty.hull(a)
		}
	}
	for _, all := range j.touched {
		note(all)
	}
	for _, all := range j.stale {
		note(all)
	}
	for _, all := range j.renewed {
		note(all)
	}
	dirty = dirty.cut(j.kept)
	for i, e := range j.outline.Epochs {
		in := span{e.From, dirty.to}.cut(dirty)
		if i+1 < len(j.outline.Epochs) {
			in.to = min(in.to, j.outline.Epochs[i+1].From)
		}
		if in.empty() {
			continue
		}
		for k := range e.Steps {
			x := &e.Steps[k]
			var err error
			if x.Virtual != nil {
				err = j.virtual(ctx, x, in)
			} else {
				err = j.group(ctx, x.Tree, x.Group, in)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// virtual computes a virtual sensor in an epoch, where anything it follows from
// has changed.
func (j *job) virtual(ctx context.Context, x *tree.Step, in span) error {
	v := x.Virtual
	at := spans(nil).union(j.renewed[v.ID], in)
	operands := make([]tree.Operand, len(v.Hierarchies))
	var points []ledger.Point
	for i, o := range v.Formula.Operands() {
		at = at.union(j.stale[v.Hierarchies[i]], in)
		operands[i] = j.outline.Past.Operand(o, v.Hierarchies[i], in.from)
		p := operands[i].At
		switch {
		case p.Name == "":
			continue
		case p.Hierarchy == "":
			at = at.union(j.touched[record.SensorID(p.Name)], in)
		default:
			at = at.union(j.groups[p], in)
		}
		if !slices.Contains(points, p) {
			points = append(points, p)
		}
	}
	p := ledger.SensorPoint(v.ID)
	step := max(quarter, record.Millis(groupsAtOnce/(len(points)+1))*quarter)
	for _, a := range at {
		for from := a.from; from < a.to; from += step {
			some := span{from, min(from+step, a.to)}
			rows, err := j.evaluate(ctx, x, operands, points, some)
			if err != nil {
				return err
			}
			changed, err := j.replace(ctx, p, some, rows)
			if err != nil {
				return err
			}
			j.touched[v.ID] = j.touched[v.ID].union(changed, some)
		}
	}
	if v.Formula.Rule() == formula.Anew && len(at) > 0 {
		// Longer windows may be others though no quarter is.
		j.points[p] = j.points[p].union(at, in)
		j.touched[v.ID] = j.touched[v.ID].union(at, in)
	}
	return nil
}

// evaluate gives the quarters of a virtual sensor in a part of an epoch.
func (j *job) evaluate(ctx context.Context, x *tree.Step, operands []tree.Operand, points []ledger.Point, at span) ([]ledger.Row, error) {
	if x.Void {
		return nil, nil
	}
	known, err := j.columns(ctx, points, at)
	if err != nil {
		return nil, err
	}
	n := int((at.to - at.from) / quarter)
	rows := make([]ledger.Row, 0, n)
	for i := range n {
		start := at.from + record.Millis(i)*quarter
		value, err := x.Virtual.Formula.Settle(int64(quarter), func(k int) energy.Value {
			if c := known[operands[k].At]; c != nil && c[i] != nil {
				return operands[k].Of(*c[i]).Value
			}
			return tree.Value(nil)
		})
		if err != nil {
			j.s.log.Warn("an amount is larger than can be kept", "sensor", x.Virtual.ID, "time", start)
		}
		if r, ok := tree.RowOf(start, start+quarter, value); ok && err == nil {
			rows = append(rows, r)
		}
	}
	return rows, nil
}

// mostParts bounds the rows that a question about a virtual sensor may read.
const mostParts = 5_000_000

// anew answers for a virtual sensor whose windows are not sums of shorter ones.
func (s *Service) anew(ctx context.Context, o *tree.Outline, v *tree.Virtual, size window.Size, all []window.Span, settled record.Millis) ([]ledger.Row, error) {
	floor, err := s.opts.Store.Progress(ctx, ledger.Floor)
	if err != nil {
		return nil, err
	}
	calendar := s.calendarOf(o.Model, ledger.SensorPoint(v.ID))
	have := 0
	return o.Longer(v, all, window.Span{From: floor, To: settled}, func(p ledger.Point, w window.Span) ([]ledger.Row, error) {
		at := span{w.From, w.To}
		var rows []ledger.Row
		var err error
		if size > window.Day && s.calendarOf(o.Model, p).Zone().String() == calendar.Zone().String() {
			rows, err = s.coarse(ctx, calendar, p, at, settled)
		} else {
			if have += int((at.to - at.from) / quarter); have > mostParts {
				return nil, &tooMuch{"too many quarters of too many sensors; ask for a shorter time"}
			}
			rows, err = s.stored(ctx, ledger.Quarters, p, at)
		}
		return rows, err
	})
}
