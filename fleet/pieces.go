package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Holding is who works on the pieces of a share, as this process knows it.
type Holding struct {
	Share   string
	Holders map[int]string // by piece: the ID of the member whose claim is in force; pieces that nobody has are not there
	Takers  []string       // members alive that take part, by ID
}

// Holdings are all shares of the installation in which somebody takes part, or
// somebody holds a piece, by name.
func (f *Fleet) Holdings() []Holding {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make(map[string]*Holding)
	of := func(share string) *Holding {
		h := all[share]
		if h == nil {
			h = &Holding{Share: share, Holders: make(map[int]string)}
			all[share] = h
		}
		return h
	}
	if f.opts.Alone {
		for share, pieces := range f.alone {
			h := of(share)
			h.Takers = []string{f.opts.Self.ID}
			for p := range pieces {
				h.Holders[p] = f.opts.Self.ID
			}
		}
	}
	for key, h := range f.view.claims {
		rest := strings.TrimPrefix(key, claimPrefix)
		at := strings.LastIndexByte(rest, '.')
		if piece, err := strconv.Atoi(rest[at+1:]); err == nil && f.view.holds(h) {
			of(rest[:at]).Holders[piece] = h.holder
		}
	}
	for id, m := range f.view.members {
		if f.view.alive(id) {
			for _, share := range m.Shares {
				h := of(share)
				h.Takers = append(h.Takers, id)
			}
		}
	}
	var out []Holding
	for _, share := range slices.Sorted(maps.Keys(all)) {
		slices.Sort(all[share].Takers)
		out = append(out, *all[share])
	}
	return out
}

// Seen is when the bus stored the newest heartbeat of a member that is known
// here, by the clock of the bus; zero where there is none.
func (f *Fleet) Seen(id string) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m := f.view.members[id]; m != nil {
		return m.stored
	}
	return time.Time{}
}

// asking is the subject on which every process is asked how it is.
const asking = "fleet.ask"

// answer is what one says.
type answer struct {
	ID  string          `json:"id"`
	Say json.RawMessage `json:"say"`
}

// Tell has this process answer [Fleet.Ask] by what tell gives, a JSON value,
// until ctx ends. tell is called by one goroutine and should be done within a
// second.
func (f *Fleet) Tell(ctx context.Context, tell func(context.Context) (any, error)) error {
	f.mu.Lock()
	f.tell = tell
	f.mu.Unlock()
	if f.opts.Alone {
		<-ctx.Done()
		return nil
	}
	return f.opts.Bus.Answer(ctx, asking, func(ctx context.Context) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		return f.own(ctx)
	})
}

// own is the answer of this process.
func (f *Fleet) own(ctx context.Context) ([]byte, error) {
	f.mu.Lock()
	tell := f.tell
	f.mu.Unlock()
	if tell == nil {
		return nil, errors.New("this process does not answer yet")
	}
	what, err := tell(ctx)
	if err != nil {
		return nil, err
	}
	say, err := json.Marshal(what)
	if err != nil {
		return nil, err
	}
	return json.Marshal(answer{f.Self().ID, say})
}

// Ask asks every member, this one included, and gives what they say, by ID, as
// soon as all have answered or ctx ends. Who does not answer is missing.
func (f *Fleet) Ask(ctx context.Context) (map[string]json.RawMessage, error) {
	said := make(map[string]json.RawMessage)
	take := func(data []byte) {
		var a answer
		if json.Unmarshal(data, &a) == nil && a.ID != "" { // else it is of a later version
			said[a.ID] = a.Say
		}
	}
	if f.opts.Alone {
		data, err := f.own(ctx)
		if err == nil {
			take(data)
		}
		return said, nil
	}
	waited := make(map[string]bool)
	for _, m := range f.Members() {
		waited[m.ID] = true
	}
	if len(waited) == 0 {
		return said, nil
	}
	return said, f.opts.Bus.AskAll(ctx, asking, func(data []byte) bool {
		take(data)
		for id := range said {
			delete(waited, id)
		}
		return len(waited) == 0
	})
}
