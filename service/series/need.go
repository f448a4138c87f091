package series

import (
	"fmt"

	"github.com/wattwerk/wattwerk/energy"
)

// ServiceNeed is something that a service must be given, or can use.
type ServiceNeed struct {
	Role     string   `json:"role" doc:"What it is to the service" example:"load"`
	Class    string   `json:"class" doc:"Class of the objects by the Brick vocabulary, subclasses included; empty for what people say" example:"brick:Electric_Energy_Sensor"`
	Also     []string `json:"also,omitempty" doc:"Classes that do as well" maxItems:"10"`
	Min      int      `json:"min" doc:"How many there must be; 0: the service runs without, and says what it did instead"`
	Max      int      `json:"max,omitempty" doc:"How many are taken; 0: any number"`
	Interval int64    `json:"interval,omitempty" doc:"Longest step that is taken, in ms"`
	History  int64    `json:"history,omitempty" doc:"How much of the past is needed, in ms"`
	Why      string   `json:"why" doc:"What it is for, and what is done without"`
}

// Settling are the classes of which settled energy is made as well as of counters.
func Settling() []string { return []string{"brick:Active_Power_Sensor"} }

// QualityCount counts the intervals of a series by what they rest on.
type QualityCount struct {
	Intervals   int `json:"intervals" doc:"All of them"`
	Measured    int `json:"measured"`
	Corrected   int `json:"corrected" doc:"By a person"`
	Substituted int `json:"substituted" doc:"Taken from elsewhere"`
	Estimated   int `json:"estimated" doc:"Spread over a gap, or a part of them is"`
	Missing     int `json:"missing" doc:"Not known"`
}

// Note counts one more.
func (c *QualityCount) Note(q energy.Quality) {
	c.Intervals++
	switch q {
	case energy.Measured:
		c.Measured++
	case energy.Corrected:
		c.Corrected++
	case energy.Substituted:
		c.Substituted++
	case energy.Estimated:
		c.Estimated++
	default:
		c.Missing++
	}
}

// Completeness is the share of intervals that are known, from 0 to 1.
func (c QualityCount) Completeness() float64 {
	if c.Intervals == 0 {
		return 0
	}
	return float64(c.Intervals-c.Missing) / float64(c.Intervals)
}

// String is a sentence of them: "2,880 intervals: 2,870 measured, 10 estimated".
func (c QualityCount) String() string {
	s := Count(c.Intervals, "interval")
	sep := ": "
	for _, x := range []struct {
		n    int
		what string
	}{{c.Measured, "measured"}, {c.Corrected, "corrected"}, {c.Substituted, "substituted"}, {c.Estimated, "estimated"}, {c.Missing, "missing"}} {
		if x.n > 0 {
			s += fmt.Sprintf("%s%d %s", sep, x.n, x.what)
			sep = ", "
		}
	}
	return s
}

// Count is a number of things in words: "1 interval", "3 intervals".
func Count(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
