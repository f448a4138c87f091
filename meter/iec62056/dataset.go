package iec62056

import (
	"bytes"

	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/obis"
)

// Set is a data set: an address and what stands in the parentheses after it.
type Set struct {
	Address []byte
	Values  [][]byte // without the parentheses; "001.5*kWh"
}

// maxValues is how many values a data set may have; power failure logs have
// some twenty.
const maxValues = 64

// Line gives the data sets of a line one after the other; the first may have no address: it goes on
// with that of the line before. A set is valid until the next call. It is false where
// the line is none; what is before that was handed out.
func (s *Set) Line(line []byte, take func(*Set)) bool {
	for len(line) > 0 {
		open := bytes.IndexByte(line, '(')
		if open < 0 {
			return false
		}
		s.Address, s.Values = line[:open], s.Values[:0]
		line = line[open:]
		for len(line) > 0 && line[0] == '(' {
			end := bytes.IndexByte(line, ')')
			if end < 0 || len(s.Values) == maxValues {
				return false
			}
			s.Values = append(s.Values, line[1:end])
			line = line[end+1:]
		}
		take(s)
	}
	return true
}

// Number reads a decimal number, with a unit after a star or without one:
// "-001.50*kW" is -150 with scaler 1, W. It is false where the text is none, or
// does not fit into 64 bits, or has a unit that nobody knows.
func Number(text []byte) (raw meter.Int, scaler int8, unit obis.Unit, ok bool) {
	digits, symbol, hasUnit := bytes.Cut(text, []byte{'*'})
	neg := len(digits) > 0 && digits[0] == '-'
	if neg {
		digits = digits[1:]
	}
	var v uint64
	point, n, any := false, 0, false
	for _, c := range digits {
		switch {
		case c == '.' && !point:
			point = true
		case c >= '0' && c <= '9':
			any = true
			if v > (1<<64-10)/10 {
				return raw, 0, 0, false
			}
			v = v*10 + uint64(c-'0')
			if point {
				n++
			}
		default:
			return raw, 0, 0, false
		}
	}
	if !any || n > 64 {
		return raw, 0, 0, false
	}
	if raw = meter.Unsigned(v); neg {
		raw = raw.Neg()
	}
	tens := int8(0)
	if hasUnit {
		if unit, tens, ok = obis.LookupUnit(string(symbol)); !ok {
			return raw, 0, 0, false
		}
	}
	return raw, tens - int8(n), unit, true
}
