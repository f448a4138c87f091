package tree

import (
	"context"
	"slices"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
)

// Firsts keeps in memory from when on sensors count where a group is compared with
// its meter: from the first quarter of an hour on that anything is known of them
// in, so that one that is not installed yet is not missing. Not safe for concurrent
// use.
type Firsts struct {
	store   *ledger.Store
	at      map[string]record.Millis
	outline *Outline
	in      map[string][]string // by sensor: hierarchies in which it counts for a group with a meter
}

// NewFirsts makes one that knows of nothing yet.
func NewFirsts(store *ledger.Store) *Firsts {
	return &Firsts{store: store, at: make(map[string]record.Millis)}
}

// Counted gives the hierarchies in which a sensor counts, at any time, for a group
// with a meter.
func (f *Firsts) Counted(o *Outline, sensor string) []string {
	if f.outline != o {
		f.outline, f.in = o, make(map[string][]string)
		for h, all := range o.Past {
			for _, x := range all {
				for g := range x.Groups {
					if x.Groups[g].Meter == "" {
						continue
					}
					for _, leaf := range x.Leaves(g) {
						if !slices.Contains(f.in[leaf], h) {
							f.in[leaf] = append(f.in[leaf], h)
						}
					}
				}
			}
		}
	}
	return f.in[sensor]
}

// At is the first quarter of a sensor that was asked for, or [Never].
func (f *Firsts) At(sensor string) record.Millis { return f.at[sensor] }

// Set says that it is another one.
func (f *Firsts) Set(sensor string, at record.Millis) { f.at[sensor] = at }

// Ask reads the first quarters of sensors that are not in memory.
func (f *Firsts) Ask(ctx context.Context, sensors ...string) error {
	var missing []string
	for _, n := range sensors {
		if _, ok := f.at[n]; !ok {
			missing = append(missing, n)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	found, err := ReadFirsts(ctx, f.store, missing)
	if err != nil {
		return err
	}
	for _, n := range missing {
		at, ok := found[n]
		if !ok {
			at = Never
		}
		f.at[n] = at
	}
	return nil
}

// ReadFirsts gives the first quarters of sensors as they are stored, but of those
// that have none.
func ReadFirsts(ctx context.Context, store *ledger.Store, sensors []string) (map[string]record.Millis, error) {
	points := make([]ledger.Point, len(sensors))
	for i, n := range sensors {
		points[i] = ledger.Point{Name: n}
	}
	ids, err := store.IDs(ctx, points, false)
	if err != nil {
		return nil, err
	}
	found, err := store.Firsts(ctx, ids, 0)
	if err != nil {
		return nil, err
	}
	out := make(map[string]record.Millis, len(sensors))
	for i, id := range ids {
		if at, ok := found[id]; ok {
			out[sensors[i]] = at
		}
	}
	return out, nil
}
