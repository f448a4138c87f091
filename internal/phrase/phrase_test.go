package phrase

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPageOfPhrases holds docs/phrases.md to the codes there are, each of which
// has a name of its own.
func TestPageOfPhrases(t *testing.T) {
	page, err := os.ReadFile("../../docs/phrases.md")
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		lit, ok := spec.Values[0].(*ast.BasicLit)
		if !ok || fmt.Sprint(spec.Type) != "Code" {
			t.Errorf("%s is no code", spec.Names[0])
			return true
		}
		code, err := strconv.Unquote(lit.Value)
		if err != nil || seen[code] {
			t.Errorf("%s is there twice, %v", code, err)
		}
		seen[code] = true
		if !strings.Contains(string(page), "| `"+code+"`") && !strings.Contains(string(page), ", `"+code+"` |") {
			t.Errorf("docs/phrases.md does not have %s", code)
		}
		return true
	})
	if len(seen) < 50 {
		t.Errorf("%d codes", len(seen))
	}
}

func TestErrorf(t *testing.T) {
	inner := errors.New("inner")
	err := Errorf(NotJSON, Params{"error": "x"}, "not JSON: %w", inner)
	outer := fmt.Errorf("row 3: %w", err)
	if outer.Error() != "row 3: not JSON: inner" || !errors.Is(outer, inner) {
		t.Error(outer)
	}
	if diff := cmp.Diff(Phrase{NotJSON, Params{"error": "x"}}, Of(outer)); diff != "" {
		t.Error(diff)
	}
	if got := Of(Errorf(LineUnreadable, nil, "line: %w", outer)); got.Code != LineUnreadable {
		t.Errorf("the outermost says %v", got)
	}
	if got := Of(inner); got.Code != "" || got.Params != nil {
		t.Error(got)
	}
}

func TestDigits(t *testing.T) {
	for text, want := range map[string][2]string{
		"0": {"0", "0"}, "-1234.5": {"−1,234.5", "−1.234,5"}, "999": {"999", "999"}, "1000000": {"1,000,000", "1.000.000"}, "-100": {"−100", "−100"}, "0.25": {"0.25", "0,25"},
	} {
		if got := [2]string{Digits(text, English), Digits(text, German)}; got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	p := Params{"long": strings.Repeat("ü", 20), "odd": "a\xff", "nan": math.NaN(), "inf": math.Inf(-1), "n": 7, "v": 1.5, "code": NotJSON}
	want := Params{"long": "üü…", "odd": "a\uFFFD", "nan": "NaN", "inf": "-Inf", "n": 7, "v": 1.5, "code": "not-json"}
	got := p.Cut(5)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := json.Marshal(got); err != nil {
		t.Error(err)
	}
	if Params(nil).Cut(5) != nil {
		t.Error("none became some")
	}
	if more := p.With("more", 2); more["more"] != 2 || p["more"] != nil || len(Params(nil).With("more", 2)) != 1 {
		t.Error(more)
	}
}
