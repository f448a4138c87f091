package roster

import (
	"log/slog"
	"testing"

	"github.com/wattwerk/wattwerk/microservice"
	"github.com/wattwerk/wattwerk/microservice/builtin"
	"github.com/wattwerk/wattwerk/microservice/registry"
	"github.com/wattwerk/wattwerk/record"
)

// TestRoster: whatever processes come and go, in the end each that lives has one
// instance of each version, nobody who is forgotten has any, and one pass more changes
// nothing.
func TestRoster(t *testing.T) {
	now := record.Millis(1_767_571_200_000)
	members := []Member{{ID: "a", Name: "first"}}
	r := New(Options{Members: func() []Member { return members }, Clock: func() record.Millis { return now }, Log: slog.New(slog.DiscardHandler)})
	templates := builtin.Services().Microservices
	if err := r.Define(templates, func(*microservice.Template) bool { return true }); err != nil {
		t.Fatal(err)
	}
	pass := func(n int) {
		t.Helper()
		for range n {
			now += 1000
			if err := r.Check(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, who := range []string{"a", "ab", "bc", "c", "abcd", "d", "ad"} {
		members = nil
		for _, id := range who {
			members = append(members, Member{ID: string(id)})
		}
		pass(2)
		if who == "bc" {
			if h, _ := r.Known().Instance(InstanceID(templates[0].Key(), "a")); h == nil || h.State == registry.Up && len(h.Log) > 5 {
				t.Errorf("%+v", h)
			}
		}
		pass(forgetAfter + 3)
		epoch := r.Known().Epoch()
		pass(2)
		if r.Known().Epoch() != epoch {
			t.Errorf("%s: it goes on changing", who)
		}
		for i := range templates {
			got := ""
			for _, h := range r.Known().Instances(templates[i].Key()) {
				if got += h.Instance.Location.Instance; h.State != registry.Up {
					t.Errorf("%s: %s is %s", who, h.Instance.ID, h.State)
				}
			}
			if got != who {
				t.Errorf("%s: instances at %s", who, got)
			}
		}
		if r.Live() != len(who) || r.Self().ID != who[:1] {
			t.Errorf("%s: %d live, this is %s", who, r.Live(), r.Self().ID)
		}
		if m, ok := r.Member(InstanceID(templates[0].Key(), who[:1])); !ok || m.ID != who[:1] {
			t.Errorf("%+v", m)
		}
	}
}
