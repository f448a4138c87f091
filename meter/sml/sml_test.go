package sml

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/wattwerk/wattwerk/internal/smltest"
	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/obis"
)

// same compares telegrams; none is as good as empty.
func same(a, b any) string {
	return cmp.Diff(a, b, cmp.AllowUnexported(kept{}, meter.Int{}), cmpopts.EquateEmpty())
}

func model(t testing.TB, name string) smltest.Model {
	t.Helper()
	m, ok := smltest.Find(name)
	if !ok {
		t.Fatalf("there is no model %s", name)
	}
	return m
}

// TestModels holds what each meter says, of the same state, to the last digit.
func TestModels(t *testing.T) {
	state := smltest.State{Import: 132329123, Export: 15003213, Power: -31064, Seconds: 1000, Number: 7}
	drawing := state
	drawing.Power = 35624
	for _, c := range []struct {
		model, drawing, feeding, locked string
	}{
		{"MT681", "1.8.0=132329123e-1Wh 2.8.0=15003213e-1Wh 16.7.0=356e0W", "1.8.0=132329123e-1Wh 2.8.0=15003213e-1Wh 16.7.0=-310e0W", "1.8.0=13232e3Wh 2.8.0=1500e3Wh"},
		{"MT175", "1.8.0=132329123e-1Wh 2.8.0=15003213e-1Wh 16.7.0=356e0W", "1.8.0=132329123e-1Wh 2.8.0=15003213e-1Wh 16.7.0=-310e0W", ""},
		{"EHZ", "1.8.0=132329123e-1Wh 15.7.0=3562e-1W/absolute", "1.8.0=132329123e-1Wh 15.7.0=3106e-1W/absolute,exporting", ""},
		{"DD3", "1.8.0=132329123000e-4Wh 2.8.0=15003213000e-4Wh 16.7.0=35624e-2W", "1.8.0=132329123000e-4Wh 2.8.0=15003213000e-4Wh 16.7.0=-31064e-2W", "1.8.0=13232e3Wh 2.8.0=1500e3Wh"},
		{"EASY", "1.8.0=132329123000e-4Wh 2.8.0=15003213000e-4Wh 16.7.0=35624e-2W", "1.8.0=132329123000e-4Wh 2.8.0=15003213000e-4Wh 16.7.0=-31064e-2W", "1.8.0=13232e3Wh 2.8.0=1500e3Wh"},
		{"DZG", "1.8.0=132329123e-1Wh 2.8.0=15003213e-1Wh 16.7.0=35624e-2W/sign_corrected", "1.8.0=132329123e-1Wh 2.8.0=15003213e-1Wh 16.7.0=-31064e-2W", ""},
		{"DZG7420", "1.8.0=132329123e-1Wh 2.8.0=15003213e-1Wh 16.7.0=35624e-2W", "1.8.0=132329123e-1Wh 2.8.0=15003213e-1Wh 16.7.0=-31064e-2W", ""},
		{"Holley", "1.8.0=132329123e-1Wh 2.8.0=15003213e-1Wh 16.7.0=356e0W", "1.8.0=132329123e-1Wh 2.8.0=15003213e-1Wh 16.7.0=-310e0W", "1.8.0=13232e3Wh 2.8.0=1500e3Wh"},
		{"SMARTY", "1.8.0=132329123e-1Wh 2.8.0=15003213e-1Wh 15.7.0=356e0W/absolute", "1.8.0=132329123e-1Wh 2.8.0=15003213e-1Wh 15.7.0=310e0W/absolute,exporting", ""},
		{"ITRON", "1.8.0=132329123e-1Wh 16.7.0=356e0W", "1.8.0=132329123e-1Wh 16.7.0=-310e0W", "1.8.0=13232e3Wh"},
		{"OldEHZ", "1.8.0=132329123e-1Wh 1.7.0=3562e-1W", "1.8.0=132329123e-1Wh 1.7.0=-3106e-1W", ""},
	} {
		m := model(t, c.model)
		for _, s := range []struct {
			what  string
			frame []byte
			want  string
		}{
			{"drawing", m.Telegram(drawing, false), c.drawing},
			{"feeding in", m.Telegram(state, false), c.feeding},
			{"locked", m.Telegram(state, true), c.locked},
		} {
			if s.want == "" {
				continue
			}
			all, stats := decode(s.frame, 16)
			if len(all) != 1 || stats != (meter.Stats{Bytes: uint64(len(s.frame)), Telegrams: 1, Frames: 1}) {
				t.Errorf("%s %s: %d telegrams, %+v", c.model, s.what, len(all), stats)
				continue
			}
			got := all[0]
			if shown := flagged(all); shown != s.want {
				t.Errorf("%s %s: got\n\t%s, want\n\t%s", c.model, s.what, shown, s.want)
			}
			if got.meter != m.Server {
				t.Errorf("%s: meter %s", c.model, got.meter)
			}
			lock := meter.LockOpen
			if s.what == "locked" {
				lock = meter.LockShut
			}
			if got.lock != lock {
				t.Errorf("%s %s: lock %d", c.model, s.what, got.lock)
			}
			wantTime := meter.Time{Clock: meter.Index, Seconds: 1000}
			if m.NoTime {
				wantTime = meter.Time{}
			}
			if r := got.find(obis.Import); r.Time != wantTime || r.HasStatus != (m.StatusBytes > 0) || r.HasStatus && r.Status&^m.Feeding != m.Status {
				t.Errorf("%s %s: got %+v", c.model, s.what, r)
			}
			if r := got.find(obis.Code{129, 129, 199, 130, 5, 255}); m.Key > 0 && (r == nil || r.Kind != meter.Text || len(r.Octets) != m.Key) {
				t.Errorf("%s: the key is %+v", c.model, r)
			}
		}
	}
}

