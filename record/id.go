package record

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/wattwerk/wattwerk/internal/phrase"
)

// MaxIDBytes is the longest identifier taken, in bytes of UTF-8.
const MaxIDBytes = 200

// SensorID names a measuring point, for ever: it stays when the device behind
// it is replaced. It is any printable Unicode text of 1 to [MaxIDBytes] bytes
// of valid UTF-8, compared byte for byte; not "/", "." or "..".
type SensorID string

// Validate says in a sentence what is wrong with the identifier, or nil.
func (id SensorID) Validate() error { return ValidateID("sensor", string(id)) }

// ValidateID checks an identifier of the given kind ("sensor", "group", …)
// against the rules of [SensorID]. The error names kind, identifier and fault.
func ValidateID(kind, id string) error {
	switch {
	case id == "":
		return phrase.Errorf(phrase.IdentifierEmpty, phrase.Params{"kind": kind}, "%s identifier is empty", kind)
	case len(id) > MaxIDBytes:
		return phrase.Errorf(phrase.IdentifierLong, phrase.Params{"kind": kind, "id": id[:40], "bytes": len(id), "most": MaxIDBytes}, "%s identifier %.40q… is %d bytes long, at most %d are taken", kind, id, len(id), MaxIDBytes)
	case !utf8.ValidString(id):
		return odd(kind, id, "%s identifier %q is not valid UTF-8", kind, id)
	case id == "." || id == ".." || id == "/":
		// Web servers, proxies and browsers resolve these, however they are written.
		return odd(kind, id, "%s identifier %q cannot stand in the path of an address", kind, id)
	case strings.TrimSpace(id) != id:
		return odd(kind, id, "%s identifier %q begins or ends with a space", kind, id)
	}
	for _, r := range id {
		// U+FFFD is what broken text turns into: two broken names would meet in one.
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return odd(kind, id, "%s identifier %q contains the unprintable character %U", kind, id, r)
		}
	}
	return nil
}

func odd(kind, id, format string, a ...any) error {
	return phrase.Errorf(phrase.IdentifierOdd, phrase.Params{"kind": kind, "id": id}, format, a...)
}

// Partition gives the partition of a sensor among n (1 ≤ n): the same sensor
// is always in the same one. It is FNV-1a, 64 bit, folded by modulo; changing
// it would tear stored streams apart, so a golden test holds it.
func Partition(id SensorID, n int) int {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for i := 0; i < len(id); i++ {
		h ^= uint64(id[i])
		h *= prime
	}
	h ^= h >> 32
	return int(h % uint64(n))
}
