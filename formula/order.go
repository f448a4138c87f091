package formula

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Order gives the names so that each stands after all those it uses, and else
// sorted: the order in which formulas are evaluated. What is used and is no key
// itself is left out. The error is a sentence that names a circle.
func Order[N interface{ ~string }](uses map[N][]N) ([]N, error) {
	waits := make(map[N]int, len(uses))
	users := make(map[N][]N)
	var ready []N
	for n, us := range uses {
		seen := make(map[N]bool, len(us))
		for _, u := range us {
			if _, ours := uses[u]; ours && !seen[u] {
				seen[u] = true
				users[u] = append(users[u], n)
			}
		}
		if waits[n] = len(seen); len(seen) == 0 {
			ready = append(ready, n)
		}
	}
	out := make([]N, 0, len(uses))
	for len(ready) > 0 {
		slices.Sort(ready)
		out = append(out, ready...)
		var next []N
		for _, n := range ready {
			for _, u := range users[n] {
				if waits[u]--; waits[u] == 0 {
					next = append(next, u)
				}
			}
		}
		ready = next
	}
	if len(out) == len(uses) {
		return out, nil
	}
	// Each of those left uses another one that is left: walking on from any
	// ends in a circle.
	left := make([]N, 0, len(uses)-len(out))
	for n, w := range waits {
		if w > 0 {
			left = append(left, n)
		}
	}
	at := slices.Min(left)
	var path []N
	for !slices.Contains(path, at) {
		path = append(path, at)
		var next []N
		for _, u := range uses[at] {
			if waits[u] > 0 {
				next = append(next, u)
			}
		}
		at = slices.Min(next)
	}
	path = path[slices.Index(path, at):]
	quoted := make([]string, len(path))
	for i, n := range path {
		quoted[i] = fmt.Sprintf("%q", string(n))
	}
	return nil, fmt.Errorf("formulas use one another in a circle: %s", Circle(quoted, "uses"))
}

// Circle writes a circle of names down, each with the verb before the next. It
// begins with the least, so that the sentence does not depend on where the
// circle was entered, and leaves out what is beyond eight.
func Circle[N cmp.Ordered](path []N, verb string) string {
	least := slices.Index(path, slices.Min(path))
	var b strings.Builder
	for i := range path {
		if i == 8 {
			fmt.Fprintf(&b, "… (%d in all) %s ", len(path), verb)
			break
		}
		fmt.Fprintf(&b, "%v %s ", path[(least+i)%len(path)], verb)
	}
	fmt.Fprintf(&b, "%v", path[least])
	return b.String()
}
