package bench

import (
	"flag"
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/scaling.md anew")

const (
	scalingPage    = "../docs/scaling.md"
	benchmarksPage = "../docs/benchmarks.md"
)

// measured says which figure of which table of docs/benchmarks.md a constant is.
var measured = map[string]struct{ sensors, figure string }{
	"cpu":     {"1,000,000", "CPU microseconds per record"},
	"bus":     {"1,000,000", "bytes a record on the bus"},
	"history": {"1,000,000", "bytes a sample in the history, after the stop"},
	"memory":  {"1,000,000", "peak memory in bytes"},
	"small":   {"20,000", "peak memory in bytes"},
	"share":   {"20,000", "share of one core"},
	"rate":    {"20,000", "records per second"},
}

// TestScaling works the tables of docs/scaling.md out again.
func TestScaling(t *testing.T) {
	page := read(t, scalingPage)
	benchmarks := read(t, benchmarksPage)
	next := page
	for name, m := range measured {
		now := figure(t, benchmarks, m.sensors, m.figure)
		line := regexp.MustCompile("(?m)^\\| `" + name + "` \\| ([0-9.,]+) \\|")
		if !line.MatchString(next) {
			t.Fatalf("the page has no constant %q", name)
		}
		next = line.ReplaceAllLiteralString(next, "| `"+name+"` | "+now+" |")
	}
	c := constants(t, next)
	for marker, interval := range map[string]float64{"second": 1, "minute": 60} {
		var b strings.Builder
		fmt.Fprintf(&b, "<!-- %s -->\n\n| sensors | records/s | busy cores | cores | machines | partitions | memory | bus disk | history a year | network |\n|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n", marker)
		for _, sensors := range []float64{100, 10_000, 1_000_000, 100_000_000} {
			b.WriteString(c.row(sensors, interval))
		}
		table := regexp.MustCompile("(?s)<!-- " + marker + " -->\n(\n\\|.*?\n)*(\n|$)")
		if !table.MatchString(next) {
			t.Fatalf("the page has no mark %q", marker)
		}
		next = table.ReplaceAllLiteralString(next, b.String()+"\n")
	}
	if next == page {
		return
	}
	if *update {
		if err := os.WriteFile(scalingPage, []byte(next), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("docs/scaling.md does not follow from its constants and docs/benchmarks.md; go test ./bench -run TestScaling -update writes\n%s", next)
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// figure finds a row in the table of the ingest benchmark with so many sensors.
func figure(t *testing.T, page, sensors, name string) string {
	t.Helper()
	_, table, ok := strings.Cut(page, "| sensors | "+sensors+" |\n| groups ")
	if !ok {
		t.Fatalf("docs/benchmarks.md has no table of %s sensors", sensors)
	}
	table, _, _ = strings.Cut(table, "\n\n")
	_, value, ok := strings.Cut(table, "\n| "+name+" | ")
	if !ok {
		t.Fatalf("docs/benchmarks.md does not say %q of %s sensors", name, sensors)
	}
	value, _, _ = strings.Cut(value, " ")
	return value
}

// needs are the constants of the page by name.
type needs map[string]float64

func constants(t *testing.T, page string) needs {
	t.Helper()
	out := make(needs)
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z]+)` \\| ([0-9.,]+) \\|").FindAllStringSubmatch(page, -1) {
		v, err := strconv.ParseFloat(strings.ReplaceAll(m[2], ",", ""), 64)
		if err != nil {
			t.Fatalf("constant %s is %q", m[1], m[2])
		}
		out[m[1]] = v
	}
	for _, name := range []string{"cpu", "bus", "history", "memory", "small", "share", "rate", "room", "keep", "readers", "copies", "busshare", "cores", "most"} {
		if out[name] == 0 {
			t.Fatalf("the page has no constant %q", name)
		}
	}
	return out
}

// row is what so many sensors need.
func (c needs) row(sensors, interval float64) string {
	installations := math.Ceil(sensors / c["most"])
	here := sensors / installations
	copies := 1.0
	if here >= 1_000_000 {
		copies = c["copies"]
	}
	records := here / interval
	busy := c["share"] - c["rate"]*c["cpu"]/1e6 + records*c["cpu"]/1e6*(1-c["busshare"]+c["busshare"]*copies)
	cores := max(1, busy*c["room"])
	machines := math.Ceil(cores / c["cores"])
	if copies > 1 {
		machines = max(machines, copies)
	}
	each := (c["memory"] - c["small"]) / (1_000_000 - 20_000)
	memory := here*each + c["small"] - 20_000*each
	n := installations
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s/s |\n", grouped(int64(sensors)), number(n*records), number(n*busy), number(n*math.Ceil(cores)),
		number(n*machines), number(n*16), size(n*memory), size(n*records*c["bus"]*c["keep"]*copies),
		size(n*records*c["history"]*365*86400), size(n*records*c["bus"]*(copies+c["readers"])))
}

// number writes two digits that count.
func number(v float64) string {
	if v >= 10 {
		scale := math.Pow(10, math.Floor(math.Log10(v))-1)
		return grouped(int64(math.Round(math.Round(v/scale) * scale)))
	}
	return strconv.FormatFloat(v, 'g', 2, 64)
}

func size(bytes float64) string {
	unit := 0
	for bytes >= 999.5 && unit < 5 {
		bytes, unit = bytes/1000, unit+1
	}
	return number(bytes) + " " + []string{"B", "kB", "MB", "GB", "TB", "PB"}[unit]
}
