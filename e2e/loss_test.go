package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wattwerk/wattwerk/record"
)

// lost tells, when the test has failed, where on their way ticks are missing:
// what is left of them on the bus, and what each database shows.
func (f *flood) lost(s *site, done int) {
	if !f.t.Failed() {
		return
	}
	on, err := f.onBus(s)
	f.t.Logf("on the bus: %s%s", strings.Join(on, ", "), said(err))
	for i, v := range s.stores {
		for _, g := range f.document().Groups {
			has, err := exportedTimes(v.URL(), g.ID)
			var missing []string
			for k := range done - 3 {
				if t := f.begin + int64(k)*1000; !has[t] {
					missing = append(missing, fmt.Sprintf("%d (%d)", k, t))
				}
			}
			f.t.Logf("%s shows %d sums of %s, and lacks %v%s", storeName(i), len(has), g.ID, missing, said(err))
		}
	}
}

func said(err error) string {
	if err == nil {
		return ""
	}
	return "; " + err.Error()
}

// onBus describes every message of ticks that is there.
func (f *flood) onBus(s *site) (out []string, err error) {
	nc, err := nats.Connect(s.bus.URL())
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	stream, err := js.Stream(f.t.Context(), "AGGREGATES")
	if err != nil {
		return nil, err
	}
	state := stream.CachedInfo().State
	for seq := max(state.FirstSeq, 1); seq <= state.LastSeq; seq++ {
		m, err := stream.GetMsg(f.t.Context(), seq)
		if err != nil {
			out = append(out, fmt.Sprintf("%d: %v", seq, err))
			continue
		}
		var t record.Ticks
		if err := t.Decode(m.Data); err != nil || len(t.Ticks) == 0 {
			out = append(out, fmt.Sprintf("%d: unreadable", seq))
			continue
		}
		first, last := int64(t.Ticks[0].Time)-f.begin, int64(t.Ticks[len(t.Ticks)-1].Time)-f.begin
		out = append(out, fmt.Sprintf("%d at %s: %d to %d (%d)", seq, m.Time.UTC().Format("15:04:05.000"), first/1000, last/1000, len(t.Ticks)))
	}
	return out, nil
}

// exportedTimes are those at which a database has a sum of a group.
func exportedTimes(address, group string) (map[int64]bool, error) {
	client := http.Client{Timeout: time.Minute}
	match := fmt.Sprintf("wattwerk_group_sum{group=%q}", group)
	resp, err := client.PostForm(address+"/api/v1/export", url.Values{"match[]": {match}, "reduce_mem_usage": {"1"}})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	has := make(map[int64]bool)
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var x struct{ Timestamps []int64 }
		if err := json.Unmarshal(lines.Bytes(), &x); err != nil {
			return has, err
		}
		for _, t := range x.Timestamps {
			has[t] = true
		}
	}
	return has, lines.Err()
}
