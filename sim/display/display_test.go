package display

import (
	"testing"
	"time"
)

// hand lights a display as a person does who keeps to the time.
type hand struct {
	d  *Display
	at time.Time
}

func meet(t *testing.T, model, pin string) *hand {
	t.Helper()
	b, err := Find(model)
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(Options{Behaviour: b, PIN: pin})
	if err != nil {
		t.Fatal(err)
	}
	return &hand{d, time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)}
}

func (h *hand) flash(long time.Duration) {
	h.d.Light(true, h.at)
	h.at = h.at.Add(long)
	h.d.Light(false, h.at)
	h.wait(300 * time.Millisecond)
}

func (h *hand) wait(long time.Duration) { h.at = h.at.Add(long) }

func (h *hand) flashes(n int) {
	for range n {
		h.flash(400 * time.Millisecond)
	}
}

// enter enters a PIN from the dark on.
func (h *hand) enter(pin ...int) View {
	h.wait(130 * time.Second)
	h.flashes(2)
	h.wait(time.Second)
	for i, digit := range pin {
		h.flashes(digit)
		h.wait(3 * time.Second)
		if v := h.d.Look(h.at); i < 3 && (v.Page != PIN || v.Digit != i+1) {
			return v
		}
	}
	return h.d.Look(h.at)
}

func TestRightPIN(t *testing.T) {
	for _, b := range Behaviours {
		h := meet(t, b.Model, "4711")
		if v := h.enter(4, 7, 1, 1); !v.Open || v.Permanent || v.Page != Energy {
			t.Errorf("%s: %+v", b.Model, v)
		}
		h.wait(b.Session - 4*time.Second)
		if v := h.d.Look(h.at); !v.Open {
			t.Errorf("%s: before the session ends: %+v", b.Model, v)
		}
		h.flashes(1) // keeps it alive
		h.wait(b.Session - 4*time.Second)
		if v := h.d.Look(h.at); !v.Open {
			t.Errorf("%s: a flash does not keep the session: %+v", b.Model, v)
		}
		h.wait(5 * time.Second)
		if v := h.d.Look(h.at); v.Open || v.Page != Idle {
			t.Errorf("%s: the session does not end: %+v", b.Model, v)
		}
	}
}

func TestDigitsWrap(t *testing.T) {
	h := meet(t, "MT681", "1090")
	if v := h.enter(11, 10, 9, 20); !v.Open {
		t.Errorf("%+v", v)
	}
}

func TestLockOut(t *testing.T) {
	h := meet(t, "EHZ", "4711")
	for n := range 3 {
		if v := h.enter(1, 2, 3, 4); v.Open || v.Wrong != n+1 || v.LockedOut != (n == 2) {
			t.Errorf("wrong PIN %d: %+v", n+1, v)
		}
	}
	if v := h.enter(4, 7, 1, 1); v.Open || !v.LockedOut {
		t.Errorf("the right one while it is locked: %+v", v)
	}
	h.wait(time.Hour)
	if v := h.enter(4, 7, 1, 1); !v.Open {
		t.Errorf("an hour later: %+v", v)
	}
}

// TestLongFlash: what a long one does depends on the page, and is seen.
func TestLongFlash(t *testing.T) {
	h := meet(t, "MT681", "0000")
	h.enter(0, 0, 0, 0)
	h.flashes(6) // Energy to InF
	h.flash(5500 * time.Millisecond)
	if v := h.d.Look(h.at); !v.Permanent || v.Deleted != 0 || v.Page != InF {
		t.Errorf("%+v", v)
	}
	h.wait(time.Hour)
	if v := h.d.Look(h.at); !v.Open {
		t.Errorf("an hour later: %+v", v)
	}
	h = meet(t, "MT681", "0000")
	h.enter(0, 0, 0, 0)
	h.flashes(5) // one too few
	h.flash(5500 * time.Millisecond)
	if v := h.d.Look(h.at); v.Permanent || v.Deleted != 1 {
		t.Errorf("%+v", v)
	}
	h.flash(4500 * time.Millisecond)
	if v := h.d.Look(h.at); v.Odd != 1 || v.Page != HisClr {
		t.Errorf("%+v", v)
	}
	h.flashes(2)
	h.flash(6 * time.Second)
	h.wait(time.Hour)
	if v := h.d.Look(h.at); !v.Open || !v.Permanent {
		t.Errorf("without a PIN: %+v", v)
	}
	h.flash(100 * time.Millisecond)
	if v := h.d.Look(h.at); v.Page != Idle {
		t.Errorf("a flash that is too short: %+v", v)
	}
	h.flashes(2)
	if v := h.d.Look(h.at); v.Page != Energy {
		t.Errorf("a PIN is asked for that is not needed: %+v", v)
	}
}

func TestOptions(t *testing.T) {
	for _, pin := range []string{"", "123", "12345", "12a4"} {
		if _, err := New(Options{PIN: pin}); err == nil {
			t.Errorf("%q is taken", pin)
		}
	}
	if _, err := Find("XY"); err == nil {
		t.Error("a model that is not there is known")
	}
}
