package doctor

import (
	"fmt"
	"slices"
	"strings"
)

// Share is work of a module that is done in numbered pieces, each by one
// process at a time.
type Share struct {
	Module string
	Noun   string           // what a piece is called: "partition"; empty: there is one, and it is all of the work
	Pieces int              // how many there are
	Owners map[string][]int // what each process works on, by its name
	Takers []string         // processes that take part
}

// Unowned are the pieces that nobody works on, in order.
func (s *Share) Unowned() (out []int) {
	owned := make(map[int]bool)
	for _, pieces := range s.Owners {
		for _, p := range pieces {
			owned[p] = true
		}
	}
	for p := range s.Pieces {
		if !owned[p] {
			out = append(out, p)
		}
	}
	return out
}

// Overloaded are the processes that work on twice their even part or more, by
// name.
func (s *Share) Overloaded() (out []string) {
	if len(s.Takers) == 0 {
		return nil
	}
	even := s.Even()
	for _, name := range sorted(s.Owners) {
		if n := len(s.Owners[name]); n >= 2*even && n > even+1 {
			out = append(out, name)
		}
	}
	return out
}

// Even is the largest part that a process has when all is even.
func (s *Share) Even() int {
	n := max(1, len(s.Takers))
	return (s.Pieces + n - 1) / n
}

// doing says that somebody does pieces: "works on partitions 0 to 3 and 7 of aggregate".
func (s *Share) doing(pieces []int) string {
	if s.Noun == "" {
		return "does the work of " + s.Module
	}
	return fmt.Sprintf("works on %s %s of %s", plural(len(pieces), s.Noun, s.Noun+"s"), ranges(pieces), s.Module)
}

// ranges are numbers as people say them.
func ranges(all []int) string {
	var parts []string
	all = slices.Sorted(slices.Values(all))
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n] == all[0]+n {
			n++
		}
		switch n {
		case 1:
			parts = append(parts, fmt.Sprint(all[0]))
		case 2:
			parts = append(parts, fmt.Sprint(all[0]), fmt.Sprint(all[1]))
		default:
			parts = append(parts, fmt.Sprintf("%d to %d", all[0], all[n-1]))
		}
		all = all[n:]
	}
	if n := len(parts); n > 1 {
		return strings.Join(parts[:n-1], ", ") + " and " + parts[n-1]
	}
	return strings.Join(parts, "")
}

// Owners says who works on what, a sentence for each process and kind of work,
// in order. With one process there is nothing to say.
func Owners(f Facts) (out []string) {
	if len(f.Members) < 2 {
		return nil
	}
	for i := range f.Shares {
		s := &f.Shares[i]
		for _, name := range sorted(s.Owners) {
			switch pieces := s.Owners[name]; {
			case len(pieces) == 0:
			case s.Noun == "":
				out = append(out, fmt.Sprintf("%s %s.", name, s.doing(pieces)))
			default:
				out = append(out, fmt.Sprintf("%s %s, %d of %d.", name, s.doing(pieces), len(pieces), s.Pieces))
			}
		}
		for _, name := range s.Takers {
			if len(s.Owners[name]) == 0 {
				out = append(out, fmt.Sprintf("%s has none of %s, and would take over.", name, s.all()))
			}
		}
	}
	return out
}

// all names the work as a whole.
func (s *Share) all() string {
	if s.Noun == "" {
		return "the work of " + s.Module
	}
	return fmt.Sprintf("the %d %ss of %s", s.Pieces, s.Noun, s.Module)
}

func unowned(f *Facts) (out []Finding) {
	for i := range f.Shares {
		s := &f.Shares[i]
		none := s.Unowned()
		if len(none) == 0 || len(s.Takers) == 0 { // without anybody another rule speaks
			continue
		}
		pieces := ""
		if s.Noun != "" {
			pieces = ranges(none)
		}
		out = append(out, Finding{
			Rule: "pieces-unowned", Severity: Trouble, What: fmt.Sprintf("Nobody %s, although %s could.", s.doing(none), some(s.Takers)),
			Why:    "What comes in for it waits on the bus, and the sums or answers that need it wait with it.",
			Do:     "Look at the logs of these processes for what they say of claims; restart one of them, or start another.",
			Params: few("takers", s.Takers, "module", s.Module, "noun", s.Noun, "pieces", pieces),
		})
	}
	return out
}

func uneven(f *Facts) (out []Finding) {
	for i := range f.Shares {
		s := &f.Shares[i]
		for _, name := range s.Overloaded() {
			out = append(out, Finding{
				Rule: "share-uneven", Severity: Risk,
				What:   fmt.Sprintf("%s works on %d of %s; among %d processes %d would be its part.", name, len(s.Owners[name]), s.all(), len(s.Takers), s.Even()),
				Why:    "It falls behind first, while the others have less to do than they could.",
				Do:     "Shares become even within seconds. If they stay like this, look at the logs of " + some(without(s.Takers, name)) + ", which should take their part, and restart them.",
				Params: few("others", without(s.Takers, name), "process", name, "has", len(s.Owners[name]), "of", s.Pieces, "module", s.Module, "noun", s.Noun, "processes", len(s.Takers), "even", s.Even()),
			})
		}
	}
	return out
}

func without(all []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == name })
}
