package item

import (
	"fmt"
	"iter"
	"slices"
)

// Where things of the installation register themselves.
const (
	OwnRegistry = "wattwerk" // the registry, and the source of its categories

	SensorCategory  = "sensor"
	SiteCategory    = "site"
	SourceCategory  = "source"
	GatewayCategory = "gateway"
)

// Thing is something of the installation as it registers itself.
type Thing struct {
	Category   string         // one of those the feed has
	ID         string         // what the installation calls it, for ever
	Name       string         // as people call it; may be empty
	Properties []PropertyItem // set each time; those of others stay
}

// Batch is news of a feed.
type Batch struct {
	All  bool                // Put has all there is: what is not in it is gone
	Put  iter.Seq[Thing]     // what is there, and may have another name; gone through once
	Gone map[string][]string // what is there no more, by category; nil with All
}

// Check tells what is wrong with a thing of a feed that has these categories.
func (t *Thing) Check(categories []string) error {
	if !slices.Contains(categories, t.Category) {
		return fmt.Errorf("the feed does not have the category %q", t.Category)
	}
	e := EntryItem{IDInSource: t.ID, SourceID: OwnRegistry, Name: Written(t.Name), Properties: t.Properties}
	return e.Check()
}
