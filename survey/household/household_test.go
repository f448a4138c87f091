package household

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/survey/anonymise"
)

func TestIdentifiers(t *testing.T) {
	seen := make(map[string]bool)
	for range 100 {
		id := NewID()
		if !ValidID(id) || seen[id] || id[14] != '4' {
			t.Error(id)
		}
		seen[id] = true
	}
	for _, s := range []string{"", "x", strings.ToUpper(NewID()), NewID() + "0", strings.Repeat("-", 36), "../../../../../../../../etc/password"} {
		if ValidID(s) {
			t.Errorf("%q is taken", s)
		}
	}
}

func good() Registration {
	return Registration{
		Participant: Participant{Name: "A. Miller", Email: "a@example.org"}, Address: Address{Country: "DE"},
		Location:  &anonymise.Place{Latitude: 54.3233, Longitude: 10.1394},
		Metadata:  Metadata{Adults: new(2), EmployedAdults: new(1)},
		PVSystems: []PVSystem{{Name: "roof", NominalPower: new(9.86), Installed: "2019-05-17"}},
		Meters:    []Meter{{Model: "MT175", PVSystem: "roof"}},
	}
}

func TestRegistration(t *testing.T) {
	r := good()
	if err := r.Validate(); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*Registration){
		"email":     func(r *Registration) { r.Participant.Email = "A <a@example.org>" },
		"long":      func(r *Registration) { r.Participant.Note = strings.Repeat("x", 2001) },
		"country":   func(r *Registration) { r.Address.Country = "de" },
		"Paris":     func(r *Registration) { r.Location = &anonymise.Place{Latitude: 48.8566, Longitude: 2.3522} },
		"nowhere":   func(r *Registration) { r.Location = &anonymise.Place{Latitude: 91} },
		"employed":  func(r *Registration) { r.Metadata.EmployedAdults = new(3) },
		"negative":  func(r *Registration) { r.Metadata.Children = new(-1) },
		"power":     func(r *Registration) { r.PVSystems[0].NominalPower = new(-1.0) },
		"date":      func(r *Registration) { r.PVSystems[0].Installed = "17.5.2019" },
		"twice":     func(r *Registration) { r.PVSystems = append(r.PVSystems, r.PVSystems[0]) },
		"no meter":  func(r *Registration) { r.Meters = nil },
		"no model":  func(r *Registration) { r.Meters[0].Model = "" },
		"no system": func(r *Registration) { r.Meters[0].PVSystem = "garage" },
		"device":    func(r *Registration) { r.Devices = []string{""} },
	} {
		r := good()
		spoil(&r)
		if r.Validate() == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestAnonymous(t *testing.T) {
	p := PVSystem{ID: "p", Name: "roof", NominalPower: new(9.86), Azimuth: new(170.0), Tilt: new(35.0), Installed: "2019-05-17"}
	if diff := cmp.Diff(PVSystem{ID: "p", NominalPower: new(10.0), Azimuth: new(170.0), Tilt: new(35.0), Installed: "2019-01-01"}, p.Anonymous()); diff != "" {
		t.Error(diff)
	}
	if p.Installed != "2019-05-17" || *p.NominalPower != 9.86 {
		t.Error("the original was changed")
	}
	for power, want := range map[float64]float64{9.49: 9, 9.5: 10, 0.2: 0} {
		if got := *(PVSystem{NominalPower: &power}).Anonymous().NominalPower; got != want {
			t.Errorf("%g kW becomes %g", power, got)
		}
	}
	m := Metadata{Children: new(7), Adults: new(2), Charger: new(true)}
	if diff := cmp.Diff(Metadata{Children: new(4), Adults: new(2), Charger: new(true)}, m.Anonymous()); diff != "" {
		t.Error(diff)
	}
}

func TestMeasurement(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 7, 0, 0, time.UTC)
	ok := func() Measurement {
		return Measurement{Meter: NewID(), Slot: now.Truncate(Quarter), OBIS: "0100010800ff", Raw: 54301577, Scaler: -1, Unit: "Wh", Status: new(int64(0x1c0104))}
	}
	m := ok()
	if code, sentence := m.Check(now); code != "" || m.Value() != 5430157.7 {
		t.Error(code, sentence, m.Value())
	}
	for name, x := range map[string]struct {
		spoil func(*Measurement)
		want  string
	}{
		"meter":  {func(m *Measurement) { m.Meter = "../x" }, UnknownMeter},
		"slot":   {func(m *Measurement) { m.Slot = now }, BadSlot},
		"future": {func(m *Measurement) { m.Slot = m.Slot.Add(2 * Quarter) }, BadSlot},
		"past":   {func(m *Measurement) { m.Slot = time.Time{} }, BadSlot},
		"obis":   {func(m *Measurement) { m.OBIS = "1-0:1.8.0" }, BadValue},
		"upper":  {func(m *Measurement) { m.OBIS = "0100010800FF" }, BadValue},
		"unit":   {func(m *Measurement) { m.Unit = "kWh" }, BadValue},
		"scaler": {func(m *Measurement) { m.Scaler = 13 }, BadValue},
		"value":  {func(m *Measurement) { m.Raw, m.Scaler = 1<<62, 12 }, BadValue},
		"status": {func(m *Measurement) { m.Status = new(int64(-1)) }, BadValue},
	} {
		m := ok()
		x.spoil(&m)
		if code, sentence := m.Check(now); code != x.want || sentence == "" {
			t.Errorf("%s: %q %q, want %q", name, code, sentence, x.want)
		}
	}
}

func TestDigest(t *testing.T) {
	b := Batch{Sequence: 1, Measurements: []Measurement{{OBIS: "0100010800ff", Raw: 1}}}
	one, err := b.Digest()
	b.Sent, b.Version = time.Now(), "2"
	two, err2 := b.Digest()
	b.Measurements[0].Raw = 2
	three, err3 := b.Digest()
	if err != nil || err2 != nil || err3 != nil || one != two || one == three {
		t.Error(one, two, three, err, err2, err3)
	}
}
