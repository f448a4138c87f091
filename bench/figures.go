package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"runtime"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Figures are results in the order they are shown. The zero value is ready.
// Not safe for concurrent use.
type Figures struct {
	keys   []string
	values map[string]any
	labels map[string]string
}

// Add keeps a result: a JSON key that names quantity and unit, words for the
// table, and a number, text or list. A list of maps is left out of the table.
func (f *Figures) Add(key, label string, value any) {
	if f.values == nil {
		f.values, f.labels = make(map[string]any), make(map[string]string)
	}
	if _, ok := f.values[key]; !ok {
		f.keys = append(f.keys, key)
	}
	f.values[key], f.labels[key] = value, label
}

// Value gives what was added under a key, nil when nothing was.
func (f *Figures) Value(key string) any { return f.values[key] }

// Print writes the table or the object.
func (f *Figures) Print(w io.Writer, asJSON bool) error {
	if asJSON {
		var b strings.Builder
		b.WriteByte('{')
		for i, k := range f.keys {
			if i > 0 {
				b.WriteByte(',')
			}
			v, err := json.Marshal(f.values[k])
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, "%q:%s", k, v)
		}
		b.WriteString("}\n")
		_, err := io.WriteString(w, b.String())
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, k := range f.keys {
		if _, rows := f.values[k].([]map[string]any); rows {
			continue // shown as a table of its own
		}
		fmt.Fprintf(t, "%s\t%s\n", f.labels[k], Human(f.values[k])) //nolint:errcheck // Flush reports
	}
	return t.Flush()
}

// Human writes a value for people: three digits, thousands apart.
func Human(v any) string {
	switch x := v.(type) {
	case float64:
		switch {
		case math.Abs(x) >= 1000:
			return grouped(int64(math.Round(x)))
		case x == math.Trunc(x):
			return strconv.FormatFloat(x, 'f', -1, 64)
		}
		return strconv.FormatFloat(x, 'g', 3, 64)
	case int:
		return grouped(int64(x))
	case int64:
		return grouped(x)
	case uint64:
		return grouped(int64(x))
	}
	return fmt.Sprint(v)
}

func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Machine adds what the figures were measured on.
func (f *Figures) Machine() {
	f.Add("cores", "cores", runtime.GOMAXPROCS(0))
	f.Add("go_version", "Go", runtime.Version())
}
