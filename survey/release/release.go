package release

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"
)

// Bounds of what is served, in bytes.
const (
	MaxProgram  = 512 << 20 // a program
	MaxMetadata = 1 << 20   // a file of metadata
	MaxPart     = 1 << 20   // a part of a program, as it is asked for at a time
	MaxReleases = 500       // of all versions and platforms
	maxDevices  = 100
)

// Ring is how far a release goes.
type Ring int

// Rings. Those named by the release are reached in all of them but [Halted].
const (
	Halted Ring = iota // nobody begins with it any more
	First              // 1 of 100 devices
	Second             // 10 of 100
	All                // all of them
)

// shares are how many of the devices a ring reaches, of 1.
var shares = [...]float64{Halted: 0, First: 0.01, Second: 0.1, All: 1}

// Share is how many of the devices the ring reaches, of 1.
func (r Ring) Share() float64 {
	if r < 0 || int(r) >= len(shares) {
		return 0
	}
	return shares[r]
}

// Release is a program for devices.
type Release struct {
	Version   string   `json:"version"`             // as the program itself says
	Platform  string   `json:"platform"`            // as linux/arm64
	Sequence  int64    `json:"sequence"`            // in which order releases were published, from 1
	Ring      Ring     `json:"ring"`                // how many devices it reaches
	Devices   []string `json:"devices,omitempty"`   // that it reaches in any ring
	Downgrade bool     `json:"downgrade,omitempty"` // it may follow a later version
}

var (
	versions  = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.+-]{0,59}$`)
	platforms = regexp.MustCompile(`^[a-z0-9]{1,20}/[a-z0-9]{1,20}$`)
)

// ErrInvalid says that something is no release.
var ErrInvalid = errors.New("this is no release")

// Parse reads a release. The error is [ErrInvalid].
func Parse(data []byte) (r Release, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&r); err != nil {
		return r, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return r, r.Validate()
}

// Validate says in a sentence what is wrong; the error is [ErrInvalid].
func (r Release) Validate() error {
	switch {
	case !versions.MatchString(r.Version):
		return fmt.Errorf("%w: a version has up to 60 letters, digits, dots, pluses and hyphens, and %.60q has not", ErrInvalid, r.Version)
	case !platforms.MatchString(r.Platform):
		return fmt.Errorf("%w: a platform is like linux/arm64, and %.60q is not", ErrInvalid, r.Platform)
	case r.Sequence < 1:
		return fmt.Errorf("%w: it has no place among the others", ErrInvalid)
	case r.Ring < Halted || r.Ring > All:
		return fmt.Errorf("%w: rings are 0, which halts it, to %d", ErrInvalid, All)
	case len(r.Devices) > maxDevices:
		return fmt.Errorf("%w: at most %d devices are named", ErrInvalid, maxDevices)
	}
	return nil
}

// File is what the program of a release is called.
func (r Release) File() string {
	return "wattwerk-" + r.Version + "-" + strings.ReplaceAll(r.Platform, "/", "-")
}

// Place is where a device stands among all of them for a version: 0 ≤ place < 1, even.
func Place(version, device string) float64 {
	sum := sha256.Sum256([]byte(version + "\n" + device))
	return float64(binary.BigEndian.Uint64(sum[:])>>11) / (1 << 53)
}

// Reaches tells whether a device is to have it.
func (r Release) Reaches(device string) bool {
	if r.Ring == Halted {
		return false
	}
	for _, d := range r.Devices {
		if d == device {
			return true
		}
	}
	return Place(r.Version, device) < r.Ring.Share()
}

// Older tells whether version a is older than b, by semantic versioning; a v before
// them does not count. known: both are such versions.
func Older(a, b string) (older, known bool) {
	x, ok := parse(a)
	y, ok2 := parse(b)
	if !ok || !ok2 {
		return false, false
	}
	for i := range x.n {
		if x.n[i] != y.n[i] {
			return x.n[i] < y.n[i], true
		}
	}
	switch {
	case len(x.pre) == 0 || len(y.pre) == 0:
		return len(x.pre) > 0 && len(y.pre) == 0, true // 1.0.0-rc.1 comes before 1.0.0
	default:
		return before(x.pre, y.pre), true
	}
}

type semantic struct {
	n   [3]uint64
	pre []string
}

func parse(s string) (v semantic, ok bool) {
	s, _, _ = strings.Cut(strings.TrimPrefix(s, "v"), "+")
	s, pre, has := strings.Cut(s, "-")
	parts := strings.Split(s, ".")
	if len(parts) != 3 || has && pre == "" {
		return v, false
	}
	for i, p := range parts {
		if v.n[i], ok = number(p); !ok {
			return v, false
		}
	}
	if has {
		v.pre = strings.Split(pre, ".")
	}
	return v, true
}

func number(s string) (n uint64, ok bool) {
	if s == "" || len(s) > 18 {
		return 0, false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, true
}

// before compares what follows the hyphen: numbers by value and before words, the shorter first.
func before(a, b []string) bool {
	key := func(s string) (uint64, string) {
		if n, ok := number(s); ok {
			return n, ""
		}
		return math.MaxUint64, s
	}
	for i := range min(len(a), len(b)) {
		n, s := key(a[i])
		m, t := key(b[i])
		if n != m {
			return n < m
		}
		if s != t {
			return s < t
		}
	}
	return len(a) < len(b)
}
