package summing

import (
	"errors"
	"fmt"
	"io"
	"math"
	"text/tabwriter"
	"time"

	"github.com/wattwerk/wattwerk/aggregate/tick"
	"github.com/wattwerk/wattwerk/bench"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/sim"
)

// Options say how much is measured.
type Options struct {
	Sensors int    // of the throughput part
	Groups  int    // of the throughput part
	Rounds  int    // readings of each sensor in the throughput part
	Seconds int    // of readings in each checked set-up
	Levels  int    // the deepest checked set-up; 4 members a group, so 4^levels sensors
	Profile string // write a CPU profile of the throughput part to this file; "": do not
}

// Outcome is what a run gives.
type Outcome struct {
	bench.Figures
	Exact int // results that are as they should be
	All   int // results that were checked
	rows  []map[string]any
}

// Run measures. The engine is handed encoded batches, as it is by the bus.
func Run(o Options) (*Outcome, error) {
	out := new(Outcome)
	rate, err := o.throughput()
	if err != nil {
		return nil, err
	}
	out.Add("records_per_second_per_core", "records per second and core, decoding included", rate)
	for levels := 3; levels <= o.Levels; levels++ {
		for _, backlog := range []bool{false, true} {
			for _, moving := range []bool{false, true} {
				s := &setup{levels: levels, seconds: o.Seconds, backlog: backlog, moving: moving}
				if err := s.run(); err != nil {
					return nil, err
				}
				out.Exact, out.All = out.Exact+s.exact, out.All+s.all
				out.rows = append(out.rows, map[string]any{
					"levels": levels, "sensors": s.sensors, "mode": s.mode(), "records": s.records,
					"exact_results": s.exact, "all_results": s.all, "cpu_us_per_record": s.cpu.Seconds() * 1e6 / float64(s.records),
				})
			}
		}
	}
	out.Add("exact_results", "group results exact", out.Exact)
	out.Add("all_results", "group results checked", out.All)
	out.Add("setups", "set-ups", out.rows)
	out.Machine()
	return out, nil
}

// Print writes figures and a table of the set-ups for people, or one JSON object.
func (out *Outcome) Print(w io.Writer, asJSON bool) error {
	if err := out.Figures.Print(w, asJSON); err != nil || asJSON {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\nlevels\tsensors\tmode\trecords\texact\tof\tCPU µs/record\t") //nolint:errcheck // Flush reports
	for _, r := range out.rows {
		fmt.Fprintf(t, "%v\t%v\t%v\t%v\t%v\t%v\t%.3f\t\n", r["levels"], r["sensors"], r["mode"], r["records"], r["exact_results"], r["all_results"], r["cpu_us_per_record"]) //nolint:errcheck // Flush reports
	}
	return t.Flush()
}

// throughput runs one partition on one goroutine, as fast as it goes.
func (o *Options) throughput() (perSecond float64, err error) {
	gen, err := sim.New(sim.Options{Sensors: o.Sensors, Groups: o.Groups, BatchSize: 5000, Seed: 1})
	if err != nil {
		return 0, err
	}
	m, err := model.New(gen.Document())
	if err != nil {
		return 0, err
	}
	ticks := 0
	comb := tick.NewCombiner(tick.DefaultTiming(), 1, func(*record.Ticks) { ticks++ })
	var failed error
	now := record.MillisOf(time.Now())
	eng := tick.NewEngine(tick.DefaultTiming(), 0, 1, func(r *tick.Report) {
		if err := comb.Add(r, now, 0); err != nil {
			failed = err
		}
	})
	plan := tick.Plan{Hierarchy: sim.Hierarchy, Revision: 1, Layout: m.Layout(sim.Hierarchy)}
	comb.SetPlan(plan)
	eng.SetPlan(plan)
	start := now - record.Millis(o.Rounds+60)*1000
	// Encoded outside the measurement: the generator is not what is measured.
	var messages [][]byte
	total := 0
	for k := range min(o.Rounds, 20) {
		if err := gen.Lane(0).Fill(start+record.Millis(k)*1000, func(b []byte, n int) error {
			messages = append(messages, append([]byte(nil), b...))
			return nil
		}); err != nil {
			return 0, err
		}
	}
	stop, err := bench.Profile(o.Profile)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	var b record.Batch
	cpu := bench.CPU()
	perRound := len(messages) / min(o.Rounds, 20)
	for k := range o.Rounds {
		for i := range perRound {
			if err := b.Decode(messages[(k*perRound+i)%len(messages)]); err != nil {
				return 0, err
			}
			shift := record.Millis(k/20) * 20_000 // the same messages again, later
			for j := range b.Times {
				b.Times[j] += shift
			}
			eng.Step(now, &b, math.MaxInt64)
			total += b.Len()
		}
	}
	used := bench.CPU() - cpu
	if failed != nil || ticks < o.Rounds-5 {
		return 0, fmt.Errorf("%d of %d ticks came out: %w", ticks, o.Rounds, failed)
	}
	return float64(total) / used.Seconds(), nil
}
