package rule

import (
	"flag"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

var update = flag.Bool("update", false, "rewrite what the scripts expect")

// TestScripts runs testdata/*.txt. A script is read line by line:
//
//	model                    the YAML below, indented, is the model
//	rules                    the YAML below, indented, are the rules
//	at 10:00 hall 120 kW     a reading of a sensor; seconds may be given
//	at 10:00 hall none       for a group: a tick without a value
//	at 10:00 hall 120 kW 3 of 4   for a group: a tick with that coverage
//	at 10:00 hall 120 kW unaccounted 5 kW   for a group: a tick that tells it, before its coverage
//	until 12:00              the clock goes on, every 10 s
//	until 12:00 told         and all ticks there are have been told
//	day 2026-03-29           the times that follow are of this day
//	silence peak until 12:00    somebody silences a rule
//	ack until 12:00             somebody acknowledges what fired last
//	say hook fires too warm  another program; "say hook clears" ends it
//	scores odd 10:15 1 8 none   how many spreads the quarters of an hour deviate, the first of which ends then
//	amount budget 90 kWh     what a budget's subject has used so far today
//	restart                  the engine goes on from a checkpoint
//
// Times are of the zone of the first site. The clock goes with them. After each
// command stands what is expected of it: what is told to people with "tells"
// before it. Run with -update to write them anew.
func TestScripts(t *testing.T) {
	for _, f := range scripts(t) {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			text := play(t, string(data), false)
			if *update {
				if err := os.WriteFile(f, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if text != string(data) {
				t.Errorf("the script gives now:\n%s", text)
			}
		})
	}
}

// TestRestartAnywhere plays every script with a restart after every event: it
// must give the same.
func TestRestartAnywhere(t *testing.T) {
	for _, f := range scripts(t) {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if got := play(t, string(data), true); got != play(t, string(data), false) {
			t.Errorf("%s gives with restarts:\n%s", f, got)
		}
	}
}

func scripts(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	return files
}

type player struct {
	t       *testing.T
	engine  *Engine
	model   *model.Model
	rules   []Rule
	silent  []Silence
	acks    []Acknowledgement
	zone    *time.Location
	day     string
	now     record.Millis
	fired   string
	out     []string
	restart bool
}

func play(t *testing.T, text string, restart bool) string {
	t.Helper()
	m, err := model.New(model.Document{})
	if err != nil {
		t.Fatal(err)
	}
	p := &player{t: t, model: m, zone: time.UTC, day: "2026-06-01", restart: restart}
	p.engine = NewEngine(p.show)
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	var got []string
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if strings.HasPrefix(line, "  ") {
			continue // expected; written anew below
		}
		got = append(got, line)
		words := strings.Fields(line)
		if len(words) == 0 || words[0][0] == '#' {
			continue
		}
		var body []string
		for words[0] == "model" || words[0] == "rules" {
			if i+1 >= len(lines) || !strings.HasPrefix(lines[i+1], "    ") {
				break
			}
			i++
			got = append(got, lines[i])
			body = append(body, strings.TrimPrefix(lines[i], "    "))
		}
		p.command(words, strings.Join(body, "\n"))
		p.settle()
		got = append(got, p.out...)
		p.out = nil
	}
	return strings.Join(got, "\n") + "\n"
}

// settle restarts the engine, if this is what is tested.
func (p *player) settle() {
	if p.restart {
		p.again()
	}
}

func (p *player) again() {
	data, err := p.engine.Checkpoint()
	if err != nil {
		p.t.Fatal(err)
	}
	p.engine = NewEngine(p.show)
	if err := p.engine.Restore(data); err != nil {
		p.t.Fatal(err)
	}
	p.plan()
	back, err := p.engine.Checkpoint()
	if err != nil || string(back) != string(data) {
		p.t.Errorf("a checkpoint %s comes back as %s, %v", data, back, err)
	}
}

func (p *player) plan() {
	zone := func(s string) *time.Location {
		z, err := time.LoadLocation(s)
		if err != nil {
			p.t.Fatal(err)
		}
		return z
	}
	p.engine.SetPlan(NewPlan(p.rules, p.model, zone).Hush(p.silent, p.acks))
}

func (p *player) show(t Transition) {
	if t.Change == Fired {
		p.fired = t.Incident
	}
	line := "  expect "
	if t.Tell {
		line = "  tells  "
		if t.After > t.Time {
			line += "at " + t.After.Time().In(p.zone).Format("15:04") + " "
		}
	}
	p.out = append(p.out, line+t.Time.Time().In(p.zone).Format("15:04:05 ")+t.Rule+" "+t.Sentence(p.zone))
}

