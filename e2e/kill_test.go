package e2e

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// kills is how often the process is killed.
const kills = 20

// TestKilledAgainAndAgain kills the process under load at moments that nothing
// announces. Afterwards every reading that was accepted is there, once, and
// every tick is what the readings say.
func TestKilledAgainAndAgain(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir)
	const sensors = 5
	members := ""
	for s := range sensors {
		p.call("PUT", fmt.Sprintf("/api/v1/sensors/kill%d", s), fmt.Sprintf(`{"id":"kill%d","quantity":"active_power","interval":"1s"}`, s), nil)
		members += fmt.Sprintf(`,{"sensor":"kill%d"}`, s)
	}
	p.call("PUT", "/api/v1/groups/all", `{"id":"all","members":[`+members[1:]+`]}`, nil)
	p.call("PUT", "/api/v1/hierarchies/all", `{"id":"all","root":"all"}`, nil)

	l := newLoad("kill", sensors)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	moment := rand.New(rand.NewPCG(seed, 0))
	for range kills {
		l.run(p, false)
		time.AfterFunc(time.Duration(20+moment.IntN(1000))*time.Millisecond, p.kill)
		<-p.ended
		l.end()
		p = start(t, dir)
	}
	l.run(p, true)
	enough := l.accepted.Load() + 1000
	eventually(t, time.Minute, func() error {
		if n := l.accepted.Load(); n < enough {
			return fmt.Errorf("only %d readings were accepted", n)
		}
		return nil
	})
	l.end()
	accepted := l.accepted.Load()
	t.Logf("%d readings of each sensor were accepted", accepted)
	eventually(t, time.Minute, func() error { return l.missing(p, accepted) })
	eventually(t, time.Minute, func() error { return l.wrongTick(p, "all", accepted) })
}

// wrongTick gives the first tick of the group of all sensors that is not what
// the readings say.
func (l *load) wrongTick(p *process, group string, accepted int64) error {
	from, to := l.begin, l.time(accepted-1)-5000 // what comes later may not be closed yet
	have := make(map[int64]float64)
	for at := from; at < to; at += 500_000 * 1000 { // within the bounds of one answer
		var got struct {
			T     []int64    `json:"t"`
			Value []*float64 `json:"value"`
		}
		path := fmt.Sprintf("/api/v1/groups/%s/range?raw=true&from=%d&to=%d", group, at, min(to, at+500_000*1000-1))
		if err := p.try("GET", path, nil, &got); err != nil {
			return err
		}
		for i, x := range got.T {
			if got.Value[i] != nil {
				have[x] = *got.Value[i]
			}
		}
	}
	for at := from; at <= to; at += 1000 {
		want, i := 0.0, (at-l.begin)/loadStep
		for s := range l.sensors {
			want += l.value(s, i)
		}
		if got, ok := have[at]; !ok || got != want {
			return fmt.Errorf("the tick at %v is %v (%v), the readings say %v", time.UnixMilli(at).UTC(), got, ok, want)
		}
	}
	return nil
}
