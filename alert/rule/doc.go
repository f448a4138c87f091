// Package rule decides when something about a measurement needs a person:
// rules with hold times, clear thresholds and quiet hours, and the engine that
// steps through what is measured and gives the transitions of their alerts.
//
// It has no I/O, no goroutines and no clock: time comes with the events.
//
// Guarantees: the same events give the same transitions, in the same order. An
// engine that is restored from a checkpoint goes on as the one that made it
// would have: nothing is forgotten and nothing is told twice. Null neither
// raises nor clears an alert. While the members of a group are silent together
// one alert says so, and theirs are hushed. Events may come late or twice; what
// is older than what is known changes nothing.
//
// Values are in the coherent unit of the quantity, times are ms since 1970 UTC.
// An [Engine] is for one goroutine at a time; everything else does not change.
package rule
