package query_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/object/graph"
	"github.com/wattwerk/wattwerk/object/query"
	"github.com/wattwerk/wattwerk/record"
)

var update = flag.Bool("update", false, "rewrite what the scripts in testdata expect")

// house is a building of halls with rooms; each room has the four sensors of a
// machine, and a thermometer. States go round by number.
func house(t testing.TB, halls, rooms int) *graph.Live {
	t.Helper()
	d := model.Document{Sites: []model.Site{{ID: "kiel", Name: "Kiel"}}, Hierarchies: []model.Hierarchy{{ID: "place", Root: "house", Site: "kiel"}}}
	spaces := []object.Space{{ID: "house", Name: "House", Kind: "rec:Building", Parent: "kiel"}}
	var more []object.Enrichment
	root := model.Group{ID: "house", Name: "The house"}
	quantities := []record.Quantity{record.ActivePower, record.ReactivePower, record.Energy, record.Voltage, record.Temperature}
	for h := range halls {
		hall := model.Group{ID: model.GroupID(fmt.Sprintf("hall%d", h)), Name: fmt.Sprintf("Hall %d", h)}
		spaces = append(spaces, object.Space{ID: string(hall.ID), Kind: "rec:Level", Parent: "house"})
		if h%2 == 0 {
			more = append(more, object.Enrichment{Object: object.OfGroup(hall.ID), Restriction: &object.Restriction{Kind: object.Min, K: 2}})
		}
		for r := range rooms {
			room := fmt.Sprintf("room%d-%d", h, r)
			spaces = append(spaces, object.Space{ID: room, Name: fmt.Sprintf("Room %d", r), Kind: "rec:Room", Parent: string(hall.ID)})
			for i, q := range quantities {
				id := record.SensorID(fmt.Sprintf("%s-%d", room, i))
				s := model.Sensor{ID: id, Quantity: q, Site: "kiel", Interval: model.Duration(time.Duration(1+i) * time.Minute)}
				if i%2 == 0 {
					s.Name = fmt.Sprintf("%s of %s", q, room)
				}
				if i < 4 {
					s.Devices = []model.Device{{Serial: "M" + room, From: time.Unix(0, 0)}}
				}
				d.Sensors = append(d.Sensors, s)
				e := object.Enrichment{Object: object.OfSensor(id), Space: room}
				switch {
				case i == 0 && r > 0:
					e.Feeds = object.OfSensor(record.SensorID(fmt.Sprintf("room%d-%d-0", h, r-1)))
				case i == 4:
					e.Class = "brick:Room_Air_Temperature_Sensor"
				}
				more = append(more, e)
				if i == 0 {
					hall.Members = append(hall.Members, model.Member{Sensor: id})
				}
			}
		}
		root.Members = append(root.Members, model.Member{Group: hall.ID})
		d.Groups = append(d.Groups, hall)
	}
	d.Groups = append(d.Groups, root)
	m, err := model.New(d)
	if err != nil {
		t.Fatal(err)
	}
	w, faults := object.NewWorld(m, spaces, more)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	states := object.States()
	share := 0.061
	return graph.New(w).At(func(o *object.Object) graph.Now {
		now := graph.Now{State: states[o.Index*7%len(states)]}
		if o.Index%3 > 0 {
			v := float64(o.Index*13%40) / 4
			now.Value, now.Seen = &v, record.Millis(1_700_000_000_000+int64(o.Index)*1000)
		}
		return now
	}, []graph.Substitution{{For: "sensor/room0-0-0", By: "sensor/room0-1-0", Method: "ratio", Error: &share}, {For: "sensor/room1-0-0", Method: "weekly profile"}})
}

func ask(t testing.TB, g *graph.Live, question string) *query.Result {
	t.Helper()
	q, err := query.Parse(question)
	if err != nil {
		t.Fatalf("%v\n%s", err, question)
	}
	r, err := q.Run(context.Background(), g, query.Budget{})
	if err != nil {
		t.Fatalf("%v\n%s", err, question)
	}
	return r
}

// steps are the questions of a script, with what comes of each.
func steps(t testing.TB, file string) (head string, titles, bodies, wants []string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(data), "\n== ")
	for _, step := range strings.Split(rest, "\n== ") {
		title, rest, _ := strings.Cut(step, "\n")
		body, want, _ := strings.Cut(rest, "\n----\n")
		titles, bodies, wants = append(titles, title), append(bodies, strings.TrimRight(body, "\n")), append(wants, strings.TrimRight(want, "\n"))
	}
	return head, titles, bodies, wants
}

