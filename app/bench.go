package app

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// BenchCmd is "wattwerk bench".
type BenchCmd struct {
	Ingest    BenchIngestCmd    `cmd:"" help:"From sensors to stored history and group ticks, everything on the disk."`
	Aggregate BenchAggregateCmd `cmd:"" help:"Aggregation alone, in memory; every result is checked."`
	Latency   BenchLatencyCmd   `cmd:"" help:"From an accepted HTTP push to the tick on the event stream."`
	Query     BenchQueryCmd     `cmd:"" help:"A year of one sensor reduced to 1,000 points; bytes a sample."`
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
  wattwerk bench query`
}

// benchFlags are common to all benchmarks.
type benchFlags struct {
	JSON bool   `name:"json" help:"Print one JSON object."`
	Dir  string `help:"Work below this directory instead of the one for temporary files: it must be on the disk to be measured." type:"path"`
}

// workDir makes a directory that remove takes away again.
func (f benchFlags) workDir() (dir string, remove func(), err error) {
	dir, err = os.MkdirTemp(f.Dir, "wattwerk-bench-")
	return dir, func() { _ = os.RemoveAll(dir) }, err
}

// figures are results in the order they are shown.
type figures struct {
	keys   []string
	values map[string]any
	labels map[string]string
}

// add keeps a result: a JSON key that names quantity and unit, words for the
// table, and a number, text or list.
func (f *figures) add(key, label string, value any) {
	if f.values == nil {
		f.values, f.labels = make(map[string]any), make(map[string]string)
	}
	if _, ok := f.values[key]; !ok {
		f.keys = append(f.keys, key)
	}
	f.values[key], f.labels[key] = value, label
}

// print writes the table or the object.
func (f *figures) print(w io.Writer, asJSON bool) error {
	if asJSON {
		var b strings.Builder
		b.WriteByte('{')
		for i, k := range f.keys {
			if i > 0 {
				b.WriteByte(',')
			}
			v, err := json.Marshal(f.values[k])
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, "%q:%s", k, v)
		}
		b.WriteString("}\n")
		_, err := io.WriteString(w, b.String())
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, k := range f.keys {
		if _, rows := f.values[k].([]map[string]any); rows {
			continue // shown as a table of its own
		}
		fmt.Fprintf(t, "%s\t%s\n", f.labels[k], human(f.values[k])) //nolint:errcheck // Flush reports
	}
	return t.Flush()
}

func human(v any) string {
	switch x := v.(type) {
	case float64:
		switch {
		case math.Abs(x) >= 1000:
			return grouped(int64(math.Round(x)))
		case x == math.Trunc(x):
			return strconv.FormatFloat(x, 'f', -1, 64)
		}
		return strconv.FormatFloat(x, 'g', 3, 64)
	case int:
		return grouped(int64(x))
	case int64:
		return grouped(x)
	case uint64:
		return grouped(int64(x))
	}
	return fmt.Sprint(v)
}

func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// usage is the CPU time of the process, user and system.
func usage() time.Duration {
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// peakRSS is the most memory the process has held, in bytes.
func peakRSS() int64 {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer f.Close() //nolint:errcheck // read only
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), "VmHWM:"); ok {
			kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// machine says what the figures were measured on.
func (f *figures) machine() {
	f.add("cores", "cores", runtime.GOMAXPROCS(0))
	f.add("go_version", "Go", runtime.Version())
}
