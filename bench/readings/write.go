package readings

import (
	"context"
	"errors"
	"time"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/history/tsdb"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/sim"
)

// Write stores readings of so many sensors of a generator, one a minute, as blocks of
// a history in a directory. It gives how many they are, and how long that took.
func Write(ctx context.Context, dir string, gen *sim.Generator, sensors int, from, to record.Millis) (int, time.Duration, error) {
	begun := time.Now()
	store, err := tsdb.Open(tsdb.Options{Dir: dir})
	if err != nil {
		return 0, 0, err
	}
	fill, err := store.Backfill(ctx)
	if err != nil {
		return 0, 0, errors.Join(err, store.Close())
	}
	n := 0
	const month = 30 * 24 * 3600 * 1000
	for at := from; at < to && err == nil; at += month {
		for i := range sensors {
			var times []record.Millis
			var values []float64
			for t := at; t < min(at+month, to); t += minute {
				if v, ok := gen.Value(i, t); ok {
					times, values = append(times, t), append(values, v)
				}
			}
			if err = fill.Add(history.RecordsOf(gen.Sensor(i)), times, values); err != nil {
				break
			}
			n += len(times)
		}
	}
	if err != nil {
		fill.Abort()
	} else {
		_, err = fill.Commit()
	}
	return n, time.Since(begun), errors.Join(err, store.Close())
}
