package archtest

import (
	"bufio"
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	module   = "github.com/wattwerk/wattwerk"
	root     = "../.."
	maxLines = 700
	// maxPackage is how many lines a package has at most, without tests: about 2,500.
	maxPackage = 2600
)

// larger are packages that are larger on purpose, with the reason.
var larger = map[string]string{
	"app":                "the composition root and the command line, nearly 15,000 lines, need every part, and nobody imports them; what a benchmark measures is below bench",
	"pipeline/processor": "a processor is one file beside the others, and all share order, windows and state; what can do without these is below it",
	"aggregate/tick":     "what a tick is, engine and combiner must agree on to the bit; the goroutines around them are in aggregate",
	"history":            "storing and answering share the interface of stores, their series and what the model says of a subject; what can do without these is below it",
	"settlement":         "settling and asking share the trees, their spans, and from when on members count; what can do without these is below it",
	"history/remote":     "sending, proving by reading back, and asking share what is known of each series",
	"bus":                "the one transport: embedded server, streams, reading, writing and links share a connection and what is known of it",
}

// forbidden are package names that say nothing about what is inside.
var forbidden = []string{"util", "utils", "common", "helper", "helpers", "misc", "base", "shared", "types", "core", "lib", "pkg"}

// clients are third-party packages that stay inside those that drive them.
var clients = []struct {
	prefix string
	inside []string
	why    string
}{
	{"github.com/nats-io/nats-server", []string{"bus"}, "the bus embeds the server"},
	{"github.com/nats-io/nats.go", []string{"bus", "catalog", "aggregate", "registry", "bridge", "bridge/intake", "bridge/letter", "bridge/mqtt", "live", "uplink", "service", "fleet", "bench/*", "pipeline/connect/nats"}, "services see JetStream through package bus"},
	{"github.com/nats-io/nkeys", []string{"pipeline/connect/nats"}, "pipeline/connect/nats is the client of other people's NATS"},
	{"github.com/prometheus/prometheus/tsdb", []string{"history/*"}, "the embedded store is a driver of history.Store"},
	{"github.com/prometheus/prometheus", []string{"history", "history/*", "bridge", "internal/promtest"}, "PromQL belongs to the history, remote write to the bridge and to the Prometheus of tests"},
	{"github.com/eclipse/paho.golang", []string{"bridge/mqtt", "pipeline/connect/mqtt"}, "bridge/mqtt and pipeline/connect/mqtt are the MQTT clients"},
	{"github.com/twmb/franz-go", []string{"pipeline/connect/kafka"}, "pipeline/connect/kafka is the client of Kafka"},
	{"go.mongodb.org/mongo-driver", []string{"pipeline/connect/mongodb"}, "pipeline/connect/mongodb is the client of MongoDB"},
	{"github.com/uptrace/bun", []string{"access", "alert", "settlement/cost/contract", "settlement/ledger", "settlement/views", "history/imports", "settlement/report/desk", "survey/register", "pipeline/checkpoint", "pipeline/repository", "cir/book", "service/book", "internal/sqldb"}, "SQL stays with the package that owns the tables"},
	{"modernc.org/sqlite", []string{"internal/sqldb"}, "internal/sqldb opens databases"},
	{"github.com/pressly/goose", []string{"internal/sqldb"}, "internal/sqldb brings tables up to date"},
	{"github.com/jackc/pgx", []string{"internal/sqldb", "internal/pgtest", "pipeline/connect/postgresql"}, "internal/sqldb opens databases, and pipeline/connect/postgresql those of others"},
	{"go.opentelemetry.io", []string{"internal/trace", "internal/tracetest"}, "spans are made through internal/trace, which can be off"},
	{"github.com/coreos/go-oidc", []string{"gateway"}, "the gateway alone signs people in"},
	{"github.com/theupdateframework/go-tuf", []string{"edge/update", "survey/update"}, "what is signed is read and written in one place each"},
	{"github.com/sigstore/sigstore", []string{"survey/update"}, "survey/update signs"},
	{"github.com/piprate/json-gold", []string{"object/notation"}, "object/notation reads JSON-LD"},
	{"go.bug.st/serial", []string{"meter/port"}, "meter/port opens serial ports"},
	{"github.com/gosnmp/gosnmp", []string{"meter/snmp"}, "meter/snmp asks by SNMP"},
	{"github.com/hashicorp/yamux", []string{"survey/visit", "edge/visit"}, "tunnels of devices are multiplexed at their two ends"},
	{"golang.org/x/crypto/ssh", []string{"survey", "survey/visit", "edge/visit"}, "SSH is spoken inside the tunnels of devices"},
	{"github.com/expr-lang/expr", []string{"pipeline/processor/expression"}, "what people write is compiled and bounded in one place"},
	{"github.com/alecthomas/kong", []string{"app"}, "the command line is app's"},
	{"github.com/knadh/koanf", []string{"internal/config"}, "settings are read in one place"},
	{"github.com/xuri/excelize", []string{"settlement/report/form", "internal/sheet"}, "workbooks are a form of reports, and tables are written by internal/sheet"},
	{"github.com/parquet-go", []string{"history", "history/*", "settlement/table", "survey/dataset", "app", "pipeline/connect/parquet"}, "export belongs to the history, to settlement/table and to survey/dataset; results are written by pipeline/connect/parquet"},
}

