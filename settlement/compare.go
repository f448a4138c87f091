package settlement

import (
	"cmp"
	"context"
	"slices"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/tree"
)

// comparing says by which rule all groups that are settled, or marked, say in how
// much of a window their meter and their members can be compared.
const comparing = "comparing"

// byHeard is the rule by which a member counts from the first quarter on that
// anything is known of it in; by 1, every member counted.
const byHeard record.Millis = 2

// compare marks the groups of windows that were settled by a version that did not
// tell that, or by another rule, from the newest to the oldest. Where no group has a
// meter there is nothing to compare.
func (s *Service) compare(ctx context.Context) error {
	done, err := s.opts.Store.Progress(ctx, comparing)
	if err != nil || done >= byHeard {
		return err
	}
	var marks []ledger.Mark
	for h, all := range s.trees {
		if !slices.ContainsFunc(all, func(x *tree.Tree) bool {
			return slices.ContainsFunc(x.Groups, func(g tree.Node) bool { return g.Meter != "" })
		}) {
			continue
		}
		marks = append(marks, s.pieces(ledger.Mark{Kind: ledger.HierarchyKind, Name: h, End: record.MaxTime})...)
	}
	s.at.marks.Add(int64(len(marks)))
	return cmp.Or(s.opts.Store.AddMarks(ctx, marks), s.opts.Store.SetProgress(ctx, comparing, byHeard))
}

// pieces are marks of what a mark of a hierarchy means now, the newest first:
// each of about so many windows of groups as are settled in one go.
func (s *Service) pieces(m ledger.Mark) (all []ledger.Mark) {
	at := span{m.Begin / quarter * quarter, upQuarter(m.End)}.cut(s.kept())
	step := quarter * record.Millis(max(s.atOnce/max(s.groups(m.Name), 1), 96))
	for to := at.to; to > at.from; to -= step {
		all = append(all, ledger.Mark{Kind: m.Kind, Name: m.Name, Begin: max(to-step, at.from), End: to, Asked: m.Asked})
	}
	return all
}

// split puts pieces in the place of a mark that is of more windows than are to
// be in memory, as that of a hierarchy that is new to years of readings. Broken
// off, some of it is settled twice.
func (s *Service) split(ctx context.Context, marks []ledger.Mark) (done bool, err error) {
	for _, m := range marks {
		if m.Kind != ledger.HierarchyKind {
			continue
		}
		if pieces := s.pieces(m); len(pieces) > 1 {
			if err := cmp.Or(s.opts.Store.AddMarks(ctx, pieces), s.opts.Store.DropMarks(ctx, []ledger.Mark{m})); err != nil {
				return false, err
			}
			s.at.marks.Add(int64(len(pieces)) - 1)
			done = true
		}
	}
	return done, nil
}

// groups is how many groups a hierarchy has now.
func (s *Service) groups(h string) int {
	if x := s.trees.Newest(h); x != nil {
		return len(x.Groups)
	}
	return 0
}
