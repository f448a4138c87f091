package uc

import (
	"math"
	"math/big"
	"time"

	"github.com/wattwerk/wattwerk/record"
)

// How far a computed mean or variance may be off, relative to the true one.
const (
	meanWithin     = 1e-12
	varianceWithin = 1e-9
)

// tally is what the oracle keeps of a window: whole numbers, in eighths of a
// watt. Nothing in it is rounded.
type tally struct {
	n, sum, squares, least, most int64
}

func (t *tally) add(eighths int64) {
	if t.n == 0 || eighths < t.least {
		t.least = eighths
	}
	if t.n == 0 || eighths > t.most {
		t.most = eighths
	}
	t.n++
	t.sum += eighths
	t.squares += eighths * eighths // at most 2^25 each
}

// agrees tells whether moments are what they should be.
func (t *tally) agrees(m *Moments) bool {
	if t.n == 0 || int64(m.Count) != t.n || m.Min != float64(t.least)/8 || m.Max != float64(t.most)/8 {
		return false
	}
	mean, _ := big.NewRat(t.sum, 8*t.n).Float64()
	n := big.NewInt(t.n)
	spread := new(big.Int).Mul(n, big.NewInt(t.squares)) // n·Σx² − (Σx)²
	spread.Sub(spread, new(big.Int).Mul(big.NewInt(t.sum), big.NewInt(t.sum)))
	variance, _ := new(big.Rat).SetFrac(spread, new(big.Int).Mul(new(big.Int).Mul(n, n), big.NewInt(64))).Float64()
	return near(m.Mean, mean, meanWithin) && near(m.Variance(), variance, varianceWithin)
}

func near(got, want, within float64) bool {
	return math.Abs(got-want) <= within*math.Max(math.Abs(want), 1)
}

// newest is the time of a partition's last reading before a time; false when
// there is none.
func (l *Load) newest(p int, before record.Millis) (record.Millis, bool) {
	newest, any := record.Millis(0), false
	for i := range l.Sensors {
		if n := l.readings(i, before); n > 0 && record.Partition(l.Sensor(i), l.Partitions) == p {
			newest, any = max(newest, l.Start+l.phase(i)+record.Millis(n-1)*l.Period), true
		}
	}
	return newest, any
}

// verdict is what a check found.
type verdict struct {
	results int // that there are
	wrong   int // of them: another value, a second time, or not asked for
	missing int // that should be there and are not
}

// window identifies a result.
type window struct {
	hour  int8
	start record.Millis
	at    record.Millis // of early results; -1: final
}

// judge compares all results of one sensor with what should be.
func judge(got []Result, want map[window]*tally, v *verdict) {
	seen := make(map[window]bool, len(got))
	for i := range got {
		r := &got[i]
		w := window{r.Hour, r.Start, r.At}
		if r.Final || r.Hour < 0 {
			w.at = -1
		}
		v.results++
		t := want[w]
		if t == nil || seen[w] || !t.agrees(&r.Moments) {
			v.wrong++
			continue
		}
		seen[w] = true
	}
	for w := range want {
		if !seen[w] {
			v.missing++
		}
	}
}

// tumblingOf is what uc2 should give for sensor i: every window with a reading.
func (l *Load) tumblingOf(i int, size record.Millis) map[window]*tally {
	want := make(map[window]*tally)
	for k := range l.readings(i, l.End) {
		at := l.Start + l.phase(i) + record.Millis(k)*l.Period
		w := window{-1, at - at%size, -1}
		if want[w] == nil {
			want[w] = new(tally)
		}
		want[w].add(l.eighths(i, k))
	}
	return want
}

// hoursOf is what uc3 should give for sensor i, whose partition has come to
// newest, in the way Theodolite defines it: every reading is put into every
// window it is in, by the hour a calendar gives it.
func (l *Load) hoursOf(i int, zone *time.Location, days int, every, newest record.Millis) map[window]*tally {
	want := make(map[window]*tally)
	length := record.Millis(days) * day
	first := l.Start + l.phase(i)
	n := l.readings(i, l.End)
	if n == 0 {
		return want
	}
	base := first/day - record.Millis(days) + 1 // the first window with a reading
	passed := make([][24]tally, newest/day-first/day+record.Millis(days))
	for k := range n {
		at := first + record.Millis(k)*l.Period
		hour := at.Time().In(zone).Hour()
		for start := at / day; start > at/day-record.Millis(days); start-- {
			if (start+record.Millis(days))*day <= newest {
				passed[start-base][hour].add(l.eighths(i, k))
			}
		}
	}
	for d := range passed {
		for h := range passed[d] {
			if t := &passed[d][h]; t.n > 0 {
				want[window{int8(h), (base + record.Millis(d)) * day, -1}] = t
			}
		}
	}
	put := func(w window, eighths int64) {
		if want[w] == nil {
			want[w] = new(tally)
		}
		want[w].add(eighths)
	}
	if every == 0 {
		return want
	}
	// Early results at every multiple of every: of the windows of those readings
	// that are new since the last one, with all readings before.
	for at := first/every*every + every; at <= newest; at += every {
		lo, hi := l.readings(i, at-every), l.readings(i, at)
		told := make(map[window]bool)
		for k := lo; k < hi; k++ {
			t := first + record.Millis(k)*l.Period
			for start := t / day * day; start > t-length; start -= day {
				if start+length > at {
					told[window{int8(time.UnixMilli(int64(t)).In(zone).Hour()), start, at}] = true
				}
			}
		}
		for k := int64(0); k < hi; k++ {
			t := first + record.Millis(k)*l.Period
			hour := int8(time.UnixMilli(int64(t)).In(zone).Hour())
			for start := t / day * day; start > t-length; start -= day {
				if w := (window{hour, start, at}); told[w] {
					put(w, l.eighths(i, k))
				}
			}
		}
	}
	return want
}
