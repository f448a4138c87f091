package app

import (
	"math"
	"time"

	"github.com/wattwerk/wattwerk/bridge"
	"github.com/wattwerk/wattwerk/internal/replay"
	"github.com/wattwerk/wattwerk/record"
)

// Times of the energy community.
const (
	communityStep record.Millis = 15 * 60 * 1000
	communityLoop               = 52 * 7 * 96 // quarters of an hour after which it all repeats
	// communityPast is how much of the past its sensors have; communityLong that of what
	// a saving is predicted from, which takes a baseline of two months before the measure.
	communityPast = 42 * 24 * time.Hour
	communityLong = 112 * 24 * time.Hour
	// communitySilent is for how long roof 2 has said nothing at the start, and
	// communityStuck for how long the ventilation has said the same.
	communitySilent = 4 * time.Hour
	communityStuck  = 15 * time.Hour
)

// communityBegin is when the loop began: a Sunday at 23:00 (UTC+1), as in the file of
// homes. Nothing is told of the time before.
var communityBegin = record.MillisOf(time.Date(2025, 8, 3, 22, 0, 0, 0, time.UTC))

// community is a small energy community: three measured homes with their roofs, two
// chargers and a hall that are made up. All of it is a function of the time, but for
// the sensor that fell silent, the one that is stuck and the day of the measure, which
// follow from the start.
type community struct {
	sensors []communitySensor
	silent  record.Millis // from here on roof 2 says nothing
	stuck   record.Millis // from here on the ventilation says the same
	since   record.Millis // from here on the hall is heated less
	heating []float64     // Wh up to each quarter of an hour, without the measure
}

// communitySensor is one of its sensors.
type communitySensor struct {
	id       string
	quantity record.Quantity
	past     time.Duration
	values   []float64 // of each quarter of the loop: the mean in it
	counted  []float64 // of a counter: Wh up to the beginning of each, one more than there are
}

// communityCutback is the part of the heating that the measure leaves.
const communityCutback = 0.8

const (
	roofSilent  = "community.roof2"
	fanStuck    = "community.hall.ventilation"
	hallHeating = "community.hall.heating"
	hallCounter = "community.hall.taken"
)

// newCommunity makes the community as of a start.
func newCommunity(now record.Millis) *community {
	c := &community{
		silent: (now - record.Millis(communitySilent.Milliseconds())) / communityStep * communityStep,
		stuck:  (now - record.Millis(communityStuck.Milliseconds())) / communityStep * communityStep,
	}
	// The measure began with a month, two weeks ago at least: it is the same after another start.
	y, m, _ := now.Time().UTC().AddDate(0, 0, -15).Date()
	c.since = record.MillisOf(time.Date(y, m, 1, 0, 0, 0, 0, time.UTC))

	homes := replay.Homes()
	gauge := func(id string, values []float64) []float64 {
		c.sensors = append(c.sensors, communitySensor{id: "community." + id, quantity: record.ActivePower, past: communityPast, values: values})
		return values
	}
	counter := func(id string, past time.Duration, of ...[]float64) {
		sums := make([]float64, communityLoop+1)
		for q := range communityLoop {
			sums[q+1] = sums[q]
			for _, values := range of {
				sums[q+1] += values[q] / 4
			}
		}
		c.sensors = append(c.sensors, communitySensor{id: "community." + id, quantity: record.Energy, past: past, counted: sums})
	}
	dishwasher := gauge("home1.dishwasher", madeDishwasher())
	refrigerator := gauge("home1.refrigerator", quarterly(func(q int) float64 { return 35 + 60*chance(2, q) }))
	loads := make([][]float64, 3)
	for i := range loads {
		loads[i] = smooth(homes[i].Load.Values)
	}
	for q := range communityLoop {
		loads[0][q] += dishwasher[q] + refrigerator[q]
	}
	for i, id := range []string{"home1", "home2", "home3"} {
		gauge(id+".load", loads[i])
		counter(id+".taken", communityPast, loads[i])
	}
	roofs := make([][]float64, 3)
	for i, id := range []string{"roof1", "roof2", "roof3"} {
		roofs[i] = gauge(id, smooth(homes[i].PV.Values))
	}
	counter("roof1.given", communityPast, roofs[0])
	counter("roof3.given", communityPast, roofs[2])
	for n, id := range []string{"charger1", "charger2"} {
		counter(id+".taken", communityPast, gauge(id, madeCharger(n)))
	}
	outside := quarterly(temperature)
	heat := gauge("hall.heating", quarterly(func(q int) float64 {
		if h := hourOf(q); h < 6 || h >= 22 {
			return 150
		}
		return math.Round(150 + 330*max(0, 17-outside[q])*(0.95+0.1*chance(3, q)))
	}))
	light := gauge("hall.light", quarterly(madeLight))
	fan := gauge("hall.ventilation", quarterly(func(q int) float64 { return math.Round(180 + 40*math.Sin(hourOf(q)/24*2*math.Pi) + 50*chance(4, q)) }))
	counter("hall.taken", communityLong, heat, light, fan)
	c.heating = make([]float64, communityLoop+1)
	for q, w := range heat {
		c.heating[q+1] = c.heating[q] + w/4
	}
	c.sensors = append(c.sensors,
		communitySensor{id: "community.outside", quantity: record.Temperature, past: communityLong, values: outside},
		communitySensor{id: "community.hall.presence", quantity: record.Ratio, past: communityPast, values: quarterly(func(q int) float64 {
			if present(q) {
				return 1
			}
			return 0
		})})
	return c
}

