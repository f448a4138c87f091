package notation_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/object/graph"
	"github.com/wattwerk/wattwerk/object/notation"
	"github.com/wattwerk/wattwerk/object/query"
	"github.com/wattwerk/wattwerk/object/shape"
	"github.com/wattwerk/wattwerk/object/thing"
	"github.com/wattwerk/wattwerk/object/vocabulary"
	"github.com/wattwerk/wattwerk/record"
)

var update = flag.Bool("update", false, "rewrite what docs/objects.md shows")

const page = "../../docs/objects.md"

// TestPageOfObjects holds docs/objects.md to the program: its tables and samples
// are what there is, its questions are answered so, and its documents are read.
func TestPageOfObjects(t *testing.T) {
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	blocks := regexp.MustCompile("(?s)```(yaml|json)\n(.*?)```").FindAllStringSubmatch(text, 4)
	if len(blocks) < 3 {
		t.Fatalf("the page has %d documents", len(blocks))
	}
	d, err := model.ReadYAML([]byte(blocks[0][2]))
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(d)
	if err != nil {
		t.Fatal(err)
	}
	var said struct {
		Spaces      []object.Space      `json:"spaces"`
		Enrichments []object.Enrichment `json:"enrichments"`
	}
	dec := json.NewDecoder(strings.NewReader(blocks[1][2]))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&said); err != nil {
		t.Fatal(err)
	}
	w, faults := object.NewWorld(m, said.Spaces, said.Enrichments)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	states := map[object.ID]object.State{"group/hall": object.Live, "sensor/grid": object.Live, "sensor/oven": object.Stale, "sensor/room": object.Down, "sensor/saw": object.Live}
	value := 1250.0
	g := graph.New(w).At(func(o *object.Object) graph.Now {
		now := graph.Now{State: states[o.ID]}
		if now.State == object.Live {
			now.Value, now.Seen = &value, record.Millis(1_780_000_000_000)
		}
		return now
	}, nil)

	read := 0
	for _, b := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(text, -1) {
		if !strings.HasPrefix(b[1], `{"@context": "`+notation.ContextIRI) {
			continue
		}
		read++
		im, err := notation.Read([]byte(b[1]), m)
		if err != nil || len(im.Faults) > 0 {
			t.Fatal(err, im)
		}
		if diff := cmp.Diff(said.Spaces, im.Spaces); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(said.Enrichments, im.Enrichments); diff != "" {
			t.Error(diff)
		}
	}
	if read != 1 {
		t.Errorf("the page has %d documents of JSON-LD to be read", read)
	}

	var turtle bytes.Buffer
	if err := notation.Turtle(&turtle, g, notation.Options{}); err != nil {
		t.Fatal(err)
	}

	var parts []string
	for _, subject := range []string{"<urn:wattwerk:group/hall>", "<urn:wattwerk:sensor/saw>", "<urn:wattwerk:space/workshop>"} {
		i := strings.Index(turtle.String(), "\n"+subject+" a ")
		if i < 0 {
			t.Fatalf("nothing is said of %s", subject)
		}
		part, _, _ := strings.Cut(turtle.String()[i+1:], "\n\n")
		parts = append(parts, strings.TrimRight(part, "\n"))
	}
	td, ok := thing.OfObject(w, "sensor/saw", "https://wattwerk.example/api/v1/")
	if !ok {
		t.Fatal("no thing")
	}
	sample, err := json.MarshalIndent(td, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	got := text
	for name, content := range map[string]string{
		"classes":    classTree(),
		"quantities": quantityTable(),
		"properties": propertyTable(),
		"turtle":     "```turtle\n" + strings.Join(parts, "\n\n") + "\n```",
		"thing":      "```json\n" + string(sample) + "\n```",
		"checks":     checkTable(),
	} {
		begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->"
		from, to := strings.Index(got, begin), strings.Index(got, end)
		if from < 0 || to < from {
			t.Fatalf("the page has no place for %s", name)
		}
		got = got[:from+len(begin)] + content + "\n" + got[to:]
	}
	questions := 0
	got = regexp.MustCompile("(?s)```sparql\n(.*?)```\n\n```text\n.*?```").ReplaceAllStringFunc(got, func(s string) string {
		questions++
		asked, _, _ := strings.Cut(strings.TrimPrefix(s, "```sparql\n"), "```")
		q, err := query.Parse(asked)
		if err != nil {
			t.Fatal(err)
		}
		r, err := q.Run(context.Background(), g, query.Budget{})
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		fmt.Fprintf(&b, "?%s\n", strings.Join(r.Vars, " ?"))
		for _, row := range r.Rows {
			for i, x := range row {
				if i > 0 {
					b.WriteString(" ")
				}
				if x.Kind == graph.None {
					b.WriteString("-")
				}
				b.WriteString(x.Short())
			}
			b.WriteString("\n")
		}
		return "```sparql\n" + asked + "```\n\n```text\n" + b.String() + "```"
	})
	if questions < 4 {
		t.Errorf("the page has %d questions", questions)
	}
	if *update {
		if err := os.WriteFile(page, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(text, got); diff != "" {
		t.Errorf("docs/objects.md is not up to date; go test ./object/notation -run TestPageOfObjects -update writes it anew: %s", diff)
	}
}

// classTree lists classes with those directly below them.
func classTree() string {
	below := make(map[vocabulary.Class][]string)
	var order []vocabulary.Class
	for _, c := range vocabulary.Classes() {
		for _, p := range c.Parents() {
			if below[p] == nil {
				order = append(order, p)
			}
			below[p] = append(below[p], "`"+string(c)+"`")
		}
	}
	var b strings.Builder
	b.WriteString("| class | directly below it |\n|---|---|\n")
	for _, c := range order {
		fmt.Fprintf(&b, "| `%s` | %s |\n", c, strings.Join(below[c], ", "))
	}
	return strings.TrimRight(b.String(), "\n")
}

func quantityTable() string {
	var b strings.Builder
	b.WriteString("| quantity | class | quantity kind | unit |\n|---|---|---|---|\n")
	for _, q := range record.Quantities() {
		fmt.Fprintf(&b, "| %s | `%s` | `%s` | `%s` |\n", q, vocabulary.ClassOf(q), vocabulary.KindOf(q), vocabulary.UnitOf(q))
	}
	return strings.TrimRight(b.String(), "\n")
}

func propertyTable() string {
	var b strings.Builder
	for _, u := range vocabulary.Uses() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", u.Property, u.Subject, u.Value, u.Meaning)
	}
	return strings.TrimRight(b.String(), "\n")
}

func checkTable() string {
	var b strings.Builder
	for _, c := range shape.Checks() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", c.Name, c.Severity, c.Looks, c.Advice)
	}
	return strings.TrimRight(b.String(), "\n")
}
