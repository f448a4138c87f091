package tree

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
	"github.com/wattwerk/wattwerk/window"
)

// Tree is a hierarchy as it is from a point in time until the next tree of it
// begins. It is kept, so that what was settled can be settled again however
// long ago it was. It does not change.
type Tree struct {
	Hierarchy string
	Since     record.Millis // 0: for all the past
	Revision  uint64        // of the model that brought it
	Who, Why  string        // of who put it into the past
	At        record.Millis // when that was
	Groups    []Node        // parents before children
	byName    map[string]int
}

// Node is a group of a tree.
type Node struct {
	Name     string `json:"name"`
	Parent   int    `json:"parent"`          // index; -1 for the root
	Sign     int8   `json:"sign"`            // within the parent
	Meter    string `json:"meter,omitempty"` // sensor
	Inverse  bool   `json:"inverse,omitempty"`
	Total    uint32 `json:"total"`
	Sensors  []Part `json:"sensors,omitempty"` // without the meter
	Children []int  `json:"-"`                 // indexes
}

// Part is a sensor of a group.
type Part struct {
	Sensor string `json:"s"`
	Sign   int8   `json:"n"`
}

// New takes what matters here of a layout, which is nil when the
// hierarchy was removed.
func New(h string, since record.Millis, revision uint64, l *model.Layout) *Tree {
	s := &Tree{Hierarchy: h, Since: since, Revision: revision}
	if l != nil {
		s.Groups = make([]Node, len(l.Groups))
		for i, g := range l.Groups {
			s.Groups[i] = Node{Name: string(g.ID), Parent: int(g.Parent), Sign: g.Sign, Total: g.Total}
			if g.Meter >= 0 {
				s.Groups[i].Meter, s.Groups[i].Inverse = string(l.Leaves[g.Meter].Sensor), l.Leaves[g.Meter].Sign < 0
			}
		}
		for _, leaf := range l.Leaves {
			if g := &s.Groups[leaf.Group]; !leaf.Meter {
				g.Sensors = append(g.Sensors, Part{string(leaf.Sensor), leaf.Sign})
			}
		}
	}
	s.index()
	return s
}

func (s *Tree) index() {
	s.byName = make(map[string]int, len(s.Groups))
	for i := range s.Groups {
		s.byName[s.Groups[i].Name] = i
		if p := s.Groups[i].Parent; p >= 0 {
			s.Groups[p].Children = append(s.Groups[p].Children, i)
		}
	}
}

func (s *Tree) row() (ledger.Structure, error) {
	text, err := json.Marshal(s.Groups)
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
	return ledger.Structure{Hierarchy: s.Hierarchy, Since: s.Since, Revision: s.Revision, Body: body.Bytes(), Who: s.Who, Why: s.Why, At: s.At}, err
}

// mostStructure bounds what a stored structure may unpack to.
const mostStructure = 2 << 30

// Read gives the tree that is stored in a row.
func Read(r ledger.Structure) (*Tree, error) {
	d, err := zstd.NewReader(bytes.NewReader(r.Body), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(mostStructure))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	s := &Tree{Hierarchy: r.Hierarchy, Since: r.Since, Revision: r.Revision, Who: r.Who, Why: r.Why, At: r.At}
	if err := json.NewDecoder(d).Decode(&s.Groups); err != nil {
		return nil, fmt.Errorf("read structure of %s: %w", r.Hierarchy, err)
	}
	for i, g := range s.Groups {
		if g.Parent >= i || g.Parent < -1 {
			return nil, fmt.Errorf("read structure of %s: group %d has no place", r.Hierarchy, i)
		}
	}
	s.index()
	return s, nil
}

// Past holds the trees of every hierarchy, in order of time.
type Past map[string][]*Tree

// Load reads all that are kept.
func Load(ctx context.Context, from *ledger.Store) (Past, error) {
	out := make(Past)
	rows, err := from.Structures(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		x, err := Read(r)
		if err != nil {
			return nil, err
		}
		out[x.Hierarchy] = append(out[x.Hierarchy], x)
	}
	return out, nil
}

// Clone is a copy that does not change with the original.
func (a Past) Clone() Past {
	out := make(Past, len(a))
	for h, all := range a {
		out[h] = slices.Clone(all)
	}
	return out
}

// Newest gives the newest tree of a hierarchy, nil when there is none.
func (a Past) Newest(h string) *Tree {
	if n := len(a[h]); n > 0 {
		return a[h][n-1]
	}
	return nil
}

// At gives the tree by which the quarter hour that begins at t is summed up,
// nil when there is none.
func (a Past) At(h string, t record.Millis) *Tree {
	var found *Tree
	for _, x := range a[h] {
		if upQuarter(x.Since) <= t {
			found = x
		}
	}
	return found
}

// Edges are the begins of quarter hours from which on another tree holds, of
// any of the hierarchies, in order.
func (a Past) Edges(hierarchies ...string) []record.Millis {
	var out []record.Millis
	for _, h := range hierarchies {
		for _, x := range a[h] {
			out = append(out, upQuarter(x.Since))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Add puts a tree in its place, in memory. What it leaves no quarter to is
// removed and given back.
func (a Past) Add(x *Tree) (obsolete []*Tree) {
	all := slices.Clone(a[x.Hierarchy])
	i, found := slices.BinarySearchFunc(all, x.Since, func(o *Tree, t record.Millis) int { return cmp.Compare(o.Since, t) })
	if found {
		all[i] = x
	} else {
		all = slices.Insert(all, i, x)
	}
	if i > 0 && all[i-1].Since > 0 && upQuarter(all[i-1].Since) >= upQuarter(x.Since) {
		obsolete = append(obsolete, all[i-1])
		all = slices.Delete(all, i-1, i)
	}
	a[x.Hierarchy] = all
	return obsolete
}

// quarter is the length of the windows that are kept.
const quarter record.Millis = window.QuarterLength

// upQuarter is the first begin of a quarter at or after t.
func upQuarter(t record.Millis) record.Millis { return (t + quarter - 1) / quarter * quarter }

// Keep stores a tree, and removes others.
func Keep(ctx context.Context, in *ledger.Store, x *Tree, obsolete []*Tree) error {
	row, err := x.row()
	if err != nil {
		return fmt.Errorf("keep structure of %s: %w", x.Hierarchy, err)
	}
	var gone []ledger.Structure
	for _, o := range obsolete {
		gone = append(gone, ledger.Structure{Hierarchy: o.Hierarchy, Since: o.Since})
	}
	return in.KeepStructure(ctx, row, gone)
}

// Equal tells whether two trees have the same groups.
func (s *Tree) Equal(o *Tree) bool {
	return o != nil && slices.EqualFunc(s.Groups, o.Groups, func(a, b Node) bool {
		return a.Name == b.Name && a.Parent == b.Parent && a.Sign == b.Sign && a.Meter == b.Meter && a.Inverse == b.Inverse &&
			a.Total == b.Total && slices.Equal(a.Sensors, b.Sensors)
	})
}

// Find gives the index of a group, false when it is not in the tree.
func (s *Tree) Find(group string) (int, bool) {
	i, ok := s.byName[group]
	return i, ok
}
