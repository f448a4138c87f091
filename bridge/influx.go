package bridge

import "errors"

type InfluxConfig struct{}

func DefaultInflux() InfluxConfig    { return InfluxConfig{} }
func (InfluxConfig) Validate() error { return nil }

type influx struct{}

func newInflux(InfluxConfig) (*influx, error) { return nil, errors.ErrUnsupported }
