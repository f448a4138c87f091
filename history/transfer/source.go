package transfer

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// source gives the rows of a file as text. The row is valid until the next.
type source interface {
	header() []string
	next() ([]string, error) // io.EOF at the end
	line() uint64            // where the row begins; 0 where there are no lines
	close() error
}

const maxLine = 1 << 20 // bytes of a line of CSV or NDJSON

func openSource(r io.Reader, o *ImportOptions) (source, error) {
	switch o.Format {
	case "", "csv":
		return openCSV(r, o)
	case "ndjson":
		return openNDJSON(r)
	case "parquet":
		return openParquet(r, o)
	}
	return nil, fmt.Errorf("%w: format %.60q is not csv, ndjson or parquet", ErrImport, o.Format)
}

type csvSource struct {
	names []string
	first []string // the row that stands where a head would
	skip  int
	r     *csv.Reader
}

func openCSV(r io.Reader, o *ImportOptions) (*csvSource, error) {
	br, err := decoded(bufio.NewReaderSize(r, 64<<10), o.Encoding)
	if err != nil {
		return nil, err
	}
	if o.Skip < 0 || o.Skip > mostSkipped {
		return nil, fmt.Errorf("%w: %d lines before the head; 0 to %d are possible", ErrImport, o.Skip, mostSkipped)
	}
	limit := &lineLimit{r: br}
	for range o.Skip {
		if err := skipLine(br); err != nil {
			return nil, err
		}
	}
	delimiter := o.Delimiter
	if delimiter == 0 {
		delimiter = ','
		first, _ := br.Peek(4096)
		first, _, _ = bytes.Cut(first, []byte("\n"))
		for _, d := range []rune{';', '\t'} {
			if bytes.Count(first, []byte(string(d))) > bytes.Count(first, []byte(string(delimiter))) {
				delimiter = d
			}
		}
	}
	c := csv.NewReader(limit)
	c.Comma, c.FieldsPerRecord, c.ReuseRecord, c.LazyQuotes = delimiter, -1, true, true
	head, err := c.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: the file is empty", ErrImport)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: the first line: %w", ErrImport, err)
	}
	s := &csvSource{names: slices.Clone(head), skip: o.Skip, r: c}
	if o.Headless {
		s.first = slices.Clone(head)
		for i := range s.names {
			s.names[i] = strconv.Itoa(i + 1)
		}
	}
	s.names = distinct(s.names)
	return s, nil
}

// distinct gives columns without a name, or with that of another, one of their own.
func distinct(names []string) []string {
	seen := make(map[string]bool, len(names))
	for i, n := range names {
		if n = strings.TrimSpace(n); n == "" {
			n = fmt.Sprintf("column %d", i+1)
		}
		for k, base := 2, n; seen[n]; k++ {
			n = fmt.Sprintf("%s (%d)", base, k)
		}
		seen[n] = true
		names[i] = n
	}
	return names
}

// mostSkipped is how many lines may be before the head.
const mostSkipped = 1000

func skipLine(br *bufio.Reader) error {
	for n := 0; ; {
		part, err := br.ReadSlice('\n')
		n += len(part)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, io.EOF):
			return fmt.Errorf("%w: the file ends before the head", ErrImport)
		case !errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("%w: %w", ErrImport, err)
		case n > maxLine:
			return fmt.Errorf("%w: a line is longer than %d bytes", ErrImport, maxLine)
		}
	}
}

func (s *csvSource) header() []string { return s.names }

func (s *csvSource) next() ([]string, error) {
	if row := s.first; row != nil {
		s.first = nil
		return row, nil
	}
	row, err := s.r.Read()
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %w", ErrImport, err)
	}
	return row, err
}

func (s *csvSource) line() uint64 {
	line, _ := s.r.FieldPos(0)
	return uint64(s.skip + line)
}

func (s *csvSource) close() error { return nil }

// lineLimit fails on a line that is longer than any sensible one, because the
// CSV reader would hold all of it, and with an open quote the whole file.
type lineLimit struct {
	r io.Reader
	n int
}

func (l *lineLimit) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if i := bytes.LastIndexByte(p[:n], '\n'); i >= 0 {
		l.n = n - i - 1
	} else if l.n += n; l.n > maxLine {
		return 0, fmt.Errorf("%w: a line is longer than %d bytes", ErrImport, maxLine)
	}
	return n, err
}

type ndjsonSource struct {
	names []string
	row   []string
	first bool
	scan  *bufio.Scanner
	at    uint64
}

func openNDJSON(r io.Reader) (*ndjsonSource, error) {
	s := &ndjsonSource{scan: bufio.NewScanner(r), first: true}
	s.scan.Buffer(make([]byte, 64<<10), maxLine)
	object, err := s.object()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: the file is empty", ErrImport)
	}
	if err != nil {
		return nil, err
	}
	for name := range object {
		s.names = append(s.names, name)
	}
	slices.Sort(s.names)
	s.fill(object)
	return s, nil
}

