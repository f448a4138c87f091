package transfer

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/record"
)

// trial takes what would be stored, and compares it with what is. Of values
// that are twice in a file it knows when they are near one another.
type trial struct {
	ctx    context.Context
	store  history.Store
	result history.BackfillResult
	told   func(history.Series, history.Sample, history.Refusal)
}

func (b *trial) OnRefused(f func(history.Series, history.Sample, history.Refusal)) { b.told = f }

func (b *trial) Commit() (history.BackfillResult, error) { return b.result, nil }

func (b *trial) Abort() {}

// Add compares.
func (b *trial) Add(s history.Series, times []record.Millis, values []float64) error {
	all := make([]history.Sample, len(times))
	for i, t := range times {
		all[i] = history.Sample{Time: t, Value: values[i]}
	}
	slices.SortStableFunc(all, func(a, b history.Sample) int { return cmp.Compare(a.Time, b.Time) })
	if len(all) == 0 {
		return nil
	}
	at := 0
	take := func(there *float64) {
		for t := all[at].Time; at < len(all) && all[at].Time == t; at++ {
			switch x := all[at]; {
			case there == nil:
				b.result.Stored++
				there = &all[at].Value
			case math.Float64bits(*there) == math.Float64bits(x.Value):
				b.result.Duplicates++
			default:
				b.result.Refused++
				b.told(s, x, history.Refusal{Index: -1, Reason: history.ErrContradiction, Stored: *there})
			}
		}
	}
	err := b.store.Scan(b.ctx, s, all[0].Time, all[len(all)-1].Time, func(ts []int64, vs []float64) error {
		for i, t := range ts {
			for at < len(all) && all[at].Time < record.Millis(t) {
				take(nil)
			}
			if at < len(all) && all[at].Time == record.Millis(t) {
				take(&vs[i])
			}
		}
		return nil
	})
	for at < len(all) {
		take(nil)
	}
	return err
}
