package query_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/object/graph"
	"github.com/wattwerk/wattwerk/object/query"
	"github.com/wattwerk/wattwerk/object/vocabulary"
)

// watched tells of every walk.
type watched struct {
	*graph.Live
	seen func()
}

func (w watched) Each(s, p, o graph.Term, yield func(graph.Triple) bool) {
	w.seen()
	w.Live.Each(s, p, o, yield)
}

type oracleAnswer struct {
	Error  string       `json:"error"`
	Answer query.Answer `json:"answer"`
}

// oxigraph answers questions to the triples of a graph, by the library of that
// name, in Node.
func oxigraph(t *testing.T, g *graph.Live, questions []string) []oracleAnswer {
	t.Helper()
	library, err := filepath.Abs("../../web/ui/node_modules/oxigraph/node.js")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(library); err != nil {
		t.Fatalf("oxigraph is not there; `make needs` installs it: %v", err)
	}
	var triples strings.Builder
	for x := range g.Match(graph.Term{}, graph.Term{}, graph.Term{}) {
		triples.WriteString(x.String() + "\n")
	}
	var prefixes strings.Builder
	for _, n := range vocabulary.Namespaces() {
		fmt.Fprintf(&prefixes, "PREFIX %s: <%s>\n", n.Prefix, n.IRI)
	}
	in := struct {
		Triples   string   `json:"triples"`
		Questions []string `json:"questions"`
	}{Triples: triples.String()}
	for _, q := range questions {
		in.Questions = append(in.Questions, prefixes.String()+q)
	}
	data, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "testdata/oracle.mjs", library)
	cmd.Stdin = bytes.NewReader(data)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, stderr.String())
	}
	var answers []oracleAnswer
	if err := json.Unmarshal(out, &answers); err != nil {
		t.Fatal(err)
	}
	if len(answers) != len(questions) {
		t.Fatalf("%d answers to %d questions", len(answers), len(questions))
	}
	return answers
}

// rows writes an answer so that it can be compared: numbers by their value, rows
// sorted unless they are ordered.
func rows(a query.Answer, inOrder bool) []string {
	out := make([]string, 0, len(a.Results.Bindings))
	for _, b := range a.Results.Bindings {
		var row []string
		for _, v := range a.Head.Vars {
			x, ok := b[v]
			switch f, err := strconv.ParseFloat(x.Value, 64); {
			case !ok:
				row = append(row, "-")
			case err == nil && x.Datatype == graph.Double:
				row = append(row, fmt.Sprint("double ", f))
			case x.Datatype == graph.DateTime:
				row = append(row, strings.TrimSuffix(strings.TrimSuffix(x.Value, "Z"), ".000"))
			default:
				row = append(row, fmt.Sprintf("%s %s %s", x.Type, x.Value, x.Datatype))
			}
		}
		out = append(out, strings.Join(row, " | "))
	}
	if !inOrder {
		slices.Sort(out)
	}
	return out
}

// The questions of the scripts are answered as oxigraph answers them.
func TestQuestionsByOxigraph(t *testing.T) {
	g := house(t, 2, 2)
	_, titles, questions, _ := steps(t, "questions.txt")
	for i, a := range oxigraph(t, g, questions) {
		if a.Error != "" {
			t.Errorf("%s: oxigraph: %s", titles[i], a.Error)
			continue
		}
		got := ask(t, g, questions[i]).JSON()
		ordered := strings.Contains(questions[i], "ORDER BY")
		if !strings.Contains(questions[i], "*") {
			if diff := cmp.Diff(a.Answer.Head.Vars, got.Head.Vars); diff != "" {
				t.Errorf("%s: %s", titles[i], diff)
			}
		}
		got.Head.Vars = a.Answer.Head.Vars // of * in another order
		if diff := cmp.Diff(rows(a.Answer, ordered), rows(got, ordered)); diff != "" {
			t.Errorf("%s: %s", titles[i], diff)
		}
	}
}

// Questions made at random are answered as oxigraph answers them.
func TestRandomByOxigraph(t *testing.T) {
	g := house(t, 2, 2)
	rnd := rand.New(rand.NewPCG(8, 1))
	var all []graph.Triple
	for x := range g.Match(graph.Term{}, graph.Term{}, graph.Term{}) {
		all = append(all, x)
	}
	var questions []string
	var answers []query.Answer
	full := 0
	for len(questions) < 200 {
		text := randomQuestion(rnd, all)
		q, err := query.Parse(text)
		if err != nil {
			if strings.Contains(err.Error(), "comes from further out") {
				continue
			}
			t.Fatalf("%v\n%s", err, text)
		}
		r, err := q.Run(context.Background(), g, query.Budget{Steps: 20_000, Rows: 2000})
		if err != nil {
			continue // too much
		}
		if len(r.Rows) > 0 {
			full++
		}
		questions, answers = append(questions, text), append(answers, r.JSON())
	}
	if full < 100 {
		t.Errorf("only %d of %d questions have an answer", full, len(questions))
	}
	for i, a := range oxigraph(t, g, questions) {
		if a.Error != "" {
			t.Errorf("oxigraph: %s\n%s", a.Error, questions[i])
			continue
		}
		answers[i].Head.Vars = a.Answer.Head.Vars
		if diff := cmp.Diff(rows(a.Answer, false), rows(answers[i], false)); diff != "" {
			t.Errorf("%s\n%s", questions[i], diff)
		}
	}
}

