package plan_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/microservice/plan"
	"github.com/wattwerk/wattwerk/record"
)

func TestCache(t *testing.T) {
	c := plan.NewCache[int](plan.CacheOptions{Fresh: 10 * time.Second, Stale: 20 * time.Second, Error: time.Minute, Most: 3})
	k := plan.CacheKey{SID: "S1"}
	c.Put(k, 1, 1, 0, 42)
	for _, x := range []struct {
		epoch, states uint64
		now           int64
		want          plan.Freshness
	}{{1, 1, 9_999, plan.Fresh}, {1, 1, 10_000, plan.Revalidate}, {1, 1, 29_999, plan.Revalidate}, {1, 1, 30_000, ""}, {2, 1, 0, ""}, {1, 2, 0, ""}} {
		if v, got, ok := c.Get(k, x.epoch, x.states, at(x.now)); got != x.want || ok != (x.want != "") || ok && v != 42 {
			t.Errorf("%+v: %d, %q", x, v, got)
		}
	}
	if v, from, ok := c.GetOnError(k, 60_000); !ok || v != 42 || from != 0 {
		t.Error("not to be had on an error")
	}
	if _, _, ok := c.GetOnError(k, 60_001); ok {
		t.Error("to be had on an error although it is too old")
	}
	for i := range 10 {
		c.Put(plan.CacheKey{SID: fmt.Sprint(i)}, 1, 1, 0, i)
		c.Put(plan.CacheKey{SID: fmt.Sprint(i)}, 1, 1, 0, i)
	}
	if c.Len() != 3 {
		t.Errorf("%d are kept, want 3", c.Len())
	}
	if v, _, ok := c.Get(plan.CacheKey{SID: "9"}, 1, 1, 0); !ok || v != 9 {
		t.Error("the newest is not kept")
	}
}

func at(ms int64) record.Millis { return record.Millis(ms) }
