package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
)

// Sources are where settings come from; a later one wins.
type Sources struct {
	File    string         // path of a YAML file; empty: none
	Environ []string       // as os.Environ gives it
	Prefix  string         // of environment variables, as WATTWERK_
	Flags   map[string]any // by dotted key
}

// Load fills the struct that into points to. Fields that no source names keep
// the value they have.
func Load(into any, src Sources) error {
	known := keys(into)
	k := koanf.New(".")
	if src.File != "" {
		m, err := readFile(src.File)
		if err != nil {
			return err
		}
		if err := merge(k, m); err != nil {
			return fmt.Errorf("read %s: %w", src.File, err)
		}
		if err := unknown(k.Keys(), known); err != nil {
			return fmt.Errorf("read %s: %w", src.File, err)
		}
	}
	env, err := fromEnviron(src, known)
	if err != nil {
		return err
	}
	for _, m := range []map[string]any{env, src.Flags} {
		if err := k.Load(confmap.Provider(m, "."), nil); err != nil {
			return fmt.Errorf("load settings: %w", err)
		}
	}
	if err := unknown(k.Keys(), known); err != nil {
		return fmt.Errorf("load settings: %w", err)
	}
	if err := decode(k, into); err != nil {
		return fmt.Errorf("load settings: %w", err)
	}
	return nil
}

func readFile(path string) (map[string]any, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	m := make(map[string]any)
	if len(bytes.TrimSpace(data)) == 0 {
		return m, nil
	}
	if err := yaml.UnmarshalWithOptions(data, &m, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("read %s: %s", path, yaml.FormatError(err, false, true))
	}
	return m, nil
}

func merge(k *koanf.Koanf, m map[string]any) error { return k.Load(confmap.Provider(m, ""), nil) }

// unknown complains about all keys that no field has, in one error.
func unknown(have []string, known map[string]bool) error {
	var errs []error
	for _, key := range have {
		if known[key] || underMap(key, known) {
			continue
		}
		hint := ""
		if near := Nearest(key, known); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		errs = append(errs, fmt.Errorf("there is no setting %q%s", key, hint))
	}
	return errors.Join(errs...)
}

// underMap tells whether the key lies below a field that is a map.
func underMap(key string, known map[string]bool) bool {
	for i, c := range key {
		if c == '.' && known[key[:i]+".*"] {
			return true
		}
	}
	return false
}

// Variable is the name of the environment variable for a key.
func Variable(prefix, key string) string {
	return prefix + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(key))
}

func fromEnviron(src Sources, known map[string]bool) (map[string]any, error) {
	byName := make(map[string]string)
	names := make(map[string]bool)
	for key := range known {
		name := Variable(src.Prefix, key)
		byName[name], names[name] = key, true
	}
	out := make(map[string]any)
	var errs []error
	for _, e := range src.Environ {
		name, value, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(name, src.Prefix) || src.Prefix == "" {
			continue
		}
		key, ok := byName[name]
		switch {
		case ok:
			out[key] = value
		case fromKubernetes(name):
		default:
			hint := ""
			if near := Nearest(name, names); near != "" {
				hint = "; did you mean " + near + "?"
			}
			errs = append(errs, fmt.Errorf("the environment variable %s names no setting%s", name, hint))
		}
	}
	return out, errors.Join(errs...)
}

// fromKubernetes recognises what Kubernetes sets in every container for a
// service that happens to be called like the prefix.
func fromKubernetes(name string) bool {
	for _, part := range []string{"_SERVICE_HOST", "_SERVICE_PORT", "_PORT_"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return strings.HasSuffix(name, "_PORT") && strings.Count(name, "_") == 1
}

// Nearest gives the known word that is most like s, or "" when none is near.
func Nearest(s string, known map[string]bool) string {
	best, at := "", 1+max(2, len(s)/3)
	words := make([]string, 0, len(known))
	for w := range known {
		words = append(words, w)
	}
	slices.Sort(words)
	for _, w := range words {
		if d := distance(s, w); d < at {
			best, at = w, d
		}
		// "retention" where "history.retention" is meant.
		if strings.HasSuffix(w, "."+s) {
			return w
		}
	}
	return best
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diag, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diag+cost)
		}
	}
	return row[len(b)]
}

// Bytes is an amount of storage; written as 256MiB, 2GB or a plain number.
type Bytes int64

var units = []struct {
	name string
	size int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// UnmarshalText reads what String writes, and plain numbers of bytes.
func (b *Bytes) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	factor := int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(s, u.name); ok {
			s, factor = strings.TrimSpace(rest), u.size
			break
		}
	}
	var n float64
	if _, err := fmt.Sscanf(s+"!", "%g!", &n); err != nil || n < 0 || n*float64(factor) > 1<<62 {
		return fmt.Errorf("%q is not an amount of bytes such as 256MiB or 2GB", text)
	}
	*b = Bytes(n * float64(factor))
	return nil
}

// MarshalText gives the largest binary unit that divides the amount.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

func (b Bytes) String() string {
	for _, u := range slices.Backward(units[:4]) {
		if b != 0 && int64(b)%u.size == 0 {
			return fmt.Sprintf("%d%s", int64(b)/u.size, u.name)
		}
	}
	return fmt.Sprintf("%dB", int64(b))
}

// Duration is a time.Duration that also knows days (d) and years (y, 365 days).
type Duration time.Duration

// Std is the duration as the standard library has it.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// UnmarshalText reads 90d, 1y, 15m, 1h30m; 0 without a unit is allowed.
func (d *Duration) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	for suffix, unit := range map[string]time.Duration{"d": 24 * time.Hour, "y": 365 * 24 * time.Hour} {
		var n float64
		if rest, ok := strings.CutSuffix(s, suffix); ok {
			if _, err := fmt.Sscanf(rest+"!", "%g!", &n); err == nil {
				*d = Duration(n * float64(unit))
				return nil
			}
		}
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("%q is not a length of time such as 90d, 1h30m or 500ms", text)
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes whole days as days.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func (d Duration) String() string {
	if day := Duration(24 * time.Hour); d != 0 && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