func (p *player) time(s string) record.Millis {
	layout := "2006-01-02 15:04"
	if strings.Count(s, ":") == 2 {
		layout += ":05"
	}
	at, err := time.ParseInLocation(layout, p.day+" "+s, p.zone)
	if err != nil {
		p.t.Fatal(err)
	}
	return record.MillisOf(at)
}

func (p *player) command(words []string, body string) {
	switch words[0] {
	case "model":
		doc, err := model.ReadYAML([]byte(body))
		if err != nil {
			p.t.Fatal(err)
		}
		if p.model, err = model.New(doc); err != nil {
			p.t.Fatal(err)
		}
		if len(doc.Sites) > 0 {
			if p.zone, err = time.LoadLocation(doc.Sites[0].Zone); err != nil {
				p.t.Fatal(err)
			}
		}
		p.plan()
	case "rules":
		p.rules = nil
		if err := yaml.UnmarshalWithOptions([]byte(body), &p.rules, yaml.UseJSONUnmarshaler(), yaml.Strict()); err != nil {
			p.t.Fatal(err)
		}
		for i := range p.rules {
			p.rules[i] = p.rules[i].Complete()
			if err := p.rules[i].Validate(); err != nil {
				p.t.Fatal(err)
			}
			if err := Check(&p.rules[i], p.model); err != nil {
				p.t.Fatal(err)
			}
		}
		p.plan()
	case "day":
		p.day = words[1]
	case "at":
		p.at(p.time(words[1]), words[2:])
	case "until":
		for to := p.time(words[1]); p.now < to; {
			p.now = min(to, p.now+10_000)
			if words[len(words)-1] == "told" {
				p.engine.Told(p.now)
			}
			p.engine.Clock(p.now)
			if p.now%300_000 == 0 {
				p.settle()
			}
		}
	case "silence":
		p.silent = append(p.silent, Silence{Rule: words[1], Until: p.time(words[3])})
		p.plan()
	case "ack":
		p.acks = append(p.acks, Acknowledgement{Incident: p.fired, Until: p.time(words[2])})
		p.plan()
	case "say":
		if err := p.engine.Say(words[1], words[2] == "fires", strings.Join(words[3:], " "), nil, p.now); err != nil {
			p.t.Fatal(err)
		}
	case "amount":
		for _, q := range p.engine.plan.Questions() {
			if q.Rule == words[1] {
				p.engine.Answer(q.Rule, q.Subject, Answer{Time: p.now, Value: p.value(words[2:])})
			}
		}
	case "scores":
		for _, q := range p.engine.plan.Questions() {
			if q.Rule != words[1] {
				continue
			}
			var all []Answer
			end := p.time(words[2])
			for _, w := range words[3:] {
				all = append(all, Answer{Time: end, Value: p.value([]string{w}), Figures: Figures{Text: "until " + end.Time().In(p.zone).Format("15:04")}})
				end += 900_000
			}
			p.now = max(p.now, end-900_000+120_000)
			p.engine.Clock(p.now)
			p.engine.Judge(q.Rule, q.Subject, all)
		}
	case "restart":
		p.again()
	default:
		p.t.Fatalf("%q is no command", words[0])
	}
}

func (p *player) at(t record.Millis, words []string) {
	p.now = max(p.now, t)
	if len(words) > 0 {
		v := p.value(words[1:])
		if _, ok := p.model.Sensor(record.SensorID(words[0])); ok {
			p.engine.Reading(record.SensorID(words[0]), t, v)
		} else {
			k := record.Tick{
				Time: t, Sum: []float64{v}, Min: []float64{v}, Max: []float64{v}, Count: []uint32{1}, Total: []uint32{1},
				Meter: []float64{math.NaN()}, Unaccounted: []float64{math.NaN()},
			}
			if i := slices.Index(words, "unaccounted"); i > 0 {
				k.Unaccounted[0] = p.value(words[i+1:])
			}
			if n := len(words); n > 3 && words[n-2] == "of" {
				for i, to := range [][]uint32{k.Count, k.Total} {
					x, err := strconv.Atoi(words[n-3+2*i])
					if err != nil {
						p.t.Fatal(err)
					}
					to[0] = uint32(x)
				}
			} else if math.IsNaN(v) {
				k.Count[0] = 0
			}
			p.engine.Tick([]string{words[0]}, &k, p.now)
		}
		p.settle()
	}
	p.engine.Clock(p.now)
}

func (p *player) value(words []string) float64 {
	if words[0] == "none" {
		return math.NaN()
	}
	v, err := strconv.ParseFloat(words[0], 64)
	if err != nil {
		p.t.Fatal(err)
	}
	if len(words) > 1 && strings.HasPrefix(words[1], "k") {
		v *= 1000
	}
	return v
}
