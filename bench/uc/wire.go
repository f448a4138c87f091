package uc

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/wattwerk/wattwerk/record"
)

var errResults = errors.New("malformed results")

// appendResult appends the wire form of a result: length and identifier, hour,
// finality, start, length and time as varints, count, and four floats.
func appendResult(dst []byte, r *Result) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(r.Sensor)))
	dst = append(dst, r.Sensor...)
	final := byte(0)
	if r.Final {
		final = 1
	}
	dst = append(dst, byte(r.Hour), final)
	for _, t := range []record.Millis{r.Start, r.End - r.Start, r.At} {
		dst = binary.AppendVarint(dst, int64(t))
	}
	dst = binary.AppendUvarint(dst, r.Count)
	for _, v := range []float64{r.Mean, r.m2, r.Min, r.Max} {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
	}
	return dst
}

// decodeResults hands over every result of a message.
func decodeResults(data []byte, take func(Result)) error {
	for len(data) > 0 {
		n, m := binary.Uvarint(data)
		if m <= 0 || n > record.MaxIDBytes || len(data) < m+int(n)+2 {
			return errResults
		}
		data = data[m:]
		r := Result{Sensor: record.SensorID(data[:n]), Hour: int8(data[n]), Final: data[n+1] != 0}
		data = data[n+2:]
		var length record.Millis
		for _, t := range []*record.Millis{&r.Start, &length, &r.At} {
			v, m := binary.Varint(data)
			if m <= 0 {
				return errResults
			}
			*t, data = record.Millis(v), data[m:]
		}
		r.End = r.Start + length
		if r.Count, m = binary.Uvarint(data); m <= 0 || len(data) < m+32 {
			return errResults
		}
		data = data[m:]
		for _, v := range []*float64{&r.Mean, &r.m2, &r.Min, &r.Max} {
			*v, data = math.Float64frombits(binary.LittleEndian.Uint64(data)), data[8:]
		}
		take(r)
	}
	return nil
}
