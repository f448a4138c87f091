package display

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Page is what the display shows.
type Page uint8

// The pages, in the order in which short flashes lead to them. The PIN is asked for where it is needed, instead of
// what is behind it.
const (
	Idle Page = iota
	Test      // everything lit
	PIN
	Energy  // the values of the meter
	Day     // what was drawn within a day,
	Week    // a week,
	Month   // a month,
	Year    // a year
	HisClr  // a long flash deletes these
	InF     // a long flash turns all readings on, for good, or off
	Protect // a long flash turns the PIN on or off
)

// Behaviour is how a model of meter behaves.
type Behaviour struct {
	Model     string
	Shortest  time.Duration // a flash that is seen
	ShortMost time.Duration // a flash that is short
	LongLeast time.Duration // one that is long; between them it is neither
	Turn      time.Duration // without light after which a digit is taken
	Session   time.Duration // without light after which everything entered is forgotten
	Wrong     int           // wrong PINs after which the entry is locked
	LockOut   time.Duration // for which it is locked then
	Pages     []Page        // that there are behind the PIN
}

var all = []Page{Energy, Day, Week, Month, Year, HisClr, InF, Protect}

// Behaviours are the models that are known: as their manuals say, and else strict.
var Behaviours = []Behaviour{
	{"MT681", 200 * time.Millisecond, 4 * time.Second, 5 * time.Second, 3 * time.Second, 120 * time.Second, 3, time.Hour, all},
	{"MT175", 200 * time.Millisecond, 4 * time.Second, 5 * time.Second, 3 * time.Second, 120 * time.Second, 3, time.Hour, all},
	{"EHZ", 200 * time.Millisecond, 4400 * time.Millisecond, 4600 * time.Millisecond, 3 * time.Second, 120 * time.Second, 3, time.Hour, []Page{Energy, Day, Week, Month, Year, HisClr, Protect}},
	{"DD3", 250 * time.Millisecond, 3 * time.Second, 5 * time.Second, 3 * time.Second, 120 * time.Second, 3, time.Hour, all},
	{"EASY", 250 * time.Millisecond, 4 * time.Second, 5 * time.Second, 3 * time.Second, 120 * time.Second, 3, time.Hour, []Page{Energy, HisClr}},
}

// Find gives the behaviour of a model.
func Find(model string) (Behaviour, error) {
	i := slices.IndexFunc(Behaviours, func(b Behaviour) bool { return b.Model == model })
	if i < 0 {
		return Behaviour{}, fmt.Errorf("how the display of a %.40q behaves is not known", model)
	}
	return Behaviours[i], nil
}

// Options of a [Display].
type Options struct {
	Behaviour Behaviour
	PIN       string        // four digits
	Open      bool          // the PIN is not needed
	Jitter    time.Duration // by up to which light is seen late
	Seed      uint64        // of the jitter
}

// View is what can be seen of a display, and what was done to it.
type View struct {
	Page      Page
	Digit     int  // that is being entered, from 0
	Open      bool // all readings are told
	Permanent bool // and stay so
	LockedOut bool // no PIN is taken
	Wrong     int  // PINs in all
	Deleted   int  // times that what the meter keeps was deleted
	Odd       int  // flashes that were neither short nor long
}

// Display is one.
type Display struct {
	o        Options
	rand     *rand.Rand
	on       bool
	since    time.Time // light on or off
	acted    time.Time // the last light that was seen, or page or digit that came
	page     Page
	digit    int
	entered  [4]byte
	session  bool // the right PIN was entered
	inf, off bool // open for good; no PIN is needed
	tries    int  // wrong ones in a row
	until    time.Time
	view     View
}

// New gives a display that nobody has lit.
func New(o Options) (*Display, error) {
	if len(o.PIN) != 4 || slices.ContainsFunc([]byte(o.PIN), func(b byte) bool { return b < '0' || b > '9' }) {
		return nil, fmt.Errorf("the PIN of a simulated meter has four digits")
	}
	return &Display{o: o, rand: rand.New(rand.NewPCG(o.Seed, 0x6c69676874)), off: o.Open}, nil
}

// Light tells that light came on or went off.
func (d *Display) Light(on bool, at time.Time) {
	if d.o.Jitter > 0 {
		at = at.Add(time.Duration(d.rand.Int64N(int64(d.o.Jitter))))
	}
	if at.Before(d.since) {
		at = d.since
	}
	if on == d.on {
		return
	}
	d.advance(at)
	long := at.Sub(d.since)
	d.on, d.since = on, at
	if on {
		return
	}
	switch b := d.o.Behaviour; {
	case long < b.Shortest: // not seen
		return
	case long <= b.ShortMost:
		d.short()
	case long >= b.LongLeast:
		d.long()
	default:
		d.view.Odd++
	}
	d.acted = at
}

// Look gives what is seen at the time.
func (d *Display) Look(at time.Time) View {
	d.advance(at)
	v := d.view
	v.Page, v.Digit, v.Permanent, v.Open, v.LockedOut = d.page, d.digit, d.inf || d.off, d.inf || d.off || d.session, at.Before(d.until)
	return v
}

// advance lets the time pass that was dark.
func (d *Display) advance(at time.Time) {
	if d.on {
		return
	}
	for d.page == PIN && at.Sub(d.acted) >= d.o.Behaviour.Turn {
		d.acted = d.acted.Add(d.o.Behaviour.Turn)
		if d.digit++; d.digit == len(d.entered) {
			d.check()
		}
	}
	if at.Sub(d.acted) >= d.o.Behaviour.Session {
		d.page, d.session = Idle, false
	}
}

// check compares what was entered.
func (d *Display) check() {
	right := true
	for i, digit := range d.entered {
		right = right && d.o.PIN[i]-'0' == digit
	}
	d.page, d.digit = Idle, 0
	switch {
	case d.acted.Before(d.until): // not even the right one
		d.view.Wrong++
	case right:
		d.page, d.session, d.tries = Energy, true, 0
	default:
		d.view.Wrong++
		if d.tries++; d.tries >= d.o.Behaviour.Wrong {
			d.tries, d.until = 0, d.acted.Add(d.o.Behaviour.LockOut)
		}
	}
}

// short is a short flash.
func (d *Display) short() {
	switch {
	case d.page == Idle:
		d.page = Test
	case d.page == PIN:
		d.entered[d.digit] = (d.entered[d.digit] + 1) % 10
	case d.page == Test && !d.session && !d.off:
		d.page, d.digit, d.entered = PIN, 0, [4]byte{}
	default: // the next; after the last the first again
		pages := d.o.Behaviour.Pages
		d.page = pages[(slices.Index(pages, d.page)+1)%len(pages)]
	}
}

// long is a long flash.
func (d *Display) long() {
	switch d.page {
	case HisClr:
		d.view.Deleted++
	case InF:
		d.inf = !d.inf
	case Protect:
		d.off = !d.off
	}
}

// Lit tells whether there is light on it.
func (d *Display) Lit() bool { return d.on }
