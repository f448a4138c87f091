// Package cell makes text of people fit for a cell of a spreadsheet.
//
// Guarantees: pure; safe for concurrent use. It imports nothing of this project.
package cell

import (
	"strings"
	"unicode/utf8"
)

// Text gives text that no spreadsheet takes for a formula, on one line. An
// apostrophe in front is what such programs themselves write.
func Text(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, s)
	if first, _ := utf8.DecodeRuneInString(strings.TrimSpace(s)); strings.ContainsRune("=+-@＝＋－＠", first) {
		return "'" + s
	}
	return s
}
