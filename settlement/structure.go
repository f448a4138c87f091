package settlement

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/klauspost/compress/zstd"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
)

// structure is the tree of a hierarchy as it is from a point in time until the
// next structure begins. It is kept here, so that what was settled can be
// settled again however long ago it was.
type structure struct {
	hierarchy string
	since     record.Millis // 0: for all the past
	revision  uint64
	who, why  string // of who put it into the past
	at        record.Millis
	groups    []node // parents before children
	byName    map[string]int
}

// node is a group of a structure.
type node struct {
	Name    string `json:"name"`
	Parent  int    `json:"parent"`          // index; -1 for the root
	Sign    int8   `json:"sign"`            // within the parent
	Meter   string `json:"meter,omitempty"` // sensor
	Inverse bool   `json:"inverse,omitempty"`
	Total   uint32 `json:"total"`
	Sensors []part `json:"sensors,omitempty"` // without the meter
	groups  []int  // children
}

// part is a sensor of a group.
type part struct {
	Sensor string `json:"s"`
	Sign   int8   `json:"n"`
}

// newStructure takes what matters here of a layout, which is nil when the
// hierarchy was removed.
func newStructure(h string, since record.Millis, revision uint64, l *model.Layout) *structure {
	s := &structure{hierarchy: h, since: since, revision: revision}
	if l != nil {
		s.groups = make([]node, len(l.Groups))
		for i, g := range l.Groups {
			s.groups[i] = node{Name: string(g.ID), Parent: int(g.Parent), Sign: g.Sign, Total: g.Total}
			if g.Meter >= 0 {
				s.groups[i].Meter, s.groups[i].Inverse = string(l.Leaves[g.Meter].Sensor), l.Leaves[g.Meter].Sign < 0
			}
		}
		for _, leaf := range l.Leaves {
			if g := &s.groups[leaf.Group]; !leaf.Meter {
				g.Sensors = append(g.Sensors, part{string(leaf.Sensor), leaf.Sign})
			}
		}
	}
	s.index()
	return s
}

func (s *structure) index() {
	s.byName = make(map[string]int, len(s.groups))
	for i := range s.groups {
		s.byName[s.groups[i].Name] = i
		if p := s.groups[i].Parent; p >= 0 {
			s.groups[p].groups = append(s.groups[p].groups, i)
		}
	}
}

func (s *structure) row() (ledger.Structure, error) {
	text, err := json.Marshal(s.groups)
	if err != nil {
		return ledger.Structure{}, err
	}
	var body bytes.Buffer
	w, err := zstd.NewWriter(&body, zstd.WithEncoderConcurrency(1))
	if err == nil {
		_, err = w.Write(text)
	}
	if err == nil {
		err = w.Close()
	}
	return ledger.Structure{Hierarchy: s.hierarchy, Since: s.since, Revision: s.revision, Body: body.Bytes(), Who: s.who, Why: s.why, At: s.at}, err
}

// mostStructure bounds what a stored structure may unpack to.
const mostStructure = 2 << 30

func readStructure(r ledger.Structure) (*structure, error) {
	d, err := zstd.NewReader(bytes.NewReader(r.Body), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(mostStructure))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	s := &structure{hierarchy: r.Hierarchy, since: r.Since, revision: r.Revision, who: r.Who, why: r.Why, at: r.At}
	if err := json.NewDecoder(d).Decode(&s.groups); err != nil {
		return nil, fmt.Errorf("read structure of %s: %w", r.Hierarchy, err)
	}
	for i, g := range s.groups {
		if g.Parent >= i || g.Parent < -1 {
			return nil, fmt.Errorf("read structure of %s: group %d has no place", r.Hierarchy, i)
		}
	}
	s.index()
	return s, nil
}

// structures are those of every hierarchy, in order of time.
type structures map[string][]*structure

// loadStructures reads all that are kept.
func loadStructures(ctx context.Context, from *ledger.Store) (structures, error) {
	out := make(structures)
	rows, err := from.Structures(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		x, err := readStructure(r)
		if err != nil {
			return nil, err
		}
		out[x.hierarchy] = append(out[x.hierarchy], x)
	}
	return out, nil
}

// newest gives the newest structure of a hierarchy, nil when there is none.
func (a structures) newest(h string) *structure {
	if n := len(a[h]); n > 0 {
		return a[h][n-1]
	}
	return nil
}

// at gives the structure that is in force at a time.
func (a structures) at(h string, t record.Millis) *structure {
	var found *structure
	for _, x := range a[h] {
		if x.since <= t {
			found = x
		}
	}
	return found
}

// add puts a structure in its place, in memory. What it leaves no quarter to is
// removed and given back.
func (a structures) add(x *structure) (obsolete []*structure) {
	all := a[x.hierarchy]
	i, found := slices.BinarySearchFunc(all, x.since, func(o *structure, t record.Millis) int { return cmp.Compare(o.since, t) })
	if found {
		all[i] = x
	} else {
		all = slices.Insert(all, i, x)
	}
	if i > 0 && all[i-1].since > 0 && upQuarter(all[i-1].since) >= upQuarter(x.since) {
		obsolete = append(obsolete, all[i-1])
		all = slices.Delete(all, i-1, i)
	}
	a[x.hierarchy] = all
	return obsolete
}

// upQuarter is the first begin of a quarter at or after t.
func upQuarter(t record.Millis) record.Millis { return (t + quarter - 1) / quarter * quarter }

// keep stores a structure, and removes others.
func keep(ctx context.Context, in *ledger.Store, x *structure, obsolete []*structure) error {
	row, err := x.row()
	if err != nil {
		return fmt.Errorf("keep structure of %s: %w", x.hierarchy, err)
	}
	var gone []ledger.Structure
	for _, o := range obsolete {
		gone = append(gone, ledger.Structure{Hierarchy: o.hierarchy, Since: o.since})
	}
	return in.KeepStructure(ctx, row, gone)
}

// equal tells whether two structures have the same groups.
func (s *structure) equal(o *structure) bool {
	return o != nil && slices.EqualFunc(s.groups, o.groups, func(a, b node) bool {
		return a.Name == b.Name && a.Parent == b.Parent && a.Sign == b.Sign && a.Meter == b.Meter && a.Inverse == b.Inverse &&
			a.Total == b.Total && slices.Equal(a.Sensors, b.Sensors)
	})
}
