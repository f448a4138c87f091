package bridge

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/snappy"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/record"
)

// RemoteConfig says how series of Prometheus remote write become readings.
type RemoteConfig struct {
	// Sensor is the template of the sensor's identifier: {metric}, {labels}
	// ({key="value",…} sorted by key, or nothing), {label.instance}.
	Sensor string     `yaml:"sensor" json:"sensor"`
	Units  []UnitRule `yaml:"units" json:"units"` // by the name of the metric
}

const remoteSensor = "{metric}{labels}"

// DefaultRemote names sensors as Prometheus names series.
func DefaultRemote() RemoteConfig { return RemoteConfig{Sensor: remoteSensor, Units: usualUnits()} }

// Validate says in a sentence what is wrong, or nil.
func (c RemoteConfig) Validate() error {
	_, err := newRemote(c)
	return err
}

type remote struct {
	template Template
	units    unitRules
}

func newRemote(c RemoteConfig) (*remote, error) {
	if c.Sensor == "" {
		c.Sensor = remoteSensor
	}
	r := &remote{}
	var err error
	if r.template, err = ParseTemplate(c.Sensor); err != nil {
		return nil, fmt.Errorf("remote write: %w", err)
	}
	if r.units, err = compileUnits(c.Units); err != nil {
		return nil, fmt.Errorf("remote write: %w", err)
	}
	return r, nil
}

// RemoteWrite takes messages of Prometheus remote write 1.0, unpacked. Stale
// markers, exemplars and native histograms are filtered. The config must be
// valid.
func RemoteWrite(c RemoteConfig) (Bridge, error) {
	r, err := newRemote(c)
	if err != nil {
		return Bridge{}, err
	}
	return r.bridge(), nil
}

func (r *remote) bridge() Bridge {
	samples := FlatMap(Map(FromEach(remoteSeries), r.name), remoteSamples)
	return Bridge{Name: "remote-write", Flow: Map(samples.Filter(remoteSample.isNumber), remoteReading)}
}

// unpackSnappy unpacks a block and refuses to grow beyond limit.
func unpackSnappy(packed []byte, limit int64) ([]byte, error) {
	n, err := snappy.DecodedLen(packed)
	if err != nil {
		return nil, fmt.Errorf("not snappy: %w", err)
	}
	if int64(n) > limit {
		return nil, errTooLarge
	}
	out, err := snappy.Decode(nil, packed)
	if err != nil {
		return nil, fmt.Errorf("not snappy: %w", err)
	}
	return out, nil
}

// remoteOne is one series as it came: the fields of its protobuf message.
type remoteOne struct {
	raw    []byte
	sensor string
	rule   UnitRule
}

type remoteSample struct {
	series *remoteOne
	at     record.Millis
	value  float64
	other  bool // a histogram or an exemplar
}

// staleMarker is the NaN by which Prometheus says that a series ended.
const staleMarker = 0x7ff0000000000002

func (s remoteSample) isNumber() bool {
	return !s.other && math.Float64bits(s.value) != staleMarker
}

var errProto = phrase.Errorf(phrase.BytesMalformed, nil, "not a message of remote write 1.0: malformed protobuf")

// protoFields walks the fields of a protobuf message until each says no. The error is
// errProto.
func protoFields(data []byte, each func(num protowire.Number, typ protowire.Type, value []byte) bool) error {
	for len(data) > 0 {
		num, typ, n := protowire.ConsumeTag(data)
		if n < 0 {
			return errProto
		}
		m := protowire.ConsumeFieldValue(num, typ, data[n:])
		if m < 0 {
			return errProto
		}
		if !each(num, typ, data[n:n+m]) {
			return nil
		}
		data = data[n+m:]
	}
	return nil
}

// inner gives the content of a length-delimited field.
func inner(value []byte) []byte {
	v, _ := protowire.ConsumeBytes(value)
	return v
}

func remoteSeries(m *Message) iter.Seq2[*remoteOne, error] {
	return func(yield func(*remoteOne, error) bool) {
		more := true
		err := protoFields(m.Body, func(num protowire.Number, typ protowire.Type, value []byte) bool {
			if num == 1 && typ == protowire.BytesType {
				more = yield(&remoteOne{raw: inner(value)}, nil)
			}
			return more
		})
		if err != nil && more {
			yield(nil, err)
		}
	}
}

// name finds the identifier and unit of a series.
func (r *remote) name(_ *Message, s *remoteOne) (*remoteOne, error) {
	type label struct{ name, value string }
	labels := make([]label, 0, 16)
	metric := ""
	var torn error // of a label
	err := protoFields(s.raw, func(num protowire.Number, typ protowire.Type, value []byte) bool {
		if num != 1 || typ != protowire.BytesType {
			return true
		}
		var l label
		if err := protoFields(inner(value), func(num protowire.Number, typ protowire.Type, value []byte) bool {
			switch {
			case num == 1 && typ == protowire.BytesType:
				l.name = string(inner(value))
			case num == 2 && typ == protowire.BytesType:
				l.value = string(inner(value))
			}
			return true
		}); err != nil {
			torn = err
			return false
		}
		if l.name == "__name__" {
			metric = l.value
		} else {
			labels = append(labels, l)
		}
		return true
	})
	if err := cmp.Or(err, torn); err != nil {
		return nil, err
	}
	slices.SortFunc(labels, func(a, b label) int { return strings.Compare(a.name, b.name) })
	s.rule = r.units.of(metric)
	s.sensor, err = r.template.Expand(func(name string) (string, bool) {
		switch name {
		case "metric":
			return metric, metric != ""
		case "labels":
			if len(labels) == 0 {
				return "", true
			}
			b := []byte{'{'}
			for i, l := range labels {
				if i > 0 {
					b = append(b, ',')
				}
				b = append(b, l.name...)
				b = append(b, '=')
				b = strconv.AppendQuote(b, l.value)
			}
			return string(append(b, '}')), true
		}
		if key, ok := strings.CutPrefix(name, "label."); ok {
			for _, l := range labels {
				if l.name == key {
					return l.value, true
				}
			}
		}
		return "", false
	})
	if err != nil {
		return nil, Refuse([]byte(fmt.Sprint(metric, labels)), "%w", err)
	}
	return s, nil
}

func remoteSamples(_ *Message, s *remoteOne) iter.Seq2[remoteSample, error] {
	return func(yield func(remoteSample, error) bool) {
		_ = protoFields(s.raw, func(num protowire.Number, typ protowire.Type, value []byte) bool {
			if typ != protowire.BytesType || num < 2 || num > 4 {
				return true
			}
			v := remoteSample{series: s, other: num != 2}
			if v.other {
				return yield(v, nil)
			}
			if err := protoFields(inner(value), func(num protowire.Number, typ protowire.Type, value []byte) bool {
				switch {
				case num == 1 && typ == protowire.Fixed64Type:
					v.value = math.Float64frombits(binary.LittleEndian.Uint64(value))
				case num == 2 && typ == protowire.VarintType:
					n, _ := protowire.ConsumeVarint(value)
					v.at = record.Millis(n)
				}
				return true
			}); err != nil {
				return yield(v, Refuse([]byte(s.sensor), "%w", err))
			}
			return yield(v, nil)
		})
	}
}

func remoteReading(_ *Message, s remoteSample) (Reading, error) {
	if s.at == Arrival {
		return Reading{}, Refuse([]byte(s.series.sensor), "%w", record.ErrTimeBounds)
	}
	return Reading{
		Sensor: s.series.sensor, Time: s.at, Value: s.value,
		Unit: s.series.rule.Unit, Quantity: s.series.rule.Quantity,
	}, nil
}
