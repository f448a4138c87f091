package dsmr

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/meter"
)

// The example of the P1 companion standard 4.0 and a telegram of a meter of version 5.0, both
// published with their CRC.
const (
	version4 = `/ISk5\2MT382-1000

1-3:0.2.8(40)
0-0:1.0.0(101209113020W)
0-0:96.1.1(4B384547303034303436333935353037)
1-0:1.8.1(123456.789*kWh)
1-0:1.8.2(123456.789*kWh)
1-0:2.8.1(123456.789*kWh)
1-0:2.8.2(123456.789*kWh)
0-0:96.14.0(0002)
1-0:1.7.0(01.193*kW)
1-0:2.7.0(00.000*kW)
0-0:17.0.0(016.1*kW)
0-0:96.3.10(1)
0-0:96.7.21(00004)
0-0:96.7.9(00002)
1-0:99:97.0(2)(0:96.7.19)(101208152415W)(0000000240*s)(101208151004W)(00000000301*s)
1-0:32.32.0(00002)
1-0:52.32.0(00001)
1-0:72:32.0(00000)
1-0:32.36.0(00000)
1-0:52.36.0(00003)
1-0:72.36.0(00000)
0-0:96.13.1(3031203631203831)
0-0:96.13.0(303132333435363738393A3B3C3D3E3F303132333435363738393A3B3C3D3E3F303132333435363738393A3B3C3D3E3F303132333435363738393A3B3C3D3E3F303132333435363738393A3B3C3D3E3F)
0-1:24.1.0(03)
0-1:96.1.0(3232323241424344313233343536373839)
0-1:24.2.1(101209110000W)(12785.123*m3)
0-1:24.4.0(1)
!F46A
`
	version5 = `/ISK5\2M550T-1011

1-3:0.2.8(50)
0-0:1.0.0(170531201444S)
0-0:96.1.1(4530303334303036383234393130313137)
1-0:1.8.1(000000.626*kWh)
1-0:1.8.2(000002.564*kWh)
1-0:2.8.1(000000.000*kWh)
1-0:2.8.2(000000.000*kWh)
0-0:96.14.0(0002)
1-0:1.7.0(00.532*kW)
1-0:2.7.0(00.000*kW)
0-0:96.7.21(00004)
0-0:96.7.9(00002)
1-0:99.97.0()
1-0:32.32.0(00000)
1-0:52.32.0(00000)
1-0:72.32.0(00000)
1-0:32.36.0(00001)
1-0:52.36.0(00001)
1-0:72.36.0(00001)
0-0:96.13.0()
1-0:32.7.0(236.8*V)
1-0:52.7.0(236.1*V)
1-0:72.7.0(238.4*V)
1-0:31.7.0(000*A)
1-0:51.7.0(001*A)
1-0:71.7.0(001*A)
1-0:21.7.0(00.056*kW)
1-0:41.7.0(00.270*kW)
1-0:61.7.0(00.206*kW)
1-0:22.7.0(00.000*kW)
1-0:42.7.0(00.000*kW)
1-0:62.7.0(00.000*kW)
0-1:24.1.0(003)
0-1:96.1.0(4730303332353635353039393034313137)
0-1:24.2.1(170531201008S)(00000.038*m3)
!3F8B
`
	// version2 is in the form of before CRCs came, with gas in two lines.
	version2 = `/KMP5 KA6U001234567890

0-0:96.1.1(204B413655303031323334353637383930)
1-0:1.8.1(00015.694*kWh)
1-0:1.7.0(0000.30*kW)
0-1:24.3.0(120517020000)(08)(60)(1)(0-1:24.2.1)(m3)
(00023.250)
!
`
)

// wire gives the text with the ends of lines that meters send.
func wire(text string) []byte { return []byte(strings.ReplaceAll(text, "\n", "\r\n")) }

func decode(data []byte, size int) (lines []string, stats meter.Stats) {
	d := NewDecoder()
	take := func(t *meter.Telegram) {
		lines = append(lines, fmt.Sprintf("%s at %v", t.Meter, t.Time.Seconds))
		for _, r := range t.Readings {
			value := string(r.Octets)
			if r.Kind == meter.Number {
				value = fmt.Sprintf("%se%d %s", r.Raw, r.Scaler, r.Unit.Symbol())
			}
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s = %s %s", r.Code, value, r.Flags)))
			if r.Time != t.Time {
				lines[len(lines)-1] += fmt.Sprintf(" at %d", r.Time.Seconds)
			}
		}
	}
	for len(data) > 0 {
		n := min(size, len(data))
		d.Feed(data[:n], take)
		data = data[n:]
	}
	d.Flush(take)
	return lines, d.Stats()
}

