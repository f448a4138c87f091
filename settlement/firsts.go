package settlement

import (
	"context"
	"maps"
	"slices"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/tree"
)

// firstsOf reads from when on sensors count.
func (s *Service) firstsOf(ctx context.Context) func([]string) (map[string]record.Millis, error) {
	return func(sensors []string) (map[string]record.Millis, error) {
		return tree.ReadFirsts(ctx, s.opts.Store, sensors)
	}
}

// begins takes notice of where a sensor begins when rows become those of a span,
// before they do. Groups with a meter above it are compared anew between where it
// began and where it does now.
func (j *job) begins(ctx context.Context, p ledger.Point, id int64, within span, rows []ledger.Row) error {
	if p.Hierarchy != "" {
		return nil
	}
	hierarchies := j.s.firsts.Counted(j.outline, p.Name)
	if len(hierarchies) == 0 {
		return nil
	}
	if err := j.s.firsts.Ask(ctx, p.Name); err != nil {
		return err
	}
	was := j.s.firsts.At(p.Name)
	now := was
	switch {
	case was < within.from:
	case len(rows) > 0:
		now = min(was, rows[0].Start)
		if was < within.to {
			now = rows[0].Start
		}
	case was < within.to:
		if err := j.flush(ctx); err != nil { // of what is behind, some may not be stored
			return err
		}
		found, err := j.s.opts.Store.Firsts(ctx, []int64{id}, within.to)
		if err != nil {
			return err
		}
		var ok bool
		if now, ok = found[id]; !ok {
			now = tree.Never
		}
	}
	if now == was {
		return nil
	}
	j.s.firsts.Set(p.Name, now)
	for _, at := range (span{min(was, now), max(was, now)}).cut(j.kept).without(within) {
		for _, h := range hierarchies {
			j.moved[h] = j.moved[h].with(at)
		}
	}
	return nil
}

// move marks what is to be compared anew. It is called before what sensors begin
// with is stored: whoever is killed in between computes groups again for nothing.
func (j *job) move(ctx context.Context) error {
	var marks []ledger.Mark
	for _, h := range slices.Sorted(maps.Keys(j.moved)) {
		for _, at := range j.moved[h] {
			marks = append(marks, ledger.Mark{Kind: ledger.HierarchyKind, Name: h, Begin: at.from, End: at.to})
		}
	}
	clear(j.moved)
	j.s.at.marks.Add(int64(len(marks)))
	return j.s.opts.Store.AddMarks(ctx, marks)
}
