package kind

import (
	"fmt"
	"strings"

	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/dsmr"
	"github.com/wattwerk/wattwerk/meter/iec62056"
	"github.com/wattwerk/wattwerk/meter/sml"
)

// kinds are the protocols, in the order in which they are tried: what could be
// read by two of them is of the earlier.
var kinds = []struct {
	name string
	make func() meter.Decoder
}{
	{"sml", func() meter.Decoder { return sml.NewDecoder() }},
	{"dsmr", func() meter.Decoder { return dsmr.NewDecoder() }},
	{"iec62056", func() meter.Decoder { return iec62056.NewDecoder() }},
}

// Auto is the name of the decoder that finds out.
const Auto = "auto"

// Names lists the protocols.
func Names() []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return names
}

// NewDecoder makes the decoder of the name, or [Auto].
func NewDecoder(name string) (meter.Decoder, error) {
	if name == Auto {
		a := &auto{}
		for _, k := range kinds {
			a.all = append(a.all, k.make())
		}
		return a, nil
	}
	for _, k := range kinds {
		if k.name == name {
			return k.make(), nil
		}
	}
	return nil, fmt.Errorf("no meters of the kind %.40q are known, but %s", name, strings.Join(Names(), ", "))
}

// auto feeds all decoders until one finds a telegram, and it alone from there on.
type auto struct {
	all  []meter.Decoder
	sure bool // the first of all is it
}

func (a *auto) Feed(p []byte, take func(*meter.Telegram)) {
	a.each(take, func(d meter.Decoder, take func(*meter.Telegram)) { d.Feed(p, take) })
}

func (a *auto) Flush(take func(*meter.Telegram)) {
	a.each(take, func(d meter.Decoder, take func(*meter.Telegram)) { d.Flush(take) })
}

func (a *auto) each(take func(*meter.Telegram), do func(meter.Decoder, func(*meter.Telegram))) {
	if a.sure {
		do(a.all[0], take)
		return
	}
	for _, d := range a.all {
		do(d, func(t *meter.Telegram) {
			a.sure = true
			take(t)
		})
		if a.sure {
			a.all = []meter.Decoder{d}
			return
		}
	}
}

// Stats are those of the decoder that it is, or of the one that met the most.
func (a *auto) Stats() meter.Stats {
	best := a.all[0].Stats()
	for _, d := range a.all[1:] {
		if s := d.Stats(); s.Frames+s.Broken > best.Frames+best.Broken {
			best = s
		}
	}
	return best
}
