package meter

import "github.com/wattwerk/wattwerk/meter/obis"

// Signs compares the sign of a meter's power with its counters, from telegram to
// telegram, and marks what contradicts them. It keeps the state of one meter;
// the zero Signs has seen nothing.
//
// A counter may step for energy from before the power changed its sign. So a
// contradiction is only what lasts: while the power kept one sign in at least
// three telegrams, the counter of the other direction has gone on by two steps
// and its own by none.
type Signs struct {
	sign    int
	seen    int // telegrams with this sign
	in, out Int
	scaler  int8
	both    bool // there is a counter of each direction
}

// Check looks at the next telegram of the meter and marks its power.
func (s *Signs) Check(t *Telegram) {
	power, in, out := t.Find(obis.Power), t.Find(obis.Import), t.Find(obis.Export)
	if power == nil || in == nil || power.Kind != Number || in.Kind != Number || power.Raw.Sign() == 0 || out != nil && (out.Kind != Number || out.Scaler != in.Scaler && out.Raw.Sign() != 0) {
		*s = Signs{}
		return
	}
	now := Signs{sign: power.Raw.Sign(), seen: 1, in: in.Raw, scaler: in.Scaler, both: out != nil}
	if out != nil {
		now.out = out.Raw
	}
	if s.seen == 0 || s.sign != now.sign || s.scaler != now.scaler || s.both != now.both {
		*s = now
		return
	}
	s.seen++
	drawn, ok1 := now.in.Sub(s.in)
	fed, ok2 := now.out.Sub(s.out)
	if now.sign < 0 {
		drawn, fed = fed, drawn
	}
	// From here on "drawn" is the counter that should go on.
	switch {
	case !ok1 || !ok2 || drawn.Sign() != 0 || fed.Sign() < 0:
		*s = now // as it should be, or the counters were set
	case s.seen >= 3 && fed.Abs() >= 2:
		power.Flags |= SignSuspect
	}
}
