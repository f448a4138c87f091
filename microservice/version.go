package microservice

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Version is a semantic version: another major one does something else, a higher
// minor one more, a higher patch the same with fewer faults. It is written "1.4.2".
type Version struct{ Major, Minor, Patch int }

// maxNumber bounds each number of a version.
const maxNumber = 999_999

// ParseVersion reads a version as [Version.String] writes it.
func ParseVersion(s string) (Version, error) {
	var v Version
	rest := s
	for i, to := range []*int{&v.Major, &v.Minor, &v.Patch} {
		part, more, found := strings.Cut(rest, ".")
		n, err := strconv.Atoi(part)
		if found != (i < 2) || err != nil || n < 0 || n > maxNumber || strconv.Itoa(n) != part {
			return Version{}, fmt.Errorf("version %.40q is not like 1.4.2", s)
		}
		*to, rest = n, more
	}
	return v, nil
}

// String writes the version as "1.4.2".
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// Compare orders versions, the lowest first.
func (v Version) Compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor), cmp.Compare(v.Patch, w.Patch))
}

// MarshalText writes it as String does.
func (v Version) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads it as ParseVersion does.
func (v *Version) UnmarshalText(b []byte) (err error) {
	*v, err = ParseVersion(string(b))
	return err
}
