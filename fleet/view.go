package fleet

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Member is one running process.
type Member struct {
	ID      string    `json:"id"`                // unique for each start of a process
	Name    string    `json:"name"`              // what people call it
	Modules []string  `json:"modules,omitempty"` // what it runs
	URL     string    `json:"url,omitempty"`     // where other processes reach its HTTP face; empty: they do not
	Version string    `json:"version,omitempty"` // of the program
	Since   time.Time `json:"since"`             // when it started, by its own clock
}

// presence is what a heartbeat says.
type presence struct {
	Member
	Shares []string `json:"shares,omitempty"` // in which it takes part
	Beat   uint64   `json:"beat"`             // counts those that come in rhythm; the last field, see rhythm
}

// rhythm cuts a heartbeat into what it says and its count, so that one that
// says nothing new need not be read. ok is false when it does not end with the
// count.
func rhythm(value []byte) (says []byte, beat uint64, ok bool) {
	const field = `"beat":`
	at := bytes.LastIndex(value, []byte(field))
	if at < 0 || value[len(value)-1] != '}' {
		return nil, 0, false
	}
	beat, err := strconv.ParseUint(string(value[at+len(field):len(value)-1]), 10, 64)
	return value[:at], beat, err == nil
}

// claim says who works on a piece.
type claim struct {
	Holder string `json:"holder"` // a Member's ID
}

// Keys of the bucket.
const (
	memberPrefix = "member."
	claimPrefix  = "claim."
)

func memberKey(id string) string { return memberPrefix + id }

func claimKey(share string, piece int) string { return claimPrefix + share + "." + strconv.Itoa(piece) }

// isClaim tells whether claimKey made the key.
func isClaim(key string) bool {
	rest, found := strings.CutPrefix(key, claimPrefix)
	at := strings.LastIndexByte(rest, '.')
	if !found || at < 1 {
		return false
	}
	piece, err := strconv.Atoi(rest[at+1:])
	return err == nil && piece >= 0
}

// entry is a key of the bucket at a revision.
type entry struct {
	key      string
	revision uint64
	gone     bool
	value    []byte
	stored   time.Time // by the clock of the bus
}

// view is what one process knows of the bucket. It hears of claims at once and
// of members in its own rhythm; of each in the order in which they were stored.
// Not safe for concurrent use.
type view struct {
	self    string
	members map[string]*seen
	claims  map[string]held // by key
	claimed bool            // all claims of before have come
	ahead   bool            // there may be claims newer than mine
	mine    uint64          // revision of the newest heartbeat of our own that came back: members are known up to it
	at      time.Time       // when the bus stored it
}

// seen is a member and how it stands.
type seen struct {
	presence
	says     []byte // its heartbeat without the count
	missed   int    // heartbeats of our own since its last
	revision uint64
	stored   time.Time
}

// held is a claim in force; no holder: it was given up.
type held struct {
	holder   string
	revision uint64
}

func newView(self string) *view {
	return &view{self: self, members: make(map[string]*seen), claims: make(map[string]held)}
}

// take applies an entry and tells whether anything changed but the time.
func (v *view) take(e entry, every time.Duration) (changed bool, err error) {
	if id, ok := strings.CutPrefix(e.key, memberPrefix); ok {
		return v.takeMember(id, e, every)
	}
	if !isClaim(e.key) {
		return false, nil // of a later version
	}
	was := v.claims[e.key]
	if e.revision <= was.revision {
		return false, nil
	}
	now := held{revision: e.revision}
	if !e.gone {
		var c claim
		if err := json.Unmarshal(e.value, &c); err != nil {
			return false, fmt.Errorf("read claim %s: %w", e.key, err)
		}
		now.holder = c.Holder
	}
	v.claims[e.key] = now
	v.ahead = v.ahead || e.revision > v.mine
	return was.holder != now.holder, nil
}

