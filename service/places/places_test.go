package places

import (
	"testing"

	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
)

// TestPlaces: the best object has room for two; of three that come again and again,
// whatever their order, the two with the higher priorities have it (scenario P4).
func TestPlaces(t *testing.T) {
	best, next := &object.Object{ID: "sensor/best", Capacity: 2}, &object.Object{ID: "sensor/next"}
	p := New()
	now := record.Millis(1_000_000)
	led := func(who string, priority int) bool {
		c := p.Free(now, who, priority, []*object.Object{best, next}, true)
		if c != nil && (!c.Full || c.Until <= now) {
			t.Errorf("%+v", c)
		}
		return c == nil
	}
	if !led("low", 1) {
		t.Error("nobody else has asked")
	}
	for range 3 {
		now += 1000
		if !led("middle", 2) || !led("high", 3) || led("low", 1) {
			t.Errorf("at %d", now)
		}
	}
	// Whoever only asks takes nothing, and is told what would be.
	if p.Free(now, "curious", 9, []*object.Object{best, next}, false) != nil || !led("middle", 2) {
		t.Error("who asks is in the way")
	}
	// Whoever was refused often enough comes before those of the same level (scenario P5).
	n := 0
	for ; !led("low", 1); n++ {
		now += 1000
		led("middle", 2)
		led("high", 2)
		if n > 20 {
			t.Fatal("it waits for ever")
		}
	}
	now += wantsFor + 1
	if !led("low", 1) {
		t.Error("the others are gone")
	}
	// What is in use is in use.
	got, err := p.Take(now, "low", 1, []*object.Object{best})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Take(now, "low", 1, []*object.Object{best}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Take(now, "high", 3, []*object.Object{next, best}); err == nil || led("high", 3) {
		t.Error("three use it")
	}
	p.GiveBack(now, got)
	if !led("high", 3) {
		t.Error("there is room again")
	}
}
