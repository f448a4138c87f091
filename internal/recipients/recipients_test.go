package recipients

import (
	"errors"
	"fmt"
	"testing"
)

func TestRest(t *testing.T) {
	away := errors.New("no route to host")
	var text string
	for i, c := range []struct {
		err        error
		text, said string
		wrong      error
	}{
		{away, "", "no route to host", away},
		{fmt.Errorf("mail: %w", &Partly{Left: []string{"eva"}, Why: errors.New("eva: 451"), Refused: []string{"tom: 550"}}), `{"left":["eva"],"refused":["tom: 550"]}`, "tom: 550; eva: 451", nil},
		{away, `{"left":["eva"],"refused":["tom: 550"]}`, "tom: 550; no route to host", away},
		{&Partly{Refused: []string{"eva: 550"}}, `{"refused":["tom: 550","eva: 550"]}`, "tom: 550; eva: 550", nil},
		{nil, `{"refused":["tom: 550","eva: 550"]}`, "tom: 550; eva: 550", nil},
	} {
		r, err := Read(text)
		if err != nil {
			t.Fatal(err)
		}
		r, wrong := r.After(c.err)
		if text = r.Text(); text != c.text || r.Some() != (text != "") || r.Said(wrong) != c.said || c.wrong != nil && !errors.Is(wrong, c.wrong) {
			t.Errorf("%d: %s, %q, %v", i, text, r.Said(wrong), wrong)
		}
	}
	for _, bad := range []string{"[]", "{", `{"left":1}`} {
		if r, err := Read(bad); err == nil || r.Some() {
			t.Errorf("%s is %+v", bad, r)
		}
	}
}
