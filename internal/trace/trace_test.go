package trace

import (
	"context"
	"errors"
	"testing"

	"github.com/wattwerk/wattwerk/internal/tracetest"
)

func TestOffCostsNothing(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")
	off, err := New(t.Context(), Options{Ratio: 1})
	if err != nil || off != nil {
		t.Fatal(off, err)
	}
	ctx := context.Background()
	header := map[string][]string{"traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}
	wrong := errors.New("something")
	if n := testing.AllocsPerRun(1000, func() {
		ctx, s := off.Serve(ctx, "request", header)
		ctx, in := off.Start(off.Extract(ctx, header), "intake")
		in.Int("records", 1000)
		in.Text("bridge", "json")
		in.Name("other")
		if off.Header(ctx) != nil {
			panic("a header")
		}
		in.End(wrong)
		s.End(nil)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if err := off.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestSpansArrive(t *testing.T) {
	c := tracetest.New(t)
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "site=kiel")
	on, err := New(t.Context(), Options{Endpoint: c.URL, Ratio: 1, Instance: "a", Version: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, first := on.Start(t.Context(), "publish")
	first.Int("records", 7)
	h := on.Header(ctx)
	if len(h["traceparent"]) != 1 {
		t.Fatalf("the header is %v", h)
	}
	// As NATS or HTTP may write it.
	_, second := on.Start(on.Extract(context.Background(), map[string][]string{"Traceparent": h["traceparent"]}), "handle")
	second.End(errors.New("no room"))
	first.End(nil)
	if err := on.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	publish, handle := c.Span("publish"), c.Span("handle")
	if publish == nil || handle == nil {
		t.Fatalf("these arrived: %v", c.Names())
	}
	if handle.Trace != publish.Trace || handle.Parent != publish.ID || handle.Error != "no room" {
		t.Errorf("%+v does not follow %+v", handle, publish)
	}
	if publish.Attributes["records"] != "7" || publish.Resource["service.name"] != "wattwerk" || publish.Resource["service.instance.id"] != "a" || publish.Resource["site"] != "kiel" {
		t.Errorf("%+v", publish)
	}
}

func TestRatioNone(t *testing.T) {
	c := tracetest.New(t)
	on, err := New(t.Context(), Options{Endpoint: c.URL})
	if err != nil {
		t.Fatal(err)
	}
	ctx, s := on.Start(t.Context(), "publish")
	if h := on.Header(ctx); h != nil {
		t.Errorf("what is not sampled carries %v", h)
	}
	s.End(nil)
	if err := on.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := c.Names(); len(n) != 0 {
		t.Errorf("these arrived: %v", n)
	}
}

func TestTheStandardVariablesAreHeard(t *testing.T) {
	c := tracetest.New(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.URL)
	on, err := New(t.Context(), Options{Ratio: 1})
	if err != nil {
		t.Fatal(err)
	}
	_, s := on.Start(t.Context(), "publish")
	s.End(nil)
	if err := on.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c.Span("publish") == nil {
		t.Error("nothing arrived")
	}
	t.Setenv("OTEL_SDK_DISABLED", "true")
	if off, err := New(t.Context(), Options{}); off != nil || err != nil {
		t.Error("it is on though it was switched off")
	}
	if _, err := New(t.Context(), Options{Endpoint: "collector:4318"}); err == nil {
		t.Error("an address that is no URL is taken")
	}
}
