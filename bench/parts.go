package bench

import "github.com/wattwerk/wattwerk/record"

// Parts are those of the ticks of a hierarchy that came: one of very many groups is
// told in several messages. The zero value is ready. Not safe for concurrent use.
type Parts struct{ came map[part]struct{} }

type part struct {
	at     record.Millis
	number uint32
}

// Came notes that a part came, and tells whether it had come before.
func (p *Parts) Came(at record.Millis, number uint32) (before bool) {
	if p.came == nil {
		p.came = make(map[part]struct{})
	}
	_, before = p.came[part{at, number}]
	p.came[part{at, number}] = struct{}{}
	return before
}
