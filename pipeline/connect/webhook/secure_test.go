package webhook

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/connect/connecttest"
)

func TestSecured(t *testing.T) {
	r := new(receiver)
	url, house := connecttest.Secured(t, r)
	house.Retry = time.Millisecond
	write := func(more ...string) error {
		return connecttest.Write(t, Protocol(), connecttest.End(t, Protocol(), house, manifest.Kind{}, slices.Concat([]string{"url", url}, connecttest.Rights, more)...)).Write(t.Context(), results(3))
	}
	if err := write(); err != nil || len(r.values(t)) != 3 {
		t.Error(err, r.values(t))
	}
	for _, c := range connecttest.Wrongs {
		if err := write(c.More...); err == nil || !strings.Contains(err.Error(), c.Want) || strings.Contains(err.Error(), "battery") {
			t.Errorf("%s: %v", c.Want, err)
		}
	}
}