// flagged is said, with the flags that are not about the whole telegram.
func flagged(all []kept) string {
	out := said(all)
	for _, t := range all {
		for _, r := range t.readings {
			if f := r.Flags &^ (meter.Locked | meter.Salvaged); f != 0 {
				out += "/" + f.String()
			}
		}
	}
	return out
}

// entry is a value of a telegram.
func entry(code string, status, at, unit, scaler, value []byte) []byte {
	c, _ := hex.DecodeString(code)
	return smltest.List(smltest.Octets(c), status, at, unit, scaler, value, smltest.None())
}

// telegram is a frame with these values alone.
func telegram(entries ...[]byte) []byte {
	none := smltest.None()
	body := smltest.List(none, smltest.Octets([]byte("meter")), none, none, smltest.List(entries...), none, none)
	return smltest.Frame(smltest.X25, smltest.Message([]byte{1}, smltest.Uint(2, 0x701), body, smltest.X25))
}

func one(t *testing.T, frame []byte) meter.Reading {
	t.Helper()
	all, stats := decode(frame, len(frame))
	if len(all) != 1 || len(all[0].readings) != 1 {
		t.Fatalf("got %+v, %+v, want one reading", all, stats)
	}
	return all[0].readings[0]
}

func TestIntegersOfEveryWidth(t *testing.T) {
	none := smltest.None()
	for width := 1; width <= 8; width++ {
		limit := int64(1)<<(8*width-1) - 1
		for _, v := range []int64{0, 1, -1, limit, -limit - 1, -limit} {
			r := one(t, telegram(entry("0100100700ff", none, none, smltest.Uint(1, 27), smltest.Int(1, -2), smltest.Int(width, v))))
			if r.Raw != meter.Signed(v) || r.Scaler != -2 || r.Unit != obis.Watt {
				t.Errorf("%d bytes of %d: got %s", width, v, r.Raw)
			}
		}
		most := ^uint64(0) >> (64 - 8*width)
		r := one(t, telegram(entry("0100010800ff", none, none, smltest.Uint(1, 30), none, smltest.Uint(width, most))))
		if r.Raw != meter.Unsigned(most) || r.Scaler != 0 {
			t.Errorf("%d bytes of %d: got %s", width, most, r.Raw)
		}
	}
}

