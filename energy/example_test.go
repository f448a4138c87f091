package energy_test

import (
	"fmt"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
)

func ExampleSettle() {
	const minute = record.Millis(60_000)
	readings := []energy.Reading{
		{Time: 0, Value: 812_400},
		{Time: 10 * minute, Value: 812_500},
		{Time: 20 * minute, Value: 0}, // it lost its memory
		{Time: 30 * minute, Value: 100},
	}
	rules := energy.Rules{Counter: true, MaxAge: int64(15 * minute)}
	values, notes := energy.Settle(readings, []record.Millis{0, 15 * minute, 30 * minute}, rules, nil)
	for _, v := range values {
		fmt.Println(v.Amount, "Wh,", v.Quality)
	}
	for _, n := range notes {
		fmt.Println(n)
	}
	// Output:
	// 100 Wh, measured
	// 100 Wh, measured
	// 1970-01-01T00:20:00.000Z: reset, 812500 to 0, counted as 0
}
