package app

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/tracetest"
)

// TestADeliveryIsFollowed asks a collector for the way of one delivery: from
// the request over the bus to both readers, all in one trace.
func TestADeliveryIsFollowed(t *testing.T) {
	collector := tracetest.New(t)
	// Spans are delivered every five seconds by default.
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
	c := DefaultConfig()
	c.Data, c.Addr, c.Bus.MQTT, c.Bus.Partitions = t.TempDir(), "127.0.0.1:0", "off", 1
	c.Trace = TraceConfig{Endpoint: collector.URL, Ratio: 1}
	in := runProcess(t, c)
	for _, x := range []struct{ method, path, body string }{
		{http.MethodPut, "/api/v1/sensors/kettle", `{"id":"kettle","quantity":"active_power"}`},
		{http.MethodPut, "/api/v1/groups/all", `{"id":"all","members":[{"sensor":"kettle"}]}`},
		{http.MethodPost, "/api/v1/ingest/json", `{"sensor":"kettle","value":1800}`},
	} {
		req, err := http.NewRequestWithContext(t.Context(), x.method, in.URL+x.path, strings.NewReader(x.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+in.Secret)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode/100 != 2 {
			t.Fatal(x.path, resp.Status)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		err := followed(collector.Spans())
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%v; these arrived: %v", err, collector.Names())
		case <-again.C:
		}
	}
}

// followed tells what is missing of the way of the delivery.
func followed(spans []tracetest.Span) error {
	var intake *tracetest.Span
	by := make(map[string]tracetest.Span)
	for _, s := range spans {
		if s.Name == "intake" {
			intake = &s
		}
		by[s.ID] = s
	}
	if intake == nil {
		return fmt.Errorf("there is no intake")
	}
	if p := by[intake.Parent]; !strings.HasPrefix(p.Name, "POST ") {
		return fmt.Errorf("the intake belongs to %+v", p)
	}
	for _, want := range []string{"bus write", "aggregate", "history"} {
		found := false
		for _, s := range spans {
			found = found || s.Name == want && s.Trace == intake.Trace
		}
		if !found {
			return fmt.Errorf("%s is not part of it", want)
		}
	}
	return nil
}