func TestWhatFieldsMayBe(t *testing.T) {
	none, unit := smltest.None(), smltest.Uint(1, 30)
	value := smltest.Uint(2, 500)
	at := uint64(1700000000)
	local := smltest.List(smltest.Uint(4, at), smltest.Int(2, 60), smltest.Int(2, 0))
	for name, c := range map[string]struct {
		frame []byte
		want  meter.Reading
	}{
		"time since start":      {telegram(entry("0100010800ff", none, smltest.List(smltest.Uint(1, 1), smltest.Uint(4, 9)), unit, none, value)), meter.Reading{Time: meter.Time{Clock: meter.Index, Seconds: 9}}},
		"time of day":           {telegram(entry("0100010800ff", none, smltest.List(smltest.Uint(1, 2), smltest.Uint(4, at)), unit, none, value)), meter.Reading{Time: meter.Time{Clock: meter.Wall, Seconds: int64(at)}}},
		"local time":            {telegram(entry("0100010800ff", none, smltest.List(smltest.Uint(1, 3), local), unit, none, value)), meter.Reading{Time: meter.Time{Clock: meter.Wall, Seconds: int64(at)}}},
		"local time alone":      {telegram(entry("0100010800ff", none, local, unit, none, value)), meter.Reading{Time: meter.Time{Clock: meter.Wall, Seconds: int64(at)}}},
		"bare time":             {telegram(entry("0100010800ff", none, smltest.Uint(4, 9), unit, none, value)), meter.Reading{Time: meter.Time{Clock: meter.Index, Seconds: 9}}},
		"status of eight bytes": {telegram(entry("0100010800ff", smltest.Uint(8, 1<<63), none, unit, none, value)), meter.Reading{Status: 1 << 63, HasStatus: true}},
	} {
		c.want.Code, c.want.Unit, c.want.Raw = obis.Import, obis.WattHour, meter.Unsigned(500)
		if diff := same(one(t, c.frame), c.want); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}

	long := bytes.Repeat([]byte{0xab}, 300)
	if r := one(t, telegram(entry("0100600100ff", none, none, none, none, smltest.Octets(long)))); r.Kind != meter.Text || !bytes.Equal(r.Octets, long) {
		t.Errorf("an octet string of 300 bytes: got %+v", r)
	}
	if r := one(t, telegram(entry("0100600100ff", none, none, none, none, smltest.Bool(true)))); r.Kind != meter.Truth || r.Raw != meter.Unsigned(1) {
		t.Errorf("true: got %+v", r)
	}
	// A value that is not there is no reading, and its neighbours are.
	if r := one(t, telegram(entry("0100020800ff", none, none, unit, none, none), entry("0100010800ff", none, none, unit, none, value))); r.Code != obis.Import {
		t.Errorf("got %+v", r)
	}
}

func TestEscapesInThePayload(t *testing.T) {
	none := smltest.None()
	for _, value := range []string{"1b1b1b1b", "1b1b1b1b1b1b1b1b", "001b1b1b1b1b00", "1b1b1b1b01010101", "1b1b1b1b1a001234", "1b1b1b001b1b1b"} {
		b, _ := hex.DecodeString(value)
		frame := telegram(entry("0100600100ff", none, none, none, none, smltest.Octets(b)))
		for _, size := range []int{1, 3, len(frame)} {
			all, stats := decode(append(bytes.Clone(frame), frame...), size)
			if len(all) != 2 || !bytes.Equal(all[1].readings[0].Octets, b) || stats.Salvaged != 0 {
				t.Errorf("%s in pieces of %d: got %+v, %+v", value, size, all, stats)
			}
		}
	}
}

