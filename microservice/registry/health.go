package registry

import (
	"github.com/wattwerk/wattwerk/microservice"
	"github.com/wattwerk/wattwerk/record"
)

// State says how an instance is.
type State string

// The states there are, from the best to the worst.
const (
	Up          State = "up"
	Degraded    State = "degraded" // it lives, and is not ready
	Stale       State = "stale"    // its data are not fresh
	Down        State = "down"
	Quarantined State = "quarantined" // somebody does not trust it
)

// How many checks in a row change what is thought of an instance, and how many
// intervals data stay fresh.
const (
	Fails  = 3
	Passes = 2
	Fresh  = 3
)

// MaxLog is how many transitions of each instance are kept.
const MaxLog = 100

// Instance is one running copy of a version of a microservice.
type Instance struct {
	ID       string                `json:"id" doc:"Identifier" maxLength:"200"`
	Of       microservice.Key      `json:"of" doc:"What it runs"`
	Location microservice.Location `json:"location,omitempty" doc:"Where it is"`
	Interval int64                 `json:"intervalMs,omitempty" doc:"How often its data come, in ms; 0: it has none that could be stale" minimum:"0"`
}

// Check is one look at an instance.
type Check struct {
	Instance string
	At       record.Millis
	Live     bool          // it answers
	Ready    bool          // it can work
	Seen     record.Millis // when its newest data came; 0: never
	Note     string        // what went wrong, for people
}

// Entry is one transition of an instance.
type Entry struct {
	Instance string        `json:"instance"`
	At       record.Millis `json:"at"`
	From     State         `json:"from"`
	To       State         `json:"to"`
	Why      string        `json:"why,omitempty"`
}

// aspect is one of the things that are checked.
type aspect struct {
	known, bad bool
	row        int // checks in a row that say the opposite
}

func (a *aspect) check(ok bool) {
	if !a.known {
		*a = aspect{known: true, bad: !ok}
		return
	}
	if ok == !a.bad {
		a.row = 0
		return
	}
	most := Fails
	if a.bad {
		most = Passes
	}
	if a.row++; a.row >= most {
		*a = aspect{known: true, bad: !ok}
	}
}

// Health is what is known of an instance. It is not to be changed.
type Health struct {
	Instance Instance
	State    State
	Since    record.Millis // of the state
	Put      record.Millis // when the instance was made known
	Checked  record.Millis // 0: never
	Log      []Entry       // the newest last
	Lost     int           // older entries that are not kept any more

	live, ready, fresh aspect
	quarantined        bool
}

func (h *Health) state() State {
	switch {
	case h.quarantined:
		return Quarantined
	case !h.live.known || h.live.bad:
		return Down
	case h.fresh.bad:
		return Stale
	case h.ready.bad:
		return Degraded
	}
	return Up
}

// see takes a check. One that does not answer says nothing of the rest.
func (h *Health) see(c Check) {
	h.Checked = c.At
	h.live.check(c.Live)
	if !c.Live {
		return
	}
	h.ready.check(c.Ready)
	if h.Instance.Interval > 0 {
		h.fresh.check(c.Seen > 0 && int64(c.At-c.Seen) <= Fresh*h.Instance.Interval)
	}
}

// settle takes over the state, and logs it if it is another.
func (h *Health) settle(at record.Millis, why string) (Entry, bool) {
	now := h.state()
	if now == h.State {
		return Entry{}, false
	}
	e := Entry{h.Instance.ID, at, h.State, now, why}
	h.State, h.Since = now, at
	log := make([]Entry, 0, min(len(h.Log)+1, MaxLog))
	if len(h.Log) == MaxLog {
		h.Lost++
		log = append(log, h.Log[1:]...)
	} else {
		log = append(log, h.Log...)
	}
	h.Log = append(log, e)
	return e, true
}