func script(t *testing.T, file string, do func(question string) string) {
	t.Helper()
	head, titles, bodies, wants := steps(t, file)
	var out strings.Builder
	out.WriteString(strings.TrimRight(head, "\n") + "\n")
	for i, body := range bodies {
		got := strings.TrimRight(do(body), "\n")
		fmt.Fprintf(&out, "\n== %s\n%s\n----\n%s\n", titles[i], body, got)
		if !*update && got != wants[i] {
			t.Errorf("%s: %s\n%s\nwant\n%s", file, titles[i], got, wants[i])
		}
	}
	if *update {
		if err := os.WriteFile(filepath.Join("testdata", file), []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestQuestions runs testdata/questions.txt: the answers are rows, in the order
// of the variables, - for what has no value.
func TestQuestions(t *testing.T) {
	g := house(t, 2, 2)
	script(t, "questions.txt", func(question string) string { return table(ask(t, g, question)) })
}

func table(r *query.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "?%s\n", strings.Join(r.Vars, " ?"))
	for _, row := range r.Rows {
		for i, t := range row {
			if i > 0 {
				b.WriteString(" ")
			}
			if t.Kind == graph.None {
				b.WriteString("-")
			} else {
				b.WriteString(t.Short())
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// TestRefused runs testdata/refused.txt: questions and why they are not taken.
func TestRefused(t *testing.T) {
	script(t, "refused.txt", func(question string) string {
		_, err := query.Parse(question)
		var e *query.Error
		if !errors.As(err, &e) {
			return fmt.Sprintf("taken: %v", err)
		}
		return err.Error()
	})
}

func TestTooLong(t *testing.T) {
	for _, q := range []string{
		strings.Repeat(" ", query.MaxBytes+1),
		"\xff",
		"SELECT * {" + strings.Repeat("?a ?b ?c .", query.MaxPatterns+1) + "}",
		"SELECT * {" + strings.Repeat("OPTIONAL {", query.MaxDepth+2) + strings.Repeat("}", query.MaxDepth+2) + "}",
		"SELECT * { FILTER" + strings.Repeat("(", query.MaxDepth+3) + "1" + strings.Repeat(")", query.MaxDepth+3) + "}",
		"SELECT * { FILTER(1" + strings.Repeat("||1", query.MaxTerms) + ")}",
		"SELECT * { FILTER(" + strings.Repeat("!", 200) + "1)}",
		`SELECT * { ?a rdfs:label ?b FILTER REGEX(?b, "` + strings.Repeat("a", query.MaxPattern+1) + `")}`,
		`SELECT * { ?a rdfs:label ?b FILTER REGEX(?b, "((((a{90}){90}){90}){90}){90}")}`,
		`SELECT * { ?a rdfs:label ?b FILTER REGEX(?b, "(")}`,
		"SELECT " + strings.Repeat("?a ", 100) + "{ ?a ?b ?c }",
		"SELECT * { ?a " + strings.Repeat("a/", 100) + "a ?c }",
	} {
		if _, err := query.Parse(q); err == nil {
			t.Errorf("taken: %.80s", q)
		}
	}
}

func TestBudgets(t *testing.T) {
	g := house(t, 4, 4)
	for _, c := range []struct {
		question string
		budget   query.Budget
		want     string
	}{
		{"SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }", query.Budget{}, "the answer has more than 10000 rows; ask with LIMIT, or for less"},
		{"SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }", query.Budget{Steps: 200_000}, "the question needs more than 200000 steps; say more of what is asked for"},
		{"SELECT ?a { ?a rdfs:label ?x . ?b ww:state \"none\" . ?c ww:state \"none\" }", query.Budget{Steps: 5}, "the question needs more than 5 steps; say more of what is asked for"},
		{"SELECT DISTINCT ?a ?b ?c { ?a ?b ?c }", query.Budget{Kept: 100}, "the question holds more than 100 rows at once; say more of what is asked for"},
		{"SELECT ?a ?c (COUNT(*) AS ?n) { ?a ?b ?c } GROUP BY ?a ?c", query.Budget{Kept: 100}, "the question holds more than 100 rows at once; say more of what is asked for"},
		{"SELECT (COUNT(DISTINCT ?c) AS ?n) { ?a ?b ?c }", query.Budget{Kept: 100}, "the question holds more than 100 rows at once; say more of what is asked for"},
		{"SELECT ?a { ?a ?b ?c } ORDER BY ?c", query.Budget{Rows: 10}, "the answer has more than 10 rows; ask with LIMIT, or for less"},
		{"SELECT ?a { ?a ?b ?c }", query.Budget{Rows: 10}, "the answer has more than 10 rows; ask with LIMIT, or for less"},
		{"SELECT ?a ?b { ?a rdfs:subClassOf* ?b }", query.Budget{}, "line 1, column 19: a path with * needs one of its ends known"},
		{"SELECT ?a { ?a ?b ?c } LIMIT 11", query.Budget{Rows: 10}, "the answer has more than 10 rows; ask with LIMIT, or for less"},
	} {
		q, err := query.Parse(c.question)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := q.Run(context.Background(), g, c.budget); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.question, err, c.want)
		}
	}
	if r := ask(t, g, "SELECT ?a { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i } LIMIT 3 OFFSET 2"); len(r.Rows) != 3 {
		t.Errorf("%d rows", len(r.Rows))
	}
}

// A question ends soon after its context.
func TestContext(t *testing.T) {
	g := house(t, 4, 4)
	q, err := query.Parse("SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	calls := 0
	counting := watched{g, func() {
		if calls++; calls == 3 {
			cancel()
		}
	}}
	if _, err := q.Run(ctx, counting, query.Budget{Steps: math.MaxInt / 2}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if calls > 2000 {
		t.Errorf("%d further walks", calls)
	}
	if _, err := q.Run(ctx, g, query.Budget{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestJSON(t *testing.T) {
	g := house(t, 1, 1)
	r := ask(t, g, `SELECT ?s ?v ?q { ?s a brick:Active_Power_Sensor ; ww:quantity ?q . OPTIONAL { ?s ww:capacity ?v } }`)
	b, err := r.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"head":{"vars":["s","v","q"]},"results":{"bindings":[{"q":{"type":"literal","value":"active_power"},"s":{"type":"uri","value":"urn:wattwerk:sensor/room0-0-0"}}]}}`
	if string(b) != want {
		t.Errorf("%s\nwant\n%s", b, want)
	}
	r = ask(t, g, `SELECT (COUNT(*) AS ?n) { ?s a brick:Unicorn }`)
	if b, _ = r.MarshalJSON(); string(b) != `{"head":{"vars":["n"]},"results":{"bindings":[{"n":{"type":"literal","value":"0","datatype":"http://www.w3.org/2001/XMLSchema#integer"}}]}}` {
		t.Errorf("%s", b)
	}
}

func FuzzParse(f *testing.F) {
	for _, file := range []string{"questions.txt", "refused.txt"} {
		_, _, bodies, _ := steps(f, file)
		for _, b := range bodies {
			f.Add(b)
		}
	}
	g := house(f, 1, 2)
	f.Fuzz(func(t *testing.T, question string) {
		q, err := query.Parse(question)
		var e *query.Error
		switch {
		case err == nil:
			// Whatever was understood can be run.
			r, err := q.Run(context.Background(), g, query.Budget{Steps: 3000})
			if err == nil {
				for _, row := range r.Rows {
					if len(row) != len(r.Vars) {
						t.Fatalf("a row of %d for %d variables", len(row), len(r.Vars))
					}
				}
			} else if !errors.As(err, &e) {
				t.Fatal(err)
			}
		case !errors.As(err, &e) || e.Text == "":
			t.Fatal(err)
		}
	})
}

func BenchmarkQuestions(b *testing.B) {
	g := house(b, 20, 100)
	b.Logf("%d objects", g.World().Len())
	for _, c := range []struct{ name, question string }{
		{"members", `SELECT ?m ?s { <urn:wattwerk:group/hall3> rec:includes ?m . ?m ww:state ?s }`},
		{"same-room", `SELECT ?o { <urn:wattwerk:sensor/room3-7-0> a ?c ; rec:locatedIn ?r . ?o rec:locatedIn ?r ; a ?c ; ww:state ?s FILTER(?o != <urn:wattwerk:sensor/room3-7-0> && ?s IN ("live", "late", "substituted", "virtual")) }`},
		{"unavailable", `SELECT ?c (COUNT(?o) AS ?n) { ?o a ?c ; ww:state ?s FILTER(?s IN ("stale", "down") && ?c != ww:VirtualObject) } GROUP BY ?c ORDER BY DESC(?n)`},
		{"subclasses", `SELECT (COUNT(?o) AS ?n) { ?o a/rdfs:subClassOf* brick:Power_Sensor }`},
	} {
		q, err := query.Parse(c.question)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if r, err := q.Run(context.Background(), g, query.Budget{}); err != nil || len(r.Rows) == 0 {
					b.Fatal(err, "no rows")
				}
			}
		})
	}
	b.Run("parse", func(b *testing.B) {
		for b.Loop() {
			if _, err := query.Parse(`SELECT ?m ?s { <urn:wattwerk:group/hall3> rec:includes ?m . ?m ww:state ?s }`); err != nil {
				b.Fatal(err)
			}
		}
	})
}
