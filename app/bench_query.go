package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"github.com/wattwerk/wattwerk/bench"
	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/history/tsdb"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/sim"
)

// BenchQueryCmd is "wattwerk bench query".
type BenchQueryCmd struct {
	benchFlags `embed:""`
	Sensors    int    `default:"50" help:"Sensors with a year of readings."`
	Queries    int    `default:"300" help:"How many queries, one after the other."`
	Points     int    `default:"1000" help:"Points an answer is reduced to."`
	Profile    string `help:"Write a CPU profile of the queries to this file." type:"path"`
}

// Help is shown by --help.
func (*BenchQueryCmd) Help() string {
	return `Writes a year of readings, one a minute, for each sensor (daily and weekly shape with noise,
multiples of 1/8 W), then asks for the whole year of one sensor over HTTP, as a chart does.`
}

// Run measures.
func (c *BenchQueryCmd) Run(ctx context.Context, sys IO) error {
	if c.Sensors < 1 || c.Queries < 1 {
		return usageError{errors.New("at least one sensor and one query")}
	}
	dir, remove, err := c.workDir()
	if err != nil {
		return err
	}
	defer remove()
	gen, err := sim.New(sim.Options{Sensors: c.Sensors, Interval: time.Minute, Seed: 1})
	if err != nil {
		return err
	}
	to := record.MillisOf(time.Now().Add(-100 * 24 * time.Hour).Truncate(24 * time.Hour))
	from := to - 365*24*3600*1000
	fmt.Fprintf(sys.Err, "writing a year of %d sensors …\n", c.Sensors) //nolint:errcheck // only words
	samples, took, err := c.write(ctx, filepath.Join(dir, "history"), gen, from, to)
	if err != nil {
		return err
	}
	bytes := bench.SizeOf(filepath.Join(dir, "history"))
	cl, stop, err := startBench(ctx, dir)
	if err != nil {
		return err
	}
	stopProfile, err := bench.Profile(c.Profile)
	if err != nil {
		return errors.Join(err, stop())
	}
	ms, points, err := c.ask(ctx, cl, gen, from, to)
	if err := errors.Join(err, stopProfile(), stop()); err != nil {
		return err
	}
	var out bench.Figures
	out.Add("samples_per_series", "readings of a sensor", samples/c.Sensors)
	out.Add("points", "points of an answer", points)
	out.Add("queries", "queries", len(ms))
	out.Add("query_p50_ms", "query p50 in ms", bench.Percentile(ms, 50))
	out.Add("query_p99_ms", "query p99 in ms", bench.Percentile(ms, 99))
	out.Add("query_max_ms", "query, most in ms", bench.Percentile(ms, 100))
	out.Add("bytes_per_sample", "bytes a sample on disk", float64(bytes)/float64(samples))
	out.Add("backfill_records_per_second", "records per second when the year was written", float64(samples)/took.Seconds())
	out.Machine()
	return out.Print(sys.Out, c.JSON)
}

// write stores the year of all sensors as blocks.
func (c *BenchQueryCmd) write(ctx context.Context, dir string, gen *sim.Generator, from, to record.Millis) (int, time.Duration, error) {
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
		for i := range c.Sensors {
			var times []record.Millis
			var values []float64
			for t := at; t < min(at+month, to); t += 60_000 {
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

// ask gives how long each answer took, in ms, and how many points it had.
func (c *BenchQueryCmd) ask(ctx context.Context, cl *client, gen *sim.Generator, from, to record.Millis) ([]float64, int, error) {
	var ms []float64
	points := 0
	for k := range c.Queries {
		q := url.Values{"from": {from.String()}, "to": {to.String()}, "points": {fmt.Sprint(c.Points)}}
		begun := time.Now()
		resp, err := cl.do(ctx, http.MethodGet, "/api/v1/sensors/"+url.PathEscape(string(gen.Sensor(k%c.Sensors)))+"/range?"+q.Encode(), "", nil)
		if err != nil {
			return nil, 0, err
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			return nil, 0, err
		}
		ms = append(ms, float64(time.Since(begun).Microseconds())/1000)
		var got struct {
			T []int64 `json:"t"`
		}
		if err := json.Unmarshal(body, &got); err != nil {
			return nil, 0, err
		}
		points = len(got.T)
	}
	return ms, points, nil
}