func (s *ndjsonSource) object() (map[string]json.RawMessage, error) {
	for s.scan.Scan() {
		s.at++
		line := bytes.TrimSpace(s.scan.Bytes())
		if len(line) == 0 {
			continue
		}
		var object map[string]json.RawMessage
		if err := json.Unmarshal(line, &object); err != nil {
			return nil, fmt.Errorf("%w: a line is not a JSON object: %w", ErrImport, err)
		}
		return object, nil
	}
	if err := s.scan.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrImport, err)
	}
	return nil, io.EOF
}

// fill writes the fields the first object had; others are not known.
func (s *ndjsonSource) fill(object map[string]json.RawMessage) {
	s.row = s.row[:0]
	for _, name := range s.names {
		raw := object[name]
		text := string(raw)
		if len(raw) > 0 && raw[0] == '"' {
			if json.Unmarshal(raw, &text) != nil {
				text = string(raw)
			}
		}
		s.row = append(s.row, text)
	}
}

func (s *ndjsonSource) header() []string { return s.names }

func (s *ndjsonSource) line() uint64 { return s.at }

func (s *ndjsonSource) next() ([]string, error) {
	if s.first {
		s.first = false
		return s.row, nil
	}
	object, err := s.object()
	if err != nil {
		return nil, err
	}
	s.fill(object)
	return s.row, nil
}

func (s *ndjsonSource) close() error { return nil }

type parquetSource struct {
	names []string
	scale []int64 // per column, ticks of a timestamp in a millisecond; 0: it is none
	rows  parquet.Rows
	buf   []parquet.Row
	at, n int
	row   []string
	spool *os.File
}

// openParquet needs the end of the file first, so a stream is spooled.
func openParquet(r io.Reader, o *ImportOptions) (_ *parquetSource, err error) {
	s := &parquetSource{buf: make([]parquet.Row, 1024)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.spool, err = os.CreateTemp("", "wattwerk-import-*"); err != nil {
		return nil, err
	}
	size, err := io.Copy(s.spool, r)
	if err != nil {
		return nil, err
	}
	file, err := openParquetFile(s.spool, size)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrImport, err)
	}
	for i, f := range file.Schema().Fields() {
		if !f.Leaf() {
			return nil, fmt.Errorf("%w: column %.60q is not a plain one", ErrImport, f.Name())
		}
		s.names = append(s.names, f.Name())
		s.scale = append(s.scale, 0)
		if s.scale[i] = ticksPerMilli(f.Type().LogicalType()); s.scale[i] > 0 && o.Layout == "" {
			o.Layout = "unix_ms"
		}
	}
	s.rows = parquet.NewGenericReader[any](file)
	return s, nil
}

// ticksPerMilli is how many ticks of a timestamp are in a millisecond, 0 for
// other types.
func ticksPerMilli(t *format.LogicalType) int64 {
	if t == nil {
		return 0
	}
	stamp, ok := t.Value.(*format.TimestampType)
	if !ok {
		return 0
	}
	switch stamp.Unit.Value.(type) {
	case *format.MicroSeconds:
		return 1_000
	case *format.NanoSeconds:
		return 1_000_000
	}
	return 1
}

// openParquetFile turns a panic over a broken file into an error.
func openParquetFile(f *os.File, size int64) (file *parquet.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the file is broken: %v", p)
		}
	}()
	return parquet.OpenFile(f, size)
}

func (s *parquetSource) header() []string { return s.names }

func (s *parquetSource) line() uint64 { return 0 }

func (s *parquetSource) next() (_ []string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: the file is broken: %v", ErrImport, p)
		}
	}()
	if s.at == s.n {
		s.at = 0
		if s.n, err = s.rows.ReadRows(s.buf); s.n == 0 {
			if err == nil {
				err = io.ErrNoProgress
			}
			return nil, err
		}
	}
	row := s.buf[s.at]
	s.at++
	s.row = slices.Grow(s.row[:0], len(s.names))[:len(s.names)]
	clear(s.row)
	for _, v := range row {
		c := v.Column()
		switch {
		case v.IsNull():
		case s.scale[c] > 0:
			s.row[c] = strconv.FormatInt(v.Int64()/s.scale[c], 10)
		case v.Kind() == parquet.Double:
			s.row[c] = strconv.FormatFloat(v.Double(), 'g', -1, 64)
		case v.Kind() == parquet.Float:
			s.row[c] = strconv.FormatFloat(float64(v.Float()), 'g', -1, 32)
		default:
			s.row[c] = v.String()
		}
	}
	return s.row, nil
}

func (s *parquetSource) close() error {
	if s.spool == nil {
		return nil
	}
	return errors.Join(s.spool.Close(), os.Remove(s.spool.Name()))
}
