package meters

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/wattwerk/wattwerk/internal/smltest"
	"github.com/wattwerk/wattwerk/meter/modbus"
	"github.com/wattwerk/wattwerk/sim/display"
	"github.com/wattwerk/wattwerk/sim/load"
)

// Options of a [Meter].
type Options struct {
	Kind   string           // one of [Kinds]
	Model  string           // of SML: one of [Models]; empty: MT175
	Serial uint32           // makes its identification
	Curve  load.Curve       // what it measures
	Begin  time.Time        // from when on it has counted
	From   load.State       // what it had counted by then
	Locked bool             // its PIN is not entered; SML alone
	PIN    string           // four digits; empty: 0000
	Jitter time.Duration    // by up to which its button sees light late
	Seed   uint64           // of the jitter
	Now    func() time.Time // when it measures; nil: time.Now
}

// Meter is a simulated one.
type Meter struct {
	o       Options
	model   smltest.Model
	mu      sync.Mutex
	counter load.Counter
	display *display.Display // nil: it has none
	number  uint32           // of the last telegram
	bank    modbus.Bank
}

// Kinds lists what can be played; the names are those by which they are read.
func Kinds() []string { return []string{"sml", "dsmr", "iec62056", "iec62056-ask", "sunspec"} }

// Models lists the models of SML.
func Models() []string {
	names := make([]string, len(smltest.Models))
	for i, m := range smltest.Models {
		names[i] = m.Name
	}
	return names
}

// New gives a meter that nobody reads yet.
func New(o Options) (*Meter, error) {
	if o.Curve == nil {
		return nil, errors.New("simulated meter: there is no curve")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.PIN == "" {
		o.PIN = "0000"
	}
	m := &Meter{o: o, counter: load.Counter{Curve: o.Curve, Begin: o.Begin, From: o.From}}
	if !slices.Contains(Kinds(), o.Kind) {
		return nil, fmt.Errorf("no simulated meters of the kind %.40q are known, but %v", o.Kind, Kinds())
	}
	if o.Kind != "sml" {
		if o.Locked || o.Model != "" {
			return nil, fmt.Errorf("simulated meters of the kind %s have no model and are not locked; those of sml are", o.Kind)
		}
		return m, nil
	}
	if o.Model == "" {
		o.Model = "MT175"
	}
	var ok bool
	if m.model, ok = smltest.Find(o.Model); !ok {
		return nil, fmt.Errorf("no simulated meters of the model %.40q are known, but %v", o.Model, Models())
	}
	server, err := hex.DecodeString(m.model.Server)
	if err != nil || len(server) < 10 {
		return nil, fmt.Errorf("the server of %s is %q", o.Model, m.model.Server)
	}
	// The last two bytes are its own; those before say what it is.
	server[8], server[9] = byte(o.Serial>>8), byte(o.Serial)
	m.model.Server = hex.EncodeToString(server)
	if !o.Locked {
		return m, nil
	}
	behaviour, err := display.Find(o.Model)
	if err != nil {
		return nil, err
	}
	if !m.model.PIN {
		m.model.PIN, m.model.Locked = true, smltest.Form{Width: 4, Scaler: 3}
	}
	m.display, err = display.New(display.Options{Behaviour: behaviour, PIN: o.PIN, Jitter: o.Jitter, Seed: o.Seed})
	return m, err
}

// Light tells the meter that light came on at its optical interface or went off, now.
func (m *Meter) Light(on bool) {
	if m.display == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.display.Light(on, time.Now())
}

// View gives what its display shows; nothing where it has none.
func (m *Meter) View() display.View {
	if m.display == nil {
		return display.View{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.display.Look(time.Now())
}

// State gives what it has counted and measures now.
func (m *Meter) State() load.State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counter.At(m.o.Now())
}

// Pushes tells whether it sends on its own.
func (m *Meter) Pushes() bool {
	return m.o.Kind == "sml" || m.o.Kind == "dsmr" || m.o.Kind == "iec62056"
}

// Telegram gives what it sends on its own; nil where it is asked.
func (m *Meter) Telegram() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.o.Now()
	s := m.counter.At(now)
	switch m.o.Kind {
	case "sml":
		m.number++
		locked := m.display != nil && !m.display.Look(time.Now()).Open
		return m.model.Telegram(smltest.State{
			Import: s.Import / tenth, Export: s.Export / tenth, Power: s.Power / 10,
			Seconds: uint32(max(now.Unix()-m.o.Begin.Unix(), 0)), Number: m.number,
		}, locked)
	case "dsmr":
		return m.dsmr(now, s)
	case "iec62056":
		return m.pushed(s)
	}
	return nil
}
