package tick

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

var update = flag.Bool("update", false, "rewrite what the scripts expect")

// TestScripts runs testdata/*.txt. A script is read line by line:
//
//	partitions 4           how many there are; one if not said
//	model 10               the YAML below, indented, is the model from second 10 on
//	send 12 a@11.5=3 b@11=4   a message stored at second 12, with these readings
//	clock 20               nothing more is stored until second 20
//	preview 20             what is shown at second 20, before it is final
//	restart                every engine goes on from a checkpoint
//	takeover               the same, and another combiner goes on from what is stored
//
// After each command stand the ticks that came out, one line per tick and
// group: sum, least and greatest leaf, leaves with a value of leaves, own
// meter, unaccounted. A dash is null. Run with -update to write them anew.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) { runScript(t, f) })
	}
}

type script struct {
	t        *testing.T
	out      []string
	engines  []*Engine
	combiner *Combiner
	preview  *Previewer
	now      record.Millis
	revision uint64
	plans    []Plan
	last     map[string]*record.Ticks // what is stored last, by hierarchy
}

func (s *script) combine(partitions int) {
	s.combiner = NewCombiner(DefaultTiming(), partitions, func(k *record.Ticks) {
		s.show("", k)
		s.last[k.Hierarchy] = k
	})
	s.preview = NewPreviewer(s.combiner)
	for _, p := range s.plans {
		s.combiner.SetPlan(p)
	}
	s.combiner.SetRevision(s.revision)
	for _, k := range s.last {
		s.combiner.Resume(k)
	}
}

func (s *script) begin(partitions int) {
	s.last = make(map[string]*record.Ticks)
	s.combine(partitions)
	s.engines = make([]*Engine, partitions)
	for p := range s.engines {
		s.engines[p] = s.engine(p)
	}
}

func (s *script) engine(p int) *Engine {
	return NewEngine(DefaultTiming(), p, len(s.engines), func(r *Report) {
		if err := s.combiner.Add(r, s.now, 0); err != nil {
			s.t.Error(err)
		}
	})
}

func (s *script) show(what string, t *record.Ticks) {
	for i := range t.Ticks {
		k := &t.Ticks[i]
		for g, id := range t.Groups {
			line := fmt.Sprintf("  %s%s %gs %s: sum %s, %s to %s, %d of %d", what, t.Hierarchy, float64(k.Time)/1000, id, show(k.Sum[g]), show(k.Min[g]), show(k.Max[g]), k.Count[g], k.Total[g])
			if !math.IsNaN(k.Meter[g]) {
				line += fmt.Sprintf(", meter %s, unaccounted %s", show(k.Meter[g]), show(k.Unaccounted[g]))
			}
			s.out = append(s.out, line)
		}
	}
}

func show(v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

func seconds(t *testing.T, s string) record.Millis {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatalf("%q is not a number of seconds", s)
	}
	return record.Millis(math.Round(v * 1000))
}

func runScript(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	s := &script{t: t}
	var got []string
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if strings.HasPrefix(line, "  ") {
			continue // written anew below
		}
		got = append(got, line)
		words := strings.Fields(line)
		if len(words) == 0 || words[0][0] == '#' {
			continue
		}
		if s.engines == nil && words[0] != "partitions" {
			s.begin(1)
		}
		switch words[0] {
		case "partitions":
			n, err := strconv.Atoi(words[1])
			if err != nil {
				t.Fatal(err)
			}
			s.begin(n)
		case "model":
			var yaml []string
			for i+1 < len(lines) && strings.HasPrefix(lines[i+1], "    ") {
				i++
				got = append(got, lines[i])
				yaml = append(yaml, strings.TrimPrefix(lines[i], "    "))
			}
			s.model(seconds(t, words[1]), strings.Join(yaml, "\n"))
		case "send":
			s.send(seconds(t, words[1]), words[2:])
		case "clock":
			s.now = seconds(t, words[1])
			for _, e := range s.engines {
				e.Clock(s.now, always)
				e.Idle(s.now, always/2)
			}
		case "preview":
			at := seconds(t, words[1])
			for _, e := range s.engines {
				if r := e.Preview(at); r != nil {
					out, err := s.preview.Add(r)
					if err != nil {
						t.Fatal(err)
					}
					for _, k := range out {
						s.show("preview ", k)
					}
				}
			}
		case "restart", "takeover":
			if words[0] == "takeover" {
				s.combine(len(s.engines))
			}
			for p, e := range s.engines {
				data, err := e.Checkpoint(1)
				if err != nil {
					t.Fatal(err)
				}
				s.engines[p] = s.engine(p)
				if _, err := s.engines[p].Restore(data); err != nil {
					t.Fatal(err)
				}
				for _, pl := range s.plans {
					s.engines[p].SetPlan(pl)
				}
			}
		default:
			t.Fatalf("line %d: %q is no command", i+1, words[0])
		}
		got = append(got, s.out...)
		s.out = nil
	}
	text := strings.Join(got, "\n") + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if text != string(data) {
		t.Errorf("the script gives now:\n%s", text)
	}
}

func (s *script) model(from record.Millis, yaml string) {
	doc, err := model.ReadYAML([]byte(yaml))
	if err != nil {
		s.t.Fatal(err)
	}
	m, err := model.New(doc)
	if err != nil {
		s.t.Fatal(err)
	}
	s.revision++
	all := m.Hierarchies()
	for _, p := range s.plans { // those that are removed have an end
		if !slices.Contains(all, p.Hierarchy) {
			all = append(all, p.Hierarchy)
		}
	}
	for _, h := range all {
		p := Plan{Hierarchy: h, Revision: s.revision, Effective: from, Layout: m.Layout(h)}
		s.plans = append(s.plans, p)
		s.combiner.SetPlan(p)
		s.combiner.SetRevision(s.revision)
		for _, e := range s.engines {
			e.SetPlan(p)
		}
	}
}

func (s *script) send(stored record.Millis, readings []string) {
	s.now = stored
	batches := make([]record.Batch, len(s.engines))
	for _, r := range readings {
		id, rest, _ := strings.Cut(r, "@")
		at, value, ok := strings.Cut(rest, "=")
		v, err := strconv.ParseFloat(value, 64)
		if !ok || err != nil {
			s.t.Fatalf("%q is not SENSOR@SECOND=VALUE", r)
		}
		sensor := record.SensorID(id)
		batches[record.Partition(sensor, len(s.engines))].Append(record.Record{Sensor: sensor, Time: seconds(s.t, at), Value: v})
	}
	var in record.Batch
	for p := range batches {
		if batches[p].Len() == 0 {
			continue
		}
		if err := in.Decode(batches[p].Encode(nil)); err != nil {
			s.t.Fatal(err)
		}
		s.engines[p].Step(stored, &in, always)
	}
}
