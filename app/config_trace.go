package app

import (
	"fmt"
	"net/url"
)

// TraceConfig is where spans go.
type TraceConfig struct {
	Endpoint string  `koanf:"endpoint" doc:"URL of a collector that takes OTLP over HTTP, as http://127.0.0.1:4318; empty: none, unless OTEL_EXPORTER_OTLP_ENDPOINT names one."`
	Ratio    float64 `koanf:"ratio" doc:"The share of deliveries that are followed, 0 to 1."`
}

// Validate gives what cannot work.
func (c *TraceConfig) Validate() error {
	if c.Ratio < 0 || c.Ratio > 1 {
		return fmt.Errorf("trace.ratio is %v; between 0 and 1 is possible", c.Ratio)
	}
	if c.Endpoint == "" {
		return nil
	}
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("trace.endpoint %q is not like http://127.0.0.1:4318", c.Endpoint)
	}
	return nil
}
