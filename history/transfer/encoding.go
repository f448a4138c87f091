package transfer

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// Names of encodings.
const (
	UTF8    = "utf-8"
	UTF16LE = "utf-16le"
	UTF16BE = "utf-16be"
	Latin1  = "latin-1" // with what Windows has in its gaps
)

var marks = []struct {
	encoding string
	bytes    []byte
}{{UTF8, []byte("\xef\xbb\xbf")}, {UTF16LE, []byte("\xff\xfe")}, {UTF16BE, []byte("\xfe\xff")}}

// decoded reads text as UTF-8. The mark at the begin of a file goes before
// what is said of it, which is empty for UTF-8.
func decoded(br *bufio.Reader, encoding string) (*bufio.Reader, error) {
	for _, m := range marks {
		if head, _ := br.Peek(len(m.bytes)); bytes.Equal(head, m.bytes) {
			_, _ = br.Discard(len(m.bytes)) // they are there: just peeked at
			encoding = m.encoding
			break
		}
	}
	var r io.Reader
	switch encoding {
	case "", UTF8:
		return br, nil
	case UTF16LE:
		r = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewDecoder().Reader(br)
	case UTF16BE:
		r = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewDecoder().Reader(br)
	case Latin1:
		r = charmap.Windows1252.NewDecoder().Reader(br)
	default:
		return nil, fmt.Errorf("%w: encoding %.60q is not utf-8, utf-16le, utf-16be or latin-1", ErrImport, encoding)
	}
	return bufio.NewReaderSize(r, 64<<10), nil
}

// encodingOf guesses how a file that begins like this is written.
func encodingOf(head []byte) string {
	for _, m := range marks {
		if bytes.HasPrefix(head, m.bytes) {
			return m.encoding
		}
	}
	// Text of this kind is made of characters whose other byte is 0.
	zeros := [2]int{}
	for i, b := range head {
		if b == 0 {
			zeros[i%2]++
		}
	}
	if half := len(head) / 2; half >= 8 {
		switch {
		case zeros[1] > half*7/10 && zeros[0] < half/10:
			return UTF16LE
		case zeros[0] > half*7/10 && zeros[1] < half/10:
			return UTF16BE
		}
	}
	// The last character may be cut.
	for range utf8.UTFMax {
		if utf8.Valid(head) {
			return UTF8
		}
		head = head[:len(head)-1]
		if len(head) == 0 {
			break
		}
	}
	return Latin1
}
