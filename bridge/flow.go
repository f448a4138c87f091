package bridge

import "iter"

// Bridge is a declared way from messages to records.
type Bridge struct {
	Name string // in counters, dead letters and announcements: lower case, digits, hyphens
	Flow Flow[Reading]
}

// Flow is a chain of steps that turns messages into values of type T. Flows
// are values: every step gives a new one and changes nothing. A flow holds no
// state between messages unless its functions do, and is then as safe for
// concurrent use as they are.
type Flow[T any] struct {
	run func(m *Message, t *tally, next func(T) bool) bool
}

// tally collects what a flow leaves out.
type tally struct {
	filtered int
	refuse   func(m *Message, err error) bool // false: stop
}

// From begins a flow with one value per message. An error refuses the message.
func From[T any](decode func(*Message) (T, error)) Flow[T] {
	return Flow[T]{func(m *Message, t *tally, next func(T) bool) bool {
		v, err := decode(m)
		if err != nil {
			return t.refuse(m, err)
		}
		return next(v)
	}}
}

// FromEach begins a flow with any number of values per message, handed on as
// they are decoded. An error refuses one part, best told by a [Refusal]; what
// comes after it is taken.
func FromEach[T any](decode func(*Message) iter.Seq2[T, error]) Flow[T] {
	return Flow[T]{func(m *Message, t *tally, next func(T) bool) bool {
		return each(m, t, decode(m), next)
	}}
}

// Filter lets those values pass that keep says yes to. The others are counted
// as filtered: they are left out by intention and are not dead letters.
func (f Flow[T]) Filter(keep func(T) bool) Flow[T] {
	return Flow[T]{func(m *Message, t *tally, next func(T) bool) bool {
		return f.run(m, t, func(v T) bool {
			if !keep(v) {
				t.filtered++
				return true
			}
			return next(v)
		})
	}}
}

// Map changes each value. To change its type, use the function [Map].
func (f Flow[T]) Map(change func(T) T) Flow[T] {
	return Flow[T]{func(m *Message, t *tally, next func(T) bool) bool {
		return f.run(m, t, func(v T) bool { return next(change(v)) })
	}}
}

// FlatMap turns each value into any number of them. To change the type, use
// the function [FlatMap].
func (f Flow[T]) FlatMap(split func(T) iter.Seq2[T, error]) Flow[T] {
	return FlatMap(f, func(_ *Message, v T) iter.Seq2[T, error] { return split(v) })
}

// Map turns each A into a B. An error refuses that value.
func Map[A, B any](f Flow[A], change func(*Message, A) (B, error)) Flow[B] {
	return Flow[B]{func(m *Message, t *tally, next func(B) bool) bool {
		return f.run(m, t, func(a A) bool {
			b, err := change(m, a)
			if err != nil {
				return t.refuse(m, err)
			}
			return next(b)
		})
	}}
}

// FlatMap turns each A into any number of B. An error refuses one of them.
func FlatMap[A, B any](f Flow[A], split func(*Message, A) iter.Seq2[B, error]) Flow[B] {
	return Flow[B]{func(m *Message, t *tally, next func(B) bool) bool {
		return f.run(m, t, func(a A) bool { return each(m, t, split(m, a), next) })
	}}
}

// Choose runs each message through the flow that pick chooses for it. A message
// for which it chooses none is counted as filtered.
func Choose[T any](pick func(*Message) (Flow[T], bool)) Flow[T] {
	return Flow[T]{func(m *Message, t *tally, next func(T) bool) bool {
		f, ok := pick(m)
		if !ok {
			t.filtered++
			return true
		}
		return f.run(m, t, next)
	}}
}

func each[T any](m *Message, t *tally, seq iter.Seq2[T, error], next func(T) bool) bool {
	for v, err := range seq {
		if err != nil {
			if !t.refuse(m, err) {
				return false
			}
			continue
		}
		if !next(v) {
			return false
		}
	}
	return true
}

// Try runs one message through the flow and stores nothing: give gets each value, or the
// error for which a part is refused. It says how many values were filtered. It is how
// drivers are tested.
func (f Flow[T]) Try(m *Message, give func(v T, err error)) (filtered int) {
	t := &tally{refuse: func(_ *Message, err error) bool {
		var none T
		give(none, err)
		return true
	}}
	f.run(m, t, func(v T) bool { give(v, nil); return true })
	return t.filtered
}