// pkg is what 'go list' says of a package.
type pkg struct {
	ImportPath, Dir, Name string
	Imports               []string
	GoFiles               []string
	TestGoFiles           []string
	XTestGoFiles          []string
}

func (p pkg) short() string { return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/") }

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,Name,Imports,GoFiles,TestGoFiles,XTestGoFiles", "./...")
	cmd.Dir = root
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestTheMapIsTrue(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := parseMap(string(page))
	if err != nil {
		t.Fatal(err)
	}
	imports := make(map[string][]string)
	for _, p := range list(t) {
		imports[p.short()] = nil
		for _, i := range p.Imports {
			if to, ours := strings.CutPrefix(i, module+"/"); ours {
				imports[p.short()] = append(imports[p.short()], to)
			}
		}
	}
	for _, sentence := range a.check(imports) {
		t.Error(sentence)
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range list(t) {
		files := p.GoFiles
		if len(files) == 0 {
			files = slices.Concat(p.TestGoFiles, p.XTestGoFiles)
		}
		said := 0
		for _, f := range files {
			parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, f), nil, parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				t.Errorf("%s: %v", f, err)
				continue
			}
			if parsed.Doc != nil {
				said++
			}
		}
		if said != 1 {
			t.Errorf("Package %s has %d package comments; one, in doc.go, should state what it guarantees.", p.short(), said)
		}
	}
}

func TestPackageNamesSaySomething(t *testing.T) {
	for _, p := range list(t) {
		if slices.Contains(forbidden, p.Name) || slices.Contains(forbidden, path.Base(p.short())) {
			t.Errorf("Package %s has a name that says nothing; name it after what it knows about.", p.short())
		}
	}
}

func TestFilesAndPackagesStayReadable(t *testing.T) {
	for _, p := range list(t) {
		total := 0
		for _, f := range slices.Concat(p.GoFiles, p.TestGoFiles, p.XTestGoFiles) {
			n := lines(t, filepath.Join(p.Dir, f))
			if n > maxLines {
				t.Errorf("%s/%s has %d lines; divide it where the subject divides, at %d at the latest.", p.short(), f, n, maxLines)
			}
			if !strings.HasSuffix(f, "_test.go") {
				total += n
			}
		}
		if total > maxPackage && larger[p.short()] == "" {
			t.Errorf("Package %s has %d lines; divide it, or write the reason down in this test.", p.short(), total)
		}
		if total <= maxPackage && larger[p.short()] != "" {
			t.Errorf("Package %s has only %d lines now; its exception in this test can go.", p.short(), total)
		}
	}
}

func lines(t *testing.T, file string) int {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for s := bufio.NewScanner(f); s.Scan(); {
		n++
	}
	return n
}

func TestClientsStayInsideTheirDrivers(t *testing.T) {
	for _, p := range list(t) {
		if p.short() == "internal/deps" {
			continue
		}
		for _, i := range p.Imports {
			for _, c := range clients {
				if !strings.HasPrefix(i, c.prefix) {
					continue
				}
				if !slices.ContainsFunc(c.inside, func(in string) bool { return fits(in, p.short()) }) {
					t.Errorf("Package %s imports %s: %s.", p.short(), i, c.why)
				}
				break
			}
		}
	}
}

// TestNobodyRegistersHimself looks for what makes the order of imports matter.
func TestNobodyRegistersHimself(t *testing.T) {
	for _, p := range list(t) {
		for _, f := range p.GoFiles {
			data, err := os.ReadFile(filepath.Join(p.Dir, f))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(data), "\nfunc init()") {
				t.Errorf("%s/%s has an init function; give the value to whoever needs it.", p.short(), f)
			}
			if strings.Contains(string(data), "slog.SetDefault") || strings.Contains(string(data), "slog.Default()") {
				t.Errorf("%s/%s uses the global logger; take a *slog.Logger in the options.", p.short(), f)
			}
		}
	}
}
