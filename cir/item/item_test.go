package item

import (
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestPatterns(t *testing.T) {
	for _, x := range []struct{ pattern, yes, no string }{
		{"", "", "x"},
		{"P-101", "P-101", "P-1011 xP-101 p-101"},
		{"P-1.1", "P-101 P-1x1", "P-11 P-1xx1"},
		{".*", "x anything", ""},
		{".+", "x", ""},
		{"ab*c", "ac abc abbbc", "abab xac"},
		{"ab+c", "abc abbc", "ac"},
		{"ab?c", "ac abc", "abbc"},
		{`a\.b`, "a.b", "axb"},
		{`a\*`, "a*", "aa a"},
		{`\\+`, `\ \\`, "x"},
		{"[ab](c|d){2}^$", "[ab](c|d){2}^$", "ac bd acc"},
		{"pü*x", "px püüx", "pux"},
		{`\d`, "d", "1"},
		{`a\?b?`, "a? a?b", "a ab"},
	} {
		p, err := ParsePattern(x.pattern)
		if err != nil {
			t.Errorf("%q: %v", x.pattern, err)
			continue
		}
		for _, s := range strings.Fields(x.yes) {
			if !p.Matches(s) {
				t.Errorf("%q does not fit %q", s, x.pattern)
			}
		}
		for _, s := range strings.Fields(x.no) {
			if p.Matches(s) {
				t.Errorf("%q fits %q", s, x.pattern)
			}
		}
	}
	if p, err := ParsePattern("a.b"); err != nil || !p.Matches("a\nb") {
		t.Error(". does not stand for a line break", err)
	}
	for _, bad := range []string{"*", "+a", "?", "a**", "a*?", "a+?", "a?+", `a\`, "\xff", "a\x00", strings.Repeat("a", 501)} {
		if _, err := ParsePattern(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// TestHostilePatterns are those that take other engines for ever: here they are
// held against a long text, and the test ends.
func TestHostilePatterns(t *testing.T) {
	text := strings.Repeat("a", mostValue)
	for _, s := range []string{
		strings.Repeat("a?", 125) + strings.Repeat("a", 250), strings.Repeat("a*", 250), strings.Repeat(".*", 249) + "b", strings.Repeat("a*.*", 120) + "!",
		"(a+)+$", "(a|aa)*c", "a{1000}{1000}{1000}",
	} {
		p, err := ParsePattern(s)
		if err != nil {
			t.Errorf("%.40q: %v", s, err)
			continue
		}
		p.Matches(text)
	}
}

// slow tells whether a text fits, by trying everything.
func slow(pattern, text []rune) bool {
	if len(pattern) == 0 {
		return len(text) == 0
	}
	at, rest, any := pattern[0], pattern[1:], pattern[0] == '.'
	if at == '\\' {
		at, rest = rest[0], rest[1:]
	}
	one := len(text) > 0 && (any || text[0] == at)
	if len(rest) > 0 {
		switch rest[0] {
		case '*':
			return slow(rest[1:], text) || one && slow(pattern, text[1:])
		case '+':
			star := append(append([]rune{}, pattern[:len(pattern)-len(rest)]...), '*')
			return one && slow(append(star, rest[1:]...), text[1:])
		case '?':
			return slow(rest[1:], text) || one && slow(rest[1:], text[1:])
		}
	}
	return one && slow(rest, text[1:])
}

func FuzzPattern(f *testing.F) {
	for _, s := range [][2]string{{"P-1.*", "P-101"}, {`a\*b?`, "a*"}, {"ü+.", "üüx"}, {"(a+)+$", "aaaa"}, {`\`, ""}, {"[a]*", "[a]]]"}, {"a*b*c*", "abc"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		p, err := ParsePattern(pattern)
		if err != nil || !utf8.ValidString(text) || len(pattern) > 12 || len(text) > 12 {
			return // longer ones take the slow one too long
		}
		got := p.Matches(text)
		if want := slow([]rune(pattern), []rune(text)); got != want {
			t.Errorf("%q and %q: %v, not %v", pattern, text, got, want)
		}
		if got && !strings.HasPrefix(text, p.Prefix) {
			t.Errorf("%q fits %q, and does not begin with %q", text, pattern, p.Prefix)
		}
	})
}

func TestCIRIDs(t *testing.T) {
	at := time.UnixMilli(0x01936f4e8c00)
	id := NewCIRID(at)
	if !strings.HasPrefix(id, "01936f4e-8c00-7") || !strings.Contains("89ab", id[19:20]) {
		t.Errorf("%s is no UUID of version 7", id)
	}
	if NewCIRID(at) == id || NewCIRID(at.Add(time.Millisecond)) < id {
		t.Error("CIRIDs are not of their own, or not in the order of time")
	}
	if got, err := ParseCIRID(strings.ToUpper(id)); err != nil || got != id {
		t.Error(got, err)
	}
	for _, bad := range []string{"", "x", strings.ReplaceAll(id, "-", ""), id + "0", id[:35] + "g", "00000000-0000-0000-0000-000000000000", "{" + id[:34] + "}", id[:8] + "0" + id[9:]} {
		if _, err := ParseCIRID(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestPredefinedProperties(t *testing.T) {
	value := func(id, v string) error {
		e := EntryItem{IDInSource: "x", SourceID: "y", Properties: []PropertyItem{{ID: id, Values: []PropertyValue{{Value: v}}}}}
		return e.Check()
	}
	for _, good := range [][2]string{
		{ParentEntityID, "hall"}, {PossibleEquivalentEntryID, `[{"IDInSource":"a","SourceID":"b","PercentLikelihood":80.5},{"IDInSource":"a","SourceID":"c"}]`}, {PossibleEquivalentEntryID, "[]"}, {"Anything", ""},
	} {
		if err := value(good[0], good[1]); err != nil {
			t.Errorf("%v: %v", good, err)
		}
	}
	for _, bad := range [][2]string{
		{ParentEntityID, ""}, {ChildEntityID, "a\nb"}, {PossibleEquivalentEntryID, ""}, {PossibleEquivalentEntryID, "{}"}, {PossibleEquivalentEntryID, `[{"IDInSource":"a"}]`},
		{PossibleEquivalentEntryID, `[] []`}, {PossibleEquivalentEntryID, `[{"IDInSource":"a","SourceID":"b","PercentLikelihood":101}]`}, {PossibleEquivalentEntryID, `[{"idInSource":1}]`},
	} {
		if err := value(bad[0], bad[1]); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
}

// FuzzTable reads tables, and writes what it read and reads that.
func FuzzTable(f *testing.F) {
	head := "registry,category,category_source,id_in_source,source,cirid,name,inactive,description,property:Maker\n"
	for _, s := range []string{
		"", head, head + "r,c,s,i,x,01936f4e-8c00-7abc-8def-000000000001,N,true,Text,Quux\n", head + "r,c,s,'=1,x,,,,\"json:[{\"\"value\"\":\"\"a\"\"}]\",json:{}\n",
		head + "\"r\n", head + "r,c\n", "\xef\xbb\xbf" + head + "r,c,s,''=1,x,,,false,,'''@a\n", head + "r,c,s,i,x,,,,,\"json:{\"\"id\"\":\"\"Maker\"\",\"\"values\"\":[{\"\"value\"\":\"\"\"\"}]}\"\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		out := new(Imported)
		rows, err := ParseCSV(data, out)
		if err != nil || len(rows) == 0 {
			return
		}
		for _, r := range rows {
			var head []string
			head = append(head, FixedColumns...)
			var ids []string
			for _, p := range r.Item.Properties {
				ids = append(ids, p.ID)
				head = append(head, PropertyColumn+p.ID)
			}
			again, err := parseRow(head, Cells(r.Category, &r.Item, ids))
			if err != nil {
				t.Fatalf("%+v: %v", r, err)
			}
			again.Line = r.Line
			if len(r.Item.Description) == 0 {
				r.Item.Description, again.Item.Description = nil, nil
			}
			for i := range r.Item.Properties {
				p := &r.Item.Properties[i]
				p.DataType = Written(Text(p.DataType))
				if len(p.Values) == 0 {
					p.Values, again.Item.Properties[i].Values = nil, nil
				}
			}
			if !reflect.DeepEqual(r, again) {
				t.Errorf("%+v became %+v", r, again)
			}
		}
	})
}
