package query

import (
	"encoding/json"

	"github.com/wattwerk/wattwerk/object/graph"
)

// MediaType is that of answers in JSON.
const MediaType = "application/sparql-results+json"

// Answer is what was asked for as SPARQL 1.1 Query Results JSON Format says.
type Answer struct {
	Head    AnswerHead `json:"head" doc:"What was asked for"`
	Results AnswerRows `json:"results" doc:"The answer"`
}

// AnswerHead lists the variables.
type AnswerHead struct {
	Vars []string `json:"vars" nullable:"false" doc:"Names of the variables"`
}

// AnswerRows holds the rows.
type AnswerRows struct {
	Bindings []map[string]AnswerValue `json:"bindings" nullable:"false" doc:"A row each: values by variable; what has no value is absent"`
}

// AnswerValue is a term.
type AnswerValue struct {
	Type     string `json:"type" doc:"uri or literal" enum:"uri,literal"`
	Value    string `json:"value" doc:"The IRI, or the text of the literal"`
	Datatype string `json:"datatype,omitempty" doc:"IRI of the datatype; absent: a text"`
}

// JSON gives the answer in the form in which it is sent.
func (r *Result) JSON() Answer {
	out := Answer{Head: AnswerHead{Vars: append([]string{}, r.Vars...)}, Results: AnswerRows{Bindings: make([]map[string]AnswerValue, 0, len(r.Rows))}}
	for _, row := range r.Rows {
		b := make(map[string]AnswerValue, len(row))
		for i, t := range row {
			switch t.Kind {
			case graph.IRI:
				b[r.Vars[i]] = AnswerValue{Type: "uri", Value: t.Value}
			case graph.Literal:
				b[r.Vars[i]] = AnswerValue{Type: "literal", Value: t.Value, Datatype: t.Type}
			}
		}
		out.Results.Bindings = append(out.Results.Bindings, b)
	}
	return out
}

// MarshalJSON writes the answer as [Result.JSON] gives it.
func (r *Result) MarshalJSON() ([]byte, error) { return json.Marshal(r.JSON()) }