// summed is what was counted up to a time, over all loops.
func summed(sums []float64, at record.Millis) float64 {
	n := int64(at-communityBegin) / int64(communityStep)
	return float64(n/communityLoop)*sums[communityLoop] + sums[n%communityLoop]
}

// value gives what a sensor says at the beginning of a quarter of an hour: the mean of
// the quarter, or what was counted.
func (c *community) value(s *communitySensor, at record.Millis) float64 {
	if s.counted != nil {
		v := summed(s.counted, at)
		if s.id == hallCounter && at > c.since {
			v -= (1 - communityCutback) * (summed(c.heating, at) - summed(c.heating, c.since))
		}
		return math.Round(v)
	}
	if s.id == fanStuck {
		at = min(at, c.stuck)
	}
	v := s.values[int64(at-communityBegin)/int64(communityStep)%communityLoop]
	if s.id == hallHeating && at >= c.since {
		v = math.Round(v * communityCutback)
	}
	return v
}

// readings gives what the sensors said from from to to, in the order of time; the
// silent one nothing.
func (c *community) readings(from, to record.Millis) []bridge.Reading {
	var out []bridge.Reading
	for t := (max(from, communityBegin) + communityStep - 1) / communityStep * communityStep; t <= to; t += communityStep {
		for i := range c.sensors {
			if s := &c.sensors[i]; s.id != roofSilent {
				out = append(out, bridge.Reading{Sensor: s.id, Time: t, Value: c.value(s, t), Quantity: s.quantity})
			}
		}
	}
	return out
}

// before gives the past of each sensor up to a time; that of the silent one without its
// last reading.
func (c *community) before(now, until record.Millis, each func(id record.SensorID, times []record.Millis, values []float64) error) error {
	for i := range c.sensors {
		s := &c.sensors[i]
		from := (max(now-record.Millis(s.past.Milliseconds()), communityBegin) + communityStep - 1) / communityStep * communityStep
		end := until
		if s.id == roofSilent {
			end = c.silent - communityStep
		}
		var times []record.Millis
		var values []float64
		for t := from; t < end; t += communityStep {
			times, values = append(times, t), append(values, c.value(s, t))
		}
		if len(times) == 0 {
			continue
		}
		if err := each(record.SensorID(s.id), times, values); err != nil {
			return err
		}
	}
	return nil
}

