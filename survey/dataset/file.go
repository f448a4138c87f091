package dataset

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
)

// Format is how tables are written.
type Format string

// Formats.
const (
	CSV     Format = "csv"
	Parquet Format = "parquet" // with the types of the columns, and compressed
)

// file is a table under way.
type file[T any] struct {
	f       *os.File
	csv     *csv.Writer
	parquet *parquet.GenericWriter[T]
	row     []string
}

// rowsInGroup bounds what a Parquet writer holds in memory.
const rowsInGroup = 100_000

func create[T any](dir, name string, format Format) (*file[T], error) {
	f, err := os.OpenFile(filepath.Join(dir, name+"."+string(format)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	x := &file[T]{f: f}
	if format == Parquet {
		x.parquet = parquet.NewGenericWriter[T](f, parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(rowsInGroup))
		return x, nil
	}
	x.csv = csv.NewWriter(f)
	var head []string
	for _, c := range columns[T]() {
		head = append(head, c.name)
	}
	return x, x.csv.Write(head)
}

func (x *file[T]) write(line T) error {
	if x.parquet != nil {
		_, err := x.parquet.Write([]T{line})
		return err
	}
	x.row = x.row[:0]
	v := reflect.ValueOf(line)
	for i := range v.NumField() {
		x.row = append(x.row, text(v.Field(i).Interface()))
	}
	return x.csv.Write(x.row)
}

func (x *file[T]) close() error {
	var err error
	if x.parquet != nil {
		err = x.parquet.Close()
	} else {
		x.csv.Flush()
		err = x.csv.Error()
	}
	return errors.Join(err, x.f.Sync(), x.f.Close())
}

// text is a value in CSV; what is not known is empty.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case *string:
		return some(v, func(s string) string { return s })
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case *float64:
		return some(v, func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) })
	case int64:
		return strconv.FormatInt(v, 10)
	case *int64:
		return some(v, func(n int64) string { return strconv.FormatInt(n, 10) })
	case *bool:
		return some(v, strconv.FormatBool)
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	}
	panic(fmt.Sprintf("a column of type %T", v))
}

func some[T any](v *T, f func(T) string) string {
	if v == nil {
		return ""
	}
	return f(*v)
}

// column is one of a table.
type column struct{ name, meaning, unit string }

func columns[T any]() []column {
	var out []column
	for f := range reflect.TypeFor[T]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("parquet"), ",")
		out = append(out, column{name, f.Tag.Get("doc"), f.Tag.Get("unit")})
	}
	return out
}
