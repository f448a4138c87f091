package sml

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/obis"
)

// The captures of real meters are not ours to give away. Who has them (the
// repository libsml-testing of devZer0) runs the table over them by
//
//	go test ./meter/sml -run Captures -captures DIR
var captures = flag.String("captures", "", "directory of captured telegrams (*.bin) to hold against the table")

// capture is what a file holds: telegrams in whole frames, and the first values
// of import, export and power, as code=raw"e"scaler unit.
type capture struct {
	name   string
	frames int
	first  string
}

var captured = []capture{
	{"DZG_DVS-7412.2_jmberg", 1, "1.8.0=54301577e-1Wh 2.8.0=262445726e-1Wh 16.7.0=35624e-2W"},
	{"DZG_DVS-7420.2V.G2_mtr0", 1, "1.8.0=6074471e-1Wh 2.8.0=12667286e-1Wh 16.7.0=21599e-2W"},
	{"DZG_DVS-7420.2V.G2_mtr1", 4, "1.8.0=23536569e-1Wh 2.8.0=0e-1Wh 16.7.0=622e-2W"},
	{"DZG_DVS-7420.2V.G2_mtr1_error", 0, ""},
	{"DZG_DVS-7420.2V.G2_mtr2", 3, "1.8.0=131304e-1Wh 2.8.0=14997085e-1Wh 16.7.0=677e-2W"},
	{"DZG_DVS-7420.2V.G2_mtr2_neg", 3, "1.8.0=132329e-1Wh 2.8.0=15003213e-1Wh 16.7.0=-10550e-2W"},
	{"DrNeuhaus_SMARTY_ix-130", 12, "2.8.0=43730e-1Wh 15.7.0=0e0W"},
	{"EMH-ED300L_consumption", 1, "1.8.0=172433683e-1Wh 15.7.0=1371e-1W"},
	{"EMH-ED300L_delivery", 2, "1.8.0=172436756e-1Wh 15.7.0=1266e-1W"},
	{"EMH_eHZ-GW8E2A500AK2", 16, "1.7.0=138e-1W"},
	{"EMH_eHZ-HW8E2A5L0EK2P", 12, "1.8.0=83916488e-1Wh 15.7.0=1635e-1W"},
	{"EMH_eHZ-HW8E2A5L0EK2P_1", 12, "1.8.0=151418090e-1Wh 15.7.0=12133e-1W"},
	{"EMH_eHZ-HW8E2A5L0EK2P_2", 1, "1.8.0=133124849e-1Wh 15.7.0=1394e-1W"},
	{"EMH_eHZ-HW8E2AWL0EK2P", 13, "1.8.0=53784990e-1Wh 15.7.0=1919e-1W"},
	{"EMH_eHZ-IW8E2A5L0EK2P_with_error", 11, "1.8.0=27956927e-1Wh 16.7.0=1367e-1W"},
	{"EMH_eHZ-IW8E2AWL0EK2P", 12, "1.8.0=55980647e-1Wh 16.7.0=0e-1W"},
	{"EMH_eHZ361L5R", 1, ""},
	{"EMH_eHZ361L5R_1", 1, ""},
	{"EMH_mME40-AE6AKF0K0", 12, "1.8.0=4288964e-1Wh 16.7.0=2623e0W"},
	{"EasyMeter_Q3A_A1064V1009", 4, "1.8.0=29416461614e-4Wh 2.8.0=1100731603e-4Wh 16.7.0=81026e-2W"},
	{"HOLLEY_DTZ541-BDBA_with_PIN", 2, "1.8.0=23559290e-1Wh 16.7.0=376e0W"},
	{"HOLLEY_DTZ541-BDBA_without_PIN", 1, "1.8.0=2324e3Wh"},
	{"HOLLEY_DTZ541-ZDBA", 7, "2.8.0=3149260e-1Wh 16.7.0=460e0W"},
	{"ISKRA_MT175_D1A52-V22-K0t", 8, "1.8.0=107323091e-1Wh 2.8.0=282753245e-1Wh 16.7.0=-4308e0W"},
	{"ISKRA_MT175_eHZ", 10, "1.8.0=224624136e-1Wh 16.7.0=168e0W"},
	{"ISKRA_MT631-D1A52-K0z-H01_with_PIN", 5, "1.8.0=20431047e-1Wh 2.8.0=0e-1Wh 16.7.0=193e0W"},
	{"ISKRA_MT631-D1A52-K0z-H01_without_PIN", 5, "1.8.0=2043e3Wh 2.8.0=0e3Wh"},
	{"ISKRA_MT631-D2A51-V22-K0z_with_PIN", 4, "1.8.0=168248565e-1Wh 16.7.0=0e0W"},
	{"ISKRA_MT631-D2A51-V22-K0z_without_PIN", 2, "1.8.0=16786e3Wh"},
	{"ISKRA_MT691_eHZ-MS2020", 18, "1.8.0=1989273e-1Wh 16.7.0=26e0W"},
	{"ITRON_OpenWay-3.HZ", 1, "1.8.0=81895949e-1Wh 16.7.0=613e0W"},
	{"ITRON_OpenWay-3.HZ_with_PIN", 5, "1.8.0=258927761e-1Wh 16.7.0=542e0W"},
	{"ITRON_OpenWay-3.HZ_without_PIN", 2, "1.8.0=25688e3Wh"},
	{"dzg_dwsb20_2th_2byte", 15, "1.8.0=1424390e-1Wh 2.8.0=20171978e-1Wh 16.7.0=-31064e-2W"},
	{"dzg_dwsb20_2th_3byte", 14, "1.8.0=1424298e-1Wh 2.8.0=20162049e-1Wh 16.7.0=-78851e-2W"},
	{"eBZ_DD3_DD32R06DTA-SMZ1", 4, "1.8.0=13024e3Wh 2.8.0=1e3Wh"},
	{"eBZ_DD3_DD3BZ06DTA-SMZ1_without_PIN", 2, "1.8.0=4469e3Wh"},
}