// last gives the last reading of the silent one.
func (c *community) last() bridge.Reading {
	at := c.silent - communityStep
	for i := range c.sensors {
		if s := &c.sensors[i]; s.id == roofSilent {
			return bridge.Reading{Sensor: s.id, Time: at, Value: c.value(s, at), Quantity: s.quantity}
		}
	}
	return bridge.Reading{}
}

// quarterly computes every quarter of the loop.
func quarterly(of func(q int) float64) []float64 {
	out := make([]float64, communityLoop)
	for q := range out {
		out[q] = of(q)
	}
	return out
}

// smooth makes power of the energy of hours, which goes from the middle of one to the
// middle of the next in a straight line.
func smooth(hours []int64) []float64 {
	n := communityLoop / 4
	return quarterly(func(q int) float64 {
		x := (float64(q)+0.5)/4 - 0.5
		i := int(math.Floor(x))
		a, b := float64(hours[(i+n)%n]), float64(hours[(i+1)%n])
		return math.Round(a + (b-a)*(x-float64(i)))
	})
}

// The loop begins at 23:00 on a Sunday.
func hourOf(q int) float64 { return float64((q+92)%96) / 4 }
func dayOf(q int) int      { return (q + 92) / 96 }
func weekday(q int) int    { return dayOf(q) % 7 } // 0 is Sunday

// chance gives 0 to 1, the same for the same numbers.
func chance(of, n int) float64 {
	h := uint64(n)*0x9e3779b97f4a7c15 + uint64(of)*0xbf58476d1ce4e5b9
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return float64((h^h>>31)>>11) / (1 << 53)
}

// temperature is that outdoors, °C: of the season, the day and the weather.
func temperature(q int) float64 {
	day := float64(q) / 96
	weather := func(n int) float64 { return 8*chance(5, n%104) - 4 }
	n, into := int(day/3.5), math.Mod(day, 3.5)/3.5
	v := 9.5 + 9*math.Cos((day+10)/364*2*math.Pi) + 3*math.Sin((hourOf(q)-9)/24*2*math.Pi) + weather(n)*(1-into) + weather(n+1)*into
	return math.Round(v*10) / 10
}

// present tells whether somebody is in the hall.
func present(q int) bool {
	h, d := hourOf(q), weekday(q)
	if d >= 1 && d <= 5 && h >= 8 && h < 17 {
		return chance(6, q/2) < 0.95
	}
	return d == 4 && h >= 19 && h < 21
}

// madeLight is on while somebody is there, and on some evenings until nobody thinks of
// it.
func madeLight(q int) float64 {
	switch h := hourOf(q); {
	case present(q):
		return 640
	case h >= 17 && h < 23 && chance(7, dayOf(q)) < 0.35:
		return 640
	}
	return 12
}

// madeDishwasher runs in the evening of most days.
func madeDishwasher() []float64 {
	run := []float64{1800, 420, 260, 250, 1650, 310}
	return quarterly(func(q int) float64 {
		if chance(8, dayOf(q)) < 0.65 {
			if i := (q+92)%96 - 76 - int(8*chance(9, dayOf(q))); i >= 0 && i < len(run) {
				return run[i]
			}
		}
		return 2
	})
}

// madeCharger charges on workdays in the evening, or on most days in the morning.
func madeCharger(n int) []float64 {
	return quarterly(func(q int) float64 {
		day := dayOf(q)
		begin, power, may := 72+int(6*chance(10, day)), 7400.0, weekday(q) >= 1 && weekday(q) <= 5 && chance(11, day) < 0.7
		if n == 1 {
			begin, power, may = 34+int(10*chance(12, day)), 11000.0, chance(13, day) < 0.55
		}
		quarters := 6 + int(9*chance(14+n, day))
		switch i := (q+92)%96 - begin; {
		case !may || i < 0 || i > quarters:
			return 4
		case i == quarters:
			return power / 4
		}
		return power
	})
}
