package query

import (
	"encoding/json"

	"github.com/wattwerk/wattwerk/object/graph"
)

// MediaType is that of answers in JSON.
const MediaType = "application/sparql-results+json"

// JSON is an answer as SPARQL 1.1 Query Results JSON Format says.
type JSON struct {
	Head    Head    `json:"head" doc:"What was asked for"`
	Results Results `json:"results" doc:"The answer"`
}

// Head lists the variables.
type Head struct {
	Vars []string `json:"vars" nullable:"false" doc:"Names of the variables"`
}

// Results holds the rows.
type Results struct {
	Bindings []map[string]Value `json:"bindings" nullable:"false" doc:"A row each: values by variable; what has no value is absent"`
}

// Value is a term.
type Value struct {
	Type     string `json:"type" doc:"uri or literal" enum:"uri,literal"`
	Value    string `json:"value" doc:"The IRI, or the text of the literal"`
	Datatype string `json:"datatype,omitempty" doc:"IRI of the datatype; absent: a text"`
}

// JSON gives the answer in the form in which it is sent.
func (r *Result) JSON() JSON {
	out := JSON{Head: Head{Vars: append([]string{}, r.Vars...)}, Results: Results{Bindings: make([]map[string]Value, 0, len(r.Rows))}}
	for _, row := range r.Rows {
		b := make(map[string]Value, len(row))
		for i, t := range row {
			switch t.Kind {
			case graph.IRI:
				b[r.Vars[i]] = Value{Type: "uri", Value: t.Value}
			case graph.Literal:
				b[r.Vars[i]] = Value{Type: "literal", Value: t.Value, Datatype: t.Type}
			}
		}
		out.Results.Bindings = append(out.Results.Bindings, b)
	}
	return out
}

// MarshalJSON writes the answer as [Result.JSON] gives it.
func (r *Result) MarshalJSON() ([]byte, error) { return json.Marshal(r.JSON()) }
