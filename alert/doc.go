// Package alert tells people when a measurement needs them: it keeps rules, has
// them followed on the bus by an engine of package alert/rule, keeps the history
// of what was raised and is over, and delivers messages to sinks.
//
// Guarantees: what became of alerts, the messages that are due for it, and how
// far the streams were read are stored in one transaction, so a crash neither
// forgets nor repeats. A message is delivered at least once, and carries an
// identifier by which a receiver can tell that it has it; it is tried again for
// two days, across restarts. Those about one rule and subject come to a sink in
// their order: one that was not taken is given up once a later one was. One process works at a time; the HTTP interface
// answers in all of them. While the bus or the database cannot be reached,
// nothing is judged and nothing is lost, but for records that the bus has
// removed before they were read: alerts hold nobody up.
//
// Everything exported is safe for concurrent use. Times are ms since 1970 UTC,
// values in the coherent unit of the quantity.
package alert
