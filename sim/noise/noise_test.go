package noise

import (
	"bytes"
	"math"
	"testing"
)

func TestPass(t *testing.T) {
	const size = 1_000_000
	for name, c := range map[string]struct {
		o             Options
		lost, flipped float64 // shares
	}{
		"nothing": {Options{}, 0, 0},
		"loss":    {Options{Loss: 0.01}, 0.01, 0},
		"flips":   {Options{Flip: 0.01}, 0, 0.01},
		"bursts":  {Options{Burst: 0.0001}, 0.011, 0},
	} {
		whole := New(c.o).Pass(make([]byte, size))
		flipped := size - bytes.Count(whole, []byte{0}) - (size - len(whole))
		if lost := float64(size-len(whole)) / size; math.Abs(lost-c.lost) > c.lost/5 {
			t.Errorf("%s: %v are lost", name, lost)
		}
		if got := float64(flipped) / size; math.Abs(got-c.flipped) > c.flipped/5 {
			t.Errorf("%s: %v are flipped", name, got)
		}
		n := New(c.o)
		var pieces []byte
		for range size / 10 {
			pieces = append(pieces, n.Pass(make([]byte, 10))...)
		}
		if !bytes.Equal(whole, pieces) {
			t.Errorf("%s: in pieces it is spoiled in another way", name)
		}
	}
	for _, o := range []Options{{Loss: -1}, {Flip: 2}, {Burst: math.NaN()}} {
		if o.Validate() == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}
