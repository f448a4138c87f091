package record

import "hash/maphash"

// Columns remembers what a reader looked up for a whole column of names, so
// that a sender who repeats the same sensors costs one comparison a message
// instead of one map lookup a record. The zero value is not ready; use
// [NewColumns]. It is not safe for concurrent use.
type Columns[T any] struct {
	seed  maphash.Seed
	known map[uint64]column[T]
	bytes int
	limit int
}

type column[T any] struct {
	raw  []byte
	refs []T
}

// NewColumns keeps up to limit bytes of columns, then starts over.
func NewColumns[T any](limit int) *Columns[T] {
	return &Columns[T]{seed: maphash.MakeSeed(), known: make(map[uint64]column[T]), limit: limit}
}

// Get gives what was kept for the column, or calls look for it and keeps that.
func (c *Columns[T]) Get(raw []byte, look func() []T) []T {
	h := maphash.Bytes(c.seed, raw)
	if k, ok := c.known[h]; ok && string(k.raw) == string(raw) {
		return k.refs
	}
	refs := look()
	if c.bytes += 2 * len(raw); c.bytes > c.limit {
		clear(c.known)
		c.bytes = 2 * len(raw)
	}
	c.known[h] = column[T]{raw: append([]byte(nil), raw...), refs: refs}
	return refs
}

// Forget drops everything kept, because what look would answer has changed.
func (c *Columns[T]) Forget() {
	clear(c.known)
	c.bytes = 0
}
