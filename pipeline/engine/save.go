package engine

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/wattwerk/wattwerk/internal/packed"
	"github.com/wattwerk/wattwerk/record"
)

// saveFormat is the first byte of what is saved.
const saveFormat = 1

// ErrSaved says that bytes are not what an instance saved.
var ErrSaved = errors.New("this is not the state of a manifest")

type saved struct {
	keys       []string
	now, began record.Millis
	sources    map[string]source
	nodes      map[string]savedNode
}

type savedNode struct {
	kind              string
	watermark, behind record.Millis
	count             Count
	state             []byte
}

// Save appends all that is needed to go on.
func (x *Instance) Save(b []byte) []byte {
	b = append(b, saveFormat)
	keys := x.table.Keys()
	b = binary.AppendUvarint(b, uint64(len(keys)))
	for _, k := range keys {
		b = text(b, k)
	}
	b = binary.AppendVarint(b, int64(x.now))
	b = binary.AppendVarint(b, int64(x.began))
	b = binary.AppendUvarint(b, uint64(len(x.sources)))
	for _, s := range x.sources {
		b = text(b, s.id)
		b = binary.AppendVarint(b, int64(s.most))
		b = binary.AppendVarint(b, int64(s.since))
	}
	b = binary.AppendUvarint(b, uint64(len(x.nodes)))
	var state []byte
	for i := range x.nodes {
		n := &x.nodes[i]
		b = text(text(b, n.name), n.kind)
		for _, v := range []int64{int64(n.watermark), int64(n.behind), n.count.In, n.count.Out, n.count.Dead} {
			b = binary.AppendVarint(b, v)
		}
		state = n.op.Save(state[:0])
		b = binary.AppendUvarint(b, uint64(len(state)))
		b = append(b, state...)
	}
	return b
}

func text(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// load reads what Save wrote; of nothing it gives nothing.
func load(b []byte) (saved, error) {
	s := saved{sources: make(map[string]source), nodes: make(map[string]savedNode)}
	if b == nil {
		return s, nil
	}
	r := packed.Read(b)
	millis := func() record.Millis { return record.Millis(r.Int()) }
	if r.Byte() != saveFormat {
		return s, fmt.Errorf("%w: another format", ErrSaved)
	}
	for range r.Count(1) {
		s.keys = append(s.keys, r.Text())
	}
	s.now, s.began = millis(), millis()
	for range r.Count(1) {
		id := r.Text()
		s.sources[id] = source{id: id, most: millis(), since: millis()}
	}
	for range r.Count(1) {
		name := r.Text()
		n := savedNode{kind: r.Text(), watermark: millis(), behind: millis()}
		n.count = Count{r.Int(), r.Int(), r.Int()}
		n.state = r.Bytes()
		s.nodes[name] = n
	}
	if !r.Whole() {
		return s, fmt.Errorf("%w: it is cut off", ErrSaved)
	}
	return s, nil
}
