package sml

// The kinds of fields, as the upper half of their first byte says (SML 6.3.1).
const (
	octets   = 0
	boolean  = 4
	integer  = 5
	unsigned = 6
	list     = 7
	wrong    = 0xff
)

// maxDepth is how deep lists may be in one another; three are usual.
const maxDepth = 8

// fields reads one field after the other. Every method is false where the
// bytes are no such field; then the position means nothing.
type fields struct {
	b []byte
	i int
}

// head reads the type-length field: the kind, and how many bytes follow or, for a
// list, how many entries. Lengths above 15 take more bytes: each adds four bits
// (0x83 0x02 is an octet string of 50 bytes with these two, 0xf1 0x0e a list of 30).
func (f *fields) head() (kind uint8, n int) {
	if f.i >= len(f.b) {
		return wrong, 0
	}
	b := f.b[f.i]
	f.i++
	if b&0x80 == 0 {
		kind, n = b>>4, int(b&0xf)
		if kind == list {
			return kind, n
		}
		// 0x00 is the end of a message, and no other length is 0 with itself.
		if n--; n < 0 || n > len(f.b)-f.i {
			return wrong, 0
		}
		return kind, n
	}
	kind, n = b>>4&7, int(b&0xf)
	for size := 2; ; size++ {
		if f.i >= len(f.b) || size > 4 {
			return wrong, 0
		}
		b = f.b[f.i]
		f.i++
		if b&0x70 != 0 {
			return wrong, 0
		}
		n = n<<4 | int(b&0xf)
		if b&0x80 != 0 {
			continue
		}
		if kind != list {
			n -= size
		}
		if n < 0 || n > len(f.b)-f.i { // an entry of a list has a byte at least
			return wrong, 0
		}
		return kind, n
	}
}

// octets reads an octet string, which may be empty: not there.
func (f *fields) octets() ([]byte, bool) {
	kind, n := f.head()
	if kind != octets {
		return nil, false
	}
	b := f.b[f.i : f.i+n]
	f.i += n
	return b, true
}

// list reads the head of a list.
func (f *fields) list() (n int, ok bool) {
	kind, n := f.head()
	return n, kind == list
}

// number reads the n bytes of an integer, most significant first, and extends its
// sign, if it has one, from whatever width it has.
func (f *fields) number(kind uint8, n int) (int64, bool) {
	if n < 1 || n > 8 {
		return 0, false
	}
	var v uint64
	for _, b := range f.b[f.i : f.i+n] {
		v = v<<8 | uint64(b)
	}
	f.i += n
	if kind == integer {
		shift := 64 - 8*n
		return int64(v<<shift) >> shift, true
	}
	return int64(v), true
}

// unsigned reads an unsigned integer of any width.
func (f *fields) unsigned() (uint64, bool) {
	kind, n := f.head()
	if kind != unsigned {
		return 0, false
	}
	v, ok := f.number(kind, n)
	return uint64(v), ok
}

// optional reads an integer of either kind that may be not there. It passes over
// anything else as if it were not there.
func (f *fields) optional() (v int64, there, ok bool) {
	at := f.i
	kind, n := f.head()
	switch kind {
	case integer, unsigned:
		v, ok = f.number(kind, n)
		return v, ok, ok
	case octets:
		f.i += n
		return 0, false, true
	}
	f.i = at
	return 0, false, f.skip(0)
}

// skip passes over a field of any kind, with all that is in it.
func (f *fields) skip(depth int) bool {
	kind, n := f.head()
	switch kind {
	case octets, boolean, integer, unsigned:
		f.i += n
		return true
	case list:
		if depth >= maxDepth {
			return false
		}
		for range n {
			if !f.skip(depth + 1) {
				return false
			}
		}
		return true
	}
	return false
}

// skipTwo passes over two fields.
func (f *fields) skipTwo() bool {
	first := f.skip(0)
	return first && f.skip(0)
}
