// Package desk is where reports are asked for, made by schedule, kept and sent.
//
// Guarantees: to ask for a report changes nothing. A report of a definition and
// period is made once, when windows are settled to its end and a delay has
// passed, by one process at a time and whoever else tries; after a time in
// which nobody could, those of so many periods back. What was made is never
// changed or removed: when late readings, corrections or prices change what it
// says, a later version is made beside it, and the earlier one is marked as
// superseded. A report is kept as figures, and written down when it is asked
// for. Sending is tried for two days; each parcel arrives at least once, with
// an identifier by which a second one can be told.
//
// What is asked for is bounded: a year at most, two reports at a time, the
// others wait. Errors are sentences. Why the report of a definition could not
// be made is known to the process that tried.
//
// Everything is safe for concurrent use, but for [Service.Step]. It imports
// record, model, catalog, window, settlement/ledger, settlement/report and
// settlement/report/form.
package desk
