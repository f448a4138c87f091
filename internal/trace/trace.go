package trace

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Options say where spans go.
type Options struct {
	Endpoint string  // URL of the collector, as http://127.0.0.1:4318; empty: as the standard variables say, else off
	Ratio    float64 // of the deliveries that begin here, 0 to 1; whoever begins decides for all that follows
	Instance string  // name of this process
	Version  string  // of the program
	Log      *slog.Logger
}

// Tracer makes spans.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	context  propagation.TraceContext
}

// on tells whether the standard variables ask for traces.
func on() bool {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return false
	}
	return os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

// New makes a tracer; nil and no error when nobody asks for traces. The
// standard variables (OTEL_EXPORTER_OTLP_…, OTEL_SERVICE_NAME,
// OTEL_RESOURCE_ATTRIBUTES) hold for what the options do not say.
func New(ctx context.Context, o Options) (*Tracer, error) {
	if o.Endpoint == "" && !on() {
		return nil, nil
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	var to []otlptracehttp.Option
	if o.Endpoint != "" {
		u, err := url.Parse(o.Endpoint)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("open traces: %q is not like http://127.0.0.1:4318", o.Endpoint)
		}
		if u.Path == "" || u.Path == "/" {
			u.Path = "/v1/traces"
		}
		to = append(to, otlptracehttp.WithEndpointURL(u.String()))
	}
	exporter, err := otlptracehttp.New(ctx, to...)
	if err != nil {
		return nil, fmt.Errorf("open traces: %w", err)
	}
	about, err := resource.New(ctx, resource.WithAttributes(
		attribute.String("service.name", "wattwerk"), attribute.String("service.version", o.Version), attribute.String("service.instance.id", o.Instance),
	), resource.WithFromEnv())
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return nil, fmt.Errorf("open traces: %w", err)
	}
	// The library tells of a collector that is away in one place for the whole
	// program; without this it writes to standard error in a form of its own.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { o.Log.Warn("spans not delivered", "error", err) }))
	p := sdk.NewTracerProvider(
		sdk.WithBatcher(exporter), sdk.WithResource(about), sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(o.Ratio))),
	)
	return &Tracer{provider: p, tracer: p.Tracer("wattwerk")}, nil
}

// closeWithin is how long the last spans may take to be delivered.
const closeWithin = 3 * time.Second

// Close delivers what is left. What the collector does not take is lost.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("close traces: %w", err)
	}
	return nil
}

// Detach gives a context that does not end with ctx, with its trace; nothing
// else of it when the tracer is off.
func (t *Tracer) Detach(ctx context.Context) context.Context {
	if t == nil {
		return context.Background()
	}
	return context.WithoutCancel(ctx)
}

// Span is something that takes time. The zero Span does nothing.
type Span struct{ span trace.Span }

// Start begins a span below the one in ctx.
func (t *Tracer) Start(ctx context.Context, name string) (context.Context, Span) {
	if t == nil {
		return ctx, Span{}
	}
	ctx, s := t.tracer.Start(ctx, name)
	return ctx, Span{s}
}

// Serve begins the span of a request that this process answers.
func (t *Tracer) Serve(ctx context.Context, name string, header map[string][]string) (context.Context, Span) {
	if t == nil {
		return ctx, Span{}
	}
	ctx, s := t.tracer.Start(t.Extract(ctx, header), name, trace.WithSpanKind(trace.SpanKindServer))
	return ctx, Span{s}
}

// Name gives the span another name, for what is known only later.
func (s Span) Name(name string) {
	if s.span != nil {
		s.span.SetName(name)
	}
}

// Int notes a number.
func (s Span) Int(key string, n int) {
	if s.span != nil {
		s.span.SetAttributes(attribute.Int(key, n))
	}
}

// Text notes a text. No secret may be in it.
func (s Span) Text(key, text string) {
	if s.span != nil {
		s.span.SetAttributes(attribute.String(key, text))
	}
}

// End ends the span; err, which may be nil, is what went wrong.
func (s Span) End(err error) {
	if s.span == nil {
		return
	}
	if err != nil {
		s.span.SetStatus(codes.Error, err.Error())
	}
	s.span.End()
}

// Header is what a message carries so that its reader can go on with the
// trace; nil when there is none.
func (t *Tracer) Header(ctx context.Context) map[string][]string {
	if t == nil || !trace.SpanContextFromContext(ctx).IsSampled() {
		return nil
	}
	h := carrier{}
	t.context.Inject(ctx, h)
	return h
}

// Extract puts the trace that a message carries into a context.
func (t *Tracer) Extract(ctx context.Context, header map[string][]string) context.Context {
	if t == nil || len(header) == 0 {
		return ctx
	}
	return t.context.Extract(ctx, carrier(header))
}

// carrier is a header of HTTP or NATS: their names differ in case only.
type carrier map[string][]string

// Get implements propagation.TextMapCarrier.
func (c carrier) Get(key string) string {
	for name, values := range c {
		if len(values) > 0 && strings.EqualFold(name, key) {
			return values[0]
		}
	}
	return ""
}

// Set implements propagation.TextMapCarrier.
func (c carrier) Set(key, value string) { c[key] = []string{value} }

// Keys implements propagation.TextMapCarrier.
func (c carrier) Keys() []string {
	keys := make([]string, 0, len(c))
	for k := range c {
		keys = append(keys, k)
	}
	return keys
}
