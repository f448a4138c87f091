package processor

import (
	"slices"
	"strings"
	"sync"

	"github.com/wattwerk/wattwerk/manifest"
)

// all has every processor there is, in the order in which they are shown. A new
// one is a line here.
var all = sync.OnceValue(func() []Entry {
	e := []Entry{
		echoEntry,
		filterEntry,
		expressionEntry,
		convertEntry,
		deduplicateEntry,
		gapFillEntry,
		resampleEntry,
		rateEntry,
		deadbandEntry,
		swingingDoorEntry,
	}
	for _, a := range aggregates() {
		e = append(e, a.entry())
	}
	return append(e,
		energyEntry,
		counterEntry,
		thresholdEntry,
		zScoreEntry,
		weeklyProfileEntry,
		joinEntry,
		sumOfInputsEntry,
		storeEntry,
	)
})

// Entries are all processors: preprocessors, analytics, storage.
func Entries() []Entry { return slices.Clone(all()) }

// Find gives the processor of a type. Case does not matter, as that of the
// papers' types does not.
func Find(name string) (Entry, bool) {
	for _, e := range all() {
		if strings.EqualFold(e.Name, name) {
			return e, true
		}
	}
	return Entry{}, false
}

// Types are what all processors are, for those who check manifests.
func Types() []manifest.ProcessorType {
	var t []manifest.ProcessorType
	for _, e := range all() {
		t = append(t, e.ProcessorType)
	}
	return t
}
