package scale

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/record"
)

func TestPlantIsWhatItsDefinitionSays(t *testing.T) {
	p := &plant{bridges: 3, sensors: 130, hz: 4, partitions: 5, start: 1_700_000_000_000}
	last := make(map[record.SensorID]record.Record)
	var b record.Batch
	n := 0
	for part, all := range p.sheaves() {
		for _, s := range all {
			for k := range 3 {
				if err := b.Decode(s.second(k)); err != nil {
					t.Fatal(err)
				}
				b.Names()
				for i := range b.Len() {
					r := b.At(i)
					if record.Partition(r.Sensor, 5) != part || r.Time <= last[r.Sensor].Time && last[r.Sensor].Time != 0 {
						t.Fatalf("%+v in partition %d after %+v", r, part, last[r.Sensor])
					}
					last[r.Sensor] = r
					n++
				}
			}
		}
	}
	if n != 3*130*4*3 {
		t.Errorf("%d records", n)
	}
	// The sums of the last moment are those of the last readings.
	sum, count := p.sums(p.start + 3000 - 1)
	root := 0.0
	for _, r := range last {
		root += r.Value
	}
	if float64(sum["root"])/8 != root || count["root"] != 390 || count["bridge1.rack1"] != 30 || sum["bridge0"]+sum["bridge1"]+sum["bridge2"] != sum["root"] {
		t.Errorf("the root is %v of %d, the readings sum up to %v", float64(sum["root"])/8, count["root"], root)
	}
	if _, count := p.sums(p.start + 10); count["root"] != 130 {
		t.Errorf("%d sensors have been read when the first bridge has", count["root"])
	}
	doc := p.document()
	if len(doc.Sensors) != 390 || len(doc.Groups) != 1+3+6 {
		t.Errorf("%d sensors, %d groups", len(doc.Sensors), len(doc.Groups))
	}
}

// TestLimit holds a process that would take a whole core to a fifth of it, in
// every way this machine has.
func TestLimit(t *testing.T) {
	for _, l := range []limiter{newLimiter(), signals{}} {
		t.Run(l.how(), func(t *testing.T) {
			cmd := exec.Command("sh", "-c", "while :; do :; done")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			release, err := l.limit(cmd.Process.Pid, 0.2)
			if err != nil {
				t.Fatal(err)
			}
			// However busy the machine is, it never gets more.
			for cpuOf(cmd.Process.Pid) < 300*time.Millisecond && time.Since(begun) < time.Minute {
				time.Sleep(10 * time.Millisecond)
			}
			used, took := cpuOf(cmd.Process.Pid), time.Since(begun)
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
			_ = cmd.Wait()
			release()
			if used < 300*time.Millisecond {
				t.Errorf("it used %v in %v", used, took)
			}
			if used > took*6/10 {
				t.Errorf("it used %v in %v, more than a fifth", used, took)
			}
		})
	}
}

func TestDrawing(t *testing.T) {
	o := &Outcome{Points: []Point{
		{Instances: 1, Rates: []float64{1e6, 1.2e6}, Cost: []float64{200, 210}, Bus: []float64{80}, Ticks: 5},
		{Instances: 12, Rates: []float64{3e6}, Cost: []float64{220}, Bus: []float64{90}, Ticks: 5, Wrong: 1, Uneven: true},
		{Instances: 1, Offered: 1_000_000, Rates: []float64{1e6}, Cost: []float64{150}, Bus: []float64{300}, Ticks: 5, Idle: []float64{0.004}},
	}}
	d := xml.NewDecoder(strings.NewReader(string(o.SVG())))
	words := ""
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if c, ok := tok.(xml.CharData); ok {
			words += string(c)
		}
	}
	for _, w := range []string{"Records a second", "processing instances", "1,000,000 a second offered", "3 M", "bus, backlog"} {
		if !strings.Contains(words, w) {
			t.Errorf("the drawing does not say %q: %s", w, words)
		}
	}
	for _, table := range []string{o.Table(false), o.Table(true)} {
		for _, w := range []string{"backlog", "1,000,000", "4 of 5", "not spread evenly", "3,000,000", "146", "0.40 %"} {
			if !strings.Contains(table, w) {
				t.Errorf("the table does not say %q:\n%s", w, table)
			}
		}
	}
	var empty Outcome
	if len(empty.SVG()) == 0 {
		t.Error("nothing is drawn of nothing")
	}
}

func TestAxes(t *testing.T) {
	for most, want := range map[float64]float64{0: 1, 5: 1, 7: 2, 1234: 500, 6e6: 1e6, 0.3: 0.05} {
		if got := step(most); got < want*0.999 || got > want*1.001 {
			t.Errorf("lines up to %v are %v apart, want %v", most, got, want)
		}
	}
}

func TestOptionsThatCannotWork(t *testing.T) {
	for _, o := range []Options{
		{}, {Command: []string{"x"}}, {Command: []string{"x"}, Instances: []int{0}, Backlog: 1, Measure: time.Second},
		{Command: []string{"x"}, Instances: []int{25}, Backlog: 1, Measure: time.Second},
		{Command: []string{"x"}, Instances: []int{1}, Backlog: 1, Measure: time.Millisecond},
		{Command: []string{"x"}, Instances: []int{1}, Backlog: 1, Measure: time.Second, Rate: 30_000},
		{Command: []string{"x"}, Instances: []int{1}, Backlog: 1, Measure: time.Second, Share: 2},
	} {
		if _, err := Run(context.Background(), o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}