// said gives the first values of import, export and power.
func said(all []kept) string {
	var out []string
	for _, c := range []obis.Code{obis.Import, obis.Export, obis.ImportPower, obis.AbsolutePower, obis.Power} {
		for _, t := range all {
			if r := t.find(c); r != nil {
				out = append(out, fmt.Sprintf("%s=%se%d%s", c.Short(), r.Raw, r.Scaler, r.Unit.Symbol()))
				break
			}
		}
	}
	return strings.Join(out, " ")
}

// kept is a telegram that outlives the call it was handed out by.
type kept struct {
	meter    string
	lock     meter.Lock
	readings []meter.Reading
}

func keep(t *meter.Telegram) kept {
	k := kept{meter: hex.EncodeToString(t.Meter), lock: t.Lock}
	for _, r := range t.Readings {
		r.Octets = append([]byte(nil), r.Octets...)
		k.readings = append(k.readings, r)
	}
	return k
}

func (k kept) find(c obis.Code) *meter.Reading {
	for i := range k.readings {
		if k.readings[i].Code == c {
			return &k.readings[i]
		}
	}
	return nil
}

// decode feeds pieces of the size.
func decode(data []byte, size int) ([]kept, meter.Stats) {
	d := NewDecoder()
	var out []kept
	take := func(t *meter.Telegram) { out = append(out, keep(t)) }
	for len(data) > 0 {
		n := min(size, len(data))
		d.Feed(data[:n], take)
		data = data[n:]
	}
	d.Flush(take)
	return out, d.Stats()
}

func TestCaptures(t *testing.T) {
	if *captures == "" {
		return // TestModels has telegrams of the same structure
	}
	found := 0
	for _, c := range captured {
		data, err := os.ReadFile(filepath.Join(*captures, c.name+".bin"))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		found++
		all, stats := decode(data, 62)
		if got := said(all); got != c.first || int(stats.Frames) != c.frames {
			t.Errorf("%s: %d frames, want %d; got\n\t%s, want\n\t%s", c.name, stats.Frames, c.frames, got, c.first)
		}
		if strings.Contains(c.name, "without_PIN") != (len(all) > 0 && all[0].lock == meter.LockShut) && !strings.Contains(c.name, "DD32R") {
			t.Errorf("%s: lock %d", c.name, all[0].lock)
		}
		t.Logf("%s: %+v", c.name, stats)
	}
	t.Logf("%d of %d captures found", found, len(captured))
	if found == 0 {
		t.Errorf("%s has none of the captures", *captures)
	}
}
