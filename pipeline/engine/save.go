package engine

import (
	"encoding/binary"
	"errors"
	"fmt"

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
	r := savedReader{b: b}
	if len(b) == 0 || b[0] != saveFormat {
		return s, fmt.Errorf("%w: another format", ErrSaved)
	}
	r.b = b[1:]
	for range r.count() {
		s.keys = append(s.keys, string(r.bytes()))
	}
	s.now, s.began = r.millis(), r.millis()
	for range r.count() {
		id := string(r.bytes())
		s.sources[id] = source{id: id, most: r.millis(), since: r.millis()}
	}
	for range r.count() {
		name := string(r.bytes())
		n := savedNode{kind: string(r.bytes()), watermark: r.millis(), behind: r.millis()}
		n.count = Count{r.varint(), r.varint(), r.varint()}
		n.state = r.bytes()
		s.nodes[name] = n
	}
	if r.bad || len(r.b) > 0 {
		return s, fmt.Errorf("%w: it is cut off", ErrSaved)
	}
	return s, nil
}

type savedReader struct {
	b   []byte
	bad bool
}

func (r *savedReader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *savedReader) millis() record.Millis { return record.Millis(r.varint()) }

// count is of things that are a byte each at least.
func (r *savedReader) count() int {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > uint64(len(r.b)-n) {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return int(v)
}

func (r *savedReader) bytes() []byte {
	n := r.count()
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}
