package kind

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/internal/smltest"
	"github.com/wattwerk/wattwerk/meter"
)

// samples are a telegram of each kind.
func samples(t *testing.T) map[string]string {
	t.Helper()
	m, ok := smltest.Find("MT175")
	if !ok {
		t.Fatal("there is no such model")
	}
	return map[string]string{
		"sml":      string(m.Telegram(smltest.State{Import: 5}, false)),
		"dsmr":     "/KMP5 KA6U001234567890\r\n\r\n0-0:96.1.1(204B413655303031323334353637383930)\r\n1-0:1.8.1(00015.694*kWh)\r\n!\r\n",
		"iec62056": "/HAG5eHZ010C_EHZ1vA02\r\n\r\n1-0:0.0.0*255(1095100000070013)\r\n1-0:1.8.0*255(000001.2345*kWh)\r\n!\r\n",
	}
}

// TestAuto: what each kind says is told by its own decoder, whatever the pieces.
func TestAuto(t *testing.T) {
	for name, data := range samples(t) {
		decode := func(kind string, size int) (out []string, stats meter.Stats) {
			d, err := NewDecoder(kind)
			if err != nil {
				t.Fatal(err)
			}
			take := func(m *meter.Telegram) {
				for _, r := range m.Readings {
					out = append(out, string(m.Meter)+" "+r.Code.String()+" "+r.Raw.String())
				}
			}
			for rest := data + data; rest != ""; {
				n := min(size, len(rest))
				d.Feed([]byte(rest[:n]), take)
				rest = rest[n:]
			}
			d.Flush(take)
			return out, d.Stats()
		}
		want, stats := decode(name, 10_000)
		if stats.Telegrams != 2 {
			t.Errorf("%s: %+v", name, stats)
		}
		for _, size := range []int{1, 7, 10_000} {
			got, s := decode(Auto, size)
			if d := cmp.Diff(want, got); d != "" || s != stats {
				t.Errorf("%s in pieces of %d: %+v, %s", name, size, s, d)
			}
		}
	}
}

func TestNames(t *testing.T) {
	for _, name := range Names() {
		if _, ok := samples(t)[name]; !ok {
			t.Errorf("there is no sample of %s", name)
		}
	}
	if _, err := NewDecoder("morse"); err == nil || !strings.Contains(err.Error(), "sml, dsmr, iec62056") {
		t.Errorf("got %v", err)
	}
}