// TestChecksums is for meters that compute one or both in the other way.
func TestChecksums(t *testing.T) {
	for _, c := range []struct{ frame, message smltest.CRC }{{smltest.X25, smltest.Kermit}, {smltest.Kermit, smltest.X25}, {smltest.Kermit, smltest.Kermit}} {
		m := model(t, "MT681")
		m.CRC, m.Frame = c.message, c.frame
		frame := m.Telegram(smltest.State{Import: 5}, false)
		all, stats := decode(frame, len(frame))
		if len(all) != 1 || stats.Frames != 1 || stats.Salvaged != 0 {
			t.Errorf("%+v: %+v", c, stats)
		}
		// Whatever single byte is wrong, nothing wrong is read.
		want := fmt.Sprintf("%+v", all[0].readings)
		for i := range frame {
			broken := bytes.Clone(frame)
			broken[i] ^= 0x10
			got, _ := decode(broken, len(frame))
			for _, k := range got {
				for j := range k.readings {
					k.readings[j].Flags &^= meter.Salvaged
				}
				if s := fmt.Sprintf("%+v", k.readings); s != want {
					t.Errorf("%+v, byte %d: got %s, want %s", c, i, s, want)
				}
			}
		}
	}
}

// TestSalvage: what is whole in a broken frame is read, and marked.
func TestSalvage(t *testing.T) {
	m := model(t, "MT175")
	whole := m.Telegram(smltest.State{Import: 5, Power: 100}, false)
	for name, broken := range map[string][]byte{
		"begins later":           whole[5:],
		"ends before":            whole[:len(whole)-9],
		"checksum of the frame":  append(bytes.Clone(whole[:len(whole)-1]), whole[len(whole)-1]^1),
		"a byte of the first":    append(bytes.Clone(whole[:12]), whole[13:]...),
		"start in the middle":    append(append(bytes.Clone(whole[:60]), start...), whole...),
		"end is not one of four": bytes.Replace(whole, []byte{0x1b, 0x1b, 0x1b, 0x1b, 0x1a}, []byte{0x1b, 0x1b, 0x1b, 0x1a}, 1),
	} {
		data := append(bytes.Clone(broken), whole...)
		all, stats := decode(data, 7)
		if name == "start in the middle" {
			if len(all) != 2 || stats.Salvaged != 0 || stats.Broken != 2 {
				t.Errorf("%s: %d telegrams, %+v", name, len(all), stats)
			}
			continue
		}
		if len(all) != 2 || stats.Salvaged != 1 {
			t.Errorf("%s: %d telegrams, %+v", name, len(all), stats)
			continue
		}
		for _, r := range all[0].readings {
			if r.Flags&meter.Salvaged == 0 {
				t.Errorf("%s: %+v is not marked", name, r)
			}
		}
		for i := range all[1].readings {
			if all[1].readings[i].Flags&meter.Salvaged != 0 {
				t.Errorf("%s: a whole telegram is marked", name)
			}
		}
	}
}

// TestSignSuspect: a meter of the kind that is not in the ranges of serial
// numbers contradicts itself.
func TestSignSuspect(t *testing.T) {
	m := model(t, "DZG")
	m.Server = "0a01445a4700047868c0" // 75,000,000
	frame := m.Telegram(smltest.State{Import: 1000, Power: 35624}, false)
	all, _ := decode(frame, len(frame))
	r := all[0].find(obis.Power)
	if r.Raw.Sign() >= 0 || r.Flags != meter.SignSuspect {
		t.Errorf("by its status: got %s, %s", r.Raw, r.Flags)
	}

	// Without a status it shows by the counters, and only once it lasts.
	m.StatusBytes = 0
	var data []byte
	for i := range uint64(5) {
		data = append(data, m.Telegram(smltest.State{Import: 1000 + i, Power: 35624}, false)...)
	}
	all, _ = decode(data, len(data))
	var got []string
	for _, k := range all {
		got = append(got, k.find(obis.Power).Flags.String())
	}
	if want := []string{"", "", "sign_suspect", "sign_suspect", "sign_suspect"}; !cmp.Equal(got, want) {
		t.Errorf("by its counters: got %q, want %q", got, want)
	}
}
