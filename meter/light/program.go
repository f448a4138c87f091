package light

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/internal/sealed"
)

// Program says how a model is lit to enter its PIN.
type Program struct {
	Model   string
	Dark    time.Duration // before it begins, so that the display is at its beginning
	Flashes int           // short ones from there to the page of the PIN
	On, Off time.Duration // of a short flash
	Longest time.Duration // up to which a flash is short for the model
	Before  time.Duration // after the page of the PIN came
	Turn    time.Duration // without light after which the meter takes a digit, and the next one's turn is
	Margin  time.Duration // that is waited beyond it, once after a flash: zeros have none, so it must not add up to a Turn
	Session time.Duration // without light after which the meter forgets what was entered
	Alive   time.Duration // between two flashes that keep it from doing so
	Source  string        // where this is known from
	// Unverified names what of it no manual and no working program confirms for this
	// model. It is from similar ones.
	Unverified []string
}

// Programs are the models that are known.
var Programs = []Program{
	{Model: "EASY", Dark: 130 * time.Second, Flashes: 2, On: 400 * time.Millisecond, Off: 300 * time.Millisecond, Longest: 4 * time.Second,
		Before: time.Second, Turn: 3 * time.Second, Margin: 800 * time.Millisecond, Session: 120 * time.Second, Alive: 90 * time.Second,
		Source: "ATtiny-PinKeepAlive of m9aertner, which works with an EasyMeter Q3A; its manual, page 13"},
	{Model: "EHZ", Dark: 130 * time.Second, Flashes: 2, On: 500 * time.Millisecond, Off: 500 * time.Millisecond, Longest: 4500 * time.Millisecond,
		Before: time.Second, Turn: 3 * time.Second, Margin: 700 * time.Millisecond, Session: 120 * time.Second, Alive: 90 * time.Second,
		Source:     "manual of the EMH mME4.0, page 27; SMLReader issue 17 for an ED300L",
		Unverified: []string{"Before", "Alive"}},
	{Model: "MT175", Dark: 130 * time.Second, Flashes: 2, On: 400 * time.Millisecond, Off: 300 * time.Millisecond, Longest: 5 * time.Second,
		Before: time.Second, Turn: 3 * time.Second, Margin: 700 * time.Millisecond, Session: 120 * time.Second, Alive: 90 * time.Second,
		Source:     "quick guide of the Iskraemeco MT176, page 2; guides of grid operators",
		Unverified: []string{"Flashes", "On", "Off", "Before", "Session", "Alive"}},
	{Model: "MT681", Dark: 130 * time.Second, Flashes: 2, On: 400 * time.Millisecond, Off: 300 * time.Millisecond, Longest: 5 * time.Second,
		Before: time.Second, Turn: 3 * time.Second, Margin: 700 * time.Millisecond, Session: 120 * time.Second, Alive: 90 * time.Second,
		Source:     "guide of Stadtwerke Bayreuth for the MT681; guides of grid operators",
		Unverified: []string{"Flashes", "On", "Off", "Before", "Session", "Alive"}},
	{Model: "DD3", Dark: 130 * time.Second, Flashes: 2, On: 400 * time.Millisecond, Off: 300 * time.Millisecond, Longest: 4 * time.Second,
		Before: time.Second, Turn: 3 * time.Second, Margin: 700 * time.Millisecond, Session: 120 * time.Second, Alive: 90 * time.Second,
		Source:     "general guides of grid operators; none for the eBZ DD3",
		Unverified: []string{"Flashes", "On", "Off", "Longest", "Before", "Turn", "Session", "Alive"}},
}

// Models lists their names.
func Models() []string {
	names := make([]string, len(Programs))
	for i, p := range Programs {
		names[i] = p.Model
	}
	return names
}

// Find gives the program of a model.
func Find(model string) (Program, error) {
	i := slices.IndexFunc(Programs, func(p Program) bool { return p.Model == model })
	if i < 0 {
		return Program{}, fmt.Errorf("no light program for the model %.40q is known, but for %s", model, strings.Join(Models(), ", "))
	}
	return Programs[i], nil
}

// Validate says what of the program cannot be right.
func (p Program) Validate() error {
	switch {
	case p.Flashes < 1 || p.On <= 0 || p.Off <= 0 || p.Before <= 0 || p.Dark < 0:
		return errors.New("a light program has flashes, and times that are positive")
	case 2*p.On > p.Longest:
		return fmt.Errorf("a flash of %v is not safely shorter than %v, which is a long one", p.On, p.Longest)
	case p.Margin <= 0 || p.Off+p.Before+p.Margin > p.Turn*3/4:
		return fmt.Errorf("a digit is taken after %v, and waiting for the first or beyond one takes nearly as long", p.Turn)
	}
	if p.Alive < p.On || p.Alive > p.Session*9/10 {
		return fmt.Errorf("a flash every %v does not keep a session of %v", p.Alive, p.Session)
	}
	if all := p.length(PIN{9, 9, 9, 9}); all > p.Session*3/4 {
		return fmt.Errorf("entering 9999 takes %v, which is too near to the %v of a session", all, p.Session)
	}
	return nil
}

// Step is light on or off for a while.
type Step struct {
	On  bool
	For time.Duration
}

// Steps are what enters the PIN, from the dark display on.
func (p Program) Steps(pin PIN) []Step {
	steps := []Step{{false, p.Dark}}
	flash := func(n int) {
		for range n {
			steps = append(steps, Step{true, p.On}, Step{false, p.Off})
		}
	}
	wait := func(d time.Duration) {
		if last := &steps[len(steps)-1]; !last.On {
			last.For += d
		}
	}
	flash(p.Flashes)
	wait(p.Before + p.Margin)
	for _, digit := range pin {
		if digit > 0 {
			flash(int(digit))
			wait(p.Margin)
		}
		wait(p.Turn)
	}
	return steps
}

// length is how long that takes, from the first flash on.
func (p Program) length(pin PIN) (d time.Duration) {
	for _, s := range p.Steps(pin)[1:] {
		d += s.For
	}
	return d
}

// PIN is four digits. It does not show: however it is printed, stars come.
type PIN [4]byte

// ParsePIN reads four digits.
func ParsePIN(text string) (PIN, error) {
	var p PIN
	if len(text) != len(p) {
		return p, errors.New("a PIN has four digits")
	}
	for i := range p {
		if text[i] < '0' || text[i] > '9' {
			return PIN{}, errors.New("a PIN has four digits")
		}
		p[i] = text[i] - '0'
	}
	return p, nil
}

// Format writes stars.
func (PIN) Format(f fmt.State, _ rune) { fmt.Fprint(f, "****") } //nolint:errcheck // there is nobody to tell

// MarshalText writes stars.
func (PIN) MarshalText() ([]byte, error) { return []byte("****"), nil }

// LogValue is stars.
func (PIN) LogValue() slog.Value { return slog.StringValue("****") }

// SealPIN keeps the PIN in a file that is encrypted by the key of the device, which is made where there is none; package
// sealed says what that protects against and what not.
func SealPIN(keyFile, file string, p PIN) error {
	digits := make([]byte, len(p))
	for i, d := range p {
		digits[i] = '0' + d
	}
	return sealed.Write(keyFile, file, digits)
}

// OpenPIN gives the PIN of such a file.
func OpenPIN(keyFile, file string) (PIN, error) {
	digits, err := sealed.Read(keyFile, file)
	if err != nil {
		return PIN{}, err
	}
	return ParsePIN(string(digits))
}