func TestTelegrams(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string // some of the lines
		most int      // readings
	}{
		"4.0": {version4, []string{
			"4B384547303034303436333935353037 at 1291890620",
			"1-0:1.8.1*255 = 123456789e0 Wh", "1-0:1.7.0*255 = 1193e0 W", "0-0:17.0.0*255 = 161e2 W", "0-0:96.14.0*255 = 0002", "0-0:96.7.21*255 = 4e0",
			"0-1:24.2.1*255 = 12785123e-3 m³ at 1291888800", "0-0:96.1.1*255 = 4B384547303034303436333935353037",
		}, 24},
		"5.0": {version5, []string{
			"4530303334303036383234393130313137 at 1496254484",
			"1-0:1.8.2*255 = 2564e0 Wh", "1-0:32.7.0*255 = 2368e-1 V", "1-0:51.7.0*255 = 1e0 A", "1-0:61.7.0*255 = 206e0 W",
			"0-1:24.2.1*255 = 38e-3 m³ at 1496254208",
		}, 32},
		"2.2": {version2, []string{"1-0:1.7.0*255 = 30e1 W unchecked", "0-1:24.2.1*255 = 23250e-3 m³ unchecked"}, 4},
	} {
		lines, stats := decode(wire(c.text), 1000)
		if stats.Telegrams != 1 || stats.Frames != 1 || stats.Broken != 0 || len(lines) != c.most+1 {
			t.Errorf("%s: %+v, %d readings", name, stats, len(lines)-1)
		}
		all := strings.Join(lines, "\n") + "\n"
		for _, want := range c.want {
			if !strings.Contains(all, want+"\n") {
				t.Errorf("%s: there is no %q in\n%s", name, want, all)
			}
		}
	}
}

func TestPieces(t *testing.T) {
	data := append([]byte("rest of a telegram)\r\n!ABCD\r\n"), wire(version4+version5+version4)...)
	want, stats := decode(data, len(data))
	if stats.Telegrams != 3 {
		t.Errorf("%+v", stats)
	}
	for _, size := range []int{1, 7, 62} {
		if got, s := decode(data, size); s != stats || !cmp.Equal(got, want) {
			t.Errorf("pieces of %d: %+v, want %+v", size, s, stats)
		}
	}
}

// TestBroken: whatever byte is wrong or missing, what comes next is read, and nothing
// that is wrong.
func TestBroken(t *testing.T) {
	whole := wire(version5)
	once, _ := decode(whole, len(whole))
	for i := range len(whole) - 8 { // without its CRC a telegram is of an older version
		for _, broken := range [][]byte{
			append(append(bytes.Clone(whole[:i]), whole[i]^4), whole[i+1:]...),
			append(bytes.Clone(whole[:i]), whole[i+1:]...),
		} {
			got, _ := decode(append(broken, whole...), 100)
			if !cmp.Equal(got, once) {
				t.Errorf("byte %d: got %q", i, got)
			}
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	data := append([]byte("/x\r\n\r\n"), bytes.Repeat([]byte("0"), 2*MaxTelegram)...)
	data = append(append(data, '\n'), wire(version5)...)
	lines, stats := decode(data, 100)
	if stats.Telegrams != 1 || stats.Broken != 1 || len(lines) == 0 {
		t.Errorf("%+v", stats)
	}
}

func TestTime(t *testing.T) {
	for text, want := range map[string]int64{"101209113020W": 1291890620, "170531201444S": 1496254484, "170531201444": 0, "171331201444S": 0, "991231235959W": 0, "": 0, "17053120144xS": 0} {
		got, ok := Time([]byte(text))
		if got.Seconds != want || ok != (want != 0) {
			t.Errorf("%q: got %+v, %v, want %d", text, got, ok, want)
		}
	}
}

func FuzzDecoder(f *testing.F) {
	for _, text := range []string{version4, version5, version2, "/\n!\n", "/\r\n0-0:1.0.0()\r\n(1)\r\n!\r\n"} {
		f.Add(wire(text), uint8(7))
	}
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		whole, stats := decode(data, max(len(data), 1))
		pieces, again := decode(data, int(size)+1)
		if stats != again || !cmp.Equal(whole, pieces) {
			t.Errorf("in pieces it says something else: %+v and %+v", stats, again)
		}
	})
}
