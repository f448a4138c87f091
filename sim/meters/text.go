package meters

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/sim/load"
)

// Energies in milliwatt seconds.
const (
	tenth    = 360_000 // a tenth of a watt hour, as SML meters count
	wattHour = 10 * tenth
)

// dsmr gives a telegram of version 5 of the P1 companion standard, with its CRC.
func (m *Meter) dsmr(now time.Time, s load.State) []byte {
	var b bytes.Buffer
	put := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	in, out := max(s.Power, 0)/1000, max(-s.Power, 0)/1000
	put("/SIM5\\2P1-%04d\r\n", m.o.Serial%10000)
	put("1-3:0.2.8(50)")
	put("0-0:1.0.0(%sW)", now.UTC().Add(time.Hour).Format("060102150405"))
	put("0-0:96.1.1(%X)", fmt.Sprintf("E%016d", m.o.Serial))
	put("1-0:1.8.1(%s*kWh)", thousandths(s.Import/wattHour, 6))
	put("1-0:1.8.2(%s*kWh)", thousandths(0, 6))
	put("1-0:2.8.1(%s*kWh)", thousandths(s.Export/wattHour, 6))
	put("1-0:2.8.2(%s*kWh)", thousandths(0, 6))
	put("0-0:96.14.0(0001)")
	put("1-0:1.7.0(%s*kW)", thousandths(uint64(in), 2))
	put("1-0:2.7.0(%s*kW)", thousandths(uint64(out), 2))
	put("0-0:96.7.21(00001)")
	put("1-0:32.7.0(231.0*V)")
	b.WriteByte('!')
	fmt.Fprintf(&b, "%04X\r\n", arc(b.Bytes()))
	return b.Bytes()
}

// thousandths writes a number with three decimals.
func thousandths(v uint64, digits int) string {
	return fmt.Sprintf("%0*d.%03d", digits, v/1000, v%1000)
}

// arc is CRC-16/ARC, bit by bit: it shares nothing with what reads it.
func arc(p []byte) uint16 {
	var c uint16
	for _, b := range p {
		for i := range 8 {
			bit := c&1 ^ uint16(b>>i&1)
			if c >>= 1; bit != 0 {
				c ^= 0xa001
			}
		}
	}
	return c
}

// sets gives the data sets of IEC 62056-21.
func (m *Meter) sets(s load.State) string {
	var b strings.Builder
	put := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	put("0-0:96.1.255*255(%010d)", m.o.Serial)
	put("1-0:1.8.0*255(%s*kWh)", thousandths(s.Import/wattHour, 6))
	put("1-0:2.8.0*255(%s*kWh)", thousandths(s.Export/wattHour, 6))
	sign := ""
	if s.Power < 0 {
		sign = "-"
	}
	put("1-0:16.7.0*255(%s%06d.%02d*W)", sign, abs(s.Power)/1000, abs(s.Power)/10%100)
	return b.String()
}

func abs(v int64) int64 { return max(v, -v) }

// pushed gives what a meter of mode D sends.
func (m *Meter) pushed(s load.State) []byte {
	return []byte("/SIM5Household\r\n\r\n" + m.sets(s) + "!\r\n")
}

// identification is how a meter of mode C answers; it can 9600 baud.
const identification = "/SIM5Household\r\n"

// readout gives the data that a meter of mode C was asked for, with its check character.
func (m *Meter) readout() []byte {
	m.mu.Lock()
	text := m.sets(m.counter.At(m.o.Now())) + "!\r\n\x03"
	m.mu.Unlock()
	check := byte(0)
	for i := range len(text) {
		check ^= text[i]
	}
	return append([]byte("\x02"+text), check)
}
