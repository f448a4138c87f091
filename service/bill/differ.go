package bill

import (
	"slices"
	"strings"
)

// BillDifference is what a revision changed in one line.
type BillDifference struct {
	Who            string   `json:"who" doc:"Whose bill it is in"`
	Key            string   `json:"key" doc:"Which line"`
	Title          string   `json:"title"`
	Before         Money    `json:"before" doc:"Money of the revision before; 0 for a line that is new"`
	After          Money    `json:"after" doc:"Money now; 0 for a line that is gone"`
	Difference     Money    `json:"difference" doc:"After less before"`
	QuantityBefore Quantity `json:"quantityBefore"`
	QuantityAfter  Quantity `json:"quantityAfter"`
	Unit           string   `json:"unit,omitempty"`
	Reason         string   `json:"reason" doc:"Why, in a sentence"`
}

// Differ tells what changed from one revision of the lines of a bill to the next,
// in the order of the new one; lines that are gone come last. Why says why a line
// is another now: l is the new one, or the one that is gone.
func Differ(who string, before, after []ServiceBillLine, why func(old, now *ServiceBillLine) string) []BillDifference {
	var out []BillDifference
	note := func(old, now *ServiceBillLine) {
		d := BillDifference{Who: who}
		if old != nil {
			d.Key, d.Title, d.Unit, d.Before, d.QuantityBefore = old.Key, old.Title, old.Unit, old.Money, old.Quantity
		}
		if now != nil {
			d.Key, d.Title, d.Unit, d.After, d.QuantityAfter = now.Key, now.Title, now.Unit, now.Money, now.Quantity
		}
		d.Difference = d.After - d.Before
		d.Reason = why(old, now)
		out = append(out, d)
	}
	find := func(lines []ServiceBillLine, key string) *ServiceBillLine {
		if i := slices.IndexFunc(lines, func(l ServiceBillLine) bool { return l.Key == key }); i >= 0 {
			return &lines[i]
		}
		return nil
	}
	for i := range after {
		now := &after[i]
		old := find(before, now.Key)
		if old == nil {
			note(nil, now)
			continue
		}
		if old.Money != now.Money || old.Quantity != now.Quantity || old.Quality != now.Quality || old.Unpriced != now.Unpriced ||
			old.Estimated != now.Estimated || old.Substituted != now.Substituted || old.Corrected != now.Corrected || old.Price != now.Price {
			note(old, now)
		}
	}
	for i := range before {
		if find(after, before[i].Key) == nil {
			note(&before[i], nil)
		}
	}
	return out
}

// Why says in a sentence what became of a line, as far as the line itself shows
// it; rest is said when the line does not.
func Why(old, now *ServiceBillLine, rest string) string {
	switch {
	case old == nil:
		return "the line is new: " + rest
	case now == nil:
		return "the line is gone: " + rest
	case old.Unpriced != now.Unpriced:
		return "prices came in for " + (old.Unpriced - now.Unpriced).String() + " " + now.Unit
	case old.Percent != now.Percent:
		return "the tax is " + now.Percent + " % instead of " + old.Percent + " %"
	case old.Quantity == now.Quantity && old.Price != now.Price:
		return "the price is " + now.Price + " instead of " + old.Price
	case old.Quantity == now.Quantity && old.Money == now.Money && old.Quality == now.Quality:
		return "of its money " + marked(old, now) + ", and the money stays: " + rest
	case old.Quantity == now.Quantity && old.Money == now.Money:
		return "what it rests on is " + now.Quality.String() + " instead of " + old.Quality.String() + ", and the money stays: " + rest
	case now.Percent != "":
		return "the lines it is on changed"
	}
	return rest
}

// marked says which parts of the money of a line are marked otherwise than before.
func marked(old, now *ServiceBillLine) string {
	var parts []string
	for _, x := range []struct {
		now, old Money
		what     string
	}{{now.Estimated, old.Estimated, "estimated"}, {now.Substituted, old.Substituted, "substituted"}, {now.Corrected, old.Corrected, "corrected"}} {
		if x.now != x.old {
			parts = append(parts, x.now.String()+" is "+x.what+" instead of "+x.old.String())
		}
	}
	return strings.Join(parts, " and ")
}
