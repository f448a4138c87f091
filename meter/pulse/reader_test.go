package pulse

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/obis"
)

// contact is one that a test closes and opens.
type contact struct {
	edges chan time.Duration
	done  chan struct{}
	now   bool
}

func (c *contact) Next() (bool, time.Duration, error) {
	select {
	case at := <-c.edges:
		if at < 0 {
			return false, 0, errors.New("the line is gone")
		}
		c.now = !c.now
		return c.now, at, nil
	case <-c.done:
		return false, 0, io.ErrClosedPipe
	}
}

func (c *contact) Close() error {
	close(c.done)
	return nil
}

// TestReader: what was counted stays over a fault; the contact is opened again.
func TestReader(t *testing.T) {
	opened := 0
	var c *contact
	clock := time.Duration(0)
	r, err := NewReader(ReaderOptions{Options: Options{PerKWh: 1000, Total: 7}, Name: "heat pump", Now: func() time.Duration { return clock }, Open: func() (Contact, error) {
		opened++
		if opened == 2 {
			return nil, errors.New("there is no line")
		}
		c = &contact{edges: make(chan time.Duration), done: make(chan struct{})}
		return c, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	read := func() (energy float64, power bool) {
		t.Helper()
		if err := r.Read(t.Context(), func(m *meter.Telegram) {
			energy, power = m.Find(obis.Import).Value(), m.Find(obis.ImportPower) != nil
			if string(m.Meter) != "heat pump" {
				t.Errorf("it is %q", m.Meter)
			}
		}); err != nil {
			t.Error(err)
		}
		return energy, power
	}
	if energy, power := read(); energy != 7 || power {
		t.Errorf("at first %v Wh, power is known: %v", energy, power)
	}
	for n := range time.Duration(3) {
		c.edges <- (n + 1) * time.Second
		c.edges <- (n+1)*time.Second + 50*time.Millisecond
	}
	clock = 4 * time.Second
	c.edges <- 4 * time.Second // the one before was counted when this is taken
	if energy, power := read(); energy != 10 || !power {
		t.Errorf("after three pulses %v Wh, power is known: %v", energy, power)
	}
	c.edges <- -1
	<-r.ended
	for _, want := range []string{"count pulses: the line is gone", "count pulses: there is no line"} {
		if err := r.Read(t.Context(), nil); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if energy, _ := read(); energy != 10 {
		t.Errorf("after a fault %v Wh", energy)
	}
	if err := errors.Join(r.Close(), r.Close()); err != nil {
		t.Error(err)
	}
	if _, err := NewReader(ReaderOptions{}); err == nil {
		t.Error("no pulses are a kilowatt hour")
	}
	if a, b := monotonic(), monotonic(); a <= 0 || b < a {
		t.Errorf("the clock says %v, then %v", a, b)
	}
}
