package archtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// arrows is what the page says: package to the patterns it may import.
type arrows struct {
	of    map[string][]string
	order []string
}

// parseMap reads the lines between ```imports and ```.
func parseMap(page string) (arrows, error) {
	_, rest, ok := strings.Cut(page, "```imports\n")
	if !ok {
		return arrows{}, fmt.Errorf("the page has no block that begins with ```imports")
	}
	block, _, ok := strings.Cut(rest, "```")
	if !ok {
		return arrows{}, fmt.Errorf("the imports block does not end")
	}
	a := arrows{of: make(map[string][]string)}
	for line := range strings.Lines(block) {
		line, _, _ = strings.Cut(line, "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		left, right, _ := strings.Cut(line, "<-")
		name := strings.TrimSpace(left)
		if _, twice := a.of[name]; twice {
			return a, fmt.Errorf("the map lists %s twice", name)
		}
		a.of[name] = strings.Fields(right)
		a.order = append(a.order, name)
	}
	return a, nil
}

// entry gives the line of the map that speaks of a package: its own, else the
// longest pattern that fits.
func (a arrows) entry(pkg string) (string, bool) {
	best, found := "", false
	for _, name := range a.order {
		if fits(name, pkg) && (!found || len(name) > len(best) || name == pkg) {
			best, found = name, true
			if name == pkg {
				return name, true
			}
		}
	}
	return best, found
}

// fits tells whether a pattern covers a package: itself, "x/*" for everything
// below x, "*" for everything.
func fits(pattern, pkg string) bool {
	if pattern == "*" || pattern == pkg {
		return true
	}
	prefix, star := strings.CutSuffix(pattern, "*")
	return star && strings.HasPrefix(pkg, prefix)
}

// check compares the map with the imports that there are (of our own
// packages, by short name) and gives sentences.
func (a arrows) check(imports map[string][]string) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	usedEntry := make(map[string]bool)
	usedArrow := make(map[string]bool)
	for _, pkg := range sortedKeys(imports) {
		name, ok := a.entry(pkg)
		if !ok {
			say("Package %s is not on the map; add it to the imports block of ARCHITECTURE.md, with what it may import.", pkg)
			continue
		}
		usedEntry[name] = true
		for _, to := range imports[pkg] {
			// internal is for what is not the subject; everybody may use it, but for tools.
			if strings.HasPrefix(to, "internal/") {
				continue
			}
			allowed := false
			for _, pattern := range a.of[name] {
				if fits(pattern, to) {
					allowed = true
					usedArrow[name+" <- "+pattern] = true
				}
			}
			if !allowed {
				say("Package %s imports %s, which the map does not allow: services meet on the bus, not in each other's code. If the arrow is right, add it to ARCHITECTURE.md in the same commit.", pkg, to)
			}
		}
	}
	for _, name := range a.order {
		if !usedEntry[name] {
			say("The map lists %s, and there is no such package.", name)
			continue
		}
		for _, pattern := range a.of[name] {
			if pattern != "*" && !usedArrow[name+" <- "+pattern] {
				say("The map allows %s to import %s, and it does not; take the arrow away.", name, pattern)
			}
		}
	}
	return out
}

func sortedKeys(m map[string][]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func TestTheCheckerSees(t *testing.T) {
	page := "text\n```imports\n# words\nrecord\nbus <- record\nbridge <- record bus\nbridge/* <- bridge\ngone <- record\napp <- *\n```\n"
	a, err := parseMap(page)
	if err != nil {
		t.Fatal(err)
	}
	fine := map[string][]string{
		"record": nil, "bus": {"record"}, "bridge": {"record", "bus", "internal/run"}, "bridge/mqtt": {"bridge"}, "app": {"bus", "bridge/mqtt"}, "gone": {"record"},
	}
	if got := a.check(fine); len(got) != 0 {
		t.Errorf("nothing is wrong, but: %q", got)
	}
	for _, c := range []struct {
		name   string
		change func(map[string][]string)
		want   string
	}{
		{"a new package", func(m map[string][]string) { m["odd"] = nil }, "Package odd is not on the map"},
		{"a new arrow", func(m map[string][]string) { m["record"] = []string{"bus"} }, "Package record imports bus, which the map does not allow"},
		{"an arrow gone", func(m map[string][]string) { m["bus"] = nil }, "The map allows bus to import record, and it does not"},
		{"a package gone", func(m map[string][]string) { delete(m, "gone") }, "The map lists gone, and there is no such package"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := make(map[string][]string)
			for k, v := range fine {
				m[k] = v
			}
			c.change(m)
			got := a.check(m)
			if len(got) != 1 || !strings.Contains(got[0], c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestTheParserSees(t *testing.T) {
	for page, want := range map[string]string{
		"no block":                    "no block",
		"```imports\nrecord\n":        "does not end",
		"```imports\nbus\nbus\n```\n": "twice",
	} {
		if _, err := parseMap(page); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", page, err, want)
		}
	}
}
