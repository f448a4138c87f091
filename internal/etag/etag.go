// Package etag reads and writes versions in the headers ETag and If-Match, in one
// way for everything that has versions: "17" in quotes.
//
// A change of a single thing may say in If-Match which version it was made for,
// and is refused with 412 when there is another one; "0" says that there must be
// none yet; without the header, or with *, it takes the place of whatever is there. Only
// who replaces the whole model at once has to say it.
//
// Guarantees: pure functions. It imports nothing of this project.
package etag

import (
	"errors"
	"strconv"
	"strings"
)

// Any is what [Match] gives when the version does not matter.
const Any = -1

// ErrMatch says how the header is written. Routes answer it with 400.
var ErrMatch = errors.New(`If-Match is not a version in quotes, like "17", or *`)

// Of writes a version, which is not below zero.
func Of(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// Match reads an If-Match; [Any] when it is empty or *.
func Match(header string) (int64, error) {
	t := strings.TrimSpace(header)
	if t == "" || t == "*" {
		return Any, nil
	}
	t = strings.TrimPrefix(t, "W/")
	if len(t) < 3 || t[0] != '"' || t[len(t)-1] != '"' || t[1] == '+' {
		return 0, ErrMatch
	}
	n, err := strconv.ParseInt(t[1:len(t)-1], 10, 64)
	if err != nil || n < 0 {
		return 0, ErrMatch
	}
	return n, nil
}
