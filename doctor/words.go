package doctor

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// some names the first ones, and how many more there are.
func some(all []string) string {
	if len(all) <= named {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:named], ", "), len(all)-named)
}

// few are the first ones by their name, how many more there are, and pairs of
// what else a sentence has.
func few(name string, all []string, pairs ...any) Params {
	p := Params{name: all[:min(named, len(all))], "more": max(0, len(all)-named)}
	for i := 0; i+1 < len(pairs); i += 2 {
		p[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return p
}

func plural(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

func count(n int, one, more string) string { return fmt.Sprintf("%d %s", n, plural(n, one, more)) }

// sentence begins with a capital letter and ends with a full stop.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s != "" && !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}

func upper(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

// span is a duration as people say it.
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.1f h", d.Hours())
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}

func bytes(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	v, u := float64(n), 0
	for v >= 1024 && u < len(units)-1 {
		v, u = v/1024, u+1
	}
	if u == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, units[u])
}

// Print writes findings for people.
func Print(w io.Writer, all []Finding) error {
	var b strings.Builder
	for i, f := range all {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s  %s\n", map[Severity]string{Trouble: "!!", Risk: " !"}[f.Severity], f.What)
		if f.Since != nil {
			fmt.Fprintf(&b, "    since   %s\n", f.Since.UTC().Format("2006-01-02 15:04:05 UTC"))
		}
		fmt.Fprintf(&b, "    why     %s\n    do      %s\n", f.Why, f.Do)
	}
	switch n := len(all); n {
	case 0:
		b.WriteString("Nothing is wrong.\n")
	default:
		fmt.Fprintf(&b, "\n%s.\n", count(n, "finding", "findings"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
