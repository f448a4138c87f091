package settlement

import (
	"cmp"
	"context"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
)

// comparing is set once all groups that are settled say in how much of a window
// their meter and their members can be compared, or are marked.
const comparing = "comparing"

// compare marks the groups of windows that were settled by a version that did not
// tell that, from the newest to the oldest.
func (s *Service) compare(ctx context.Context) error {
	done, err := s.opts.Store.Progress(ctx, comparing)
	if err != nil || done > 0 {
		return err
	}
	var marks []ledger.Mark
	for h := range s.trees {
		step := quarter * record.Millis(max(windowsAtOnce/max(s.groups(h), 1), 96))
		for to, floor := s.kept().to, s.kept().from; to > floor; to -= step {
			marks = append(marks, ledger.Mark{Kind: ledger.HierarchyKind, Name: h, Begin: max(to-step, floor), End: to})
		}
	}
	s.at.marks.Add(int64(len(marks)))
	return cmp.Or(s.opts.Store.AddMarks(ctx, marks), s.opts.Store.SetProgress(ctx, comparing, 1))
}

// groups is how many groups a hierarchy has now.
func (s *Service) groups(h string) int {
	if x := s.trees.Newest(h); x != nil {
		return len(x.Groups)
	}
	return 0
}