func (v *view) takeMember(id string, e entry, every time.Duration) (changed bool, err error) {
	was := v.members[id]
	if was != nil && e.revision <= was.revision {
		return false, nil
	}
	if e.gone {
		delete(v.members, id)
		return was != nil, nil
	}
	now := &seen{revision: e.revision, stored: e.stored}
	says, beat, ok := rhythm(e.value)
	if ok && was != nil && bytes.Equal(says, was.says) {
		now.presence, now.says = was.presence, was.says
		now.Beat = beat
	} else {
		if err := json.Unmarshal(e.value, &now.presence); err != nil {
			return false, fmt.Errorf("read member %s: %w", id, err)
		}
		now.says = bytes.Clone(says)
	}
	v.members[id] = now
	if id == v.self {
		beats := uint64(0) // those since our last; others are said in between, when something changes
		if was != nil {
			beats = now.Beat - was.Beat
		}
		changed = v.beat(e, int(beats), every)
	}
	return changed || was == nil || was.missed >= Beats || !slices.Equal(was.Shares, now.Shares) || !slices.Equal(was.Modules, now.Modules) || was.URL != now.URL, nil
}

// beat counts heartbeats of our own against everybody else's last one.
func (v *view) beat(e entry, beats int, every time.Duration) (changed bool) {
	first := v.mine == 0
	// Whether the newest claims are in force is known from now on.
	changed, v.ahead = v.ahead, false
	for _, h := range v.claims {
		v.ahead = v.ahead || changed && h.revision > e.revision
	}
	v.mine, v.at = e.revision, e.stored
	for id, m := range v.members {
		if id == v.self {
			continue
		}
		was := m.missed
		m.missed += beats
		if first { // what was there before us is judged by its age
			m.missed = int(max(0, e.stored.Sub(m.stored)) / every)
		}
		changed = changed || was < Beats && m.missed >= Beats
	}
	return changed
}

// settled tells whether a heartbeat of our own has come back, and all claims.
func (v *view) settled() bool { return v.mine != 0 && v.claimed }

func (v *view) alive(id string) bool {
	m := v.members[id]
	return m != nil && m.missed < Beats
}

// holds tells whether a claim is in force. One that is newer than what is known
// of members is: its holder may have come, or come back, just before.
func (v *view) holds(h held) bool {
	return h.holder != "" && (h.revision > v.mine || v.alive(h.holder))
}

// live lists the members alive, by ID.
func (v *view) live() []Member {
	var out []Member
	for id, m := range v.members {
		if v.alive(id) {
			out = append(out, m.Member)
		}
	}
	slices.SortFunc(out, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// buried are members dead for so long that their heartbeat can be removed.
func (v *view) buried() []string {
	var out []string
	for id, m := range v.members {
		if m.missed >= 40*Beats {
			out = append(out, id)
		}
	}
	return out
}

// change is what a process should do to have its even part of a share.
type change struct {
	release []int // pieces it holds and should give up
	take    []int // pieces to claim, free at this moment
}

// balance works out what self should hold of a share. All that see the same
// bucket come to shares that fit together: quotas differ by at most one, and
// the larger ones go to those that hold the most already, so that little moves.
func (v *view) balance(share string, pieces int) change {
	count := make(map[string]int)
	var eligible []string
	for id, m := range v.members {
		if v.alive(id) && slices.Contains(m.Shares, share) {
			eligible = append(eligible, id)
			count[id] = 0
		}
	}
	if _, in := count[v.self]; !in {
		return change{}
	}
	var own, free []int
	for p := range pieces {
		h := v.claims[claimKey(share, p)]
		if !v.holds(h) {
			free = append(free, p)
			continue
		}
		count[h.holder]++
		if h.holder == v.self {
			own = append(own, p)
		}
	}
	slices.SortFunc(eligible, func(a, b string) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b))
	})
	quota := func(rank int) int {
		q := pieces / len(eligible)
		if rank < pieces%len(eligible) {
			q++
		}
		return q
	}
	// Free pieces are dealt to those below their quota, in order, so that each
	// knows which are meant for it.
	var c change
	for rank, id := range eligible {
		n := quota(rank) - count[id]
		if id == v.self {
			if n < 0 {
				c.release = own[len(own)+n:]
			} else {
				c.take = free[:min(n, len(free))]
			}
			return c
		}
		free = free[min(max(n, 0), len(free)):]
	}
	return c
}
