// Package desk is where reports are asked for: it answers by HTTP.
//
// Guarantees: to ask for a report changes nothing. What is asked for is
// bounded: a report of a year at most, at most two at a time, the others wait.
// Errors are sentences.
//
// Everything is safe for concurrent use. It imports record, model, catalog,
// settlement/ledger, settlement/report and settlement/report/form.
package desk
