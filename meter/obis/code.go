package obis

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Code is an OBIS code, the value groups A to F: medium, channel, measured
// quantity, kind of measurement, tariff, and storage. 1-0:1.8.0*255 is the energy drawn
// from the grid, in all tariffs. The zero Code is none.
type Code [6]byte

// The codes that everything about power and energy is about. Medium 1 is
// electricity, channel 0 the meter itself, storage 255 the present value.
var (
	Import        = Code{1, 0, 1, 8, 0, 255}  // 1.8.0: energy drawn, +A
	Export        = Code{1, 0, 2, 8, 0, 255}  // 2.8.0: energy fed in, -A
	ImportPower   = Code{1, 0, 1, 7, 0, 255}  // 1.7.0: power drawn, never negative
	ExportPower   = Code{1, 0, 2, 7, 0, 255}  // 2.7.0: power fed in, never negative
	AbsolutePower = Code{1, 0, 15, 7, 0, 255} // 15.7.0: amount of the power, in either direction
	Power         = Code{1, 0, 16, 7, 0, 255} // 16.7.0: power drawn less power fed in
)

// present is group F of what is the case now.
const present = 255

// IsZero tells that there is no code.
func (c Code) IsZero() bool { return c == Code{} }

// Hex gives the code as twelve hexadecimal digits: "0100010800ff".
func (c Code) Hex() string { return hex.EncodeToString(c[:]) }

// String gives the code as people write it: "1-0:1.8.0*255". The zero Code is
// the empty string.
func (c Code) String() string {
	if c.IsZero() {
		return ""
	}
	return fmt.Sprintf("%d-%d:%d.%d.%d*%d", c[0], c[1], c[2], c[3], c[4], c[5])
}

// Short gives groups C, D and E, as displays of meters do: "1.8.0".
func (c Code) Short() string { return fmt.Sprintf("%d.%d.%d", c[2], c[3], c[4]) }

// Parse reads a code: in full ("1-0:1.8.0*255"), without medium and channel
// ("1.8.0", which is electricity of the meter itself), without storage ("1-0:1.8.0", the
// present value), with "&" before the storage of a value that was reset by hand, with the letters C,
// F, L and P of displays, or as twelve hexadecimal digits.
func Parse(text string) (Code, error) {
	if len(text) == 12 && !strings.ContainsAny(text, "-:.*&") {
		var c Code
		if _, err := hex.Decode(c[:], []byte(text)); err == nil {
			return c, nil
		}
	}
	c := Code{1, 0, 0, 0, present, present}
	rest := text
	if medium, after, ok := strings.Cut(rest, "-"); ok {
		channel, after, ok := strings.Cut(after, ":")
		if !ok {
			return Code{}, fmt.Errorf("OBIS code %.40q has a medium and no channel", text)
		}
		if !group(medium, &c[0]) || !group(channel, &c[1]) {
			return Code{}, fmt.Errorf("OBIS code %.40q: medium and channel are numbers up to 255", text)
		}
		rest = after
	}
	if i := strings.IndexAny(rest, "*&"); i >= 0 {
		if !group(rest[i+1:], &c[5]) {
			return Code{}, fmt.Errorf("OBIS code %.40q: what stands after %c is no number up to 255", text, rest[i])
		}
		rest = rest[:i]
	}
	groups := strings.Split(rest, ".")
	if len(groups) < 2 || len(groups) > 3 {
		return Code{}, fmt.Errorf("OBIS code %.40q is not of two or three groups, as 1.8.0", text)
	}
	for i, g := range groups {
		if !group(g, &c[2+i]) {
			return Code{}, fmt.Errorf("OBIS code %.40q: %.10q is no number up to 255", text, g)
		}
	}
	return c, nil
}

// group reads one value group: a number, or a letter of displays (IEC 62056-61,
// table 5: C is 96, F 97, L 98, P 99).
func group(text string, into *byte) bool {
	switch text {
	case "C":
		*into = 96
	case "F":
		*into = 97
	case "L":
		*into = 98
	case "P":
		*into = 99
	default:
		n, err := strconv.ParseUint(text, 10, 8)
		if err != nil || text[0] == '+' {
			return false
		}
		*into = byte(n)
	}
	return true
}

// IsPower tells whether the code is of active power, present, in all phases together.
func (c Code) IsPower() bool {
	if c[0] != 1 || c[3] != 7 || c[4] != 0 || c[5] != present {
		return false
	}
	return c[2] == 1 || c[2] == 2 || c[2] == 15 || c[2] == 16
}
