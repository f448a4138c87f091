package meters

import (
	"fmt"
	"io"

	"github.com/wattwerk/wattwerk/meter/modbus"
)

// refresh writes what is the case now into the registers: models 1 and 203.
func (m *Meter) refresh() {
	s := m.State()
	head := []uint16{'S'<<8 | 'u', 'n'<<8 | 'S'}
	who := make([]uint16, 66)
	for at, text := range map[int]string{0: "Wattwerk", 16: "Simulated 203", 48: fmt.Sprintf("SIM%08d", m.o.Serial)} {
		for i := range len(text) {
			who[at+i/2] |= uint16(text[i]) << (8 * (1 - i%2))
		}
	}
	values := make([]uint16, 105)
	for i := range values {
		values[i] = 0x8000 // not there
	}
	clear(values[36:52]) // phases have no counters
	clear(values[53:69])
	clear(values[70:102])
	// W is a signed number of 16 bits: watts up to 32 kW, tens of them beyond.
	watts, factor := s.Power/1000, int16(0)
	for ; watts > 0x7fff || watts < -0x7fff; factor++ {
		watts /= 10
	}
	values[16], values[20] = uint16(int16(watts)), uint16(factor)
	values[6], values[13] = 2310, 0xffff // 231.0 V
	values[14], values[15] = 5000, 0xfffe
	put := func(at int, energy uint64) {
		v := uint32(energy / wattHour)
		values[at], values[at+1] = uint16(v>>16), uint16(v)
	}
	put(36, s.Export)
	put(44, s.Import)
	values[52] = 0
	all := append(head, 1, uint16(len(who)))
	all = append(append(all, who...), 203, uint16(len(values)))
	m.bank.SetHolding(40000, append(append(all, values...), 0xffff, 0)...)
}

// asking renews the registers before each request.
type asking struct {
	io.ReadWriter
	m *Meter
}

func (a asking) Read(p []byte) (int, error) {
	n, err := a.ReadWriter.Read(p)
	a.m.refresh()
	return n, err
}

// serveSunSpec answers Modbus as unit 1.
func (m *Meter) serveSunSpec(line io.ReadWriter, framing modbus.Framing) error {
	m.refresh()
	return modbus.Serve(asking{line, m}, framing, map[uint8]*modbus.Bank{1: &m.bank})
}
