package check

import (
	"slices"
	"strings"
	"testing"
)

// rule is a promise about T, as a sentence, and how to see that it is broken:
// where, and what is wrong there.
type rule[T any] struct {
	says   string
	broken func(T) []string
}

// hold fails for every rule that is broken.
func hold[T any](t *testing.T, what T, rules []rule[T]) {
	t.Helper()
	for _, r := range rules {
		for _, where := range r.broken(what) {
			t.Errorf("%s\n\t%s", r.says, where)
		}
	}
}

// mutation is a change of a text that breaks the rule with that sentence, or
// which the parser refuses when the sentence is refused.
type mutation struct {
	breaks   string
	old, new string
}

// refused is what a mutation breaks that is not even read.
const refused = "It is not even read."

// caught applies every mutation alone and fails for each that nobody notices,
// and for every rule that no mutation breaks: it might be one that can never be.
func caught[T any](t *testing.T, text string, parse func(*testing.T, string) (T, error), rules []rule[T], mutations []mutation) {
	t.Helper()
	shown := make(map[string]bool)
	for _, m := range mutations {
		shown[m.breaks] = true
		changed := strings.Replace(text, m.old, m.new, 1)
		if changed == text {
			t.Errorf("the mutation against %q changes nothing: there is no %q", m.breaks, m.old)
			continue
		}
		what, err := parse(t, changed)
		if m.breaks == refused {
			if err == nil {
				t.Errorf("%q in place of %q is taken", m.new, m.old)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q in place of %q is not even read: %v", m.new, m.old, err)
			continue
		}
		i := slices.IndexFunc(rules, func(r rule[T]) bool { return r.says == m.breaks })
		if i < 0 {
			t.Errorf("there is no rule %q", m.breaks)
			continue
		}
		if len(rules[i].broken(what)) == 0 {
			t.Errorf("%q in place of %q is not noticed by %q", m.new, m.old, m.breaks)
		}
	}
	for _, r := range rules {
		if !shown[r.says] {
			t.Errorf("no mutation shows that this can be broken: %s", r.says)
		}
	}
}
