package column

import (
	"math"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/energy"
)

// Amounts is a column of amounts in JSON, in the coherent unit, with every
// digit.
type Amounts []*energy.Amount

// MarshalJSON writes decimals.
func (a Amounts) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 12*len(a)+2), '[')
	for i, x := range a {
		if i > 0 {
			b = append(b, ',')
		}
		if x == nil {
			b = append(b, "null"...)
		} else {
			b = append(b, x.String()...)
		}
	}
	return append(b, ']'), nil
}

// Schema describes it in OpenAPI.
func (Amounts) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeArray, Nullable: true, Items: &huma.Schema{Type: huma.TypeNumber, Nullable: true}}
}

// Numbers is a column of numbers in JSON in which NaN is null.
type Numbers []float64

// MarshalJSON writes NaN, which JSON has no number for, as null.
func (f Numbers) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 12*len(f)+2), '[')
	for i, v := range f {
		if i > 0 {
			b = append(b, ',')
		}
		if math.IsNaN(v) {
			b = append(b, "null"...)
		} else {
			b = strconv.AppendFloat(b, v, 'g', -1, 64)
		}
	}
	return append(b, ']'), nil
}

// Schema describes it in OpenAPI.
func (Numbers) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeArray, Nullable: true, Items: &huma.Schema{Type: huma.TypeNumber, Nullable: true}}
}

// Qualities is a column of qualities, in JSON a list of words.
type Qualities []energy.Quality

// Schema describes it in OpenAPI, where it would be taken for bytes.
func (Qualities) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString, Enum: []any{"none", "measured", "corrected", "substituted", "estimated"}}}
}