// randomQuestion takes triples that touch one another, so that there mostly is an
// answer, and has variables stand for some of their terms.
func randomQuestion(rnd *rand.Rand, all []graph.Triple) string {
	vars := []string{"?a", "?b", "?c", "?d", "?e"}
	used := []string{}
	of := make(map[graph.Term]string)
	touched := make(map[graph.Term]bool)
	pick := func(list []string) string { return list[rnd.IntN(len(list))] }
	node := func(t graph.Term, chance float64) string {
		touched[t] = true
		if v, ok := of[t]; ok && rnd.IntN(10) > 0 {
			return v
		}
		if rnd.Float64() < chance && len(used) < len(vars) {
			v := vars[len(used)]
			used = append(used, v)
			of[t] = v
			return v
		}
		return t.String()
	}
	triple := func() string {
		x := all[rnd.IntN(len(all))]
		for range 2000 {
			if len(touched) == 0 || touched[x.S] || touched[x.O] {
				break
			}
			x = all[rnd.IntN(len(all))]
		}
		if rnd.IntN(8) == 0 { // another one, that often fits none
			x.O = all[rnd.IntN(len(all))].O
		}
		s := node(x.S, 0.8)
		p := x.P.String()
		switch k := rnd.IntN(12); {
		case k == 0:
			p = node(x.P, 1)
		case x.P.Value == vocabulary.Type.IRI() && k < 6:
			if c, ok := vocabulary.Lookup(x.O.Value); ok {
				above := c.Above()
				x.O = graph.Resource(above[rnd.IntN(len(above))].IRI())
			}
			p = "a/rdfs:subClassOf*"
		case k < 4 && (strings.HasSuffix(p, "isPartOf>") || strings.HasSuffix(p, "feeds>") || strings.HasSuffix(p, "subClassOf>")):
			p += "+"
		case k == 4 && strings.HasSuffix(p, "includes>"):
			p += "/ww:state"
			x.O = graph.Text("live")
		}
		return s + " " + p + " " + node(x.O, 0.6)
	}
	value := func() string {
		x := all[rnd.IntN(len(all))]
		if x.O.Type == graph.DateTime {
			return `"2023-11-14T22:13:30Z"^^xsd:dateTime`
		}
		return x.O.String()
	}
	condition := func() string {
		v := pick(used)
		switch rnd.IntN(7) {
		case 0:
			return fmt.Sprintf("BOUND(%s)", v)
		case 1:
			return fmt.Sprintf("!BOUND(%s)", v)
		case 2:
			return fmt.Sprintf("REGEX(STR(%s), %q)", v, pick([]string{"room", "0", "^urn:.*1$", "Power", "[^a-z]$"}))
		case 3:
			return fmt.Sprintf("%s IN (%s, %s)", v, value(), value())
		case 4:
			return fmt.Sprintf("%s != %s", v, pick(used))
		}
		// Oxigraph puts IRIs in order, SPARQL does not.
		with, ops := value(), []string{"=", "!=", "<", "<=", ">", ">="}
		if with[0] == '<' {
			ops = ops[:2]
		}
		return fmt.Sprintf("%s %s %s", v, pick(ops), with)
	}
	var b strings.Builder
	for range 1 + rnd.IntN(3) {
		b.WriteString(triple() + " . ")
	}
	for range rnd.IntN(3) {
		b.WriteString("OPTIONAL { " + triple() + " . ")
		if rnd.IntN(3) == 0 {
			b.WriteString(triple() + " . ")
		}
		if rnd.IntN(3) == 0 && len(used) > 0 {
			b.WriteString("FILTER(" + condition() + ") ")
		}
		if rnd.IntN(4) == 0 {
			b.WriteString("OPTIONAL { " + triple() + " } ")
		}
		b.WriteString("} ")
		if rnd.IntN(4) == 0 {
			b.WriteString(triple() + " . ")
		}
	}
	for range min(rnd.IntN(2), len(used)) {
		c := condition()
		switch rnd.IntN(4) {
		case 0:
			c += " && " + condition()
		case 1:
			c += " || " + condition()
		case 2:
			c = "!(" + c + ")"
		}
		b.WriteString("FILTER(" + c + ") ")
	}
	body := b.String()
	var asked []string
	for _, v := range vars {
		if slices.Contains(used, v) && (rnd.IntN(3) > 0 || len(asked) == 0) {
			asked = append(asked, v)
		}
	}
	if len(asked) == 0 {
		return "SELECT (COUNT(*) AS ?n) { " + body + "}"
	}
	switch rnd.IntN(5) {
	case 0:
		return "SELECT DISTINCT " + strings.Join(asked, " ") + " { " + body + "}"
	case 1:
		return fmt.Sprintf("SELECT %s (COUNT(%s) AS ?n) (COUNT(DISTINCT %s) AS ?m) { %s} GROUP BY %s", asked[0], pick(used), pick(used), body, asked[0])
	}
	return "SELECT " + strings.Join(asked, " ") + " { " + body + "}"
}
