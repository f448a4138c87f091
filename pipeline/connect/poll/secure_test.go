package poll

import (
	"slices"
	"strings"
	"testing"

	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/connecttest"
)

func TestSecured(t *testing.T) {
	url, house := connecttest.Secured(t, say("5"))
	read := func(more ...string) *connecttest.Store {
		s := new(connecttest.Store)
		connecttest.Run(t, Protocol(), end(t, house, url, slices.Concat(connecttest.Rights, more)...), s)
		return s
	}
	read().Pieces(t, 1)
	for _, c := range connecttest.Wrongs {
		s := read(c.More...)
		s.Broken(t, 0, c.Want)
		s.Until(t, "no secret", func(_ []connect.Piece, _ []connect.Bad, all []connect.Status) bool {
			return !slices.ContainsFunc(all, func(st connect.Status) bool { return strings.Contains(st.Error, "battery") })
		})
	}
}
