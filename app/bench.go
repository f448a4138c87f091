package app

import (
	"errors"
	"fmt"

	"github.com/wattwerk/wattwerk/bench"
)

// BenchCmd is "wattwerk bench".
type BenchCmd struct {
	Ingest    BenchIngestCmd    `cmd:"" help:"From sensors to stored history and group ticks, everything on the disk."`
	Aggregate BenchAggregateCmd `cmd:"" help:"Aggregation alone, in memory; every result is checked."`
	Latency   BenchLatencyCmd   `cmd:"" help:"From an accepted HTTP push to the tick on the event stream."`
	Query     BenchQueryCmd     `cmd:"" help:"A year of one sensor reduced to 1,000 points; bytes a sample."`
	Settle    BenchSettleCmd    `cmd:"" help:"Windows of 15 minutes from raw readings, for all sensors and groups."`
	Costs     BenchCostsCmd     `cmd:"" help:"A month of costs from settled windows, for all sensors."`
	Manifest  BenchManifestCmd  `cmd:"" help:"Declared analytics: JSON through a rule, changes and pauses, many manifests."`
	Forecast  BenchForecastCmd  `cmd:"" help:"Days ahead, gaps and anomalies, on measured data: how right, and what it costs."`
	Survey    BenchSurveyCmd    `cmd:"" help:"Devices of a field survey that send what they measured, by mutual TLS."`
	Services  BenchServicesCmd  `cmd:"" help:"Discovery of services among objects of which some are down, and the services themselves."`
	UC1       BenchUC1Cmd       `cmd:"" name:"uc1" help:"Theodolite's first benchmark: store every record."`
	UC2       BenchUC2Cmd       `cmd:"" name:"uc2" help:"Theodolite's second: downsample to windows of a minute."`
	UC3       BenchUC3Cmd       `cmd:"" name:"uc3" help:"Theodolite's third: statistics by hour of the day, over 30 days that slide."`
	UC4       BenchUC4Cmd       `cmd:"" name:"uc4" help:"Theodolite's fourth: sums of nested groups."`
	UC        BenchUCCmd        `cmd:"" name:"uc" help:"All four of Theodolite's, live and on a backlog, as one table."`
	Scale     BenchScaleCmd     `cmd:"" help:"The Titan paper's experiment: 1 to 12 processing instances of half a core each."`
	Ask       BenchAskCmd       `cmd:"" hidden:"" help:"Ask a server as a plan says; benchmarks start it themselves."`
	Load      BenchLoadCmd      `cmd:"" hidden:"" help:"Send the load of one of Theodolite's benchmarks; they start it themselves."`
}

// Help is shown by --help.
func (*BenchCmd) Help() string {
	return `Every benchmark works in a directory of its own, which it removes again, and
prints a table, or with --json one JSON object whose keys name quantity and unit.

Examples:
  wattwerk bench ingest --seconds 60
  wattwerk bench ingest --sensors 20000 --groups 200 --rate 1
  wattwerk bench aggregate --json
  wattwerk bench latency
  wattwerk bench query
  wattwerk bench settle
  wattwerk bench costs
  wattwerk bench services
  wattwerk bench forecast
  wattwerk bench scale --svg scale.svg
  wattwerk bench uc
  wattwerk bench uc1 --backlog                 how many records a second are stored
  wattwerk bench uc2 --sensors 100000          is this load kept up with?
  wattwerk bench uc3 --backlog --days 7
  wattwerk bench uc4 --nested-groups 7         16,384 sensors, as Theodolite counts them`
}

// benchFlags are common to all benchmarks.
type benchFlags struct {
	JSON bool   `name:"json" help:"Print one JSON object."`
	Dir  string `help:"Work below this directory instead of the one for temporary files: it must be on the disk to be measured." type:"path"`
}

// measure runs a benchmark that can be run as its options say, and prints the
// figures; of one that was broken off those that it has.
func (f benchFlags) measure(sys IO, options interface{ Validate() error }, run func() (*bench.Figures, error)) error {
	if err := options.Validate(); err != nil {
		return usageError{err}
	}
	out, err := run()
	if out != nil {
		err = errors.Join(err, out.Print(sys.Out, f.JSON))
	}
	return err
}

// say tells people how far a benchmark is.
func say(sys IO) func(format string, a ...any) {
	return func(format string, a ...any) { fmt.Fprintf(sys.Err, format+"\n", a...) } //nolint:errcheck // only words
}
