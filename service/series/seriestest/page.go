package seriestest

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// page is the page for users, from a package two levels below the root.
const page = "../../docs/energy-services.md"

// Page holds an example of the page for users to what comes out: the block behind
// the comment <!-- name --> says text. With -update it is put there.
func Page(t *testing.T, name, text string) {
	t.Helper()
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), "<!-- "+name+" -->\n```")
	if !ok {
		t.Fatalf("%s has no example <!-- %s -->", page, name)
	}
	language, rest, _ := strings.Cut(rest, "\n")
	said, after, ok := strings.Cut(rest, "\n```\n")
	if !ok {
		t.Fatalf("the example %s of %s does not end", name, page)
	}
	text = strings.TrimRight(text, "\n")
	if said == text {
		return
	}
	if !*Update {
		t.Errorf("the example %s of %s says\n%s\nand it is\n%s", name, page, said, text)
		return
	}
	out := before + "<!-- " + name + " -->\n```" + language + "\n" + text + "\n```\n" + after
	if err := os.WriteFile(page, []byte(out), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Example holds an example of the page to a script of testdata, which is run by
// [Run]: the page says all behind its first line.
func Example(t *testing.T, name string) {
	t.Helper()
	data, err := os.ReadFile("testdata/example.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), "\n\n")
	Page(t, name, rest)
}

// Given is what the first step of testdata/example.txt is given.
func Given(t testing.TB) *Body {
	t.Helper()
	data, err := os.ReadFile("testdata/example.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, step, _ := strings.Cut(string(data), "\n== ")
	_, body, _ := strings.Cut(step, "\n")
	body, _, _ = strings.Cut(body, "\n----\n")
	return Read(t, body)
}

// Stored holds what is stored of the example to testdata/stored.json, so that nobody
// changes unseen how bills are written down: those that are stored have to be read. With
// -update it is put there. It gives what is written there.
func Stored(t *testing.T, v any) []byte {
	t.Helper()
	const file = "testdata/stored.json"
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	if *Update {
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	was, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(was) != string(text) {
		t.Errorf("%s is written down otherwise:\n%s", file, text)
	}
	return was
}
