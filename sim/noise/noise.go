package noise

import (
	"fmt"
	"math/rand/v2"
)

// Options say how much is spoiled: probabilities for each byte, 0 to 1.
type Options struct {
	Loss  float64 // it is lost
	Flip  float64 // one of its bits is flipped
	Burst float64 // it and those after it are lost, 20 to 200
	Seed  uint64
}

// Validate says what cannot be.
func (o Options) Validate() error {
	for _, p := range []float64{o.Loss, o.Flip, o.Burst} {
		if !(p >= 0 && p <= 1) {
			return fmt.Errorf("%v is no probability: they are from 0 to 1", p)
		}
	}
	return nil
}

// Noise spoils one line.
type Noise struct {
	o    Options
	rand *rand.Rand
	gone int // bytes of a burst that are still to come
}

// New gives a noise.
func New(o Options) *Noise { return &Noise{o: o, rand: rand.New(rand.NewPCG(o.Seed, 0x6e6f697365))} }

// Pass gives what is left of p, in its memory.
func (n *Noise) Pass(p []byte) []byte {
	if n.o.Loss == 0 && n.o.Flip == 0 && n.o.Burst == 0 {
		return p
	}
	out := p[:0]
	for _, b := range p {
		if n.gone > 0 {
			n.gone--
			continue
		}
		switch x := n.rand.Float64(); {
		case x < n.o.Burst:
			n.gone = 19 + n.rand.IntN(181)
			continue
		case x < n.o.Burst+n.o.Loss:
			continue
		case x < n.o.Burst+n.o.Loss+n.o.Flip:
			b ^= 1 << n.rand.IntN(8)
		}
		out = append(out, b)
	}
	return out
}
