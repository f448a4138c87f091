package substitute

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
)

// Provenance says where the values come from that stand in for those of an
// object, completely: with it and the measured values of its sources each of them
// can be computed again, to the bit (prov:wasDerivedFrom).
type Provenance struct {
	Object   object.ID     `json:"object"`
	Method   Method        `json:"method"`
	From     []object.ID   `json:"from,omitempty"` // who has to measure for it; nobody for a virtual value
	Place    Place         `json:"place"`
	Unit     string        `json:"unit"`
	Mapping  Mapping       `json:"mapping"`
	Expected Error         `json:"expected"`
	UpTo     record.Millis `json:"up_to"`  // age for which the error was found; 0: any
	Needed   Need          `json:"needed"` // what the consumer asked for
	Fitted   record.Millis `json:"fitted"` // end of the history that it was fitted on
	Known    record.Millis `json:"known"`  // last cell of the object that was known: nothing later of its own is used
	Since    record.Millis `json:"since"`  // when it was decided, which is when it began to be believed
	Until    record.Millis `json:"until"`  // no value of this time or later is given
}

// Value computes the value of the cell that begins at t. It is false before and
// after the time for which it stands in, and when something is missing.
func (p *Provenance) Value(t record.Millis, lookup Lookup) (float64, bool) {
	if !p.covers(t) {
		return 0, false
	}
	return p.Mapping.Value(t, p.Known, lookup)
}

func (p *Provenance) covers(t record.Millis) bool { return t > p.Known && t < p.Until }

// State is how an object is that it stands in for.
func (p *Provenance) State() object.State {
	if p.Method.Virtual() {
		return object.Virtual
	}
	return object.Substituted
}

// maxProvenance is how long stored provenance may be, in bytes.
const maxProvenance = 1 << 18

// ParseProvenance reads what json.Marshal wrote of a provenance. The error says
// what is wrong with it.
func ParseProvenance(data []byte) (*Provenance, error) {
	if len(data) > maxProvenance {
		return nil, fmt.Errorf("read provenance: %d bytes, at most %d are taken", len(data), maxProvenance)
	}
	var p Provenance
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, fmt.Errorf("read provenance: %w", err)
	}
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("read provenance: %w", err)
	}
	return &p, nil
}

// Validate says what is wrong with a provenance, or nil.
func (p *Provenance) Validate() error {
	if err := p.Object.Validate(); err != nil {
		return err
	}
	if err := p.Mapping.Validate(); err != nil {
		return err
	}
	if intricate[p.Method] == 0 && p.Method != Balanced {
		return fmt.Errorf("method %.40q is unknown", string(p.Method))
	}
	if from := p.Mapping.From(); !slices.Equal(from, p.From) && len(from)+len(p.From) > 0 {
		return fmt.Errorf("the mapping stands on %v, not on %v", from, p.From)
	}
	if slices.Contains(p.From, p.Object) {
		return fmt.Errorf("%s stands in for itself", p.Object)
	}
	for _, t := range []record.Millis{p.Known, p.Since, p.Until, p.Fitted} {
		if t < record.MinTime || t > record.MaxTime {
			return fmt.Errorf("%w: %d ms", record.ErrTimeBounds, int64(t))
		}
	}
	return nil
}
