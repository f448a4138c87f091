package bridge_test

import (
	"context"
	"encoding/xml"
	"fmt"
	"iter"
	"os"

	"github.com/wattwerk/wattwerk/bridge"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/record"
)

// A heat pump sends XML with several circuits, each with a state, and its
// power in kilowatts:
//
//	<pump id="hp1" time="1700000000"><circuit name="a" on="true" kw="2.5"/>…</pump>
type pump struct {
	ID       string    `xml:"id,attr"`
	Time     int64     `xml:"time,attr"` // s since 1970 UTC
	Circuits []circuit `xml:"circuit"`
}

type circuit struct {
	Name string  `xml:"name,attr"`
	On   bool    `xml:"on,attr"`
	KW   float64 `xml:"kw,attr"`
	pump *pump
}

// heatPump is the whole bridge: a source and steps.
func heatPump() bridge.Bridge {
	pumps := bridge.From(func(m *bridge.Message) (p pump, err error) { return p, xml.Unmarshal(m.Body, &p) })
	circuits := bridge.FlatMap(pumps, eachCircuit).Filter(func(c circuit) bool { return c.On })
	return bridge.Bridge{Name: "heat-pump", Flow: bridge.Map(circuits, power)}
}

func eachCircuit(_ *bridge.Message, p pump) iter.Seq2[circuit, error] {
	return func(yield func(circuit, error) bool) {
		for _, c := range p.Circuits {
			if c.pump = &p; !yield(c, nil) {
				return
			}
		}
	}
}

func power(_ *bridge.Message, c circuit) (bridge.Reading, error) {
	return bridge.Reading{
		Sensor: c.pump.ID + "." + c.Name,
		Time:   record.Millis(c.pump.Time * 1000),
		Value:  c.KW,
		Unit:   "kW",
	}, nil
}

func Example() {
	dir, err := os.MkdirTemp("", "bridge")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	b, err := bus.Open(context.Background(), bus.Options{Dir: dir, Partitions: 1, MinFree: 1})
	if err != nil {
		panic(err)
	}
	defer b.Close()
	service, err := bridge.New(bridge.Options{Bus: b})
	if err != nil {
		panic(err)
	}

	answer, err := service.Take(context.Background(), heatPump(), &bridge.Message{Body: []byte(
		`<pump id="hp1" time="1700000000">
			<circuit name="a" on="true" kw="2.5"/>
			<circuit name="b" on="false" kw="0"/>
			<circuit name="c" on="true" kw="NaN"/>
		</pump>`)})
	if err != nil {
		panic(err)
	}
	fmt.Printf("%d accepted, %d filtered, %d refused: %s\n", answer.Accepted, answer.Filtered, answer.Refused, answer.Reasons[0])
	letters, err := b.DeadLetters(context.Background(), 10)
	if err != nil {
		panic(err)
	}
	fmt.Println("dead letter:", letters[0].Source, letters[0].Sensor)

	// Output:
	// 1 accepted, 1 filtered, 1 refused: value is not a finite number: NaN
	// dead letter: heat-pump hp1.c
}
