package report

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"github.com/wattwerk/wattwerk/record"
)

// group is a group of a tree, as the books keep it.
type group struct {
	Name    string `json:"name"`
	Parent  int    `json:"parent"` // index; -1: none
	Sign    int8   `json:"sign"`   // within the parent
	Meter   string `json:"meter"`
	Inverse bool   `json:"inverse"` // of the meter
	Sensors []struct {
		Sensor string `json:"s"`
		Sign   int8   `json:"n"`
	} `json:"sensors"`
}

// mostTree bounds what a stored tree may unpack to.
const mostTree = 2 << 30

// treeAt gives the groups of a hierarchy as they were at a time, parents before
// children; nil when there are none.
func (b *Builder) treeAt(ctx context.Context, hierarchy string, at record.Millis) ([]group, error) {
	found, ok, err := b.Books.StructureAt(ctx, hierarchy, at)
	if err != nil || !ok {
		return nil, err
	}
	d, err := zstd.NewReader(bytes.NewReader(found.Body), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(mostTree))
	if err != nil {
		return nil, fmt.Errorf("read the tree of %s: %w", hierarchy, err)
	}
	defer d.Close()
	var tree []group
	if err := json.NewDecoder(d).Decode(&tree); err != nil {
		return nil, fmt.Errorf("read the tree of %s: %w", hierarchy, err)
	}
	return tree, nil
}

// sensorsBelow gives every sensor of a group and of the groups below it, their
// meters too.
func sensorsBelow(tree []group, at int) []string {
	in := make([]bool, len(tree))
	in[at] = true
	var out []string
	for i := range tree {
		g := &tree[i]
		if p := g.Parent; !in[i] && (p < 0 || p >= i || !in[p]) {
			continue
		}
		in[i] = true
		if g.Meter != "" {
			out = append(out, g.Meter)
		}
		for _, s := range g.Sensors {
			out = append(out, s.Sensor)
		}
	}
	return out
}
