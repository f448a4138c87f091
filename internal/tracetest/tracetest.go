// Package tracetest is a collector of spans for tests: it takes what an OTLP
// exporter sends over HTTP and decodes it.
package tracetest

import (
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/proto"
)

// Span is a span that arrived.
type Span struct {
	Name, Trace, ID, Parent string
	Error                   string
	Attributes, Resource    map[string]string
}

// Collector keeps all spans that arrive.
type Collector struct {
	URL string

	mu    sync.Mutex
	spans []Span
}

// New starts a collector on a free port of this machine; the test's end stops it.
func New(t *testing.T) *Collector {
	c := &Collector{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := c.take(r); err != nil {
			t.Error(err)
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(s.Close)
	c.URL = s.URL
	return c
}

func (c *Collector) take(r *http.Request) error {
	if r.URL.Path != "/v1/traces" || r.Method != http.MethodPost {
		return fmt.Errorf("collector: asked for %s %s", r.Method, r.URL.Path)
	}
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return fmt.Errorf("collector: %w", err)
		}
		body = z
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("collector: %w", err)
	}
	var in collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(data, &in); err != nil {
		return fmt.Errorf("collector: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, rs := range in.GetResourceSpans() {
		about := texts(rs.GetResource().GetAttributes())
		for _, ss := range rs.GetScopeSpans() {
			for _, s := range ss.GetSpans() {
				c.spans = append(c.spans, Span{
					Name: s.GetName(), Trace: hex.EncodeToString(s.GetTraceId()), ID: hex.EncodeToString(s.GetSpanId()), Parent: hex.EncodeToString(s.GetParentSpanId()),
					Error: s.GetStatus().GetMessage(), Attributes: texts(s.GetAttributes()), Resource: about,
				})
			}
		}
	}
	return nil
}

func texts(all []*common.KeyValue) map[string]string {
	out := make(map[string]string, len(all))
	for _, kv := range all {
		switch v := kv.GetValue().GetValue().(type) {
		case *common.AnyValue_StringValue:
			out[kv.GetKey()] = v.StringValue
		case *common.AnyValue_IntValue:
			out[kv.GetKey()] = fmt.Sprint(v.IntValue)
		}
	}
	return out
}

// Spans are those that have arrived.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// Names are theirs.
func (c *Collector) Names() []string {
	var names []string
	for _, s := range c.Spans() {
		names = append(names, s.Name)
	}
	return names
}

// Span is the first of that name; nil when there is none.
func (c *Collector) Span(name string) *Span {
	for _, s := range c.Spans() {
		if s.Name == name {
			return &s
		}
	}
	return nil
}
