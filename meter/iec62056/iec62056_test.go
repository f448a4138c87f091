package iec62056

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/obis"
)

// modeD is what a meter pushes; modeC what one answers, between STX and the check
// character.
const (
	modeD = "/HAG5eHZ010C_EHZ1vA02\r\n\r\n1-0:0.0.0*255(1095100000070013)\r\n1-0:1.8.0*255(000001.2345*kWh)\r\n1-0:2.8.0*255(000000.0000*kWh)\r\n1-0:21.7.0*255(000000.12*W)\r\n1-0:16.7.0*255(-00123.4*W)\r\n1-0:96.5.5*255(82)\r\n0-0:96.1.255*255(0000070013)\r\n!\r\n"
	data  = "F.F(00)\r\n0.0.0(12345678)\r\nC.1.0(99)\r\n1.8.0(001234.567*kWh)\r\n1.8.0*01(001200.000*kWh)\r\n2.8.0(7.5*MWh)32.7(231*V)\r\n1.6.1(0.12*kW)(2610010915)\r\n!\r\n"
)

// answer is modeC with its check character.
func answer() []byte {
	block := data + "\x03"
	return append([]byte("/LGZ5ZMD120AR.CH02\r\n\x02"+block), Check([]byte(block)))
}

func decode(in []byte, size int) (lines []string, stats meter.Stats) {
	d := NewDecoder()
	take := func(t *meter.Telegram) {
		lines = append(lines, string(t.Meter))
		for _, r := range t.Readings {
			value := string(r.Octets)
			if r.Kind == meter.Number {
				value = fmt.Sprintf("%se%d %s", r.Raw, r.Scaler, r.Unit.Symbol())
			}
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s = %s %s", r.Code, value, r.Flags)))
		}
	}
	for len(in) > 0 {
		n := min(size, len(in))
		d.Feed(in[:n], take)
		in = in[n:]
	}
	d.Flush(take)
	return lines, d.Stats()
}

func TestMessages(t *testing.T) {
	for name, c := range map[string]struct {
		in   []byte
		want []string
	}{
		"mode D": {[]byte(modeD), []string{
			"1095100000070013", "1-0:0.0.0*255 = 1095100000070013 unchecked", "1-0:1.8.0*255 = 12345e-1 Wh unchecked", "1-0:2.8.0*255 = 0e-1 Wh unchecked",
			"1-0:21.7.0*255 = 12e-2 W unchecked", "1-0:16.7.0*255 = -1234e-1 W unchecked", "1-0:96.5.5*255 = 82 unchecked", "0-0:96.1.255*255 = 0000070013 unchecked",
		}},
		"mode C": {answer(), []string{
			"12345678", "1-0:97.97.255*255 = 00", "1-0:0.0.0*255 = 12345678", "1-0:96.1.0*255 = 99", "1-0:1.8.0*255 = 1234567e0 Wh", "1-0:1.8.0*1 = 1200000e0 Wh",
			"1-0:2.8.0*255 = 75e5 Wh", "1-0:32.7.255*255 = 231e0 V",
		}},
	} {
		for _, size := range []int{1, 7, 62, len(c.in)} {
			got, stats := decode(c.in, size)
			if d := cmp.Diff(c.want, got); d != "" || stats.Telegrams != 1 || stats.Broken != 0 {
				t.Errorf("%s in pieces of %d: %+v, %s", name, size, stats, d)
			}
		}
	}
}

// TestParity is for a port that was opened without parity: the eighth bit comes
// with the character.
func TestParity(t *testing.T) {
	in := []byte(modeD)
	for i, b := range in {
		for p := b; p != 0; p &= p - 1 {
			in[i] ^= 0x80
		}
	}
	if got, _ := decode(in, 10); len(got) != 8 {
		t.Errorf("got %q", got)
	}
}

func TestCheckCharacter(t *testing.T) {
	whole := answer()
	once, _ := decode(whole, len(whole))
	for i := range whole {
		broken := bytes.Clone(whole)
		broken[i] ^= 0x04
		got, _ := decode(append(broken, whole...), 50)
		for len(got) > len(once) { // what is before the data is not checked
			got = got[len(got)-len(once):]
		}
		if !cmp.Equal(got, once) {
			t.Errorf("byte %d: got %q", i, got)
		}
	}
	broken := bytes.Replace(whole, []byte("1234.567"), []byte("1234.568"), 1)
	if got, stats := decode(broken, 50); len(got) != 0 || stats.Broken != 1 {
		t.Errorf("got %q, %+v", got, stats)
	}
}

func TestNumber(t *testing.T) {
	for text, want := range map[string]string{
		"001.50*kW": "150e1 W", "-3*A": "-3e0 A", "00000": "0e0 ", "12.5": "125e-1 ", "7.123456*MWh": "7123456e0 Wh", "18446744073709551610": "", "18446744073709551599": "18446744073709551599e0 ", "1844674407370955159": "1844674407370955159e0 ",
		"": "", ".": "", "-": "", "1.2.3": "", "1e5": "", "5*furlong": "", "*kW": "", "+1": "", ".5": "5e-1 ",
	} {
		raw, scaler, unit, ok := Number([]byte(text))
		got := ""
		if ok {
			got = fmt.Sprintf("%se%d %s", raw, scaler, unit.Symbol())
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	in := append([]byte("/x\r\n"), bytes.Repeat([]byte("0"), 2*MaxMessage)...)
	in = append(append(in, '\n'), modeD...)
	if got, stats := decode(in, 100); len(got) != 8 || stats.Broken != 1 {
		t.Errorf("got %q, %+v", got, stats)
	}
}

func FuzzDecoder(f *testing.F) {
	f.Add([]byte(modeD), uint8(7))
	f.Add(answer(), uint8(62))
	f.Add([]byte("/\n!\n/\r\n\x02\x03\x03"), uint8(1))
	f.Fuzz(func(t *testing.T, in []byte, size uint8) {
		whole, stats := decode(in, max(len(in), 1))
		pieces, again := decode(in, int(size)+1)
		if stats != again || !cmp.Equal(whole, pieces) {
			t.Errorf("in pieces it says something else: %+v and %+v", stats, again)
		}
	})
}

func FuzzNumber(f *testing.F) {
	f.Add([]byte("001.50*kW"))
	f.Add([]byte("-18446744073709551599"))
	f.Fuzz(func(t *testing.T, text []byte) {
		raw, scaler, unit, ok := Number(text)
		if !ok && (scaler != 0 || unit != obis.NoUnit) {
			t.Errorf("%q is no number, and %v, %d, %v", text, raw, scaler, unit)
		}
	})
}
