package chart

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
	"github.com/wattwerk/wattwerk/bench/readings"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/sim"
)

// Options say what is asked for.
type Options struct {
	Sensors int // with a year of readings
	Queries int // one after the other
	Points  int // an answer is reduced to

	Dir     string                                                       // work below it; "": that for temporary files
	Profile string                                                       // write a CPU profile of the queries to this file; "": do not
	Start   func(ctx context.Context, dir string) (*bench.Server, error) // runs the program on a data directory
	Say     func(format string, a ...any)                                // progress, for people
}

// Validate tells what cannot be measured.
func (o *Options) Validate() error {
	if o.Sensors < 1 || o.Queries < 1 {
		return errors.New("at least one sensor and one query")
	}
	return nil
}

// Run measures.
func Run(ctx context.Context, o Options) (out *bench.Figures, err error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	dir, remove, err := bench.WorkDir(o.Dir)
	if err != nil {
		return nil, err
	}
	defer remove(&err)
	gen, err := sim.New(sim.Options{Sensors: o.Sensors, Interval: time.Minute, Seed: 1})
	if err != nil {
		return nil, err
	}
	to := record.MillisOf(time.Now().Add(-100 * 24 * time.Hour).Truncate(24 * time.Hour))
	from := to - 365*24*3600*1000
	o.Say("writing a year of %d sensors …", o.Sensors)
	samples, took, err := readings.Write(ctx, filepath.Join(dir, "history"), gen, o.Sensors, from, to)
	if err != nil {
		return nil, err
	}
	bytes := bench.SizeOf(filepath.Join(dir, "history"))
	s, err := o.Start(ctx, dir)
	if err != nil {
		return nil, err
	}
	stopProfile, err := bench.Profile(o.Profile)
	if err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	ms, points, err := o.ask(ctx, s, gen, from, to)
	if err := errors.Join(err, stopProfile(), s.Stop()); err != nil {
		return nil, err
	}
	out = new(bench.Figures)
	out.Add("samples_per_series", "readings of a sensor", samples/o.Sensors)
	out.Add("points", "points of an answer", points)
	out.Add("queries", "queries", len(ms))
	out.Add("query_p50_ms", "query p50 in ms", bench.Percentile(ms, 50))
	out.Add("query_p99_ms", "query p99 in ms", bench.Percentile(ms, 99))
	out.Add("query_max_ms", "query, most in ms", bench.Percentile(ms, 100))
	out.Add("bytes_per_sample", "bytes a sample on disk", float64(bytes)/float64(samples))
	out.Add("backfill_records_per_second", "records per second when the year was written", float64(samples)/took.Seconds())
	out.Machine()
	return out, nil
}

// ask gives how long each answer took, in ms, and how many points it had.
func (o *Options) ask(ctx context.Context, s *bench.Server, gen *sim.Generator, from, to record.Millis) ([]float64, int, error) {
	var ms []float64
	points := 0
	for k := range o.Queries {
		q := url.Values{"from": {from.String()}, "to": {to.String()}, "points": {fmt.Sprint(o.Points)}}
		begun := time.Now()
		resp, err := s.Do(ctx, http.MethodGet, "/api/v1/sensors/"+url.PathEscape(string(gen.Sensor(k%o.Sensors)))+"/range?"+q.Encode(), "", nil)
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
