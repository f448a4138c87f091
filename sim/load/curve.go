package load

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Curve is power over time.
type Curve interface {
	// Power gives milliwatts at t; negative: energy is fed in. It is the same within each Step, as
	// they are counted from 1970.
	Power(t time.Time) int64
	// Step is a whole number of seconds.
	Step() time.Duration
}

// Household is the curve of one that is made up: a base, a refrigerator, people who rise, cook and
// watch television, machines that run for a while, and panels on the roof. It knows
// no time zone: its day is that of UTC.
type Household struct {
	Seed uint64  // another seed is another household
	PV   float64 // peak of its panels in W; 0: none
}

var _ Curve = Household{}

// Step is a minute.
func (Household) Step() time.Duration { return time.Minute }

// hash mixes numbers to 64 bits that look random (splitmix64).
func hash(numbers ...uint64) uint64 {
	h := uint64(0x9e3779b97f4a7c15)
	for _, n := range numbers {
		h ^= n
		h += 0x9e3779b97f4a7c15
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return h
}

// share gives 0 to 1, of numbers.
func share(numbers ...uint64) float64 { return float64(hash(numbers...)>>11) / (1 << 53) }

// What the hashes are for, so that they do not repeat each other.
const (
	ofBase = iota
	ofFridge
	ofMachine
	ofCloud
	ofNoise
)

// people are what rising, cooking and watching television take in each minute of a day, in W.
var people = func() (w [1440]float64) {
	for i := range w {
		of := float64(i) / 60
		bump := func(at, wide, high float64) float64 { return high * math.Exp(-(of-at)*(of-at)/(2*wide*wide)) }
		w[i] = bump(7, 0.8, 250) + bump(12.5, 1, 200) + bump(19.5, 2, 450)
	}
	return w
}()

// Power gives it.
func (h Household) Power(t time.Time) int64 {
	minute := t.Unix() / 60
	if t.Unix() < 0 {
		return 0
	}
	day, of := uint64(minute/1440), float64(minute%1440)/60
	w := 60 + 140*share(h.Seed, ofBase)
	if (uint64(minute)+hash(h.Seed, ofFridge)%60)%60 < 18 {
		w += 95
	}
	w += people[minute%1440]
	// A machine may begin in any hour, and runs for an hour at most.
	for _, hour := range []int64{minute/60 - 1, minute / 60} {
		of := float64(hour % 24)
		likely := 0.08
		if of >= 6 && of < 22 {
			likely = 0.35
		}
		if hour < 0 || share(h.Seed, ofMachine, uint64(hour)) > likely {
			continue
		}
		kind := hash(h.Seed, ofMachine, uint64(hour), 1)
		begin := hour*60 + int64(kind%60)
		if long := 4 + int64(kind>>8%55); minute >= begin && minute < begin+long {
			w += 600 + 1800*share(kind)
		}
	}
	w += 10 * share(h.Seed, ofNoise, uint64(minute))
	return int64(1000*w) - int64(1000*h.sun(day, of, uint64(minute/60)))
}

// sun gives what the panels deliver, in W.
func (h Household) sun(day uint64, of float64, hour uint64) float64 {
	if h.PV <= 0 {
		return 0
	}
	season := -math.Cos(2 * math.Pi * (float64(day%365) + 10) / 365.25) // -1 in winter, 1 in summer
	half := 6 + 2.2*season                                              // of the day's length, in hours
	if math.Abs(of-12) >= half {
		return 0
	}
	frac := of - math.Floor(of)
	clear := (1-frac)*share(h.Seed, ofCloud, hour) + frac*share(h.Seed, ofCloud, hour+1)
	return h.PV * (0.55 + 0.25*season) * math.Cos((of-12)/half*math.Pi/2) * (0.25 + 0.75*clear)
}

// Series is a curve of a file, again from its beginning when it is over.
type Series struct {
	at    []int64 // seconds since 1970
	power []int64
	after int64 // from the last to where it begins again
	step  time.Duration
}

var _ Curve = (*Series)(nil)

// MaxRows is how many rows a file may have: two years of minutes.
const MaxRows = 1_100_000

// ReadSeries reads lines of time and watts with a comma or semicolon between them, in order. A time is RFC 3339
// or seconds since 1970; a value holds until the next. A first line that is no number is a heading.
func ReadSeries(in io.Reader) (*Series, error) {
	s := &Series{step: time.Minute}
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		i := strings.IndexAny(line, ",;")
		if i < 0 {
			return nil, fmt.Errorf("line %d of the curve has no comma: time and watts are needed", n)
		}
		at, err := seconds(strings.TrimSpace(line[:i]))
		w, err2 := strconv.ParseFloat(strings.TrimSpace(line[i+1:]), 64)
		if err = errors.Join(err, err2); err != nil || math.Abs(w) > 1e9 || math.IsNaN(w) {
			if n == 1 {
				continue
			}
			return nil, fmt.Errorf("line %d of the curve, %.60q, is not time and watts: %w", n, line, err)
		}
		switch {
		case len(s.at) > 0 && at <= s.at[len(s.at)-1]:
			return nil, fmt.Errorf("line %d of the curve is not later than the one before", n)
		case len(s.at) == MaxRows:
			return nil, fmt.Errorf("the curve has more than %d rows", MaxRows)
		case at%60 != 0:
			s.step = time.Second
		}
		s.at, s.power = append(s.at, at), append(s.power, int64(math.Round(1000*w)))
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read curve: %w", err)
	}
	if len(s.at) < 2 {
		return nil, errors.New("the curve has less than two rows")
	}
	s.after = s.at[len(s.at)-1] - s.at[len(s.at)-2]
	return s, nil
}

func seconds(text string) (int64, error) {
	if at, err := strconv.ParseInt(text, 10, 64); err == nil {
		if at < 0 || at > 1<<36 {
			return 0, fmt.Errorf("%d are no seconds since 1970", at)
		}
		return at, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	return at.Unix(), err
}

// Step is a second, or a minute where all times are whole minutes.
func (s *Series) Step() time.Duration { return s.step }

// Power gives it.
func (s *Series) Power(t time.Time) int64 {
	first, last := s.at[0], s.at[len(s.at)-1]
	long := last - first + s.after
	at := (t.Unix()-first)%long + first
	if at < first {
		at += long
	}
	i := sort.Search(len(s.at), func(i int) bool { return s.at[i] > at })
	return s.power[i-1]
}

// State is what a meter has counted, and measures.
type State struct {
	Import, Export uint64 // milliwatt seconds
	Power          int64  // milliwatts; negative: energy is fed in
}

// Counter counts the energy of a curve from a beginning on, when it had counted From.
type Counter struct {
	Curve Curve
	Begin time.Time
	From  State

	at  int64 // seconds; 0: not begun
	now State
}

// At gives the state at t, in whole seconds; before the beginning it is as there.
func (c *Counter) At(t time.Time) State {
	to := max(t.Unix(), c.Begin.Unix())
	if c.at == 0 || to < c.at {
		c.at, c.now = c.Begin.Unix(), c.From
	}
	step := int64(c.Curve.Step() / time.Second)
	for c.at < to {
		next := min((c.at/step+1)*step, to)
		energy := c.Curve.Power(time.Unix(c.at, 0)) * (next - c.at)
		if energy >= 0 {
			c.now.Import += uint64(energy)
		} else {
			c.now.Export += uint64(-energy)
		}
		c.at = next
	}
	c.now.Power = c.Curve.Power(time.Unix(to, 0))
	return c.now
}
