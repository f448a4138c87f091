package sunspec

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/modbus"
)

const minusOne = 0xffff // as a scale factor

// commonModel is a model 1.
func commonModel() []uint16 {
	r := make([]uint16, 66)
	for at, text := range map[int]string{0: "Maker", 16: "Model 5000", 48: "SN123"} {
		for i := range text {
			r[at+i/2] |= uint16(text[i]) << (8 * (1 - i%2))
		}
	}
	return r
}

// meterModel is a model 203 that draws 12345.6 W and has fed in nothing.
func meterModel() []uint16 {
	r := make([]uint16, 105)
	for i := range r {
		r[i] = 0x8000
	}
	r[16], r[17], r[20] = 12346, 0xff38, 0 // W, WphA = -200
	r[6], r[13] = 2301, minusOne
	r[14], r[15] = 5001, 0xfffe
	clear(r[36:52]) // phases have no counters
	r[44], r[45], r[52] = 1, 2, 1
	clear(r[53:69])
	r[61], r[62], r[69] = 2, 1, 1 // VAh
	clear(r[70:102])
	r[70], r[71], r[101], r[102] = 0, 7, 9, 2 // varh
	return r
}

// inverterModel is a model 103.
func inverterModel() []uint16 {
	r := make([]uint16, 50)
	for i := range r {
		r[i] = 0xffff
	}
	r[0], r[4] = 217, minusOne
	r[12], r[13] = 4990, 0
	r[16], r[18] = 0x8000, 0x8000
	r[22], r[23], r[24] = 0x0012, 0xd687, 0
	r[29], r[30] = 0x8000, 0x8000
	r[31], r[35] = 385, minusOne
	r[36] = 4
	return r
}

func show(t *meter.Telegram) (lines []string) {
	for _, r := range t.Readings {
		lines = append(lines, fmt.Sprintf("%s %s %se%d %s", r.Point, r.Code, r.Raw, r.Scaler, r.Unit.Symbol()))
	}
	return lines
}

var want = []string{
	"103.A  217e-1 A", "103.W  4990e0 W", "103.WH  1234567e0 Wh", "103.TmpCab  385e-1 °C", "103.St  4e0 ",
	"203.PhVphA 1-0:32.7.0*255 2301e-1 V", "203.Hz 1-0:14.7.0*255 5001e-2 Hz", "203.W 1-0:16.7.0*255 12346e0 W", "203.WphA 1-0:36.7.0*255 -200e0 W",
	"203.TotWhExp 1-0:2.8.0*255 0e1 Wh", "203.TotWhImp 1-0:1.8.0*255 65538e1 Wh",
	"203.TotVAhImp 1-0:9.8.0*255 131073e1 VAh", "203.TotVArhImpQ1 1-0:5.8.0*255 7e2 varh", "203.TotVArhExpQ4PhC 1-0:68.8.0*255 9e2 varh",
}

// TestReader finds the models at each place where they may be.
func TestReader(t *testing.T) {
	for _, base := range bases {
		bank := &modbus.Bank{}
		at := base
		put := func(registers ...uint16) {
			bank.SetHolding(at, registers...)
			at += uint16(len(registers))
		}
		put('S'<<8|'u', 'n'<<8|'S')
		for _, m := range []struct {
			id        uint16
			registers []uint16
		}{{1, commonModel()}, {103, inverterModel()}, {64999, make([]uint16, 3)}, {203, meterModel()}} {
			put(m.id, uint16(len(m.registers)))
			put(m.registers...)
		}
		put(lastOne, 0)
		r := serve(t, bank)
		for range 2 {
			asked := 0
			err := r.Read(t.Context(), func(m *meter.Telegram) {
				asked++
				if string(m.Meter) != "Maker Model 5000 SN123" {
					t.Errorf("the device is %q", m.Meter)
				}
				if d := cmp.Diff(want, show(m)); d != "" {
					t.Errorf("from %d: %s", base, d)
				}
			})
			if err != nil || asked != 1 {
				t.Errorf("from %d: %v", base, err)
			}
		}
	}
}

// serve gives a reader of a device with the registers.
func serve(t *testing.T, bank *modbus.Bank) *Reader {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- modbus.Listen(ctx, l, modbus.TCP, map[uint8]*modbus.Bank{1: bank}) }()
	r := NewReader(modbus.NewClient(modbus.Options{Framing: modbus.TCP, Timeout: time.Minute, Dial: func(ctx context.Context) (modbus.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", l.Addr().String())
	}}), 1)
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestWhatIsNoDevice(t *testing.T) {
	mark := []uint16{'S'<<8 | 'u', 'n'<<8 | 'S'}
	endless := append([]uint16{}, mark...)
	for range 200 {
		endless = append(endless, 1000, 0)
	}
	for name, c := range map[string]struct {
		registers []uint16
		says      string
	}{
		"nothing":          {nil, "no mark of SunSpec"},
		"another mark":     {[]uint16{1, 2}, "no mark of SunSpec"},
		"no known model":   {append(append([]uint16{}, mark...), 1, 2, 0, 0, lastOne, 0), "none of the models"},
		"no end":           {endless, "there is no end after 64 models"},
		"too long a model": {append(append([]uint16{}, mark...), 101, 0xfff0), "beyond the last"},
		"cut off":          {append(append([]uint16{}, mark...), 101, 50, 0, 0), "no such register"},
	} {
		bank := &modbus.Bank{}
		bank.SetHolding(40000, c.registers...)
		err := serve(t, bank).Read(t.Context(), func(*meter.Telegram) { t.Errorf("%s: there is a telegram", name) })
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", name, err, c.says)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for model, registers := range map[uint16][]uint16{1: commonModel(), 103: inverterModel(), 203: meterModel()} {
		var data []byte
		for _, r := range registers {
			data = binary.BigEndian.AppendUint16(data, r)
		}
		f.Add(model, data)
	}
	f.Fuzz(func(t *testing.T, model uint16, data []byte) {
		registers := make([]uint16, len(data)/2)
		for i := range registers {
			registers[i] = binary.BigEndian.Uint16(data[2*i:])
		}
		var m meter.Telegram
		Decode(model, registers, &m)
		for _, r := range m.Readings {
			if r.Scaler < -10 || r.Scaler > 10 {
				t.Errorf("%s has scaler %d", r.Point, r.Scaler)
			}
		}
	})
}
