package model

import "iter"

// shards is a map in pieces that are shared between models: a change copies
// the pieces it touches, a few hundred entries each, instead of everything.
type shards[K ~string, V any] struct {
	parts []map[K]V // a power of two
	n     int
}

const (
	shardFill = 128 // entries of a piece that is made for a known number
	shardMost = 768 // entries on average at which the map is spread anew
)

func newShards[K ~string, V any](n int) shards[K, V] {
	parts := 8
	for parts*shardFill < n && parts < 1<<15 {
		parts *= 2
	}
	return shards[K, V]{parts: make([]map[K]V, parts)}
}

// shardOf is FNV-1a, folded.
func shardOf[K ~string](k K, n int) int {
	h := uint64(14695981039346656037)
	for i := 0; i < len(k); i++ {
		h = (h ^ uint64(k[i])) * 1099511628211
	}
	return int((h ^ h>>32) & uint64(n-1))
}

func (s *shards[K, V]) get(k K) (V, bool) {
	if len(s.parts) == 0 {
		var zero V
		return zero, false
	}
	v, ok := s.parts[shardOf(k, len(s.parts))][k]
	return v, ok
}

func (s *shards[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for _, p := range s.parts {
			for k, v := range p {
				if !yield(k, v) {
					return
				}
			}
		}
	}
}

// edit is a changed copy of shards in the making.
type edit[K ~string, V any] struct {
	shards[K, V]
	owned []bool
}

// edited begins a changed copy that is going to hold about room more entries.
func (s shards[K, V]) edited(room int) *edit[K, V] {
	if n := s.n + room; len(s.parts) == 0 || n/len(s.parts) > shardMost && len(s.parts) < 1<<15 {
		wide := newShards[K, V](n)
		e := &edit[K, V]{shards: wide, owned: make([]bool, len(wide.parts))}
		for k, v := range s.all() {
			e.set(k, v)
		}
		return e
	}
	e := &edit[K, V]{shards: s, owned: make([]bool, len(s.parts))}
	e.parts = append([]map[K]V(nil), s.parts...)
	return e
}

func (e *edit[K, V]) own(k K) map[K]V {
	i := shardOf(k, len(e.parts))
	if !e.owned[i] {
		e.owned[i] = true
		was := e.parts[i]
		p := make(map[K]V, len(was)+1)
		for k, v := range was {
			p[k] = v
		}
		e.parts[i] = p
	}
	return e.parts[i]
}

func (e *edit[K, V]) set(k K, v V) {
	p := e.own(k)
	was := len(p)
	p[k] = v
	e.n += len(p) - was
}

func (e *edit[K, V]) delete(k K) {
	p := e.own(k)
	was := len(p)
	delete(p, k)
	e.n += len(p) - was
}
