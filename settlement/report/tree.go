package report

import (
	"context"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/tree"
)

// treeAt gives the groups of a hierarchy as they were at a time, parents before
// children; nil when there are none.
func (b *Builder) treeAt(ctx context.Context, hierarchy string, at record.Millis) ([]tree.Node, error) {
	row, ok, err := b.Books.StructureAt(ctx, hierarchy, at)
	if err != nil || !ok {
		return nil, err
	}
	x, err := tree.Read(row)
	if err != nil {
		return nil, err
	}
	return x.Groups, nil
}

// sensorsBelow gives every sensor of a group and of the groups below it, their
// meters too.
func sensorsBelow(all []tree.Node, at int) []string {
	in := make([]bool, len(all))
	in[at] = true
	var out []string
	for i := range all {
		g := &all[i]
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
