package tariff

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/wattwerk/wattwerk/window"
)

const page = "../docs/tariffs.md"

var example = regexp.MustCompile("<!-- ([a-z-]+) -->\n```yaml\n((?s:.*?))```")

// TestPage holds the page for users and the examples together: every example of
// the page is a file of testdata and is read, and the other way round. With
// -update the page gets what is in the files.
func TestPage(t *testing.T) {
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]string)
	for _, m := range example.FindAllStringSubmatch(string(data), -1) {
		found[m[1]] = m[2]
	}
	if n := strings.Count(string(data), "```yaml"); n != len(found) {
		t.Errorf("the page has %d examples, of which %d say by a comment which they are", n, len(found))
	}
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) != len(found) {
		t.Errorf("%d examples in testdata, %d on the page: %v", len(files), len(found), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if found[name] != string(text) && !*update {
			t.Errorf("%s is not on the page as it is in testdata", name)
		}
		if f, err := ReadYAML[Factors](text); err == nil {
			for _, b := range []Basis{Location, Market} {
				if p, err := NewFactors(f, b, window.Calendar{}); err != nil || p.ID() != ID(name) {
					t.Errorf("%s: %v", file, err)
				}
			}
			continue
		}
		if p := load(t, file); p.ID() != ID(name) {
			t.Errorf("%s has the id %s", file, p.ID())
		}
	}
	if *update {
		out := example.ReplaceAllStringFunc(string(data), func(s string) string {
			name := example.FindStringSubmatch(s)[1]
			text, err := os.ReadFile("testdata/" + name + ".yaml")
			if err != nil {
				t.Error(err)
			}
			return "<!-- " + name + " -->\n```yaml\n" + string(text) + "```"
		})
		if err := os.WriteFile(page, []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
