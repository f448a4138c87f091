package settlement

import (
	"context"
	"maps"
	"slices"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/tree"
)

// Where a group is compared with its meter, a member counts from the first
// quarter of an hour on that anything is known of it in: one that is not
// installed yet is not missing. When that quarter becomes another one, groups
// between the two are settled again.

// counting says in which hierarchies a sensor counts for a group with a meter.
type counting struct {
	outline *tree.Outline
	in      map[string][]string
}

// counted gives the hierarchies.
func (j *job) counted(name string) []string {
	c := &j.s.counting
	if c.outline != j.outline {
		c.outline, c.in = j.outline, make(map[string][]string)
		for h, all := range j.outline.Past {
			for _, x := range all {
				for g := range x.Groups {
					if x.Groups[g].Meter == "" {
						continue
					}
					for _, leaf := range x.Leaves(g) {
						if !slices.Contains(c.in[leaf], h) {
							c.in[leaf] = append(c.in[leaf], h)
						}
					}
				}
			}
		}
	}
	return c.in[name]
}

// readFirsts gives the first quarters of sensors, but of those that have none.
func (s *Service) readFirsts(ctx context.Context, names []string) (map[string]record.Millis, error) {
	points := make([]ledger.Point, len(names))
	for i, n := range names {
		points[i] = ledger.Point{Name: n}
	}
	ids, err := s.opts.Store.IDs(ctx, points, false)
	if err != nil {
		return nil, err
	}
	found, err := s.opts.Store.Firsts(ctx, ids, 0)
	if err != nil {
		return nil, err
	}
	out := make(map[string]record.Millis, len(names))
	for i, id := range ids {
		if at, ok := found[id]; ok {
			out[names[i]] = at
		}
	}
	return out, nil
}

// know reads the first quarters of sensors that are not in memory.
func (j *job) know(ctx context.Context, names []string) error {
	var missing []string
	for _, n := range names {
		if _, ok := j.s.firsts[n]; !ok {
			missing = append(missing, n)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	found, err := j.s.readFirsts(ctx, missing)
	if err != nil {
		return err
	}
	for _, n := range missing {
		at, ok := found[n]
		if !ok {
			at = tree.Never
		}
		j.s.firsts[n] = at
	}
	return nil
}

// begins takes notice of where a sensor begins when rows become those of a span,
// before they do.
func (j *job) begins(ctx context.Context, p ledger.Point, id int64, within span, rows []ledger.Row) error {
	if p.Hierarchy != "" {
		return nil
	}
	hierarchies := j.counted(p.Name)
	if len(hierarchies) == 0 {
		return nil
	}
	if err := j.know(ctx, []string{p.Name}); err != nil {
		return err
	}
	was := j.s.firsts[p.Name]
	now := was
	switch {
	case was < within.from:
	case len(rows) > 0:
		now = rows[0].Start
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
	j.s.firsts[p.Name] = now
	for _, at := range (span{min(was, now), max(was, now)}).cut(j.kept).without(within) {
		for _, h := range hierarchies {
			j.moved[h] = j.moved[h].with(at)
		}
	}
	return nil
}

// move marks the groups that are to be compared anew as members begin elsewhere.
// It is called before what they begin with is stored: whoever is killed in between
// computes them again for nothing.
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
