package format

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/wattwerk/wattwerk/pipeline/connect"
)

// csv reads lines of values. The first may name the columns; else they are
// value, or time and value, or time, value and key. Where fields are apart by
// semicolons or tabs the first line shows it.
func (f *Format) csv(body []byte) {
	first, _, _ := bytes.Cut(body, []byte("\n"))
	comma := ','
	for _, c := range []byte{';', '\t'} {
		if bytes.IndexByte(first, c) >= 0 && (bytes.IndexByte(first, ',') < 0 || c == ';') {
			comma = rune(c)
		}
	}
	r := csv.NewReader(bytes.NewReader(body))
	r.Comma, r.FieldsPerRecord, r.ReuseRecord, r.TrimLeadingSpace = comma, -1, true, true
	var value, time, key int
	begun := false
	for {
		at := r.InputOffset()
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		sample := bytes.TrimSpace(body[min(at, int64(len(body))):min(max(at, r.InputOffset()), int64(len(body)))])
		if err != nil {
			f.bad("the line is not CSV", sample)
			continue
		}
		if f.full() {
			return
		}
		if !begun {
			begun = true
			var named bool
			value, time, key, named = f.columns(row)
			if value < 0 {
				f.bad("no column has the value", sample)
				return
			}
			if named {
				continue
			}
		}
		cell := func(i int) string {
			if i < 0 || i >= len(row) {
				return ""
			}
			text := strings.TrimSpace(row[i])
			// Where fields are apart by semicolons numbers often have a comma.
			if i == value && comma == ';' && strings.Count(text, ",") == 1 && !strings.Contains(text, ".") {
				text = strings.Replace(text, ",", ".", 1)
			}
			return text
		}
		var p connect.Piece
		reason := ""
		if p.Value, p.Marks, reason = number(cell(value)); reason != "" {
			f.bad(reason, sample)
			continue
		}
		if s := cell(time); s != "" {
			ok := false
			if p.Time, ok = f.clock.ofText(s); !ok {
				f.bad(noTime, sample)
				continue
			}
		}
		p.Key = f.intern([]byte(strings.ToValidUTF8(cell(key), "\ufffd")))
		f.add(p, sample)
	}
}

// columns says where value, time and key are; -1: nowhere. named tells that the
// row holds names.
func (f *Format) columns(row []string) (value, time, key int, named bool) {
	at := func(w *where) (int, bool) {
		for _, n := range w.names {
			i := slices.IndexFunc(row, func(s string) bool { return strings.EqualFold(strings.TrimSpace(s), n) })
			if i >= 0 {
				return i, true
			}
		}
		if w.path != nil {
			if n, err := strconv.Atoi(w.path[0]); err == nil && n > 0 {
				return n - 1, false
			}
		}
		return -1, false
	}
	value, named = at(&f.value)
	time, timeNamed := at(&f.time)
	key, keyNamed := at(&f.key)
	if named || timeNamed || keyNamed {
		return value, time, key, true
	}
	if value >= 0 {
		// By numbers: a first line whose value is none holds names.
		if value < len(row) {
			_, _, reason := number(row[value])
			named = reason != ""
		}
		return value, time, key, named
	}
	if f.value.path != nil {
		return -1, -1, -1, false
	}
	switch len(row) {
	case 1:
		return 0, -1, -1, false
	case 2:
		return 1, 0, -1, false
	}
	return 1, 0, 2, false
}
