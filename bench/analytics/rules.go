package analytics

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/bench"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/manifest"
)

// rules is eKuiper's published scenario: so many rules on one source that so many
// messages a second come to, each a value of its own request, stored before it is
// answered. Every rule lets every value through. What is told is the share of two
// cores that all of it takes, with those who send, and what is lost.
func (m *rig) rules(ctx context.Context, o *Options, out *bench.Figures) error {
	m.sink.mu.Lock()
	m.sink.once = nil
	m.sink.mu.Unlock()
	b := new(manifest.Bundle)
	for i := range o.Rules {
		b.Manifests = append(b.Manifests, manifest.Manifest{
			Common: manifest.Common{Name: fmt.Sprint("one rule of many ", i)}, State: manifest.Running,
			Processors: []manifest.Processor{
				{Name: "above", Type: "filter", From: []string{"shared"}, To: "sink", Parameters: manifest.Values{"operator": json.RawMessage(`"GE"`), "threshold": json.RawMessage(fmt.Sprint(-i))}},
			},
		})
	}
	if _, err := m.models.Apply(ctx, b, false, "bench"); err != nil {
		return err
	}
	for running := 0; running < o.Rules; {
		if !run.Pause(ctx, 50*time.Millisecond) {
			return ctx.Err()
		}
		running = -1 // the rule runs, too
		if err := m.count(ctx, &running); err != nil {
			return err
		}
	}
	source, err := m.id(ctx, "shared")
	if err != nil {
		return err
	}
	first, before, cpu, began := m.sink.total.Load(), time.Now(), bench.CPU(), time.Now()
	messages, clients := o.RuleRate*o.RuleSeconds, 64 // each waits for the disk
	fail := make(chan error, clients)
	for k := range clients {
		go func() {
			for i := k; i < messages; i += clients {
				// At its time; one that is late does not put off those behind it.
				select {
				case <-ctx.Done():
					fail <- ctx.Err()
					return
				case <-time.After(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(o.RuleRate)))):
				}
				if err := m.tell(ctx, source, fmt.Sprintf(`{"time":%d,"value":%d}`, 1_500_000_000_000+int64(i), i%1000)); err != nil {
					fail <- err
					return
				}
			}
			fail <- nil
		}()
	}
	for range clients {
		if err := <-fail; err != nil {
			return err
		}
	}
	sent := time.Since(began)
	want := int64(messages) * int64(o.Rules)
	for was := int64(-1); m.sink.total.Load()-first < want; {
		if now := m.sink.total.Load(); now != was {
			was, before = now, time.Now()
		} else if time.Since(before) > 30*time.Second {
			break // what is missing is told as lost
		}
		if !run.Pause(ctx, time.Millisecond) {
			return ctx.Err()
		}
	}
	took := time.Since(began)
	out.Add("rules", "rules on one source", o.Rules)
	out.Add("rules_messages_per_second", "messages a second that were sent to them", int(float64(messages)/sent.Seconds()))
	out.Add("rules_evaluated_per_second", "messages times rules a second", int(float64(want)/took.Seconds()))
	out.Add("rules_cpu_percent", "CPU of all of it, % of two cores", 100*(bench.CPU()-cpu).Seconds()/took.Seconds()/2)
	out.Add("rules_lost", "results of rules that were lost", want-(m.sink.total.Load()-first))
	return nil
}

// tell pushes one message.
func (m *rig) tell(ctx context.Context, source, body string) error {
	for {
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader([]byte(body))).WithContext(ctx)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		m.doors.Push(w, r, source)
		switch {
		case w.Code/100 == 2:
			return nil
		case w.Code != http.StatusTooManyRequests && w.Code != http.StatusServiceUnavailable:
			return fmt.Errorf("a push was answered %d: %s", w.Code, strings.TrimSpace(w.Body.String()))
		}
		if !run.Pause(ctx, time.Millisecond) {
			return ctx.Err()
		}
	}
}
