// Package recipients tells who of several has what was sent to all of them, so
// that who has it does not get it again, and who does not is not forgotten.
package recipients

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Partly is the error of sending to several, of whom some have it.
type Partly struct {
	Left    []string // who did not take it now: it is sent again to them alone
	Why     error    // why they did not; nil when there are none
	Refused []string // who will not take it, and why
}

// Error says who has not got it.
func (p *Partly) Error() string { return said(p.Refused, p.Why) }

// Rest is what came of the tries so far, as it is kept between them. The zero
// Rest is that of something nobody has yet.
type Rest struct {
	Left    []string `json:"left,omitempty"` // to whom it is sent now; none: to all
	Refused []string `json:"refused,omitempty"`

	partly bool
}

// Read reads what [Rest.Text] writes.
func Read(text string) (Rest, error) {
	if text == "" {
		return Rest{}, nil
	}
	r := Rest{partly: true}
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return Rest{}, fmt.Errorf("read who has a message: %w", err)
	}
	return r, nil
}

// Text is the Rest to be kept; empty while nobody has it.
func (r Rest) Text() string {
	if !r.partly {
		return ""
	}
	data, _ := json.Marshal(r) // lists of texts
	return string(data)
}

// Some tells whether some have it.
func (r Rest) Some() bool { return r.partly }

// After gives the Rest after another try, and what is still wrong: of a [Partly]
// only why some did not take it for now.
func (r Rest) After(err error) (Rest, error) {
	p, ok := errors.AsType[*Partly](err)
	if !ok {
		return r, err
	}
	return Rest{Left: p.Left, Refused: append(slices.Clone(r.Refused), p.Refused...), partly: true}, p.Why
}

// Said is a line about who has not got it, with what is still wrong; empty when
// all have it.
func (r Rest) Said(wrong error) string { return said(r.Refused, wrong) }

func said(refused []string, wrong error) string {
	all := slices.Clone(refused)
	if wrong != nil {
		all = append(all, wrong.Error())
	}
	return strings.Join(all, "; ")
}
